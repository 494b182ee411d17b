"""Room for the pods a rollout adds: in quotas and on nodes."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given as supposing
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.domain.headroom import Surge, asked, fitting, lacking, needs, rooms


def container(**requests: str) -> dict[str, Any]:
    return {"resources": {"requests": requests, "limits": {"memory": "1Gi"}}}


def spec(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"containers": list(containers), **more}


def sidecar(**requests: str) -> dict[str, Any]:
    return container(**requests) | {"restartPolicy": "Always"}


@g.table(
    ("why", "pod", "cpu"),
    [
        ("two containers", spec(container(cpu="1"), container(cpu="500m")), "1.5"),
        ("one says nothing", spec(container(cpu="1"), {}), "1"),
        ("nobody says anything", spec({}), None),
        ("a smaller init container", spec(container(cpu="1"), initContainers=[container(cpu="500m")]), "1"),
        ("a larger init container", spec(container(cpu="1"), initContainers=[container(cpu="2")]), "2"),
        ("a sidecar", spec(container(cpu="1"), initContainers=[sidecar(cpu="1")]), "2"),
        ("overhead", spec(container(cpu="1"), overhead={"cpu": "250m"}), "1.25"),
    ],
)
def test_what_a_pod_asks_for(why: str, pod: dict[str, Any], cpu: str | None) -> None:
    assert asked(pod).get("cpu") == (Decimal(cpu) if cpu else None), why


def test_a_default_that_the_server_put_into_a_pod_counts() -> None:
    admitted = {"spec": spec(container(cpu="200m"))}
    assert needs({"spec": spec({})}, [admitted, {}])["cpu"] == Decimal("0.2")


def surge(pods: int = 1, cpu: str | None = "500m", **more: Any) -> Surge:
    requests = {"cpu": Decimal("0.5")} if cpu else {}
    limits = {"memory": Decimal(2**30)} if cpu else {}
    return Surge(pods, requests, limits, {"spec": spec({}, **more)})


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **scopes: Any) -> dict[str, Any]:
    body = {"metadata": {"name": "q"}, "spec": {"hard": hard, **scopes}}
    return body if used is None else {**body, "status": {"hard": hard, "used": used}}


def classes(operator: str, *values: str) -> dict[str, Any]:
    expression = {"scopeName": "PriorityClass", "operator": operator, **({"values": list(values)} if values else {})}
    return {"scopeSelector": {"matchExpressions": [expression]}}


FULL: dict[str, str] = {"pods": "3"}


@g.table(
    ("why", "raw", "added", "enough"),
    [
        ("one pod left for one", quota(FULL, {"pods": "2"}), surge(), True),
        ("none left", quota(FULL, FULL), surge(), False),
        ("one left for two", quota(FULL, {"pods": "2"}), surge(2), False),
        ("cpu, just enough", quota({"requests.cpu": "2"}, {"requests.cpu": "1500m"}), surge(), True),
        ("cpu, a bit too little", quota({"requests.cpu": "2"}, {"requests.cpu": "1501m"}), surge(), False),
        ("cpu by its short name", quota({"cpu": "2"}, {"cpu": "2"}), surge(), False),
        ("memory limits", quota({"limits.memory": "4Gi"}, {"limits.memory": "3500Mi"}), surge(), False),
        ("something it does not use", quota({"services": "1"}, {"services": "1"}), surge(), True),
        ("ReplicaSets", quota({"count/replicasets.apps": "4"}, {"count/replicasets.apps": "4"}), surge(), False),
        ("no status yet, and nothing used", quota({"pods": "1"}), surge(), True),
        ("no status yet, nothing allowed", quota({"pods": "0"}), surge(), False),
        ("for pods that end", quota(FULL, FULL, scopes=["Terminating"]), surge(), True),
        (
            "for pods that end, as these do",
            quota(FULL, FULL, scopes=["Terminating"]),
            surge(activeDeadlineSeconds=9),
            False,
        ),
        ("for pods that do not end", quota(FULL, FULL, scopes=["NotTerminating"]), surge(), False),
        ("for best effort", quota(FULL, FULL, scopes=["BestEffort"]), surge(), True),
        ("for best effort, as these are", quota(FULL, FULL, scopes=["BestEffort"]), surge(cpu=None), False),
        ("for better than best effort", quota(FULL, FULL, scopes=["NotBestEffort"]), surge(cpu=None), True),
        ("of another class", quota(FULL, FULL, **classes("In", "high")), surge(priorityClassName="low"), True),
        ("of their class", quota(FULL, FULL, **classes("In", "high")), surge(priorityClassName="high"), False),
        ("of any class, and they have none", quota(FULL, FULL, **classes("Exists")), surge(), True),
        ("of a scope nobody knows", quota(FULL, FULL, scopes=["Future"]), surge(), False),
    ],
)
def test_what_a_quota_admits(why: str, raw: dict[str, Any], added: Surge, enough: bool) -> None:
    assert (lacking([raw], added) == ()) is enough, why


def test_a_full_quota_is_told_with_its_figures() -> None:
    told = lacking([quota({"requests.cpu": "2"}, {"requests.cpu": "1600m"})], surge())
    assert told == ("ResourceQuota q: requests.cpu 1600m of 2 used, 0.5 more needed",)


def test_a_quantity_that_makes_no_sense_is_an_error_and_no_room() -> None:
    with pytest.raises(ValueError, match="few"):
        lacking([quota({"pods": "few"}, {})], surge())


def node(name: str = "one", cpu: str = "2", *, ready: str = "True", pods: str = "10", **more: Any) -> dict[str, Any]:
    labels = {"kubernetes.io/hostname": name, "disk": "ssd"}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": more,
        "status": {"allocatable": {"cpu": cpu, "pods": pods}, "conditions": [{"type": "Ready", "status": ready}]},
    }


def pod(cpu: str, on: str = "one", phase: str = "Running") -> dict[str, Any]:
    return {"spec": {**spec(container(cpu=cpu)), "nodeName": on}, "status": {"phase": phase}}


def affinity(key: str, operator: str, *values: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}}


TAINT = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
EXACT = {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}


@g.table(
    ("why", "nodes", "pods", "added", "places"),
    [
        ("an empty node", [node()], [], surge(3), 3),
        ("no node", [], [], surge(), 0),
        ("four halves fit into two", [node()], [], surge(5), 4),
        ("two nodes together", [node(), node("two", "1")], [], surge(9), 6),
        ("the rest of one and the rest of the other are no place", [node(cpu="0.4"), node("b", "0.4")], [], surge(), 0),
        ("taken", [node()], [pod("1600m")], surge(), 0),
        ("taken on another node", [node()], [pod("1600m", "two")], surge(), 1),
        ("taken by what is over", [node()], [pod("2", phase="Failed")], surge(), 1),
        ("no pod more", [node(pods="1")], [pod("1m")], surge(), 0),
        ("pods that ask for nothing need a place too", [node(cpu="0", pods="2")], [], surge(3, cpu=None), 2),
        ("not ready", [node(ready="False")], [], surge(), 0),
        ("cordoned", [node(unschedulable=True)], [], surge(), 0),
        ("a taint", [node(taints=[TAINT])], [], surge(), 0),
        ("a tolerated taint", [node(taints=[TAINT])], [], surge(tolerations=[EXACT]), 1),
        ("a toleration of everything", [node(taints=[TAINT])], [], surge(tolerations=[{"operator": "Exists"}]), 1),
        ("another value is tolerated", [node(taints=[TAINT])], [], surge(tolerations=[{**EXACT, "value": "no"}]), 0),
        (
            "another effect is tolerated",
            [node(taints=[TAINT])],
            [],
            surge(tolerations=[{**EXACT, "effect": "NoExecute"}]),
            0,
        ),
        ("a taint that only prefers", [node(taints=[{**TAINT, "effect": "PreferNoSchedule"}])], [], surge(), 1),
        ("the chosen node", [node()], [], surge(nodeSelector={"disk": "ssd"}), 1),
        ("another node is chosen", [node()], [], surge(nodeSelector={"disk": "hdd"}), 0),
        ("the node it must have", [node()], [], surge(**affinity("disk", "In", "ssd")), 1),
        ("not the node it must have", [node()], [], surge(**affinity("disk", "NotIn", "ssd")), 0),
        ("a comparison nobody knows here", [node()], [], surge(**affinity("disk", "Gt", "1")), 0),
    ],
)
def test_how_many_pods_find_a_place(
    why: str, nodes: list[dict[str, Any]], pods: list[dict[str, Any]], added: Surge, places: int
) -> None:
    assert fitting(rooms(nodes, pods), added) == places, why


@supposing(st.integers(0, 4000), st.integers(0, 4000), st.integers(1, 5))
def test_what_fits_never_asks_for_more_than_there_is(has: int, taken: int, count: int) -> None:
    found = fitting(rooms([node(cpu=f"{has}m")], [pod(f"{taken}m")]), surge(count))
    assert 0 <= found <= count
    assert found == 0 or found * 500 <= has - taken
