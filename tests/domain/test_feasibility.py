"""What somebody else keeps taking back is not made a third time."""

from datetime import timedelta
from typing import Any

from tests.domain import given as g
from vanguard.api.base import ActionType
from vanguard.api.intervention import Phase, Undo
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.decision.feasibility import reverts
from vanguard.domain.history import History, Started, history_of

DAY = timedelta(days=1)


def taken_back(days: int, **changes: Any) -> Started:
    return g.started(days * DAY, **({"target_uid": g.UID, "reverted": True, "name": f"iv-{days}"} | changes))


@g.table(
    ("why", "past", "denied"),
    [
        ("nothing was done", (), False),
        ("taken back once", (taken_back(1),), False),
        ("taken back twice", (taken_back(1), taken_back(2)), True),
        ("the second was another target's", (taken_back(1), taken_back(2, target_uid="other")), False),
        ("the second was another action", (taken_back(1), taken_back(2, action=ActionType.RESTART_ROLLOUT)), False),
        ("the second was not taken back", (taken_back(1), taken_back(2, reverted=False)), False),
    ],
)
def test_there_is_no_third_attempt(why: str, past: tuple[Started, ...], denied: bool) -> None:
    answer = reverts(g.facts(history=History(past)))
    assert (answer.verdict is GateVerdict.DENY) is denied, why
    assert (answer.reason is Reason.EXTERNALLY_REVERTED) is denied
    assert ("kubectl -n shop delete iv iv-1 iv-2" in answer.message) is denied


@g.table(
    ("why", "status", "counts"),
    [
        ("taken back during the watch", {"phase": Phase.FAILED, "reason": "ExternallyReverted"}, True),
        (
            "taken back during the rollout",
            {
                "phase": Phase.ROLLED_BACK,
                "reason": "Restored",
                "undo": Undo(reason="ExternallyReverted", started_at=g.NOW),
            },
            True,
        ),
        ("undone by the operator", {"phase": Phase.ROLLED_BACK, "reason": "Restored"}, False),
        ("changed to something else", {"phase": Phase.FAILED, "reason": "TargetDrifted"}, False),
    ],
)
def test_what_counts_as_taken_back_is_read_from_the_record(why: str, status: dict[str, Any], counts: bool) -> None:
    (entry,) = history_of([g.intervention(**status, started_at=g.NOW)]).started
    assert entry.reverted is counts, why


def test_a_change_refused_for_being_taken_back_is_not_itself_one() -> None:
    refused = g.intervention(Phase.REJECTED, reason="ExternallyReverted")
    assert history_of([refused]).started == ()
