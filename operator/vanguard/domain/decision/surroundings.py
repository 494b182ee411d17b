"""Gates about what is around the target: the operator's own senses, storms, budgets, room, and other alerts.

The last three cost reads that are made only when all cheaper gates pass; until then they say NotTriedYet.
"""

from collections.abc import Iterable

from vanguard.api.intervention import Change
from vanguard.api.reasons import Reason
from vanguard.domain.decision.facts import Answer, Facts, holds, passes
from vanguard.domain.disruption import Rollout, replacement_by

_NAMED = 5
_LONGEST = 1000


def telemetry(facts: Facts) -> Answer:
    """Is what the operator sees to be trusted?"""
    if facts.vitals is None:
        return holds(Reason.TELEMETRY_UNHEALTHY, "the operator has not examined its own senses lately")
    trouble = facts.vitals.trouble(facts.intervention.metadata.namespace)
    return holds(Reason.TELEMETRY_UNHEALTHY, trouble[:_LONGEST]) if trouble else passes(Reason.TELEMETRY_HEALTHY)


def storm(facts: Facts) -> Answer:
    """Does this target trend alone, or with many others, or with those that depend on the same thing?"""
    if facts.storm is None:
        return holds(Reason.NOT_EVALUATED_YET)
    together = facts.storm.together
    if together:
        count = f"{len(together)} of {facts.storm.watched} watched targets began to trend within an hour"
        return holds(Reason.STORM_GUARD, f"{count}: {_some(map(str, together))}")
    uid = facts.intervention.spec.target.uid
    for name, targets in facts.storm.shared.items():
        if uid in {target.uid for target in targets}:
            return holds(Reason.SHARED_DEPENDENCY, f"{_some(map(str, targets))} trend, and all depend on {name}")
    return passes(Reason.NO_STORM)


def disruption(facts: Facts) -> Answer:
    """Do the PodDisruptionBudgets allow what the rollout takes away at once?"""
    rollout = _rollout(facts)
    if rollout is None:
        return _no_rollout(facts)
    if rollout.missing == 0:
        return passes(Reason.DISRUPTION_ALLOWED, "its rollout takes no pod away before its successor is ready")
    if facts.near is None:
        return holds(Reason.NOT_TRIED_YET)
    if facts.near.budgets is None:
        return holds(Reason.CLUSTER_UNREADABLE, "the namespace's PodDisruptionBudgets could not be read")
    for budget in facts.near.budgets:
        if budget.allowed is None:
            return holds(Reason.DISRUPTION_BUDGET_UNKNOWN, f"PodDisruptionBudget {budget.name} has no current status")
        if budget.allowed < rollout.missing:
            return holds(
                Reason.DISRUPTION_BUDGET_EXHAUSTED,
                f"PodDisruptionBudget {budget.name} allows {budget.allowed} to go; "
                f"the rollout takes {rollout.missing} away at once",
            )
    return passes(Reason.DISRUPTION_ALLOWED)


def room(facts: Facts) -> Answer:
    """Do quotas and nodes have room for the pods the rollout adds?"""
    rollout = _rollout(facts)
    if rollout is None:
        return _no_rollout(facts)
    if rollout.surge == 0:
        return passes(Reason.ROOM_AVAILABLE, "its rollout adds no pods")
    if facts.near is None:
        return holds(Reason.NOT_TRIED_YET)
    lacking, fitting = facts.near.lacking, facts.near.fitting
    if lacking is None or fitting is None:
        return holds(Reason.CLUSTER_UNREADABLE, "the namespace's ResourceQuotas or the nodes could not be read")
    if lacking:
        return holds(Reason.QUOTA_EXHAUSTED, "; ".join(lacking)[:_LONGEST])
    if fitting < rollout.surge:
        return holds(Reason.NO_HEADROOM, f"the nodes have room for {fitting} of the {rollout.surge} pods it adds")
    return passes(Reason.ROOM_AVAILABLE)


def other_alerts(facts: Facts) -> Answer:
    """Do other alerts of the namespace fire, if the policy asks about them?"""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    if not facts.consent.alert_matchers:
        return passes(Reason.NO_OTHER_ALERTS, "the policy asks for none (stability.alertsMatcher)")
    if facts.near is None:
        return holds(Reason.NOT_TRIED_YET)
    if facts.near.alerts is None:
        return holds(Reason.TELEMETRY_UNHEALTHY, "Prometheus did not say which alerts of the namespace fire")
    if facts.near.alerts:
        return holds(Reason.OTHER_ALERTS_FIRING, f"firing in the namespace: {_some(facts.near.alerts)}")
    return passes(Reason.NO_OTHER_ALERTS)


def _rollout(facts: Facts) -> Rollout | None:
    """What the change's rollout does to the pods; None where it has none, or is not known."""
    if facts.workload is None or not isinstance(facts.change, Change) or not facts.change.rollout:
        return None
    return replacement_by(facts.change, facts.workload)


def _no_rollout(facts: Facts) -> Answer:
    if isinstance(facts.change, Change) and not facts.change.rollout:
        return passes(Reason.NO_ROLLOUT)
    return holds(Reason.NOT_TRIED_YET)


def _some(names: Iterable[str]) -> str:
    """The first few of them, and how many more."""
    known = list(names)
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"{', '.join(known[:_NAMED])}{more}"[:_LONGEST]
