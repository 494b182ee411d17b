"""What every reconciler is given: the ports, the settings, and what detection knows."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vanguard.api.reasons import Reason
from vanguard.api.repositories import AuditSpec, RepositorySpec
from vanguard.domain.alert import Alert
from vanguard.domain.diagnosis import Assessment
from vanguard.domain.headroom import Room
from vanguard.domain.reading import Samples
from vanguard.domain.storm import Storm
from vanguard.domain.vitals import Vitals
from vanguard.domain.workload import TargetKey
from vanguard.errors import RepositoryError
from vanguard.ports import Clock, Cluster, Metrics, Repository
from vanguard.reconcilers.outbox import Outbox
from vanguard.settings import Settings
from vanguard.telemetry import Telemetry


@dataclass(frozen=True)
class Look:
    """What came of asking a repository for its newest commit: its sha, or what was wrong."""

    at: datetime
    head: str
    trouble: RepositoryError | None = None


@dataclass
class Git:
    """The repositories that may be written to, by name, where records go, and the last look at each."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    specs: dict[str, RepositorySpec] = field(default_factory=dict)
    audit: AuditSpec | None = None
    looks: dict[str, Look] = field(default_factory=dict)


@dataclass(frozen=True)
class Watched:
    """What detection knows of one pattern, at one generation, on one target."""

    generation: int
    alert: Alert
    assessment: Assessment


@dataclass(frozen=True)
class Watching:
    """The targets a pattern has series of, and what is not on the board of them.

    Attributes:
        at: when they were last evaluated.
        targets: all of them.
        silent: those that were not looked at and of which nothing could have been said, with the reason; the others
            that are not on the board are quiet.
    """

    at: datetime
    targets: frozenset[TargetKey]
    silent: Mapping[TargetKey, Reason] = field(default_factory=dict)


@dataclass
class Kept:
    """What was read since the last detection cycle began and is good until the next: no look reads it again.

    Attributes:
        rooms: the nodes and what is free on them; None before anybody asked.
        answers: what Prometheus said, by query.
    """

    rooms: tuple[Room, ...] | None = None
    answers: dict[str, Samples] = field(default_factory=dict)


@dataclass
class Context:
    """One operator process.

    Attributes:
        board: what detection knows, by pattern name and target uid. A cache: Prometheus and the recorded
            Interventions give it back after a restart, and until then nothing is admitted. Only of targets that
            were worth a look: one that is watched and not on the board is quiet, its alert inactive.
        watching: the targets with series, by pattern name, as of the last evaluation that could be made.
        admission: taken while gates are asked and the answer is recorded, so that two Interventions never both
            see the last free slot.
        locks: one per Intervention, so that a timer and an event never work on it at once.
        outbox: who is told what, and what is still to be told.
        git: the repositories that may be written to.
        vitals: the operator's own senses, as last examined.
        storm: what trends together, as of the last detection cycle.
        kept: reads that are shared until the next detection cycle.
        last_cycle: when detection last went round.
        leading: whether this process holds the Lease.
    """

    cluster: Cluster
    metrics: Metrics
    clock: Clock
    settings: Settings
    telemetry: Telemetry
    board: dict[tuple[str, str], Watched] = field(default_factory=dict)
    watching: dict[str, Watching] = field(default_factory=dict)
    admission: asyncio.Lock = field(default_factory=asyncio.Lock)
    locks: defaultdict[tuple[str, str], asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    outbox: Outbox = field(default_factory=Outbox)
    git: Git = field(default_factory=Git)
    vitals: Vitals | None = None
    storm: Storm | None = None
    kept: Kept = field(default_factory=Kept)
    last_cycle: datetime | None = None
    leading: bool = False
