"""Recognition: what a climb that is not believed looks like instead, told from the series alone.

It names, it does not decide: the probability already weighs what earlier days and earlier climbs say. A name is given
where a straight line through the last hours would reach the limit, for that is what a person asks about.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vanguard.api.reasons import Reason
from vanguard.domain.past import DAY_BLOCKS, DAYS, Bools, Floats, Past, nan_median
from vanguard.domain.trend import MAD_TO_SD, level_of

_MIN_RESETS = 2
_AGREEMENT = 0.5
_PLAIN_SWING = 4.0  # spreads of what is left of the day without its usual shape
_OF_CLIMB = 0.6
_OF_ROOM = 0.1
_EDGE = 3  # half hours on either side of a step


def recognise(past: Past, top: Floats) -> NDArray[np.str_]:
    """The reason a climb is nothing new, per series; empty where it looks like nothing known.

    Args:
        past: of series that rise towards their limit.
        top: the limits, [series].
    """
    out = np.full(len(past), "", dtype="U32")
    out[is_step(past, top)] = Reason.PLATEAU_STEP.value
    out[is_seasonal(past)] = Reason.SEASONAL_RAMP.value
    out[came_back_before(past, top)] = Reason.GC_SAWTOOTH.value
    return out


def is_seasonal(past: Past) -> Bools:
    """Whether earlier days agree on a daily shape that is plain beside what is left of today without it. [series].

    Each earlier day is freed of its own drift (the line from its first clock time to the same a day later), so a
    leak that lasts days is not mistaken for a habit.
    """
    count = len(past)
    grid = past.blocks.astype(np.float64).reshape(count, DAYS, DAY_BLOCKS)
    start = nan_median(grid[:, :, :2], axis=2)
    drift = (start[:, 1:] - start[:, :-1])[:, :, None] * (np.arange(DAY_BLOCKS) / DAY_BLOCKS)
    shapes = grid[:, :-1] - start[:, :-1, None] - drift
    profile = np.nan_to_num(nan_median(shapes, axis=1))
    apart = nan_median(np.abs(shapes - profile[:, None]).reshape(count, -1))
    spread = nan_median(np.abs(shapes - nan_median(shapes, axis=2)[:, :, None]).reshape(count, -1))
    agreement = 1 - (apart / np.where(spread > 0, spread, np.inf)) ** 2
    days = np.isfinite(grid[:, :-1]).any(axis=2).sum(axis=1)
    today = grid[:, -1] - profile
    left = nan_median(np.abs(today - nan_median(today)[:, None]))
    swing = profile.max(axis=1) - profile.min(axis=1)
    agreed = np.nan_to_num(agreement) >= _AGREEMENT
    return np.asarray((days >= 1) & agreed & (swing > _PLAIN_SWING * np.nan_to_num(left)))


def came_back_before(past: Past, top: Floats) -> Bools:
    """Whether it fell back at least twice from tops below the limit that the present has not outgrown. [series]."""
    blocks = past.blocks.astype(np.float64)
    before = blocks[:, :-2]
    known = np.nan_to_num(np.where(np.isfinite(before), before, nan_median(before)[:, None]))
    low, high = np.percentile(known, 2, axis=1), np.percentile(known, 98, axis=1)
    falls = known[:, :-2] - np.minimum(known[:, 1:-1], known[:, 2:])
    jitter = MAD_TO_SD * nan_median(np.abs(np.diff(known, axis=1)))
    big = falls > np.maximum(0.5 * (high - low), 4 * jitter)[:, None]
    starts = big & ~np.pad(big, ((0, 0), (1, 0)))[:, :-1]
    tallest = np.where(big, known[:, :-2], -np.inf).max(axis=1)
    outgrown = nan_median(blocks[:, -2:]) > tallest + 0.1 * (high - low)
    return np.asarray((starts.sum(axis=1) >= _MIN_RESETS) & (tallest < top) & ~outgrown)


def is_step(past: Past, top: Floats) -> Bools:
    """Whether one step makes most of the last day's climb, and it has not moved on since. [series]."""
    day = past.blocks[:, -DAY_BLOCKS:].astype(np.float64)
    middles = nan_median(sliding_window_view(day, _EDGE, axis=1), axis=2)
    jumps = middles[:, _EDGE:] - middles[:, :-_EDGE]
    jumps = np.where(np.isfinite(jumps), jumps, -np.inf)
    at = jumps.argmax(axis=1) + _EDGE
    biggest = jumps.max(axis=1, initial=-np.inf)
    level = level_of(past)
    before = np.nan_to_num(nan_median(np.where(np.arange(day.shape[1]) < at[:, None], day, np.nan)))
    after = np.arange(day.shape[1]) >= at[:, None]
    landed = nan_median(np.where(after & (np.arange(day.shape[1]) < at[:, None] + _EDGE), day, np.nan))
    climb = level - before
    stood_still = level - landed < (1 - _OF_CLIMB) * biggest
    return np.asarray((biggest >= _OF_CLIMB * climb) & (biggest >= _OF_ROOM * (top - before)) & stood_still)
