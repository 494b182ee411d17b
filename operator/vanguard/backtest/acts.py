"""Carrying Interventions: the operator's own gathering, gates and lifecycle; what an act would have done is assumed.

Up to the recorded change everything is asked as in production. Then the change counts as written, rolled out and
watched for as long as the pattern says, and its verdict is the assumed one; the recorded data go on as they were.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from vanguard.api.intervention import Comparison, Phase, Verdict
from vanguard.api.kinds import Intervention
from vanguard.api.measurement import Period
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.change import StepState
from vanguard.domain.decision.chain import MODE, Decision, Outcome
from vanguard.domain.lifecycle import step
from vanguard.domain.phases import DECIDING, TERMINAL
from vanguard.domain.view import View
from vanguard.ports import Raw
from vanguard.reconcilers import reading
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.gather import gather

_MAX_STEPS = 12


class Assumed(StrEnum):
    """What is taken to have come of every act."""

    IMPROVED = "improved"
    NEUTRAL = "neutral"

    @property
    def verdict(self) -> Verdict:
        """As the watch would have said it."""
        return Verdict.IMPROVED if self is Assumed.IMPROVED else Verdict.NEUTRAL


@dataclass(frozen=True)
class Told:
    """What the gates said of one Intervention at one look.

    Attributes:
        held: reasons of the gates that did not pass, in their order; the mode's, and those not tried, are left out.
        mode: the mode gate's reason where it did not pass.
        next_open: when the gates that hold have all opened, where that is known.
    """

    at: datetime
    intervention: Intervention
    outcome: Outcome
    reason: Reason
    held: tuple[Reason, ...]
    mode: Reason | None
    next_open: datetime | None


async def carry(ctx: Context, raw: Raw, assumed: Assumed) -> list[Told]:
    """Bring one Intervention as far as it goes now; what its gates said on the way.

    Raises:
        ClusterError: never of the stage's own cluster; of what cannot be read, as in production.
    """
    told: list[Told] = []
    for _ in range(_MAX_STEPS):
        iv = Intervention.read(raw)
        if iv.status.phase in TERMINAL:
            break
        view = _as_if_done(await gather(ctx, iv), assumed)
        if view.decision is not None and iv.status.phase in DECIDING:
            told.append(_told(view, view.decision))
        following = step(view)
        if following.status is None:
            break
        settled = iv.status.phase in DECIDING and following.status.phase in DECIDING
        raw = await ctx.cluster.replace_status("Intervention", {**raw, "status": following.status.wire()})
        if settled:
            break
    return told


async def carry_all(ctx: Context, assumed: Assumed) -> list[Told]:
    """Every Intervention that is not over, oldest first."""
    raws = [raw for raw in await ctx.cluster.list("Intervention") if _phase(raw) not in TERMINAL]
    raws.sort(key=lambda raw: (raw["metadata"]["creationTimestamp"], raw["metadata"]["name"]))
    return [told for raw in raws for told in await carry(ctx, raw, assumed)]


async def unfinished(ctx: Context) -> bool:
    """Whether any Intervention is not over."""
    return any(_phase(raw) not in TERMINAL for raw in await ctx.cluster.list("Intervention"))


async def interventions(ctx: Context) -> list[Intervention]:
    """All there were."""
    return await reading.every_intervention(ctx.cluster)


def _phase(raw: Raw) -> str:
    phase: str = raw.get("status", {}).get("phase", Phase.PENDING)
    return phase


def _as_if_done(view: View, assumed: Assumed) -> View:
    """The view with what only a real act would show."""
    match view.status.phase:
        case Phase.BASELINING:
            start = view.now - view.pattern.spec.verification.baseline if view.pattern else view.now
            return replace(view, guarded=True, baseline=Period(from_=start, until=view.now))
        case Phase.APPLYING | Phase.MONITORING:
            count = len(view.status.change.evictions or view.status.change.restore_point) if view.status.change else 0
            done = replace(view, states=(StepState.APPLIED,) * count, marked=True, rolled_out=True, unhealthy="")
            return replace(done, comparisons=_comparisons(view, assumed))
        case _:
            return view


def _comparisons(view: View, assumed: Assumed) -> tuple[Comparison, ...] | None:
    """None before the watch is over: then nobody asks."""
    started = view.status.watch_started_at
    if started is None or view.pattern is None or view.now - started < view.pattern.spec.verification.watch:
        return None
    told = "assumed: nobody knows what it would have done"
    return (Comparison(name=view.intervention.spec.cause.signal, verdict=assumed.verdict, message=told),)


def _told(view: View, decision: Decision) -> Told:
    closed = [gate for gate in decision.gates if gate.verdict is not GateVerdict.PASS]
    held = [Reason(gate.reason) for gate in closed if gate.name != MODE and gate.reason != Reason.NOT_TRIED_YET]
    return Told(
        at=view.now,
        intervention=view.intervention,
        outcome=decision.outcome,
        reason=decision.reason,
        held=tuple(held),
        mode=next((Reason(gate.reason) for gate in closed if gate.name == MODE), None),
        next_open=decision.next_open,
    )
