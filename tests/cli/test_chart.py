"""The drawing: the limit where it belongs, gaps left open, the cone from now on, and never a column too wide."""

import io
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from tests.domain import given as g
from vanguard.api.pattern import Direction
from vanguard.cli.canvas import Canvas, Ink
from vanguard.cli.chart import drawn, figure
from vanguard.domain.outlook import Outlook, hours_of, values_of
from vanguard.domain.past import BLOCK, BLOCKS, DAY_BLOCKS, FINE, Past

GUTTER = 8
DAYS = np.arange(8 * DAY_BLOCKS * BLOCK) / 12
BRAILLE = {chr(code) for code in range(0x2801, 0x2900)}


COLOURS: dict[bool, Literal["truecolor", "auto"]] = {True: "truecolor", False: "auto"}


def outlook(
    values: np.ndarray,
    *,
    limit: str = "95",
    direction: str = "Rising",
    hours: tuple[float, float, float] = (2.0, 4.0, 9.0),
    phase: int = BLOCK,
    **changes: Any,
) -> Outlook:
    signal = g.pattern().spec.signals[0].model_copy(update={"limit": Decimal(limit), "direction": Direction(direction)})
    past = Past.of(values[None, :], phase=phase)
    level = float(np.nanmedian(values[-6:])) if np.isfinite(values[-6:]).any() else 0.0
    return Outlook(
        labels=(),
        signal=signal,
        seen=g.assessment(level=level, hours=hours),
        refusal="",
        look_alike="",
        asked=(),
        spoken=(),
        hours=hours_of(past),
        values=values_of(past, 0),
        **changes,
    )


def page(one: Outlook, width: int = 80, past_hours: float = 24.0, **how: Any) -> list[str]:
    return [line.plain for line in drawn(one, width=width, past_hours=past_hours, **how)]


def plot(lines: list[str], rows: int = 16) -> list[str]:
    return [line[GUTTER:] for line in lines[:rows]]


FLAT = np.full(DAYS.size, 50.0)
RAMP = 40 + 40 * DAYS / DAYS[-1]


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("limit", ["95", "50", "5", "100000", "-20"])
def test_the_limits_line_crosses_the_row_of_its_value_and_no_other(limit: str, *, plain: bool) -> None:
    """Where it is follows from the scale alone: the row's share of the way from the highest to the lowest."""
    rows, sign = 20, "-" if plain else "─"
    lines = page(outlook(RAMP, limit=limit, hours=(np.inf,) * 3), rows=rows, plain=plain, past_hours=192)
    having = [row for row, line in enumerate(plot(lines, rows)) if line.count(sign) > 20]
    high, low = max(80.0, float(limit)), min(40.0, float(limit))
    margin = 0.04 * (high - low)
    expected = (high + margin - float(limit)) / (high - low + 2 * margin) * rows
    assert having == [pytest.approx(expected, abs=1.01)]
    assert lines[having[0]][:GUTTER].strip() == figure(float(limit))
    assert sum(line[:GUTTER].strip() == figure(float(limit)) for line in lines[:rows]) == 1


def test_a_value_is_drawn_at_its_own_height() -> None:
    step = np.where(DAYS[-1] - 12 > DAYS, 20.0, 80.0)
    lines = plot(page(outlook(step, limit="100", hours=(np.inf,) * 3), plain=True, rows=16), 16)
    at = {row: line.count("*") for row, line in enumerate(lines) if "*" in line}
    low, high = max(at), min(at)
    assert (high, low) == (pytest.approx(4, abs=1), 15)
    assert at[high] > 15
    assert at[low] > 15
    assert lines[high].index("*") > lines[low].index("*")


