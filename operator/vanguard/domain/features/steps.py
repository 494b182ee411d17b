"""Steps: levels that change at once and stay, how big, how often, and what a climb is made of."""

import numpy as np
from numpy.typing import NDArray

from vanguard.domain.features.frame import MAD_TO_SD, Columns, Frame, median, squash
from vanguard.domain.past import Bools, Floats, Singles

STEPS = {
    "steps_up": "steps upward in the last 3 days",
    "steps_down": "steps downward in the last 3 days",
    "last_step": "the size of the last step upward",
    "step_before": "the size of the step before it",
    "since_step": "the time since the last step upward (logarithm)",
    "between_steps": "the time between the last two steps upward (logarithm)",
    "between_steps_before": "the time between the two before (logarithm)",
    "step_due": "the time since the last step against the time between the last two",
    "steps_needed": "how many such steps are left to the limit",
    "step_pace": "the pace of the last steps, over 12 h",
    "stepped_share": "the share of the climb of 3 days that is steps",
}
SHAPE = {
    "biggest_rise_1d": "the biggest rise within half an hour of the last day",
    "second_rise_1d": "the second biggest",
    "without_rise_6h": "the climb of the last 6 hours without its biggest rise",
    "without_rise_1d": "the climb of the last day without its biggest rise",
    "half_way_3d": "how long ago it was last half-way up the climb of 3 days (logarithm)",
    "pace_3d": "the pace since it was last a quarter up the climb of 3 days, over 12 h",
    "setback_3d": "the biggest setback within the climb of 3 days, against the climb (logarithm)",
}
_WINDOW = 150  # half hours: three days and what the medians at the edge need
_EDGE = 3
_CLEAR = np.float32(3.5)
_NONE = 300.0


def steps(frame: Frame) -> Columns:
    """See STEPS."""
    part = frame.blocks[:, -_WINDOW:]
    jumps = _jumps(part)
    wobble = MAD_TO_SD * median(np.abs(np.diff(part, axis=1))) / np.float32(1.414)
    least = np.maximum(_CLEAR * wobble, np.float32(0.01))[:, None]
    up, down = _peaks(jumps, least), _peaks(-jumps, least)
    ages, sizes = _last_four(up, jumps)
    count = up.sum(axis=1)
    between = [np.maximum(ages[:, i + 1] - ages[:, i], 1) for i in range(3)]
    usual = np.where(count > 2, (ages[:, 2] - ages[:, 0]) / 2, between[0])  # noqa: PLR2004 - three steps
    seen = np.minimum(np.maximum(count, 1), 3)
    size = np.where(np.arange(3) < seen[:, None], sizes[:, :3], 0).sum(axis=1) / seen
    climb = np.maximum(part[:, -1] - part.min(axis=1), 0.05)
    return {
        "steps_up": np.minimum(count, 15).astype(np.float32),
        "steps_down": np.minimum(down.sum(axis=1), 15).astype(np.float32),
        "last_step": squash(sizes[:, 0]),
        "step_before": squash(sizes[:, 1]),
        "since_step": np.log(ages[:, 0]),
        "between_steps": np.log(between[0]),
        "between_steps_before": np.log(between[1]),
        "step_due": squash(np.where(count > 1, ages[:, 0] / between[0], 0)),
        "steps_needed": squash(np.where(count > 0, 1 / np.maximum(size, 0.02), 60)),
        "step_pace": squash(size / np.maximum(usual, 1) * 24 * (count > 1)),
        "stepped_share": np.where(up, jumps, 0).sum(axis=1) / climb,
    }


def _jumps(part: Singles) -> Singles:
    """At each edge, the median of three half hours after it less that of the three before. [series, n - 5]."""
    one, two, three = part[:, :-2], part[:, 1:-1], part[:, 2:]
    middle = np.maximum(np.minimum(one, two), np.minimum(np.maximum(one, two), three))
    return np.asarray(middle[:, _EDGE:] - middle[:, :-_EDGE])


def _peaks(jumps: Singles, least: Singles) -> Bools:
    """Edges where the jump is clear and the biggest around."""
    peak = jumps > least
    for reach in (1, 2):
        peak[:, reach:] &= jumps[:, reach:] > jumps[:, :-reach]
        peak[:, :-reach] &= jumps[:, :-reach] >= jumps[:, reach:]
    return np.asarray(peak)


def _last_four(up: Bools, jumps: Singles) -> tuple[Floats, Floats]:
    """Half hours since each of the last four steps (300 where there is none), and their sizes. [series, 4]."""
    ages, sizes = np.full((len(up), 4), _NONE), np.zeros((len(up), 4))
    rows, places = np.nonzero(up[:, ::-1])  # newest first within a row
    nth = _nth(rows)
    keep = nth < ages.shape[1]
    rows, places, nth = rows[keep], places[keep], nth[keep]
    ages[rows, nth] = places + _EDGE
    sizes[rows, nth] = jumps[:, ::-1][rows, places]
    return ages, sizes


def _nth(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many of the same row come before each."""
    if not rows.size:
        return rows
    begins = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    return np.arange(rows.size) - np.repeat(begins, np.diff(np.append(begins, rows.size)))


def shape(frame: Frame) -> Columns:
    """See SHAPE."""
    day = frame.steps
    half = day[:, -12:]
    ordered = np.partition(day, (-2, -1), axis=1)
    part = frame.blocks[:, -144:]
    low = np.minimum(part.min(axis=1), np.float32(-1e-3))
    height = np.maximum(frame.smooth[:, -1] - low, np.float32(1e-3))
    quarter, middle = (_since_below(part, low + share * height) for share in (np.float32(0.25), np.float32(0.5)))
    return {
        "biggest_rise_1d": squash(ordered[:, -1]),
        "second_rise_1d": squash(ordered[:, -2]),
        "without_rise_6h": squash(half.sum(axis=1) - half.max(axis=1)),
        "without_rise_1d": squash(day.sum(axis=1) - ordered[:, -1]),
        "half_way_3d": np.log(middle),
        "pace_3d": squash(0.75 * height / quarter * 24),
        "setback_3d": np.log((_setback(part) + 0.003) / (height + 0.003)),
    }


def _since_below(part: Singles, mark: Singles) -> Floats:
    """Half hours since it was last at or below a mark, at least 1."""
    return np.asarray(np.argmax((part <= mark[:, None])[:, ::-1], axis=1) + 1.0)


def _setback(part: Singles) -> Singles:
    """The biggest fall below an earlier height after the last lowest point."""
    width = part.shape[1]
    since_low = np.arange(width) >= (width - 1 - np.argmin(part[:, ::-1], axis=1))[:, None]
    height = np.maximum.accumulate(np.where(since_low, part, np.float32(-np.inf)), axis=1)
    return np.asarray(np.where(since_low, height - part, 0).max(axis=1))
