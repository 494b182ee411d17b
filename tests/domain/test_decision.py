"""Decisions: what each gate can say, and what their answers add up to."""

import importlib
import inspect
import pkgutil
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from tests.domain import feasibility_rows, surrounding_rows
from tests.domain import given as g
from vanguard.api.base import ActionType, Mode, format_time
from vanguard.api.intervention import GateResult, Phase
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain import decision as room
from vanguard.domain.alert import INACTIVE, Alert, AlertState, firing_since
from vanguard.domain.change import Impossible
from vanguard.domain.decision import chain
from vanguard.domain.decision.chain import (
    CHANGE,
    GATES,
    MODE,
    Decision,
    Outcome,
    awaits_only_a_person,
    change_known_possible,
    decide,
    only_untried,
    same_answers,
    stopped,
)
from vanguard.domain.decision.facts import Answer, Facts, denies, holds, passes
from vanguard.domain.history import History, Started
from vanguard.domain.history import Outcome as PastOutcome
from vanguard.domain.overrides import Overrides
from vanguard.domain.ownership import Claim, Hold

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PASS, HOLD, DENY = GateVerdict.PASS, GateVerdict.HOLD, GateVerdict.DENY
NAMES = [name for name, _ in GATES]

OPEN = {"name": "open", "schedule": "0 2 * * *", "duration": "3h"}
SHUT = {"name": "shut", "schedule": "0 5 * * *", "duration": "1h"}
LATER = {"name": "later", "schedule": "0 9 * * *", "duration": "1h"}
FREEZE = {"name": "audit", "from": "2026-03-09T00:00:00Z", "until": "2026-03-12T00:00:00Z", "reason": "audit"}


def approved(**changes: Any) -> dict[str, Any]:
    """A person's approval, which counts for an hour."""
    word = {"by": "eva", "verdict": "Approved", "intervention": g.MARKER, "expiresAt": format_time(g.NOW + HOUR)}
    return {"approval": word | changes}


APPROVED = approved()
DENIED = {"approval": {"by": "eva", "verdict": "Denied", "reason": "not today"}}
BROKEN: dict[str, Any] = {"windows": [OPEN | {"timeZone": "Mars/Base"}]}


def windowed(*windows: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"consent": g.consent(actions=g.acting(window="Required"), windows=list(windows), **spec)}


def spent(*ages: timedelta, **changes: Any) -> dict[str, Any]:
    return {"history": History(tuple(g.started(age, **changes) for age in sorted(ages)))}


MIDNIGHT = datetime(2026, 3, 11, tzinfo=UTC)
MONDAY = datetime(2026, 3, 9, tzinfo=UTC)


def failed(*ages: timedelta, tried: Started | None = None) -> dict[str, Any]:
    """So many failures of the pattern's remedy on other targets."""
    past = [g.started(age, outcome=PastOutcome.FAILED, pattern="pool") for age in sorted(ages)]
    return {"history": History(tuple([tried, *past] if tried else past))}


def claim(hold: Hold) -> Claim:
    return Claim(hold, "a tool", "an application")


IN_GIT = g.consent(workloads=g.tunable(gitOps={"repository": "deploy", "path": "orders.yaml"}))


def uncommittable(reason: Reason) -> Impossible:
    return Impossible(reason, "so it is")


def broken(**changes: Any) -> dict[str, Any]:
    return {"workload": g.workload(g.deployment(**changes))}


