"""Every gate on the real API server: one row for each answer that lets pass, one or more for those that do not.

Whatever a gate says, the operator's first look writes to no workload, ConfigMap or pod.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from devcluster.cluster import Cluster
from devcluster.credentials import ADMIN
from tests.cluster.stage import AT_ONCE, closed_window
from tests.gates.scene import NAME, SHOP, TARGET, TARGET_PATH, VANGUARD, Scene
from tests.reconcilers.fake_git import FakeRepository
from tests.reconcilers.fake_metrics import Source
from vanguard.api.base import Annotation, WorkloadKind, format_time
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.api.repositories import RepositorySpec
from vanguard.domain.alert import INACTIVE
from vanguard.domain.decision.chain import GATES
from vanguard.domain.storm import Storm
from vanguard.domain.workload import TargetKey
from vanguard.reconcilers.context import Context, Git

PASS, HOLD, DENY = GateVerdict.PASS, GateVerdict.HOLD, GateVerdict.DENY
Arrange = Callable[[Scene], object]
BYSTANDER = TargetKey("bank", WorkloadKind.DEPLOYMENT, "other", "uid-other")


def policy(**spec: Any) -> Arrange:
    """The team's policy says something else."""
    return lambda scene: scene.policy["spec"].update(spec)


def action(**consent: Any) -> Arrange:
    """The policy's consent to TunePool says something else."""

    def arrange(scene: Scene) -> None:
        for entry in scene.policy["spec"]["actions"]:
            if entry["type"] == "TunePool":
                entry.update(consent)

    return arrange


def annotated(annotation: Annotation, value: str) -> Arrange:
    """Somebody annotated the workload."""
    return lambda scene: scene.change(TARGET_PATH, metadata={"annotations": {annotation.value: value}})


def evaluated(**assessment: Any) -> Arrange:
    """Detection's newest evaluation differs."""

    def arrange(scene: Scene) -> None:
        scene.assessment = assessment

    return arrange


def before(minutes: int, phase: str = "Succeeded", **told: Any) -> Arrange:
    """An earlier Intervention on the target, begun so long ago and over a minute later if it is over."""

    def arrange(scene: Scene) -> None:
        begun = scene.now - timedelta(minutes=minutes)
        status = {"phase": phase, "reason": "Improved", "startedAt": format_time(begun)}
        if phase == "Succeeded":
            status["completedAt"] = format_time(begun + timedelta(minutes=1))
        scene.past.append({**status, **told})

    return arrange


def pattern(**spec: Any) -> Arrange:
    """The pattern says something else."""
    return lambda scene: scene.pattern["spec"].update(spec)


def answered(policy_says: dict[str, Any] | None = None, **word: Any) -> Arrange:
    """A person has to approve, and an administrator has given this word."""

    def arrange(scene: Scene) -> None:
        scene.policy["spec"].update({"mode": "Approve", **(policy_says or {})})
        scene.approval = word

    return arrange


def failures(count: int) -> Arrange:
    """So many failed in a row, on another target."""

    def arrange(scene: Scene) -> None:
        for number in range(count):
            other = {"target": {"uid": f"00000000-0000-0000-0000-00000000000{number}"}}
            before(30 - number, verdict="Degraded", spec=other)(scene)
            scene.past[-1].update(
                phase="RolledBack",
                reason="Restored",
                completedAt=format_time(scene.now - timedelta(minutes=20 - number)),
            )

    return arrange


NOWHERE = {"configMapKey": {"name": "orders-config", "key": "NO_SUCH_KEY"}}
FOUR_EYES = {"approvals": {"authorMayApprove": False, "author": ADMIN}}


