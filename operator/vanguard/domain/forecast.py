"""The forecaster: when will a series reach its limit, and how sure may one be?

A small network weighs some seventy features of a series' past (see `features`) and says how likely the limit is
reached within each of six horizons. It was trained and calibrated on made series of which the truth is known, and
judged on others (bench/detection); its weights are the file beside this module, and its training record beside that.
Whoever keeps `Forecaster.load().forecast(...)` may replace all of it.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vanguard.api.reasons import Reason
from vanguard.domain.features import NAMES, SENTENCES, features
from vanguard.domain.network import Network
from vanguard.domain.past import BIN_SECONDS, DAY_BLOCKS, Bools, Floats, Past, Singles
from vanguard.domain.recognition import recognise
from vanguard.domain.silence import refused

HORIZONS_HOURS = (4, 8, 12)
QUANTILES = (0.1, 0.5, 0.9)
MODEL = "breach-network/1"
WEIGHTS = Path(__file__).with_name("breach.npz")

_YOUNG_BLOCKS = 2 * DAY_BLOCKS
# With less than two days nobody knows the usual one: a breach is believed less, and never enough to act unattended.
_YOUNG_DOUBT, _YOUNG_CEILING = 1.5, 0.84
_CEILING = 0.995  # nothing is certain
_LIKELY = 0.5
_WORTH_A_NAME = 0.05
_RISE = 7.0  # log-odds: from a thousandth to even chances
_LINES = [NAMES.index(name) for name in ("slope_1h", "slope_3h", "slope_12h", "slope_1d")]
_TO_THE_LIMIT = np.arcsinh(1.0)  # features measure in units of the room that is left, over 12 hours


@dataclass(frozen=True)
class Forecast:
    """What is foreseen, per series.

    Attributes:
        p_breach: [series, 3], probability that the limit is reached within 4, 8, 12 hours.
        hours_to_breach: [series, 3], hours until the 10, 50, 90 % quantiles; inf = not foreseen.
        refusal: [series], empty, or the reason why nothing can be said (p is 0 then).
        look_alike: [series], empty, or the reason why a climb is not believed (SeasonalRamp, GcSawtooth,
            PlateauStep), or InsufficientHistory where it is believed less for want of a second day.
        features: [series, features], what was read off the past; see `features.SENTENCES`.
    """

    p_breach: Floats
    hours_to_breach: Floats
    refusal: NDArray[np.str_]
    look_alike: NDArray[np.str_]
    features: Singles = field(default_factory=lambda: np.empty((0, 0), np.float32))


@dataclass(frozen=True)
class Spoken:
    """What one feature says of a breach: `weight` is the log-odds it adds to the 12 h probability."""

    feature: str
    sentence: str
    value: float
    weight: float


@cache
def shipped() -> Network:
    """The network that comes with this version; read once.

    Raises:
        ValueError: when it was trained on other features.
    """
    network = Network.read(WEIGHTS)
    if network.names != NAMES:
        raise ValueError(f"{WEIGHTS.name} was trained on other features; train it again: make train")
    return network


class Forecaster:
    """The model. It remembers nothing between calls, and is vectorised over series."""

    name = MODEL
    feature_names = NAMES

    @classmethod
    def load(cls) -> Self:
        """The model as shipped."""
        return cls()

    @property
    def network(self) -> Network:
        """What weighs the features."""
        return shipped()

    def forecast(self, values: Floats, *, step_seconds: float, limit: Floats, rising: Bools) -> Forecast:
        """Foresee the breach of each series.

        Args:
            values: [series, samples], oldest first, evenly spaced, NaN = gap, any length.
            step_seconds: spacing of the samples; finer than 5 minutes is reduced to 5-minute medians.
            limit: [series], in the same unit.
            rising: [series], True where reaching the limit from below is the breach.

        Raises:
            ValueError: when the shapes do not fit, a limit is not finite, or the step is not above 0 and at most 5
                minutes.
        """
        values, limit = np.asarray(values, float), np.asarray(limit, float)
        rising = np.asarray(rising, bool)
        _check(values, step_seconds, limit, rising)
        return self.foresee(Past.of(values, step_seconds), limit=limit, rising=rising)

    def foresee(self, past: Past, *, limit: Floats, rising: Bools) -> Forecast:
        """Foresee the breach of each series from what is kept of it. `limit` and `rising` are [series]."""
        past = past.mirrored(rising)
        top = limit * np.where(rising, 1.0, -1.0)
        known = np.isfinite(past.blocks).sum(axis=1)
        young = known < _YOUNG_BLOCKS
        told = features(past, top)
        chance = _chance(self.network, told, young)
        # Samples are kept as float32; so is the limit they are compared with, or a value at it would be below it.
        passed = np.asarray(np.all(past.fine[:, -3:] >= top.astype(np.float32)[:, None], axis=1))
        chance[passed] = 1.0
        refusal = _refusals(past)
        chance[refusal != ""] = 0.0
        hours = _quantiles(chance, self.network.horizons)
        hours[passed & (refusal == "")] = 0.0
        p_breach = chance[:, [_column(self.network, hour) for hour in HORIZONS_HOURS]]
        return Forecast(
            p_breach=p_breach,
            hours_to_breach=hours,
            refusal=refusal,
            look_alike=_look_alikes(past, top, _asked_about(told, p_breach[:, -1], refusal), young),
            features=told,
        )

    def spoken(self, forecast: Forecast, row: int) -> tuple[Spoken, ...]:
        """What spoke for (weight > 0) and against a breach, the weightiest first.

        A feature's weight is what the log-odds would lose if it had its usual value and all others stayed.
        """
        told = forecast.features[row]
        usual = np.where(np.eye(len(NAMES), dtype=bool), self.network.centre, told)
        last = _column(self.network, HORIZONS_HOURS[-1])
        weights = self.network.log_odds(told[None, :])[0, last] - self.network.log_odds(usual)[:, last]
        found = [
            Spoken(name, f"{SENTENCES[name]}: {value:.3g}", value, weight)
            for name, value, weight in zip(NAMES, told.tolist(), weights.tolist(), strict=True)
        ]
        return tuple(sorted(found, key=lambda one: -abs(one.weight)))


def _check(values: Floats, step_seconds: float, limit: Floats, rising: Bools) -> None:
    if values.ndim != 2 or limit.shape != values.shape[:1] or rising.shape != values.shape[:1]:  # noqa: PLR2004 - a matrix
        raise ValueError(
            f"values must be [series, samples] with limit and rising [series]; got values {values.shape}, "
            f"limit {limit.shape}, rising {rising.shape}"
        )
    if not np.isfinite(limit).all():
        raise ValueError(f"limit is {limit[~np.isfinite(limit)][0]} for series {np.argmin(np.isfinite(limit))}")
    if not 0 < step_seconds <= BIN_SECONDS:
        raise ValueError(f"step_seconds is {step_seconds}; it must be above 0 and at most {BIN_SECONDS}")


def _column(network: Network, hours: int) -> int:
    """Which of the network's horizons it is."""
    return int(np.flatnonzero(network.horizons == hours)[0])


