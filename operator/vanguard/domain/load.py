"""Load: how much of a climb the work that is done explains, and how much is left."""

import math
from dataclasses import dataclass

import numpy as np

from vanguard.domain.climb import BLOCKS_PER_HOUR, SURE, Growth, grown, growth, half_hours, persistence, spread_of
from vanguard.domain.past import DAY_BLOCKS, Floats, Past

# So far back usage is compared with work: two days before the longest climb.
REFERENCE_BLOCKS = 3 * DAY_BLOCKS
# The climb is the load's if at most this share of it is left once the load is taken off, and surely below the other.
_LEFT, _SURELY_LEFT = 0.2, 0.35
# Work that grew by less than this share does not climb.
_CLIMBS = 0.1
# Where less than this share of the climb's course is not also the load's, the two cannot be told apart.
_APART = 0.02
_ROUNDS = 10
_HUBER = 1.5


@dataclass(frozen=True)
class Share:
    """What a climb is made of, in the signal's unit.

    Attributes:
        left: what the load does not explain, with its error; infinite where the two cannot be told apart.
        work: how much the work grew, as a share of what it was.
        unit: how much usage per unit of work grew, as a share of what it was; None where that has no meaning.
    """

    left: float
    error: float
    work: Growth
    unit: Growth | None


def share_of(own: Past, work: Past, hours: float, *, rising: bool) -> Share | None:
    """What the work explains of the last hours' climb of a series.

    Args:
        own: the series, oriented so that rising is harm.
        work: units of work per second, on the same clock.
        hours: since when it climbs.
        rising: whether the series is as measured, so that usage per unit of work has a meaning.

    Returns:
        None where too little is known of the work.
    """
    busy = growth(work, hours)
    if busy is None:
        return None
    usage, rate = half_hours(own)[-REFERENCE_BLOCKS:], half_hours(work)[-REFERENCE_BLOCKS:]
    known = np.isfinite(usage) & np.isfinite(rate)
    ramp = np.maximum(0.0, np.arange(usage.size) - (usage.size - hours * BLOCKS_PER_HOUR)) / BLOCKS_PER_HOUR
    left, error = _left(usage[known], rate[known], ramp[known])
    return Share(left * hours, error * hours, busy.relative(), _unit(own, work, hours) if rising else None)


def proportional(share: Share, climbed: Growth) -> bool:
    """Whether the climb is the load's.

    Either the days before show how usage follows work, and hardly any of the climb is left; or usage per unit of work
    is flat, and the days before do not contradict.
    """
    if share.work.amount < _CLIMBS or climbed.amount <= 0:
        return False
    if share.left <= _LEFT * climbed.amount and share.left + SURE * share.error <= _SURELY_LEFT * climbed.amount:
        return True
    contradicted = share.left - SURE * share.error > _LEFT * climbed.amount
    relative = climbed.relative()
    flat = share.unit is not None and abs(share.unit.amount) + SURE * share.unit.error <= _LEFT * relative.amount
    return flat and share.work.least > 0 and climbed.least > 0 and not contradicted


def _unit(own: Past, work: Past, hours: float) -> Growth | None:
    """How much usage per unit of work grew over the hours, as a share; None without work."""
    blocks = round(hours * BLOCKS_PER_HOUR)
    usage, rate = half_hours(own)[-blocks:], half_hours(work)[-blocks:]
    known = np.isfinite(usage) & np.isfinite(rate) & (rate > 0)
    if known.sum() * 2 < blocks:
        return None
    times = np.arange(blocks) / BLOCKS_PER_HOUR
    return grown(times[known], usage[known] / rate[known], hours).relative()


def _left(usage: Floats, rate: Floats, ramp: Floats) -> tuple[float, float]:
    """Slope per hour of the climb once the load is taken off, and its error.

    Usage is level + cost * rate + slope * ramp, fitted by iteratively reweighted least squares (Huber 1964), so that
    spikes and single bad half hours count little.
    """
    design = np.column_stack([np.ones(usage.size), rate, ramp])
    if usage.size < 4 * design.shape[1] or not _told_apart(rate, ramp):
        return 0.0, math.inf
    weights = np.ones(usage.size)
    for _ in range(_ROUNDS):
        root = np.sqrt(weights)
        solution = np.linalg.lstsq(design * root[:, None], usage * root, rcond=None)[0]
        rest = usage - design @ solution
        spread = max(spread_of(rest), np.finfo(float).tiny)
        weights = 1 / np.maximum(1.0, np.abs(rest) / (_HUBER * spread))
    scaled = design / np.maximum(np.abs(design).max(axis=0), np.finfo(float).tiny)
    covariance = np.linalg.pinv((scaled * weights[:, None]).T @ scaled)
    error = spread * math.sqrt(max(covariance[2, 2], 0.0)) / float(np.abs(ramp).max()) * persistence(rest)
    cost = float(solution[1])
    # Work that makes usage less explains no climb.
    return (float(solution[2]), error) if cost > 0 else (0.0, math.inf)


def _told_apart(rate: Floats, ramp: Floats) -> bool:
    """Whether the course of the climb is not all the load's course."""
    dr, dx = rate - rate.mean(), ramp - ramp.mean()
    both = float(dr @ dr) * float(dx @ dx)
    return both > 0 and 1 - float(dr @ dx) ** 2 / both >= _APART
