"""Undoing against resistance: how often and how long it is tried again before a person is needed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vanguard.api.intervention import Undo

# A write that met somebody else's is tried again at the next look; only who meets them again and again must wait.
AT_ONCE = 2
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=5)
# An operator that was away past the deadline must still try a few times before it gives up.
LEAST_ATTEMPTS = 5
MOST_ATTEMPTS = 1000  # what the schema holds


@dataclass(frozen=True)
class Tried:
    """The write made just before a look.

    Attributes:
        index: the step it was to make or take back.
        inverse: whether it was to be taken back.
        refused: why the server refused it for good; empty if it did not.
        missed: why it probably did not land, though nobody refused it; empty if the server took it.
        postponed: why a PodDisruptionBudget did not let a pod go just now; empty if none did.
    """

    index: int
    inverse: bool
    refused: str = ""
    missed: str = ""
    postponed: str = ""


def did_not_last(tried: Tried | None, todo: int) -> str:
    """Why a step is still to be taken back, though that was just tried; empty when it was not."""
    if tried is None or not tried.inverse or tried.index < todo:
        return ""
    return tried.missed or "it was written, and somebody made the change again at once"


def due(undo: Undo, now: datetime) -> bool:
    """Whether it may be tried now; a pause longer than any is one of a clock that was set back since."""
    return undo.next_attempt_at is None or not now < undo.next_attempt_at <= now + LONGEST_PAUSE


def refused(undo: Undo, now: datetime) -> Undo:
    """One more attempt was refused; the next comes after twice the pause. Recorded, so a restart does not hurry it."""
    return _failed(undo, now, undo.attempts)


def missed(undo: Undo, now: datetime) -> Undo:
    """One more attempt did not last, though nobody refused it: the object was written by somebody else meanwhile."""
    return _failed(undo, now, undo.attempts - AT_ONCE)


def _failed(undo: Undo, now: datetime, doublings: int) -> Undo:
    pause = timedelta(0) if doublings < 0 else min(FIRST_PAUSE * 2 ** min(doublings, 10), LONGEST_PAUSE)
    return undo.model_copy(update={"attempts": min(undo.attempts + 1, MOST_ATTEMPTS), "next_attempt_at": now + pause})


def given_up(undo: Undo, now: datetime, deadline: timedelta) -> bool:
    """Whether attempts have failed past the deadline and often enough."""
    return undo.attempts >= LEAST_ATTEMPTS and now - undo.started_at >= deadline
