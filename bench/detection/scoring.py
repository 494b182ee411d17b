"""The scorer: alarms, episodes, lead, calibration. Evaluations are every half hour, from a day of history on."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.detection.families import HOUR, Floats, Fold
from vanguard.domain.past import BLOCK, BLOCKS, FINE, Past, median_of_six

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

FIRST = 47  # the half hour of the first evaluation: one day is known then
TRUE_WITHIN = 24 * HOUR
TIMELY = 2 * HOUR
_MERGED = 2  # half hours: a gap of an hour does not end an episode
_PER_WEEK = 7 * 48
HORIZONS = (4, 8, 12)


@dataclass(frozen=True)
class Moments:
    """When each series of a fold is evaluated: at the end of a half hour, while it is not over.

    Attributes:
        rows: [evaluations], which series.
        halves: [evaluations], number of the half hour that has just ended.
    """

    fold: Fold
    rows: Ints
    halves: Ints

    @classmethod
    def of(cls, fold: Fold) -> "Moments":
        """All of a fold."""
        count, length = fold.values.shape
        known = length - 1 - np.argmax(np.isfinite(fold.values)[:, ::-1], axis=1)
        last = np.where(fold.breach >= 0, fold.breach // BLOCK - 1, (known + 1) // BLOCK - 1)
        spans = [np.arange(FIRST, end + 1) for end in last]
        return cls(fold, np.repeat(np.arange(count), [len(span) for span in spans]), np.concatenate(spans))

    def take(self, chosen: Bools | Ints) -> "Moments":
        """Some of them."""
        return Moments(self.fold, self.rows[chosen], self.halves[chosen])

    @property
    def last_sample(self) -> Ints:
        """[evaluations], the newest sample that is known."""
        return BLOCK * self.halves + BLOCK - 1

    @property
    def hours_to_breach(self) -> Floats:
        """[evaluations], inf where none comes."""
        breach = self.fold.breach[self.rows]
        return np.where(breach >= 0, (breach - self.last_sample) / HOUR, np.inf)

    def on(self, values: NDArray[np.generic], fill: object = False) -> NDArray[np.generic]:
        """Values of evaluations laid out as [series, half hours]."""
        count, length = self.fold.values.shape
        out = np.full((count, length // BLOCK), fill, dtype=values.dtype)
        out[self.rows, self.halves] = values
        return out

    def pasts(self, at_once: int) -> Iterator[tuple[slice, Past]]:
        """What is kept of each series at each evaluation, some evaluations at a time."""
        values = self.fold.values.astype(np.float32)
        halves = median_of_six(values.reshape(len(values), -1, BLOCK))
        for first in range(0, len(self.rows), at_once):
            part = slice(first, first + at_once)
            rows, now = self.rows[part, None], self.halves[part, None]
            yield (
                part,
                Past(
                    fine=_window(values, rows, BLOCK * (now + 1) - FINE + np.arange(FINE)),
                    blocks=_window(halves, rows, now - BLOCKS + 1 + np.arange(BLOCKS)),
                ),
            )


def _window(source: NDArray[np.float32], rows: Ints, columns: Ints) -> NDArray[np.float32]:
    return np.where(columns >= 0, source[rows, np.maximum(columns, 0)], np.float32(np.nan))


def episodes(alarm: Bools) -> list[tuple[int, int]]:
    """First and last half hour of each maximal run, gaps of at most an hour merged. `alarm` is [half hours]."""
    on = np.flatnonzero(alarm)
    if not on.size:
        return []
    breaks = np.flatnonzero(np.diff(on) > _MERGED + 1)
    starts, ends = np.concatenate([[on[0]], on[breaks + 1]]), np.concatenate([on[breaks], [on[-1]]])
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


@dataclass(frozen=True)
class Score:
    """How a detector did.

    Attributes:
        precision: share of episodes with a breach within 24 h of their start.
        recall: share of foreseeable breaches with an episode on at the breach that began 2 h before or earlier.
        lead_hours: median lead of the timely ones.
        leads: hours of lead of each timely one.
        false_alarms: per series and week.
        recall_by_family, false_alarms_by_family: the same by family.
        counted: true and false episodes.
    """

    precision: float
    recall: float
    lead_hours: float
    false_alarms: float
    counted: tuple[int, int]
    recall_by_family: dict[str, float] = field(default_factory=dict)
    false_alarms_by_family: dict[str, float] = field(default_factory=dict)
    leads: tuple[float, ...] = ()


def score(moments: Moments, verdict: Bools) -> Score:
    """Score the verdicts of one detector, one a moment."""
    fold = moments.fold
    said = np.asarray(moments.on(verdict), bool)
    alarm = said.copy()
    alarm[:, 1:] &= said[:, :-1]
    alarm[:, 0] = False
    weeks = np.bincount(moments.rows, minlength=len(said)) / _PER_WEEK
    right, wrong, lead = np.zeros(len(said)), np.zeros(len(said)), np.full(len(said), np.nan)
    for row in np.flatnonzero(alarm.any(axis=1)):
        breach = int(fold.breach[row])
        for start, end in episodes(alarm[row]):
            ahead = breach - (BLOCK * start + BLOCK - 1)
            true = breach >= 0 and ahead <= TRUE_WITHIN
            right[row], wrong[row] = right[row] + true, wrong[row] + (not true)
            if breach >= 0 and end >= breach // BLOCK - 1 and ahead >= TIMELY:
                lead[row] = ahead / HOUR
    timely, due = np.isfinite(lead), fold.foreseeable
    names = list(dict.fromkeys(fold.family.tolist()))
    return Score(
        precision=float(right.sum() / max(1.0, right.sum() + wrong.sum())),
        recall=float(timely[due].mean()) if due.any() else float("nan"),
        lead_hours=float(np.median(lead[timely & due])) if (timely & due).any() else float("nan"),
        false_alarms=float(wrong.sum() / weeks.sum()),
        counted=(int(right.sum()), int(wrong.sum())),
        recall_by_family={
            name: float(timely[due & (fold.family == name)].mean())
            for name in names
            if (due & (fold.family == name)).any()
        },
        false_alarms_by_family={
            name: float(wrong[fold.family == name].sum() / weeks[fold.family == name].sum()) for name in names
        },
        leads=tuple(lead[timely & due].tolist()),
    )


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities mean what they say, at one horizon.

    Attributes:
        skill: Brier skill against climatology (the base rate).
        error: expected calibration error over ten bins.
        bins: of each bin that is not empty: mean probability, observed rate, how many.
        sure: of the evaluations at 0.8 and over: mean probability, observed rate, how many.
    """

    horizon: int
    skill: float
    error: float
    bins: tuple[tuple[float, float, int], ...]
    sure: tuple[float, float, int]