# gate, the case, what differs from facts on which all pass, verdict, reason, when it opens
ROWS: list[tuple[str, str, dict[str, Any], GateVerdict, Reason, datetime | None]] = [
    ("alert", "still firing", {}, PASS, Reason.ALERT_FIRING, None),
    ("alert", "pattern gone", {"pattern": None}, DENY, Reason.PATTERN_CHANGED, None),
    ("alert", "pattern edited", {"pattern": g.pattern(generation=4)}, DENY, Reason.PATTERN_CHANGED, None),
    ("alert", "not evaluated since a restart", {"alert": None}, HOLD, Reason.NOT_EVALUATED_YET, None),
    (
        "alert",
        "firing, and a look-alike was recognised since",
        {"assessment": g.assessment(positive=False, reason=Reason.PAGE_CACHE, heard=("rss: flat",))},
        HOLD,
        Reason.PAGE_CACHE,
        None,
    ),
    (
        "alert",
        "firing, and the newest forecast is harmless",
        {"assessment": g.assessment(positive=False, reason=Reason.BREACH_UNLIKELY)},
        HOLD,
        Reason.BREACH_UNLIKELY,
        None,
    ),
    ("alert", "resolved", {"alert": INACTIVE}, DENY, Reason.ALERT_RESOLVED, None),
    (
        "alert",
        "resolved and pending again",
        {"alert": Alert(AlertState.PENDING, g.ACTIVE_AT)},
        DENY,
        Reason.ALERT_RESOLVED,
        None,
    ),
    ("alert", "firing in another episode", {"alert": firing_since(g.NOW)}, DENY, Reason.ALERT_RESOLVED, None),
    ("suspended", "nobody has", {}, PASS, Reason.NOT_SUSPENDED, None),
    ("suspended", "the pattern", {"pattern": g.pattern(suspend=True)}, HOLD, Reason.SUSPENDED, None),
    ("suspended", "the policy", {"consent": g.consent(suspend=True)}, HOLD, Reason.SUSPENDED, None),
    (MODE, "Auto", {}, PASS, Reason.AUTOMATIC, None),
    (MODE, "Observe", {"consent": g.consent(mode="Observe")}, HOLD, Reason.OBSERVE_ONLY, None),
    (MODE, "no policy", {"consent": None}, HOLD, Reason.OBSERVE_ONLY, None),
    (MODE, "lowered by annotation", {"overrides": Overrides(mode=Mode.OBSERVE)}, HOLD, Reason.OBSERVE_ONLY, None),
    (MODE, "Approve, unanswered", {"consent": g.consent(mode="Approve")}, HOLD, Reason.APPROVAL_REQUIRED, None),
    (
        MODE,
        "Approve, approved",
        {"consent": g.consent(mode="Approve"), "intervention": g.intervention(spec=APPROVED)},
        PASS,
        Reason.APPROVED,
        None,
    ),
    (
        MODE,
        "Approve, approved and expired",
        {
            "consent": g.consent(mode="Approve"),
            "intervention": g.intervention(spec=approved(expiresAt=format_time(g.NOW))),
        },
        DENY,
        Reason.APPROVAL_EXPIRED,
        None,
    ),
    (
        MODE,
        "Approve, with the approval of another Intervention",
        {"consent": g.consent(mode="Approve"), "intervention": g.intervention(spec=approved(intervention="uid-other"))},
        DENY,
        Reason.APPROVAL_INVALID,
        None,
    ),
    (
        MODE,
        "Approve, for longer than the policy allows",
        {
            "consent": g.consent(mode="Approve", approvals={"maxAge": "30m"}),
            "intervention": g.intervention(spec=APPROVED),
        },
        DENY,
        Reason.APPROVAL_INVALID,
        None,
    ),
    (
        MODE,
        "Approve, by who wrote the policy, which forbids that",
        {
            "consent": g.consent(mode="Approve", approvals={"authorMayApprove": False, "author": "eva"}),
            "intervention": g.intervention(spec=APPROVED),
        },
        DENY,
        Reason.APPROVER_IS_AUTHOR,
        None,
    ),
    (
        MODE,
        "approved, and no policy",
        {"consent": None, "intervention": g.intervention(spec=APPROVED)},
        HOLD,
        Reason.OBSERVE_ONLY,
        None,
    ),
    (
        MODE,
        "Approve, denied",
        {"consent": g.consent(mode="Approve"), "intervention": g.intervention(spec=DENIED)},
        DENY,
        Reason.APPROVAL_DENIED,
        None,
    ),
    (MODE, "Auto, denied", {"intervention": g.intervention(spec=DENIED)}, DENY, Reason.APPROVAL_DENIED, None),
    (
        MODE,
        "Observe, approved",
        {"consent": g.consent(mode="Observe"), "intervention": g.intervention(spec=APPROVED)},
        HOLD,
        Reason.OBSERVE_ONLY,
        None,
    ),
    ("action-enabled", "listed", {}, PASS, Reason.ACTION_ENABLED, None),
    ("action-enabled", "no policy selects it", {"consent": None}, DENY, Reason.NO_POLICY, None),
    ("action-enabled", "not listed", {"consent": g.consent(actions=[])}, DENY, Reason.ACTION_NOT_ENABLED, None),
    (
        "action-enabled",
        "undoing is not safe, and demanded",
        {"pattern": g.pattern(rollbackSafe=False)},
        DENY,
        Reason.ROLLBACK_UNSAFE,
        None,
    ),
    ("action-enabled", "a policy cannot be read", {"trouble": ("shop",)}, HOLD, Reason.POLICY_INVALID, None),
    ("action-enabled", "a policy in error", {"consent": g.consent(**BROKEN)}, HOLD, Reason.POLICY_INVALID, None),
    ("override", "nobody has", {}, PASS, Reason.NO_OVERRIDE, None),
    (
        "override",
        "disabled",
        {"overrides": Overrides(disabled_by="Namespace shop")},
        HOLD,
        Reason.DISABLED_BY_ANNOTATION,
        None,
    ),
    (
        "override",
        "paused",
        {"overrides": Overrides(paused_until=g.NOW + HOUR)},
        HOLD,
        Reason.PAUSED_BY_ANNOTATION,
        g.NOW + HOUR,
    ),
    ("override", "a pause just over", {"overrides": Overrides(paused_until=g.NOW)}, PASS, Reason.NO_OVERRIDE, None),
    (
        "override",
        "unreadable",
        {"overrides": Overrides(unreadable=("Namespace shop: ...",))},
        HOLD,
        Reason.OVERRIDE_UNREADABLE,
        None,
    ),
    ("data-quality", "fresh and whole", {}, PASS, Reason.DATA_GOOD, None),
    ("data-quality", "never evaluated", {"assessment": None}, HOLD, Reason.STALE_DATA, None),
    ("data-quality", "evaluated too long ago", {"fresh": False}, HOLD, Reason.STALE_DATA, None),
    (
        "data-quality",
        "nothing known",
        {"assessment": g.assessment(positive=None, reason=Reason.MISSING_DATA)},
        HOLD,
        Reason.MISSING_DATA,
        None,
    ),
    (
        "data-quality",
        "companions contradict",
        {"assessment": g.assessment(positive=None, reason=Reason.CONFLICTING_SIGNALS, heard=("heap: flat",))},
        HOLD,
        Reason.CONFLICTING_SIGNALS,
        None,
    ),
    ("confidence", "as asked", {}, PASS, Reason.CONFIDENCE_SUFFICIENT, None),
    (
        "confidence",
        "exactly as asked",
        {"assessment": g.assessment(p_breach=(0.1, 0.1, 0.9))},
        PASS,
        Reason.CONFIDENCE_SUFFICIENT,
        None,
    ),
    (
        "confidence",
        "a percent too low",
        {"assessment": g.assessment(p_breach=(0.1, 0.1, 0.899))},
        HOLD,
        Reason.CONFIDENCE_TOO_LOW,
        None,
    ),
    ("confidence", "never evaluated", {"assessment": None}, HOLD, Reason.NOT_EVALUATED_YET, None),
    ("confidence", "no policy", {"consent": None}, HOLD, Reason.NOT_EVALUATED_YET, None),
    ("window", "none asked for", {}, PASS, Reason.WINDOW_NOT_REQUIRED, None),
    ("window", "open", windowed(OPEN), PASS, Reason.WINDOW_OPEN, None),
    ("window", "one of two open", windowed(SHUT, OPEN), PASS, Reason.WINDOW_OPEN, None),
    ("window", "closed", windowed(LATER, SHUT), HOLD, Reason.WINDOW_CLOSED, g.NOW + 2 * HOUR),
    ("window", "asked for and not defined", windowed(), HOLD, Reason.NO_WINDOW, None),
    (
        "window",
        "open, in a freeze",
        windowed(OPEN, freezes=[FREEZE]),
        HOLD,
        Reason.FROZEN,
        datetime.fromisoformat("2026-03-12T02:00:00Z"),
    ),
    (
        "window",
        "not asked for, in a freeze",
        {"consent": g.consent(freezes=[FREEZE])},
        HOLD,
        Reason.FROZEN,
        datetime.fromisoformat("2026-03-12T00:00:00Z"),
    ),
    ("window", "one that cannot open", {"consent": g.consent(**BROKEN)}, HOLD, Reason.POLICY_INVALID, None),
    ("window", "no policy", {"consent": None}, HOLD, Reason.NO_POLICY, None),
    ("budget", "nothing done yet", {}, PASS, Reason.BUDGET_AVAILABLE, None),
    ("budget", "one of two today", spent(HOUR), PASS, Reason.BUDGET_AVAILABLE, None),
    ("budget", "two of two today", spent(HOUR, 2 * HOUR), HOLD, Reason.DAILY_BUDGET_SPENT, MIDNIGHT),
    (
        "budget",
        "two today, which was yesterday where the policy counts",
        spent(1.5 * HOUR, 2 * HOUR) | {"consent": g.consent(timeZone="America/Noronha")},
        PASS,
        Reason.BUDGET_AVAILABLE,
        None,
    ),
    ("budget", "two yesterday", spent(DAY, DAY), PASS, Reason.BUDGET_AVAILABLE, None),
    (
        "budget",
        "two to come: the clock went back",
        spent(-HOUR, -HOUR),
        HOLD,
        Reason.DAILY_BUDGET_SPENT,
        MIDNIGHT,
    ),
    (
        "budget",
        "two of another action",
        spent(HOUR, HOUR, action=ActionType.RESTART_ROLLOUT),
        PASS,
        Reason.BUDGET_AVAILABLE,
        None,
    ),
    ("budget", "two in another namespace", spent(HOUR, HOUR, namespace="web"), PASS, Reason.BUDGET_AVAILABLE, None),
    (
        "budget",
        "five of five this week",
        spent(*[g.NOW - MONDAY] * 5),
        HOLD,
        Reason.WEEKLY_BUDGET_SPENT,
        MONDAY + 7 * DAY,
    ),
    ("budget", "five last week", spent(*[g.NOW - MONDAY + HOUR] * 5), PASS, Reason.BUDGET_AVAILABLE, None),
    (
        "budget",
        "two on this target, of whatever action",
        spent(HOUR, 2 * HOUR, action=ActionType.RESTART_ROLLOUT, target_uid=g.UID),
        HOLD,
        Reason.TARGET_BUDGET_SPENT,
        MIDNIGHT,
    ),
    (
        "budget",
        "one in the namespace, of whatever action",
        spent(HOUR, action=ActionType.RESTART_ROLLOUT) | {"consent": g.consent(limits={"maxPerNamespacePerDay": 1})},
        HOLD,
        Reason.NAMESPACE_BUDGET_SPENT,
        MIDNIGHT,
    ),
    (
        "budget",
        "none allowed",
        {"consent": g.consent(actions=g.acting(maxPerDay=0))},
        HOLD,
        Reason.DAILY_BUDGET_SPENT,
        None,
    ),
    ("budget", "no policy", {"consent": None}, HOLD, Reason.NO_POLICY, None),
    ("cooldown", "never touched", {}, PASS, Reason.COOLDOWN_OVER, None),
    (
        "cooldown",
        "touched half an hour ago",
        spent(HOUR, target_uid=g.UID, ended_at=g.NOW - HOUR / 2),
        HOLD,
        Reason.COOLING_DOWN,
        g.NOW + HOUR / 2,
    ),
    (
        "cooldown",
        "touched an hour ago",
        spent(2 * HOUR, target_uid=g.UID, ended_at=g.NOW - HOUR),
        PASS,
        Reason.COOLDOWN_OVER,
        None,
    ),
    (
        "cooldown",
        "an hour and a half ago, without success",
        spent(2 * HOUR, target_uid=g.UID, ended_at=g.NOW - 1.5 * HOUR, outcome=PastOutcome.FAILED),
        HOLD,
        Reason.COOLING_DOWN,
        g.NOW + HOUR / 2,
    ),
    ("cooldown", "another target touched", spent(HOUR / 2), PASS, Reason.COOLDOWN_OVER, None),
    ("cooldown", "no policy", {"consent": None}, HOLD, Reason.NO_POLICY, None),
    ("concurrency", "nothing in flight", {}, PASS, Reason.SLOT_FREE, None),
    (
        "concurrency",
        "one on this target, though slots are free",
        {"consent": g.consent(limits={"maxConcurrent": 5})} | spent(HOUR, target_uid=g.UID, in_flight=True),
        HOLD,
        Reason.ANOTHER_IN_FLIGHT,
        None,
    ),
    (
        "concurrency",
        "one on another target that shares its ConfigMap, though slots are free",
        {"consent": g.consent(limits={"maxConcurrent": 5})}
        | spent(HOUR, in_flight=True, objects=frozenset({("ConfigMap", "orders-config")})),
        HOLD,
        Reason.ANOTHER_IN_FLIGHT,
        None,
    ),
    (
        "concurrency",
        "one that shared its ConfigMap and is over",
        spent(HOUR, objects=frozenset({("ConfigMap", "orders-config")})),
        PASS,
        Reason.SLOT_FREE,
        None,
    ),
    ("concurrency", "all slots taken", spent(HOUR, in_flight=True), HOLD, Reason.ANOTHER_IN_FLIGHT, None),
    (
        "concurrency",
        "a slot left",
        {"consent": g.consent(limits={"maxConcurrent": 2})} | spent(HOUR, in_flight=True),
        PASS,
        Reason.SLOT_FREE,
        None,
    ),
    ("concurrency", "no policy", {"consent": None}, HOLD, Reason.NO_POLICY, None),
    ("ownership", "nobody's", {}, PASS, Reason.OWNED_BY_NOBODY_ELSE, None),
    ("ownership", "not known", {"claims": None}, HOLD, Reason.CLUSTER_UNREADABLE, None),
    ("ownership", "Helm's", {"claims": (claim(Hold.HELM),)}, PASS, Reason.OWNED_BY_NOBODY_ELSE, None),
    (
        "ownership",
        "a GitOps tool's",
        {"claims": (claim(Hold.HELM), claim(Hold.GITOPS))},
        DENY,
        Reason.GIT_OPS_OWNED,
        None,
    ),
    (
        "ownership",
        "a GitOps tool's, declared in git",
        {"claims": (claim(Hold.GITOPS),), "consent": IN_GIT},
        PASS,
        Reason.COMMITTED_TO_GIT,
        None,
    ),
    (
        "ownership",
        "declared in git, and not synced",
        {"claims": (claim(Hold.GITOPS),), "consent": IN_GIT, "uncommittable": uncommittable(Reason.NOT_SYNCED)},
        HOLD,
        Reason.NOT_SYNCED,
        None,
    ),
    (
        "ownership",
        "declared in a repository that does not answer",
        {
            "claims": (claim(Hold.GITOPS),),
            "consent": IN_GIT,
            "uncommittable": uncommittable(Reason.REPOSITORY_UNREADABLE),
        },
        HOLD,
        Reason.REPOSITORY_UNREADABLE,
        None,
    ),
    (
        "ownership",
        "declared in a repository that may not be written to",
        {
            "claims": (claim(Hold.GITOPS),),
            "consent": IN_GIT,
            "uncommittable": uncommittable(Reason.REPOSITORY_NOT_ALLOWED),
        },
        DENY,
        Reason.REPOSITORY_NOT_ALLOWED,
        None,
    ),
    (
        "ownership",
        "declared in git, and a controller's",
        {"claims": (claim(Hold.GITOPS), claim(Hold.CONTROLLER)), "consent": IN_GIT},
        DENY,
        Reason.OWNED_BY_CONTROLLER,
        None,
    ),
    (
        "ownership",
        "declared in git, and nobody's",
        {"claims": (), "consent": IN_GIT},
        PASS,
        Reason.OWNED_BY_NOBODY_ELSE,
        None,
    ),
    ("ownership", "a controller's", {"claims": (claim(Hold.CONTROLLER),)}, DENY, Reason.OWNED_BY_CONTROLLER, None),
    ("breaker", "no failures", {}, PASS, Reason.BREAKER_CLOSED, None),
    ("breaker", "two failures of three", failed(HOUR, 2 * HOUR), PASS, Reason.BREAKER_CLOSED, None),
    (
        "breaker",
        "three failures in a row",
        failed(HOUR, 2 * HOUR, 3 * HOUR),
        HOLD,
        Reason.BREAKER_OPEN,
        g.NOW + timedelta(minutes=20),
    ),
    (
        "breaker",
        "three, and a pause",
        failed(2 * HOUR, 3 * HOUR, 4 * HOUR),
        PASS,
        Reason.BREAKER_CLOSED,
        None,
    ),
    (
        "breaker",
        "three, and one is being tried",
        failed(2 * HOUR, 3 * HOUR, 4 * HOUR, tried=g.started(HOUR / 60, in_flight=True, ended_at=None)),
        HOLD,
        Reason.BREAKER_HALF_OPEN,
        None,
    ),
    ("breaker", "no policy", {"consent": None}, HOLD, Reason.NO_POLICY, None),
    ("effectiveness", "as believed before", {}, PASS, Reason.EFFECTIVENESS_SUFFICIENT, None),
    ("effectiveness", "it failed twice", failed(HOUR, 2 * HOUR), HOLD, Reason.EFFECTIVENESS_TOO_LOW, None),
    ("effectiveness", "no policy", {"consent": None}, HOLD, Reason.NOT_EVALUATED_YET, None),
    ("evidence", "a forecast, for a small reversible change", {}, PASS, Reason.EVIDENCE_SUFFICIENT, None),
    (
        "evidence",
        "a forecast, and undoing does harm",
        {"pattern": g.pattern(rollbackSafe=False)},
        HOLD,
        Reason.FORECAST_ONLY,
        None,
    ),
    (
        "evidence",
        "the limit is reached, and undoing does harm",
        {"pattern": g.pattern(rollbackSafe=False), "assessment": g.assessment(level=95.0)},
        PASS,
        Reason.EVIDENCE_SUFFICIENT,
        None,
    ),
    (
        "evidence",
        "a forecast, for a new release",
        {"intervention": g.intervention(spec={"action": {"type": "DeployCode"}})},
        HOLD,
        Reason.FORECAST_ONLY,
        None,
    ),
    ("evidence", "never evaluated", {"assessment": None}, HOLD, Reason.NOT_EVALUATED_YET, None),
    (
        "action-enabled",
        "a new release is never automated",
        {"intervention": g.intervention(spec={"action": {"type": "DeployCode"}})},
        DENY,
        Reason.NOT_AUTOMATED,
        None,
    ),
    (
        "confidence",
        "enough for the policy, not for a restart",
        {
            "intervention": g.intervention(spec={"action": {"type": "RestartRollout"}}),
            "consent": g.consent(actions=g.acting(minConfidencePercent=60)),
            "assessment": g.assessment(p_breach=(0.1, 0.1, 0.89)),
        },
        HOLD,
        Reason.CONFIDENCE_TOO_LOW,
        None,
    ),
    ("target", "healthy", {}, PASS, Reason.TARGET_HEALTHY, None),
    ("target", "gone", {"workload": None}, DENY, Reason.TARGET_MISSING, None),
    ("target", "made anew", broken(metadata={"uid": "another"}), DENY, Reason.TARGET_REPLACED, None),
    ("target", "no policy", {"consent": None}, HOLD, Reason.NO_POLICY, None),
    ("target", "a pod in a crash loop", {"crashing": ("orders-1",)}, HOLD, Reason.TARGET_UNHEALTHY, None),
    ("target", "one of three ready", broken(status={"readyReplicas": 1}), HOLD, Reason.TARGET_UNHEALTHY, None),
    ("target", "two of three ready", broken(status={"readyReplicas": 2}), PASS, Reason.TARGET_HEALTHY, None),
    (
        "target",
        "scaled to nothing, though no health is asked for",
        {"consent": g.consent(limits={"minHealthyPercent": 0})}
        | broken(spec={"replicas": 0}, status={"readyReplicas": 0}),
        HOLD,
        Reason.TARGET_UNHEALTHY,
        None,
    ),
    ("target", "rolling out", broken(status={"updatedReplicas": 2}), HOLD, Reason.ROLLOUT_IN_PROGRESS, None),
    ("target", "paused", broken(spec={"paused": True}), HOLD, Reason.ROLLOUT_IN_PROGRESS, None),
    (
        "target",
        "a pod restarted five minutes ago",
        {"disturbed_at": g.NOW - HOUR / 12},
        HOLD,
        Reason.RECENTLY_CHANGED,
        g.NOW + HOUR / 6,
    ),
    ("target", "its pods are not found", {"disturbed_at": None}, HOLD, Reason.TARGET_UNHEALTHY, None),
    (CHANGE, "tried", {}, PASS, Reason.CHANGE_POSSIBLE, None),
    (CHANGE, "not read", {"change": None}, HOLD, Reason.CLUSTER_UNREADABLE, None),
    (CHANGE, "no right to read", {"change": Impossible(Reason.NOT_PERMITTED, "no")}, HOLD, Reason.NOT_PERMITTED, None),
    (CHANGE, "at its maximum", {"change": Impossible(Reason.AT_MAXIMUM, "100")}, DENY, Reason.AT_MAXIMUM, None),
    (CHANGE, "not tried yet", {"dry_run": None}, HOLD, Reason.NOT_TRIED_YET, None),
    (CHANGE, "refused by the server", {"dry_run": "quota"}, HOLD, Reason.DRY_RUN_REFUSED, None),
    (
        CHANGE,
        "no right to write",
        {"dry_run": "forbidden", "dry_run_reason": Reason.NOT_PERMITTED},
        HOLD,
        Reason.NOT_PERMITTED,
        None,
    ),
    ("reverts", "taken back once", spent(DAY, target_uid=g.UID, reverted=True), PASS, Reason.NOT_REVERTED, None),
    (
        "reverts",
        "taken back twice",
        spent(DAY, 2 * DAY, target_uid=g.UID, reverted=True),
        DENY,
        Reason.EXTERNALLY_REVERTED,
        None,
    ),
    *surrounding_rows.ROWS,
    *feasibility_rows.ROWS,
]


