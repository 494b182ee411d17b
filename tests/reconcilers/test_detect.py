"""Detection: one Intervention an episode and no more, whatever is asked twice, restarted, stale, gone or wrong."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import Lie, Source
from tests.reconcilers.fakes import Fault, Write
from tests.reconcilers.lookout import INTERVAL, Lookout, calm, climbing, daily_peak, troubled
from tests.reconcilers.objects import HOME, SHOP
from vanguard.api.reasons import Reason
from vanguard.domain.alert import AlertState
from vanguard.ports import Raw
from vanguard.reconcilers.detect import intervention_name

TO_FIRE = 3  # cycles a quarter of an hour apart until 30 minutes are over


def test_a_trend_that_holds_opens_one_intervention_and_no_more() -> None:
    lookout = troubled()
    uid = lookout.cluster.look("Deployment", SHOP, "orders")["metadata"]["uid"]
    for expected in (0, 0, 1, 1, 1, 1):
        lookout.cycle()
        assert len(lookout.opened) == expected

    (iv,) = lookout.opened
    assert iv.metadata.namespace == SHOP
    assert iv.metadata.name == intervention_name(objects.PATTERN, uid, lookout.begun)
    assert (iv.spec.target.kind, iv.spec.target.name, iv.spec.target.uid) == ("Deployment", "orders", uid)
    assert (iv.spec.pattern.name, iv.spec.pattern.generation) == (objects.PATTERN, 1)
    assert iv.spec.cause.active_at == lookout.begun
    assert iv.spec.action.tunable == "pool-size"
    assert iv.spec.diagnosis.service_type == "postgres"
    assert iv.spec.diagnosis.confidence_percent >= 90
    assert lookout.status()["firing"] == 1


def test_gone_round_twice_at_once_it_is_still_one() -> None:
    lookout = troubled()
    lookout.cycle(TO_FIRE)
    lookout.clock.advance(-INTERVAL)
    lookout.cycle()

    assert len(lookout.opened) == 1


def beside_the_policy(lookout: Lookout) -> list[Write]:
    """What was written, but for what the policy's own status says of it, which is written once."""
    policies = [write for write in lookout.cluster.writes if write.kind == "AutomationPolicy"]
    assert len(policies) <= 1
    return [write for write in lookout.cluster.writes if write.kind != "AutomationPolicy"]


@pytest.mark.parametrize("after", [TO_FIRE, TO_FIRE + 1, TO_FIRE + 4])
def test_a_restarted_operator_goes_on_with_the_episode_that_is_recorded(after: int) -> None:
    lookout = troubled()
    lookout.cycle(after)
    (name,) = [iv.metadata.name for iv in lookout.opened]
    written = len(lookout.cluster.writes)
    for _ in range(3):
        lookout.restart()
        lookout.cycle(2)

    assert [iv.metadata.name for iv in lookout.opened] == [name]
    (watched,) = lookout.context.board.values()
    assert watched.alert.state is AlertState.FIRING
    assert watched.alert.active_at == lookout.begun, "the episode's name, or the Intervention's alert gate closes"
    assert lookout.cluster.writes[written:] == []


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_whatever_befalls_the_creation_there_is_one_in_the_end(fault: Fault) -> None:
    lookout = troubled()
    lookout.cycle(TO_FIRE - 1)
    # The third cycle writes the pattern's status, then the Intervention.
    strike = lookout.cluster.strike(fault, 1, writes_only=True)
    lookout.cycle()
    assert strike.struck
    lookout.cycle(TO_FIRE + 1)

    assert len(lookout.opened) == 1


def test_a_second_episode_is_a_second_intervention() -> None:
    lookout = Lookout()
    back = (lookout.begun + timedelta(hours=1)).timestamp()
    again = (lookout.begun + timedelta(hours=12)).timestamp()

    def value(at: float) -> float:
        if at < back:
            return calm(at) + max(0.0, at - lookout.onset.timestamp()) / 3600 * 4
        return calm(at) + max(0.0, at - again) / 3600 * 6

    lookout.service("orders", value)
    lookout.policy("orders")
    lookout.pattern()
    lookout.cycle(TO_FIRE)
    (first,) = lookout.opened
    lookout.cycle(4 * 12)
    lookout.cluster.edit("Intervention", SHOP, first.metadata.name, over)
    lookout.cycle(4 * 12)

    assert len(lookout.opened) == 2
    assert {iv.spec.target.name for iv in lookout.opened} == {"orders"}
    assert len({iv.spec.cause.active_at for iv in lookout.opened}) == 2


