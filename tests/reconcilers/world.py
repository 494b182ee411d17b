"""A small shop for the reconcilers' tests: its objects, its metrics, and who else lives in a cluster.

`World.tick` is one look of the operator as its process makes it, followed by what others do: kopf keeps its
finalizer, controllers finish rollouts, detection refreshes its board, time passes.
"""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from prometheus_client import CollectorRegistry

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import FakeMetrics, Source
from tests.reconcilers.fakes import FakeClock, FakeCluster, Killed, Strike, Write
from vanguard.api.base import FINALIZER, WorkloadKind
from vanguard.api.intervention import Change, Phase
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import Reason
from vanguard.domain.alert import firing_since
from vanguard.domain.diagnosis import Assessment
from vanguard.domain.phases import IN_FLIGHT, TERMINAL
from vanguard.domain.storm import Storm
from vanguard.domain.workload import TargetKey
from vanguard.errors import ClusterError
from vanguard.ports import Raw
from vanguard.reconcilers import intervene
from vanguard.reconcilers.context import Context, Kept, Watched
from vanguard.reconcilers.vitals import examine
from vanguard.settings import Settings
from vanguard.telemetry import Telemetry

TICK = timedelta(seconds=30)
SHOP = objects.SHOP
TOUCHED = ("ConfigMap", "Deployment", "StatefulSet")
ROLLED = ("Deployment", "StatefulSet")
BEFORE = {objects.USE: 80.0, objects.ERRORS: 1.0, objects.LATENCY: 0.2}
BETTER = {objects.USE: 60.0}
NO_BETTER: dict[str, float] = {}
WORSE = {objects.USE: 93.0}
GUARD_WORSE = {objects.USE: 60.0, objects.LATENCY: 0.5}


def new_context(cluster: FakeCluster, metrics: FakeMetrics, clock: FakeClock) -> Context:
    """A process that has just started."""
    settings = Settings(identity="vanguard-0")
    return Context(cluster, metrics, clock, settings, Telemetry(CollectorRegistry()))


def jitter(at: float) -> float:
    """Noise between -1 and 1 that is the same whoever looks."""
    return 0.5 * math.sin(1.7 * at) + 0.5 * math.sin(0.613 * at)


