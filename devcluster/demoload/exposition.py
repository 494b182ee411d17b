"""OpenMetrics text, for Prometheus' scrapes and for promtool's backfill alike.

Keeps the rules that promtool checks: families contiguous, a counter's family named without `_total`,
timestamps ascending within a series, a closing `# EOF`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from devcluster.demoload.services import Array
from devcluster.demoload.world import Series

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True)
class Family:
    """A metric's type, the decimals worth writing, and its meaning."""

    metric: str
    kind: str
    decimals: int
    meaning: str

    def header(self) -> str:
        """The lines before a family's samples."""
        name = self.metric.removesuffix("_total")
        return f"# TYPE {name} {self.kind}\n# HELP {name} {self.meaning}\n"


FAMILIES = (
    Family("app_pool_in_use", "gauge", 3, "Connections in use, mean of the last second."),
    Family("app_pool_size", "gauge", 0, "Connections the pool may hold."),
    Family("app_pool_waiting", "gauge", 3, "Requests that wait for a connection."),
    Family("app_requests_total", "counter", 2, "Requests answered."),
    Family("app_request_errors_total", "counter", 3, "Requests that failed."),
    Family("app_request_latency_p99_seconds", "gauge", 5, "99th percentile of request latency."),
    Family("container_memory_working_set_bytes", "gauge", 0, "Current working set of the container."),
    Family("container_memory_rss", "gauge", 0, "Anonymous memory of the container."),
    Family("kube_pod_container_resource_limits", "gauge", 0, "Resource limit of the container."),
)


def render(series: Sequence[Series], stamps: Array | None = None, extra: Iterable[tuple[str, str]] = ()) -> str:
    """All series as one document; with `stamps` (unix seconds) every sample carries its time.

    NaN is left out: before its birth a pod has no sample. `extra` labels are put on every series.
    """
    return "".join(_document(series, stamps, tuple(extra)))


def _document(series: Sequence[Series], stamps: Array | None, extra: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for family in FAMILIES:
        members = [one for one in series if one.metric == family.metric]
        if members:
            yield family.header()
        for one in members:
            yield _samples(one, family.decimals, stamps, extra)
    yield "# EOF\n"


def _samples(one: Series, decimals: int, stamps: Array | None, extra: tuple[tuple[str, str], ...]) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in (*one.labels, *extra))
    known = ~np.isnan(one.values)
    head, values = f"{one.metric}{{{labels}}}", one.values[known].tolist()
    if stamps is None:
        return "".join([f"{head} {value:.{decimals}f}\n" for value in values])
    times = stamps[known].tolist()
    return "".join([f"{head} {value:.{decimals}f} {time:.0f}\n" for value, time in zip(values, times, strict=True)])


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
