"""A restart of what a GitOps tool owns: its pods go one by one by the Eviction API, and the workload is not written to.

Who was evicted is counted in the API server's audit log, and how many were ready is looked at all the while.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.stage import AT_ONCE, SHOP, Json, Stage, pool_pattern, shop_policy

ARGO = "argocd.argoproj.io/tracking-id=shop:apps/Deployment:shop/orders"
PODS = f"/api/v1/namespaces/{SHOP}/pods?labelSelector=app%3Dorders"
BUDGET = f"/apis/policy/v1/namespaces/{SHOP}/poddisruptionbudgets/orders"


def restart_pattern() -> Json:
    """The pool's signal, with a restart for a remedy."""
    pattern = pool_pattern()
    pattern["spec"]["action"] = {"type": "RestartRollout", "rolloutDeadline": "2m"}
    return pattern


def budget(stage: Stage, min_available: int) -> None:
    """A PodDisruptionBudget for the pods of `orders`, seen by its controller."""
    spec = {"minAvailable": min_available, "selector": {"matchLabels": {"app": "orders"}}}
    meta = {"name": "orders", "namespace": SHOP}
    stage.play({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": spec})
    stage.eventually(
        lambda: stage.read(BUDGET).get("status", {}),
        lambda status: status.get("observedGeneration") == 1 and status.get("currentHealthy") == 3,
        what="the PodDisruptionBudget to be seen by its controller",
    )


@dataclass
class Watch:
    """What was seen of the pods; `least` is the fewest that were ready at any look."""

    stage: Stage
    before: dict[str, str] = field(default_factory=dict)
    least: int = 3

    def pods(self) -> list[Json]:
        """The pods of `orders`, those on their way out too."""
        found: list[Json] = self.stage.read(PODS)["items"]
        self.least = min(self.least, sum(map(is_ready, found)))
        return found

    def names(self) -> dict[str, str]:
        """Name by uid of the pods that stay."""
        return {pod["metadata"]["uid"]: pod["metadata"]["name"] for pod in self.pods() if stays(pod)}

    def __post_init__(self) -> None:
        """Remember who is there."""
        self.before = self.names()
        assert len(self.before) == 3

    def await_replaced(self, count: int) -> None:
        """Wait until so many of those that were there are gone, or on their way out."""

        def gone() -> int:
            return len(self.before.keys() - self.names().keys())

        self.stage.eventually(gone, lambda seen: seen >= count, what=f"{count} pods to go", within=90)


def stays(pod: Json) -> bool:
    return "deletionTimestamp" not in pod["metadata"]


def is_ready(pod: Json) -> bool:
    conditions: list[Json] = pod.get("status", {}).get("conditions", [])
    return stays(pod) and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


@pytest.fixture
def owned(stage: Stage) -> Iterator[Stage]:
    """Argo CD owns `orders`, whose new pods take a second to be ready."""
    stage.slow_down("orders", "1s")
    stage.cluster.kubectl("-n", SHOP, "annotate", "deployment", "orders", ARGO)
    stage.await_rollouts()
    stage.begun["orders"] = stage.deployment("orders")
    stage.mark = stage.cluster.audit_mark()
    yield stage
    stage.stop_operators()
    stage.cluster.kubectl("-n", SHOP, "delete", "pdb", "orders", "--ignore-not-found")


def policy(**spec: Any) -> Json:
    return shop_policy("orders", stability=AT_ONCE, **spec)


def once_each(pods: dict[str, str]) -> Counter[str]:
    return Counter(f"pods/{name}" for name in pods.values())


@pytest.mark.parametrize("killed", [False, True], ids=["undisturbed", "killed after the first pod"])
def test_each_pod_is_replaced_once_and_the_template_is_left_alone(owned: Stage, killed: bool) -> None:
    budget(owned, 2)
    watch = Watch(owned)
    owned.play(restart_pattern(), policy())
    owned.lead()
    if killed:
        watch.await_replaced(1)
        owned.kill()
        owned.lead()
    watch.await_replaced(3)
    ended = owned.await_phase("orders", "Monitoring")
    (gate,) = [gate for gate in ended["status"]["gates"] if gate["name"] == "ownership"]
    assert (gate["verdict"], gate["reason"]) == ("Pass", "RestartByEviction")
    recorded = {pod["uid"]: pod["name"] for pod in ended["status"]["change"]["evictions"]}
    assert recorded == watch.before
    after = watch.names()
    assert len(after) == 3
    assert not after.keys() & watch.before.keys()
    assert watch.least == 2
    assert owned.acts() == once_each(watch.before), "three evictions, and not one write to the Deployment"
    assert owned.is_as_at_the_start("orders")
    now, then = (
        deployment["metadata"]["generation"] for deployment in (owned.deployment("orders"), owned.begun["orders"])
    )
    assert now == then


def test_a_budget_that_lets_no_pod_go_holds_it_and_nothing_is_evicted(owned: Stage) -> None:
    budget(owned, 3)
    watch = Watch(owned)
    owned.play(restart_pattern(), policy())
    owned.lead()
    owned.await_phase("orders", "Pending", "DisruptionBudgetExhausted")
    owned.await_looks()
    assert owned.acts() == Counter()
    assert watch.names() == watch.before
    assert watch.least == 3


def test_a_policy_that_demands_a_rollback_refuses_it(owned: Stage) -> None:
    actions = [entry for entry in policy()["spec"]["actions"] if entry["type"] == "RestartRollout"]
    owned.play(restart_pattern(), policy(actions=[{**actions[0], "rollback": "Mandatory"}]))
    owned.lead()
    refused = owned.await_phase("orders", "Rejected", "RollbackUnsafe")
    assert "set rollback: BestEffort for RestartRollout" in refused["status"]["message"]
    assert owned.acts() == Counter()
