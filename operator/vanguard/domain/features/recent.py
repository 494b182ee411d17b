"""What the last hours and days look like: slopes, how straight, how noisy, where they stand."""

import numpy as np

from vanguard.domain.features.frame import NEVER, Columns, Frame, line, median, squash, weighed
from vanguard.domain.past import Floats, Singles

_HOUR = 12  # bins
_HALF_DAY = 144.0  # bins
_DAY = 48  # half hours

SLOPES = {
    "slope_1h": "the straight line through the last hour, over 12 h",
    "slope_3h": "the straight line through the last 3 hours, over 12 h",
    "slope_12h": "the straight line through the last 12 hours, over 12 h",
    "slope_1d": "the straight line through the last day, over 12 h",
    "slope_3d": "the straight line through the last 3 days, over 12 h",
    "median_slope_6h": "the median of all slopes within the last 6 hours, over 12 h",
    "median_slope_12h": "the median of all slopes within the last 12 hours, over 12 h",
    "rising_pairs_12h": "the share of pairs within the last 12 hours that rise",
    "straightness_12h": "the slope of the last 12 hours against its scatter",
    "scatter_12h": "the scatter around the line of the last 12 hours (logarithm)",
    "bend_12h": "how much steeper the last 6 hours are than the 6 before",
    "persistence_6h": "how alike neighbours around the line of the last 6 hours are",
    "above_line_6h": "how far the last half hour is above the line of the last 6 hours",
}
LEVELS = {
    "noise": "the noise of neighbouring samples (logarithm)",
    "roughness": "how much of the noise is in few big jumps",
    "last_quarter_hour": "the last quarter of an hour against the last half hour",
    "highest_12h": "the highest of the last 12 hours",
    "mean_3d": "the mean of the 3 days before the last 6 hours",
    "spread_3d": "the spread of the 3 days before the last 6 hours (logarithm)",
    "lowest_8d": "the lowest of the last 8 days",
    "highest_1d": "the highest of the day before the last 6 hours",
    "highest_8d": "the highest of the 8 days before the last 6 hours",
    "highest_before_1d": "the highest there was before the last day",
    "time_above": "the share of the last 8 days spent higher than now",
    "time_far_above": "the share of the last 8 days spent more than half-way from now to the limit",
    "day_on_day_mean": "the last day's mean against the day before",
    "passage_4h": "a wandering path like the last 6 hours reaches the limit within 4 h",
    "passage_1d": "a wandering path like the last day reaches the limit within 4 h",
    "history": "how much is known (logarithm of half hours)",
}
_SLOPE_1D, _SLOPE_3D = line(_DAY), line(3 * _DAY)
_PAIRS = {count: np.triu_indices(count, 1) for count in (12, 24)}


def slopes(frame: Frame) -> Columns:
    """See SLOPES."""
    fine, blocks = frame.fine, frame.blocks
    half, before = _slope(fine[:, -72:]), _slope(fine[:, -144:-72])
    rates, rising = {}, np.zeros(len(frame), np.float32)
    for count, (first, second) in _PAIRS.items():
        part = blocks[:, -count:]
        apart: Singles = (second - first).astype(np.float32)
        each: Singles = (part[:, second] - part[:, first]) / apart
        rates[count] = median(each)
        rising = (each > 0).mean(axis=1, dtype=np.float32)
    scatter, straight = _around(fine)
    persistence, above = _rest(fine[:, -72:], half, frame.noise)
    return {
        "slope_1h": squash(_slope(fine[:, -12:]) * _HALF_DAY),
        "slope_3h": squash(_slope(fine[:, -36:]) * _HALF_DAY),
        "slope_12h": squash(_slope(fine) * _HALF_DAY),
        "slope_1d": squash(weighed(blocks[:, -_DAY:], _SLOPE_1D) * 24),
        "slope_3d": squash(weighed(blocks[:, -3 * _DAY :], _SLOPE_3D) * 24),
        "median_slope_6h": squash(rates[12] * 24),
        "median_slope_12h": squash(rates[24] * 24),
        "rising_pairs_12h": rising,
        "straightness_12h": squash(straight),
        "scatter_12h": np.log(scatter + 1e-3),
        "bend_12h": squash((half - before) * _HALF_DAY),
        "persistence_6h": persistence,
        "above_line_6h": squash(above),
    }


