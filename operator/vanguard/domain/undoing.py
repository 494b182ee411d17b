"""Undoing against refusals: how often and how long it is tried again before a person is needed."""

from datetime import datetime, timedelta

from vanguard.api.intervention import Undo

FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=5)
# An operator that was away past the deadline must still try a few times before it gives up.
LEAST_ATTEMPTS = 5


def due(undo: Undo, now: datetime) -> bool:
    """Whether it may be tried now."""
    return undo.next_attempt_at is None or now >= undo.next_attempt_at


def refused(undo: Undo, now: datetime) -> Undo:
    """One more attempt was refused; the next comes after twice the pause. Recorded, so a restart does not hurry it."""
    pause = min(FIRST_PAUSE * 2 ** min(undo.attempts, 10), LONGEST_PAUSE)
    return undo.model_copy(update={"attempts": undo.attempts + 1, "next_attempt_at": now + pause})


def given_up(undo: Undo, now: datetime, deadline: timedelta) -> bool:
    """Whether refusals have lasted past the deadline and been tried often enough."""
    return undo.attempts >= LEAST_ATTEMPTS and now - undo.started_at >= deadline
