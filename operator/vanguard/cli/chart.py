"""An outlook drawn in the terminal: the series, its limit, and from now on the cone to it. Never wider than asked."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from rich.text import Text

from vanguard.cli.canvas import ACROSS, DOWN, Canvas, Ink
from vanguard.domain.outlook import AHEAD_HOURS, Outlook

SERIES, CONE, MIDDLE = Ink("cyan", "*"), Ink("yellow", "."), Ink("bold yellow", "o")
LIMIT_STYLE, NOW_STYLE, SCALE_STYLE = "red", "dim", "dim"
_GUTTER = 8  # the longest figure, and a space
_TICK_HOURS = (1, 2, 3, 6, 12, 24, 48, 96)
_TICK_COLUMNS = 9  # a time and some air
_DAY_HOURS = 24
_MARGIN = 0.04
_LEAST_COLUMNS = 20
_SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e4, "k"))


def figure(value: float) -> str:
    """A number in at most seven characters; large ones with k, M, G, T."""
    if not math.isfinite(value):
        return "-"
    for size, letter in _SI:
        if abs(value) >= size:
            scaled = value / (1e3 if letter == "k" else size)
            return f"{scaled:.4g}{letter}" if abs(scaled) < 1e4 else f"{value:.0e}"  # noqa: PLR2004 - four figures
    return f"{value:.4g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.0e}"  # noqa: PLR2004 - as above


@dataclass(frozen=True)
class Frame:
    """What part of the world the canvas shows: hours from now, and values."""

    first: float
    last: float
    low: float
    high: float
    columns: int
    rows: int

    def x(self, hours: float) -> float:
        """The dot from the left."""
        return (hours - self.first) / (self.last - self.first) * (self.columns * ACROSS - 1)

    def y(self, value: float) -> float:
        """The dot from the top."""
        return (self.high - value) / (self.high - self.low) * (self.rows * DOWN - 1)

    def column(self, hours: float) -> int:
        """The cell from the left."""
        return round(self.x(hours)) // ACROSS

    def row(self, value: float) -> int:
        """The cell from the top."""
        return round(self.y(value)) // DOWN


def drawn(outlook: Outlook, *, width: int, past_hours: float, rows: int = 16, plain: bool = False) -> list[Text]:
    """The drawing, line by line.

    Args:
        outlook: what is drawn.
        width: most columns a line may have; below 28 nothing is drawn.
        past_hours: how far back it goes.
        rows: lines between top and time axis.
        plain: ASCII only.
    """
    columns = width - _GUTTER
    shown = (outlook.hours >= -past_hours) & np.isfinite(outlook.values)
    if columns < _LEAST_COLUMNS or not shown.any():
        return [Text("(nothing to draw: no value in this time, or too narrow a terminal)"[: max(0, width)])]
    frame = _frame(outlook, outlook.values[shown], past_hours, columns, rows)
    canvas = Canvas(columns, rows, plain)
    canvas.write(0, frame.row(outlook.limit), ("-" if plain else "─") * columns, LIMIT_STYLE)
    for row in range(rows):
        canvas.write(frame.column(0.0), row, "|" if plain else "│", NOW_STYLE)
    _draw_cone(canvas, frame, outlook)
    _draw_series(canvas, frame, outlook)
    labels = _scale(frame, outlook)
    lines = [_line(labels.get(row, ("", "")), canvas.row(row)) for row in range(rows)]
    return [*lines, _clock(frame, outlook.seen.at), *_legend(outlook, width, plain=plain)]


def _frame(outlook: Outlook, values: np.ndarray, past_hours: float, columns: int, rows: int) -> Frame:
    low, high = min(values.min(), outlook.limit), max(values.max(), outlook.limit)
    margin = _MARGIN * ((high - low) or abs(high) or 1.0)
    return Frame(-past_hours, AHEAD_HOURS, float(low - margin), float(high + margin), columns, rows)


def _draw_series(canvas: Canvas, frame: Frame, outlook: Outlook) -> None:
    """Neighbours are joined; a gap stays one."""
    before: tuple[float, float] | None = None
    for hours, value in zip(outlook.hours.tolist(), outlook.values.tolist(), strict=True):
        if hours < frame.first or not math.isfinite(value):
            before = None
            continue
        here = frame.x(hours), frame.y(value)
        canvas.line(before or here, here, SERIES)
        before = here


def _draw_cone(canvas: Canvas, frame: Frame, outlook: Outlook) -> None:
    start = frame.x(0.0), frame.y(outlook.seen.level)
    for ray in sorted(outlook.rays, key=lambda one: one.probability == 0.5):  # noqa: PLR2004 - the middle on top
        hours, value = outlook.ray_end(ray)
        middle = ray.probability == 0.5  # noqa: PLR2004 - the median
        canvas.line(start, (frame.x(hours), frame.y(value)), MIDDLE if middle else CONE, every=1 if middle else 2)


def _scale(frame: Frame, outlook: Outlook) -> dict[int, tuple[str, str]]:
    """What stands left of which row: figure and style. The limit's row is the limit's."""
    ticks = [row for row in range(0, frame.rows, 4) if abs(row - frame.row(outlook.limit)) > 1]
    height = frame.rows * DOWN - 1
    out = {
        row: (figure(frame.high - (row * DOWN + 1.5) / height * (frame.high - frame.low)), SCALE_STYLE) for row in ticks
    }
    return out | {frame.row(outlook.limit): (figure(outlook.limit), LIMIT_STYLE)}


def _line(label: tuple[str, str], cells: list[tuple[str, str]]) -> Text:
    text = Text(no_wrap=True)
    text.append(f"{label[0]:>{_GUTTER - 1}} ", label[1])
    for sign, style in cells:
        text.append(sign, style)
    text.rstrip()
    return text


def _clock(frame: Frame, now: datetime) -> Text:
    """Times below the columns they stand for, and `now`."""
    line = [" "] * frame.columns
    step = next(
        (step for step in _TICK_HOURS if step * frame.columns / (frame.last - frame.first) >= _TICK_COLUMNS),
        _TICK_HOURS[-1],
    )
    for hours, at in _ticks(frame, now, step):
        day = at.hour == 0 and at.minute == 0
        _put(line, frame.column(hours), at.strftime("%d %b") if day else at.strftime("%H:%M"))
    _put(line, frame.column(0.0), "now", over=True)
    return Text(" " * _GUTTER + "".join(line).rstrip(), SCALE_STYLE, no_wrap=True)


def _ticks(frame: Frame, now: datetime, step: int) -> Iterator[tuple[float, datetime]]:
    """Round times of the clock in the frame, with their hours from now."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    at = midnight - timedelta(hours=_DAY_HOURS * (1 + int(-frame.first // _DAY_HOURS)))
    while (hours := (at - now).total_seconds() / 3600) <= frame.last:
        if hours >= frame.first:
            yield hours, at
        at += timedelta(hours=step)


