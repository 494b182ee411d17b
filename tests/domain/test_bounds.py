"""I3: whatever happens when, no budget, cooldown, slot or breaker is ever exceeded.

A random life of a cluster: alerts on several workloads, outcomes of every kind, a clock that jumps both ways. The
gates see nothing but what is recorded, as after a restart. What they let through is then counted by hand; and of each
gate by itself it is said by hand whether it must let through, no more and no less.
"""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import ActionType, Annotation, format_time
from vanguard.api.reasons import GateVerdict
from vanguard.domain.consent import Consent, consent_for
from vanguard.domain.decision import asking, limits, timing
from vanguard.domain.history import History, Outcome, Started
from vanguard.domain.overrides import overrides_of

MINUTE = timedelta(minutes=1)
ZONE = "Europe/Berlin"
GATES = {
    "budget": limits.budget,
    "cooldown": limits.cooldown,
    "concurrency": limits.concurrency,
    "breaker": limits.breaker,
    "window": timing.window,
    "pause": asking.override,
}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PAUSE = 30 * MINUTE


@dataclass(frozen=True)
class Bounds:
    """What the team's policy allows, and what the ceiling does.

    Attributes:
        opens: the hour (UTC) at which the team's window opens each day, and for how many; None where none is needed.
        freeze: when the ceiling's freeze begins, in hours from the start, and how many it lasts.
    """

    day: int
    week: int
    target: int
    slots: int
    cooldown: timedelta
    failures: int
    cluster_day: int
    cluster_slots: int = 100
    cluster_failures: int = 100
    opens: tuple[int, int] | None = None
    freeze: tuple[int, int] | None = None


@dataclass(frozen=True)
class Asked:
    """One Intervention that asks, and what is so then."""

    now: datetime
    namespace: str
    target: str
    before: tuple[Started, ...] = ()
    paused_until: datetime | None = None

    def passed(self, bounds: Bounds) -> dict[str, bool]:
        """Which gates let it through."""
        pause = {Annotation.PAUSED_UNTIL: format_time(self.paused_until)} if self.paused_until else {}
        facts = g.facts(
            now=self.now,
            intervention=g.intervention(meta={"namespace": self.namespace}, spec={"target": {"uid": self.target}}),
            consent=consent_of(bounds, self.namespace),
            overrides=overrides_of({"Deployment orders": pause}),
            history=History(tuple(sorted(self.before, key=lambda one: one.started_at, reverse=True))),
            change=None,
        )
        return {name: gate(facts).verdict is GateVerdict.PASS for name, gate in GATES.items()}


@cache
def consent_of(told: Bounds, namespace: str) -> Consent:
    """What two policies come to."""
    window = (
        [{"name": "w", "schedule": f"0 {told.opens[0]} * * *", "duration": f"{told.opens[1]}h"}] if told.opens else []
    )
    begins = g.NOW + told.freeze[0] * HOUR if told.freeze else g.NOW
    ends = begins + told.freeze[1] * HOUR if told.freeze else g.NOW
    freeze = [{"name": "f", "from": format_time(begins), "until": format_time(ends)}] if told.freeze else []
    own = g.policy(
        "team",
        namespace,
        actions=g.acting(maxPerDay=told.day, maxPerWeek=told.week, window="Required" if told.opens else "Ignored"),
        windows=window,
        limits={
            "maxPerTargetPerDay": told.target,
            "maxConcurrent": told.slots,
            "cooldown": f"{int(told.cooldown.total_seconds())}s",
        },
        circuitBreaker={"failures": told.failures, "pause": "30m"},
        timeZone=ZONE,
    )
    ceiling = g.policy(
        "ceiling", "vanguard-system", actions=[], freezes=freeze, limits={
            "maxPerNamespacePerDay": told.cluster_day, "maxConcurrent": told.cluster_slots, "maxPerTargetPerDay": 100,
            "cooldown": "0s",
        },
        circuitBreaker={"failures": told.cluster_failures, "pause": "30m"},
    )  # fmt: skip
    folded = consent_for([own], [ceiling], g.LABELS, ActionType.TUNE_POOL)
    assert folded is not None
    return folded


