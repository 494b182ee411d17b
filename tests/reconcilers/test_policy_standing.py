"""Impossible policies say so: what nobody may tune, what contradicts, and what selects more than it seems to."""

import asyncio
from typing import Any

import pytest

from tests.reconcilers import objects
from tests.reconcilers.objects import CONFIG_MAP, RESTART, SHOP
from tests.reconcilers.test_pattern_and_policy_status import look, ready, said
from tests.reconcilers.world import World
from vanguard.api.reasons import Reason
from vanguard.ports import Raw
from vanguard.reconcilers import policies

SERVICES = ("orders", "checkout")


def tunable(world: World, **changes: Any) -> None:
    """The tunable of the policy's first workload differs."""

    def tell(raw: Raw) -> None:
        entry = raw["spec"]["workloads"][0]
        entry["tunables"] = [{**entry["tunables"][0], **changes}]

    world.cluster.edit("AutomationPolicy", SHOP, "shop", tell)


def pattern(world: World, **spec: Any) -> None:
    """The pattern says something else."""
    world.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(spec))


def tuning(name: str) -> Raw:
    return {"type": "TunePool", "tunePool": {"tunable": name, "increasePercent": 20}}


def second_policy(world: World, name: str = "second", **entry: Any) -> None:
    """Another policy of the namespace that selects orders."""
    raw = objects.policy(CONFIG_MAP)
    raw["metadata"]["name"] = name
    raw["spec"]["workloads"][0].update(entry)
    world.cluster.put("AutomationPolicy", SHOP, raw)


def test_a_tunable_that_a_pattern_names_and_nobody_declares_is_told() -> None:
    world = World(CONFIG_MAP)
    tunable(world, name="threads")
    look(world)

    assert ready(world) == (
        "False",
        Reason.TUNABLE_UNKNOWN,
        (
            "IssuePattern pool-exhaustion tunes pool-size, which workloads[orders] does not let be tuned; "
            "tunables there: threads"
        ),
    )


def test_it_is_told_of_each_entry_once() -> None:
    world = World(CONFIG_MAP, services=SERVICES)
    pattern(world, action=tuning("threads"))
    look(world)

    _, reason, message = ready(world)
    assert reason == Reason.TUNABLE_UNKNOWN
    assert message.count("workloads[orders]") == message.count("workloads[checkout]") == 1


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"serviceTypes": ["redis"]}, id="the pattern is for another service"),
        pytest.param({"suspend": True}, id="the pattern is suspended"),
        pytest.param({"action": {"type": "RestartRollout"}}, id="the pattern tunes nothing"),
    ],
)
def test_what_no_pattern_would_tune_need_not_be_declared(spec: Raw) -> None:
    world = World(CONFIG_MAP)
    tunable(world, name="threads")
    pattern(world, **spec)
    look(world)

    assert ready(world)[:2] == ("True", Reason.READY)


def test_a_policy_that_does_not_list_the_action_need_not_declare_a_tunable() -> None:
    world = World(RESTART)
    pattern(world, action=tuning("pool-size"))
    look(world)

    assert ready(world)[:2] == ("True", Reason.READY)


def test_an_action_without_anything_to_tune_is_told_though_no_pattern_asks() -> None:
    world = World(CONFIG_MAP)
    pattern(world, suspend=True)
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"]["workloads"][0].update(tunables=[]))
    look(world)

    assert ready(world) == (
        "False",
        Reason.TUNABLE_UNKNOWN,
        "actions[TunePool] is listed, and no policy lets anything of its workloads be tuned",
    )


def test_another_policy_may_declare_the_tunable() -> None:
    world = World(CONFIG_MAP)
    second_policy(world, tunables=[])
    asyncio.run(policies.refresh(world.context))

    assert ready(world)[:2] == ready(world, "second")[:2] == ("True", Reason.READY)


def test_a_fact_that_the_pattern_does_not_have_is_told() -> None:
    world = World(CONFIG_MAP)
    tunable(world, invariants=[{"name": "sum", "rule": "(replicas + surge) * value + spare <= most"}])
    pattern(world, facts=[{"name": "spare", "query": "spare"}])
    look(world)

    assert ready(world) == (
        "False",
        Reason.FACT_UNKNOWN,
        (
            "IssuePattern pool-exhaustion has no fact most, which "
            "workloads[orders].tunables[pool-size].invariants[sum] names"
        ),
    )
    pattern(world, facts=[{"name": "spare", "query": "spare"}, {"name": "most", "query": "most"}])
    look(world)
    assert ready(world)[:2] == ("True", Reason.READY)


