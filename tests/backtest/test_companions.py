"""Companions in a replay: fetched and recorded like signals, asked again as the operator asks, and never made up."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.backtest.past import BEGIN, QUERY, Value, at, calm, leak, pattern, policy, wanted
from tests.reconcilers.fake_metrics import FakeMetrics, Source
from tests.reconcilers.fakes import FakeClock
from vanguard.api.reasons import Reason
from vanguard.backtest.fetching import fetched
from vanguard.backtest.recording import WARM_UP, Asked, Recording
from vanguard.backtest.replay import JumpingClock
from vanguard.backtest.report import Report
from vanguard.backtest.run import Wanted, backtest, plan_of
from vanguard.backtest.senses import ReplayedMetrics
from vanguard.domain.promql import Narrowing, narrowed, narrowing
from vanguard.domain.series import labels_in
from vanguard.errors import MetricsError, RecordingError
from vanguard.settings import Settings

END = BEGIN + timedelta(days=2)
SETTINGS = Settings(identity="test", query_step="1m")
CLIMB = leak(at(0, 6), per_hour=6)
RATE, RSS = "work_rate", "pod_rss"
PODS = ("orders-5d4f8c7b9-abcde", "orders-5d4f8c7b9-fghij")
WORK = {"name": "work", "role": "WorkRate", "query": RATE}
ANONYMOUS = {
    "name": "rss",
    "role": "AnonymousMemory",
    "query": RSS,
    "target": {"kind": "Deployment", "podLabel": "pod"},
}


def asked_with(*companions: Any) -> Wanted:
    raw = pattern()
    raw["spec"]["signals"][0]["companions"] = list(companions)
    return wanted([raw], [policy("orders")], 2)


def recording_of(asked: Wanted, *sources: Source) -> Recording:
    own = Source(QUERY, {"namespace": "shop", "deployment": "orders"}, CLIMB)
    metrics = FakeMetrics(FakeClock(END), [own, *sources])
    period = BEGIN - WARM_UP, END
    return asyncio.run(fetched(metrics, SETTINGS, asked.patterns, asked.policies, period, lambda _: None))


def report_on(asked: Wanted, recording: Recording) -> Report:
    return asyncio.run(backtest(plan_of(asked, recording), lambda _: None))


def working(value: Value, **labels: str) -> Source:
    return Source(RATE, {"namespace": "shop", "deployment": "orders", **labels}, value)


@pytest.mark.parametrize(
    ("work", "acts", "refused"),
    [
        pytest.param(lambda now: 200 + 10 * calm(now / 7), 1, None, id="other work confirms the leak"),
        pytest.param(lambda now: 10 * CLIMB(now), 0, Reason.LOAD_PROPORTIONAL, id="work that climbs along explains it"),
        pytest.param(lambda _: None, 0, Reason.COMPANION_MISSING, id="none was there in the past"),
    ],
)
def test_a_companion_is_heard_in_the_replay(work: Value, acts: int, refused: Reason | None) -> None:
    asked = asked_with(WORK)
    report = report_on(asked, recording_of(asked, working(work)))

    assert len(report.acts) == acts
    assert refused is None or refused in {one.reason for one in report.refusals}
    assert report.troubles == ()


def test_pods_that_only_a_companion_names_lead_to_the_workload() -> None:
    asked = asked_with(ANONYMOUS)
    sources = [Source(RSS, {"namespace": "shop", "pod": pod}, lambda now: CLIMB(now) / 2 - 5) for pod in PODS]
    report = report_on(asked, recording_of(asked, *sources))

    assert len(report.acts) == 1
    assert (report.totals.foreseen, report.troubles) == (1, ())


def test_a_recording_without_a_companion_does_not_fit() -> None:
    recording = recording_of(asked_with(), working(calm))

    with pytest.raises(RecordingError, match="companion work of signal use of IssuePattern pool: its query is not in"):
        plan_of(asked_with(WORK), recording)


def test_what_is_asked_and_not_recorded_is_a_trouble_and_no_look_alike() -> None:
    asked = asked_with(WORK)
    recording = recording_of(asked, working(calm))
    plan = plan_of(asked, recording)
    tracks = {one: track for one, track in recording.tracks.items() if one.query != RATE}
    report = asyncio.run(backtest(replace(plan, recording=replace(recording, tracks=tracks)), lambda _: None))

    assert any("the recording does not hold" in one and RATE in one for one in report.troubles)
    assert report.totals.troubles > 0


@pytest.mark.parametrize("port", ["range", "columns"])
def test_names_and_namespaces_narrow_what_is_answered_up_to_the_clock(port: str) -> None:
    asked = asked_with(WORK)
    recording = recording_of(asked, working(calm), working(calm, deployment="other"))
    clock = JumpingClock(at(1))
    metrics = ReplayedMetrics(recording, clock, ["shop", "elsewhere"])
    query = narrowed(narrowed(RATE, "namespace", ["shop"]), "deployment", ["orders", "gone"])
    start, step = at(0, 12), timedelta(minutes=5)

    async def ask(text: str) -> list[tuple[dict[str, str], list[float]]]:
        if port == "range":
            return [(dict(one.labels), one.times.tolist()) for one in await metrics.range(text, start, at(2), step)]
        found = await metrics.columns(text, start, at(2), step)
        known = np.isfinite(found.values).all(axis=0)
        return [(dict(labels_in(key)), found.times[known].tolist()) for key in found.keys]

    ((labels, times),) = asyncio.run(ask(query))
    assert labels == {"namespace": "shop", "deployment": "orders"}
    assert (times[0], times[-1], len(times)) == (start.timestamp(), clock.at.timestamp(), 145)
    other = narrowed(narrowed(RATE, "namespace", ["elsewhere"]), "deployment", ["orders"])
    for unknown in (other, narrowed(narrowed("what", "namespace", ["shop"]), "deployment", ["orders"])):
        with pytest.raises(MetricsError, match="the recording does not hold"):
            asyncio.run(ask(unknown))


def test_companions_are_recorded_as_they_are_asked() -> None:
    recording = recording_of(asked_with(WORK), working(calm))

    assert [dict(one)["deployment"] for one in recording.tracks[Asked(RATE, "namespace")].labels] == ["orders"]


@pytest.mark.parametrize("values", [["shop"], ["a", "b"], ['q"uote', "back\\slash", "new\nline", "$1"], []])
def test_a_narrowing_can_be_undone(values: list[str]) -> None:
    query = narrowed("up # all", "namespace", ["shop"])
    assert narrowing(narrowed(query, "pod", values)) == Narrowing(query, "pod", frozenset(values))
    assert narrowing("(\nup\n) and on (pod) (vector(1))") is None
    assert narrowing("up") is None
