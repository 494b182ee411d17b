"""Gates about how sure it is: the forecast's data, its probability, what it alone may justify, and whether it helps."""

from dataclasses import dataclass

from vanguard.api.base import ActionType
from vanguard.api.pattern import Direction, IssuePatternSpec
from vanguard.api.reasons import Reason
from vanguard.domain.decision.facts import Answer, Facts, holds, passes
from vanguard.domain.learning import effectiveness_of


@dataclass(frozen=True)
class Risk:
    """What an action may cost.

    Attributes:
        low: whether it may be done before anything is wrong, on a forecast alone.
        floor_percent: the confidence it needs whatever a policy says.
    """

    low: bool
    floor_percent: int = 0


RISKS = {
    ActionType.TUNE_POOL: Risk(low=True),
    # Nothing is left to undo after a restart, but every pod has been replaced.
    ActionType.RESTART_ROLLOUT: Risk(low=True, floor_percent=90),
    ActionType.DEPLOY_CODE: Risk(low=False, floor_percent=100),
}


def data_quality(facts: Facts) -> Answer:
    """Are the samples behind the forecast fresh and whole?"""
    if facts.assessment is None or not facts.fresh:
        return holds(Reason.STALE_DATA, "the last evaluation of the signal is too old")
    if facts.assessment.positive is None:
        return holds(facts.assessment.reason, facts.assessment.doubt)
    return passes(Reason.DATA_GOOD)


def confidence(facts: Facts) -> Answer:
    """Is the forecast as certain as the policy, and the action itself, ask?"""
    if facts.assessment is None or facts.consent is None:
        return holds(Reason.NOT_EVALUATED_YET)
    asked, action = facts.consent.min_confidence_percent, facts.intervention.spec.action.type
    floor = RISKS[action].floor_percent
    need, whose = asked.value, f"minConfidencePercent of policy {asked.policy}"
    if floor > need:
        need, whose = floor, f"the floor for {action}, whatever a policy says"
    have = facts.assessment.confidence_percent
    if have < need:
        return holds(Reason.CONFIDENCE_TOO_LOW, f"{have} % is below {need} %, {whose}")
    return passes(Reason.CONFIDENCE_SUFFICIENT, f"{have} % meets {need} %, {whose}")


def effectiveness(facts: Facts) -> Answer:
    """Has this remedy helped often enough?"""
    if facts.consent is None or facts.pattern is None:
        return holds(Reason.NOT_EVALUATED_YET)
    action, name = facts.intervention.spec.action.type, facts.pattern.metadata.name
    known = effectiveness_of(facts.history.started, name, action, facts.pattern.spec.prior)
    asked = facts.consent.min_effectiveness_percent
    whose = f"minEffectivenessPercent of policy {asked.policy} is {asked.value}"
    if known.percent < asked.value:
        return holds(Reason.EFFECTIVENESS_TOO_LOW, f"{name} by {action}: {known}; {whose}")
    return passes(Reason.EFFECTIVENESS_SUFFICIENT, f"{known}; {whose}")


def evidence(facts: Facts) -> Answer:
    """Is what is known enough for what is asked? A forecast alone justifies little."""
    if facts.assessment is None or facts.pattern is None:
        return holds(Reason.NOT_EVALUATED_YET)
    if _at_its_limit(facts.pattern.spec, facts):
        return passes(Reason.EVIDENCE_SUFFICIENT, "the limit is reached already")
    if not RISKS[facts.intervention.spec.action.type].low:
        return holds(Reason.FORECAST_ONLY, "the action is not of low risk")
    if not facts.pattern.spec.rollback_safe:
        return holds(Reason.FORECAST_ONLY, "the pattern says that undoing is not harmless")
    return passes(Reason.EVIDENCE_SUFFICIENT)


def _at_its_limit(pattern: IssuePatternSpec, facts: Facts) -> bool:
    seen = facts.assessment
    signal = next((one for one in pattern.signals if seen is not None and one.name == seen.signal), None)
    if signal is None or seen is None:
        return False
    limit = float(signal.limit)
    return seen.level >= limit if signal.direction is Direction.RISING else seen.level <= limit
