"""The operator's own senses, examined at the beginning of each detection cycle."""

from datetime import datetime, timedelta

from vanguard.api.base import Notification
from vanguard.api.reasons import Reason
from vanguard.domain import vitals as domain
from vanguard.domain.vitals import Pulse, Vitals, judge
from vanguard.errors import MetricsError
from vanguard.reconcilers.announce import announce
from vanguard.reconcilers.context import Context

_LATE = timedelta(minutes=1)


async def examine(ctx: Context) -> None:
    """Measure, judge, and tell what changed.

    Raises:
        ClusterError: when the API server gives no answer; what was known of the senses grows old.
    """
    before = ctx.clock.now()
    beat = await ctx.cluster.heartbeat()
    own = before + (ctx.clock.now() - before) / 2
    at, answer, trouble = ctx.clock.now(), None, ""
    try:
        answer = tuple(await ctx.metrics.instant(domain.QUERY))
    except MetricsError as error:
        trouble = str(error)
    await _tell(ctx, judge(Pulse(at, answer, trouble, beat.server_time, own, beat.latency)))


async def _tell(ctx: Context, now: Vitals) -> None:
    """Keep it, show it, and tell people once for each vital that turned bad, and once when it is well again."""
    ctx.vitals = now
    for name in domain.Name:
        wrong = now.wrong.get(name)
        ctx.telemetry.vital.labels(name).set(wrong is None)
        title = f"{name}: well again" if wrong is None else f"{name}: {Reason.TELEMETRY_UNHEALTHY.sentence}"
        text = "Interventions may start again." if wrong is None else f"{wrong}.\nNothing new starts until it is well."
        reason = Reason.TELEMETRY_UNHEALTHY if wrong else None
        await announce(ctx, f"telemetry/{name}", Notification.ALERT, title, text, reason=reason, over=wrong is None)


def fresh_vitals(ctx: Context, now: datetime) -> Vitals | None:
    """The senses as last examined; None when that is more than two cycles ago, or never was."""
    if ctx.vitals is None or now - ctx.vitals.at > 2 * ctx.settings.detection_interval + _LATE:
        return None
    return ctx.vitals
