"""The tools, pointed at one cluster: kubectl, helm, and kubeconfigs for ServiceAccounts.

Promises: a tool never touches the user's own kubeconfig or caches, and a refusal is raised with
what the tool said.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from devcluster import layout
from devcluster.errors import CommandError, DevclusterError
from devcluster.parts import Parts

Answer = subprocess.CompletedProcess[str]
TOOL_SECONDS = 300


class Client:
    """The tools for the cluster whose admin kubeconfig is `<state>/kubeconfig`."""

    def __init__(self, state: Path | str) -> None:
        self.state = layout.prepare_state(Path(state))
        self.kubeconfig = self.state / "kubeconfig"
        self.parts = Parts(self.state)

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> Answer:
        """Run kubectl as admin; with `check` a refusal raises CommandError."""
        cache = self.state / "kubectl-cache"
        return self._run("kubectl", f"--cache-dir={cache}", *args, stdin=stdin, check=check)

    def get(self, *args: str) -> Any:
        """`kubectl get ARGS -o json`, read."""
        return json.loads(self.kubectl("get", *args, "-o", "json").stdout)

    def helm(self, *args: str, check: bool = True) -> Answer:
        """Run helm as admin, with its caches in the state folder."""
        return self._run("helm", *args, check=check)

    def apply(self, what: Path | str) -> Answer:
        """`kubectl apply` a file or folder (Path), or YAML text (str)."""
        if isinstance(what, Path):
            return self.kubectl("apply", "-f", str(what))
        return self.kubectl("apply", "-f", "-", stdin=what)

    def kubeconfig_for(self, service_account: str, namespace: str) -> Path:
        """A kubeconfig with a ServiceAccount's rights, valid for 24 hours: `<state>/<ns>-<sa>.kubeconfig`."""
        ask = ("create", "token", service_account, "-n", namespace, "--duration=24h")
        token = self.kubectl(*ask).stdout.strip()
        admin = json.loads(self.kubectl("config", "view", "--raw", "-o", "json").stdout)
        user = {"name": service_account, "user": {"token": token}}
        context = {"cluster": admin["clusters"][0]["name"], "user": service_account, "namespace": namespace}
        admin["contexts"] = [{"name": service_account, "context": context}]
        admin["users"] = [user]
        admin["current-context"] = service_account
        path = self.state / f"{namespace}-{service_account}.kubeconfig"
        return layout.write_secret(path, json.dumps(admin, indent=2))

    def _run(self, tool: str, *args: str, stdin: str | None = None, check: bool = True) -> Answer:
        if not self.kubeconfig.exists():
            raise DevclusterError(
                f"There is no cluster in {self.state}: it has no {self.kubeconfig.name}. Start one: make cluster"
            )
        helm = self.state / "helm"
        env = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "HELM_CACHE_HOME": str(helm / "cache"),
            "HELM_CONFIG_HOME": str(helm / "config"),
            "HELM_DATA_HOME": str(helm / "data"),
        }
        command = [str(layout.bin_dir() / tool), *args]
        answer = subprocess.run(
            command, input=stdin, env=env, capture_output=True, text=True, check=False, timeout=TOOL_SECONDS
        )
        if check and answer.returncode != 0:
            said = answer.stderr.strip() or answer.stdout.strip()
            raise CommandError(f"{tool} {' '.join(args)} ended with {answer.returncode}: {said}")
        return answer
