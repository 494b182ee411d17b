"""Gates about how often: budgets, cooldown, concurrency, the breaker."""

from datetime import datetime, timedelta

from vanguard.api.base import format_time
from vanguard.api.intervention import Change
from vanguard.api.policy import BreakerState
from vanguard.api.reasons import Reason
from vanguard.domain.breaker import breaker_of
from vanguard.domain.consent import Budget
from vanguard.domain.decision.facts import Answer, Facts, holds, passes
from vanguard.domain.history import History, Started, touched_objects
from vanguard.durations import format_duration

_LONGEST_COOLDOWN = timedelta(hours=24)
_MOST_DOUBLINGS = 20


def budget(facts: Facts) -> Answer:
    """Are actions of this day, this week, this target and this namespace left?"""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    uid = facts.intervention.spec.target.uid
    count = {budget: len(used(facts.history, budget, uid, facts.now)) for budget in facts.consent.budgets}
    spent = [budget for budget, started in count.items() if started >= budget.allowed]
    if not spent:
        return passes(Reason.BUDGET_AVAILABLE)
    # The one that opens last; one that allows none never does.
    worst = max(spent, key=lambda one: (not one.allowed, one.period.ends(facts.now)))
    opening = worst.period.ends(facts.now) if worst.allowed else None
    told = f"{count[worst]} of {worst.allowed} started this {worst.period.unit} ({worst.period.zone})"
    return holds(worst.reason, f"{told}; {worst.field} of policy {worst.policy}", opening)


def used(history: History, budget: Budget, target_uid: str, now: datetime) -> tuple[Started, ...]:
    """What counts against a budget of a target in the running day or week."""
    return history.since(
        budget.period.begins(now),
        action=budget.action,
        target_uid=target_uid if budget.per_target else "",
        namespace=budget.namespace,
    )


def cooldown(facts: Facts) -> Answer:
    """Was the target left in peace long enough since the last action? Each one that did not help doubles it."""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    uid, asked = facts.intervention.spec.target.uid, facts.consent.cooldown
    failures = facts.history.failures_on(uid)
    longest = max(asked.value, _LONGEST_COOLDOWN)
    span = min(asked.value * 2 ** min(failures, _MOST_DOUBLINGS), longest)
    last = facts.history.last_on(uid)
    if last is None or facts.now >= last + span:
        return passes(Reason.COOLDOWN_OVER)
    text = f"until {format_time(last + span)}; cooldown of policy {asked.policy} is {format_duration(asked.value)}"
    if failures:
        text += f", doubled for each of the last {failures} that did not help"
    return holds(Reason.COOLING_DOWN, text, last + span)


def concurrency(facts: Facts) -> Answer:
    """Is nothing else in flight on the target, and a slot free?"""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    touched = touched_objects(facts.change) if isinstance(facts.change, Change) else frozenset()
    mine = facts.intervention.metadata.namespace
    shared = [entry for entry in facts.history.in_flight(namespace=mine) if touched & entry.objects]
    if shared:
        return holds(Reason.ANOTHER_IN_FLIGHT, f"{shared[0].name} is in flight on the same object")
    same = facts.history.in_flight(facts.intervention.spec.target.uid)
    if same:
        return holds(Reason.ANOTHER_IN_FLIGHT, f"{same[0].name} is in flight on the same target")
    for slots in facts.consent.slots:
        running = facts.history.in_flight(namespace=slots.namespace)
        if len(running) >= slots.allowed:
            names = ", ".join(sorted(entry.name for entry in running))
            where = f"namespace {slots.namespace}" if slots.namespace else "the cluster"
            text = f"{len(running)} of {slots.allowed} in flight in {where}: {names}; maxConcurrent of {slots.policy}"
            return holds(Reason.ANOTHER_IN_FLIGHT, text[:1000])
    return passes(Reason.SLOT_FREE)


def breaker(facts: Facts) -> Answer:
    """Have too many interventions failed in a row?"""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    for rule in facts.consent.breakers:
        found = breaker_of(rule, facts.history.started, facts.now)
        text = f"{found.failures} failures in a row in {rule.where}; circuitBreaker of policy {rule.policy}"
        if found.state is BreakerState.OPEN:
            return holds(Reason.BREAKER_OPEN, f"{text}; one is tried after its pause", found.retry_at)
        if found.state is BreakerState.HALF_OPEN and found.probe:
            return holds(Reason.BREAKER_HALF_OPEN, f"{text}; {found.probe} is being tried")
    return passes(Reason.BREAKER_CLOSED)
