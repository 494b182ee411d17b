"""AutomationPolicies: can each be obeyed, and how does its circuit breaker stand? Their status says so."""

import logging
from collections.abc import Sequence

from pydantic import ValidationError

from vanguard.api.base import Notification
from vanguard.api.kinds import AutomationPolicy
from vanguard.api.policy import AutomationPolicyStatus, BreakerState, BreakerStatus
from vanguard.api.reasons import Reason
from vanguard.domain import conditions, consent
from vanguard.domain.breaker import breaker_of
from vanguard.domain.history import History, history_of
from vanguard.domain.workload import Workload
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
        await _publish(ctx, raw, await _history(ctx), await reading.workloads(ctx.cluster, namespace))


async def refresh(ctx: Context) -> None:
    """The same for all policies: breakers move when interventions end, selections when workloads come and go."""
    raws, history = await ctx.cluster.list("AutomationPolicy"), await _history(ctx)
    found: dict[str, list[Workload]] = {}
    for raw in raws:
        namespace = raw["metadata"]["namespace"]
        if namespace not in found:
            found[namespace] = await reading.workloads(ctx.cluster, namespace)
        await _publish(ctx, raw, history, found[namespace])
    known = list(reading.readable(AutomationPolicy, raws))
    _measure(ctx, known, history)
    ceilings = [policy for policy in known if policy.metadata.namespace == ctx.settings.namespace]
    await cluster_breaker.tell(ctx, ceilings, history)


async def _history(ctx: Context) -> History:
    return history_of(await reading.every_intervention(ctx.cluster))


async def _publish(ctx: Context, raw: Raw, history: History, workloads: Sequence[Workload]) -> None:
    """Write only what changed; an Event when the breaker's state did."""
    now, meta = ctx.clock.now(), raw["metadata"]
    old = AutomationPolicyStatus.model_validate(raw.get("status", {}))
    ceiling = meta["namespace"] == ctx.settings.namespace
    ready = conditions.condition(
        conditions.READY, *_understood(raw, () if ceiling else workloads, ceiling=ceiling), now, meta["generation"]
    )
    status = AutomationPolicyStatus(
        observed_generation=meta["generation"],
        conditions=conditions.merged(old.conditions, [ready]),
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


def _understood(raw: Raw, workloads: Sequence[Workload], *, ceiling: bool) -> tuple[bool, Reason, str]:
    """Whether the policy can be obeyed. While one cannot even be read, nothing starts in its namespace."""
    try:
        return _readiness(AutomationPolicy.read(raw), workloads, ceiling=ceiling)
    except ValidationError as error:
        return False, Reason.SPEC_INVALID, reading.told(error)


def _readiness(policy: AutomationPolicy, workloads: Sequence[Workload], *, ceiling: bool) -> tuple[bool, Reason, str]:
    problems = consent.problems_of(policy)
    if problems:
        return False, Reason.WINDOW_NEVER_OPENS, "; ".join(problems)
    if ceiling:
        return True, Reason.READY, "binds every workload of the cluster, whatever it selects"
    empty = [entry.name for entry in policy.spec.workloads if not entry.selector.match_labels]
    if empty:
        return False, Reason.SELECTS_NOTHING, f"workloads[{', '.join(empty)}].selector is empty; it selects nothing"
    idle = [
        entry.name
        for entry in policy.spec.workloads
        if not any(consent.selects(entry, workload.labels) for workload in workloads)
    ]
    if idle:
        said = f"workloads[{', '.join(idle)}].selector matches no Deployment or StatefulSet of the namespace"
        return False, Reason.SELECTS_NOTHING, said
    return True, Reason.READY, Reason.READY.sentence
