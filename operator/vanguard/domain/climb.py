"""A climb and what grew during it: since when, by how much, and how surely. Robust, and honest about noise.

Everything here looks at one series of a `Past` at a time: only the few whose forecast is bad are looked at so closely.
"""

import math
from dataclasses import dataclass

import numpy as np

from vanguard.domain.past import BINS_PER_HOUR, BLOCK, DAY_BLOCKS, FINE, Floats, Past
from vanguard.domain.trend import MAD_TO_SD

BLOCKS_PER_HOUR = BINS_PER_HOUR // BLOCK
SHORTEST_HOURS = 3.0
# A fall by this share of the day's range between two half hours ends whatever climbed before it.
RESET_SHARE = 0.5
# Twice its standard error: what is beyond is not noise (about 2.5 % either way for a normal).
SURE = 2.0
_MIN_COVERAGE = 0.5
_FRESH_BINS = 6
_MAX_RHO = 0.9


@dataclass(frozen=True)
class Growth:
    """By how much a value grew over some hours, in its own unit.

    Attributes:
        amount: Theil-Sen slope times the hours; negative where it fell.
        error: standard error of it, widened for noise that persists.
        level: the median of the first fifth, from where it grew.
    """

    amount: float
    error: float
    level: float
    hours: float

    @property
    def least(self) -> float:
        """What it grew by at least."""
        return self.amount - SURE * self.error

    @property
    def most(self) -> float:
        """What it grew by at most."""
        return self.amount + SURE * self.error

    @property
    def per_hour(self) -> float:
        """The slope."""
        return self.amount / self.hours

    def mirrored(self) -> "Growth":
        """That of the same series upside down."""
        return Growth(-self.amount, self.error, -self.level, self.hours)

    def relative(self) -> "Growth":
        """The same as a share of the level it grew from; from a level of nought it grew by the whole."""
        scale = abs(self.level) or abs(self.amount) or 1.0
        return Growth(self.amount / scale, self.error / scale, math.copysign(1.0, self.level), self.hours)


def half_hours(past: Past, row: int = 0) -> Floats:
    """The half-hour medians of one series, float64, oldest first. [384]."""
    values: Floats = past.blocks[row].astype(np.float64)
    return values


def tail(past: Past, hours: float, row: int = 0) -> tuple[Floats, Floats]:
    """The last hours of one series: hours (counted from their beginning) and values, gaps left in.

    Up to twelve hours come as 5-minute medians, more as half hours.
    """
    if hours * BINS_PER_HOUR <= FINE:
        values = past.fine[row, -round(hours * BINS_PER_HOUR) :].astype(np.float64)
        return np.arange(values.size) / BINS_PER_HOUR, values
    values = half_hours(past, row)[-round(hours * BLOCKS_PER_HOUR) :]
    return np.arange(values.size) / BLOCKS_PER_HOUR, values


def enough(past: Past, hours: float, row: int = 0) -> bool:
    """Whether the last hours are whole enough to say anything: half of them, and of the last half hour some."""
    _, values = tail(past, hours, row)
    fresh = np.isfinite(past.fine[row, -_FRESH_BINS:]).any()
    return bool(fresh and np.isfinite(values).mean() >= _MIN_COVERAGE)


def onset(past: Past, row: int = 0) -> float:
    """For how many hours (3 to 24) a series, oriented so that rising is harm, has been climbing.

    The day's half hours since the last reset are fitted by a line that is flat first and then climbs; the kink that
    leaves the least is the onset.
    """
    values = half_hours(past, row)[-DAY_BLOCKS:]
    values = values[_after_reset(values) :]
    count, shortest = values.size, round(SHORTEST_HOURS * BLOCKS_PER_HOUR)
    steps, known = np.arange(count), np.isfinite(values)
    best, kink = math.inf, 0
    for candidate in range(max(1, count - shortest)):
        left = _hinge_residue(np.maximum(0, steps - candidate)[known], values[known])
        if left < best:
            best, kink = left, candidate
    return max(SHORTEST_HOURS, (count - kink) / BLOCKS_PER_HOUR)


def _hinge_residue(ramp: Floats, values: Floats) -> float:
    """The sum of squares that a level and a ramp leave of some values; infinite where the ramp does not climb."""
    if values.size == 0:
        return math.inf
    dx, dy = ramp - ramp.mean(), values - values.mean()
    spread, along = float(dx @ dx), float(dx @ dy)
    return float(dy @ dy) - along**2 / spread if spread > 0 and along > 0 else math.inf


def _after_reset(values: Floats) -> int:
    """Where the values begin that follow the last big fall; 0 without one."""
    known = np.flatnonzero(np.isfinite(values))
    if known.size <= 1:
        return 0
    moves = np.diff(values[known])
    span = float(np.ptp(values[known]))
    falls = np.flatnonzero(moves < -RESET_SHARE * span)
    return int(known[falls[-1] + 1]) if falls.size else 0


def growth(past: Past, hours: float, row: int = 0) -> Growth | None:
    """By how much a series grew over the last hours; None where too little of them is known.

    The slope is the median over all pairs (Sen 1968); its error is that of a least squares slope with the residuals'
    robust spread, widened by sqrt((1 + r) / (1 - r)) for noise whose neighbours resemble each other by r.
    """
    if not enough(past, hours, row):
        return None
    times, values = tail(past, hours, row)
    known = np.isfinite(values)
    return grown(times[known], values[known], hours)


def grown(times: Floats, values: Floats, hours: float) -> Growth:
    """The growth of some known values over hours; see `growth`."""
    slope = theil_sen(times, values)
    rest = values - slope * times
    rest -= np.median(rest)
    error = spread_of(rest) * math.sqrt(12 / values.size) * persistence(rest)
    early = max(1, values.size // 5)
    return Growth(slope * hours, error, float(np.median(values[:early])), hours)


def theil_sen(times: Floats, values: Floats) -> float:
    """The median of the slopes of all pairs."""
    first, second = np.triu_indices(values.size, 1)
    return float(np.median((values[second] - values[first]) / (times[second] - times[first])))


def spread_of(rest: Floats) -> float:
    """The standard deviation of residuals: the robust one, or a fifth of the plain one where that is larger.

    More than half of a coarse value's residuals may be nought, and it is no certain value for that.
    """
    return max(MAD_TO_SD * float(np.median(np.abs(rest - np.median(rest)))), 0.2 * float(np.std(rest)))


def persistence(rest: Floats) -> float:
    """By how much an error is larger for residuals that resemble their neighbours."""
    around = rest - rest.mean()
    whole = float(around @ around)
    rho = float(around[1:] @ around[:-1]) / whole if whole > 0 else 0.0
    rho = min(max(rho, 0.0), _MAX_RHO)
    return math.sqrt((1 + rho) / (1 - rho))
