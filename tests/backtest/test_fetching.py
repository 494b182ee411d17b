"""What a backtest fetches is what the operator would have asked for, whole or not at all; gates ask it again."""

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.backtest.past import BEGIN, QUERY, Value, at, calm, leak, pattern, policy, wanted
from tests.reconcilers.fake_metrics import FakeMetrics, Lie, Source
from tests.reconcilers.fakes import FakeClock
from vanguard.api.reasons import Reason
from vanguard.backtest.fetching import fetched
from vanguard.backtest.recording import WARM_UP, Asked, Recording
from vanguard.backtest.report import Report
from vanguard.backtest.run import Wanted, backtest, plan_of
from vanguard.errors import MetricsError, RecordingError
from vanguard.settings import Settings

END = BEGIN + timedelta(days=2)
SETTINGS = Settings(identity="test", query_step="5m")


def prometheus(*sources: Source, **services: Value) -> FakeMetrics:
    """One that holds these services of namespace shop, and one of another namespace."""
    found = [Source(QUERY, {"namespace": "shop", "deployment": name}, value) for name, value in services.items()]
    stranger = Source(QUERY, {"namespace": "elsewhere", "deployment": "stranger"}, calm)
    return FakeMetrics(FakeClock(END), [*found, stranger, *sources])


def recording_of(metrics: FakeMetrics, asked: Wanted, shares: list[float] | None = None) -> Recording:
    """Everything from eight days before the beginning."""
    told: list[float] = [] if shares is None else shares
    period = BEGIN - WARM_UP, END
    return asyncio.run(fetched(metrics, SETTINGS, asked.patterns, asked.policies, period, told.append))


def report_on(metrics: FakeMetrics, asked: Wanted) -> Report:
    return asyncio.run(backtest(plan_of(asked, recording_of(metrics, asked)), lambda _: None))


def asked_of(*services: str, spec: dict[str, Any] | None = None, **policy_spec: Any) -> Wanted:
    """What a person asks for."""
    return wanted([pattern(**(spec or {}))], [policy(*services, **policy_spec)], 2)


def test_every_sample_of_the_namespaces_that_have_a_policy_is_there_and_no_other() -> None:
    shares: list[float] = []
    recording = recording_of(prometheus(orders=calm), asked_of("orders"), shares)
    track = recording.tracks[Asked(QUERY, "namespace")]

    assert [dict(labels)["deployment"] for labels in track.labels] == ["orders"]
    times = recording.times(0, recording.count)
    assert (times[0], times[-1]) == ((BEGIN - WARM_UP).timestamp(), END.timestamp())
    assert np.allclose(track.values[0], [calm(moment) for moment in times.tolist()])
    assert len(shares) == 11
    assert shares[-1] == 1


def test_no_query_is_longer_than_a_day() -> None:
    metrics = prometheus(orders=calm)
    recording_of(metrics, asked_of("orders"))

    assert len(metrics.asked) == 11
    assert max(asked.end - asked.start for asked in metrics.asked) <= timedelta(days=1)


def test_one_query_without_an_answer_ends_it_all() -> None:
    metrics = prometheus(orders=calm)
    metrics.lie(Lie.ERROR)

    with pytest.raises(MetricsError, match="gave no answer"):
        recording_of(metrics, asked_of("orders"))


