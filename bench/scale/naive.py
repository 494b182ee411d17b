"""The way most scripts do it: one prometheus-api-client call a service, a DataFrame, a polyfit."""

import time
from datetime import UTC, datetime

import numpy as np
from prometheus_api_client import MetricRangeDataFrame, PrometheusConnect

from bench.scale.estate import LIMIT


def cpu_seconds(url: str, start: int, end: int, services: list[str]) -> float:
    """Processor seconds for these services, of this process only."""
    client = PrometheusConnect(url=url)
    begun = time.process_time()
    late = 0
    for service in services:
        answer = client.custom_query_range(
            f'pool_use_percent{{deployment="{service}"}}',
            datetime.fromtimestamp(start, tz=UTC),
            datetime.fromtimestamp(end, tz=UTC),
            "60s",
        )
        frame = MetricRangeDataFrame(answer)
        hours = (frame.index - frame.index[0]).total_seconds() / 3600
        slope, level = np.polyfit(hours, frame["value"].astype(float), 1)
        late += slope * (hours[-1] + 12) + level > LIMIT
    return time.process_time() - begun
