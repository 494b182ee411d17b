"""The three kinds as models: what they refuse, and that they read back what they write."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.domain import given as g
from vanguard.api.base import Mode
from vanguard.api.kinds import KINDS, AutomationPolicy, Intervention, IssuePattern, Object
from vanguard.api.policy import AutomationPolicySpec, Freeze, OnInconclusive, Rollback, WindowUse

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))
MODELS = {kind.model.__name__: kind.model for kind in KINDS}
WHOLE: dict[str, dict[str, Any]] = {
    "IssuePattern": g.PATTERN_SPEC,
    "AutomationPolicy": g.POLICY_SPEC,
    "Intervention": g.INTERVENTION_SPEC,
}


def documents() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.parent.name}/{path.name}: {document['metadata']['name']}", document)
        for path in EXAMPLES
        if path.name != "values.yaml"
        for document in yaml.safe_load_all(path.read_text())
        if document and document["kind"] in MODELS
    ]


DOCUMENTS = documents()


def test_there_are_examples_of_patterns_and_policies() -> None:
    assert {document["kind"] for _, document in DOCUMENTS} >= {"IssuePattern", "AutomationPolicy"}


@pytest.mark.parametrize("document", [one for _, one in DOCUMENTS], ids=[name for name, _ in DOCUMENTS])
def test_every_example_is_read_and_survives_being_written(document: dict[str, Any]) -> None:
    read = MODELS[document["kind"]].read(document)
    assert MODELS[document["kind"]].model_validate(read.wire()) == read


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_a_written_object_has_no_nulls(kind: str) -> None:
    def nulls(node: Any) -> bool:
        if isinstance(node, dict):
            return any(map(nulls, node.values()))
        return any(map(nulls, node)) if isinstance(node, list) else node is None

    assert not nulls(MODELS[kind].read({"metadata": {"name": "x"}, "spec": WHOLE[kind]}).wire())


def complaint(model: type[Object], spec: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as told:
        model.read({"metadata": {"name": "x"}, "spec": spec})
    return "; ".join(".".join(map(str, problem["loc"])) + ": " + problem["msg"] for problem in told.value.errors())


def with_signal(**changes: Any) -> dict[str, Any]:
    return g.merged(g.PATTERN_SPEC, {"signals": [g.PATTERN_SPEC["signals"][0] | changes]})


def with_tunable(**changes: Any) -> dict[str, Any]:
    return g.merged(g.POLICY_SPEC, {"workloads": g.tunable(**changes)})


def with_action(**changes: Any) -> dict[str, Any]:
    return g.merged(g.POLICY_SPEC, {"actions": g.acting(**changes)})


_TOTAL = "spec.workloads.0.tunables.0.maxTotalIncreasePercent"
_RULE = "spec.workloads.0.tunables.0.invariants.0.rule"
_QUERY = "spec.workloads.0.tunables.0.invariants.0.query"
_LIMIT = "spec.saturation.0.limit"
SATURATION = {"name": "cpu", "query": "up", "limit": "90"}
WINDOW = {"name": "nightly", "schedule": "0 2 * * *", "duration": "3h"}


@pytest.mark.parametrize(
    ("model", "spec", "field"),
    [
        (IssuePattern, with_signal(limit=95.5), "spec.signals.0.limit"),
        (IssuePattern, with_signal(limit=95), "spec.signals.0.limit"),
        (IssuePattern, with_signal(direction="Up"), "spec.signals.0.direction"),
        (IssuePattern, with_signal(name="Pool Usage"), "spec.signals.0.name"),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"signals": []}), "spec.signals"),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"trend": {"minZScore": 2.5}}), "spec.trend.minZScore"),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"trend": {"sustainedFor": 30}}), "spec.trend.sustainedFor"),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"trend": {"horizon": "24h"}}), "spec.trend.horizon"),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"action": {"type": "DeleteNamespace"}}), "spec.action.type"),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"tile": "typo"}), "spec.tile"),
        (
            IssuePattern,
            g.merged(g.PATTERN_SPEC, {"action": {"tunePool": {"percent": 3}}}),
            "spec.action.tunePool.percent",
        ),
        (AutomationPolicy, g.merged(g.POLICY_SPEC, {"mode": "auto"}), "spec.mode"),
        (AutomationPolicy, g.merged(g.POLICY_SPEC, {"workloads": []}), "spec.workloads"),
        (AutomationPolicy, with_tunable(min=10.5), "spec.workloads.0.tunables.0.min"),
        (AutomationPolicy, with_tunable(step=0), "spec.workloads.0.tunables.0.step"),
        (AutomationPolicy, with_action(minConfidencePercent=40), "spec.actions.0.minConfidencePercent"),
        (AutomationPolicy, with_action(minConfidencePercent=101), "spec.actions.0.minConfidencePercent"),
        (AutomationPolicy, with_tunable(maxTotalIncreasePercent=0), _TOTAL),
        (AutomationPolicy, with_tunable(maxTotalIncreasePercent=1001), _TOTAL),
        (AutomationPolicy, with_tunable(invariants=[{"name": "sum", "rule": "a<" + "9" * 199}]), _RULE),
        (AutomationPolicy, with_tunable(invariants=[{"name": "sum", "rule": "a < 9", "query": "up"}]), _QUERY),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"facts": [{"name": "Most", "query": "up"}]}), "spec.facts.0.name"),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"saturation": [SATURATION | {"limit": 90}]}), _LIMIT),
        (IssuePattern, g.merged(g.PATTERN_SPEC, {"saturation": [SATURATION] * 5}), "spec.saturation"),
        (AutomationPolicy, with_action(minConfidencePercent=99.5), "spec.actions.0.minConfidencePercent"),
        (AutomationPolicy, with_action(maxPerHour=1), "spec.actions.0.maxPerHour"),
        (
            AutomationPolicy,
            g.merged(g.POLICY_SPEC, {"windows": [WINDOW | {"schedule": "nightly"}]}),
            "spec.windows.0.schedule",
        ),
        (
            AutomationPolicy,
            g.merged(g.POLICY_SPEC, {"windows": [WINDOW | {"duration": "3"}]}),
            "spec.windows.0.duration",
        ),
        (
            AutomationPolicy,
            g.merged(g.POLICY_SPEC, {"windows": [WINDOW | {"timeZone": "../etc"}]}),
            "spec.windows.0.timeZone",
        ),
        (AutomationPolicy, g.merged(g.POLICY_SPEC, {"promql": "up"}), "spec.promql"),
        (Intervention, g.merged(g.INTERVENTION_SPEC, {"cause": {"value": 80.5}}), "spec.cause.value"),
        (
            Intervention,
            g.merged(g.INTERVENTION_SPEC, {"cause": {"activeAt": "2026-03-10T02:00:00"}}),
            "spec.cause.activeAt",
        ),
        (
            Intervention,
            g.merged(g.INTERVENTION_SPEC, {"approval": {"by": "eva", "verdict": "Yes"}}),
            "spec.approval.verdict",
        ),
        (
            Intervention,
            g.merged(g.INTERVENTION_SPEC, {"diagnosis": {"confidencePercent": 101}}),
            "spec.diagnosis.confidencePercent",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_field_that_is_wrong_or_unknown_is_refused_by_its_path(
    model: type[Object], spec: dict[str, Any], field: str
) -> None:
    assert complaint(model, spec).startswith(f"{field}:")


def test_a_model_cannot_be_changed_once_it_is_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(g.pattern().spec, "title", "another")  # noqa: B010 - the type checker knows that it is frozen


def test_what_the_server_adds_to_an_object_is_no_error() -> None:
    raw = {
        "apiVersion": "vanguard.dev/v1alpha1",
        "kind": "AutomationPolicy",
        "metadata": {"name": "x", "managedFields": [{"manager": "kubectl"}], "selfLink": "/x"},
        "spec": g.POLICY_SPEC,
    }
    assert AutomationPolicy.read(raw).metadata.name == "x"


def test_the_least_a_team_can_write_consents_to_nothing() -> None:
    spec = AutomationPolicySpec.model_validate({"workloads": g.POLICY_SPEC["workloads"]})
    assert (spec.mode, spec.actions) == (Mode.OBSERVE, ())


def test_an_action_that_is_only_named_is_careful() -> None:
    spec = AutomationPolicySpec.model_validate(g.POLICY_SPEC | {"actions": [{"type": "TunePool"}]})
    (action,) = spec.actions
    assert (action.mode, action.window, action.rollback, action.on_inconclusive, action.min_confidence_percent) == (
        Mode.OBSERVE,
        WindowUse.REQUIRED,
        Rollback.MANDATORY,
        OnInconclusive.UNDO,
        90,
    )


def test_a_field_whose_name_is_a_keyword_keeps_it_on_the_wire() -> None:
    freeze = Freeze.model_validate({"name": "f", "from": "2026-12-20T00:00:00Z", "until": "2027-01-04T00:00:00Z"})
    assert freeze.wire()["from"] == "2026-12-20T00:00:00Z"