@dataclass
class Life:
    """A cluster, its clock, and what was let through, in the order in which it was."""

    bounds: Bounds
    now: datetime = g.NOW
    taken: list[Started] = field(default_factory=list)
    starts: list[tuple[datetime, list[Started]]] = field(default_factory=list)

    def alert(self, namespace: str, target: str) -> None:
        """An Intervention asks; it starts if every gate lets it."""
        if all(Asked(self.now, namespace, target, tuple(self.taken)).passed(self.bounds).values()):
            self.starts.append((self.now, list(self.taken)))
            self.taken.append(
                Started(
                    f"iv-{len(self.taken)}", ActionType.TUNE_POOL, target, self.now, None,
                    in_flight=True, namespace=namespace, pattern="pool",
                )
            )  # fmt: skip

    def end(self, outcome: Outcome) -> None:
        """The oldest in flight ends."""
        for index, entry in enumerate(self.taken):
            if entry.in_flight:
                self.taken[index] = replace(entry, in_flight=False, ended_at=self.now, outcome=outcome)
                return


# Waits about as long as a cooldown or a pause, few targets and bounds with room: else nearly everything is held by
# one bound, and a missing other one would not be seen.
ALERTS = st.tuples(st.just("alert"), st.sampled_from(["shop", "shop", "web"]), st.sampled_from(["a", "b", "c"]))
ENDS = st.tuples(st.just("end"), st.sampled_from(list(Outcome)), st.none())
# A day between failures, for the cooldown grows with each; then a life that may begin behind an open breaker.
FAILURE: list[tuple[str, object, object]] = [
    ("alert", "shop", "a"), ("end", Outcome.FAILED, None), ("wait", 26 * 60, None),
]  # fmt: skip
LATER = st.lists(
    st.one_of(
        ALERTS,
        ALERTS,
        ENDS,
        st.tuples(st.just("wait"), st.integers(1, 90), st.none()),
        st.tuples(st.just("wait"), st.integers(1, 26 * 60), st.none()),
        st.tuples(st.just("jump"), st.integers(-48 * 60, 48 * 60), st.none()),
    ),
    min_size=8,
    max_size=40,
)
MOVES = st.builds(lambda failures, later: FAILURE * failures + later, st.integers(0, 4), LATER)
BOUNDS = st.builds(
    Bounds,
    day=st.integers(0, 6),
    week=st.integers(0, 8),
    target=st.integers(0, 6),
    slots=st.integers(1, 2),
    cooldown=st.integers(0, 180).map(lambda minutes: minutes * MINUTE),
    failures=st.integers(1, 4),
    cluster_day=st.integers(0, 9),
)


def lived(moves: list[tuple[str, object, object]], bounds: Bounds) -> Life:
    life = Life(bounds)
    for verb, what, which in moves:
        if verb == "alert":
            life.alert(str(what), f"{what}-{which}")
        elif verb == "end" and isinstance(what, Outcome):
            life.end(what)
        elif isinstance(what, int):
            life.now += what * MINUTE
    return life


@given(MOVES, BOUNDS)
@settings(max_examples=700, deadline=None)
def test_no_day_and_no_week_sees_more_than_is_allowed(moves: list[tuple[str, object, object]], bounds: Bounds) -> None:
    taken = lived(moves, bounds).taken

    def most(key: object) -> int:
        counted: dict[object, int] = {}
        for entry in taken:
            found = key(entry)  # type: ignore[operator]
            counted[found] = counted.get(found, 0) + 1
        return max(counted.values(), default=0)

    def day(entry: Started, zone: str) -> object:
        return entry.started_at.astimezone(ZoneInfo(zone)).date()

    def week(entry: Started) -> object:
        return entry.started_at.astimezone(ZoneInfo(ZONE)).isocalendar()[:2]

    assert most(lambda entry: (entry.namespace, day(entry, ZONE))) <= bounds.day
    assert most(lambda entry: (entry.namespace, week(entry))) <= bounds.week
    assert most(lambda entry: (entry.target_uid, day(entry, ZONE))) <= bounds.target
    assert most(lambda entry: day(entry, "UTC")) <= bounds.cluster_day


