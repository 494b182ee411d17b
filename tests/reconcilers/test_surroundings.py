"""What is around a target holds it, makes no write to it, and lets it go on once it is over."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import Lie
from tests.reconcilers.objects import CONFIG_MAP, LIVE, RESTART_SET, SHOP
from tests.reconcilers.world import World
from vanguard.api.intervention import Phase
from vanguard.api.reasons import Reason
from vanguard.ports import Raw

Arrange = Callable[[World], object]
CRITICAL: Raw = {"spec": {"stability": {"alertsMatcher": {"severity": "critical"}}}}


def budget(allowed: int, *, current: bool = True, app: str = "orders") -> Arrange:
    body = {
        "metadata": {"name": "pdb"},
        "spec": {"selector": {"matchLabels": {"app": app}}},
        "status": {"observedGeneration": 1 if current else 0, "disruptionsAllowed": allowed},
    }
    return lambda world: world.cluster.put("PodDisruptionBudget", SHOP, body)


def quota(hard: Raw, used: Raw, **spec: Any) -> Arrange:
    body = {"metadata": {"name": "team"}, "spec": {"hard": hard, **spec}, "status": {"hard": hard, "used": used}}
    return lambda world: world.cluster.put("ResourceQuota", SHOP, body)


def edit_node(change: Callable[[Raw], object]) -> Arrange:
    return lambda world: world.cluster.edit("Node", "", "one", change)


def asks(cpu: str, **requests: str) -> Arrange:
    """Each pod of the workload asks for this."""

    def arrange(raw: Raw) -> None:
        (container,) = raw["spec"]["template"]["spec"]["containers"]
        container["resources"] = {"requests": {"cpu": cpu, **requests}}
        raw["status"]["observedGeneration"] = raw["metadata"]["generation"] + 1

    return lambda world: world.cluster.edit("Deployment", SHOP, "orders", arrange)


def both(*several: Arrange) -> Arrange:
    return lambda world: [one(world) for one in several]


def stranger(cpu: str, phase: str = "Running") -> Arrange:
    """A pod of somebody else on the node."""
    body = {
        "metadata": {"name": "other"},
        "spec": {"nodeName": "one", "containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]},
        "status": {"phase": phase},
    }
    return lambda world: world.cluster.put("Pod", objects.HOME, body)


def firing(namespace: str = SHOP, **labels: str) -> Arrange:
    alert = {"alertname": "DiskFull", "namespace": namespace, **labels}
    return lambda world: world.metrics.alerts.append(alert) if world.metrics.alerts is not None else None


def deaf(world: World) -> None:
    world.metrics.alerts = None


def set_metrics(**changes: Any) -> Arrange:
    return lambda world: [setattr(world.metrics, name, value) for name, value in changes.items()]


def forbid(kind: str) -> Arrange:
    return lambda world: world.cluster.forbidden.add(("list", kind, "*"))


MINUTE = timedelta(minutes=1)
HELD: list[tuple[str, objects.Remedy, Raw, Arrange, Reason]] = [
    ("the budget allows none", RESTART_SET, {}, budget(0), Reason.DISRUPTION_BUDGET_EXHAUSTED),
    ("the budget is not current", RESTART_SET, {}, budget(1, current=False), Reason.DISRUPTION_BUDGET_UNKNOWN),
    ("budgets are forbidden", RESTART_SET, {}, forbid("PodDisruptionBudget"), Reason.CLUSTER_UNREADABLE),
    ("the quota has no pod left", CONFIG_MAP, {}, quota({"pods": "5"}, {"pods": "5"}), Reason.QUOTA_EXHAUSTED),
    (
        "the quota has too little left",
        CONFIG_MAP,
        {},
        both(asks("500m"), quota({"requests.cpu": "2"}, {"requests.cpu": "1600m"})),
        Reason.QUOTA_EXHAUSTED,
    ),
    ("quotas are forbidden", CONFIG_MAP, {}, forbid("ResourceQuota"), Reason.CLUSTER_UNREADABLE),
    ("a quota makes no sense", CONFIG_MAP, {}, quota({"pods": "few"}, {}), Reason.CLUSTER_UNREADABLE),
    ("nodes are forbidden", CONFIG_MAP, {}, forbid("Node"), Reason.CLUSTER_UNREADABLE),
    ("the node is too small", CONFIG_MAP, {}, asks("5"), Reason.NO_HEADROOM),
    ("the node is taken", CONFIG_MAP, {}, both(asks("2"), stranger("2500m")), Reason.NO_HEADROOM),
    (
        "the node is cordoned",
        CONFIG_MAP,
        {},
        edit_node(lambda raw: raw["spec"].update(unschedulable=True)),
        Reason.NO_HEADROOM,
    ),
    (
        "the node is not ready",
        CONFIG_MAP,
        {},
        edit_node(lambda raw: raw["status"].update(conditions=[{"type": "Ready", "status": "Unknown"}])),
        Reason.NO_HEADROOM,
    ),
    (
        "the node has a taint",
        CONFIG_MAP,
        {},
        edit_node(lambda raw: raw["spec"].update(taints=[{"key": "gpu", "effect": "NoSchedule"}])),
        Reason.NO_HEADROOM,
    ),
    ("another alert fires", CONFIG_MAP, CRITICAL, firing(severity="critical"), Reason.OTHER_ALERTS_FIRING),
    ("nobody knows the alerts", CONFIG_MAP, CRITICAL, deaf, Reason.TELEMETRY_UNHEALTHY),
    ("Prometheus is silent", CONFIG_MAP, {}, lambda world: world.metrics.lie(Lie.ERROR), Reason.TELEMETRY_UNHEALTHY),
    (
        "the namespace is not scraped",
        CONFIG_MAP,
        {},
        set_metrics(scrapes={(SHOP, "1"): 3, (SHOP, "0"): 1}),
        Reason.TELEMETRY_UNHEALTHY,
    ),
    (
        "most targets are not scraped",
        CONFIG_MAP,
        {},
        set_metrics(scrapes={("", "1"): 5, ("", "0"): 5}),
        Reason.TELEMETRY_UNHEALTHY,
    ),
    ("nothing is scraped", CONFIG_MAP, {}, set_metrics(scrapes={}), Reason.TELEMETRY_UNHEALTHY),
    ("scrapes have stopped", CONFIG_MAP, {}, set_metrics(lag=3 * MINUTE), Reason.TELEMETRY_UNHEALTHY),
    ("rules are late", CONFIG_MAP, {}, set_metrics(rules_behind=6.0), Reason.TELEMETRY_UNHEALTHY),
    ("Prometheus' clock is wrong", CONFIG_MAP, {}, set_metrics(ahead=MINUTE), Reason.TELEMETRY_UNHEALTHY),
    (
        "the server's clock is wrong",
        CONFIG_MAP,
        {},
        lambda world: setattr(world.cluster, "ahead", -MINUTE),
        Reason.TELEMETRY_UNHEALTHY,
    ),
    (
        "the server is slow",
        CONFIG_MAP,
        {},
        lambda world: setattr(world.cluster, "latency", timedelta(seconds=3)),
        Reason.TELEMETRY_UNHEALTHY,
    ),
]


@pytest.mark.parametrize(
    ("remedy", "consent", "arrange", "reason"), [row[1:] for row in HELD], ids=[row[0] for row in HELD]
)
def test_it_is_held_and_told_once(remedy: objects.Remedy, consent: Raw, arrange: Arrange, reason: Reason) -> None:
    world = World(remedy, consent)
    arrange(world)
    world.tick()
    written = len(world.cluster.writes)
    for _ in range(3):
        world.tick()

    assert world.said == (Phase.PENDING, reason)
    assert world.look().status.message
    assert world.touches == []
    assert len(world.cluster.writes) == written


FINE: list[tuple[str, objects.Remedy, Raw, Arrange]] = [
    ("the budget allows one", RESTART_SET, {}, budget(1)),
    ("the budget is another's", RESTART_SET, {}, budget(0, app="other")),
    ("no pod goes before its successor is ready", CONFIG_MAP, {}, budget(0)),
    ("the change needs no rollout", LIVE, {}, both(budget(0), quota({"pods": "5"}, {"pods": "5"}))),
    ("the quota has one pod left", CONFIG_MAP, {}, quota({"pods": "6"}, {"pods": "5"})),
    ("the quota is for pods that end", CONFIG_MAP, {}, quota({"pods": "0"}, {"pods": "0"}, scopes=["Terminating"])),
    ("a set adds no pod", RESTART_SET, {}, quota({"pods": "5"}, {"pods": "5"})),
    ("just room enough", CONFIG_MAP, {}, both(asks("2"), stranger("2"))),
    ("what is over takes no room", CONFIG_MAP, {}, both(asks("2"), stranger("3", "Succeeded"))),
    ("an alert of another namespace", CONFIG_MAP, CRITICAL, firing("bank", severity="critical")),
    ("an alert nobody asked about", CONFIG_MAP, CRITICAL, firing(severity="warning")),
    ("alerts that nobody knows or asks for", CONFIG_MAP, {}, deaf),
    ("nothing of its own is scraped", CONFIG_MAP, {}, set_metrics(scrapes={("kube-system", "1"): 9})),
    ("two of three targets in the whole cluster", CONFIG_MAP, {}, set_metrics(scrapes={("", "1"): 2, ("", "0"): 1})),
]


@pytest.mark.parametrize(("remedy", "consent", "arrange"), [row[1:] for row in FINE], ids=[row[0] for row in FINE])
def test_it_goes_on(remedy: objects.Remedy, consent: Raw, arrange: Arrange) -> None:
    world = World(remedy, consent)
    arrange(world)

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_what_a_full_quota_held_goes_on_when_it_is_raised() -> None:
    world = World(CONFIG_MAP)
    quota({"pods": "5"}, {"pods": "5"})(world)
    world.tick()
    assert world.said == (Phase.PENDING, Reason.QUOTA_EXHAUSTED)
    world.cluster.edit("ResourceQuota", SHOP, "team", lambda raw: raw["status"].update(hard={"pods": "9"}))

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_senses_that_were_not_examined_for_two_cycles_are_not_trusted() -> None:
    world = World(CONFIG_MAP)
    world.detect()
    assert world.context.vitals is not None
    world.clock.advance(2 * world.context.settings.detection_interval + timedelta(minutes=2))
    vitals = world.context.vitals
    world.detect()
    world.context.vitals = vitals
    world.reconcile()

    assert world.said == (Phase.PENDING, Reason.TELEMETRY_UNHEALTHY)
    assert world.touches == []


def test_while_it_waits_for_a_window_neither_nodes_nor_alerts_are_read() -> None:
    closed: Raw = {
        "action": {"window": "Required"},
        "spec": {"windows": [{"name": "xmas", "schedule": "0 2 25 12 *", "duration": "1h"}], **CRITICAL["spec"]},
    }
    world = World(CONFIG_MAP, closed)
    world.detect()
    world.reconcile()

    assert world.said == (Phase.PENDING, Reason.WINDOW_CLOSED)
    assert world.context.kept.rooms is None
    assert world.context.kept.answers == {}


def test_the_vitals_are_metrics() -> None:
    world = World(CONFIG_MAP)
    world.metrics.lag = 3 * MINUTE
    world.detect()

    read = world.context.telemetry.registry.get_sample_value
    assert read("vanguard_vital", {"name": "head"}) == 0
    assert read("vanguard_vital", {"name": "clock"}) == 1


def test_people_are_told_once_that_a_sense_is_wrong_and_once_that_it_is_well() -> None:
    world = World(CONFIG_MAP)
    world.metrics.lag = 3 * MINUTE
    for _ in range(3):
        world.detect()
    announced = world.context.outbox.announced
    assert announced == {"telemetry/head": f"head: {Reason.TELEMETRY_UNHEALTHY.sentence}"}
    world.metrics.lag = MINUTE
    world.detect()

    assert announced == {"telemetry/head": "head: well again"}
