"""Half hours as Prometheus itself makes them: the same series and medians as of samples five minutes apart."""

import asyncio
import math
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from devcluster.prometheus import Prometheus
from vanguard.adapters.prometheus import PrometheusMetrics
from vanguard.domain.past import BLOCK
from vanguard.domain.promql import LAST_OF_HALF_HOUR, half_hourly, narrowed
from vanguard.domain.series import BLOCK_SECONDS, Columns, labels_in, medians
from vanguard.settings import Settings

START = 1_780_000_000 // BLOCK_SECONDS * BLOCK_SECONDS
HOURS = 6
BLOCK_TIME = timedelta(seconds=BLOCK_SECONDS)
FIVE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusMetrics]:
    """Two metrics of two pods with some hours of past, NaN, infinity and a hole in it."""
    folder = tmp_path_factory.mktemp("half-hours")
    history, chance = folder / "history.txt", random.Random(3)
    lines = []
    for name in ("heap", "stack"):
        lines.append(f"# TYPE {name} gauge")
        for pod in ("a", "b"):
            for second in range(-600, HOURS * 3600, 60):
                value = {7: "NaN", 8: "+Inf"}.get(second // 60 % 11, repr(50 + chance.gauss(0, 5)))
                if not (pod == "b" and 5000 < second < 8000):
                    lines.append(f'{name}{{namespace="shop",pod="{pod}"}} {value} {START + second}')
    history.write_text("\n".join([*lines, "# EOF", ""]))
    server = Prometheus(folder / "state").start([], backfill=history)
    made = PrometheusMetrics(Settings(identity="test", prometheus_url=server.url))
    try:
        yield made
    finally:
        made._session.close()
        server.stop()


@pytest.mark.parametrize(
    "query",
    ["heap", "100 * heap / (heap + stack)", '{__name__=~"heap|stack"}', "heap # with a comment", "heap > 50"],
)
def test_half_hours_have_the_series_and_the_medians_of_samples_five_minutes_apart(
    metrics: PrometheusMetrics, query: str
) -> None:
    start, end = (datetime.fromtimestamp(START + 3600 * hours, tz=UTC) for hours in (0, HOURS))
    asked = narrowed(query, "namespace", ["shop"])

    async def both() -> tuple[Columns, Columns]:
        fine = await metrics.columns(asked, start, end - FIVE, FIVE)
        first, last = start + LAST_OF_HALF_HOUR, end - BLOCK_TIME + LAST_OF_HALF_HOUR
        return fine, await metrics.columns(half_hourly(asked), first, last, BLOCK_TIME)

    fine, halves = asyncio.run(both())
    assert len(fine) > 0
    assert halves.times.tolist() == [START + BLOCK_SECONDS * n + 1500 for n in range(2 * HOURS)]
    wanted = medians(fine.values.reshape(len(fine), 2 * HOURS, BLOCK))
    rows = {labels_in(key): row for key, row in zip(halves.keys, halves.values, strict=True)}
    assert set(rows) == {labels_in(key) for key in fine.keys}
    for key, row in zip(fine.keys, wanted, strict=True):
        np.testing.assert_allclose(rows[labels_in(key)], row, rtol=1e-6)
    assert not math.isnan(float(np.nanmax(wanted)))
