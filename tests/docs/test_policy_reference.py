"""The policy reference: every field is there and described, and every example is one that the models take."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.docs.pages import PAGES, ROOT, blocks, name
from vanguard.api import reference
from vanguard.api.crd import schema_of
from vanguard.api.kinds import KINDS, AutomationPolicy
from vanguard.api.policy import AutomationPolicySpec, AutomationPolicyStatus
from vanguard.cli.main import main
from vanguard.domain.consent import problems_of

PAGE = ROOT / "docs" / "policy-reference.md"
MODELS = {kind.model.__name__: kind.model for kind in KINDS}
SPEC, STATUS = schema_of(AutomationPolicySpec), schema_of(AutomationPolicyStatus)


def fields(node: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field below a schema node, with its path."""
    for key, child in node.get("properties", {}).items():
        yield f"{path}.{key}", child
        yield from fields(child.get("items", child), f"{path}.{key}")


FIELDS = dict([*fields(SPEC, "spec"), *fields(STATUS, "status")])


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_is_described_in_a_short_sentence(path: str) -> None:
    said = FIELDS[path].get("description", "")
    assert said[:1].isupper()
    assert said.endswith(".")
    assert 3 <= len(said) <= 250


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_has_a_row_in_the_section_of_its_object(path: str) -> None:
    parent, _, field = path.rpartition(".")
    found = PAGE.read_text().replace("[]", "").split(f"\n### {parent}\n")
    assert len(found) == 2, f"there is no section {parent}"
    assert f"\n| `{field}` |" in found[1].split("\n### ")[0]


def test_the_page_is_what_the_models_say() -> None:
    assert reference.rewritten(PAGE.read_text()) == PAGE.read_text()


def test_a_page_that_is_out_of_date_is_told_and_mended(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{reference.BEGIN}\nold\n{reference.END}\nAfter.\n")
    checked = CliRunner().invoke(main, ["reference", "--check", str(page)])
    assert (checked.exit_code, "make generate" in checked.output, "old" in page.read_text()) == (1, True, True)
    assert CliRunner().invoke(main, ["reference", str(page)]).exit_code == 0
    assert page.read_text().startswith("Before.\n")
    assert page.read_text().endswith("After.\n")
    assert "\nold\n" not in page.read_text()
    assert CliRunner().invoke(main, ["reference", "--check", str(page)]).exit_code == 0


@pytest.mark.parametrize("text", ["", reference.BEGIN, f"{reference.END}\n{reference.BEGIN}"])
def test_a_page_without_its_marks_is_refused(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    told = CliRunner().invoke(main, ["reference", str(page)])
    assert told.exit_code == 1
    assert "needs the lines" in told.output
    assert page.read_text() == text


EXAMPLES = [
    pytest.param(one, id=f"{name(page)}: block {number}, {one['kind']} {one['metadata']['name']}")
    for page in PAGES
    for number, block in enumerate(blocks(page.read_text(), "yaml"), start=1)
    for one in yaml.safe_load_all(block)
    if isinstance(one, dict) and one.get("kind") in MODELS
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_one_that_the_models_take(example: dict[str, Any]) -> None:
    read = MODELS[example["kind"]].read(example)
    assert example["apiVersion"] == "vanguard.dev/v1alpha1"
    if isinstance(read, AutomationPolicy):
        assert problems_of(read) == ()


def test_there_are_examples_and_one_for_each_mode() -> None:
    modes = {example.values[0]["spec"].get("mode") for example in EXAMPLES}  # type: ignore[index]
    assert modes >= {"Observe", "Approve", "Auto"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_yaml_block_is_yaml(page: Path) -> None:
    for block in blocks(page.read_text(), "yaml"):
        assert list(yaml.safe_load_all(block))
