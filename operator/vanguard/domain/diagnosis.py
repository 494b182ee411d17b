"""Diagnosis: from a forecast to a named cause on a named workload, with its support."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from vanguard.api.intervention import Alternative, Cause, Diagnosis
from vanguard.api.kinds import IssuePattern
from vanguard.api.pattern import Direction, Horizon, Severity, Signal
from vanguard.api.reasons import Reason
from vanguard.domain.forecast import HORIZONS_HOURS, MODEL, Forecast, Forecaster
from vanguard.domain.past import Bools, Past
from vanguard.domain.samples import Ground
from vanguard.domain.trend import Trend, matches, trend_of
from vanguard.domain.verdict import as_decimal
from vanguard.domain.workload import TargetKey

_HORIZONS = {Horizon.FOUR: 0, Horizon.EIGHT: 1, Horizon.TWELVE: 2}
HORIZON_HOURS = {horizon: HORIZONS_HOURS[place] for horizon, place in _HORIZONS.items()}
SEVERITIES = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


@dataclass(frozen=True)
class Assessment:
    """What one signal of one pattern says of one target now.

    Attributes:
        positive: the signature matches and a breach is probable; None when nothing can be said.
        reason: why it is positive, negative or unknown; a look-alike's name where one was recognised.
        straight_line: a straight line through the last six hours reaches the limit within the horizon.
        p_breach: probabilities within 4, 8, 12 hours.
        hours: 10, 50, 90 % quantiles of the hours to the breach, inf = not foreseen.
        heard: what companions say of a breach that is likely, a sentence each; the one that decided first.
        ground: what a positive one was made from; None for all others.
    """

    target: TargetKey
    pattern: str
    signal: str
    at: datetime
    positive: bool | None
    reason: Reason
    straight_line: bool
    level: float
    slope_per_hour: float
    ema: float
    z_score: float
    p_breach: tuple[float, float, float]
    hours: tuple[float, float, float]
    horizon: int
    heard: tuple[str, ...] = ()
    ground: Ground | None = field(default=None, compare=False, repr=False)

    @property
    def doubt(self) -> str:
        """Why a breach that is likely is not believed, with figures; empty where companions had no part in it."""
        return self.heard[0] if self.heard and not self.positive else ""

    @property
    def confidence_percent(self) -> int:
        """The probability of a breach within the pattern's horizon, rounded down."""
        return math.floor(100 * self.p_breach[self.horizon] + 1e-9)


def assess(
    pattern: IssuePattern,
    signal: Signal,
    targets: Iterable[TargetKey],
    past: Past,
    forecaster: Forecaster,
    now: datetime,
) -> list[Assessment]:
    """Judge all series of one signal at once.

    Args:
        pattern: whose signature counts.
        signal: whose limit and direction count.
        targets: the workload of each series.
        past: of each series, in the same order.
        forecaster: the model.
        now: the time of the evaluation.
    """
    rising = signal.direction is Direction.RISING
    sign = 1.0 if rising else -1.0
    limit = float(signal.limit)
    count = len(past)
    directions = np.full(count, rising)
    forecast = forecaster.foresee(past, limit=np.full(count, limit), rising=directions)
    trend = trend_of(past.mirrored(directions))
    fits = matches(trend, pattern.spec.trend)
    horizon = _HORIZONS[pattern.spec.trend.horizon]
    reach = trend.level + trend.slope_per_hour * HORIZONS_HOURS[horizon] >= limit * sign
    beyond = trend.level >= float(np.float32(limit * sign))  # a value that stands still there is no stuck exporter
    unknown = _unknown(past, forecast, beyond)
    return [
        _assessment(i, target, pattern, signal, now, forecast, trend, sign, horizon, fits, reach, unknown)
        for i, target in enumerate(targets)
    ]


def _unknown(past: Past, forecast: Forecast, beyond: Bools) -> list[Reason | None]:
    """Why nothing can be said of a series, or None where something can."""
    out = [Reason(text) if text else None for text in forecast.refusal.tolist()]
    for mask, reason in ((past.frozen & ~beyond, Reason.FROZEN_VALUE), (past.stale, Reason.STALE_DATA)):
        out = [reason if hit else known for known, hit in zip(out, mask.tolist(), strict=True)]
    return out


def _assessment(
    i: int,
    target: TargetKey,
    pattern: IssuePattern,
    signal: Signal,
    now: datetime,
    forecast: Forecast,
    trend: Trend,
    sign: float,
    horizon: int,
    fits: np.ndarray,
    reach: np.ndarray,
    unknown: list[Reason | None],
) -> Assessment:
    likely = forecast.p_breach[i, horizon] >= pattern.spec.trend.min_probability_percent / 100
    positive, reason = _judge(
        unknown[i], fits=bool(fits[i]), likely=bool(likely), look_alike=str(forecast.look_alike[i])
    )
    p4, p8, p12 = forecast.p_breach[i].tolist()
    early, median, late = forecast.hours_to_breach[i].tolist()
    return Assessment(
        target=target,
        pattern=pattern.metadata.name,
        signal=signal.name,
        at=now,
        positive=positive,
        reason=reason,
        straight_line=bool(reach[i]),
        level=_or_zero(trend.level[i]) * sign,
        slope_per_hour=_or_zero(trend.slope_per_hour[i]) * sign,
        ema=_or_zero(trend.ema[i]) * sign,
        z_score=_or_zero(trend.z_score[i]),
        p_breach=(p4, p8, p12),
        hours=(early, median, late),
        horizon=horizon,
    )