def over(raw: Raw) -> None:
    raw["status"] = {"phase": "Succeeded", "reason": "Improved"}


def test_one_that_a_person_deleted_is_not_opened_again() -> None:
    lookout = troubled()
    lookout.cycle(TO_FIRE)
    (iv,) = lookout.opened
    lookout.cluster.delete("Intervention", SHOP, iv.metadata.name)
    lookout.cycle(4)

    assert lookout.opened == []


def test_a_list_that_is_behind_makes_no_second_one() -> None:
    lookout = troubled()
    lookout.cycle(TO_FIRE - 1)
    lookout.cluster.freeze_list("Intervention")
    lookout.cycle(4)

    assert len(lookout.opened) == 1


def test_one_that_another_process_has_just_opened_is_no_error() -> None:
    lookout = troubled()
    lookout.cycle(TO_FIRE)
    other = troubled()
    (body,) = lookout.cluster.all("Intervention")
    other.cycle(TO_FIRE - 1)
    other.cluster.freeze_list("Intervention")
    other.cluster.put("Intervention", SHOP, body)
    other.cycle(2)

    assert len(other.opened) == 1
    assert other.context.last_cycle == other.clock.now() - INTERVAL


def without_policy(lookout: Lookout) -> None:
    lookout.cluster.delete("AutomationPolicy", SHOP, "shop")


def selecting_another(lookout: Lookout) -> None:
    workloads = [{"name": "x", "selector": {"matchLabels": {"app": "x"}}, "serviceType": "postgres"}]
    lookout.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(workloads=workloads))


def of_another_type(lookout: Lookout) -> None:
    lookout.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(serviceTypes=["redis"]))


def suspended(lookout: Lookout) -> None:
    lookout.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(suspend=True))


