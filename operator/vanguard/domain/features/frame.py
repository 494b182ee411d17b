"""The frame all features are read in: the present level is 0, the limit is 1, gaps are filled and known as filled.

So no feature knows the unit of a value, where its zero is, or which way harm lies.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vanguard.domain import trend
from vanguard.domain.past import Bools, Floats, Past, Singles

Columns = dict[str, NDArray[np.floating]]

MAD_TO_SD = np.float32(trend.MAD_TO_SD)
_ROOT_TWO = np.float32(np.sqrt(2))
_NOISE_BINS = 73
_LEAST_ROOM = 0.02
NEVER = np.float32(-1e9)


@dataclass(frozen=True)
class Frame:
    """Some series in units of the room that is left; float32, rising is harm.

    Attributes:
        fine: [series, 144] medians of 5 minutes.
        blocks: [series, 384] medians of half hours.
        smooth: [series, 384] means of each half hour and the one before.
        steps: [series, 48] from one half hour to the next over the last day.
        gaps: [series, 384] where a half hour is filled, not measured.
        noise: [series] robust spread of a 5-minute median around its neighbours.
        gappy: whether any half hour of any series is filled.
    """

    fine: Singles
    blocks: Singles
    smooth: Singles
    steps: Singles
    gaps: Bools
    noise: Singles
    gappy: bool

    def __len__(self) -> int:
        return len(self.fine)

    @classmethod
    def of(cls, past: Past, top: Floats) -> Self:
        """Frame a past that rises towards its limit; `top` is the limit, [series]."""
        level = np.nan_to_num(trend.level_of(past))
        known = np.isfinite(past.blocks)
        low = np.where(known, past.blocks, np.inf).min(axis=1)
        high = np.where(known, past.blocks, -np.inf).max(axis=1)
        reach = np.where(low <= high, np.maximum(high, top) - low, 0.0)
        least = np.maximum(_LEAST_ROOM * reach, 1e-9 * np.abs(top) + 1e-30)
        room = np.maximum(top - level, least)
        fine, _ = _filled(_framed(past.fine, level, room))
        blocks, gaps = _filled(_framed(past.blocks, level, room))
        smooth = blocks.copy()
        smooth[:, 1:] = (blocks[:, 1:] + blocks[:, :-1]) / 2
        noise = MAD_TO_SD / _ROOT_TWO * median(np.abs(np.diff(fine[:, -_NOISE_BINS:], axis=1)))
        return cls(fine, blocks, smooth, np.diff(blocks[:, -49:], axis=1), gaps, noise, bool(gaps.any()))

    def measured(self, first: int, last: int) -> Singles:
        """Half hours of that span, far below everything where they are filled. [series, last - first]."""
        part = self.blocks[:, first:last]
        return np.where(self.gaps[:, first:last], NEVER, part) if self.gappy else part


def _framed(values: Singles, level: Floats, room: Floats) -> Singles:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.clip((values - level[:, None]) / room[:, None], -1e6, 1e6).astype(np.float32)


def _filled(values: Singles) -> tuple[Singles, Bools]:
    """The same with each gap holding what came before it (at the beginning: what comes first), and where gaps were."""
    gaps = ~np.isfinite(values)
    rows = np.flatnonzero(gaps.any(axis=1))
    if not rows.size:
        return values, gaps
    part, holes = values[rows], gaps[rows]
    source = np.where(holes, 0, np.arange(values.shape[1], dtype=np.int32))
    first = np.argmax(~holes, axis=1).astype(np.int32)
    source = np.maximum(np.maximum.accumulate(source, axis=1), first[:, None])
    out = values.copy()
    out[rows] = np.nan_to_num(np.take_along_axis(part, source, axis=1), nan=0.0)
    return out, gaps


def median(values: Singles) -> Singles:
    """The median of each row. [series, n] -> [series]; there are no gaps any more."""
    count = values.shape[1]
    if count % 2:
        return np.asarray(np.partition(values, count // 2, axis=1)[:, count // 2])
    both = np.partition(values, (count // 2 - 1, count // 2), axis=1)
    return np.asarray((both[:, count // 2 - 1] + both[:, count // 2]) / 2)


def line(count: int) -> Singles:
    """Weights whose product with `count` values is their least squares slope per step."""
    time = np.arange(count) - (count - 1) / 2
    return np.asarray((time / (time**2).sum()).astype(np.float32))


def weighed(values: Singles, weights: Singles) -> Singles:
    """The weighted sum of each row; not by BLAS, which rounds a row differently alone than among others."""
    return np.asarray(np.einsum("ij,j->i", values, weights))


def squash(values: NDArray[np.floating]) -> Singles:
    """Like a logarithm far from 0 and like the value near it, on both sides."""
    return np.asarray(np.arcsinh(values).astype(np.float32))


def lowest_before(values: Singles, count: int) -> Singles:
    """At each half hour the lowest of the last `count` of them, itself included. Same shape."""
    out, covered = values, 1
    while covered < count:
        more = min(covered, count - covered)
        out = np.concatenate([out[:, :more], np.minimum(out[:, more:], out[:, :-more])], axis=1)
        covered += more
    return out
