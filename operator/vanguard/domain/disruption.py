"""What replacing a workload's pods takes away and adds at once, and the PodDisruptionBudgets that speak of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vanguard.api.base import WorkloadKind
from vanguard.api.intervention import Change
from vanguard.domain.labels import selects
from vanguard.domain.workload import Raw, Workload


@dataclass(frozen=True)
class Rollout:
    """One rollout of a workload.

    Attributes:
        missing: most pods that are gone and not yet replaced at one time.
        surge: most pods there are beyond those wanted.
    """

    missing: int
    surge: int


def rollout_of(workload: Workload) -> Rollout:
    """What the workload's own strategy does, with the API server's defaults and the controllers' rounding."""
    spec, desired = workload.raw["spec"], workload.desired
    if workload.key.kind is WorkloadKind.STATEFUL_SET:
        rolling = spec.get("updateStrategy", {}).get("rollingUpdate") or {}
        return Rollout(max(_part(rolling.get("maxUnavailable", 1), desired, up=True), 1), 0)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Rollout(desired, 0)
    rolling = strategy.get("rollingUpdate") or {}
    surge = _part(rolling.get("maxSurge", "25%"), desired, up=True)
    missing = _part(rolling.get("maxUnavailable", "25%"), desired, up=False)
    # Both may round to nothing; the controller then takes one away, or it would never end.
    return Rollout(min(missing, desired) if surge or missing else 1, surge)


ONE_BY_ONE = Rollout(missing=1, surge=0)


def replacement_by(change: Change, workload: Workload) -> Rollout:
    """What a change that replaces pods does: a rollout, or one eviction after the other."""
    return ONE_BY_ONE if change.evictions else rollout_of(workload)


def _part(value: object, whole: int, *, up: bool) -> int:
    """An int-or-string such as 1 or "25%" of the whole."""
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    hundredths = whole * int(text[:-1])
    return -(-hundredths // 100) if up else hundredths // 100


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget that selects some of the workload's pods.

    Attributes:
        allowed: how many pods may be taken away now; None while its status is not of its newest spec.
    """

    name: str
    allowed: int | None


def budgets_of(raws: Iterable[Raw], pods: Iterable[Mapping[str, str]]) -> tuple[Budget, ...]:
    """The budgets among a namespace's that speak of pods with these labels.

    Args:
        raws: the namespace's PodDisruptionBudgets.
        pods: labels of the pods there are and of those there will be.
    """
    known = list(pods)
    return tuple(
        Budget(raw["metadata"]["name"], _allowed(raw))
        for raw in raws
        if any(selects(raw["spec"].get("selector"), labels) for labels in known)
    )


def _allowed(raw: Raw) -> int | None:
    status = raw.get("status") or {}
    if status.get("observedGeneration") != raw["metadata"].get("generation"):
        return None
    allowed: int | None = status.get("disruptionsAllowed")
    return allowed
