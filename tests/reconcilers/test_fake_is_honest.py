"""The fake API server behaves like the real one: one script, told to both, and one account of what must come of it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import client, config
from prometheus_client import CollectorRegistry

from devcluster.cluster import Cluster
from tests.reconcilers import objects
from tests.reconcilers.fakes import FakeClock, FakeCluster
from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.errors import ClusterError
from vanguard.ports import Cluster as Port
from vanguard.ports import Raw
from vanguard.settings import Settings
from vanguard.telemetry import Telemetry

SPACE = "honesty"
Delete = Callable[[str, str], object]
Account = list[tuple[str, object]]

EXPECTED: Account = [
    ("create", "done"),
    ("create twice", "AlreadyExists"),
    ("get what is not there", "NotFound"),
    ("patch what is not there", "NotFound"),
    ("list by label", ["one"]),
    ("list by a label nothing has", []),
    ("list a namespace nothing is in", []),
    ("patch, its tests hold", "2"),
    ("the resourceVersion moved", True),
    ("patch, a test of a value fails", "Conflict"),
    ("patch, a test of the resourceVersion fails", "Conflict"),
    ("patch, a test of a key that is not there", "Conflict"),
    ("patch, a test below a parent that is not there", "Conflict"),
    ("nothing of a failed patch is kept", "2"),
    ("a dry run answers what would be", "3"),
    ("a dry run keeps nothing", "2"),
    ("a dry run moves no resourceVersion", True),
    ("a dry run of there and back again", "2"),
    ("a patch that changes nothing moves no resourceVersion", True),
    ("annotations that have become empty are gone", True),
    ("a workload begins at generation", 1),
    ("a Deployment's annotation is a generation", 2),
    ("its env value is a generation", 3),
    ("its template's annotation is a generation", 4),
    ("a StatefulSet's annotation is none", 1),
    ("its env value is one", 2),
    ("a status given at creation is dropped", True),
    ("status, fresh", "Pending"),
    ("status, stale resourceVersion", "Conflict"),
    ("status of what is not there", "NotFound"),
    ("status that its schema forbids", "Invalid"),
    ("a status is no generation", 1),
    ("a spec sent with a status is left", "Pool"),
    ("deleted, while a finalizer holds it", True),
    ("its last finalizer goes", "NotFound"),
    ("made anew under the old name, it is another", True),
    ("evict what is not there", "NotFound"),
    ("evict another of that name", "Conflict"),
    ("an eviction that a budget forbids", "Disrupted"),
    ("a dry run of it", "Disrupted"),
    ("a dry run of one that none forbids", "done"),
    ("after all of that it is there", True),
    ("an eviction that none forbids", "done"),
    ("after it, it is not", "NotFound"),
    ("evict it once more", "NotFound"),
]


async def outcome(call: Awaitable[Any]) -> str:
    """What came of a call: done, or the error's name."""
    try:
        await call
    except ClusterError as error:
        return type(error).__name__
    return "done"


def write(path: str, value: object, verb: str = "replace") -> Raw:
    return {"op": verb, "path": path, "value": value}


async def tell(port: Port, delete: Delete) -> Account:
    """The script."""
    told: Account = []
    await _objects(port, told)
    await _patches(port, told)
    await _dry_runs(port, told)
    await _generations(port, told)
    await _statuses(port, told)
    await _deletion(port, told, delete)
    await _evictions(port, told)
    return told


async def _objects(port: Port, told: Account) -> None:
    body: Raw = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "one", "labels": {"app": "orders"}},
        "data": {"A": "1"},
    }
    told.append(("create", await outcome(port.create("ConfigMap", SPACE, body))))
    told.append(("create twice", await outcome(port.create("ConfigMap", SPACE, body))))
    told.append(("get what is not there", await outcome(port.get("ConfigMap", SPACE, "none"))))
    missing = port.patch("ConfigMap", SPACE, "none", [write("/data/A", "2")])
    told.append(("patch what is not there", await outcome(missing)))
    for label, value in (("list by label", "orders"), ("list by a label nothing has", "none")):
        found = await port.list("ConfigMap", SPACE, labels={"app": value})
        told.append((label, [raw["metadata"]["name"] for raw in found]))
    told.append(("list a namespace nothing is in", list(await port.list("ConfigMap", "honesty-empty"))))