def unreadable_policy(lookout: Lookout) -> None:
    lookout.cluster.store_unread("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(mode="Cautious"))


def unreadable_pattern(lookout: Lookout) -> None:
    lookout.cluster.store_unread("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(severity="Odd"))


@pytest.mark.parametrize(
    ("arrange", "reason"),
    [
        pytest.param(without_policy, Reason.NO_POLICY, id="there is no policy"),
        pytest.param(selecting_another, Reason.NO_SERIES, id="the policy selects something else"),
        pytest.param(of_another_type, Reason.NO_SERIES, id="the pattern is for another type of service"),
        pytest.param(suspended, Reason.SUSPENDED, id="the pattern is suspended"),
        pytest.param(unreadable_policy, Reason.NO_POLICY, id="the only policy cannot be understood"),
        pytest.param(unreadable_pattern, None, id="the pattern cannot be understood"),
    ],
)
def test_nothing_is_opened_and_the_pattern_says_why_when(
    arrange: Callable[[Lookout], None], reason: Reason | None
) -> None:
    lookout = troubled()
    arrange(lookout)
    lookout.cycle(TO_FIRE + 2)

    assert lookout.opened == []
    assert len(beside_the_policy(lookout)) == (1 if reason else 0)
    if reason is not None:
        assert lookout.ready() == ("False", reason)


def test_a_policy_in_the_operators_own_namespace_is_no_consent_for_others() -> None:
    lookout = troubled()
    lookout.cluster.delete("AutomationPolicy", SHOP, "shop")
    lookout.policy("orders", namespace=HOME)
    lookout.cycle(TO_FIRE + 1)

    assert lookout.opened == []


def test_a_daily_peak_is_left_alone_and_its_owners_are_told_why_once() -> None:
    lookout = Lookout()
    uid = lookout.service("evening", daily_peak)
    lookout.policy("evening")
    lookout.pattern()
    lookout.cycle(6)

    assert lookout.opened == []
    (held,) = lookout.status()["heldBack"]
    assert (held["target"], held["reason"]) == ("shop/Deployment/evening", Reason.SEASONAL_RAMP)
    assert held["since"] == "2026-03-04T12:00:00Z"
    (event,) = lookout.cluster.all("Event")
    assert event["involvedObject"]["uid"] == uid
    assert (event["reason"], event["type"]) == (Reason.SEASONAL_RAMP, "Normal")
    assert len(beside_the_policy(lookout)) == 2


def test_when_nothing_changes_nothing_is_written() -> None:
    lookout = Lookout()
    lookout.service("orders", calm)
    lookout.policy("orders")
    lookout.pattern()
    lookout.cycle()
    written = len(lookout.cluster.writes)
    lookout.cycle(10)

    assert lookout.ready() == ("True", Reason.READY)
    assert lookout.cluster.writes[written:] == []


@pytest.mark.parametrize("lie", list(Lie), ids=lambda lie: lie.value)
def test_data_that_is_missing_or_wrong_opens_nothing(lie: Lie) -> None:
    lookout = troubled()
    lookout.metrics.lies[""] = lie, lookout.begun - timedelta(hours=1)
    lookout.cycle(TO_FIRE + 2)

    assert lookout.opened == []
    assert lookout.status()["firing"] == 0


@pytest.mark.parametrize("lie", [Lie.ERROR, Lie.NAN, Lie.STALE], ids=lambda lie: lie.value)
def test_an_alert_that_was_pending_begins_anew_after_a_time_of_blindness(lie: Lie) -> None:
    lookout = troubled()
    lookout.cycle()
    lookout.metrics.lie(lie)
    lookout.cycle(4)
    assert lookout.opened == []
    lookout.metrics.lies.clear()
    lookout.cycle(TO_FIRE - 1)
    assert lookout.opened == [], "it has not held for half an hour again"
    lookout.cycle()

    assert len(lookout.opened) == 1


def test_a_query_without_an_answer_is_told_once_and_taken_back_once() -> None:
    lookout = troubled()
    lookout.cycle()
    lookout.metrics.lie(Lie.ERROR)
    written = len(lookout.cluster.writes)
    lookout.cycle(4)
    assert lookout.ready() == ("False", Reason.QUERY_FAILED)
    assert len(lookout.cluster.writes) == written + 1
    lookout.metrics.lies.clear()
    lookout.cycle()

    assert lookout.ready() == ("True", Reason.READY)


def test_an_alert_that_fires_goes_on_firing_while_nothing_is_known() -> None:
    lookout = troubled()
    lookout.cycle(TO_FIRE)
    lookout.metrics.lie(Lie.ERROR)
    lookout.cycle(5)
    lookout.metrics.lies.clear()
    lookout.cycle(2)

    assert len(lookout.opened) == 1
    (watched,) = lookout.context.board.values()
    assert watched.alert.active_at == lookout.begun


def test_what_was_foreseen_before_a_query_failed_opens_nothing_when_the_target_becomes_free() -> None:
    lookout = troubled()
    lookout.metrics.sources.append(
        Source("another_metric", {"namespace": SHOP, "deployment": "orders"}, climbing(lookout.onset))
    )
    lookout.pattern("zz-other", signals=[objects.signal(query="another_metric")])
    lookout.cycle(TO_FIRE)
    (first,) = lookout.opened
    lookout.metrics.lie(Lie.ERROR, "another_metric")
    lookout.cycle(8)
    lookout.cluster.edit("Intervention", SHOP, first.metadata.name, over)
    lookout.cycle()
    (other,) = [watched for key, watched in lookout.context.board.items() if key[0] == "zz-other"]
    assert other.alert.state is AlertState.FIRING
    assert [iv.metadata.name for iv in lookout.opened] == [first.metadata.name]
    lookout.metrics.lies.clear()
    lookout.cycle()
    assert {iv.spec.pattern.name for iv in lookout.opened} == {objects.PATTERN, "zz-other"}


def test_another_pattern_is_evaluated_while_ones_query_fails() -> None:
    lookout = troubled()
    lookout.pattern("broken", signals=[objects.signal(name="broken", query="broken_metric")])
    lookout.metrics.sources.append(Source("broken_metric", {"namespace": SHOP, "deployment": "orders"}, calm))
    lookout.metrics.lies["broken_metric"] = Lie.ERROR, lookout.begun
    lookout.cycle(TO_FIRE)

    assert lookout.ready("broken") == ("False", Reason.QUERY_FAILED)
    assert len(lookout.opened) == 1


def test_a_pattern_deleted_in_the_middle_of_a_cycle_does_not_stop_the_others() -> None:
    lookout = troubled()
    lookout.pattern("a-first")
    lookout.cluster.meanwhile(lambda: lookout.cluster.delete("IssuePattern", "", "a-first"), 6)
    lookout.cycle()

    assert lookout.ready() == ("True", Reason.READY)
    assert lookout.context.last_cycle is not None


def test_series_that_name_pods_lead_to_their_workload_and_strangers_to_none() -> None:
    lookout = Lookout()
    uid = lookout.service("orders", calm)
    lookout.policy("orders")
    lookout.pattern(signals=[objects.signal(query="pod_use", target={"kind": "Deployment", "podLabel": "pod"})])
    owner = {"kind": "Deployment", "name": "orders", "uid": uid, "controller": True}
    rs = lookout.cluster.put("ReplicaSet", SHOP, {"metadata": {"name": "orders-1", "ownerReferences": [owner]}})
    above = {"kind": "ReplicaSet", "name": "orders-1", "uid": rs["metadata"]["uid"], "controller": True}
    lookout.cluster.put("Pod", SHOP, {"metadata": {"name": "orders-1-a", "ownerReferences": [above]}})
    lookout.cluster.put("Pod", SHOP, {"metadata": {"name": "orders-1-b", "ownerReferences": [above]}})
    lookout.cluster.put("Pod", SHOP, {"metadata": {"name": "bare"}})
    for pod, value in (
        ("orders-1-a", calm),
        ("orders-1-b", climbing(lookout.onset)),
        ("bare", climbing(lookout.onset)),
        ("long-gone", climbing(lookout.onset)),
    ):
        lookout.metrics.sources.append(Source("pod_use", {"namespace": SHOP, "pod": pod}, value))
    lookout.cycle(TO_FIRE + 1)

    assert [(iv.spec.target.name, iv.spec.target.uid) for iv in lookout.opened] == [("orders", uid)]
    assert len(lookout.context.board) == 1


@pytest.mark.parametrize(
    ("other", "chosen", "why"),
    [
        pytest.param({"severity": "High"}, objects.PATTERN, "less severe", id="the worse severity is chosen"),
        pytest.param({"serviceTypes": []}, objects.PATTERN, "written for postgres", id="the more specific is chosen"),
        pytest.param({}, "a-second", "first by name", id="of equals the first by name is chosen"),
    ],
)
def test_of_several_patterns_one_is_chosen_and_the_others_are_told(other: Raw, chosen: str, why: str) -> None:
    lookout = troubled()
    lookout.pattern("a-second", **other)
    lookout.cycle(TO_FIRE + 3)

    (iv,) = lookout.opened
    assert iv.spec.pattern.name == chosen
    (alternative,) = iv.spec.diagnosis.alternatives
    assert {chosen, alternative.pattern} == {objects.PATTERN, "a-second"}
    assert why in alternative.reason


def test_two_workloads_are_two_interventions() -> None:
    lookout = Lookout()
    for name in ("orders", "cart"):
        lookout.service(name, climbing(lookout.onset))
    lookout.policy("orders", "cart")
    lookout.pattern()
    lookout.cycle(TO_FIRE)

    assert {iv.spec.target.name for iv in lookout.opened} == {"orders", "cart"}
    assert lookout.status()["firing"] == 2


def test_an_intervention_the_server_refuses_does_not_stop_the_others() -> None:
    lookout = Lookout()
    uids = {name: lookout.service(name, climbing(lookout.onset)) for name in ("orders", "cart")}
    lookout.policy("orders", "cart")
    lookout.pattern()
    refused = intervention_name(objects.PATTERN, uids["cart"], lookout.begun)
    lookout.cluster.forbidden.add(("create", "Intervention", refused))
    lookout.cycle(TO_FIRE)

    assert [iv.spec.target.name for iv in lookout.opened] == ["orders"]


def test_a_workload_that_is_gone_is_counted_no_more() -> None:
    lookout = troubled()
    lookout.cycle(TO_FIRE)
    lookout.cluster.delete("Deployment", SHOP, "orders")
    lookout.cycle(2)

    assert lookout.status()["firing"] == 0
    assert lookout.context.board == {}


def test_a_pattern_that_changes_begins_a_new_alert() -> None:
    lookout = troubled()
    lookout.cycle(2)
    lookout.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(title="Another"))
    lookout.cycle(2)
    assert lookout.opened == []
    lookout.cycle()

    (iv,) = lookout.opened
    assert iv.spec.pattern.generation == 2
