"""Both ways to install, on a real API server: all is accepted, the pod is admitted, rights are as meant.

Rights are tried as the people and the operator who have them: that a role says so does not yet mean that
labels aggregate, names match and the admission policy compiles.
"""

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from devcluster.schemas import location, write_schemas

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "vanguard"
INSTALL = ROOT / "manifests" / "install.yaml"
ALL_VALUES = Path(__file__).parent / "all-values.yaml"

HOME = "vanguard-system"
OPERATOR = f"system:serviceaccount:{HOME}:vanguard"
EDITOR, VIEWER, APPROVER = "edith", "victor", "april"
SETTLE_SECONDS = 30.0

WORDS = ("a", "1", "1m", "2026-01-01T00:00:00Z")


def smallest(schema: dict[str, Any]) -> Any:
    """The smallest value that fits a schema of a CRD; these tests are not about what a field means."""
    match schema:
        case {"enum": [first, *_]}:
            return first
        case {"type": "object"}:
            return {name: smallest(schema["properties"][name]) for name in schema.get("required", ())}
        case {"type": "array"}:
            return []
        case {"type": "integer"}:
            return schema.get("minimum", 1)
        case {"type": "string", "format": "date-time"}:
            return "2026-01-01T00:00:00Z"
        case {"type": "string"}:
            return next(word for word in WORDS if re.search(schema.get("pattern", ""), word))
    raise AssertionError(f"this test knows no value for {schema}")


def intervention() -> str:
    crd = yaml.safe_load((CHART / "crds" / "interventions.vanguard.dev.yaml").read_text())
    (version,) = crd["spec"]["versions"]
    return json.dumps(
        {
            "apiVersion": f"vanguard.dev/{version['name']}",
            "kind": "Intervention",
            "metadata": {"name": "pool-1", "namespace": "shop"},
            "spec": smallest(version["schema"]["openAPIV3Schema"]["properties"]["spec"]),
        }
    )


