"""I7: data that is missing or wrong never starts an act, never counts as success, and makes a watch Inconclusive."""

from datetime import timedelta

import pytest

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import Lie
from tests.reconcilers.objects import CONFIG_MAP
from tests.reconcilers.world import BETTER, World
from vanguard.api.intervention import Phase, Verdict
from vanguard.api.reasons import Reason

BLIND = [Lie.ERROR, Lie.EMPTY, Lie.NAN, Lie.STALE, Lie.FROZEN]
ABSENT = [Lie.ERROR, Lie.EMPTY, Lie.NAN, Lie.STALE]
QUERIES = [
    pytest.param("", id="every query"),
    pytest.param(objects.USE, id="the signal"),
    pytest.param(objects.LATENCY, id="a guard"),
]


def go_blind(world: World, lie: Lie, query: str) -> None:
    """Be lied to since the watch began."""
    world.until_phase(Phase.MONITORING)
    begun = world.look().status.watch_started_at
    assert begun is not None
    world.metrics.lies[query] = lie, begun


def named(lie: Lie) -> str:
    return lie.value


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("lie", ABSENT, ids=named)
def test_without_a_baseline_nothing_is_done(lie: Lie, query: str) -> None:
    world = World(CONFIG_MAP)
    world.until_phase(Phase.BASELINING)
    world.metrics.lies[query] = lie, world.clock.now() - timedelta(minutes=10)

    dumb = lie is Lie.ERROR and query == ""  # the operator's own senses notice first
    why = Reason.TELEMETRY_UNHEALTHY if dumb else Reason.BASELINE_UNAVAILABLE
    assert world.until_over() == (Phase.REJECTED, why)
    assert world.touches == []
    assert world.clock.now() - world.begun < timedelta(minutes=6)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("lie", BLIND, ids=named)
def test_a_watch_that_goes_blind_is_inconclusive_and_undone(lie: Lie, query: str) -> None:
    world = World(CONFIG_MAP, after=BETTER)
    go_blind(world, lie, query)

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    status = world.look().status
    assert status.verdict is Verdict.INCONCLUSIVE
    assert status.undo is not None
    assert status.undo.reason == Reason.INCONCLUSIVE
    assert world.changed() == []


@pytest.mark.parametrize("lie", BLIND, ids=named)
def test_a_watch_that_goes_blind_is_left_where_the_policy_says_hold(lie: Lie) -> None:
    world = World(CONFIG_MAP, {"action": {"onInconclusive": "Hold"}}, BETTER)
    go_blind(world, lie, "")

    assert world.until_over() == (Phase.FAILED, Reason.INCONCLUSIVE)
    assert world.look().status.verdict is Verdict.INCONCLUSIVE
    assert ("ConfigMap", "orders-config") in world.changed()


def test_prometheus_that_comes_back_within_the_watch_is_believed() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.until_phase(Phase.MONITORING)
    world.metrics.lie(Lie.ERROR)
    world.tick()
    world.tick()
    world.metrics.lies.clear()

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_a_blind_watch_ends_two_intervals_after_its_time() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.until_phase(Phase.MONITORING)
    begun = world.look().status.watch_started_at
    world.metrics.lie(Lie.ERROR)
    world.until(lambda: world.phase is not Phase.MONITORING)

    assert begun is not None
    assert timedelta(seconds=120) <= world.clock.now() - begun <= timedelta(seconds=180)


def test_values_that_come_to_a_standstill_during_the_watch_are_no_success() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.until_phase(Phase.MONITORING)
    world.metrics.lie(Lie.FROZEN)

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.look().status.verdict is Verdict.INCONCLUSIVE


def test_samples_of_half_the_watch_are_no_measurement() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.until_phase(Phase.MONITORING)
    world.clock.advance(timedelta(seconds=10))
    world.metrics.lie(Lie.STALE)

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.look().status.verdict is Verdict.INCONCLUSIVE


def test_prometheus_that_is_slow_to_answer_the_baseline_is_waited_for() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.until_phase(Phase.BASELINING)
    world.metrics.lie(Lie.ERROR)
    for _ in range(5):
        world.tick()
    assert world.phase is Phase.BASELINING
    world.metrics.lies.clear()

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)
