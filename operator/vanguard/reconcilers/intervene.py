"""One Intervention, level by level: look at what is so, do or record the one next thing, look again.

`act` holds the only write to a workload or ConfigMap (or, by `repositories.write`, to the file that declares it),
`record` the only write of an Intervention's status.
"""

import contextlib
import logging
from dataclasses import replace
from enum import Enum

from pydantic import ValidationError

from vanguard.api.intervention import InterventionStatus, Phase, PodRef, Step
from vanguard.api.kinds import Intervention
from vanguard.domain import audit, telling
from vanguard.domain.change import never_landed, patch
from vanguard.domain.delivery import next_due
from vanguard.domain.lifecycle import step
from vanguard.domain.phases import DECIDING, IN_FLIGHT, TERMINAL
from vanguard.domain.undoing import Tried
from vanguard.domain.view import Write
from vanguard.errors import (
    ClusterError,
    Conflict,
    Disrupted,
    Forbidden,
    Invalid,
    NotFound,
    RepositoryUnseen,
    Unavailable,
)
from vanguard.ports import Raw
from vanguard.reconcilers import events, policies, reading, repositories
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.gather import gather
from vanguard.telemetry import about

_log = logging.getLogger(__name__)

# More steps than any Intervention has; what is left over is done at the next look.
_MAX_STEPS = 12
# Writes that met somebody else's; who writes all the time is not to be outrun by hammering the server.
_MOST_MISSES = 3
_DECIDED_UNDER_LOCK = DECIDING | {Phase.BASELINING}
_WARN = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED})


class Follows(Enum):
    """What comes after one step."""

    NOTHING = "nothing for now"
    LOOK = "another look"
    MISSED = "another look, for somebody else wrote at the same moment"


async def reconcile(ctx: Context, namespace: str, name: str) -> Phase | None:
    """Bring an Intervention as far as it goes now.

    Args:
        ctx: the process.
        namespace: where it is.
        name: its name.

    Returns:
        The phase it is in, or None when it is gone.

    Raises:
        ClusterError: when the API server gives no answer; the next look goes on from what is recorded.
        RepositoryError: the same of a repository.
    """
    async with ctx.locks[namespace, name]:
        with about(object=f"{namespace}/{name}"):
            return await _until_settled(ctx, namespace, name)


async def _until_settled(ctx: Context, namespace: str, name: str) -> Phase | None:
    tried, phase, misses = None, None, 0
    for _ in range(_MAX_STEPS):
        raw = await reading.optional(ctx.cluster, "Intervention", namespace, name)
        if raw is None:
            ctx.locks.pop((namespace, name), None)
            ctx.outbox.wake(namespace, name, None)
            return None
        try:
            iv = Intervention.read(raw)
        except ValidationError as error:
            _log.error("Intervention cannot be read, nothing is done with it: %s", reading.told(error))
            return Phase.PENDING  # unfinished as far as anybody knows: a deletion must wait
        phase = iv.status.phase
        # Also of one that is over: what it had to tell when the last process ended is told by this one.
        ctx.outbox.wake(namespace, name, next_due(iv.status))
        with about(intervention=iv.metadata.uid):
            try:
                follows, tried = await _advance(ctx, iv, raw, tried)
            except RepositoryUnseen as need:
                await repositories.look(ctx, need.repository)  # no lock that others need is held here
                continue
        misses += follows is Follows.MISSED
        if follows is Follows.NOTHING or misses == _MOST_MISSES:
            return phase
    return phase


async def _advance(ctx: Context, iv: Intervention, raw: Raw, tried: Tried | None) -> tuple[Follows, Tried | None]:
    """One look and the one thing that follows. Gates are asked and their answer recorded under one lock."""
    async with ctx.admission if iv.status.phase in _DECIDED_UNDER_LOCK else contextlib.nullcontext():
        following = step(await gather(ctx, iv, tried))
        if following.effect is not None:
            tried = await act(ctx, iv, following.effect)
            return Follows.MISSED if tried.missed else Follows.LOOK, tried
        if following.status is not None:
            return await record(ctx, iv, raw, following.status), None
        return Follows.NOTHING, None