ARGO = {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/orders"}


def marked(**metadata: dict[str, str]) -> Arrange:
    """A tool left its mark on the workload."""
    return lambda scene: scene.change(TARGET_PATH, metadata=metadata)


FILE = """kind: ConfigMap
metadata: {name: orders-config}
data: {POOL_SIZE: "50"}
"""


def in_git(text: str = FILE, *, dead: bool = False, namespaces: tuple[str, ...] = (SHOP,), **tunable: Any) -> Arrange:
    """Argo CD owns the ConfigMap, the policy says where it is declared, and the operator knows the repository."""

    def arrange(scene: Scene) -> None:
        scene.change(f"/api/v1/namespaces/{SHOP}/configmaps/{TARGET}-config", metadata={"annotations": ARGO})
        (entry,) = scene.policy["spec"]["workloads"][0]["tunables"]
        entry.update({"reload": "Live", "gitOps": {"repository": "deploy", "path": "orders.yaml"}, **tunable})
        known = RepositorySpec(name="deploy", url="/srv/x", namespaces=frozenset(namespaces))
        repository = FakeRepository({"orders.yaml": text}, dead=dead)
        scene.arrange.append(lambda ctx: setattr(ctx, "git", Git({"deploy": repository}, {"deploy": known})))

    return arrange


def restart(*further: Arrange, **consent: Any) -> Arrange:
    """The remedy is a restart, Argo CD owns the workload, and the policies' consent says this."""

    def arrange(scene: Scene) -> None:
        scene.pattern["spec"]["action"] = {"type": "RestartRollout"}
        for entry in scene.policy["spec"]["actions"]:
            if entry["type"] == "RestartRollout":
                entry.update(consent)
        for one in (marked(annotations=ARGO), *further):
            one(scene)
            settled(scene, TARGET_PATH)

    return arrange


def managed_by_argo(scene: Scene) -> None:
    """A GitOps tool applied the very field, and left no mark."""
    path = f"/api/v1/namespaces/{SHOP}/configmaps/{TARGET}-config"
    before = scene.ask("GET", path)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{TARGET}-config", "namespace": SHOP},
            "data": {"POOL_SIZE": "50"}}  # fmt: skip
    manager = ("--server-side", "--force-conflicts", "--field-manager=argocd-controller")
    scene.cluster.kubectl("apply", *manager, "-f", "-", stdin=json.dumps(body))

    def back() -> None:
        now = scene.ask("GET", path)
        scene.ask("PUT", path, {**before, "metadata": {**now["metadata"], "managedFields": [{}]}})

    scene.cleanup.append(back)


def unseen(scene: Scene) -> None:
    """Detection has not looked since the operator started."""
    scene.seen = False


def resolved(scene: Scene) -> None:
    """The alert is over."""
    scene.alert = INACTIVE


def wanting(**spec: Any) -> Arrange:
    """The Intervention's spec says something else."""
    return lambda scene: scene.intervention.update(spec)


def mid_rollout(scene: Scene) -> None:
    """A rollout that cannot finish at once."""
    scene.change(TARGET_PATH, spec={"paused": True})


def as_it_is(_scene: Scene) -> None:
    """Nothing stands in the way."""


def taken_back_twice(scene: Scene) -> None:
    """Two earlier Interventions on the target, each taken back by somebody else."""
    for minutes in (60 * 24, 60 * 48):
        before(minutes, phase="Failed", reason="ExternallyReverted")(scene)


def tunable(**told: Any) -> Arrange:
    """What the policy says of the value that is to be tuned."""
    return lambda scene: [one.update(told) for one in scene.policy["spec"]["workloads"][0]["tunables"]]


def limits(**told: int) -> Arrange:
    """The policy's bounds over all actions say something else."""
    return lambda scene: scene.policy["spec"]["limits"].update(told)


def one_is_tried(scene: Scene) -> None:
    """The breaker's pause is over, and another target's Intervention is the one that is tried."""
    policy(circuitBreaker={"failures": 3, "pause": "1m"})(scene)
    limits(maxConcurrent=5)(scene)
    failures(3)(scene)
    before(5, phase="Monitoring", spec={"target": {"uid": "00000000-0000-0000-0000-000000000009"}})(scene)


def sharing(ctx: Context) -> None:
    """The target and a bystander trend, and their teams say that they use the same database."""
    uid = next(iter(ctx.board))[1]
    target = TargetKey(SHOP, WorkloadKind.DEPLOYMENT, TARGET, uid)
    ctx.storm = Storm(watched=9, shared={"shop/database": (BYSTANDER, target)})


def knowing(**context: Any) -> Arrange:
    """What detection has left in the process differs."""

    def arrange(scene: Scene) -> None:
        scene.arrange.append(lambda ctx: [setattr(ctx, name, value) for name, value in context.items()])

    return arrange


def alerts(*firing: dict[str, str]) -> Arrange:
    """The policy asks about critical alerts, and these fire."""

    def arrange(scene: Scene) -> None:
        scene.policy["spec"]["stability"] = {**AT_ONCE, "alertsMatcher": {"severity": "critical"}}
        scene.arrange.append(lambda ctx: setattr(ctx.metrics, "alerts", list(firing)))

    return arrange


