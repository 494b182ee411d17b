"""Storms: detection sees them, everything is held, and people are told once."""

import asyncio

from tests.reconcilers import objects
from tests.reconcilers.lookout import Lookout, climbing
from tests.reconcilers.objects import CONFIG_MAP, SHOP
from vanguard.api.reasons import Reason
from vanguard.reconcilers import intervene


def climbers(count: int, *, calm: int = 0, **policy: object) -> Lookout:
    """So many services that begin to climb together."""
    lookout = Lookout()
    names = [f"s{number}" for number in range(count + calm)]
    for number, name in enumerate(names):
        lookout.service(name, climbing(lookout.onset) if number < count else (lambda _at: 45.0))
        lookout.cluster.put("ConfigMap", SHOP, {"metadata": {"name": f"{name}-config"}, "data": {"POOL_SIZE": "50"}})
        for kind, namespace, body in objects.pods(name, lookout.onset):
            lookout.cluster.put(kind, namespace, body)
    body = objects.policy(CONFIG_MAP, tuple(names))
    for entry in body["spec"]["workloads"]:
        entry.update(policy)
    lookout.cluster.put("AutomationPolicy", SHOP, body)
    lookout.cluster.put("Node", "", objects.node())
    lookout.pattern()
    return lookout


def decided(lookout: Lookout) -> set[str]:
    """The reasons of all Interventions after a look at each."""
    for iv in lookout.opened:
        asyncio.run(intervene.reconcile(lookout.context, SHOP, iv.metadata.name))
    return {iv.status.reason for iv in lookout.opened}


def announced(lookout: Lookout, key: str) -> str | None:
    return lookout.context.outbox.announced.get(key)


def gauge(lookout: Lookout) -> float | None:
    return lookout.context.telemetry.registry.get_sample_value("vanguard_storm")


def test_five_of_five_at_once_are_a_storm_and_nothing_starts() -> None:
    lookout = climbers(5)
    lookout.cycle(4)

    assert decided(lookout) == {Reason.STORM_GUARD}
    assert gauge(lookout) == 1
    assert announced(lookout, "storm") == Reason.STORM_GUARD.sentence


def test_three_of_four_are_none() -> None:
    lookout = climbers(3, calm=1)
    lookout.cycle(4)

    reasons = decided(lookout)
    assert reasons
    assert Reason.STORM_GUARD not in reasons
    assert gauge(lookout) == 0
    assert announced(lookout, "storm") is None


def test_a_storm_that_is_over_is_told_and_lets_go() -> None:
    lookout = climbers(5)
    lookout.cycle(4)
    assert decided(lookout) == {Reason.STORM_GUARD}
    lookout.context.settings = lookout.context.settings.model_copy(update={"storm_targets": 9, "storm_percent": 100})
    lookout.cluster.delete("Deployment", SHOP, "s4")
    lookout.cycle()

    assert Reason.STORM_GUARD not in decided(lookout)
    assert gauge(lookout) == 0
    assert announced(lookout, "storm") == "The storm is over."


def test_two_that_depend_on_the_same_are_held() -> None:
    lookout = climbers(2, calm=2, dependsOn=["db"])
    lookout.cycle(4)

    assert decided(lookout) == {Reason.SHARED_DEPENDENCY}
    assert announced(lookout, f"dependency/{SHOP}/db") == Reason.SHARED_DEPENDENCY.sentence


def test_one_alone_that_depends_on_something_is_not() -> None:
    lookout = climbers(1, calm=2, dependsOn=["db"])
    lookout.cycle(4)

    assert Reason.SHARED_DEPENDENCY not in decided(lookout)
