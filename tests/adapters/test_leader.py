"""A leader writes only as long as its Lease is surely its own, also when it was paused and does not know it yet."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from prometheus_client import CollectorRegistry

from vanguard.adapters import kubernetes, leader
from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.errors import Unavailable
from vanguard.ports import Raw
from vanguard.settings import Settings
from vanguard.telemetry import Telemetry

SETTINGS = Settings(identity="me", namespace="home")
RECORD = LeaderElectionRecord("me", "15", "2026-03-04T12:00:00", "2026-03-04T12:00:00")


class Server(KubernetesCluster):
    """A server that takes everything and holds one Lease."""

    def __init__(self) -> None:
        super().__init__(None, timedelta(seconds=1), Telemetry(CollectorRegistry()))
        self.lease: Raw = {}
        self.written: list[str] = []

    async def _request(self, verb: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Raw:
        del query
        if verb == "GET":
            return self.lease
        self.written.append(path.rsplit("/", 1)[-1])
        self.lease = body
        return body  # type: ignore[no-any-return]


class Watch:
    """The monotonic clock, as far as a test has wound it."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(kubernetes, "time", made)
    monkeypatch.setattr(leader, "time", made)
    return made


def write(server: Server) -> None:
    asyncio.run(server.create("Event", "shop", {"metadata": {"name": "e"}}))


def led(server: Server) -> leader._Lease:
    lock = leader._Lease(server, SETTINGS)
    assert asyncio.run(lock.create("vanguard", "home", RECORD))
    return lock


def test_who_does_not_lead_at_all_writes_whenever_they_like(watch: Watch) -> None:
    server = Server()
    watch.now += 1e6
    write(server)
    assert server.written == ["events"]


def test_a_leader_that_was_paused_past_its_deadline_writes_nothing_until_it_has_renewed(watch: Watch) -> None:
    server = Server()
    lock = led(server)
    watch.now += 9
    write(server)
    watch.now += 7
    with pytest.raises(Unavailable, match="not renewed in time"):
        write(server)
    assert asyncio.run(lock.update("vanguard", "home", RECORD)), "the Lease itself may be written"
    write(server)
    assert server.written == ["leases", "events", "vanguard", "events"]


def test_a_leader_that_sees_another_hold_the_lease_is_fenced_at_once(watch: Watch) -> None:
    server = Server()
    lock = led(server)
    watch.now += 1
    server.lease = {"spec": {"holderIdentity": "another", "leaseDurationSeconds": 15}}
    asyncio.run(lock.get("vanguard", "home"))
    with pytest.raises(Unavailable, match="the Lease is lost"):
        write(server)


def test_a_standby_that_sees_another_hold_the_lease_is_not(watch: Watch) -> None:
    del watch
    server = Server()
    server.lease = {"spec": {"holderIdentity": "another", "leaseDurationSeconds": 15}}
    asyncio.run(leader._Lease(server, SETTINGS).get("vanguard", "home"))
    write(server)
    assert server.written == ["events"]
