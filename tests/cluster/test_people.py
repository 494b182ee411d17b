"""People stop, delete and take back: their word wins, and what was there before is there again, byte for byte."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from tests.cluster.stage import AT_ONCE, Stage, phases, pool_pattern, shop_policy

THERE_AND_BACK = Counter({"configmaps/orders-config": 2, "deployments/orders": 2})


def test_deleted_in_flight_it_undoes_its_change_before_it_is_gone(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders", stability=AT_ONCE))
    stage.lead()
    watched = stage.await_phase("orders", "Monitoring")
    assert stage.pool_size("orders") == "60"
    stage.cluster.kubectl("-n", "shop", "delete", "iv", watched["metadata"]["name"], "--wait=false")
    stage.eventually(lambda: stage.intervention("orders"), lambda one: one is None, what="it to be gone")
    assert (stage.pool_size("orders"), stage.acts()) == ("50", THERE_AND_BACK)
    assert stage.is_as_at_the_start("orders")
    assert {"DeletedInFlight", "Restored"} <= stage.told_of(watched), "it goes when the rollout back is complete"
    stage.await_looks()
    assert stage.interventions() == [], "what a person deleted does not come back"


def test_aborted_while_it_watches_it_undoes_its_change_and_says_who_wanted_it(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("checkout", stability=AT_ONCE))
    stage.lead()
    watched = stage.await_phase("checkout", "Monitoring")
    assert stage.pool_size("checkout") == "48"
    stage.annotate(watched["metadata"]["name"], abort="release at noon")
    ended = stage.await_phase("checkout", "RolledBack", "Restored")
    assert ended["status"]["undo"]["reason"] == "Aborted"
    assert "release at noon" in ended["status"]["message"]
    assert (stage.pool_size("checkout"), stage.acts()) == ("40", Counter({"deployments/checkout": 2}))
    assert stage.is_as_at_the_start("checkout")


def test_a_change_that_was_kept_is_taken_back_when_asked_for(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders"))
    stage.lead()
    kept = stage.await_phase("orders", "Succeeded", "Improved")
    assert stage.pool_size("orders") == "60"
    stage.annotate(kept["metadata"]["name"], rollback="costs too much memory")
    ended = stage.await_rollback("orders")
    assert phases(ended)[-3:] == ["Succeeded", "RollingBack", "RolledBack"]
    assert (stage.pool_size("orders"), stage.acts()) == ("50", THERE_AND_BACK)
    assert stage.is_as_at_the_start("orders")


def test_a_leased_change_is_taken_back_when_its_lease_is_over_also_after_a_kill(stage: Stage) -> None:
    leased = [{"type": "TunePool", "mode": "Auto", "minConfidencePercent": 85, "lease": "1h"}]
    stage.play(pool_pattern(), shop_policy("orders", actions=leased))
    stage.lead()
    kept = stage.await_phase("orders", "Succeeded", "Improved")
    until = datetime.fromisoformat(kept["status"]["leaseUntil"])
    assert until - datetime.fromisoformat(kept["status"]["completedAt"]) == timedelta(hours=1)
    stage.kill()
    soon = f"{datetime.now(UTC) + timedelta(seconds=15):%Y-%m-%dT%H:%M:%SZ}"
    stage.annotate(kept["metadata"]["name"], **{"lease-until": soon})
    stage.lead()
    ended = stage.await_rollback("orders")
    assert ended["status"]["leaseUntil"] == soon
    assert ended["status"]["undo"]["reason"] == "LeaseExpired"
    assert ended["status"]["undo"]["startedAt"] >= soon
    assert (stage.pool_size("orders"), stage.acts()) == ("50", THERE_AND_BACK)
    assert stage.is_as_at_the_start("orders")
