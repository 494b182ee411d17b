"""What a rollout takes away at once, and which PodDisruptionBudgets speak of it."""

from typing import Any

from tests.domain import given as g
from vanguard.api.base import WorkloadKind
from vanguard.domain.disruption import Budget, Rollout, budgets_of, replacement_by, rollout_of

DEPLOYMENT, SET = WorkloadKind.DEPLOYMENT, WorkloadKind.STATEFUL_SET


def rolling(**settings: Any) -> dict[str, Any]:
    return {"strategy": {"type": "RollingUpdate", "rollingUpdate": settings}}


@g.table(
    ("why", "kind", "spec", "rollout"),
    [
        ("the defaults, of three", DEPLOYMENT, {}, Rollout(0, 1)),
        ("the defaults, of eight", DEPLOYMENT, {"replicas": 8}, Rollout(2, 2)),
        ("the defaults, of one", DEPLOYMENT, {"replicas": 1}, Rollout(0, 1)),
        ("numbers", DEPLOYMENT, rolling(maxSurge=2, maxUnavailable=1), Rollout(1, 2)),
        ("surge rounds up", DEPLOYMENT, rolling(maxSurge="10%", maxUnavailable=0), Rollout(0, 1)),
        ("missing rounds down", DEPLOYMENT, rolling(maxSurge=0, maxUnavailable="50%"), Rollout(1, 0)),
        ("both round to nothing", DEPLOYMENT, rolling(maxSurge=0, maxUnavailable="10%"), Rollout(1, 0)),
        ("more than there are", DEPLOYMENT, rolling(maxSurge=0, maxUnavailable=9), Rollout(3, 0)),
        ("all at once", DEPLOYMENT, {"strategy": {"type": "Recreate"}}, Rollout(3, 0)),
        ("a set, one at a time", SET, {}, Rollout(1, 0)),
        ("a set that may lose two", SET, {"updateStrategy": {"rollingUpdate": {"maxUnavailable": 2}}}, Rollout(2, 0)),
        (
            "a set's parts round up",
            SET,
            {"updateStrategy": {"rollingUpdate": {"maxUnavailable": "34%"}}},
            Rollout(2, 0),
        ),
    ],
)
def test_what_a_rollout_takes_and_adds(why: str, kind: WorkloadKind, spec: dict[str, Any], rollout: Rollout) -> None:
    assert rollout_of(g.workload(g.deployment(spec=spec), kind)) == rollout, why


def test_evictions_take_one_away_at_once_and_add_none_whatever_the_strategy() -> None:
    recreated = g.workload(g.deployment(spec={"strategy": {"type": "Recreate"}}))
    assert replacement_by(g.evicting(), recreated) == Rollout(1, 0)
    assert replacement_by(g.change(), recreated) == Rollout(3, 0)


def pdb(selector: dict[str, Any] | None, allowed: int | None = 1, observed: int = 1) -> dict[str, Any]:
    status = {"observedGeneration": observed, **({} if allowed is None else {"disruptionsAllowed": allowed})}
    return {"metadata": {"name": "pdb", "generation": 1}, "spec": {"selector": selector}, "status": status}


@g.table(
    ("why", "raw", "found"),
    [
        ("it selects them", pdb({"matchLabels": {"app": "orders"}}), (Budget("pdb", 1),)),
        ("an empty selector is everything", pdb({}), (Budget("pdb", 1),)),
        ("no selector is nothing", pdb(None), ()),
        ("it selects others", pdb({"matchLabels": {"app": "other"}}), ()),
        ("exhausted", pdb({}, allowed=0), (Budget("pdb", 0),)),
        ("a status of an older spec", pdb({}, observed=0), (Budget("pdb", None),)),
        ("a status that says nothing", pdb({}, allowed=None), (Budget("pdb", None),)),
        ("no status", {"metadata": {"name": "pdb", "generation": 1}, "spec": {"selector": {}}}, (Budget("pdb", None),)),
    ],
)
def test_which_budgets_speak_of_the_pods(why: str, raw: dict[str, Any], found: tuple[Budget, ...]) -> None:
    assert budgets_of([raw], [g.LABELS]) == found, why
