"""One leader: a coordination/v1 Lease, by the official client's leader election.

The election is the library's; its Lease is not: in 37.0.2 creating one fails on its own argument (`pretty=True`),
and times are written as local time marked UTC. Ours speaks raw JSON through the same client as everything else.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from kubernetes.aio.client.exceptions import ApiException
from kubernetes.aio.leaderelection.electionconfig import Config
from kubernetes.aio.leaderelection.leaderelection import LeaderElection
from kubernetes.aio.leaderelection.leaderelectionrecord import LeaderElectionRecord
from kubernetes.aio.leaderelection.resourcelock.baselock import BaseLock

from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.errors import ClusterError, NotFound
from vanguard.ports import Raw
from vanguard.settings import Settings

_log = logging.getLogger(__name__)


class _Lease(BaseLock):  # type: ignore[misc]
    """The lock the library asks for. A server that does not answer is a failed try, not the end."""

    def __init__(self, cluster: KubernetesCluster, settings: Settings) -> None:
        super().__init__(settings.lease_name, settings.namespace, settings.identity)
        self._cluster = cluster
        self._read: Raw = {}
        # Two requests make a try; the last try may begin just before the deadline, and all must end with the Lease.
        self._patience = settings.lease_retry_period.total_seconds()
        self._deadline = settings.lease_renew_deadline.total_seconds()
        self._ours = False

    async def get(self, name: str, namespace: str) -> tuple[bool, LeaderElectionRecord | ApiException]:
        try:
            async with asyncio.timeout(self._patience):
                self._read = await self._cluster.get("Lease", namespace, name)
        except NotFound:
            absent = ApiException(status=404, reason="absent")
            absent.body = '{"code": 404}'
            return False, absent
        except (ClusterError, TimeoutError) as error:
            return False, ApiException(status=0, reason=str(error))
        spec = self._read.get("spec", {})
        if self._ours and spec.get("holderIdentity") != self.identity:
            _log.error("the Lease is %s's by now; nothing more is written", spec.get("holderIdentity"))
            self._cluster.fence()
        held = spec.get("leaseDurationSeconds")
        return True, LeaderElectionRecord(
            spec.get("holderIdentity"), str(held) if held else None, spec.get("acquireTime"), spec.get("renewTime")
        )

    async def create(self, name: str, namespace: str, election_record: LeaderElectionRecord) -> bool:
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": name, "namespace": namespace},
            "spec": _spec(election_record),
        }
        begun = time.monotonic()
        try:
            await self._cluster.create("Lease", namespace, body)
        except ClusterError as error:
            _log.warning("the Lease could not be created: %s", error)
            return False
        return self._renewed(begun)

    async def update(self, name: str, namespace: str, updated_record: LeaderElectionRecord) -> bool:
        body = {**self._read, "spec": {**self._read.get("spec", {}), **_spec(updated_record)}}
        begun = time.monotonic()
        try:
            async with asyncio.timeout(self._patience):
                await self._cluster.replace("Lease", namespace, name, body)
        except (ClusterError, TimeoutError) as error:
            _log.warning("the Lease could not be renewed: %s", error)
            return False
        return self._renewed(begun)

    def _renewed(self, begun: float) -> bool:
        """It is ours, counted from before the request: whatever else is written has the deadline to be sent."""
        self._ours = True
        self._cluster.led_until(begun + self._deadline)
        return True


def _spec(record: LeaderElectionRecord) -> Raw:
    return {
        "holderIdentity": record.holder_identity,
        "leaseDurationSeconds": int(record.lease_duration),
        "acquireTime": _micro_time(record.acquire_time),
        "renewTime": _micro_time(record.renew_time),
    }


def _micro_time(text: str) -> str:
    """The library's times are local without a zone, the Lease's are UTC with microseconds."""
    at = datetime.fromisoformat(text).astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def lead(
    cluster: KubernetesCluster,
    settings: Settings,
    on_started: Callable[[], Awaitable[None]],
    on_lost: Callable[[], Awaitable[None]],
) -> None:
    """Wait for the Lease, then hold it; returns only once it is lost.

    Args:
        cluster: the API server.
        settings: name, namespace and times of the Lease, and who we are.
        on_started: called once the Lease is ours.
        on_lost: called once it is lost; nothing may be written after that.
    """
    _log.info("waiting for Lease %s/%s as %s", settings.namespace, settings.lease_name, settings.identity)
    await LeaderElection(
        Config(
            _Lease(cluster, settings),
            lease_duration=int(settings.lease_duration.total_seconds()),
            renew_deadline=settings.lease_renew_deadline.total_seconds(),
            retry_period=settings.lease_retry_period.total_seconds(),
            onstarted_leading=on_started,
            onstopped_leading=on_lost,
        )
    ).run()
