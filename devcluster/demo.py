"""`demo`: four services side by side; every claim is checked against the cluster and Prometheus, or it fails.

It applies patterns and a policy and then only watches: what happens is the operator's doing.
"""

import json
import os
import sys
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from devcluster import build
from devcluster.cluster import Cluster
from devcluster.errors import DevclusterError
from devcluster.kind import KindCluster
from devcluster.operator_process import ACCOUNT, DEMO, OPERATOR, Running, start
from devcluster.parts import Parts

DEADLINE_SECONDS = 180.0
POLL_SECONDS = 0.5
SETTLED = frozenset({"Succeeded", "RolledBack", "Failed", "Rejected", "Observed"})
POOL = "100 * sum by (deployment) (app_pool_in_use) / sum by (deployment) (app_pool_size)"
MEMORY = (
    '100 * avg by (container) (container_memory_working_set_bytes{pod=~"catalog-.*"}'
    ' / on (namespace, pod, container) kube_pod_container_resource_limits{resource="memory"})'
)
LIMIT, NODE_ALERT_HOURS = 95, 4

_console = Console(highlight=False, soft_wrap=True)


class DemoFailedError(DevclusterError):
    """The demo did not see what it promises."""


@dataclass
class Stage:
    """The running cluster, and what was seen on it before anything happened."""

    running: Running
    begun: float = field(default_factory=time.monotonic)
    told: dict[str, int] = field(default_factory=dict)

    def say(self, text: str, style: str = "") -> None:
        """A line with the time since patterns and policy were applied."""
        _console.print(f"[dim]{time.monotonic() - self.begun:6.1f} s[/]  {text}", style=style)

    def get(self, *what: str) -> Any:
        """An object or list in namespace shop, as JSON."""
        return self.running.cluster.get("-n", "shop", *what)

    def ask(self, query: str) -> dict[str, float]:
        """An instant query; the last label's value to the number."""
        url = f"{self.running.prometheus.url}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(url, timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
        return {next(iter(entry["metric"].values()), ""): float(entry["value"][1]) for entry in result}


def main(state: Path, *, kind: bool = False) -> int:
    """Run the demo; 0 only if every claim held."""
    begun = time.monotonic()
    build.ensure_built()
    built = time.monotonic()
    cluster = KindCluster(state) if kind else Cluster(state)
    if not kind:
        _forget_previous(state)
    try:
        _play(Stage(start(state, kind=kind)))
    finally:
        if os.environ.get("KEEP"):
            _console.print(f"\nKept running: source {cluster.state / 'env'}; stop it with make down")
        else:
            Parts(cluster.state).stop()
    took = time.monotonic() - built
    _console.print(f"\nThe demo took {took:.0f} s, {built - begun:.0f} s of build apart. Look around: KEEP=1 make demo")
    return 0


def _forget_previous(state: Path) -> None:
    """The story begins at its beginning: data of an earlier demo would be its past."""
    if state.exists():
        stopped = Parts(state.absolute()).stop()
        if stopped:
            print(f"Stopped what was running: {', '.join(stopped)}.")
        Cluster(state).stop(purge=True)


def _play(stage: Stage) -> None:
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
    _show(stage)
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
    _console.print(
        f"\nNow, and where a straight line through six hours ends in {NODE_ALERT_HOURS} hours (limit {LIMIT}):"
    )
    for name in ("orders", "checkout", "storefront"):
        _console.print(f"  {name:<11} pool {pool[name]:5.1f} %  ->  {straight[name]:5.1f} %")
    _console.print(f"  {'catalog':<11} memory {memory:4.1f} %\n")
    return Before(pool, straight, memory, stage.get("deployment", "checkout"), stage.get("deployment", "storefront"))