def calibration(moments: Moments, probability: Floats, horizon: int) -> Calibration:
    """Compare probabilities, one a moment, with what came."""
    came = moments.hours_to_breach <= horizon
    base = came.mean()
    skill = 1 - float(((probability - came) ** 2).mean() / max(1e-12, base * (1 - base)))
    bin_of = np.minimum((probability * 10).astype(int), 9)
    bins = tuple(_bin(probability, came, bin_of == i) for i in range(10) if (bin_of == i).any())
    error = sum(abs(p - rate) * count for p, rate, count in bins) / len(came)
    return Calibration(horizon, skill, float(error), bins, _bin(probability, came, probability >= 0.8))


def _bin(probability: Floats, came: Bools, chosen: Bools) -> tuple[float, float, int]:
    if not chosen.any():
        return float("nan"), float("nan"), 0
    return float(probability[chosen].mean()), float(came[chosen].mean()), int(chosen.sum())


def time_errors(moments: Moments, median_hours: Floats) -> dict[int, tuple[float, float]]:
    """Absolute error in hours of the predicted time at 2, 4, 8, 12 h before the breach.

    Returns:
        By hours ahead: the median error where a time was given, and the share where one was.
    """
    fold, ahead = moments.fold, moments.hours_to_breach
    due = fold.foreseeable[moments.rows]
    out = {}
    for hours in (2, 4, 8, 12):
        here = due & (np.abs(ahead - hours) < 0.25)
        given = here & np.isfinite(median_hours)
        error = float(np.median(np.abs(median_hours[given] - ahead[given]))) if given.any() else float("nan")
        out[hours] = (error, float(given.sum() / max(1, here.sum())))
    return out
