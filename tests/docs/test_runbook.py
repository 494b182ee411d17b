"""The runbook: every reason has its section where messages say it is, with something to look at and something to do."""

import re

import pytest

from tests.docs.pages import ROOT, anchors, sections
from vanguard.api.base import Annotation
from vanguard.api.reasons import GateVerdict, Reason, runbook_section
from vanguard.cli.main import main
from vanguard.domain.decision.chain import GATES

PAGE = (ROOT / "docs" / "runbook.md").read_text()
SECTIONS = sections(PAGE, 3)
# Reasons that need nobody: gates that pass, and steps on the way. They share one table.
ROWS = dict(re.findall(r'^\| <a id="\w+"></a>`(\w+)` \| [\w, -]+ \| (.+) \|$', PAGE, re.MULTILINE))
COMMAND = re.compile(r"`((?:kubectl|vanguard|helm) [^`]+)`")
COMMANDS = sorted({command for body in [*SECTIONS.values(), PAGE.split("## The forecast")[0]]
                   for command in COMMAND.findall(body)})  # fmt: skip


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_has_a_section_or_a_row_where_messages_say_it_is(reason: Reason) -> None:
    _, _, anchor = runbook_section("docs/runbook.md", reason).partition("#")
    assert anchors(PAGE).count(anchor) == 1
    assert (reason in SECTIONS) != (reason in ROWS)


@pytest.mark.parametrize("title", [*SECTIONS, *ROWS])
def test_a_section_is_about_a_reason_there_is(title: str) -> None:
    assert title in set(Reason)


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_says_what_it_means_what_to_look_at_and_what_to_do(title: str) -> None:
    meaning, look, do = re.split(r"\n\*\*(?:Look|Do):\*\* ", SECTIONS[title].split("\n## ")[0])
    assert len(meaning.split()) >= 5
    assert "`" in look
    assert do.strip().endswith((".", "`", ")"))
    assert COMMAND.search(look + do), "no command"


@pytest.mark.parametrize("reason", ROWS)
def test_a_row_is_the_reasons_own_sentence(reason: str) -> None:
    assert ROWS[reason] == Reason(reason).sentence


@pytest.mark.parametrize("gate", [name for name, _ in GATES])
def test_every_gate_is_named(gate: str) -> None:
    assert re.search(rf"\b{gate}\b", "\n".join(re.findall(r"^## .*|^Gate `.*", PAGE, re.MULTILINE)))


def test_a_reason_with_which_a_gate_holds_or_denies_has_a_section_and_no_row() -> None:
    """What refuses on the real API server is what people are awake for."""
    from tests.gates.test_gates import ROWS as CASES  # noqa: PLC0415 - only the table, not its fixtures

    refusing = {str(reason) for _, verdict, reason, _ in CASES if verdict is not GateVerdict.PASS}
    assert refusing
    assert refusing <= SECTIONS.keys()


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("vanguard ")])
def test_a_command_of_ours_is_one_there_is(command: str) -> None:
    name, *rest = command.split()[1:]
    assert name in main.commands
    options = {option for parameter in _parameters(name, rest) for option in parameter}
    assert {word for word in rest if word.startswith("-")} <= options


def _parameters(name: str, rest: list[str]) -> list[list[str]]:
    command = main.commands[name]
    inner = getattr(command, "commands", {}).get(rest[0] if rest else "", command)
    return [parameter.opts for parameter in inner.params]


def test_the_annotations_it_names_are_those_there_are() -> None:
    named = set(re.findall(r"vanguard\.dev/[a-z-]+[a-z]", PAGE))
    assert named <= {str(annotation) for annotation in Annotation}
