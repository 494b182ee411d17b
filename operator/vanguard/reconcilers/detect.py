"""Detection: one cycle over all patterns. Series -> forecast -> alert -> diagnosis -> Intervention.

When nothing changes, nothing is written. What it remembers between cycles is a cache of Prometheus, and the
alerts' episodes, which recorded Interventions give back after a restart.
"""

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from vanguard import __version__
from vanguard.api.base import API_VERSION, Annotation, format_time
from vanguard.api.evidence import Evidence
from vanguard.api.intervention import (
    InterventionSpec,
    PatternRef,
    RequestedAction,
    TargetRef,
)
from vanguard.api.kinds import Intervention, IssuePattern
from vanguard.api.pattern import Signal
from vanguard.domain.alert import INACTIVE, Alert, AlertState, advance, firing_since
from vanguard.domain.diagnosis import Assessment, Candidate, cause_of, diagnose, rank, worst
from vanguard.domain.evidence import evidence_of, judged_alone
from vanguard.domain.forecast import Forecaster
from vanguard.domain.phases import TERMINAL
from vanguard.domain.samples import pack
from vanguard.domain.workload import TargetKey
from vanguard.errors import AlreadyExists, ClusterError, Forbidden, Invalid, MetricsError
from vanguard.ports import Raw
from vanguard.reconcilers import policies, reading
from vanguard.reconcilers.companions import second_opinions
from vanguard.reconcilers.context import Context, Kept, Watched
from vanguard.reconcilers.estate import Estate, survey
from vanguard.reconcilers.fetching import Shelf, refresh
from vanguard.reconcilers.judging import Outlook, judge, watching_of
from vanguard.reconcilers.pattern_status import PatternNews, publish
from vanguard.reconcilers.storm import look_out
from vanguard.reconcilers.vitals import examine
from vanguard.telemetry import about

_log = logging.getLogger(__name__)

_EPISODE_REST = timedelta(days=1)


