"""I8: once inputs stop changing, writes stop; in every phase, and for a new process as for the old one."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.reconcilers.objects import CONFIG_MAP, SHOP
from tests.reconcilers.world import BETTER, WORSE, World
from vanguard.api.intervention import Phase
from vanguard.api.reasons import Reason
from vanguard.ports import Raw

CLOSED: Raw = {
    "action": {"window": "Required"},
    "spec": {"windows": [{"name": "xmas", "schedule": "0 2 25 12 *", "duration": "1h"}]},
}


def pending() -> World:
    return World(CONFIG_MAP, CLOSED)


def awaiting_approval() -> World:
    return World(CONFIG_MAP, {"spec": {"mode": "Approve"}})


def baselining() -> World:
    world = World(CONFIG_MAP)
    world.until_phase(Phase.BASELINING)
    world.edit_meta("Intervention", "iv", lambda meta: meta.pop("finalizers"))
    return world


def applying() -> World:
    world = World(CONFIG_MAP, rollouts_finish=False)
    world.until_phase(Phase.APPLYING)
    return world


def monitoring() -> World:
    world = World(CONFIG_MAP)
    world.until_phase(Phase.MONITORING)
    return world


def rolling_back() -> World:
    world = World(CONFIG_MAP, after=WORSE)
    world.until_phase(Phase.MONITORING)
    world.rollouts_finish = False
    world.until_phase(Phase.ROLLING_BACK)
    return world


def over(after: dict[str, float], consent: Raw) -> Callable[[], World]:
    def build() -> World:
        world = World(CONFIG_MAP, consent, after)
        world.until_over()
        return world

    return build


def rejected() -> World:
    world = World(CONFIG_MAP)
    world.annotate("Intervention", "iv", abort="no")
    return world


PHASES: dict[Phase, Callable[[], World]] = {
    Phase.PENDING: pending,
    Phase.AWAITING_APPROVAL: awaiting_approval,
    Phase.BASELINING: baselining,
    Phase.APPLYING: applying,
    Phase.MONITORING: monitoring,
    Phase.ROLLING_BACK: rolling_back,
    Phase.SUCCEEDED: over(BETTER, {}),
    Phase.ROLLED_BACK: over(WORSE, {}),
    Phase.FAILED: over({}, {"action": {"rollback": "BestEffort"}}),
    Phase.REJECTED: rejected,
    Phase.OBSERVED: over(BETTER, {"spec": {"mode": "Observe"}}),
}


def test_every_phase_there_is_has_its_case() -> None:
    assert set(PHASES) == set(Phase)


@pytest.mark.parametrize("phase", PHASES, ids=str)
def test_a_second_look_at_the_same_writes_nothing(phase: Phase) -> None:
    world = PHASES[phase]()
    world.detect()
    world.reconcile()
    assert world.phase is phase
    before = len(world.cluster.writes)
    version = world.cluster.look("Intervention", SHOP, "iv")["metadata"]["resourceVersion"]
    for _ in range(3):
        world.reconcile()
    world.restart()
    world.detect()
    world.reconcile()

    assert world.cluster.writes[before:] == []
    assert world.cluster.look("Intervention", SHOP, "iv")["metadata"]["resourceVersion"] == version


@pytest.mark.parametrize(
    "phase", [Phase.PENDING, Phase.AWAITING_APPROVAL, Phase.SUCCEEDED, Phase.ROLLED_BACK, Phase.FAILED], ids=str
)
def test_time_alone_writes_nothing(phase: Phase) -> None:
    world = PHASES[phase]()
    world.tick()
    assert world.phase is phase
    before = len(world.cluster.writes)
    for _ in range(40):
        world.tick(timedelta(minutes=13))

    assert world.cluster.writes[before:] == []


def test_a_watch_writes_its_measurements_at_its_interval_and_no_more() -> None:
    world = monitoring()  # for 30 seconds, which is its interval
    before = len(world.cluster.writes)
    for _ in range(14):
        world.detect()
        world.reconcile()
        world.clock.advance(timedelta(seconds=2))

    assert world.phase is Phase.MONITORING
    assert [write.verb for write in world.cluster.writes[before:]] == ["status"]


def test_a_held_one_is_written_again_when_its_reason_is_another() -> None:
    world = pending()
    world.tick()
    world.annotate("Deployment", "orders", automation="Disabled")
    world.tick()

    assert world.said == (Phase.PENDING, Reason.DISABLED_BY_ANNOTATION)
