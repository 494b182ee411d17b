"""Pods as the world needs them, read from raw Kubernetes JSON. No I/O here.

The facts are taken from where the kubelet would take them: a variable is a literal of the pod's own
spec, a key of a ConfigMap, or comes with `envFrom`; a limit is the container's. What cannot be resolved
is absent, never guessed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubernetes.utils.quantity import parse_quantity

CONTAINER = "app"

Json = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod and what its spec and its ConfigMaps say at this moment; `created` in unix seconds."""

    namespace: str
    deployment: str
    name: str
    uid: str
    created: float
    ready: bool
    env: Mapping[str, str]
    memory_limit: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """One look at the cluster: all pods of all Deployments, and how many each Deployment asks for."""

    at: float
    pods: tuple[Pod, ...]
    desired: Mapping[str, int]

    def unfinished(self, deployments: Iterable[str]) -> list[str]:
        """Those of the Deployments that are missing or not exactly at their wanted ready pods."""
        return [name for name in deployments if not self._settled(name)]

    def _settled(self, deployment: str) -> bool:
        ready = [pod.ready for pod in self.pods if pod.deployment == deployment]
        return all(ready) and len(ready) == self.desired.get(deployment, -1)


def read_snapshot(at: float, *, deployments: list[Json], pods: list[Json], configmaps: list[Json]) -> Snapshot:
    """Reduce three raw lists of one namespace to a snapshot."""
    configs = {item["metadata"]["name"]: item.get("data") or {} for item in configmaps}
    seen = (_read_pod(raw, owner, configs) for owner, raw in _owned(deployments, pods))
    desired = {item["metadata"]["name"]: item["spec"].get("replicas", 1) for item in deployments}
    return Snapshot(at=at, pods=tuple(sorted(seen, key=lambda pod: pod.name)), desired=desired)


def joined(snapshots: Sequence[Snapshot]) -> Snapshot:
    """Several namespaces' as one, as old as the oldest of them."""
    return Snapshot(
        at=min(snapshot.at for snapshot in snapshots),
        pods=tuple(sorted((pod for snapshot in snapshots for pod in snapshot.pods), key=lambda pod: pod.name)),
        desired={name: count for snapshot in snapshots for name, count in snapshot.desired.items()},
    )


def _owned(deployments: list[Json], pods: list[Json]) -> Iterator[tuple[str, Json]]:
    """Each pod beside the name of the Deployment whose selector it matches."""
    for deployment in deployments:
        wanted = deployment["spec"]["selector"].get("matchLabels") or {}
        for pod in pods:
            if wanted and wanted.items() <= (pod["metadata"].get("labels") or {}).items():
                yield deployment["metadata"]["name"], pod


def _read_pod(raw: Json, deployment: str, configs: Mapping[str, Mapping[str, str]]) -> Pod:
    meta, container = raw["metadata"], _container(raw)
    limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
    return Pod(
        namespace=meta["namespace"],
        deployment=deployment,
        name=meta["name"],
        uid=meta["uid"],
        created=datetime.fromisoformat(meta["creationTimestamp"]).timestamp(),
        ready=_is_ready(raw),
        env=_environment(container, configs),
        memory_limit=float(parse_quantity(limit)) if limit else None,
    )


def _container(raw: Json) -> Json:
    """The container named `app`; a pod without one has nothing that we could play."""
    containers: list[Json] = raw["spec"].get("containers") or []
    return next((one for one in containers if one["name"] == CONTAINER), {})


def _is_ready(raw: Json) -> bool:
    """Ready and not on its way out: a terminating pod gets no more traffic."""
    if raw["metadata"].get("deletionTimestamp"):
        return False
    conditions = (raw.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _environment(container: Json, configs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The variables of a container as the kubelet would resolve them now; `env` wins over `envFrom`."""
    resolved: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        reference = source.get("configMapRef") or {}
        prefix = source.get("prefix") or ""
        values = configs.get(reference.get("name", ""), {})
        resolved |= {prefix + key: value for key, value in values.items()}
    for variable in container.get("env") or []:
        resolved.pop(variable["name"], None)
        value = _value(variable, configs)
        if value is not None:
            resolved[variable["name"]] = value
    return resolved


def _value(variable: Json, configs: Mapping[str, Mapping[str, str]]) -> str | None:
    """A literal, or the key of a ConfigMap; None when it is neither or the ConfigMap has no such key."""
    reference = (variable.get("valueFrom") or {}).get("configMapKeyRef")
    if reference:
        return configs.get(reference["name"], {}).get(reference["key"])
    return None if variable.get("valueFrom") else str(variable.get("value", ""))
