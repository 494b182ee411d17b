"""Fetching: one pattern's signals into their books, one query a shard, only what is new.

The newest twelve hours come as they are sampled, then only what is newer than the last time. Older history comes
once, as medians of half hours, a day at a time and few at once, so that a restart is no storm. A piece that gets no
answer is asked for again, and no other with it.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vanguard.api.pattern import Signal
from vanguard.domain.past import BIN_SECONDS, BLOCKS
from vanguard.domain.promql import LAST_OF_HALF_HOUR, counted, half_hourly, narrowed, shards
from vanguard.domain.series import BLOCK_SECONDS, RING_BLOCKS, Columns, SeriesBook
from vanguard.errors import MetricsError
from vanguard.ports import Metrics
from vanguard.reconcilers.judging import Roll
from vanguard.settings import Settings

_BIN = timedelta(seconds=BIN_SECONDS)
_BLOCK = timedelta(seconds=BLOCK_SECONDS)
_DAY = timedelta(days=1)
# Shards are as good as their series counts are new; asking for those costs Prometheus as much as a shard.
_PLANS_LAST = 8


@dataclass(frozen=True)
class Piece:
    """Something to ask: some namespaces' series over a period, as half hours' medians or as sampled."""

    namespaces: tuple[str, ...]
    start: datetime
    end: datetime
    halves: bool


@dataclass
class Plan:
    """Which namespaces are asked for in one query, and for how many refreshes more."""

    parts: list[tuple[str, ...]] = field(default_factory=list)
    lasts: int = 0

    def fits(self, namespaces: frozenset[str]) -> bool:
        """Whether it is for these namespaces and still good."""
        return self.lasts > 0 and namespaces == frozenset(name for part in self.parts for name in part)


@dataclass
class Stock:
    """One signal's series, and how far they are fetched.

    Attributes:
        query: what they were fetched with.
        book: the series.
        until: up to where each namespace is fetched, but for what is missing.
        missing: older history that is still to be asked for.
        plan: who is asked for together.
        roll: whose the series are.
    """

    query: str = ""
    book: SeriesBook = field(default_factory=SeriesBook)
    until: dict[str, datetime] = field(default_factory=dict)
    missing: list[Piece] = field(default_factory=list)
    plan: Plan = field(default_factory=Plan)
    roll: Roll = field(default_factory=Roll)

    def keep_only(self, namespaces: frozenset[str]) -> None:
        """Forget how far other namespaces are fetched: should they come back, they are new."""
        self.until = {name: at for name, at in self.until.items() if name in namespaces}
        # What is missing of those that stay is still to be asked for, or they would be judged with a hole for good.
        cut = [(piece, tuple(name for name in piece.namespaces if name in namespaces)) for piece in self.missing]
        self.missing = [replace(piece, namespaces=names) for piece, names in cut if names]


@dataclass
class Shelf:
    """The stocks of one pattern: one per signal, thrown away when its query changes."""

    stocks: dict[str, Stock] = field(default_factory=dict)

    def stock(self, signal: Signal, now: datetime) -> Stock:
        """The signal's stock; a new one when the query is not what it was, or the clock went back.

        What was fetched by a clock that was ahead lies where the true present is not yet.
        """
        known = self.stocks.get(signal.name)
        if known is None or known.query != signal.query or max(known.until.values(), default=now) > now + _BIN:
            known = self.stocks[signal.name] = Stock(query=signal.query)
        return known


async def refresh(
    metrics: Metrics, settings: Settings, signal: Signal, stock: Stock, namespaces: frozenset[str], now: datetime
) -> None:
    """Bring a stock up to now: eight days for namespaces that are new to it, the newest bins for the others.

    Raises:
        MetricsError: when a query gives no whole answer. What was fetched is kept, and what was not is asked for
            next time: a hole would look like a past without trouble.
    """
    if not namespaces:
        return
    stock.keep_only(namespaces)
    if not stock.plan.fits(namespaces):
        stock.plan = Plan(await _parts(metrics, settings, signal, namespaces), _PLANS_LAST)
    stock.plan.lasts -= 1
    errand = _Errand(metrics, settings, signal, stock)
    newest = [piece for part in stock.plan.parts for piece in _newest(stock, part, now)]
    stock.missing = _joined(stock.missing, _oldest(now))
    await errand.run(newest, settings.query_concurrency)
    await errand.run(list(stock.missing), max(1, settings.query_concurrency // 2))
    if errand.failures:
        raise errand.failures[0]
    stock.book.forget_unseen(now)


def _newest(stock: Stock, part: tuple[str, ...], now: datetime) -> Iterator[Piece]:
    """What is new of namespaces; what of it is older than a book keeps finely is noted as missing."""
    oldest = _oldest(now)
    finest = _floor(now, _BLOCK) - (RING_BLOCKS - 1) * _BLOCK
    for group in (tuple(n for n in part if n in stock.until), tuple(n for n in part if n not in stock.until)):
        if not group:
            continue
        since = max(oldest, min(stock.until.get(name, oldest) for name in group))
        if since < finest:
            stock.missing += _days(group, _floor(since, _BLOCK), finest)
            stock.until |= dict.fromkeys(group, finest)
        start = _floor(max(since, finest), _BIN)
        if start <= now:  # or the clock went back a little: what is there will do until it has caught up
            yield Piece(group, start, now, halves=False)


def _oldest(now: datetime) -> datetime:
    """Where the oldest half hour begins that a book keeps."""
    return _floor(now, _BLOCK) - (BLOCKS - 1) * _BLOCK


def _joined(missing: Iterable[Piece], oldest: datetime) -> list[Piece]:
    """The same in as few pieces as days allow, for an outage adds one each half hour; without what no book keeps."""
    out: list[Piece] = []
    for piece in (replace(one, start=max(one.start, oldest)) for one in missing if one.end > oldest):
        before = next((n for n, one in enumerate(out) if _continues(one, piece)), None)
        if before is None:
            out.append(piece)
        else:
            out[before] = replace(out[before], end=piece.end)
    return out


def _continues(one: Piece, other: Piece) -> bool:
    return (one.namespaces, one.end) == (other.namespaces, other.start) and other.end - one.start <= _DAY


def _days(namespaces: tuple[str, ...], start: datetime, end: datetime) -> Iterator[Piece]:
    """Whole half hours, a day in a piece."""
    while start < end:
        yield Piece(namespaces, start, min(start + _DAY, end), halves=True)
        start += _DAY


def _floor(at: datetime, unit: timedelta) -> datetime:
    """The time of the clock's bins: whoever asks when, a bin's samples are the same."""
    return at - timedelta(seconds=at.timestamp() % unit.total_seconds())


@dataclass
class _Errand:
    """Asks for pieces, a few at once, and puts the answers into the book."""

    metrics: Metrics
    settings: Settings
    signal: Signal
    stock: Stock
    failures: list[MetricsError] = field(default_factory=list)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, pieces: Iterable[Piece], at_once: int) -> None:
        """Ask for all; when so many failed that a Prometheus that is in trouble is likely, leave it alone.

        A fault of another kind is raised once nobody works any more: no worker is stopped while its thread writes.
        """
        queue = iter(list(pieces))
        ended = await asyncio.gather(*(self._work(queue) for _ in range(at_once)), return_exceptions=True)
        for fault in filter(None, ended):
            raise fault

    async def _work(self, queue: Iterator[Piece]) -> None:
        try:
            await self._work_off(queue)
        finally:
            deque(queue, maxlen=0)  # whoever ends before the queue does ends it for all

    async def _work_off(self, queue: Iterator[Piece]) -> None:
        for piece in queue:
            if len(self.failures) >= self.settings.query_concurrency:
                return
            try:
                columns = await self._ask(piece)
            except MetricsError as error:
                self.failures.append(error)
                self._later(piece)
            else:
                async with self.writing:  # a book has one writer
                    await asyncio.to_thread(self.stock.book.absorb, columns)
                self._note(piece, len(columns))

    async def _ask(self, piece: Piece) -> Columns:
        query = narrowed(self.signal.query, self.signal.target.namespace_label, piece.namespaces)
        if not piece.halves:
            return await self.metrics.columns(query, piece.start, piece.end, self.settings.query_step)
        first, last = piece.start + LAST_OF_HALF_HOUR, piece.end - _BLOCK + LAST_OF_HALF_HOUR
        return await self.metrics.columns(half_hourly(query), first, last, _BLOCK)

    def _note(self, piece: Piece, series: int) -> None:
        """It is there."""
        stock = self.stock
        if piece.halves:
            stock.missing.remove(piece)
            return
        stock.until |= dict.fromkeys(piece.namespaces, piece.end)
        if series > self.settings.query_shard_series and len(piece.namespaces) > 1:
            stock.plan.lasts = 0  # they have grown

    def _later(self, piece: Piece) -> None:
        """The others first, next time."""
        if piece.halves:
            self.stock.missing.remove(piece)
            self.stock.missing.append(piece)


def pieces(since: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Daily periods, aligned to bins so that a bin's samples are the same whoever asks when."""
    start = _floor(since, _BIN)
    while start < now:
        # The last one goes up to now, also where that is to the second the end of a day.
        last = start + _DAY >= now
        yield start, now if last else start + _DAY - timedelta(seconds=1)
        start += _DAY


async def queries(metrics: Metrics, settings: Settings, signal: Signal, namespaces: frozenset[str]) -> list[str]:
    """The signal's query, for governed namespaces only, in as many parts as its series need."""
    parts = await _parts(metrics, settings, signal, namespaces)
    return [narrowed(signal.query, signal.target.namespace_label, part) for part in parts]


async def _parts(
    metrics: Metrics, settings: Settings, signal: Signal, namespaces: frozenset[str]
) -> list[tuple[str, ...]]:
    """Namespaces in groups whose series fit into one query each."""
    label = signal.target.namespace_label
    answer = await metrics.instant(counted(narrowed(signal.query, label, namespaces), label))
    counts = {labels[label]: int(value) for labels, value in answer if label in labels}
    quiet = {namespace: 1 for namespace in namespaces if namespace not in counts}
    return shards(counts | quiet, settings.query_shard_series)