def _chance(network: Network, told: Singles, young: Bools) -> Floats:
    """Probability of a breach within each of the network's horizons. [series, horizons], never falling."""
    log_odds = network.log_odds(told) - np.where(young, _YOUNG_DOUBT, 0.0)[:, None]
    return np.minimum(1 / (1 + np.exp(-log_odds)), np.where(young, _YOUNG_CEILING, _CEILING)[:, None])


def _refusals(past: Past) -> NDArray[np.str_]:
    out = np.full(len(past), "", dtype="U32")
    for reason, mask in refused(past).items():
        out[mask] = reason.value
    return out


def _asked_about(told: Singles, probability: Floats, refusal: NDArray[np.str_]) -> Bools:
    """Which are not believed though a straight line through 1, 3, 12 or 24 hours reaches the limit within twelve."""
    reaches = (told[:, _LINES] >= _TO_THE_LIMIT).any(axis=1)
    return np.asarray((refusal == "") & (probability < _LIKELY) & (reaches | (probability >= _WORTH_A_NAME)))


def _look_alikes(past: Past, top: Floats, asked: Bools, young: Bools) -> NDArray[np.str_]:
    """Names for the climbs that people will ask about."""
    out = np.full(len(past), "", dtype="U32")
    if asked.any():
        out[asked] = recognise(past.take(asked), top[asked])
    out[asked & young & (out == "")] = Reason.INSUFFICIENT_HISTORY.value
    return out


def _quantiles(chance: Floats, horizons: Floats) -> Floats:
    """Hours until the probability of a breach first reaches 10, 50, 90 %. [series, 3], inf where it never does.

    Between two horizons log-odds are drawn straight. Before the first they rise steeply: what is left to the limit is
    not gone at once.
    """
    odds = _log_odds(chance)
    odds = np.concatenate([odds[:, :1] - _RISE, odds], axis=1)
    hours = np.concatenate([[0.0], horizons])
    out = np.full((len(chance), len(QUANTILES)), np.inf)
    for place, quantile in enumerate(_log_odds(np.array(QUANTILES))):
        reached = odds >= quantile
        rows = np.flatnonzero(reached.any(axis=1))
        end = np.maximum(reached[rows].argmax(axis=1), 1)
        low, high = odds[rows, end - 1], odds[rows, end]
        share = np.clip((quantile - low) / np.maximum(high - low, 1e-9), 0, 1)
        out[rows, place] = hours[end - 1] + share * (hours[end] - hours[end - 1])
    return out


def _log_odds(chance: Floats) -> Floats:
    p = np.clip(chance, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(p / (1 - p)))
