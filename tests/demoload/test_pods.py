"""Raw Kubernetes JSON is read as the kubelet would, and the example manifest fits the played services."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.demoload.pods import Snapshot, read_snapshot
from devcluster.demoload.services import DEMO, MIB

WORKLOAD = Path(__file__).parents[2] / "examples" / "demo" / "workload.yaml"
Json = dict[str, Any]


def deployment(name: str = "orders", replicas: int = 1) -> Json:
    return {
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}},
    }


def pod(
    *,
    name: str = "orders-1",
    app: str = "orders",
    ready: str = "True",
    leaving: bool = False,
    **container: Any,
) -> Json:
    meta: Json = {
        "name": name,
        "namespace": "shop",
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"app": app, "pod-template-hash": "x"},
    }
    if leaving:
        meta["deletionTimestamp"] = "2026-01-01T00:01:00Z"
    status = {"conditions": [{"type": "Ready", "status": ready}]}
    return {"metadata": meta, "spec": {"containers": [{"name": "app", **container}]}, "status": status}


def configmap(name: str = "orders-config", **data: str) -> Json:
    return {"metadata": {"name": name}, "data": data}


def look(*pods: Json, deployments: list[Json] | None = None, configmaps: list[Json] | None = None) -> Snapshot:
    return read_snapshot(0.0, deployments=deployments or [deployment()], pods=list(pods), configmaps=configmaps or [])


FROM_KEY = {
    "name": "POOL_SIZE",
    "valueFrom": {"configMapKeyRef": {"name": "orders-config", "key": "POOL_SIZE"}},
}
ENV_FROM = [{"configMapRef": {"name": "orders-config"}}]


@pytest.mark.parametrize(
    ("container", "pool"),
    [
        pytest.param({"env": [{"name": "POOL_SIZE", "value": "40"}]}, "40", id="a literal"),
        pytest.param({"env": [FROM_KEY]}, "50", id="a key of a ConfigMap"),
        pytest.param({"envFrom": ENV_FROM}, "50", id="a whole ConfigMap"),
        pytest.param(
            {"envFrom": ENV_FROM, "env": [{"name": "POOL_SIZE", "value": "40"}]},
            "40",
            id="env wins over envFrom",
        ),
        pytest.param({"env": [{"name": "POOL_SIZE", "valueFrom": {"fieldRef": {}}}]}, None, id="neither"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_a_variable_is_resolved_from(container: Json, pool: str | None) -> None:
    seen = look(pod(**container), configmaps=[configmap(POOL_SIZE="50")])
    assert seen.pods[0].env.get("POOL_SIZE") == pool


def test_a_variable_of_a_missing_config_map_is_absent() -> None:
    assert "POOL_SIZE" not in look(pod(env=[FROM_KEY])).pods[0].env


@pytest.mark.parametrize(
    ("ready", "leaving", "expected"), [("True", False, True), ("False", False, False), ("True", True, False)]
)
def test_ready_means_ready_and_not_terminating(*, ready: str, leaving: bool, expected: bool) -> None:
    assert look(pod(ready=ready, leaving=leaving)).pods[0].ready is expected


def test_pods_that_no_deployment_selects_are_left_out() -> None:
    assert [one.name for one in look(pod(), pod(name="job", app="batch")).pods] == ["orders-1"]


def test_times_and_limits_are_read_in_seconds_and_bytes() -> None:
    seen = look(pod(resources={"limits": {"memory": "512Mi"}})).pods[0]
    assert seen.created == 1_767_225_600
    assert seen.memory_limit == 512 * MIB


@pytest.mark.parametrize(
    ("pods", "replicas", "unfinished"),
    [
        pytest.param([pod()], 1, [], id="all ready"),
        pytest.param([pod()], 2, ["orders"], id="one missing"),
        pytest.param([pod(ready="False")], 1, ["orders"], id="one not ready"),
        pytest.param([pod(), pod(name="orders-2")], 1, ["orders"], id="a surge pod left"),
    ],
)
def test_a_deployment_is_finished_when(pods: list[Json], replicas: int, unfinished: list[str]) -> None:
    assert look(*pods, deployments=[deployment(replicas=replicas)]).unfinished(["orders"]) == unfinished


def test_a_deployment_that_is_not_there_is_unfinished() -> None:
    assert look(pod()).unfinished(["orders", "catalog"]) == ["catalog"]


def test_the_example_manifest_has_the_deployments_pools_and_limits_that_the_demo_plays() -> None:
    documents: list[Json] = list(yaml.safe_load_all(WORKLOAD.read_text()))
    found = {kind: [one for one in documents if one["kind"] == kind] for kind in ("Deployment", "ConfigMap")}
    pods = [_start(one, number) for one in found["Deployment"] for number in range(one["spec"]["replicas"])]
    seen = read_snapshot(0.0, deployments=found["Deployment"], pods=pods, configmaps=found["ConfigMap"])
    assert seen.unfinished(service.name for service in DEMO) == []
    assert len(seen.pods) == sum(service.replicas for service in DEMO)
    for service in DEMO:
        for one in (one for one in seen.pods if one.deployment == service.name):
            assert one.memory_limit == 512 * MIB
            if service.pool_env:
                assert float(one.env[service.pool_env]) == service.pool


def _start(manifest: Json, number: int) -> Json:
    """A ready pod of a Deployment's template."""
    meta, template = manifest["metadata"], manifest["spec"]["template"]
    started = pod(name=f"{meta['name']}-{number}", app=meta["name"])
    started["spec"] = template["spec"]
    started["metadata"]["labels"] = template["metadata"]["labels"]
    return started
