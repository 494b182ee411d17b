"""The first act: four services side by side, from the trend to what is kept and what is taken back."""

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from devcluster.cluster import Cluster
from devcluster.demo.stage import POLL_SECONDS, SETTLED, Checks, DemoFailedError, Stage, console, head, phase_of
from devcluster.operator_process import ACCOUNT, DEMO, OPERATOR

DEADLINE_SECONDS = 180.0
POOL = "100 * sum by (deployment) (app_pool_in_use) / sum by (deployment) (app_pool_size)"
MEMORY = (
    '100 * avg by (container) (container_memory_working_set_bytes{pod=~"catalog-.*"}'
    ' / on (namespace, pod, container) kube_pod_container_resource_limits{resource="memory"})'
)
LIMIT, NODE_ALERT_HOURS = 95, 4


def play(stage: Stage) -> None:
    """Apply patterns and policy, watch, and check every claim.

    Raises:
        DemoFailedError: when one does not hold.
    """
    before = _before(stage)
    cluster = stage.running.cluster
    cluster.apply(DEMO / "patterns.yaml")
    cluster.apply(DEMO / "policies.yaml")
    stage.begun = time.monotonic()
    stage.say("patterns and policy applied; from here on only the operator acts")
    _watch(stage)
    checks = Checks(stage)
    _check_orders(checks, before)
    _check_checkout(checks, before)
    _check_catalog(checks, before)
    _check_storefront(checks, before)
    _show(checks)
    _show_forecasts(checks)
    checks.conclude()


@dataclass(frozen=True)
class Before:
    """How things stood."""

    pool: dict[str, float]
    straight: dict[str, float]
    memory: float
    checkout: Any
    storefront: Any


def _before(stage: Stage) -> Before:
    """Wait until Prometheus has the present, then say how things stand."""
    deadline = time.monotonic() + 30
    while not (pool := stage.ask(POOL)) or len(pool) < 3:  # noqa: PLR2004 - the three services with a pool
        if time.monotonic() > deadline:
            raise DemoFailedError("Prometheus has no samples of the demo workload; see .devcluster/logs")
        time.sleep(POLL_SECONDS)
    straight = stage.ask(f"predict_linear(({POOL})[6h:5m], {NODE_ALERT_HOURS} * 3600)")
    memory = next(iter(stage.ask(MEMORY).values()))
    console.print(
        f"\nNow, and where a straight line through six hours ends in {NODE_ALERT_HOURS} hours (limit {LIMIT}):"
    )
    for name in ("orders", "checkout", "storefront"):
        console.print(f"  {name:<11} pool {pool[name]:5.1f} %  ->  {straight[name]:5.1f} %")
    console.print(f"  {'catalog':<11} memory {memory:4.1f} %\n")
    return Before(pool, straight, memory, stage.get("deployment", "checkout"), stage.get("deployment", "storefront"))


def _watch(stage: Stage) -> None:
    """Narrate each transition until the three Interventions are settled."""
    what = "the Interventions of orders, checkout and catalog to be settled"
    names = {"orders", "checkout", "catalog"}

    def settled(found: dict[str, Any]) -> bool:
        return names <= {name for name, one in found.items() if phase_of(one) in SETTLED}

    stage.await_targets(what, ("shop",), settled, DEADLINE_SECONDS)


def _check_orders(checks: Checks, before: Before) -> None:
    head("(a) orders: the pool runs out; a larger one helps, and stays")
    checks.ended("orders", "Succeeded", "Improved")
    size = checks.stage.get("configmap", "orders-config")["data"]["POOL_SIZE"]
    checks.claim(size == "60", f"POOL_SIZE is {size}, it was 50")
    now = checks.stage.ask(POOL)["orders"]
    checks.claim(now < before.pool["orders"] - 5, f"pool use fell from {before.pool['orders']:.1f} % to {now:.1f} %")


