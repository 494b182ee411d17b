"""What patterns and policies say of themselves: whether they can be used, told when it changes and only then."""

import asyncio
from datetime import timedelta

import pytest

from tests.reconcilers.objects import CONFIG_MAP
from tests.reconcilers.world import SHOP, World
from vanguard.api.kinds import AutomationPolicy
from vanguard.api.reasons import Reason
from vanguard.ports import Raw
from vanguard.reconcilers import policies


def look(world: World) -> None:
    asyncio.run(policies.reconcile(world.context, SHOP, "shop"))


def said(world: World, kind: str, name: str = "shop") -> tuple[str, str, str]:
    """Status, reason and message of one of the policy's conditions."""
    status = AutomationPolicy.read(world.cluster.look("AutomationPolicy", SHOP, name)).status
    (condition,) = [condition for condition in status.conditions if condition.type == kind]
    return condition.status, condition.reason, condition.message


def ready(world: World, name: str = "shop") -> tuple[str, str, str]:
    """Status, reason and message of the policy's Ready condition."""
    return said(world, "Ready", name)


def window(**changes: str) -> Raw:
    return {"spec": {"windows": [{"name": "night", "schedule": "0 2 * * *", "duration": "1h", **changes}]}}


NOTHING_SELECTED: Raw = {"spec": {"workloads": [{"name": "all", "selector": {}, "serviceType": "postgres"}]}}


@pytest.mark.parametrize(
    ("consent", "status", "reason", "told"),
    [
        pytest.param({}, "True", Reason.READY, "", id="all is well"),
        pytest.param(
            window(schedule="61 2 * * *"),
            "False",
            Reason.WINDOW_NEVER_OPENS,
            "windows[night].schedule is '61 2 * * *'",
            id="a cron schedule that is none",
        ),
        pytest.param(
            window(schedule="0 2 30 2 *"),
            "False",
            Reason.WINDOW_NEVER_OPENS,
            "windows[night].schedule is '0 2 30 2 *'",
            id="a cron schedule that never comes",
        ),
        pytest.param(
            window(timeZone="Europe/Atlantis"),
            "False",
            Reason.TIME_ZONE_UNKNOWN,
            "windows[night].timeZone is 'Europe/Atlantis'",
            id="a window's zone there is not",
        ),
        pytest.param(
            {"spec": {"timeZone": "Europe/Atlantis"}},
            "False",
            Reason.TIME_ZONE_UNKNOWN,
            "timeZone is 'Europe/Atlantis'",
            id="a zone of days and weeks there is not",
        ),
        pytest.param(
            NOTHING_SELECTED, "False", Reason.SELECTS_NOTHING, "workloads[all].selector", id="an empty selector"
        ),
    ],
)
def test_a_policy_says_whether_it_can_be_obeyed(consent: Raw, status: str, reason: Reason, told: str) -> None:
    world = World(CONFIG_MAP, consent)
    look(world)

    assert ready(world)[:2] == (status, reason)
    assert told in ready(world)[2]


def test_a_policy_is_written_once_and_again_only_when_its_meaning_changes() -> None:
    world = World(CONFIG_MAP)
    look(world)
    world.clock.advance(timedelta(hours=5))
    written = len(world.cluster.writes)
    look(world)
    assert len(world.cluster.writes) == written
    since = world.cluster.look("AutomationPolicy", SHOP, "shop")["status"]["conditions"][0]["lastTransitionTime"]

    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(suspend=True))
    look(world)
    status = world.cluster.look("AutomationPolicy", SHOP, "shop")["status"]
    assert status["observedGeneration"] == 2
    assert status["conditions"][0]["lastTransitionTime"] == since, "its status is what it was"

    bad = window(timeZone="Europe/Atlantis")["spec"]
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(bad))
    look(world)
    assert ready(world)[0] == "False"
    assert world.cluster.look("AutomationPolicy", SHOP, "shop")["status"]["conditions"][0]["lastTransitionTime"] > since


def test_a_policy_that_changes_under_the_write_is_left_to_the_next_look() -> None:
    world = World(CONFIG_MAP)
    world.cluster.meanwhile(
        lambda: world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(suspend=True)), 1
    )
    look(world)
    assert "status" not in world.cluster.look("AutomationPolicy", SHOP, "shop")
    look(world)

    assert world.cluster.look("AutomationPolicy", SHOP, "shop")["status"]["observedGeneration"] == 2


def test_a_policy_that_is_gone_is_not_written() -> None:
    world = World(CONFIG_MAP)
    world.cluster.delete("AutomationPolicy", SHOP, "shop")
    look(world)

    assert world.cluster.writes == []


def test_a_policy_that_cannot_be_understood_says_where_and_is_written_once() -> None:
    world = World(CONFIG_MAP)
    world.cluster.store_unread("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(mode="Cautious"))
    look(world)
    status = world.cluster.look("AutomationPolicy", SHOP, "shop")["status"]
    assert (status["conditions"][0]["status"], status["conditions"][0]["reason"]) == ("False", Reason.SPEC_INVALID)
    assert "spec.mode" in status["conditions"][0]["message"]
    written = len(world.cluster.writes)
    world.clock.advance(timedelta(hours=1))
    look(world)

    assert len(world.cluster.writes) == written