class Detector:
    """Goes round all patterns; one per process."""

    def __init__(self, ctx: Context, forecaster: Forecaster) -> None:
        """Start with empty books.

        Args:
            ctx: the process.
            forecaster: the model.
        """
        self._ctx = ctx
        self._forecaster = forecaster
        self._shelves: defaultdict[str, Shelf] = defaultdict(Shelf)
        self._restored = False
        self._episodes: dict[tuple[str, str], tuple[int, Alert]] = {}
        self._opened: set[tuple[str, str]] = set()
        self._cases: set[tuple[str, str]] = set()

    async def cycle(self) -> None:
        """Go round, and say in the policies' status how they stand by now.

        Raises:
            ClusterError: when the API server gives no answer; the cycle is tried again at its next time.
        """
        with self._ctx.telemetry.cycle_seconds.time():
            past = await self.go_round()
            await policies.refresh(self._ctx)
        self._count(past)

    async def go_round(self) -> list[Intervention]:
        """Evaluate every pattern once, and create an Intervention for each new episode.

        Returns:
            The Interventions there were before.

        Raises:
            ClusterError: see `cycle`.
        """
        ctx = self._ctx
        ctx.kept, begun = Kept(), ctx.clock.now()
        await examine(ctx)
        patterns = await reading.patterns(ctx.cluster)
        past = await reading.interventions(ctx.cluster)
        if not self._restored:
            self._restore(past)
        estate = await survey(ctx, patterns)
        self._end_old_episodes(past)
        self._cases = {(iv.spec.pattern.name, iv.spec.target.uid) for iv in past if iv.status.phase not in TERMINAL}
        for pattern in patterns:
            with about(pattern=pattern.metadata.name):
                await self._evaluate_alone(pattern, estate)
        self._forget(patterns, estate)
        await look_out(ctx, estate)
        await self._open_interventions(patterns, estate, past, begun)
        return past

    def _restore(self, past: Iterable[Intervention]) -> None:
        """Go on with the episodes recorded Interventions remember; the first evaluations end those that are over."""
        for iv in sorted(filter(self._current, past), key=lambda iv: iv.spec.cause.active_at):
            key = (iv.spec.pattern.name, iv.spec.target.uid)
            self._episodes[key] = iv.spec.pattern.generation, firing_since(iv.spec.cause.active_at)
        self._restored = True

    def _end_old_episodes(self, past: Iterable[Intervention]) -> None:
        """A day after its Intervention, an episode is over: what still trends then is a new one."""
        for iv in past:
            key = (iv.spec.pattern.name, iv.spec.target.uid)
            watched = self._ctx.board.get(key)
            if watched and watched.alert.active_at == iv.spec.cause.active_at and not self._current(iv):
                self._ctx.board[key] = replace(watched, alert=INACTIVE)

    def _current(self, iv: Intervention) -> bool:
        """Whether an Intervention still stands for its episode."""
        if iv.status.phase not in TERMINAL:
            return True
        ended = iv.status.completed_at
        return ended is not None and self._ctx.clock.now() - ended < _EPISODE_REST

    async def _evaluate_alone(self, pattern: IssuePattern, estate: Estate) -> None:
        """One pattern's fault is its own: told, counted, nothing concluded, and the others go on."""
        try:
            await self.evaluate(pattern, estate)
        except ClusterError:
            raise
        except Exception:  # noqa: BLE001 - see above
            self._ctx.telemetry.cycle_errors.inc()
            _log.exception("pattern could not be evaluated")
            self._unknown(pattern, self._ctx.clock.now())

    async def evaluate(self, pattern: IssuePattern, estate: Estate) -> None:
        """One pattern: fetch, assess, advance its alerts, tell what changed."""
        ctx, now = self._ctx, self._ctx.clock.now()
        name, outlooks, trouble = pattern.metadata.name, list[Outlook](), ""
        if not pattern.spec.suspend and estate.governed:
            interest = self._interest(name)
            for signal in pattern.spec.signals:
                try:
                    outlooks.append(await self._assess(pattern, signal, estate, interest, now))
                except MetricsError as error:
                    trouble = str(error)
                    ctx.telemetry.query_errors.labels(name).inc()
                    _log.warning("signal %s: %s", signal.name, error)
        by_target: defaultdict[TargetKey, list[Assessment]] = defaultdict(list)
        for assessment in (seen for outlook in outlooks for seen in outlook.found):
            by_target[assessment.target].append(assessment)
        news = {target: worst(several) for target, several in by_target.items()}
        if trouble:
            self._unknown(pattern, now)
        else:
            ctx.watching[name] = watching_of(outlooks, now)
        for target, assessment in news.items():
            self._advance(pattern, target, assessment, now)
        if not trouble:
            self._quieten(name, news)
        watched = len(ctx.watching[name].targets) if name in ctx.watching else 0
        await publish(ctx, pattern, PatternNews(news, watched, self._firing(name), trouble, bool(estate.governed)))

    async def _assess(
        self, pattern: IssuePattern, signal: Signal, estate: Estate, interest: Iterable[str], now: datetime
    ) -> Outlook:
        """What a signal says of the series worth a look."""
        ctx, stock = self._ctx, self._shelves[pattern.metadata.name].stock(signal, now)
        await refresh(ctx.metrics, ctx.settings, signal, stock, estate.governed, now)
        ctx.telemetry.series.labels(pattern.metadata.name).set(len(stock.book))
        # In a thread, for one pod that comes or goes has the owners of all series looked up again.
        await asyncio.to_thread(stock.roll.renew, pattern, signal, stock.book, estate)
        outlook = await judge(pattern, signal, stock.book, stock.roll, self._forecaster, interest, now)
        heard = await second_opinions(ctx, estate, signal, stock.book, outlook.rows, outlook.found, now)
        return replace(outlook, found=heard)

    def _interest(self, name: str) -> set[str]:
        """Uids of targets looked at also when they are quiet: with an alert, an episode or an open Intervention."""
        alerted = (key for key, watched in self._ctx.board.items() if watched.alert.state is not AlertState.INACTIVE)
        return {uid for of, uid in (*alerted, *self._episodes, *self._cases) if of == name}

    def _quieten(self, name: str, news: Mapping[TargetKey, Assessment]) -> None:
        """Take off the board whose alert has ended and who is not worth a look any more."""
        seen, board = {target.uid for target in news}, self._ctx.board
        for key, watched in list(board.items()):
            if key[0] == name and watched.alert.state is AlertState.INACTIVE and key[1] not in seen:
                del board[key]

    def _advance(self, pattern: IssuePattern, target: TargetKey, assessment: Assessment, now: datetime) -> None:
        key, generation = (pattern.metadata.name, target.uid), pattern.metadata.generation
        known = self._ctx.board.get(key)
        was, before = (known.generation, known.alert) if known else self._episodes.pop(key, (generation, INACTIVE))
        if was != generation:
            before = INACTIVE  # another signature is another alert
        after = advance(before, assessment.positive, now, pattern.spec.trend.sustained_for)
        if after.state is not before.state:
            _log.info("alert on %s: %s -> %s (%s)", target, before.state, after.state, assessment.reason)
        self._ctx.board[key] = Watched(generation, after, assessment)

    def _unknown(self, pattern: IssuePattern, now: datetime) -> None:
        """Nothing is known of this pattern's targets now: pending alerts begin anew."""
        for key, watched in list(self._ctx.board.items()):
            if key[0] == pattern.metadata.name:
                alert = advance(watched.alert, None, now, pattern.spec.trend.sustained_for)
                self._ctx.board[key] = replace(watched, alert=alert)

    def _forget(self, patterns: Iterable[IssuePattern], estate: Estate) -> None:
        """Drop what belongs to patterns that are gone or suspended, and to workloads no policy selects any more."""
        live = {pattern.metadata.name for pattern in patterns if not pattern.spec.suspend}
        for name in set(self._shelves) - live:
            del self._shelves[name]
        for name in set(self._ctx.watching) - live:
            del self._ctx.watching[name]
        for key, watched in list(self._ctx.board.items()):
            if key[0] not in live or not estate.service_type(watched.assessment.target):
                del self._ctx.board[key]

    def _firing(self, pattern: str) -> int:
        return sum(
            watched.alert.state is AlertState.FIRING for key, watched in self._ctx.board.items() if key[0] == pattern
        )

    async def _open_interventions(
        self, patterns: Iterable[IssuePattern], estate: Estate, past: Iterable[Intervention], begun: datetime
    ) -> None:
        """For each target with firing alerts, an Intervention for the best pattern, once per episode.

        One that a person deleted is not opened again, and none is opened while nothing is known: an alert goes on
        firing without an answer, but only what was seen since the cycle has begun is evidence.
        """
        known = self._opened | {(iv.metadata.namespace, iv.metadata.name) for iv in past}
        busy = {iv.spec.target.uid for iv in past if iv.status.phase not in TERMINAL}
        by_target: defaultdict[TargetKey, list[Candidate]] = defaultdict(list)
        for pattern in patterns:
            for key, watched in self._ctx.board.items():
                seen, firing = watched.assessment, watched.alert.state is AlertState.FIRING
                if key[0] == pattern.metadata.name and firing and seen.positive and seen.at >= begun:
                    by_target[seen.target].append(Candidate(pattern, seen, estate.service_type(seen.target)))
        for target, candidates in by_target.items():
            fresh = [c for c in rank(candidates) if (target.namespace, self._name(c)) not in known]
            if fresh and target.uid not in busy:
                await self._open(fresh[0], [c for c in rank(candidates) if c is not fresh[0]])

    def _name(self, candidate: Candidate) -> str:
        seen = candidate.assessment
        alert = self._ctx.board[seen.pattern, seen.target.uid].alert
        return intervention_name(seen.pattern, seen.target.uid, alert.active_at or seen.at)

    async def _open(self, chosen: Candidate, others: list[Candidate]) -> None:
        """Create the Intervention. Created twice is the same name, and fine."""
        seen, ctx = chosen.assessment, self._ctx
        alert = ctx.board[seen.pattern, seen.target.uid].alert
        if seen.ground is not None:
            # What is recorded is what the recorded samples give by themselves: anybody can compute it again.
            chosen = replace(chosen, assessment=judged_alone(chosen.pattern, seen, self._forecaster))
            if not chosen.assessment.positive:
                _log.warning("%s is not positive by itself: %s", seen.target, chosen.assessment.reason)
                return
        evidence = evidence_of(
            chosen.pattern, chosen.assessment, self._forecaster, step=ctx.settings.query_step, version=__version__
        )
        body = intervention_body(chosen, others, alert.active_at or seen.at, evidence)
        try:
            await ctx.cluster.create("Intervention", seen.target.namespace, body)
            _log.info("opened Intervention %s for %s", body["metadata"]["name"], seen.target)
            self._opened.add((seen.target.namespace, body["metadata"]["name"]))
        except AlreadyExists:
            self._opened.add((seen.target.namespace, body["metadata"]["name"]))
        except (Forbidden, Invalid) as error:
            _log.error("Intervention for %s could not be created: %s", seen.target, error)

    def _count(self, past: Iterable[Intervention]) -> None:
        """The gauges."""
        telemetry = self._ctx.telemetry
        telemetry.interventions.clear()
        for iv in past:
            telemetry.interventions.labels(iv.status.phase, iv.status.verdict or "").inc()
        telemetry.alerts.clear()
        for (name, _), watched in self._ctx.board.items():
            telemetry.alerts.labels(name, watched.alert.state).inc()
        for name, watching in self._ctx.watching.items():
            quiet = len(watching.targets) - sum(of == name for of, _ in self._ctx.board)
            telemetry.alerts.labels(name, AlertState.INACTIVE).inc(max(0, quiet))
        self._ctx.last_cycle = self._ctx.clock.now()
        telemetry.last_cycle.set(self._ctx.last_cycle.timestamp())


