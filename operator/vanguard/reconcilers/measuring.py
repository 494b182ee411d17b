"""Measurements of one target: its signal and guards, before and after a change."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from vanguard.api.intervention import Comparison
from vanguard.api.kinds import IssuePattern
from vanguard.api.measurement import Period, Sampling
from vanguard.api.pattern import Direction, Guard, Signal, TargetMapping
from vanguard.domain.promql import narrowed
from vanguard.domain.sampling import Span, sample, step_for
from vanguard.domain.series import RawSeries
from vanguard.domain.verdict import compare
from vanguard.domain.workload import TargetKey
from vanguard.ports import Metrics

Samples = tuple[Decimal, ...]


def belongs(series: RawSeries, mapping: TargetMapping, target: TargetKey, pods: frozenset[str]) -> bool:
    """Whether a series is of the target: by the workload's name, or by one of its present pods'."""
    labels = dict(series.labels)
    if labels.get(mapping.namespace_label) != target.namespace:
        return False
    if mapping.name_label is not None:
        return mapping.kind is target.kind and labels.get(mapping.name_label) == target.name
    return labels.get(mapping.pod_label or "") in pods


async def measure(
    metrics: Metrics,
    pattern: IssuePattern,
    signal: Signal,
    target: TargetKey,
    pods: Iterable[str],
    start: datetime,
    end: datetime,
) -> Period:
    """Sample the signal and every guard of a pattern over a period, for one target.

    Raises:
        MetricsError: when Prometheus gives no whole answer to one of them.
    """
    span = Span(start, end, step_for(pattern.spec.verification.baseline, end - start))
    names = frozenset(pods)

    async def one(name: str, query: str, harm: Direction, mapping: TargetMapping) -> Sampling:
        asked = narrowed(query, mapping.namespace_label, [target.namespace])
        answer = await metrics.range(asked, start, end, span.step)
        return sample(name, (s for s in answer if belongs(s, mapping, target, names)), harm, span)

    samplings = [await one(signal.name, signal.query, signal.direction, signal.target)]
    samplings += [
        await one(guard.name, guard.query, guard.direction, guard.target or signal.target)
        for guard in pattern.spec.verification.guards
    ]
    return Period(from_=start, until=end, samplings=tuple(samplings))


def complete(period: Period) -> bool:
    """Whether every query gave enough samples."""
    return all(sampling.values for sampling in period.samplings)


def comparisons(pattern: IssuePattern, signal: Signal, before: Period, after: Period) -> tuple[Comparison, ...]:
    """Before against after, the signal first. A guard only ever vetoes: its improvement is no success."""
    old = {sampling.name: sampling.values for sampling in before.samplings}
    new = {sampling.name: sampling.values for sampling in after.samplings}
    verification = pattern.spec.verification
    effect = float(verification.min_effect_percent)
    judged = [
        compare(
            signal.name,
            old.get(signal.name, ()),
            new.get(signal.name, ()),
            harm=signal.direction,
            min_better_percent=effect,
            min_worse_percent=effect,
        )
    ]
    judged += [_guarded(guard, old.get(guard.name, ()), new.get(guard.name, ())) for guard in verification.guards]
    return tuple(judged)


def _guarded(guard: Guard, old: Samples, new: Samples) -> Comparison:
    bound = float(guard.max_increase_percent)
    return compare(
        guard.name, old, new, harm=guard.direction, min_better_percent=bound, min_worse_percent=bound, guard=True
    )
