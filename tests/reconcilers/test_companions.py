"""Companions: asked only about what is suspected, told by name where they refuse, and unknown where they are silent."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import Lie, Source
from tests.reconcilers.lookout import Lookout, Value, calm, climbing
from tests.reconcilers.objects import SHOP
from tests.reconcilers.world import jitter
from vanguard.api.reasons import Reason
from vanguard.domain.alert import AlertState
from vanguard.domain.series import Columns, RawSeries
from vanguard.errors import MetricsError
from vanguard.ports import Raw
from vanguard.reconcilers import companions

TO_FIRE = 3
MEMORY, RSS, WORK, HEAP = "pod_memory", "pod_rss", "app_work", "heap_after_gc"
PER_POD: Raw = {"kind": "Deployment", "podLabel": "pod"}
PODS = ("a", "b", "c")


def companion(role: str, query: str, **changes: object) -> Raw:
    return {"name": query.replace("_", "-"), "role": role, "query": query, **changes}


ANONYMOUS, HEAPS = companion("AnonymousMemory", RSS), companion("Contrary", HEAP)
RATE = companion("WorkRate", WORK, target={"kind": "Deployment", "nameLabel": "deployment"})


def flat(at: float) -> float:
    return 30 + 0.3 * jitter(at)


def leaking(*companions: Raw, pods: dict[str, Value | None] | None = None) -> Lookout:
    """A Deployment of three pods whose memory climbs, and a pattern with companions."""
    lookout = Lookout()
    uid = lookout.service("orders", calm, query="nothing_asks_for_it")
    lookout.policy("orders")
    lookout.pattern(signals=[objects.signal(name="memory", query=MEMORY, target=PER_POD, companions=list(companions))])
    owner = {"kind": "Deployment", "name": "orders", "uid": uid, "controller": True}
    rs = lookout.cluster.put("ReplicaSet", SHOP, {"metadata": {"name": "orders-1", "ownerReferences": [owner]}})
    above = {"kind": "ReplicaSet", "name": "orders-1", "uid": rs["metadata"]["uid"], "controller": True}
    for pod in PODS:
        lookout.cluster.put("Pod", SHOP, {"metadata": {"name": pod, "ownerReferences": [above]}})
        plays(lookout, MEMORY, climbing(lookout.onset) if pods is None else pods[pod], pod=pod)
    return lookout


def plays(lookout: Lookout, query: str, value: Value | None, **labels: str) -> None:
    """One more series."""
    if value is not None:
        lookout.metrics.sources.append(Source(query, {"namespace": SHOP, **labels}, value))


def everywhere(lookout: Lookout, query: str, value: Value) -> Lookout:
    """The same series for each pod."""
    for pod in PODS:
        plays(lookout, query, value, pod=pod)
    return lookout


def asked(lookout: Lookout, query: str) -> list[str]:
    return [one.query for one in lookout.metrics.asked if query in one.query]


def held(lookout: Lookout) -> Raw:
    """What the pattern says of the one workload that was left alone."""
    (found,) = lookout.status()["heldBack"]
    assert found["target"] == "shop/Deployment/orders"
    return dict(found)


def half_as_steep(lookout: Lookout) -> Value:
    return lambda at: 20 + 0.9 * (climbing(lookout.onset)(at) or 0.0)


def test_a_leak_that_companions_confirm_is_acted_on_and_the_evidence_says_so() -> None:
    lookout = leaking(ANONYMOUS, RATE, HEAPS)
    everywhere(lookout, RSS, lambda at: climbing(lookout.onset)(at) - 15)  # type: ignore[operator]
    everywhere(lookout, HEAP, half_as_steep(lookout))
    plays(lookout, WORK, lambda at: 200 + 20 * jitter(at / 7), deployment="orders")
    lookout.cycle(TO_FIRE)

    (iv,) = lookout.opened
    said = iv.spec.diagnosis.evidence
    assert any(one.startswith("pod-rss: anonymous memory grows along: +") for one in said)
    assert any(one.startswith("app-work: the load does not explain the climb: work ") for one in said)
    assert any(one.startswith("heap-after-gc moves along: +") for one in said)
    assert any(one.startswith("memory: 3 of 3 replicas carry the trend, 0 are flat") for one in said)
    assert "heldBack" not in lookout.status() or lookout.status()["heldBack"] == []


def proportional(lookout: Lookout) -> None:
    plays(lookout, WORK, lambda at: 10 * (climbing(lookout.onset)(at) or 0.0), deployment="orders")


@pytest.mark.parametrize(
    ("companion", "arrange", "reason", "positive"),
    [
        pytest.param(ANONYMOUS, lambda look: everywhere(look, RSS, flat), Reason.PAGE_CACHE, False, id="page cache"),
        pytest.param(RATE, proportional, Reason.LOAD_PROPORTIONAL, False, id="load"),
        pytest.param(HEAPS, lambda look: everywhere(look, HEAP, flat), Reason.CONFLICTING_SIGNALS, None, id="conflict"),
        pytest.param(ANONYMOUS, lambda _: None, Reason.COMPANION_MISSING, None, id="no series"),
        pytest.param(
            ANONYMOUS,
            lambda look: (everywhere(look, RSS, flat), look.metrics.lie(Lie.ERROR, RSS)),
            Reason.COMPANION_MISSING,
            None,
            id="no answer",
        ),
        pytest.param(
            ANONYMOUS,
            lambda look: (
                everywhere(look, RSS, flat),
                look.metrics.lies.update({RSS: (Lie.STALE, look.begun - timedelta(hours=2))}),
            ),
            Reason.COMPANION_MISSING,
            None,
            id="stale",
        ),
    ],
)
def test_what_companions_refuse_is_left_alone_and_told_by_name(
    companion: Raw, arrange: Callable[[Lookout], object], reason: Reason, positive: bool | None
) -> None:
    lookout = leaking(companion)
    arrange(lookout)
    lookout.cycle(TO_FIRE + 2)

    assert lookout.opened == []
    (watched,) = lookout.context.board.values()
    assert (watched.assessment.positive, watched.assessment.reason) == (positive, reason)
    assert watched.assessment.ground is None, "nothing is made from it"
    assert watched.alert.state is AlertState.INACTIVE
    assert held(lookout)["reason"] == reason
    assert reason.sentence in held(lookout)["message"]
    assert companion["name"] in held(lookout)["message"]
    assert [event["reason"] for event in lookout.cluster.all("Event")] == [reason]
    assert lookout.ready() == ("True", Reason.READY)
    written = len(lookout.cluster.writes)
    lookout.cycle(3)
    assert lookout.cluster.writes[written:] == [], "figures that change are no news"


def test_why_there_was_no_answer_is_told_and_counted() -> None:
    lookout = leaking(ANONYMOUS)
    everywhere(lookout, RSS, flat)
    lookout.metrics.lie(Lie.ERROR, RSS)
    lookout.cycle()

    assert "pod-rss (AnonymousMemory): Prometheus gave no answer" in held(lookout)["message"]
    errors = lookout.context.telemetry.query_errors.labels(objects.PATTERN)
    assert errors._value.get() == 1


def test_nothing_is_asked_while_nothing_is_suspected() -> None:
    lookout = leaking(ANONYMOUS, RATE, pods=dict.fromkeys(PODS, calm))
    everywhere(lookout, RSS, calm)
    lookout.cycle(3)

    assert asked(lookout, RSS) == asked(lookout, WORK) == []


def test_one_query_asks_for_the_pods_of_the_suspects_and_no_others() -> None:
    lookout = leaking(ANONYMOUS)
    everywhere(lookout, RSS, flat)
    other = lookout.cluster.put("Deployment", SHOP, objects.workload("Deployment", "calm"))
    owner = {"kind": "Deployment", "name": "calm", "uid": other["metadata"]["uid"], "controller": True}
    lookout.cluster.put("Pod", SHOP, {"metadata": {"name": "bystander", "ownerReferences": [owner]}})
    plays(lookout, MEMORY, calm, pod="bystander")
    lookout.cycle()

    (query,) = asked(lookout, RSS)
    assert all(f'"{pod}"' in query for pod in PODS)
    assert "bystander" not in query
    (told,) = [one for one in lookout.metrics.asked if RSS in one.query]
    assert timedelta(days=3) <= told.end - told.start < timedelta(days=3, minutes=5)


def test_a_pod_is_compared_with_its_own_companion_and_the_container_that_is_most_alike() -> None:
    lookout = leaking(ANONYMOUS)
    for pod in PODS:
        lookout.metrics.sources = [s for s in lookout.metrics.sources if s.labels.get("pod") != pod]
        plays(lookout, MEMORY, climbing(lookout.onset), pod=pod, container="app")
        plays(lookout, RSS, lambda at: climbing(lookout.onset)(at) - 15, pod=pod, container="app")  # type: ignore[operator]
        plays(lookout, RSS, flat, pod=pod, container="proxy")
    lookout.cycle(TO_FIRE)

    assert len(lookout.opened) == 1


def test_one_bad_pod_of_three_is_left_to_a_person_though_no_companion_is_named() -> None:
    lookout = Lookout()
    lookout = leaking(pods={"a": climbing(lookout.onset), "b": calm, "c": calm})
    lookout.cycle(TO_FIRE + 1)

    assert lookout.opened == []
    assert held(lookout)["reason"] == Reason.ONE_BAD_REPLICA
    assert "1 of 3 replicas carry the trend, 2 are flat" in held(lookout)["message"]


def test_replicas_are_asked_for_where_the_signal_is_of_the_whole_workload() -> None:
    lookout = leaking(companion("PerReplica", HEAP, target=PER_POD), pods=dict.fromkeys(PODS))
    lookout.cluster.edit("IssuePattern", "", objects.PATTERN, by_name)
    plays(lookout, MEMORY, climbing(lookout.onset), deployment="orders")
    for pod, value in (("a", climbing(lookout.onset, 12)), ("b", calm), ("c", calm)):
        plays(lookout, HEAP, value, pod=pod)
    lookout.cycle(TO_FIRE + 1)

    assert lookout.opened == []
    assert held(lookout)["reason"] == Reason.ONE_BAD_REPLICA


def by_name(raw: Raw) -> None:
    raw["spec"]["signals"][0]["target"] = {"kind": "Deployment", "nameLabel": "deployment"}


def test_a_look_alike_that_shows_later_holds_what_is_open_until_the_alert_resolves() -> None:
    lookout = leaking(ANONYMOUS)
    grows = climbing(lookout.onset)
    everywhere(lookout, RSS, lambda at: (grows(at) or 0) - 15)
    lookout.cycle(TO_FIRE)
    (iv,) = lookout.opened
    lookout.metrics.sources = [s for s in lookout.metrics.sources if s.query != RSS]
    everywhere(lookout, RSS, flat)
    lookout.cycle()

    (watched,) = lookout.context.board.values()
    assert (watched.alert.state, watched.assessment.positive) == (AlertState.FIRING, False)
    assert watched.assessment.reason is Reason.PAGE_CACHE
    assert watched.alert.active_at == iv.spec.cause.active_at
    lookout.cycle(3)
    (watched,) = lookout.context.board.values()
    assert watched.alert.state is AlertState.INACTIVE


def test_nothing_is_weighed_where_the_lease_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    lookout = leaking(ANONYMOUS)
    everywhere(lookout, RSS, flat)
    weighed_in = set[str]()
    closest = companions.Kin.closest

    def noted(rows: companions.Kin, *what: str) -> object:
        weighed_in.add(threading.current_thread().name)
        return closest(rows, *what)  # type: ignore[arg-type]

    monkeypatch.setattr(companions.Kin, "closest", noted)
    lookout.cycle()

    assert weighed_in
    assert threading.main_thread().name not in weighed_in


def test_a_query_that_names_many_pods_is_sent_as_detection_sends_its_own_and_not_in_an_address() -> None:
    lookout = leaking(ANONYMOUS)
    everywhere(lookout, RSS, flat)

    async def in_an_address(*_: object) -> list[RawSeries]:
        raise MetricsError("414 URI Too Long")

    fake = lookout.metrics
    sampled, halves = fake.range, fake.columns

    async def columns(query: str, start: datetime, end: datetime, step: timedelta) -> Columns:
        if "quantile_over_time" in query:
            return await halves(query, start, end, step)
        return Columns.of(await sampled(query, start, end, step))

    lookout.metrics.columns = columns  # type: ignore[method-assign]
    lookout.metrics.range = in_an_address  # type: ignore[method-assign]
    lookout.cycle()

    assert held(lookout)["reason"] == Reason.PAGE_CACHE


def test_companions_are_taken_at_the_time_of_the_series_however_long_the_answers_take() -> None:
    lookout = leaking(ANONYMOUS, HEAPS)
    everywhere(lookout, RSS, flat)
    everywhere(lookout, HEAP, half_as_steep(lookout))
    sampled = lookout.metrics.range

    async def slow(query: str, start: datetime, end: datetime, step: timedelta) -> list[RawSeries]:
        lookout.clock.advance(timedelta(seconds=20))
        return await sampled(query, start, end, step)

    lookout.metrics.range = slow  # type: ignore[method-assign]
    lookout.cycle()

    ends = {one.end for one in lookout.metrics.asked if RSS in one.query or HEAP in one.query}
    (watched,) = lookout.context.board.values()
    assert ends == {watched.assessment.at}


def test_a_companion_of_the_replicas_that_answers_for_one_of_three_is_silent() -> None:
    lookout = leaking(companion("PerReplica", HEAP))
    plays(lookout, HEAP, climbing(lookout.onset), pod="a")
    lookout.cycle(TO_FIRE)

    assert lookout.opened == []
    assert held(lookout)["reason"] == Reason.COMPANION_MISSING
    assert "only 1 of 3 replicas have values in the last half hour" in held(lookout)["message"]


def test_pods_that_are_there_without_a_series_may_be_as_bad_as_the_one_that_is_seen() -> None:
    lookout = Lookout()
    lookout = leaking(pods={"a": climbing(lookout.onset), "b": calm, "c": calm})
    (rs,) = lookout.cluster.all("ReplicaSet")
    above = {"kind": "ReplicaSet", "name": "orders-1", "uid": rs["metadata"]["uid"], "controller": True}
    for number in range(7):
        pod = {"metadata": {"name": f"unseen-{number}", "ownerReferences": [above]}}
        lookout.cluster.put("Pod", SHOP, pod)
    lookout.cycle(TO_FIRE)

    (iv,) = lookout.opened
    assert any("2 are flat, of 7 too little is known" in one for one in iv.spec.diagnosis.evidence)


def test_an_alert_goes_on_where_one_pod_is_harmless_and_of_the_others_nobody_knows() -> None:
    lookout = leaking(ANONYMOUS)
    grows = climbing(lookout.onset)
    everywhere(lookout, RSS, lambda at: (grows(at) or 0) - 15)
    lookout.cycle(TO_FIRE)
    lookout.metrics.sources = [s for s in lookout.metrics.sources if s.query != RSS]
    plays(lookout, RSS, flat, pod="a")
    lookout.cycle(4)

    (watched,) = lookout.context.board.values()
    assert (watched.alert.state, watched.assessment.positive) == (AlertState.FIRING, None)
    assert watched.assessment.reason is Reason.COMPANION_MISSING


def test_beyond_the_likeliest_nobody_is_asked_about_and_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "MOST_SUSPECTS", 0)
    lookout = leaking(ANONYMOUS)
    everywhere(lookout, RSS, flat)
    lookout.cycle(TO_FIRE)

    assert asked(lookout, RSS) == lookout.opened == []
    assert held(lookout)["reason"] == Reason.COMPANION_MISSING
    assert "not asked: companions are asked about the 200 likeliest series" in held(lookout)["message"]
