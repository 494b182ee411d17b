"""I3, by random schedules: no change begins outside the windows, in a freeze or in a pause, whatever happens when.

The operator is killed between any two calls, its clock jumps both ways, people pause and freeze amid the work. What was
let through is not believed: each write that made a change is held against the calendar at the time it landed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from tests.reconcilers.fakes import Fault
from tests.reconcilers.objects import CONFIG_MAP, ENV, LIVE, RESTART, Remedy
from tests.reconcilers.test_stops import annotate_namespace
from tests.reconcilers.world import SHOP, World, forward_writes
from vanguard.api.base import format_time
from vanguard.domain.phases import TERMINAL

EXAMPLES = 900
LOOKS = 16
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Ban:
    """A time in which nothing may begin, from the moment it is set.

    Attributes:
        set_by: what a person does; it is given when the ban ends.
        at: the number of the look before which it is set.
        lasts: how long.
    """

    set_by: Callable[[World, datetime], None]
    at: int
    lasts: timedelta


def freeze(world: World, until: datetime) -> None:
    told = {"name": "now", "from": format_time(world.clock.now()), "until": format_time(until)}
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"].update(freezes=[told]))


def pause_workload(world: World, until: datetime) -> None:
    world.annotate("Deployment", "orders", paused_until=format_time(until))


def pause_namespace(world: World, until: datetime) -> None:
    annotate_namespace(world, paused_until=format_time(until))


@dataclass(frozen=True)
class Schedule:
    """What happens.

    Attributes:
        spans: the time that passes after each look, at random; then half a minute each.
        faults: what befalls the operator, by the number of the look before which it is armed, and at which call.
        opens: minutes after the start at which the window opens, each hour, and for how many.
    """

    remedy: Remedy
    spans: tuple[timedelta, ...]
    faults: dict[int, tuple[Fault, int]]
    opens: tuple[int, int] | None
    ban: Ban | None


BANS = st.builds(
    Ban,
    set_by=st.sampled_from([freeze, pause_workload, pause_namespace]),
    at=st.integers(0, 5),
    lasts=st.integers(1, 8).map(lambda minutes: minutes * MINUTE),
)
schedules = st.builds(
    Schedule,
    remedy=st.sampled_from([CONFIG_MAP, ENV, LIVE, RESTART]),
    spans=st.lists(st.sampled_from([1, 10, 30, 30, 60, 90, -60, 600, -600]), max_size=8).map(
        lambda spans: tuple(timedelta(seconds=span) for span in spans)
    ),
    faults=st.dictionaries(st.integers(0, 8), st.tuples(st.sampled_from(list(Fault)), st.integers(0, 30)), max_size=3),
    opens=st.one_of(st.none(), st.tuples(st.integers(0, 59), st.integers(2, 50))),
    ban=st.one_of(st.none(), BANS),
)


def windows(schedule: Schedule, start: datetime) -> dict[str, object]:
    """The policy's part that lets act in a part of each hour only."""
    if schedule.opens is None:
        return {}
    minute, lasts = (start.minute + schedule.opens[0]) % 60, schedule.opens[1]
    window = {"name": "w", "schedule": f"{minute} * * * *", "duration": f"{lasts}m"}
    return {"action": {"window": "Required"}, "spec": {"windows": [window]}}


def is_open(schedule: Schedule, start: datetime, at: datetime) -> bool:
    """By hand: the window opens each hour at the same minute."""
    if schedule.opens is None:
        return True
    minute = (start.minute + schedule.opens[0]) % 60
    since = at - at.replace(minute=0, second=0, microsecond=0) - minute * MINUTE
    return since % timedelta(hours=1) < schedule.opens[1] * MINUTE


def between_plan_and_write(ban: Callable[[World, datetime], None]) -> Schedule:
    """The change is recorded and not yet made when the ban comes: chance seldom meets that moment."""
    faults = {1: (Fault.FAIL_BEFORE, 17)}
    return Schedule(LIVE, (timedelta(seconds=1),) * 2, faults, None, Ban(ban, 2, 8 * MINUTE))


def closes_between_plan_and_write() -> Schedule:
    """The window closes while the operator, which has recorded the change, is dead."""
    faults = {1: (Fault.FAIL_BEFORE, 17)}
    return Schedule(LIVE, (timedelta(seconds=1), 5 * MINUTE), faults, (0, 3), None)


@example(between_plan_and_write(freeze))
@example(between_plan_and_write(pause_workload))
@example(between_plan_and_write(pause_namespace))
@example(closes_between_plan_and_write())
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None)
@given(schedules)
def test_no_change_begins_when_none_may_whatever_befalls_the_operator(schedule: Schedule) -> None:
    start = World(schedule.remedy).clock.now()
    world = World(schedule.remedy, windows(schedule, start))
    banned: tuple[datetime, datetime] | None = None
    set_at = 0
    for number in range(LOOKS):
        if schedule.ban is not None and schedule.ban.at == number:
            now = world.clock.now()
            schedule.ban.set_by(world, now + schedule.ban.lasts)
            banned = now, now + schedule.ban.lasts
            set_at = len(world.cluster.writes)
        fault = schedule.faults.get(number)
        if fault is not None:
            world.cluster.strike(fault[0], fault[1], writes_only=False)
        world.tick(schedule.spans[number] if number < len(schedule.spans) else timedelta(seconds=30))
        if world.phase in TERMINAL:
            break

    event(f"ended {world.phase}, {len(world.touches)} writes")
    for write in forward_writes(world):
        assert is_open(schedule, start, write.at), f"changed at {write.at}, outside the window"
    if banned is not None:
        for write in forward_writes(world, set_at):
            assert not banned[0] <= write.at < banned[1], f"changed at {write.at}, in the ban {banned}"
