"""The shop's objects in raw JSON: one pattern, one policy, services with their ConfigMaps, pods and ReplicaSets."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vanguard.api.base import API_VERSION, format_time
from vanguard.ports import Raw

SHOP = "shop"
HOME = "vanguard-system"
PATTERN = "pool-exhaustion"
USE, ERRORS, LATENCY = "pool_use_percent", "error_rate", "latency_p99"


@dataclass(frozen=True)
class Remedy:
    """A path through the catalogue: what is done, and where the value lives."""

    name: str
    action: Raw
    kind: str = "Deployment"
    location: Raw | None = None
    reload: str = "Restart"

    def __str__(self) -> str:
        return self.name


_TUNE: Raw = {"type": "TunePool", "tunePool": {"tunable": "pool-size", "increasePercent": 20}}
CONFIG_MAP = Remedy("tune a ConfigMap and restart", _TUNE, location={"configMapKey": {"key": "POOL_SIZE"}})
LIVE = Remedy("tune a ConfigMap read live", _TUNE, location={"configMapKey": {"key": "POOL_SIZE"}}, reload="Live")
ENV = Remedy("tune a container's env", _TUNE, location={"env": {"container": "app", "name": "POOL_SIZE"}})
RESTART = Remedy("restart a Deployment", {"type": "RestartRollout"})
RESTART_SET = Remedy("restart a StatefulSet", {"type": "RestartRollout"}, kind="StatefulSet")
REMEDIES = (CONFIG_MAP, LIVE, ENV, RESTART, RESTART_SET)


def estate(remedy: Remedy, services: tuple[str, ...], consent: Raw, now: datetime) -> Iterator[tuple[str, str, Raw]]:
    """Everything but Interventions: kind, namespace, body."""
    for name in (SHOP, HOME):
        yield "Namespace", "", {"metadata": {"name": name}}
    yield "IssuePattern", "", pattern(remedy)
    yield "AutomationPolicy", SHOP, policy(remedy, services, consent)
    yield "Node", "", node()
    for service in services:
        yield "ConfigMap", SHOP, {"metadata": {"name": f"{service}-config"}, "data": {"POOL_SIZE": "50", "X": "1"}}
        yield remedy.kind, SHOP, workload(remedy.kind, service)
        yield from pods(service, now - timedelta(days=1))


def pattern(remedy: Remedy = CONFIG_MAP, name: str = PATTERN, **spec: Any) -> Raw:
    """An IssuePattern with short times and two guards."""
    return {
        "apiVersion": API_VERSION,
        "kind": "IssuePattern",
        "metadata": {"name": name},
        "spec": {
            "title": "Connection pool about to run out",
            "severity": "Critical",
            "serviceTypes": ["postgres"],
            "signals": [signal(remedy)],
            "trend": {"minSlopePerHour": "1", "sustainedFor": "30m", "horizon": "12h"},
            "action": {**remedy.action, "rolloutDeadline": "5m"},
            "verification": {
                "baseline": "1m",
                "watch": "1m",
                "interval": "30s",
                "guards": [{"name": "errors", "query": ERRORS}, {"name": "latency", "query": LATENCY}],
            },
            **spec,
        },
    }


def signal(remedy: Remedy = CONFIG_MAP, **changes: Any) -> Raw:
    """The pattern's signal."""
    return {
        "name": "use",
        "metricType": "connection_pool_usage",
        "query": USE,
        "limit": "95",
        "target": {"kind": remedy.kind, "nameLabel": "deployment"},
        **changes,
    }


def policy(remedy: Remedy, services: tuple[str, ...] = ("orders",), consent: Raw | None = None) -> Raw:
    """An AutomationPolicy that lets the remedy be done at any time; `consent` overrides parts of it.

    Its keys `action`, `limits` and `spec` are laid over the action's entry, the limits and the spec.
    """
    over = consent or {}
    action = {"type": remedy.action["type"], "mode": "Auto", "maxPerDay": 5, "maxPerWeek": 20, "window": "Ignored"}
    return {
        "apiVersion": API_VERSION,
        "kind": "AutomationPolicy",
        "metadata": {"name": "shop"},
        "spec": {
            "mode": "Auto",
            "workloads": [_consented(remedy, service) for service in services],
            "actions": [{**action, **over.get("action", {})}],
            "limits": {"cooldown": "1h", "maxConcurrent": 1, **over.get("limits", {})},
            **over.get("spec", {}),
        },
    }


def _consented(remedy: Remedy, service: str) -> Raw:
    entry: Raw = {"name": service, "selector": {"matchLabels": {"app": service}}, "serviceType": "postgres"}
    if remedy.location is not None:
        place = {key: dict(value) for key, value in remedy.location.items()}
        if "configMapKey" in place:
            place["configMapKey"]["name"] = f"{service}-config"
        tunable = {"name": "pool-size", "location": place, "min": 10, "max": 100, "reload": remedy.reload}
        entry["tunables"] = [tunable]
    return entry


def workload(kind: str, name: str, namespace: str = SHOP) -> Raw:
    """A healthy workload of three replicas, its newest rollout complete."""
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [
                        {"name": "app", "image": "app", "env": [{"name": "POOL_SIZE", "value": "50"}]},
                    ]
                },
            },
        },
        "status": _complete(1, 3),
    }


def _complete(generation: int, replicas: int) -> Raw:
    counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), replicas)
    return {"observedGeneration": generation, **counts}


def node(name: str = "one", cpu: str = "4", **spec: Any) -> Raw:
    """A ready node."""
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": spec,
        "status": {
            "allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def rolled_out(raw: Raw) -> None:
    """A controller is done with the newest spec."""
    raw["status"] = _complete(raw["metadata"]["generation"], raw["spec"]["replicas"])


def pods(service: str, born: datetime, namespace: str = SHOP) -> Iterator[tuple[str, str, Raw]]:
    """A ReplicaSet and two pods that have run since a time; `owned` ties them to their Deployment."""
    labels = {"app": service}
    yield "ReplicaSet", namespace, {"metadata": {"name": f"{service}-rs", "labels": labels}}
    for number in range(2):
        meta = {"name": f"{service}-{number}", "labels": labels, "creationTimestamp": format_time(born)}
        yield "Pod", namespace, {"metadata": meta}


def intervention(name: str, remedy: Remedy, service: str, uid: str, generation: int, at: datetime) -> Raw:
    """An Intervention for an alert that fires since a time."""
    tune = remedy.action.get("tunePool", {})
    return {
        "apiVersion": API_VERSION,
        "kind": "Intervention",
        "metadata": {"name": name, "namespace": SHOP},
        "spec": {
            "pattern": {"name": PATTERN, "generation": generation},
            "target": {"kind": remedy.kind, "name": service, "uid": uid},
            "action": {"type": remedy.action["type"], **tune},
            "cause": {
                "signal": "use",
                "metricType": "connection_pool_usage",
                "severity": "Critical",
                "activeAt": format_time(at),
                "value": "80",
                "limit": "95",
                "direction": "Rising",
                "slopePerHour": "4",
                "ema": "78",
                "zScore": "5",
                "breachPercent4h": 60,
                "breachPercent8h": 90,
                "breachPercent12h": 96,
                "model": "drift-profile/1",
            },
            "diagnosis": {"title": "Pool", "serviceType": "postgres", "confidencePercent": 96},
        },
    }


def pick(raw: Raw | None, pointer: str) -> Any:
    """The value at a JSON pointer, None where there is none."""
    found: Any = raw
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found[int(key)] if isinstance(found, list) else (found or {}).get(key)
    return found
