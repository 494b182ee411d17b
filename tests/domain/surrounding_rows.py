"""What the gates about the target's surroundings can say, row by row; `test_decision` holds the gates to them."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.domain import given as g
from vanguard.api.base import WorkloadKind
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.change import Impossible
from vanguard.domain.decision.facts import Near
from vanguard.domain.disruption import Budget
from vanguard.domain.storm import Storm
from vanguard.domain.vitals import Name, Scrapes, Vitals
from vanguard.domain.workload import TargetKey

PASS, HOLD = GateVerdict.PASS, GateVerdict.HOLD
Row = tuple[str, str, dict[str, Any], GateVerdict, Reason, datetime | None]

CALM = Near(budgets=(), lacking=(), fitting=1, alerts=())
ME = TargetKey("shop", WorkloadKind.DEPLOYMENT, "orders", g.UID)
OTHER = TargetKey("shop", WorkloadKind.DEPLOYMENT, "checkout", "uid-checkout")
LIVE = {"change": g.change(reload="Live"), "near": Near(alerts=())}
IMPOSSIBLE = {"change": Impossible(Reason.AT_MAXIMUM, "m"), "near": None}
ASKING = {"consent": g.consent(stability={"alertsMatcher": {"severity": "critical"}})}


def deployed(surge: object, missing: object) -> dict[str, Any]:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": missing}}
    return {"workload": g.workload(g.deployment(spec={"strategy": strategy}))}


def near(**changes: Any) -> dict[str, Any]:
    return {"near": replace(CALM, **changes)}


def vitals(wrong: dict[Name, str] | None = None, **scrapes: Scrapes) -> dict[str, Any]:
    return {"vitals": Vitals(g.NOW, wrong or {}, scrapes)}


GOES = deployed(0, 1)
TWO_GO = deployed(0, 2) | {"consent": g.consent(limits={"minHealthyPercent": 0})}
ADDS = deployed(1, 0)

TELEMETRY, STORM, DISRUPTION, ROOM, ALERTS = "telemetry", "storm", "disruption", "room", "other-alerts"
UNHEALTHY, UNREADABLE, UNTRIED = Reason.TELEMETRY_UNHEALTHY, Reason.CLUSTER_UNREADABLE, Reason.NOT_TRIED_YET

ROWS: list[Row] = [
    (gate, why, changes, verdict, reason, None)
    for gate, why, changes, verdict, reason in [
        (TELEMETRY, "all is well", {}, PASS, Reason.TELEMETRY_HEALTHY),
        (TELEMETRY, "never examined, or too long ago", {"vitals": None}, HOLD, UNHEALTHY),
        (TELEMETRY, "a clock is wrong", vitals({Name.CLOCK: "40 s apart"}), HOLD, UNHEALTHY),
        (TELEMETRY, "half the namespace is not scraped", vitals(shop=Scrapes(1, 2)), HOLD, UNHEALTHY),
        (TELEMETRY, "four in five are scraped", vitals(shop=Scrapes(4, 5)), PASS, Reason.TELEMETRY_HEALTHY),
        (TELEMETRY, "another namespace is not scraped", vitals(bank=Scrapes(0, 2)), PASS, Reason.TELEMETRY_HEALTHY),
        (STORM, "it trends alone", {}, PASS, Reason.NO_STORM),
        (STORM, "not looked yet", {"storm": None}, HOLD, Reason.NOT_EVALUATED_YET),
        (STORM, "many trend together", {"storm": Storm((ME, OTHER), 4)}, HOLD, Reason.STORM_GUARD),
        (STORM, "many others trend together", {"storm": Storm((OTHER,), 4)}, HOLD, Reason.STORM_GUARD),
        (STORM, "it shares the cause", {"storm": Storm((), 4, {"a/db": (ME, OTHER)})}, HOLD, Reason.SHARED_DEPENDENCY),
        (STORM, "others share a cause", {"storm": Storm((), 4, {"a/db": (OTHER,)})}, PASS, Reason.NO_STORM),
        (DISRUPTION, "no pod goes", ADDS | near(budgets=(Budget("b", 0),)), PASS, Reason.DISRUPTION_ALLOWED),
        (DISRUPTION, "no budget", GOES, PASS, Reason.DISRUPTION_ALLOWED),
        (DISRUPTION, "just allowed", GOES | near(budgets=(Budget("b", 1),)), PASS, Reason.DISRUPTION_ALLOWED),
        (
            DISRUPTION,
            "none may go",
            GOES | near(budgets=(Budget("a", 1), Budget("b", 0))),
            HOLD,
            Reason.DISRUPTION_BUDGET_EXHAUSTED,
        ),
        (
            DISRUPTION,
            "two go, one may",
            TWO_GO | near(budgets=(Budget("b", 1),)),
            HOLD,
            Reason.DISRUPTION_BUDGET_EXHAUSTED,
        ),
        (
            DISRUPTION,
            "nobody knows how many may",
            GOES | near(budgets=(Budget("b", None),)),
            HOLD,
            Reason.DISRUPTION_BUDGET_UNKNOWN,
        ),
        (DISRUPTION, "the budgets could not be read", GOES | near(budgets=None), HOLD, UNREADABLE),
        (DISRUPTION, "not read yet", GOES | {"near": None}, HOLD, UNTRIED),
        (DISRUPTION, "no rollout", LIVE, PASS, Reason.NO_ROLLOUT),
        (DISRUPTION, "no change at all", IMPOSSIBLE, HOLD, UNTRIED),
        (ROOM, "there is", ADDS, PASS, Reason.ROOM_AVAILABLE),
        (ROOM, "no pod is added", GOES | near(fitting=0), PASS, Reason.ROOM_AVAILABLE),
        (ROOM, "a quota is full", ADDS | near(lacking=("ResourceQuota q: pods",)), HOLD, Reason.QUOTA_EXHAUSTED),
        (ROOM, "the nodes are full", ADDS | near(fitting=0), HOLD, Reason.NO_HEADROOM),
        (ROOM, "room for one of two", deployed(2, 0), HOLD, Reason.NO_HEADROOM),
        (ROOM, "the nodes could not be read", ADDS | near(fitting=None), HOLD, UNREADABLE),
        (ROOM, "the quotas could not be read", ADDS | near(lacking=None), HOLD, UNREADABLE),
        (ROOM, "not read yet", ADDS | {"near": None}, HOLD, UNTRIED),
        (ROOM, "no rollout", LIVE, PASS, Reason.NO_ROLLOUT),
        (ALERTS, "not asked about", {"near": None}, PASS, Reason.NO_OTHER_ALERTS),
        (ALERTS, "none fires", ASKING, PASS, Reason.NO_OTHER_ALERTS),
        (ALERTS, "one fires", ASKING | near(alerts=("DiskFull",)), HOLD, Reason.OTHER_ALERTS_FIRING),
        (ALERTS, "nobody knows", ASKING | near(alerts=None), HOLD, UNHEALTHY),
        (ALERTS, "not asked yet", ASKING | {"near": None}, HOLD, UNTRIED),
        (ALERTS, "no policy", {"consent": None}, HOLD, Reason.NO_POLICY),
    ]
]
