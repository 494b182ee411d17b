"""The breaker of the whole cluster where no policy says otherwise: people are told when it opens and closes.

It has no object whose status could say what was told. What it comes to is in the Interventions; what was told of it, in
Events on the operator's Lease, so that a restarted process says nothing twice as long as they are kept.
"""

from collections.abc import Sequence
from datetime import timedelta

from vanguard.api.base import Notification
from vanguard.api.kinds import AutomationPolicy
from vanguard.api.policy import BreakerState
from vanguard.api.reasons import Reason
from vanguard.domain.breaker import CLUSTER_DEFAULT, Breaker, breaker_of
from vanguard.domain.history import History
from vanguard.reconcilers import events
from vanguard.reconcilers.announce import announce
from vanguard.reconcilers.context import Context

KEY = "breaker/cluster"
NEWS = {
    BreakerState.OPEN: (Reason.BREAKER_OPEN, "{failures} interventions failed in a row; nothing starts for now"),
    BreakerState.HALF_OPEN: (Reason.BREAKER_HALF_OPEN, "after {failures} failures, one intervention may be tried"),
    BreakerState.CLOSED: (Reason.BREAKER_CLOSED, "interventions may start again"),
}
# As long as an API server keeps Events unless told otherwise: what closed longer ago is no news to a new process.
_NEWS_FOR = timedelta(hours=1)
_WHOSE = "circuit breaker of the cluster"


async def tell(ctx: Context, ceilings: Sequence[AutomationPolicy], history: History) -> None:
    """Tell people how it stands, once for each time it opens, lets one try and closes.

    Args:
        ctx: the process.
        ceilings: the policies of the operator's namespace; the breaker of one that is there binds instead of this.
        history: every retained Intervention that was admitted.
    """
    if ceilings:
        text = f"AutomationPolicy {ceilings[0].metadata.name} guards the cluster instead."
        await announce(ctx, KEY, Notification.INFO, f"{_WHOSE}: replaced", text, over=True)
        return
    found, known = breaker_of(CLUSTER_DEFAULT, history.started, ctx.clock.now()), ctx.outbox.announced.get(KEY)
    title = f"{_WHOSE}: {found.state}"
    if known == title or (known is None and not _is_news(ctx, found)):
        return
    told_before = not await _event(ctx, found)
    if known is None and told_before:
        ctx.outbox.announced[KEY] = title
        return
    # Also told by a process that has not told of its opening.
    ctx.outbox.announced.setdefault(KEY, f"{_WHOSE}: told by another process")
    level = Notification.ALERT if found.state is BreakerState.OPEN else Notification.INFO
    reason, over = NEWS[found.state][0], found.state is BreakerState.CLOSED
    await announce(ctx, KEY, level, title, _text(ctx, found), reason=reason, over=over)


def _is_news(ctx: Context, found: Breaker) -> bool:
    """Whether a process that knows of nothing told may have something to tell."""
    closed = found.closed_at
    return found.state is not BreakerState.CLOSED or (closed is not None and ctx.clock.now() - closed < _NEWS_FOR)


def _text(ctx: Context, found: Breaker) -> str:
    lines = [NEWS[found.state][1].format(failures=found.failures), "Look: kubectl get interventions -A"]
    if found.state is not BreakerState.CLOSED:
        lines.append(f"Reset: vanguard breaker reset ceiling -n {ctx.settings.namespace} --reason '...'")
    return "\n".join(lines)


async def _event(ctx: Context, found: Breaker) -> bool:
    """Record that it is told; False if it was recorded before."""
    reason, text = NEWS[found.state]
    return await events.tell(
        ctx,
        kind="Lease",
        namespace=ctx.settings.namespace,
        name=ctx.settings.lease_name,
        uid="",
        reason=reason,
        message=f"{_WHOSE}: {text.format(failures=found.failures)}",
        warning=found.state is BreakerState.OPEN,
        once=f"{found.state}/{found.opened_at or found.closed_at}",
    )
