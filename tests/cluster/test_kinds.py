"""The three kinds on the real API server: what it refuses and in which words, what it fills in, what people see."""

import copy
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from devcluster import credentials
from devcluster.cluster import Cluster
from devcluster.operator_process import ROOT

Json = dict[str, Any]
Path = tuple[str | int, ...]

SPACE = "kinds"
GONE = object()
EXAMPLES = {
    "pattern": ROOT / "examples" / "pattern-connection-pool-exhaustion.yaml",
    "policy": ROOT / "examples" / "policy-shop.yaml",
}
SIGNAL, VERIFICATION = ("spec", "signals", 0), ("spec", "verification")
TUNABLE, WINDOW = ("spec", "workloads", 0, "tunables", 0), ("spec", "windows", 0)
FREEZE = ("spec", "freezes", 0)

REFUSED = {
    "a lease shorter than an hour": (
        "policy", ("spec", "actions", 0, "lease"), "59m",
        'spec.actions[0].lease: Invalid value: "59m": lease is from 1h to 2160h',
    ),
    "a lease longer than ninety days": (
        "policy", ("spec", "actions", 0, "lease"), "2161h",
        'spec.actions[0].lease: Invalid value: "2161h": lease is from 1h to 2160h',
    ),
    "a lease on a restart": (
        "policy", ("spec", "actions", 1, "lease"), "24h",
        "spec.actions[1]: Invalid value: lease is for TunePool only: nothing of another action can be undone later",
    ),
    "a whole number where a decimal string is wanted": (
        "pattern", (*SIGNAL, "limit"), 95,
        "spec.signals[0].limit in body must be of type string",
    ),
    "a float where a decimal string is wanted": (
        "pattern", (*SIGNAL, "limit"), 0.1,
        "spec.signals[0].limit in body must be of type string",
    ),
    "a decimal string that is no number": (
        "pattern", (*SIGNAL, "limit"), "95 %",
        'spec.signals[0].limit: Invalid value: "95 %"',
    ),
    "an action that is not in the catalogue": (
        "pattern", ("spec", "action", "type"), "DeletePods",
        'spec.action.type: Unsupported value: "DeletePods": supported values: "TunePool", "RestartRollout"',
    ),
    "TunePool without its settings": (
        "pattern", ("spec", "action", "tunePool"), GONE,
        "spec.action: Invalid value: tunePool is needed for type TunePool and only there",
    ),
    "a restart with the settings of TunePool": (
        "pattern", ("spec", "action", "type"), "RestartRollout",
        "spec.action: Invalid value: tunePool is needed for type TunePool and only there",
    ),
    "a series that names its workload in two ways": (
        "pattern", (*SIGNAL, "target", "podLabel"), "pod",
        "spec.signals[0].target: Invalid value: exactly one of nameLabel and podLabel is needed",
    ),
    "a series that names its workload in no way": (
        "pattern", (*SIGNAL, "target", "nameLabel"), GONE,
        "spec.signals[0].target: Invalid value: exactly one of nameLabel and podLabel is needed",
    ),
    "a companion about replicas whose series do not name pods": (
        "pattern", (*SIGNAL, "companions"), [{"name": "pods", "role": "PerReplica", "query": "up"}],
        "spec.signals[0]: Invalid value: a companion of role PerReplica needs a target with podLabel",
    ),
    "a companion about another kind of workload": (
        "pattern", (*SIGNAL, "companions"),
        [{"name": "rate", "role": "WorkRate", "query": "up", "target": {"kind": "StatefulSet", "nameLabel": "set"}}],
        "spec.signals[0]: Invalid value: a companion's target must be of the signal's kind",
    ),
    "two companions of one role": (
        "pattern", (*SIGNAL, "companions"), [{"name": name, "role": "WorkRate", "query": "up"} for name in "ab"],
        'spec.signals[0].companions[1]: Duplicate value: {"role":"WorkRate"}',
    ),
    "a companion of a role there is not": (
        "pattern", (*SIGNAL, "companions"), [{"name": "a", "role": "Rss", "query": "up"}],
        'spec.signals[0].companions[0].role: Unsupported value: "Rss"',
    ),
    "a guard that names its workload in two ways": (
        "pattern", (*VERIFICATION, "guards", 0, "target"), {"nameLabel": "deployment", "podLabel": "pod"},
        "spec.verification.guards[0].target: Invalid value: exactly one of nameLabel and podLabel is needed",
    ),
    "a duration in words": (
        "pattern", (*VERIFICATION, "watch"), "15 minutes",
        'spec.verification.watch: Invalid value: "15 minutes"',
    ),
    "a duration without a unit": (
        "pattern", ("spec", "trend", "sustainedFor"), "30",
        'spec.trend.sustainedFor: Invalid value: "30"',
    ),
    "a duration that is a number": (
        "pattern", ("spec", "trend", "sustainedFor"), 1800,
        "spec.trend.sustainedFor in body must be of type string",
    ),
    "an interval longer than the watch": (
        "pattern", (*VERIFICATION, "interval"), "16m",
        "spec.verification: Invalid value: interval must not be longer than watch",
    ),
    "a horizon the forecaster is not calibrated for": (
        "pattern", ("spec", "trend", "horizon"), "6h",
        'spec.trend.horizon: Unsupported value: "6h": supported values: "4h", "8h", "12h"',
    ),
    "a misspelt field": (
        "pattern", (*SIGNAL, "limt"), "95",
        'unknown field "spec.signals[0].limt"',
    ),
    "a pattern without a signal": (
        "pattern", ("spec", "signals"), [],
        "spec.signals in body should have at least 1 items",
    ),
    "a bound below the other": (
        "policy", (*TUNABLE, "min"), 101,
        "spec.workloads[0].tunables[0]: Invalid value: min must not be greater than max",
    ),
    "a value that lives in two places": (
        "policy", (*TUNABLE, "location", "env"), {"container": "app", "name": "POOL_SIZE"},
        "location: Invalid value: exactly one of configMapKey and env is needed",
    ),
    "a value that lives nowhere": (
        "policy", (*TUNABLE, "location"), {},
        "location: Invalid value: exactly one of configMapKey and env is needed",
    ),
    "an environment variable that changes without a restart": (
        "policy", ("spec", "workloads", 1, "tunables", 0, "reload"), "Live",
        "an env value reaches a program only by a restart: reload must be Restart",
    ),
    "a file outside its repository": (
        "policy", (*TUNABLE, "gitOps"), {"repository": "deploy", "path": "apps/../../x.yaml"},
        "tunables[0].gitOps.path: Invalid value",
    ),
    "a mode that does not exist": (
        "policy", ("spec", "mode"), "Automatic",
        'spec.mode: Unsupported value: "Automatic": supported values: "Observe", "Approve", "Auto"',
    ),
    "a budget below nothing": (
        "policy", ("spec", "actions", 0, "maxPerDay"), -1,
        "spec.actions[0].maxPerDay in body should be greater than or equal to 0",
    ),
    "a confidence below one half": (
        "policy", ("spec", "actions", 0, "minConfidencePercent"), 49,
        "spec.actions[0].minConfidencePercent in body should be greater than or equal to 50",
    ),
    "a confidence above certainty": (
        "policy", ("spec", "actions", 0, "minConfidencePercent"), 101,
        "spec.actions[0].minConfidencePercent in body should be less than or equal to 100",
    ),
    "a total increase of nothing": (
        "policy", (*TUNABLE, "maxTotalIncreasePercent"), 0,
        "spec.workloads[0].tunables[0].maxTotalIncreasePercent in body should be greater than or equal to 1",
    ),
    "a query in an invariant": (
        "policy", (*TUNABLE, "invariants"), [{"name": "sum", "rule": "value < 9", "query": "up"}],
        'unknown field "spec.workloads[0].tunables[0].invariants[0].query"',
    ),
    "two invariants of one name": (
        "policy", (*TUNABLE, "invariants"), [{"name": "sum", "rule": "value < 9"}] * 2,
        'spec.workloads[0].tunables[0].invariants[1]: Duplicate value: {"name":"sum"}',
    ),
    "a rule longer than a line": (
        "policy", (*TUNABLE, "invariants"), [{"name": "sum", "rule": "value < " + "9" * 200}],
        "spec.workloads[0].tunables[0].invariants[0].rule",
    ),
    "a fact that is known without a query": (
        "pattern", ("spec", "facts"), [{"name": "replicas", "query": "up"}],
        "spec.facts[0]: Invalid value: value, replicas and surge are known without a query",
    ),
    "a fact whose name no rule could hold": (
        "pattern", ("spec", "facts"), [{"name": "max-connections", "query": "up"}],
        'spec.facts[0].name: Invalid value: "max-connections"',
    ),
    "a limit of saturation that is a number": (
        "pattern", ("spec", "saturation"), [{"name": "cpu", "query": "up", "limit": 90}],
        "spec.saturation[0].limit in body must be of type string",
    ),
    "a schedule of four fields": (
        "policy", (*WINDOW, "schedule"), "0 2 * mon",
        "spec.windows[0].schedule in body should",
    ),
    "a schedule of six fields": (
        "policy", (*WINDOW, "schedule"), "0 0 2 * * *",
        'spec.windows[0].schedule: Invalid value: "0 0 2 * * *"',
    ),
    "a time zone with a space": (
        "policy", (*WINDOW, "timeZone"), "Middle Earth",
        'spec.windows[0].timeZone: Invalid value: "Middle Earth"',
    ),
    "a window longer than a week": (
        "policy", (*WINDOW, "duration"), "169h",
        'spec.windows[0].duration: Invalid value: "169h": a window lasts from 1m to 168h',
    ),
    "a window shorter than a minute": (
        "policy", (*WINDOW, "duration"), "59s",
        "a window lasts from 1m to 168h",
    ),
    "a freeze that ends before it begins": (
        "policy", (*FREEZE, "until"), "2026-12-19T00:00:00Z",
        "spec.freezes[0]: Invalid value: from must be before until",
    ),
    "a freeze that ends when it begins": (
        "policy", (*FREEZE, "until"), "2026-12-20T00:00:00Z",
        "spec.freezes[0]: Invalid value: from must be before until",
    ),
    "a freeze without a zone": (
        "policy", (*FREEZE, "from"), "2026-12-20T00:00:00",
        "spec.freezes[0].from in body must be of type date-time",
    ),
    "two windows of one name": (
        "policy", ("spec", "windows"), [{"name": "night", "schedule": "0 2 * * *", "duration": "1h"}] * 2,
        'spec.windows[1]: Duplicate value: {"name":"night"}',
    ),
}  # fmt: skip


