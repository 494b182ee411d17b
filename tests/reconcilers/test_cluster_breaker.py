"""The breaker that guards the cluster where no policy says otherwise: people are told at once, and once."""

import asyncio
from datetime import datetime, timedelta

import pytest

from tests.reconcilers.objects import CONFIG_MAP, HOME, policy
from tests.reconcilers.test_courier import ALL, FakeNotifier, carry, equip
from tests.reconcilers.world import SHOP, World
from vanguard.api.base import Notification, format_time
from vanguard.domain.breaker import DEFAULT_FAILURES, DEFAULT_PAUSE
from vanguard.ports import Raw
from vanguard.reconcilers import policies

OPEN, HALF, CLOSED, REPLACED = (
    f"circuit breaker of the cluster: {state}" for state in ("Open", "HalfOpen", "Closed", "replaced")
)
MINUTE = timedelta(minutes=1)


def ended(world: World, name: str, at: datetime, *, helped: bool = False) -> None:
    """An Intervention of another namespace ended at a time: it helped, or was taken back."""
    told: Raw = {"phase": "Succeeded", "reason": "Improved", "verdict": "Improved"}
    if not helped:
        undo = {"reason": "Degraded", "startedAt": format_time(at)}
        told = {"phase": "RolledBack", "reason": "Restored", "verdict": "Degraded", "undo": undo}
    times = {"startedAt": format_time(at - MINUTE), "completedAt": format_time(at)}
    raw = world.cluster.look("Intervention", SHOP, "iv")
    metadata = {"name": name, "namespace": "web"}
    raw["spec"]["target"]["uid"] = f"uid-{name}"
    world.cluster.put("Intervention", "web", {**raw, "metadata": metadata, "status": {**told, **times}})


def failures(world: World, count: int = DEFAULT_FAILURES, prefix: str = "failed") -> None:
    for n in range(count):
        ended(world, f"{prefix}-{n}", world.clock.now() - n * MINUTE)


def started() -> tuple[World, FakeNotifier]:
    world, notifier = World(CONFIG_MAP), FakeNotifier()
    equip(world, all=(notifier, ALL))
    return world, notifier


def look(world: World) -> None:
    asyncio.run(policies.refresh(world.context))
    carry(world)


def restart(world: World, notifier: FakeNotifier) -> None:
    world.restart()
    equip(world, all=(notifier, ALL))


def titles(notifier: FakeNotifier) -> list[str]:
    return [message.title for message in notifier.took if message.about.get("key") == "breaker/cluster"]


@pytest.mark.parametrize("restarted", [False, True], ids=["one process", "a restart before every look"])
def test_opening_half_open_and_closing_are_told_once_each(*, restarted: bool) -> None:
    world, notifier = started()

    def look_twice() -> None:
        for _ in range(2):
            if restarted:
                restart(world, notifier)
            look(world)

    look_twice()
    failures(world, DEFAULT_FAILURES - 1)
    look_twice()
    assert titles(notifier) == []
    ended(world, "last", world.clock.now())
    look_twice()
    assert titles(notifier) == [OPEN]
    world.clock.advance(DEFAULT_PAUSE)
    look_twice()
    assert titles(notifier) == [OPEN, HALF]
    ended(world, "tried", world.clock.now())
    look_twice()
    assert titles(notifier) == [OPEN, HALF, OPEN], "what was tried failed: it is open again"
    world.clock.advance(DEFAULT_PAUSE)
    look_twice()
    ended(world, "helped", world.clock.now(), helped=True)
    look_twice()
    assert titles(notifier) == [OPEN, HALF, OPEN, HALF, CLOSED]
    written = len(world.cluster.writes)
    look_twice()
    assert len(world.cluster.writes) == written, "nothing changes any more"


def test_the_opening_is_loud_names_the_figures_and_says_how_to_reset_it() -> None:
    world, notifier = started()
    failures(world)
    look(world)
    (message,) = notifier.took
    assert (message.level, message.over) == (Notification.ALERT, False)
    assert message.incident == f"{HOME}/breaker/cluster"
    assert f"{DEFAULT_FAILURES} interventions failed in a row" in message.text
    assert f"vanguard breaker reset ceiling -n {HOME}" in message.text
    ended(world, "helped", world.clock.now() + MINUTE, helped=True)
    look(world)
    assert notifier.took[-1].over


def test_it_is_told_as_soon_as_an_intervention_ends() -> None:
    world, notifier = started()
    failures(world, DEFAULT_FAILURES - 1)
    world.after = {}
    policy_edit = {"minEffectivenessPercent": 0}
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"]["actions"][0].update(policy_edit))
    world.until_over()
    carry(world)
    assert titles(notifier) == [OPEN]


def test_what_closed_long_ago_is_no_news_to_a_new_process() -> None:
    world, notifier = started()
    failures(world)
    ended(world, "helped", world.clock.now() + MINUTE, helped=True)
    world.clock.advance(timedelta(hours=3))
    look(world)
    assert titles(notifier) == []


def test_a_policy_in_the_operators_namespace_takes_its_place() -> None:
    world, notifier = started()
    failures(world)
    look(world)
    world.cluster.put("AutomationPolicy", HOME, {**policy(CONFIG_MAP), "metadata": {"name": "ceiling"}})
    for _ in range(2):
        look(world)
    assert titles(notifier) == [OPEN, REPLACED]
    (told,) = [message for message in notifier.took if message.title == REPLACED]
    assert told.over
    assert "AutomationPolicy ceiling guards the cluster" in told.text
    assert [m.title for m in notifier.took if m.incident.endswith(f"{HOME}/ceiling")] == [
        f"circuit breaker of {HOME}/ceiling: Open"
    ]


@pytest.mark.parametrize(("reset", "gauge"), [(False, 1), (True, 0)])
def test_the_gauge_shows_the_breakers_that_bind(reset: bool, gauge: int) -> None:
    world, _ = started()
    failures(world)
    if reset:
        word = {"at": format_time(world.clock.now()), "by": "paul", "reason": "mended"}
        ceiling = policy(CONFIG_MAP, consent={"spec": {"circuitBreaker": {"reset": word}}})
        world.cluster.put("AutomationPolicy", HOME, {**ceiling, "metadata": {"name": "ceiling"}})
    look(world)
    assert world.context.telemetry.registry.get_sample_value("vanguard_breaker_open") == gauge
