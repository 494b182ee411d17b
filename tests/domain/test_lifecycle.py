"""The life of an Intervention: each move as a row, and what holds of every step whatever is known."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import Annotation, format_time
from vanguard.api.intervention import (
    CommitPurpose,
    CommitRecord,
    Comparison,
    InterventionStatus,
    Phase,
    Transition,
    Undo,
    Verdict,
)
from vanguard.api.reasons import Reason
from vanguard.domain import undoing
from vanguard.domain.change import StepState
from vanguard.domain.decision.chain import Outcome
from vanguard.domain.lifecycle import BASELINE_DEADLINE, EXPIRY, moved, step
from vanguard.domain.phases import DECIDING, IN_FLIGHT, TERMINAL, TRANSITIONS
from vanguard.domain.undoing import Tried
from vanguard.domain.view import NOTHING, Next, View, Write

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
CHANGE = g.change()  # a ConfigMap key, then a restart: two steps
ARRIVING, LEAVING = StepState.ARRIVING, StepState.LEAVING
PRISTINE, APPLIED, DRIFTED, GONE = StepState.PRISTINE, StepState.APPLIED, StepState.DRIFTED, StepState.GONE
UNDO = Undo(reason="Degraded", message="latency", started_at=g.NOW)
RESTORED = UNDO.model_copy(update={"restored_at": g.NOW})
ABORT = {"annotations": {Annotation.ABORT: "wrong service"}}
ROLLBACK = {"annotations": {Annotation.ROLLBACK: "we changed our mind"}}
DELETED = {"deletionTimestamp": format_time(g.NOW)}
LENIENT = g.consent(actions=g.acting(rollback="BestEffort", onInconclusive="Hold"))


def compared(*verdicts: Verdict) -> tuple[Comparison, ...]:
    return tuple(Comparison(name=f"c{i}", verdict=verdict, message="m") for i, verdict in enumerate(verdicts))


STATUS: dict[Phase, dict[str, Any]] = {
    Phase.PENDING: {},
    Phase.AWAITING_APPROVAL: {},
    Phase.BASELINING: {"started_at": g.NOW},
    Phase.APPLYING: {"started_at": g.NOW, "change": CHANGE},
    Phase.MONITORING: {
        "started_at": g.NOW,
        "change": CHANGE,
        "applied_at": g.NOW,
        "watch_started_at": g.NOW - 5 * MINUTE,
    },
    Phase.ROLLING_BACK: {"started_at": g.NOW, "change": CHANGE, "applied_at": g.NOW, "undo": UNDO},
    Phase.SUCCEEDED: {"change": CHANGE, "applied_at": g.NOW, "verdict": Verdict.IMPROVED, "completed_at": g.NOW},
}
KNOWN: dict[Phase, dict[str, Any]] = {
    Phase.PENDING: {"decision": g.decision(Outcome.ADMIT)},
    Phase.AWAITING_APPROVAL: {"decision": g.decision(Outcome.ADMIT)},
    Phase.BASELINING: {
        "decision": g.decision(Outcome.ADMIT),
        "change": CHANGE,
        "baseline": g.period(),
        "guarded": True,
    },
    Phase.APPLYING: {"states": (PRISTINE, PRISTINE), "untouched": (True, True)},
    Phase.MONITORING: {"states": (APPLIED, APPLIED), "comparisons": compared(Verdict.IMPROVED)},
    Phase.ROLLING_BACK: {"states": (APPLIED, APPLIED)},
}


def view(
    phase: Phase, *, meta: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **known: Any
) -> View:
    """What is known in a phase where all goes well; a test changes what it is about."""
    recorded = STATUS.get(phase, {}) | (status or {}) | {"phase": phase}
    iv = g.intervention(meta=meta, **recorded)
    usual: dict[str, Any] = {"now": g.NOW, "intervention": iv, "pattern": g.pattern()}
    return View(**(usual | KNOWN.get(phase, {}) | known))


HARM = (
    Comparison(
        name="c0", verdict=Verdict.DEGRADED, p_value=Decimal("0.0001"), delta=Decimal("0.9"), samples=20, message="m"
    ),
)
WATCHED = {"watch_started_at": g.NOW - 15 * MINUTE}
WAITS = g.decision(Outcome.WAIT, Reason.WINDOW_CLOSED, next_open=g.NOW + HOUR)
ASKS = g.decision(Outcome.ASK, Reason.APPROVAL_REQUIRED)
OTHER_PATTERN = g.pattern(generation=4)

# phase, the case, what differs, the phase that follows (None: nothing does), its reason
MOVES: list[tuple[Phase, str, dict[str, Any], Phase | None, str]] = [
    (Phase.PENDING, "admitted", {}, Phase.BASELINING, "Admitted"),
    (Phase.PENDING, "nothing decided", {"decision": None}, None, ""),
    (Phase.APPLYING, "no record of a change", {"status": {"change": None}}, Phase.FAILED, "RecordMissing"),
    (Phase.MONITORING, "no record of a change", {"status": {"change": None}}, Phase.FAILED, "RecordMissing"),
    (Phase.ROLLING_BACK, "no record of a change", {"status": {"change": None}}, Phase.FAILED, "RecordMissing"),
    (Phase.ROLLING_BACK, "no record of why", {"status": {"undo": None}}, Phase.FAILED, "RecordMissing"),
    (
        Phase.MONITORING,
        "deleted, with no record of a change",
        {"meta": DELETED, "status": {"change": None}},
        Phase.FAILED,
        "RecordMissing",
    ),
    (Phase.PENDING, "held", {"decision": WAITS}, Phase.PENDING, "WindowClosed"),
    (Phase.PENDING, "a person is asked", {"decision": ASKS}, Phase.AWAITING_APPROVAL, "ApprovalRequired"),
    (
        Phase.PENDING,
        "refused",
        {"decision": g.decision(Outcome.REFUSE, Reason.ALERT_RESOLVED)},
        Phase.REJECTED,
        "AlertResolved",
    ),
    (
        Phase.PENDING,
        "only watching",
        {"decision": g.decision(Outcome.SHADOW, Reason.WOULD_ACT)},
        Phase.OBSERVED,
        "WouldAct",
    ),
    (Phase.PENDING, "aborted", {"meta": ABORT}, Phase.REJECTED, "Aborted"),
    (Phase.PENDING, "deleted", {"meta": DELETED}, Phase.REJECTED, "DeletedInFlight"),
    (
        Phase.PENDING,
        "held for a day",
        {"decision": WAITS, "meta": {"creationTimestamp": format_time(g.NOW - EXPIRY)}},
        Phase.REJECTED,
        "Expired",
    ),
    (Phase.AWAITING_APPROVAL, "approved", {}, Phase.BASELINING, "Admitted"),
    (Phase.AWAITING_APPROVAL, "held meanwhile", {"decision": WAITS}, Phase.PENDING, "WindowClosed"),
    (
        Phase.AWAITING_APPROVAL,
        "denied",
        {"decision": g.decision(Outcome.REFUSE, Reason.APPROVAL_DENIED)},
        Phase.REJECTED,
        "ApprovalDenied",
    ),
    (
        Phase.AWAITING_APPROVAL,
        "unanswered for a day",
        {"decision": ASKS, "meta": {"creationTimestamp": format_time(g.NOW - EXPIRY)}},
        Phase.REJECTED,
        "Expired",
    ),
    (Phase.AWAITING_APPROVAL, "aborted", {"meta": ABORT}, Phase.REJECTED, "Aborted"),
    (Phase.AWAITING_APPROVAL, "deleted", {"meta": DELETED}, Phase.REJECTED, "DeletedInFlight"),
    (Phase.BASELINING, "all is ready", {}, Phase.APPLYING, "ChangeRecorded"),
    (Phase.BASELINING, "a deletion would not wait", {"guarded": False}, None, ""),
    (Phase.BASELINING, "no baseline", {"baseline": None}, None, ""),
    (Phase.BASELINING, "no change", {"change": None}, None, ""),
    (Phase.BASELINING, "nothing decided", {"decision": None}, None, ""),
    (Phase.BASELINING, "a gate closed", {"decision": WAITS}, None, ""),
    (
        Phase.BASELINING,
        "a gate closed for good",
        {"decision": g.decision(Outcome.REFUSE, Reason.TARGET_MISSING)},
        Phase.REJECTED,
        "TargetMissing",
    ),
    (
        Phase.BASELINING,
        "lowered to watching",
        {"decision": g.decision(Outcome.SHADOW, Reason.WOULD_ACT)},
        Phase.REJECTED,
        "WouldAct",
    ),
    (Phase.BASELINING, "lowered to asking", {"decision": ASKS}, Phase.REJECTED, "ApprovalRequired"),
    (
        Phase.BASELINING,
        "no baseline in time",
        {"baseline": None, "status": {"started_at": g.NOW - BASELINE_DEADLINE}},
        Phase.REJECTED,
        "BaselineUnavailable",
    ),
    (Phase.BASELINING, "aborted", {"meta": ABORT}, Phase.REJECTED, "Aborted"),
    (Phase.BASELINING, "deleted", {"meta": DELETED}, Phase.REJECTED, "DeletedInFlight"),
    (Phase.APPLYING, "the server does not answer", {"states": None}, None, ""),
    (Phase.APPLYING, "all written", {"states": (APPLIED, APPLIED)}, Phase.APPLYING, "RolloutUnderway"),
    (
        Phase.APPLYING,
        "rolling out",
        {"states": (APPLIED, APPLIED), "status": {"applied_at": g.NOW}},
        None,
        "",
    ),
    (
        Phase.APPLYING,
        "rolled out",
        {"states": (APPLIED, APPLIED), "status": {"applied_at": g.NOW}, "rolled_out": True},
        Phase.MONITORING,
        "Watching",
    ),
    (
        Phase.APPLYING,
        "not rolled out in time",
        {"states": (APPLIED, APPLIED), "status": {"applied_at": g.NOW}, "now": g.NOW + 10 * MINUTE},
        Phase.ROLLING_BACK,
        "RolloutFailed",
    ),
    (Phase.APPLYING, "changed by another before", {"states": (DRIFTED, PRISTINE)}, Phase.REJECTED, "TargetChanged"),
    (
        Phase.APPLYING,
        "changed by another and changed back",
        {"untouched": (False, True)},
        Phase.REJECTED,
        "TargetChanged",
    ),
    (
        Phase.APPLYING,
        "the second step changed by another",
        {"states": (APPLIED, DRIFTED)},
        Phase.ROLLING_BACK,
        "TargetChanged",
    ),
    (
        Phase.APPLYING,
        "the first step reverted by another",
        {"states": (PRISTINE, APPLIED), "untouched": (False, False)},
        Phase.ROLLING_BACK,
        "TargetChanged",
    ),
    (
        Phase.APPLYING,
        "changed by another after our write landed",
        {"states": (DRIFTED, PRISTINE), "marked": True},
        Phase.ROLLING_BACK,
        "TargetChanged",
    ),
    (
        Phase.APPLYING,
        "aborted after our write was changed",
        {"meta": ABORT, "states": (DRIFTED, PRISTINE), "marked": True},
        Phase.ROLLING_BACK,
        "Aborted",
    ),
    (Phase.APPLYING, "the target is gone", {"states": (GONE, GONE)}, Phase.FAILED, "TargetGone"),
    (Phase.APPLYING, "refused by the server", {"refusal": "no right"}, Phase.REJECTED, "ApplyFailed"),
    (
        Phase.APPLYING,
        "the second step refused",
        {"refusal": "no right", "states": (APPLIED, PRISTINE)},
        Phase.ROLLING_BACK,
        "ApplyFailed",
    ),
    (Phase.APPLYING, "not written in time", {"now": g.NOW + 10 * MINUTE}, Phase.REJECTED, "ApplyFailed"),
    (Phase.APPLYING, "aborted before the first write", {"meta": ABORT}, Phase.REJECTED, "Aborted"),
    (
        Phase.APPLYING,
        "aborted between two writes",
        {"meta": ABORT, "states": (APPLIED, PRISTINE)},
        Phase.ROLLING_BACK,
        "Aborted",
    ),
    (Phase.APPLYING, "deleted before the first write", {"meta": DELETED}, Phase.REJECTED, "DeletedInFlight"),
    (
        Phase.APPLYING,
        "deleted after the writes",
        {"meta": DELETED, "states": (APPLIED, APPLIED)},
        Phase.ROLLING_BACK,
        "DeletedInFlight",
    ),
    (Phase.MONITORING, "the server does not answer", {"states": None}, None, ""),
    (Phase.MONITORING, "nothing measured, it is not due", {"comparisons": None}, None, ""),
    (Phase.MONITORING, "better", {"status": WATCHED}, Phase.SUCCEEDED, "Improved"),
    (
        Phase.MONITORING,
        "no better",
        {"status": WATCHED, "comparisons": compared(Verdict.NEUTRAL)},
        Phase.ROLLING_BACK,
        "NoImprovement",
    ),
    (
        Phase.MONITORING,
        "no better, leniently",
        {"status": WATCHED, "comparisons": compared(Verdict.NEUTRAL), "consent": LENIENT},
        Phase.FAILED,
        "NoImprovement",
    ),
    (
        Phase.MONITORING,
        "worse",
        {"status": WATCHED, "comparisons": compared(Verdict.DEGRADED)},
        Phase.ROLLING_BACK,
        "Degraded",
    ),
    (
        Phase.MONITORING,
        "worse, leniently",
        {"status": WATCHED, "comparisons": compared(Verdict.DEGRADED), "consent": LENIENT},
        Phase.ROLLING_BACK,
        "Degraded",
    ),
    (
        Phase.MONITORING,
        "better, but a guard got worse",
        {"status": WATCHED, "comparisons": compared(Verdict.IMPROVED, Verdict.DEGRADED)},
        Phase.ROLLING_BACK,
        "Degraded",
    ),
    (
        Phase.MONITORING,
        "a guard could not be measured",
        {"status": WATCHED, "comparisons": compared(Verdict.IMPROVED, Verdict.INCONCLUSIVE)},
        Phase.ROLLING_BACK,
        "Inconclusive",
    ),
    (
        Phase.MONITORING,
        "it could not be measured, and the policy holds",
        {"status": WATCHED, "comparisons": compared(Verdict.INCONCLUSIVE), "consent": LENIENT},
        Phase.FAILED,
        "Inconclusive",
    ),
    (
        Phase.MONITORING,
        "no series compared",
        {"status": WATCHED, "comparisons": ()},
        Phase.ROLLING_BACK,
        "Inconclusive",
    ),
    (Phase.MONITORING, "Prometheus is silent at the end", {"status": WATCHED, "comparisons": None}, None, ""),
    (
        Phase.MONITORING,
        "Prometheus stays silent",
        {"status": WATCHED, "comparisons": None, "now": g.NOW + 2 * MINUTE},
        Phase.ROLLING_BACK,
        "Inconclusive",
    ),
    (Phase.MONITORING, "the pattern is gone", {"pattern": None}, Phase.ROLLING_BACK, "Inconclusive"),
    (Phase.MONITORING, "the pattern was edited", {"pattern": OTHER_PATTERN}, Phase.ROLLING_BACK, "Inconclusive"),
    (
        Phase.MONITORING,
        "somebody changed it, hands off",
        {"states": (DRIFTED, APPLIED)},
        Phase.FAILED,
        "TargetDrifted",
    ),
    (
        Phase.MONITORING,
        "somebody changed it back, hands off",
        {"states": (PRISTINE, APPLIED)},
        Phase.FAILED,
        "TargetDrifted",
    ),
    (Phase.MONITORING, "the target is gone", {"states": (GONE, GONE)}, Phase.FAILED, "TargetGone"),
    (Phase.MONITORING, "aborted", {"meta": ABORT}, Phase.ROLLING_BACK, "Aborted"),
    (Phase.MONITORING, "deleted", {"meta": DELETED}, Phase.ROLLING_BACK, "DeletedInFlight"),
    (Phase.MONITORING, "undo asked for", {"meta": ROLLBACK}, Phase.ROLLING_BACK, "RollbackRequested"),
    (
        Phase.MONITORING,
        "aborted while the server does not answer",
        {"meta": ABORT, "states": None},
        Phase.ROLLING_BACK,
        "Aborted",
    ),
    (
        Phase.APPLYING,
        "committed, and on its way",
        {"states": (ARRIVING,), "untouched": (False,), "marked": True},
        None,
        "",
    ),
    (
        Phase.APPLYING,
        "committed, and not carried on in time",
        {"states": (ARRIVING,), "untouched": (False,), "marked": True, "now": g.NOW + 10 * MINUTE},
        Phase.ROLLING_BACK,
        "NotSynced",
    ),
    (
        Phase.APPLYING,
        "committed, and stopped on its way",
        {"states": (ARRIVING,), "untouched": (False,), "marked": True, "meta": ABORT},
        Phase.ROLLING_BACK,
        "Aborted",
    ),
    (
        Phase.APPLYING,
        "committed, and reverted on its way",
        {"states": (LEAVING,), "untouched": (False,), "marked": True, "reverted": True},
        Phase.ROLLING_BACK,
        "ExternallyReverted",
    ),
    (
        Phase.MONITORING,
        "our commit reverted, the object still as we left it",
        {"states": (LEAVING,), "reverted": True},
        Phase.FAILED,
        "ExternallyReverted",
    ),
    (
        Phase.ROLLING_BACK,
        "the undoing committed, and on its way",
        {"states": (LEAVING,), "rolled_out": True, "status": {"undo": RESTORED}},
        None,
        "",
    ),
    (
        Phase.ROLLING_BACK,
        "the undoing committed, and not carried on in time",
        {
            "states": (LEAVING,),
            "rolled_out": True,
            "status": {"undo": RESTORED},
            "now": g.NOW + 10 * MINUTE,
        },
        Phase.FAILED,
        "UndoFailed",
    ),
    (Phase.ROLLING_BACK, "the server does not answer", {"states": None}, None, ""),
    (
        Phase.ROLLING_BACK,
        "restored, rolling out",
        {"states": (PRISTINE, PRISTINE), "status": {"undo": RESTORED}},
        None,
        "",
    ),
    (
        Phase.ROLLING_BACK,
        "restored late, its rollout has the whole time",
        {
            "states": (PRISTINE, PRISTINE),
            "status": {"undo": RESTORED.model_copy(update={"restored_at": g.NOW + 20 * MINUTE})},
            "now": g.NOW + 25 * MINUTE,
        },
        None,
        "",
    ),
    (
        Phase.ROLLING_BACK,
        "restored and rolled out",
        {"states": (PRISTINE, PRISTINE), "rolled_out": True},
        Phase.ROLLED_BACK,
        "Restored",
    ),
    (
        Phase.ROLLING_BACK,
        "restored, not rolled out in time",
        {"states": (PRISTINE, PRISTINE), "status": {"undo": RESTORED}, "now": g.NOW + 10 * MINUTE},
        Phase.FAILED,
        "UndoFailed",
    ),
    (Phase.ROLLING_BACK, "somebody changed it", {"states": (DRIFTED, APPLIED)}, Phase.FAILED, "TargetDrifted"),
    (Phase.ROLLING_BACK, "the target is gone", {"states": (GONE, APPLIED)}, Phase.FAILED, "TargetGone"),
    (
        Phase.ROLLING_BACK,
        "refused before, and the pause is not over",
        {"status": {"undo": UNDO.model_copy(update={"attempts": 1, "next_attempt_at": g.NOW + MINUTE})}},
        None,
        "",
    ),
    (
        Phase.MONITORING,
        "somebody put the old values back",
        {"states": (PRISTINE, APPLIED), "reverted": True},
        Phase.FAILED,
        "ExternallyReverted",
    ),
    (
        Phase.APPLYING,
        "somebody put the old values back during the rollout",
        {
            "states": (PRISTINE, APPLIED),
            "untouched": (False, False),
            "reverted": True,
            "status": {"applied_at": g.NOW},
        },
        Phase.ROLLING_BACK,
        "ExternallyReverted",
    ),
    (Phase.MONITORING, "crash loop", {"unhealthy": "crash loop in a"}, Phase.ROLLING_BACK, "TargetUnhealthy"),
    (
        Phase.MONITORING,
        "clear harm at two looks",
        {"status": {"comparisons": HARM}, "comparisons": HARM},
        Phase.ROLLING_BACK,
        "DegradedEarly",
    ),
    (
        Phase.ROLLING_BACK,
        "refused by the server to the end",
        {
            "refusal": "no right",
            "now": g.NOW + 10 * MINUTE,
            "status": {"undo": UNDO.model_copy(update={"attempts": 4})},
        },
        Phase.FAILED,
        "UndoFailed",
    ),
    (
        Phase.ROLLING_BACK,
        "aborted while undone",
        {"meta": ABORT, "states": (PRISTINE, PRISTINE), "rolled_out": True},
        Phase.ROLLED_BACK,
        "Restored",
    ),
    (
        Phase.ROLLING_BACK,
        "deleted while undone",
        {"meta": DELETED, "states": (PRISTINE, PRISTINE), "rolled_out": True},
        Phase.ROLLED_BACK,
        "Restored",
    ),
    (Phase.SUCCEEDED, "kept", {}, None, ""),
    (Phase.SUCCEEDED, "undo asked for", {"meta": ROLLBACK}, Phase.ROLLING_BACK, "RollbackRequested"),
    (
        Phase.ROLLING_BACK,
        "made again after it was undone",
        {"status": {"undo": RESTORED}},
        Phase.FAILED,
        "TargetDrifted",
    ),
    (
        Phase.ROLLING_BACK,
        "met by somebody else's writes to the end",
        {
            "tried": Tried(0, inverse=True, missed="test failed"),
            "now": g.NOW + 10 * MINUTE,
            "status": {"undo": UNDO.model_copy(update={"attempts": 4})},
        },
        Phase.FAILED,
        "UndoFailed",
    ),
    (Phase.SUCCEEDED, "aborted too late", {"meta": ABORT}, None, ""),
    (Phase.SUCCEEDED, "deleted", {"meta": DELETED}, None, ""),
    *(
        (phase, case, {"meta": meta, "states": (APPLIED, APPLIED)}, None, "")
        for phase in sorted(TERMINAL - {Phase.SUCCEEDED})
        for case, meta in (("over", {}), ("aborted", ABORT), ("undo asked for", ROLLBACK), ("deleted", DELETED))
    ),
]


@pytest.mark.parametrize(
    ("phase", "case", "differing", "following", "reason"), MOVES, ids=[f"{row[0]}: {row[1]}" for row in MOVES]
)
def test_what_follows(phase: Phase, case: str, differing: dict[str, Any], following: Phase | None, reason: str) -> None:
    after = step(view(phase, **differing))
    assert after.effect is None, case
    if following is None:
        assert after == NOTHING
    else:
        assert after.status is not None
        assert (after.status.phase, after.status.reason) == (following, reason), after.status.message
        assert after.status.timeline[-1].phase is following
        assert InterventionStatus.model_validate(after.status.wire()) == after.status


def test_every_move_in_the_table_of_transitions_is_made_by_a_row() -> None:
    made = {
        (phase, following) for phase, _, _, following, _ in MOVES if following is not None and following is not phase
    }
    known = {(phase, following) for phase, several in TRANSITIONS.items() for following in several}
    unmade = known - made
    assert unmade == {(Phase.AWAITING_APPROVAL, Phase.OBSERVED)}, "both waiting phases decide alike"
    assert made <= known


# ------------------------------------------------------------------ effects


@g.table(
    ("why", "phase", "differing", "effect"),
    [
        ("the first step first", Phase.APPLYING, {}, Write(0, inverse=False)),
        ("then the second", Phase.APPLYING, {"states": (APPLIED, PRISTINE)}, Write(1, inverse=False)),
        (
            "the second, though the first object moved on since",
            Phase.APPLYING,
            {"states": (APPLIED, PRISTINE), "untouched": (False, True)},
            Write(1, inverse=False),
        ),
        ("just before the deadline", Phase.APPLYING, {"now": g.NOW + 10 * MINUTE - SECOND}, Write(0, inverse=False)),
        ("undo begins at the first", Phase.ROLLING_BACK, {}, Write(0, inverse=True)),
        ("and goes on", Phase.ROLLING_BACK, {"states": (PRISTINE, APPLIED)}, Write(1, inverse=True)),
        ("undo of half a change", Phase.ROLLING_BACK, {"states": (APPLIED, PRISTINE)}, Write(0, inverse=True)),
        ("undo though aborted", Phase.ROLLING_BACK, {"meta": ABORT}, Write(0, inverse=True)),
        ("undo though deleted", Phase.ROLLING_BACK, {"meta": DELETED}, Write(0, inverse=True)),
    ],
)
def test_what_is_written(why: str, phase: Phase, differing: dict[str, Any], effect: Write) -> None:
    assert step(view(phase, **differing)) == Next(effect=effect), why


# ------------------------------------------------------------------ what is recorded


def recorded(after: Next) -> InterventionStatus:
    assert after.status is not None
    return after.status


def test_the_change_and_its_baseline_are_recorded_before_the_first_write() -> None:
    status = recorded(step(view(Phase.BASELINING)))
    assert (status.change, status.baseline) == (CHANGE, g.period())
    assert status.applied_at is None


def test_admission_is_recorded_with_the_time_that_counts_against_budgets() -> None:
    status = recorded(step(view(Phase.PENDING, consent=g.consent())))
    assert (status.started_at, status.decided_at, status.policies) == (g.NOW, g.NOW, ("orders",))
    assert status.gates == g.decision(Outcome.ADMIT).gates


def test_a_wait_is_recorded_with_when_it_opens_and_not_again_while_the_answers_are_the_same() -> None:
    first = recorded(step(view(Phase.PENDING, decision=WAITS)))
    assert first.next_open == g.NOW + HOUR
    again = view(Phase.PENDING, decision=WAITS, status=dict(first), now=g.NOW + MINUTE)
    assert step(again) == NOTHING


def test_a_wait_is_recorded_anew_when_the_answers_differ() -> None:
    first = recorded(step(view(Phase.PENDING, decision=WAITS)))
    other = g.decision(Outcome.WAIT, Reason.FROZEN)
    assert recorded(step(view(Phase.PENDING, decision=other, status=dict(first)))).reason == "Frozen"


def test_a_wait_for_the_same_reason_is_recorded_anew_when_another_gate_answers_differently() -> None:
    first = recorded(step(view(Phase.PENDING, decision=WAITS)))
    other = replace(WAITS, gates=(*WAITS.gates, *g.decision(Outcome.WAIT, Reason.FROZEN).gates))
    assert recorded(step(view(Phase.PENDING, decision=other, status=dict(first)))).gates == other.gates


def test_measurements_of_a_watch_are_recorded_without_a_transition() -> None:
    before = view(Phase.MONITORING)
    status = recorded(step(before))
    assert (status.phase, status.comparisons, status.measured_at) == (
        Phase.MONITORING,
        compared(Verdict.IMPROVED),
        g.NOW,
    )
    assert status.timeline == before.status.timeline


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_verdict_and_what_it_was_made_of_are_recorded(verdict: Verdict) -> None:
    status = recorded(step(view(Phase.MONITORING, status=WATCHED, comparisons=compared(verdict))))
    assert (status.verdict, status.comparisons) == (verdict, compared(verdict))


def test_an_undo_records_why_and_since_when() -> None:
    undo = recorded(step(view(Phase.MONITORING, meta=ABORT))).undo
    assert undo == Undo(reason="Aborted", message="wrong service", started_at=g.NOW)


def test_what_the_repository_holds_of_ours_is_recorded_at_the_next_move() -> None:
    seen = CommitRecord(purpose=CommitPurpose.CHANGE, repository="deploy", sha="abc", at=g.NOW)
    audit = CommitRecord(purpose=CommitPurpose.AUDIT, repository="record", at=g.NOW)
    known = seen.model_copy(update={"at": g.NOW - HOUR})
    asked = {"meta": ABORT, "commits": (seen,)}
    assert recorded(step(view(Phase.MONITORING, **asked))).commits == (seen,)
    before = {"commits": (audit, known)}
    assert recorded(step(view(Phase.MONITORING, status=before, **asked))).commits == (audit, known)


def test_an_undo_after_success_is_no_longer_complete() -> None:
    status = recorded(step(view(Phase.SUCCEEDED, meta=ROLLBACK)))
    assert status.completed_at is None
    assert status.undo is not None


def test_a_deletion_speaks_before_an_annotation() -> None:
    assert view(Phase.PENDING, meta=ABORT | DELETED).stop == (
        Reason.DELETED_IN_FLIGHT,
        Reason.DELETED_IN_FLIGHT.sentence,
    )


@pytest.mark.parametrize(
    ("said", "told"), [("", Reason.ABORTED.sentence), ("x" * 5000, "x" * 900), ("because", "because")]
)
def test_the_reason_a_person_gave_is_kept_at_a_length_that_fits(said: str, told: str) -> None:
    assert view(Phase.PENDING, meta={"annotations": {Annotation.ABORT: said}}).stop == (Reason.ABORTED, told)


def test_the_timeline_keeps_the_last_twenty_four_entries() -> None:
    old = tuple(
        Transition(at=g.NOW, phase=Phase.PENDING, reason="WindowClosed", message=str(number)) for number in range(24)
    )
    status = recorded(step(view(Phase.PENDING, status={"timeline": old})))
    assert [entry.message for entry in status.timeline] == [str(n) for n in range(1, 24)] + [Reason.ADMITTED.sentence]


def test_a_move_that_is_not_in_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match="no transition from Pending to Applying"):
        moved(view(Phase.PENDING), Phase.APPLYING, Reason.ADMITTED)


# ------------------------------------------------------------------ whatever is known

ANY_PHASE = st.sampled_from(Phase)
META: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {}, {}, ABORT, ROLLBACK, DELETED, ABORT | DELETED])
REASONS = st.sampled_from(Reason)
STATES = st.one_of(st.none(), st.tuples(st.sampled_from(StepState), st.sampled_from(StepState)))
AGO = st.integers(0, 3 * 24 * 3600).map(lambda seconds: g.NOW - timedelta(seconds=seconds))


@st.composite
def views(draw: st.DrawFn, phases: st.SearchStrategy[Phase] = ANY_PHASE) -> View:
    """Anything that may be known in a phase, and much that never would be."""
    phase = draw(phases)
    maybe = {
        "started_at": AGO,
        "change": st.just(CHANGE),
        "applied_at": AGO,
        "watch_started_at": AGO,
        "undo": AGO.map(lambda at: UNDO.model_copy(update={"started_at": at})),
        "verdict": st.sampled_from(Verdict),
        "baseline": st.just(g.period()),
    }
    status = {name: draw(value) for name, value in maybe.items() if draw(st.booleans())}
    if phase in IN_FLIGHT and draw(st.integers(0, 9)):
        status = STATUS[phase] | status
    if "change" in status:
        status["change"] = CHANGE.model_copy(update={"taken_at": draw(AGO), "rollout": draw(st.booleans())})
    return View(
        now=g.NOW + timedelta(seconds=draw(st.integers(-3600, 3 * 3600))),
        intervention=g.intervention(phase, meta=draw(META), **status),
        pattern=draw(st.sampled_from([g.pattern(), g.pattern(), OTHER_PATTERN, None])),
        consent=draw(st.sampled_from([None, g.consent(), LENIENT])),
        decision=draw(st.one_of(st.none(), st.builds(g.decision, st.sampled_from(Outcome), REASONS))),
        change=draw(st.sampled_from([None, CHANGE])),
        baseline=draw(st.sampled_from([None, g.period()])),
        comparisons=draw(
            st.one_of(st.none(), st.lists(st.sampled_from(Verdict), max_size=3).map(lambda some: compared(*some)))
        ),
        states=draw(STATES),
        untouched=draw(st.tuples(st.booleans(), st.booleans())),
        marked=draw(st.booleans()),
        rolled_out=draw(st.booleans()),
        refusal=draw(st.sampled_from(["", "", "no right"])),
        guarded=draw(st.booleans()),
    )


@given(views())
@settings(max_examples=120)
def test_only_known_moves_are_made_and_every_record_is_whole(view: View) -> None:
    after = step(view)
    assert after.status is None or after.effect is None
    if after.status is not None:
        assert after.status.phase in TRANSITIONS[view.status.phase] | {view.status.phase}
        assert InterventionStatus.model_validate(after.status.wire()).phase is after.status.phase
        if after.status.timeline != view.status.timeline:
            assert after.status.timeline[-1].phase is after.status.phase
            assert (after.status.completed_at is not None) is (after.status.phase in TERMINAL)
            assert Reason(after.status.reason).sentence


@given(views())
@settings(max_examples=120)
def test_nothing_is_written_without_a_recorded_change_and_only_what_is_recorded(view: View) -> None:
    """I1: write-ahead. A restart between any two steps finds all it needs in the status."""
    effect = step(view).effect
    if effect is not None:
        assert view.status.change is not None
        assert 0 <= effect.index < len(view.status.change.restore_point)
        assert view.status.phase is (Phase.ROLLING_BACK if effect.inverse else Phase.APPLYING)
        assert not effect.inverse or view.status.undo is not None


@given(views(st.just(Phase.APPLYING)))
@settings(max_examples=120)
def test_a_step_is_made_only_on_an_object_that_was_never_touched(view: View) -> None:
    """I2: at most one act. What is applied, was reverted, or may have landed is not written again."""
    effect = step(view).effect
    if effect is not None:
        assert view.states is not None
        assert view.states[effect.index] is PRISTINE
        assert view.untouched[effect.index]
        assert all(state is APPLIED for state in view.states[: effect.index])
        assert GONE not in view.states
        assert not view.refusal


@given(views(st.just(Phase.ROLLING_BACK)))
@settings(max_examples=100)
def test_undo_writes_only_what_is_still_as_we_left_it(view: View) -> None:
    """I10: where somebody else changed a touched field, nothing is touched."""
    effect = step(view).effect
    if effect is not None:
        assert view.states is not None
        assert view.states[effect.index] in {APPLIED, ARRIVING}
        assert not {DRIFTED, GONE} & set(view.states)


@given(views(st.sampled_from(sorted(TERMINAL))))
@settings(max_examples=100)
def test_nothing_follows_an_end_unless_a_person_asks_to_undo_what_was_kept(view: View) -> None:
    after = step(view)
    asked = Annotation.ROLLBACK in view.intervention.metadata.annotations
    if view.status.phase is Phase.SUCCEEDED and asked and view.intervention.metadata.deletion_timestamp is None:
        assert recorded(after).phase is Phase.ROLLING_BACK
    else:
        assert after == NOTHING


@given(views(st.just(Phase.BASELINING)))
@settings(max_examples=100)
def test_a_change_is_recorded_only_when_guarded_measured_and_admitted(view: View) -> None:
    status = step(view).status
    if status is not None and status.phase is Phase.APPLYING:
        assert view.guarded
        assert view.baseline is not None
        assert view.decision is not None
        assert view.decision.outcome is Outcome.ADMIT
        assert (status.change, status.baseline) == (view.change, view.baseline)
        assert status.change is not None


@given(views(st.sampled_from(sorted(DECIDING | IN_FLIGHT))))
@settings(max_examples=120)
def test_a_persons_stop_wins_from_the_next_step_on(view: View) -> None:
    """I6: once it is stopped nothing goes forward, and what was made is undone."""
    if view.stop is None:
        return
    after = step(view)
    assert after.effect is None or after.effect.inverse
    if after.status is not None:
        assert after.status.phase in {Phase.REJECTED, Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED}


@given(views())
@settings(max_examples=120)
def test_success_needs_a_whole_watch_a_measurement_and_an_improvement(view: View) -> None:
    """I7: what could not be measured is no success."""
    after = step(view).status
    if after is not None and after.phase is Phase.SUCCEEDED:
        assert view.status.phase is Phase.MONITORING
        assert view.comparisons
        assert {one.verdict for one in view.comparisons} <= {Verdict.IMPROVED, Verdict.NEUTRAL}
        assert after.verdict is Verdict.IMPROVED
        assert view.status.watch_started_at is not None
        assert view.now - view.status.watch_started_at >= 15 * MINUTE
        assert view.states == (APPLIED, APPLIED)


@given(views(st.just(Phase.MONITORING)))
@settings(max_examples=100)
def test_a_watch_whose_target_somebody_changed_ends_with_hands_off(view: View) -> None:
    if view.stop is None and view.status.change and view.states is not None and set(view.states) != {APPLIED}:
        status = recorded(step(view))
        assert (status.phase, status.verdict) == (Phase.FAILED, Verdict.INCONCLUSIVE)
        assert status.reason in {Reason.TARGET_DRIFTED, Reason.TARGET_GONE, Reason.EXTERNALLY_REVERTED}


@given(views(st.sampled_from(sorted(IN_FLIGHT - {Phase.BASELINING}))))
@settings(max_examples=100)
def test_what_is_not_known_of_the_objects_moves_nothing(view: View) -> None:
    blind = replace(view, states=None, refusal="")
    lacks = blind.status.change is None or (blind.status.phase is Phase.ROLLING_BACK and blind.status.undo is None)
    if lacks:
        assert recorded(step(blind)).reason == Reason.RECORD_MISSING
    elif blind.stop is None or blind.status.phase is Phase.ROLLING_BACK:
        assert step(blind) == NOTHING


@given(views(st.sampled_from(sorted(IN_FLIGHT))))
@settings(max_examples=120)
def test_an_act_that_was_made_is_never_recorded_as_refused(view: View) -> None:
    """I4: what was applied ends Succeeded, RolledBack or Failed; Rejected would say nothing was done."""
    after, applying = step(view).status, view.status.phase is not Phase.BASELINING
    certain = view.marked or view.status.applied_at is not None or APPLIED in (view.states or ())
    if after is not None and applying and certain:
        assert after.phase is not Phase.REJECTED


@pytest.mark.parametrize("states", [(GONE, GONE), (DRIFTED, DRIFTED), (PRISTINE, PRISTINE), (DRIFTED, GONE)], ids=str)
def test_a_change_lost_during_its_rollout_is_not_told_as_if_nothing_had_been_done(
    states: tuple[StepState, ...],
) -> None:
    lost = view(Phase.APPLYING, status={"applied_at": g.NOW}, states=states, untouched=(False, False))
    assert recorded(step(lost)).phase in {Phase.ROLLING_BACK, Phase.FAILED}


# ------------------------------------------------------------------ a whole life

HAPPENS = st.sampled_from(["look", "look", "look", "lost reply", "rolled out", "time", "meddle 0", "meddle 1", "abort"])


class Played:
    """A cluster as a step sees it: writes land on states, replies get lost, people meddle.

    Of an Intervention only its status is remembered, as if the operator were killed after every look.
    """

    def __init__(self, verdict: Verdict) -> None:
        self.status = view(Phase.APPLYING).status
        self.verdict, self.now, self.meta, self.rolled_out = verdict, g.NOW, dict[str, Any](), False
        self.states = [PRISTINE, PRISTINE]
        self.made, self.undone = [0, 0], [0, 0]

    def happen(self, what: str) -> None:
        if what == "time":
            self.now += MINUTE
        elif what == "rolled out":
            self.rolled_out = True
        elif what == "abort":
            self.meta = ABORT
        elif what.startswith("meddle"):
            self.states[int(what[-1])] = DRIFTED

    def look(self, *, recorded: bool = True) -> None:
        after = step(
            View(
                now=self.now,
                intervention=g.intervention(meta=self.meta).model_copy(update={"status": self.status}),
                pattern=g.pattern(),
                states=tuple(self.states),
                untouched=tuple(
                    state is PRISTINE and not made for state, made in zip(self.states, self.made, strict=True)
                ),
                marked=self.made != self.undone,
                rolled_out=self.rolled_out,
                comparisons=compared(self.verdict),
            )
        )
        if after.effect is not None:
            self.land(after.effect)
        elif after.status is not None and recorded:
            self.status = after.status

    def land(self, write: Write) -> None:
        count = self.undone if write.inverse else self.made
        count[write.index] += 1
        self.states[write.index] = PRISTINE if write.inverse else APPLIED
        self.rolled_out = False


@given(st.lists(HAPPENS, max_size=40), st.sampled_from(Verdict))
@settings(max_examples=60)
def test_whatever_happens_meanwhile_each_step_is_made_at_most_once_and_undone_at_most_once(
    happenings: list[str], verdict: Verdict
) -> None:
    played = Played(verdict)
    for what in [*happenings, *["look", "rolled out", "time"] * 20]:
        played.happen(what)
        played.look(recorded=what != "lost reply")
    made, undone = played.made, played.undone
    assert played.status.phase in TERMINAL
    assert max(made) <= 1
    assert max(undone) <= 1
    if played.status.phase is Phase.ROLLED_BACK:
        assert made == undone
    if played.status.phase is Phase.SUCCEEDED:
        assert (made, undone) == ([1, 1], [0, 0])
    if played.status.phase is Phase.REJECTED:
        assert made == [0, 0]


def test_an_operator_that_was_away_past_the_deadline_still_tries_to_undo() -> None:
    following = step(view(Phase.ROLLING_BACK, now=g.NOW + timedelta(hours=5)))
    assert following == Next(effect=Write(0, inverse=True))


@pytest.mark.parametrize(
    ("states", "phase"),
    [((PRISTINE, PRISTINE), Phase.REJECTED), ((APPLIED, PRISTINE), Phase.ROLLING_BACK)],
    ids=["before the first write", "between two writes"],
)
def test_what_a_person_or_the_calendar_forbids_since_the_decision_is_not_written(
    states: tuple[StepState, ...], phase: Phase
) -> None:
    following = step(view(Phase.APPLYING, states=states, held=(Reason.DISABLED_BY_ANNOTATION, "told to stop")))
    assert following.effect is None
    assert following.status is not None
    assert (following.status.phase, following.status.reason) == (phase, "DisabledByAnnotation")


def test_when_the_values_are_back_the_time_is_recorded_from_which_the_rollout_counts() -> None:
    following = step(view(Phase.ROLLING_BACK, states=(PRISTINE, PRISTINE)))
    assert following.status is not None
    assert following.status.phase is Phase.ROLLING_BACK
    assert following.status.undo == RESTORED


@pytest.mark.parametrize("phase", [Phase.APPLYING, Phase.MONITORING])
def test_a_change_that_may_not_be_looked_at_any_more_is_undone_as_far_as_it_can_be(phase: Phase) -> None:
    early = step(view(phase, states=None, refusal="no right to read"))
    late = step(view(phase, states=None, refusal="no right to read", now=g.NOW + timedelta(hours=5)))
    assert early.status is None
    assert late.status is not None
    assert (late.status.phase, late.status.reason) == (Phase.ROLLING_BACK, "ClusterUnreadable")


def test_an_undo_that_may_not_be_looked_at_is_tried_several_times_then_a_person_is_told() -> None:
    seen = view(Phase.ROLLING_BACK, states=None, refusal="no right to read", now=g.NOW + timedelta(hours=5))
    for _ in range(4):
        status = recorded(step(seen))
        assert (status.phase, status.undo is not None) == (Phase.ROLLING_BACK, True)
        seen = replace(
            seen,
            intervention=seen.intervention.model_copy(update={"status": status}),
            now=seen.now + timedelta(minutes=10),
        )
    last = recorded(step(seen))
    assert (last.phase, last.reason) == (Phase.FAILED, "UndoFailed")
    assert "no right to read" in last.message


@pytest.mark.parametrize("phase", [Phase.APPLYING, Phase.MONITORING])
def test_a_stop_is_heard_also_where_nothing_can_be_looked_at(phase: Phase) -> None:
    meta = {"annotations": {"vanguard.dev/abort": "now"}}
    assert recorded(step(view(phase, meta=meta, states=None, refusal="no right to read"))).reason == "Aborted"


@pytest.mark.parametrize(("phase", "reason"), [(Phase.APPLYING, "ClockSetBack"), (Phase.MONITORING, "Inconclusive")])
def test_a_clock_that_was_set_back_ends_what_is_in_place_and_a_slewed_one_does_not(phase: Phase, reason: str) -> None:
    entry = Transition(at=g.NOW, phase=phase, reason="Watching")
    known = {"status": {"timeline": (entry,)}, "marked": True, "comparisons": None}
    slewed = step(view(phase, now=g.NOW - timedelta(seconds=30), **known)).status
    assert slewed is None or slewed.reason != reason
    back = recorded(step(view(phase, now=g.NOW - timedelta(days=1), **known)))
    assert (back.phase, back.reason) == (Phase.ROLLING_BACK, reason)


def test_what_held_it_until_the_baselines_deadline_is_the_reason_it_is_refused_for() -> None:
    frozen = g.decision(Outcome.WAIT, Reason.FROZEN)
    seen = view(Phase.BASELINING, decision=frozen, now=g.NOW + timedelta(hours=5))
    assert recorded(step(seen)).reason == "Frozen"


@pytest.mark.parametrize("phase", [Phase.APPLYING, Phase.MONITORING, Phase.ROLLING_BACK])
def test_an_outage_of_the_server_is_waited_out(phase: Phase) -> None:
    assert step(view(phase, states=None, now=g.NOW + timedelta(hours=5))) == Next()


def test_clear_harm_at_one_look_is_only_recorded() -> None:
    after = step(view(Phase.MONITORING, comparisons=HARM)).status
    assert after is not None
    assert (after.phase, after.comparisons, after.undo) == (Phase.MONITORING, HARM, None)


def test_harm_that_is_clear_carries_its_figures() -> None:
    after = step(view(Phase.MONITORING, status={"comparisons": HARM}, comparisons=HARM)).status
    assert after is not None
    assert (after.verdict, after.comparisons) == (Verdict.DEGRADED, HARM)
    assert after.message == "c0: m"


@pytest.mark.parametrize("late", [0, 10])
def test_a_refused_undo_is_tried_again_after_growing_pauses(late: int) -> None:
    now, undo, pauses = g.NOW + late * MINUTE, UNDO, []
    for _ in range(4):
        after = step(view(Phase.ROLLING_BACK, status={"undo": undo}, refusal="no right", now=now)).status
        assert after is not None
        assert after.undo is not None
        assert (after.phase, after.undo.attempts) == (Phase.ROLLING_BACK, undo.attempts + 1)
        assert after.undo.next_attempt_at is not None
        pauses.append((after.undo.next_attempt_at - now).total_seconds())
        undo = after.undo
        early = view(Phase.ROLLING_BACK, status={"undo": undo}, now=after.undo.next_attempt_at - SECOND)
        assert step(early) == NOTHING
        again = view(Phase.ROLLING_BACK, status={"undo": undo}, now=after.undo.next_attempt_at)
        assert step(again).effect == Write(0, inverse=True)
    assert pauses == [15, 30, 60, 120]


@pytest.mark.parametrize(
    ("tried", "undone"),
    [
        (Tried(0, inverse=True, missed="test failed"), 1),
        (Tried(0, inverse=True), 1),
        (Tried(1, inverse=True), 1),
        (None, 0),
        (Tried(0, inverse=False), 0),
    ],
    ids=["it met another write", "it was made again", "so was the step before", "none was made", "it was the change"],
)
def test_an_undo_that_did_not_last_counts_and_one_not_tried_does_not(tried: Tried | None, undone: int) -> None:
    following = step(view(Phase.ROLLING_BACK, tried=tried))
    found = following.status.undo.attempts if following.status and following.status.undo else 0
    assert (found, following.effect is None) == (undone, undone == 1)


def test_who_meets_an_undo_again_and_again_makes_it_pause() -> None:
    undo, pauses = UNDO, []
    for _ in range(5):
        undo = undoing.missed(undo, g.NOW)
        assert undo.next_attempt_at is not None
        pauses.append((undo.next_attempt_at - g.NOW).total_seconds())
    assert pauses == [0, 0, 15, 30, 60]
