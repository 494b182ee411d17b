"""Alert state: a forecast held long enough. Inactive -> Pending -> Firing, and back after as long a quiet."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class AlertState(StrEnum):
    """Where an alert is."""

    INACTIVE = "Inactive"
    PENDING = "Pending"
    FIRING = "Firing"


@dataclass(frozen=True)
class Alert:
    """One alert of one pattern on one target.

    Attributes:
        active_at: when the present episode began; None while inactive. It names the episode.
        clear_since: while firing, since when the forecast has been harmless; None while it is not.
    """

    state: AlertState = AlertState.INACTIVE
    active_at: datetime | None = None
    clear_since: datetime | None = None


INACTIVE = Alert()


def firing_since(active_at: datetime) -> Alert:
    """A firing alert as a recorded Intervention remembers it: a restarted operator goes on with its episode."""
    return Alert(AlertState.FIRING, active_at)


def advance(alert: Alert, positive: bool | None, now: datetime, sustained_for: timedelta) -> Alert:
    """The next state.

    Args:
        alert: the state so far.
        positive: what the forecast says now; None when nothing is known. Unknown never starts an alert (a
            pending one begins anew) and never ends one.
        now: the time of the evaluation.
        sustained_for: how long a forecast must hold to fire, and be gone to resolve.
    """
    if positive is None:
        return replace(alert, clear_since=None) if alert.state is AlertState.FIRING else INACTIVE
    if positive:
        return _rising(alert, now, sustained_for)
    return _clearing(alert, now, sustained_for)


def _rising(alert: Alert, now: datetime, sustained_for: timedelta) -> Alert:
    if alert.state is AlertState.FIRING:
        return replace(alert, clear_since=None)
    active_at = alert.active_at or now.replace(microsecond=0)
    held = now - active_at >= sustained_for
    return Alert(AlertState.FIRING if held else AlertState.PENDING, active_at)


def _clearing(alert: Alert, now: datetime, sustained_for: timedelta) -> Alert:
    if alert.state is not AlertState.FIRING:
        return INACTIVE
    clear_since = alert.clear_since or now
    return INACTIVE if now - clear_since >= sustained_for else replace(alert, clear_since=clear_since)
