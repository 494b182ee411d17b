"""Windows and freezes: when an action may start, and when it may next."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from vanguard.api.policy import Freeze, Window
from vanguard.api.reasons import Reason
from vanguard.domain.calendar import known_zone
from vanguard.domain.problem import Problem

# No clock is put back by more than two hours, so after three the time it shows says all.
_LOOK_BACK = timedelta(hours=3)
# Beyond this nobody waits for an opening; 29 February alone is further away.
HORIZON = timedelta(days=400)
# What one search may cost, in ticks of cron's clock, days matched and windows compared: it runs on the event loop.
# Measured on one core: 0.13 to 0.2 s at the most, however many windows of whatever schedule; a daily window against
# another is searched for all 400 days with 33,000.
_MOST_WORK = 150_000
# To begin a schedule anew costs as much as this many ticks; a gap longer than an hour is leapt so, not walked.
_BEGINNING = 20
_LEAP = timedelta(hours=1)


class _Exhausted(Exception):
    """A search has cost what it may."""


class _Work:
    """What a search may still cost."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, cost: int = 1) -> None:
        self._left -= cost
        if self._left < 0:
            raise _Exhausted


class _PaidCron(CronSim):  # type: ignore[misc]  # cronsim is untyped here
    """A schedule that pays for every step: how many lie between two openings is for the policy's author to say."""

    def __init__(self, schedule: str, start: datetime, work: _Work) -> None:
        work.spend(_BEGINNING)
        self._work = work
        super().__init__(schedule, start)

    def tick(self, seconds: int = 1) -> None:
        self._work.spend()
        super().tick(seconds)

    def match_day(self, d: date) -> bool:
        self._work.spend()
        matches: bool = super().match_day(d)
        return matches


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


def _starts(window: Window, after: datetime, cron: Callable[[str, datetime], CronSim] = CronSim) -> Iterator[datetime]:
    """The window's openings after a time, in UTC.

    Where the clock has just changed, the schedule is followed from before: only so does it know, in the hour that
    comes twice in autumn, that it has already opened. Elsewhere that would be steps for nothing.
    """
    after, zone = after.astimezone(UTC), ZoneInfo(window.time_zone)
    local, before = after.astimezone(zone), (after - _LOOK_BACK).astimezone(zone)
    for start in cron(window.schedule, local if local.utcoffset() == before.utcoffset() else before):
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
        The moment; `now` itself if everything is open; None if none was found: there is none within `HORIZON`, or
        the search came to cost too much before it got there.
    """
    now = now.astimezone(UTC)
    minute = now.replace(second=0, microsecond=0)
    for start in (minute.replace(hour=0, minute=0), minute.replace(minute=0), minute):
        first = _first_open(window_sets, freezes, start)
        if first is None or first >= now:
            return first
    return _search(window_sets, freezes, now)


@lru_cache(maxsize=1024)
def _first_open(window_sets: WindowSets, freezes: tuple[Freeze, ...], start: datetime) -> datetime | None:
    """Remembered, as those that wait ask every few seconds, and to find that two never meet takes a whole year."""
    return _search(window_sets, freezes, start)


class _Opening:
    """One window followed forward through a search: an opening is worked out when it is asked for, and once."""

    def __init__(self, window: Window, work: _Work) -> None:
        self._window, self._duration, self._work = window, window.duration, work
        self._starts: Iterator[datetime] = iter(())
        self._start: datetime | None = datetime.min.replace(tzinfo=UTC)

    def at_or_after(self, moment: datetime) -> datetime | None:
        """The first moment from one on at which it is open; None if there is none. Moments must not go back."""
        self._work.spend()
        after = moment - self._duration
        if self._start is not None and after - self._start > _LEAP:
            self._starts = _starts(self._window, after, partial(_PaidCron, work=self._work))
            self._start = next(self._starts, None)
        while self._start is not None and self._start <= after:
            self._start = next(self._starts, None)
        return None if self._start is None else max(self._start, moment)


def _search(window_sets: WindowSets, freezes: tuple[Freeze, ...], start: datetime) -> datetime | None:
    work = _Work(_MOST_WORK)
    try:
        return _meeting(window_sets, freezes, start, work)
    except _Exhausted:
        return None


def _meeting(window_sets: WindowSets, freezes: tuple[Freeze, ...], start: datetime, work: _Work) -> datetime | None:
    """From moment to moment, each the latest of what is waited for: before that, at least one is still closed."""
    moment = start
    sets = [[_Opening(window, work) for window in choice] for choice in window_sets]
    while moment <= start + HORIZON:
        work.spend(1 + len(freezes))
        freeze = running_freeze(freezes, moment)
        following = freeze.until if freeze else moment
        for choice in sets:
            opening = _earliest(choice, moment)
            if opening is None:
                return None
            following = max(following, opening)
        if following == moment:
            return moment
        moment = following
    return None


def _earliest(choice: list[_Opening], moment: datetime) -> datetime | None:
    """When the first window of a set is open; what is open already spares the others the search."""
    earliest = None
    for window in choice:
        opening = window.at_or_after(moment)
        if opening == moment:
            return moment
        if opening is not None and (earliest is None or opening < earliest):
            earliest = opening
    return earliest
