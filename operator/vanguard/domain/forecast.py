"""The forecaster: when will a series reach its limit, and how sure may one be?

This first model is a drifting level with a daily profile. The same-clock profile of earlier days is taken off,
Theil-Sen slopes are fitted to half-hour medians, and the limit's first passage is read from the path's normal
spread. Climbs that came back before (a daily peak, a sawtooth) are named instead of believed.
It is one swappable object: whoever keeps `Forecaster.load().forecast(...)` may replace all of it.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vanguard.api.reasons import Reason
from vanguard.domain.past import BIN_SECONDS, Bools, Floats, Past, nan_median
from vanguard.domain.trend import MAD_TO_SD

HORIZONS_HOURS = (4, 8, 12)
QUANTILES = (0.1, 0.5, 0.9)
MODEL = "drift-profile/1"

_DAY = 48  # blocks
_LOOK_AHEAD = 96  # blocks: two days
_MAX_DAYS = 7
_SHORT = 12  # blocks: six hours
_MIN_BLOCKS = 47  # 23 hours and a half: less cannot tell a trend from the time of day
# No single model is surer than this, either way; the raw p of such models is known to be over-confident.
_CEILING = 0.97
# A climb that always came back below the limit is believed this little.
_SAWTOOTH_DISCOUNT = 0.15
_MIN_RESETS = 2
_SEASONAL_STRENGTH = 0.5


@dataclass(frozen=True)
class Forecast:
    """What is foreseen, per series.

    Attributes:
        p_breach: [series, 3], probability that the limit is reached within 4, 8, 12 hours.
        hours_to_breach: [series, 3], hours until the 10, 50, 90 % quantiles; inf = not foreseen.
        refusal: [series], empty, or the reason why nothing can be said (p is 0 then).
        look_alike: [series], empty, or the reason why a climb is not believed (SeasonalRamp, GcSawtooth).
    """

    p_breach: Floats
    hours_to_breach: Floats
    refusal: NDArray[np.str_]
    look_alike: NDArray[np.str_]
    features: Floats = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True)
class Spoken:
    """What one feature says of a breach: `weight` is the log-odds it adds to the 12 h probability."""

    feature: str
    sentence: str
    value: float
    weight: float


@dataclass(frozen=True)
class _Blocks:
    """Half-hour medians and what the clock usually does: arrays [series, ...]."""

    recent: Floats  # [series, <=48] deseasonalised, the last day
    ahead: Floats  # [series, 96] what the clock will add from now
    strength: Floats  # [series] how much of each day the profile explains, 0..1
    known_days: int  # whole days there are
    past: Floats  # [series, blocks] as measured


class Forecaster:
    """The model. Stateless and vectorised over series."""

    name = MODEL
    feature_names: tuple[str, ...] = ("distance", "slope_6h", "slope_1d", "season", "wander")

    @classmethod
    def load(cls) -> Self:
        """The model as shipped."""
        return cls()

    def forecast(self, values: Floats, *, step_seconds: float, limit: Floats, rising: Bools) -> Forecast:
        """Foresee the breach of each series.

        Args:
            values: [series, samples], oldest first, evenly spaced, NaN = gap, any length.
            step_seconds: spacing of the samples; finer than 5 minutes is reduced to 5-minute medians.
            limit: [series], in the same unit.
            rising: [series], True where reaching the limit from below is the breach.

        Raises:
            ValueError: when the shapes do not fit, or the step is not positive or longer than 5 minutes.
        """
        values, limit = np.asarray(values, float), np.asarray(limit, float)
        rising = np.asarray(rising, bool)
        _check(values, step_seconds, limit, rising)
        return self.foresee(Past.of(values, step_seconds), limit=limit, rising=rising)

    def foresee(self, past: Past, *, limit: Floats, rising: Bools) -> Forecast:
        """Foresee the breach of each series from what is kept of it. `limit` and `rising` are [series]."""
        past = past.mirrored(rising)
        top = limit * np.where(rising, 1.0, -1.0)
        blocks = _blocks(past)
        chance = _first_passage(blocks, top)
        sawtooth = _came_back_before(blocks, top)
        chance = np.where(sawtooth[:, None], chance * _SAWTOOTH_DISCOUNT, chance)
        passed = np.asarray(np.all(past.fine[:, -3:] >= top[:, None], axis=1))
        chance = np.where(passed[:, None], 1.0, np.minimum(chance, _CEILING))
        refusal = _refusals(past)
        refusal[(refusal == "") & ~np.isfinite(chance).all(axis=1)] = Reason.MISSING_DATA.value
        chance = np.where((refusal != "")[:, None] | ~np.isfinite(chance), 0.0, chance)
        return Forecast(
            p_breach=np.stack([chance[:, 2 * hours - 1] for hours in HORIZONS_HOURS], axis=1),
            hours_to_breach=np.where(passed[:, None] & (refusal == "")[:, None], 0.0, _quantiles(chance)),
            refusal=refusal,
            look_alike=_look_alikes(blocks, sawtooth & ~passed),
            features=np.stack(
                [
                    top - nan_median(blocks.past[:, -2:]),
                    2 * _theil_sen(blocks.recent[:, -_SHORT:]),
                    2 * _theil_sen(blocks.recent),
                    blocks.strength,
                    nan_median(np.abs(np.diff(blocks.recent, axis=1))),
                ],
                axis=1,
            ),
        )

    def spoken(self, forecast: Forecast, row: int) -> tuple[Spoken, ...]:
        """What spoke for (weight > 0) and against a breach, the weightiest first."""
        values = forecast.features[row]
        weights = (-0.1 * values[0], values[1], values[2], -2.0 * values[3], -values[4])
        found = [
            Spoken(name, f"{name} is {value:.3g}", float(value), float(weight))
            for name, value, weight in zip(self.feature_names, values.tolist(), weights, strict=True)
            if np.isfinite(weight)
        ]
        return tuple(sorted(found, key=lambda one: -abs(one.weight)))


def _check(values: Floats, step_seconds: float, limit: Floats, rising: Bools) -> None:
    if values.ndim != 2 or limit.shape != values.shape[:1] or rising.shape != values.shape[:1]:  # noqa: PLR2004 - a matrix
        raise ValueError(
            f"values must be [series, samples] with limit and rising [series]; got values {values.shape}, "
            f"limit {limit.shape}, rising {rising.shape}"
        )
    if not 0 < step_seconds <= BIN_SECONDS:
        raise ValueError(f"step_seconds is {step_seconds}; it must be above 0 and at most {BIN_SECONDS}")


def _blocks(kept: Past) -> _Blocks:
    past = kept.blocks.astype(float)
    known = np.isfinite(past).any(axis=0)
    past = past[:, max(0, min(int(np.argmax(known)), past.shape[1] - _DAY)) :]
    profile, strength = _profile(past)
    recent = past[:, -_DAY:]
    weighted = profile * strength[:, None]
    return _Blocks(
        recent=recent - weighted,
        ahead=np.tile(weighted, _LOOK_AHEAD // _DAY) - weighted[:, -1:],
        strength=strength,
        known_days=past.shape[1] // _DAY,
        past=past,
    )


def _profile(past: Floats) -> tuple[Floats, Floats]:
    """The usual day, 48 half-hours ending at the present clock time, and how far the days agree on it.

    Each earlier day is freed of its own drift (the line from its first clock time to the same a day later), so a
    leak that lasts days is not mistaken for a habit.
    """
    days = min(_MAX_DAYS, past.shape[1] // _DAY)
    if days < 2:  # noqa: PLR2004 - one whole day before the present one
        return np.zeros((past.shape[0], _DAY)), np.zeros(past.shape[0])
    grid = past[:, -days * _DAY :].reshape(past.shape[0], days, _DAY)
    start = nan_median(grid[:, :, :2], axis=2)
    drift = (start[:, 1:] - start[:, :-1])[:, :, None] * (np.arange(_DAY) / _DAY)
    shapes = grid[:, :-1] - start[:, :-1, None] - drift
    profile = np.nan_to_num(nan_median(shapes, axis=1))
    if days == 2:  # noqa: PLR2004 - one day is no habit yet
        return profile, np.full(past.shape[0], _SEASONAL_STRENGTH)
    flat = (past.shape[0], shapes.shape[1] * _DAY)
    apart = nan_median(np.abs(shapes - profile[:, None]).reshape(flat))
    spread = nan_median(np.abs(shapes - nan_median(shapes, axis=2)[:, :, None]).reshape(flat))
    agreement = 1 - (apart / np.where(spread > 0, spread, np.inf)) ** 2
    return profile, np.clip(np.nan_to_num(agreement), 0, 1)


def _theil_sen(values: Floats) -> Floats:
    """Median of the slopes of all pairs, per block (Sen 1968). [series, n] -> [series]."""
    count = values.shape[1]
    first, second = np.triu_indices(count, 1)
    return nan_median((values[:, second] - values[:, first]) / (second - first))


def _first_passage(blocks: _Blocks, top: Floats) -> Floats:
    """Probability that the limit is reached by each of the next 96 half-hours. [series, 96], never falling."""
    recent = blocks.recent
    short = recent[:, -_SHORT:]
    fast, slow = _theil_sen(short), _theil_sen(recent)
    # Without a second day nobody knows the usual one: only what climbed all day long is believed.
    weight = 0.75 if blocks.known_days > 1 else 0.0
    slope = weight * fast + (1 - weight) * np.fmin(fast, slow)
    steps = np.arange(1, _LOOK_AHEAD + 1)
    level = nan_median(blocks.past[:, -2:])
    around = short - slope[:, None] * np.arange(short.shape[1])
    noise = MAD_TO_SD * nan_median(np.abs(around - nan_median(around)[:, None]))
    lag = 4
    moves = (recent[:, lag:] - recent[:, :-lag]) - slow[:, None] * lag
    wander = (MAD_TO_SD * nan_median(np.abs(moves))) ** 2 / lag
    # Standard error of a slope over n even steps is noise * sqrt(12 / n^3).
    slope_sd = np.hypot(noise * np.sqrt(12 / _SHORT**3), 0.25 * np.abs(fast - np.fmin(fast, slow)))
    path = level[:, None] + slope[:, None] * steps + blocks.ahead
    spread = np.sqrt(noise[:, None] ** 2 + (slope_sd[:, None] * steps) ** 2 + wander[:, None] * steps)
    score = (path - top[:, None]) / np.maximum(spread, 1e-9 * np.maximum(np.abs(top), 1e-9)[:, None])
    return np.maximum.accumulate(_normal_cdf(score), axis=1)


def _normal_cdf(score: Floats) -> Floats:
    """The normal's distribution function by Abramowitz and Stegun 26.2.17 (absolute error below 7.5e-8)."""
    size = np.abs(np.nan_to_num(score))
    t = 1 / (1 + 0.2316419 * size)
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    upper = np.exp(-(np.minimum(size, 38.0) ** 2) / 2) / np.sqrt(2 * np.pi) * series
    return np.where(np.isfinite(score), np.where(score >= 0, 1 - upper, upper), np.nan)


