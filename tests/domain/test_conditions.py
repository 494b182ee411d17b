"""Conditions: what a status means to other programs; their transition time moves only when they change."""

from datetime import timedelta
from typing import Any

import pytest

from tests.domain import given as g
from vanguard.api.base import Condition, ConditionStatus
from vanguard.api.intervention import Comparison, InterventionStatus, Phase, Undo, Verdict
from vanguard.api.reasons import Reason
from vanguard.domain.conditions import condition, merged, of_intervention
from vanguard.domain.phases import TERMINAL

LATER = g.NOW + timedelta(hours=1)
TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


def ready(holds: bool | None, at: Any = g.NOW, reason: Reason = Reason.READY, message: str = "m") -> Condition:
    return condition("Ready", holds, reason, message, at, 3)


@pytest.mark.parametrize(("holds", "status"), [(True, TRUE), (False, FALSE), (None, UNKNOWN)])
def test_a_condition_is_true_false_or_unknown(holds: bool | None, status: ConditionStatus) -> None:
    made = ready(holds)
    assert (made.type, made.status, made.observed_generation) == ("Ready", status, 3)


def test_a_long_message_still_fits_into_the_record() -> None:
    made = ready(holds=True, message="x" * 5000)
    assert Condition.model_validate(made.wire()) == made


@g.table(
    ("why", "old", "new", "moved"),
    [
        ("the same", ready(holds=True), ready(holds=True, at=LATER), False),
        ("another reason for the same", ready(holds=False), ready(False, LATER, Reason.NO_SERIES, "n"), False),
        ("another status", ready(holds=True), ready(holds=False, at=LATER), True),
        ("unknown is another status", ready(holds=False), ready(holds=None, at=LATER), True),
    ],
)
def test_the_transition_time_moves_only_with_the_status(why: str, old: Condition, new: Condition, moved: bool) -> None:
    (made,) = merged([old], [new])
    assert made.last_transition_time == (LATER if moved else g.NOW), why
    assert (made.status, made.reason, made.message) == (new.status, new.reason, new.message)


def test_a_condition_that_is_new_has_its_own_time_and_one_that_is_no_more_is_dropped() -> None:
    other = condition("Other", True, Reason.READY, "", g.NOW)
    assert merged([other], [ready(holds=True, at=LATER)]) == (ready(holds=True, at=LATER),)


def meaning(phase: Phase, **status: Any) -> dict[str, str]:
    made = of_intervention(InterventionStatus(phase=phase, reason="R", message="m", **status), g.NOW)
    return {one.type: one.status.value for one in made}


UNDO = Undo(reason="Degraded", started_at=g.NOW)
ACTED: dict[str, Any] = {"started_at": g.NOW, "applied_at": g.NOW, "change": g.change()}


@g.table(
    ("why", "phase", "status", "expected"),
    [
        ("pending", Phase.PENDING, {}, {"Admitted": "False", "Applied": "False", "Complete": "False"}),
        ("rejected", Phase.REJECTED, {}, {"Admitted": "False", "Applied": "False", "Complete": "True"}),
        (
            "admitted",
            Phase.BASELINING,
            {"started_at": g.NOW},
            {"Admitted": "True", "Applied": "False", "Complete": "False"},
        ),
        ("watched", Phase.MONITORING, ACTED, {"Admitted": "True", "Applied": "True", "Complete": "False"}),
        (
            "kept",
            Phase.SUCCEEDED,
            ACTED | {"verdict": Verdict.IMPROVED},
            {"Admitted": "True", "Applied": "True", "Complete": "True", "Verified": "True"},
        ),
        (
            "being undone",
            Phase.ROLLING_BACK,
            ACTED | {"verdict": Verdict.DEGRADED, "undo": UNDO},
            {"Admitted": "True", "Applied": "True", "Complete": "False", "Verified": "False", "Restored": "Unknown"},
        ),
        (
            "undone",
            Phase.ROLLED_BACK,
            ACTED | {"verdict": Verdict.DEGRADED, "undo": UNDO},
            {"Admitted": "True", "Applied": "True", "Complete": "True", "Verified": "False", "Restored": "True"},
        ),
        (
            "undo failed",
            Phase.FAILED,
            ACTED | {"undo": UNDO},
            {"Admitted": "True", "Applied": "True", "Complete": "True", "Restored": "False"},
        ),
    ],
)
def test_what_a_status_means(why: str, phase: Phase, status: dict[str, Any], expected: dict[str, str]) -> None:
    assert meaning(phase, **status) == expected, why


@pytest.mark.parametrize("phase", list(Phase))
def test_complete_is_true_exactly_where_nothing_follows(phase: Phase) -> None:
    assert (meaning(phase)["Complete"] == "True") is (phase in TERMINAL)


def test_verified_tells_what_was_compared() -> None:
    status = InterventionStatus(
        verdict=Verdict.DEGRADED, comparisons=(Comparison(name="latency", verdict=Verdict.DEGRADED),)
    )
    verified = {one.type: one for one in of_intervention(status, g.NOW)}["Verified"]
    assert verified.message == "latency Degraded"
