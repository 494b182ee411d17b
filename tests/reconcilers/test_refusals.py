"""I9: what is refused or held makes no write to a workload or ConfigMap, and says why."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.reconcilers import objects
from tests.reconcilers.objects import CONFIG_MAP, SHOP
from tests.reconcilers.world import World
from vanguard.api.base import format_time
from vanguard.api.intervention import Phase
from vanguard.api.reasons import Reason
from vanguard.domain.alert import INACTIVE
from vanguard.ports import Raw

Arrange = Callable[[World], object]


def nothing(_world: World) -> None:
    pass


def with_action(**entry: object) -> Raw:
    return {"action": entry}


def edit_workload(change: Callable[[Raw], object]) -> Arrange:
    return lambda world: world.cluster.edit("Deployment", SHOP, "orders", change)


def edit_data(**data: str) -> Arrange:
    return lambda world: world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw.update(data=data))


def annotate_space(**annotations: str) -> Arrange:
    given = {f"vanguard.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return lambda world: world.cluster.edit(
        "Namespace", "", SHOP, lambda raw: raw["metadata"].update(annotations=given)
    )


def annotate_workload(**annotations: str) -> Arrange:
    return lambda world: world.annotate("Deployment", "orders", **annotations)


def crash_pod(world: World) -> None:
    waiting = {"name": "app", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    world.cluster.edit("Pod", SHOP, "orders-0", lambda raw: raw.update(status={"containerStatuses": [waiting]}))


def restart_pod(world: World) -> None:
    ended = {"name": "app", "lastState": {"terminated": {"finishedAt": format_time(world.clock.now())}}}
    world.cluster.edit("Pod", SHOP, "orders-0", lambda raw: raw.update(status={"containerStatuses": [ended]}))


def ceiling(world: World) -> None:
    body = objects.policy(CONFIG_MAP, consent={"spec": {"mode": "Observe"}})
    world.cluster.put("AutomationPolicy", objects.HOME, {**body, "metadata": {"name": "ceiling"}})


def unreadable(namespace: str) -> Arrange:
    """A policy from a newer version, say: stored, and not to be understood."""

    def arrange(world: World) -> None:
        body = objects.policy(CONFIG_MAP)
        world.cluster.put("AutomationPolicy", namespace, {**body, "metadata": {"name": "newer"}})
        world.cluster.store_unread("AutomationPolicy", namespace, "newer", lambda raw: raw["spec"].update(mode="X"))

    return arrange


def spend(days: float, name: str = "orders") -> Arrange:
    """An Intervention of an earlier time that was admitted and is over."""

    def arrange(world: World) -> None:
        begun = world.clock.now() - timedelta(days=days)
        uid = world.cluster.look("Deployment", SHOP, "orders")["metadata"]["uid"] if name == "orders" else "another"
        body = objects.intervention(f"old-{days}", CONFIG_MAP, name, uid, 1, begun)
        at = format_time(begun)
        body["status"] = {"phase": "Succeeded", "reason": "Improved", "verdict": "Improved"}
        body["status"] |= {"startedAt": at, "completedAt": at}
        world.cluster.put("Intervention", SHOP, body)

    return arrange


def paused(world: World) -> None:
    world.annotate("Deployment", "orders", paused_until=format_time(world.clock.now() + timedelta(hours=3)))


def suspend_pattern(world: World) -> None:
    world.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(suspend=True))
    raw = world.cluster.look("IssuePattern", "", objects.PATTERN)
    world.cluster.delete("Intervention", SHOP, "iv")
    assert raw["metadata"]["generation"] == 2
    world.open("iv", "orders")


def forbid(verb: str, kind: str, name: str) -> Arrange:
    return lambda world: world.cluster.forbidden.add((verb, kind, name))


def remove_label(raw: Raw) -> None:
    raw["metadata"]["labels"] = {"app": "another"}


CLOSED = [{"name": "xmas", "schedule": "0 2 25 12 *", "duration": "1h"}]
NO_ZONE = [{"name": "night", "schedule": "0 2 * * *", "duration": "1h", "timeZone": "Europe/Atlantis"}]
FREEZE = [{"name": "sale", "from": "2026-03-01T00:00:00Z", "until": "2026-03-31T00:00:00Z", "reason": "sale"}]

HELD = Phase.PENDING
REFUSED = Phase.REJECTED
CASES: list[tuple[str, Raw, Arrange, Phase, Reason]] = [
    ("no policy selects it", {}, edit_workload(remove_label), REFUSED, Reason.NO_POLICY),
    ("the action is not listed", with_action(type="RestartRollout"), nothing, REFUSED, Reason.ACTION_NOT_ENABLED),
    ("the action is off", with_action(enabled=False), nothing, REFUSED, Reason.ACTION_NOT_ENABLED),
    ("the action only watches", with_action(mode="Observe"), nothing, Phase.OBSERVED, Reason.WOULD_ACT),
    ("a ceiling only watches", {}, ceiling, Phase.OBSERVED, Reason.WOULD_ACT),
    ("the policy is suspended", {"spec": {"suspend": True}}, nothing, HELD, Reason.SUSPENDED),
    ("the pattern is suspended", {}, suspend_pattern, HELD, Reason.SUSPENDED),
    ("the workload is disabled", {}, annotate_workload(automation="Disabled"), HELD, Reason.DISABLED_BY_ANNOTATION),
    ("the namespace is disabled", {}, annotate_space(automation="Disabled"), HELD, Reason.DISABLED_BY_ANNOTATION),
    ("the workload is paused", {}, paused, HELD, Reason.PAUSED_BY_ANNOTATION),
    ("an annotation is misspelt", {}, annotate_workload(automation="off"), HELD, Reason.OVERRIDE_UNREADABLE),
    ("a pause is no time", {}, annotate_space(paused_until="tomorrow"), HELD, Reason.OVERRIDE_UNREADABLE),
    ("it is not certain enough", with_action(minConfidencePercent=97), nothing, HELD, Reason.CONFIDENCE_TOO_LOW),
    (
        "the window is closed",
        {"action": {"window": "Required"}, "spec": {"windows": CLOSED}},
        nothing,
        HELD,
        Reason.WINDOW_CLOSED,
    ),
    ("there is no window", with_action(window="Required"), nothing, HELD, Reason.NO_WINDOW),
    ("a freeze is running", {"spec": {"freezes": FREEZE}}, nothing, HELD, Reason.FROZEN),
    ("a window never opens", {"spec": {"windows": NO_ZONE}}, nothing, HELD, Reason.POLICY_INVALID),
    ("none is allowed a day", with_action(maxPerDay=0), nothing, HELD, Reason.DAILY_BUDGET_SPENT),
    ("the day's are used up", with_action(maxPerDay=1), spend(0.5, "other"), HELD, Reason.DAILY_BUDGET_SPENT),
    ("the week's are used up", with_action(maxPerWeek=1), spend(2, "other"), HELD, Reason.WEEKLY_BUDGET_SPENT),
    ("the target's are used up", {"limits": {"maxPerTargetPerDay": 1}}, spend(0.5), HELD, Reason.TARGET_BUDGET_SPENT),
    ("the target cools down", {"limits": {"cooldown": "23h"}}, spend(0.9), HELD, Reason.COOLING_DOWN),
    ("a pod crashes", {}, crash_pod, HELD, Reason.TARGET_UNHEALTHY),
    (
        "too few replicas are ready",
        {},
        edit_workload(lambda raw: raw["status"].update(readyReplicas=1)),
        HELD,
        Reason.TARGET_UNHEALTHY,
    ),
    (
        "it is scaled to nothing",
        {},
        edit_workload(lambda raw: raw["spec"].update(replicas=0)),
        HELD,
        Reason.TARGET_UNHEALTHY,
    ),
    (
        "a rollout is running",
        {},
        edit_workload(lambda raw: raw["status"].update(updatedReplicas=2)),
        HELD,
        Reason.ROLLOUT_IN_PROGRESS,
    ),
    (
        "its rollout is paused",
        {},
        edit_workload(lambda raw: raw["spec"].update(paused=True)),
        HELD,
        Reason.ROLLOUT_IN_PROGRESS,
    ),
    ("a container has just ended", {}, restart_pod, HELD, Reason.RECENTLY_CHANGED),
    ("the key is not there", {}, edit_data(OTHER="1"), REFUSED, Reason.VALUE_MISSING),
    (
        "the ConfigMap is not there",
        {},
        lambda world: world.cluster.delete("ConfigMap", SHOP, "orders-config"),
        REFUSED,
        Reason.VALUE_MISSING,
    ),
    ("the value is no number", {}, edit_data(POOL_SIZE="fifty"), REFUSED, Reason.VALUE_UNREADABLE),
    ("the value is at its maximum", {}, edit_data(POOL_SIZE="100"), REFUSED, Reason.AT_MAXIMUM),
    ("the value is out of bounds", {}, edit_data(POOL_SIZE="500"), REFUSED, Reason.OUT_OF_BOUNDS),
    ("the ConfigMap may not be read", {}, forbid("get", "ConfigMap", "orders-config"), HELD, Reason.NOT_PERMITTED),
    ("the dry run is forbidden", {}, forbid("dry-run", "ConfigMap", "orders-config"), HELD, Reason.NOT_PERMITTED),
    (
        "the workload is gone",
        {},
        lambda world: world.cluster.delete("Deployment", SHOP, "orders"),
        REFUSED,
        Reason.NO_POLICY,
    ),
    ("a policy beside it cannot be read", {}, unreadable(SHOP), Phase.PENDING, Reason.POLICY_INVALID),
    ("a ceiling cannot be read", {}, unreadable(objects.HOME), Phase.PENDING, Reason.POLICY_INVALID),
]


@pytest.mark.parametrize(
    ("consent", "arrange", "phase", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_must_not_be_done_is_not_done_and_told(
    consent: Raw, arrange: Arrange, phase: Phase, reason: Reason
) -> None:
    world = World(CONFIG_MAP, consent)
    arrange(world)
    world.rollouts_finish = False
    before = len(world.cluster.writes)
    for _ in range(3):
        world.tick()

    assert world.said == (phase, reason)
    assert world.touches == []
    assert {write.kind for write in world.cluster.writes[before:]} == {"Intervention", "Event"}
    status = world.look().status
    assert status.message
    assert status.started_at is None


@pytest.mark.parametrize("way", ["resolved", "another episode", "stale", "unknown"])
def test_an_alert_that_is_not_what_it_was_starts_nothing(way: str) -> None:
    world = World(CONFIG_MAP)
    world.detect()
    (key, watched), *_ = world.context.board.items()
    if way == "resolved":
        world.context.board[key] = replace(watched, alert=INACTIVE)
    elif way == "another episode":
        later = replace(watched.alert, active_at=world.begun + timedelta(minutes=5))
        world.context.board[key] = replace(watched, alert=later)
    elif way == "stale":
        world.clock.advance(2 * world.context.settings.detection_interval + timedelta(minutes=2))
    else:
        unknown = replace(watched.assessment, positive=None, reason=Reason.FROZEN_VALUE)
        world.context.board[key] = replace(watched, assessment=unknown)
    world.reconcile()

    expected = {
        "resolved": (REFUSED, Reason.ALERT_RESOLVED),
        "another episode": (REFUSED, Reason.ALERT_RESOLVED),
        "stale": (HELD, Reason.STALE_DATA),
        "unknown": (HELD, Reason.FROZEN_VALUE),
    }
    assert world.said == expected[way]
    assert world.touches == []


def test_what_was_held_goes_on_when_the_gate_opens() -> None:
    world = World(CONFIG_MAP)
    paused(world)
    world.others()
    for _ in range(3):
        world.tick()
    assert world.said == (HELD, Reason.PAUSED_BY_ANNOTATION)
    opening = world.look().status.next_open
    assert opening is not None
    world.clock.at = opening

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_what_waits_a_whole_day_expires() -> None:
    world = World(CONFIG_MAP, {"spec": {"suspend": True}})
    for _ in range(25):
        world.tick(timedelta(hours=1))

    assert world.said == (REFUSED, Reason.EXPIRED)
    assert world.touches == []


def test_a_gate_that_closes_while_the_baseline_is_taken_stops_it_before_the_act() -> None:
    world = World(CONFIG_MAP)
    world.until_phase(Phase.BASELINING)
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(mode="Observe"))

    assert world.until_over() == (REFUSED, Reason.WOULD_ACT)
    assert world.touches == []
