"""What is played is what the demo's manifests run: the same Deployments, replicas, and pool sizes."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from devcluster.demoload.pods import Snapshot, joined
from devcluster.demoload.services import CASTS, Service
from devcluster.operator_process import GOVERNED, SHOP

Json = dict[str, Any]


def manifests() -> list[Json]:
    return [one for file in GOVERNED.workloads for one in yaml.safe_load_all(file.read_text())]


def played() -> Iterator[tuple[str, Service]]:
    return ((space, service) for space, cast in CASTS.items() for service in cast)


def deployment(namespace: str, name: str) -> Json:
    return next(
        one
        for one in manifests()
        if one["kind"] == "Deployment" and (one["metadata"]["namespace"], one["metadata"]["name"]) == (namespace, name)
    )


def test_every_deployment_of_the_demo_is_played_and_no_other() -> None:
    shipped = {
        (one["metadata"]["namespace"], one["metadata"]["name"]) for one in manifests() if one["kind"] == "Deployment"
    }
    assert {(space, service.name) for space, service in played()} == shipped
    assert set(GOVERNED.namespaces) == set(CASTS) > set(SHOP.namespaces)


def test_no_two_services_have_the_same_name_for_pods_are_told_apart_by_it() -> None:
    names = Counter(service.name for _, service in played())
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize(("namespace", "service"), [pytest.param(*one, id=one[1].name) for one in played()])
def test_a_service_has_the_replicas_and_the_pool_it_was_shipped_with(namespace: str, service: Service) -> None:
    raw = deployment(namespace, service.name)
    assert raw["spec"]["replicas"] == service.replicas
    (container,) = raw["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one for one in container.get("env", ())}
    assert (service.pool_env is None) == (not env)
    if service.pool_env is not None:
        assert float(_value(namespace, env[service.pool_env])) == service.pool


def _value(namespace: str, env: Json) -> str:
    if "value" in env:
        return str(env["value"])
    wanted = env["valueFrom"]["configMapKeyRef"]
    return next(
        str(one["data"][wanted["key"]])
        for one in manifests()
        if one["kind"] == "ConfigMap"
        and (one["metadata"]["namespace"], one["metadata"]["name"]) == (namespace, wanted["name"])
    )


def test_looks_at_several_namespaces_are_one_look_as_old_as_the_oldest() -> None:
    seen = joined(
        [Snapshot(at=20.0, pods=(), desired={"orders": 3}), Snapshot(at=10.0, pods=(), desired={"search": 2})]
    )
    assert (seen.at, seen.unfinished(["orders", "search", "none"])) == (10.0, ["orders", "search", "none"])
    assert dict(seen.desired) == {"orders": 3, "search": 2}
