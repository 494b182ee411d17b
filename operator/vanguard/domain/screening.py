"""Screening: which of very many series are worth a full look, and which no forecaster could call likely.

It is generous on purpose, for what is missed here is missed by all. A series is left alone only if it stays clear of
its limit though the steepest climb of the last hours goes on for twelve more, or it swings upwards as far as it ever
did in eight days; and though it grows on, on top of either, as it has since the same time yesterday.
"""

import numpy as np

from vanguard.domain.past import BINS_PER_HOUR, DAY_BLOCKS, Bools, Past, Singles
from vanguard.domain.trend import LEVEL_BINS, SLOPE_BINS, slope_per_hour

_HORIZON_BLOCKS = 24  # 12 hours, the furthest a forecast is asked for
_CLIMBS = (2, 6, 12, 24)  # blocks: over 1, 3, 6 and 12 hours
_LATE_BLOCKS = 12  # what has grown since yesterday may have begun six hours ago
_NOW_BLOCKS = 3
_NEWEST_BINS = 2
# Room for the rounding of sums of float32, relative to the values.
_ROUNDING = np.float32(1e-5)


def worth_a_look(past: Past, top: Singles, hours: int) -> Bools:
    """Which series may reach their limit.

    Args:
        past: of each series; rising is harm.
        top: [series] limits, in the same direction.
        hours: how far a straight line through the last six hours is drawn; whoever reaches the limit by it is looked
            at too, for people ask why it was left alone.

    Returns:
        [series]; False where nothing is known of the last hour and a half.
    """
    blocks = past.blocks
    # A half hour's median says nothing of the bins after its middle, and those are the newest there are.
    newest = np.fmax.reduce(np.concatenate([blocks[:, -_NOW_BLOCKS:], past.fine[:, -_NEWEST_BINS:]], axis=1), axis=1)
    climb = np.zeros_like(newest)
    for length in _CLIMBS:
        before = np.fmin.reduce(blocks[:, -length - 2 : -length], axis=1)
        climb = np.fmax(climb, (newest - before) * np.float32(_HORIZON_BLOCKS / length))
    swing = np.fmax.reduce(blocks, axis=1) - np.fmin.reduce(blocks, axis=1)
    yesterday = np.fmin.reduce(blocks[:, -DAY_BLOCKS - _NOW_BLOCKS : -DAY_BLOCKS + 1], axis=1)
    outgrown = np.fmax(newest - yesterday, np.float32(0)) * np.float32(_HORIZON_BLOCKS / _LATE_BLOCKS)
    reach = newest + np.fmax(climb, swing) + outgrown
    highest = np.fmax(newest, np.fmax.reduce(past.fine[:, -LEVEL_BINS:], axis=1))
    reach = np.fmax(reach, highest + _straight(past) * np.float32(hours))
    slack = _ROUNDING * np.fmax(np.abs(newest), np.abs(top))
    return np.asarray(reach + slack >= top)


def _straight(past: Past) -> Singles:
    """Least squares slopes per hour over six hours: one product for the gapless, the long way for the others."""
    recent = past.fine[:, -SLOPE_BINS:]
    hours = np.arange(SLOPE_BINS, dtype=np.float32) / np.float32(BINS_PER_HOUR)
    weights = (hours - hours.mean()) / np.float32(np.sum((hours - hours.mean()) ** 2))
    level = recent[:, -1:]
    slopes = (recent - level) @ weights
    gaps = ~np.isfinite(slopes)
    if gaps.any():
        slopes[gaps] = slope_per_hour(recent[gaps].astype(np.float64))
    return np.asarray(slopes, np.float32)
