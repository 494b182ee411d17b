"""The archive: commits an Intervention's record, at least once asked for and at most once made."""

import asyncio
import logging
from datetime import datetime

from vanguard.api.intervention import CommitPurpose, CommitRecord, DeliveryState
from vanguard.api.kinds import Intervention
from vanguard.domain import audit
from vanguard.domain.delivery import due, failed, sent, uncommitted
from vanguard.errors import RepositoryError
from vanguard.ports import Draft
from vanguard.reconcilers.context import Context

_log = logging.getLogger(__name__)

# The adapter has its own, shorter time-outs; this one holds also where it is wrong.
_DEADLINE = 40.0


def todo(iv: Intervention, now: datetime) -> bool:
    """Whether a commit is due: the oldest first, later ones wait for it."""
    first = next(iter(uncommitted(iv.status)), None)
    return first is not None and due(first, now)


async def written_down(ctx: Context, iv: Intervention) -> dict[CommitPurpose, CommitRecord]:
    """Make the commits that are due, in their order; what became of them by purpose. Never raises."""
    out: dict[CommitPurpose, CommitRecord] = {}
    for record in uncommitted(iv.status):
        after = await _attempt(ctx, iv, record)
        out[record.purpose] = after
        count(ctx, after)
        if after.state is DeliveryState.PENDING:
            break
    return out


async def _attempt(ctx: Context, iv: Intervention, record: CommitRecord) -> CommitRecord:
    repository, spec = ctx.git.repositories.get(record.repository), ctx.git.audit
    if repository is None or spec is None:
        return failed(record, "no such repository is configured any more", ctx.clock.now(), give_up=True)
    draft = Draft(
        path=audit.path(iv, spec),
        text=audit.text(iv),
        message=audit.message(iv, record.purpose),
        intervention=iv.metadata.uid,
        purpose=record.purpose,
        guarded=False,
    )
    try:
        async with asyncio.timeout(_DEADLINE):
            sha = await repository.commit(draft)
    except RepositoryError as error:
        return failed(record, str(error), ctx.clock.now())
    except TimeoutError:
        return failed(record, "no answer in time", ctx.clock.now())
    except Exception as error:  # noqa: BLE001 - its text might hold a secret; its type does not
        return failed(record, f"unexpected {type(error).__name__}", ctx.clock.now())
    return sent(record, ctx.clock.now()).model_copy(update={"sha": sha})


def count(ctx: Context, after: CommitRecord) -> None:
    """Count an attempt, and log one that failed."""
    retry = after.state is DeliveryState.PENDING
    result = "Retry" if retry else after.state.value
    ctx.telemetry.commits.labels(after.repository, after.purpose.value, result).inc()
    if after.state is not DeliveryState.SENT:
        what = "tried again later" if retry else "given up"
        _log.warning("the %s commit to %s failed (%s): %s", after.purpose, after.repository, what, after.error)
