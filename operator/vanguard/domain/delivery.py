"""When a notice is tried again, and when it is given up: pure, over what the status records."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from vanguard.api.intervention import Delivery, DeliveryState, InterventionStatus, Notice

# Pauses of 30s, 1m, 2m ... at most 4h: twelve attempts are spread over half a day.
MOST_ATTEMPTS = 12
_FIRST_PAUSE = timedelta(seconds=30)
_LONGEST_PAUSE = timedelta(hours=4)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts, at least one."""
    return min(_FIRST_PAUSE * (1 << min(attempts - 1, 16)), _LONGEST_PAUSE)


def sent(delivery: Delivery, now: datetime) -> Delivery:
    """It was taken."""
    return Delivery(
        notifier=delivery.notifier, state=DeliveryState.SENT, attempts=delivery.attempts + 1, last_attempt_at=now
    )


def failed(
    delivery: Delivery, error: str, now: datetime, *, retry_after: timedelta | None = None, give_up: bool = False
) -> Delivery:
    """It was not taken: to be tried again, or (after the last attempt) given up."""
    attempts = delivery.attempts + 1
    if give_up or attempts >= MOST_ATTEMPTS:
        state, again = DeliveryState.FAILED, None
    else:
        state, again = (
            DeliveryState.PENDING,
            now + max(pause_after(attempts), min(retry_after or timedelta(0), _LONGEST_PAUSE)),
        )
    return Delivery(
        notifier=delivery.notifier,
        state=state,
        attempts=attempts,
        last_attempt_at=now,
        next_attempt_at=again,
        error=error[:256],
    )


def pending(status: InterventionStatus) -> Iterable[tuple[Notice, Delivery]]:
    """What is still to be delivered, oldest first."""
    for notice in status.notices:
        for delivery in notice.deliveries:
            if delivery.state is DeliveryState.PENDING:
                yield notice, delivery


def next_due(status: InterventionStatus) -> datetime | None:
    """When the next attempt is due; None when nothing is to be delivered."""
    return min((delivery.next_attempt_at or notice.at for notice, delivery in pending(status)), default=None)


def merged(status: InterventionStatus, news: dict[tuple[str, str], Delivery]) -> InterventionStatus:
    """The status with the outcome of attempts, by notice id and notifier; all else stays."""

    def updated(notice: Notice) -> Notice:
        deliveries = tuple(news.get((notice.id, known.notifier), known) for known in notice.deliveries)
        return notice.model_copy(update={"deliveries": deliveries})

    return status.model_copy(update={"notices": tuple(updated(notice) for notice in status.notices)})
