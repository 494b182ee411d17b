"""The control plane as one thing: start it, stop it, ask it, count who wrote what.

    with Cluster(tmp_path) as cluster:
        cluster.apply(Path("crds"))
        mark = cluster.audit_mark()
        ...
        assert cluster.writes(user="system:serviceaccount:vanguard-system:vanguard", since_line=mark) == []

Promises: `start` returns when pods can run and may be called again at any time (what runs is left
alone, what crashed is started again); `stop` leaves no process; the data outlives a stop, so an
outage of the API server can be played. No process is signalled that this state folder did not start.
"""

import shutil
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from devcluster import audit, build, controlplane, credentials, layout
from devcluster.api import Api
from devcluster.audit import Entry
from devcluster.client import Client
from devcluster.errors import DevclusterError, NotReadyError
from devcluster.locks import exclusive
from devcluster.prometheus import Prometheus

READY_SECONDS = 90.0
AUDIT_SECONDS = 10.0
POLL_SECONDS = 0.05
KEPT = frozenset({"logs", "state.json", "state.lock", "start.lock"})
"""What `purge` leaves: logs to look at, locks others may hold, ports so that addresses stay."""


class Cluster(Client):
    """The control plane whose data, logs and kubeconfigs are in the folder `state`."""

    @property
    def url(self) -> str:
        """The address of the API server."""
        return self._plan().url

    @property
    def is_running(self) -> bool:
        """Whether every part of the control plane runs."""
        found = self.parts.all()
        return all(name in found and found[name].alive for name in controlplane.NAMES)

    def start(self) -> Self:
        """Start what does not run yet and wait until pods can run.

        Raises:
            BuildError: the binaries are missing and could not be built.
            PartCrashedError: a part ended while starting; holds the last lines of its log.
            NotReadyError: a part did not get ready in time.
        """
        build.ensure_built()
        with exclusive(self.state / "start.lock", on_wait=self._tell_waiting):
            before = {name for name, part in self.parts.all().items() if part.alive}
            self._tell_crashed(before)
            try:
                self._start()
            except BaseException:
                begun = [name for name in controlplane.NAMES if name not in before]
                self.parts.stop(*begun)
                raise
        return self

    def stop(self, *, purge: bool = False) -> None:
        """End all parts of the control plane; with `purge` forget the cluster's data too."""
        self.parts.stop(*controlplane.NAMES)
        if purge:
            self._purge()

    def stop_part(self, name: str) -> None:
        """End one part, for an outage; `start` brings it back on the same port."""
        self.parts.stop(name)

    def check(self) -> None:
        """Raise PartCrashedError if a part that was started runs no more."""
        self.parts.check(*controlplane.NAMES)

    def audit(self, since_line: int = 0) -> list[Entry]:
        """The audit log after its first `since_line` lines, complete up to this call."""
        self._flush_audit()
        entries = audit.read(self._audit_log, since_line=since_line)
        return [entry for entry in entries if not entry["requestURI"].startswith("/version?mark=")]

    def audit_mark(self) -> int:
        """The `since_line` that leaves out all that has happened so far."""
        self._flush_audit()
        return audit.count_lines(self._audit_log)

    def writes(
        self,
        user: str | None = None,
        *,
        since_line: int = 0,
        verb: str | None = None,
        resource: str | None = None,
        subresource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        accepted: bool | None = None,
    ) -> list[Entry]:
        """The finished writes that match all that is given, dry runs left out (see audit.select)."""
        return audit.select(
            self.audit(since_line),
            user=user,
            verb=verb,
            resource=resource,
            subresource=subresource,
            namespace=namespace,
            name=name,
            accepted=accepted,
        )

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def _audit_log(self) -> Path:
        return self.state / "audit.log"

    def _plan(self) -> controlplane.Plan:
        ports = {name: self.parts.port(name) or 0 for name in controlplane.SERVING}
        return controlplane.Plan(self.state, layout.bin_dir(), ports)

    def _start(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        running = {name for name, part in self.parts.all().items() if part.alive}
        for name, server in (("etcd", "etcd"), ("etcd-peer", "etcd"), ("kube-apiserver", "kube-apiserver")):
            if server not in running:
                self.parts.choose_port(name)
        plan = self._plan()
        for name, command in controlplane.STORE.items():
            self.parts.start(name, command(plan), port=plan.ports[name])
        api = self._connect(plan, deadline)
        self._await("the API server", lambda: api.request("GET", "/readyz")[0] == 200, deadline)  # noqa: PLR2004 - HTTP
        for name, command in controlplane.CLIENTS.items():
            self.parts.start(name, command(plan))
        self._await("the fake node", lambda: _node_is_ready(api), deadline)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        self._await("the default ServiceAccount", lambda: api.get_object(account) is not None, deadline)
        Prometheus(self.state).write_env()

    def _connect(self, plan: controlplane.Plan, deadline: float) -> Api:
        """Write the kubeconfigs, once the server has its certificate, and talk to it as admin."""
        self._await("the API server's certificate", plan.certificate.exists, deadline)
        authority = credentials.wait_for_certificate(plan.certificate, deadline=deadline)
        for user in credentials.GROUPS:
            content = credentials.kubeconfig_content(
                server=plan.url,
                authority=authority,
                token=credentials.token_of(self.state, user),
                user=user,
                namespace="default",
            )
            layout.write_secret(plan.kubeconfig(user), content)
        return self._api(plan)

    def _api(self, plan: controlplane.Plan) -> Api:
        token = credentials.token_of(self.state, credentials.ADMIN)
        return Api(url=plan.url, authority=plan.certificate.read_text(), token=token)

    def _await(self, what: str, condition: Callable[[], bool], deadline: float) -> None:
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"{what} was not ready within {READY_SECONDS:.0f} s. If the machine is only slow, "
                    f"run it again; if not, the logs in {self.state / 'logs'} say why."
                )
            time.sleep(POLL_SECONDS)

    def _flush_audit(self) -> None:
        """Wait until a request made now is in the log: all before it is then, too."""
        server = self.parts.get("kube-apiserver")
        if server is None or not server.alive:
            return
        mark = uuid.uuid4().hex
        start = self._audit_log.stat().st_size if self._audit_log.exists() else 0
        code, said = self._api(self._plan()).request("GET", f"/version?mark={mark}")
        if code != 200:  # noqa: PLR2004 - HTTP's own word for success
            raise NotReadyError(f"The audit log cannot be read up to now: kube-apiserver answered {code} {said}")
        deadline = time.monotonic() + AUDIT_SECONDS
        while not _tail_holds(self._audit_log, start, mark.encode()):
            if time.monotonic() > deadline:
                raise NotReadyError(f"kube-apiserver does not write its audit log {self._audit_log}.")
            time.sleep(POLL_SECONDS)

    def _tell_waiting(self) -> None:
        print(f"Another process is starting the cluster in {self.state}; waiting for it.", flush=True)

    def _tell_crashed(self, running: set[str]) -> None:
        for name in self.parts.all():
            if name in controlplane.NAMES and name not in running:
                print(f"{self.parts.obituary(name)}\nStarting it again.", file=sys.stderr)

    def _purge(self) -> None:
        for path in self.state.iterdir():
            if path.name in KEPT:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def _node_is_ready(api: Api) -> bool:
    """Whether a pod could be scheduled on the fake node; it is made if it is not there."""
    wanted = yaml.safe_load((layout.SOURCE / "node.yaml").read_text())
    node: dict[str, Any] | None = api.get_object(f"/api/v1/nodes/{wanted['metadata']['name']}")
    if node is None:
        code, said = api.request("POST", "/api/v1/nodes", wanted)
        if 400 <= code < 500 and code != 409:  # noqa: PLR2004 - HTTP's refusals; 409 is "there already"
            raise DevclusterError(f"The API server refuses devcluster/node.yaml ({code}): {said}")
        return False
    conditions = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions", [])}
    return conditions.get("Ready") == "True" and not node["spec"].get("taints")


def _tail_holds(path: Path, start: int, mark: bytes) -> bool:
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(start)
        return any(mark in line and line.endswith(b"\n") for line in file)
