"""One AutomationPolicy: can it be obeyed? Its conditions say so."""

import logging

from pydantic import ValidationError

from vanguard.api.kinds import AutomationPolicy
from vanguard.api.policy import AutomationPolicyStatus
from vanguard.api.reasons import Reason
from vanguard.domain import conditions, consent
from vanguard.errors import Conflict, NotFound
from vanguard.ports import Raw
from vanguard.reconcilers import reading
from vanguard.reconcilers.context import Context

_log = logging.getLogger(__name__)


async def reconcile(ctx: Context, namespace: str, name: str) -> None:
    """Say in a policy's status whether it can be obeyed; write only what changed."""
    raw = await reading.optional(ctx.cluster, "AutomationPolicy", namespace, name)
    if raw is None:
        return
    now = ctx.clock.now()
    old = AutomationPolicyStatus.model_validate(raw.get("status", {}))
    generation = raw["metadata"]["generation"]
    ready = conditions.condition(conditions.READY, *_understood(raw), now, generation)
    status = AutomationPolicyStatus(
        observed_generation=generation, conditions=conditions.merged(old.conditions, [ready])
    )
    if status.wire() == old.wire():
        return
    try:
        await ctx.cluster.replace_status("AutomationPolicy", {**raw, "status": status.wire()})
    except (Conflict, NotFound):
        _log.debug("AutomationPolicy %s/%s moved on; its next event looks again", namespace, name)


def _understood(raw: Raw) -> tuple[bool, Reason, str]:
    """Whether the policy can be obeyed. While one cannot even be read, nothing starts in its namespace."""
    try:
        return _readiness(AutomationPolicy.read(raw))
    except ValidationError as error:
        return False, Reason.SPEC_INVALID, reading.told(error)


def _readiness(policy: AutomationPolicy) -> tuple[bool, Reason, str]:
    problems = consent.problems_of(policy)
    if problems:
        return False, Reason.WINDOW_NEVER_OPENS, "; ".join(problems)
    empty = [entry.name for entry in policy.spec.workloads if not entry.selector.match_labels]
    if empty:
        return (
            False,
            Reason.SELECTS_NOTHING,
            f"workloads[{', '.join(empty)}].selector is empty; it selects nothing",
        )
    return True, Reason.READY, Reason.READY.sentence
