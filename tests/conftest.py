"""What every room's tests share: the tools, one real control plane, and waiting with a deadline.

The control plane is started when the first test asks for it and stopped with all that runs on it when the session
ends, however it ends. Tests that use it carry the marker `cluster` by themselves: `-m "not cluster"` leaves them out.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import pytest

from devcluster import build, operator_process
from devcluster.cluster import Cluster

Seen = TypeVar("Seen")
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Tools:
    """Paths of the command line tools."""

    helm: Path
    kubectl: Path
    kubeconform: Path
    promtool: Path


class Eventually(Protocol):
    """Look until what is seen will do; the deadline's failure says what was awaited and what was seen last."""

    def __call__(
        self,
        look: Callable[[], Seen],
        met: Callable[[Seen], object] = bool,
        *,
        what: str,
        within: float = 30.0,
        told: Callable[[Seen], str] = str,
    ) -> Seen:
        """What was seen in the end; `told` says it shorter in a failure."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the real control plane, so that nobody has to remember to."""
    for item in items:
        if isinstance(item, pytest.Function) and "cluster" in item.fixturenames:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def tools() -> Tools:
    """Devcluster's tools, built if need be."""
    folder = build.ensure_built()
    return Tools(**{name: folder / name for name in Tools.__dataclass_fields__})


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The control plane with CRDs, chart and the demo's four Deployments; neither operator nor Prometheus runs."""
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        made.start()
        operator_process.install(made)
        yield made
    finally:
        made.parts.stop()
        made.stop(purge=True)


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Poll with a deadline."""
    return _eventually


def _eventually(
    look: Callable[[], Seen],
    met: Callable[[Seen], object] = bool,
    *,
    what: str,
    within: float = 30.0,
    told: Callable[[Seen], str] = str,
) -> Seen:
    deadline = time.monotonic() + within
    while not met(seen := look()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {within:g} s for {what}; last seen: {told(seen)}", pytrace=False)
        time.sleep(POLL_SECONDS)
    return seen