def _check_checkout(checks: Checks, before: Before) -> None:
    head("(b) checkout: the same symptom, but a larger pool makes it slower: taken back, and people are told")
    status = checks.ended("checkout", "RolledBack", "Degraded")
    worse = [seen["name"] for seen in status.get("comparisons", []) if seen["verdict"] == "Degraded"]
    checks.claim(worse == ["latency-p99"], f"what got worse: {', '.join(worse) or 'nothing'}")
    now = checks.stage.get("deployment", "checkout")
    same = json.dumps(now["spec"], sort_keys=True) == json.dumps(before.checkout["spec"], sort_keys=True)
    checks.claim(same, "the Deployment's whole spec is byte-equal to before")
    uid = checks.by_target.get("checkout", {}).get("metadata", {}).get("uid", "")
    events = checks.stage.get("events")["items"]
    told = [e for e in events if e["involvedObject"].get("uid") == uid and e["type"] == "Warning"]
    checks.claim(bool(told), f"{len(told)} Warning Events on the Intervention: {told[0]['reason'] if told else 'none'}")
    log = (checks.stage.running.cluster.state / "logs" / f"{OPERATOR}.log").read_text()
    lines = [line for line in log.splitlines() if uid in line and "RolledBack" in line]
    checks.claim(bool(lines), f"{len(lines)} lines in the operator's log say so")


def _check_catalog(checks: Checks, before: Before) -> None:
    head("(c) catalog: memory leaks; a rolling restart frees it")
    checks.ended("catalog", "Succeeded", "Improved")
    template = checks.stage.get("deployment", "catalog")["spec"]["template"]["metadata"]
    at = template.get("annotations", {}).get("kubectl.kubernetes.io/restartedAt", "")
    checks.claim(bool(at), f"restarted at {at or 'never'}")
    now = next(iter(checks.stage.ask(MEMORY).values()))
    checks.claim(now < before.memory / 2, f"memory fell from {before.memory:.1f} % to {now:.1f} % of the limit")


def _check_storefront(checks: Checks, before: Before) -> None:
    head("(d) storefront: a daily peak that looks the same to a straight line: left alone, with the reason")
    ends = before.straight["storefront"]
    checks.claim(ends >= LIMIT, f"a straight line says {ends:.1f} % in {NODE_ALERT_HOURS} h: predict_linear would page")
    checks.claim("storefront" not in checks.by_target, "no Intervention was opened")
    pattern = checks.stage.running.cluster.get("issuepattern", "connection-pool-exhaustion")
    held = pattern.get("status", {}).get("heldBack", [])
    mine = [entry for entry in held if entry["target"].endswith("/storefront")]
    checks.claim(
        bool(mine) and mine[0]["reason"] == "SeasonalRamp",
        f"{mine[0]['reason']}: {mine[0]['message']}" if mine else "no reason was given",
    )
    now = checks.stage.get("deployment", "storefront")
    checks.claim(
        now["metadata"]["generation"] == before.storefront["metadata"]["generation"], "its Deployment is untouched"
    )
    cluster = checks.stage.running.cluster
    if isinstance(cluster, Cluster):
        writes = cluster.writes(user=ACCOUNT, namespace="shop", name="storefront")
        checks.claim(not writes, f"{len(writes)} writes to it by the operator in the API server's audit log")


def _show(checks: Checks) -> None:
    """What people see."""
    cluster = checks.stage.running.cluster
    head("$ kubectl get interventions -A")
    print(cluster.kubectl("get", "interventions", "-A").stdout.rstrip())
    name = checks.by_target["checkout"]["metadata"]["name"]
    head(f"$ kubectl -n shop describe intervention {name}")
    print(cluster.kubectl("-n", "shop", "describe", "intervention", name).stdout.rstrip())
    sys.stdout.flush()


def _show_forecasts(checks: Checks) -> None:
    """What was foreseen of orders when its Intervention was opened, what is of storefront now, and the proof."""
    orders, stage = checks.by_target["orders"], checks.stage
    at = orders["spec"]["evidence"]["at"]
    foretell = ("forecast", "--pattern", "connection-pool-exhaustion", "--target")
    checks.claim("BreachForeseen" in stage.type(*foretell, "shop/orders", "--at", at), "the breach it acted on")
    checks.claim("SeasonalRamp" in stage.type(*foretell, "shop/storefront"), "why (d) was left alone, drawn")
    proof = stage.type("explain", orders["metadata"]["name"], "-n", "shop", "--recompute")
    checks.claim("identical: all" in proof, "the decision on orders comes out again from its own evidence")
