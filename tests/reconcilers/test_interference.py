"""Others act too, at the worst moment: between any two calls of the operator somebody stops, deletes or changes things.

I6: a human's stop wins from the next write on. I10: what somebody else changed since is left as it is. I4: an act ends
Succeeded, RolledBack or Failed, and is never called a refusal.
"""

from collections.abc import Callable

import pytest

from tests.reconcilers import objects
from tests.reconcilers.fakes import Strike
from tests.reconcilers.objects import CONFIG_MAP, ENV, LIVE, RESTART, Remedy
from tests.reconcilers.world import BETTER, SHOP, WORSE, World, everywhere, forward_changes
from vanguard.api.intervention import Phase
from vanguard.api.reasons import Reason
from vanguard.ports import Raw

Meddle = Callable[[World], object]
Arm = Callable[[int], tuple[World, Strike]]
ENV_VALUE = "/spec/template/spec/containers/0/env/0/value"


def meddled(remedy: Remedy, after: dict[str, float], meddle: Meddle) -> Arm:
    def arm(at: int) -> tuple[World, Strike]:
        world = World(remedy, after=after)

        def now() -> None:
            world.meddled_at = len(world.cluster.writes)
            meddle(world)

        return world, world.cluster.meanwhile(now, at)

    return arm


def abort(world: World) -> None:
    world.annotate("Intervention", "iv", abort="not now")


def delete(world: World) -> None:
    world.cluster.delete("Intervention", SHOP, "iv")


def delete_target(world: World) -> None:
    world.cluster.delete("Deployment", SHOP, "orders")


def replace_target(world: World) -> None:
    delete_target(world)
    world.cluster.put("Deployment", SHOP, objects.workload("Deployment", "orders"))


def change_pattern(world: World) -> None:
    world.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(title="Another title"))


def delete_pattern(world: World) -> None:
    world.cluster.delete("IssuePattern", "", objects.PATTERN)


def change_value(world: World) -> None:
    """Somebody sets the value we would tune to 77."""
    if world.remedy is ENV:
        world.cluster.edit("Deployment", SHOP, "orders", set_env)
    else:
        world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw["data"].update(POOL_SIZE="77"))


def set_env(raw: Raw) -> None:
    raw["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "77"


def value_of(world: World) -> str:
    if world.remedy is ENV:
        return str(objects.pick(world.cluster.look("Deployment", SHOP, "orders"), ENV_VALUE))
    return str(world.cluster.look("ConfigMap", SHOP, "orders-config")["data"]["POOL_SIZE"])


def no_act_is_called_a_refusal(world: World, at: int) -> None:
    if world.touches and not world.gone:
        assert world.phase is not Phase.REJECTED, f"meddled before call {at}: {world.look().status.message}"


def ended_before(world: World, phase: Phase) -> bool:
    """Whether it had this phase, and was over, before anybody meddled."""
    recorded = [w for w in world.cluster.writes[: world.meddled_at] if (w.verb, w.kind) == ("status", "Intervention")]
    return bool(recorded) and recorded[-1].after["status"]["phase"] == phase


def restored_before(world: World) -> bool:
    """Whether the value had been put back before anybody meddled."""
    name = "orders" if world.remedy is ENV else "orders-config"
    written = [w for w in world.cluster.writes[: world.meddled_at] if w in world.touches and w.name == name]
    return len(written) == len(("made", "taken back"))


def test_an_abort_between_any_two_calls_leaves_no_change_behind() -> None:
    phases = set()
    for at, world in everywhere(meddled(CONFIG_MAP, BETTER, abort)):
        if ended_before(world, Phase.SUCCEEDED):
            continue
        assert world.changed() == [], f"aborted before call {at}"
        under_way = sum(forward_changes(world, world.meddled_at).values())
        assert under_way <= 1, f"aborted before call {at}: only the write under way may still land"
        no_act_is_called_a_refusal(world, at)
        phases.add(world.phase)
    assert phases == {Phase.REJECTED, Phase.ROLLED_BACK}


def test_deleted_between_any_two_calls_it_is_undone_before_it_is_released() -> None:
    ends = set()
    for at, world in everywhere(meddled(ENV, BETTER, delete)):
        assert world.phase_seen is Phase.SUCCEEDED or world.changed() == [], f"deleted before call {at}"
        world.others()
        assert world.gone, f"deleted before call {at}: never released"
        ends.add((bool(world.touches), world.phase_seen))
    assert (True, Phase.ROLLED_BACK) in ends
    assert any(not touched for touched, _ in ends)


@pytest.mark.parametrize("remedy", [CONFIG_MAP, ENV], ids=str)
def test_a_value_somebody_sets_between_any_two_calls_is_never_overwritten(remedy: Remedy) -> None:
    reasons = set()
    for at, world in everywhere(meddled(remedy, WORSE, change_value)):
        assert value_of(world) == "77", f"set before call {at}"
        no_act_is_called_a_refusal(world, at)
        if world.phase is Phase.ROLLED_BACK and not restored_before(world):
            change = world.look().status.change
            assert change is not None
            assert change.from_ == "77", f"set before call {at}: what is not there must not be called restored"
        reasons.add(world.said)
    assert (Phase.FAILED, Reason.TARGET_DRIFTED) in reasons, "while it was in place"
    assert (Phase.REJECTED, Reason.TARGET_CHANGED) in reasons, "between the plan and the write"
    assert (Phase.ROLLED_BACK, Reason.RESTORED) in reasons, "before the plan was made"


@pytest.mark.parametrize("remedy", [CONFIG_MAP, RESTART], ids=str)
@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(delete_target, id="the workload is deleted"),
        pytest.param(replace_target, id="the workload is made anew"),
    ],
)
def test_a_workload_that_goes_between_any_two_calls_ends_it_and_its_successor_is_left_alone(
    remedy: Remedy, meddle: Meddle
) -> None:
    for at, world in everywhere(meddled(remedy, WORSE, meddle)):
        no_act_is_called_a_refusal(world, at)
        later = [w for w in world.cluster.writes[world.meddled_at :] if w.kind == "Deployment"]
        assert later == [], f"gone before call {at}"


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(change_pattern, id="the pattern is changed"),
        pytest.param(delete_pattern, id="the pattern is deleted"),
    ],
)
def test_a_pattern_that_is_not_what_it_was_starts_nothing_and_keeps_nothing(meddle: Meddle) -> None:
    ends = set()
    for at, world in everywhere(meddled(ENV, BETTER, meddle)):
        no_act_is_called_a_refusal(world, at)
        kept = world.phase is Phase.SUCCEEDED
        assert kept or world.changed() == [], f"the pattern went before call {at}"
        status = world.look().status
        ends.add((status.phase, status.undo.message if status.undo else status.reason))
    assert (Phase.REJECTED, Reason.PATTERN_CHANGED) in ends
    assert (Phase.ROLLED_BACK, Reason.PATTERN_CHANGED.sentence) in ends


