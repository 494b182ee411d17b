"""What the operator needs of the world, as narrow as it can be; adapters provide it, tests may fake it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from vanguard.domain.series import RawSeries
from vanguard.domain.telling import Message

Raw = dict[str, Any]


class Clock(Protocol):
    """The only source of wall time."""

    def now(self) -> datetime:
        """The present time, with its zone."""


class Metrics(Protocol):
    """Prometheus."""

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[RawSeries]:
        """Evaluate a query over a period.

        Raises:
            MetricsError: when there is no whole answer.
        """

    async def instant(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """Evaluate a query now: labels and value of each series.

        Raises:
            MetricsError: when there is no whole answer.
        """


class Notifier(Protocol):
    """A way to reach people."""

    async def send(self, message: Message) -> None:
        """Tell people; the same message twice is told once where the receiver allows it.

        Raises:
            NotSent: when it is not certain that it was taken.
        """


@dataclass(frozen=True)
class Heartbeat:
    """How the API server does.

    Attributes:
        server_time: its clock, in whole seconds; None where it does not say.
        latency: the median of its answers to us since the last time this was asked.
    """

    server_time: datetime | None
    latency: timedelta


class Cluster(Protocol):
    """The API server, in raw JSON. Every call may raise a ClusterError."""

    async def get(self, kind: str, namespace: str, name: str) -> Raw:
        """An object as it is now, never from a cache. Raises NotFound where there is none."""

    async def heartbeat(self) -> Heartbeat:
        """Its time and how fast it has answered lately; one cheap request."""

    async def list(self, kind: str, namespace: str = "", *, labels: Mapping[str, str] | None = None) -> Sequence[Raw]:
        """All objects of a kind, in a namespace or everywhere."""

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        """Create an object. Raises AlreadyExists where the name is taken."""

    async def patch(
        self, kind: str, namespace: str, name: str, operations: Sequence[Raw], *, dry_run: bool = False
    ) -> Raw:
        """Apply a JSON patch (RFC 6902). Raises Conflict where one of its tests fails."""

    async def replace_status(self, kind: str, raw: Raw) -> Raw:
        """Write the status subresource; the object's resourceVersion guards it. Raises Conflict when it moved on."""
