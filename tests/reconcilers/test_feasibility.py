"""What would not bear the change refuses it, with figures; what nobody knows holds it; no raise passes the ceiling."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import Lie, Source
from tests.reconcilers.objects import CONFIG_MAP, SHOP
from tests.reconcilers.world import World
from vanguard.api.intervention import Phase
from vanguard.api.reasons import Reason
from vanguard.ports import Raw

Arrange = Callable[[World], object]
MAX, CPU = "db_max_connections", "db_cpu_percent"
RULE = "(replicas + surge) * value + 10 <= max_connections"
ROW = {"namespace": SHOP, "deployment": "orders"}


def shop(rule: str = RULE, pattern: Raw | None = None, **tunable: Any) -> World:
    """A world whose tunable has an invariant, and whose pattern knows the database."""
    world = World(CONFIG_MAP)
    known: Raw = {
        "facts": [{"name": "max_connections", "query": MAX, "target": {"nameLabel": "deployment"}}],
        "saturation": [{"name": "database-cpu", "query": CPU, "limit": "90", "target": {}}],
    }
    told = {"invariants": [{"name": "connections", "rule": rule}], **tunable}

    def tell(raw: Raw) -> None:
        raw["spec"]["workloads"][0]["tunables"][0].update(told)

    world.cluster.edit("AutomationPolicy", SHOP, "shop", tell)
    world.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(pattern or known))
    world.cluster.delete("Intervention", SHOP, world.name)
    world.open(world.name, "orders")
    return world


def database(connections: float = 300, cpu: float = 40) -> Arrange:
    """A database whose figures Prometheus knows; of another namespace's too."""
    other = {**ROW, "namespace": "bank"}
    figures = ((MAX, ROW, connections), (CPU, {"namespace": SHOP}, cpu), (MAX, other, 1.0), (CPU, other, 99.0))

    def arrange(world: World) -> None:
        world.metrics.sources += [Source(query, labels, lambda _at, v=value: v) for query, labels, value in figures]

    return arrange


def autoscaler(most: int, name: str = "orders") -> Arrange:
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    body = {"metadata": {"name": name}, "spec": {"maxReplicas": most, "scaleTargetRef": ref}}
    return lambda world: world.cluster.put("HorizontalPodAutoscaler", SHOP, body)


def forbidden(world: World) -> None:
    world.cluster.forbidden.add(("list", "HorizontalPodAutoscaler", "*"))


def lying(query: str, lie: Lie) -> Arrange:
    return lambda world: world.metrics.lie(lie, query)


def twice(world: World) -> None:
    """Prometheus knows two series of the target."""
    world.metrics.sources.append(Source(MAX, {**ROW, "pod": "other"}, lambda _at: 300.0))


# Three replicas, a surge of one, 60 connections each, and ten: 250.
HELD: list[tuple[str, list[Arrange], Phase, Reason, str]] = [
    (
        "the database takes one less",
        [database(249)],
        Phase.REJECTED,
        Reason.INVARIANT_BROKEN,
        "invariant connections: (3 + 1) * 60 + 10 = 250 <= 249 is false",
    ),
    (
        "an autoscaler may make it ten",
        [database(), autoscaler(10)],
        Phase.REJECTED,
        Reason.INVARIANT_BROKEN,
        "(10 + 3) * 60 + 10 = 790 <= 300 is false",
    ),
    (
        "the fact has no series",
        [database(), lying(MAX, Lie.EMPTY)],
        Phase.PENDING,
        Reason.FACT_UNKNOWN,
        "fact max_connections: its query gives 0 series for shop/Deployment/orders; it must give one",
    ),
    ("the fact has two series", [database(), twice], Phase.PENDING, Reason.FACT_UNKNOWN, "gives 2 series"),
    ("the fact is NaN", [database(), lying(MAX, Lie.NAN)], Phase.PENDING, Reason.FACT_UNKNOWN, "gives nan"),
    (
        "Prometheus cannot say",
        [database(), lying(MAX, Lie.ERROR)],
        Phase.PENDING,
        Reason.FACT_UNKNOWN,
        "Prometheus did not answer",
    ),
    (
        "autoscalers are forbidden",
        [database(), forbidden],
        Phase.PENDING,
        Reason.FACT_UNKNOWN,
        "HorizontalPodAutoscalers could not be read",
    ),
    (
        "the database is busy",
        [database(cpu=90)],
        Phase.PENDING,
        Reason.SATURATED,
        "database-cpu is 90; its limit is 90 (Rising)",
    ),
    (
        "nobody knows how busy it is",
        [database(), lying(CPU, Lie.NAN)],
        Phase.PENDING,
        Reason.FACT_UNKNOWN,
        "saturation database-cpu: its query gives nan",
    ),
]


