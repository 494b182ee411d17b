"""The second act: what the operator may not do. A window, a person's word, another owner, and the breaker."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from devcluster.cluster import Cluster
from devcluster.demo.stage import SETTLED, Checks, Stage, head, phase_of, reason_of
from devcluster.operator_process import ACCOUNT, DEMO

SCENE = DEMO / "governed"
FAILING = ("search", "reviews", "prices")
NAMESPACES = ("bank", "market")
DEADLINE_SECONDS = 150.0
OPEN_NOW = '{"spec": {"windows": [{"name": "any-time", "schedule": "0 * * * *", "duration": "1h"}]}}'


def play(stage: Stage) -> None:
    """Apply the bank's and the market's policies, play the people, and check every claim.

    Raises:
        DemoFailedError: when one does not hold.
    """
    head("The second act: what it may not do")
    cluster = stage.running.cluster
    for file in ("people.yaml", "policies.yaml"):
        cluster.apply(SCENE / file)
    stage.begun = time.monotonic()
    stage.say("the bank wants to be asked, at New Year only; the market gives up after three failures in a row")
    held = _held_by_the_window(stage)
    refused = _approved_by_a_person(stage)
    broken = _breaker_opens(stage)
    stage.await_targets(
        "payments to be settled", NAMESPACES, lambda found: phase_of(found.get("payments")) in SETTLED, DEADLINE_SECONDS
    )
    checks = Checks(stage)
    _check_window(checks, held)
    _check_approval(checks, refused)
    _check_breaker(checks, broken)
    _check_owner(checks)
    _show(checks)
    checks.conclude()


def _held_by_the_window(stage: Stage) -> Any:
    """Wait until payments waits for its window; what its Intervention says then."""
    found = stage.await_targets(
        "payments to be held by its window and invoices by its owner",
        NAMESPACES,
        lambda found: (
            phase_of(found.get("payments")) == "Pending"
            and found["payments"]["status"].get("nextOpen")
            and phase_of(found.get("invoices")) in SETTLED
        ),
        DEADLINE_SECONDS,
    )
    return found["payments"]


def _approved_by_a_person(stage: Stage) -> subprocess.CompletedProcess[str]:
    """Open the window, let two people try to approve; what the one who may not was told."""
    stage.running.cluster.kubectl("-n", "bank", "patch", "ap", "bank", "--type=merge", "-p", OPEN_NOW)
    stage.say("the bank's team opens the window")
    found = stage.await_targets(
        "payments to wait for a person",
        NAMESPACES,
        lambda found: phase_of(found.get("payments")) == "AwaitingApproval",
        DEADLINE_SECONDS,
    )
    name = found["payments"]["metadata"]["name"]
    refused = _vanguard(stage, "intern", "approve", name, "-n", "bank", "--reason", "looks fine to me")
    stage.say(f"the intern approves it, and is told: {refused.stderr.strip().splitlines()[0][:200]}")
    done = _vanguard(stage, "lead", "approve", name, "-n", "bank", "--reason", "database has room, on call agrees")
    stage.say(f"the lead approves it: {(done.stdout or done.stderr).strip()}")
    return refused


def _breaker_opens(stage: Stage) -> Any:
    """Wait until all three of the market have failed, then let a fourth ask; what the breaker says."""
    stage.await_targets(
        "search, reviews and prices to have failed",
        NAMESPACES,
        lambda found: all(phase_of(found.get(name)) in SETTLED for name in FAILING),
        DEADLINE_SECONDS,
    )
    cluster = stage.running.cluster
    cluster.apply(SCENE / "policy-wishlist.yaml")
    stage.say("a fourth service of the market may be changed now, says its policy")
    stage.await_targets(
        "wishlist to be held by the breaker",
        NAMESPACES,
        lambda found: (
            reason_of(found.get("wishlist")) == "Pending BreakerOpen" or phase_of(found.get("wishlist")) in SETTLED
        ),
        DEADLINE_SECONDS,
    )
    return stage.get("automationpolicy", "market", namespace="market").get("status", {}).get("breaker", {})


def _vanguard(stage: Stage, person: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The command line, as somebody else."""
    kubeconfig = stage.running.cluster.kubeconfig_for(person, "bank")
    command = [str(Path(sys.executable).with_name("vanguard")), *words, "--kubeconfig", str(kubeconfig)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def _gate(intervention: Any, name: str) -> Any:
    gates = intervention.get("status", {}).get("gates", [])
    return next((gate for gate in gates if gate["name"] == name), {})


def _check_window(checks: Checks, held: Any) -> None:
    head("(e) payments: the change would help, but its window is shut; people hear that the breach comes first")
    window, status = _gate(held, "window"), held["status"]
    checks.claim(
        window.get("reason") == "WindowClosed", f"the gate said {window.get('reason')}: {window.get('message')}"
    )
    opening = window.get("nextOpen", "never")
    checks.claim(opening.startswith("2") and opening[4:] == "-01-01T02:00:00Z", f"next opening {opening}")
    checks.claim(status["reason"] == "CannotActBeforeBreach", f"{status['reason']}: {status['message']}")
    checks.claim(bool(status.get("escalatedAt")), f"told at {status.get('escalatedAt')}, not when it is too late")


def _check_approval(checks: Checks, refused: subprocess.CompletedProcess[str]) -> None:
    head("(f) payments: in an open window it asks; only who has the verb `approve` may say yes")
    checks.claim(refused.returncode != 0, f"the intern, who may edit, is refused: {refused.stderr.strip()}")
    status = checks.ended("payments", "Succeeded", "Improved")
    word = checks.by_target["payments"]["spec"].get("approval", {})
    lead = "system:serviceaccount:bank:lead"
    checks.claim(word.get("by") == lead, f"approved by {word.get('by')}: {word.get('reason')}")
    size = checks.stage.get("configmap", "payments-config", namespace="bank")["data"]["POOL_SIZE"]
    summary = status.get("change", {}).get("summary", "nothing")
    checks.claim(size == "60", f"POOL_SIZE is {size}, it was 50 ({summary})")


def _check_breaker(checks: Checks, breaker: Any) -> None:
    head("(g) market: the remedy fails three times in a row, so the breaker opens and the fourth is not tried")
    for name in FAILING:
        checks.ended(name, "RolledBack", "Degraded")
    count, state = breaker.get("failures"), breaker.get("state")
    checks.claim(
        (count, state) == (3, "Open"), f"breaker {state} after {count} failures, until {breaker.get('retryAt')}"
    )
    fourth = checks.by_target.get("wishlist", {})
    gate = _gate(fourth, "breaker")
    checks.claim(
        (phase_of(fourth), gate.get("reason")) == ("Pending", "BreakerOpen"),
        f"wishlist: {phase_of(fourth)}, {gate.get('message')}",
    )
    _untouched(checks, "market", "deployments", "wishlist")


def _check_owner(checks: Checks) -> None:
    head("(h) invoices: Argo CD owns the value and would take the change back: hands off")
    owned = checks.by_target.get("invoices", {})
    checks.claim(
        reason_of(owned) == "Rejected GitOpsOwned", f"{reason_of(owned)}: {owned.get('status', {}).get('message')}"
    )
    _untouched(checks, "bank", "configmaps", "invoices-config")
    _untouched(checks, "bank", "deployments", "invoices")


def _untouched(checks: Checks, namespace: str, resource: str, name: str) -> None:
    cluster = checks.stage.running.cluster
    if isinstance(cluster, Cluster):
        writes = cluster.writes(user=ACCOUNT, namespace=namespace, resource=resource, name=name)
        checks.claim(not writes, f"{len(writes)} writes to {resource}/{name} by the operator in the audit log")


def _show(checks: Checks) -> None:
    """What people see."""
    cluster = checks.stage.running.cluster
    head("$ kubectl get interventions -n bank -o wide; kubectl get interventions -n market")
    for words in (("bank", "-o", "wide"), ("market",)):
        print(cluster.kubectl("get", "interventions", "-n", *words).stdout.rstrip())
    name = checks.by_target["wishlist"]["metadata"]["name"]
    for command in (("breaker", "show"), ("explain", name)):
        checks.stage.type(*command, "-n", "market")
