"""Objects as the API server would hand them out, each ready to be admitted; a test changes what it is about."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vanguard.api.base import ActionType, WorkloadKind, format_time
from vanguard.api.intervention import Change, GateResult, InterventionStatus, Phase, RequestedAction
from vanguard.api.kinds import AutomationPolicy, Intervention, IssuePattern
from vanguard.api.measurement import Period, Sampling
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain import eviction
from vanguard.domain.alert import firing_since
from vanguard.domain.change import Impossible, plan
from vanguard.domain.consent import Consent, consent_for
from vanguard.domain.decision.chain import Decision, Outcome
from vanguard.domain.decision.facts import Facts, Near
from vanguard.domain.diagnosis import Assessment
from vanguard.domain.history import History, Started
from vanguard.domain.overrides import Overrides
from vanguard.domain.storm import Storm
from vanguard.domain.vitals import Vitals
from vanguard.domain.workload import Raw, TargetKey, Workload, read_workload

NOW = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
ACTIVE_AT = NOW - timedelta(hours=1)
LABELS = {"app": "orders"}
UID = "uid-orders"
MARKER = "uid-intervention"


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A deep merge of wire forms; None takes a field away."""
    out = deepcopy(base)
    for key, value in changes.items():
        if value is None:
            out.pop(key, None)
        elif isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merged(out[key], value)
        else:
            out[key] = deepcopy(value)
    return out


PATTERN_SPEC: dict[str, Any] = {
    "title": "Connection pool about to run out",
    "severity": "Critical",
    "serviceTypes": ["postgres"],
    "signals": [
        {
            "name": "pool-usage",
            "metricType": "connection_pool_usage",
            "query": "pool_in_use",
            "limit": "95",
            "target": {"kind": "Deployment", "nameLabel": "deployment"},
        }
    ],
    "trend": {"minSlopePerHour": "2", "sustainedFor": "30m", "horizon": "12h"},
    "action": {"type": "TunePool", "tunePool": {"tunable": "pool-size", "increasePercent": 20}},
}


def pattern(name: str = "pool", *, generation: int = 3, **spec: Any) -> IssuePattern:
    """A pattern."""
    return IssuePattern.read(
        {"metadata": {"name": name, "generation": generation}, "spec": merged(PATTERN_SPEC, spec)},
    )


TUNABLE: dict[str, Any] = {
    "name": "pool-size",
    "location": {"configMapKey": {"name": "orders-config", "key": "POOL_SIZE"}},
    "min": 10,
    "max": 100,
}
ACTION: dict[str, Any] = {"type": "TunePool", "mode": "Auto", "maxPerDay": 2, "maxPerWeek": 5, "window": "Ignored"}
POLICY_SPEC: dict[str, Any] = {
    "mode": "Auto",
    "workloads": [{"selector": {"matchLabels": LABELS}, "serviceType": "postgres", "tunables": [TUNABLE]}],
    "actions": [ACTION],
}


def policy(name: str = "orders", namespace: str = "shop", **spec: Any) -> AutomationPolicy:
    """A policy that lets everything through."""
    return AutomationPolicy.read(
        {"metadata": {"name": name, "namespace": namespace}, "spec": merged(POLICY_SPEC, spec)},
    )


def acting(**changes: Any) -> list[dict[str, Any]]:
    """The `actions` of a policy."""
    return [merged(ACTION, changes)]


def tunable(**changes: Any) -> list[dict[str, Any]]:
    """The `workloads` of a policy whose one tunable differs."""
    return [merged(POLICY_SPEC["workloads"][0], {"tunables": [merged(TUNABLE, changes)]})]


def consent(action: ActionType = ActionType.TUNE_POOL, **spec: Any) -> Consent:
    """What one policy comes to."""
    folded = consent_for([policy(**spec)], [], LABELS, action)
    assert folded is not None
    return folded


INTERVENTION_SPEC: dict[str, Any] = {
    "pattern": {"name": "pool", "generation": 3},
    "target": {"kind": "Deployment", "name": "orders", "uid": UID},
    "action": {"type": "TunePool", "tunable": "pool-size", "increasePercent": 20},
    "cause": {
        "signal": "pool-usage",
        "metricType": "connection_pool_usage",
        "severity": "Critical",
        "activeAt": format_time(ACTIVE_AT),
        "value": "80",
        "limit": "95",
        "direction": "Rising",
        "slopePerHour": "4",
        "ema": "79",
        "zScore": "3",
        "breachPercent4h": 60,
        "breachPercent8h": 90,
        "breachPercent12h": 96,
        "model": "m/1",
    },
    "diagnosis": {"title": "Pool", "serviceType": "postgres", "confidencePercent": 96},
}


def intervention(
    phase: Phase = Phase.PENDING,
    *,
    meta: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> Intervention:
    """An Intervention, an hour old at most."""
    metadata = {
        "name": "pool-1",
        "namespace": "shop",
        "uid": MARKER,
        "generation": 1,
        "creationTimestamp": format_time(NOW - timedelta(minutes=10)),
    }
    read = Intervention.read(
        {"metadata": merged(metadata, meta or {}), "spec": merged(INTERVENTION_SPEC, spec or {})},
    )
    return read.model_copy(update={"status": InterventionStatus(phase=phase, **status)})


def deployment(**changes: Any) -> dict[str, Any]:
    """A healthy Deployment."""
    return merged(
        {
            "metadata": {
                "name": "orders",
                "namespace": "shop",
                "uid": UID,
                "generation": 7,
                "resourceVersion": "100",
                "labels": LABELS,
                "annotations": {"team": "shop"},
            },
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": LABELS},
                "template": {
                    "metadata": {"labels": LABELS},
                    "spec": {
                        "containers": [
                            {"name": "proxy"},
                            {"name": "app", "env": [{"name": "A", "value": "1"}, {"name": "POOL", "value": "20"}]},
                        ]
                    },
                },
            },
            "status": {
                "observedGeneration": 7,
                "replicas": 3,
                "updatedReplicas": 3,
                "readyReplicas": 3,
                "availableReplicas": 3,
            },
        },
        changes,
    )