def test_an_invariant_that_cannot_be_read_is_told_by_field() -> None:
    world = World(CONFIG_MAP)
    tunable(world, invariants=[{"name": "sum", "rule": "value ** 2 <= 9"}])
    look(world)

    status, reason, message = ready(world)
    assert (status, reason) == ("False", Reason.INVARIANT_INVALID)
    assert "workloads[orders].tunables[pool-size].invariants[sum].rule: 'value ** 2 <= 9': 'value ** 2'" in message


def test_every_problem_is_told_and_the_first_gives_the_reason() -> None:
    world = World(CONFIG_MAP, {"spec": {"timeZone": "Mars/Base"}})
    tunable(world, name="threads")
    look(world)

    _, reason, message = ready(world)
    assert reason == Reason.TIME_ZONE_UNKNOWN
    assert "timeZone is 'Mars/Base'" in message
    assert "tunes pool-size" in message


ELSEWHERE: Raw = {"configMapKey": {"name": "another", "key": "POOL_SIZE"}}


def test_two_policies_that_contradict_each_other_both_say_so() -> None:
    world = World(CONFIG_MAP)
    there: Raw = {"name": "pool-size", "location": ELSEWHERE, "min": 10, "max": 100}
    second_policy(world, tunables=[there])
    asyncio.run(policies.refresh(world.context))

    for name in ("shop", "second"):
        status, reason, message = ready(world, name)
        assert (status, reason) == ("False", Reason.POLICIES_CONFLICT)
        assert "shop/Deployment/orders: tunable pool-size has several locations" in message
        assert "second workloads[orders], shop workloads[orders]" in message


def test_two_entries_of_one_policy_that_contradict_each_other_say_so() -> None:
    world = World(CONFIG_MAP)

    def add(raw: Raw) -> None:
        (first,) = raw["spec"]["workloads"]
        again = {**first, "name": "again", "tunables": [{**first["tunables"][0], "step": 7}]}
        raw["spec"]["workloads"].append(again)

    world.cluster.edit("AutomationPolicy", SHOP, "shop", add)
    look(world)

    assert ready(world)[:2] == ("False", Reason.POLICIES_CONFLICT)
    assert "shop workloads[orders], shop workloads[again]" in ready(world)[2]


def test_policies_that_narrow_the_same_tunable_do_not_conflict() -> None:
    world = World(CONFIG_MAP)
    place = {"configMapKey": {"name": "orders-config", "key": "POOL_SIZE"}}
    second_policy(world, tunables=[{"name": "pool-size", "location": place, "min": 20, "max": 60}])
    look(world)

    assert ready(world)[:2] == ("True", Reason.READY)


def labelled(world: World, *services: str) -> None:
    for service in services:
        world.cluster.edit("Deployment", SHOP, service, lambda raw: raw["metadata"]["labels"].update(team="shop"))
    world.cluster.edit(
        "AutomationPolicy",
        SHOP,
        "shop",
        lambda raw: raw["spec"].update(
            workloads=[{**raw["spec"]["workloads"][0], "name": "all", "selector": {"matchLabels": {"team": "shop"}}}]
        ),
    )


@pytest.mark.parametrize(
    ("services", "labels", "status", "reason"),
    [
        pytest.param(SERVICES, SERVICES, "False", Reason.SELECTS_EVERYTHING, id="all of several"),
        pytest.param(SERVICES, ("orders",), "True", Reason.SELECTS_SOME, id="one of several"),
        pytest.param(("orders",), ("orders",), "True", Reason.SELECTS_SOME, id="the only one there is"),
    ],
)
def test_a_selector_that_matches_everything_is_remarked_on_and_obeyed(
    services: tuple[str, ...], labels: tuple[str, ...], status: str, reason: Reason
) -> None:
    world = World(CONFIG_MAP, services=services)
    labelled(world, *labels)
    look(world)

    assert said(world, "Selective")[:2] == (status, reason)
    assert ready(world)[:2] == ("True", Reason.READY)
    if reason is Reason.SELECTS_EVERYTHING:
        assert "workloads[all].selector" in said(world, "Selective")[2]
