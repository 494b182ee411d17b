"""What people type, against the real API server, with the rights they would have."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from devcluster.cluster import Cluster
from tests.cluster.test_kinds import intervention
from vanguard.api.base import format_time, parse_time
from vanguard.api.kinds import AutomationPolicy
from vanguard.cli.main import main

SPACE = "people"
PEOPLE = {"approver": "vanguard-approver", "editor": "edit"}


@pytest.fixture(scope="module")
def people(cluster: Cluster) -> Iterator[dict[str, Path]]:
    """A namespace with an approver and an editor, and the kubeconfig of each."""
    cluster.kubectl("create", "namespace", SPACE)
    for name, role in PEOPLE.items():
        cluster.kubectl("-n", SPACE, "create", "serviceaccount", name)
        cluster.kubectl(
            "-n", SPACE, "create", "rolebinding", name, f"--clusterrole={role}", f"--serviceaccount={SPACE}:{name}"
        )
    yield {name: cluster.kubeconfig_for(name, SPACE) for name in PEOPLE}
    cluster.kubectl("-n", SPACE, "delete", "interventions", "--all")
    cluster.kubectl("delete", "namespace", SPACE, "--wait=false")


@pytest.fixture
def held(cluster: Cluster, people: dict[str, Path]) -> Iterator[str]:  # noqa: ARG001 - the namespace must be there
    """An Intervention that waits for a person."""
    body = intervention("held")
    body["metadata"]["namespace"] = SPACE
    cluster.apply(json.dumps(body))
    _phase(cluster, "AwaitingApproval", "ApprovalRequired")
    yield "held"
    cluster.kubectl("-n", SPACE, "delete", "iv", "held", "--ignore-not-found")


def _phase(cluster: Cluster, phase: str, reason: str) -> None:
    status = json.dumps({"status": {"phase": phase, "reason": reason, "message": "so it is"}})
    cluster.kubectl("-n", SPACE, "patch", "iv", "held", "--subresource=status", "--type=merge", "-p", status)


def say(kubeconfig: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "-n", SPACE, "--kubeconfig", str(kubeconfig)])


def look(cluster: Cluster) -> Any:
    return json.loads(cluster.kubectl("-n", SPACE, "get", "iv", "held", "-o", "json").stdout)


def test_an_approver_approves_in_their_own_name(cluster: Cluster, people: dict[str, Path], held: str) -> None:
    said = say(people["approver"], "approve", held, "--reason", "looks right", "--for", "30m")
    assert said.exit_code == 0, said.output
    found = look(cluster)
    approval = found["spec"]["approval"]
    refused = say(people["approver"], "approve", held, "--reason", "too late", "--for", "0s")
    assert "--for is 0s; it must be more than 0s" in refused.output
    assert approval["by"] == f"system:serviceaccount:{SPACE}:approver"
    assert (approval["verdict"], approval["reason"]) == ("Approved", "looks right")
    assert approval["intervention"] == found["metadata"]["uid"]
    assert approval["expiresAt"] > found["metadata"]["creationTimestamp"]
    again = say(people["approver"], "deny", held, "--reason", "changed my mind")
    assert again.exit_code == 1
    assert "a word is given once" in again.output


def test_an_editor_may_not_approve_and_is_told_whom_to_ask(
    cluster: Cluster, people: dict[str, Path], held: str
) -> None:
    said = say(people["editor"], "approve", held, "--reason", "looks right")
    assert said.exit_code == 1
    assert "may not approve Interventions" in said.output
    assert "vanguard-approver" in said.output
    assert "Traceback" not in said.output
    assert "approval" not in look(cluster)["spec"]


def test_an_editor_aborts_and_says_why(cluster: Cluster, people: dict[str, Path], held: str) -> None:
    said = say(people["editor"], "abort", held, "--reason", "release at noon")
    assert said.exit_code == 0, said.output
    assert look(cluster)["metadata"]["annotations"]["vanguard.dev/abort"] == "release at noon"


def test_what_is_over_is_undone_only_if_it_was_kept(cluster: Cluster, people: dict[str, Path], held: str) -> None:
    _phase(cluster, "Rejected", "AlertResolved")
    for verb in ("rollback", "abort", "approve"):
        refused = say(people["editor"], verb, held, "--reason", "too slow")
        assert refused.exit_code == 1
        assert "is over" in refused.output
    _phase(cluster, "Succeeded", "Improved")
    assert say(people["editor"], "rollback", held, "--reason", "too slow").exit_code == 0
    assert look(cluster)["metadata"]["annotations"]["vanguard.dev/rollback"] == "too slow"


def test_a_commit_leads_to_what_is_undone_also_for_who_sees_one_namespace_only(
    cluster: Cluster, people: dict[str, Path], held: str
) -> None:
    sha = "abcdef0123456789abcdef0123456789abcdef01"
    commit = {"purpose": "Audit", "repository": "r", "sha": sha, "at": "2026-03-04T12:00:00Z", "state": "Sent"}
    status = json.dumps({"status": {"phase": "Succeeded", "reason": "Improved", "commits": [commit]}})
    cluster.kubectl("-n", SPACE, "patch", "iv", held, "--subresource=status", "--type=merge", "-p", status)
    said = say(people["editor"], "rollback", "--commit", sha[:7], "--reason", "too slow")
    assert said.exit_code == 0, said.output
    assert look(cluster)["metadata"]["annotations"]["vanguard.dev/rollback"] == "too slow"
    unknown = say(people["editor"], "rollback", "--commit", "0000000", "--reason", "too slow")
    assert "commit 0000000 belongs to no Intervention in namespace people (see -n)" in unknown.output


def test_a_lease_is_renewed_where_there_is_one(cluster: Cluster, people: dict[str, Path], held: str) -> None:
    refused = say(people["editor"], "renew", held, "--for", "72h")
    assert refused.exit_code == 1
    assert "held has no lease to renew: it is AwaitingApproval, ApprovalRequired" in refused.output
    _phase(cluster, "Succeeded", "Improved")
    assert "has no lease to renew" in say(people["editor"], "renew", held, "--for", "72h").output
    leased = json.dumps({"status": {"leaseUntil": "2026-01-01T00:00:00Z"}})
    cluster.kubectl("-n", SPACE, "patch", "iv", held, "--subresource=status", "--type=merge", "-p", leased)
    assert (
        "--for is 2161h; its policies lend it for 2160h"
        in say(people["editor"], "renew", held, "--for", "2161h").output
    )
    assert "0s; it must be more than 0s" in say(people["editor"], "renew", held, "--for", "0s").output
    assert f"vanguard renew held -n {SPACE} --for 72h" in say(people["editor"], "explain", held).output
    assert say(people["editor"], "renew", held, "--for", "72h").exit_code == 0
    until = parse_time(look(cluster)["metadata"]["annotations"]["vanguard.dev/lease-until"])
    assert timedelta(hours=71) < until - datetime.now(UTC) <= timedelta(hours=72)


def test_a_deployment_is_paused_and_resumed(cluster: Cluster, people: dict[str, Path]) -> None:
    cluster.kubectl("-n", SPACE, "create", "deployment", "web", "--image=none", "--replicas=0")
    assert say(people["editor"], "pause", "deployment/web", "--for", "2h").exit_code == 0
    path = "{.metadata.annotations.vanguard\\.dev/paused-until}"
    until = cluster.kubectl("-n", SPACE, "get", "deployment", "web", "-o", f"jsonpath={path}").stdout
    assert until.endswith("Z")
    assert say(people["editor"], "resume", "deploy/web").exit_code == 0
    assert cluster.kubectl("-n", SPACE, "get", "deployment", "web", "-o", f"jsonpath={path}").stdout == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("approve", "none", "--reason", "x"), "there is no Intervention none in namespace people"),
        (("approve", "none"), "Missing option '--reason'"),
        (("approve", "none", "--reason", "x", "--for", "soon"), "'soon'"),
        (("pause", "deployment/web"), "one of --for and --until is needed"),
        (("pause", "pod/web", "--for", "2h"), "it must be deployment/NAME, statefulset/NAME or namespace"),
        (("pause", "deployment/web", "--until", "noon"), "'noon' is not an RFC 3339 time"),
        (("explain", "none"), "there is no Intervention none in namespace people"),
        (("breaker", "reset", "none", "--reason", "x"), "there is no AutomationPolicy none in namespace people"),
        (("breaker", "reset", "none", "--reason", "x"), "`vanguard breaker show -n people` lists them"),
        (("explain", "held", "--context", "mars"), "no way to log in"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_is_told_in_a_sentence(people: dict[str, Path], words: tuple[str, ...], told: str) -> None:
    said = say(people["editor"], *words)
    assert said.exit_code != 0
    assert told in said.output
    assert "Traceback" not in said.output


def test_the_story_is_told(people: dict[str, Path], held: str) -> None:
    said = say(people["editor"], "explain", held)
    assert said.exit_code == 0, said.output
    for part in ("TunePool on Deployment orders", "AwaitingApproval", "Connection pool about to run out",
                 "pool-usage was 81.2, limit 95", "vanguard approve held -n people"):  # fmt: skip
        assert part in said.output
    raw = say(people["editor"], "explain", held, "-o", "json")
    assert json.loads(raw.output)["metadata"]["name"] == held


def test_a_breaker_is_shown_and_reset_with_a_reason(cluster: Cluster, people: dict[str, Path]) -> None:
    policy = {
        "apiVersion": "vanguard.dev/v1alpha1", "kind": "AutomationPolicy",
        "metadata": {"name": "team", "namespace": SPACE},
        "spec": {"workloads": [{"selector": {"matchLabels": {"app": "x"}}, "serviceType": "web"}],
                 "circuitBreaker": {"failures": 4}},
    }  # fmt: skip
    cluster.apply(json.dumps(policy))
    assert "team: not evaluated yet" in say(people["editor"], "breaker", "show").output
    status = {"status": {"breaker": {"state": "Open", "failures": 4, "openedAt": "2026-01-01T00:00:00Z",
                                     "retryAt": "2026-01-01T01:00:00Z"}}}  # fmt: skip
    cluster.kubectl(
        "-n", SPACE, "patch", "ap", "team", "--subresource=status", "--type=merge", "-p", json.dumps(status)
    )
    shown = say(people["editor"], "breaker", "show").output
    assert "team: Open, 4 of 4 failures in a row" in shown
    assert "one may be tried from 2026-01-01T01:00:00Z" in shown
    assert say(people["editor"], "breaker", "reset", "team", "--reason", "fixed the exporter").exit_code == 0
    found = json.loads(cluster.kubectl("-n", SPACE, "get", "ap", "team", "-o", "json").stdout)["spec"]["circuitBreaker"]
    assert (found["failures"], found["reset"]["reason"]) == (4, "fixed the exporter")
    assert found["reset"]["by"] == f"system:serviceaccount:{SPACE}:editor"


OPERATORS = "vanguard-cli-home"


@pytest.fixture
def home(cluster: Cluster) -> Iterator[str]:
    """A namespace that is taken for the operator's, with no policy in it."""
    cluster.kubectl("create", "namespace", OPERATORS)
    yield OPERATORS
    cluster.kubectl("delete", "namespace", OPERATORS)


