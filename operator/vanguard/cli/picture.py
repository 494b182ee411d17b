"""An outlook as a picture for a ticket or a page. The only module that needs matplotlib, the optional extra `png`."""

from datetime import timedelta
from pathlib import Path

import numpy as np
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vanguard.cli.chart import figure
from vanguard.domain.outlook import AHEAD_HOURS, Outlook

_INK, _BLUE, _RED, _AMBER, _GRID = "#24292f", "#1f6feb", "#cf222e", "#bf8700", "#d8dee4"
_SIZE_INCHES, _DPI = (10.0, 4.6), 144
_MEDIAN = 0.5


def save(outlook: Outlook, title: str, path: Path, past_hours: float) -> None:
    """Draw it into a PNG file.

    Args:
        outlook: what is drawn.
        title: what it is about.
        path: of the file.
        past_hours: how far back it goes.

    Raises:
        OSError: when the file cannot be written.
    """
    page = Figure(figsize=_SIZE_INCHES, dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(page)
    axes = page.add_subplot()
    _draw(axes, outlook, past_hours)
    _dress(axes, outlook, title, past_hours)
    page.savefig(path, format="png")


def _draw(axes: Axes, outlook: Outlook, past_hours: float) -> None:
    shown = outlook.hours >= -past_hours
    times = dates.date2num([outlook.at(hours) for hours in outlook.hours[shown]])
    axes.plot(times, outlook.values[shown], color=_BLUE, linewidth=1.6, label=outlook.signal.metric_type, zorder=3)
    axes.axhline(outlook.limit, color=_RED, linewidth=1.4, label=f"limit {figure(outlook.limit)}", zorder=2)
    axes.axvline(_number(outlook, 0.0), color=_INK, linewidth=0.9, linestyle=(0, (2, 2)), label="now", zorder=2)
    _draw_cone(axes, outlook)


def _draw_cone(axes: Axes, outlook: Outlook) -> None:
    if not outlook.rays:
        return
    start = _number(outlook, 0.0), outlook.seen.level
    ends = [outlook.ray_end(ray) for ray in outlook.rays]
    corners = [start, *((_number(outlook, hours), value) for hours, value in ends)]
    if len(corners) > 2:  # noqa: PLR2004 - two edges enclose something
        # The edges end at the limit or at the last horizon: the corner between these belongs to the cone as well.
        first, last = ends[0], ends[-1]
        corner = [(_number(outlook, AHEAD_HOURS), outlook.limit)] if first[0] < AHEAD_HOURS <= last[0] else []
        outline = np.array([start, corners[1], *corner, corners[-1]])
        axes.fill(outline[:, 0], outline[:, 1], color=_AMBER, alpha=0.18, linewidth=0, zorder=1)
    for ray, (hours, value) in zip(outlook.rays, ends, strict=True):
        middle = ray.probability == _MEDIAN
        axes.plot(
            [start[0], _number(outlook, hours)],
            [start[1], value],
            color=_AMBER,
            linewidth=1.8 if middle else 0.9,
            label=f"limit reached, {100 * ray.probability:.0f} %: {outlook.at(ray.hours):%d %b %H:%M}",
            linestyle="-" if middle else (0, (4, 2)),
            zorder=2,
        )


def _dress(axes: Axes, outlook: Outlook, title: str, past_hours: float) -> None:
    axes.set_xlim(_number(outlook, -past_hours), _number(outlook, AHEAD_HOURS))
    axes.margins(y=0.08)
    axes.set_title(title, loc="left", fontsize=11, color=_INK, fontweight="bold")
    axes.set_ylabel(f"{outlook.signal.metric_type} (unit of the query)", color=_INK)
    axes.set_xlabel(f"time, UTC; now is {outlook.seen.at:%Y-%m-%d %H:%M}", color=_INK)
    locator = dates.AutoDateLocator(minticks=5, maxticks=10)
    axes.xaxis.set_major_locator(locator)
    formatter = dates.ConciseDateFormatter(locator, show_offset=False)
    formatter.formats[2], formatter.zero_formats[3] = "%d %b", "%d %b"
    axes.xaxis.set_major_formatter(formatter)
    axes.yaxis.set_major_formatter(lambda value, _: figure(value))
    axes.grid(color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        frameon=False,
        fontsize=9,
        title=_legend_title(outlook),
        title_fontsize=9,
        alignment="left",
    )


def _legend_title(outlook: Outlook) -> str | None:
    if outlook.rays:
        return None
    return "the limit is passed" if outlook.passed else "no breach is foreseen"


def _number(outlook: Outlook, hours: float) -> float:
    return float(dates.date2num(outlook.seen.at + timedelta(hours=hours)))
