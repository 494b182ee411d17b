"""The operator's own senses, on the real API server and Prometheus: well they are, and blind they start nothing."""

import asyncio
from datetime import UTC, datetime, timedelta

from tests.cluster.stage import AT_ONCE, Stage, pool_pattern, shop_policy
from tests.gates.scene import connected
from vanguard.adapters.prometheus import PrometheusMetrics
from vanguard.domain.vitals import QUERY, Name, Pulse, Vitals, judge
from vanguard.settings import Settings


async def examined(stage: Stage) -> Vitals:
    """The senses, by the operator's own adapters."""
    cluster = await connected(stage.cluster)
    try:
        beat = await cluster.heartbeat()
    finally:
        await cluster.close()
    metrics = PrometheusMetrics(Settings(identity="senses", prometheus_url=stage.prometheus.url))
    now = datetime.now(tz=UTC)
    answer = tuple(await metrics.instant(QUERY))
    assert {labels["vital"] for labels, _ in answer} >= {"now", "newest", "scrapes"}
    assert beat.server_time is not None
    assert timedelta() < beat.latency < timedelta(seconds=2)
    return judge(Pulse(now, answer, "", beat.server_time, now, beat.latency))


def test_on_a_cluster_that_is_well_they_are_well(stage: Stage) -> None:
    stage.lead()  # the other target Prometheus scrapes
    vitals = asyncio.run(examined(stage))
    assert vitals.wrong == {}
    assert vitals.trouble("shop") == ""


def test_an_operator_that_is_blind_says_so_and_starts_nothing(stage: Stage) -> None:
    stage.automation("orders", "Disabled")
    stage.play(pool_pattern(), shop_policy("orders", stability=AT_ONCE))
    stage.lead()
    stage.await_phase("orders", "Pending", "DisabledByAnnotation")
    stage.prometheus.pause()
    stage.eventually(
        lambda: stage.metric("vanguard_vital", {"name": Name.PROMETHEUS}),
        lambda well: well == 0,
        what="the operator to notice",
    )
    stage.automation("orders", None)
    stage.await_phase("orders", "Pending", "TelemetryUnhealthy")
    assert not stage.acts()
    stage.prometheus.resume()
    stage.await_phase("orders", "Monitoring")
