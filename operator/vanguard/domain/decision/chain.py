"""The chain: which gates there are, in the order people read them, and what their answers add up to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vanguard.api.base import ActionType, Mode
from vanguard.api.intervention import GateResult
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.decision import asking, certainty, feasibility, limits, surroundings, target, timing
from vanguard.domain.decision.facts import Answer, Facts, denies, passes

Gate = Callable[[Facts], Answer]

MODE = "mode"
_MAX_MESSAGE = 1024
# A shadow decision made on these would say nothing of what would have been done; it waits for a better look.
_NOT_KNOWN_YET = frozenset(
    {
        Reason.NOT_EVALUATED_YET,
        Reason.STALE_DATA,
        Reason.CLUSTER_UNREADABLE,
        Reason.TELEMETRY_UNHEALTHY,
        Reason.FACT_UNKNOWN,
        Reason.COMPANION_MISSING,
    }
)
CHANGE = "change-possible"

GATES: tuple[tuple[str, Gate], ...] = (
    ("alert", asking.alert),
    ("action-enabled", asking.action_enabled),
    ("suspended", asking.suspended),
    ("override", asking.override),
    (MODE, asking.mode),
    ("data-quality", certainty.data_quality),
    ("telemetry", surroundings.telemetry),
    ("storm", surroundings.storm),
    ("confidence", certainty.confidence),
    ("effectiveness", certainty.effectiveness),
    ("evidence", certainty.evidence),
    ("window", timing.window),
    ("budget", limits.budget),
    ("cooldown", limits.cooldown),
    ("concurrency", limits.concurrency),
    ("breaker", limits.breaker),
    ("target", target.target),
    ("ownership", target.ownership),
    ("disruption", surroundings.disruption),
    ("room", surroundings.room),
    ("other-alerts", surroundings.other_alerts),
    ("reverts", feasibility.reverts),
    ("invariants", feasibility.invariants),
    ("saturation", feasibility.saturation),
    (CHANGE, target.change_possible),
)


class Outcome(StrEnum):
    """What a decision comes to."""

    ADMIT = "Admit"
    WAIT = "Wait"
    ASK = "Ask"
    SHADOW = "Shadow"
    REFUSE = "Refuse"


@dataclass(frozen=True)
class Decision:
    """Every gate's answer, and what they add up to.

    Attributes:
        reason: of the gate that decided, or Admitted, WouldAct.
        next_open: when the last of those holding gates opens that know it; None if none does.
    """

    outcome: Outcome
    reason: Reason
    message: str
    gates: tuple[GateResult, ...]
    next_open: datetime | None = None


def decide(facts: Facts) -> Decision:
    """Ask every gate, then add up: a denial refuses, a hold waits, and the mode says who acts."""
    answers = {name: gate(facts) for name, gate in GATES}
    results = tuple(_result(name, answer) for name, answer in answers.items())
    denial = _first(answers, GateVerdict.DENY)
    if denial is not None:
        return Decision(Outcome.REFUSE, denial.reason, denial.message, results)
    hold = _told_hold(answers)
    if facts.mode is Mode.OBSERVE and not (hold and hold.reason in _NOT_KNOWN_YET):
        told = hold or Answer(GateVerdict.PASS, Reason.WOULD_ACT, Reason.WOULD_ACT.sentence)
        return Decision(Outcome.SHADOW, told.reason, told.message, results)
    if hold is not None:
        opening = timing.then_open(facts, _next_open(answers))
        late = timing.too_late(facts, opening)
        reason, message = (Reason.CANNOT_ACT_BEFORE_BREACH, late) if late else (hold.reason, hold.message)
        if late and hold.message not in late:
            message += f". {hold.message}"
        return Decision(Outcome.WAIT, reason, message, results, opening)
    if answers[MODE].verdict is GateVerdict.HOLD:
        return Decision(Outcome.ASK, answers[MODE].reason, answers[MODE].message, results)
    return Decision(Outcome.ADMIT, Reason.ADMITTED, Reason.ADMITTED.sentence, results)


def _within_bounds(facts: Facts) -> Answer:
    """Does the policy, as it is now, still allow the value that was recorded to be written?"""
    spec, change = facts.intervention.spec, facts.intervention.status.change
    if spec.action.type is not ActionType.TUNE_POOL or change is None:
        return passes(Reason.CHANGE_POSSIBLE)
    tunable = facts.consent.tunables.get(spec.action.tunable or "") if facts.consent else None
    if tunable is None:
        return denies(Reason.TUNABLE_UNKNOWN, f"no policy lets {spec.action.tunable} be tuned any more")
    if not tunable.min <= int(change.to) <= tunable.max:
        bounds = f"the policy's bounds are {tunable.min} to {tunable.max} by now"
        return denies(Reason.OUT_OF_BOUNDS, f"{tunable.name} was to be {change.to}; {bounds}")
    return passes(Reason.CHANGE_POSSIBLE)


# What a person or the calendar may change after a decision; asked again before each write.
STOPS = (asking.action_enabled, asking.suspended, asking.override, timing.window, _within_bounds, asking.mode)


def stopped(facts: Facts) -> tuple[Reason, str] | None:
    """Why the next write must not happen any more, though it was decided; None when nothing forbids it."""
    answers = (gate(facts) for gate in STOPS)
    first = next((answer for answer in answers if answer.verdict is not GateVerdict.PASS), None)
    return (first.reason, first.message) if first else None


def only_untried(decision: Decision) -> bool:
    """Whether nothing but the dry run (and perhaps a person's word) is missing, so that it is worth trying."""
    return all(
        result.verdict is GateVerdict.PASS or result.name == MODE or result.reason == Reason.NOT_TRIED_YET
        for result in decision.gates
    )


def awaits_only_a_person(decision: Decision) -> bool:
    """Whether a person's word is missing, and nothing else but the dry run."""
    return only_untried(decision) and any(
        result.name == MODE and result.verdict is GateVerdict.HOLD for result in decision.gates
    )


def change_known_possible(recorded: tuple[GateResult, ...]) -> bool:
    """Whether the recorded answers say that the dry run passed."""
    return any(result.name == CHANGE and result.verdict is GateVerdict.PASS for result in recorded)


def same_answers(one: tuple[GateResult, ...], other: tuple[GateResult, ...]) -> bool:
    """Whether two sets of results mean the same; figures in messages may differ from one look to the next."""
    return [(g.name, g.verdict, g.reason, g.next_open) for g in one] == [
        (g.name, g.verdict, g.reason, g.next_open) for g in other
    ]


def _result(name: str, answer: Answer) -> GateResult:
    return GateResult(
        name=name,
        verdict=answer.verdict,
        reason=answer.reason,
        message=answer.message[:_MAX_MESSAGE],
        next_open=answer.next_open,
    )


def _first(answers: dict[str, Answer], verdict: GateVerdict) -> Answer | None:
    return next((answer for answer in answers.values() if answer.verdict is verdict), None)


def _told_hold(answers: dict[str, Answer]) -> Answer | None:
    """The first hold but the mode's; what was only not tried yet explains nothing where another holds."""
    holding = [answer for name, answer in answers.items() if name != MODE and answer.verdict is GateVerdict.HOLD]
    tried = (answer for answer in holding if answer.reason is not Reason.NOT_TRIED_YET)
    return next(tried, holding[0] if holding else None)


def _next_open(answers: dict[str, Answer]) -> datetime | None:
    holding = [answer.next_open for answer in answers.values() if answer.verdict is GateVerdict.HOLD]
    known = [opening for opening in holding if opening is not None]
    return max(known, default=None)