def intervention_name(pattern: str, target_uid: str, active_at: datetime) -> str:
    """The same for the same episode, whoever asks and however often."""
    digest = hashlib.sha256(f"{target_uid}/{pattern}/{format_time(active_at)}".encode()).hexdigest()
    return f"{pattern[:200]}-{digest[:10]}"


def intervention_body(
    chosen: Candidate, others: Iterable[Candidate], active_at: datetime, evidence: Evidence | None
) -> Raw:
    """The Intervention an episode asks for."""
    pattern, target, ground = chosen.pattern, chosen.assessment.target, chosen.assessment.ground
    remedy = pattern.spec.action
    spec = InterventionSpec(
        pattern=PatternRef(name=pattern.metadata.name, generation=pattern.metadata.generation),
        target=TargetRef(kind=target.kind, name=target.name, uid=target.uid),
        action=RequestedAction(
            type=remedy.type,
            tunable=remedy.tune_pool.tunable if remedy.tune_pool else None,
            increase_percent=remedy.tune_pool.increase_percent if remedy.tune_pool else None,
        ),
        cause=cause_of(chosen, active_at),
        diagnosis=diagnose(chosen, others),
        evidence=evidence,
    )
    samples = {"annotations": {Annotation.SAMPLES.value: pack(ground.past)}} if ground is not None else {}
    name = intervention_name(pattern.metadata.name, target.uid, active_at)
    return {
        "apiVersion": API_VERSION,
        "kind": "Intervention",
        "metadata": {"name": name, "namespace": target.namespace, **samples},
        "spec": spec.wire(),
    }
