"""I3: whatever happens when, no budget, cooldown, slot or breaker is ever exceeded.

A random life of a cluster: alerts on several workloads, outcomes of every kind, a clock that jumps both ways. The
gates see nothing but what is recorded, as after a restart. What they let through is then counted by hand.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import ActionType
from vanguard.api.reasons import GateVerdict
from vanguard.domain.consent import Consent, consent_for
from vanguard.domain.decision import limits
from vanguard.domain.history import History, Outcome, Started

MINUTE = timedelta(minutes=1)
ZONE = "Europe/Berlin"
GATES = (limits.budget, limits.cooldown, limits.concurrency, limits.breaker)


@dataclass(frozen=True)
class Bounds:
    """What the team's policy allows, and what the ceiling does."""

    day: int
    week: int
    target: int
    slots: int
    cooldown: timedelta
    failures: int
    cluster_day: int


@dataclass
class Life:
    """A cluster, its clock, and what was let through, in the order in which it was."""

    bounds: Bounds
    now: datetime = g.NOW
    taken: list[Started] = field(default_factory=list)
    starts: list[tuple[datetime, list[Started]]] = field(default_factory=list)

    def consent(self, namespace: str) -> Consent:
        """What two policies come to."""
        told = self.bounds
        own = g.policy(
            "team",
            namespace,
            actions=g.acting(maxPerDay=told.day, maxPerWeek=told.week),
            limits={
                "maxPerTargetPerDay": told.target,
                "maxConcurrent": told.slots,
                "cooldown": f"{int(told.cooldown.total_seconds())}s",
            },
            circuitBreaker={"failures": told.failures, "pause": "30m"},
            timeZone=ZONE,
        )
        ceiling = g.policy(
            "ceiling", "vanguard-system", actions=[], limits={
                "maxPerNamespacePerDay": told.cluster_day, "maxConcurrent": 100, "maxPerTargetPerDay": 100,
                "cooldown": "0s",
            },
        )  # fmt: skip
        folded = consent_for([own], [ceiling], g.LABELS, ActionType.TUNE_POOL)
        assert folded is not None
        return folded

    def alert(self, namespace: str, target: str) -> None:
        """An Intervention asks; it starts if every gate lets it."""
        meta = {"namespace": namespace, "uid": f"u{len(self.taken)}"}
        facts = g.facts(
            now=self.now,
            intervention=g.intervention(meta=meta, spec={"target": {"uid": target}}),
            consent=self.consent(namespace),
            history=History(tuple(sorted(self.taken, key=lambda one: one.started_at, reverse=True))),
            change=None,
        )
        if all(gate(facts).verdict is GateVerdict.PASS for gate in GATES):
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
