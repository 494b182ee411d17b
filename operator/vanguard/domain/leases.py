"""Leases on changes: one that was kept is undone when its lease is over, unless a person renews it.

Until when is in the status, and what was told of it is the status' reason: a restarted operator tells nothing twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from vanguard.api.base import Annotation, format_time, parse_time
from vanguard.api.intervention import InterventionStatus, Phase
from vanguard.api.reasons import Reason
from vanguard.durations import format_duration

LONGEST = timedelta(hours=2160)
_THREE_DAYS = timedelta(hours=72)
# People are told so long before the end, or a tenth of the lease if that is less.
_NOTICE = timedelta(hours=1)


@dataclass(frozen=True)
class News:
    """What a lease has come to.

    Attributes:
        reason: LeaseExpired, LeaseRenewed, LeaseEnding or LeaseUnreadable.
        until: when it is over now.
    """

    reason: Reason
    message: str
    until: datetime


def leased(phase: Phase | str, until: object) -> bool:
    """Whether a change is kept for a while only; `until` may be a time or, as read from the server, a text."""
    return phase is Phase.SUCCEEDED and bool(until)


def shorter(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    """The stricter of two leases; None is no end."""
    return min((span for span in (one, other) if span is not None), default=None)


def news(status: InterventionStatus, annotations: Mapping[str, str], now: datetime) -> News | None:
    """What there is to record of a change that was kept; None when it was recorded before, or it is kept for good."""
    recorded = status.lease_until
    if recorded is None:
        return None
    until, problem = _asked(annotations, recorded, now, longest(status))
    told = f"kept until {format_time(until)}"
    if now >= until:
        return News(Reason.LEASE_EXPIRED, f"it was {told}, and nobody renewed it", until)
    if until != recorded or (not problem and status.reason == Reason.LEASE_UNREADABLE):
        return News(Reason.LEASE_RENEWED, told, until)
    if until - now <= _notice(status, until):
        ending = f"{told}, then undone unless renewed"
        return _once(status, Reason.LEASE_ENDING, f"{ending}. {problem}" if problem else ending, until)
    return _once(status, Reason.LEASE_UNREADABLE, f"{problem}; {told}", until) if problem else None


def _once(status: InterventionStatus, reason: Reason, message: str, until: datetime) -> News | None:
    return None if status.reason == reason else News(reason, message, until)


def _notice(status: InterventionStatus, until: datetime) -> timedelta:
    return min(_NOTICE, (until - (status.completed_at or until)) / 10)


def longest(status: InterventionStatus) -> timedelta:
    """How far ahead people may keep it at a time: as long as the policies lent it, and they alone say how long."""
    return min(LONGEST, status.lease or LONGEST)


def usual(status: InterventionStatus) -> str:
    """How long people may well renew it for, as they type it: three days, or less where less was lent."""
    return format_duration(min(_THREE_DAYS, longest(status)))


def _asked(annotations: Mapping[str, str], recorded: datetime, now: datetime, most: timedelta) -> tuple[datetime, str]:
    """Until when people want it kept, and what is wrong with how they said it; the recorded time counts then."""
    text = annotations.get(Annotation.LEASE_UNTIL)
    if text is None:
        return recorded, ""
    try:
        until = parse_time(text)
    except ValueError as error:
        return recorded, f"{Annotation.LEASE_UNTIL}: {error}"[:500]
    if until != recorded and until - now > most:
        return recorded, f"{Annotation.LEASE_UNTIL} is {text}; it may be at most {format_duration(most)} ahead"
    return until, ""