@given(MOVES, BOUNDS)
@settings(max_examples=700, deadline=None)
def test_no_slot_is_taken_twice_and_no_target_is_touched_in_its_cooldown(
    moves: list[tuple[str, object, object]], bounds: Bounds
) -> None:
    for (now, before), entry in zip((life := lived(moves, bounds)).starts, life.taken, strict=True):
        flying = [one for one in before if one.in_flight]
        assert sum(one.namespace == entry.namespace for one in flying) < bounds.slots
        assert entry.target_uid not in {one.target_uid for one in flying}
        ends = [one.ended_at for one in before if one.target_uid == entry.target_uid and one.ended_at]
        assert all(now >= ended + bounds.cooldown for ended in ends)


@given(MOVES, BOUNDS)
@settings(max_examples=700, deadline=None)
def test_nothing_starts_while_too_many_failed_in_a_row(moves: list[tuple[str, object, object]], bounds: Bounds) -> None:
    for (now, before), entry in zip((life := lived(moves, bounds)).starts, life.taken, strict=True):
        own = [one for one in before if one.namespace == entry.namespace and one.ended_at is not None]
        told = [one for one in sorted(own, key=lambda one: one.ended_at or now) if one.outcome is not Outcome.NOTHING]
        newest = told[-bounds.failures :]
        if len(newest) == bounds.failures and all(one.outcome is not Outcome.HELPED for one in newest):
            retry = max(one.ended_at for one in newest if one.ended_at) + 30 * MINUTE
            assert now >= retry, "it started in the pause"
            tried = [one for one in before if one.in_flight and one.namespace == entry.namespace]
            assert not [one for one in tried if one.started_at >= retry], "two were tried at once"


def known_endings(entries: tuple[Started, ...]) -> list[Started]:
    """Those that taught something, in the order in which they ended; in the same second what helped comes first."""
    told = [one for one in entries if one.ended_at is not None and one.outcome is not Outcome.NOTHING]
    return sorted(told, key=lambda one: (one.ended_at, one.outcome is not Outcome.HELPED))


def in_a_row(endings: list[Started]) -> list[Started]:
    """Those at the end since something last helped."""
    helped = [index for index, one in enumerate(endings) if one.outcome is Outcome.HELPED]
    return endings[helped[-1] + 1 :] if helped else endings


def budget_left(asked: Asked, bounds: Bounds) -> bool:
    def day(at: datetime, zone: str) -> date:
        return at.astimezone(ZoneInfo(zone)).date()

    def week(at: datetime) -> tuple[int, int]:
        return day(at, ZONE).isocalendar()[:2]

    own = [one for one in asked.before if one.namespace == asked.namespace]
    today = [one for one in own if day(one.started_at, ZONE) >= day(asked.now, ZONE)]
    this_week = [one for one in own if week(one.started_at) >= week(asked.now)]
    everywhere = [one for one in asked.before if day(one.started_at, "UTC") >= day(asked.now, "UTC")]
    return (
        len(today) < min(bounds.day, 10)
        and len(this_week) < bounds.week
        and sum(one.target_uid == asked.target for one in today) < bounds.target
        and len(everywhere) < bounds.cluster_day
    )


def cooled_down(asked: Asked, bounds: Bounds) -> bool:
    mine = tuple(one for one in asked.before if one.target_uid == asked.target)
    span = min(bounds.cooldown * 2 ** len(in_a_row(known_endings(mine))), max(bounds.cooldown, DAY))
    return all(asked.now >= (one.ended_at or one.started_at) + span for one in mine)


def slot_free(asked: Asked, bounds: Bounds) -> bool:
    flying = [one for one in asked.before if one.in_flight]
    return (
        asked.target not in {one.target_uid for one in flying}
        and sum(one.namespace == asked.namespace for one in flying) < bounds.slots
        and len(flying) < bounds.cluster_slots
    )