@pytest.mark.parametrize("width", [28, 40, 80, 81, 120, 160, 300])
@pytest.mark.parametrize("past_hours", [1.0, 24.0, 72.0, 192.0])
@pytest.mark.parametrize("plain", [True, False])
def test_no_line_is_wider_than_the_terminal(width: int, past_hours: float, *, plain: bool) -> None:
    for one in (outlook(RAMP), outlook(RAMP * 1e9, limit="123456789012"), outlook(RAMP, hours=(np.inf,) * 3)):
        told = page(one, width, past_hours, plain=plain)
        assert max(Text(line).cell_len for line in told) <= width
        assert max(map(len, plot(told))) <= width - GUTTER


def test_a_terminal_too_narrow_for_a_drawing_is_told_so_within_its_width() -> None:
    assert [len(line) <= 20 for line in page(outlook(FLAT), 20)] == [True]
    assert page(outlook(FLAT), 20)[0].startswith("(nothing to draw")


def test_where_nothing_is_known_nothing_is_drawn() -> None:
    assert page(outlook(np.full(DAYS.size, np.nan)))[0].startswith("(nothing to draw")


@pytest.mark.parametrize("plain", [True, False])
def test_a_gap_is_not_joined(*, plain: bool) -> None:
    """Six hours without values, before and after which the level is another: no line leads across."""
    age = DAYS[-1] - DAYS
    values = np.where((age < 10) & (age > 4), np.nan, np.where(age >= 10, 20.0, 80.0))
    one = outlook(values, hours=(np.inf,) * 3)
    signs = {"*"} if plain else BRAILLE
    columns = [
        any(line[column : column + 1] in signs for line in plot(page(one, 128, plain=plain))) for column in range(120)
    ]
    start, end = (round((24 - hours) / 36 * 120) for hours in (9.6, 4.4))
    assert not any(columns[start:end])
    assert all(columns[start - 10 : start - 2])
    assert all(columns[end + 3 : end + 10])


def test_neighbours_are_joined() -> None:
    """A jump within five minutes is one steep line through all rows between."""
    one = outlook(np.where(DAYS[-1] - 6 > DAYS, 10.0, 90.0), hours=(np.inf,) * 3)
    rows = [row for row, line in enumerate(plot(page(one, plain=True))) if "*" in line]
    assert rows == list(range(rows[0], rows[-1] + 1))
    assert len(rows) > 10


@pytest.mark.parametrize(("direction", "limit", "level"), [("Rising", "95", 50.0), ("Falling", "5", 50.0)])
def test_the_cone_leads_from_the_present_level_to_the_limit_at_each_quantile(
    direction: str, limit: str, level: float
) -> None:
    one = outlook(np.full(DAYS.size, level), limit=limit, direction=direction)
    lines = plot(page(one, 152, plain=True, rows=20), 20)
    limit_row = next(row for row, line in enumerate(lines) if line.count("-") > 20)
    now = round(24 / 36 * 144)
    for hours in (2.0, 9.0):
        assert lines[limit_row][round((24 + hours) / 36 * 143)] in ".o", hours
    assert lines[limit_row][round((24 + 4.0) / 36 * 143)] == "o"
    assert not any(sign in line[: now - 1] for line in lines for sign in ".o")


def test_an_edge_beyond_the_horizon_is_cut_off_before_it_reaches_the_limit() -> None:
    one = outlook(FLAT, hours=(6.0, 24.0, np.inf))
    lines = plot(page(one, 152, plain=True, rows=20), 20)
    limit_row = next(row for row, line in enumerate(lines) if line.count("-") > 20)
    assert "o" not in lines[limit_row]
    heights = [row for row, line in enumerate(lines) if "o" in line]
    assert max(heights) - min(heights) == pytest.approx((max(heights) - limit_row) / 2, abs=1.5)
    assert "90 %" not in " ".join(page(one))


