"""Windows and freezes: when an action may start, and when it may next."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from vanguard.api.policy import Freeze, Window
from vanguard.api.reasons import Reason
from vanguard.domain.calendar import known_zone
from vanguard.domain.problem import Problem

_LOOK_BACK = timedelta(hours=25)
# Beyond this nobody waits for an opening; 29 February alone is further away.
HORIZON = timedelta(days=400)
# Each candidate is a moment at which something opened or thawed; minutely windows that never meet give many.
_MOST_CANDIDATES = 1000
# Of schedules in one search; each costs about 5 microseconds. Minutely windows that never meet would else take
# minutes, in which the process could do nothing else.
MOST_STEPS = 40_000


class _StepsSpentError(Exception):
    """The search has gone on for long enough."""


class _Steps:
    """How many more openings of schedules a search may look at."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> None:
        """Look at one more."""
        self.left -= 1
        if self.left < 0:
            raise _StepsSpentError


def problem(window: Window) -> Problem | None:
    """Why a window can never open; None when it can."""
    zone, schedule = window.time_zone, window.schedule
    if not known_zone(zone):
        told = f"windows[{window.name}].timeZone is {zone!r}; it is no IANA zone such as Europe/Berlin"
        return Problem(Reason.TIME_ZONE_UNKNOWN, told)
    told = f"windows[{window.name}].schedule is {schedule!r}"
    try:
        next(CronSim(schedule, datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))))
    except CronSimError as error:
        return Problem(Reason.WINDOW_NEVER_OPENS, f"{told}; it is no cron schedule: {error}")
    except StopIteration:
        return Problem(Reason.WINDOW_NEVER_OPENS, f"{told}; it never comes")
    return None


def _starts(window: Window, after: datetime, steps: _Steps | None = None) -> Iterator[datetime]:
    """The window's openings after a time, in UTC.

    The schedule is followed from a day before: only so does it know, in the hour that comes twice in autumn,
    that it has already opened.
    """
    after = after.astimezone(UTC)
    for start in CronSim(window.schedule, (after - _LOOK_BACK).astimezone(ZoneInfo(window.time_zone))):
        if steps is not None:
            steps.take()
        if start.astimezone(UTC) > after:
            yield start.astimezone(UTC)


def is_open(window: Window, now: datetime, steps: _Steps | None = None) -> bool:
    """Whether an opening has begun and not yet ended."""
    first = next(_starts(window, now.astimezone(UTC) - window.duration, steps), None)
    return first is not None and first <= now


def next_start(windows: Iterable[Window], now: datetime, steps: _Steps | None = None) -> datetime | None:
    """The earliest coming opening of any of the windows; None if there is none."""
    starts = (next(_starts(window, now, steps), None) for window in windows)
    return min((start for start in starts if start is not None), default=None)


def running_freeze(freezes: Iterable[Freeze], now: datetime) -> Freeze | None:
    """The freeze that is running, the one that ends last if there are several."""
    running = [freeze for freeze in freezes if freeze.from_ <= now < freeze.until]
    return max(running, key=lambda freeze: freeze.until, default=None)


WindowSets = tuple[tuple[Window, ...], ...]


def all_open(window_sets: WindowSets, now: datetime) -> bool:
    """Whether of every set at least one window is open."""
    return all(any(is_open(window, now) for window in choice) for choice in window_sets)


def next_open(window_sets: WindowSets, freezes: tuple[Freeze, ...], now: datetime) -> datetime | None:
    """The earliest moment from now on at which one window of every set is open and no freeze runs.

    Args:
        window_sets: per policy that asks for one, its windows; none at all is no restriction.
        freezes: of all policies.
        now: where to begin.

    Returns:
        The moment; `now` itself if everything is open; None if there is none within `HORIZON`, or none is found in
        a thousand moments and `MOST_STEPS` openings of the schedules.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = _first_open(window_sets, freezes, today)
    return first if first is None or first >= now else _search(window_sets, freezes, now)


@lru_cache(maxsize=256)
def _first_open(window_sets: WindowSets, freezes: tuple[Freeze, ...], start: datetime) -> datetime | None:
    """Remembered, as those that wait ask every few seconds, and to find that two never meet takes a whole year."""
    return _search(window_sets, freezes, start)


def _search(window_sets: WindowSets, freezes: Iterable[Freeze], start: datetime) -> datetime | None:
    """From moment to moment, each the latest of what is waited for: before that, at least one is still closed."""
    try:
        return _searched(window_sets, freezes, start, _Steps(MOST_STEPS))
    except _StepsSpentError:
        return None


def _searched(window_sets: WindowSets, freezes: Iterable[Freeze], start: datetime, steps: _Steps) -> datetime | None:
    moment = start
    for _ in range(_MOST_CANDIDATES):
        waits = _waits(window_sets, freezes, moment, steps)
        following = max((wait for wait in waits if wait is not None), default=moment)
        if None in waits or following > start + HORIZON:
            return None
        if not waits:
            return moment
        moment = following
    return None


def _waits(
    window_sets: WindowSets, freezes: Iterable[Freeze], moment: datetime, steps: _Steps
) -> list[datetime | None]:
    """What each that is closed at a moment waits for; None for one that never opens."""
    freeze = running_freeze(freezes, moment)
    thaw: list[datetime | None] = [freeze.until] if freeze else []
    closed = (choice for choice in window_sets if not any(is_open(window, moment, steps) for window in choice))
    return thaw + [next_start(choice, moment, steps) for choice in closed]
