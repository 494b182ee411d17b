"""From admission to the end: what helps is kept, what does not is taken back byte for byte, as the policy says."""

from datetime import timedelta

import pytest

from tests.reconcilers import objects
from tests.reconcilers.objects import CONFIG_MAP, ENV, LIVE, REMEDIES, RESTART, RESTART_SET, Remedy
from tests.reconcilers.world import BETTER, GUARD_WORSE, NO_BETTER, SHOP, WORSE, World, forward_changes
from vanguard.api.base import Annotation, format_time
from vanguard.api.intervention import Phase, Verdict
from vanguard.api.reasons import Reason
from vanguard.ports import Raw

TEMPLATE = "/spec/template/metadata/annotations"
ENV_VALUE = "/spec/template/spec/containers/0/env/0/value"
LENIENT: Raw = {"action": {"rollback": "BestEffort"}}
HOLDING: Raw = {"action": {"onInconclusive": "Hold"}}

TOUCHED_BY: dict[str, set[tuple[str, str]]] = {
    CONFIG_MAP.name: {("ConfigMap", "orders-config"), ("Deployment", "orders")},
    LIVE.name: {("ConfigMap", "orders-config")},
    ENV.name: {("Deployment", "orders")},
    RESTART.name: {("Deployment", "orders")},
    RESTART_SET.name: {("StatefulSet", "orders")},
}


def value_of(world: World, remedy: Remedy) -> str:
    """What the remedy is to change, as it is now."""
    if remedy in (CONFIG_MAP, LIVE):
        return str(world.cluster.look("ConfigMap", SHOP, "orders-config")["data"]["POOL_SIZE"])
    if remedy is ENV:
        return str(objects.pick(world.cluster.look("Deployment", SHOP, "orders"), ENV_VALUE))
    annotations = objects.pick(world.cluster.look(remedy.kind, SHOP, "orders"), TEMPLATE) or {}
    return str(annotations.get(Annotation.RESTARTED_AT))


@pytest.mark.parametrize("remedy", REMEDIES, ids=str)
def test_a_change_that_helps_is_made_once_and_kept(remedy: Remedy) -> None:
    world = World(remedy)

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)
    assert set(world.changed()) == TOUCHED_BY[remedy.name]
    assert forward_changes(world) == dict.fromkeys(TOUCHED_BY[remedy.name], 1)
    assert len(world.touches) == len(TOUCHED_BY[remedy.name])
    restarted = format_time(world.touches[0].at)
    assert value_of(world, remedy) == (restarted if remedy in (RESTART, RESTART_SET) else "60")
    assert world.look().status.verdict is Verdict.IMPROVED


@pytest.mark.parametrize("remedy", REMEDIES, ids=str)
@pytest.mark.parametrize(
    "after",
    [pytest.param(WORSE, id="the signal got worse"), pytest.param(GUARD_WORSE, id="a guard got worse")],
)
def test_a_change_that_harms_is_undone_byte_for_byte(remedy: Remedy, after: dict[str, float]) -> None:
    world = World(remedy, after=after)

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    status = world.look().status
    assert status.verdict is Verdict.DEGRADED
    assert status.undo is not None
    assert status.undo.reason == Reason.DEGRADED
    assert world.changed() == []
    assert forward_changes(world) == dict.fromkeys(TOUCHED_BY[remedy.name], 1)
    assert len(world.touches) == 2 * len(TOUCHED_BY[remedy.name])


def test_annotations_there_were_before_come_back_as_they_were() -> None:
    world = World(RESTART, after=WORSE)
    old = {Annotation.RESTARTED_AT.value: "2025-12-31T23:59:59+01:00"}
    world.cluster.edit(
        "Deployment", SHOP, "orders", lambda raw: raw["spec"]["template"]["metadata"].update(annotations=old)
    )
    world.annotate("Deployment", "orders", intervention="an-earlier-one")
    world.others()
    before = world.touched_fields("Deployment", "orders")

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.touched_fields("Deployment", "orders") == before


@pytest.mark.parametrize(
    ("after", "consent", "end", "kept"),
    [
        pytest.param(NO_BETTER, {}, (Phase.ROLLED_BACK, Reason.RESTORED), False, id="neutral, mandatory: undone"),
        pytest.param(NO_BETTER, LENIENT, (Phase.FAILED, Reason.NO_IMPROVEMENT), True, id="neutral, best effort: left"),
        pytest.param(WORSE, LENIENT, (Phase.ROLLED_BACK, Reason.RESTORED), False, id="worse, best effort: undone"),
        pytest.param(WORSE, HOLDING, (Phase.ROLLED_BACK, Reason.RESTORED), False, id="worse, hold: undone"),
        pytest.param(NO_BETTER, HOLDING, (Phase.ROLLED_BACK, Reason.RESTORED), False, id="neutral, hold: undone"),
    ],
)
def test_the_policy_says_what_becomes_of_a_change_that_did_not_help(
    after: dict[str, float], consent: Raw, end: tuple[Phase, Reason], kept: bool
) -> None:
    world = World(CONFIG_MAP, consent, after)

    assert world.until_over() == end
    assert bool(world.changed()) is kept


@pytest.mark.parametrize("remedy", [CONFIG_MAP, ENV, RESTART_SET], ids=str)
def test_a_rollout_that_never_ends_is_undone_at_its_deadline(remedy: Remedy) -> None:
    world = World(remedy, rollouts_finish=False)
    world.until_phase(Phase.ROLLING_BACK)
    taken = world.clock.now()

    assert taken - world.begun < timedelta(minutes=7)
    assert world.look().status.reason == Reason.ROLLOUT_FAILED
    world.rollouts_finish = True
    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.changed() == []


