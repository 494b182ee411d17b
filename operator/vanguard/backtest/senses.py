"""The Metrics port over a recording: what Prometheus would have answered at the clock's time, and nothing later."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vanguard.backtest.recording import Asked, Recording, Rows, Track
from vanguard.domain import vitals
from vanguard.domain.past import BIN_SECONDS, BLOCK
from vanguard.domain.promql import LAST_OF_HALF_HOUR, Narrowing, counted, half_hourly, narrowed, narrowing
from vanguard.domain.series import Columns, RawSeries, medians
from vanguard.errors import MetricsError
from vanguard.ports import Clock

_log = logging.getLogger(__name__)

# How far back Prometheus looks for the present value of a series (--query.lookback-delta).
_LOOK_BACK = timedelta(minutes=5)
_NO_LONGER_THAN = timedelta(seconds=5)


@dataclass(frozen=True)
class _Known:
    """A query as it will be asked: its track, and which rows of it are meant."""

    track: Track
    rows: Rows


@dataclass(frozen=True)
class _Counted:
    """A query that counts a known one by a label."""

    known: _Known
    label: str


class ReplayedMetrics:
    """Answers from a recording, up to the clock. What was not recorded is an error, never an empty answer.

    It is logged as one too: the operator bears a query without an answer, and a report must not.
    """

    def __init__(self, recording: Recording, clock: Clock, namespaces: Iterable[str]) -> None:
        """Learn how the operator will ask.

        Args:
            recording: what there is.
            clock: the present.
            namespaces: those that have a policy.
        """
        self._recording, self._clock = recording, clock
        self._known: dict[str, _Known] = {}
        self._counts: dict[str, _Counted] = {}
        self._halves: dict[str, _Known] = {}
        governed = frozenset(namespaces)
        for asked, track in recording.tracks.items():
            self._learn(asked, track, governed)
            for namespace in governed if asked.label else ():
                self._learn(asked, track, frozenset([namespace]))

    def _learn(self, asked: Asked, track: Track, namespaces: frozenset[str]) -> None:
        if not asked.label:
            self._known[asked.query] = _Known(track, np.arange(len(track.labels)))
            return
        mine = [row for row, labels in enumerate(track.labels) if dict(labels).get(asked.label) in namespaces]
        known = _Known(track, np.array(mine, np.int64))
        text = narrowed(asked.query, asked.label, namespaces)
        self._known[text] = known
        self._halves[half_hourly(text)] = known
        self._counts[counted(text, asked.label)] = _Counted(known, asked.label)

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[RawSeries]:
        """See `ports.Metrics`; a signal's samples are spaced as they were recorded, a companion's as they are asked."""
        known = self._known.get(query)
        if known is not None:
            return self._between(known, start, end)
        return list(_spaced(self._between(self._of(query), start, end), start, step))

    async def columns(self, query: str, start: datetime, end: datetime, step: timedelta) -> Columns:
        """See `ports.Metrics`; half hours are made of recorded samples, five minutes apart as Prometheus makes them."""
        known = self._halves.get(query)
        if known is None:
            return Columns.of(await self.range(query, start, end, step))
        asked = start.timestamp() + step.total_seconds() * np.arange((end - start) // step + 1, dtype=np.float64)
        found = Columns.of(self._between(known, start - LAST_OF_HALF_HOUR, end))
        values = np.full((len(found), asked.size, BLOCK), np.nan, np.float32)
        for place, age in enumerate(range(0, BLOCK * BIN_SECONDS, BIN_SECONDS)):
            _, here, there = np.intersect1d(found.times, asked - age, return_indices=True)
            values[:, there, place] = found.values[:, here]
        return Columns(found.keys, asked, medians(values))

    async def instant(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """See `ports.Metrics`; the senses are answered as if all were well, for nobody recorded them."""
        if query == vitals.QUERY:
            return self._well()
        counted_one, now = self._counts.get(query), self._clock.now()
        if counted_one is not None:
            present = self._between(counted_one.known, now - _LOOK_BACK, now)
            counts = Counter(dict(raw.labels)[counted_one.label] for raw in present)
            return [({counted_one.label: namespace}, float(count)) for namespace, count in sorted(counts.items())]
        present = self._between(self._of(query), now - _LOOK_BACK, now)
        return [(dict(raw.labels), float(raw.values[-1])) for raw in present]

    def _of(self, query: str) -> _Known:
        known = self._known.get(query) or self._narrower(query)
        if known is None:
            told = f"the recording does not hold {query[:200]!r}"
            _log.error("%s", told)
            raise MetricsError(told)
        return known

    def _narrower(self, query: str) -> _Known | None:
        """A part of what was recorded: narrowed to some of its namespaces, then to names, as companions are asked."""
        names = narrowing(query)
        spaces = names and narrowing(names.query)
        if names is None or spaces is None or not spaces.values <= self._recording.namespaces:
            return None
        track = self._recording.tracks.get(Asked(spaces.query, spaces.label))
        if track is None:
            return None
        rows = [row for row, labels in enumerate(track.labels) if _is_of(dict(labels), spaces, names)]
        return _Known(track, np.array(rows, np.int64))

    def _between(self, known: _Known, start: datetime, end: datetime) -> list[RawSeries]:
        return self._recording.between(known.track, start, min(end, self._clock.now()), known.rows)

    def _well(self) -> list[tuple[Mapping[str, str], float]]:
        now = self._clock.now().timestamp()
        return [
            ({"vital": "now"}, now),
            ({"vital": "newest"}, now - _NO_LONGER_THAN.total_seconds()),
            ({"vital": "scrapes", "namespace": "", "up": "1"}, 1.0),
        ]


def _is_of(labels: Mapping[str, str], *narrowings: Narrowing) -> bool:
    return all(labels.get(one.label, "") in one.values for one in narrowings)


def _spaced(several: Iterable[RawSeries], start: datetime, step: timedelta) -> Iterator[RawSeries]:
    """Only the samples that a query from a time on, step by step, gives."""
    for raw in several:
        due = np.isclose((raw.times - start.timestamp()) % step.total_seconds(), 0)
        if due.any():
            yield RawSeries(raw.labels, raw.times[due], raw.values[due])
