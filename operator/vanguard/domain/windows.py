"""Windows and freezes: when an action may start, and when it may next."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from vanguard.api.policy import Freeze, Window

_LOOK_BACK = timedelta(hours=25)


def problem(window: Window) -> str:
    """Why a window can never open, in a sentence; empty when it can."""
    try:
        zone = ZoneInfo(window.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"windows[{window.name}].timeZone is {window.time_zone!r}; it is no IANA zone such as Europe/Berlin"
    try:
        next(CronSim(window.schedule, datetime(2026, 1, 1, tzinfo=zone)))
    except CronSimError as error:
        return f"windows[{window.name}].schedule is {window.schedule!r}; it is no cron schedule: {error}"
    except StopIteration:
        return f"windows[{window.name}].schedule is {window.schedule!r}; it never comes"
    return ""


def _starts(window: Window, after: datetime) -> Iterator[datetime]:
    """The window's openings after a time, in UTC.

    The schedule is followed from a day before: only so does it know, in the hour that comes twice in autumn,
    that it has already opened.
    """
    after = after.astimezone(UTC)
    for start in CronSim(window.schedule, (after - _LOOK_BACK).astimezone(ZoneInfo(window.time_zone))):
        if start.astimezone(UTC) > after:
            yield start.astimezone(UTC)


def is_open(window: Window, now: datetime) -> bool:
    """Whether an opening has begun and not yet ended."""
    first = next(_starts(window, now.astimezone(UTC) - window.duration), None)
    return first is not None and first <= now


def next_start(windows: Iterable[Window], now: datetime) -> datetime | None:
    """The earliest coming opening of any of the windows; None if there is none."""
    starts = (next(_starts(window, now), None) for window in windows)
    return min((start for start in starts if start is not None), default=None)


def running_freeze(freezes: Iterable[Freeze], now: datetime) -> Freeze | None:
    """The freeze that is running, the one that ends last if there are several."""
    running = [freeze for freeze in freezes if freeze.from_ <= now < freeze.until]
    return max(running, key=lambda freeze: freeze.until, default=None)
