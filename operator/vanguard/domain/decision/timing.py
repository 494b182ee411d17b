"""The gate about when: windows and freezes of every policy, and when they next let act together."""

from datetime import datetime

from vanguard.api.base import format_time
from vanguard.api.reasons import Reason
from vanguard.domain import windows
from vanguard.domain.decision.facts import Answer, Facts, holds, passes


def window(facts: Facts) -> Answer:
    """Is this an allowed time?"""
    consent, now = facts.consent, facts.now
    if consent is None:
        return holds(Reason.NO_POLICY)
    freeze = windows.running_freeze(consent.freezes, now)
    if freeze is not None:
        why = f"freeze {freeze.name} ends {format_time(freeze.until)}: {freeze.reason or 'no reason given'}"
        opening = None if consent.problems else windows.next_open(consent.window_sets, consent.freezes, now)
        return holds(Reason.FROZEN, why, opening)
    if consent.problems:
        return holds(Reason.POLICY_INVALID)
    if not consent.window_sets:
        return passes(Reason.WINDOW_NOT_REQUIRED)
    if not all(consent.window_sets):
        return holds(Reason.NO_WINDOW)
    if windows.all_open(consent.window_sets, now):
        return passes(Reason.WINDOW_OPEN)
    opening = windows.next_open(consent.window_sets, consent.freezes, now)
    return holds(Reason.WINDOW_CLOSED, f"next opening {_told(opening)}", opening)


def _told(opening: datetime | None) -> str:
    """Not that there is none: a search that costs too much ends before the last of those days."""
    return format_time(opening) if opening else f"never found, looking at most {windows.HORIZON.days} days ahead"


def then_open(facts: Facts, others: datetime | None) -> datetime | None:
    """The first allowed time once every other gate has opened; what opens outside the windows waits for the next.

    Args:
        facts: what is known.
        others: when the last of the holding gates opens; None if that is not known.
    """
    consent = facts.consent
    if others is None or consent is None or consent.problems:
        return others
    return windows.next_open(consent.window_sets, consent.freezes, max(others, facts.now))


def too_late(facts: Facts, opening: datetime | None) -> str:
    """Why waiting is in vain: the breach was foreseen before anything may be done. Empty when it is not.

    The breach is the one the alert fired for: it does not move, so neither does what people are told. Once that time
    has passed it is news no more, unless it was told before.

    Args:
        facts: what is known.
        opening: when it may be done at the earliest; None if there is no such time, or nobody knows it.
    """
    cause = facts.intervention.spec.cause
    breach = cause.breach_at or cause.breach_earliest
    if breach is None or (facts.now >= breach and facts.intervention.status.escalated_at is None):
        return ""
    if opening is None and window(facts).reason is not Reason.WINDOW_CLOSED:
        return ""
    if opening is not None and opening <= breach:
        return ""
    return f"cannot act before breach ({format_time(breach)}); next opening {_told(opening)}"
