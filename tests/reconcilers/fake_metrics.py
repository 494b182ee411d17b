"""The Metrics port, faked by hand: series as functions of time, and everything a Prometheus can get wrong."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

import numpy as np

from tests.reconcilers.fakes import FakeClock
from vanguard.domain import vitals
from vanguard.domain.promql import LAST_OF_HALF_HOUR
from vanguard.domain.series import Columns, RawSeries, labels_of, medians
from vanguard.errors import MetricsError


class Lie(Enum):
    """What can be wrong with Prometheus or with what it scrapes."""

    ERROR = "it gives no answer"
    EMPTY = "its answers are empty"
    NAN = "its values are NaN"
    STALE = "its samples have ended"
    FROZEN = "its values stand still"
    RESET = "its counter starts again at zero"


@dataclass(frozen=True)
class Source:
    """One series: what query finds it, its labels, and its value at a unix time; None is no sample."""

    query: str
    labels: Mapping[str, str]
    value: Callable[[float], float | None]


@dataclass(frozen=True)
class Asked:
    """A range that was asked for."""

    query: str
    start: datetime
    end: datetime


@dataclass
class FakeMetrics:
    """A Prometheus whose series are functions of time.

    Attributes:
        sources: the series there are. A query finds those whose own query it contains.
        asked: the ranges asked for so far.
        lies: since when which query's answers are wrong, and how; the query "" is every query.
        deaf_to: label values; a range narrowed to one of them gets no answer.
        scrapes: how many scrape targets there are, by namespace and the value of `up`.
        lag: the age of the newest scrape.
        ahead: by how much its clock is before ours.
        rules_behind: in their own intervals.
        alerts: labels of those that fire; None when it gives no answer about them.
        instants: the instant queries asked so far.
        answered: how many samples each answer to a range had.
        refuses: which ranges get no answer.
        under_way: which range queries are, now.
        at_once: with each range query, the most that ever were under way at once.
    """

    clock: FakeClock
    sources: list[Source] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    lies: dict[str, tuple[Lie, datetime]] = field(default_factory=dict)
    deaf_to: set[str] = field(default_factory=set)
    scrapes: dict[tuple[str, str], int] = field(default_factory=lambda: {("shop", "1"): 4, ("", "1"): 6})
    lag: timedelta = timedelta(seconds=10)
    ahead: timedelta = timedelta()
    rules_behind: float = 0.5
    alerts: list[dict[str, str]] | None = field(default_factory=list)
    instants: list[str] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    refuses: Callable[[Asked], bool] = lambda _: False
    under_way: Counter[str] = field(default_factory=Counter)
    at_once: Counter[str] = field(default_factory=Counter)

    def lie(self, lie: Lie, query: str = "") -> None:
        """From now on."""
        self.lies[query] = lie, self.clock.now()

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[RawSeries]:
        """See `ports.Metrics`."""
        await self._asked(query, start, end)
        found = self._sampled(query, start, end, step)
        self.answered.append(sum(raw.times.size for raw in found))
        return found

    async def columns(self, query: str, start: datetime, end: datetime, step: timedelta) -> Columns:
        """See `ports.Metrics`; half hours' medians are made of values five minutes apart, as Prometheus makes them."""
        if "quantile_over_time" not in query:
            return Columns.of(await self.range(query, start, end, step))
        await self._asked(query, start, end)
        times = np.arange(start.timestamp(), end.timestamp() + 1, step.total_seconds())
        found = Columns.of(self._sampled(query, start - LAST_OF_HALF_HOUR, end, timedelta(minutes=5)))
        six = np.full((len(found), times.size, 6), np.nan, np.float32)
        for place in range(6):
            _, here, there = np.intersect1d(found.times, times - 300 * place, return_indices=True)
            six[:, there, place] = found.values[:, here]
        self.answered.append(times.size * len(found))
        return Columns(found.keys, times, medians(six))

    async def _asked(self, query: str, start: datetime, end: datetime) -> None:
        """Somebody asks."""
        self.under_way[query] += 1
        self.at_once[query] = max(self.at_once[query], self.under_way.total())
        await asyncio.sleep(0)
        self.under_way[query] -= 1
        self.asked.append(Asked(query, start, end))
        if self.refuses(self.asked[-1]) or {value for _, value in _constants(query)} & self.deaf_to:
            raise MetricsError("Prometheus gave no answer")

    def _sampled(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[RawSeries]:
        until = min(end, self.clock.now()).timestamp()
        times = np.arange(start.timestamp(), until + 1e-6, step.total_seconds())
        found = []
        for source in self._found(query):
            samples = [(at, value) for at in times.tolist() if (value := self._value(source, at)) is not None]
            if samples:
                pairs = np.array(samples)
                found.append(RawSeries(labels_of(source.labels), pairs[:, 0], pairs[:, 1]))
        return found

    async def instant(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """See `ports.Metrics`; counts, alerts, vitals, and else the present value of every series a query finds."""
        await asyncio.sleep(0)
        self.instants.append(query)
        if query == vitals.QUERY:
            return self._vitals()
        if query.startswith("ALERTS{"):
            return self._alerts(query)
        now = self.clock.now().timestamp()
        asked = re.match(r"count by \((\w+)\) ", query)
        if asked is None:
            found = self._found(query)
            return [(s.labels, value) for s in found if (value := self._value(s, now)) is not None]
        label = asked[1]
        counts = Counter(s.labels[label] for s in self._found(query) if self._value(s, now) is not None)
        return [({label: value}, float(count)) for value, count in sorted(counts.items())]

    def _vitals(self) -> list[tuple[Mapping[str, str], float]]:
        """Prometheus' own time, newest scrape, rules and scrapes by outcome."""
        if self.lies.get("", (None,))[0] is Lie.ERROR:
            raise MetricsError("Prometheus gave no answer")
        now = (self.clock.now() + self.ahead).timestamp()
        scrapes: list[tuple[Mapping[str, str], float]] = [
            ({"vital": "scrapes", "namespace": namespace, "up": up}, float(count))
            for (namespace, up), count in self.scrapes.items()
        ]
        newest: list[tuple[Mapping[str, str], float]] = [({"vital": "newest"}, now - self.lag.total_seconds())]
        return [
            ({"vital": "now"}, now),
            *(newest if scrapes else []),
            ({"vital": "rules"}, self.rules_behind),
            *scrapes,
        ]

    def _alerts(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """Firing alerts with exactly these labels."""
        if self.alerts is None:
            raise MetricsError("Prometheus gave no answer")
        wanted = dict(re.findall(r'(\w+)="([^"]*)"', query))
        assert wanted.pop("alertstate") == "firing"
        return [(alert, 1.0) for alert in self.alerts if wanted.items() <= alert.items()]

    def _found(self, query: str) -> list[Source]:
        """The series of a query, less those its narrowing leaves out."""
        lies = [self._lie(source) for source in self.sources if source.query in query]
        if Lie.ERROR in lies:
            raise MetricsError("Prometheus gave no answer")
        constants = _constants(query)
        return [
            source
            for source in self.sources
            if source.query in query
            and self._lie(source) is not Lie.EMPTY
            and (not constants or any(source.labels.get(label) == value for label, value in constants))
        ]

    def _lie(self, source: Source) -> Lie | None:
        lie, _ = self.lies.get(source.query) or self.lies.get("") or (None, None)
        return lie

    def _value(self, source: Source, at: float) -> float | None:
        told, since = self.lies.get(source.query) or self.lies.get("") or (None, self.clock.now())
        begun = since.timestamp()
        if told is None or at < begun:
            return source.value(at)
        if told is Lie.STALE:
            return None
        if told is Lie.NAN:
            return float("nan")
        now, then = source.value(at), source.value(begun)
        if told is Lie.FROZEN or now is None or then is None:
            return then
        return now - then


def _constants(query: str) -> list[tuple[str, str]]:
    """The labels and values a query is narrowed to; none if it is not."""
    return re.findall(r'label_replace\(vector\(1\), "([^"]*)", "([^"]*)"', query)