def settled(scene: Scene, path: str) -> None:
    """Wait until a controller has seen the object as it is."""
    until = time.monotonic() + 30
    while (raw := scene.ask("GET", path)).get("status", {}).get("observedGeneration") != raw["metadata"]["generation"]:
        assert time.monotonic() < until, f"{path} was not seen by its controller"
        time.sleep(0.1)


def budgeted(allowed: int, *, first_gone: int = 1) -> Arrange:
    """Pods go before their successors are ready, and a PodDisruptionBudget lets so many of the three go."""

    def arrange(scene: Scene) -> None:
        rolling = {"maxSurge": 0 if first_gone else 1, "maxUnavailable": first_gone}
        scene.change(TARGET_PATH, spec={"strategy": {"rollingUpdate": rolling}})
        path = f"/apis/policy/v1/namespaces/{SHOP}/poddisruptionbudgets"
        spec = {"minAvailable": 3 - allowed, "selector": {"matchLabels": {"app": "orders"}}}
        scene.make(path, {"metadata": {"name": "orders"}, "spec": spec})
        settled(scene, f"{path}/orders")
        settled(scene, TARGET_PATH)

    return arrange


def one_goes_first(scene: Scene) -> None:
    """All replicas are to stay ready, and the rollout takes one away."""
    scene.policy["spec"]["limits"]["minHealthyPercent"] = 100
    budgeted(3)(scene)


def quota(pods: int) -> Arrange:
    """The namespace may have so many pods."""
    body = {"metadata": {"name": "team"}, "spec": {"hard": {"pods": str(pods)}}}
    return lambda scene: scene.make(f"/api/v1/namespaces/{SHOP}/resourcequotas", body)


def cordoned(scene: Scene) -> None:
    """Nobody may be placed on the only node."""
    scene.change("/api/v1/nodes/fake-1", spec={"unschedulable": True})


# Three replicas, one more while it rolls out, and 60 connections each.
CONNECTIONS = "(replicas + surge) * value <= max_connections"
OWN = {"namespace": SHOP, "deployment": TARGET}


def invariant(rule: str, *arrange: Arrange) -> Arrange:
    """The tunable has an invariant, and these things are so."""

    def prepare(scene: Scene) -> None:
        for one in (tunable(invariants=[{"name": "connections", "rule": rule}]), *arrange):
            one(scene)

    return prepare


def measured(query: str, value: float) -> Arrange:
    """Prometheus knows one value of the target for a query."""
    source = Source(query, OWN, lambda _at: value)
    return lambda scene: scene.arrange.append(lambda ctx: ctx.metrics.sources.append(source))  # type: ignore[attr-defined]


def limited_to(connections: float) -> Arrange:
    """The pattern knows how many connections the database takes: so many."""

    def arrange(scene: Scene) -> None:
        fact = {"name": "max_connections", "query": "db_limit", "target": {"nameLabel": "deployment"}}
        scene.pattern["spec"]["facts"] = [fact]
        measured("db_limit", connections)(scene)

    return arrange


def busy(percent: float) -> Arrange:
    """The database must not be busy, and is so busy."""

    def arrange(scene: Scene) -> None:
        scene.pattern["spec"]["saturation"] = [{"name": "cpu", "query": "db_cpu", "limit": "90", "target": {}}]
        measured("db_cpu", percent)(scene)

    return arrange


def autoscaled(most: int) -> Arrange:
    """An autoscaler may make so many replicas of the target."""
    path = f"/apis/autoscaling/v2/namespaces/{SHOP}/horizontalpodautoscalers"
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": TARGET}
    usage = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    metrics = [{"type": "Resource", "resource": usage}]
    spec = {"minReplicas": 3, "maxReplicas": most, "scaleTargetRef": ref, "metrics": metrics}
    return lambda scene: scene.make(path, {"metadata": {"name": TARGET}, "spec": spec})


def raised(start: int, end: int) -> Arrange:
    """The operator raised the value some days ago, and kept it."""
    field = {"path": "/data/POOL_SIZE", "before": str(start), "after": str(end)}
    step = {
        "object": {"kind": "ConfigMap", "name": f"{TARGET}-config"}, "uid": "u", "fingerprint": "f", "fields": [field],
    }  # fmt: skip
    change = {
        "marker": "m", "summary": "s", "from": str(start), "to": str(end), "rollout": True,
        "takenAt": "2026-01-01T00:00:00Z", "restorePoint": [step],
    }  # fmt: skip
    return before(60 * 24 * 3, change=change)


