"""The operator is killed at the worst moments; each change is still made exactly once, and ends as it should.

What it has written is counted where it cannot be wrong about it: in the API server's audit log.
"""

import signal
import time
from collections import Counter

import pytest

from devcluster.operator_process import OPERATOR
from tests.cluster.stage import Stage, phases, pool_pattern, rolled_out, shop_policy

ONCE = Counter({"configmaps/orders-config": 1, "deployments/orders": 1})
SUCCEEDED = ["Baselining", "Applying", "Monitoring", "Succeeded"]
ROLLED_BACK = ["Baselining", "Applying", "Monitoring", "RollingBack", "RolledBack"]
SIGTERM_SECONDS = 10


def test_killed_while_baselining_it_goes_on_and_acts_once(stage: Stage) -> None:
    stage.automation("orders", "Disabled")
    stage.play(pool_pattern(), shop_policy("orders"))
    stage.lead()
    stage.await_phase("orders", "Pending", "DisabledByAnnotation")
    stage.prometheus.pause()  # no baseline can be measured, so it stays where it is
    stage.automation("orders", None)
    stage.await_phase("orders", "Baselining")
    stage.kill()
    assert stage.acts() == Counter()
    stage.prometheus.resume()
    stage.await_scrapes()
    stage.lead()
    ended = stage.await_phase("orders", "Succeeded")
    assert phases(ended) == SUCCEEDED
    assert (stage.acts(), stage.pool_size("orders")) == (ONCE, "60")


def test_killed_while_it_waits_for_approval_the_word_and_the_count_are_kept(stage: Stage) -> None:
    once_a_day = [{"type": "TunePool", "mode": "Approve", "maxPerDay": 1, "maxPerWeek": 20, "minConfidencePercent": 85}]
    stage.play(pool_pattern(), shop_policy("orders", "checkout", actions=once_a_day))
    stage.lead()
    asked = {name: stage.await_phase(name, "AwaitingApproval") for name in ("orders", "checkout")}
    stage.kill()
    stage.approve(asked["orders"]["metadata"]["name"])
    assert stage.acts() == Counter(), "nobody is there to act"
    stage.lead()
    ended = stage.await_phase("orders", "Succeeded")
    assert phases(ended) == ["AwaitingApproval", *SUCCEEDED]
    assert (stage.acts(), stage.pool_size("orders")) == (ONCE, "60")

    stage.await_gate("checkout", "budget", "DailyBudgetSpent")
    stage.kill()
    stage.approve(asked["checkout"]["metadata"]["name"])
    stage.lead()
    stage.await_gate("checkout", "mode", "Approved")
    stage.await_looks()
    stage.await_gate("checkout", "budget", "DailyBudgetSpent")
    assert (stage.acts(), stage.pool_size("checkout")) == (ONCE, "40"), "the day's only one is spent, approved or not"


@pytest.mark.parametrize("moment", ["as soon as it is recorded", "while the rollout runs"])
def test_killed_while_applying_it_finishes_the_change_and_writes_nothing_twice(stage: Stage, moment: str) -> None:
    if moment == "while the rollout runs":
        stage.slow_down("orders", "1s")
    stage.play(pool_pattern(), shop_policy("orders"))
    stage.lead()
    stage.await_phase("orders", "Applying")
    if moment == "while the rollout runs":
        stage.eventually(stage.acts, lambda acts: acts == ONCE, what="the change to be made")
    stage.kill()
    if moment == "while the rollout runs":
        assert not rolled_out(stage.deployment("orders"))
    stage.lead()
    ended = stage.await_phase("orders", "Succeeded")
    assert phases(ended) == SUCCEEDED
    assert (stage.acts(), stage.pool_size("orders")) == (ONCE, "60")


def test_killed_while_monitoring_it_judges_and_keeps_the_change(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders"))
    stage.lead()
    stage.await_phase("orders", "Monitoring")
    stage.kill()
    stage.lead()
    ended = stage.await_phase("orders", "Succeeded", "Improved")
    assert phases(ended) == SUCCEEDED
    assert (stage.acts(), stage.pool_size("orders")) == (ONCE, "60")


def test_killed_while_undoing_it_restores_every_byte_and_writes_nothing_twice(stage: Stage) -> None:
    stage.slow_down("checkout", "1s")
    stage.play(pool_pattern(), shop_policy("checkout"))
    stage.lead()
    stage.await_phase("checkout", "RollingBack")
    stage.kill()
    stage.lead()
    ended = stage.await_phase("checkout", "RolledBack", "Restored")
    assert phases(ended) == ROLLED_BACK
    assert stage.acts() == Counter({"deployments/checkout": 2}), "one write there, one write back"
    assert stage.pool_size("checkout") == "40"
    assert stage.is_as_at_the_start("checkout")


def test_sigterm_ends_it_within_ten_seconds_and_the_work_goes_on_after_a_restart(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders"))
    stage.lead()
    stage.await_phase("orders", "Monitoring")
    begun = time.monotonic()
    stage.cluster.parts.signal(OPERATOR, signal.SIGTERM)
    stage.eventually(lambda: not stage.alive(), what="the operator to end", within=SIGTERM_SECONDS)
    assert time.monotonic() - begun < SIGTERM_SECONDS
    stage.lead()
    stage.await_phase("orders", "Succeeded")
    assert (stage.acts(), stage.pool_size("orders")) == (ONCE, "60")
