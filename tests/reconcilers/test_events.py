"""Events: one a transition, on the Intervention and, once something was touched, on the workload; never in the way."""

import pytest

from tests.reconcilers.fakes import Fault
from tests.reconcilers.objects import CONFIG_MAP
from tests.reconcilers.world import BETTER, SHOP, WORSE, World
from vanguard.api.intervention import Phase
from vanguard.api.reasons import Reason
from vanguard.ports import Raw


def events(world: World, kind: str) -> list[Raw]:
    """The Events about an object of this kind, in the order they were told."""
    return [
        write.after
        for write in world.cluster.writes
        if write.kind == "Event" and write.after["involvedObject"]["kind"] == kind
    ]


def test_each_transition_is_told_once_on_the_intervention() -> None:
    world = World(CONFIG_MAP, after=WORSE)
    world.until_over()

    timeline = world.look().status.timeline
    assert [event["reason"] for event in events(world, "Intervention")] == [entry.reason for entry in timeline]
    assert len(timeline) >= 6
    for event in events(world, "Intervention"):
        about = event["involvedObject"]
        assert (about["name"], about["namespace"], about["uid"]) == ("iv", SHOP, world.uid)
        assert event["message"].endswith(f" [docs/runbook.md#{event['reason'].lower()}]")


def test_the_owners_of_the_workload_are_told_of_what_was_done_to_it_and_of_nothing_before() -> None:
    world = World(CONFIG_MAP, after=WORSE)
    world.until_phase(Phase.BASELINING)
    assert events(world, "Deployment") == []
    world.until_over()

    told = events(world, "Deployment")
    assert [(event["reason"], event["type"]) for event in told] == [
        (Reason.CHANGE_RECORDED, "Normal"),
        (Reason.ROLLOUT_UNDERWAY, "Normal"),
        (Reason.WATCHING, "Normal"),
        (Reason.DEGRADED, "Warning"),
        (Reason.RESTORED, "Warning"),
    ]
    assert all("iv" in event["message"] for event in told)


def test_a_long_message_is_cut_and_still_says_where_to_read_on() -> None:
    world = World(CONFIG_MAP)
    world.detect()
    world.annotate("Intervention", "iv", abort="no " * 1000)
    world.until_over()

    (event,) = [event for event in events(world, "Intervention") if event["reason"] == Reason.ABORTED]
    assert len(event["message"]) <= 1024
    assert event["message"].endswith(" [docs/runbook.md#aborted]")


def test_a_refusal_is_told_on_the_intervention_alone() -> None:
    world = World(CONFIG_MAP, {"action": {"enabled": False}})
    world.until_over()

    assert [event["reason"] for event in events(world, "Intervention")] == [Reason.ACTION_NOT_ENABLED]
    assert events(world, "Deployment") == []


@pytest.mark.parametrize("fault", [Fault.FAIL_BEFORE, Fault.LOSE_REPLY], ids=lambda fault: fault.value)
def test_an_event_that_cannot_be_written_stops_nothing(fault: Fault) -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.detect()
    strike = world.cluster.strike(fault, 1, writes_only=True)  # the status first, then its Event
    world.reconcile()

    assert strike.struck
    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_events_that_may_not_be_written_at_all_stop_nothing() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.cluster.forbidden.add(("create", "Event", "*"))

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)
    assert world.cluster.all("Event") == []
