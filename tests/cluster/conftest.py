"""One stage for all tests of the loop; each test finds it as it was at the start."""

from collections.abc import Iterator

import pytest

from devcluster import operator_process
from devcluster.cluster import Cluster
from tests.cluster.stage import Stage
from tests.conftest import Eventually


@pytest.fixture(scope="session")
def theatre(cluster: Cluster, eventually: Eventually) -> Stage:
    """The demo workload with seven days of past; whatever runs is stopped with the cluster."""
    return Stage(cluster, operator_process.start_workload(cluster), eventually)


@pytest.fixture
def stage(theatre: Stage) -> Iterator[Stage]:
    """The stage as at the start, and no operator left behind."""
    theatre.reset()
    yield theatre
    theatre.clear()