def _put(line: list[str], column: int, text: str, *, over: bool = False) -> None:
    """Write centred on a column, where there is room."""
    start = max(0, min(column - len(text) // 2, len(line) - len(text)))
    before, after = max(0, start - 1), min(len(line), start + len(text) + 1)
    taken = any(sign != " " for sign in line[before:after])
    if taken and not over:
        return
    if over:  # a time half hidden would be a lie
        while before > 0 and line[before] != " ":
            before -= 1
        while after < len(line) and line[after] != " ":
            after += 1
        line[before:after] = " " * (after - before)
    line[start : start + len(text)] = text


def _legend(outlook: Outlook, width: int, *, plain: bool) -> Iterator[Text]:
    """What the lines mean, in whole words."""
    now = outlook.seen.at.strftime("%Y-%m-%d %H:%M UTC")
    parts = [
        (f"{'*' if plain else '⠒⠒'} {outlook.signal.metric_type}", SERIES.style),
        (f"{'--' if plain else '──'} limit {figure(outlook.limit)}", LIMIT_STYLE),
        (f"{'|' if plain else '│'} now, {now}", NOW_STYLE),
    ]
    line = Text(" " * _GUTTER)
    for text, style in parts:
        if line.plain.strip() and line.cell_len + len(text) + 3 > width:
            yield line
            line = Text(" " * _GUTTER)
        line.append(("" if not line.plain.strip() else "   ") + text, style)
        line.truncate(width)
    yield line
    for text in _meaning_of_cone(outlook):
        yield from _folded(text, width)


def _meaning_of_cone(outlook: Outlook) -> Iterator[str]:
    if not outlook.rays:
        yield "no cone: the limit is passed already" if outlook.passed else "no cone: no breach is foreseen"
        return
    chances = ", ".join(f"{100 * ray.probability:.0f} % by {outlook.at(ray.hours):%d %b %H:%M}" for ray in outlook.rays)
    yield f"cone: straight from the present level to where the limit is reached with {chances}; cut off after 12 hours"


def _folded(text: str, width: int) -> Iterator[Text]:
    line = ""
    room = max(10, width - _GUTTER)
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            yield Text(" " * _GUTTER + line, CONE.style)
            line = word
        else:
            line = f"{line} {word}".strip()
    yield Text(" " * _GUTTER + line, CONE.style)
