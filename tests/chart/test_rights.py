"""The rights the chart gives are the ones the operator needs, written out once more and compared."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

VANGUARD = "vanguard.dev"
READS = {"get", "list", "watch"}
TUNABLES = {
    "tunableConfigMaps": [
        {"namespace": "shop", "names": ["orders-config", "storefront-config"]},
        {"namespace": "billing", "names": ["invoices"]},
    ]
}
ROLES = {"Role", "ClusterRole"}
BINDINGS = {"RoleBinding", "ClusterRoleBinding"}
OPERATOR = {"kind": "ServiceAccount", "name": "vanguard", "namespace": "vanguard-system"}

Objects = list[dict[str, Any]]
Render = Callable[..., Objects]
Select = Callable[..., dict[str, Any]]
Right = tuple[str, str, str]


def rights(role: dict[str, Any]) -> set[Right]:
    """(group, resource, verb) of every rule."""
    return {right for rule in role["rules"] for right in product(rule["apiGroups"], rule["resources"], rule["verbs"])}


def writes(role: dict[str, Any]) -> set[Right]:
    return {right for right in rights(role) if right[2] not in READS}


@pytest.fixture(scope="module")
def objects(render: Render) -> Objects:
    return render(TUNABLES)


@pytest.fixture(scope="module")
def roles(objects: Objects) -> Objects:
    return [item for item in objects if item["kind"] in ROLES]


def test_no_rule_has_a_wildcard_or_a_path(roles: Objects) -> None:
    for role in roles:
        for rule in role["rules"]:
            assert "nonResourceURLs" not in rule
            words = [*rule["apiGroups"], *rule["resources"], *rule["verbs"], *rule.get("resourceNames", [])]
            assert not [word for word in words if "*" in word], role["metadata"]["name"]


def test_nobody_is_given_secrets_or_a_way_to_more_rights(roles: Objects) -> None:
    given = {right for role in roles for right in rights(role)}
    assert not {resource for _, resource, _ in given} & {"secrets", "serviceaccounts/token", "pods/exec"}
    assert not {verb for _, _, verb in given} & {"escalate", "bind", "impersonate"}
    assert not [group for group, _, _ in given if group == "rbac.authorization.k8s.io"]


def test_the_operator_writes_these_and_nothing_else_in_the_cluster(objects: Objects, select: Select) -> None:
    assert writes(select(objects, "ClusterRole")) == {
        (VANGUARD, "interventions", "create"),
        (VANGUARD, "interventions", "patch"),
        (VANGUARD, "interventions/status", "update"),
        (VANGUARD, "interventions/status", "patch"),
        (VANGUARD, "issuepatterns/status", "update"),
        (VANGUARD, "issuepatterns/status", "patch"),
        (VANGUARD, "automationpolicies/status", "update"),
        (VANGUARD, "automationpolicies/status", "patch"),
        ("apps", "deployments", "patch"),
        ("apps", "statefulsets", "patch"),
        ("", "events", "create"),
        ("", "pods/eviction", "create"),
    }


def test_evictions_can_be_taken_from_it(render: Render, select: Select) -> None:
    role = select(render({"evictions": False}), "ClusterRole")
    assert not [right for right in writes(role) if right[1].startswith("pods")]


def test_the_operator_reads_these_and_nothing_else_in_the_cluster(objects: Objects, select: Select) -> None:
    role = select(objects, "ClusterRole")
    own = {
        (VANGUARD, kind, verb) for kind in ("issuepatterns", "automationpolicies", "interventions") for verb in READS
    }
    assert rights(role) - writes(role) == own | {
        (group, resource, verb)
        for group, resource in [
            ("apps", "deployments"), ("apps", "statefulsets"), ("apps", "replicasets"),
            ("", "pods"), ("", "namespaces"), ("", "nodes"), ("", "resourcequotas"), ("policy", "poddisruptionbudgets"),
            ("autoscaling", "horizontalpodautoscalers"),
        ]
        for verb in ("get", "list")
    }  # fmt: skip


def test_the_lease_is_written_by_its_name_and_only_at_home(render: Render, select: Select) -> None:
    role = select(render({"leaseName": "blue"}), "Role", "vanguard-leader")
    group = ["coordination.k8s.io"]
    create, use = role["rules"]
    assert role["metadata"]["namespace"] == "vanguard-system"
    assert create == {"apiGroups": group, "resources": ["leases"], "verbs": ["create"]}
    assert use == {
        "apiGroups": group, "resources": ["leases"], "resourceNames": ["blue"], "verbs": ["get", "update"],
    }  # fmt: skip


def test_without_declared_tunables_no_configmap_is_open(render: Render) -> None:
    given = {right for item in render() if item["kind"] in ROLES for right in rights(item)}
    assert not [right for right in given if right[1] == "configmaps"]


@pytest.mark.parametrize("declared", TUNABLES["tunableConfigMaps"], ids=lambda declared: declared["namespace"])
def test_a_declared_tunable_opens_that_configmap_by_name(
    objects: Objects, select: Select, declared: dict[str, Any]
) -> None:
    role = select(objects, "Role", "vanguard-tunables", declared["namespace"])
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": declared["names"],
            "verbs": ["get", "patch"],
        }
    ]


def test_every_binding_gives_the_operator_a_role_of_this_chart(objects: Objects, roles: Objects) -> None:
    known = {(role["kind"], role["metadata"]["name"], role["metadata"].get("namespace")) for role in roles}
    bindings = [item for item in objects if item["kind"] in BINDINGS]
    assert len(bindings) == 4
    for binding in bindings:
        reference = binding["roleRef"]
        namespace = binding["metadata"].get("namespace")
        assert (reference["kind"], reference["name"], namespace) in known
        assert binding["subjects"] == [OPERATOR]


def test_who_may_view_may_only_read(objects: Objects, select: Select) -> None:
    role = select(objects, "ClusterRole", "vanguard-view")
    assert aggregated_to(role) == {"view", "edit", "admin"}
    assert {verb for _, _, verb in rights(role)} == READS
    assert {kind for _, kind, _ in rights(role)} == {"issuepatterns", "automationpolicies", "interventions"}


def test_who_may_edit_writes_policies_and_annotates_interventions(objects: Objects, select: Select) -> None:
    role = select(objects, "ClusterRole", "vanguard-edit")
    assert aggregated_to(role) == {"edit", "admin"}
    assert rights(role) == {
        *((VANGUARD, "automationpolicies", verb) for verb in ("create", "update", "patch", "delete")),
        (VANGUARD, "interventions", "update"),
        (VANGUARD, "interventions", "patch"),
    }


def test_only_the_approver_may_approve_and_nobody_becomes_one_by_aggregation(
    objects: Objects, roles: Objects, select: Select
) -> None:
    assert [role["metadata"]["name"] for role in roles if any(v == "approve" for *_, v in rights(role))] == [
        "vanguard-approver"
    ]
    approver = select(objects, "ClusterRole", "vanguard-approver")
    assert aggregated_to(approver) == set()
    assert rights(approver) == {
        (VANGUARD, "interventions", verb) for verb in ("get", "list", "watch", "patch", "approve")
    }


def aggregated_to(role: dict[str, Any]) -> set[str]:
    """Which of Kubernetes' own roles this one joins."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    return {label.removeprefix(prefix) for label in role["metadata"]["labels"] if label.startswith(prefix)}
