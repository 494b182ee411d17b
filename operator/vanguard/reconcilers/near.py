"""What is near a target and costs reads of its own: gathered once everything cheaper lets the change pass."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from vanguard.api.base import WorkloadKind
from vanguard.api.intervention import Change
from vanguard.api.pattern import Fact, Saturation
from vanguard.domain.decision.facts import Facts, Near
from vanguard.domain.decision.feasibility import names_asked
from vanguard.domain.disruption import Budget, budgets_of, replacement_by
from vanguard.domain.headroom import Room, Surge, fitting, lacking, needs, rooms
from vanguard.domain.promql import firing, narrowed
from vanguard.domain.reading import REPLICAS, SURGE, Reading, Samples, most_replicas, reading_of
from vanguard.domain.workload import Workload
from vanguard.errors import Forbidden, MetricsError, NotFound
from vanguard.ports import Raw
from vanguard.reconcilers.context import Context

_log = logging.getLogger(__name__)


async def near(ctx: Context, facts: Facts, pods: Sequence[Raw]) -> Near:
    """Budgets, quotas and nodes where the change rolls pods out; alerts, facts and autoscalers where asked for.

    Raises:
        ClusterError: when the API server gives no answer; nothing is decided then.
    """
    names = names_asked(facts)
    spec = facts.pattern.spec if facts.pattern else None
    return replace(
        await _for_rollout(ctx, facts, pods),
        alerts=await _alerts(ctx, facts),
        most_replicas=await _most_replicas(ctx, facts.workload)
        if facts.workload and names & {REPLICAS, SURGE}
        else None,
        facts=await _readings(ctx, facts, [fact for fact in spec.facts if fact.name in names] if spec else []),
        saturation=await _readings(ctx, facts, spec.saturation if spec else ()),
    )


async def _for_rollout(ctx: Context, facts: Facts, pods: Sequence[Raw]) -> Near:
    """Budgets, quotas and nodes."""
    workload = facts.workload
    if workload is None or not isinstance(facts.change, Change) or not facts.change.rollout:
        return Near()
    rollout = replacement_by(facts.change, workload)
    budgets = await _budgets(ctx, workload, pods) if rollout.missing else ()
    if not rollout.surge:
        return Near(budgets=budgets)
    try:
        surge = _surge(workload, pods, rollout.surge)
        quotas = await ctx.cluster.list("ResourceQuota", workload.key.namespace)
        return Near(budgets, lacking(quotas, surge), fitting(await _rooms(ctx), surge))
    except (Forbidden, ValueError) as error:
        _log.warning("room for the rollout of %s is not known: %s", workload.key, error)
        return Near(budgets=budgets)


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


async def _most_replicas(ctx: Context, workload: Workload) -> int | None:
    """None where autoscalers cannot be read: a workload without one looks the same."""
    try:
        return most_replicas(workload, await ctx.cluster.list("HorizontalPodAutoscaler", workload.key.namespace))
    except (Forbidden, NotFound) as error:
        _log.warning("autoscalers of %s are not known: %s", workload.key, error)
        return None


async def _readings(ctx: Context, facts: Facts, asked: Iterable[Fact | Saturation]) -> dict[str, Reading]:
    """The value each query has now, of the target where it is asked for."""
    found: dict[str, Reading] = {}
    if facts.workload is None:
        return found
    target = facts.workload.key
    for one in asked:
        label = one.target.namespace_label if one.target else ""
        query = narrowed(one.query, label, [target.namespace]) if label else one.query
        found[one.name] = reading_of(await _answer(ctx, query), one.target, target)
    return found


async def _alerts(ctx: Context, facts: Facts) -> tuple[str, ...] | None:
    """Names of the alerts that fire."""
    names: set[str] = set()
    for matcher in facts.consent.alert_matchers if facts.consent else ():
        answer = await _answer(ctx, firing(facts.intervention.metadata.namespace, matcher))
        if answer is None:
            return None
        names.update(labels.get("alertname", "unnamed") for labels, _ in answer)
    return tuple(sorted(names))


async def _answer(ctx: Context, query: str) -> Samples | None:
    """What Prometheus says now; asked once per detection cycle, but what failed is asked for again."""
    if query not in ctx.kept.answers:
        try:
            ctx.kept.answers[query] = await ctx.metrics.instant(query)
        except MetricsError as error:
            _log.warning("nothing is known of %s: %s", query, error)
            return None
    return ctx.kept.answers[query]
