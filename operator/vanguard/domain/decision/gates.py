"""The gates: each a small pure question about the facts. Adding one is a function here and a row in the chain."""

from datetime import datetime, timedelta

from vanguard.api.base import Mode, format_time
from vanguard.api.intervention import ApprovalVerdict, Change
from vanguard.api.policy import Rollback
from vanguard.api.reasons import Reason
from vanguard.domain import windows
from vanguard.domain.alert import AlertState
from vanguard.domain.change import Impossible
from vanguard.domain.decision.facts import Answer, Facts, denies, holds, passes
from vanguard.domain.history import DAY, WEEK, Started, touched_objects
from vanguard.durations import format_duration


def alert(facts: Facts) -> Answer:
    """Is what asked for this still so?"""
    cause = facts.intervention.spec.cause
    if facts.pattern is None or facts.pattern.metadata.generation != facts.intervention.spec.pattern.generation:
        return denies(Reason.PATTERN_CHANGED)
    if facts.alert is None:
        return holds(Reason.NOT_EVALUATED_YET)
    if facts.alert.state is not AlertState.FIRING or facts.alert.active_at != cause.active_at:
        return denies(Reason.ALERT_RESOLVED)
    return passes(Reason.ALERT_FIRING, f"firing since {format_time(cause.active_at)}")


def suspended(facts: Facts) -> Answer:
    """Has anyone suspended the pattern or the policy?"""
    if facts.pattern is not None and facts.pattern.spec.suspend:
        return holds(Reason.SUSPENDED, f"IssuePattern {facts.pattern.metadata.name} has spec.suspend true")
    if facts.consent is not None and facts.consent.suspended_by:
        return holds(Reason.SUSPENDED, f"AutomationPolicy {facts.consent.suspended_by} has spec.suspend true")
    return passes(Reason.NOT_SUSPENDED)


def mode(facts: Facts) -> Answer:
    """May the operator do this alone, or has a person to say so?"""
    approval = facts.intervention.spec.approval
    if approval is not None and approval.verdict is ApprovalVerdict.DENIED:
        return denies(Reason.APPROVAL_DENIED, f"{approval.by} denied it: {approval.reason or 'no reason given'}")
    if facts.mode is Mode.OBSERVE:
        return holds(Reason.OBSERVE_ONLY)
    if facts.mode is Mode.APPROVE and approval is None:
        how = "set spec.approval with by (your user name), verdict Approved or Denied, and reason"
        return holds(Reason.APPROVAL_REQUIRED, f"{Reason.APPROVAL_REQUIRED.sentence} To do so, {how}.")
    if approval is not None:
        return passes(Reason.APPROVED, f"approved by {approval.by}")
    return passes(Reason.AUTOMATIC)


def action_enabled(facts: Facts) -> Answer:
    """Does a policy of the team allow this action on this workload at all?"""
    action = facts.intervention.spec.action.type
    if facts.trouble:
        return holds(Reason.POLICY_INVALID, "; ".join(facts.trouble))
    if facts.consent is None:
        return denies(Reason.NO_POLICY)
    if facts.consent.problems:
        return holds(Reason.POLICY_INVALID, "; ".join(facts.consent.problems)[:1000])
    if not facts.consent.enabled:
        return denies(Reason.ACTION_NOT_ENABLED, f"policies {_names(facts)} do not enable {action}")
    unsafe = facts.pattern is not None and not facts.pattern.spec.rollback_safe
    if unsafe and facts.consent.rollback is Rollback.MANDATORY:
        return denies(Reason.ROLLBACK_UNSAFE)
    return passes(Reason.ACTION_ENABLED, f"{action} is enabled by {_names(facts)}")


def _names(facts: Facts) -> str:
    return ", ".join(facts.consent.policies) if facts.consent else "none"


def override(facts: Facts) -> Answer:
    """Has a person annotated the workload or its namespace to hold?"""
    asked = facts.overrides
    if asked.unreadable:
        return holds(Reason.OVERRIDE_UNREADABLE, "; ".join(asked.unreadable)[:1000])
    if asked.disabled_by:
        return holds(Reason.DISABLED_BY_ANNOTATION, f"{asked.disabled_by} is annotated to disable automation")
    if asked.paused_until is not None and facts.now < asked.paused_until:
        until = asked.paused_until
        return holds(Reason.PAUSED_BY_ANNOTATION, f"paused until {format_time(until)}", until)
    return passes(Reason.NO_OVERRIDE)


def confidence(facts: Facts) -> Answer:
    """Is the forecast as certain as the policy asks?"""
    if facts.assessment is None or facts.consent is None:
        return holds(Reason.NOT_EVALUATED_YET)
    have, need = facts.assessment.confidence_percent, facts.consent.min_confidence_percent
    if have < need:
        return holds(Reason.CONFIDENCE_TOO_LOW, f"{have} % is below the policy's minConfidencePercent of {need}")
    return passes(Reason.CONFIDENCE_SUFFICIENT, f"{have} % meets the policy's {need} %")


def data_quality(facts: Facts) -> Answer:
    """Are the samples behind the forecast fresh and whole?"""
    if facts.assessment is None or not facts.fresh:
        return holds(Reason.STALE_DATA, "the last evaluation of the signal is too old")
    if facts.assessment.positive is None:
        return holds(facts.assessment.reason)
    return passes(Reason.DATA_GOOD)


