"""What the operator makes of a pattern, in the pattern's status: told when it changes, and only then."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vanguard.api.base import format_time
from vanguard.api.kinds import IssuePattern
from vanguard.api.pattern import HeldBack, IssuePatternStatus
from vanguard.api.reasons import Reason
from vanguard.domain import conditions
from vanguard.domain.diagnosis import Assessment, signal_of
from vanguard.domain.workload import TargetKey
from vanguard.errors import ClusterError
from vanguard.reconcilers import events
from vanguard.reconcilers.context import Context

_log = logging.getLogger(__name__)
_MOST_HELD = 20
_MOST_SAID = 1024


@dataclass(frozen=True)
class PatternNews:
    """What one evaluation found.

    Attributes:
        assessments: the worst of each target that was looked at.
        watched: how many targets have series.
        firing: how many targets' alerts fire.
        trouble: why a query failed; empty if none did.
        governed: whether any namespace has a policy.
    """

    assessments: Mapping[TargetKey, Assessment]
    watched: int
    firing: int
    trouble: str
    governed: bool


async def publish(ctx: Context, pattern: IssuePattern, news: PatternNews) -> None:
    """Write the pattern's status if its meaning changed; an Event on each workload newly left alone."""
    now = ctx.clock.now()
    status = _status(pattern, news, now)
    if status.wire() == pattern.status.wire():
        return
    raw = await ctx.cluster.get("IssuePattern", "", pattern.metadata.name)
    if raw["metadata"]["generation"] != pattern.metadata.generation:
        return
    try:
        await ctx.cluster.replace_status("IssuePattern", {**raw, "status": status.wire()})
    except ClusterError as error:
        _log.warning("status of IssuePattern %s could not be written: %s", pattern.metadata.name, error)
        return
    await _tell_held(ctx, pattern, news, status)


def _status(pattern: IssuePattern, news: PatternNews, now: datetime) -> IssuePatternStatus:
    holds, reason, message = _readiness(pattern, news)
    ready = conditions.condition(conditions.READY, holds, reason, message, now, pattern.metadata.generation)
    return IssuePatternStatus(
        observed_generation=pattern.metadata.generation,
        conditions=conditions.merged(pattern.status.conditions, [ready]),
        firing=news.firing,
        held_back=pattern.status.held_back if news.trouble else _held(pattern, news, now),
    )


def _readiness(pattern: IssuePattern, news: PatternNews) -> tuple[bool, Reason, str]:
    """Whether the pattern is in use; messages carry no figure that changes by itself."""
    if pattern.spec.suspend:
        return False, Reason.SUSPENDED, "spec.suspend is true"
    if news.trouble:
        return False, Reason.QUERY_FAILED, Reason.QUERY_FAILED.sentence
    if not news.governed:
        return False, Reason.NO_POLICY, "no namespace has an AutomationPolicy"
    if not news.watched:
        return False, Reason.NO_SERIES, Reason.NO_SERIES.sentence
    return True, Reason.READY, Reason.READY.sentence


def _held(pattern: IssuePattern, news: PatternNews, now: datetime) -> tuple[HeldBack, ...]:
    """Targets whose trend looks like the problem and which are left alone; known ones keep their time."""
    known = {(held.target, held.reason): held for held in pattern.status.held_back}
    out = []
    for target, seen in sorted(news.assessments.items()):
        if seen.doubt or (seen.positive is False and seen.straight_line):
            limit, what = signal_of(pattern, seen.signal).limit, "The forecast" if seen.doubt else "A straight line"
            said = f"{what} reaches {limit:f} within {pattern.spec.trend.horizon}. {seen.reason.sentence} {seen.doubt}"
            held = HeldBack(target=str(target), reason=seen.reason, message=said.strip()[:_MOST_SAID], since=now)
            out.append(known.get((held.target, held.reason), held))
    return tuple(out[:_MOST_HELD])


async def _tell_held(ctx: Context, pattern: IssuePattern, news: PatternNews, status: IssuePatternStatus) -> None:
    before = {(held.target, held.reason) for held in pattern.status.held_back}
    for target in news.assessments:
        for held in status.held_back:
            if held.target == str(target) and (held.target, held.reason) not in before:
                _log.info("left alone: %s: %s", target, held.message)
                await events.tell(
                    ctx,
                    kind=target.kind.value,
                    namespace=target.namespace,
                    name=target.name,
                    uid=target.uid,
                    reason=held.reason,
                    message=f"{pattern.metadata.name}: left alone. {held.message}",
                    warning=False,
                    once=f"{pattern.metadata.name}/{format_time(held.since)}",
                )