def changed(base: Json, path: Path, value: Any) -> Json:
    """A copy with one field set, or taken away."""
    made = copy.deepcopy(base)
    *parents, last = path
    place: Any = made
    for part in parents:
        place = place[part]
    if value is GONE:
        del place[last]
    else:
        place[last] = value
    return made


def tried(cluster: Cluster, what: Json) -> subprocess.CompletedProcess[str]:
    """What the server says of an object, with strict validation; nothing is stored."""
    command = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    return cluster.kubectl(*command, stdin=json.dumps(what), check=False)


@pytest.mark.parametrize(("kind", "path", "value", "said"), REFUSED.values(), ids=REFUSED)
def test_the_server_refuses_and_says_why(cluster: Cluster, kind: str, path: Path, value: Any, said: str) -> None:
    answer = tried(cluster, changed(yaml.safe_load(EXAMPLES[kind].read_text()), path, value))
    assert answer.returncode != 0
    assert said in answer.stderr


def test_what_is_not_said_is_filled_in_cautiously(cluster: Cluster, space: str) -> None:
    signal = {"name": "s", "metricType": "m", "query": "up", "limit": "1", "target": {"nameLabel": "deployment"}}
    pattern = stored(cluster, "IssuePattern", {"title": "t", "signals": [signal], "action": {"type": "RestartRollout"}})
    assert pattern["trend"] == {
        "emaConfirmation": False, "horizon": "12h", "minProbabilityPercent": 50, "sustainedFor": "30m",
    }  # fmt: skip
    assert pattern["verification"] == {
        "baseline": "5m", "watch": "15m", "interval": "1m", "minEffectPercent": 5, "guards": [],
    }  # fmt: skip
    assert pattern["signals"][0]["direction"] == "Rising"
    assert pattern["signals"][0]["target"] == {
        "kind": "Deployment", "namespaceLabel": "namespace", "nameLabel": "deployment",
    }  # fmt: skip
    assert (pattern["severity"], pattern["suspend"], pattern["prior"]) == (
        "Medium", False, {"successes": 1, "failures": 1},
    )  # fmt: skip
    policy = stored(
        cluster,
        "AutomationPolicy",
        {
            "workloads": [{"selector": {"matchLabels": {"app": "a"}}, "serviceType": "web"}],
            "actions": [{"type": "RestartRollout"}],
            "windows": [{"name": "w", "schedule": "0 2 * * *", "duration": "1h"}],
        },
        space,
    )
    assert (policy["mode"], policy["suspend"], policy["windows"][0]["timeZone"]) == ("Observe", False, "UTC")
    assert policy["actions"] == [
        {
            "type": "RestartRollout", "enabled": True, "mode": "Observe", "maxPerDay": 2, "maxPerWeek": 7,
            "minConfidencePercent": 90, "minEffectivenessPercent": 50, "window": "Required", "rollback": "Mandatory",
            "onInconclusive": "Undo", "notification": "Alert",
        }
    ]  # fmt: skip
    assert policy["limits"] == {
        "maxConcurrent": 1, "cooldown": "1h", "maxPerTargetPerDay": 2, "maxPerNamespacePerDay": 10,
        "minHealthyPercent": 51,
    }  # fmt: skip
    assert policy["stability"] == {"quietFor": "15m", "alertsMatcher": {}}