def window(facts: Facts) -> Answer:
    """Is this an allowed time?"""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    freeze = windows.running_freeze(facts.consent.freezes, facts.now)
    if freeze is not None:
        why = f"freeze {freeze.name} ends {format_time(freeze.until)}: {freeze.reason or 'no reason given'}"
        return holds(Reason.FROZEN, why, freeze.until)
    if facts.consent.problems:
        return holds(Reason.POLICY_INVALID)
    if not facts.consent.window_sets:
        return passes(Reason.WINDOW_NOT_REQUIRED)
    if not all(facts.consent.window_sets):
        return holds(Reason.NO_WINDOW)
    closed = [choice for choice in facts.consent.window_sets if not any(windows.is_open(w, facts.now) for w in choice)]
    if not closed:
        return passes(Reason.WINDOW_OPEN)
    openings = [windows.next_start(choice, facts.now) for choice in closed]
    opening = max((start for start in openings if start is not None), default=None)
    text = format_time(opening) if opening else "never"
    return holds(Reason.WINDOW_CLOSED, f"next opening {text}", opening)


def budget(facts: Facts) -> Answer:
    """Are actions of this day, this week and this target left?"""
    consent, spec, now = facts.consent, facts.intervention.spec, facts.now
    if consent is None:
        return holds(Reason.NO_POLICY)
    checks = (
        (
            Reason.DAILY_BUDGET_SPENT,
            DAY,
            consent.max_per_day,
            facts.history.within(DAY, now, action=spec.action.type),
        ),
        (
            Reason.WEEKLY_BUDGET_SPENT,
            WEEK,
            consent.max_per_week,
            facts.history.within(WEEK, now, action=spec.action.type),
        ),
        (
            Reason.TARGET_BUDGET_SPENT,
            DAY,
            consent.max_per_target_per_day,
            facts.history.within(DAY, now, target_uid=spec.target.uid),
        ),
    )
    for reason, span, allowed, used in checks:
        if len(used) >= allowed:
            text = f"{len(used)} of {allowed} started within {format_duration(span)}"
            return holds(reason, text, _freed(used, allowed, span))
    return passes(Reason.BUDGET_AVAILABLE)


def _freed(used: tuple[Started, ...], allowed: int, span: timedelta) -> datetime | None:
    """When enough of the used (newest first) have aged for one more; never where none is allowed."""
    return used[allowed - 1].started_at + span if allowed else None


def cooldown(facts: Facts) -> Answer:
    """Was the target left in peace long enough since the last action?"""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    last = facts.history.last_on(facts.intervention.spec.target.uid)
    over = last + facts.consent.cooldown if last else None
    if over is not None and facts.now < over:
        return holds(Reason.COOLING_DOWN, f"until {format_time(over)}", over)
    return passes(Reason.COOLDOWN_OVER)


def concurrency(facts: Facts) -> Answer:
    """Is nothing else in flight on the target, and a slot free in the namespace?"""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    same, allowed = facts.history.in_flight(facts.intervention.spec.target.uid), facts.consent.max_concurrent
    touched = touched_objects(facts.change) if isinstance(facts.change, Change) else frozenset()
    shared = [entry for entry in facts.history.in_flight() if touched & entry.objects]
    if shared:
        return holds(Reason.ANOTHER_IN_FLIGHT, f"{shared[0].name} is in flight on the same object")
    if same:
        return holds(Reason.ANOTHER_IN_FLIGHT, f"{same[0].name} is in flight on the same target")
    running = facts.history.in_flight()
    if len(running) >= allowed:
        names = ", ".join(sorted(entry.name for entry in running))
        return holds(Reason.ANOTHER_IN_FLIGHT, f"{len(running)} of {allowed} in flight in the namespace: {names}")
    return passes(Reason.SLOT_FREE)


def target(facts: Facts) -> Answer:
    """Is the workload there, the same, healthy, not mid-rollout, and quiet?"""
    workload, consent = facts.workload, facts.consent
    if workload is None:
        return denies(Reason.TARGET_MISSING)
    if workload.key.uid != facts.intervention.spec.target.uid:
        return denies(Reason.TARGET_REPLACED)
    if consent is None:
        return holds(Reason.NO_POLICY)
    if workload.ready and facts.disturbed_at is None:
        return holds(Reason.TARGET_UNHEALTHY, "its selector's matchLabels find no pods, so nothing is known of them")
    if facts.crashing:
        return holds(Reason.TARGET_UNHEALTHY, f"crashing: {', '.join(facts.crashing)}"[:1000])
    if workload.healthy_percent < max(consent.min_healthy_percent, 1):
        return holds(
            Reason.TARGET_UNHEALTHY,
            f"{workload.ready} of {workload.desired} replicas are ready; {consent.min_healthy_percent} % are needed",
        )
    if not workload.rollout_complete:
        return holds(Reason.ROLLOUT_IN_PROGRESS)
    quiet = facts.disturbed_at + consent.quiet_for if facts.disturbed_at else None
    if quiet is not None and facts.now < quiet:
        return holds(Reason.RECENTLY_CHANGED, f"left in peace until {format_time(quiet)}", quiet)
    return passes(Reason.TARGET_HEALTHY)


def change_possible(facts: Facts) -> Answer:
    """Can the change be made and taken back? The server's own dry run has the last word."""
    if facts.change is None:
        return holds(Reason.CLUSTER_UNREADABLE)
    if isinstance(facts.change, Impossible) and facts.change.reason is Reason.NOT_PERMITTED:
        return holds(facts.change.reason, facts.change.message)
    if isinstance(facts.change, Impossible):
        return denies(facts.change.reason, facts.change.message)
    if facts.dry_run is None:
        return holds(Reason.NOT_TRIED_YET)
    if facts.dry_run:
        return holds(facts.dry_run_reason, facts.dry_run[:1000])
    return passes(Reason.CHANGE_POSSIBLE, facts.change.summary)