def test_a_pattern_that_changes_during_the_watch_makes_it_inconclusive() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.until_phase(Phase.MONITORING)
    change_pattern(world)

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    status = world.look().status
    assert status.verdict == "Inconclusive"
    assert world.changed() == []


def test_without_its_policy_a_change_that_did_not_help_is_undone() -> None:
    world = World(CONFIG_MAP, {"action": {"rollback": "BestEffort", "onInconclusive": "Hold"}}, after={})
    world.until_phase(Phase.MONITORING)
    world.cluster.delete("AutomationPolicy", SHOP, "shop")

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.changed() == []


def test_a_change_reverted_by_somebody_during_the_rollout_is_not_made_again() -> None:
    world = World(CONFIG_MAP, rollouts_finish=False)
    world.until_phase(Phase.APPLYING)
    was = world.origin["ConfigMap", "orders-config"]
    world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw.update(data=was["data"]))
    world.edit_meta("ConfigMap", "orders-config", lambda meta: meta.pop("annotations"))
    world.rollouts_finish = True
    world.until_over()

    assert forward_changes(world) == {("ConfigMap", "orders-config"): 1, ("Deployment", "orders"): 1}
    assert world.changed() == []


@pytest.mark.parametrize("key", ["POOL_SIZE", "marker"])
def test_drift_during_the_watch_is_told_and_nothing_is_touched(key: str) -> None:
    world = World(CONFIG_MAP, after=WORSE)
    world.until_phase(Phase.MONITORING)
    if key == "marker":
        world.annotate("ConfigMap", "orders-config", intervention="somebody-else")
    else:
        change_value(world)
    before = [world.touched_fields(*where) for where in world.origin]
    writes = len(world.touches)

    assert world.until_over() == (Phase.FAILED, Reason.TARGET_DRIFTED)
    assert [world.touched_fields(*where) for where in world.origin] == before
    assert len(world.touches) == writes


def test_what_others_change_beside_the_touched_fields_stays_through_the_undo() -> None:
    world = World(CONFIG_MAP, after=WORSE)
    world.until_phase(Phase.MONITORING)
    world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw["data"].update(X="2"))
    world.cluster.edit("Deployment", SHOP, "orders", lambda raw: raw["spec"].update(replicas=4))

    assert world.until_over() is not None
    assert world.cluster.look("ConfigMap", SHOP, "orders-config")["data"] == {"POOL_SIZE": "50", "X": "2"}
    assert world.cluster.look("Deployment", SHOP, "orders")["spec"]["replicas"] == 4


def replace_config(world: World) -> None:
    """Somebody deletes the ConfigMap and makes it anew as it stands."""
    raw = world.cluster.look("ConfigMap", SHOP, "orders-config")
    world.cluster.delete("ConfigMap", SHOP, "orders-config")
    meta = {key: value for key, value in raw["metadata"].items() if key in {"name", "annotations"}}
    world.cluster.put("ConfigMap", SHOP, {**raw, "metadata": meta})


@pytest.mark.parametrize(
    "meddle",
    [
        pytest.param(replace_target, id="the workload"),
        pytest.param(replace_config, id="the ConfigMap"),
    ],
)
def test_a_successor_of_the_same_name_is_neither_judged_nor_touched(meddle: Meddle) -> None:
    world = World(LIVE, after=WORSE)
    world.until_phase(Phase.MONITORING)
    meddle(world)
    touches = len(world.touches)

    assert world.until_over() == (Phase.FAILED, Reason.TARGET_GONE)
    assert len(world.touches) == touches
