"""What the gates about the target's surroundings can say."""

from datetime import timedelta
from typing import Any

from tests.domain import given as g
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.decision import target
from vanguard.domain.workload import Crash, last_crash

PASS, HOLD = GateVerdict.PASS, GateVerdict.HOLD
MINUTE = timedelta(minutes=1)


def replicas(count: int, **strategy: Any) -> dict[str, Any]:
    """Facts on a Deployment of so many ready replicas with such a strategy, and a change that rolls it out."""
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), count)
    raw = g.deployment(spec={"replicas": count, "strategy": strategy}, status=counts)
    return {"workload": g.workload(raw)}


def rolling(surge: object, missing: object) -> dict[str, Any]:
    return {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": missing}}


@g.table(
    ("why", "changes", "verdict", "reason"),
    [
        ("one replica, replaced before it goes", replicas(1, **rolling(1, 0)), PASS, Reason.TARGET_HEALTHY),
        ("one replica, gone first", replicas(1, **rolling(0, 1)), HOLD, Reason.TOO_FEW_REPLICAS),
        ("all at once", replicas(3, type="Recreate"), HOLD, Reason.TOO_FEW_REPLICAS),
        ("one of three goes first", replicas(3, **rolling(0, 1)), PASS, Reason.TARGET_HEALTHY),
        ("two of three go first", replicas(3, **rolling(0, 2)), HOLD, Reason.TOO_FEW_REPLICAS),
        ("half of two goes, 51 % are needed", replicas(2, **rolling(0, 1)), HOLD, Reason.TOO_FEW_REPLICAS),
        (
            "half of two goes, 50 % are needed",
            replicas(2, **rolling(0, 1)) | {"consent": g.consent(limits={"minHealthyPercent": 50})},
            PASS,
            Reason.TARGET_HEALTHY,
        ),
        (
            "all at once, and no percentage is asked for",
            replicas(1, type="Recreate") | {"consent": g.consent(limits={"minHealthyPercent": 0})},
            PASS,
            Reason.TARGET_HEALTHY,
        ),
        (
            "a change read live takes nothing away",
            replicas(3, type="Recreate") | {"change": g.change(reload="Live")},
            PASS,
            Reason.TARGET_HEALTHY,
        ),
    ],
)
def test_a_rollout_must_leave_enough_replicas(
    why: str, changes: dict[str, Any], verdict: GateVerdict, reason: Reason
) -> None:
    said = target.target(g.facts(**changes))
    assert (said.verdict, said.reason) == (verdict, reason), why


def crash(minutes_ago: int) -> Crash:
    return Crash("orders-1", "container app ended with exit code 137 (OOMKilled)", g.NOW - minutes_ago * MINUTE)


@g.table(
    ("why", "changes", "reason"),
    [
        ("a minute ago", {"crashed": crash(1)}, Reason.RECENTLY_CRASHED),
        (
            "before anything else it was changed too",
            {"crashed": crash(1), "disturbed_at": g.NOW},
            Reason.RECENTLY_CRASHED,
        ),
        ("just long enough ago", {"crashed": crash(15)}, Reason.TARGET_HEALTHY),
        ("long ago, but changed since", {"crashed": crash(60), "disturbed_at": g.NOW}, Reason.RECENTLY_CHANGED),
    ],
)
def test_a_crash_is_waited_out_under_its_own_name(why: str, changes: dict[str, Any], reason: Reason) -> None:
    said = target.target(g.facts(**changes))
    assert said.reason is reason, why
    if reason is Reason.RECENTLY_CRASHED:
        assert said.next_open == g.NOW + 14 * MINUTE
        assert "orders-1: container app ended with exit code 137 (OOMKilled)" in said.message


def ended(
    code: int, reason: str = "Error", at: str = "2026-03-10T02:00:00Z", which: str = "lastState"
) -> dict[str, Any]:
    state = {which: {"terminated": {"exitCode": code, "reason": reason, "finishedAt": at}}}
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": [{"name": "app", "restartCount": 1, **state}]}}


@g.table(
    ("why", "pods", "minute"),
    [
        ("no pods", [], None),
        ("a pod without a status", [{"metadata": {"name": "p"}}], None),
        ("an exit code", [ended(1)], 0),
        ("out of memory", [ended(137, "OOMKilled")], 0),
        ("out of memory, told without a code", [ended(0, "OOMKilled")], 0),
        ("ended well", [ended(0, "Completed")], None),
        ("it is down right now", [ended(2, which="state")], 0),
        ("the newest of two", [ended(1), ended(1, at="2026-03-10T02:05:00Z")], 5),
    ],
)
def test_what_is_a_crash(why: str, pods: list[dict[str, Any]], minute: int | None) -> None:
    found = last_crash(pods)
    assert (found.at.minute if found else None) == minute, why
