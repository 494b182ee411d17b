"""A held or refused decision: the workload is not written to, and the reason is read in `kubectl get iv`."""

from collections import Counter
from datetime import UTC, datetime

from tests.cluster.stage import AT_ONCE, Stage, closed_window, pool_pattern, shop_policy

NOTHING: Counter[str] = Counter()


def columns(stage: Stage) -> list[str]:
    """The one line of `kubectl get iv` below its header, up to the verdict it may lack."""
    _, line = stage.listed().splitlines()
    return line.split()[1:5]


def test_a_closed_window_holds_it_and_says_when_it_opens(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders", windows=closed_window()))
    stage.lead()
    held = stage.await_phase("orders", "Pending", "CannotActBeforeBreach")
    stage.await_looks()
    assert columns(stage) == ["orders", "TunePool", "Pending", "CannotActBeforeBreach"]
    assert held["status"]["nextOpen"] == f"{datetime.now(tz=UTC).year + 1}-01-01T00:00:00Z"
    assert (stage.acts(), stage.pool_size("orders")) == (NOTHING, "50")


def test_an_annotation_on_the_workload_holds_it_until_it_is_taken_away(stage: Stage) -> None:
    stage.automation("checkout", "Disabled")
    stage.play(pool_pattern(), shop_policy("checkout"))
    stage.lead()
    stage.await_phase("checkout", "Pending", "DisabledByAnnotation")
    stage.await_looks()
    assert columns(stage) == ["checkout", "TunePool", "Pending", "DisabledByAnnotation"]
    assert stage.acts() == NOTHING
    stage.automation("checkout", None)
    stage.await_phase("checkout", "Baselining")


def test_a_policy_taken_back_refuses_it(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders", windows=closed_window()))
    stage.lead()
    stage.await_phase("orders", "Pending", "CannotActBeforeBreach")
    stage.cluster.kubectl("-n", "shop", "delete", "ap", "shop")
    stage.await_phase("orders", "Rejected", "NoPolicy")
    assert columns(stage) == ["orders", "TunePool", "Rejected", "NoPolicy"]
    assert stage.acts() == NOTHING


def test_without_a_policy_nothing_is_proposed_and_the_pattern_says_why(stage: Stage) -> None:
    stage.play(pool_pattern())
    stage.lead()
    stage.await_looks()
    assert "NoPolicy" in stage.cluster.kubectl("get", "isp").stdout
    assert (stage.interventions(), stage.acts()) == ([], NOTHING)


def test_a_policy_that_only_observes_records_what_would_have_been_done(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders", mode="Observe", stability=AT_ONCE))
    stage.lead()
    stage.await_phase("orders", "Observed", "WouldAct")
    stage.await_looks()
    assert columns(stage) == ["orders", "TunePool", "Observed", "WouldAct"]
    assert (stage.acts(), stage.pool_size("orders")) == (NOTHING, "50")


def test_a_policy_that_cannot_be_obeyed_holds_everything_and_says_what_is_wrong(stage: Stage) -> None:
    nowhere = [{"name": "nightly", "schedule": "* * * * *", "duration": "1h", "timeZone": "Mars/Olympus"}]
    stage.play(pool_pattern(), shop_policy("orders", windows=nowhere))
    stage.lead()
    stage.await_phase("orders", "Pending", "PolicyInvalid")
    stage.await_looks()
    (policy,) = stage.cluster.get("ap", "-n", "shop")["items"]
    ready = next(one for one in policy["status"]["conditions"] if one["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "TimeZoneUnknown")
    assert "Mars/Olympus" in ready["message"]
    assert stage.acts() == NOTHING