async def _patches(port: Port, told: Account) -> None:
    async def patch(*operations: Raw) -> Raw:
        return await port.patch("ConfigMap", SPACE, "one", operations)

    first = (await port.get("ConfigMap", SPACE, "one"))["metadata"]["resourceVersion"]
    version = write("/metadata/resourceVersion", first, "test")
    after = await patch(version, write("/data/A", "1", "test"), write("/data/A", "2"))
    told.append(("patch, its tests hold", after["data"]["A"]))
    told.append(("the resourceVersion moved", after["metadata"]["resourceVersion"] != first))
    spoil = write("/data/A", "9")
    absent = "/metadata/annotations/vanguard.dev~1intervention"
    for label, operations in (
        ("a test of a value fails", [spoil, write("/data/A", "1", "test")]),
        ("a test of the resourceVersion fails", [version, spoil]),
        ("a test of a key that is not there", [spoil, write("/data/B", "1", "test")]),
        ("a test below a parent that is not there", [spoil, write(absent, "1", "test")]),
    ):
        told.append((f"patch, {label}", await outcome(patch(*operations))))
    told.append(("nothing of a failed patch is kept", (await port.get("ConfigMap", SPACE, "one"))["data"]["A"]))


async def _dry_runs(port: Port, told: Account) -> None:
    async def dry(*operations: Raw) -> Raw:
        return await port.patch("ConfigMap", SPACE, "one", operations, dry_run=True)

    before = await port.get("ConfigMap", SPACE, "one")
    told.append(("a dry run answers what would be", (await dry(write("/data/A", "3")))["data"]["A"]))
    after = await port.get("ConfigMap", SPACE, "one")
    told.append(("a dry run keeps nothing", after["data"]["A"]))
    version = before["metadata"]["resourceVersion"]
    told.append(("a dry run moves no resourceVersion", after["metadata"]["resourceVersion"] == version))
    there, back = write("/data/A", "3"), write("/data/A", "2")
    again = await dry(write("/metadata/resourceVersion", version, "test"), there, write("/data/A", "3", "test"), back)
    told.append(("a dry run of there and back again", again["data"]["A"]))
    same = await port.patch("ConfigMap", SPACE, "one", [write("/data/A", "2")])
    still = same["metadata"]["resourceVersion"] == version
    told.append(("a patch that changes nothing moves no resourceVersion", still))
    path = "/metadata/annotations/vanguard.dev~1intervention"
    made = [write("/metadata/annotations", {}, "add"), write(path, "x", "add")]
    await port.patch("ConfigMap", SPACE, "one", made)
    bare = await port.patch("ConfigMap", SPACE, "one", [{"op": "remove", "path": path}])
    told.append(("annotations that have become empty are gone", "annotations" not in bare["metadata"]))


async def _generations(port: Port, told: Account) -> None:
    annotated = [write("/metadata/annotations", {"x": "1"}, "add")]
    tuned = [write("/spec/template/spec/containers/0/env/0/value", "60")]
    restarted = [write("/spec/template/metadata/annotations", {"x": "1"}, "add")]
    for kind in ("Deployment", "StatefulSet"):
        body = objects.workload(kind, "orders", SPACE)
        body["spec"]["replicas"] = 0
        made = await port.create(kind, SPACE, body)
        if kind == "Deployment":
            told.append(("a workload begins at generation", made["metadata"]["generation"]))
    for kind, label, operations in (
        ("Deployment", "a Deployment's annotation is a generation", annotated),
        ("Deployment", "its env value is a generation", tuned),
        ("Deployment", "its template's annotation is a generation", restarted),
        ("StatefulSet", "a StatefulSet's annotation is none", annotated),
        ("StatefulSet", "its env value is one", tuned),
    ):
        told.append((label, (await port.patch(kind, SPACE, "orders", operations))["metadata"]["generation"]))


async def _statuses(port: Port, told: Account) -> None:
    body = objects.intervention("iv", objects.CONFIG_MAP, "orders", "uid-1", 1, FakeClock().now())
    body["metadata"]["namespace"] = SPACE
    made = await port.create("Intervention", SPACE, {**body, "status": {"phase": "Succeeded"}})
    told.append(("a status given at creation is dropped", made.get("status", {}).get("phase") != "Succeeded"))
    pending: Raw = {"phase": "Pending", "reason": "Waiting", "message": ""}
    after = await port.replace_status("Intervention", {**made, "status": pending})
    told.append(("status, fresh", after["status"]["phase"]))
    stale = {**made, "status": {**pending, "message": "late"}}
    told.append(("status, stale resourceVersion", await outcome(port.replace_status("Intervention", stale))))
    gone = {**made, "metadata": {**made["metadata"], "name": "none"}, "status": pending}
    told.append(("status of what is not there", await outcome(port.replace_status("Intervention", gone))))
    wrong = {**after, "status": {"phase": "Nonsense"}}
    told.append(("status that its schema forbids", await outcome(port.replace_status("Intervention", wrong))))
    told.append(("a status is no generation", after["metadata"]["generation"]))
    spec = {**after["spec"], "diagnosis": {**after["spec"]["diagnosis"], "title": "Another"}}
    left = await port.replace_status("Intervention", {**after, "spec": spec})
    told.append(("a spec sent with a status is left", left["spec"]["diagnosis"]["title"]))


