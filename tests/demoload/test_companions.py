"""The demo's leak is one: what its companions say of it is what they would say of a real one."""

import numpy as np

from devcluster.demoload.pods import Pod
from devcluster.demoload.world import World
from tests.demoload.conftest import MIB, Crew, Read
from vanguard.api.pattern import CompanionRole
from vanguard.domain.lookalike import Suspect, Voice, hear
from vanguard.domain.past import Past

STEP_HOURS = 1 / 12
HOURS = np.arange(-72, 0, STEP_HOURS)


def percent(world: World, read: Read, metric: str, pods: tuple[Pod, ...]) -> Past:
    return Past.of(read(world, metric, pods, HOURS) / (512 * MIB) * 100)


def test_catalogs_leak_is_no_page_cache_no_load_and_no_single_pod(world: World, crew: Crew, read: Read) -> None:
    pods = crew("catalog")
    used = percent(world, read, "container_memory_working_set_bytes", pods)
    rss = percent(world, read, "container_memory_rss", pods)
    requests = np.diff(read(world, "app_requests_total", pods, [*HOURS, 0.0])) / (STEP_HOURS * 3600)
    for row in range(len(pods)):
        one = slice(row, row + 1)
        voices = (
            Voice("anonymous-memory", CompanionRole.ANONYMOUS_MEMORY, rss.take(one)),
            Voice("requests", CompanionRole.WORK_RATE, Past.of(requests).take(one)),
        )
        told = hear(Suspect("memory-usage", used.take(one), 95.0, rising=True, voices=voices, replicas=used))
        assert told.reason is None, told.heard
        assert any("anonymous memory grows along" in sentence for sentence in told.heard)
        assert any("3 of 3 replicas carry the trend" in sentence for sentence in told.heard)
