"""The other way to a cluster: kind, where a Docker engine and the `kind` tool are there.

Same contract as `Cluster` for kubeconfig, env file, kubectl and helm. Not the same: pods are real
(the annotations of stages.yaml mean nothing) and there is no audit log.
"""

import hashlib
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from devcluster import build, layout
from devcluster.client import Client
from devcluster.errors import CommandError, DevclusterError
from devcluster.prometheus import Prometheus

INSTEAD = "Leave --kind out to use the built-in control plane, which needs no Docker."
CREATE_SECONDS = 600


class KindCluster(Client):
    """The kind cluster that belongs to the folder `state`."""

    def __init__(self, state: Path | str) -> None:
        super().__init__(state)
        # Several state folders on one machine are several clusters.
        self.name = f"vanguard-{hashlib.sha256(str(self.state).encode()).hexdigest()[:8]}"

    def start(self) -> Self:
        """Create the cluster if it is not there, wait until its node is ready, write the kubeconfig."""
        require_kind()
        build.ensure_built()  # for kubectl, helm and Prometheus
        if not self.exists():
            config = str(layout.SOURCE / "kind.yaml")
            print(f"Creating the kind cluster {self.name}; its image is fetched the first time.", flush=True)
            self._kind("create", "cluster", "--name", self.name, "--config", config, "--wait", "180s")
        layout.write_secret(self.kubeconfig, self._kind("get", "kubeconfig", "--name", self.name))
        Prometheus(self.state).write_env()
        return self

    def stop(self, *, purge: bool = True) -> None:  # noqa: ARG002 - Cluster's signature; kind cannot keep data
        """Delete the cluster and its data."""
        require_kind()
        self._kind("delete", "cluster", "--name", self.name)
        self.kubeconfig.unlink(missing_ok=True)

    def exists(self) -> bool:
        """Whether kind knows this cluster."""
        return self.name in self._kind("get", "clusters").split()

    def audit(self, since_line: int = 0) -> NoReturn:  # noqa: ARG002 - Cluster's signature
        """Refuse: kind's API server keeps no audit log here."""
        raise DevclusterError(f"Who wrote what can only be counted on the built-in control plane. {INSTEAD}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _kind(self, *args: str) -> str:
        # KUBECONFIG: kind would else merge the new cluster into the user's own file.
        answer = subprocess.run(
            ["kind", *args, *(("--kubeconfig", str(self.kubeconfig)) if args[1] == "cluster" else ())],
            capture_output=True,
            text=True,
            check=False,
            timeout=CREATE_SECONDS,
        )
        if answer.returncode != 0:
            raise CommandError(f"kind {' '.join(args)} ended with {answer.returncode}: {answer.stderr.strip()}")
        return answer.stdout


def require_kind() -> None:
    """Raise DevclusterError, saying what is missing, unless kind can be used here."""
    for tool in ("docker", "kind"):
        if shutil.which(tool) is None:
            raise DevclusterError(f"--kind needs `{tool}`, which is not on PATH. Install it, or: {INSTEAD}")
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        said = answer.stderr.strip().splitlines()[-1:] or ["(nothing)"]
        raise DevclusterError(
            f"--kind needs a running Docker engine, but `docker info` said: {said[0]}\nStart Docker, or: {INSTEAD}"
        )
