"""History: what was admitted before, and what it teaches."""

from datetime import timedelta
from typing import Any

import pytest

from tests.domain import given as g
from vanguard.api.base import ActionType
from vanguard.api.intervention import Phase, Undo, Verdict
from vanguard.domain.history import History, Outcome, history_of

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


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
        ("just since then", {"started_at": g.NOW - HOUR}, True),
        ("a second before", {"started_at": g.NOW - HOUR - timedelta(seconds=1)}, False),
        ("in the future, after the clock was set back", {"started_at": g.NOW + 100 * DAY}, True),
        ("another action", {"action": ActionType.RESTART_ROLLOUT}, False),
        ("another namespace", {"namespace": "web"}, False),
    ],
)
def test_what_counts_since_a_time(why: str, changes: dict[str, Any], matched: bool) -> None:
    history = History((g.started(HOUR, **changes),))
    found = history.since(g.NOW - HOUR, action=ActionType.TUNE_POOL, namespace="shop")
    assert bool(found) is matched, why


DEGRADED = {"verdict": Verdict.DEGRADED, "undo": Undo(reason="Degraded", message="", started_at=g.NOW)}
LEASE_OVER = Undo(reason="LeaseExpired", message="", started_at=g.NOW)
ASKED = Undo(reason="RollbackRequested", message="", started_at=g.NOW)


@g.table(
    ("why", "phase", "status", "outcome"),
    [
        ("it helped", Phase.SUCCEEDED, {"verdict": Verdict.IMPROVED}, Outcome.HELPED),
        ("it did harm", Phase.ROLLED_BACK, DEGRADED, Outcome.FAILED),
        ("it changed nothing", Phase.ROLLED_BACK, {"verdict": Verdict.NEUTRAL}, Outcome.FAILED),
        ("its rollout never finished", Phase.ROLLED_BACK, {}, Outcome.FAILED),
        ("it could not be undone", Phase.FAILED, DEGRADED, Outcome.FAILED),
        ("it could not be measured", Phase.ROLLED_BACK, {"verdict": Verdict.INCONCLUSIVE}, Outcome.UNMEASURED),
        ("a person undid it", Phase.ROLLED_BACK, {"undo": ASKED, "verdict": Verdict.IMPROVED}, Outcome.NOTHING),
        ("its lease ended", Phase.ROLLED_BACK, {"undo": LEASE_OVER, "verdict": Verdict.IMPROVED}, Outcome.NOTHING),
        (
            "its lease ended, and somebody had changed it since",
            Phase.FAILED,
            {"undo": LEASE_OVER, "verdict": Verdict.IMPROVED, "reason": "TargetDrifted"},
            Outcome.NOTHING,
        ),
        (
            "its lease ended, and it could not be undone",
            Phase.FAILED,
            {"undo": LEASE_OVER, "verdict": Verdict.IMPROVED, "reason": "UndoFailed"},
            Outcome.FAILED,
        ),
        ("a person asked, and it could not be undone", Phase.FAILED, {"undo": ASKED}, Outcome.FAILED),
        ("it was refused", Phase.REJECTED, {}, Outcome.NOTHING),
        ("it was only watched", Phase.OBSERVED, {}, Outcome.NOTHING),
        ("it is being watched", Phase.MONITORING, {}, Outcome.NOTHING),
    ],
)
def test_what_an_intervention_teaches(why: str, phase: Phase, status: dict[str, Any], outcome: Outcome) -> None:
    (entry,) = history_of([g.intervention(phase, started_at=g.NOW, **status)]).started
    assert entry.outcome is outcome, why
    assert (entry.namespace, entry.pattern) == ("shop", "pool")


def test_failures_in_a_row_end_at_the_last_that_helped() -> None:
    mine = {"target_uid": g.UID}
    told = [Outcome.FAILED, Outcome.NOTHING, Outcome.UNMEASURED, Outcome.HELPED, Outcome.FAILED]
    past = [g.started(n * HOUR, outcome=outcome, **mine) for n, outcome in enumerate(told, 1)]
    assert History(tuple(past)).failures_on(g.UID) == 2
    assert History(tuple(past)).failures_on("uid-other") == 0


def test_the_last_on_a_target_is_when_it_ended_or_else_when_it_began() -> None:
    done, running = g.started(3 * HOUR, target_uid=g.UID), g.started(HOUR, target_uid=g.UID, ended_at=None)
    assert History((done,)).last_on(g.UID) == done.ended_at
    assert History((running, done)).last_on(g.UID) == running.started_at
    assert History((running, done)).last_on("uid-other") is None
