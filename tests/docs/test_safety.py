"""The safety model and the concepts say what the code, the chart and the metrics are."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.docs.pages import PAGES, ROOT, name, sections
from vanguard.domain.decision.chain import GATES
from vanguard.settings import Settings, variable
from vanguard.telemetry import Telemetry

SAFETY = (ROOT / "docs" / "safety.md").read_text()
INSTALLED = list(yaml.safe_load_all((ROOT / "manifests" / "install.yaml").read_text()))
CELLS = re.compile(r"^\| (.+) \|$", re.MULTILINE)


def table(text: str) -> list[list[str]]:
    """The rows of the first table, without its head, cell by cell."""
    first = text.split("\n|", 1)[1].split("\n\n", maxsplit=1)[0]
    rows = [[cell.strip() for cell in row.split(" | ")] for row in CELLS.findall(f"|{first}")]
    return [row for row in rows[1:] if not set("".join(row)) <= set("|- ")]


def installed(kind: str, called: str) -> Any:
    (found,) = [one for one in INSTALLED if one["kind"] == kind and one["metadata"]["name"] == called]
    return found


def test_the_gates_of_the_concepts_are_those_of_the_chain_in_their_order() -> None:
    concepts = (ROOT / "docs" / "concepts.md").read_text()
    assert [row[0] for row in table(sections(concepts, 2)["Gates"])] == [gate for gate, _ in GATES]


def test_every_gate_has_its_place_in_one_layer() -> None:
    layers = " ".join(row[3] for row in table(sections(SAFETY, 2)["Five layers and a breaker"]))
    for gate, _ in GATES:
        assert layers.count(f"`{gate}`") == 1, gate


def test_the_operators_rights_are_those_that_are_installed() -> None:
    told = {
        (resource, verb)
        for resources, verbs, _ in table(sections(SAFETY, 2)["What it can do at all"])
        for resource, verb in product(re.findall(r"`([^`]+)`", resources), verbs.split(", "))
    }
    given = {
        (resource, verb)
        for rule in installed("ClusterRole", "vanguard")["rules"]
        for resource, verb in product(rule["resources"], rule["verbs"])
    }
    assert told == given


def test_every_role_for_people_is_told() -> None:
    roles = {one["metadata"]["name"] for one in INSTALLED if one["kind"] == "ClusterRole"} - {"vanguard"}
    told = {role for row in table(sections(SAFETY, 2)["Who may do what"]) for role in re.findall(r"`(.+?)`", row[0])}
    assert told == roles


METRICS = {
    family.name + "_total" * (family.type == "counter"): getattr(metric, "_labelnames", ())
    for registry in [CollectorRegistry()]
    for metric in vars(Telemetry(registry)).values()
    if metric is not registry
    for family in metric.collect()
}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_metric_that_is_named_is_one_there_is_with_its_labels(page: Path) -> None:
    for metric, labels in re.findall(r"`(vanguard_[a-z_]+)(?:\{([a-z_,]+)\})?", page.read_text()):
        assert metric in METRICS
        assert not labels or tuple(labels.split(",")) == METRICS[metric]


def test_every_metric_by_reason_is_told() -> None:
    for metric, labels in METRICS.items():
        assert "reason" not in labels or f"`{metric}{{{','.join(labels)}}}`" in SAFETY


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_file_that_is_named_is_there(page: Path) -> None:
    named = re.findall(r"`((?:tests|charts|docs|examples|crds|manifests)/[\w/.-]+)`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_setting_that_is_named_is_one_there_is(page: Path) -> None:
    named = set(re.findall(r"`(VANGUARD_[A-Z_]+)", page.read_text()))
    assert named <= {variable(field) for field in Settings.model_fields}
