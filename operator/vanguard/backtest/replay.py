"""The replay: the operator's detector and gates, cycle after cycle, and a watcher that writes down what they do."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from vanguard.api.kinds import AutomationPolicy, Intervention, IssuePattern
from vanguard.api.reasons import Reason
from vanguard.backtest.acts import Assumed, Told, carry_all, interventions, unfinished
from vanguard.backtest.cluster import SimulatedCluster
from vanguard.backtest.recording import Recording, on_grid
from vanguard.backtest.senses import ReplayedMetrics
from vanguard.backtest.stage import Stage
from vanguard.domain.alert import AlertState
from vanguard.domain.consent import Budget, Consent
from vanguard.domain.decision.limits import used
from vanguard.domain.forecast import Forecaster
from vanguard.domain.history import history_of
from vanguard.domain.workload import TargetKey
from vanguard.reconcilers import reading
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.detect import Detector
from vanguard.reconcilers.estate import Estate, survey
from vanguard.reconcilers.facts import consent_of
from vanguard.settings import Settings
from vanguard.telemetry import Telemetry

# While an Intervention is not over it is looked at this often; the operator itself looks every few seconds.
LOOK = timedelta(minutes=5)


@dataclass(frozen=True)
class Plan:
    """What is replayed, and how.

    Attributes:
        begin: the first evaluation; on a whole 5 minutes.
        end: the last moment an evaluation may be of.
        every: time between two evaluations.
        assumed: what comes of every act.
    """

    patterns: Sequence[IssuePattern]
    policies: Sequence[AutomationPolicy]
    recording: Recording
    stage: Stage
    begin: datetime
    end: datetime
    every: timedelta
    assumed: Assumed
    settings: Settings


@dataclass(frozen=True)
class Episode:
    """An alert that fired.

    Attributes:
        active_at: since when the forecast had held; it names the episode.
        fired_at: when the operator would have opened an Intervention.
        ended_at: when it was over; None if it was not at the end.
    """

    pattern: str
    target: TargetKey
    active_at: datetime
    fired_at: datetime
    confidence_percent: int
    ended_at: datetime | None = None


@dataclass
class Spell:
    """A time during which a target was left alone for one reason, evaluation after evaluation."""

    pattern: str
    target: TargetKey
    reason: Reason
    begun: datetime
    last: datetime
    known: bool


@dataclass(frozen=True)
class Admission:
    """An act that would have been done.

    Attributes:
        used: of each budget that binds it, how many had started in its period, this one included.
    """

    intervention: Intervention
    at: datetime
    used: tuple[tuple[Budget, int], ...]


@dataclass
class Seen:
    """Everything a replay saw, for a report.

    Attributes:
        evaluations: of one pattern on one target, in all.
        troubles: what the operator logged as an error.
    """

    episodes: list[Episode] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    admissions: list[Admission] = field(default_factory=list)
    interventions: list[Intervention] = field(default_factory=list)
    targets: set[TargetKey] = field(default_factory=set)
    evaluations: int = 0
    cycles: int = 0
    troubles: list[str] = field(default_factory=list)
    estate: Estate = field(default_factory=lambda: Estate(()))


class JumpingClock:
    """A clock that is where it is put."""

    def __init__(self, at: datetime) -> None:
        """Begin at a time."""
        self.at = at

    def now(self) -> datetime:
        """See `ports.Clock`."""
        return self.at


async def replay(plan: Plan, forecaster: Forecaster, progress: Callable[[float], None]) -> Seen:
    """Go through the time and write down what happens.

    Args:
        plan: what is replayed.
        forecaster: the model.
        progress: told the share done so far, 0 to 1.
    """
    clock = JumpingClock(plan.begin)
    governed = {policy.metadata.namespace for policy in plan.policies}
    ctx = Context(
        cluster=SimulatedCluster(clock, plan.stage.objects),
        metrics=ReplayedMetrics(plan.recording, clock, governed),
        clock=clock,
        settings=plan.settings,
        telemetry=Telemetry(CollectorRegistry()),
    )
    watcher = _Watcher(ctx)
    detector = Detector(ctx, forecaster)
    with _Errors(watcher.seen.troubles):
        at = on_grid(plan.begin)
        while at <= plan.end:
            clock.at = at
            await detector.go_round()
            watcher.evaluated(at)
            following = at + plan.every
            while clock.at < following and clock.at <= plan.end:
                await watcher.looked(await carry_all(ctx, plan.assumed))
                clock.at = clock.at + LOOK if await unfinished(ctx) else following
            at = following
            progress(min(1.0, (at - plan.begin) / max(plan.end - plan.begin, plan.every)))
        clock.at = plan.recording.until
        watcher.seen.interventions = await interventions(ctx)
        watcher.seen.estate = await survey(ctx, plan.patterns)
    return watcher.seen


class _Watcher:
    """Looks at what detection and gates leave behind; changes nothing."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.seen = Seen()
        self._running: dict[tuple[str, str], int] = {}
        self._spells: dict[tuple[str, str], Spell] = {}
        self._admitted: set[str] = set()

    def evaluated(self, at: datetime) -> None:
        """After a cycle: which alerts fire, which targets are left alone."""
        self.seen.cycles += 1
        for key, watched in sorted(self._ctx.board.items()):
            fires, seen = watched.alert.state is AlertState.FIRING, watched.assessment
            self._follow(key, at, watched.alert.active_at if fires else None)
            if seen.at == at:
                left = seen.positive is None or (seen.positive is False and (seen.straight_line or seen.doubt != ""))
                self._spell(key, seen.target, seen.reason if left else None, at, known=seen.positive is not None)
        for key in self._running.keys() - self._ctx.board.keys():
            self._follow(key, at, None)
        for name, watching in sorted(self._ctx.watching.items()):
            for target in sorted(watching.targets) if watching.at == at else ():
                self.seen.evaluations += 1
                self.seen.targets.add(target)
                if (name, target.uid) not in self._ctx.board:
                    self._spell((name, target.uid), target, watching.silent.get(target), at, known=False)

    def _follow(self, key: tuple[str, str], at: datetime, active_at: datetime | None) -> None:
        """One alert: its episode goes on, ends, or another begins."""
        number = self._running.get(key)
        if number is not None and self.seen.episodes[number].active_at != active_at:
            self.seen.episodes[number] = replace(self.seen.episodes[number], ended_at=at)
            del self._running[key]
        if active_at is not None and key not in self._running:
            seen = self._ctx.board[key].assessment
            self._running[key] = len(self.seen.episodes)
            self.seen.episodes.append(Episode(key[0], seen.target, active_at, at, seen.confidence_percent))

    def _spell(
        self, key: tuple[str, str], target: TargetKey, reason: Reason | None, at: datetime, *, known: bool
    ) -> None:
        """A trend that looks like the problem and is left alone, or of which nothing can be said; None ends it."""
        before = self._spells.get(key)
        if before is not None and before.reason is reason:
            before.last = at
            return
        self._spells.pop(key, None)
        if reason is not None:
            spell = Spell(key[0], target, reason, at, at, known=known)
            self._spells[key] = spell
            self.seen.spells.append(spell)

    async def looked(self, told: Sequence[Told]) -> None:
        """After a look at the Interventions: what their gates said, and which would have acted."""
        self.seen.told += told
        for one in told:
            if (
                one.reason in (Reason.ADMITTED, Reason.WOULD_ACT)
                and one.intervention.metadata.uid not in self._admitted
            ):
                self._admitted.add(one.intervention.metadata.uid)
                await self._admit(one)

    async def _admit(self, one: Told) -> None:
        ctx, iv = self._ctx, one.intervention
        raw = await ctx.cluster.get("Intervention", iv.metadata.namespace, iv.metadata.name)
        target = iv.spec.target
        workload = await reading.workload(ctx.cluster, target.kind, iv.metadata.namespace, target.name)
        if workload is None:
            return
        consent, _ = await consent_of(ctx, iv, workload)
        if consent is None:
            return
        self.seen.admissions.append(Admission(Intervention.read(raw), one.at, await self._used(iv, consent, one.at)))

    async def _used(self, iv: Intervention, consent: Consent, at: datetime) -> tuple[tuple[Budget, int], ...]:
        history = history_of(await reading.every_intervention(self._ctx.cluster), leave_out=iv.metadata.uid)
        return tuple((budget, 1 + len(used(history, budget, iv.spec.target.uid, at))) for budget in consent.budgets)


class _Errors(logging.Handler):
    """Takes what the operator's own code logs while it is replayed: errors are kept, the rest is not said."""

    def __init__(self, kept: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._kept, self._logger = kept, logging.getLogger("vanguard")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        why = f": {record.exc_info[1]!r}" if record.exc_info else ""
        self._kept.append(f"{record.getMessage()}{why}")

    def __enter__(self) -> None:
        self._before = self._logger.propagate
        self._logger.propagate = False
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.propagate = self._before
        self._logger.removeHandler(self)
