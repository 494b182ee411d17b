"""Gathering for one Intervention: every read its next step needs, and only those."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from vanguard.api.base import FINALIZER, Annotation
from vanguard.api.intervention import Change, Comparison, Period, Phase
from vanguard.api.kinds import Intervention, IssuePattern
from vanguard.api.reasons import Reason
from vanguard.domain.change import Impossible, StepState, look_up, never_landed, patch, plan, state_of
from vanguard.domain.consent import Consent, consent_for
from vanguard.domain.decision.chain import (
    Outcome,
    awaits_only_a_person,
    change_known_possible,
    decide,
    only_untried,
    stopped,
)
from vanguard.domain.decision.facts import Facts
from vanguard.domain.diagnosis import signal_of
from vanguard.domain.history import history_of
from vanguard.domain.lifecycle import View
from vanguard.domain.overrides import Overrides, overrides_of
from vanguard.domain.phases import DECIDING, TERMINAL
from vanguard.domain.workload import Workload, crashing, last_disturbed, read_workload
from vanguard.errors import ClusterError, Forbidden, MetricsError
from vanguard.ports import Raw
from vanguard.reconcilers import measuring, reading
from vanguard.reconcilers.context import Context

_LATE = timedelta(minutes=1)


async def gather(ctx: Context, iv: Intervention, refusal: str = "") -> View:
    """All that the Intervention's next step may look at.

    Args:
        ctx: the process.
        iv: the Intervention, fresh from the server.
        refusal: why its last write was refused for good, if it was.

    Raises:
        ClusterError: when the API server gives no answer; nothing is concluded then.
    """
    view = View(now=ctx.clock.now(), intervention=iv, refusal=refusal, guarded=FINALIZER in iv.metadata.finalizers)
    if iv.status.phase in TERMINAL:
        return view
    view = replace(view, pattern=await reading.pattern(ctx.cluster, iv.spec.pattern.name))
    match iv.status.phase:
        case phase if phase in DECIDING:
            return await _for_decision(ctx, view)
        case Phase.BASELINING:
            return await _for_baseline(ctx, view)
        case Phase.APPLYING:
            facts = await _facts(ctx, view, await _surroundings(ctx, iv))
            return replace(await _with_states(ctx, view), held=stopped(facts))
        case Phase.ROLLING_BACK:
            return await _with_states(ctx, view)
        case Phase.MONITORING:
            return await _for_watch(ctx, view)
        case _:
            return view


@dataclass(frozen=True)
class _Surroundings:
    """What is around the target: itself, its pods, the policies and annotations that bind it."""

    workload: Workload | None
    pods: tuple[Raw, ...]
    consent: Consent | None
    overrides: Overrides
    trouble: tuple[str, ...] = ()


async def _surroundings(ctx: Context, iv: Intervention) -> _Surroundings:
    namespace, target = iv.metadata.namespace, iv.spec.target
    workload = await reading.workload(ctx.cluster, target.kind, namespace, target.name)
    if workload is None:
        return _Surroundings(None, (), None, Overrides())
    space = await ctx.cluster.get("Namespace", "", namespace)
    annotated = {
        f"Namespace {namespace}": space["metadata"].get("annotations", {}),
        f"{target.kind} {target.name}": workload.annotations,
    }
    consent, trouble = await _consent(ctx, iv, workload)
    return _Surroundings(
        trouble=trouble,
        workload=workload,
        pods=tuple(await reading.pods(ctx.cluster, workload)),
        consent=consent,
        overrides=overrides_of(annotated),
    )


async def _consent(ctx: Context, iv: Intervention, workload: Workload) -> tuple[Consent | None, tuple[str, ...]]:
    """The folded policies, and what could not be read of them."""
    own, trouble = await reading.policies(ctx.cluster, iv.metadata.namespace)
    ceilings, more = await reading.policies(ctx.cluster, ctx.settings.namespace)
    return consent_for(own, ceilings, workload.labels, iv.spec.action.type), trouble + more


async def _for_decision(ctx: Context, view: View) -> View:
    around = await _surroundings(ctx, view.intervention)
    facts = await _facts(ctx, view, around)
    decision = decide(facts)
    if awaits_only_a_person(decision) and change_known_possible(view.status.gates):
        facts = replace(facts, dry_run="")  # tried when the question was put; tried again once it is answered
        decision = decide(facts)
    elif only_untried(decision) and isinstance(facts.change, Change):
        reason, said = await _dry_run(ctx, view.intervention.metadata.namespace, facts.change)
        facts = replace(facts, dry_run=said, dry_run_reason=reason)
        decision = decide(facts)
    planned = facts.change if isinstance(facts.change, Change) else None
    ctx.telemetry.decisions.labels(decision.outcome, decision.reason).inc()
    return replace(view, decision=decision, consent=around.consent, change=planned)


async def _facts(ctx: Context, view: View, around: _Surroundings) -> Facts:
    iv = view.intervention
    watched = ctx.board.get((iv.spec.pattern.name, iv.spec.target.uid))
    age = view.now - watched.assessment.at if watched else None
    return Facts(
        now=view.now,
        intervention=iv,
        pattern=view.pattern,
        consent=around.consent,
        trouble=around.trouble,
        overrides=around.overrides,
        alert=watched.alert if watched else None,
        assessment=watched.assessment if watched else None,
        fresh=age is not None and age <= 2 * ctx.settings.detection_interval + _LATE,
        history=history_of(
            await reading.every_intervention(ctx.cluster, iv.metadata.namespace), leave_out=iv.metadata.uid
        ),
        workload=around.workload,
        disturbed_at=last_disturbed(around.pods),
        crashing=crashing(around.pods),
        change=await _plan(ctx, view, around),
        dry_run=None,
    )


async def _plan(ctx: Context, view: View, around: _Surroundings) -> Change | Impossible | None:
    iv = view.intervention
    if around.workload is None or around.consent is None:
        return None
    tunable = around.consent.tunables.get(iv.spec.action.tunable or "")
    key = tunable.location.config_map_key if tunable else None
    config_maps: dict[str, Raw | None] = {}
    if key is not None:
        try:
            config_maps[key.name] = await reading.optional(ctx.cluster, "ConfigMap", iv.metadata.namespace, key.name)
        except Forbidden as error:
            return Impossible(
                Reason.NOT_PERMITTED,
                f"{error}; declare {iv.metadata.namespace}/{key.name} in the chart's tunableConfigMaps",
            )
    return plan(
        iv.spec.action,
        around.workload,
        around.consent.tunables,
        MappingProxyType(config_maps),
        marker=iv.metadata.uid,
        now=view.now,
    )


async def _dry_run(ctx: Context, namespace: str, change: Change) -> tuple[Reason, str]:
    """Ask the server whether it would take the change, and the change and its inverse together."""
    try:
        for step in change.restore_point:
            kind, name = step.object.kind, step.object.name
            raw = await ctx.cluster.get(kind, namespace, name)
            forward = patch(step, raw)
            changed = await ctx.cluster.patch(kind, namespace, name, forward, dry_run=True)
            back = [op for op in patch(step, changed, inverse=True) if op["path"] != "/metadata/resourceVersion"]
            restored = await ctx.cluster.patch(kind, namespace, name, forward + back, dry_run=True)
            if any(look_up(restored, field.path) != field.before for field in step.fields):
                return Reason.DRY_RUN_REFUSED, f"{kind} {name}: the inverse patch does not restore the fields"
    except Forbidden as error:
        return Reason.NOT_PERMITTED, str(error)
    except ClusterError as error:
        return Reason.DRY_RUN_REFUSED, str(error)
    return Reason.CHANGE_POSSIBLE, ""


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
    workload = await reading.workload(ctx.cluster, iv.spec.target.kind, iv.metadata.namespace, iv.spec.target.name)
    if workload is None:
        return None
    names = [pod["metadata"]["name"] for pod in await reading.pods(ctx.cluster, workload)]
    try:
        signal = signal_of(pattern, iv.spec.cause.signal)
        return await measuring.measure(ctx.metrics, pattern, signal, workload.key, names, start, view.now)
    except (MetricsError, KeyError):
        ctx.telemetry.query_errors.labels(pattern.metadata.name).inc()
        return None


async def _with_states(ctx: Context, view: View) -> View:
    """How the recorded steps stand, from the objects themselves."""
    iv, change = view.intervention, view.status.change
    if change is None:
        return view
    try:
        raws = [
            await reading.optional(ctx.cluster, step.object.kind, iv.metadata.namespace, step.object.name)
            for step in change.restore_point
        ]
    except Forbidden as error:
        return replace(view, refusal=str(error))
    states = tuple(state_of(step, raw) for step, raw in zip(change.restore_point, raws, strict=True))
    target = await reading.optional(ctx.cluster, iv.spec.target.kind.value, iv.metadata.namespace, iv.spec.target.name)
    same = target is not None and target["metadata"]["uid"] == iv.spec.target.uid
    return replace(
        view,
        states=states if same else tuple(StepState.GONE for _ in states),
        untouched=tuple(
            raw is not None and never_landed(step, raw) for step, raw in zip(change.restore_point, raws, strict=True)
        ),
        marked=any(raw is not None and _marker(raw) == change.marker for raw in raws),
        rolled_out=same and target is not None and read_workload(target, iv.spec.target.kind).rollout_complete,
    )


def _marker(raw: Raw) -> str | None:
    marker: str | None = raw["metadata"].get("annotations", {}).get(Annotation.MARKER)
    return marker


async def _for_watch(ctx: Context, view: View) -> View:
    view = await _with_states(ctx, view)
    status, pattern = view.status, view.pattern
    workload = await reading.workload(
        ctx.cluster,
        view.intervention.spec.target.kind,
        view.intervention.metadata.namespace,
        view.intervention.spec.target.name,
    )
    consent, _ = await _consent(ctx, view.intervention, workload) if workload else (None, ())
    view = replace(view, consent=consent)
    if pattern is None or status.watch_started_at is None or not _measurement_due(view, pattern):
        return view
    return replace(view, comparisons=await _compared(ctx, view, pattern))


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
