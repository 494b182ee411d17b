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
    cluster: Cluster, user: str, *, by: str | None = None, uid: str = "", dry_run: bool = False
) -> subprocess.CompletedProcess[str]:
    uid = (
        uid or json.loads(cluster.kubectl("get", "iv", "pool-1", "-n", "shop", "-o", "json").stdout)["metadata"]["uid"]
    )
    later = "2100-01-01T00:00:00Z"
    approval = {"by": by or user, "verdict": "Approved", "reason": "seen", "intervention": uid, "expiresAt": later}
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


ADMIN, NOBODY = "paul", "nobody"
OWN, FOREIGN, SYSTEM = "shop", "web", HOME
QUESTIONS = {
    "read": ("get", "interventions", ""),
    "open": ("create", "interventions", ""),
    "annotate": ("patch", "interventions", ""),
    "delete": ("delete", "interventions", ""),
    "approve": ("approve", "interventions", ""),
    "write status": ("patch", "interventions", "status"),
    "consent": ("create", "automationpolicies", ""),
    "teach": ("create", "issuepatterns", ""),
}
EVERYTHING = set(QUESTIONS)
OPERATING = {"read", "open", "annotate", "write status"}
MAY: dict[tuple[str, str], set[str]] = {
    (VIEWER, OWN): {"read"},
    (EDITOR, OWN): {"read", "annotate", "consent"},
    (APPROVER, OWN): {"read", "annotate", "approve"},
    **{(ADMIN, where): EVERYTHING for where in (OWN, FOREIGN, SYSTEM)},
    **{(OPERATOR, where): OPERATING for where in (OWN, FOREIGN, SYSTEM)},
}


def allowed(cluster: Cluster, user: str, where: str) -> set[str]:
    """What the API server lets a user do in a namespace."""
    questions = []
    for verb, resource, subresource in QUESTIONS.values():
        # Patterns are of no namespace: who may write one anywhere may write it everywhere.
        place = {} if resource == "issuepatterns" else {"namespace": where}
        asked = {"group": "vanguard.dev", "verb": verb, "resource": resource, "subresource": subresource, **place}
        spec = {"user": user, "groups": _groups(user), "resourceAttributes": asked}
        questions.append({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec})
    told = cluster.kubectl("create", "-f", "-", "-o", "json", stdin="\n---\n".join(map(json.dumps, questions)))
    answers = _documents(told.stdout)
    return {name for name, answer in zip(QUESTIONS, answers, strict=True) if answer["status"]["allowed"]}


def _groups(user: str) -> list[str]:
    if user == OPERATOR:
        return ["system:serviceaccounts", f"system:serviceaccounts:{HOME}", "system:authenticated"]
    return ["system:masters", "system:authenticated"] if user == ADMIN else ["system:authenticated"]


def _documents(text: str) -> list[dict[str, Any]]:
    """JSON documents one after another."""
    decoder, found, at = json.JSONDecoder(), list[dict[str, Any]](), 0
    while (at := len(text) - len(text[at:].lstrip())) < len(text):
        document, at = decoder.raw_decode(text, at)
        found += document["items"] if document["kind"] == "List" else [document]
    return found


@pytest.mark.parametrize("where", [OWN, FOREIGN, SYSTEM])
@pytest.mark.parametrize("user", [VIEWER, EDITOR, APPROVER, ADMIN, OPERATOR, NOBODY])
def test_six_roles_may_exactly_eight_things_in_three_namespaces(installed: Cluster, user: str, where: str) -> None:
    assert allowed(installed, user, where) == MAY.get((user, where), set())


def test_an_editor_stops_an_intervention_but_does_not_approve_it(installed: Cluster) -> None:
    stop = _patch(installed, EDITOR, {"metadata": {"annotations": {"vanguard.dev/abort": "not now"}}})
    assert stop.returncode == 0, stop.stderr
    refused = _approve(installed, EDITOR)
    assert refused.returncode != 0
    assert f"{EDITOR} may not approve Interventions in namespace shop" in refused.stderr


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": "0f7a1c3e-gone"}]},
            id="an owner that is not there, so that it is collected",
        ),
        pytest.param({"finalizers": ["example.com/never"]}, id="a finalizer that holds its deletion for ever"),
    ],
)
@pytest.mark.parametrize("user", [EDITOR, APPROVER])
def test_who_may_stop_an_intervention_may_not_have_it_deleted_or_held(
    installed: Cluster, user: str, change: dict[str, Any]
) -> None:
    refused = _patch(installed, user, {"metadata": change})
    assert refused.returncode != 0
    assert f"{user} may not change metadata.ownerReferences or metadata.finalizers" in refused.stderr