@pytest.mark.parametrize(
    ("gate", "case", "changes", "verdict", "reason", "opens"), ROWS, ids=[f"{row[0]}: {row[1]}" for row in ROWS]
)
def test_what_a_gate_says(
    gate: str, case: str, changes: dict[str, Any], verdict: GateVerdict, reason: Reason, opens: datetime | None
) -> None:
    answer = dict(GATES)[gate](g.facts(**changes))
    assert (answer.verdict, answer.reason) == (verdict, reason), f"{case}: {answer.message}"
    assert answer.next_open == opens
    assert answer.message


@pytest.mark.parametrize(("name", "gate"), GATES, ids=NAMES)
def test_every_answer_a_gate_can_give_has_a_row(name: str, gate: chain.Gate) -> None:
    written = set(re.findall(r"(passes|holds|denies)\(\s*Reason\.([A-Z_]+)", inspect.getsource(gate)))
    verdicts = {"passes": PASS, "holds": HOLD, "denies": DENY}
    given = {(row[3], row[4].name) for row in ROWS if row[0] == name}
    assert {(verdicts[verb], reason) for verb, reason in written} <= given


def test_every_gate_is_in_the_chain_once() -> None:
    written = {
        value
        for found in pkgutil.iter_modules(room.__path__)
        for name, value in vars(importlib.import_module(f"{room.__name__}.{found.name}")).items()
        if inspect.isfunction(value) and inspect.signature(value).return_annotation is Answer
        if list(inspect.signature(value).parameters) == ["facts"] and not name.startswith("_")
    }
    assert {gate for _, gate in GATES} == written
    assert len(set(NAMES)) == len(GATES) == len(written)