async def act(ctx: Context, iv: Intervention, write: Write) -> Tried:
    """Make one step of the recorded change, or take it back.

    Returns:
        What the server said. Whether it landed is read from the object at the next look.

    Raises:
        ClusterError: when there was no answer to a change. To undo one is tried so often and no more, whatever
            comes in its way; whether to make one is decided anew.
    """
    change, namespace = iv.status.change, iv.metadata.namespace
    if change is None:
        raise AssertionError("an effect without a recorded change")
    if change.commit is not None:
        return await repositories.write(ctx, iv, change, change.commit, write)
    tried = Tried(write.index, write.inverse)
    try:
        if change.evictions and not write.inverse:
            await _evict(ctx, namespace, change.evictions[write.index])
        elif not await _patch(ctx, namespace, change.restore_point[write.index], inverse=write.inverse):
            return replace(tried, missed="somebody wrote since the look that led here")
    except (Conflict, NotFound) as error:
        _log.info("it moved on under the write, looking again: %s", error)
        return replace(tried, missed=str(error))
    except Disrupted as error:
        _log.info("the next pod may not go yet: %s", error)
        return replace(tried, postponed=str(error))
    except (Forbidden, Invalid) as error:
        _log.warning("the write was refused: %s", error)
        return replace(tried, refused=str(error))
    except Unavailable as error:
        if not write.inverse:
            raise
        _log.warning("no answer to the undoing, looking whether it landed: %s", error)
        return replace(tried, missed=str(error))
    return tried


async def _evict(ctx: Context, namespace: str, pod: PodRef) -> None:
    await ctx.cluster.evict(namespace, pod.name, pod.uid)
    _log.info("evicted Pod %s", pod.name)


async def _patch(ctx: Context, namespace: str, todo: Step, *, inverse: bool) -> bool:
    """Whether it was written; not where somebody wrote since the look that led here."""
    kind, name = todo.object.kind, todo.object.name
    raw = await ctx.cluster.get(kind, namespace, name)
    if not inverse and not never_landed(todo, raw):
        return False
    await ctx.cluster.patch(kind, namespace, name, patch(todo, raw, inverse=inverse))
    _log.info("%s %s %s", "restored" if inverse else "changed", kind, name)
    return True


async def record(ctx: Context, iv: Intervention, raw: Raw, status: InterventionStatus) -> Follows:
    """Write the status, guarded by the resourceVersion it was decided on; tell people of a transition.

    Returns:
        Whether to look again at once. Measurements are no transition and can wait.
    """
    now = ctx.clock.now()
    status = telling.with_notice(iv, status, ctx.outbox.routes, now)
    status = audit.with_audit(iv.status, status, ctx.git.audit, now)
    try:
        await ctx.cluster.replace_status("Intervention", {**raw, "status": status.wire()})
    except Conflict:
        return Follows.MISSED
    except NotFound:
        return Follows.NOTHING
    old = iv.status
    if (old.phase, old.reason) == (status.phase, status.reason) and old.timeline == status.timeline:
        return Follows.NOTHING
    ctx.telemetry.transitions.labels(status.phase, status.reason).inc()
    _log.info("%s -> %s: %s: %s", old.phase, status.phase, status.reason, status.message)
    ctx.outbox.wake(iv.metadata.namespace, iv.metadata.name, next_due(status))
    await _tell(ctx, iv, status)
    if status.phase in TERMINAL and status.started_at is not None:
        await _settle_breakers(ctx)
    return Follows.NOTHING if status.phase in DECIDING else Follows.LOOK


async def _settle_breakers(ctx: Context) -> None:
    """An outcome may open or close a breaker: people are told at once, not at the next cycle."""
    try:
        await policies.refresh(ctx)
    except ClusterError as error:
        _log.warning("the policies' breakers are told at the next cycle: %s", error)


async def _tell(ctx: Context, iv: Intervention, status: InterventionStatus) -> None:
    """An Event on the Intervention; once something was touched, on the workload too, where its owners look."""
    warning, once = status.phase in _WARN, f"{status.phase}/{status.reason}/{len(status.timeline)}"
    namespace = iv.metadata.namespace
    await events.tell(
        ctx,
        kind="Intervention",
        namespace=namespace,
        name=iv.metadata.name,
        uid=iv.metadata.uid,
        reason=status.reason,
        message=f"{status.phase}: {status.message}",
        warning=warning,
        once=once,
    )
    if status.change is not None and status.phase in IN_FLIGHT | TERMINAL:
        target = iv.spec.target
        await events.tell(
            ctx,
            kind=target.kind.value,
            namespace=namespace,
            name=target.name,
            uid=target.uid,
            reason=status.reason,
            message=f"Intervention {iv.metadata.name} {status.phase}: {status.message}",
            warning=warning,
            once=f"{iv.metadata.uid}/{once}",
        )
