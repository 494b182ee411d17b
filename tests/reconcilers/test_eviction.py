"""A restart of what a GitOps tool owns: each pod that was there goes once, one at a time, and the template stays."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.reconcilers.fakes import Fault, Strike
from tests.reconcilers.gitops import ARGO, OwnedWorld
from tests.reconcilers.objects import RESTART, RESTART_SET, SHOP, Remedy
from tests.reconcilers.world import BETTER, NO_BETTER, WORSE, World, everywhere
from vanguard.api.intervention import Phase, Verdict
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.history import Outcome, outcome_of
from vanguard.ports import Raw

DONE = (Phase.SUCCEEDED, Reason.IMPROVED)
FOR_GOOD = (Phase.FAILED, Reason.NOTHING_TO_UNDO)
KINDS = pytest.mark.parametrize("remedy", [RESTART, RESTART_SET], ids=str)


def check(world: OwnedWorld) -> None:
    """What holds wherever it ended: no pod twice, no other pod, no two at once, and nothing else was written to."""
    assert len(set(world.evicted)) == len(world.evicted)
    assert set(world.evicted) <= set(world.before)
    assert world.least >= 2
    assert world.changed() == []
    assert {write.kind for write in world.touches} <= {"Pod"}
    now = world.cluster.look(world.remedy.kind, SHOP, "orders")["metadata"]
    assert now["generation"] == world.generation


def check_all_replaced(world: OwnedWorld) -> None:
    check(world)
    assert set(world.evicted) == set(world.before)
    assert len(world.staying()) == 3
    assert not world.staying() & set(world.before)


def until_evicted(world: OwnedWorld, count: int) -> None:
    """Look until so many have been evicted; the pods that follow have not been made yet."""
    world.until(lambda: len(world.evicted) >= count)


def delete_pods(world: OwnedWorld, count: int) -> None:
    """Somebody deletes some of the pods that were there at the beginning, in the order of their names."""
    names = sorted(name for uid, name in world.before.items() if uid in world.staying())
    for name in names[:count]:
        world.cluster.delete("Pod", SHOP, name)


@KINDS
def test_each_pod_is_replaced_once_and_the_workload_is_not_written_to(remedy: Remedy) -> None:
    world = OwnedWorld(remedy)
    assert world.until_over() == DONE
    check_all_replaced(world)
    assert world.least == 2
    (gate,) = [gate for gate in world.look().status.gates if gate.name == "ownership"]
    assert (gate.verdict, gate.reason) == (GateVerdict.PASS, Reason.RESTART_BY_EVICTION)


@KINDS
def test_the_pods_are_recorded_before_the_first_of_them_goes(remedy: Remedy) -> None:
    world = OwnedWorld(remedy)
    world.until_over()
    first = next(number for number, write in enumerate(world.cluster.writes) if write.verb == "evict")
    recorded = [w for w in world.cluster.writes[:first] if w.kind == "Intervention" and w.verb == "status"]
    status = Intervention.read(recorded[-1].after).status
    assert status.change is not None
    assert {pod.uid: pod.name for pod in status.change.evictions} == world.before
    assert (status.phase, status.change.restore_point) == (Phase.APPLYING, ())
    assert status.baseline is not None


Arm = Callable[[int], tuple[World, Strike]]


def armed(remedy: Remedy, fault: Fault, *, writes_only: bool) -> Arm:
    def arm(at: int) -> tuple[World, Strike]:
        world = OwnedWorld(remedy, budget=2)
        return world, world.cluster.strike(fault, at, writes_only=writes_only)

    return arm


@KINDS
@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.value)
def test_whatever_befalls_any_write_each_pod_goes_once(remedy: Remedy, fault: Fault) -> None:
    struck = 0
    for at, world in everywhere(armed(remedy, fault, writes_only=True)):
        assert isinstance(world, OwnedWorld)
        assert world.said == DONE, f"struck at {at}"
        check_all_replaced(world)
        struck += 1
    assert struck > 8


def test_killed_between_any_two_calls_another_process_ends_it_the_same() -> None:
    struck = 0
    for at, world in everywhere(armed(RESTART, Fault.KILL_BEFORE, writes_only=False)):
        assert isinstance(world, OwnedWorld)
        assert world.said == DONE, f"struck at {at}"
        check_all_replaced(world)
        struck += 1
    assert struck > 50


@pytest.mark.parametrize(
    ("after", "said", "verdict", "outcome"),
    [
        pytest.param(BETTER, DONE, Verdict.IMPROVED, Outcome.HELPED, id="it helped"),
        pytest.param(
            NO_BETTER, (Phase.FAILED, Reason.NO_IMPROVEMENT), Verdict.NEUTRAL, Outcome.FAILED, id="it changed nothing"
        ),
        pytest.param(WORSE, FOR_GOOD, Verdict.DEGRADED, Outcome.FAILED, id="it got worse"),
    ],
)
def test_what_did_not_help_is_a_failure_and_nothing_is_put_back(
    after: dict[str, float], said: tuple[Phase, str], verdict: Verdict, outcome: Outcome
) -> None:
    world = OwnedWorld(after=after)
    assert world.until_over() == said
    check_all_replaced(world)
    assert (world.look().status.verdict, outcome_of(world.look())) == (verdict, outcome)


def test_the_next_pod_waits_until_the_last_ones_successor_is_ready() -> None:
    world = OwnedWorld(pods_start=False)
    until_evicted(world, 1)
    for _ in range(3):
        world.tick()
    assert (len(world.evicted), world.phase) == (1, Phase.APPLYING)
    world.pods_start = True
    assert world.until_over() == DONE
    check_all_replaced(world)


def test_pods_that_do_not_come_back_end_it_and_the_others_are_left() -> None:
    world = OwnedWorld(pods_start=False)
    assert world.until_over() == FOR_GOOD
    check(world)
    assert len(world.evicted) == 1
    assert "1 of 3 pods were replaced" in world.look().status.message
    assert outcome_of(world.look()) is Outcome.FAILED


def test_a_budget_that_allows_none_holds_it_and_nothing_is_evicted() -> None:
    world = OwnedWorld(budget=3)
    for _ in range(5):
        world.tick()
    assert world.said == (Phase.PENDING, Reason.DISRUPTION_BUDGET_EXHAUSTED)
    assert world.evicted == []
    world.budget = 2
    assert world.until_over() == DONE
    check_all_replaced(world)


def test_a_budget_that_closes_midway_is_waited_for_with_growing_pauses() -> None:
    world = OwnedWorld(budget=2)
    until_evicted(world, 1)
    world.budget = 3
    world.until(lambda: world.look().status.postponement is not None)
    pauses = []
    for _ in range(3):
        postponement = world.look().status.postponement
        assert postponement is not None
        pauses.append(postponement.next_attempt_at - world.cluster.writes[-1].at)
        world.clock.at = postponement.next_attempt_at - timedelta(seconds=1)
        world.reconcile()
        assert world.look().status.postponement == postponement, "nothing is tried before its time"
        world.clock.at = postponement.next_attempt_at
        world.reconcile()
    assert pauses == [timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8)]
    assert (len(world.evicted), world.phase) == (1, Phase.APPLYING)
    world.budget = 2
    assert world.until_over() == DONE
    check_all_replaced(world)


def test_a_budget_that_stays_closed_past_the_deadline_ends_it_and_people_are_told_how_far_it_went() -> None:
    world = OwnedWorld(budget=2)
    until_evicted(world, 1)
    world.budget = 3
    assert world.until_over() == FOR_GOOD
    check(world)
    assert len(world.evicted) == 1
    status = world.look().status
    assert "disruption budget orders" in status.message
    assert "1 of 3 pods were replaced" in status.message
    assert status.notices[-1].phase is Phase.FAILED


@pytest.mark.parametrize("evicted", [1, 2])
def test_a_person_who_stops_it_midway_stops_the_evictions_and_it_teaches_nothing(evicted: int) -> None:
    world = OwnedWorld()
    until_evicted(world, evicted)
    world.annotate("Intervention", "iv", abort="not now")
    assert world.until_over() == FOR_GOOD
    check(world)
    assert len(world.evicted) == evicted
    assert "not now" in world.look().status.message
    assert f"{evicted} of 3 pods were replaced" in world.look().status.message
    assert outcome_of(world.look()) is Outcome.NOTHING


def test_a_person_who_stops_it_before_the_first_pod_is_heeded() -> None:
    world = OwnedWorld()
    world.until_phase(Phase.BASELINING)
    world.annotate("Intervention", "iv", abort="not now")
    assert world.until_over() == (Phase.REJECTED, Reason.ABORTED)
    assert world.evicted == []


def test_stopped_when_it_is_recorded_and_no_pod_has_gone_it_is_rejected() -> None:
    world = OwnedWorld()
    kill_at_first_eviction(world)
    world.until_phase(Phase.APPLYING)
    world.annotate("Intervention", "iv", abort="not now")
    assert world.until_over() == (Phase.REJECTED, Reason.ABORTED)
    assert world.evicted == []


def kill_at_first_eviction(world: OwnedWorld) -> None:
    """The process dies on its way to the first eviction: after the write that records the pods."""
    spare = OwnedWorld(world.remedy)
    spare.until_over()
    first = next(number for number, write in enumerate(spare.cluster.writes) if write.verb == "evict")
    world.cluster.strike(Fault.KILL_BEFORE, first, writes_only=True)


def test_deleted_midway_it_ends_and_is_released() -> None:
    world = OwnedWorld()
    until_evicted(world, 1)
    world.cluster.delete("Intervention", SHOP, "iv")
    assert world.until_over() is None
    check(world)
    assert len(world.evicted) == 1


def test_held_by_an_annotation_midway_the_others_stay() -> None:
    world = OwnedWorld()
    until_evicted(world, 1)
    world.annotate("Deployment", "orders", automation="Disabled")
    assert world.until_over() == FOR_GOOD
    assert len(world.evicted) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_pods_that_somebody_else_deletes_meanwhile_are_done(count: int) -> None:
    world = OwnedWorld()
    world.until_phase(Phase.BASELINING)
    until_evicted(world, 1)
    delete_pods(world, count)
    world.least = 3
    assert world.until(lambda: world.phase is Phase.MONITORING) is None
    assert len(world.evicted) == 3 - count
    assert not world.staying() & set(world.before)
    assert world.changed() == []


def test_the_workload_is_deleted_midway() -> None:
    world = OwnedWorld()
    until_evicted(world, 1)
    for kind, name in (("ReplicaSet", "orders-rs"), ("Deployment", "orders")):
        world.cluster.delete(kind, SHOP, name)
    world.reconcile()
    assert world.said == (Phase.FAILED, Reason.TARGET_GONE)
    assert len(world.evicted) == 1


@KINDS
def test_a_pod_that_only_bears_the_labels_is_left_alone(remedy: Remedy) -> None:
    world = OwnedWorld(remedy)
    stranger: Raw = {
        "metadata": {"name": "stranger", "labels": {"app": "orders"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Running"},
    }
    uid = world.cluster.put("Pod", SHOP, stranger)["metadata"]["uid"]
    assert world.until_over() == DONE
    check_all_replaced(world)
    assert world.cluster.look("Pod", SHOP, "stranger")["metadata"]["uid"] == uid


def test_where_a_policy_demands_a_rollback_it_is_refused_and_says_what_to_set() -> None:
    world = OwnedWorld(consent={})
    assert world.until_over() == (Phase.REJECTED, Reason.ROLLBACK_UNSAFE)
    assert "set rollback: BestEffort for RestartRollout" in world.look().status.message
    assert world.touches == []


def test_without_the_right_to_evict_it_is_held() -> None:
    world = OwnedWorld()
    world.cluster.forbidden.add(("dry-run", "Pod", "*"))
    for _ in range(3):
        world.tick()
    assert world.said == (Phase.PENDING, Reason.NOT_PERMITTED)
    assert world.touches == []


def test_a_right_that_is_lost_midway_ends_it() -> None:
    world = OwnedWorld()
    until_evicted(world, 1)
    world.cluster.forbidden.add(("evict", "Pod", "*"))
    assert world.until_over() == FOR_GOOD
    assert Reason.APPLY_FAILED in world.look().status.message
    assert len(world.evicted) == 1


def test_without_a_claim_the_template_is_annotated_as_ever() -> None:
    world = OwnedWorld()
    world.cluster.edit(
        "Deployment", SHOP, "orders", lambda raw: [raw["metadata"]["annotations"].pop(key) for key in ARGO]
    )
    world.until_phase(Phase.APPLYING)
    assert world.evicted == []
    assert [write.kind for write in world.touches] == ["Deployment"]


def test_asked_to_undo_a_success_it_says_once_that_there_is_nothing_to_put_back() -> None:
    world = OwnedWorld()
    world.until_over()
    ended = world.look().status.completed_at
    world.annotate("Intervention", "iv", rollback="I do not like it")
    for _ in range(3):
        world.tick()
    assert world.said == (Phase.SUCCEEDED, Reason.NOTHING_TO_UNDO)
    status = world.look().status
    assert status.completed_at == ended
    assert [entry.reason for entry in status.timeline].count(Reason.NOTHING_TO_UNDO) == 1
    assert len(world.evicted) == 3


def test_nobody_is_told_of_prior_values_or_of_a_way_to_undo_it() -> None:
    world = OwnedWorld(after=WORSE)
    world.until_over()
    said = "\n".join(line for notice in world.look().status.notices for line in notice.lines)
    assert "Nothing to undo" in said
    assert "restorePoint" not in said
    assert "rollback=" not in said
