"""A whole backtest: from a recording, patterns and policies to a report."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vanguard.api.base import Mode, format_time
from vanguard.api.kinds import AutomationPolicy, IssuePattern
from vanguard.backtest import judging, stage
from vanguard.backtest.acts import Assumed
from vanguard.backtest.documents import in_mode
from vanguard.backtest.fetching import companions_of, lacking, signals_of
from vanguard.backtest.judging import Judged, Judgement
from vanguard.backtest.recording import WARM_UP, Recording, on_grid
from vanguard.backtest.replay import Plan, Seen, replay
from vanguard.backtest.report import BreachTold, PatternScore, Replayed, Report, Totals
from vanguard.backtest.truth import breaches
from vanguard.domain.forecast import MODEL, Forecaster
from vanguard.durations import format_duration
from vanguard.errors import RecordingError
from vanguard.ports import Raw
from vanguard.settings import Settings

# The operator asks for at most so many series at once; a recording has them all in one piece.
_ONE_SHARD = 100_000


@dataclass(frozen=True)
class Wanted:
    """What a person asked for.

    Attributes:
        given: objects of the real cluster, where there are any.
        mode: as which the policies are tried; None for the one each has.
    """

    patterns: Sequence[IssuePattern]
    policies: Sequence[AutomationPolicy]
    given: Sequence[Raw]
    begin: datetime
    end: datetime
    every: timedelta
    assumed: Assumed
    mode: Mode | None
    settings: Settings


def plan_of(wanted: Wanted, recording: Recording) -> Plan:
    """What is to be replayed.

    Raises:
        RecordingError: when the recording does not hold what is asked.
    """
    missing = list(lacking(recording, wanted.patterns, wanted.policies, wanted.settings.namespace))
    if missing:
        told = "; ".join(missing[:5])
        raise RecordingError(
            f"the recording does not fit: {told}; fetch anew from Prometheus, with --export to keep it"
        )
    begin, end = on_grid(wanted.begin), min(wanted.end, recording.until)
    if not recording.start <= begin < end:
        span = f"{format_time(recording.start)} to {format_time(recording.until)}"
        raise RecordingError(f"the recording holds {span}; --from {format_time(begin)} leaves nothing of it to replay")
    policies = [in_mode(policy, wanted.mode) if wanted.mode else policy for policy in wanted.policies]
    own = {
        "detection_interval": wanted.every,
        "query_step": recording.step,
        "query_shard_series": _ONE_SHARD,
        "identity": "backtest",
    }
    return Plan(
        patterns=wanted.patterns,
        policies=policies,
        recording=recording,
        stage=stage.built(wanted.patterns, policies, recording, wanted.given, wanted.settings.namespace),
        begin=begin,
        end=end,
        every=wanted.every,
        assumed=wanted.assumed,
        settings=wanted.settings.model_copy(update=own),
    )


async def backtest(plan: Plan, progress: Callable[[float], None], forecaster: Forecaster | None = None) -> Report:
    """Replay, then judge.

    Args:
        plan: what is replayed.
        progress: told the share done so far, 0 to 1.
        forecaster: the model; the shipped one unless another is to be tried.
    """
    seen = await replay(plan, forecaster or Forecaster.load(), progress)
    return report_of(plan, seen)


def report_of(plan: Plan, seen: Seen) -> Report:
    """What a replay comes to."""
    judgement = Judgement(plan, seen, breaches(plan.patterns, plan.recording, seen.estate))
    episodes, told, acts = judgement.episodes(), judgement.told_breaches(), judgement.acts()
    scored = judging.scores([one.metadata.name for one in plan.patterns], episodes, told, acts)
    all_in_all = judging.totals(scored, told, len(seen.troubles))
    return Report(
        summary=tuple(_summary(plan, all_in_all, told, scored)),
        replayed=_replayed(plan, seen),
        totals=all_in_all,
        patterns=tuple(scored),
        acts=tuple(acts),
        breaches=tuple(told),
        episodes=tuple(episodes),
        refusals=tuple(judging.refusals(seen)),
        blocked=tuple(judging.blocked(told)),
        windows=tuple(judging.window_uses(plan, seen)),
        budgets=tuple(judging.budget_uses(seen)),
        warnings=(*plan.stage.warnings, *_short_histories(plan)),
        assumptions=(*_assumptions(plan), *plan.stage.assumed),
        troubles=tuple(dict.fromkeys(seen.troubles)),
    )


def _replayed(plan: Plan, seen: Seen) -> Replayed:
    return Replayed(
        from_=plan.begin,
        until=plan.end,
        every=plan.every,
        step=plan.recording.step,
        series=plan.recording.series,
        targets=len(seen.targets),
        evaluations=seen.evaluations,
        model=MODEL,
        assumed_verdict=plan.assumed.verdict,
    )


def _assumptions(plan: Plan) -> Iterator[str]:
    yield (
        f"every act is taken to have ended {plan.assumed.verdict} after the pattern's watch; nobody knows what it "
        "would have done, and the data go on as they were recorded"
    )
    yield "no person approves, annotates or stops anything; what was approved or done then is in the data"
    yield f"Interventions are looked at every 5 minutes, patterns every {format_duration(plan.every)}"


def _short_histories(plan: Plan) -> Iterator[str]:
    """How many series have less past before the beginning than the forecaster is given in production."""
    if plan.begin - plan.recording.start < WARM_UP:
        days = (plan.begin - plan.recording.start) / timedelta(days=1)
        yield f"the recording begins {days:.1f} days before --from; the forecaster looks back {WARM_UP.days}"
    for asked, track in plan.recording.tracks.items():
        if not track.labels and asked in signals_of(plan.patterns) | companions_of(plan.patterns):
            yield f"no series in the namespaces that have a policy: {' '.join(asked.query.split())[:200]}"
    short = 0
    first = (plan.begin - plan.recording.start) // plan.recording.step
    day = timedelta(days=1) // plan.recording.step
    for track in plan.recording.tracks.values():
        known = np.isfinite(track.values[:, : first + 1])
        short += int((known.sum(axis=1) < day).sum())
    if short:
        yield f"{short} of {plan.recording.series} series have less than a day of samples before --from"


def _summary(plan: Plan, found: Totals, told: Sequence[BreachTold], scored: Sequence[PatternScore]) -> Iterator[str]:
    """A few sentences for a person who has to decide."""
    span = _span(plan.end - plan.begin)
    lead = f", {format_duration(found.median_lead)} ahead (median)" if found.median_lead else ""
    if found.breaches:
        yield (
            f"In {span} the limit was reached {_times(found.breaches)}: "
            f"{found.foreseen} foreseen at least 2 h before{lead}, {found.missed} missed."
        )
    else:
        yield f"In {span} no limit was reached, so nothing is known of what would be missed."
    yield (
        f"{_number(found.true + found.late + found.false + found.open, 'alert')} fired: {found.true} before a breach, "
        f"{found.late} when it was there already, {found.false} false, {found.open} too new to say."
    )
    acted = sum(one.acted_at is not None for one in told if one.judged != Judged.TOO_EARLY)
    before = f", before {acted} of the breaches" if found.acts and found.breaches else ""
    yield f"The operator would have acted {_times(found.acts)}{before}."
    if found.blocked:
        yield f"{_number(found.blocked, 'foreseen breach', 'foreseen breaches')} met a gate that was closed."
    early = sum(one.judged == Judged.TOO_EARLY for one in told)
    if early:
        came = _number(early, "breach", "breaches")
        yield f"{came} came too soon after --from to be foreseen, and count for nothing."
    silent = [one.pattern for one in scored if not one.breaches and not one.episodes]
    if silent:
        yield f"Nothing at all was seen of {', '.join(silent)}."


def _span(span: timedelta) -> str:
    """Whole days where there are some, else hours."""
    days = round(span / timedelta(days=1))
    return _number(days, "day") if days else _number(round(span / timedelta(hours=1)), "hour")


def _times(count: int) -> str:
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


def _number(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
