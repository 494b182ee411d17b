"""The facts a decision is made from: the target and what is around it, policies, past, plan and dry run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from vanguard.api.intervention import Change
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import Reason
from vanguard.domain import eviction
from vanguard.domain.change import Impossible, look_up, patch, plan
from vanguard.domain.consent import Consent, consent_for
from vanguard.domain.decision.facts import Facts
from vanguard.domain.history import History, history_of
from vanguard.domain.overrides import Overrides, overrides_of
from vanguard.domain.ownership import Claim, claims_on
from vanguard.domain.view import View
from vanguard.domain.workload import Workload, crashing, last_crash, last_disturbed
from vanguard.errors import ClusterError, Disrupted, Forbidden
from vanguard.ports import Raw
from vanguard.reconcilers import reading
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.vitals import fresh_vitals

_LATE = timedelta(minutes=1)


@dataclass(frozen=True)
class Surroundings:
    """What is around the target: itself, its pods, the policies and annotations that bind it."""

    workload: Workload | None
    pods: tuple[Raw, ...]
    consent: Consent | None
    overrides: Overrides
    trouble: tuple[str, ...] = ()


async def surroundings(ctx: Context, iv: Intervention) -> Surroundings:
    """Read the target and what binds it, fresh from the server."""
    namespace, target = iv.metadata.namespace, iv.spec.target
    workload = await reading.workload(ctx.cluster, target.kind, namespace, target.name)
    if workload is None:
        return Surroundings(None, (), None, Overrides())
    space = await ctx.cluster.get("Namespace", "", namespace)
    annotated = {
        f"Namespace {namespace}": space["metadata"].get("annotations", {}),
        f"{target.kind} {target.name}": workload.annotations,
    }
    consent, trouble = await consent_of(ctx, iv, workload)
    return Surroundings(
        trouble=trouble,
        workload=workload,
        pods=tuple(await reading.pods(ctx.cluster, workload)),
        consent=consent,
        overrides=overrides_of(annotated),
    )


async def consent_of(ctx: Context, iv: Intervention, workload: Workload) -> tuple[Consent | None, tuple[str, ...]]:
    """The folded policies, and what could not be read of them."""
    own, trouble = await reading.policies(ctx.cluster, iv.metadata.namespace)
    ceilings, more = await reading.policies(ctx.cluster, ctx.settings.namespace)
    return consent_for(own, ceilings, workload.labels, iv.spec.action.type), trouble + more


async def facts_of(ctx: Context, view: View, around: Surroundings) -> Facts:
    """Everything the gates may look at, but the dry run."""
    iv = view.intervention
    watched = ctx.board.get((iv.spec.pattern.name, iv.spec.target.uid))
    age = view.now - watched.assessment.at if watched else None
    history = history_of(await reading.every_intervention(ctx.cluster), leave_out=iv.metadata.uid)
    change, objects = await _plan(ctx, view, around, history)
    claims = _claims(change, objects) if objects else None
    if isinstance(change, Change) and around.workload and eviction.needed(iv.spec.action.type, claims or ()):
        pods = await reading.controlled_pods(ctx.cluster, around.workload)
        change = eviction.plan(around.workload, pods, marker=iv.metadata.uid, now=view.now)
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
        history=history,
        workload=around.workload,
        disturbed_at=last_disturbed(around.pods),
        crashing=crashing(around.pods),
        crashed=last_crash(around.pods),
        change=change,
        claims=claims,
        dry_run=None,
        vitals=fresh_vitals(ctx, view.now),
        storm=ctx.storm,
    )


Objects = Mapping[tuple[str, str], Raw]


def _claims(change: Change | Impossible | None, objects: Objects) -> tuple[Claim, ...]:
    """Claims on the fields that would be written; without a plan, on the objects it would have been about."""
    paths: dict[tuple[str, str], list[str]] = {key: [] for key in objects}
    if isinstance(change, Change):
        paths = {
            (step.object.kind, step.object.name): [field.path for field in step.fields] for step in change.restore_point
        }
    return tuple(claim for key, fields in paths.items() for claim in claims_on(objects[key], fields))


async def _plan(
    ctx: Context, view: View, around: Surroundings, history: History
) -> tuple[Change | Impossible | None, Objects]:
    """The change as it would be made now, and the objects it was planned on."""
    iv = view.intervention
    if around.workload is None or around.consent is None:
        return None, {}
    tunable = around.consent.tunables.get(iv.spec.action.tunable or "")
    key = tunable.location.config_map_key if tunable else None
    config_maps: dict[str, Raw | None] = {}
    objects = {(around.workload.key.kind.value, around.workload.key.name): dict(around.workload.raw)}
    if key is not None:
        try:
            config_maps[key.name] = await reading.optional(ctx.cluster, "ConfigMap", iv.metadata.namespace, key.name)
        except Forbidden as error:
            refused = f"{error}; declare {iv.metadata.namespace}/{key.name} in the chart's tunableConfigMaps"
            return Impossible(Reason.NOT_PERMITTED, refused), objects
    objects |= {("ConfigMap", name): raw for name, raw in config_maps.items() if raw is not None}
    change = plan(
        iv.spec.action,
        around.workload,
        around.consent.tunables,
        MappingProxyType(config_maps),
        marker=iv.metadata.uid,
        now=view.now,
        raises=history.raises,
    )
    return change, objects


async def dry_run(ctx: Context, namespace: str, change: Change) -> tuple[Reason, str]:
    """Ask the server whether it would take the change, and the change and its inverse together.

    A change by commit writes nothing to the server; that the file takes it was tried when it was planned.
    """
    if change.commit is not None:
        return Reason.CHANGE_POSSIBLE, ""
    try:
        for pod in change.evictions:
            await ctx.cluster.evict(namespace, pod.name, pod.uid, dry_run=True)
        for step in change.restore_point:
            kind, name = step.object.kind, step.object.name
            raw = await ctx.cluster.get(kind, namespace, name)
            forward = patch(step, raw)
            changed = await ctx.cluster.patch(kind, namespace, name, forward, dry_run=True)
            back = [op for op in patch(step, changed, inverse=True) if op["path"] != "/metadata/resourceVersion"]
            restored = await ctx.cluster.patch(kind, namespace, name, forward + back, dry_run=True)
            if any(look_up(restored, field.path) != field.before for field in step.fields):
                return Reason.DRY_RUN_REFUSED, f"{kind} {name}: the inverse patch does not restore the fields"
    except Disrupted as error:
        return Reason.DISRUPTION_BUDGET_EXHAUSTED, str(error)
    except Forbidden as error:
        return Reason.NOT_PERMITTED, str(error)
    except ClusterError as error:
        return Reason.DRY_RUN_REFUSED, str(error)
    return Reason.CHANGE_POSSIBLE, ""
