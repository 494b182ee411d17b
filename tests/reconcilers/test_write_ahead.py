"""Killed, unheard or unanswered anywhere on the way: each object changes once, and the end is the same.

I1: no act without a recorded restorePoint and decision. I2: at most one act per Intervention.
"""

from collections.abc import Callable

import pytest

from tests.reconcilers.fakes import Fault, Strike
from tests.reconcilers.objects import CONFIG_MAP, ENV, REMEDIES, RESTART_SET, Remedy
from tests.reconcilers.world import BETTER, TOUCHED, WORSE, World, everywhere, forward_changes
from vanguard.api.intervention import Phase
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import GateVerdict, Reason

ENDS = {
    "kept": (BETTER, (Phase.SUCCEEDED, Reason.IMPROVED), 1),
    "undone": (WORSE, (Phase.ROLLED_BACK, Reason.RESTORED), 2),
}

Arm = Callable[[int], tuple[World, Strike]]


def armed(remedy: Remedy, after: dict[str, float], fault: Fault, *, writes_only: bool) -> Arm:
    def arm(at: int) -> tuple[World, Strike]:
        world = World(remedy, after=after)
        return world, world.cluster.strike(fault, at, writes_only=writes_only)

    return arm


def check_end(world: World, end: str, at: int) -> None:
    _, said, writes_per_object = ENDS[end]
    assert world.said == said, f"struck at {at}"
    objects = {(write.kind, write.name) for write in world.touches}
    assert forward_changes(world) == dict.fromkeys(objects, 1), f"struck at {at}"
    assert len(world.touches) == writes_per_object * len(objects), f"struck at {at}"
    assert set(world.changed()) == (objects if end == "kept" else set()), f"struck at {at}"


@pytest.mark.parametrize("remedy", REMEDIES, ids=str)
@pytest.mark.parametrize("end", ENDS)
def test_before_anything_is_touched_the_way_back_and_the_decision_are_recorded(remedy: Remedy, end: str) -> None:
    world = World(remedy, after=ENDS[end][0])
    world.until_over()

    for number, write in enumerate(world.cluster.writes):
        if write.kind in TOUCHED:
            recorded = [w for w in world.cluster.writes[:number] if w.kind == "Intervention" and w.verb == "status"]
            status = Intervention.read(recorded[-1].after).status
            assert status.decided_at is not None
            assert {gate.verdict for gate in status.gates} == {GateVerdict.PASS}
            assert status.change is not None
            steps = {(step.object.kind, step.object.name): step for step in status.change.restore_point}
            assert write.before is not None
            assert steps[write.kind, write.name].uid == write.before["metadata"]["uid"]
            assert status.baseline is not None
    assert world.touches


@pytest.mark.parametrize("remedy", [CONFIG_MAP, ENV, RESTART_SET], ids=str)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.LOSE_REPLY, id="its reply is lost"),
        pytest.param(Fault.FAIL_BEFORE, id="it never arrived"),
        pytest.param(Fault.KILL_AFTER, id="killed just after it"),
        pytest.param(Fault.KILL_BEFORE, id="killed just before it"),
    ],
)
def test_whatever_befalls_any_write_there_is_one_change_and_the_right_end(
    remedy: Remedy, end: str, fault: Fault
) -> None:
    struck = 0
    for at, world in everywhere(armed(remedy, ENDS[end][0], fault, writes_only=True)):
        check_end(world, end, at)
        struck += 1
    assert struck > 12


@pytest.mark.parametrize(
    ("remedy", "end", "fault"),
    [
        pytest.param(CONFIG_MAP, "undone", Fault.KILL_BEFORE, id="killed on the way of a ConfigMap tuned and undone"),
        pytest.param(ENV, "kept", Fault.KILL_BEFORE, id="killed on the way of an env value tuned and kept"),
        pytest.param(ENV, "undone", Fault.FAIL_BEFORE, id="unanswered on the way of an env value tuned and undone"),
    ],
)
def test_between_any_two_calls_it_may_stop_and_another_process_ends_it_the_same(
    remedy: Remedy, end: str, fault: Fault
) -> None:
    struck = 0
    for at, world in everywhere(armed(remedy, ENDS[end][0], fault, writes_only=False)):
        check_end(world, end, at)
        struck += 1
    assert struck > 50


def test_a_process_that_has_just_started_admits_nothing_before_its_first_evaluation() -> None:
    world = World(CONFIG_MAP)
    world.restart()
    world.reconcile()

    assert world.said == (Phase.PENDING, Reason.NOT_EVALUATED_YET)
    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_an_outage_in_the_middle_of_the_watch_changes_nothing() -> None:
    world = World(CONFIG_MAP, after=WORSE)
    world.until_phase(Phase.MONITORING)
    world.cluster.down = True
    for _ in range(2):
        assert world.reconcile() is None
        world.clock.advance(world.context.settings.reconcile_interval)
    world.cluster.down = False

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.changed() == []


def test_a_status_written_under_us_is_looked_at_again_and_never_overwritten() -> None:
    def arm(at: int) -> tuple[World, Strike]:
        world = World(ENV, after=WORSE)
        note = world.cluster.meanwhile(lambda: world.annotate("Intervention", "iv", note="seen"), at)
        return world, note

    for at, world in everywhere(arm):
        assert world.look().metadata.annotations == {"vanguard.dev/note": "seen"}
        check_end(world, "undone", at)
