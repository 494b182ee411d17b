"""When it may be done: all windows, freezes and pauses together, and whether the breach comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import format_time
from vanguard.api.policy import Freeze, Window
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.decision.chain import Decision, Outcome, decide
from vanguard.domain.lifecycle import step
from vanguard.domain.overrides import Overrides
from vanguard.domain.view import View
from vanguard.domain.windows import all_open, next_open, running_freeze

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MIDNIGHT = datetime(2026, 3, 27, tzinfo=UTC)  # two days before summer time begins in Berlin


def window(schedule: str, duration: str = "3h", zone: str = "UTC") -> Window:
    return Window.model_validate({"name": "w", "schedule": schedule, "duration": duration, "timeZone": zone})


def freeze(start: datetime, until: datetime) -> Freeze:
    return Freeze.model_validate({"name": "f", "from": format_time(start), "until": format_time(until)})


NIGHT, EARLY, NOON = window("0 2 * * *"), window("0 4 * * *"), window("0 12 * * *", "1h")
SUNDAY = window("0 0 * * 0", "24h")
FREEZE = freeze(MIDNIGHT + HOUR, MIDNIGHT + 4 * HOUR)


@g.table(
    ("why", "sets", "freezes", "hours"),
    [
        ("nothing is asked for", (), (), 0),
        ("one set, its next start", ((NIGHT,),), (), 2),
        ("two sets that overlap: when the later has begun", ((NIGHT,), (EARLY,)), (), 4),
        ("two sets, and only another window of one meets the other", ((NIGHT, NOON), (NOON,)), (), 12),
        ("a set that opens earlier must still be open then: on Sunday night", ((NIGHT,), (SUNDAY,)), (), 50),
        ("two sets that never meet", ((NIGHT,), (NOON,)), (), None),
        ("a freeze that ends within the window", ((NIGHT,),), (FREEZE,), 4),
        ("a freeze alone", (), (freeze(MIDNIGHT - HOUR, MIDNIGHT + HOUR),), 1),
        ("a set of no windows", ((),), (), None),
    ],
)
def test_the_next_opening_is_when_all_allow_it(
    why: str, sets: tuple[tuple[Window, ...], ...], freezes: tuple[Freeze, ...], hours: int | None
) -> None:
    expected = None if hours is None else MIDNIGHT + hours * HOUR
    assert next_open(sets, freezes, MIDNIGHT) == expected, why


WINDOWS = st.builds(
    lambda minute, hour, length, zone: window(f"{minute} {hour} * * *", f"{length}m", zone),
    st.sampled_from([0, 15, 30]),
    st.sampled_from(["*/5", "2", "2,14", "3", "22"]),
    st.sampled_from([30, 90, 300]),
    st.sampled_from(["UTC", "Europe/Berlin"]),
)
FREEZES = st.builds(
    lambda start, length: freeze(MIDNIGHT + start * 15 * MINUTE, MIDNIGHT + (start + length) * 15 * MINUTE),
    st.integers(0, 190),
    st.integers(1, 100),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(WINDOWS, min_size=1, max_size=2).map(tuple), max_size=3).map(tuple),
    st.lists(FREEZES, max_size=2).map(tuple),
    st.integers(0, 95),
)
def test_it_is_what_stepping_through_the_quarters_finds(
    sets: tuple[tuple[Window, ...], ...], freezes: tuple[Freeze, ...], quarter: int
) -> None:
    now = MIDNIGHT + quarter * 15 * MINUTE  # every edge above lies on a quarter of an hour
    quarters = (now + number * 15 * MINUTE for number in range(4 * 24 * 3))
    stepped = next((at for at in quarters if all_open(sets, at) and not running_freeze(freezes, at)), None)
    found = next_open(sets, freezes, now)
    if stepped is None:
        assert found is None or found >= now + timedelta(days=3)
    else:
        assert found == stepped


def breaching(hours: int, **known: Any) -> dict[str, Any]:
    """A breach foreseen in so many hours, while nothing may be done for six."""
    later = {"name": "later", "schedule": "0 9 * * *", "duration": "1h"}
    spec = {"cause": {"breachAt": format_time(g.NOW + hours * HOUR)}}
    usual = {"consent": g.consent(actions=g.acting(window="Required"), windows=[later])}
    return usual | {"intervention": g.intervention(spec=spec, **known.pop("status", {}))} | known


@pytest.mark.parametrize(
    ("why", "changes", "reason"),
    [
        ("the window opens first", breaching(7), Reason.WINDOW_CLOSED),
        ("the window opens just then", breaching(6), Reason.WINDOW_CLOSED),
        ("the breach comes first", breaching(5), Reason.CANNOT_ACT_BEFORE_BREACH),
        ("it has come already", breaching(-1), Reason.WINDOW_CLOSED),
        (
            "it has come, as was told",
            breaching(-1, status={"escalated_at": g.NOW - 2 * HOUR}),
            Reason.CANNOT_ACT_BEFORE_BREACH,
        ),
        (
            "a pause outlasts the window",
            breaching(12, overrides=Overrides(paused_until=g.NOW + 8 * HOUR)),
            Reason.CANNOT_ACT_BEFORE_BREACH,
        ),
        (
            "nobody knows when it opens",
            breaching(5, consent=g.consent(), pattern=g.pattern(suspend=True)),
            Reason.SUSPENDED,
        ),
    ],
)
def test_what_waits_in_vain_is_told(why: str, changes: dict[str, Any], reason: Reason) -> None:
    decision = decide(g.facts(**changes))
    assert (decision.outcome, decision.reason) == (Outcome.WAIT, reason), why
    assert ("cannot act before breach" in decision.message) is (reason is Reason.CANNOT_ACT_BEFORE_BREACH)


def test_windows_that_never_meet_are_told_with_the_breach() -> None:
    changes = breaching(5)
    sets = (*changes["consent"].window_sets, (NOON,))
    decision = decide(g.facts(**changes | {"consent": replace(changes["consent"], window_sets=sets)}))
    assert decision.reason is Reason.CANNOT_ACT_BEFORE_BREACH
    assert "next opening never" in decision.message
    assert decision.next_open is None


def test_a_pause_that_outlasts_the_window_leads_to_the_next() -> None:
    changes = breaching(12, overrides=Overrides(paused_until=g.NOW + 8 * HOUR))
    assert decide(g.facts(**changes)).next_open == g.NOW + 30 * HOUR


def told(decision: Decision, **status: Any) -> Any:
    spec = {"cause": {"breachAt": format_time(g.NOW + 5 * HOUR)}}
    return step(
        View(now=g.NOW, intervention=g.intervention(spec=spec, **status), pattern=g.pattern(), decision=decision)
    )


def test_the_escalation_is_recorded_once_and_does_not_drift() -> None:
    changes = breaching(5)
    first = told(decide(g.facts(**changes))).status
    assert first is not None
    assert (first.reason, first.escalated_at) == (Reason.CANNOT_ACT_BEFORE_BREACH, g.NOW)
    assert [entry.reason for entry in first.timeline] == ["CannotActBeforeBreach"]
    for minutes in (1, 59, 299, 301):
        again = changes["intervention"].model_copy(update={"status": first})
        later = decide(g.facts(**changes | {"now": g.NOW + minutes * MINUTE, "intervention": again}))
        assert later.reason is Reason.CANNOT_ACT_BEFORE_BREACH
        assert step(View(now=g.NOW + minutes * MINUTE, intervention=again, decision=later)).status is None


def test_the_gate_itself_still_says_that_the_window_is_closed() -> None:
    gate = next(result for result in decide(g.facts(**breaching(5))).gates if result.name == "window")
    assert (gate.verdict, gate.reason) == (GateVerdict.HOLD, Reason.WINDOW_CLOSED)
