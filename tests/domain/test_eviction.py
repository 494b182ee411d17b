"""Evictions: what is planned, how a pod stands, when the next one goes, and what its end is called."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.domain import given as g
from vanguard.api.base import ActionType, Annotation, WorkloadKind, format_time
from vanguard.api.intervention import Change, Comparison, Phase, PodRef, Postponement, Undo, Verdict
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain import eviction
from vanguard.domain.change import Impossible, StepState
from vanguard.domain.decision import surroundings, target
from vanguard.domain.decision.facts import Near
from vanguard.domain.disruption import Budget
from vanguard.domain.history import Outcome, outcome_of
from vanguard.domain.lifecycle import View, Write, step
from vanguard.domain.ownership import Claim, Hold
from vanguard.domain.workload import Raw

PRISTINE, APPLIED, GONE = StepState.PRISTINE, StepState.APPLIED, StepState.GONE
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
CHANGE = g.evicting()
GOING = {"metadata": {"deletionTimestamp": "2026-03-10T03:00:00Z"}}
EVICTED = {"status": {"phase": "Failed"}}
ARGO, HELM = Claim(Hold.GITOPS, "Argo CD", "application shop"), Claim(Hold.HELM, "Helm", "release shop")
ABOVE = Claim(Hold.CONTROLLER, "Rollout orders", "its controller")
LENIENT = g.consent(actions=g.acting(rollback="BestEffort", onInconclusive="Hold"))


@g.table(
    ("why", "action", "claims", "needed"),
    [
        ("a restart that Argo CD would take back", ActionType.RESTART_ROLLOUT, (HELM, ARGO), True),
        ("a restart that nobody would", ActionType.RESTART_ROLLOUT, (), False),
        ("Helm takes nothing back by itself", ActionType.RESTART_ROLLOUT, (HELM,), False),
        ("a value cannot be tuned by evicting pods", ActionType.TUNE_POOL, (ARGO,), False),
    ],
)
def test_when_pods_are_evicted_instead(why: str, action: ActionType, claims: tuple[Claim, ...], needed: bool) -> None:
    assert eviction.needed(action, claims) is needed, why


def planned(*pods: Raw) -> Change | Impossible:
    return eviction.plan(g.workload(), pods, marker=g.MARKER, now=g.NOW)


def test_the_pods_that_are_there_are_recorded_the_oldest_first() -> None:
    old = {"metadata": {"creationTimestamp": "2026-02-01T00:00:00Z"}}
    made = planned(g.pod("b"), g.pod("a"), g.pod("z", **old), g.pod("going", **GOING), g.pod("over", **EVICTED))
    assert isinstance(made, Change)
    assert made.evictions == tuple(PodRef(name=name, uid=f"uid-{name}") for name in ("z", "a", "b"))
    assert (made.restore_point, made.rollout, made.taken_at, made.marker) == ((), True, g.NOW, g.MARKER)


@g.table(
    ("why", "count", "reason", "text"),
    [
        ("none", 0, Reason.TARGET_UNHEALTHY, "shop/Deployment/orders controls no pods"),
        ("more than the bound", 101, Reason.ROLLOUT_IMPOSSIBLE, "has 101 pods; at most 100 are evicted one by one"),
    ],
)
def test_what_cannot_be_planned_says_why(why: str, count: int, reason: Reason, text: str) -> None:
    made = planned(*(g.pod(f"p{number}") for number in range(count)))
    assert isinstance(made, Impossible), why
    assert (made.reason, text in made.message) == (reason, True)


def test_as_many_as_the_bound_are_planned_and_fit_the_status() -> None:
    made = planned(*(g.pod(f"p{number}") for number in range(eviction.MOST_PODS)))
    assert isinstance(made, Change)
    assert len(Change.model_validate(made.wire()).evictions) == eviction.MOST_PODS


@g.table(
    ("why", "pods", "state"),
    [
        ("it is there", [g.pod("a")], PRISTINE),
        ("it is there and not ready", [g.pod("a", ready=False)], PRISTINE),
        ("it is gone", [], APPLIED),
        ("it is on its way out", [g.pod("a", **GOING)], APPLIED),
        ("another bears its name", [g.pod("a", "uid-new")], APPLIED),
        ("it has ended, and its controller made another", [g.pod("a", **EVICTED)], APPLIED),
    ],
)
def test_how_a_recorded_pod_stands(why: str, pods: list[Raw], state: StepState) -> None:
    assert eviction.states_of(g.evicting("a"), pods) == (state,), why


THREE = [g.pod("a"), g.pod("b"), g.pod("c")]


@g.table(
    ("why", "pods", "workload", "settled"),
    [
        ("all are ready", THREE, {}, True),
        ("one is not ready", [*THREE[:2], g.pod("c", ready=False)], {}, False),
        ("one is missing, and the status has not heard of it", THREE[:2], {}, False),
        ("one is still on its way out", [*THREE, g.pod("d", **GOING)], {}, False),
        ("one that has ended does not count", [*THREE[:2], g.pod("c", **EVICTED)], {}, False),
        ("more than are wanted, for it was scaled down", [*THREE, g.pod("d")], {}, True),
        ("a rollout is running", THREE, {"status": {"updatedReplicas": 1}}, False),
        ("the controller has not seen the spec", THREE, {"status": {"observedGeneration": 6}}, False),
        ("scaled up meanwhile", THREE, {"spec": {"replicas": 4}}, False),
    ],
)
def test_when_nothing_is_missing(why: str, pods: list[Raw], workload: dict[str, Any], settled: bool) -> None:
    assert eviction.settled(g.workload(g.deployment(**workload)), pods) is settled, why


@pytest.mark.parametrize("strategy", [{"type": "OnDelete"}, {"rollingUpdate": {"partition": 0}}])
def test_a_stateful_set_settles_as_a_deployment_does(strategy: dict[str, Any]) -> None:
    raw = g.deployment(spec={"updateStrategy": strategy})
    assert eviction.settled(g.workload(raw, WorkloadKind.STATEFUL_SET), THREE)
    assert not eviction.settled(g.workload(raw, WorkloadKind.STATEFUL_SET), THREE[1:])


def test_refusals_in_a_row_are_asked_again_after_growing_pauses_and_a_pod_that_went_ends_the_row() -> None:
    status, pauses = g.intervention(Phase.APPLYING).status, []
    for left in (3, 3, 3, 3, 3, 3, 3, 2, 2):
        states = (APPLIED,) * (3 - left) + (PRISTINE,) * left
        status = eviction.postponed(status, states, "not now", g.NOW)
        assert status.postponement is not None
        pauses.append((status.postponement.next_attempt_at - g.NOW).total_seconds())
        assert not eviction.due(status, status.postponement.next_attempt_at - SECOND)
        assert eviction.due(status, status.postponement.next_attempt_at)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 2, 4]


# The gates


def facts(**changes: Any) -> dict[str, Any]:
    restart = g.intervention(spec={"action": {"type": "RestartRollout", "tunable": None, "increasePercent": None}})
    return {"intervention": restart, "change": CHANGE, "consent": LENIENT, "claims": (ARGO,)} | changes


@g.table(
    ("why", "changes", "verdict", "reason"),
    [
        ("Argo CD owns it", {}, GateVerdict.PASS, Reason.RESTART_BY_EVICTION),
        ("and Helm made it", {"claims": (HELM, ARGO)}, GateVerdict.PASS, Reason.RESTART_BY_EVICTION),
        ("nobody owns it", {"claims": ()}, GateVerdict.PASS, Reason.OWNED_BY_NOBODY_ELSE),
        ("a rollback is demanded", {"consent": g.consent()}, GateVerdict.DENY, Reason.ROLLBACK_UNSAFE),
        ("no policy", {"consent": None}, GateVerdict.HOLD, Reason.NO_POLICY),
        ("a controller above it", {"claims": (ABOVE,)}, GateVerdict.DENY, Reason.OWNED_BY_CONTROLLER),
        ("a controller that Argo CD made", {"claims": (ARGO, ABOVE)}, GateVerdict.DENY, Reason.OWNED_BY_CONTROLLER),
        ("a value is tuned", {"intervention": g.intervention()}, GateVerdict.DENY, Reason.GIT_OPS_OWNED),
    ],
)
def test_who_owns_it(why: str, changes: dict[str, Any], verdict: GateVerdict, reason: Reason) -> None:
    answer = target.ownership(g.facts(**facts(**changes)))
    assert (answer.verdict, answer.reason) == (verdict, reason), why


def test_a_denied_rollback_says_what_to_set_and_where() -> None:
    said = target.ownership(g.facts(**facts(consent=g.consent()))).message
    assert "set rollback: BestEffort for RestartRollout in each of the policies orders" in said


@g.table(
    ("why", "allowed", "reason"),
    [("one may go", 1, Reason.DISRUPTION_ALLOWED), ("none may", 0, Reason.DISRUPTION_BUDGET_EXHAUSTED)],
)
def test_a_budget_is_asked_for_one_pod(why: str, allowed: int, reason: Reason) -> None:
    near = Near(budgets=(Budget("pdb", allowed),), lacking=None, fitting=None, alerts=())
    asked = g.facts(**facts(near=near))
    assert surroundings.disruption(asked).reason is reason, why
    assert surroundings.room(asked).reason is Reason.ROOM_AVAILABLE, "no pod is added"


@g.table(
    ("why", "least", "reason"),
    [("two of three are enough", 66, Reason.TARGET_HEALTHY), ("they are not", 67, Reason.TOO_FEW_REPLICAS)],
)
def test_one_pod_away_counts_for_the_least_that_must_be_ready(why: str, least: int, reason: Reason) -> None:
    consent = replace(LENIENT, min_healthy_percent=least)
    answer = target.target(g.facts(**facts(consent=consent)))
    assert answer.reason is reason, why
    assert "maxSurge" not in answer.message


def test_what_cannot_be_planned_for_now_is_held_and_what_never_can_is_refused() -> None:
    for change, verdict in (
        (planned(), GateVerdict.HOLD),
        (planned(*(g.pod(f"p{n}") for n in range(101))), GateVerdict.DENY),
    ):
        assert target.change_possible(g.facts(**facts(change=change))).verdict is verdict


# Its life

ABORT = {"annotations": {Annotation.ABORT: "wrong service"}}
ROLLBACK = {"annotations": {Annotation.ROLLBACK: "we changed our mind"}}
DELETED = {"deletionTimestamp": format_time(g.NOW)}
NONE, ONE, ALL = (PRISTINE,) * 3, (APPLIED, PRISTINE, PRISTINE), (APPLIED,) * 3
WAITING = Postponement(left=2, refusals=1, next_attempt_at=g.NOW + SECOND, message="pdb orders says no")
LATE = {"now": g.NOW + 10 * MINUTE}
HELD = (Reason.DISABLED_BY_ANNOTATION, "somebody annotated it")


def view(phase: Phase, *, meta: Raw | None = None, status: Raw | None = None, **known: Any) -> View:
    recorded = {"started_at": g.NOW, "change": CHANGE, **(status or {})}
    usual = {"now": g.NOW, "pattern": g.pattern(), "untouched": (True,) * 3, "rolled_out": True, "states": NONE}
    return View(intervention=g.intervention(phase, meta=meta, **recorded), **(usual | known))


@g.table(
    ("why", "known", "index"),
    [
        ("the first", {}, 0),
        ("the second, once nothing is missing", {"states": ONE}, 1),
        ("the one that is left of those that somebody else deleted", {"states": (APPLIED, PRISTINE, APPLIED)}, 1),
        ("not while a pod is missing", {"states": ONE, "rolled_out": False}, None),
        ("not before its time", {"states": ONE, "status": {"postponement": WAITING}}, None),
        ("at its time", {"states": ONE, "status": {"postponement": WAITING}, "now": g.NOW + SECOND}, 1),
        ("not past the deadline", {"states": ONE, **LATE}, None),
        ("not after a person's stop", {"states": ONE, "meta": ABORT}, None),
        ("not where its right was refused", {"states": ONE, "refusal": "no right"}, None),
        ("not when it was refused just now", {"states": ONE, "postponed": "pdb orders says no"}, None),
        ("not while a gate that is asked before each write holds", {"states": ONE, "held": HELD}, None),
        ("not while the server gives no answer", {"states": None}, None),
        ("not when the workload is gone", {"states": (GONE,) * 3}, None),
        ("none is left", {"states": ALL}, None),
    ],
)
def test_which_pod_goes_next(why: str, known: dict[str, Any], index: int | None) -> None:
    expected = None if index is None else Write(index, inverse=False)
    assert step(view(Phase.APPLYING, **known)).effect == expected, why


@g.table(
    ("why", "phase", "known", "after", "reason"),
    [
        ("all are gone", Phase.APPLYING, {"states": ALL}, Phase.APPLYING, Reason.ROLLOUT_UNDERWAY),
        (
            "all are replaced",
            Phase.APPLYING,
            {"states": ALL, "status": {"applied_at": g.NOW}},
            Phase.MONITORING,
            Reason.WATCHING,
        ),
        ("stopped before the first", Phase.APPLYING, {"meta": ABORT}, Phase.REJECTED, Reason.ABORTED),
        ("late before the first", Phase.APPLYING, LATE, Phase.REJECTED, Reason.APPLY_FAILED),
        ("held before the first", Phase.APPLYING, {"held": HELD}, Phase.REJECTED, HELD[0]),
        ("stopped midway", Phase.APPLYING, {"states": ONE, "meta": ABORT}, Phase.FAILED, Reason.NOTHING_TO_UNDO),
        ("late midway", Phase.APPLYING, {"states": ONE, **LATE}, Phase.FAILED, Reason.NOTHING_TO_UNDO),
        (
            "the last successor is late",
            Phase.APPLYING,
            {"states": ALL, "rolled_out": False, "status": {"applied_at": g.NOW}, **LATE},
            Phase.FAILED,
            Reason.NOTHING_TO_UNDO,
        ),
        ("the workload is gone", Phase.APPLYING, {"states": (GONE,) * 3}, Phase.FAILED, Reason.TARGET_GONE),
        ("deleted during the watch", Phase.MONITORING, {"meta": DELETED}, Phase.FAILED, Reason.NOTHING_TO_UNDO),
        ("gone during the watch", Phase.MONITORING, {"states": (GONE,) * 3}, Phase.FAILED, Reason.TARGET_GONE),
        (
            "unwell during the watch",
            Phase.MONITORING,
            {"states": ALL, "unhealthy": "crash loop"},
            Phase.FAILED,
            Reason.NOTHING_TO_UNDO,
        ),
        ("asked to undo a success", Phase.SUCCEEDED, {"meta": ROLLBACK}, Phase.SUCCEEDED, Reason.NOTHING_TO_UNDO),
    ],
)
def test_what_follows(why: str, phase: Phase, known: dict[str, Any], after: Phase, reason: Reason) -> None:
    status = step(view(phase, **known)).status
    assert status is not None, why
    assert (status.phase, status.reason) == (after, reason), why


@g.table(
    ("why", "verdict", "consent", "reason", "outcome"),
    [
        ("no better", Verdict.NEUTRAL, LENIENT, Reason.NO_IMPROVEMENT, Outcome.FAILED),
        ("worse", Verdict.DEGRADED, LENIENT, Reason.NOTHING_TO_UNDO, Outcome.FAILED),
        ("not measurable", Verdict.INCONCLUSIVE, LENIENT, Reason.INCONCLUSIVE, Outcome.UNMEASURED),
        (
            "not measurable, and nothing says hold",
            Verdict.INCONCLUSIVE,
            None,
            Reason.NOTHING_TO_UNDO,
            Outcome.UNMEASURED,
        ),
        ("no better, and the policies are gone", Verdict.NEUTRAL, None, Reason.NOTHING_TO_UNDO, Outcome.FAILED),
    ],
)
def test_what_did_not_help_fails_as_ever(
    why: str, verdict: Verdict, consent: Any, reason: Reason, outcome: Outcome
) -> None:
    watched = {"watch_started_at": g.NOW - 15 * MINUTE, "applied_at": g.NOW}
    seen = (Comparison(name="c0", verdict=verdict, message="m"),)
    now = view(Phase.MONITORING, status=watched, states=ALL, comparisons=seen, consent=consent)
    status = step(now).status
    assert status is not None, why
    assert (status.phase, status.reason, status.verdict) == (Phase.FAILED, reason, verdict), why
    assert outcome_of(now.intervention.model_copy(update={"status": status})) is outcome


def test_an_end_midway_says_why_and_how_far_it_went_and_a_persons_stop_teaches_nothing() -> None:
    now = view(Phase.APPLYING, states=ONE, meta=ABORT)
    status = step(now).status
    assert status is not None
    assert status.message == "Aborted: wrong service; 1 of 3 pods were replaced; there is nothing to put back"
    assert status.undo == Undo(reason="Aborted", message="wrong service", started_at=g.NOW)
    assert outcome_of(now.intervention.model_copy(update={"status": status})) is Outcome.NOTHING


def test_late_because_of_a_budget_it_names_the_budget() -> None:
    status = step(view(Phase.APPLYING, states=ONE, status={"postponement": WAITING}, **LATE)).status
    assert status is not None
    assert "pdb orders says no" in status.message


def test_a_refusal_for_now_is_recorded_and_is_no_move() -> None:
    now = view(Phase.APPLYING, states=ONE, postponed="pdb orders says no")
    status = step(now).status
    assert status is not None
    assert (status.phase, status.timeline) == (Phase.APPLYING, ())
    assert status.postponement == WAITING.model_copy(update={"next_attempt_at": g.NOW + 2 * SECOND})


def test_it_is_said_once_that_a_success_cannot_be_undone_and_the_end_keeps_its_time() -> None:
    ended = {"completed_at": g.NOW - MINUTE, "verdict": Verdict.IMPROVED}
    now = view(Phase.SUCCEEDED, meta=ROLLBACK, status=ended)
    status = step(now).status
    assert status is not None
    assert status.completed_at == g.NOW - MINUTE
    told = now.intervention.model_copy(update={"status": status})
    assert outcome_of(told) is Outcome.HELPED
    assert step(replace(now, intervention=told)).status is None


def test_a_lease_has_no_hold_on_what_cannot_be_undone() -> None:
    hour = timedelta(hours=1)
    leased = {"watch_started_at": g.NOW - 15 * MINUTE, "applied_at": g.NOW, "lease": hour}
    seen = (Comparison(name="c0", verdict=Verdict.IMPROVED, message="m"),)
    consent = replace(LENIENT, lease=hour)
    status = step(view(Phase.MONITORING, status=leased, states=ALL, comparisons=seen, consent=consent)).status
    assert status is not None
    assert (status.phase, status.lease_until) == (Phase.SUCCEEDED, None)
