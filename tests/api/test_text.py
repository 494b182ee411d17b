"""Durations, decimals and times as text: nothing is lost on the way, and what is wrong is told."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanguard.api.base import format_time, parse_decimal, parse_time
from vanguard.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("40s", 40),
        ("15m", 900),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1h1m1s", 3661),
        ("90m", 5400),
        ("0s", 0),
        ("100h", 360000),
    ],
)
def test_a_duration_is_hours_minutes_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "15", "h", "1d", "1.5h", "-1h", "1m1h", "1 h", " 1h", "1h\n", "1H", "1h30", "²h", "٣h", 15, 1.5, None, True],
)
def test_what_is_no_duration_is_refused_by_value_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration.* such as 1h30m or 40s") as told:
        parse_duration(text)
    assert repr(text) in str(told.value)


@settings(deadline=None, derandomize=True, database=None)
@given(st.integers(0, 10**7))
def test_a_duration_survives_being_written_and_read(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert parse_duration(format_duration(span)) == span


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (60, "1m"), (3600, "1h"), (5400, "1h30m"), (3661, "1h1m1s"), (86400, "24h")]
)
def test_a_duration_is_written_as_short_as_it_can_be(seconds: int, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize("text", ["0.1", "95", "-3.25", "0", "123456789012345.123456789"])
def test_a_decimal_keeps_every_digit(text: str) -> None:
    assert str(parse_decimal(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        0.1,
        95,
        True,
        None,
        "",
        "1e3",
        ".5",
        "5.",
        "+1",
        "NaN",
        "Infinity",
        "1,5",
        "٣",
        " 1",
        "1\n",
        "1" * 16,
        "0.1234567890",
    ],
)
def test_a_decimal_that_is_no_decimal_string_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="is not a decimal string: write it in quotes") as told:
        parse_decimal(text)
    assert repr(text) in str(told.value)


def test_a_decimal_that_is_one_already_is_taken_as_it_is() -> None:
    assert parse_decimal(Decimal("0.1")) == Decimal("0.1")


@pytest.mark.parametrize(
    "text",
    ["2026-03-10T03:00:00Z", "2026-03-10T04:00:00+01:00", "2026-03-09T22:00:00-05:00", "2026-03-10T03:00:00.000Z"],
)
def test_a_time_is_read_with_its_zone(text: str) -> None:
    assert parse_time(text) == datetime(2026, 3, 10, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["tomorrow", "", "2026-03-10", "2026-03-10T03:00:00", "2026-13-01T00:00:00Z", 1700000000, None]
)
def test_a_time_without_zone_or_sense_is_refused_by_value_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="is not an RFC 3339 time with a zone, such as 2026-12-20T00:00:00Z") as told:
        parse_time(text)
    assert repr(text) in str(told.value)


def test_a_time_is_written_in_utc_with_whole_seconds() -> None:
    local = datetime.fromisoformat("2026-03-10T04:00:00.987654+01:00")
    assert format_time(local) == "2026-03-10T03:00:00Z"