def config_map(value: str = "20", **changes: Any) -> dict[str, Any]:
    """The ConfigMap the tunable names."""
    return merged(
        {
            "metadata": {"name": "orders-config", "namespace": "shop", "uid": "uid-config", "resourceVersion": "55"},
            "data": {"POOL_SIZE": value, "OTHER": "x"},
        },
        changes,
    )


def workload(raw: Raw | None = None, kind: WorkloadKind = WorkloadKind.DEPLOYMENT) -> Workload:
    """The workload as read."""
    return read_workload(raw or deployment(), kind)


def planned(
    raw: Raw | None = None,
    *,
    action: ActionType = ActionType.TUNE_POOL,
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT,
    config: Raw | None = None,
    has_config: bool = True,
    **differing: Any,
) -> Change | Impossible:
    """The change of an action on a workload; `differing` changes the tunable."""
    return plan(
        RequestedAction(type=action, tunable="pool-size", increase_percent=20)
        if action is ActionType.TUNE_POOL
        else RequestedAction(type=action),
        workload(raw, kind),
        consent(workloads=tunable(**differing)).tunables,
        {"orders-config": config or config_map()} if has_config else {},
        marker=MARKER,
        now=NOW,
    )


def change(**settings: Any) -> Change:
    """A change that is possible."""
    made = planned(**settings)
    assert isinstance(made, Change)
    return made


def pod(name: str, uid: str = "", *, ready: bool = True, owner: str = UID, **changes: Any) -> dict[str, Any]:
    """A running pod of the workload, ready unless it is said otherwise."""
    meta = {"name": name, "uid": uid or f"uid-{name}", "creationTimestamp": "2026-03-01T00:00:00Z", "labels": LABELS}
    above = {"kind": "ReplicaSet", "name": "orders-rs", "uid": owner, "controller": True}
    conditions = [{"type": "Ready", "status": str(ready)}]
    status = {"phase": "Running", "conditions": conditions}
    return merged({"metadata": {**meta, "ownerReferences": [above]}, "status": status}, changes)


def evicting(*names: str) -> Change:
    """A restart by evicting these pods, or three."""
    pods = [pod(name) for name in names or ("a", "b", "c")]
    made = eviction.plan(workload(), pods, marker=MARKER, now=NOW)
    assert isinstance(made, Change)
    return made


def assessment(**changes: Any) -> Assessment:
    """A sure and bad forecast."""
    return replace(
        Assessment(
            target=TargetKey("shop", WorkloadKind.DEPLOYMENT, "orders", UID),
            pattern="pool",
            signal="pool-usage",
            at=NOW,
            positive=True,
            reason=Reason.BREACH_FORESEEN,
            straight_line=True,
            level=80.0,
            slope_per_hour=4.0,
            ema=79.0,
            z_score=3.0,
            p_breach=(0.6, 0.9, 0.96),
            hours=(2.0, 4.0, 9.0),
            horizon=2,
        ),
        **changes,
    )


def facts(**changes: Any) -> Facts:
    """Facts on which every gate passes."""
    return replace(
        Facts(
            now=NOW,
            intervention=intervention(),
            pattern=pattern(),
            consent=consent(),
            overrides=Overrides(),
            alert=firing_since(ACTIVE_AT),
            assessment=assessment(),
            fresh=True,
            history=History(),
            workload=workload(),
            disturbed_at=NOW - timedelta(days=1),
            crashing=(),
            change=change(),
            dry_run="",
            claims=(),
            vitals=Vitals(NOW, {}, {}),
            storm=Storm(watched=4),
            near=Near(budgets=(), lacking=(), fitting=1, alerts=()),
        ),
        **changes,
    )


def started(ago: timedelta, **changes: Any) -> Started:
    """An Intervention admitted some time ago on another target, and over since."""
    at = NOW - ago
    entry = Started(f"iv-{at:%H%M}", ActionType.TUNE_POOL, "uid-other", at, at + timedelta(minutes=20), in_flight=False)
    entry = replace(entry, namespace="shop")
    return replace(entry, **changes)


def decision(outcome: Outcome, reason: Reason = Reason.ADMITTED, **changes: Any) -> Decision:
    """A decision of one gate."""
    gate = GateResult(name="mode", verdict=GateVerdict.PASS, reason=reason, message=reason.sentence)
    return replace(Decision(outcome, reason, reason.sentence, (gate,)), **changes)


def period() -> Period:
    """A measured baseline."""
    return Period(from_=NOW - timedelta(minutes=5), until=NOW, samplings=(Sampling(name="pool-usage", values=()),))


def table(names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """Parameters whose first column is the sentence the case goes by."""
    return pytest.mark.parametrize(names, rows, ids=[row[0] for row in rows])
