"""The command lines of the control plane's parts: pure, nothing is started here.

Why the flags are as they are is said beside those that are not plain wiring.
"""

from dataclasses import dataclass
from pathlib import Path

from devcluster import credentials, layout
from devcluster.build import SERVER

LOOPBACK = "127.0.0.1"
SERVING = ("etcd", "etcd-peer", "kube-apiserver")
"""What needs a port. Controllers, scheduler and kwok serve nothing: they would take fixed ports."""


@dataclass(frozen=True)
class Plan:
    """Where one control plane lives: its state folder, its binaries, its ports by SERVING name."""

    state: Path
    binaries: Path
    ports: dict[str, int]

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://{LOOPBACK}:{self.ports['kube-apiserver']}"

    @property
    def certificate(self) -> Path:
        """Where the API server writes the certificate it makes for itself."""
        return self.state / "certs" / "apiserver.crt"

    def kubeconfig(self, user: str) -> Path:
        """The kubeconfig file of one of the users in `credentials`."""
        if user == credentials.ADMIN:
            return self.state / "kubeconfig"
        return self.state / f"{user.rpartition(':')[2]}.kubeconfig"


def etcd(plan: Plan) -> list[str]:
    """The store."""
    client = f"http://{LOOPBACK}:{plan.ports['etcd']}"
    peer = f"http://{LOOPBACK}:{plan.ports['etcd-peer']}"
    return [
        str(plan.binaries / SERVER),
        "etcd",
        f"--data-dir={plan.state / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # a power cut may cost the data, and slow disks cost nothing
        "--log-level=warn",
    ]


def apiserver(plan: Plan) -> list[str]:
    """The API server: RBAC, the usual admission, an audit log that is complete."""
    key = credentials.signing_key(plan.state)
    return [
        str(plan.binaries / SERVER),
        "kube-apiserver",
        f"--etcd-servers=http://{LOOPBACK}:{plan.ports['etcd']}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",  # else it looks for a network, which may not be there
        f"--secure-port={plan.ports['kube-apiserver']}",
        f"--cert-dir={plan.certificate.parent}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={credentials.token_file(plan.state)}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",  # there are no nodes that could reach a loopback endpoint
        f"--audit-policy-file={layout.SOURCE / 'audit-policy.yaml'}",
        f"--audit-log-path={plan.state / 'audit.log'}",
        "--audit-log-mode=blocking",  # batches would lose what is in memory, and tests count lines
        "--audit-log-maxsize=4096",  # megabytes; a rotated file would look like lost entries
    ]


def controller_manager(plan: Plan) -> list[str]:
    """All default controllers: without node-lifecycle the not-ready taint is never lifted."""
    return [
        str(plan.binaries / SERVER),
        "kube-controller-manager",
        f"--kubeconfig={plan.kubeconfig(credentials.CONTROLLERS)}",
        # Without own credentials for each controller they may not create ReplicaSets.
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={credentials.signing_key(plan.state)}",
        f"--root-ca-file={plan.certificate}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--node-monitor-grace-period=3m",  # a busy machine must not look like a dead node
    ]


def scheduler(plan: Plan) -> list[str]:
    """The scheduler."""
    return [
        str(plan.binaries / SERVER),
        "kube-scheduler",
        f"--kubeconfig={plan.kubeconfig(credentials.SCHEDULER)}",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def kwok(plan: Plan) -> list[str]:
    """The fake kubelet of every node; what nodes and pods do is in stages.yaml."""
    return [
        str(plan.binaries / "kwok"),
        f"--kubeconfig={plan.kubeconfig(credentials.NODES)}",
        "--manage-all-nodes=true",
        "--cidr=10.244.0.1/16",  # apart from the Services' addresses
        "--node-port=0",  # else it serves on all interfaces
        f"--config={layout.SOURCE / 'stages.yaml'}",
    ]


STORE = {"etcd": etcd, "kube-apiserver": apiserver}
CLIENTS = {
    "kube-controller-manager": controller_manager,
    "kube-scheduler": scheduler,
    "kwok": kwok,
}
NAMES = (*STORE, *CLIENTS)