def _watch(stage: Stage) -> None:
    """Narrate each transition until the three Interventions are settled."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    settled: set[str] = set()
    while len(settled) < 3:  # noqa: PLR2004 - orders, checkout, catalog
        for iv in stage.get("interventions")["items"]:
            _narrate(stage, iv)
            if iv.get("status", {}).get("phase") in SETTLED:
                settled.add(iv["spec"]["target"]["name"])
        if time.monotonic() > deadline:
            raise DemoFailedError(
                f"after {DEADLINE_SECONDS:.0f} s only {sorted(settled) or 'nothing'} is settled; "
                f"see {stage.running.cluster.state / 'logs' / 'operator.log'}"
            )
        time.sleep(POLL_SECONDS)


def _narrate(stage: Stage, iv: Any) -> None:
    name, target, status = iv["metadata"]["name"], iv["spec"]["target"]["name"], iv.get("status", {})
    if name not in stage.told:
        cause = iv["spec"]["cause"]
        stage.say(
            f"[bold]{target}[/] alert fires: {cause['signal']} {float(cause['value']):.1f}, "
            f"{float(cause['slopePerHour']):+.1f}/h, limit {cause['limit']} foreseen at {cause.get('breachAt', '?')} "
            f"({cause['breachPercent12h']} % within 12 h)"
        )
    timeline = status.get("timeline", [])
    for entry in timeline[stage.told.get(name, 0) :]:
        stage.say(f"[bold]{target}[/] {entry['phase']}: {entry['reason']}: {entry['message'][:160]}")
    stage.told[name] = len(timeline)


class Checks:
    """Claims and whether they held."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.failed: list[str] = []
        self.by_target = {iv["spec"]["target"]["name"]: iv for iv in stage.get("interventions")["items"]}

    def claim(self, holds: bool, text: str) -> None:
        """One claim, told as it is."""
        _console.print(("  [green]yes[/]  " if holds else "  [red]NO[/]   ") + text)
        if not holds:
            self.failed.append(text)

    def ended(self, target: str, phase: str, verdict: str) -> Any:
        """How a target's Intervention ended."""
        status = self.by_target.get(target, {}).get("status", {})
        told = f"{target}: {status.get('phase')}, verdict {status.get('verdict')}"
        self.claim((status.get("phase"), status.get("verdict")) == (phase, verdict), told)
        return status

    def conclude(self) -> None:
        """Fail loudly if a claim did not hold."""
        if self.failed:
            raise DemoFailedError("the demo did not see what it promises: " + "; ".join(self.failed))
        _console.print("\n[bold green]All claims held.[/]")


def _head(text: str) -> None:
    _console.print(f"\n[bold]{text}[/]")


def _check_orders(checks: Checks, before: Before) -> None:
    _head("(a) orders: the pool runs out; a larger one helps, and stays")
    checks.ended("orders", "Succeeded", "Improved")
    size = checks.stage.get("configmap", "orders-config")["data"]["POOL_SIZE"]
    checks.claim(size == "60", f"POOL_SIZE is {size}, it was 50")
    now = checks.stage.ask(POOL)["orders"]
    checks.claim(now < before.pool["orders"] - 5, f"pool use fell from {before.pool['orders']:.1f} % to {now:.1f} %")


def _check_checkout(checks: Checks, before: Before) -> None:
    _head("(b) checkout: the same symptom, but a larger pool makes it slower: taken back, and people are told")
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
    _head("(c) catalog: memory leaks; a rolling restart frees it")
    checks.ended("catalog", "Succeeded", "Improved")
    template = checks.stage.get("deployment", "catalog")["spec"]["template"]["metadata"]
    at = template.get("annotations", {}).get("kubectl.kubernetes.io/restartedAt", "")
    checks.claim(bool(at), f"restarted at {at or 'never'}")
    now = next(iter(checks.stage.ask(MEMORY).values()))
    checks.claim(now < before.memory / 2, f"memory fell from {before.memory:.1f} % to {now:.1f} % of the limit")


def _check_storefront(checks: Checks, before: Before) -> None:
    _head("(d) storefront: a daily peak that looks the same to a straight line: left alone, with the reason")
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


def _show(stage: Stage) -> None:
    """What people see."""
    cluster = stage.running.cluster
    _head("$ kubectl get interventions -A")
    print(cluster.kubectl("get", "interventions", "-A").stdout.rstrip())
    name = next(
        iv["metadata"]["name"]
        for iv in stage.get("interventions")["items"]
        if iv["spec"]["target"]["name"] == "checkout"
    )
    _head(f"$ kubectl -n shop describe intervention {name}")
    print(cluster.kubectl("-n", "shop", "describe", "intervention", name).stdout.rstrip())
    sys.stdout.flush()
