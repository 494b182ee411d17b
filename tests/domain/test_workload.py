"""Workloads as decisions see them: complete rollouts, disturbed and crashing pods, owners."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.domain import given as g
from vanguard.api.base import WorkloadKind
from vanguard.domain.workload import Owners, crashing, last_disturbed, read_workload

DEPLOYMENT, STATEFUL_SET = WorkloadKind.DEPLOYMENT, WorkloadKind.STATEFUL_SET
NONE_LEFT = {"replicas": None, "updatedReplicas": None, "readyReplicas": None, "availableReplicas": None}


@g.table(
    ("why", "changes", "complete"),
    [
        ("all replicas are new and available", {}, True),
        ("the controller has not seen the newest spec", {"metadata": {"generation": 8}}, False),
        ("the controller has seen nothing", {"status": {"observedGeneration": None}}, False),
        ("it has no status at all", {"status": None}, False),
        ("it is paused", {"spec": {"paused": True}}, False),
        ("one replica is still old", {"status": {"updatedReplicas": 2}}, False),
        ("an old replica is left over", {"status": {"replicas": 4}}, False),
        ("one replica is not available", {"status": {"availableReplicas": 2}}, False),
        ("it is being scaled up", {"spec": {"replicas": 5}}, False),
        ("it is scaled to nothing", {"spec": {"replicas": 0}, "status": NONE_LEFT}, True),
        ("it wants nothing and has one left", {"spec": {"replicas": 0}, "status": {**NONE_LEFT, "replicas": 1}}, False),
    ],
)
def test_a_rollout_of_a_deployment_is_complete(why: str, changes: dict[str, Any], complete: bool) -> None:
    assert read_workload(g.deployment(**changes), DEPLOYMENT).rollout_complete is complete, why


SETTLED = {"updatedReplicas": None, "currentRevision": "r2", "updateRevision": "r2"}
ROLLING = {"updatedReplicas": 3, "currentRevision": "r1", "updateRevision": "r2"}


@g.table(
    ("why", "changes", "complete"),
    [
        ("all run the one revision there is", {"status": SETTLED}, True),
        ("all are updated, the revision not yet promoted", {"status": ROLLING}, True),
        ("one is still old", {"status": {**ROLLING, "updatedReplicas": 2}}, False),
        ("one is not available", {"status": {**SETTLED, "availableReplicas": 2}}, False),
        ("the controller has not seen the newest spec", {"metadata": {"generation": 8}, "status": SETTLED}, False),
    ],
)
def test_a_rollout_of_a_stateful_set_is_complete(why: str, changes: dict[str, Any], complete: bool) -> None:
    assert read_workload(g.deployment(**changes), STATEFUL_SET).rollout_complete is complete, why


@pytest.mark.parametrize(("desired", "ready", "percent"), [(3, 3, 100), (3, 2, 66), (3, 0, 0), (0, 0, 0), (2, 3, 150)])
def test_health_is_ready_replicas_of_those_wanted(desired: int, ready: int, percent: int) -> None:
    raw = g.deployment(spec={"replicas": desired}, status={"readyReplicas": ready})
    assert read_workload(raw, DEPLOYMENT).healthy_percent == percent


def test_a_workload_reads_as_its_identity() -> None:
    read = g.workload()
    assert str(read.key) == "shop/Deployment/orders"
    assert read.key.uid == g.UID
    assert (read.desired, read.ready, read.labels) == (3, 3, g.LABELS)


def test_a_workload_without_a_count_wants_one_replica() -> None:
    assert read_workload(g.deployment(spec={"replicas": None}), DEPLOYMENT).desired == 1


def pod(name: str, created: str, *containers: dict[str, Any], owner: tuple[str, str] | None = None) -> dict[str, Any]:
    owners: list[dict[str, Any]] = [{"kind": "Node", "uid": "n", "name": "n"}]
    if owner:
        owners.append({"kind": owner[0], "uid": owner[1], "name": "x", "controller": True})
    return {
        "metadata": {"name": name, "creationTimestamp": created, "ownerReferences": owners},
        "status": {"containerStatuses": list(containers)},
    }


def ended(at: str, where: str = "lastState") -> dict[str, Any]:
    return {where: {"terminated": {"finishedAt": at}}}


WAITING = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}
STARTING: dict[str, Any] = {"state": {"waiting": {"reason": "ContainerCreating"}}}


@g.table(
    ("why", "pods", "hour"),
    [
        ("no pods", [], None),
        ("the newest pod", [pod("a", "2026-03-10T01:00:00Z"), pod("b", "2026-03-10T02:00:00Z")], 2),
        ("a container that ended later", [pod("a", "2026-03-10T01:00:00Z", ended("2026-03-10T04:00:00Z"))], 4),
        ("one that is ended now", [pod("a", "2026-03-10T01:00:00Z", ended("2026-03-10T05:00:00Z", "state"))], 5),
        ("one that never ended", [pod("a", "2026-03-10T01:00:00Z", WAITING)], 1),
    ],
)
def test_when_a_workload_was_last_disturbed(why: str, pods: list[dict[str, Any]], hour: int | None) -> None:
    assert last_disturbed(pods) == (datetime(2026, 3, 10, hour, tzinfo=UTC) if hour else None), why


def test_crashing_pods_are_named_and_starting_ones_are_not() -> None:
    born = "2026-03-10T01:00:00Z"
    pods = [pod("ok", born), pod("new", born, STARTING), pod("bad", born, STARTING, WAITING)]
    assert crashing(pods) == ("bad",)


def test_a_pod_leads_to_its_workload_through_its_owners() -> None:
    born = "2026-03-10T01:00:00Z"
    owners = Owners(
        [
            pod("of-deployment", born, owner=("ReplicaSet", "rs1")),
            pod("of-stateful-set", born, owner=("StatefulSet", "sts1")),
            pod("of-lone-set", born, owner=("ReplicaSet", "rs2")),
            pod("of-lost-set", born, owner=("ReplicaSet", "rs9")),
            pod("unowned", born),
        ],
        [
            {
                "metadata": {
                    "uid": "rs1",
                    "ownerReferences": [{"kind": "Deployment", "uid": "d1", "controller": True}],
                }
            },
            {"metadata": {"uid": "rs2"}},
        ],
    )
    led = {
        name: owners.workload_uid(name)
        for name in ("of-deployment", "of-stateful-set", "of-lone-set", "of-lost-set", "unowned", "gone")
    }
    assert led == {
        "of-deployment": "d1",
        "of-stateful-set": "sts1",
        "of-lone-set": None,
        "of-lost-set": None,
        "unowned": None,
        "gone": None,
    }
