"""What the gates about invariants and saturation can say, row by row; `test_decision` holds the gates to them."""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from tests.domain import given as g
from tests.domain.surrounding_rows import CALM
from vanguard.api.base import ActionType
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.change import Impossible
from vanguard.domain.reading import Reading

PASS, HOLD, DENY = GateVerdict.PASS, GateVerdict.HOLD, GateVerdict.DENY
Row = tuple[str, str, dict[str, Any], GateVerdict, Reason, datetime | None]

INVARIANTS, SATURATION = "invariants", "saturation"
_BROKEN, _UNKNOWN = Reason.INVARIANT_BROKEN, Reason.FACT_UNKNOWN
CONNECTIONS = "(replicas + surge) * value + 10 <= max_connections"


def asking(*rules: str) -> dict[str, Any]:
    """The policy's tunable has these invariants."""
    named = [{"name": f"rule-{number}", "rule": rule} for number, rule in enumerate(rules)]
    return {"consent": g.consent(workloads=g.tunable(invariants=named))}


def known(replicas: int | None = 3, **facts: float | str) -> dict[str, Any]:
    """So many replicas at most, and facts; text is why one is not known."""
    read = {
        name: Reading(None, value) if isinstance(value, str) else Reading(Fraction(value))
        for name, value in facts.items()
    }
    return {"near": replace(CALM, most_replicas=replicas, facts=read)}


def naming(*limits: tuple[str, str]) -> dict[str, Any]:
    """The pattern names things that must not be at their limits, each by limit and direction."""
    named = [
        {"name": f"db-{number}", "query": "q", "limit": limit, "direction": direction}
        for number, (limit, direction) in enumerate(limits)
    ]
    return {"pattern": g.pattern(saturation=named)}


def used(*values: float | str) -> dict[str, Any]:
    """What those things are at; text is why it is not known."""
    read = {
        f"db-{number}": Reading(None, value) if isinstance(value, str) else Reading(Fraction(value))
        for number, value in enumerate(values)
    }
    return {"near": replace(CALM, saturation=read)}


RISING, FALLING = ("90", "Rising"), ("5", "Falling")
RESTARTING = {"intervention": g.intervention(spec={"action": {"type": "RestartRollout", "tunable": None}})}
RESTARTING |= {"change": g.change(action=ActionType.RESTART_ROLLOUT)}

ROWS: list[Row] = [
    (gate, why, changes, verdict, reason, None)
    for gate, why, changes, verdict, reason in [
        # Three replicas and one more by the surge of 25 %, each with 24 connections, and 10: 106.
        (INVARIANTS, "none is asked for", {"near": None}, PASS, Reason.INVARIANTS_HOLD),
        (INVARIANTS, "it just holds", asking(CONNECTIONS) | known(max_connections=106), PASS, Reason.INVARIANTS_HOLD),
        (INVARIANTS, "one too many", asking(CONNECTIONS) | known(max_connections=105), DENY, Reason.INVARIANT_BROKEN),
        (
            INVARIANTS,
            "an autoscaler may make it four",
            asking(CONNECTIONS) | known(4, max_connections=106),
            DENY,
            Reason.INVARIANT_BROKEN,
        ),
        (INVARIANTS, "two of them hold", asking("value <= 24", "value > 20") | known(), PASS, Reason.INVARIANTS_HOLD),
        (INVARIANTS, "the second is broken", asking("value <= 24", "value > 24") | known(), DENY, _BROKEN),
        (INVARIANTS, "one broken, one unknown", asking("value < 1", "value < no") | known(), DENY, _BROKEN),
        (INVARIANTS, "the fact is not to be had", asking(CONNECTIONS) | known(max_connections="NaN"), HOLD, _UNKNOWN),
        (INVARIANTS, "the pattern has no such fact", asking(CONNECTIONS) | known(), HOLD, _UNKNOWN),
        (
            INVARIANTS,
            "nobody knows the autoscalers",
            asking(CONNECTIONS) | known(None, max_connections=9999),
            HOLD,
            _UNKNOWN,
        ),
        (INVARIANTS, "replicas are not named", asking("value <= 24") | known(None), PASS, Reason.INVARIANTS_HOLD),
        (INVARIANTS, "division by zero", asking("value / spare < 9") | known(spare=0), HOLD, _UNKNOWN),
        (INVARIANTS, "a rule nobody can read", asking("value < 9 <") | known(), HOLD, _UNKNOWN),
        (INVARIANTS, "not read yet", asking(CONNECTIONS) | {"near": None}, HOLD, Reason.NOT_TRIED_YET),
        (
            INVARIANTS,
            "no change at all",
            asking(CONNECTIONS) | {"change": Impossible(Reason.AT_MAXIMUM, "m")},
            HOLD,
            Reason.NOT_TRIED_YET,
        ),
        (INVARIANTS, "a restart tunes nothing", asking("value < 1") | RESTARTING, PASS, Reason.INVARIANTS_HOLD),
        (INVARIANTS, "no policy", {"consent": None}, HOLD, Reason.NO_POLICY),
        (SATURATION, "nothing is named", {"near": None}, PASS, Reason.NOT_SATURATED),
        (SATURATION, "far from the limit", naming(RISING) | used(89), PASS, Reason.NOT_SATURATED),
        (SATURATION, "at the limit", naming(RISING) | used(90), HOLD, Reason.SATURATED),
        (SATURATION, "what is left is enough", naming(FALLING) | used(6), PASS, Reason.NOT_SATURATED),
        (SATURATION, "too little is left", naming(FALLING) | used(5), HOLD, Reason.SATURATED),
        (SATURATION, "the second of two is", naming(RISING, FALLING) | used(1, 1), HOLD, Reason.SATURATED),
        (SATURATION, "nobody knows", naming(RISING) | used("Prometheus did not answer"), HOLD, _UNKNOWN),
        (SATURATION, "one is, one is unknown", naming(RISING, RISING) | used("NaN", 99), HOLD, Reason.SATURATED),
        (SATURATION, "one is fine, one is unknown", naming(RISING, RISING) | used("NaN", 1), HOLD, _UNKNOWN),
        (SATURATION, "it was not read", naming(RISING, RISING) | used(1), HOLD, _UNKNOWN),
        (SATURATION, "not asked yet", naming(RISING) | {"near": None}, HOLD, Reason.NOT_TRIED_YET),
        (SATURATION, "the pattern is gone", {"pattern": None}, HOLD, Reason.PATTERN_CHANGED),
    ]
]
