"""The exporter follows what it sees, falls silent when it sees nothing, and remembers over a restart."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from devcluster.demoload.exporter import Exporter, PortUnavailableError
from devcluster.demoload.pods import Pod, Snapshot
from devcluster.demoload.services import DEMO
from devcluster.demoload.world import World
from devcluster.demoload.world_file import WorldFile, WorldFileUnusableError

EPOCH = 1_790_000_000.0
DESIRED = {service.name: service.replicas for service in DEMO}
Crew = Callable[..., tuple[Pod, ...]]


def values(text: str, metric: str) -> dict[str, float]:
    """The samples of a metric by pod, read by a strict parser."""
    return {
        sample.labels["pod"]: sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]  # it has no hints
        for sample in family.samples
        if sample.name == metric
    }


def look(exporter: Exporter, view: Any, pods: tuple[Pod, ...], at: float) -> None:
    view.snapshot = Snapshot(at=at, pods=pods, desired=DESIRED)
    asyncio.run(exporter.look())


def test_nothing_is_published_until_all_pods_are_ready_once(view: Any, everyone: tuple[Pod, ...]) -> None:
    exporter = Exporter(World(), view)
    look(exporter, view, everyone[1:], EPOCH)
    assert values(exporter.metrics(EPOCH), "app_requests_total") == {}
    look(exporter, view, everyone, EPOCH + 5)
    assert len(values(exporter.metrics(EPOCH + 5), "app_requests_total")) == 12
    assert exporter.world.epoch == EPOCH + 5


def test_a_rollout_shows_in_the_next_scrape(view: Any, everyone: tuple[Pod, ...], crew: Crew) -> None:
    exporter = Exporter(World(), view)
    look(exporter, view, everyone, EPOCH)
    fresh = crew("orders", "new", created=EPOCH + 1, pool="60")
    look(exporter, view, fresh + everyone[3:], EPOCH + 2)
    sizes = values(exporter.metrics(EPOCH + 3), "app_pool_size")
    assert {name: size for name, size in sizes.items() if name.startswith("orders")} == {pod.name: 60 for pod in fresh}


def test_pods_not_seen_for_ten_seconds_are_not_published(view: Any, everyone: tuple[Pod, ...]) -> None:
    exporter = Exporter(World(), view)
    look(exporter, view, everyone, EPOCH)
    view.snapshot = None
    asyncio.run(exporter.look())
    assert len(values(exporter.metrics(EPOCH + 9), "app_pool_size")) == 9
    assert values(exporter.metrics(EPOCH + 11), "app_pool_size") == {}
    look(exporter, view, everyone, EPOCH + 12)
    assert len(values(exporter.metrics(EPOCH + 12), "app_pool_size")) == 9


def test_a_restarted_exporter_keeps_epoch_ages_pools_and_counters(
    view: Any, everyone: tuple[Pod, ...], tmp_path: Path
) -> None:
    memory = WorldFile(tmp_path)
    first = Exporter(memory.load(), view, memory)
    look(first, view, everyone, EPOCH)
    before = values(first.metrics(EPOCH), "app_requests_total")
    # One pod rests for ten minutes: what it counted cannot be told from its age any more.
    look(first, view, (replace(everyone[0], ready=False), *everyone[1:]), EPOCH + 600)
    before |= values(first.metrics(EPOCH + 600), "app_requests_total")
    patched = tuple(replace(pod, env={"POOL_SIZE": "99", "DB_POOL_SIZE": "99"}) for pod in everyone)
    second = Exporter(memory.load(), view, memory)
    look(second, view, patched, EPOCH + 630)
    text = second.metrics(EPOCH + 630)
    assert second.world.epoch == EPOCH
    assert set(values(text, "app_pool_size").values()) == {50, 40, 60}
    assert second.world.lives == first.world.lives
    after = values(text, "app_requests_total")
    assert all(0 < after[pod] - before[pod] < 30 * 1000 for pod in before)


def test_pods_that_are_gone_are_forgotten(view: Any, everyone: tuple[Pod, ...]) -> None:
    exporter = Exporter(World(), view)
    look(exporter, view, everyone, EPOCH)
    look(exporter, view, everyone[:2], EPOCH + 1)
    assert set(exporter.world.lives) == set(exporter.world.counts) == {pod.uid for pod in everyone[:2]}


@pytest.mark.parametrize("content", ["{", "[]", '{"epoch": 1}', '{"epoch": 1, "seed": 2, "lives": {"u": {}}}'])
def test_a_memory_that_is_no_world_is_refused_and_left_alone(content: str, tmp_path: Path) -> None:
    memory = WorldFile(tmp_path)
    memory.path.write_text(content)
    with pytest.raises(WorldFileUnusableError, match=r"world\.json .* remove it to begin a new world"):
        memory.load()
    assert memory.path.read_text() == content


def test_it_serves_metrics_and_health_over_http(view: Any, everyone: tuple[Pod, ...]) -> None:
    async def scrape() -> None:
        exporter = Exporter(World(), _Living(view, everyone))
        serving = asyncio.create_task(exporter.serve(0))
        await asyncio.wait_for(exporter.listening.wait(), 10)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{exporter.port}") as session:
            async with asyncio.timeout(10):
                while (await session.get("/healthz")).status != 200:  # noqa: ASYNC110 - polls over HTTP
                    await asyncio.sleep(0.01)
            answer = await session.get("/metrics")
            assert answer.content_type == "application/openmetrics-text"
            assert len(values(await answer.text(), "app_pool_in_use")) == 9
        with pytest.raises(PortUnavailableError, match="choose another port"):
            await Exporter(World(), view).serve(exporter.port)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(scrape())


class _Living:
    """A fake view whose looks are of now."""

    def __init__(self, view: Any, pods: tuple[Pod, ...]) -> None:
        self._view = view
        self._pods = pods

    async def look(self) -> Snapshot:
        self._view.snapshot = Snapshot(at=time.time(), pods=self._pods, desired=DESIRED)
        snapshot: Snapshot = await self._view.look()
        return snapshot
