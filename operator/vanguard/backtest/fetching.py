"""Fetching a recording from Prometheus: everything the operator would have asked for, once, in daily pieces."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from vanguard.api.kinds import AutomationPolicy, IssuePattern
from vanguard.api.pattern import Companion, Fact, Saturation, Signal
from vanguard.backtest.recording import Asked, Recording, Rows, Track, on_grid
from vanguard.domain.past import BIN_SECONDS, Singles
from vanguard.domain.promql import firing, narrowed
from vanguard.domain.series import Labels, RawSeries
from vanguard.durations import format_duration
from vanguard.errors import SettingsError
from vanguard.ports import Metrics
from vanguard.reconcilers.fetching import pieces, queries
from vanguard.settings import Settings, variable

Piece = tuple[datetime, datetime]
# So that a period that ends with a day holds its last sample.
_A_MOMENT = timedelta(seconds=1)


def signals_of(patterns: Sequence[IssuePattern]) -> dict[Asked, Signal]:
    """Each signal's query once."""
    return {
        Asked(signal.query, signal.target.namespace_label): signal
        for pattern in patterns
        for signal in pattern.spec.signals
    }


def companions_of(patterns: Sequence[IssuePattern]) -> dict[Asked, Signal]:
    """Each companion's query once, as if it were a signal: for the operator asks it of suspects, whoever they are."""
    return {
        asked_of(signal, companion): signal.model_copy(
            update={"query": companion.query, "target": companion.target or signal.target, "companions": ()}
        )
        for pattern in patterns
        for signal in pattern.spec.signals
        for companion in signal.companions
    }


def asked_of(signal: Signal, companion: Companion) -> Asked:
    """What is recorded for a companion."""
    return Asked(companion.query, (companion.target or signal.target).namespace_label)


def others_of(patterns: Sequence[IssuePattern], policies: Sequence[AutomationPolicy]) -> list[Asked]:
    """What gates ask Prometheus: the patterns' facts and saturations, the alerts that policies name."""
    readings = [one for pattern in patterns for one in _readings(pattern)]
    spaces = {policy.metadata.namespace for policy in policies}
    matchers = [policy.spec.stability.alerts_matcher for policy in policies if policy.spec.stability.alerts_matcher]
    asked = [Asked(one.query, one.target.namespace_label if one.target else "") for one in readings]
    asked += [Asked(firing(space, matcher)) for space in sorted(spaces) for matcher in matchers]
    return list(dict.fromkeys(asked))


def _readings(pattern: IssuePattern) -> list[Fact | Saturation]:
    return [*pattern.spec.facts, *pattern.spec.saturation]