def _failed(cluster: Cluster, name: str, minutes: int) -> None:
    """An Intervention that did harm and was taken back so long ago."""
    body = intervention(name)
    body["metadata"]["namespace"] = SPACE
    cluster.apply(json.dumps(body))
    at = format_time(datetime.now(UTC) - timedelta(minutes=minutes))
    told = {"phase": "RolledBack", "reason": "Restored", "verdict": "Degraded", "startedAt": at, "completedAt": at,
            "undo": {"reason": "Degraded", "startedAt": at}}  # fmt: skip
    patch = ("--subresource=status", "--type=merge", "-p", json.dumps({"status": told}))
    cluster.kubectl("-n", SPACE, "patch", "iv", name, *patch)


def test_the_clusters_own_breaker_is_shown_and_how_to_reset_it_is_told(
    cluster: Cluster, people: dict[str, Path], home: str
) -> None:
    admin = cluster.state / "kubeconfig"

    def show(*words: str, kubeconfig: Path = admin) -> str:
        said = say(kubeconfig, "breaker", "show", "--operator-namespace", home, *words)
        assert said.exit_code == 0, said.output
        return said.output

    assert "the cluster (the built-in default): Closed" in show()
    assert "the cluster: your account may not list" in show(kubeconfig=people["editor"])
    for n in range(5):
        _failed(cluster, f"failed-{n}", n)
    shown = show("-A")
    assert "the cluster (the built-in default): Open, 5 of 5 failures in a row, opened " in shown
    assert f"vanguard breaker reset ceiling -n {home}" in shown

    words = ("breaker", "reset", "ceiling", "--reason", "mended", "--operator-namespace", home)
    said = CliRunner().invoke(main, [*words, "-n", home, "--kubeconfig", str(admin)])
    assert said.exit_code == 1
    assert (
        f"there is no AutomationPolicy in namespace {home}, so the built-in breaker guards the cluster" in said.output
    )
    cluster.apply(said.output.split("\n\n", 1)[1])
    (made,) = json.loads(cluster.kubectl("-n", home, "get", "ap", "-o", "json").stdout)["items"]
    policy = AutomationPolicy.read(made)
    assert policy.spec.circuit_breaker.reset is not None
    assert policy.spec.circuit_breaker.reset.reason == "mended"
    shown = show("-A")
    assert f"the cluster: guarded by the breakers of namespace {home}: ceiling" in shown
    assert f"{home}/ceiling: not evaluated yet" in shown
