"""The life of an Intervention as a pure function: what is known now in, what to record or to do next out.

`step` never acts and never waits. It returns a status to record, or one effect to carry out, or nothing.
A phase that acts is recorded with its restorePoint before its first write (write-ahead), and whether a write
landed is read from the object itself, so the operator may be killed between any two lines of its work.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from vanguard.api.base import Annotation, format_time
from vanguard.api.intervention import (
    Change,
    Comparison,
    Phase,
    Transition,
    Undo,
    Verdict,
)
from vanguard.api.kinds import IssuePattern
from vanguard.api.policy import OnInconclusive, Rollback
from vanguard.api.reasons import Reason
from vanguard.domain import conditions, eviction, leases, undoing
from vanguard.domain.change import StepState
from vanguard.domain.committing import recorded
from vanguard.domain.decision.chain import Decision, Outcome, same_answers
from vanguard.domain.phases import DECIDING, TERMINAL, TRANSITIONS
from vanguard.domain.verdict import clear_harm, figures, overall
from vanguard.domain.view import NOTHING, Next, View, Write

EXPIRY = timedelta(hours=24)
BASELINE_DEADLINE = timedelta(minutes=5)
# Clocks are slewed by seconds all the time; nothing starts while they are 30 s apart.
CLOCK_SLACK = timedelta(minutes=1)
_TIMELINE = 24
_TIMELINE_TEXT = 256
_MOST_POLICIES = 8


def step(view: View) -> Next:
    """The one next thing for an Intervention, given what is known now."""
    return _STEPS[view.status.phase](view)


def moved(view: View, phase: Phase, reason: Reason, message: str = "", **changes: Any) -> Next:
    """Record a move to another phase.

    Raises:
        ValueError: when `TRANSITIONS` does not know the move.
    """
    old = view.status
    if phase is not old.phase and phase not in TRANSITIONS[old.phase]:
        raise ValueError(f"no transition from {old.phase} to {phase}")
    text = message or reason.sentence
    # What is told later of a change that was kept does not end it anew.
    ended = old.completed_at if phase is old.phase else view.now
    entry = Transition(at=view.now, phase=phase, reason=reason, message=text[:_TIMELINE_TEXT])
    changes = {
        "phase": phase,
        "reason": reason.value,
        "message": text[:1024],
        "observed_generation": view.intervention.metadata.generation,
        "timeline": (*old.timeline, entry)[-_TIMELINE:],
        "completed_at": ended if phase in TERMINAL else None,
        "commits": recorded(old.commits, view.commits),
        **changes,
    }
    status = old.model_copy(update=changes)
    return Next(status.model_copy(update={"conditions": conditions.of_intervention(status, view.now)}))


def _deciding(view: View) -> Next:
    if view.stop is not None:
        return moved(view, Phase.REJECTED, *view.stop)
    decision = view.decision
    if decision is None:
        return NOTHING
    told: dict[str, Any] = {"gates": decision.gates, "next_open": decision.next_open, "decided_at": view.now}
    if view.consent is not None:
        told["policies"] = view.consent.policies[:_MOST_POLICIES]
        told["notification"] = view.consent.notification
    match decision.outcome:
        case Outcome.REFUSE:
            return moved(view, Phase.REJECTED, decision.reason, decision.message, **told)
        case Outcome.SHADOW:
            return moved(view, Phase.OBSERVED, decision.reason, decision.message, change=view.change, **told)
        case Outcome.ADMIT:
            return moved(view, Phase.BASELINING, decision.reason, decision.message, started_at=view.now, **told)
        case Outcome.ASK:
            return _held(view, Phase.AWAITING_APPROVAL, decision, told)
        case Outcome.WAIT:
            return _held(view, Phase.PENDING, decision, told)


def _held(view: View, phase: Phase, decision: Decision, told: dict[str, Any]) -> Next:
    """Waiting is recorded once; the same answers again are no news."""
    born = view.intervention.metadata.creation_timestamp
    if born is not None and view.now - born >= EXPIRY:
        return moved(view, Phase.REJECTED, Reason.EXPIRED, f"waited 24h; last: {decision.message}", **told)
    known = view.status
    if decision.reason is Reason.CANNOT_ACT_BEFORE_BREACH:
        told["escalated_at"] = known.escalated_at or view.now
    unchanged = known.phase is phase and known.reason == decision.reason and same_answers(known.gates, decision.gates)
    return NOTHING if unchanged else moved(view, phase, decision.reason, decision.message, **told)


def _baselining(view: View) -> Next:
    if view.stop is not None:
        return moved(view, Phase.REJECTED, *view.stop)
    decision = view.decision
    if decision is not None and decision.outcome in (Outcome.REFUSE, Outcome.SHADOW, Outcome.ASK):
        return moved(view, Phase.REJECTED, decision.reason, decision.message, gates=decision.gates)
    started = view.status.started_at or view.now
    if view.now - started >= BASELINE_DEADLINE and decision is not None and decision.outcome is Outcome.WAIT:
        return moved(view, Phase.REJECTED, decision.reason, decision.message, gates=decision.gates)
    if view.now - started >= BASELINE_DEADLINE:
        why = "" if view.guarded else "the finalizer that holds a deletion is not in place"
        return moved(view, Phase.REJECTED, Reason.BASELINE_UNAVAILABLE, why)
    ready = decision is not None and decision.outcome is Outcome.ADMIT and view.guarded
    if not ready or view.change is None or view.baseline is None or decision is None:
        return NOTHING
    return moved(
        view,
        Phase.APPLYING,
        Reason.CHANGE_RECORDED,
        view.change.summary,
        change=view.change,
        baseline=view.baseline,
        lease=view.consent.lease if view.consent else None,
        gates=decision.gates,
    )


def _applying(view: View) -> Next:
    change, states = view.status.change, view.states
    if change is None:
        return _unrecorded(view)
    if states is None:
        return _undo(view, *view.stop) if view.stop else _locked_out(view, change.taken_at)
    if StepState.GONE in states:
        return moved(view, Phase.FAILED, Reason.TARGET_GONE)
    touched = view.marked or StepState.APPLIED in states or view.status.applied_at is not None
    if view.stop is not None:
        return _back_out(view, *view.stop, touched=touched)
    if _clock_was_set_back(view):
        return _back_out(view, Reason.CLOCK_SET_BACK, "", touched=touched)
    todo = next((i for i, state in enumerate(states) if state is not StepState.APPLIED), None)
    if todo is not None:
        return _make(view, change, todo, states[todo], touched=touched)
    if view.status.applied_at is None:
        return moved(view, Phase.APPLYING, Reason.ROLLOUT_UNDERWAY, change.summary, applied_at=view.now)
    if change.rollout and not view.rolled_out:
        late = view.now - change.taken_at >= _deadline(view)
        return _back_out(view, Reason.ROLLOUT_FAILED, "", touched=True) if late else NOTHING
    return moved(view, Phase.MONITORING, Reason.WATCHING, change.summary, watch_started_at=view.now)


def _clock_was_set_back(view: View) -> bool:
    """Whether the record is of the future: no deadline and no watch means anything then."""
    return any(entry.at - view.now > CLOCK_SLACK for entry in view.status.timeline[-1:])


def _unrecorded(view: View) -> Next:
    """Nothing is written before its record is, so what has no record was not made by the operator: hands off."""
    return moved(view, Phase.FAILED, Reason.RECORD_MISSING)


def _make(view: View, change: Change, todo: int, state: StepState, *, touched: bool) -> Next:
    """Make a step, if the object is exactly as it was: a second act after a revert would be a second act."""
    late = view.now - change.taken_at >= _deadline(view)
    if state is StepState.ARRIVING:
        return _back_out(view, Reason.NOT_SYNCED, "", touched=True) if late else NOTHING
    if view.refusal:
        return _back_out(view, Reason.APPLY_FAILED, view.refusal, touched=touched)
    if view.held is not None and (late or view.held[0] is not Reason.CLUSTER_UNREADABLE):
        return _back_out(view, *view.held, touched=touched)
    if view.held is not None:
        return NOTHING
    if state is not StepState.PRISTINE or not view.untouched[todo]:
        reason = Reason.EXTERNALLY_REVERTED if view.reverted and touched else Reason.TARGET_CHANGED
        return _back_out(view, reason, "", touched=touched)
    if late:
        postponed = view.status.postponement
        why = postponed.message if postponed else "the write did not succeed in time"
        return _back_out(view, Reason.APPLY_FAILED, why, touched=touched)
    return _evict(view, todo) if change.evictions else Next(effect=Write(todo, inverse=False))


def _evict(view: View, todo: int) -> Next:
    """One pod goes once all the others are there and ready. A budget that does not let it go is asked again later."""
    if view.postponed:
        return Next(eviction.postponed(view.status, view.states or (), view.postponed, view.now))
    ready = view.rolled_out and eviction.due(view.status, view.now)
    return Next(effect=Write(todo, inverse=False)) if ready else NOTHING


def _deadline(view: View) -> timedelta:
    return view.pattern.spec.action.rollout_deadline if view.pattern else timedelta(minutes=10)


def _back_out(view: View, reason: Reason, message: str, *, touched: bool) -> Next:
    """Undo what was written; where nothing was, there is nothing to undo."""
    if not touched:
        return moved(view, Phase.REJECTED, reason, message)
    return _undo(view, reason, message)


def _undo(view: View, reason: Reason, message: str = "", **changes: Any) -> Next:
    text = message or reason.sentence
    undo = Undo(reason=reason, message=text[:1024], started_at=view.now)
    if eviction.for_good(view.status):
        why = f"{reason}: {text[:900]}; {eviction.remains(view.states)}"
        return moved(view, Phase.FAILED, Reason.NOTHING_TO_UNDO, why, undo=undo, **changes)
    return moved(view, Phase.ROLLING_BACK, reason, text, undo=undo, **changes)


def _monitoring(view: View) -> Next:
    status, pattern = view.status, view.pattern
    if status.change is None:
        return _unrecorded(view)
    if view.stop is not None:
        return _undo(view, *view.stop)
    if view.states is None:
        watch = pattern.spec.verification.watch if pattern else timedelta(0)
        return _locked_out(view, (status.watch_started_at or view.now) + watch, verdict=Verdict.INCONCLUSIVE)
    if _clock_was_set_back(view):
        return _settle(view, Verdict.INCONCLUSIVE, Reason.CLOCK_SET_BACK.sentence)
    if any(state is not StepState.APPLIED for state in view.states):
        ours = Reason.EXTERNALLY_REVERTED if view.reverted else Reason.TARGET_DRIFTED
        reason = Reason.TARGET_GONE if StepState.GONE in view.states else ours
        return moved(view, Phase.FAILED, reason, verdict=Verdict.INCONCLUSIVE)
    if view.unhealthy:
        return _undo(view, Reason.TARGET_UNHEALTHY, view.unhealthy, verdict=Verdict.DEGRADED)
    if pattern is None or pattern.metadata.generation != view.intervention.spec.pattern.generation:
        return _settle(view, Verdict.INCONCLUSIVE, Reason.PATTERN_CHANGED.sentence)
    return _measured(view, pattern)


def _measured(view: View, pattern: IssuePattern) -> Next:
    """What the figures say: go on watching, end it early, or settle it."""
    status = view.status
    over = view.now - (status.watch_started_at or view.now) - pattern.spec.verification.watch
    if view.comparisons is None:
        blind = over >= 2 * pattern.spec.verification.interval
        return _settle(view, Verdict.INCONCLUSIVE, "Prometheus gave no answer") if blind else NOTHING
    harm = clear_harm(status.comparisons, view.comparisons)
    if over < timedelta(0) and harm:
        return _harmed(view, harm)
    if over < timedelta(0):
        return Next(status.model_copy(update={"comparisons": view.comparisons, "measured_at": view.now}))
    verdict = overall(next(iter(view.comparisons), None), view.comparisons[1:])
    decisive = [seen for seen in view.comparisons if seen.verdict is verdict] or view.comparisons
    return _settle(view, verdict, figures(decisive), comparisons=view.comparisons)


def _harmed(view: View, harm: tuple[Comparison, ...]) -> Next:
    """Harm that is clear ends the watch."""
    told = {"verdict": Verdict.DEGRADED, "comparisons": view.comparisons, "measured_at": view.now}
    return _undo(view, Reason.DEGRADED_EARLY, figures(harm), **told)


_VERDICT_REASONS = {
    Verdict.IMPROVED: Reason.IMPROVED,
    Verdict.NEUTRAL: Reason.NO_IMPROVEMENT,
    Verdict.DEGRADED: Reason.DEGRADED,
    Verdict.INCONCLUSIVE: Reason.INCONCLUSIVE,
}


def _settle(view: View, verdict: Verdict, message: str, **changes: Any) -> Next:
    """Keep what helped. Of the rest, the policy says what is undone; without a policy, all of it."""
    reason = _VERDICT_REASONS[verdict]
    changes["verdict"] = verdict
    if verdict is Verdict.IMPROVED:
        agreed = leases.shorter(view.status.lease, view.consent.lease if view.consent else None)
        lease = None if eviction.for_good(view.status) else agreed
        return moved(view, Phase.SUCCEEDED, reason, message, lease_until=view.now + lease if lease else None, **changes)
    lenient = view.consent is not None and view.consent.rollback is Rollback.BEST_EFFORT
    hold = view.consent is not None and view.consent.on_inconclusive is OnInconclusive.HOLD
    keep = (verdict is Verdict.NEUTRAL and lenient) or (verdict is Verdict.INCONCLUSIVE and hold)
    if keep:
        return moved(view, Phase.FAILED, reason, f"left in place as the policy says. {message}", **changes)
    return _undo(view, reason, message, **changes)


def _locked_out(view: View, since: datetime, **changes: Any) -> Next:
    """Objects or repository cannot be read, and that is no outage. What is late is undone, as far as it can be."""
    if not view.refusal or view.now - since < _deadline(view):
        return NOTHING
    by_commit = view.status.change is not None and view.status.change.commit is not None
    reason = Reason.REPOSITORY_UNREADABLE if by_commit else Reason.CLUSTER_UNREADABLE
    return _undo(view, reason, view.refusal, **changes)


def _rolling_back(view: View) -> Next:
    """Put every field back that is still as we left it. Where somebody else wrote since, touch nothing."""
    change, undo, states = view.status.change, view.status.undo, view.states
    if change is None or undo is None:
        return _unrecorded(view)
    if states is None:
        late = view.refusal and undoing.due(undo, view.now)
        return _once_more(view, undoing.refused(undo, view.now), view.refusal) if late else NOTHING
    if StepState.GONE in states:
        return moved(view, Phase.FAILED, Reason.TARGET_GONE)
    if StepState.DRIFTED in states:
        return moved(view, Phase.FAILED, Reason.TARGET_DRIFTED)
    todo = next((i for i, state in enumerate(states) if state in (StepState.APPLIED, StepState.ARRIVING)), None)
    if todo is not None and undo.restored_at is not None:
        return moved(view, Phase.FAILED, Reason.TARGET_DRIFTED, "somebody made the change again after it was undone")
    if todo is not None:
        return _take_back(view, undo, todo)
    if StepState.LEAVING not in states and (not change.rollout or view.rolled_out):
        why = f"{undo.reason}: {undo.message}"[:900]
        return moved(view, Phase.ROLLED_BACK, Reason.RESTORED, f"{why}; values restored")
    if undo.restored_at is None:
        undo = undo.model_copy(update={"restored_at": view.now})
        return Next(view.status.model_copy(update={"undo": undo}))
    if view.now - undo.restored_at >= _deadline(view):
        return moved(view, Phase.FAILED, Reason.UNDO_FAILED, "the values are back; the sync or rollout is not")
    return NOTHING


def _take_back(view: View, undo: Undo, todo: int) -> Next:
    """Try again after growing pauses. What did not last ends it only when it is late and was tried often enough."""
    why = view.refusal or undoing.did_not_last(view.tried, todo)
    if not why:
        return Next(effect=Write(todo, inverse=True)) if undoing.due(undo, view.now) else NOTHING
    return _once_more(view, undoing.refused(undo, view.now) if view.refusal else undoing.missed(undo, view.now), why)


def _once_more(view: View, undo: Undo, why: str) -> Next:
    """One more attempt to undo has failed: recorded, or the last."""
    if undoing.given_up(undo, view.now, _deadline(view)):
        told = f"{undo.attempts} attempts since {format_time(undo.started_at)} failed; the last: {why}"
        return moved(view, Phase.FAILED, Reason.UNDO_FAILED, told, undo=undo)
    return Next(view.status.model_copy(update={"undo": undo}))


def _succeeded(view: View) -> Next:
    """Kept for good or as long as its lease runs, unless a person asks otherwise.

    Of evicted pods there is nothing to take back: said once.
    """
    meta, status = view.intervention.metadata, view.status
    if meta.deletion_timestamp is not None:
        return NOTHING
    if Annotation.ROLLBACK in meta.annotations and view.stop is not None:
        if not eviction.for_good(view.status):
            return _undo(view, *view.stop)
        told = status.reason == Reason.NOTHING_TO_UNDO
        return NOTHING if told else moved(view, status.phase, Reason.NOTHING_TO_UNDO)
    news = leases.news(status, meta.annotations, view.now)
    if news is None:
        return NOTHING
    if news.reason is Reason.LEASE_EXPIRED:
        return _undo(view, news.reason, news.message, lease_until=news.until)
    return moved(view, Phase.SUCCEEDED, news.reason, news.message, lease_until=news.until)


def _over(_view: View) -> Next:
    return NOTHING


_STEPS: dict[Phase, Callable[[View], Next]] = {
    **dict.fromkeys(DECIDING, _deciding),
    Phase.BASELINING: _baselining,
    Phase.APPLYING: _applying,
    Phase.MONITORING: _monitoring,
    Phase.ROLLING_BACK: _rolling_back,
    Phase.SUCCEEDED: _succeeded,
    **dict.fromkeys(TERMINAL - {Phase.SUCCEEDED}, _over),
}
