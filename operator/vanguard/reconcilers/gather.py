"""Gathering for one Intervention: every read its next step needs, and only those."""

import contextlib
from dataclasses import replace
from datetime import datetime

from vanguard.api.base import FINALIZER, Annotation
from vanguard.api.intervention import Change, Comparison, Phase, Verdict
from vanguard.api.kinds import Intervention, IssuePattern
from vanguard.api.measurement import Period
from vanguard.api.reasons import Reason
from vanguard.domain import eviction
from vanguard.domain.change import StepState
from vanguard.domain.committing import File, records, reverted, standing, unwritten
from vanguard.domain.consent import Consent
from vanguard.domain.decision.chain import (
    Outcome,
    awaits_only_a_person,
    change_known_possible,
    decide,
    only_untried,
    stopped,
)
from vanguard.domain.diagnosis import signal_of
from vanguard.domain.phases import DECIDING, IN_FLIGHT, TERMINAL
from vanguard.domain.undoing import Tried
from vanguard.domain.view import View
from vanguard.domain.workload import Workload, crashing, read_workload
from vanguard.errors import ClusterError, Forbidden, MetricsError, RepositoryError
from vanguard.ports import Raw
from vanguard.reconcilers import measuring, reading, repositories
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.facts import consent_of, dry_run, facts_of, surroundings
from vanguard.reconcilers.near import near


async def gather(ctx: Context, iv: Intervention, tried: Tried | None = None) -> View:
    """All that the Intervention's next step may look at.

    Args:
        ctx: the process.
        iv: the Intervention, fresh from the server.
        tried: the write made just before this look, if one was.

    Raises:
        ClusterError: when the API server gives no answer; nothing is concluded then.
        RepositoryUnseen: when that has to be looked at first.
    """
    view = View(
        now=ctx.clock.now(),
        intervention=iv,
        tried=tried,
        refusal=tried.refused if tried else "",
        postponed=tried.postponed if tried else "",
        guarded=FINALIZER in iv.metadata.finalizers,
    )
    if iv.status.phase in TERMINAL:
        return view
    view = replace(view, pattern=await _pattern(ctx, iv))
    match iv.status.phase:
        case phase if phase in DECIDING:
            return await _for_decision(ctx, view)
        case Phase.BASELINING:
            return await _for_baseline(ctx, view)
        case Phase.APPLYING:
            return await _for_write(ctx, view)
        case Phase.ROLLING_BACK:
            return await _with_states(ctx, view)
        case Phase.MONITORING:
            return await _for_watch(ctx, view)
        case _:
            return view


async def _pattern(ctx: Context, iv: Intervention) -> IssuePattern | None:
    """The pattern. What is in flight goes on without one where it may not be read; a decision does not."""
    try:
        return await reading.pattern(ctx.cluster, iv.spec.pattern.name)
    except Forbidden:
        if iv.status.phase in IN_FLIGHT:
            return None
        raise


async def _for_write(ctx: Context, view: View) -> View:
    """How the steps stand; where one is still to be made and nobody stops it, whether it still may be.

    What cannot be read forbids the write and nothing else: a stop and the deadline are heard all the same.
    """
    view = await _with_states(ctx, view)
    if view.stop is not None or StepState.PRISTINE not in (view.states or ()):
        return view
    try:
        facts = await facts_of(ctx, view, await surroundings(ctx, view.intervention))
    except ClusterError as error:
        return replace(view, held=(Reason.CLUSTER_UNREADABLE, str(error)))
    return replace(view, held=stopped(facts))


async def _for_decision(ctx: Context, view: View) -> View:
    around = await surroundings(ctx, view.intervention)
    facts = await repositories.routed(ctx, await facts_of(ctx, view, around))
    decision = decide(facts)
    if only_untried(decision):
        facts = replace(facts, near=await near(ctx, facts, around.pods))
        decision = decide(facts)
    if awaits_only_a_person(decision) and change_known_possible(view.status.gates):
        facts = replace(facts, dry_run="")  # tried when the question was put; tried again once it is answered
        decision = decide(facts)
    elif only_untried(decision) and isinstance(facts.change, Change):
        reason, said = await dry_run(ctx, view.intervention.metadata.namespace, facts.change)
        facts = replace(facts, dry_run=said, dry_run_reason=reason)
        decision = decide(facts)
    planned = facts.change if isinstance(facts.change, Change) else None
    ctx.telemetry.decisions.labels(decision.outcome, decision.reason).inc()
    for gate in decision.gates:
        ctx.telemetry.gates.labels(gate.name, gate.verdict, gate.reason).inc()
    return replace(view, decision=decision, consent=around.consent, change=planned)


async def _for_baseline(ctx: Context, view: View) -> View:
    view = await _for_decision(ctx, view)
    admitted = view.decision is not None and view.decision.outcome is Outcome.ADMIT
    if not (admitted and view.guarded and view.pattern):
        return view
    start = view.now - view.pattern.spec.verification.baseline
    period = await _period(ctx, view, view.pattern, start)
    return replace(view, baseline=period if period and measuring.complete(period) else None)


async def _period(ctx: Context, view: View, pattern: IssuePattern, start: datetime) -> Period | None:
    """Signal and guards of the target from a time until now; None when Prometheus cannot say."""
    iv = view.intervention
    try:
        workload = await reading.workload(ctx.cluster, iv.spec.target.kind, iv.metadata.namespace, iv.spec.target.name)
        if workload is None:
            return None
        names = [pod["metadata"]["name"] for pod in await reading.pods(ctx.cluster, workload)]
        signal = signal_of(pattern, iv.spec.cause.signal)
        return await measuring.measure(ctx.metrics, pattern, signal, workload.key, names, start, view.now)
    except (MetricsError, KeyError, Forbidden):
        ctx.telemetry.query_errors.labels(pattern.metadata.name).inc()
        return None