def breaker_lets(asked: Asked, failures: int, guarded: tuple[Started, ...]) -> bool:
    row = in_a_row(known_endings(guarded))
    if len(row) < failures:
        return True
    retry = max(one.ended_at for one in row if one.ended_at) + PAUSE
    return asked.now >= retry and not any(one.in_flight and one.started_at >= retry for one in guarded)


def breakers_let(asked: Asked, bounds: Bounds) -> bool:
    own = tuple(one for one in asked.before if one.namespace == asked.namespace)
    return breaker_lets(asked, bounds.failures, own) and breaker_lets(asked, bounds.cluster_failures, asked.before)


def allowed_time(asked: Asked, bounds: Bounds) -> bool:
    since = asked.now - g.NOW
    if bounds.freeze and bounds.freeze[0] * HOUR <= since < sum(bounds.freeze) * HOUR:
        return False
    if bounds.opens is None:
        return True
    midnight = asked.now.replace(hour=0, minute=0, second=0)
    return (asked.now - midnight - bounds.opens[0] * HOUR) % DAY < bounds.opens[1] * HOUR


def not_paused(asked: Asked, _: Bounds) -> bool:
    return asked.paused_until is None or asked.now >= asked.paused_until


BY_HAND = {
    "budget": budget_left,
    "cooldown": cooled_down,
    "concurrency": slot_free,
    "breaker": breakers_let,
    "window": allowed_time,
    "pause": not_paused,
}
PLACES = st.sampled_from([("shop", "shop-a"), ("shop", "shop-b"), ("shop", "shop-c"), ("web", "web-a")])
# How long ago, in minutes: of late, these days, these weeks, and what a clock that was set back puts in the future.
AGES = st.one_of(st.integers(0, 180), st.integers(0, 1600), st.integers(0, 12 * 1440), st.integers(-2880, 0))
# What was let through under any bounds, so that each gate meets pasts that it would not have let happen.
PAST = st.lists(st.tuples(AGES, PLACES, st.integers(1, 120), st.sampled_from([None, *Outcome])), max_size=8)


def entry(now: datetime, index: int, age: int, place: tuple[str, str], spent: int, outcome: Outcome | None) -> Started:
    """One that was admitted so many minutes ago, and ended after some or (without an outcome) is in flight."""
    began = now - age * MINUTE
    return Started(
        f"iv-{index}", ActionType.TUNE_POOL, place[1], began, began + spent * MINUTE if outcome else None,
        in_flight=outcome is None, namespace=place[0], pattern="pool", outcome=outcome or Outcome.NOTHING,
    )  # fmt: skip


# Each of them often lax, so that the others are seen to bind.
FEW = st.one_of(st.integers(0, 5), st.just(100))
ANY_BOUNDS = st.builds(
    replace,
    BOUNDS,
    day=FEW,
    week=FEW,
    target=FEW,
    cluster_day=FEW,
    cluster_slots=st.integers(1, 3),
    cluster_failures=st.integers(1, 4),
    opens=st.one_of(st.none(), st.tuples(st.integers(0, 23), st.integers(1, 20))),
    freeze=st.one_of(st.none(), st.tuples(st.integers(-4, 200), st.integers(1, 200))),
)


@given(PAST, ANY_BOUNDS, PLACES, st.integers(0, 9 * 1440), st.one_of(st.none(), st.integers(-90, 90)))
@settings(max_examples=2500, deadline=None)
def test_each_gate_lets_through_exactly_what_its_bound_allows(
    past: list[tuple[int, tuple[str, str], int, Outcome | None]],
    bounds: Bounds,
    place: tuple[str, str],
    minutes: int,
    pause: int | None,
) -> None:
    now = g.NOW + minutes * MINUTE
    before = tuple(entry(now, index, *told) for index, told in enumerate(past))
    asked = Asked(now, *place, before, now + pause * MINUTE if pause is not None else None)
    assert asked.passed(bounds) == {name: allows(asked, bounds) for name, allows in BY_HAND.items()}
