"""The classic evidence people can check by eye: slope, moving average, robust z-score.

All arrays are oriented so that rising is harm; the caller flips falling series.
"""

from dataclasses import dataclass

import numpy as np

from vanguard.api.pattern import TrendSignature
from vanguard.domain.past import BINS_PER_HOUR, DAY_BLOCKS, Bools, Floats, Past, nan_median

SLOPE_BINS = 6 * BINS_PER_HOUR
REFERENCE_BLOCKS = 3 * DAY_BLOCKS
RECENT_BLOCKS = 12
EMA_SPAN_BINS = 1 * BINS_PER_HOUR
LEVEL_BINS = BINS_PER_HOUR // 2
# Makes the median absolute deviation estimate a normal's standard deviation (Rousseeuw and Croux 1993).
MAD_TO_SD = 1.4826
_MAX_Z = 1000.0


@dataclass(frozen=True)
class Trend:
    """Per series, in the signal's unit: arrays [series]; NaN where the samples do not suffice."""

    level: Floats
    slope_per_hour: Floats
    ema: Floats
    day_mean: Floats
    z_score: Floats


def slope_per_hour(values: Floats) -> Floats:
    """Ordinary least squares slope per hour over the samples given, gaps left out. Shape [series, n] -> [series]."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    hours = np.arange(values.shape[1]) / BINS_PER_HOUR
    safe = np.maximum(count, 1)
    mean_t = (known * hours).sum(axis=1) / safe
    mean_v = np.where(known, values, 0).sum(axis=1) / safe
    dt = np.where(known, hours - mean_t[:, None], 0)
    dv = np.where(known, values - mean_v[:, None], 0)
    spread = (dt**2).sum(axis=1)
    return np.where(count >= LEVEL_BINS, (dt * dv).sum(axis=1) / np.where(spread > 0, spread, np.nan), np.nan)


def ema(values: Floats, span: int) -> Floats:
    """Exponential moving average at the end (alpha = 2/(span+1)), gaps left out. Shape [series, n] -> [series]."""
    tail = values[:, -6 * span :]
    weights = (1 - 2 / (span + 1)) ** np.arange(tail.shape[1])[::-1]
    known = np.isfinite(tail)
    total = (known * weights).sum(axis=1)
    return np.asarray((np.where(known, tail, 0) * weights).sum(axis=1) / np.where(total > 0, total, np.nan))


def robust_z(past: Past) -> Floats:
    """How unusual the last half hour is against the three days before the last six hours. [series]."""
    level = level_of(past)
    reference = past.blocks[:, -REFERENCE_BLOCKS - RECENT_BLOCKS : -RECENT_BLOCKS].astype(np.float64)
    middle = nan_median(reference)
    spread = MAD_TO_SD * nan_median(np.abs(reference - middle[:, None]))
    above = level - middle
    score = above / np.where(spread > 0, spread, 1.0)
    # A past that never moved makes any move extraordinary.
    score = np.where(spread == 0, np.sign(above) * _MAX_Z, score)
    return np.asarray(np.clip(score, -_MAX_Z, _MAX_Z))


def level_of(past: Past) -> Floats:
    """The median of the last half hour. [series]."""
    return nan_median(past.fine[:, -LEVEL_BINS:].astype(np.float64))


def trend_of(past: Past) -> Trend:
    """The classic evidence for each series; rising is harm."""
    day, recent = past.blocks[:, -DAY_BLOCKS:].astype(np.float64), past.fine[:, -SLOPE_BINS:].astype(np.float64)
    known = np.isfinite(day)
    return Trend(
        level=level_of(past),
        slope_per_hour=slope_per_hour(recent),
        ema=ema(recent, EMA_SPAN_BINS),
        day_mean=np.where(known, day, 0).sum(axis=1) / np.where(known.any(axis=1), known.sum(axis=1), np.nan),
        z_score=robust_z(past),
    )


def matches(trend: Trend, signature: TrendSignature) -> Bools:
    """Which series have the pattern's signature; unknown evidence never matches. Shape [series]."""
    out = np.ones(trend.level.shape, bool)
    if signature.min_slope_per_hour is not None:
        out &= trend.slope_per_hour >= float(signature.min_slope_per_hour)
    if signature.ema_confirmation:
        out &= trend.ema > trend.day_mean
    if signature.min_z_score is not None:
        out &= trend.z_score >= float(signature.min_z_score)
    return out
