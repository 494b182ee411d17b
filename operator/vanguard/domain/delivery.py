"""When a notice or a commit is tried again, and when it is given up: pure, over what the status records."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from vanguard.api.intervention import (
    Attempts,
    CommitPurpose,
    CommitRecord,
    Delivery,
    DeliveryState,
    InterventionStatus,
    Notice,
)

Tried = TypeVar("Tried", bound=Attempts)

# Pauses of 30s, 1m, 2m ... at most 4h: twelve attempts are spread over half a day.
MOST_ATTEMPTS = 12
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=4)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts, at least one."""
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, 16)), _LONGEST_PAUSE)


def sent(tried: Tried, now: datetime) -> Tried:
    """It was taken."""
    return tried.model_copy(
        update={
            "state": DeliveryState.SENT,
            "attempts": tried.attempts + 1,
            "last_attempt_at": now,
            "next_attempt_at": None,
            "error": "",
        }
    )


def failed(
    tried: Tried, error: str, now: datetime, *, retry_after: timedelta | None = None, give_up: bool = False
) -> Tried:
    """It was not taken: to be tried again, or (after the last attempt) given up."""
    attempts = tried.attempts + 1
    if give_up or attempts >= MOST_ATTEMPTS:
        state, again = DeliveryState.FAILED, None
    else:
        state, again = (
            DeliveryState.PENDING,
            now + max(pause_after(attempts), min(retry_after or timedelta(0), _LONGEST_PAUSE)),
        )
    return tried.model_copy(
        update={
            "state": state,
            "attempts": attempts,
            "last_attempt_at": now,
            "next_attempt_at": again,
            "error": error[:256],
        }
    )


def due(tried: Attempts, now: datetime) -> bool:
    """Whether it may be tried now."""
    return tried.next_attempt_at is None or tried.next_attempt_at <= now


def pending(status: InterventionStatus) -> Iterable[tuple[Notice, Delivery]]:
    """What is still to be delivered, oldest first."""
    for notice in status.notices:
        for delivery in notice.deliveries:
            if delivery.state is DeliveryState.PENDING:
                yield notice, delivery


def uncommitted(status: InterventionStatus) -> Iterable[CommitRecord]:
    """The commits that are still to be made, oldest first."""
    return (record for record in status.commits if record.state is DeliveryState.PENDING)


def next_due(status: InterventionStatus) -> datetime | None:
    """When the next attempt is due; None when nothing is to be delivered or committed."""
    notices = [delivery.next_attempt_at or notice.at for notice, delivery in pending(status)]
    commits = [record.next_attempt_at or record.at for record in uncommitted(status)]
    return min((*notices, *commits), default=None)


def merged(
    status: InterventionStatus,
    news: Mapping[tuple[str, str], Delivery],
    commits: Mapping[CommitPurpose, CommitRecord],
) -> InterventionStatus:
    """The status with the outcome of attempts, by notice id and notifier, and by purpose; all else stays."""

    def updated(notice: Notice) -> Notice:
        deliveries = tuple(news.get((notice.id, known.notifier), known) for known in notice.deliveries)
        return notice.model_copy(update={"deliveries": deliveries})

    return status.model_copy(
        update={
            "notices": tuple(updated(notice) for notice in status.notices),
            "commits": tuple(commits.get(known.purpose, known) for known in status.commits),
        }
    )
