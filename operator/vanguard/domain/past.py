"""The past of series as the forecaster reads it: the last hours finely, the last days in half hours.

A little over 2 kB a series (float32), so that a hundred thousand fit into memory, and compact enough to be kept as
the evidence of a decision: the same past gives the same forecast.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bools = NDArray[np.bool_]

BIN_SECONDS = 300
BINS_PER_HOUR = 3600 // BIN_SECONDS
BLOCK = 6  # bins: half an hour
DAY_BLOCKS = 48
DAYS = 8
BLOCKS = DAYS * DAY_BLOCKS
FINE = 12 * BINS_PER_HOUR
# A value is stale when its newest bin is older than this many bins.
STALE_BINS = 3
# That many equal bins in a row, in a series that otherwise moves, mean a stuck exporter.
FROZEN_BINS = 6
_MOVING_SHARE = 0.8


@dataclass(frozen=True)
class Past:
    """What is kept of some series; float32, oldest first, NaN = gap.

    Attributes:
        fine: [series, 144] medians of 5 minutes, the newest last.
        blocks: [series, 384] medians of half hours; the newest may have just begun.
        phase: bins in the newest block so far, 1..6; the same for all series, for blocks follow the clock.
    """

    fine: Singles
    blocks: Singles
    phase: int = BLOCK

    def __len__(self) -> int:
        return len(self.fine)

    @classmethod
    def of(cls, values: Floats | Singles, step_seconds: float = BIN_SECONDS, phase: int = BLOCK) -> Self:
        """The past of evenly spaced samples.

        Args:
            values: [series, samples], oldest first, NaN = gap, any length.
            step_seconds: spacing of the samples, above 0 and at most 5 minutes.
            phase: how many bins the newest half hour has so far, 1..6.
        """
        most = math.ceil((BLOCKS * BLOCK + 1) * BIN_SECONDS / step_seconds)
        known = np.where(np.isfinite(values[:, -most:]), values[:, -most:], np.nan)
        bins = _resample(known, step_seconds)[:, -BLOCKS * BLOCK :].astype(np.float32)
        ahead = np.full((bins.shape[0], BLOCK - phase), np.nan, np.float32)
        whole = np.concatenate([bins, ahead], axis=1)[:, -BLOCKS * BLOCK :]
        missing = BLOCKS * BLOCK - whole.shape[1]
        whole = np.pad(whole, ((0, 0), (missing, 0)), constant_values=np.nan)
        fine = np.pad(bins[:, -FINE:], ((0, 0), (max(0, FINE - bins.shape[1]), 0)), constant_values=np.nan)
        return cls(fine, median_of_six(whole.reshape(-1, BLOCKS, BLOCK)), phase)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Self:
        """The past of some of the series."""
        return type(self)(self.fine[rows], self.blocks[rows], self.phase)

    def mirrored(self, rising: Bools) -> Self:
        """The same with falling series turned upside down, so that rising is harm. `rising` is [series]."""
        sign = np.where(rising, np.float32(1), np.float32(-1))[:, None]
        return type(self)(self.fine * sign, self.blocks * sign, self.phase)

    @property
    def stale(self) -> Bools:
        """Which series have no value in their last three bins. [series]."""
        return np.asarray(~np.isfinite(self.fine[:, -STALE_BINS:]).any(axis=1))

    @property
    def frozen(self) -> Bools:
        """Which series stopped moving: the last 6 bins equal, while before most bins differed. [series]."""
        tail, before = self.fine[:, -FROZEN_BINS:], np.diff(self.fine[:, :-FROZEN_BINS], axis=1)
        known = np.isfinite(before)
        count = known.sum(axis=1)
        moving = np.sum(known & (before != 0), axis=1) >= _MOVING_SHARE * np.maximum(count, 1)
        return np.asarray(np.all(tail == tail[:, :1], axis=1) & moving & (count >= 2 * FROZEN_BINS))


# Swaps that sort six values (Knuth, The Art of Computer Programming 3, section 5.3.4).
_SORT_SIX = ((0, 5), (1, 3), (2, 4), (1, 2), (3, 4), (0, 3), (2, 5), (0, 1), (2, 3), (4, 5), (1, 2), (3, 4))


def median_of_six(groups: Singles) -> Singles:
    """Medians of groups of six, gaps left out; NaN where a group is all gaps. [..., 6] -> [...]."""
    known = np.isfinite(groups)
    lanes = [np.where(known[..., i], groups[..., i], np.float32(np.inf)) for i in range(BLOCK)]
    for low, high in _SORT_SIX:
        lanes[low], lanes[high] = np.minimum(lanes[low], lanes[high]), np.maximum(lanes[low], lanes[high])
    count = known.sum(axis=-1)
    out = np.full(count.shape, np.nan, np.float32)
    for size in range(1, BLOCK + 1):
        here = count == size
        if here.any():
            middle = lanes[(size - 1) // 2][here] / 2 + lanes[size // 2][here] / 2
            out[here] = middle
    return out


def _resample(values: Floats | Singles, step_seconds: float) -> Floats | Singles:
    """Medians of the samples of each 5 minutes, counted back from the last; steps need not divide 5 minutes."""
    count = values.shape[1]
    age = ((count - 1 - np.arange(count)) * step_seconds // BIN_SECONDS).astype(np.int64)
    _, first, sizes = np.unique(age, return_index=True, return_counts=True)
    if sizes.max(initial=1) == 1:
        return values
    # One row of sample numbers a bin, oldest bin first; the number `count` stands for "none" and is a gap.
    rows = first[::-1, None] + np.arange(sizes.max())
    rows = np.where(np.arange(sizes.max()) < sizes[::-1, None], rows, count)
    padded = np.pad(values, ((0, 0), (0, 1)), constant_values=np.nan)
    grouped: Floats = padded[:, rows].astype(np.float64)
    return nan_median(grouped, axis=2)


def nan_median(values: Floats | Singles, axis: int = 1) -> Floats:
    """The median over an axis without gaps; NaN, and no warning, where there is nothing."""
    if values.size == 0:
        return np.full(np.delete(values.shape, axis), np.nan)
    known = np.isfinite(values)
    ordered = np.sort(np.where(known, values, np.nan), axis=axis)  # gaps come last
    count = known.sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[axis] - 1), axis=axis)
    middle = np.squeeze(low + (high - low) / 2, axis=axis)
    return np.asarray(np.where(np.squeeze(count, axis=axis) > 0, middle, np.nan), np.float64)