@dataclass
class World:
    """Everything there is.

    Attributes:
        after: level of each query once the first change has landed; a query that is not named does not change.
        rollouts_finish: whether controllers get rollouts done.
        meddled_at: how many writes there had been when somebody meddled.
    """

    remedy: objects.Remedy = objects.CONFIG_MAP
    consent: Raw = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=lambda: dict(BETTER))
    rollouts_finish: bool = True
    name: str = "iv"
    services: tuple[str, ...] = ("orders",)
    clock: FakeClock = field(default_factory=FakeClock)
    meddled_at: int = 0

    def __post_init__(self) -> None:
        self.cluster = FakeCluster(self.clock)
        self.metrics = FakeMetrics(self.clock)
        self.context = new_context(self.cluster, self.metrics, self.clock)
        for kind, namespace, body in objects.estate(self.remedy, self.services, self.consent, self.clock.now()):
            self.cluster.put(kind, namespace, body)
        self.clock.advance(timedelta(hours=1))
        self.begun = self.clock.now()
        for service in self.services:
            self.metrics.sources += [self._source(query, service) for query in BEFORE]
        self.origin = {key: self.touched_fields(*key) for key in self._touchable()}
        self.uid = self.open(self.name, self.services[0])

    def _source(self, query: str, service: str) -> Source:
        def value(at: float) -> float:
            landed = self.landed_at(service)
            level = self.after.get(query, BEFORE[query]) if landed is not None and at >= landed else BEFORE[query]
            return level * (1 + 0.01 * jitter(at))

        return Source(query, {"namespace": SHOP, "deployment": service}, value)

    def open(self, name: str, service: str) -> str:
        """Create an Intervention, as detection would; its uid."""
        target = self.cluster.look(self.remedy.kind, SHOP, service)["metadata"]
        generation = self.cluster.look("IssuePattern", "", objects.PATTERN)["metadata"]["generation"]
        body = objects.intervention(name, self.remedy, service, target["uid"], generation, self.begun)
        return str(self.cluster.put("Intervention", SHOP, body)["metadata"]["uid"])

    # What is so

    def look(self, name: str = "") -> Intervention:
        """The Intervention as recorded."""
        return Intervention.read(self.cluster.look("Intervention", SHOP, name or self.name))

    @property
    def phase(self) -> Phase:
        """The phase recorded."""
        return self.look().status.phase

    @property
    def phase_seen(self) -> Phase:
        """The phase last recorded, also when the Intervention is gone."""
        recorded = [w for w in self.cluster.writes if (w.verb, w.kind, w.name) == ("status", "Intervention", self.name)]
        return Phase(recorded[-1].after["status"]["phase"]) if recorded else Phase.PENDING

    @property
    def said(self) -> tuple[Phase, str]:
        """Phase and reason recorded."""
        status = self.look().status
        return status.phase, status.reason

    @property
    def touches(self) -> list[Write]:
        """The operator's accepted writes to ConfigMaps and workloads."""
        return [write for write in self.cluster.writes if write.kind in TOUCHED]

    def landed_at(self, service: str) -> float | None:
        """When the operator's first such write for a service landed."""
        first = next((write for write in self.touches if write.name in {service, f"{service}-config"}), None)
        return first.at.timestamp() if first else None

    def _touchable(self) -> list[tuple[str, str]]:
        return [(kind, raw["metadata"]["name"]) for kind in TOUCHED for raw in self.cluster.all(kind)]

    def touched_fields(self, kind: str, name: str) -> Raw:
        """All of an object that people write: spec or data, labels and annotations."""
        raw = self.cluster.look(kind, SHOP, name)
        meta = {key: raw["metadata"].get(key) for key in ("labels", "annotations")}
        return {"metadata": meta, **{key: value for key, value in raw.items() if key not in {"metadata", "status"}}}

    def changed(self) -> list[tuple[str, str]]:
        """The objects that are there and not what they were at the beginning, byte for byte."""
        there = self._touchable()
        return [key for key, was in self.origin.items() if key in there and self.touched_fields(*key) != was]

    # What happens

    def restart(self) -> None:
        """The process ends and another begins, knowing nothing."""
        self.context = new_context(self.cluster, self.metrics, self.clock)

    def detect(self) -> None:
        """What a cycle of detection leaves: the alerts of what is not over still fire, and all else is calm."""
        self.context.kept = Kept()
        self.context.storm = Storm()
        with contextlib.suppress(ClusterError):
            asyncio.run(examine(self.context))
        for iv in map(Intervention.read, self.cluster.all("Intervention")):
            if iv.status.phase in TERMINAL:
                continue
            spec = iv.spec
            key = TargetKey(SHOP, WorkloadKind(spec.target.kind), spec.target.name, spec.target.uid)
            self.context.board[spec.pattern.name, spec.target.uid] = Watched(
                spec.pattern.generation, firing_since(spec.cause.active_at), self.assessment(key)
            )

    def assessment(self, key: TargetKey) -> Assessment:
        """A breach foreseen, evaluated this moment."""
        return Assessment(
            target=key,
            pattern=objects.PATTERN,
            signal="use",
            at=self.clock.now(),
            positive=True,
            reason=Reason.BREACH_FORESEEN,
            straight_line=True,
            level=80.0,
            slope_per_hour=4.0,
            ema=78.0,
            z_score=5.0,
            p_breach=(0.6, 0.9, 0.96),
            hours=(2.0, 4.0, 7.0),
            horizon=2,
        )

    def reconcile(self, name: str = "") -> Phase | None:
        """One look, as the process makes it: an API server that gives no answer is for the next look."""
        try:
            return asyncio.run(intervene.reconcile(self.context, SHOP, name or self.name))
        except ClusterError:
            return None
        except Killed:
            self.restart()
            return None

    def others(self) -> None:
        """The finalizer and the rollouts: kopf and the controllers do their part."""
        for raw in self.cluster.all("Intervention"):
            self._keep_finalizer(raw)
        for kind in ROLLED:
            for raw in self.cluster.all(kind):
                if self.rollouts_finish and raw["status"]["observedGeneration"] < raw["metadata"]["generation"]:
                    self.cluster.edit(kind, SHOP, raw["metadata"]["name"], objects.rolled_out)

    def _keep_finalizer(self, raw: Raw) -> None:
        phase = Phase(raw.get("status", {}).get("phase", "Pending"))
        meta = raw["metadata"]
        deleting, held = "deletionTimestamp" in meta, FINALIZER in meta.get("finalizers", ())
        if phase in IN_FLIGHT and not held and not deleting:
            self.edit_meta("Intervention", meta["name"], lambda m: m.update(finalizers=[FINALIZER]))
        elif phase in TERMINAL and held:
            self.edit_meta("Intervention", meta["name"], lambda m: m.update(finalizers=[]))

    def edit_meta(self, kind: str, name: str, change: Callable[[Raw], object]) -> None:
        """Somebody changes an object's metadata."""
        self.cluster.edit(kind, SHOP, name, lambda raw: change(raw["metadata"]))

    def annotate(self, kind: str, name: str, **annotations: str) -> None:
        """Somebody annotates an object under our prefix."""
        given = {f"vanguard.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
        self.edit_meta(kind, name, lambda meta: meta.setdefault("annotations", {}).update(given))

    def tick(self, span: timedelta = TICK) -> None:
        """One look at every Intervention, then what others do, then time."""
        self.detect()
        for raw in self.cluster.all("Intervention"):
            self.reconcile(raw["metadata"]["name"])
        self.others()
        self.clock.advance(span)

    def until(self, condition: Callable[[], bool], *, ticks: int = 60) -> None:
        """Tick until it is so."""
        for _ in range(ticks):
            if condition():
                return
            self.tick()
        if condition():
            return
        status = self.look().status
        raise AssertionError(f"still {status.phase}: {status.reason}: {status.message} after {ticks} looks")

    def until_phase(self, phase: Phase) -> None:
        """Tick until the Intervention is in this phase."""
        self.until(lambda: self.phase is phase)

    @property
    def gone(self) -> bool:
        """Whether the Intervention has been deleted and released."""
        return self.name not in {raw["metadata"]["name"] for raw in self.cluster.all("Intervention")}

    def until_over(self, *, ticks: int = 60) -> tuple[Phase, str] | None:
        """Tick until the Intervention is terminal, or gone; phase and reason."""
        self.until(lambda: self.gone or self.phase in TERMINAL, ticks=ticks)
        return None if self.gone else self.said


def everywhere(arm: Callable[[int], tuple[World, Strike]], *, most: int = 400) -> Iterator[tuple[int, World]]:
    """Worlds that ended, each struck at another call (or write) on its way.

    `arm` makes a world whose strike waits for call number `at`. The last world is over before its strike was met, so
    no call is left out.
    """
    for at in range(most):
        world, strike = arm(at)
        world.until_over()
        if not strike.struck:
            assert at > 0, "nothing was struck at all"
            return
        yield at, world
    raise AssertionError(f"not over after {most} calls")


def planned(world: World) -> Change | None:
    """The change as last recorded, also when the Intervention is gone."""
    for write in reversed(world.cluster.writes):
        if write.kind == "Intervention" and write.verb == "status":
            return Intervention.read(write.after).status.change
    return None


def forward_writes(world: World, since: int = 0) -> list[Write]:
    """The writes that took an object from what it was to what the recorded change says it should be.

    Args:
        world: over, or on its way.
        since: the number of the first write that counts.
    """
    change = planned(world)
    out = []
    for write in world.cluster.writes[since:]:
        for step in change.restore_point if change else ():
            if (step.object.kind, step.object.name) == (write.kind, write.name):
                was = [objects.pick(write.before, one.path) for one in step.fields]
                now = [objects.pick(write.after, one.path) for one in step.fields]
                if was == [one.before for one in step.fields] and now == [one.after for one in step.fields]:
                    out.append(write)
    return out


def forward_changes(world: World, since: int = 0) -> dict[tuple[str, str], int]:
    """How often each object was so written; see `forward_writes`."""
    return dict(Counter((write.kind, write.name) for write in forward_writes(world, since)))
