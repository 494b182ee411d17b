"""Measurements: from raw answers of Prometheus to the samples of one target in one period."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vanguard.api.measurement import Sampling
from vanguard.api.pattern import Direction
from vanguard.domain.series import RawSeries, finite
from vanguard.domain.verdict import significant

MAX_SAMPLES = 60
_SAMPLES_PER_BASELINE = 20
# Prometheus refuses more than 11,000 points a series.
_MOST_POINTS = 10_000
# With fewer than this share of the samples that should be there, nothing is concluded.
MIN_COVERAGE = 0.6


def step_for(baseline: timedelta, span: timedelta) -> timedelta:
    """How far apart samples of a span are taken: twenty to a baseline, whole seconds, within Prometheus' limit."""
    wanted = baseline.total_seconds() / _SAMPLES_PER_BASELINE
    return timedelta(seconds=max(1, int(wanted), -(-int(span.total_seconds()) // _MOST_POINTS)))


@dataclass(frozen=True)
class Span:
    """A period to be measured, and how far apart its samples should be."""

    start: datetime
    end: datetime
    step: timedelta

    @property
    def expected(self) -> int:
        """How many samples a gapless answer has."""
        return (self.end - self.start) // self.step + 1


def sample(name: str, series: Iterable[RawSeries], harm: Direction, span: Span) -> Sampling:
    """Fold a target's series into one: at each time the worst of them, at most sixty evenly chosen.

    Where too many samples are missing the sampling is empty: half a measurement is none.
    """
    worst: dict[float, float] = {}
    pick = max if harm is Direction.RISING else min
    for raw in map(finite, series):
        for time, value in zip(raw.times.tolist(), raw.values.tolist(), strict=True):
            worst[time] = pick(value, worst.get(time, value))
    values = [worst[time] for time in sorted(worst)]
    if not values or len(values) < MIN_COVERAGE * span.expected:
        return Sampling(name=name, values=())
    chosen = np.linspace(0, len(values) - 1, min(len(values), MAX_SAMPLES)).round().astype(int)
    return Sampling(
        name=name,
        values=tuple(significant(values[i]) for i in chosen),
        median=significant(float(np.median(values))),
    )
