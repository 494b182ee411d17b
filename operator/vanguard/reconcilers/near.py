"""What is near a target and costs reads of its own: gathered once everything cheaper lets the change pass."""

import logging
from collections.abc import Sequence

from vanguard.api.base import WorkloadKind
from vanguard.api.intervention import Change
from vanguard.domain.decision.facts import Facts, Near
from vanguard.domain.disruption import Budget, budgets_of, rollout_of
from vanguard.domain.headroom import Room, Surge, fitting, lacking, needs, rooms
from vanguard.domain.promql import firing
from vanguard.domain.workload import Workload
from vanguard.errors import Forbidden, MetricsError
from vanguard.ports import Raw
from vanguard.reconcilers.context import Context

_log = logging.getLogger(__name__)


async def near(ctx: Context, facts: Facts, pods: Sequence[Raw]) -> Near:
    """Budgets, quotas and nodes where the change rolls pods out; alerts where a policy asks about them.

    Raises:
        ClusterError: when the API server gives no answer; nothing is decided then.
    """
    alerts = await _alerts(ctx, facts)
    workload = facts.workload
    if workload is None or not isinstance(facts.change, Change) or not facts.change.rollout:
        return Near(alerts=alerts)
    rollout = rollout_of(workload)
    budgets = await _budgets(ctx, workload, pods) if rollout.missing else ()
    if not rollout.surge:
        return Near(budgets=budgets, alerts=alerts)
    try:
        surge = _surge(workload, pods, rollout.surge)
        quotas = await ctx.cluster.list("ResourceQuota", workload.key.namespace)
        return Near(budgets, lacking(quotas, surge), fitting(await _rooms(ctx), surge), alerts)
    except (Forbidden, ValueError) as error:
        _log.warning("room for the rollout of %s is not known: %s", workload.key, error)
        return Near(budgets=budgets, alerts=alerts)


def _surge(workload: Workload, pods: Sequence[Raw], count: int) -> Surge:
    template = workload.raw["spec"]["template"]
    return Surge(
        pods=count,
        requests=needs(template, pods),
        limits=needs(template, pods, "limits"),
        template=template,
        new_replica_set=workload.key.kind is WorkloadKind.DEPLOYMENT,
    )


async def _budgets(ctx: Context, workload: Workload, pods: Sequence[Raw]) -> tuple[Budget, ...] | None:
    template = workload.raw["spec"]["template"].get("metadata", {}).get("labels", {})
    try:
        raws = await ctx.cluster.list("PodDisruptionBudget", workload.key.namespace)
    except Forbidden as error:
        _log.warning("PodDisruptionBudgets around %s are not known: %s", workload.key, error)
        return None
    return budgets_of(raws, [template, *(pod["metadata"].get("labels", {}) for pod in pods)])


async def _rooms(ctx: Context) -> tuple[Room, ...]:
    """The nodes and what is free on them; read once per detection cycle, for it reads every pod there is."""
    kept = ctx.kept
    if kept.rooms is None:
        kept.rooms = rooms(await ctx.cluster.list("Node"), await ctx.cluster.list("Pod"))
    return kept.rooms


async def _alerts(ctx: Context, facts: Facts) -> tuple[str, ...] | None:
    """Names of the alerts that fire; asked once per detection cycle, but an answer that failed is asked for again."""
    names: set[str] = set()
    for matcher in facts.consent.alert_matchers if facts.consent else ():
        query = firing(facts.intervention.metadata.namespace, matcher)
        if query not in ctx.kept.alerts:
            try:
                answer = await ctx.metrics.instant(query)
            except MetricsError as error:
                _log.warning("alerts are not known: %s", error)
                return None
            ctx.kept.alerts[query] = tuple(sorted({labels.get("alertname", "unnamed") for labels, _ in answer}))
        names.update(ctx.kept.alerts[query])
    return tuple(sorted(names))
