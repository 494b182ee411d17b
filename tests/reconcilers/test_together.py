"""Several Interventions at once: slots, budgets and cooldowns hold, whoever comes first, across restarts."""

import asyncio
from datetime import datetime, timedelta

import pytest

from tests.reconcilers.objects import CONFIG_MAP
from tests.reconcilers.world import SHOP, World
from vanguard.api.base import format_time
from vanguard.api.intervention import Phase
from vanguard.api.reasons import Reason
from vanguard.domain.calendar import Period, PeriodUnit
from vanguard.domain.phases import IN_FLIGHT, TERMINAL
from vanguard.ports import Raw
from vanguard.reconcilers import intervene

SERVICES = ("orders", "cart", "stock")
THREE = ("iv", "iv-cart", "iv-stock")


def three(consent: Raw | None = None) -> World:
    world = World(CONFIG_MAP, consent or {}, services=SERVICES)
    world.open("iv-cart", "cart")
    world.open("iv-stock", "stock")
    return world


def phases(world: World) -> list[Phase]:
    return [world.look(name).status.phase for name in THREE]


async def all_at_once(world: World) -> None:
    await asyncio.gather(*(intervene.reconcile(world.context, SHOP, name) for name in THREE * 2))


@pytest.mark.parametrize("slots", [1, 2])
def test_looked_at_all_at_once_no_more_are_admitted_than_there_are_slots(slots: int) -> None:
    world = three({"limits": {"maxConcurrent": slots}})
    world.detect()
    asyncio.run(all_at_once(world))

    assert phases(world).count(Phase.BASELINING) == slots
    waiting = [world.look(name).status for name in THREE if world.look(name).status.phase is Phase.PENDING]
    assert {status.reason for status in waiting} == {Reason.ANOTHER_IN_FLIGHT}


def test_never_more_in_flight_than_slots_until_all_are_over() -> None:
    world = three()
    most, over = 0, 0
    for _ in range(60):
        world.tick()
        most = max(most, sum(phase in IN_FLIGHT for phase in phases(world)))
        over = sum(phase in TERMINAL for phase in phases(world))
        if over == len(THREE):
            break

    assert over == len(THREE)
    assert most == 1
    assert phases(world) == [Phase.SUCCEEDED] * 3


def test_the_days_budget_is_counted_over_all_and_survives_a_restart() -> None:
    world = three({"action": {"maxPerDay": 2}})
    for _ in range(40):
        world.restart()
        world.tick()

    assert sorted(phases(world)) == [Phase.PENDING, Phase.SUCCEEDED, Phase.SUCCEEDED]
    (held,) = [world.look(name).status for name in THREE if world.look(name).status.phase is Phase.PENDING]
    assert held.reason == Reason.DAILY_BUDGET_SPENT
    assert held.next_open == Period(PeriodUnit.DAY, "UTC").ends(world.clock.now())


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(hours=-2)], ids=["to last year", "back two hours"])
def test_a_clock_that_jumps_back_frees_no_budget(jump: timedelta) -> None:
    world = three({"action": {"maxPerDay": 1}})
    world.until(lambda: world.phase in TERMINAL)
    world.clock.advance(jump)
    for _ in range(5):
        world.tick()

    assert sorted(phases(world)) == [Phase.PENDING, Phase.PENDING, Phase.SUCCEEDED]


def test_the_same_target_is_left_in_peace_for_the_cooldown_and_then_served() -> None:
    world = World(CONFIG_MAP)
    world.until_over()
    ended = world.look().status.completed_at
    assert ended is not None
    world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw["data"].update(X="2"))
    world.open("iv-again", "orders")
    for _ in range(8):
        world.tick()
    assert world.look("iv-again").status.reason == Reason.COOLING_DOWN
    assert world.look("iv-again").status.next_open == ended + timedelta(hours=1)
    world.clock.advance(timedelta(hours=1))
    world.until(lambda: world.look("iv-again").status.phase in TERMINAL)

    assert world.look("iv-again").status.started_at is not None
    assert world.cluster.look("ConfigMap", SHOP, "orders-config")["data"]["POOL_SIZE"] in {"60", "72"}


def test_what_is_in_flight_in_another_namespace_takes_no_slot_here() -> None:
    world = three()
    far = world.cluster.look("Intervention", SHOP, "iv-cart")
    status = {"phase": "Monitoring", "reason": "Watching", "startedAt": format_time(world.clock.now())}
    metadata = {"name": "far", "namespace": "elsewhere"}
    world.cluster.put("Intervention", "elsewhere", {**far, "metadata": metadata, "status": status})
    world.detect()
    world.reconcile()
    assert world.phase is Phase.BASELINING
    world.cluster.put("Intervention", SHOP, {**far, "metadata": {"name": "near"}, "status": status})
    world.reconcile("iv-stock")

    assert world.look("iv-stock").status.reason == Reason.ANOTHER_IN_FLIGHT


def test_a_half_open_breaker_admits_exactly_one_whichever_process_looks() -> None:
    world = three(
        {
            "action": {"minEffectivenessPercent": 0},
            "limits": {"maxConcurrent": 3},
            "spec": {"circuitBreaker": {"failures": 1, "pause": "10m"}},
        }
    )
    failed(world, world.clock.now() - timedelta(minutes=20))
    world.detect()
    asyncio.run(all_at_once(world))
    assert phases(world).count(Phase.BASELINING) == 1
    waiting = [world.look(name).status for name in THREE if world.look(name).status.phase is Phase.PENDING]
    assert {status.reason for status in waiting} == {Reason.BREAKER_HALF_OPEN}

    world.restart()
    world.detect()
    asyncio.run(all_at_once(world))
    assert [phase in IN_FLIGHT for phase in phases(world)].count(True) == 1


def failed(world: World, at: datetime) -> None:
    """One more service's Intervention did harm and was taken back, ending at a time."""
    world.open("iv-failed", "stock")
    told = {
        "phase": "RolledBack", "reason": "Restored", "verdict": "Degraded", "startedAt": format_time(at),
        "completedAt": format_time(at), "undo": {"reason": "Degraded", "startedAt": format_time(at)},
    }  # fmt: skip

    def ended(raw: Raw) -> None:
        raw["status"] = told
        raw["spec"]["target"]["uid"] = "uid-of-another"

    world.cluster.edit("Intervention", SHOP, "iv-failed", ended)
