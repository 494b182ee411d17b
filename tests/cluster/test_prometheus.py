"""Prometheus is gone or lies: missing data never starts an action, and never counts as success."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.cluster.lying import LyingPrometheus
from tests.cluster.stage import AT_ONCE, Json, Stage, pool_pattern, shop_policy

BOTH = ("orders", "checkout")
LIES = ("HTTP 503", "no series", "NaN", "a login page", "a partial answer")
ONCE = Counter({"configmaps/orders-config": 1, "deployments/orders": 1})
THERE_AND_BACK = Counter({"configmaps/orders-config": 2, "deployments/orders": 2})


def pattern_of(target: str) -> Json:
    """A pattern whose every query names the target, so that the target can be lied about."""
    pattern = pool_pattern(f"pool-of-{target}")
    verification = pattern["spec"]["verification"]
    for asked in (*pattern["spec"]["signals"], *verification["guards"]):
        for metric in ("app_pool_in_use", "app_pool_size", "app_request_latency_p99_seconds"):
            asked["query"] = asked["query"].replace(metric, f'{metric}{{deployment="{target}"}}')
    return pattern


def about(target: str) -> str:
    """What every query about the target holds."""
    return f'deployment="{target}"'


@pytest.fixture
def liar(stage: Stage) -> Iterator[LyingPrometheus]:
    """A Prometheus that tells the truth until it is told not to; the operators are gone before it is."""
    with LyingPrometheus(stage.prometheus.url) as proxy:
        yield proxy
        stage.stop_operators()


def test_lies_do_not_start_an_action_and_the_truth_does(stage: Stage, liar: LyingPrometheus) -> None:
    stage.automation("orders", "Disabled")
    stage.play(pattern_of("orders"), shop_policy("orders"))
    stage.lead(url=liar.url)
    stage.await_phase("orders", "Pending", "DisabledByAnnotation")
    liar.lies[about("orders")] = LIES[0]
    stage.automation("orders", None)
    stage.await_phase("orders", "Baselining")
    for lie in LIES:
        liar.lies[about("orders")] = lie
        stage.eventually(lambda lie=lie: liar.told[lie], lambda told: told > 6, what=f"the operator to be told {lie}")
        assert stage.acts() == Counter(), lie
        stage.await_phase("orders", "Baselining", within=1)
    liar.lies.clear()
    stage.await_phase("orders", "Monitoring")
    assert stage.acts() == ONCE


def test_where_nothing_true_was_ever_said_nothing_is_even_proposed(stage: Stage, liar: LyingPrometheus) -> None:
    stage.play(pattern_of("orders"), shop_policy("orders"))
    reasons = {}
    for lie in LIES:
        liar.lies[about("orders")] = lie
        if not stage.alive():
            stage.lead(url=liar.url)
        stage.await_looks(2)
        pattern = stage.cluster.get("isp", "pool-of-orders")
        (ready,) = pattern["status"]["conditions"]
        reasons[lie] = ready["reason"]
        assert (stage.interventions(), stage.acts()) == ([], Counter()), lie
    assert reasons == {lie: "NoSeries" if lie in {"no series", "NaN"} else "QueryFailed" for lie in LIES}
    assert stage.metric("vanguard_query_errors_total", {"pattern": "pool-of-orders"}) > 0


@pytest.mark.parametrize(
    ("of_orders", "of_checkout"),
    [("HTTP 503", "no series"), ("NaN", "a login page"), ("the same value for ever", "a partial answer")],
)
def test_a_watch_that_is_lied_to_is_inconclusive_and_undone(
    stage: Stage, liar: LyingPrometheus, of_orders: str, of_checkout: str
) -> None:
    stage.play(pattern_of("orders"), pattern_of("checkout"), shop_policy(*BOTH, stability=AT_ONCE))
    stage.lead(url=liar.url)
    for target, lie in zip(BOTH, (of_orders, of_checkout), strict=True):
        stage.await_phase(target, "Monitoring")
        liar.lies[about(target)] = lie
    for target in BOTH:
        ended = stage.await_phase(target, "RolledBack", "Restored")
        assert ended["status"]["verdict"] == "Inconclusive", target
        assert stage.is_as_at_the_start(target)
    assert stage.acts() == THERE_AND_BACK + Counter({"deployments/checkout": 2})
    assert (stage.pool_size("orders"), stage.pool_size("checkout")) == ("50", "40")


@pytest.mark.parametrize("outage", ["stopped", "hanging"])
def test_a_watch_whose_prometheus_is_gone_is_inconclusive_and_undone(stage: Stage, outage: str) -> None:
    stage.play(pool_pattern(), shop_policy("orders", stability=AT_ONCE))
    stage.lead()
    stage.await_phase("orders", "Monitoring")
    if outage == "stopped":
        stage.prometheus.stop()
    else:
        stage.prometheus.pause()
    ended = stage.await_phase("orders", "RolledBack", "Restored")
    assert ended["status"]["verdict"] == "Inconclusive"
    assert stage.acts() == THERE_AND_BACK
    assert (stage.pool_size("orders"), stage.is_as_at_the_start("orders")) == ("50", True)