async def _with_states(ctx: Context, view: View) -> View:
    """How the recorded steps stand, from the objects themselves."""
    iv, change = view.intervention, view.status.change
    if change is None:
        return view
    if change.evictions:
        return await _with_pods(ctx, view, change)
    try:
        raws = [
            await reading.optional(ctx.cluster, step.object.kind, iv.metadata.namespace, step.object.name)
            for step in change.restore_point
        ]
        file = await _file(ctx, view, change, raws)
        target = await reading.optional(
            ctx.cluster, iv.spec.target.kind.value, iv.metadata.namespace, iv.spec.target.name
        )
    except (Forbidden, RepositoryError) as error:
        return replace(view, refusal=str(error))
    pairs = list(zip(change.restore_point, raws, strict=True))
    kept = view.status.phase is Phase.ROLLING_BACK and view.status.verdict is Verdict.IMPROVED
    states = tuple(standing(step, raw, file, kept=kept) for step, raw in pairs)
    same = target is not None and target["metadata"]["uid"] == iv.spec.target.uid
    return replace(
        view,
        states=states if same else tuple(StepState.GONE for _ in states),
        untouched=tuple(raw is not None and unwritten(step, raw, file) for step, raw in pairs),
        reverted=any(raw is not None and reverted(step, raw, file) for step, raw in pairs),
        marked=any(raw is not None and _marker(raw) == change.marker for raw in raws) or bool(file and file.changed),
        commits=records(file, change.commit.repository, view.now) if file and change.commit else (),
        rolled_out=same and target is not None and read_workload(target, iv.spec.target.kind).rollout_complete,
    )


async def _file(ctx: Context, view: View, change: Change, raws: list[Raw | None]) -> File | None:
    """The file of the change. What would end the Intervention is not believed of a look some seconds old."""
    file = await repositories.file_of(ctx, view.intervention)
    states = [standing(step, raw, file) for step, raw in zip(change.restore_point, raws, strict=True)]
    settled = {StepState.APPLIED} if view.status.phase is Phase.MONITORING else set(StepState) - {StepState.DRIFTED}
    return file if settled.issuperset(states) else await repositories.file_of(ctx, view.intervention, certain=True)


async def _with_pods(ctx: Context, view: View, change: Change) -> View:
    """How the recorded pods stand, from the pods that the workload controls now."""
    iv, pods = view.intervention, list[Raw]()
    try:
        target = await reading.workload(ctx.cluster, iv.spec.target.kind, iv.metadata.namespace, iv.spec.target.name)
        if target is None or target.key.uid != iv.spec.target.uid:
            return replace(view, states=tuple(StepState.GONE for _ in change.evictions))
        pods = await reading.controlled_pods(ctx.cluster, target)
    except Forbidden as error:
        return replace(view, refusal=str(error))
    return replace(
        view,
        states=eviction.states_of(change, pods),
        untouched=tuple(True for _ in change.evictions),
        rolled_out=eviction.settled(target, pods),
    )


def _marker(raw: Raw) -> str | None:
    marker: str | None = raw["metadata"].get("annotations", {}).get(Annotation.MARKER)
    return marker


async def _for_watch(ctx: Context, view: View) -> View:
    view = await _with_states(ctx, view)
    status, pattern = view.status, view.pattern
    with contextlib.suppress(Forbidden):  # not known then; without a policy all that is not Improved is undone
        view = await _with_health(ctx, view)
    if pattern is None or status.watch_started_at is None or not _measurement_due(view, pattern):
        return view
    return replace(view, comparisons=await _compared(ctx, view, pattern))


async def _with_health(ctx: Context, view: View) -> View:
    target, namespace = view.intervention.spec.target, view.intervention.metadata.namespace
    workload = await reading.workload(ctx.cluster, target.kind, namespace, target.name)
    if workload is None:
        return view
    consent, _ = await consent_of(ctx, view.intervention, workload)
    return replace(view, consent=consent, unhealthy=await _unhealthy(ctx, workload, consent))


async def _unhealthy(ctx: Context, workload: Workload, consent: Consent | None) -> str:
    """In what way the watched target is unwell; empty when it is not."""
    looping = crashing(await reading.pods(ctx.cluster, workload))
    if looping:
        return f"crash loop in {', '.join(looping[:5])}"
    least = consent.min_healthy_percent if consent else 0
    if workload.healthy_percent < least:
        return f"{workload.ready} of {workload.desired} replicas are ready; limits.minHealthyPercent is {least}"
    return ""


def _measurement_due(view: View, pattern: IssuePattern) -> bool:
    verification, status = pattern.spec.verification, view.status
    if status.watch_started_at is None or view.now - status.watch_started_at >= verification.watch:
        return True
    return view.now - (status.measured_at or status.watch_started_at) >= verification.interval


async def _compared(ctx: Context, view: View, pattern: IssuePattern) -> tuple[Comparison, ...] | None:
    before = view.status.baseline
    if before is None or view.status.watch_started_at is None:
        return None
    after = await _period(ctx, view, pattern, view.status.watch_started_at)
    if after is None:
        return None
    signal = signal_of(pattern, view.intervention.spec.cause.signal)
    return measuring.comparisons(pattern, signal, before, after)
