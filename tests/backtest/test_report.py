"""A backtest of a known past says what happened: who leaked, who only had a season, what the policy let be done."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.backtest.past import Value, at, breach_of, calm, leak, pattern, policy, recorded, season, wanted
from vanguard.api.base import Mode
from vanguard.api.reasons import Reason
from vanguard.backtest.acts import Assumed
from vanguard.backtest.report import Report
from vanguard.backtest.run import backtest, plan_of
from vanguard.errors import RecordingError
from vanguard.ports import Raw

NIGHTLY = {"name": "nightly", "schedule": "0 2 * * *", "duration": "3h"}
WINDOW = {"window": "Required"}
NEAR = timedelta(minutes=45)


def ran(services: dict[str, Value], *policies: Raw, patterns: list[Raw] | None = None, **changes: Any) -> Report:
    """The report on these services under these policies, or under one that allows all."""
    days = changes.pop("days", 3)
    chosen = list(policies) or [policy(*services)]
    asked = wanted(patterns or [pattern()], chosen, days, **changes)
    return asyncio.run(backtest(plan_of(asked, recorded(services, days)), lambda _: None))


def told(report: Report) -> dict[str, tuple[int, int]]:
    """Of each reason how often and on how many targets."""
    return {one.reason: (one.times, one.targets) for one in report.refusals}


def test_a_leak_is_foreseen_and_acted_upon_and_a_season_and_peace_are_left_alone() -> None:
    onset = at(1, 2)
    report = ran({"orders": leak(onset), "cart": season, "quiet": calm})

    (breach,) = report.breaches
    assert (breach.target, breach.judged) == ("shop/Deployment/orders", "Foreseen")
    assert abs(breach.at - breach_of(onset)) < NEAR
    (episode,) = report.episodes
    assert (episode.target, episode.judged, episode.breach_at) == (breach.target, "True", breach.at)
    assert episode.lead == breach.lead == breach.at - episode.fired_at
    assert episode.fired_at > onset + timedelta(minutes=30)
    (act,) = [act for act in report.acts if act.breach_at]
    assert (act.target, act.action, act.shadow) == (breach.target, "TunePool", False)
    assert act.summary == "pool-size 10 -> 12 in ConfigMap orders-config, then a rolling restart"
    assert act.at == breach.acted_at
    assert act.lead == breach.at - act.at
    assert act.ended == "Succeeded, Improved"
    totals = report.totals
    assert (totals.breaches, totals.foreseen, totals.missed, totals.false, totals.blocked) == (1, 1, 0, 0, 0)
    assert told(report)[Reason.SEASONAL_RAMP][1] == 1
    assert "the limit was reached once: 1 foreseen at least 2 h before" in report.summary[0]


def test_what_leaks_while_the_window_is_closed_is_told_with_the_time_it_would_have_opened() -> None:
    onset = at(1, 4)
    report = ran({"orders": leak(onset)}, policy("orders", windows=[NIGHTLY], action=WINDOW))

    (breach,) = report.breaches
    assert (breach.judged, breach.blocked_by, breach.acted_at) == ("Foreseen", Reason.WINDOW_CLOSED, None)
    assert breach.opening == at(2, 2)
    (blocked,) = report.blocked
    assert (blocked.reason, blocked.breaches, blocked.opened_later) == ("WindowClosed", 1, at(2, 2) - breach.at)
    assert report.totals.blocked == 1
    assert [(one.window, one.acts) for one in report.windows] == [("nightly", 0)]


def test_an_act_waits_for_its_window_and_the_window_is_counted() -> None:
    report = ran(
        {"orders": leak(at(1, 12), per_hour=3, hours=20)}, policy("orders", windows=[NIGHTLY], action=WINDOW), days=3
    )

    (act,) = report.acts
    assert act.at == at(2, 2)
    assert [(one.window, one.acts) for one in report.windows] == [("nightly", 1)]
    assert told(report)[Reason.WINDOW_CLOSED] == (1, 1)


def test_a_freeze_holds_what_it_should_have() -> None:
    freeze = {"name": "sale", "from": "2026-03-03T00:00:00Z", "until": "2026-03-05T00:00:00Z"}
    report = ran({"orders": leak(at(1, 4))}, policy("orders", freezes=[freeze]))

    assert report.acts == ()
    assert [one.blocked_by for one in report.breaches] == [Reason.FROZEN]


def test_budgets_are_spent_by_the_acts_that_would_have_been_done_and_hold_the_next() -> None:
    services = {name: leak(at(1, hour)) for name, hour in (("a", 2), ("b", 3), ("c", 4))}
    report = ran(services, policy(*services, action={"maxPerDay": 2}))

    assert len([act for act in report.acts if act.at < at(2)]) == 2
    _, targets = told(report)[Reason.DAILY_BUDGET_SPENT]
    assert targets == 1
    assert {act.target.rpartition("/")[2] for act in report.acts if act.at < at(2)} == {"a", "b"}
    (used,) = [one for one in report.budgets if one.field == "maxPerDay"]
    assert (used.policy, used.action, used.used, used.allowed, used.unit) == ("shop/shop", "TunePool", 2, 2, "day")


def test_several_that_leak_at_once_wait_for_the_one_slot() -> None:
    services = {name: leak(at(1, 2)) for name in ("a", "b", "c")}
    report = ran(services)

    first, second, *_ = sorted(act.at for act in report.acts)
    assert second - first >= timedelta(minutes=15), "the pattern's watch"
    assert Reason.ANOTHER_IN_FLIGHT in told(report)


def test_where_no_act_helps_each_one_is_undone_and_the_breaker_opens() -> None:
    services = {name: leak(at(1, 2)) for name in ("a", "b", "c", "d")}
    report = ran(services, policy(*services, circuitBreaker={"failures": 2}), assumed=Assumed.NEUTRAL)

    assert {act.ended for act in report.acts} == {"RolledBack, Restored"}
    assert Reason.BREAKER_OPEN in told(report)


def test_a_policy_that_only_observes_has_only_shadows_and_can_be_tried_as_if_it_did_not() -> None:
    services = {"orders": leak(at(1, 2))}
    watching = policy("orders", mode="Observe")
    report, tried = ran(services, watching), ran(services, watching, mode=Mode.AUTO)

    (shadow,) = report.acts
    assert (shadow.shadow, shadow.ended, report.budgets) == (True, "", ())
    assert Reason.OBSERVE_ONLY in told(report)
    assert [act.shadow for act in tried.acts] == [False]
    assert tried.acts[0].at == shadow.at


def test_where_a_person_has_to_approve_nobody_does() -> None:
    report = ran({"orders": leak(at(0, 6), per_hour=6)}, policy("orders", mode="Approve"), days=1)

    assert report.acts == ()
    assert [one.blocked_by for one in report.breaches] == [Reason.APPROVAL_REQUIRED]


def test_an_act_on_what_is_at_its_limit_already_leads_nothing() -> None:
    report = ran({"orders": leak(at(0, 6), per_hour=60, hours=3)}, days=1)

    assert [(act.breach_at, act.lead) for act in report.acts] == [(report.breaches[0].at, None)]
    assert [one.judged for one in report.episodes] == ["Late"]


def test_a_policy_in_the_operators_namespace_is_the_ceiling() -> None:
    ceiling = policy("orders", name="ceiling", namespace="vanguard-system", mode="Observe")
    report = ran({"orders": leak(at(1, 2))}, policy("orders"), ceiling)

    assert [act.shadow for act in report.acts] == [True]


def test_what_comes_too_fast_to_be_foreseen_is_missed() -> None:
    report = ran({"orders": leak(at(1, 4), per_hour=60, hours=2)})

    assert [one.judged for one in report.breaches] == ["Missed"]
    assert report.totals.missed == 1


def test_a_breach_right_after_the_beginning_counts_for_nothing() -> None:
    report = ran({"orders": leak(at(0, -11))}, days=2)

    assert [one.judged for one in report.breaches] == ["TooEarly"]
    assert (report.totals.breaches, report.totals.missed) == (0, 0)
    assert any("too soon" in one for one in report.summary)


def test_an_alert_without_a_breach_is_false_once_a_day_has_passed_and_open_before() -> None:
    services = {"orders": leak(at(1, 2), hours=11.5)}
    whole, cut = ran(services, days=3), ran(services, days=2)

    assert [(one.judged, one.target) for one in whole.episodes] == [("False", "shop/Deployment/orders")]
    assert whole.totals.false == 1
    assert [one.judged for one in cut.episodes] == ["Open"]


def test_a_falling_value_is_at_its_limit_from_above() -> None:
    falls = pattern()
    falls["spec"]["signals"][0] |= {"limit": "5", "direction": "Falling"}
    drain = leak(at(1, 2))
    report = ran({"orders": lambda moment: 100 - drain(moment)}, patterns=[falls])

    assert [one.judged for one in report.breaches] == ["Foreseen"]


def test_a_selector_that_matches_none_of_the_workloads_is_told() -> None:
    report = ran({"orders": leak(at(1, 2))}, policy("other"))

    (warning,) = report.warnings
    assert "workloads[other].selector matches none" in warning
    assert (report.acts, report.breaches, report.replayed.targets) == ((), (), 0)


def test_a_short_history_is_told() -> None:
    born = at(-1, 12).timestamp()
    report = ran({"orders": lambda moment: calm(moment) if moment >= born else float("nan"), "cart": calm}, days=1)

    assert any("1 of 2 series have less than a day" in one for one in report.warnings)
    assert Reason.INSUFFICIENT_HISTORY in told(report)


def test_real_objects_take_the_place_of_assumed_ones() -> None:
    config = {
        "kind": "ConfigMap",
        "metadata": {"name": "orders-config", "namespace": "shop", "uid": "u", "generation": 1, "resourceVersion": "7"},
        "data": {"POOL_SIZE": "100"},
    }
    report = ran({"orders": leak(at(1, 2))}, given=[config])

    assert report.acts == ()
    assert [one.blocked_by for one in report.breaches] == [Reason.AT_MAXIMUM]
    assert not any("POOL_SIZE" in one for one in report.assumptions)


@pytest.mark.parametrize("lost", ["namespace", "query"])
def test_a_recording_that_lacks_what_is_asked_is_refused(lost: str) -> None:
    asked = pattern()
    if lost == "query":
        asked["spec"]["signals"][0]["query"] = "another"
    where = "shop" if lost == "query" else "elsewhere"
    with pytest.raises(RecordingError, match=r"the recording does not fit: .*is not in it"):
        plan_of(wanted([asked], [policy("orders", namespace=where)]), recorded({"orders": calm}, 1))
