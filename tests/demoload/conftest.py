"""Pods by hand, and a way to read a sample."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest

from devcluster.demoload.cluster_view import ClusterUnavailableError
from devcluster.demoload.pods import Pod, Snapshot
from devcluster.demoload.services import DEMO, MIB, Array
from devcluster.demoload.world import World

EPOCH = 1_790_000_000.0
LIMIT = 512.0 * MIB

Crew = Callable[..., tuple[Pod, ...]]
Read = Callable[..., Array]


def _crew(
    deployment: str,
    generation: str = "old",
    *,
    created: float = EPOCH,
    count: int = 3,
    pool: str | None = None,
) -> tuple[Pod, ...]:
    service = next(one for one in DEMO if one.name == deployment)
    env = {service.pool_env: pool or f"{service.pool:.0f}"} if service.pool_env else {}
    return tuple(
        Pod(
            namespace="shop",
            deployment=deployment,
            name=f"{deployment}-{generation}-{number}",
            uid=f"uid-{deployment}-{generation}-{number}",
            created=created,
            ready=True,
            env=env,
            memory_limit=LIMIT,
        )
        for number in range(count)
    )


@pytest.fixture
def crew() -> Crew:
    """Ready pods of one demo service, by default with its shipped configuration."""
    return _crew


@pytest.fixture
def everyone() -> tuple[Pod, ...]:
    """All pods of all four services."""
    return tuple(pod for service in DEMO for pod in _crew(service.name))


@pytest.fixture
def world(everyone: tuple[Pod, ...]) -> World:
    """The demo's world, founded at EPOCH with all its pods."""
    founded = World()
    founded.found(EPOCH, everyone)
    return founded


def _read(world: World, metric: str, pods: Iterable[Pod], hours: float | list[float] | Array) -> Array:
    """Shape [pods, times]: the metric at hours since the epoch."""
    assert world.epoch is not None
    at = world.epoch + 3600.0 * np.atleast_1d(np.asarray(hours, dtype=np.float64))
    pods = list(pods)
    found = {dict(one.labels)["pod"]: one.values for one in world.sample(at, pods) if one.metric == metric}
    return np.stack([found[pod.name] for pod in pods if pod.ready])


@pytest.fixture
def read() -> Read:
    """A metric of pods at hours since the epoch."""
    return _read


@dataclass
class FakeView:
    """A cluster that says what it is told to say; None is an API server that is gone."""

    snapshot: Snapshot | None = None
    looks: int = field(default=0)

    async def look(self) -> Snapshot:
        self.looks += 1
        if self.snapshot is None:
            raise ClusterUnavailableError("cannot list pods: gone")
        return self.snapshot


@pytest.fixture
def view() -> FakeView:
    """A fake cluster, unavailable until it is given a snapshot."""
    return FakeView()