@pytest.mark.parametrize(
    ("arrange", "phase", "reason", "told"), [row[1:] for row in HELD], ids=[row[0] for row in HELD]
)
def test_it_is_refused_with_figures_and_touches_nothing(
    arrange: list[Arrange], phase: Phase, reason: Reason, told: str
) -> None:
    world = shop()
    for one in arrange:
        one(world)
    for _ in range(3):
        world.tick()

    assert world.said == (phase, reason)
    assert told in world.look().status.message
    assert world.touches == []


FINE: list[tuple[str, list[Arrange]]] = [
    ("the database just takes it", [database(250)]),
    ("the autoscaler is another workload's", [database(250), autoscaler(10, "basket")]),
    ("the autoscaler may only take replicas away", [database(250), autoscaler(2)]),
]


@pytest.mark.parametrize("arrange", [row[1] for row in FINE], ids=[row[0] for row in FINE])
def test_it_goes_on(arrange: list[Arrange]) -> None:
    world = shop()
    for one in arrange:
        one(world)

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_what_was_held_goes_on_once_the_figure_is_known() -> None:
    world = shop()
    world.tick()
    assert world.said == (Phase.PENDING, Reason.FACT_UNKNOWN)
    database()(world)

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_a_rule_that_cannot_be_read_holds_as_an_invalid_policy() -> None:
    world = shop("value <= open('/etc/passwd')")
    database()(world)
    world.tick()

    assert world.said == (Phase.PENDING, Reason.POLICY_INVALID)
    assert "invariants[connections].rule" in world.look().status.message
    assert world.touches == []


def test_a_fact_the_pattern_does_not_have_is_unknown() -> None:
    world = shop(pattern={"description": "of no database"})
    world.tick()

    assert world.said == (Phase.PENDING, Reason.FACT_UNKNOWN)
    assert f"IssuePattern {objects.PATTERN} has no fact max_connections (spec.facts)" in world.look().status.message


def test_autoscalers_are_read_only_where_an_invariant_names_replicas() -> None:
    world = shop("value <= max_connections")
    database()(world)
    forbidden(world)

    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)


def raise_again(world: World, number: int) -> tuple[Phase, str]:
    """Another episode, a day later, and what comes of it."""
    world.clock.advance(timedelta(days=1))
    world.begun = world.clock.now()
    name = f"iv-{number}"
    world.open(name, "orders")
    world.name = name
    over = world.until_over()
    assert over is not None
    return over


def value(world: World) -> str:
    return str(world.cluster.look("ConfigMap", SHOP, "orders-config")["data"]["POOL_SIZE"])


def fresh(**tunable: Any) -> World:
    """A world whose watch always finds that it helped."""
    world = shop("value <= 1000", pattern={"verification": {"baseline": "1m", "watch": "1m", "interval": "30s"}})
    world.cluster.edit(
        "AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"]["workloads"][0]["tunables"][0].update(tunable)
    )
    return world


def improving(world: World) -> None:
    """From now on the next landed change halves the signal."""
    world.cluster.writes.clear()


def test_raises_stop_at_the_ceiling_however_many_episodes_there_are() -> None:
    world = fresh(max=1000, maxTotalIncreasePercent=50)
    said = [world.until_over()]
    values = [value(world)]
    for number in range(3):
        improving(world)
        said.append(raise_again(world, number))
        values.append(value(world))

    assert values == ["60", "72", "75", "75"]
    assert said[:3] == [(Phase.SUCCEEDED, Reason.IMPROVED)] * 3
    assert said[3] == (Phase.REJECTED, Reason.CEILING_REACHED)
    assert "pool-size is 75 and was 50 before" in world.look().status.message


def test_who_sets_another_value_begins_anew() -> None:
    world = fresh(max=1000, maxTotalIncreasePercent=20)
    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)
    improving(world)
    assert raise_again(world, 1) == (Phase.REJECTED, Reason.CEILING_REACHED)
    world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw["data"].update(POOL_SIZE="80"))
    assert raise_again(world, 2) == (Phase.SUCCEEDED, Reason.IMPROVED)
    assert value(world) == "96"
