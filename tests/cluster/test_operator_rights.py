"""What the operator may, asked and tried with its own token: what the loop needs, and not a verb more."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.cluster import Cluster
from devcluster.operator_process import NAMESPACE

READ = frozenset({"get", "list", "watch"})
Right = tuple[str, str, str]

# Asking who one is and what one may changes nothing, and everyone may.
QUESTIONS = {
    ("authentication.k8s.io/selfsubjectreviews", "create", ""),
    ("authorization.k8s.io/selfsubjectaccessreviews", "create", ""),
    ("authorization.k8s.io/selfsubjectrulesreviews", "create", ""),
}
WRITES_ANYWHERE = {
    ("apps/deployments", "patch", ""),
    ("apps/statefulsets", "patch", ""),
    ("/events", "create", ""),
    ("/pods/eviction", "create", ""),
    ("vanguard.dev/interventions", "create", ""),
    ("vanguard.dev/interventions", "patch", ""),
    *(
        (f"vanguard.dev/{kind}/status", verb, "")
        for kind in ("issuepatterns", "automationpolicies", "interventions")
        for verb in ("update", "patch")
    ),
}
WRITES_IN_SHOP = {("/configmaps", "patch", "orders-config"), ("/configmaps", "patch", "storefront-config")}
WRITES_AT_HOME = {
    ("coordination.k8s.io/leases", "create", ""),
    ("coordination.k8s.io/leases", "update", "vanguard"),
}

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def as_operator(cluster: Cluster) -> Kubectl:
    """Run kubectl with the token of the chart's ServiceAccount."""
    own: Path = cluster.kubeconfig_for("vanguard", NAMESPACE)

    def run(*args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return cluster.kubectl(f"--kubeconfig={own}", *args, stdin=stdin, check=False)

    return run


def rules(as_operator: Kubectl, namespace: str) -> list[dict[str, Any]]:
    """What `kubectl auth can-i --list` shows for a namespace, as data."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = as_operator("create", "--validate=false", "-o", "json", "-f", "-", stdin=json.dumps(review))
    assert answer.returncode == 0, answer.stderr
    return list(json.loads(answer.stdout)["status"]["resourceRules"])


def rights(as_operator: Kubectl, namespace: str) -> Iterator[Right]:
    """Every right: group/resource, verb, and the name it is for if it is for one only."""
    for rule in rules(as_operator, namespace):
        for group in rule.get("apiGroups", ()):
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames") or [""]:
                        yield f"{group}/{resource}", verb, name


@pytest.mark.parametrize(
    ("namespace", "further"),
    [("shop", WRITES_IN_SHOP), (NAMESPACE, WRITES_AT_HOME), ("default", set()), ("kube-system", set())],
)
def test_it_may_write_exactly_this(as_operator: Kubectl, namespace: str, further: set[Right]) -> None:
    writes = {right for right in rights(as_operator, namespace) if right[1] not in READ}
    assert writes == QUESTIONS | WRITES_ANYWHERE | further


@pytest.mark.parametrize("namespace", ["shop", NAMESPACE, "default"])
def test_it_has_no_wildcard_and_sees_no_secret(as_operator: Kubectl, namespace: str) -> None:
    found = set(rights(as_operator, namespace))
    assert [right for right in found if "*" in "".join(right)] == []
    assert [right for right in found if "secrets" in right[0]] == []


@pytest.mark.parametrize("namespace", ["shop", NAMESPACE])
def test_the_only_paths_it_may_ask_beside_are_the_servers_own_description(as_operator: Kubectl, namespace: str) -> None:
    shown = as_operator("auth", "can-i", "--list", "--no-headers", "-n", namespace).stdout.splitlines()
    paths = {line.split("[")[1].split("]")[0] for line in shown if line.startswith(" ")}
    assert {path.split("/")[1] for path in paths} == {
        "api", "apis", "healthz", "livez", "readyz", "openapi", "openid", "version", ".well-known",
    }  # fmt: skip


def test_a_configmap_that_nobody_declared_is_closed_to_it(cluster: Cluster, as_operator: Kubectl) -> None:
    cluster.kubectl("-n", "shop", "create", "configmap", "undeclared", "--from-literal=POOL_SIZE=50")
    try:
        patch = ("--type=merge", "-p", '{"data":{"POOL_SIZE":"60"}}')
        refused = as_operator("-n", "shop", "patch", "configmap", "undeclared", *patch)
        assert refused.returncode != 0
        assert 'configmaps "undeclared" is forbidden' in refused.stderr
        assert cluster.get("-n", "shop", "configmap", "undeclared")["data"] == {"POOL_SIZE": "50"}
        declared = as_operator("-n", "shop", "patch", "configmap", "orders-config", *patch, "--dry-run=server")
        assert declared.returncode == 0, declared.stderr
    finally:
        cluster.kubectl("-n", "shop", "delete", "configmap", "undeclared")


def test_it_cannot_read_a_secret(as_operator: Kubectl) -> None:
    for where in (("-n", NAMESPACE), ("-n", "shop"), ("-A",)):
        refused = as_operator("get", "secrets", *where)
        assert "forbidden" in refused.stderr
