"""History: what was admitted before, and that bounds folded from it are never exceeded."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import ActionType
from vanguard.api.intervention import Phase
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.decision import gates
from vanguard.domain.history import DAY, WEEK, History, Started, history_of

HOUR = timedelta(hours=1)


def test_only_what_was_admitted_counts_newest_first() -> None:
    ivs = [
        g.intervention(meta={"uid": f"u{n}", "name": f"iv{n}"}, started_at=at)
        for n, at in enumerate([g.NOW - 3 * HOUR, None, g.NOW - HOUR, g.NOW - 2 * HOUR])
    ]
    assert [entry.name for entry in history_of(ivs).started] == ["iv2", "iv3", "iv0"]


def test_each_entry_knows_the_objects_its_change_writes_to() -> None:
    (entry,) = history_of([g.intervention(Phase.APPLYING, started_at=g.NOW, change=g.change())]).started
    assert entry.objects == {("ConfigMap", "orders-config"), ("Deployment", "orders")}
    (entry,) = history_of([g.intervention(Phase.BASELINING, started_at=g.NOW)]).started
    assert entry.objects == frozenset()


def test_the_one_a_decision_is_about_is_left_out() -> None:
    iv = g.intervention(Phase.BASELINING, started_at=g.NOW)
    assert history_of([iv], leave_out=g.MARKER) == History()
    assert len(history_of([iv], leave_out="another").started) == 1


@pytest.mark.parametrize("phase", list(Phase))
def test_in_flight_is_what_may_have_touched_its_target(phase: Phase) -> None:
    flying = phase in {Phase.BASELINING, Phase.APPLYING, Phase.MONITORING, Phase.ROLLING_BACK}
    history = history_of([g.intervention(phase, started_at=g.NOW)])
    assert bool(history.in_flight()) is flying
    assert bool(history.in_flight(g.UID)) is flying
    assert history.in_flight("uid-other") == ()


@g.table(
    ("why", "changes", "matched"),
    [
        ("a second less than a day ago", {"started_at": g.NOW - DAY + timedelta(seconds=1)}, True),
        ("a day ago", {"started_at": g.NOW - DAY}, False),
        ("in the future, after the clock was set back", {"started_at": g.NOW + 100 * DAY}, True),
        ("another action", {"action": ActionType.RESTART_ROLLOUT}, False),
    ],
)
def test_what_counts_within_a_day(why: str, changes: dict[str, Any], matched: bool) -> None:
    history = History((g.started(HOUR, **changes),))
    assert bool(history.within(DAY, g.NOW, action=ActionType.TUNE_POOL)) is matched, why


def test_the_last_on_a_target_is_when_it_ended_or_else_when_it_began() -> None:
    done, running = g.started(3 * HOUR, target_uid=g.UID), g.started(HOUR, target_uid=g.UID, ended_at=None)
    assert History((done,)).last_on(g.UID) == done.ended_at
    assert History((running, done)).last_on(g.UID) == running.started_at
    assert History((running, done)).last_on("uid-other") is None


ATTEMPTS = st.lists(
    st.tuples(st.integers(0, 7 * 24 * 60), st.sampled_from(["a", "b"]), st.sampled_from(ActionType)), max_size=80
)
BUDGETS = st.tuples(st.integers(0, 4), st.integers(0, 10), st.integers(0, 3))


def admitted(attempts: list[tuple[int, str, ActionType]], budgets: tuple[int, int, int]) -> list[Started]:
    """Attempts in time, each admitted if the budget gate passes; nothing is remembered but what was admitted."""
    day, week, per_target = budgets
    taken: list[Started] = []
    for minutes, uid, action in sorted(attempts, key=lambda attempt: attempt[0]):
        now = g.NOW + timedelta(minutes=minutes)
        facts = g.facts(
            now=now,
            intervention=g.intervention(spec={"target": {"uid": uid}, "action": {"type": action}}),
            consent=g.consent(
                action,
                actions=g.acting(type=action, maxPerDay=day, maxPerWeek=week),
                limits={"maxPerTargetPerDay": per_target},
            ),
            history=History(tuple(sorted(taken, key=lambda entry: entry.started_at, reverse=True))),
        )
        answer = gates.budget(facts)
        if answer.verdict is GateVerdict.PASS:
            taken.append(Started("iv", action, uid, now, now, in_flight=False))
        elif answer.next_open is not None:
            assert answer.next_open > now
    return taken


@given(ATTEMPTS, BUDGETS)
def test_in_no_day_and_no_week_is_a_budget_exceeded(
    attempts: list[tuple[int, str, ActionType]], budgets: tuple[int, int, int]
) -> None:
    taken = admitted(attempts, budgets)
    for first in taken:
        for span, allowed, same in (
            (DAY, budgets[0], lambda entry, one=first: entry.action is one.action),
            (WEEK, budgets[1], lambda entry, one=first: entry.action is one.action),
            (DAY, budgets[2], lambda entry, one=first: entry.target_uid == one.target_uid),
        ):
            since = [entry for entry in taken if timedelta(0) <= entry.started_at - first.started_at < span]
            assert sum(map(same, since)) <= allowed


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=12, unique=True), st.integers(1, 4))
def test_a_spent_budget_opens_exactly_when_it_says(ages: list[int], allowed: int) -> None:
    history = History(tuple(g.started(timedelta(minutes=age)) for age in sorted(ages)))
    consent = g.consent(actions=g.acting(maxPerDay=allowed, maxPerWeek=1000), limits={"maxPerTargetPerDay": 100})
    answer = gates.budget(g.facts(history=history, consent=consent))
    if answer.verdict is GateVerdict.PASS:
        assert sum(age < 1440 for age in ages) < allowed
        return
    assert answer.reason is Reason.DAILY_BUDGET_SPENT
    assert answer.next_open is not None
    late, early = answer.next_open, answer.next_open - timedelta(seconds=1)
    assert gates.budget(g.facts(now=late, history=history, consent=consent)).verdict is GateVerdict.PASS
    assert gates.budget(g.facts(now=early, history=history, consent=consent)).verdict is GateVerdict.HOLD
