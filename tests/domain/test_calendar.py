"""Calendar days and weeks: as long as they are where people live."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vanguard.domain.calendar import Period, PeriodUnit

DAY, WEEK = PeriodUnit.DAY, PeriodUnit.WEEK


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("unit", "zone", "now", "begins", "ends"),
    [
        (DAY, "UTC", "2026-03-10T03:00:00Z", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"),
        (DAY, "Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        (DAY, "Europe/Berlin", "2026-10-25T10:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        (WEEK, "UTC", "2026-03-15T23:59:59Z", "2026-03-09T00:00:00Z", "2026-03-16T00:00:00Z"),
        (WEEK, "America/New_York", "2026-03-09T03:00:00Z", "2026-03-02T05:00:00Z", "2026-03-09T04:00:00Z"),
        (DAY, "Mars/Olympus", "2026-03-10T03:00:00Z", "2026-03-10T00:00:00Z", "2026-03-11T00:00:00Z"),
    ],
    ids=["a day", "of 23 hours", "of 25 hours", "a week's last second", "a week with a change", "an unknown zone"],
)
def test_when_it_begins_and_ends(unit: PeriodUnit, zone: str, now: str, begins: str, ends: str) -> None:
    period = Period(unit, zone)
    assert (period.begins(at(now)), period.ends(at(now))) == (at(begins), at(ends))


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001 - given its zone below
    st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.sampled_from(PeriodUnit),
)
@settings(max_examples=300)
def test_periods_follow_each_other_without_gap_or_overlap(now: datetime, zone: str, unit: PeriodUnit) -> None:
    now, period = now.replace(tzinfo=UTC), Period(unit, zone)
    assert period.begins(now) <= now < period.ends(now)
    assert period.begins(period.ends(now)) == period.ends(now)
    assert period.ends(period.begins(now) - timedelta(seconds=1)) == period.begins(now)
