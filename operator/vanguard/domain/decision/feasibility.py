"""Gates about whether it would last and bear: what somebody else keeps taking back, what the rest could not carry."""

from collections.abc import Iterator
from fractions import Fraction

from vanguard.api.intervention import Change
from vanguard.api.pattern import Direction, Saturation
from vanguard.api.policy import Invariant
from vanguard.api.reasons import Reason
from vanguard.domain.arithmetic import Outcome, parse_rule, shown
from vanguard.domain.decision.facts import Answer, Facts, Near, denies, holds, passes
from vanguard.domain.reading import KNOWN, REPLICAS, SURGE, VALUE, Reading, known_of
from vanguard.domain.workload import Workload

MOST_REVERTS = 2
_LONGEST = 1000


def reverts(facts: Facts) -> Answer:
    """Has nobody else taken this change back again and again?"""
    spec = facts.intervention.spec
    undone = sorted(
        entry.name
        for entry in facts.history.started
        if entry.reverted and entry.target_uid == spec.target.uid and entry.action is spec.action.type
    )
    if len(undone) < MOST_REVERTS:
        return passes(Reason.NOT_REVERTED)
    namespace, names = facts.intervention.metadata.namespace, " ".join(undone[:5])
    told = f"the old value was put back after {len(undone)} Interventions on this target; find out who does, then"
    return denies(Reason.EXTERNALLY_REVERTED, f"{told} allow it again: kubectl -n {namespace} delete iv {names}")


def invariants_asked(facts: Facts) -> tuple[Invariant, ...]:
    """What the policies say must be true with the new value."""
    tunable = facts.consent.tunables.get(facts.intervention.spec.action.tunable or "") if facts.consent else None
    return tunable.invariants if tunable else ()


def names_asked(facts: Facts) -> frozenset[str]:
    """What the invariants name; a rule that cannot be read names nothing, and holds by itself."""
    names: set[str] = set()
    for invariant in invariants_asked(facts):
        try:
            names |= parse_rule(invariant.rule).names
        except ValueError:
            continue
    return frozenset(names)


def invariants(facts: Facts) -> Answer:
    """Does what the policies say of the tunable still hold with the new value?"""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    asked = invariants_asked(facts)
    if not asked:
        return passes(Reason.INVARIANTS_HOLD, "the policy asks for none (tunables[].invariants)")
    if facts.near is None or facts.workload is None or not isinstance(facts.change, Change):
        return holds(Reason.NOT_TRIED_YET)
    values = _values(facts.near, facts.workload, facts.change)
    outcomes = [(invariant.name, _outcome(invariant, values)) for invariant in asked]
    broken = [f"{name}: {outcome.told}" for name, outcome in outcomes if outcome.holds is False]
    if broken:
        return denies(Reason.INVARIANT_BROKEN, f"invariant {'; '.join(broken)}"[:_LONGEST])
    unknown = [f"{name}: {outcome.told}" for name, outcome in outcomes if outcome.holds is None]
    if unknown:
        why = "; ".join([*unknown, *_troubles(facts, facts.near)])
        return holds(Reason.FACT_UNKNOWN, f"invariant {why}"[:_LONGEST])
    return passes(Reason.INVARIANTS_HOLD, "; ".join(f"{name}: {outcome.told}" for name, outcome in outcomes)[:_LONGEST])


def _outcome(invariant: Invariant, values: dict[str, Fraction]) -> Outcome:
    try:
        return parse_rule(invariant.rule).outcome(values)
    except ValueError as error:
        return Outcome(None, str(error))


def _values(near: Near, workload: Workload, change: Change) -> dict[str, Fraction]:
    """Every figure there is: what is known without a query, and the pattern's facts that could be had."""
    told = {name: reading.value for name, reading in near.facts.items() if reading.value is not None}
    if near.most_replicas is None:
        return told | {VALUE: Fraction(int(change.to))}
    return told | known_of(workload, int(change.to), near.most_replicas)


def _troubles(facts: Facts, near: Near) -> Iterator[str]:
    """Why figures that are named are not known."""
    names = names_asked(facts)
    if names & {REPLICAS, SURGE} and near.most_replicas is None:
        yield "the namespace's HorizontalPodAutoscalers could not be read"
    for name in sorted(names - KNOWN):
        found = near.facts.get(name)
        if found is None:
            pattern = facts.intervention.spec.pattern.name
            yield f"IssuePattern {pattern} has no fact {name} (spec.facts)"
        elif found.trouble:
            yield f"fact {name}: {found.trouble}"


def saturation(facts: Facts) -> Answer:
    """Is nothing that the change leans on at its limit already?"""
    if facts.pattern is None:
        return holds(Reason.PATTERN_CHANGED)
    asked = facts.pattern.spec.saturation
    if not asked:
        return passes(Reason.NOT_SATURATED, "the pattern names nothing that could be (spec.saturation)")
    if facts.near is None:
        return holds(Reason.NOT_TRIED_YET)
    readings = [(one, facts.near.saturation.get(one.name, Reading(None, "it was not read"))) for one in asked]
    full = [_limited(one, reading.value) for one, reading in readings if reading.value is not None]
    saturated = "; ".join(text for text, reached in full if reached)
    if saturated:
        return holds(Reason.SATURATED, saturated[:_LONGEST])
    unknown = "; ".join(f"saturation {one.name}: {reading.trouble}" for one, reading in readings if reading.trouble)
    if unknown:
        return holds(Reason.FACT_UNKNOWN, unknown[:_LONGEST])
    return passes(Reason.NOT_SATURATED, "; ".join(text for text, _ in full)[:_LONGEST])


def _limited(one: Saturation, value: Fraction) -> tuple[str, bool]:
    """A reading against its limit in words, and whether the limit is reached."""
    limit = Fraction(one.limit)
    reached = value >= limit if one.direction is Direction.RISING else value <= limit
    return f"{one.name} is {shown(value)}; its limit is {one.limit:f} ({one.direction})", reached
