"""The search for the next opening: the same answer as a plain one, and never dearer than it may be."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.policy import Window
from vanguard.domain import windows
from vanguard.domain.windows import HORIZON, WindowSets, all_open, is_open, next_open

MINUTE = timedelta(minutes=1)
MIDNIGHT = datetime(2026, 3, 20, tzinfo=UTC)
# An hour or so around both changes of the clock in Berlin, and an ordinary day.
STARTS = [datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC), MIDNIGHT]


def window(schedule: str, duration: str = "1m", zone: str = "Europe/Berlin") -> Window:
    return Window.model_validate({"name": "w", "schedule": schedule, "duration": duration, "timeZone": zone})


def plain_start(of: Window, after: datetime) -> datetime:
    """The first opening after a time, the schedule followed from a day before."""
    cron = CronSim(of.schedule, (after - timedelta(hours=25)).astimezone(ZoneInfo(of.time_zone)))
    return next(start.astimezone(UTC) for start in cron if start.astimezone(UTC) > after)


def plain_open(of: Window, now: datetime) -> bool:
    return plain_start(of, now - of.duration) <= now


def plain_search(sets: WindowSets, start: datetime) -> datetime | None:
    """From candidate to candidate, every window of every set asked anew at each."""
    moment = start
    while moment <= start + timedelta(days=3):
        closed = [choice for choice in sets if not any(plain_open(of, moment) for of in choice)]
        if not closed:
            return moment
        moment = max(min(plain_start(of, moment) for of in choice) for choice in closed)
    return None


WINDOWS = st.builds(
    lambda minute, hour, length, zone: window(f"{minute} {hour} * * *", f"{length}m", zone),
    st.sampled_from(["0", "30", "*/20", "15,45", "7"]),
    st.sampled_from(["*", "*/5", "1-3", "2", "2,14", "0", "23"]),
    st.sampled_from([1, 10, 45, 90, 300]),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana"]),
)
NOWS = st.builds(lambda start, minutes: start + minutes * MINUTE, st.sampled_from(STARTS), st.integers(0, 600))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(WINDOWS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=3).map(tuple), NOWS)
def test_it_is_what_a_plain_search_finds(sets: WindowSets, now: datetime) -> None:
    expected, found = plain_search(sets, now), next_open(sets, (), now)
    if expected is None:
        assert found is None or found > now + timedelta(days=3)
    else:
        assert found == expected


@settings(max_examples=200, deadline=None)
@given(WINDOWS, NOWS)
def test_a_window_is_open_as_if_followed_from_a_day_before(of: Window, now: datetime) -> None:
    assert is_open(of, now) is plain_open(of, now)


class Ticks:
    """How often cron's clock was moved on."""

    count = 0


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ticks]:
    counted, tick = Ticks(), CronSim.tick

    def counting(cron: CronSim, seconds: int = 1) -> None:
        counted.count += 1
        tick(cron, seconds)

    monkeypatch.setattr(CronSim, "tick", counting)
    windows._first_open.cache_clear()
    yield counted
    windows._first_open.cache_clear()


MORNING, EVENING = window("* 0-11 * * *"), window("* 12-23 * * *")
EVEN, ODD = window("*/2 * * * *", "1m"), window("1-59/2 * * * *", "1m")


@g.table(
    ("why", "sets"),
    [
        ("halves of the day", ((MORNING,), (EVENING,))),
        ("sixteen windows each", ((MORNING,) * 16, (EVENING,) * 16)),
        ("a hundred policies", ((MORNING,) * 16, (EVENING,) * 16) * 50),
        ("every other minute", ((EVEN,), (ODD,))),
        ("beside many that hardly ever open", ((EVEN, *[window("0 0 29 2 *")] * 300), (ODD,))),
        ("long ones too", ((window("0-59 0 * * *", "11h"),) * 16, (window("0-59 13 * * *", "9h"),) * 16)),
    ],
)
def test_windows_that_never_meet_cost_no_more_than_a_search_may(why: str, sets: WindowSets, ticks: Ticks) -> None:
    assert next_open(sets, (), MIDNIGHT + 7 * MINUTE) is None
    assert ticks.count <= windows._MOST_WORK, why
    spent = ticks.count
    assert next_open(sets, (), MIDNIGHT + 9 * MINUTE) is None
    assert ticks.count == spent, "what was found is remembered"


def test_two_daily_windows_that_never_meet_are_followed_to_the_horizon(
    ticks: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = ((window("0 2 * * *", "3h"),), (window("0 12 * * *", "1h"),))
    monkeypatch.setattr(windows, "_MOST_WORK", windows._MOST_WORK // 2)
    assert next_open(sets, (), MIDNIGHT) is None
    assert HORIZON.days < ticks.count < windows._MOST_WORK


@pytest.mark.parametrize("now", [MIDNIGHT + 7 * MINUTE, STARTS[0], STARTS[1] + 180 * MINUTE])
def test_a_look_takes_few_steps_for_each_window(now: datetime, ticks: Ticks) -> None:
    closed = [window("* 0-11 * * *", "1m", zone) for zone in ("UTC", "Asia/Tokyo")] * 8
    all_open(((*closed, window("* * * * *")),) * 10, now)
    assert ticks.count <= 300 * 17 * 10
