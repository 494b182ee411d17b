"""The past is valid OpenMetrics, and goes over into the present without a jump."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from devcluster.demoload.backfill import backfill, past, past_times, settled
from devcluster.demoload.cluster_view import ClusterUnavailableError
from devcluster.demoload.exporter import Exporter
from devcluster.demoload.pods import Pod, Snapshot
from devcluster.demoload.services import DEMO
from devcluster.demoload.world import World
from devcluster.demoload.world_file import WorldFile

EPOCH = 1_790_000_000.0
DESIRED = {service.name: service.replicas for service in DEMO}
Key = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture
def snapshot(everyone: tuple[Pod, ...]) -> Snapshot:
    return Snapshot(at=EPOCH, pods=everyone, desired=DESIRED)


def parse(text: str) -> dict[Key, list[tuple[float, float]]]:
    """(time, value) by series; a stamp is None in a live document and becomes 0."""
    found: dict[Key, list[tuple[float, float]]] = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]  # it has no hints
        for sample in family.samples:
            stamp = float(sample.timestamp) if sample.timestamp else 0.0
            key = (sample.name, frozenset(sample.labels.items()))
            found.setdefault(key, []).append((stamp, sample.value))
    return found


def test_times_are_whole_seconds_ascending_and_end_with_the_end() -> None:
    times = past_times(EPOCH + 0.7, days=7, step_seconds=60)
    assert times[-1] == EPOCH
    assert (np.diff(times) == 60).all()
    assert times[0] == EPOCH - 7 * 86_400


def test_the_past_passes_a_strict_parser_with_ascending_times(world: World, snapshot: Snapshot) -> None:
    found = parse(past(world, snapshot, past_times(EPOCH, days=7, step_seconds=3600)))
    assert len(found) == 9 * 3 + 12 * 6
    for (metric, _), samples in found.items():
        stamps, values = zip(*samples, strict=True)
        assert list(stamps) == sorted(set(stamps))
        if metric.endswith("_total"):
            assert list(values) == sorted(values)


def test_only_catalog_is_younger_than_the_week(world: World, snapshot: Snapshot) -> None:
    found = parse(past(world, snapshot, past_times(EPOCH, days=7, step_seconds=3600)))
    for (_, labels), samples in found.items():
        assert len(samples) == (51 if dict(labels)["pod"].startswith("catalog") else 169)


def test_past_and_present_join_without_a_jump(view: Any, snapshot: Snapshot, tmp_path: Path) -> None:
    memory, out = WorldFile(tmp_path), tmp_path / "past.om"
    backfill(memory, memory.load(), snapshot, out, days=0.05, step_seconds=60)
    exporter = Exporter(memory.load(), view)
    view.snapshot = Snapshot(at=EPOCH + 10, pods=snapshot.pods, desired=DESIRED)
    asyncio.run(exporter.look())
    assert exporter.world.epoch == EPOCH
    then, now = parse(out.read_text()), parse(exporter.metrics(EPOCH + 10))
    assert then.keys() == now.keys()
    for key, samples in then.items():
        last, live = samples[-1][1], now[key][0][1]
        if key[0].endswith("_total"):
            per_minute = samples[-1][1] - samples[-2][1]
            assert live - last == pytest.approx(per_minute / 6, rel=0.1)
        else:
            assert live == pytest.approx(last, rel=0.12, abs=1e-9)


def test_writing_the_past_leaves_the_present_counters_alone(world: World, snapshot: Snapshot) -> None:
    world.sample(EPOCH, snapshot.pods)
    counted = dict(world.counts)
    past(world, snapshot, past_times(EPOCH + 600, days=1, step_seconds=600))
    assert world.counts == counted


def test_extra_labels_are_on_every_series(world: World, snapshot: Snapshot) -> None:
    labels = [("job", "demoload"), ("instance", 'a"b\\c')]
    text = past(world, snapshot, past_times(EPOCH, days=0.1, step_seconds=3600), labels)
    assert all(set(labels) <= series for _, series in parse(text))


def test_it_waits_for_pods_only_so_long_and_says_which(view: Any, snapshot: Snapshot) -> None:
    view.snapshot = Snapshot(at=EPOCH, pods=snapshot.pods[1:], desired=DESIRED)
    with pytest.raises(ClusterUnavailableError, match="not all pods are ready of: orders"):
        asyncio.run(settled(view, World(), wait_seconds=0))
    view.snapshot = snapshot
    assert asyncio.run(settled(view, World(), wait_seconds=0)) is snapshot
