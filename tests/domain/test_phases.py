"""The table of phases is closed: every phase is of one kind, every move leads to a phase, every phase to an end."""

import pytest

from vanguard.api.intervention import Phase
from vanguard.domain.phases import DECIDING, IN_FLIGHT, TERMINAL, TRANSITIONS


def test_every_phase_is_deciding_in_flight_or_terminal_and_only_one_of_them() -> None:
    assert sorted([*DECIDING, *IN_FLIGHT, *TERMINAL]) == sorted(Phase)


def test_every_phase_has_a_row() -> None:
    assert set(TRANSITIONS) == set(Phase)


def reachable(start: Phase) -> set[Phase]:
    seen: set[Phase] = set()
    todo = [start]
    while todo:
        for following in TRANSITIONS[todo.pop()] - seen:
            seen.add(following)
            todo.append(following)
    return seen


def test_every_phase_is_reached_from_the_first() -> None:
    assert reachable(Phase.PENDING) == set(Phase)


@pytest.mark.parametrize("phase", sorted(set(Phase) - TERMINAL))
def test_from_every_phase_an_end_is_reached(phase: Phase) -> None:
    assert reachable(phase) & TERMINAL


@pytest.mark.parametrize("phase", sorted(TERMINAL))
def test_nothing_follows_an_end_but_the_undoing_of_what_was_kept(phase: Phase) -> None:
    assert TRANSITIONS[phase] == ({Phase.ROLLING_BACK} if phase is Phase.SUCCEEDED else set())


def test_a_change_is_made_only_after_a_decision_and_a_baseline() -> None:
    before = {phase: {one for one, following in TRANSITIONS.items() if phase in following} for phase in Phase}
    assert before[Phase.APPLYING] == {Phase.BASELINING}
    assert before[Phase.BASELINING] == DECIDING
    assert before[Phase.MONITORING] == {Phase.APPLYING}
    assert before[Phase.SUCCEEDED] == {Phase.MONITORING}


def test_what_is_being_undone_is_never_made_again() -> None:
    assert not TRANSITIONS[Phase.ROLLING_BACK] & {Phase.APPLYING, Phase.MONITORING, Phase.SUCCEEDED}
