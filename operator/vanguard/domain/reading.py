"""Readings: the one value a query has now, or why there is none; and what is known of a workload without a query."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from vanguard.api.pattern import ReadingScope
from vanguard.domain.disruption import rollout_of
from vanguard.domain.workload import Raw, TargetKey, Workload

Samples = Sequence[tuple[Mapping[str, str], float]]

# What is known without a query: the new value, the most replicas there may be, the pods a rollout of them adds.
VALUE, REPLICAS, SURGE = "value", "replicas", "surge"
KNOWN = frozenset({VALUE, REPLICAS, SURGE})
_LARGEST = 1e18


@dataclass(frozen=True)
class Reading:
    """A figure, or why it is not known."""

    value: Fraction | None
    trouble: str = ""


def reading_of(samples: Samples | None, scope: ReadingScope | None, target: TargetKey) -> Reading:
    """The one figure in an answer that is about the target.

    Args:
        samples: what Prometheus answered; None when it did not.
        scope: which of the series are meant; None for all.
        target: the workload in question.
    """
    if samples is None:
        return Reading(None, "Prometheus did not answer")
    values = [value for labels, value in samples if scope is None or _meant(labels, scope, target)]
    if len(values) != 1:
        return Reading(None, f"its query gives {len(values)} series for {target}; it must give one")
    if not math.isfinite(values[0]) or abs(values[0]) > _LARGEST:
        return Reading(None, f"its query gives {values[0]}")
    return Reading(Fraction(repr(values[0])))


def _meant(labels: Mapping[str, str], scope: ReadingScope, target: TargetKey) -> bool:
    here = labels.get(scope.namespace_label) == target.namespace
    return here and (scope.name_label is None or labels.get(scope.name_label) == target.name)


def most_replicas(workload: Workload, autoscalers: Iterable[Raw]) -> int:
    """The most replicas a workload may have: those it wants, or what an autoscaler of its may make of them.

    Args:
        workload: the target.
        autoscalers: the HorizontalPodAutoscalers of its namespace; KEDA makes one as well.
    """
    key = workload.key
    allowed = [
        int(raw["spec"]["maxReplicas"])
        for raw in autoscalers
        if (raw["spec"]["scaleTargetRef"]["kind"], raw["spec"]["scaleTargetRef"]["name"]) == (key.kind.value, key.name)
    ]
    return max([workload.desired, *allowed])


def known_of(workload: Workload, value: int, replicas: int) -> dict[str, Fraction]:
    """The figures that need no query; a surge in percent is one of the most replicas there may be."""
    surge = rollout_of(replace(workload, desired=replicas)).surge
    return {VALUE: Fraction(value), REPLICAS: Fraction(replicas), SURGE: Fraction(surge)}
