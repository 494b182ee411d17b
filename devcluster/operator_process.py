"""`up`: the control plane with everything on it: CRDs and rights, demo workload with its past, Prometheus, operator.

The operator is a process here, not a pod (kwok's pods are played), but it runs with the token of the chart's
ServiceAccount: what the chart's RBAC allows is what it can do.
"""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import run

from devcluster.cluster import Cluster
from devcluster.errors import CommandError
from devcluster.kind import KindCluster
from devcluster.layout import SOURCE
from devcluster.prometheus import Prometheus

ROOT = SOURCE.parent
DEMO = ROOT / "examples" / "demo"
NAMESPACE = "vanguard-system"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:vanguard"
WORKLOAD, OPERATOR = "demo-workload", "operator"
DEPLOYMENTS = ("orders", "checkout", "catalog", "storefront")


@dataclass(frozen=True)
class Play:
    """What is put on the cluster: manifests, the namespaces whose services are played, and the chart's values."""

    workloads: tuple[Path, ...]
    namespaces: tuple[str, ...]
    values: Path


SHOP = Play((DEMO / "workload.yaml",), ("shop",), DEMO / "values.yaml")
# The demo's second act needs more services, which must have a past from the start.
GOVERNED = Play(
    (*SHOP.workloads, DEMO / "governed" / "workload.yaml"),
    (*SHOP.namespaces, "bank", "market"),
    DEMO / "governed" / "values.yaml",
)

# Short, so that people see something happen; the operator's own defaults are 15 minutes and 10 seconds.
FAST = {"VANGUARD_DETECTION_INTERVAL": "5s", "VANGUARD_RECONCILE_INTERVAL": "1s"}


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"==> {what} ...", end=" ", flush=True)
    begun = time.monotonic()
    yield
    print(f"{time.monotonic() - begun:.1f} s", flush=True)


@dataclass(frozen=True)
class Running:
    """What `up` started."""

    cluster: Cluster | KindCluster
    prometheus: Prometheus


def up(state: Path, *, kind: bool = False) -> int:
    """Start everything, twice is harmless, and say what to do next."""
    running = start(state, kind=kind)
    print(
        f"\nEverything runs: API server, Prometheus ({running.prometheus.url}), four demo services, the operator.\n\n"
        f"  source {running.cluster.state / 'env'}\n"
        "  kubectl apply -f examples/        # patterns and a policy, with the times of real life\n"
        "  kubectl get isp,ap,iv -A\n"
        "  make down\n"
    )
    return 0


def start(state: Path, *, kind: bool = False, play: Play = SHOP, **settings: str) -> Running:
    """Start everything that does not run yet.

    Args:
        state: the cluster's folder.
        kind: whether kind is used.
        play: what is put on it.
        settings: VANGUARD_* variables of the operator that differ.
    """
    cluster = KindCluster(state) if kind else Cluster(state)
    with told("control plane"):
        cluster.start()
    install(cluster, play)
    prometheus = start_workload(cluster, play)
    with told("operator"):
        start_operator(cluster, prometheus, **settings)
    return Running(cluster, prometheus)


def install(cluster: Cluster | KindCluster, play: Play = SHOP) -> None:
    """Demo namespaces and workloads, CRDs, and the chart with the rights of its ServiceAccount."""
    with told("demo workload"):
        for workload in play.workloads:
            cluster.apply(workload)
        for namespace in play.namespaces:
            names = cluster.kubectl("-n", namespace, "get", "deployments", "-o", "name").stdout.split()
            for name in names:
                cluster.kubectl("-n", namespace, "rollout", "status", name, "--timeout=60s")
    with told("CRDs and chart"):
        cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(ROOT / "crds"))
        cluster.helm(
            "upgrade",
            "--install",
            "vanguard",
            str(ROOT / "charts" / "vanguard"),
            "--namespace",
            NAMESPACE,
            "--create-namespace",
            "--skip-crds",
            "--values",
            str(play.values),
        )


def start_workload(cluster: Cluster | KindCluster, play: Play = SHOP) -> Prometheus:
    """Seven days of past into Prometheus, then the demo workload's present."""
    prometheus, parts = Prometheus(cluster.state), cluster.parts
    running = parts.get(WORKLOAD)
    if running is not None and running.alive and prometheus.is_running:
        return prometheus
    port = parts.choose_port(WORKLOAD)
    address, world = f"127.0.0.1:{port}", cluster.state / "world"
    common = ["--kubeconfig", str(cluster.state / "kubeconfig"), "--state", str(world)]
    common += [word for namespace in play.namespaces for word in ("--namespace", namespace)]
    tool = [sys.executable, "-m", "devcluster.demoload"]
    past = cluster.state / "past.om"
    if not past.exists():
        with told("seven days of past"):
            labels = ["--label", f"job={WORKLOAD}", "--label", f"instance={address}"]
            _run([*tool, "backfill", *common, "--out", str(past), *labels])
    parts.start(WORKLOAD, [*tool, "serve", *common, "--port", str(port)], port=port, env=_python_path())
    with told("Prometheus"):
        targets = [(WORKLOAD, address), ("vanguard", f"127.0.0.1:{parts.choose_port(OPERATOR)}")]
        prometheus.start(targets, scrape_interval="1s", backfill=past)
    return prometheus


def retell(cluster: Cluster, play: Play = SHOP) -> None:
    """Let the story of the demo workload begin now, as if nothing had been done to it; Prometheus keeps its address."""
    prometheus = Prometheus(cluster.state)
    prometheus.forget()
    cluster.parts.stop(WORKLOAD)
    shutil.rmtree(cluster.state / "world", ignore_errors=True)
    (cluster.state / "past.om").unlink(missing_ok=True)
    start_workload(cluster, play)


def start_operator(
    cluster: Cluster | KindCluster, prometheus: Prometheus, *, name: str = OPERATOR, **settings: str
) -> None:
    """Run the operator with the chart's ServiceAccount.

    Args:
        cluster: where.
        prometheus: what it asks.
        name: of the part, so that a second one may run beside the first.
        settings: VANGUARD_* variables that differ.
    """
    port = cluster.parts.port(name) or cluster.parts.choose_port(name)
    environment = {
        **_python_path(),
        **FAST,
        "KUBECONFIG": str(cluster.kubeconfig_for("vanguard", NAMESPACE)),
        "VANGUARD_PROMETHEUS_URL": prometheus.url,
        "VANGUARD_NAMESPACE": NAMESPACE,
        "VANGUARD_IDENTITY": name,
        "VANGUARD_HTTP_HOST": "127.0.0.1",
        "VANGUARD_HTTP_PORT": str(port),
        **settings,
    }
    command = [sys.executable, "-m", "kopf", "run", "-A", "-m", "vanguard.handlers"]
    cluster.parts.start(name, command, port=port, env=environment)


def _python_path() -> dict[str, str]:
    return {"PYTHONPATH": f"{ROOT}:{ROOT / 'operator'}", "PYTHONUNBUFFERED": "1"}


def _run(command: list[str]) -> None:
    done = run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"{' '.join(command[1:4])} failed: {done.stderr.strip()[-1000:]}")
