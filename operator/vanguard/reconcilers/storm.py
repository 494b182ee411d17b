"""Storms, looked out for in each detection cycle once every pattern is evaluated."""

from vanguard.api.base import Notification
from vanguard.api.reasons import Reason
from vanguard.domain.alert import AlertState
from vanguard.domain.storm import Storm, Trending, storm_of
from vanguard.domain.workload import TargetKey
from vanguard.reconcilers.announce import announce
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.estate import Estate

_NAMED = 5
_HELD = "Nothing new starts on them; look for the common cause."
_GOES_ON = "Interventions may start again."


async def look_out(ctx: Context, estate: Estate) -> None:
    """Say what trends together now; tell people when a storm begins and when it is over."""
    firing: dict[TargetKey, Trending] = {}
    for watched in ctx.board.values():
        target, since = watched.assessment.target, watched.alert.active_at
        if watched.alert.state is not AlertState.FIRING or since is None:
            continue
        earlier = firing.get(target)
        if earlier is None or since < earlier.since:
            firing[target] = Trending(target, since, estate.depends_on(target))
    watching = len(frozenset[TargetKey]().union(*(one.targets for one in ctx.watching.values())))
    settings = ctx.settings
    ctx.storm = storm_of(firing.values(), watching, settings.storm_targets, settings.storm_percent)
    ctx.telemetry.storm.set(bool(ctx.storm.together))
    await _tell(ctx, ctx.storm)


async def _tell(ctx: Context, storm: Storm) -> None:
    """Once when a storm begins and when it is over, and once for each dependency that targets share."""
    names = [str(target) for target in storm.together]
    title = Reason.STORM_GUARD.sentence if names else "The storm is over."
    text = f"{len(names)} of {storm.watched} watched targets, among them {', '.join(names[:_NAMED])}.\n{_HELD}"
    reason = Reason.STORM_GUARD if names else None
    await announce(ctx, "storm", Notification.ALERT, title, text if names else _GOES_ON, reason=reason, over=not names)
    for name, targets in storm.shared.items():
        text = f"{', '.join(str(target) for target in targets[:_NAMED])} trend, and all depend on {name}.\n{_HELD}"
        reason = Reason.SHARED_DEPENDENCY
        await announce(ctx, f"dependency/{name}", Notification.ALERT, reason.sentence, text, reason=reason)
    for key in [key for key in ctx.outbox.announced if key.startswith("dependency/")]:
        if key.removeprefix("dependency/") not in storm.shared:
            await announce(ctx, key, Notification.INFO, "They do not trend together any more.", _GOES_ON, over=True)
