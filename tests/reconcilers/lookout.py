"""A lookout for detection's tests: workloads with a past, patterns, policies, and a detector going round."""

import asyncio
import math
from collections.abc import Callable
from datetime import datetime, timedelta

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import FakeMetrics, Source
from tests.reconcilers.fakes import FakeClock, FakeCluster, Killed
from tests.reconcilers.objects import CONFIG_MAP, HOME, SHOP
from tests.reconcilers.world import jitter, new_context
from vanguard.api.kinds import Intervention, IssuePattern
from vanguard.domain.forecast import Forecaster
from vanguard.errors import ClusterError
from vanguard.ports import Raw
from vanguard.reconcilers.detect import Detector

INTERVAL = timedelta(minutes=15)
HOUR = 3600.0
Value = Callable[[float], float | None]


def calm(at: float) -> float:
    """Nothing happens."""
    return 45 + 0.5 * jitter(at)


def climbing(since: datetime, per_hour: float = 4.0) -> Value:
    """Calm, and from a time on a steady climb."""
    begun = since.timestamp()
    return lambda at: calm(at) + max(0.0, at - begun) / HOUR * per_hour


def daily_peak(at: float) -> float:
    """Between 25 and 85 every day, highest at 18 h; steepest at noon."""
    return 55 + 30 * math.sin((at / HOUR - 12) / 24 * 2 * math.pi) + 0.3 * jitter(at)


class Lookout:
    """A cluster, a Prometheus, and a detector."""

    def __init__(self, **settings: int) -> None:
        self.clock = FakeClock()
        self.begun = self.clock.now()
        self.cluster = FakeCluster(self.clock)
        self.metrics = FakeMetrics(self.clock)
        self._settings = settings
        for name in (SHOP, HOME):
            self.cluster.put("Namespace", "", {"metadata": {"name": name}})
        self.restart()

    @property
    def onset(self) -> datetime:
        """When climbs began: eight hours before the first cycle."""
        return self.begun - timedelta(hours=8)

    def restart(self) -> None:
        """The process ends and another begins, knowing nothing."""
        self.context = new_context(self.cluster, self.metrics, self.clock)
        self.context.settings = self.context.settings.model_copy(update=self._settings)
        self.detector = Detector(self.context, Forecaster.load())

    def service(self, name: str, value: Value, *, namespace: str = SHOP, query: str = objects.USE) -> str:
        """A Deployment and its series; its uid."""
        labels = {"namespace": namespace, "deployment": name}
        self.metrics.sources.append(Source(query, labels, value))
        raw = self.cluster.put("Deployment", namespace, objects.workload("Deployment", name, namespace))
        return str(raw["metadata"]["uid"])

    def policy(self, *services: str, namespace: str = SHOP) -> None:
        """A policy for some services."""
        self.cluster.put("AutomationPolicy", namespace, objects.policy(CONFIG_MAP, services))

    def pattern(self, name: str = objects.PATTERN, **spec: object) -> None:
        """A pattern."""
        self.cluster.put("IssuePattern", "", objects.pattern(CONFIG_MAP, name, **spec))

    def cycle(self, times: int = 1) -> None:
        """Go round, as the engine does: a cycle without an answer is tried again at its next time."""
        for _ in range(times):
            try:
                asyncio.run(self.detector.cycle())
            except ClusterError:
                pass
            except Killed:
                self.restart()
            self.clock.advance(INTERVAL)

    @property
    def opened(self) -> list[Intervention]:
        """The Interventions there are."""
        return [Intervention.read(raw) for raw in self.cluster.all("Intervention")]

    def status(self, name: str = objects.PATTERN) -> Raw:
        """A pattern's status in JSON."""
        return dict(self.cluster.look("IssuePattern", "", name).get("status", {}))

    def ready(self, name: str = objects.PATTERN) -> tuple[str, str]:
        """Status and reason of a pattern's Ready condition."""
        (condition,) = IssuePattern.read(self.cluster.look("IssuePattern", "", name)).status.conditions
        return condition.status, condition.reason


def troubled(**settings: int) -> Lookout:
    """One service that heads for its limit, watched by one pattern, under a policy."""
    lookout = Lookout(**settings)
    lookout.service("orders", climbing(lookout.onset))
    lookout.policy("orders")
    lookout.pattern()
    return lookout