@pytest.fixture(scope="module", params=["helm install", "kubectl apply install.yaml"])
def installed(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster with Vanguard and a team's namespace in it."""
    with_helm = request.param == "helm install"
    try:
        _prepare_team(cluster)
        if with_helm:
            _install_with_helm(cluster)
        else:
            cluster.kubectl("apply", "--server-side", "-f", str(INSTALL))
        _settle(lambda: can(cluster, EDITOR, "create", "automationpolicies.vanguard.dev"), "roles to join")
        _create(cluster, OPERATOR)
        _settle(lambda: _approve(cluster, EDITOR, dry_run=True).returncode != 0, "the policy to be in force")
        yield cluster
    finally:
        if with_helm:
            cluster.helm("uninstall", "vanguard", "-n", HOME, "--wait", "--ignore-not-found")
        cluster.kubectl("delete", "--ignore-not-found", "-f", str(INSTALL))
        cluster.kubectl("delete", "--ignore-not-found", "namespace", "shop")


def _prepare_team(cluster: Cluster) -> None:
    cluster.kubectl("create", "namespace", "shop")
    for user, role in ((EDITOR, "edit"), (VIEWER, "view"), (APPROVER, "vanguard-approver")):
        cluster.kubectl("create", "rolebinding", user, f"--clusterrole={role}", f"--user={user}", "-n", "shop")


def _install_with_helm(cluster: Cluster) -> None:
    namespace = next(yaml.safe_load_all(INSTALL.read_text()))
    cluster.apply(yaml.safe_dump(namespace))
    tunable = ("tunableConfigMaps[0].namespace=shop", "tunableConfigMaps[0].names={orders-config}")
    cluster.helm("install", "vanguard", str(CHART), "-n", HOME, *(f"--set={value}" for value in tunable))


def _settle(condition: Callable[[], bool], what: str) -> None:
    """Ask until it is so; each asking takes kubectl's own time."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SETTLE_SECONDS:.0f} s for {what}"


def can(cluster: Cluster, user: str, verb: str, what: str, *options: str) -> bool:
    """Whether the user may, in the team's namespace unless the options name another."""
    where = () if any(option in {"-n", "-A"} for option in options) else ("-n", "shop")
    answer = cluster.kubectl("auth", "can-i", verb, what, f"--as={user}", *where, *options, check=False)
    assert answer.stdout.strip() in {"yes", "no"}, answer.stderr
    return answer.stdout.strip() == "yes"


def _create(cluster: Cluster, user: str) -> None:
    cluster.kubectl("create", f"--as={user}", "-f", "-", stdin=intervention())


def _patch(cluster: Cluster, user: str, patch: dict[str, Any], *options: str) -> subprocess.CompletedProcess[str]:
    body = json.dumps(patch)
    command = ("patch", "intervention", "pool-1", "-n", "shop", "--type=merge", "-p", body, f"--as={user}")
    return cluster.kubectl(*command, *options, check=False)


def _approve(
    cluster: Cluster, user: str, *, by: str | None = None, dry_run: bool = False
) -> subprocess.CompletedProcess[str]:
    approval = {"by": by or user, "verdict": "Approved", "reason": "seen"}
    options = ("--dry-run=server",) if dry_run else ()
    return _patch(cluster, user, {"spec": {"approval": approval}}, *options)


def test_the_restricted_profile_admits_the_pod_and_it_rolls_out(installed: Cluster) -> None:
    installed.kubectl("rollout", "status", "deployment/vanguard", "-n", HOME, "--timeout=60s")
    privileged = ("run", "evil", "--image=x", "--privileged", "-n", HOME, "--dry-run=server")
    refused = installed.kubectl(*privileged, check=False)
    assert 'violates PodSecurity "restricted' in refused.stderr, "the profile is not enforced at all"


@pytest.mark.parametrize(
    ("verb", "what", "options"),
    [
        ("watch", "interventions.vanguard.dev", ("-A",)),
        ("list", "issuepatterns.vanguard.dev", ("-A",)),
        ("patch", "interventions.vanguard.dev", ("--subresource=status",)),
        ("patch", "deployments.apps", ()),
        ("list", "pods", ("-A",)),
        ("create", "events", ()),
        ("create", "leases.coordination.k8s.io", ("-n", HOME)),
        ("update", "leases.coordination.k8s.io/vanguard", ("-n", HOME)),
    ],
)
def test_the_operator_may(installed: Cluster, verb: str, what: str, options: tuple[str, ...]) -> None:
    assert can(installed, OPERATOR, verb, what, *options)


@pytest.mark.parametrize(
    ("verb", "what", "options"),
    [
        ("get", "secrets", ("-n", HOME)),
        ("get", "secrets", ()),
        ("get", "configmaps/other", ()),
        ("list", "configmaps", ()),
        ("create", "pods", ()),
        ("delete", "pods", ()),
        ("delete", "deployments.apps", ()),
        ("update", "leases.coordination.k8s.io/other", ("-n", HOME)),
        ("create", "leases.coordination.k8s.io", ()),
        ("patch", "automationpolicies.vanguard.dev", ()),
        ("patch", "issuepatterns.vanguard.dev", ("-A",)),
        ("delete", "interventions.vanguard.dev", ()),
        ("approve", "interventions.vanguard.dev", ()),
        ("patch", "namespaces", ("-A",)),
        ("create", "rolebindings.rbac.authorization.k8s.io", ()),
    ],
)
def test_the_operator_may_not(installed: Cluster, verb: str, what: str, options: tuple[str, ...]) -> None:
    assert not can(installed, OPERATOR, verb, what, *options)


@pytest.mark.parametrize("verb", ["get", "patch"])
def test_a_configmap_is_open_only_if_it_was_declared(
    installed: Cluster, request: pytest.FixtureRequest, verb: str
) -> None:
    declared = "helm install" in request.node.name
    assert can(installed, OPERATOR, verb, "configmaps/orders-config") is declared


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        (VIEWER, {"get interventions", "get automationpolicies"}),
        (
            EDITOR,
            {
                "get interventions", "patch interventions",
                "get automationpolicies", "create automationpolicies", "delete automationpolicies",
            },
        ),
        (APPROVER, {"get interventions", "patch interventions", "approve interventions"}),
    ],
)  # fmt: skip
def test_people_may_exactly(installed: Cluster, user: str, allowed: set[str]) -> None:
    asked = [
        *(f"{verb} interventions" for verb in ("get", "create", "patch", "delete", "approve")),
        *(f"{verb} automationpolicies" for verb in ("get", "create", "delete")),
        *(f"{verb} issuepatterns" for verb in ("create", "patch", "delete")),
    ]
    given = {
        question
        for question in asked
        if can(installed, user, question.split()[0], f"{question.split()[1]}.vanguard.dev")
    }
    assert given == allowed
    assert not can(installed, user, "patch", "interventions.vanguard.dev", "--subresource=status")