async def _deletion(port: Port, told: Account, delete: Delete) -> None:
    first = await port.get("Intervention", SPACE, "iv")
    held = write("/metadata/finalizers", ["vanguard.dev/undo-before-release"], "add")
    await port.patch("Intervention", SPACE, "iv", [held])
    delete("Intervention", "iv")
    going = await port.get("Intervention", SPACE, "iv")
    told.append(("deleted, while a finalizer holds it", "deletionTimestamp" in going["metadata"]))
    await port.patch("Intervention", SPACE, "iv", [{"op": "remove", "path": "/metadata/finalizers"}])
    told.append(("its last finalizer goes", await outcome(port.get("Intervention", SPACE, "iv"))))
    body = objects.intervention("iv", objects.CONFIG_MAP, "orders", "uid-1", 1, FakeClock().now())
    again = await port.create("Intervention", SPACE, {**body, "metadata": {"name": "iv", "namespace": SPACE}})
    other = again["metadata"]["uid"] != first["metadata"]["uid"]
    told.append(("made anew under the old name, it is another", other))


async def _evictions(port: Port, told: Account) -> None:
    """Pods that no node runs, so that they go at once; one of them is said to run, and a budget heeds only those."""
    uids = {}
    for name in ("guarded", "free"):
        spec = {"schedulerName": "nobody", "containers": [{"name": "app", "image": "app"}]}
        body: Raw = {"metadata": {"name": name, "labels": {"pod": name}}, "spec": spec}
        made = await port.create("Pod", SPACE, {"apiVersion": "v1", "kind": "Pod", **body})
        await port.replace_status("Pod", {**made, "status": {"phase": "Running"}})
        uids[name] = made["metadata"]["uid"]
    guard = {"minAvailable": 1, "selector": {"matchLabels": {"pod": "guarded"}}}
    about = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "guard"}}
    await port.create("PodDisruptionBudget", SPACE, {**about, "spec": guard})

    async def evict(name: str, uid: str = "", **how: bool) -> str:
        return await outcome(port.evict(SPACE, name, uid or uids.get(name, "none"), **how))

    told.append(("evict what is not there", await evict("none")))
    told.append(("evict another of that name", await evict("free", uids["guarded"])))
    told.append(("an eviction that a budget forbids", await evict("guarded")))
    told.append(("a dry run of it", await evict("guarded", dry_run=True)))
    told.append(("a dry run of one that none forbids", await evict("free", dry_run=True)))
    there = await port.get("Pod", SPACE, "free")
    told.append(("after all of that it is there", there["metadata"]["uid"] == uids["free"]))
    told.append(("an eviction that none forbids", await evict("free")))
    told.append(("after it, it is not", await outcome(port.get("Pod", SPACE, "free"))))
    told.append(("evict it once more", await evict("free")))


def test_the_fake_api_server_does_what_the_account_says() -> None:
    fake = FakeCluster(FakeClock())
    assert asyncio.run(tell(fake, lambda kind, name: fake.delete(kind, SPACE, name))) == EXPECTED


@pytest.fixture
def space(cluster: Cluster) -> Iterator[Cluster]:
    """The real cluster, with a namespace for the script alone."""
    cluster.kubectl("create", "namespace", SPACE)
    yield cluster
    cluster.kubectl("delete", "namespace", SPACE, "--wait=false")


@pytest.mark.cluster
def test_the_real_api_server_does_what_the_account_says(space: Cluster) -> None:
    def delete(kind: str, name: str) -> None:
        space.kubectl("delete", kind, name, "-n", SPACE, "--wait=false")

    assert asyncio.run(_told_by(space.kubeconfig, delete)) == EXPECTED


async def _told_by(kubeconfig: Path, delete: Delete) -> Account:
    configuration = client.Configuration()
    await config.load_kube_config(config_file=str(kubeconfig), client_configuration=configuration)
    api = client.ApiClient(configuration)
    port = KubernetesCluster(api, Settings(identity="honesty").api_timeout, Telemetry(CollectorRegistry()))
    try:
        return await tell(port, delete)
    finally:
        await port.close()
