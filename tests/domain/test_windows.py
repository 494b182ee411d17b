"""Windows and freezes: open when they should be, also in the nights when the clock changes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.policy import Freeze, Window
from vanguard.api.reasons import Reason
from vanguard.domain.windows import is_open, next_start, problem, running_freeze

MINUTE = timedelta(minutes=1)
# In Europe/Berlin 02:00 becomes 03:00 at 01:00Z on 29 March 2026, and 03:00 becomes 02:00 at 01:00Z on 25 October.
SPRING = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)


def window(schedule: str = "0 2 * * *", duration: str = "3h", zone: str = "Europe/Berlin") -> Window:
    return Window.model_validate({"name": "w", "schedule": schedule, "duration": duration, "timeZone": zone})


def openings(of: Window, start: datetime, hours: int = 12) -> list[str]:
    """The spans, in UTC, in which a window is open, found by asking each minute."""
    times = [start + number * MINUTE for number in range(hours * 60)]
    states = [is_open(of, time) for time in times]
    edges = [time for time, was, now in zip(times, [False, *states], states, strict=False) if was != now]
    return [f"{a:%H:%M}-{b:%H:%M}" for a, b in zip(edges[::2], edges[1::2], strict=True)]


@g.table(
    ("why", "of", "start", "spans"),
    [
        ("an ordinary winter night", window(), SPRING - timedelta(days=7), ["01:00-04:00"]),
        ("an ordinary summer night", window(), SPRING + timedelta(days=7), ["00:00-03:00"]),
        ("in spring, when 02:00 is skipped, it opens at 03:00", window(), SPRING, ["01:00-04:00"]),
        ("in spring, a start amid the skipped hour", window("30 2 * * *", "1h"), SPRING, ["01:00-02:00"]),
        ("in spring, a window across the change lasts as long", window("0 1 * * *"), SPRING, ["00:00-03:00"]),
        ("in autumn, when 02:00 comes twice, it opens once", window(), AUTUMN, ["00:00-03:00"]),
        ("in autumn, a start amid the doubled hour", window("30 2 * * *", "1h"), AUTUMN, ["00:30-01:30"]),
        ("in autumn, a short one amid the doubled hour", window("30 2 * * *", "10m"), AUTUMN, ["00:30-00:40"]),
        ("in autumn, a long one amid the doubled hour", window("45 2 * * *", "5h"), AUTUMN, ["00:45-05:45"]),
        ("in autumn, a window across the change lasts as long", window("0 1 * * *"), AUTUMN, ["23:00-02:00"]),
    ],
)
def test_when_a_window_is_open(why: str, of: Window, start: datetime, spans: list[str]) -> None:
    assert openings(of, start) == spans, why


@pytest.mark.parametrize("start", [SPRING, AUTUMN])
def test_a_window_that_is_always_open_has_no_gap_when_the_clock_changes(start: datetime) -> None:
    assert all(is_open(window("0 * * * *", "1h"), start + number * MINUTE) for number in range(720))


@pytest.mark.parametrize(
    ("seconds", "is_it"), [(-1, False), (0, True), (1, True), (3 * 3600 - 1, True), (3 * 3600, False)]
)
def test_a_window_begins_and_ends_on_the_second(seconds: int, is_it: bool) -> None:
    start = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
    assert is_open(window(zone="UTC"), start + timedelta(seconds=seconds)) is is_it


@pytest.mark.parametrize("schedule", ["0 2 * * *", "30 2 * * *", "*/20 * * * *", "15 1,3 * * *"])
@pytest.mark.parametrize("start", [SPRING, AUTUMN])
def test_the_next_start_is_always_to_come_and_the_window_is_open_then(schedule: str, start: datetime) -> None:
    of = window(schedule, "10m")
    for number in range(0, 720, 5):
        now = start + number * MINUTE
        coming = next_start([of], now)
        assert coming is not None
        assert coming.astimezone(UTC) > now
        assert is_open(of, coming.astimezone(UTC))


@given(st.integers(0, 366 * 24 * 60), st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]))
def test_between_now_and_the_next_start_nothing_opens(minutes: int, zone: str) -> None:
    of, now = window("0 4 * * 1", "30m", zone), datetime(2026, 1, 1, tzinfo=UTC) + minutes * MINUTE
    coming = next_start([of], now)
    assert coming is not None
    assert now < coming <= now + timedelta(days=7, hours=1)
    assert not is_open(of, coming - MINUTE)
    halfway = now + (coming - now) / 2
    assert not is_open(of, halfway) or is_open(of, now)


@pytest.mark.parametrize("minutes", range(0, 720, 45))
def test_the_answer_does_not_depend_on_the_zone_the_time_is_told_in(minutes: int) -> None:
    for start in (SPRING, AUTUMN):
        now = start + minutes * MINUTE
        told = now.astimezone(ZoneInfo("Europe/Berlin"))
        assert is_open(window(), told) is is_open(window(), now)


def test_the_next_start_is_the_earliest_of_all_windows() -> None:
    now = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
    some = [window("0 2 * * *", zone="UTC"), window("0 20 * * *", zone="UTC"), window("0 4 1 * *", zone="UTC")]
    assert next_start(some, now) == datetime(2026, 6, 1, 20, 0, tzinfo=UTC)


def test_without_windows_there_is_no_next_start() -> None:
    assert next_start([], SPRING) is None


@pytest.mark.parametrize(
    ("schedule", "zone", "reason", "said"),
    [
        ("61 * * * *", "UTC", Reason.WINDOW_NEVER_OPENS, "windows[w].schedule is '61 * * * *'"),
        ("0 2 31 2 *", "UTC", Reason.WINDOW_NEVER_OPENS, "windows[w].schedule is '0 2 31 2 *'"),
        ("0 2 * * 9", "UTC", Reason.WINDOW_NEVER_OPENS, "windows[w].schedule is '0 2 * * 9'"),
        ("0 2 * * *", "Mars/Base", Reason.TIME_ZONE_UNKNOWN, "windows[w].timeZone is 'Mars/Base'"),
        ("0 2 * * *", "Europe", Reason.TIME_ZONE_UNKNOWN, "windows[w].timeZone is 'Europe'"),
        ("0 2 * * *", "America/Argentina", Reason.TIME_ZONE_UNKNOWN, "windows[w].timeZone is 'America/Argentina'"),
    ],
)
def test_a_window_that_can_never_open_is_told_by_field_and_value(
    schedule: str, zone: str, reason: Reason, said: str
) -> None:
    told = problem(window(schedule, zone=zone))
    assert told is not None
    assert told.reason is reason
    assert told.message.startswith(said)


@pytest.mark.parametrize("schedule", ["0 2 * * *", "*/5 * * * *", "0 2 29 2 *", "0 2 * * MON-FRI", "0 2 L * *"])
def test_a_window_that_opens_has_no_problem(schedule: str) -> None:
    assert problem(window(schedule)) is None


def freeze(name: str, start: str, until: str) -> Freeze:
    return Freeze.model_validate({"name": name, "from": f"{start}T00:00:00Z", "until": f"{until}T00:00:00Z"})


FREEZES = [freeze("audit", "2026-12-01", "2026-12-24"), freeze("xmas", "2026-12-20", "2027-01-04")]


@pytest.mark.parametrize(
    ("now", "running"),
    [
        (datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), None),
        (datetime(2026, 12, 1, tzinfo=UTC), "audit"),
        (datetime(2026, 12, 22, tzinfo=UTC), "xmas"),
        (datetime(2027, 1, 3, 23, 59, 59, tzinfo=UTC), "xmas"),
        (datetime(2027, 1, 4, tzinfo=UTC), None),
    ],
    ids=str,
)
def test_of_freezes_the_one_that_ends_last_is_told(now: datetime, running: str | None) -> None:
    found = running_freeze(FREEZES, now)
    assert (found.name if found else None) == running