def test_what_is_not_finite_is_a_gap() -> None:
    metrics = prometheus(orders=lambda moment: [float("nan"), float("inf"), 1e39, 5.0][int(moment) // 300 % 4])
    values = recording_of(metrics, asked_of("orders")).tracks[Asked(QUERY, "namespace")].values[0]

    assert np.isfinite(values).mean() == pytest.approx(0.25, abs=0.01)
    assert set(values[np.isfinite(values)].tolist()) == {5.0}


def test_a_query_without_any_series_is_told() -> None:
    report = report_on(FakeMetrics(FakeClock(END)), asked_of("orders"))

    assert "no series in the namespaces that have a policy: pool_use_percent" in report.warnings
    assert report.replayed.series == 0


SATURATED = {"name": "database", "query": "db_cpu", "limit": "90", "target": {}}
FACT = {"name": "max_connections", "query": "db_max_connections", "target": {}}


@pytest.mark.parametrize(
    ("cpu", "acts", "reason"),
    [(50.0, 1, None), (95.0, 0, Reason.SATURATED), (None, 0, Reason.FACT_UNKNOWN)],
    ids=["room", "at its limit", "nothing is known of it"],
)
def test_saturation_is_asked_of_what_was_recorded(cpu: float | None, acts: int, reason: Reason | None) -> None:
    database = Source("db_cpu", {"namespace": "shop"}, lambda _: cpu)
    metrics = prometheus(database, orders=leak(at(0, 6), per_hour=6))
    report = report_on(metrics, asked_of("orders", spec={"saturation": [SATURATED]}))

    assert len(report.acts) == acts
    assert [one.blocked_by for one in report.breaches if one.blocked_by] == ([reason] if reason else [])


def test_facts_are_asked_of_what_was_recorded_and_invariants_of_the_assumed_value() -> None:
    asked = asked_of("orders", spec={"facts": [FACT]})
    rule = {"name": "database", "rule": "(replicas + surge) * value <= max_connections"}
    raw = policy("orders")
    raw["spec"]["workloads"][0]["tunables"][0]["invariants"] = [rule]
    asked = wanted([pattern(facts=[FACT])], [raw], 2)
    for most, reason in ((48.0, ""), (47.0, Reason.INVARIANT_BROKEN)):
        database = Source("db_max_connections", {"namespace": "shop"}, lambda _, most=most: most)
        report = report_on(prometheus(database, orders=leak(at(0, 6), per_hour=6)), asked)
        assert [one.blocked_by for one in report.breaches] == [reason], "4 pods of 12 connections"


PAGE = {"alertsMatcher": {"severity": "page"}}
OTHER = {"alertsMatcher": {"severity": "ticket"}}


@pytest.mark.parametrize(
    ("spec", "stability", "told"),
    [
        pytest.param({"saturation": [SATURATED]}, PAGE, "database of IssuePattern pool", id="a saturation"),
        pytest.param({"facts": [FACT]}, PAGE, "max_connections of IssuePattern pool", id="a fact"),
        pytest.param({}, OTHER, "stability.alertsMatcher of AutomationPolicy shop/shop", id="other alerts"),
    ],
)
def test_what_a_recording_has_not_is_named(spec: dict[str, Any], stability: dict[str, Any], told: str) -> None:
    recording = recording_of(prometheus(orders=calm), asked_of("orders", stability=PAGE))
    plan_of(asked_of("orders", stability=PAGE), recording)

    with pytest.raises(RecordingError, match=told):
        plan_of(asked_of("orders", spec=spec, stability=stability), recording)


def test_other_alerts_are_asked_of_what_was_recorded() -> None:
    query = 'ALERTS{alertstate="firing",namespace="shop",severity="page"}'
    until = at(1).timestamp()
    fires = Source(query, {"alertname": "Down", "namespace": "shop"}, lambda moment: 1.0 if moment < until else None)
    metrics = prometheus(fires, orders=leak(at(0, 12), per_hour=3, hours=22))
    report = report_on(metrics, asked_of("orders", stability={"alertsMatcher": {"severity": "page"}}))

    assert Reason.OTHER_ALERTS_FIRING in {one.reason for one in report.refusals}
    (act, *_) = report.acts
    assert act.at == at(1, 0.5), "an answer is good until the next evaluation"


def test_series_of_pods_lead_to_the_workload_their_name_begins_with() -> None:
    raw = pattern()
    raw["spec"]["signals"][0]["target"] = {"kind": "Deployment", "podLabel": "pod"}
    climbs, born = leak(at(0, 6), per_hour=6), at(0, 12).timestamp()
    pods = {
        "orders-5d4f8c7b9-abcde": climbs,
        "orders-5d4f8c7b9-fghij": lambda moment: calm(moment) if moment >= born else None,
        "nobody": climbs,
    }
    sources = [Source(QUERY, {"namespace": "shop", "pod": pod}, value) for pod, value in pods.items()]
    report = report_on(FakeMetrics(FakeClock(END), sources), wanted([raw], [policy("orders")], 2))

    assert {one.target for one in report.breaches} == {"shop/Deployment/orders"}
    assert report.totals.foreseen == 1
    assert "1 pods lead to no workload by their name, and are left out: nobody" in report.warnings


@pytest.mark.parametrize(
    ("made", "delay"),
    [
        pytest.param(timedelta(minutes=-5), timedelta(minutes=10), id="one that was just made holds until it is quiet"),
        pytest.param(timedelta(hours=2), timedelta(), id="one that is still to be made holds nothing"),
    ],
)
def test_a_pod_leaves_its_workload_restless_from_when_it_is_made(made: timedelta, delay: timedelta) -> None:
    raw = pattern()
    raw["spec"]["signals"][0]["target"] = {"kind": "Deployment", "podLabel": "pod"}
    climbs = leak(at(0, 6), per_hour=6)
    sources = [Source(QUERY, {"namespace": "shop", "pod": "orders-5d4f8c7b9-abcde"}, climbs)]
    quiet = report_on(FakeMetrics(FakeClock(END), sources), wanted([raw], [policy("orders")], 2))
    born = (quiet.acts[0].at + made).timestamp()
    fresh = Source(
        QUERY,
        {"namespace": "shop", "pod": "orders-5d4f8c7b9-fghij"},
        lambda moment: calm(moment) if moment >= born else None,
    )
    report = report_on(FakeMetrics(FakeClock(END), [*sources, fresh]), wanted([raw], [policy("orders")], 2))

    assert report.acts[0].at == quiet.acts[0].at + delay
    assert (Reason.RECENTLY_CHANGED in {one.reason for one in report.refusals}) is bool(delay)