def test_an_undo_whose_rollout_never_ends_fails_with_the_values_back() -> None:
    world = World(CONFIG_MAP, rollouts_finish=False)

    assert world.until_over() == (Phase.FAILED, Reason.UNDO_FAILED)
    assert world.changed() == []
    assert world.clock.now() - world.begun < timedelta(minutes=12)


def test_a_policy_that_only_watches_ends_in_observed_with_nothing_touched() -> None:
    world = World(CONFIG_MAP, {"spec": {"mode": "Observe"}})

    assert world.until_over() == (Phase.OBSERVED, Reason.WOULD_ACT)
    assert world.touches == []


def approve(world: World, verdict: str) -> None:
    approval = {"by": "april", "verdict": verdict, "reason": "seen", "intervention": world.uid}
    approval["expiresAt"] = format_time(world.clock.now() + timedelta(hours=1))
    world.cluster.edit("Intervention", SHOP, world.name, lambda raw: raw["spec"].update(approval=approval))


def test_what_needs_a_person_waits_for_the_word_and_then_goes_on() -> None:
    world = World(CONFIG_MAP, {"spec": {"mode": "Approve"}})
    for _ in range(5):
        world.tick()
    assert world.said == (Phase.AWAITING_APPROVAL, Reason.APPROVAL_REQUIRED)
    assert world.touches == []

    approve(world, "Approved")
    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_what_a_person_denies_is_refused_with_nothing_touched() -> None:
    world = World(CONFIG_MAP, {"spec": {"mode": "Approve"}})
    world.until_phase(Phase.AWAITING_APPROVAL)
    approve(world, "Denied")

    assert world.until_over() == (Phase.REJECTED, Reason.APPROVAL_DENIED)
    assert world.touches == []


def test_a_change_that_was_kept_is_undone_when_a_person_asks_for_it_later() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.until_over()
    world.clock.advance(timedelta(days=2))
    world.annotate("Intervention", "iv", rollback="we need the connections elsewhere")
    world.until(lambda: world.phase is not Phase.SUCCEEDED)

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.changed() == []
    undo = world.look().status.undo
    assert undo is not None
    assert "elsewhere" in undo.message


def test_a_first_write_the_server_refuses_is_a_refusal_with_nothing_touched() -> None:
    world = World(CONFIG_MAP)
    world.cluster.forbidden.add(("patch", "ConfigMap", "orders-config"))

    assert world.until_over() == (Phase.REJECTED, Reason.APPLY_FAILED)
    assert "forbidden" in world.look().status.message
    assert world.touches == []


def test_a_second_write_the_server_refuses_takes_the_first_one_back() -> None:
    world = World(CONFIG_MAP)
    world.cluster.forbidden.add(("patch", "Deployment", "orders"))

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert [write.name for write in world.touches] == ["orders-config", "orders-config"]
    assert world.changed() == []


def test_an_undo_the_server_refuses_fails_and_says_what_was_refused() -> None:
    world = World(CONFIG_MAP, after=WORSE)
    world.until_phase(Phase.MONITORING)
    world.cluster.forbidden.add(("patch", "ConfigMap", "orders-config"))

    assert world.until_over() == (Phase.FAILED, Reason.UNDO_FAILED)
    assert "forbidden" in world.look().status.message


def long_watch(world: World) -> None:
    """A watch of ten minutes, looked at every half."""
    world.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"]["verification"].update(watch="10m"))
    generation = world.cluster.look("IssuePattern", "", objects.PATTERN)["metadata"]["generation"]
    world.cluster.edit("Intervention", SHOP, "iv", lambda raw: raw["spec"]["pattern"].update(generation=generation))


def test_clear_harm_is_undone_long_before_the_watch_is_over() -> None:
    world = World(CONFIG_MAP, after=WORSE)
    long_watch(world)
    world.until_phase(Phase.ROLLING_BACK)

    status = world.look().status
    assert status.reason == Reason.DEGRADED_EARLY
    assert status.watch_started_at is not None
    assert world.clock.now() - status.watch_started_at < timedelta(minutes=3)
    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.changed() == []


def unready(raw: Raw) -> None:
    raw["status"].update(readyReplicas=1)


def test_a_target_that_loses_its_replicas_during_the_watch_is_put_back_at_once() -> None:
    world = World(CONFIG_MAP)
    world.until_phase(Phase.MONITORING)
    world.cluster.edit("Deployment", SHOP, "orders", unready)
    world.until_phase(Phase.ROLLING_BACK)

    status = world.look().status
    assert (status.reason, status.verdict) == (Reason.TARGET_UNHEALTHY, Verdict.DEGRADED)
    assert "limits.minHealthyPercent is 51" in status.message
    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.changed() == []


@pytest.mark.parametrize("marked", [True, False], ids=["the marker is left", "the marker is gone too"])
def test_a_value_somebody_puts_back_during_the_watch_is_left_to_them(marked: bool) -> None:
    world = World(CONFIG_MAP)
    world.until_phase(Phase.MONITORING)
    world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw["data"].update(POOL_SIZE="50"))
    if not marked:
        world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw["metadata"].pop("annotations"))
    touches = len(world.touches)

    assert world.until_over() == (Phase.FAILED, Reason.EXTERNALLY_REVERTED)
    assert len(world.touches) == touches
