"""News that belong to no Intervention: the breaker opened, a storm, telemetry that cannot be trusted.

Told once per key and change, at least once while the process lives; the state itself is kept by who announces it.
"""

import hashlib
import logging

from vanguard.api.base import Notification, format_time
from vanguard.api.intervention import Delivery
from vanguard.api.reasons import Reason
from vanguard.domain.telling import Message, flat, runbook_line
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.outbox import News

_log = logging.getLogger(__name__)

_MOST_LINES = 5


async def announce(
    ctx: Context,
    key: str,
    level: Notification,
    title: str,
    text: str,
    *,
    reason: Reason | None = None,
    over: bool = False,
) -> None:
    """Tell people of a change, unless this is what they were told last under this key.

    Never fails and never waits for the network.

    Args:
        ctx: the process.
        key: what it is about, such as `breaker/cluster` or `storm`; its last `title` is remembered.
        level: how loudly.
        title: the state in a few words, the same as long as it is the same state: figures belong into `text`.
        text: what, why, and what to do, one sentence a line, at most five lines.
        reason: whose section of the runbook is named.
        over: whether what was announced under this key has ended well.
    """
    outbox, now = ctx.outbox, ctx.clock.now()
    known = outbox.announced.get(key)
    if known == title or (known is None and over):
        return
    outbox.announced[key] = title
    said = [flat(line) for line in text.splitlines() if line.strip()][:_MOST_LINES]
    lines = (*said, runbook_line(ctx.settings.runbook_url, reason)) if reason else tuple(said)
    _log.warning("%s: %s: %s", key, flat(title, 200), " ".join(lines))
    digest = hashlib.sha256(f"{key}/{title}/{format_time(now)}".encode()).hexdigest()[:16]
    message = Message(
        id=digest,
        incident=f"{ctx.settings.namespace}/{key}",
        level=level,
        title=flat(title, 200),
        lines=lines,
        at=now,
        begun=now,
        over=over,
        about={"key": key},
    )
    chosen = [name for name, levels in outbox.routes.items() if level in levels or over]
    if chosen:
        outbox.put(News(message, {name: Delivery(notifier=name) for name in chosen}))
