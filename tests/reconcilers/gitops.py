"""A shop whose one workload Argo CD owns, with pods that come and go as a controller and a kubelet make them.

An evicted pod is on its way out until the others had their turn; its successor is ready one turn after that.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from tests.reconcilers import objects
from tests.reconcilers.fakes import Write
from tests.reconcilers.world import SHOP, TOUCHED, World
from vanguard.api.base import format_time
from vanguard.ports import Raw

BEST_EFFORT: Raw = {"action": {"rollback": "BestEffort"}}
ARGO = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/orders"}
REPLICAS = 3


def is_ready(pod: Raw) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return "deletionTimestamp" not in pod["metadata"] and any(one["status"] == "True" for one in conditions)


def make_ready(pod: Raw) -> None:
    pod["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


@dataclass
class OwnedWorld(World):
    """A world whose remedy is a restart.

    Attributes:
        pods_start: whether new pods become ready.
        budget: how many pods a PodDisruptionBudget wants ready; None where there is none.
        least: the fewest pods that were ready after any look.
        before: name by uid of the pods there were at the beginning.
    """

    remedy: objects.Remedy = objects.RESTART
    consent: Raw = field(default_factory=lambda: dict(BEST_EFFORT))
    pods_start: bool = True
    budget: int | None = None
    least: int = REPLICAS
    made: int = 0
    before: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for kind in ("Pod", "ReplicaSet"):
            for raw in self.cluster.all(kind):
                self.cluster.delete(kind, SHOP, raw["metadata"]["name"])
        self.cluster.edit(self.remedy.kind, SHOP, "orders", lambda raw: raw["metadata"].update(annotations=dict(ARGO)))
        self.target = self.cluster.edit(self.remedy.kind, SHOP, "orders", objects.rolled_out)
        self.owner = self._owner()
        day_ago = format_time(self.begun - timedelta(days=1))
        for _ in range(REPLICAS):
            self.add_pod(created=day_ago, ready=True)
        self.before = {pod["metadata"]["uid"]: pod["metadata"]["name"] for pod in self.pods()}
        self.origin = {key: self.touched_fields(*key) for key in self._touchable()}
        self.generation = self.target["metadata"]["generation"]
        self.control()

    def _owner(self) -> Raw:
        meta = self.target["metadata"]
        above = {"kind": self.remedy.kind, "name": "orders", "uid": meta["uid"], "controller": True}
        if self.remedy.kind != "Deployment":
            return above
        body = {"metadata": {"name": "orders-rs", "labels": {"app": "orders"}, "ownerReferences": [above]}}
        made = self.cluster.put("ReplicaSet", SHOP, body)["metadata"]
        return {"kind": "ReplicaSet", "name": "orders-rs", "uid": made["uid"], "controller": True}

    # What is so

    def pods(self) -> list[Raw]:
        """The workload's own pods, those on their way out too."""
        return [raw for raw in self.cluster.all("Pod") if raw["metadata"].get("ownerReferences")]

    def staying(self) -> set[str]:
        """Uids of the workload's own pods that are not on their way out."""
        return {pod["metadata"]["uid"] for pod in self.pods() if "deletionTimestamp" not in pod["metadata"]}

    @property
    def touches(self) -> list[Write]:
        """The operator's accepted evictions, and whatever it wrote to ConfigMaps and workloads."""
        return [write for write in self.cluster.writes if write.verb == "evict" or write.kind in TOUCHED]

    @property
    def evicted(self) -> list[str]:
        """Uids of the pods that the operator evicted, in order."""
        writes = [write for write in self.cluster.writes if write.verb == "evict"]
        return [write.before["metadata"]["uid"] for write in writes if write.before is not None]

    def landed_at(self, service: str) -> float | None:
        """When the last pod that was there at the beginning was evicted: from then on all is new."""
        del service
        last = [write for write in self.cluster.writes if write.verb == "evict"]
        return last[-1].at.timestamp() if len(last) >= REPLICAS else None

    # What happens

    def add_pod(self, *, created: str = "", ready: bool = False) -> None:
        """The controller makes a pod; a StatefulSet's bears the name of the one that went."""
        self.made += 1
        taken = {pod["metadata"]["name"] for pod in self.cluster.all("Pod")}
        free = next(f"orders-{number}" for number in range(REPLICAS + 1) if f"orders-{number}" not in taken)
        name = f"orders-{self.made:04}" if self.remedy.kind == "Deployment" else free
        meta = {"name": name, "labels": {"app": "orders"}, "ownerReferences": [self.owner]}
        body: Raw = {"metadata": meta, "spec": {"nodeName": "one", "containers": []}, "status": {"phase": "Pending"}}
        if created:
            meta["creationTimestamp"] = created
        if ready:
            make_ready(body)
        self.cluster.put("Pod", SHOP, body)

    def others(self) -> None:
        """Kopf, then kubelet and controllers."""
        self.least = min(self.least, sum(map(is_ready, self.pods())))
        super().others()
        self.control()

    def control(self) -> None:
        """Pods that were made become ready, those on their way out go, missing ones are made; then it is counted."""
        for pod in self.pods():
            name = pod["metadata"]["name"]
            if "deletionTimestamp" in pod["metadata"]:
                self.cluster.delete("Pod", SHOP, name)
            elif self.pods_start and not is_ready(pod):
                self.cluster.edit("Pod", SHOP, name, make_ready)
        for _ in range(REPLICAS - len(self.pods())):
            self.add_pod()
        ready = sum(map(is_ready, self.pods()))
        self.cluster.edit(self.remedy.kind, SHOP, "orders", lambda raw: self._counted(raw, ready))
        if self.budget is not None:
            self.keep_budget(ready - self.budget)

    def _counted(self, raw: Raw, ready: int) -> None:
        raw["status"].update(replicas=len(self.pods()), updatedReplicas=len(self.pods()))
        raw["status"].update(readyReplicas=ready, availableReplicas=ready)

    def keep_budget(self, allowed: int) -> None:
        """The budget's controller says how many may go now."""
        status = {"observedGeneration": 1, "disruptionsAllowed": max(allowed, 0)}
        if not self.cluster.all("PodDisruptionBudget"):
            body = {"metadata": {"name": "orders"}, "spec": {"selector": {"matchLabels": {"app": "orders"}}}}
            self.cluster.put("PodDisruptionBudget", SHOP, {**body, "status": status})
        self.cluster.edit("PodDisruptionBudget", SHOP, "orders", lambda raw: raw.update(status=status))
