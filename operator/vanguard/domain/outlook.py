"""An outlook: one series and all that is foreseen of it, judged as detection does, ready to be told and drawn."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vanguard.api.kinds import IssuePattern
from vanguard.api.pattern import Direction, Signal, TrendSignature
from vanguard.domain.diagnosis import Assessment, assess, worst
from vanguard.domain.forecast import HORIZONS_HOURS, QUANTILES, Forecaster, Spoken
from vanguard.domain.past import BIN_SECONDS, BLOCK, Floats, Past
from vanguard.domain.series import Labels
from vanguard.domain.trend import matches, trend_of
from vanguard.domain.workload import TargetKey

AHEAD_HOURS = float(HORIZONS_HOURS[-1])
_BINS_PER_HOUR = 3600 / BIN_SECONDS


@dataclass(frozen=True)
class Asked:
    """One thing the pattern's signature asks of the trend, and whether it is so."""

    text: str
    met: bool


@dataclass(frozen=True)
class Ray:
    """One edge of the cone: by `hours` from now the limit is reached with this probability."""

    probability: float
    hours: float


@dataclass(frozen=True)
class Outlook:
    """One series of a target.

    Attributes:
        labels: of the series.
        signal: whose query found it.
        seen: what the detector says of it.
        refusal: why the model says nothing; empty where it does.
        look_alike: what the climb looks like instead; empty where it is believed.
        asked: the signature, one by one.
        spoken: what spoke for and against a breach, the weightiest first.
        hours: [n] of each value, from now; negative, oldest first.
        values: [n], NaN = gap.
    """

    labels: Labels
    signal: Signal
    seen: Assessment
    refusal: str
    look_alike: str
    asked: tuple[Asked, ...]
    spoken: tuple[Spoken, ...]
    hours: Floats
    values: Floats

    @property
    def limit(self) -> float:
        """The value that is a breach."""
        return float(self.signal.limit)

    @property
    def rising(self) -> bool:
        """Whether the limit is reached from below."""
        return self.signal.direction is Direction.RISING

    @property
    def passed(self) -> bool:
        """Whether the level is at the limit or beyond."""
        level = self.seen.level
        return level >= self.limit if self.rising else level <= self.limit

    @property
    def rays(self) -> tuple[Ray, ...]:
        """The cone from the present level to the limit, one edge a quantile; none where no breach is foreseen."""
        if self.refusal or self.passed:
            return ()
        pairs = zip(QUANTILES, self.seen.hours, strict=True)
        return tuple(Ray(probability, hours) for probability, hours in pairs if 0 < hours < math.inf)

    def ray_end(self, ray: Ray) -> tuple[float, float]:
        """Where an edge ends that is cut off at the last horizon: hours from now, and value."""
        share = min(1.0, AHEAD_HOURS / ray.hours)
        return ray.hours * share, self.seen.level + share * (self.limit - self.seen.level)

    def at(self, hours: float) -> datetime:
        """The time so many hours from now."""
        return self.seen.at + timedelta(hours=hours)


def look_ahead(
    pattern: IssuePattern,
    signal: Signal,
    target: TargetKey,
    labels: Sequence[Labels],
    past: Past,
    forecaster: Forecaster,
    now: datetime,
) -> list[Outlook]:
    """The outlook of each series of a target, judged as detection judges them.

    Args:
        pattern: whose signature counts.
        signal: whose limit and direction count.
        target: the workload all these series belong to.
        labels: of each series.
        past: of each series, in the same order.
        forecaster: the model.
        now: the time of the evaluation.
    """
    judged = assess(pattern, signal, [target] * len(past), past, forecaster, now)
    rising = np.full(len(past), signal.direction is Direction.RISING)
    forecast = forecaster.foresee(past, limit=np.full(len(past), float(signal.limit)), rising=rising)
    hours = hours_of(past)
    return [
        Outlook(
            labels=labels[row],
            signal=signal,
            seen=seen,
            refusal=str(forecast.refusal[row]),
            look_alike=str(forecast.look_alike[row]),
            asked=_asked(past.take(np.array([row])), pattern.spec.trend, signal),
            spoken=() if forecast.refusal[row] else forecaster.spoken(forecast, row),
            hours=hours,
            values=values_of(past, row),
        )
        for row, seen in enumerate(judged)
    ]


def speaker(outlooks: Iterable[Outlook]) -> Outlook:
    """The outlook that speaks for its target, by detection's own rule."""
    several = list(outlooks)
    chosen = worst(one.seen for one in several)
    return next(one for one in several if one.seen is chosen)


def hours_of(past: Past) -> Floats:
    """When each value of `values_of` was, in hours from the newest bin: the middle of its half hour or bin. [n]."""
    fine, blocks = past.fine.shape[1], past.blocks.shape[1]
    ages = np.arange(fine)[::-1].astype(np.float64)
    # The newest block has `phase` bins so far; those before it are whole.
    middles = past.phase + BLOCK * (np.arange(blocks)[::-1] - 1) + (BLOCK - 1) / 2
    older = middles[middles > fine]
    return -np.concatenate([older, ages]) / _BINS_PER_HOUR


def values_of(past: Past, row: int) -> Floats:
    """One series as it is drawn: half hours, and 5 minutes where they are kept. [n], NaN = gap."""
    count = hours_of(past).size - past.fine.shape[1]
    return np.concatenate([past.blocks[row, :count], past.fine[row]]).astype(np.float64)


def _asked(past: Past, signature: TrendSignature, signal: Signal) -> tuple[Asked, ...]:
    """What the signature asks, each asked alone of the one series, in the words of its direction."""
    trend = trend_of(past.mirrored(np.array([signal.direction is Direction.RISING])))
    way = "up" if signal.direction is Direction.RISING else "down"
    out = []
    if signature.min_slope_per_hour is not None:
        text = f"slope at least {signature.min_slope_per_hour:f} per hour {way}"
        out.append((text, TrendSignature(min_slope_per_hour=signature.min_slope_per_hour)))
    if signature.ema_confirmation:
        out.append((f"moving average {way} from the day's mean", TrendSignature(ema_confirmation=True)))
    if signature.min_z_score is not None:
        text = f"z-score at least {signature.min_z_score:f}"
        out.append((text, TrendSignature(min_z_score=signature.min_z_score)))
    return tuple(Asked(text, bool(matches(trend, alone)[0])) for text, alone in out)
