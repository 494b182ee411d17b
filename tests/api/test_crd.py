"""CRDs from models: structural, with the wire's defaults, bounded, and nothing a person could stumble over."""

from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import yaml
from pydantic import Field

from vanguard.api.base import Annotation, DurationText, Model
from vanguard.api.crd import all_crds, rendered, schema_of
from vanguard.api.kinds import KINDS, Kind

Node = dict[str, Any]
NAMES = [kind.model.__name__ for kind in KINDS]


def schema(kind: Kind) -> Node:
    document = all_crds()[f"{kind.plural}.vanguard.dev.yaml"]
    found: Node = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def nodes(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every schema node with its path."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from nodes(node[key], f"{path}[]")


def at(kind: str, path: str) -> Node:
    return dict(nodes(schema(KINDS[NAMES.index(kind)])))[path]


each_kind = pytest.mark.parametrize("kind", KINDS, ids=NAMES)


@each_kind
def test_every_node_is_structural(kind: Kind) -> None:
    for path, node in nodes(schema(kind)):
        assert node["type"] in {"object", "array", "string", "integer", "boolean"}, path
        assert not {"$ref", "$defs", "anyOf", "oneOf", "allOf", "title", "const", "nullable"} & set(node), path
        assert "x-kubernetes-preserve-unknown-fields" not in node, path
        assert ("items" in node) is (node["type"] == "array"), path
        assert (
            path == ".metadata"
            or node["type"] != "object"
            or ("properties" in node) != ("additionalProperties" in node)
        ), path


@each_kind
def test_there_are_no_floats_and_no_nulls(kind: Kind) -> None:
    for path, node in nodes(schema(kind)):
        assert node["type"] != "number", path
        assert None not in node.values(), path
        assert None not in node.get("enum", ()), path


@each_kind
def test_every_text_list_and_map_has_a_bound(kind: Kind) -> None:
    for path, node in nodes(schema(kind)):
        if path in {".apiVersion", ".kind", ".metadata"}:
            continue
        if node["type"] == "string":
            assert {"maxLength", "enum"} & set(node) or node.get("format") == "date-time", path
        if node["type"] == "array":
            assert "maxItems" in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


@each_kind
def test_required_fields_exist_and_have_no_default(kind: Kind) -> None:
    for path, node in nodes(schema(kind)):
        for name in node.get("required", ()):
            assert "default" not in node["properties"][name], f"{path}.{name}"


@each_kind
def test_lists_that_are_maps_are_keyed_by_required_fields(kind: Kind) -> None:
    for path, node in nodes(schema(kind)):
        for key in node.get("x-kubernetes-list-map-keys", ()):
            inner = node["items"]
            assert key in inner["required"] or "default" in inner["properties"][key], path


@pytest.mark.parametrize(
    ("kind", "path", "default"),
    [
        ("IssuePattern", ".spec.severity", "Medium"),
        ("IssuePattern", ".spec.trend.sustainedFor", "30m"),
        ("IssuePattern", ".spec.trend.horizon", "12h"),
        ("IssuePattern", ".spec.action.rolloutDeadline", "10m"),
        ("IssuePattern", ".spec.verification.watch", "15m"),
        ("IssuePattern", ".spec.signals[].target.kind", "Deployment"),
        ("AutomationPolicy", ".spec.mode", "Observe"),
        ("AutomationPolicy", ".spec.limits.cooldown", "1h"),
        ("AutomationPolicy", ".spec.windows[].timeZone", "UTC"),
        ("AutomationPolicy", ".spec.suspend", False),
        ("AutomationPolicy", ".spec.actions", []),
        ("Intervention", ".status.phase", "Pending"),
    ],
)
def test_defaults_are_as_they_are_on_the_wire(kind: str, path: str, default: object) -> None:
    assert at(kind, path)["default"] == default


@each_kind
def test_no_default_is_a_python_value_in_disguise(kind: Kind) -> None:
    def plain(value: object) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and plain(inner) for key, inner in value.items())
        if isinstance(value, list):
            return all(map(plain, value))
        return type(value) in {str, int, bool} and not str(value).startswith("PT")

    for path, node in nodes(schema(kind)):
        assert "default" not in node or plain(node["default"]), path