def _or_zero(value: float) -> float:
    return float(value) if np.isfinite(value) else 0.0


def _judge(unknown: Reason | None, *, fits: bool, likely: bool, look_alike: str) -> tuple[bool | None, Reason]:
    if unknown is not None:
        return None, unknown
    if likely and fits:
        return True, Reason.BREACH_FORESEEN
    if look_alike:
        return False, Reason(look_alike)
    return False, Reason.TREND_TOO_WEAK if likely else Reason.BREACH_UNLIKELY


def worst(assessments: Iterable[Assessment]) -> Assessment:
    """The assessment that speaks for a target with several series or signals: the likeliest breach known of.

    One positive series is enough, then one that is doubted, first where nobody knows: that another series is harmless
    says nothing of it. Unknown by itself speaks only where nothing else is known.
    """

    def rank(assessment: Assessment) -> tuple[bool, bool, bool, bool, bool, float]:
        return (
            assessment.positive is True,
            assessment.doubt != "",
            assessment.doubt != "" and assessment.positive is None,
            assessment.positive is not None,
            assessment.straight_line,
            assessment.p_breach[assessment.horizon],
        )

    return max(assessments, key=rank)


@dataclass(frozen=True)
class Candidate:
    """A pattern whose alert fires on a target, with what ranks it."""

    pattern: IssuePattern
    assessment: Assessment
    service_type: str

    @property
    def specific(self) -> bool:
        """Whether the pattern was written for this service type, not for all."""
        return self.service_type in self.pattern.spec.service_types


def rank(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Best first: the worse severity, then the more specific pattern, then the more certain, then by name."""
    return sorted(
        candidates,
        key=lambda c: (
            SEVERITIES.index(c.pattern.spec.severity),
            not c.specific,
            -c.assessment.confidence_percent,
            c.pattern.metadata.name,
        ),
    )


def diagnose(chosen: Candidate, others: Iterable[Candidate]) -> Diagnosis:
    """The named cause, the evidence for it in sentences, and why the other patterns were not chosen."""
    spec, seen = chosen.pattern.spec, chosen.assessment
    signal = signal_of(chosen.pattern, seen.signal)
    evidence = [
        f"{seen.signal} is {seen.level:.4g} and moves {seen.slope_per_hour:+.3g} per hour towards {signal.limit:f}",
        f"1 h moving average {seen.ema:.4g}; robust z-score {seen.z_score:.2g} against the days before",
        "probability of a breach: "
        + ", ".join(f"{100 * p:.0f} % within {h} h" for h, p in zip(HORIZONS_HOURS, seen.p_breach, strict=True)),
        *seen.heard,
    ]
    return Diagnosis(
        title=spec.title,
        service_type=chosen.service_type,
        confidence_percent=seen.confidence_percent,
        evidence=tuple(evidence),
        alternatives=tuple(
            Alternative(pattern=other.pattern.metadata.name, reason=_why_not(chosen, other)) for other in others
        )[:8],
    )


def _why_not(chosen: Candidate, other: Candidate) -> str:
    mine, theirs = chosen.pattern.spec.severity, other.pattern.spec.severity
    if mine is not theirs:
        return f"{theirs} is less severe than {mine}"
    if chosen.specific and not other.specific:
        return f"{chosen.pattern.metadata.name} is written for {chosen.service_type}"
    if chosen.assessment.confidence_percent != other.assessment.confidence_percent:
        return f"{other.assessment.confidence_percent} % is less certain"
    return "equal in all; the first by name was taken"


def cause_of(chosen: Candidate, active_at: datetime) -> Cause:
    """The alert and its forecast, as the Intervention records them."""
    seen = chosen.assessment
    signal = signal_of(chosen.pattern, seen.signal)
    early, median, late = (_after(seen.at, hours) for hours in seen.hours)
    p4, p8, p12 = (math.floor(100 * p + 1e-9) for p in seen.p_breach)
    return Cause(
        signal=signal.name,
        metric_type=signal.metric_type,
        severity=chosen.pattern.spec.severity,
        active_at=active_at,
        value=as_decimal(seen.level),
        limit=signal.limit,
        direction=signal.direction,
        slope_per_hour=as_decimal(seen.slope_per_hour),
        ema=as_decimal(seen.ema),
        z_score=as_decimal(seen.z_score, 2),
        breach_percent_4h=p4,
        breach_percent_8h=p8,
        breach_percent_12h=p12,
        breach_at=median,
        breach_earliest=early,
        breach_latest=late,
        model=MODEL,
    )


def _after(at: datetime, hours: float) -> datetime | None:
    # To the minute: another processor rounds the last digits otherwise.
    return at + timedelta(minutes=round(60 * hours)) if math.isfinite(hours) else None


def signal_of(pattern: IssuePattern, name: str) -> Signal:
    """The signal of that name.

    Raises:
        KeyError: when the pattern has none (any more).
    """
    for signal in pattern.spec.signals:
        if signal.name == name:
            return signal
    raise KeyError(name)
