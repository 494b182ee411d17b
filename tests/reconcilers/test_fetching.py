"""Fetching: the whole past once, then only what is new; one query a shard; only namespaces that have a policy."""

import itertools
import re
from datetime import timedelta

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import Lie
from tests.reconcilers.lookout import INTERVAL, Lookout, calm, climbing, daily_peak, troubled
from tests.reconcilers.objects import SHOP
from vanguard.api.reasons import Reason
from vanguard.domain.alert import AlertState

BIN = timedelta(minutes=5)
FAR = "far"


def namespaces(query: str) -> set[str]:
    """The namespaces a narrowed query is about."""
    return set(re.findall(r'"namespace", "([^"]*)"', query))


def test_the_first_cycle_asks_for_eight_days_in_daily_pieces_without_gap_or_overlap() -> None:
    lookout = troubled()
    lookout.cycle()

    asked = lookout.metrics.asked
    assert len(asked) == 8
    assert asked[0].start == lookout.begun - timedelta(days=8)
    assert lookout.begun - asked[-1].end <= timedelta(seconds=1)
    for one, next_ in itertools.pairwise(asked):
        assert next_.start - one.start == timedelta(days=1)
        assert timedelta(0) < next_.start - one.end <= timedelta(seconds=1)


def test_later_cycles_ask_only_from_the_newest_bin_on() -> None:
    lookout = troubled()
    lookout.cycle()
    for _ in range(3):
        before = lookout.clock.now() - INTERVAL
        lookout.metrics.asked.clear()
        lookout.cycle()
        (asked,) = lookout.metrics.asked
        assert before - BIN <= asked.start <= before
        assert asked.end == lookout.clock.now() - INTERVAL


def test_a_bin_that_was_cut_short_is_asked_for_again() -> None:
    lookout = troubled()
    lookout.clock.advance(timedelta(minutes=2))
    lookout.cycle()
    lookout.metrics.asked.clear()
    lookout.cycle()

    (asked,) = lookout.metrics.asked
    assert asked.start == lookout.begun, "the bin of 12:00 held two minutes only"


def test_after_an_outage_what_was_missed_is_fetched() -> None:
    lookout = troubled()
    lookout.cycle()
    last = lookout.begun
    lookout.metrics.lie(Lie.ERROR)
    lookout.cycle(4)
    lookout.metrics.lies.clear()
    lookout.metrics.asked.clear()
    lookout.cycle()

    assert lookout.metrics.asked[0].start <= last


def test_a_query_that_is_changed_is_asked_for_its_whole_past() -> None:
    lookout = troubled()
    lookout.service("orders-2", calm, query="another_metric")
    lookout.cycle()
    lookout.metrics.asked.clear()
    changed = [objects.signal(query="another_metric")]
    lookout.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(signals=changed))
    lookout.cycle()

    assert len(lookout.metrics.asked) >= 7
    assert all("another_metric" in asked.query for asked in lookout.metrics.asked)


def crowded(**settings: int) -> Lookout:
    """Two services in the shop and two far away, each namespace with its policy."""
    lookout = Lookout(**settings)
    for namespace in (SHOP, FAR):
        for name in ("orders", "cart"):
            lookout.service(name, climbing(lookout.onset), namespace=namespace)
        lookout.policy("orders", "cart", namespace=namespace)
    lookout.pattern()
    return lookout


def test_namespaces_share_a_query_while_their_series_fit_into_one() -> None:
    lookout = crowded()
    lookout.cycle()

    assert {frozenset(namespaces(asked.query)) for asked in lookout.metrics.asked} == {frozenset({SHOP, FAR})}


def test_with_too_many_series_for_one_query_each_namespace_has_its_own() -> None:
    lookout = crowded(query_shard_series=3)
    lookout.cycle()
    asked = lookout.metrics.asked
    lookout.cycle(2)

    assert {frozenset(namespaces(one.query)) for one in asked} == {frozenset({SHOP}), frozenset({FAR})}
    assert {(iv.metadata.namespace, iv.spec.target.name) for iv in lookout.opened} == {
        (SHOP, "orders"),
        (SHOP, "cart"),
        (FAR, "orders"),
        (FAR, "cart"),
    }


def test_namespaces_without_a_policy_are_not_asked_about() -> None:
    lookout = crowded()
    lookout.cluster.delete("AutomationPolicy", FAR, "shop")
    lookout.cycle(3)

    assert {name for asked in lookout.metrics.asked for name in namespaces(asked.query)} == {SHOP}
    assert {iv.metadata.namespace for iv in lookout.opened} == {SHOP}


def test_a_namespace_that_gets_its_policy_later_gets_its_past_too() -> None:
    """Without its past a daily peak looks like a trend: it would be acted on."""
    lookout = Lookout()
    lookout.service("orders", calm)
    lookout.policy("orders")
    lookout.pattern()
    lookout.cycle()
    evening = lookout.service("evening", daily_peak, namespace=FAR)
    lookout.policy("evening", namespace=FAR)
    lookout.cycle(20)

    assert lookout.opened == []
    watched = lookout.context.board[objects.PATTERN, evening]
    assert watched.alert.state is AlertState.INACTIVE
    held = {entry["target"]: entry["reason"] for entry in lookout.status()["heldBack"]}
    assert held == {f"{FAR}/Deployment/evening": Reason.SEASONAL_RAMP}


def test_a_namespace_that_was_not_answered_for_at_first_gets_its_past_too() -> None:
    lookout = Lookout(query_shard_series=1)
    lookout.service("orders", calm, namespace=FAR)
    evening = lookout.service("evening", daily_peak)
    lookout.policy("orders", namespace=FAR)
    lookout.policy("evening")
    lookout.pattern()
    lookout.metrics.deaf_to.add(SHOP)
    lookout.cycle(8)
    assert (objects.PATTERN, evening) not in lookout.context.board
    lookout.metrics.deaf_to.clear()
    lookout.cycle(14)

    assert lookout.opened == []
    assert lookout.context.board[objects.PATTERN, evening].assessment.positive is False