# ------------------------------------------------------------------ adding up


def refused(*names: str) -> dict[str, Any]:
    """Facts on which these gates deny."""
    ways: dict[str, dict[str, Any]] = {
        "alert": {"alert": INACTIVE},
        MODE: {"intervention": g.intervention(spec=DENIED)},
        "target": {"workload": None},
        CHANGE: {"change": Impossible(Reason.AT_MAXIMUM, "at its maximum")},
    }
    return {key: value for name in names for key, value in ways[name].items()}


SUSPENDED = {"pattern": g.pattern(suspend=True)}
ASKS = {"consent": g.consent(mode="Approve")}
WATCHES = {"consent": g.consent(mode="Observe")}


@g.table(
    ("why", "changes", "outcome", "reason"),
    [
        ("all pass", {}, Outcome.ADMIT, "ADMITTED"),
        ("one holds", SUSPENDED, Outcome.WAIT, "SUSPENDED"),
        (
            "what was only not tried is not told where another holds",
            {"near": None, "dry_run": "quota"},
            Outcome.WAIT,
            "DRY_RUN_REFUSED",
        ),
        ("two hold, the first is told", SUSPENDED | {"dry_run": None}, Outcome.WAIT, "SUSPENDED"),
        ("one denies", refused("target"), Outcome.REFUSE, "TARGET_MISSING"),
        ("a denial beats an earlier hold", SUSPENDED | refused(CHANGE), Outcome.REFUSE, "AT_MAXIMUM"),
        ("of two denials the first is told", refused("alert", "target"), Outcome.REFUSE, "ALERT_RESOLVED"),
        ("a person has to say so", ASKS, Outcome.ASK, "APPROVAL_REQUIRED"),
        ("a hold comes before asking a person", ASKS | SUSPENDED, Outcome.WAIT, "SUSPENDED"),
        ("a denial comes before asking a person", ASKS | refused("target"), Outcome.REFUSE, "TARGET_MISSING"),
        ("a person denied", ASKS | refused(MODE), Outcome.REFUSE, "APPROVAL_DENIED"),
        ("a person approved", ASKS | {"intervention": g.intervention(spec=APPROVED)}, Outcome.ADMIT, "ADMITTED"),
        ("watching, all else passes", WATCHES, Outcome.SHADOW, "WOULD_ACT"),
        ("watching, something holds", WATCHES | SUSPENDED, Outcome.SHADOW, "SUSPENDED"),
        ("watching, nothing is known yet", WATCHES | {"fresh": False}, Outcome.WAIT, "STALE_DATA"),
        (
            "watching, a figure is not known",
            WATCHES | feasibility_rows.naming(feasibility_rows.RISING) | feasibility_rows.used("no answer"),
            Outcome.WAIT,
            "FACT_UNKNOWN",
        ),
        (
            "watching, a companion is silent just now",
            WATCHES | {"assessment": g.assessment(positive=None, reason=Reason.COMPANION_MISSING)},
            Outcome.WAIT,
            "COMPANION_MISSING",
        ),
        ("watching, something denies", WATCHES | refused("target"), Outcome.REFUSE, "TARGET_MISSING"),
        (
            "watching, though a person approved",
            WATCHES | {"intervention": g.intervention(spec=APPROVED)},
            Outcome.SHADOW,
            "WOULD_ACT",
        ),
        ("lowered to watching by annotation", {"overrides": Overrides(mode=Mode.OBSERVE)}, Outcome.SHADOW, "WOULD_ACT"),
        ("an annotation does not raise the mode", WATCHES | {"overrides": Overrides()}, Outcome.SHADOW, "WOULD_ACT"),
    ],
)
def test_what_the_answers_add_up_to(why: str, changes: dict[str, Any], outcome: Outcome, reason: str) -> None:
    decided = decide(g.facts(**changes))
    assert (decided.outcome, decided.reason) == (outcome, Reason[reason]), why
    assert decided.message


