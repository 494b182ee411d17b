"""Times as people type them."""

from datetime import UTC, datetime

import pytest

from vanguard.backtest.times import read_time

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", NOW),
        ("-30d", datetime(2026, 2, 2, 12, 0, tzinfo=UTC)),
        ("-12h", datetime(2026, 3, 4, 0, 0, tzinfo=UTC)),
        ("-90m", datetime(2026, 3, 4, 10, 30, tzinfo=UTC)),
        ("-1w", datetime(2026, 2, 25, 12, 0, tzinfo=UTC)),
        ("2026-03-01T01:00:00+01:00", datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read(text: str, meant: datetime) -> None:
    assert read_time(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "30d", "-30", "-1y", "yesterday", "2026-03-01", "2026-03-01T00:00:00"])
def test_what_is_no_time_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time: write now, a span such as -30d"):
        read_time(text, NOW)