_LINES = {count: line(count) for count in (12, 36, 72, 144)}


def _slope(part: Singles) -> Singles:
    return weighed(part, _LINES[part.shape[1]])


def _around(fine: Singles) -> tuple[Singles, Singles]:
    """Scatter around the line of the last 12 hours, and the slope against its standard error without the count."""
    time = np.arange(144, dtype=np.float32) - np.float32(71.5)
    slope = _slope(fine)
    mean = fine.mean(axis=1)
    # The residuals' mean square from moments: no matrix of residuals is made.
    square = (fine**2).mean(axis=1) - mean**2 - slope**2 * (time**2).mean()
    scatter = np.sqrt(np.maximum(square, 0)) + np.float32(1e-6)
    return scatter, slope * np.sqrt((time**2).sum()) / scatter


def _rest(part: Singles, slope: Singles, noise: Singles) -> tuple[Singles, Singles]:
    time = np.arange(part.shape[1], dtype=np.float32) - np.float32((part.shape[1] - 1) / 2)
    rest = part - part.mean(axis=1, keepdims=True) - slope[:, None] * time
    square = (rest**2).mean(axis=1)
    alike = (rest[:, 1:] * rest[:, :-1]).mean(axis=1) / (square + np.float32(1e-9))
    return alike, rest[:, -6:].mean(axis=1) / (noise + np.float32(1e-3))


def levels(frame: Frame) -> Columns:
    """See LEVELS."""
    fine, blocks = frame.fine, frame.blocks
    before = blocks[:, -156:-12]
    known = np.maximum(blocks.shape[1] - frame.gaps.sum(axis=1), 1)
    measured = frame.measured(0, blocks.shape[1])
    days = [blocks[:, -_DAY:].mean(axis=1), blocks[:, -2 * _DAY : -_DAY].mean(axis=1)]
    steps = frame.steps
    return {
        "noise": np.log(frame.noise + 1e-3),
        "roughness": squash(np.sqrt((np.diff(fine, axis=1) ** 2).mean(axis=1)) / (frame.noise + 1e-4)),
        "last_quarter_hour": squash(fine[:, -3:].mean(axis=1)),
        "highest_12h": squash(fine.max(axis=1)),
        "mean_3d": squash(before.mean(axis=1)),
        "spread_3d": np.log(before.std(axis=1) + 1e-3),
        "lowest_8d": squash(blocks.min(axis=1)),
        "highest_1d": squash(_highest(measured[:, -60:-12])),
        "highest_8d": squash(_highest(measured[:, :-12])),
        "highest_before_1d": squash(_highest(measured[:, :-_DAY])),
        "time_above": (measured > 0).sum(axis=1) / known,
        "time_far_above": (measured > np.float32(0.5)).sum(axis=1) / known,
        "day_on_day_mean": squash(days[0] - days[1]),
        "passage_4h": passage(steps[:, -12:].mean(axis=1), steps[:, -12:].std(axis=1), 8),
        "passage_1d": passage(steps.mean(axis=1), steps.std(axis=1), 8),
        "history": np.log(known + 1.0),
    }


def _highest(part: Singles) -> Singles:
    high = part.max(axis=1)
    return np.where(high <= NEVER / 2, 0, high)


def passage(drift: Singles, spread: Singles, steps: int) -> Floats:
    """Probability that Brownian motion with drift, from 0, reaches 1 within some steps (inverse Gaussian law).

    Args:
        drift: [series] per step.
        spread: [series] standard deviation of a step.
        steps: how many.
    """
    mu, sd = drift.astype(np.float64), np.maximum(spread.astype(np.float64), 1e-3)
    wide = sd * np.sqrt(steps)
    mirrored = np.exp(np.clip(2 * mu / sd**2, -50, 50)) * normal_cdf((-1 - mu * steps) / wide)
    return np.asarray(np.clip(normal_cdf((mu * steps - 1) / wide) + np.minimum(mirrored, 1), 0, 1))


def normal_cdf(score: Floats) -> Floats:
    """The normal's distribution function by Abramowitz and Stegun 26.2.17 (absolute error below 7.5e-8)."""
    size = np.minimum(np.abs(score), 38.0)
    t = 1 / (1 + 0.2316419 * size)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = np.exp(-(size**2) / 2) / np.sqrt(2 * np.pi) * series
    return np.asarray(np.where(score >= 0, 1 - upper, upper))