def _came_back_before(blocks: _Blocks, top: Floats) -> Bools:
    """Which series have fallen back at least twice from tops below the limit that the present has not outgrown."""
    past = blocks.past[:, :-2]
    known = np.nan_to_num(np.where(np.isfinite(past), past, nan_median(past)[:, None]))
    low, high = np.percentile(known, 2, axis=1), np.percentile(known, 98, axis=1)
    falls = known[:, :-2] - np.minimum(known[:, 1:-1], known[:, 2:])
    jitter = MAD_TO_SD * nan_median(np.abs(np.diff(known, axis=1)))
    big = falls > np.maximum(0.5 * (high - low), 4 * jitter)[:, None]
    starts = big & ~np.pad(big, ((0, 0), (1, 0)))[:, :-1]
    tallest = np.where(big, known[:, :-2], -np.inf).max(axis=1)
    level = nan_median(blocks.past[:, -2:])
    outgrown = level > tallest + 0.1 * (high - low)
    return np.asarray((starts.sum(axis=1) >= _MIN_RESETS) & (tallest < top) & ~outgrown)


def _refusals(past: Past) -> NDArray[np.str_]:
    out = np.full(len(past), "", dtype="U32")
    recent = np.isfinite(past.fine[:, -24:])
    out[recent.sum(axis=1) * 2 < recent.shape[1]] = Reason.MISSING_DATA.value
    out[np.isfinite(past.blocks).sum(axis=1) < _MIN_BLOCKS] = Reason.INSUFFICIENT_HISTORY.value
    out[past.stale] = Reason.STALE_DATA.value
    return out


def _look_alikes(blocks: _Blocks, sawtooth: Bools) -> NDArray[np.str_]:
    """Why a climb is not believed, where the clock or the past explains it."""
    out = np.full(sawtooth.shape, "", dtype="U32")
    swing = blocks.ahead.max(axis=1) - blocks.ahead.min(axis=1)
    spread = nan_median(np.abs(blocks.recent - nan_median(blocks.recent)[:, None]))
    seasonal = (blocks.strength >= _SEASONAL_STRENGTH) & (swing > 4 * np.nan_to_num(spread))
    out[seasonal] = Reason.SEASONAL_RAMP.value
    out[sawtooth] = Reason.GC_SAWTOOTH.value
    return out


def _quantiles(chance: Floats) -> Floats:
    """Hours until the probability of a breach first reaches 10, 50, 90 %. [series, 3], inf where it never does."""
    hours = np.arange(1, chance.shape[1] + 1) / 2
    reached = chance[:, None, :] >= np.array(QUANTILES)[None, :, None]
    return np.where(reached.any(axis=2), hours[reached.argmax(axis=2)], np.inf)
