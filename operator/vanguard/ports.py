"""What the operator needs of the world, as narrow as it can be; adapters provide it, tests may fake it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from vanguard.api.intervention import CommitPurpose
from vanguard.domain.series import Columns, RawSeries
from vanguard.domain.telling import Message

Raw = dict[str, Any]


class Clock(Protocol):
    """The only source of wall time."""

    def now(self) -> datetime:
        """The present time, with its zone."""


class Metrics(Protocol):
    """Prometheus."""

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[RawSeries]:
        """Evaluate a query over a period, for the series of one target.

        Raises:
            MetricsError: when there is no whole answer.
        """

    async def columns(self, query: str, start: datetime, end: datetime, step: timedelta) -> Columns:
        """Evaluate a query over a period, for very many series: float32, all over the times start + k * step.

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
class Draft:
    """A commit that writes one file, to be made once.

    Attributes:
        path: of the file in the repository.
        text: all of the file as it becomes.
        expected: the file as the text was made from, None for no such file; checked only where `guarded`.
        message: subject, body and our trailers.
        intervention: whose commit it is: the uid in its trailer.
        purpose: what it does; an Intervention has one commit of each.
        guarded: whether a file that is not as expected is left alone.
    """

    path: str
    text: str
    message: str
    intervention: str
    purpose: CommitPurpose
    expected: str | None = None
    guarded: bool = True


class Repository(Protocol):
    """One branch of a git repository. Every call may raise a RepositoryError."""

    async def head(self) -> str:
        """The newest commit's sha, asked of the remote; what it holds is known from then on."""

    async def read(self, commit: str, path: str) -> str | None:
        """A file in a commit that `head` gave; None where there is no such text. Asks nobody."""

    async def commits_of(self, commit: str, intervention: str) -> Mapping[CommitPurpose, str]:
        """Our commits for an Intervention among the newest 500 that lead to a commit `head` gave. Asks nobody."""

    async def commit(self, draft: Draft) -> str:
        """Commit on top of the branch and push; the sha. Made twice it is made once: the first one's sha.

        Raises:
            FileMoved: when the file is not as expected any more.
            RepositoryRefused: when the repository says no.
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

    async def evict(self, namespace: str, name: str, uid: str, *, dry_run: bool = False) -> None:
        """Have a pod leave by the Eviction API, if it still is the one of this uid.

        Raises:
            Conflict: when another pod bears the name by now.
            Disrupted: when a PodDisruptionBudget does not let it go now.
        """

    async def replace_status(self, kind: str, raw: Raw) -> Raw:
        """Write the status subresource; the object's resourceVersion guards it. Raises Conflict when it moved on."""