def test_an_editor_stops_an_intervention_but_does_not_approve_it(installed: Cluster) -> None:
    stop = _patch(installed, EDITOR, {"metadata": {"annotations": {"vanguard.dev/abort": "not now"}}})
    assert stop.returncode == 0, stop.stderr
    refused = _approve(installed, EDITOR)
    assert refused.returncode != 0
    assert f"{EDITOR} may not approve Interventions in namespace shop" in refused.stderr


def test_the_operator_keeps_its_finalizer_but_does_not_approve(installed: Cluster) -> None:
    finalizer = _patch(installed, OPERATOR, {"metadata": {"finalizers": ["vanguard.dev/test"]}})
    assert finalizer.returncode == 0, finalizer.stderr
    assert _patch(installed, OPERATOR, {"metadata": {"finalizers": []}}).returncode == 0
    refused = _approve(installed, OPERATOR)
    assert f"{OPERATOR} may not approve" in refused.stderr


def test_an_approver_signs_only_with_their_own_name(installed: Cluster) -> None:
    forged = _approve(installed, APPROVER, by=EDITOR)
    assert forged.returncode != 0
    assert f"must be your own user name, {APPROVER}, not {EDITOR}" in forged.stderr
    given = _approve(installed, APPROVER)
    assert given.returncode == 0, given.stderr


def test_an_approved_intervention_can_still_be_stopped(installed: Cluster) -> None:
    _approve(installed, APPROVER)
    stop = _patch(installed, EDITOR, {"metadata": {"annotations": {"vanguard.dev/rollback": "too slow"}}})
    assert stop.returncode == 0, stop.stderr


@pytest.fixture(scope="module")
def schemas(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where kubeconform finds the schemas of this very server."""
    folder = tmp_path_factory.mktemp("schemas")
    write_schemas(json.loads(cluster.kubectl("get", "--raw", "/openapi/v2").stdout), folder)
    return location(folder)


def _kubeconform(tools: Any, schemas: str, text: str) -> subprocess.CompletedProcess[str]:
    command = [tools.kubeconform, "-strict", "-summary", "-schema-location", schemas]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("values", [(), ("-f", str(ALL_VALUES))], ids=["defaults", "all values"])
def test_what_the_chart_gives_fits_the_servers_schemas(
    cluster: Cluster, tools: Any, schemas: str, values: tuple[str, ...]
) -> None:
    text = cluster.helm("template", "vanguard", str(CHART), "-n", HOME, "--include-crds", *values).stdout
    answer = _kubeconform(tools, schemas, text)
    assert answer.returncode == 0, answer.stdout
    assert "Invalid: 0, Errors: 0, Skipped: 0" in answer.stdout


def test_a_field_the_server_does_not_know_is_found(tools: Any, schemas: str) -> None:
    answer = _kubeconform(tools, schemas, INSTALL.read_text().replace("  replicas: 1", "  replica: 1"))
    assert answer.returncode == 1
    assert "additional properties 'replica' not allowed" in answer.stdout
