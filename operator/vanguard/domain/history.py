"""What was done before, folded from retained Interventions: budgets, cooldowns, what is in flight."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vanguard.api.base import ActionType
from vanguard.api.intervention import Change, Phase, Verdict
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import Reason
from vanguard.domain.ceiling import Raise, raise_of
from vanguard.domain.phases import IN_FLIGHT

ASKED_BY_A_PERSON = frozenset({Reason.ABORTED, Reason.ROLLBACK_REQUESTED, Reason.DELETED_IN_FLIGHT})


class Outcome(StrEnum):
    """What an Intervention teaches."""

    HELPED = "Helped"
    FAILED = "Failed"
    UNMEASURED = "Unmeasured"
    NOTHING = "Nothing"


def outcome_of(iv: Intervention) -> Outcome:
    """What came of an Intervention.

    What a person stopped, what was kept as long as it was to be, or what never touched anything teaches nothing.
    """
    status = iv.status
    if status.phase is Phase.SUCCEEDED:
        return Outcome.HELPED if status.verdict is Verdict.IMPROVED else Outcome.NOTHING
    if status.phase not in (Phase.ROLLED_BACK, Phase.FAILED):
        return Outcome.NOTHING
    if status.undo is not None and status.undo.reason in ASKED_BY_A_PERSON:
        stopped = status.phase is Phase.ROLLED_BACK or status.reason == Reason.NOTHING_TO_UNDO
        return Outcome.NOTHING if stopped else Outcome.FAILED
    if status.undo is not None and status.undo.reason == Reason.LEASE_EXPIRED:
        return Outcome.FAILED if status.reason == Reason.UNDO_FAILED else Outcome.NOTHING
    return Outcome.UNMEASURED if status.verdict is Verdict.INCONCLUSIVE else Outcome.FAILED


def reverted(iv: Intervention) -> bool:
    """Whether somebody else put the old value back, during the watch or before it began."""
    undo = iv.status.undo
    return Reason.EXTERNALLY_REVERTED in (iv.status.reason, undo.reason if undo else "")


def touched_objects(change: Change) -> frozenset[tuple[str, str]]:
    """Kind and name of every object a change writes to."""
    return frozenset(
        [(step.object.kind, step.object.name) for step in change.restore_point]
        + [("Pod", pod.name) for pod in change.evictions]
    )


@dataclass(frozen=True)
class Started:
    """One Intervention that was admitted: it counts against budgets whatever came of it."""

    name: str
    action: ActionType
    target_uid: str
    started_at: datetime
    ended_at: datetime | None
    in_flight: bool
    objects: frozenset[tuple[str, str]] = frozenset()
    namespace: str = ""
    pattern: str = ""
    outcome: Outcome = Outcome.NOTHING
    reverted: bool = False
    raised: Raise | None = None


@dataclass(frozen=True)
class History:
    """The admitted Interventions of the whole cluster, newest first."""

    started: tuple[Started, ...] = ()

    def since(
        self, start: datetime, *, action: ActionType | None = None, target_uid: str = "", namespace: str = ""
    ) -> tuple[Started, ...]:
        """Those started at a time or later, of one action, target or namespace where given, newest first.

        Those a clock that was set back makes lie in the future count as well.
        """
        return tuple(
            entry
            for entry in self.started
            if entry.started_at >= start
            and (action is None or entry.action is action)
            and (not target_uid or entry.target_uid == target_uid)
            and (not namespace or entry.namespace == namespace)
        )

    def in_flight(self, target_uid: str = "", *, namespace: str = "") -> tuple[Started, ...]:
        """Those whose change is not settled yet."""
        return tuple(
            entry
            for entry in self.started
            if entry.in_flight
            and (not target_uid or entry.target_uid == target_uid)
            and (not namespace or entry.namespace == namespace)
        )

    @property
    def raises(self) -> tuple[Raise, ...]:
        """Every tunable that was changed and not put back, newest first."""
        return tuple(entry.raised for entry in self.started if entry.raised is not None)

    def failures_on(self, target_uid: str) -> int:
        """How many of the newest interventions on a target in a row did not improve it."""
        ended = sorted(
            (entry for entry in self.started if entry.target_uid == target_uid and entry.ended_at is not None),
            key=lambda entry: (entry.ended_at or entry.started_at, entry.outcome is not Outcome.HELPED),
            reverse=True,
        )
        count = 0
        for entry in ended:
            if entry.outcome is Outcome.HELPED:
                break
            count += entry.outcome is not Outcome.NOTHING
        return count

    def last_on(self, target_uid: str) -> datetime | None:
        """When the last intervention on a target ended, or began if it has not ended."""
        ends = [entry.ended_at or entry.started_at for entry in self.started if entry.target_uid == target_uid]
        return max(ends, default=None)


def history_of(interventions: Iterable[Intervention], *, leave_out: str = "") -> History:
    """Fold Interventions.

    Args:
        interventions: all that are retained.
        leave_out: the uid of the one a decision is about; it must not stand in its own way.
    """
    started = [
        Started(
            name=iv.metadata.name,
            action=iv.spec.action.type,
            target_uid=iv.spec.target.uid,
            started_at=iv.status.started_at,
            ended_at=iv.status.completed_at,
            in_flight=iv.status.phase in IN_FLIGHT,
            objects=touched_objects(iv.status.change) if iv.status.change else frozenset(),
            namespace=iv.metadata.namespace,
            pattern=iv.spec.pattern.name,
            outcome=outcome_of(iv),
            reverted=reverted(iv),
            raised=raise_of(iv),
        )
        for iv in interventions
        if iv.status.started_at is not None and iv.metadata.uid != leave_out
    ]
    return History(tuple(sorted(started, key=lambda entry: entry.started_at, reverse=True)))
