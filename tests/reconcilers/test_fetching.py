"""Fetching: the whole past once, then only what is new; one query a shard; only namespaces that have a policy."""

import itertools
import re
from datetime import datetime, timedelta

import numpy as np

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import Asked, Lie
from tests.reconcilers.lookout import INTERVAL, Lookout, calm, climbing, daily_peak, troubled
from tests.reconcilers.objects import SHOP
from vanguard.api.reasons import Reason
from vanguard.domain.alert import AlertState
from vanguard.domain.past import BIN_SECONDS, BLOCKS, FINE

BIN, HALF_HOUR = timedelta(minutes=5), timedelta(minutes=30)
BAD_DAY = 24  # of February; the first cycle is on the first of March
FAR = "far"


def namespaces(query: str) -> set[str]:
    """The namespaces a narrowed query is about."""
    return set(re.findall(r'"namespace", "([^"]*)"', query))


def halves(asked: list[Asked]) -> list[Asked]:
    """What was asked for as medians of half hours."""
    return [one for one in asked if "quantile_over_time" in one.query]


def as_sampled(asked: list[Asked]) -> list[Asked]:
    """What was asked for as it is."""
    return [one for one in asked if one not in halves(asked)]


def every(asked: Asked, step: timedelta) -> list[datetime]:
    """The times of an answer."""
    return [asked.start + n * step for n in range((asked.end - asked.start) // step + 1)]


def test_the_first_cycle_asks_for_eight_days_old_ones_in_half_hours_without_gap_or_overlap() -> None:
    lookout = troubled()
    lookout.cycle()

    old, fine = halves(lookout.metrics.asked), as_sampled(lookout.metrics.asked)
    assert (len(old), len(fine)) == (8, 1)
    instants = sorted(at for asked in old for at in every(asked, HALF_HOUR))
    assert [later - earlier for earlier, later in itertools.pairwise(instants)] == [HALF_HOUR] * (len(instants) - 1)
    assert fine[0].start - instants[-1] == BIN, "the last five minutes of the half hour before"
    assert fine[0].end == lookout.begun
    assert len(instants) + len(every(fine[0], HALF_HOUR)) == BLOCKS
    assert fine[0].end - fine[0].start >= timedelta(seconds=(FINE - 1) * BIN_SECONDS)


def test_a_first_fetch_costs_a_bounded_number_of_samples() -> None:
    """Eight days as they are sampled would be 11,520 a series."""
    lookout = troubled()
    lookout.cycle()
    fetched = sum(lookout.metrics.answered)
    assert fetched <= 359 + 13 * 60


def test_no_more_queries_are_under_way_at_once_than_allowed_and_fewer_for_old_history() -> None:
    lookout = crowded(query_shard_series=1, query_concurrency=2)
    lookout.cycle()
    assert max(lookout.metrics.at_once.values()) <= 2
    assert max(n for query, n in lookout.metrics.at_once.items() if "quantile_over_time" in query) == 1


def test_a_piece_of_history_that_got_no_answer_is_asked_for_again_and_no_other_with_it() -> None:
    lookout = troubled()
    lookout.metrics.refuses = lambda asked: "quantile_over_time" in asked.query and asked.start.day == BAD_DAY
    lookout.cycle()
    assert lookout.ready() == ("False", Reason.QUERY_FAILED)
    assert lookout.context.board == {}, "with a hole in its past nothing is said of it"
    failed = [asked for asked in halves(lookout.metrics.asked) if asked.start.day == BAD_DAY]
    lookout.metrics.refuses = lambda _: False
    lookout.metrics.asked.clear()
    lookout.cycle()
    assert halves(lookout.metrics.asked) == failed
    assert lookout.ready() == ("True", Reason.READY)


def test_history_that_got_no_answer_is_not_forgotten_when_another_namespace_of_the_query_loses_its_policy() -> None:
    lookout = crowded()
    lookout.metrics.refuses = lambda asked: "quantile_over_time" in asked.query and asked.start.day == BAD_DAY
    lookout.cycle()
    lookout.cluster.delete("AutomationPolicy", FAR, "shop")
    lookout.metrics.refuses = lambda _: False
    lookout.metrics.asked.clear()
    lookout.cycle()
    (again,) = halves(lookout.metrics.asked)
    assert (again.start.day, namespaces(again.query)) == (BAD_DAY, {SHOP})
    (stock,) = lookout.detector._shelves[objects.PATTERN].stocks.values()
    labels, past = stock.book.past(lookout.clock.now() - INTERVAL)
    gaps = {dict(of)["namespace"]: int(np.isnan(row[:-1]).sum()) for of, row in zip(labels, past.blocks, strict=True)}
    assert gaps[SHOP] <= 2, "the two half hours at the very edge of eight days"
    assert gaps[FAR] >= 48, "the day that nobody asks for any more"


def test_a_prometheus_in_trouble_is_not_asked_for_everything_there_is() -> None:
    lookout = crowded(query_shard_series=1, query_concurrency=2)
    lookout.metrics.refuses = lambda _: True
    lookout.cycle()
    assert len(lookout.metrics.asked) <= 3


def test_after_a_long_outage_what_is_older_than_twelve_hours_comes_in_half_hours() -> None:
    lookout = troubled()
    lookout.cycle()
    last = lookout.begun
    lookout.clock.advance(timedelta(hours=30))
    lookout.metrics.asked.clear()
    lookout.cycle()
    (old,), (fine,) = halves(lookout.metrics.asked), as_sampled(lookout.metrics.asked)
    assert old.start - timedelta(minutes=25) <= last
    assert fine.start - old.end == BIN


def test_after_an_outage_of_ten_days_no_more_is_asked_than_at_first() -> None:
    lookout = crowded(query_shard_series=1)
    lookout.cycle()
    first = len(halves(lookout.metrics.asked))
    lookout.metrics.refuses = lambda _: True
    for _ in range(240):
        lookout.cycle()
        lookout.clock.advance(timedelta(hours=1) - INTERVAL)
    lookout.metrics.refuses = lambda _: False
    lookout.metrics.asked.clear()
    lookout.cycle()
    again = halves(lookout.metrics.asked)
    assert len(again) <= first + 2, "days that do not begin with the book's add one for each namespace"
    assert min(one.start for one in again) > lookout.clock.now() - timedelta(days=8)
    (stock,) = lookout.detector._shelves[objects.PATTERN].stocks.values()
    _, past = stock.book.past(lookout.clock.now() - INTERVAL)
    assert np.isnan(past.blocks).sum() == 0


def test_a_clock_that_was_a_little_ahead_asks_for_no_period_that_ends_before_it_begins() -> None:
    lookout = troubled()
    lookout.clock.advance(timedelta(minutes=2))
    lookout.cycle()
    lookout.clock.advance(-INTERVAL - timedelta(minutes=3))
    lookout.metrics.asked.clear()
    lookout.cycle()
    assert [asked for asked in lookout.metrics.asked if asked.start > asked.end] == []


def test_a_fault_while_asking_leaves_no_other_worker_asking() -> None:
    lookout = crowded(query_shard_series=1, query_concurrency=4)

    def faulty(asked: Asked) -> bool:
        if halves(lookout.metrics.asked) == [asked]:
            raise ZeroDivisionError(asked.query)
        return False

    lookout.metrics.refuses = faulty
    lookout.cycle()
    assert len(halves(lookout.metrics.asked)) == 2, "of two workers each had its first"
    lookout.metrics.refuses = lambda _: False
    lookout.cycle()
    assert lookout.ready() == ("True", Reason.READY)


def test_series_are_counted_once_in_a_while_and_when_namespaces_change() -> None:
    lookout = crowded()
    lookout.cycle(9)
    counts = [query for query in lookout.metrics.instants if query.startswith("count by")]
    assert len(counts) == 2
    lookout.cluster.delete("AutomationPolicy", FAR, "shop")
    lookout.cycle()
    counts = [query for query in lookout.metrics.instants if query.startswith("count by")]
    assert len(counts) == 3


def test_a_clock_that_was_ahead_costs_a_first_fetch_and_nothing_else() -> None:
    lookout = troubled()
    lookout.clock.advance(timedelta(days=400))
    lookout.cycle()
    lookout.clock.advance(timedelta(days=-400))
    lookout.metrics.asked.clear()
    lookout.cycle()
    assert len(halves(lookout.metrics.asked)) == 8
    (watched,) = lookout.context.board.values()
    assert watched.assessment.positive is not None


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
