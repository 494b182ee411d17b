"""What was done before, folded from retained Interventions: budgets, cooldowns, what is in flight."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vanguard.api.base import ActionType
from vanguard.api.intervention import Change
from vanguard.api.kinds import Intervention
from vanguard.domain.phases import IN_FLIGHT

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


def touched_objects(change: Change) -> frozenset[tuple[str, str]]:
    """Kind and name of every object a change writes to."""
    return frozenset((step.object.kind, step.object.name) for step in change.restore_point)


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


@dataclass(frozen=True)
class History:
    """The admitted Interventions of one namespace, newest first."""

    started: tuple[Started, ...] = ()

    def within(
        self, span: timedelta, now: datetime, *, action: ActionType | None = None, target_uid: str = ""
    ) -> tuple[Started, ...]:
        """Those started less than `span` ago, of one action or one target where given, newest first."""
        return tuple(
            entry
            for entry in self.started
            if now - entry.started_at < span
            and (action is None or entry.action is action)
            and (not target_uid or entry.target_uid == target_uid)
        )

    def in_flight(self, target_uid: str = "") -> tuple[Started, ...]:
        """Those whose change is not settled yet."""
        return tuple(
            entry for entry in self.started if entry.in_flight and (not target_uid or entry.target_uid == target_uid)
        )

    def last_on(self, target_uid: str) -> datetime | None:
        """When the last intervention on a target ended, or began if it has not ended."""
        ends = [entry.ended_at or entry.started_at for entry in self.started if entry.target_uid == target_uid]
        return max(ends, default=None)


def history_of(interventions: Iterable[Intervention], *, leave_out: str = "") -> History:
    """Fold Interventions of one namespace.

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
        )
        for iv in interventions
        if iv.status.started_at is not None and iv.metadata.uid != leave_out
    ]
    return History(tuple(sorted(started, key=lambda entry: entry.started_at, reverse=True)))