def test_the_servers_defaults_are_what_the_models_would_read() -> None:
    """An object the server filled in and one the model filled in are the same."""
    for path, node in nodes(at("AutomationPolicy", ".spec.limits")):
        if node.get("properties") and "default" not in node:
            continue
        assert "default" in node, path
    filled = {name: child["default"] for name, child in at("AutomationPolicy", ".spec.limits")["properties"].items()}
    assert filled == at("AutomationPolicy", ".spec")["properties"]["limits"]["default"]


@each_kind
def test_the_text_of_a_crd_has_no_anchors_and_reads_back_as_it_was(kind: Kind) -> None:
    name = f"{kind.plural}.vanguard.dev.yaml"
    text = rendered()[name]
    events = list(yaml.parse(text))
    assert not [event for event in events if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None)]
    assert yaml.safe_load(text) == all_crds()[name]
    assert text.startswith("# Generated")


@each_kind
def test_a_crd_is_named_and_scoped_as_its_kind(kind: Kind) -> None:
    document = all_crds()[f"{kind.plural}.vanguard.dev.yaml"]
    spec = document["spec"]
    assert document["metadata"]["name"] == f"{kind.plural}.vanguard.dev"
    assert spec["names"]["kind"] == kind.model.__name__
    assert spec["names"]["categories"] == ["vanguard"]
    assert spec["scope"] == ("Namespaced" if kind.namespaced else "Cluster")
    (version,) = spec["versions"]
    assert (version["served"], version["storage"], version["subresources"]) == (True, True, {"status": {}})


@each_kind
def test_every_column_shows_a_field_there_is(kind: Kind) -> None:
    known = {path.replace("[]", "") for path, _ in nodes(schema(kind))}
    for column in kind.columns:
        path = column.path.split("[?")[0]
        assert path in known or path.startswith(".metadata."), column.name


def test_short_names_differ() -> None:
    assert len({kind.short for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("kind", "path", "rule"),
    [
        ("AutomationPolicy", ".spec.workloads[].tunables[]", "self.min <= self.max"),
        ("AutomationPolicy", ".spec.freezes[]", "self.from < self.until"),
        ("IssuePattern", ".spec.action", "(self.type == 'TunePool') == has(self.tunePool)"),
        ("Intervention", ".spec", "self.target == oldSelf.target"),
    ],
)
def test_rules_across_fields_are_left_to_the_server(kind: str, path: str, rule: str) -> None:
    rules = at(kind, path)["x-kubernetes-validations"]
    assert rule in [one["rule"] for one in rules]
    assert all(one["message"] for one in rules)


def test_the_spec_of_an_intervention_is_immutable_but_for_its_approval() -> None:
    spec = at("Intervention", ".spec")
    guarded = {one["rule"] for one in spec["x-kubernetes-validations"]}
    assert set(spec["properties"]) - set(spec["required"]) == {"approval", "evidence"}
    for field in spec["required"]:
        assert f"self.{field} == oldSelf.{field}" in guarded
    # Comparing what may be absent has no bound the server would accept, so it is said in two places.
    evidence = spec["properties"]["evidence"]
    assert "has(self.evidence) == has(oldSelf.evidence)" in guarded
    assert [one["rule"] for one in evidence["x-kubernetes-validations"]] == ["self == oldSelf"]


class _Choice(Model):
    value: int | str


class _Float(Model):
    value: float


class _Maybe(Model):
    """A note that goes over two lines.

    And a paragraph.
    """

    value: Annotated[DurationText | None, Field(description="Beside the type.")] = None


@pytest.mark.parametrize(("model", "said"), [(_Choice, "a choice of 2 types"), (_Float, "'number'")])
def test_what_has_no_structural_form_is_refused_and_named(model: type[Model], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        schema_of(model)


def test_an_optional_field_is_its_type_without_a_default() -> None:
    seen = schema_of(_Maybe)
    assert seen["description"] == "A note that goes over two lines. And a paragraph."
    assert seen["properties"]["value"]["type"] == "string"
    assert seen["properties"]["value"]["description"] == "Beside the type."
    assert "default" not in seen["properties"]["value"]
    assert "required" not in seen


def test_our_annotations_are_under_our_own_prefix() -> None:
    foreign = {name for name in Annotation if not name.startswith("vanguard.dev/")}
    assert foreign == {Annotation.RESTARTED_AT}
