"""Gates about what was asked: is it still so, is it consented to, and who may do it?"""

from vanguard.api.base import ActionType, Mode, format_time
from vanguard.api.intervention import Approval, ApprovalVerdict
from vanguard.api.policy import Rollback
from vanguard.api.reasons import Reason
from vanguard.domain.alert import AlertState
from vanguard.domain.decision.facts import Answer, Facts, denies, holds, passes
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
    if facts.assessment is not None and facts.assessment.positive is False:
        return holds(facts.assessment.reason, facts.assessment.doubt)
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
    if approval is not None:
        return _approved(facts, approval)
    if facts.mode is Mode.APPROVE:
        meta = facts.intervention.metadata
        how = f"vanguard approve {meta.name} -n {meta.namespace} --reason ..."
        return holds(Reason.APPROVAL_REQUIRED, f"{Reason.APPROVAL_REQUIRED.sentence} To do so: {how}")
    return passes(Reason.AUTOMATIC)


def _approved(facts: Facts, approval: Approval) -> Answer:
    """An approval counts for this Intervention only, until it expires, and from somebody else where a policy says so.

    The server checks the name and the uid when it is given; only here is there a clock.
    """
    uid = facts.intervention.metadata.uid
    if approval.intervention != uid or approval.expires_at is None:
        return denies(Reason.APPROVAL_INVALID, f"it is for {approval.intervention}, this Intervention is {uid}")
    if approval.expires_at <= facts.now:
        return denies(
            Reason.APPROVAL_EXPIRED, f"{approval.by}'s approval expired at {format_time(approval.expires_at)}"
        )
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    longest = facts.consent.approval_max_age
    if approval.expires_at - facts.now > longest.value:
        told = f"expiresAt is {format_time(approval.expires_at)}; policy {longest.policy} allows {{}} ahead"
        return denies(Reason.APPROVAL_INVALID, told.format(format_duration(longest.value)))
    if approval.by in facts.consent.not_approvers:
        policy = facts.consent.not_approvers[approval.by]
        return denies(Reason.APPROVER_IS_AUTHOR, f"{approval.by} wrote policy {policy}; somebody else has to approve")
    return passes(Reason.APPROVED, f"approved by {approval.by}")


def action_enabled(facts: Facts) -> Answer:
    """Does a policy of the team allow this action on this workload at all?"""
    action = facts.intervention.spec.action.type
    if action is ActionType.DEPLOY_CODE:
        return denies(Reason.NOT_AUTOMATED)
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
