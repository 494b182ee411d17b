"""Conditions: the meaning of a status for other programs. Their transition time moves only when they change."""

from collections.abc import Iterable
from datetime import datetime

from vanguard.api.base import Condition, ConditionStatus
from vanguard.api.intervention import InterventionStatus, Phase, Verdict
from vanguard.api.reasons import Reason
from vanguard.domain.phases import TERMINAL

READY = "Ready"
# Of a policy: whether it leaves any workload of its namespace alone.
SELECTIVE = "Selective"


def merged(old: Iterable[Condition], new: Iterable[Condition]) -> tuple[Condition, ...]:
    """The new conditions, each with its old transition time where its status is the same."""
    before = {condition.type: condition for condition in old}
    return tuple(
        condition.model_copy(update={"last_transition_time": before[condition.type].last_transition_time})
        if condition.type in before and before[condition.type].status is condition.status
        else condition
        for condition in new
    )


def condition(
    kind: str, holds: bool | None, reason: str, message: str, now: datetime, generation: int | None = None
) -> Condition:
    """A condition that is True, False, or (None) Unknown."""
    status = ConditionStatus.UNKNOWN if holds is None else ConditionStatus.TRUE if holds else ConditionStatus.FALSE
    return Condition(
        type=kind,
        status=status,
        reason=reason,
        message=message[:1024],
        observed_generation=generation,
        last_transition_time=now,
    )


def _compared(status: InterventionStatus) -> str:
    return "; ".join(f"{seen.name} {seen.verdict}" for seen in status.comparisons)


def of_intervention(status: InterventionStatus, now: datetime) -> tuple[Condition, ...]:
    """What an Intervention's status means: was it admitted, applied, verified, taken back, is it over?"""
    phase, reason, text = status.phase, status.reason, status.message
    restored = None if phase is Phase.ROLLING_BACK else phase is Phase.ROLLED_BACK
    admitted = (Reason.ADMITTED, Reason.ADMITTED.sentence) if status.started_at else (reason, text)
    applied = (Reason.CHANGE_MADE, status.change.summary) if status.applied_at and status.change else (reason, text)
    made = [
        condition("Admitted", status.started_at is not None, *admitted, now),
        condition("Applied", status.applied_at is not None, *applied, now),
        condition("Complete", phase in TERMINAL, reason, text, now),
    ]
    if status.verdict is not None:
        improved = status.verdict is Verdict.IMPROVED
        made.append(condition("Verified", improved, status.verdict.value, _compared(status), now))
    if status.undo is not None:
        made.append(condition("Restored", restored, reason, text, now))
    return merged(status.conditions, made)