async def fetched(
    metrics: Metrics,
    settings: Settings,
    patterns: Sequence[IssuePattern],
    policies: Sequence[AutomationPolicy],
    period: Piece,
    progress: Callable[[float], None],
) -> Recording:
    """Ask Prometheus for a whole period; the port bounds how many queries are under way at once.

    Args:
        metrics: Prometheus.
        settings: the step of samples and the size of shards.
        patterns: whose queries are asked.
        policies: whose namespaces are asked for.
        period: from when to when.
        progress: told the share done so far, 0 to 1.

    Raises:
        SettingsError: when 5 minutes are no whole multiple of the step.
        MetricsError: when one query gives no whole answer: a hole would look like a past without trouble.
    """
    if timedelta(seconds=BIN_SECONDS) % settings.query_step:
        told = f"{variable('query_step')} is {format_duration(settings.query_step)}"
        raise SettingsError(f"{told}; a recording needs one that 5m is a whole multiple of, such as 30s, 1m or 5m")
    namespaces = frozenset(policy.metadata.namespace for policy in policies)
    start, until = on_grid(period[0]), period[1]
    grid = _Grid(start, (until - start) // settings.query_step + 1, settings)
    texts = await _texts(metrics, settings, patterns, policies, namespaces)
    tapes = {asked: _Tape(grid) for asked in texts}
    days = list(pieces(start, until + _A_MOMENT))
    todo = [(asked, text, piece) for piece in days for asked in texts for text in texts[asked]]
    done = 0

    async def one(asked: Asked, text: str, piece: Piece) -> None:
        nonlocal done
        tapes[asked].take(await metrics.range(text, *piece, settings.query_step))
        done += 1
        progress(done / len(todo))

    try:
        async with asyncio.TaskGroup() as group:
            for asked, text, piece in todo:
                group.create_task(one(asked, text, piece))
    except ExceptionGroup as several:
        raise several.exceptions[0] from None
    tracks = {asked: tape.track() for asked, tape in tapes.items()}
    return Recording(start, settings.query_step, grid.count, namespaces, tracks)


async def _texts(
    metrics: Metrics,
    settings: Settings,
    patterns: Sequence[IssuePattern],
    policies: Sequence[AutomationPolicy],
    namespaces: frozenset[str],
) -> dict[Asked, list[str]]:
    """What is sent for each query: narrowed to the namespaces; signals and companions in as many parts as they need."""
    every = companions_of(patterns) | signals_of(patterns)
    out = {asked: await queries(metrics, settings, signal, namespaces) for asked, signal in every.items()}
    for asked in others_of(patterns, policies):
        out.setdefault(asked, [narrowed(asked.query, asked.label, namespaces) if asked.label else asked.query])
    return out


@dataclass(frozen=True)
class _Grid:
    """The times of samples."""

    start: datetime
    count: int
    settings: Settings

    def numbers(self, raw: RawSeries) -> Rows:
        """Which sample each of a series' is."""
        step = self.settings.query_step.total_seconds()
        return np.rint((raw.times - self.start.timestamp()) / step).astype(np.int64)


@dataclass
class _Tape:
    """The series of one query as they come in."""

    grid: _Grid
    rows: dict[Labels, Singles] = field(default_factory=dict)

    def take(self, batch: Sequence[RawSeries]) -> None:
        """A piece; infinite values are no samples."""
        for raw in batch:
            row = self.rows.get(raw.labels)
            if row is None:
                row = self.rows[raw.labels] = np.full(self.grid.count, np.nan, np.float32)
            numbers = self.grid.numbers(raw)
            fits = (numbers >= 0) & (numbers < self.grid.count) & np.isfinite(raw.values)
            with np.errstate(over="ignore"):  # what is beyond float32 is no sample of the operator's either
                row[numbers[fits]] = raw.values[fits]

    def track(self) -> Track:
        """All of it, by labels."""
        return Track(tuple(sorted(self.rows)), _stacked([self.rows[labels] for labels in sorted(self.rows)], self.grid))


def _stacked(rows: Sequence[Singles], grid: _Grid) -> Singles:
    return np.stack(rows) if rows else np.empty((0, grid.count), np.float32)


def lacking(
    recording: Recording, patterns: Sequence[IssuePattern], policies: Sequence[AutomationPolicy], home: str
) -> Iterator[str]:
    """Why a recording cannot answer for these patterns and policies; nothing when it can.

    Args:
        recording: what there is.
        patterns: whose queries are needed.
        policies: whose namespaces are needed.
        home: the operator's own namespace: what is there are ceilings, and no workloads.
    """
    for pattern in patterns:
        for asked, what in _asked(pattern):
            if asked not in recording.tracks:
                yield f"{what} of IssuePattern {pattern.metadata.name}: its query is not in it"
    spaces = {policy.metadata.namespace for policy in policies} - {home}
    for policy in policies:
        # A ceiling's alerts are asked of every namespace, others' of their own.
        own = policy.metadata.namespace
        yield from _lacking_alerts(recording, policy, sorted(spaces) if own == home else [own])
    for space in sorted(spaces - recording.namespaces):
        yield f"namespace {space}, which has a policy, is not in it"


def _asked(pattern: IssuePattern) -> Iterator[tuple[Asked, str]]:
    """Everything a pattern asks, and what it is called."""
    for signal in pattern.spec.signals:
        yield Asked(signal.query, signal.target.namespace_label), f"signal {signal.name}"
        for companion in signal.companions:
            yield asked_of(signal, companion), f"companion {companion.name} of signal {signal.name}"
    for one in _readings(pattern):
        yield Asked(one.query, one.target.namespace_label if one.target else ""), one.name


def _lacking_alerts(recording: Recording, policy: AutomationPolicy, spaces: Sequence[str]) -> Iterator[str]:
    matcher, whose = policy.spec.stability.alerts_matcher, f"{policy.metadata.namespace}/{policy.metadata.name}"
    for space in spaces if matcher else ():
        if Asked(firing(space, matcher or {})) not in recording.tracks:
            told = f"the alerts of namespace {space} that it names are not in it"
            yield f"stability.alertsMatcher of AutomationPolicy {whose}: {told}"