def stored(cluster: Cluster, kind: str, spec: Json, namespace: str = "") -> Json:
    """The spec as the server would store it."""
    meta = {"name": "small", **({"namespace": namespace} if namespace else {})}
    body = json.dumps({"apiVersion": "vanguard.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec})
    answer = cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-o", "json", "-f", "-", stdin=body)
    return json.loads(answer.stdout)["spec"]  # type: ignore[no-any-return]


def intervention(name: str) -> Json:
    """An Intervention as the operator would open it."""
    return {
        "apiVersion": "vanguard.dev/v1alpha1",
        "kind": "Intervention",
        "metadata": {"name": name, "namespace": SPACE},
        "spec": {
            "pattern": {"name": "connection-pool-exhaustion", "generation": 1},
            "target": {"kind": "Deployment", "name": "orders", "uid": "5c0d"},
            "action": {"type": "TunePool", "tunable": "pool-size", "increasePercent": 20},
            "cause": {
                "signal": "pool-usage", "metricType": "connection_pool_usage", "severity": "Critical",
                "activeAt": "2026-01-01T00:00:00Z", "value": "81.2", "limit": "95", "direction": "Rising",
                "slopePerHour": "4.02", "ema": "79.8", "zScore": "3.1", "breachPercent4h": 60, "breachPercent8h": 97,
                "breachPercent12h": 97, "breachAt": "2026-01-01T03:30:00Z", "model": "drift-profile/1",
            },
            "diagnosis": {"title": "Connection pool about to run out", "serviceType": "postgres",
                          "confidencePercent": 97},
            "evidence": {
                "query": "pool_in_use", "series": '{deployment="orders"}', "at": "2026-01-01T00:00:00Z", "step": "1m",
                "signature": {"minSlopePerHour": "2"}, "reason": "BreachForeseen", "version": "1",
                "features": ["slope_1h=0.25 noise=-3.1"], "spoken": ["+1 it climbs"],
                "samplesHash": "sha256:" + 64 * "0",
            },
        },
    }  # fmt: skip


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Iterator[str]:
    """A namespace of their own for these objects."""
    cluster.kubectl("create", "namespace", SPACE)
    yield SPACE
    # Gone before an operator runs: what is no record of its own making is none of its business.
    cluster.kubectl("-n", SPACE, "delete", "interventions", "--all")
    cluster.kubectl("delete", "namespace", SPACE, "--wait=false")


@pytest.fixture(scope="module")
def recorded(cluster: Cluster, space: str) -> str:
    """The name of an Intervention that is over."""
    cluster.apply(json.dumps(intervention("recorded")))
    status = {"phase": "Succeeded", "reason": "Improved", "verdict": "Improved", "message": "as planned"}
    body = json.dumps({"status": status})
    cluster.kubectl(
        "-n", space, "patch", "iv", "recorded", "--subresource=status", "--type=merge", "-p", body
    )  # fmt: skip
    return "recorded"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("cause", {"value": "82"}),
        ("cause", {"breachAt": "2026-01-02T00:00:00Z"}),
        ("target", {"name": "checkout"}),
        ("action", {"increasePercent": 100}),
        ("pattern", {"generation": 2}),
        ("diagnosis", {"confidencePercent": 100}),
        ("evidence", {"samplesHash": "sha256:" + 64 * "1"}),
        ("evidence", {"signature": {"minSlopePerHour": "1"}}),
        ("evidence", {"features": []}),
        ("evidence", None),
    ],
    ids=lambda value: value if isinstance(value, str) else ", ".join(value or ("gone",)),
)
def test_what_an_intervention_is_about_never_changes(
    cluster: Cluster, recorded: str, space: str, part: str, value: Json | None
) -> None:
    answer = patched(cluster, space, recorded, {part: value})
    assert answer.returncode != 0
    assert f"spec.{part} is immutable" in answer.stderr


