"""A recording: what some queries gave over a time, evenly spaced, as a backtest replays it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vanguard.domain.past import BIN_SECONDS, Floats, Singles
from vanguard.domain.series import Labels, RawSeries

Rows = NDArray[np.int64]
WARM_UP = timedelta(days=8)


@dataclass(frozen=True)
class Asked:
    """A query as its author wrote it.

    Attributes:
        query: the PromQL.
        label: the label that bears a series' namespace, by which the query is narrowed; empty where it is not.
    """

    query: str
    label: str = ""


@dataclass(frozen=True)
class Track:
    """The series of one query.

    Attributes:
        labels: of each series.
        values: [series, samples], float32 as the operator keeps them; NaN = no sample.
    """

    labels: tuple[Labels, ...]
    values: Singles


@dataclass(frozen=True)
class Recording:
    """Tracks on one grid of times.

    Attributes:
        start: of the first sample; on a whole 5 minutes.
        step: between two samples; 5 minutes are a whole multiple of it.
        count: how many samples a series has room for.
        namespaces: whose series were asked for.
        tracks: by what was asked.
    """

    start: datetime
    step: timedelta
    count: int
    namespaces: frozenset[str]
    tracks: Mapping[Asked, Track]

    @property
    def until(self) -> datetime:
        """The time of the last sample."""
        return self.start + (self.count - 1) * self.step

    @property
    def series(self) -> int:
        """How many there are in all."""
        return sum(len(track.labels) for track in self.tracks.values())

    def times(self, first: int, last: int) -> Floats:
        """Unix times of the samples from one number up to (not with) another."""
        return self.start.timestamp() + self.step.total_seconds() * np.arange(first, last, dtype=np.float64)

    def between(self, track: Track, start: datetime, end: datetime, rows: Rows | None = None) -> list[RawSeries]:
        """The samples from one time to another, both included, of some rows or all; none of a series without any."""
        first = max(0, -((self.start - start) // self.step))
        last = min(self.count, (end - self.start) // self.step + 1)
        if first >= last:
            return []
        rows = np.arange(len(track.labels)) if rows is None else rows
        times, part = self.times(first, last), track.values[rows, first:last]
        known = np.isfinite(part)
        return [
            RawSeries(track.labels[rows[i]], times[known[i]], part[i, known[i]].astype(np.float64))
            for i in np.flatnonzero(known.any(axis=1)).tolist()
        ]


def on_grid(at: datetime) -> datetime:
    """The last whole 5 minutes: where the operator's bins begin."""
    seconds = int(at.timestamp()) // BIN_SECONDS * BIN_SECONDS
    return datetime.fromtimestamp(seconds, tz=UTC)