@pytest.mark.parametrize(
    ("hours", "ends"), [(6.0, (6.0, 95.0)), (12.0, (12.0, 95.0)), (24.0, (12.0, 72.5)), (36.0, (12.0, 65.0))]
)
def test_an_edge_ends_at_the_limit_or_at_the_last_horizon(hours: float, ends: tuple[float, float]) -> None:
    one = outlook(FLAT, hours=(hours, np.inf, np.inf))
    (ray,) = one.rays
    assert one.ray_end(ray) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hours": (np.inf,) * 3}, "no breach is foreseen"),
        ({"limit": "40", "hours": (0.0, 0.0, 0.0)}, "the limit is passed already"),
    ],
)
def test_without_a_cone_the_legend_says_why(changes: dict[str, Any], told: str) -> None:
    lines = page(outlook(FLAT, **changes), plain=True)
    assert told in " ".join(lines)
    assert not any("o" in line for line in plot(lines))


def test_no_cone_is_drawn_of_what_the_model_refuses_to_judge() -> None:
    one = replace(outlook(FLAT), refusal="StaleData")
    assert one.rays == ()


def test_now_and_round_times_stand_below_their_columns() -> None:
    lines = page(outlook(FLAT), 152, plain=True)
    clock = lines[16][GUTTER:]
    now = lines[0][GUTTER:].index("|")
    assert clock.index("now") + 1 == pytest.approx(now, abs=1)
    # g.NOW is at three o'clock; six hours later it is nine.
    assert clock.rindex("09:00") + 2 == pytest.approx(now + 6 / 36 * 144, abs=1)
    assert "10 Mar" in clock


def test_plain_is_ascii_and_not_plain_is_braille() -> None:
    assert all(line.isascii() for line in page(outlook(RAMP), plain=True))
    assert any(sign in BRAILLE for line in page(outlook(RAMP)) for sign in line)


def test_piped_there_is_no_colour_and_in_a_terminal_there_is() -> None:
    out = {}
    for terminal in (True, False):
        file = io.StringIO()
        console = Console(
            file=file, force_terminal=terminal, color_system="truecolor" if terminal else "auto", width=80
        )
        for line in drawn(outlook(RAMP), width=80, past_hours=24):
            console.print(line)
        out[terminal] = file.getvalue()
    assert "\x1b[" in out[True]
    assert "\x1b" not in out[False]


@pytest.mark.parametrize("phase", range(1, 7))
def test_half_hours_and_bins_follow_each_other_without_a_jump(phase: int) -> None:
    """A straight line stays one where the fine part begins, whatever part of the newest half hour is over."""
    one = outlook(DAYS.copy(), phase=phase)
    assert np.all(np.diff(one.hours) > 0)
    assert one.hours[-1] == 0
    known = np.isfinite(one.values)
    expected = DAYS[-1] + one.hours[known]
    np.testing.assert_allclose(one.values[known], expected, atol=2 / 12)
    assert one.hours.size == pytest.approx(FINE + BLOCKS - FINE / BLOCK, abs=1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (95.0, "95"), (81.23456, "81.23"), (1234.5, "1234"), (12345.0, "12.35k"), (2.5e6, "2.5M"),
        (8.5e9, "8.5G"), (-3e12, "-3T"), (4e16, "4e+16"), (0.00012, "1e-04"), (float("nan"), "-"), (float("inf"), "-"),
    ],
)  # fmt: skip
def test_a_figure_is_short(value: float, text: str) -> None:
    assert figure(value) == text
    assert len(text) <= 7


def test_a_canvas_keeps_to_its_cells_and_shares_dots_within_one() -> None:
    canvas = Canvas(2, 1)
    for x, y in ((0, 0), (1, 3), (-1, 0), (4, 0), (0, 4)):
        canvas.dot(x, y, Ink("", "*"))
    assert [sign for sign, _ in canvas.row(0)] == [chr(0x2800 + 0x01 + 0x80), " "]
    canvas.write(1, 0, "abc")
    canvas.write(0, 5, "x")
    assert [sign for sign, _ in canvas.row(0)] == [chr(0x2881), "a"]
