"""`vanguard explain` says where to read on about what holds an Intervention."""

import io

from rich.console import Console

from tests.reconcilers.objects import CONFIG_MAP
from tests.reconcilers.world import World
from vanguard.api.intervention import Phase
from vanguard.cli import explain

RUNBOOK = "https://wiki.example/runbook"


def told(world: World) -> list[str]:
    """The lines of the last section."""
    page = io.StringIO()
    explain.tell(world.look(), Console(file=page, width=200), RUNBOOK)
    return page.getvalue().split("Read on\n")[1].split()


def test_the_sections_of_what_it_came_to_and_of_each_gate_that_does_not_pass_are_named_once() -> None:
    world = World(CONFIG_MAP, {"action": {"enabled": False}})
    assert world.until_over()[0] is Phase.REJECTED
    sections = told(world)
    assert sections[0] == f"{RUNBOOK}#actionnotenabled"
    assert f"{RUNBOOK}#nottriedyet" in sections
    assert len(set(sections)) == len(sections)
    assert f"{RUNBOOK}#alertfiring" not in sections


def test_of_one_that_nothing_is_known_of_the_whole_runbook_is_named() -> None:
    world = World(CONFIG_MAP)
    world.detect()
    assert told(world) == [RUNBOOK]