ROWS: list[tuple[str, GateVerdict, Reason, Arrange]] = [
    ("alert", PASS, Reason.ALERT_FIRING, as_it_is),
    ("alert", HOLD, Reason.NOT_EVALUATED_YET, unseen),
    ("alert", HOLD, Reason.PAGE_CACHE, evaluated(positive=False, reason=Reason.PAGE_CACHE, heard=("rss is flat",))),
    ("alert", DENY, Reason.ALERT_RESOLVED, resolved),
    ("alert", DENY, Reason.PATTERN_CHANGED, wanting(pattern={"generation": 9})),
    ("action-enabled", PASS, Reason.ACTION_ENABLED, as_it_is),
    ("action-enabled", DENY, Reason.ACTION_NOT_ENABLED, action(enabled=False)),
    ("action-enabled", DENY, Reason.ROLLBACK_UNSAFE, pattern(rollbackSafe=False)),
    ("action-enabled", DENY, Reason.NOT_AUTOMATED, wanting(action={"type": "DeployCode"})),
    ("action-enabled", HOLD, Reason.POLICY_INVALID, policy(timeZone="Nowhere/Land")),
    ("suspended", PASS, Reason.NOT_SUSPENDED, as_it_is),
    ("suspended", HOLD, Reason.SUSPENDED, policy(suspend=True)),
    ("override", PASS, Reason.NO_OVERRIDE, as_it_is),
    ("override", HOLD, Reason.DISABLED_BY_ANNOTATION, annotated(Annotation.AUTOMATION, "Disabled")),
    ("override", HOLD, Reason.PAUSED_BY_ANNOTATION, annotated(Annotation.PAUSED_UNTIL, "2100-01-01T00:00:00Z")),
    ("override", HOLD, Reason.OVERRIDE_UNREADABLE, annotated(Annotation.PAUSED_UNTIL, "tomorrow")),
    ("mode", PASS, Reason.AUTOMATIC, as_it_is),
    ("mode", HOLD, Reason.OBSERVE_ONLY, policy(mode="Observe")),
    ("mode", HOLD, Reason.APPROVAL_REQUIRED, policy(mode="Approve")),
    ("mode", PASS, Reason.APPROVED, answered()),
    ("mode", DENY, Reason.APPROVAL_DENIED, answered(verdict="Denied", reason="not today")),
    ("mode", DENY, Reason.APPROVAL_EXPIRED, answered(expiresAt="2026-01-01T00:00:00Z")),
    ("mode", DENY, Reason.APPROVAL_INVALID, answered(expiresAt="2100-01-01T00:00:00Z")),
    ("mode", DENY, Reason.APPROVER_IS_AUTHOR, answered(FOUR_EYES)),
    ("effectiveness", PASS, Reason.EFFECTIVENESS_SUFFICIENT, as_it_is),
    ("effectiveness", HOLD, Reason.EFFECTIVENESS_TOO_LOW, action(minEffectivenessPercent=99)),
    ("evidence", PASS, Reason.EVIDENCE_SUFFICIENT, as_it_is),
    ("evidence", HOLD, Reason.FORECAST_ONLY, pattern(rollbackSafe=False)),
    ("breaker", PASS, Reason.BREAKER_CLOSED, failures(2)),
    ("breaker", HOLD, Reason.BREAKER_OPEN, failures(3)),
    ("breaker", HOLD, Reason.BREAKER_HALF_OPEN, one_is_tried),
    ("data-quality", PASS, Reason.DATA_GOOD, as_it_is),
    ("data-quality", HOLD, Reason.STALE_DATA, knowing(board={})),
    ("data-quality", HOLD, Reason.MISSING_DATA, evaluated(positive=None, reason=Reason.MISSING_DATA)),
    ("data-quality", HOLD, Reason.CONFLICTING_SIGNALS, evaluated(positive=None, reason=Reason.CONFLICTING_SIGNALS)),
    ("confidence", PASS, Reason.CONFIDENCE_SUFFICIENT, as_it_is),
    ("confidence", HOLD, Reason.CONFIDENCE_TOO_LOW, evaluated(p_breach=(0.2, 0.5, 0.6))),
    ("window", PASS, Reason.WINDOW_OPEN, as_it_is),
    ("window", HOLD, Reason.WINDOW_CLOSED, policy(windows=closed_window())),
    ("window", HOLD, Reason.NO_WINDOW, policy(windows=[])),
    (
        "window",
        HOLD,
        Reason.FROZEN,
        policy(freezes=[{"name": "audit", "from": "2026-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}]),
    ),
    ("budget", PASS, Reason.BUDGET_AVAILABLE, before(60 * 24 * 3)),
    ("budget", HOLD, Reason.DAILY_BUDGET_SPENT, action(maxPerDay=0)),
    ("budget", HOLD, Reason.WEEKLY_BUDGET_SPENT, action(maxPerWeek=0)),
    ("budget", HOLD, Reason.TARGET_BUDGET_SPENT, limits(maxPerTargetPerDay=0)),
    ("budget", HOLD, Reason.NAMESPACE_BUDGET_SPENT, limits(maxPerNamespacePerDay=0)),
    ("cooldown", PASS, Reason.COOLDOWN_OVER, before(60 * 24 * 3)),
    ("cooldown", HOLD, Reason.COOLING_DOWN, before(10)),
    ("concurrency", PASS, Reason.SLOT_FREE, as_it_is),
    ("concurrency", HOLD, Reason.ANOTHER_IN_FLIGHT, before(1, phase="Baselining")),
    ("target", PASS, Reason.TARGET_HEALTHY, as_it_is),
    ("target", DENY, Reason.TARGET_REPLACED, wanting(target={"uid": "00000000-0000-0000-0000-000000000000"})),
    ("target", HOLD, Reason.ROLLOUT_IN_PROGRESS, mid_rollout),
    ("target", HOLD, Reason.RECENTLY_CHANGED, policy(stability={"quietFor": "24h"})),
    ("target", HOLD, Reason.TOO_FEW_REPLICAS, one_goes_first),
    ("telemetry", PASS, Reason.TELEMETRY_HEALTHY, as_it_is),
    ("telemetry", HOLD, Reason.TELEMETRY_UNHEALTHY, knowing(vitals=None)),
    ("storm", PASS, Reason.NO_STORM, as_it_is),
    ("storm", HOLD, Reason.NOT_EVALUATED_YET, knowing(storm=None)),
    ("storm", HOLD, Reason.STORM_GUARD, knowing(storm=Storm((BYSTANDER,), 9))),
    ("storm", HOLD, Reason.SHARED_DEPENDENCY, lambda scene: scene.arrange.append(sharing)),
    ("disruption", PASS, Reason.DISRUPTION_ALLOWED, budgeted(1)),
    ("disruption", PASS, Reason.DISRUPTION_ALLOWED, budgeted(0, first_gone=0)),
    ("disruption", HOLD, Reason.DISRUPTION_BUDGET_EXHAUSTED, budgeted(0)),
    ("disruption", HOLD, Reason.DISRUPTION_BUDGET_EXHAUSTED, restart(budgeted(0, first_gone=0))),
    ("room", PASS, Reason.ROOM_AVAILABLE, quota(100)),
    ("room", HOLD, Reason.QUOTA_EXHAUSTED, quota(0)),
    ("room", HOLD, Reason.NO_HEADROOM, cordoned),
    (
        "other-alerts",
        PASS,
        Reason.NO_OTHER_ALERTS,
        alerts({"alertname": "A", "namespace": SHOP, "severity": "warning"}),
    ),
    (
        "other-alerts",
        HOLD,
        Reason.OTHER_ALERTS_FIRING,
        alerts({"alertname": "A", "namespace": SHOP, "severity": "critical"}),
    ),
    ("ownership", PASS, Reason.OWNED_BY_NOBODY_ELSE, as_it_is),
    (
        "ownership",
        DENY,
        Reason.GIT_OPS_OWNED,
        marked(annotations=ARGO),
    ),
    ("ownership", DENY, Reason.GIT_OPS_OWNED, marked(labels={"kustomize.toolkit.fluxcd.io/name": "shop"})),
    ("ownership", DENY, Reason.GIT_OPS_OWNED, managed_by_argo),
    ("ownership", PASS, Reason.COMMITTED_TO_GIT, in_git()),
    ("ownership", HOLD, Reason.NOT_SYNCED, in_git(FILE.replace("50", "51"))),
    ("ownership", HOLD, Reason.REPOSITORY_UNREADABLE, in_git(dead=True)),
    ("ownership", DENY, Reason.REPOSITORY_NOT_ALLOWED, in_git(namespaces=("bank",))),
    ("ownership", DENY, Reason.NOT_IN_GIT, in_git("kind: Other\n")),
    ("ownership", DENY, Reason.ROLLOUT_IMPOSSIBLE, in_git(reload="Restart")),
    ("ownership", PASS, Reason.RESTART_BY_EVICTION, restart()),
    ("ownership", DENY, Reason.ROLLBACK_UNSAFE, restart(rollback="Mandatory")),
    ("reverts", PASS, Reason.NOT_REVERTED, before(60 * 24, phase="Failed", reason="ExternallyReverted")),
    ("reverts", DENY, Reason.EXTERNALLY_REVERTED, taken_back_twice),
    ("change-possible", PASS, Reason.CHANGE_POSSIBLE, as_it_is),
    ("change-possible", PASS, Reason.CHANGE_POSSIBLE, restart(budgeted(1))),
    ("change-possible", DENY, Reason.AT_MAXIMUM, tunable(max=50)),
    ("change-possible", DENY, Reason.OUT_OF_BOUNDS, tunable(max=40)),
    ("change-possible", DENY, Reason.TUNABLE_UNKNOWN, tunable(name="threads")),
    ("change-possible", DENY, Reason.VALUE_MISSING, tunable(location=NOWHERE)),
    ("change-possible", PASS, Reason.CHANGE_POSSIBLE, raised(26, 50)),
    ("change-possible", DENY, Reason.CEILING_REACHED, raised(25, 50)),
    ("invariants", PASS, Reason.INVARIANTS_HOLD, as_it_is),
    ("invariants", PASS, Reason.INVARIANTS_HOLD, invariant(CONNECTIONS, limited_to(240))),
    ("invariants", DENY, Reason.INVARIANT_BROKEN, invariant(CONNECTIONS, limited_to(239))),
    ("invariants", DENY, Reason.INVARIANT_BROKEN, invariant(CONNECTIONS, limited_to(240), autoscaled(4))),
    ("invariants", HOLD, Reason.FACT_UNKNOWN, invariant(CONNECTIONS, limited_to(float("nan")))),
    ("invariants", HOLD, Reason.FACT_UNKNOWN, invariant(CONNECTIONS)),
    ("saturation", PASS, Reason.NOT_SATURATED, busy(89)),
    ("saturation", HOLD, Reason.SATURATED, busy(90)),
    ("saturation", HOLD, Reason.FACT_UNKNOWN, busy(float("nan"))),
    ("change-possible", HOLD, Reason.NOT_TRIED_YET, policy(suspend=True)),
]


@pytest.fixture
def scene(cluster: Cluster) -> Iterator[Scene]:
    """A scene in which every gate lets pass; all is put back at the end."""
    made = Scene(cluster)
    yield made
    for undo in reversed(made.cleanup):
        undo()


@pytest.mark.parametrize(("gate", "verdict", "reason", "arrange"), ROWS, ids=[f"{row[0]}: {row[2]}" for row in ROWS])
def test_a_gate_says_so_and_nothing_is_touched(
    scene: Scene, gate: str, verdict: GateVerdict, reason: Reason, arrange: Arrange
) -> None:
    arrange(scene)
    answer = scene.gate(gate)
    assert (answer.verdict, answer.reason) == (verdict, reason), answer.message
    assert answer.message
    assert scene.touched() == []


@pytest.mark.parametrize("gate", [name for name, _ in GATES])
def test_every_gate_has_a_row_that_passes_and_one_that_does_not(gate: str) -> None:
    verdicts = {row[1] for row in ROWS if row[0] == gate}
    assert PASS in verdicts
    assert verdicts & {HOLD, DENY}


def test_with_every_gate_open_it_is_admitted(scene: Scene) -> None:
    decided = scene.decide()
    assert [(gate.name, gate.reason) for gate in decided.status.gates if gate.verdict is not PASS] == []
    assert decided.status.phase == "Baselining"
    assert scene.ask("GET", f"{VANGUARD}/namespaces/{SHOP}/interventions/{NAME}")["status"]["startedAt"]