def test_the_operator_keeps_its_finalizer_but_does_not_approve(installed: Cluster) -> None:
    finalizer = _patch(installed, OPERATOR, {"metadata": {"finalizers": ["vanguard.dev/test"]}})
    assert finalizer.returncode == 0, finalizer.stderr
    assert _patch(installed, OPERATOR, {"metadata": {"finalizers": []}}).returncode == 0
    refused = _approve(installed, OPERATOR)
    assert f"{OPERATOR} may not approve" in refused.stderr


def test_an_approval_of_another_intervention_is_refused(installed: Cluster) -> None:
    replayed = _approve(installed, APPROVER, uid="0f7a1c3e-another")
    assert replayed.returncode != 0
    assert "spec.approval.intervention must be this Intervention's metadata.uid" in replayed.stderr


def test_nobody_creates_an_intervention_that_is_approved_already(installed: Cluster) -> None:
    copied = json.loads(intervention())
    copied["metadata"]["name"] = "copied"
    word = {"verdict": "Approved", "intervention": "x", "expiresAt": "2100-01-01T00:00:00Z"}
    for user in (OPERATOR, "devcluster:admin"):
        copied["spec"]["approval"] = {"by": user, **word}
        options = () if user != OPERATOR else (f"--as={user}",)
        refused = installed.kubectl("create", "-f", "-", *options, stdin=json.dumps(copied), check=False)
        assert "an Intervention cannot be created with an approval in it" in refused.stderr


def _policy(author: str, *, may_approve: bool = False) -> str:
    return json.dumps(
        {
            "apiVersion": "vanguard.dev/v1alpha1",
            "kind": "AutomationPolicy",
            "metadata": {"name": "four-eyes", "namespace": "shop"},
            "spec": {
                "workloads": [{"selector": {"matchLabels": {"app": "x"}}, "serviceType": "web"}],
                "approvals": {"authorMayApprove": may_approve, "author": author},
            },
        }
    )


def test_who_writes_a_policy_that_its_author_may_not_approve_is_its_author(installed: Cluster) -> None:
    def apply(author: str, *, may_approve: bool = False) -> subprocess.CompletedProcess[str]:
        told = _policy(author, may_approve=may_approve)
        return installed.kubectl("apply", f"--as={EDITOR}", "-f", "-", stdin=told, check=False)

    assert f"spec.approvals.author must be your own user name, {EDITOR}" in apply(APPROVER).stderr
    assert apply(EDITOR).returncode == 0
    assert "must be your own user name" in apply(APPROVER, may_approve=True).stderr, "nor is the rule taken away so"
    installed.kubectl("delete", "ap", "four-eyes", "-n", "shop")


def test_a_breaker_is_reset_only_in_ones_own_name(installed: Cluster) -> None:
    def policy(by: str | None, *, failures: int = 3, reason: str = "fixed") -> str:
        reset = {"at": "2026-01-01T00:00:00Z", "by": by, "reason": reason}
        breaker = {"failures": failures, **({"reset": reset} if by else {})}
        workloads = [{"selector": {"matchLabels": {"app": "x"}}, "serviceType": "web"}]
        meta = {"name": "reset", "namespace": "shop"}
        spec = {"workloads": workloads, "circuitBreaker": breaker}
        told = {"apiVersion": "vanguard.dev/v1alpha1", "kind": "AutomationPolicy", "metadata": meta, "spec": spec}
        return json.dumps(told)

    def write(said: str) -> str:
        return installed.kubectl("apply", f"--as={EDITOR}", "-f", "-", stdin=said, check=False).stderr

    forged = f"spec.circuitBreaker.reset.by must be your own user name, {EDITOR}, not {APPROVER}"
    assert forged in write(policy(APPROVER)), "a policy cannot be made with one in another's name"
    assert write(policy(None)) == ""
    assert forged in write(policy(APPROVER)), "nor given one later"
    assert write(policy(EDITOR)) == ""
    said = policy(EDITOR, reason="other words")
    assert f"not {EDITOR}" in installed.kubectl("apply", "-f", "-", stdin=said, check=False).stderr, (
        "not even by an admin"
    )
    assert write(policy(EDITOR, failures=4)) == "", "who writes something else leaves it as it is"
    assert write(policy(None)) == "", "it may be taken away"
    installed.kubectl("delete", "ap", "reset", "-n", "shop")


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
