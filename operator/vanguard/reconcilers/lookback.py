"""Looking back: the series of one target as detection would have had them at a time, fetched for somebody who asks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vanguard.api.pattern import Signal
from vanguard.domain.past import Past
from vanguard.domain.series import Labels
from vanguard.ports import Metrics
from vanguard.reconcilers.fetching import Stock, refresh
from vanguard.settings import Settings

Belongs = Callable[[Signal, dict[str, str]], bool]


@dataclass(frozen=True)
class Sight:
    """What was found: the target's series with their past, in the same order, and the labels of all others."""

    labels: list[Labels]
    past: Past
    rest: list[dict[str, str]]


async def look_back(
    metrics: Metrics, settings: Settings, signal: Signal, namespace: str, belongs: Belongs, now: datetime
) -> Sight:
    """A target's series, up to `now` and not a sample further.

    Args:
        metrics: Prometheus.
        settings: how it is asked.
        signal: whose query.
        namespace: the target's; the query is narrowed to it.
        belongs: whether a series with these labels is the target's.
        now: the time of the evaluation.

    Raises:
        MetricsError: when there is no whole answer.
    """
    stock = Stock(query=signal.query)
    await refresh(metrics, settings, signal, stock, frozenset({namespace}), now)
    labels, past = stock.book.past(now)
    rows = [row for row, series in enumerate(labels) if belongs(signal, dict(series))]
    rest = [dict(series) for row, series in enumerate(labels) if row not in set(rows)]
    return Sight([labels[row] for row in rows], past.take(np.array(rows, dtype=np.int64)), rest)