def answering(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Answer]) -> Decision:
    """A decision whose gates say these things."""
    table = tuple((name, lambda _facts, answer=answer: answer) for name, answer in answers.items())
    monkeypatch.setattr(chain, "GATES", table)
    return decide(g.facts())


SAYS = {PASS: passes(Reason.ADMITTED), HOLD: holds(Reason.SUSPENDED), DENY: denies(Reason.EXPIRED)}


@pytest.mark.parametrize("verdicts", list(product(GateVerdict, repeat=3)), ids=str)
def test_deny_is_stronger_than_hold_and_hold_than_ask_and_ask_than_admit(
    verdicts: tuple[GateVerdict, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, mode, last = verdicts
    decided = answering(monkeypatch, {"first": SAYS[first], MODE: SAYS[mode], "last": SAYS[last]})
    if DENY in verdicts:
        wanted = Outcome.REFUSE
    elif HOLD in (first, last):
        wanted = Outcome.WAIT
    else:
        wanted = Outcome.ASK if mode is HOLD else Outcome.ADMIT
    assert decided.outcome is wanted
    assert [result.verdict for result in decided.gates] == list(verdicts)


@g.table(
    ("why", "changes"),
    [
        ("when all pass", {}),
        ("when the first denies", {"pattern": None}),
        (
            "when all but the mode deny or hold",
            {"pattern": None, "workload": None, "consent": None, "assessment": None},
        ),
    ],
)
def test_every_gate_is_asked_and_its_answer_kept_in_order(why: str, changes: dict[str, Any]) -> None:
    facts = g.facts(**changes)
    decided = decide(facts)
    assert [result.name for result in decided.gates] == NAMES, why
    for (_, gate), result in zip(GATES, decided.gates, strict=True):
        said = gate(facts)
        assert (result.verdict, result.reason, result.message, result.next_open) == (
            said.verdict,
            said.reason,
            said.message,
            said.next_open,
        )


NOTHING_KNOWN = Facts(
    now=g.NOW,
    intervention=g.intervention(),
    pattern=g.pattern(),
    consent=None,
    overrides=Overrides(),
    alert=None,
    assessment=None,
    fresh=False,
    history=History(),
    workload=None,
    disturbed_at=None,
    crashing=(),
    change=None,
    dry_run=None,
)


def test_where_nothing_is_known_nothing_is_admitted() -> None:
    assert decide(NOTHING_KNOWN).outcome is Outcome.REFUSE


@pytest.mark.parametrize(
    "unknown", ["pattern", "consent", "alert", "assessment", "workload", "change", "dry_run", "vitals", "storm", "near"]
)
def test_each_single_unknown_keeps_from_acting(unknown: str) -> None:
    assert decide(g.facts(**{unknown: None})).outcome is not Outcome.ADMIT


@g.table(
    ("why", "changes", "opens"),
    [
        ("the window alone", windowed(LATER), g.NOW + 6 * HOUR),
        (
            "the later of two that know it",
            windowed(LATER) | {"overrides": Overrides(paused_until=g.NOW + HOUR)},
            g.NOW + 6 * HOUR,
        ),
        ("what nobody knows", SUSPENDED, None),
    ],
)
def test_when_a_waiting_decision_opens(why: str, changes: dict[str, Any], opens: datetime | None) -> None:
    assert decide(g.facts(**changes)).next_open == opens, why


@g.table(
    ("why", "changes", "worth_it"),
    [
        ("only the dry run is missing", {"dry_run": None}, True),
        ("the dry run and a person's word", {"dry_run": None} | ASKS, True),
        ("the dry run, while only watching", {"dry_run": None} | WATCHES, True),
        ("the window is closed too", {"dry_run": None} | windowed(LATER), False),
        ("the change is impossible", refused(CHANGE), False),
        ("the dry run was refused", {"dry_run": "quota"}, False),
    ],
)
def test_when_a_dry_run_is_worth_its_cost(why: str, changes: dict[str, Any], worth_it: bool) -> None:
    assert only_untried(decide(g.facts(**changes))) is worth_it, why


def recorded_as(value: str) -> dict[str, Any]:
    """The change that is to be made was recorded with this value."""
    return {"intervention": g.intervention(Phase.APPLYING, change=g.change().model_copy(update={"to": value}))}


@g.table(
    ("why", "changes", "reason"),
    [
        ("nothing forbids it", {}, None),
        ("the policy was suspended since", {"consent": g.consent(suspend=True)}, "SUSPENDED"),
        ("the workload was annotated since", {"overrides": Overrides(disabled_by="x")}, "DISABLED_BY_ANNOTATION"),
        ("the window closed since", windowed(LATER), "WINDOW_CLOSED"),
        ("a freeze began since", {"consent": g.consent(freezes=[FREEZE])}, "FROZEN"),
        ("the policies are gone", {"consent": None}, "NO_POLICY"),
        ("a policy cannot be read since", {"trouble": ("AutomationPolicy x cannot be read",)}, "POLICY_INVALID"),
        ("the action was disabled since", {"consent": g.consent(actions=[])}, "ACTION_NOT_ENABLED"),
        ("the value is still within the bounds", recorded_as("24"), None),
        ("the bounds were narrowed since", recorded_as("500"), "OUT_OF_BOUNDS"),
        ("what only matters to the decision is not asked again", {"alert": INACTIVE, "fresh": False}, None),
    ],
)
def test_what_forbids_the_next_write_of_a_decided_change(why: str, changes: dict[str, Any], reason: str | None) -> None:
    told = stopped(g.facts(**changes))
    assert (told[0] if told else None) is (Reason[reason] if reason else None), why


@g.table(
    ("why", "changes", "is_it"),
    [
        ("asked, and the dry run missing", ASKS | {"dry_run": None}, True),
        ("asked, and tried", ASKS, True),
        ("asked, and the window closed", windowed(LATER, mode="Approve"), False),
        ("not asked", {"dry_run": None}, False),
        ("approved", ASKS | {"intervention": g.intervention(spec=APPROVED)}, False),
    ],
)
def test_when_only_a_persons_word_is_missing(why: str, changes: dict[str, Any], is_it: bool) -> None:
    assert awaits_only_a_person(decide(g.facts(**changes))) is is_it, why


@pytest.mark.parametrize(("dry_run", "known"), [("", True), (None, False), ("quota", False)])
def test_the_record_says_whether_the_dry_run_passed(dry_run: str | None, known: bool) -> None:
    assert change_known_possible(decide(g.facts(dry_run=dry_run)).gates) is known
    assert not change_known_possible(())


RESULT = GateResult(name="window", verdict=HOLD, reason="WindowClosed", message="m", next_open=g.NOW)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"message": "other words"}, True),
        ({"verdict": DENY}, False),
        ({"reason": "Frozen"}, False),
        ({"name": "budget"}, False),
        ({"next_open": g.NOW + HOUR}, False),
    ],
    ids=str,
)
def test_two_answers_are_the_same_if_they_differ_in_words_only(changes: dict[str, Any], same: bool) -> None:
    assert same_answers((RESULT,), (RESULT.model_copy(update=changes),)) is same


def test_a_gate_more_or_less_is_another_answer() -> None:
    assert not same_answers((RESULT,), (RESULT, RESULT))


def test_a_long_answer_still_fits_into_the_record() -> None:
    long = tuple(f"Namespace {number}: {'x' * 300}" for number in range(9))
    consent = replace(g.consent(), problems=long)
    for changes in (
        {"overrides": Overrides(unreadable=long)},
        {"consent": consent},
        {"crashing": long},
        {"dry_run": "x" * 5000},
    ):
        for result in decide(g.facts(**changes)).gates:
            assert GateResult.model_validate(result.wire()) == result
