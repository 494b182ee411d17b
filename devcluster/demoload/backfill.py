"""The past: what the pods that exist now would have published, as OpenMetrics for promtool.

The same world and the same function as the live exporter, at other times; so the two join without a
jump. A world that has not begun is founded here, so that the exporter started next goes on from it.
"""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from devcluster.demoload.cluster_view import ClusterUnavailableError, View
from devcluster.demoload.exposition import render
from devcluster.demoload.pods import Snapshot
from devcluster.demoload.services import Array
from devcluster.demoload.world import World
from devcluster.demoload.world_file import WorldFile

_DAY_SECONDS = 86_400
_POLL_SECONDS = 0.5


async def settled(view: View, world: World, *, wait_seconds: float) -> Snapshot:
    """The first look at which every service of the world has all its pods ready.

    Raises:
        ClusterUnavailableError: not within the time; says what was missing.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            snapshot = await view.look()
            unfinished = snapshot.unfinished(service.name for service in world.services)
            missing = f"not all pods are ready of: {', '.join(unfinished)}" if unfinished else ""
        except ClusterUnavailableError as unavailable:
            missing = str(unavailable)
        if not missing:
            return snapshot
        if time.monotonic() > deadline:
            raise ClusterUnavailableError(f"{missing} (waited {wait_seconds:g} s)")
        await asyncio.sleep(_POLL_SECONDS)


def past_times(end: float, *, days: float, step_seconds: int) -> Array:
    """Whole seconds, ascending, `step_seconds` apart, the last one not after `end`."""
    steps = int(days * _DAY_SECONDS // step_seconds)
    times: Array = np.floor(end) - step_seconds * np.arange(steps, -1, -1, dtype=np.float64)
    return times


def past(world: World, snapshot: Snapshot, times: Array, labels: Iterable[tuple[str, str]] = ()) -> str:
    """The document: every series of the pods in the snapshot, at these times."""
    return render(world.replay().sample(times, snapshot.pods), times, labels)


def backfill(
    memory: WorldFile,
    world: World,
    snapshot: Snapshot,
    out: Path,
    *,
    days: float,
    step_seconds: int,
    labels: Iterable[tuple[str, str]] = (),
) -> int:
    """Write the past up to the snapshot's time; returns the number of samples."""
    if world.epoch is None:
        world.found(snapshot.at, snapshot.pods)
    else:
        world.meet(snapshot.pods)
    memory.save(world)
    text = past(world, snapshot, past_times(snapshot.at, days=days, step_seconds=step_seconds), labels)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    return sum(1 for line in text.splitlines() if not line.startswith("#"))
