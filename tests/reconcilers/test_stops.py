"""I6, by random schedules: once a human's stop is at the API server, nothing more is changed; only taken back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.reconcilers import objects
from tests.reconcilers.fakes import Fault
from tests.reconcilers.objects import CONFIG_MAP, ENV, LIVE, RESTART, Remedy
from tests.reconcilers.world import BETTER, NO_BETTER, SHOP, WORSE, World, forward_changes
from vanguard.api.base import format_time
from vanguard.api.intervention import Phase
from vanguard.domain.phases import TERMINAL
from vanguard.ports import Raw

EXAMPLES = 1100
LOOKS_AFTER = 24
FAR = timedelta(days=2)


def abort(world: World) -> None:
    world.annotate("Intervention", "iv", abort="not now")


def roll_back(world: World) -> None:
    world.annotate("Intervention", "iv", rollback="not now")


def delete(world: World) -> None:
    world.cluster.delete("Intervention", SHOP, "iv")


def deny(world: World) -> None:
    ends = format_time(world.clock.now() + timedelta(hours=1))
    word = {"by": "april", "verdict": "Denied", "reason": "no", "intervention": world.uid, "expiresAt": ends}
    world.cluster.edit("Intervention", SHOP, "iv", lambda raw: raw["spec"].update(approval=word))


def suspend_pattern(world: World) -> None:
    world.cluster.edit("IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"].update(suspend=True))


def suspend_policy(world: World) -> None:
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(suspend=True))


def delete_policy(world: World) -> None:
    world.cluster.delete("AutomationPolicy", SHOP, "shop")


def lower_policy(world: World) -> None:
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(mode="Observe"))


def lower_workload(world: World) -> None:
    world.annotate("Deployment", "orders", automation="Approve")


def disable_workload(world: World) -> None:
    world.annotate("Deployment", "orders", automation="Disabled")


def pause_workload(world: World) -> None:
    world.annotate("Deployment", "orders", paused_until=format_time(world.clock.now() + FAR))


def annotate_namespace(world: World, **words: str) -> None:
    marked = {f"vanguard.dev/{key.replace('_', '-')}": value for key, value in words.items()}
    world.cluster.edit("Namespace", "", SHOP, lambda raw: raw["metadata"].setdefault("annotations", {}).update(marked))


def disable_namespace(world: World) -> None:
    annotate_namespace(world, automation="Disabled")


def pause_namespace(world: World) -> None:
    annotate_namespace(world, paused_until=format_time(world.clock.now() + FAR))


def disable_actions(world: World) -> None:
    def change(raw: Raw) -> None:
        for entry in raw["spec"]["actions"]:
            entry["enabled"] = False

    world.cluster.edit("AutomationPolicy", SHOP, "shop", change)


def list_no_action(world: World) -> None:
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(actions=[]))


def garble_policy(world: World) -> None:
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(timeZone="Nowhere/Land"))


STOPS: tuple[Callable[[World], None], ...] = (
    abort, roll_back, delete, deny, suspend_pattern, suspend_policy, delete_policy, lower_policy,
    lower_workload, disable_workload, pause_workload, disable_namespace, pause_namespace, disable_actions,
    list_no_action, garble_policy,
)  # fmt: skip


@dataclass(frozen=True)
class Schedule:
    """What happens to one Intervention.

    Attributes:
        looks: time that passes after each look before the stop; the clock may also go back.
        faults: what befalls the operator, by the number of the look before which it is armed, and at which call.
    """

    remedy: Remedy
    after: dict[str, float]
    looks: tuple[timedelta, ...]
    faults: dict[int, tuple[Fault, int]]
    stop: Callable[[World], None]
    killed_at_stop: bool


schedules = st.builds(
    Schedule,
    remedy=st.sampled_from([CONFIG_MAP, ENV, LIVE, RESTART]),
    after=st.sampled_from([BETTER, NO_BETTER, WORSE]),
    looks=st.lists(st.sampled_from([1, 10, 30, 30, 30, 90, -60]), max_size=8).map(
        lambda spans: tuple(timedelta(seconds=span) for span in spans)
    ),
    faults=st.dictionaries(st.integers(0, 12), st.tuples(st.sampled_from(list(Fault)), st.integers(0, 30)), max_size=3),
    stop=st.sampled_from(STOPS),
    killed_at_stop=st.booleans(),
)


def look(world: World, schedule: Schedule, number: int, span: timedelta) -> None:
    fault = schedule.faults.get(number)
    if fault is not None:
        world.cluster.strike(fault[0], fault[1], writes_only=False)
    world.tick(span)


def between_plan_and_write(stop: Callable[[World], None]) -> Schedule:
    """The change is recorded and not yet made when the stop comes: chance seldom meets that moment."""
    return Schedule(LIVE, BETTER, (timedelta(seconds=1),) * 2, {1: (Fault.FAIL_BEFORE, 17)}, stop, killed_at_stop=False)


Test = Callable[..., None]


def each_at_the_worst_moment(test: Test) -> Test:
    """Every stop between plan and write, while what was decided is still to be recorded, and after a success."""
    for stop in STOPS:
        test = example(between_plan_and_write(stop))(test)
        test = example(Schedule(LIVE, BETTER, (timedelta(seconds=1),), {}, stop, killed_at_stop=True))(test)
        test = example(Schedule(CONFIG_MAP, BETTER, (timedelta(seconds=1),) * 3, {}, stop, killed_at_stop=False))(test)
        test = example(Schedule(LIVE, BETTER, (timedelta(seconds=30),) * 12, {}, stop, killed_at_stop=True))(test)
    return test


@each_at_the_worst_moment
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(schedules)
def test_after_a_stop_nothing_more_is_changed_whatever_befalls_the_operator(schedule: Schedule) -> None:
    world = World(schedule.remedy, after=schedule.after)
    for number, span in enumerate(schedule.looks):
        look(world, schedule, number, span)
    if world.gone:
        return
    event(f"stopped by {schedule.stop.__name__} in {world.phase}")
    kept = world.phase is Phase.SUCCEEDED
    over = world.phase in TERMINAL
    stopped_at = len(world.cluster.writes)
    schedule.stop(world)
    if schedule.killed_at_stop:
        world.restart()
    for number in range(len(schedule.looks), len(schedule.looks) + LOOKS_AFTER):
        if world.gone:
            break
        look(world, schedule, number, timedelta(seconds=30))

    assert forward_changes(world, stopped_at) == {}, "something was changed after the stop"
    if (schedule.stop in {abort, roll_back, delete} and not over) or (schedule.stop is roll_back and kept):
        assert world.changed() == [], "what was changed is not taken back"
