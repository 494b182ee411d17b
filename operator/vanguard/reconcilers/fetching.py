"""Fetching: one pattern's signals into their books, one query a shard, only what is new."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vanguard.api.pattern import Signal
from vanguard.domain.past import BIN_SECONDS
from vanguard.domain.promql import counted, narrowed, shards
from vanguard.domain.series import BINS, SeriesBook
from vanguard.ports import Metrics
from vanguard.settings import Settings

_CHUNK = timedelta(days=1)
_HISTORY = timedelta(seconds=BINS * BIN_SECONDS)


@dataclass
class Stock:
    """One signal's series, and how far they are fetched.

    Attributes:
        query: what they were fetched with.
        book: the series.
        until: up to where every covered namespace is fetched without a hole; None before the first time.
        covered: the namespaces whose whole past is in the book.
    """

    query: str = ""
    book: SeriesBook = field(default_factory=SeriesBook)
    until: datetime | None = None
    covered: frozenset[str] = frozenset()


@dataclass
class Shelf:
    """The stocks of one pattern: one per signal, thrown away when its query changes."""

    stocks: dict[str, Stock] = field(default_factory=dict)

    def stock(self, signal: Signal) -> Stock:
        """The signal's stock; a new one when the query is not what it was."""
        known = self.stocks.get(signal.name)
        if known is None or known.query != signal.query:
            known = self.stocks[signal.name] = Stock(query=signal.query)
        return known


async def refresh(
    metrics: Metrics, settings: Settings, signal: Signal, stock: Stock, namespaces: frozenset[str], now: datetime
) -> None:
    """Bring a stock up to now: eight days for namespaces that are new to it, the newest bins for the others.

    Raises:
        MetricsError: when a query gives no whole answer. What was fetched is kept, and fetched again next time: a
            hole would look like a past without trouble.
    """
    known = stock.covered & namespaces
    oldest = now - _HISTORY
    for group, since in ((known, stock.until or oldest), (namespaces - known, oldest)):
        if group:
            await _fetch(metrics, settings, signal, stock.book, group, max(since, oldest), now)
    stock.covered, stock.until = namespaces, now
    stock.book.forget_unseen(now)


async def _fetch(
    metrics: Metrics,
    settings: Settings,
    signal: Signal,
    book: SeriesBook,
    namespaces: frozenset[str],
    since: datetime,
    now: datetime,
) -> None:
    asked = await queries(metrics, settings, signal, namespaces)
    for start, end in pieces(since, now):
        for query in asked:
            book.absorb(await metrics.range(query, start, end, settings.query_step))


def pieces(since: datetime, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Daily periods, aligned to bins so that a bin's samples are the same whoever asks when."""
    start = since - timedelta(seconds=since.timestamp() % BIN_SECONDS)
    while start < now:
        # The last one goes up to now, also where that is to the second the end of a day.
        last = start + _CHUNK >= now
        yield start, now if last else start + _CHUNK - timedelta(seconds=1)
        start += _CHUNK


async def queries(metrics: Metrics, settings: Settings, signal: Signal, namespaces: frozenset[str]) -> list[str]:
    """The signal's query, for governed namespaces only, in as many parts as its series need."""
    label = signal.target.namespace_label
    answer = await metrics.instant(counted(narrowed(signal.query, label, namespaces), label))
    counts = {labels[label]: int(value) for labels, value in answer if label in labels}
    quiet = {namespace: 1 for namespace in namespaces if namespace not in counts}
    return [narrowed(signal.query, label, part) for part in shards(counts | quiet, settings.query_shard_series)]