def test_evidence_is_not_handed_in_later(cluster: Cluster, space: str) -> None:
    body = intervention("without")
    kept = body["spec"].pop("evidence")
    cluster.apply(json.dumps(body))
    answer = patched(cluster, space, "without", {"evidence": kept})
    assert answer.returncode != 0
    assert "spec.evidence is immutable" in answer.stderr


STEP = {
    "object": {"kind": "Deployment", "name": "orders"}, "uid": "u", "fingerprint": "generation/1",
    "fields": [{"path": "/spec/x", "before": "1", "after": "2"}],
}  # fmt: skip
POD = {"name": "orders-1", "uid": "u"}


@pytest.mark.parametrize(
    ("what", "refused"),
    [
        ({"restorePoint": [STEP], "evictions": []}, False),
        ({"restorePoint": [STEP]}, False),
        ({"restorePoint": [], "evictions": [POD]}, False),
        ({"restorePoint": [], "evictions": []}, True),
        ({"restorePoint": [STEP], "evictions": [POD]}, True),
    ],
    ids=["fields", "fields, as of old", "evictions", "neither", "both"],
)
def test_a_recorded_change_is_either_fields_or_evictions(
    cluster: Cluster, recorded: str, space: str, what: Json, refused: bool
) -> None:
    change = {
        "marker": "m", "summary": "s", "from": "1", "to": "2", "rollout": True, "takenAt": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    body = json.dumps({"status": {"change": change | what}})
    patch = ("--subresource=status", "--type=merge", "--dry-run=server", "-p", body)
    answer = cluster.kubectl("-n", space, "patch", "iv", recorded, *patch, check=False)
    assert (answer.returncode != 0) is refused, answer.stderr
    assert ("a change is either fields with their restorePoint, or evictions" in answer.stderr) is refused


def test_an_approval_is_given_once(cluster: Cluster, space: str) -> None:
    cluster.apply(json.dumps(intervention("approved")))
    (uid,) = [
        one["metadata"]["uid"]
        for one in cluster.get("iv", "-n", space)["items"]
        if one["metadata"]["name"] == "approved"
    ]
    word = {"by": credentials.ADMIN, "verdict": "Approved", "reason": "seen"}
    assert "an approval needs intervention" in patched(cluster, space, "approved", {"approval": word}).stderr
    given = {**word, "intervention": uid, "expiresAt": "2100-01-01T00:00:00Z"}
    first = patched(cluster, space, "approved", {"approval": given})
    assert first.returncode == 0, first.stderr
    for second in ({**given, "verdict": "Denied"}, {**given, "reason": "seen again"}, None):
        answer = patched(cluster, space, "approved", {"approval": second})
        assert "spec.approval is given once" in answer.stderr


def patched(cluster: Cluster, namespace: str, name: str, spec: Json) -> subprocess.CompletedProcess[str]:
    """What the server says to a change of an Intervention's spec."""
    body = json.dumps({"spec": spec})
    return cluster.kubectl("-n", namespace, "patch", "iv", name, "--type=merge", "-p", body, check=False)


def test_kubectl_get_shows_what_people_ask_first(cluster: Cluster, recorded: str, space: str) -> None:
    shown = cluster.kubectl("-n", space, "get", "iv", recorded).stdout.splitlines()
    assert shown[0].split() == ["NAME", "TARGET", "ACTION", "PHASE", "REASON", "VERDICT", "CONFIDENCE", "AGE"]
    assert shown[1].split()[:7] == [recorded, "orders", "TunePool", "Succeeded", "Improved", "Improved", "97"]
    wide = cluster.kubectl("-n", space, "get", "iv", recorded, "-o", "wide").stdout.splitlines()
    assert {"PATTERN", "FROM", "TO", "BREACH", "APPROVED-BY"} <= set(wide[0].split())


@pytest.mark.parametrize(
    ("kind", "header", "line"),
    [
        (
            "pattern",
            ["NAME", "TITLE", "SEVERITY", "ACTION", "READY", "REASON", "FIRING", "AGE"],
            ["shown", "Connection", "pool", "about", "to", "run", "out", "Critical", "TunePool"],
        ),
        ("policy", ["NAME", "MODE", "READY", "REASON", "BREAKER", "AGE"], ["shown", "Auto"]),
    ],
    ids=["pattern", "policy"],
)
def test_patterns_and_policies_show_what_people_ask_first(
    cluster: Cluster, space: str, kind: str, header: list[str], line: list[str]
) -> None:
    example = yaml.safe_load(EXAMPLES[kind].read_text())
    example["metadata"] = {"name": "shown"} | ({"namespace": space} if kind == "policy" else {})
    cluster.apply(yaml.safe_dump(example))
    try:
        shown = cluster.kubectl("-n", space, "get", example["kind"], "shown").stdout.splitlines()
    finally:
        cluster.kubectl("-n", space, "delete", example["kind"], "shown")
    assert shown[0].split() == header
    assert shown[1].split()[: len(line)] == line


def test_the_category_lists_all_three_kinds(cluster: Cluster) -> None:
    listed = cluster.kubectl("api-resources", "--categories=vanguard", "--no-headers", "-o", "name").stdout.split()
    assert listed == ["automationpolicies.vanguard.dev", "interventions.vanguard.dev", "issuepatterns.vanguard.dev"]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("issuepatterns", "Signature of a known problem and its remedy."),
        ("isp.spec.signals.limit", "The value that is a breach, as a decimal string."),
        ("automationpolicies", "What may be done to which workloads."),
        ("ap.spec.mode", "Ceiling for all actions below."),
        ("interventions", "What was or would be done, and why."),
        ("iv.status.change.restorePoint.fields", "its value before and after"),
    ],
)
def test_kubectl_explains_a_field_in_words(cluster: Cluster, field: str, said: str) -> None:
    assert said in " ".join(cluster.kubectl("explain", field).stdout.split())
