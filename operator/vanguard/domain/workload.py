"""What a workload looks like to a decision: read once from the server's JSON, then only looked at."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from vanguard.api.base import WorkloadKind, parse_time

Raw = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class TargetKey:
    """A workload's identity. The uid tells a workload made anew under the old name from the old one."""

    namespace: str
    kind: WorkloadKind
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


@dataclass(frozen=True)
class Workload:
    """A Deployment or StatefulSet as read, with the figures decisions need."""

    key: TargetKey
    raw: Raw = field(repr=False)
    desired: int
    ready: int
    rollout_complete: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def healthy_percent(self) -> int:
        """Ready replicas as a percentage of those wanted; 0 when none is wanted."""
        return 100 * self.ready // self.desired if self.desired else 0


def read_workload(raw: Raw, kind: WorkloadKind) -> Workload:
    """A workload from the API server's JSON."""
    meta, status = raw["metadata"], raw.get("status", {})
    desired = raw["spec"].get("replicas", 1)
    return Workload(
        key=TargetKey(meta["namespace"], kind, meta["name"], meta["uid"]),
        raw=raw,
        desired=desired,
        ready=status.get("readyReplicas", 0),
        rollout_complete=_rollout_complete(raw, kind, desired),
        labels=meta.get("labels", {}),
        annotations=meta.get("annotations", {}),
    )


def _rollout_complete(raw: Raw, kind: WorkloadKind, desired: int) -> bool:
    """The controller has seen the newest spec, all replicas run it, none of the old are left, all are available."""
    status = raw.get("status", {})
    if raw["spec"].get("paused") or status.get("observedGeneration", 0) < raw["metadata"].get("generation", 0):
        return False
    updated = status.get("updatedReplicas", 0)
    if kind is WorkloadKind.STATEFUL_SET and status.get("updateRevision") == status.get("currentRevision"):
        updated = status.get("replicas", 0)
    counts = {updated, status.get("replicas", 0), status.get("availableReplicas", 0)}
    return counts == {desired}


def last_disturbed(pods: Iterable[Raw]) -> datetime | None:
    """When a pod of the workload was last created, or a container of it last ended; None without pods."""
    times = [time for pod in pods for time in _disturbances(pod)]
    return max(times, default=None)


def _disturbances(pod: Raw) -> Iterable[datetime]:
    yield parse_time(pod["metadata"]["creationTimestamp"])
    for container in pod.get("status", {}).get("containerStatuses", ()):
        for state in (container.get("state", {}), container.get("lastState", {})):
            finished = state.get("terminated", {}).get("finishedAt")
            if finished:
                yield parse_time(finished)


@dataclass(frozen=True)
class Crash:
    """A container that ended in failure: killed for its memory, or with an exit code that is not 0."""

    pod: str
    why: str
    at: datetime


def last_crash(pods: Iterable[Raw]) -> Crash | None:
    """The newest crash of any container of these pods that the kubelet still tells of; None without one.

    The kubelet keeps the last end of each container, so a restart count that grew shows here too.
    """
    return max((crash for pod in pods for crash in _crashes(pod)), key=lambda crash: crash.at, default=None)


def _crashes(pod: Raw) -> Iterable[Crash]:
    status = pod.get("status", {})
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        for state in (container.get("state", {}), container.get("lastState", {})):
            ended = state.get("terminated", {})
            code, reason, finished = ended.get("exitCode", 0), ended.get("reason", ""), ended.get("finishedAt")
            if finished and (code or reason == "OOMKilled"):
                why = f"container {container['name']} ended with exit code {code} ({reason or 'no reason given'})"
                yield Crash(pod["metadata"]["name"], why, parse_time(finished))


def crashing(pods: Iterable[Raw]) -> tuple[str, ...]:
    """Names of pods with a container that waits to be restarted after a crash."""
    return tuple(
        pod["metadata"]["name"]
        for pod in pods
        if any(
            container.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
            for container in pod.get("status", {}).get("containerStatuses", ())
        )
    )


class Owners:
    """Leads from a pod's name to its workload through ownerReferences; built once per cycle and namespace."""

    def __init__(self, pods: Iterable[Raw], replica_sets: Iterable[Raw]) -> None:
        self._pod_owner = {pod["metadata"]["name"]: _controller(pod) for pod in pods}
        self._set_owner = {rs["metadata"]["uid"]: _controller(rs) for rs in replica_sets}

    @property
    def signature(self) -> int:
        """The same while it leads from the same pods to the same workloads."""
        return hash(frozenset((pod, self.workload_uid(pod)) for pod in self._pod_owner))

    def workload_uid(self, pod: str) -> str | None:
        """The uid of the Deployment or StatefulSet a pod belongs to; None for a pod that is gone or unowned."""
        owner = self._pod_owner.get(pod)
        if owner is None:
            return None
        if owner["kind"] == "ReplicaSet":
            above = self._set_owner.get(owner["uid"])
            return above["uid"] if above else None
        return str(owner["uid"])

    def pods_of(self, uid: str) -> frozenset[str]:
        """The names of the pods of a workload."""
        return self._pods.get(uid, frozenset())

    @cached_property
    def _pods(self) -> Mapping[str, frozenset[str]]:
        out: defaultdict[str, set[str]] = defaultdict(set)
        for pod in self._pod_owner:
            if uid := self.workload_uid(pod):
                out[uid].add(pod)
        return {uid: frozenset(pods) for uid, pods in out.items()}


def _controller(raw: Raw) -> Raw | None:
    references = raw["metadata"].get("ownerReferences", ())
    return next((reference for reference in references if reference.get("controller")), None)
