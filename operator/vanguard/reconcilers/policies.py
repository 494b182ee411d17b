"""AutomationPolicies: can each be obeyed, and how does its circuit breaker stand? Their status says so."""

import logging
from collections.abc import Sequence

from pydantic import ValidationError

from vanguard.api.base import Condition, Notification
from vanguard.api.kinds import AutomationPolicy, IssuePattern
from vanguard.api.policy import AutomationPolicyStatus, BreakerState, BreakerStatus
from vanguard.api.reasons import Reason
from vanguard.domain import conditions, consent
from vanguard.domain.breaker import breaker_of
from vanguard.domain.history import History, history_of
from vanguard.domain.standing import Around, readiness, selectivity
from vanguard.errors import Conflict, NotFound
from vanguard.ports import Raw
from vanguard.reconcilers import cluster_breaker, events, reading
from vanguard.reconcilers.announce import announce
from vanguard.reconcilers.context import Context

_log = logging.getLogger(__name__)


async def reconcile(ctx: Context, namespace: str, name: str) -> None:
    """Say in one policy's status what it comes to."""
    raw = await reading.optional(ctx.cluster, "AutomationPolicy", namespace, name)
    if raw is not None:
        patterns = await reading.patterns(ctx.cluster)
        await _publish(ctx, raw, await _history(ctx), await _around(ctx, namespace, patterns))


async def refresh(ctx: Context) -> None:
    """The same for all policies: breakers move when interventions end, selections when workloads come and go."""
    raws, history = await ctx.cluster.list("AutomationPolicy"), await _history(ctx)
    patterns = await reading.patterns(ctx.cluster)
    found: dict[str, Around] = {}
    for raw in raws:
        namespace = raw["metadata"]["namespace"]
        if namespace not in found:
            found[namespace] = await _around(ctx, namespace, patterns)
        await _publish(ctx, raw, history, found[namespace])
    known = list(reading.readable(AutomationPolicy, raws))
    _measure(ctx, known, history)
    ceilings = [policy for policy in known if policy.metadata.namespace == ctx.settings.namespace]
    await cluster_breaker.tell(ctx, ceilings, history)


async def _around(ctx: Context, namespace: str, patterns: Sequence[IssuePattern]) -> Around:
    """What a namespace's policies are held against; one of them that cannot be read tells so itself."""
    policies, _ = await reading.policies(ctx.cluster, namespace)
    return Around(policies, await reading.workloads(ctx.cluster, namespace), patterns)


async def _history(ctx: Context) -> History:
    return history_of(await reading.every_intervention(ctx.cluster))


async def _publish(ctx: Context, raw: Raw, history: History, around: Around) -> None:
    """Write only what changed; an Event when the breaker's state did."""
    meta = raw["metadata"]
    old = AutomationPolicyStatus.model_validate(raw.get("status", {}))
    ceiling = meta["namespace"] == ctx.settings.namespace
    status = AutomationPolicyStatus(
        observed_generation=meta["generation"],
        conditions=conditions.merged(old.conditions, _conditions(ctx, raw, around, ceiling=ceiling)),
        breaker=_breaker(ctx, raw, history, ceiling=ceiling) or old.breaker,
    )
    if status.wire() == old.wire():
        return
    try:
        await ctx.cluster.replace_status("AutomationPolicy", {**raw, "status": status.wire()})
    except (Conflict, NotFound):
        _log.debug("AutomationPolicy %s/%s moved on; its next look tells it", meta["namespace"], meta["name"])
        return
    await _tell(ctx, raw, old.breaker, status.breaker)


def _breaker(ctx: Context, raw: Raw, history: History, *, ceiling: bool) -> BreakerStatus | None:
    """How the policy's breaker stands; None for a policy that cannot be read."""
    try:
        rule = consent.breaker_rule(AutomationPolicy.read(raw), cluster_wide=ceiling)
    except ValidationError:
        return None
    found = breaker_of(rule, history.started, ctx.clock.now())
    return BreakerStatus(state=found.state, failures=found.failures, opened_at=found.opened_at, retry_at=found.retry_at)


async def _tell(ctx: Context, raw: Raw, old: BreakerStatus | None, new: BreakerStatus | None) -> None:
    if new is None or new.state is (old.state if old else BreakerState.CLOSED):
        return
    reason, text = cluster_breaker.NEWS[new.state]
    meta = raw["metadata"]
    message = text.format(failures=new.failures)
    _log.warning("circuit breaker of AutomationPolicy %s/%s: %s", meta["namespace"], meta["name"], message)
    key, whose = f"breaker/{meta['namespace']}/{meta['name']}", f"circuit breaker of {meta['namespace']}/{meta['name']}"
    if old is not None:
        # Also told by a process that has not told of its opening.
        ctx.outbox.announced.setdefault(key, f"{whose}: {old.state}")
    await announce(
        ctx,
        key,
        Notification.ALERT if new.state is BreakerState.OPEN else Notification.INFO,
        f"{whose}: {new.state}",
        f"{message}\nLook: kubectl get interventions -A; kubectl describe ap {meta['name']} -n {meta['namespace']}",
        reason=reason,
        over=new.state is BreakerState.CLOSED,
    )
    await events.tell(
        ctx,
        kind="AutomationPolicy",
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        reason=reason,
        message=message,
        warning=new.state is BreakerState.OPEN,
        once=f"{new.state}/{new.opened_at}/{new.failures}",
    )


def _measure(ctx: Context, policies: Sequence[AutomationPolicy], history: History) -> None:
    """The gauge: 1 while any breaker holds everything it guards."""
    rules = consent.breaker_rules(policies, lambda policy: policy.metadata.namespace == ctx.settings.namespace)
    states = {breaker_of(rule, history.started, ctx.clock.now()).state for rule in rules}
    ctx.telemetry.breaker.set(int(BreakerState.OPEN in states))


def _conditions(ctx: Context, raw: Raw, around: Around, *, ceiling: bool) -> list[Condition]:
    """Whether the policy can be obeyed. While one cannot even be read, nothing starts in its namespace."""
    now, generation = ctx.clock.now(), raw["metadata"]["generation"]
    try:
        policy = AutomationPolicy.read(raw)
    except ValidationError as error:
        unread = (False, Reason.SPEC_INVALID, reading.told(error))
        return [conditions.condition(conditions.READY, *unread, now, generation)]
    ready = conditions.condition(conditions.READY, *readiness(policy, around, ceiling=ceiling), now, generation)
    if ceiling:
        return [ready]
    selective = selectivity(policy, around.workloads)
    return [ready, conditions.condition(conditions.SELECTIVE, *selective, now, generation)]
