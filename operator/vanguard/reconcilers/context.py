"""What every reconciler is given: the ports, the settings, and what detection knows."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from vanguard.domain.alert import Alert
from vanguard.domain.diagnosis import Assessment
from vanguard.ports import Clock, Cluster, Metrics
from vanguard.settings import Settings
from vanguard.telemetry import Telemetry


@dataclass(frozen=True)
class Watched:
    """What detection knows of one pattern, at one generation, on one target."""

    generation: int
    alert: Alert
    assessment: Assessment


@dataclass
class Context:
    """One operator process.

    Attributes:
        board: what detection knows, by pattern name and target uid. A cache: Prometheus and the recorded
            Interventions give it back after a restart, and until then nothing is admitted.
        admission: taken while gates are asked and the answer is recorded, so that two Interventions never both
            see the last free slot.
        locks: one per Intervention, so that a timer and an event never work on it at once.
        last_cycle: when detection last went round.
        leading: whether this process holds the Lease.
    """

    cluster: Cluster
    metrics: Metrics
    clock: Clock
    settings: Settings
    telemetry: Telemetry
    board: dict[tuple[str, str], Watched] = field(default_factory=dict)
    admission: asyncio.Lock = field(default_factory=asyncio.Lock)
    locks: defaultdict[tuple[str, str], asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    last_cycle: datetime | None = None
    leading: bool = False
