"""Judging: alerts and acts held against what really happened, and counted."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from vanguard.api.intervention import Phase
from vanguard.api.kinds import AutomationPolicy, Intervention
from vanguard.api.policy import WindowUse as Use
from vanguard.api.reasons import Reason
from vanguard.backtest.acts import Told
from vanguard.backtest.replay import Admission, Episode, Plan, Seen, Spell
from vanguard.backtest.report import (
    Act,
    Blocked,
    BreachTold,
    BudgetUse,
    EpisodeTold,
    PatternScore,
    Refusal,
    Totals,
    WindowUse,
)
from vanguard.backtest.truth import Breach, known_share
from vanguard.domain.windows import is_open
from vanguard.domain.workload import TargetKey

# An alert is right if the limit is reached within a day of its firing; a breach is foreseen if two hours were left.
FORESIGHT = timedelta(days=1)
TIMELY = timedelta(hours=2)
# With fewer samples than this share of a day, nobody knows whether the limit was reached in it.
_KNOWN = 0.5


class Judged(StrEnum):
    """What an alert (the first four) or a breach comes to.

    Late alerts fired when the limit was reached already. Open ones fired less than a day before the data end,
    or before more than half a day without any.
    """

    TRUE = "True"
    LATE = "Late"
    FALSE = "False"
    OPEN = "Open"
    FORESEEN = "Foreseen"
    MISSED = "Missed"
    TOO_EARLY = "TooEarly"


@dataclass(frozen=True)
class Judgement:
    """What was seen, held against the breaches."""

    plan: Plan
    seen: Seen
    breaches: Sequence[Breach]

    def episodes(self) -> list[EpisodeTold]:
        """Every alert that fired, by time."""
        became = {
            (iv.spec.pattern.name, iv.spec.target.uid, iv.spec.cause.active_at): iv for iv in self.seen.interventions
        }
        return [
            self._episode(one, became.get((one.pattern, one.target.uid, one.active_at))) for one in self.seen.episodes
        ]

    def _episode(self, one: Episode, iv: Intervention | None) -> EpisodeTold:
        judged, breach = self._judge(one)
        ahead = breach is not None and breach.start > one.fired_at
        return EpisodeTold(
            pattern=one.pattern,
            target=str(one.target),
            fired_at=one.fired_at,
            ended_at=one.ended_at,
            confidence_percent=one.confidence_percent,
            judged=judged,
            breach_at=breach.start if breach else None,
            lead=breach.start - one.fired_at if breach and ahead else None,
            intervention=f"{iv.status.phase}, {iv.status.reason}" if iv else "",
        )

    def _judge(self, one: Episode) -> tuple[Judged, Breach | None]:
        """Against the first breach of the same pattern on the same target that runs, or begins within a day."""
        end = one.fired_at + FORESIGHT
        mine = (
            breach for breach in self._of(one.pattern, one.target) if breach.end >= one.fired_at and breach.start <= end
        )
        breach = next(mine, None)
        if breach is None:
            return (Judged.FALSE if end <= self.plan.recording.until and self._known(one) else Judged.OPEN), None
        return (Judged.TRUE if breach.start > one.fired_at else Judged.LATE), breach

    def _known(self, one: Episode) -> bool:
        """Whether there are enough samples after an alert fired to say that no breach came."""
        (pattern,) = (pattern for pattern in self.plan.patterns if pattern.metadata.name == one.pattern)
        period = one.fired_at, one.fired_at + FORESIGHT
        return known_share(pattern, one.target, self.plan.recording, self.seen.estate, period) >= _KNOWN

    def _of(self, pattern: str, target: TargetKey) -> Iterator[Breach]:
        return (breach for breach in self.breaches if (breach.pattern, breach.target) == (pattern, target))

    def told_breaches(self) -> list[BreachTold]:
        """Every breach that began in the time replayed, by time."""
        begin, end = self.plan.begin, self.plan.end
        return [self._breach(breach) for breach in self.breaches if begin <= breach.start <= end]

    def _breach(self, breach: Breach) -> BreachTold:
        leads = [
            breach.start - one.fired_at
            for one in self.seen.episodes
            if (one.pattern, one.target) == (breach.pattern, breach.target)
            and TIMELY <= breach.start - one.fired_at <= FORESIGHT
        ]
        acts = [act.at for act in self.seen.admissions if self._meant(act.intervention, act.at, breach)]
        judged = Judged.FORESEEN if leads else Judged.MISSED
        sustained = {one.metadata.name: one.spec.trend.sustained_for for one in self.plan.patterns}
        if not leads and breach.start < self.plan.begin + TIMELY + sustained[breach.pattern]:
            judged = Judged.TOO_EARLY
        held = self._last_hold(breach) if leads and not acts else None
        return BreachTold(
            pattern=breach.pattern,
            target=str(breach.target),
            signal=breach.signal,
            at=breach.start,
            ended_at=breach.end,
            judged=judged,
            lead=max(leads, default=None),
            acted_at=min(acts, default=None),
            blocked_by=_why(held) if held else "",
            opening=held.next_open if held else None,
        )

    def _meant(self, iv: Intervention, at: datetime, breach: Breach) -> bool:
        """Whether something that a pattern asked for a target was before a breach of it."""
        return _concerns(iv, breach) and timedelta() < breach.start - at <= FORESIGHT

    def _runs(self, iv: Intervention, at: datetime, breach: Breach) -> bool:
        """Whether a target was at its limit at a time."""
        return _concerns(iv, breach) and breach.start <= at <= breach.end

    def _last_hold(self, breach: Breach) -> Told | None:
        held = [one for one in self.seen.told if self._meant(one.intervention, one.at, breach)]
        return max(held, key=lambda one: one.at, default=None)

    def acts(self) -> list[Act]:
        """Every act that would have been done, by time."""
        ended = {iv.metadata.uid: iv for iv in self.seen.interventions}
        return [self._act(one, ended.get(one.intervention.metadata.uid)) for one in self.seen.admissions]

    def _act(self, one: Admission, ended: Intervention | None) -> Act:
        iv, spec = one.intervention, one.intervention.spec
        running = [breach.start for breach in self.breaches if self._runs(iv, one.at, breach)]
        coming = [breach.start for breach in self.breaches if self._meant(iv, one.at, breach)]
        shadow = iv.status.phase is Phase.OBSERVED
        return Act(
            at=one.at,
            pattern=spec.pattern.name,
            target=f"{iv.metadata.namespace}/{spec.target.kind}/{spec.target.name}",
            action=spec.action.type,
            summary=iv.status.change.summary if iv.status.change else "",
            confidence_percent=spec.diagnosis.confidence_percent,
            shadow=shadow,
            breach_at=next(iter(running or coming), None),
            lead=min(coming) - one.at if coming and not running else None,
            ended="" if shadow or ended is None else f"{ended.status.phase}, {ended.status.reason}",
        )


def _concerns(iv: Intervention, breach: Breach) -> bool:
    """Whether they are of the same pattern on the same target."""
    return (iv.spec.pattern.name, iv.spec.target.uid) == (breach.pattern, breach.target.uid)


def _why(told: Told) -> str:
    """The first gate that held; the mode where nothing else did."""
    first: Reason = next(iter(told.held), None) or told.mode or told.reason
    return first.value


def refusals(seen: Seen) -> list[Refusal]:
    """By whom and why, the most frequent first."""
    found: dict[tuple[str, Reason], list[tuple[str, str]]] = defaultdict(list)
    for one in seen.told:
        if Reason.ALERT_RESOLVED in one.held:
            continue  # its alert is over; what else is closed by then says nothing of the policy
        for reason in (*one.held, *([one.mode] if one.mode else [])):
            iv = one.intervention
            found["Gate", reason].append((iv.metadata.uid, iv.spec.target.uid))
    for number, spell in enumerate(seen.spells):
        found[_by(spell), spell.reason].append((str(number), spell.target.uid))
    out = [
        Refusal(
            by=by,
            reason=reason.value,
            sentence=reason.sentence,
            times=len({what for what, _ in several}),
            targets=len({target for _, target in several}),
        )
        for (by, reason), several in found.items()
    ]
    return sorted(out, key=lambda one: (one.by, -one.times, one.reason))


def _by(spell: Spell) -> str:
    return "Forecast" if spell.known else "Unknown"


def blocked(breaches: Iterable[BreachTold]) -> list[Blocked]:
    """What kept foreseen breaches from being acted upon, the most frequent first."""
    found: dict[str, list[BreachTold]] = defaultdict(list)
    for one in breaches:
        if one.blocked_by:
            found[one.blocked_by].append(one)
    return [
        Blocked(reason=reason, breaches=len(several), opened_later=_middle(_lateness(several)))
        for reason, several in sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    ]


def _lateness(breaches: Iterable[BreachTold]) -> list[timedelta]:
    """How long after the breach the gate would have opened."""
    return [one.opening - one.at for one in breaches if one.opening is not None and one.opening > one.at]


def window_uses(plan: Plan, seen: Seen) -> list[WindowUse]:
    """Every window of every policy, those that let nothing start too."""
    return [
        WindowUse(
            policy=f"{policy.metadata.namespace}/{policy.metadata.name}",
            window=window.name,
            acts=sum(_needed(plan, policy, act.intervention) and is_open(window, act.at) for act in seen.admissions),
        )
        for policy in plan.policies
        for window in policy.spec.windows
    ]


def _needed(plan: Plan, policy: AutomationPolicy, iv: Intervention) -> bool:
    """Whether an act had to wait for a window of the policy."""
    binds = policy.metadata.namespace in (iv.metadata.namespace, plan.settings.namespace)
    return binds and any(
        entry.type is iv.spec.action.type and entry.window is Use.REQUIRED for entry in policy.spec.actions
    )


def budget_uses(seen: Seen) -> list[BudgetUse]:
    """The most that was used of each budget an act was counted against."""
    most: dict[tuple[str, str, str, str, int], int] = {}
    for act in seen.admissions:
        if act.intervention.status.phase is Phase.OBSERVED:
            continue  # what is not done is counted nowhere
        for budget, count in act.used:
            policy = f"{budget.namespace or 'the cluster'}/{budget.policy}"
            key = policy, budget.field, budget.action or "", budget.period.unit.value, budget.allowed
            most[key] = max(most.get(key, 0), count)
    return [
        BudgetUse(policy=policy, field=field, action=action, unit=unit, used=count, allowed=allowed)
        for (policy, field, action, unit, allowed), count in sorted(most.items())
    ]


def scores(
    patterns: Iterable[str], episodes: Sequence[EpisodeTold], breaches: Sequence[BreachTold], acts: Sequence[Act]
) -> list[PatternScore]:
    """Every pattern's figures, those of silent ones too."""
    out = []
    for name in patterns:
        mine = [one for one in episodes if one.pattern == name]
        real = [one for one in breaches if one.pattern == name and one.judged != Judged.TOO_EARLY]
        judged = Counter(one.judged for one in mine)
        out.append(
            PatternScore(
                pattern=name,
                breaches=len(real),
                foreseen=_count(real, lambda one: one.judged == Judged.FORESEEN),
                missed=_count(real, lambda one: one.judged == Judged.MISSED),
                episodes=len(mine),
                true=judged[Judged.TRUE],
                late=judged[Judged.LATE],
                false=judged[Judged.FALSE],
                open=judged[Judged.OPEN],
                median_lead=_middle([one.lead for one in real if one.lead is not None]),
                acts=sum(act.pattern == name for act in acts),
            )
        )
    return out


def _count(breaches: Iterable[BreachTold], claim: Callable[[BreachTold], bool]) -> int:
    return sum(map(claim, breaches))


def totals(scored: Sequence[PatternScore], breaches: Sequence[BreachTold], troubles: int) -> Totals:
    """All patterns together."""
    real = [one.lead for one in breaches if one.lead is not None and one.judged == Judged.FORESEEN]
    return Totals(
        acts=sum(one.acts for one in scored),
        breaches=sum(one.breaches for one in scored),
        foreseen=sum(one.foreseen for one in scored),
        missed=sum(one.missed for one in scored),
        true=sum(one.true for one in scored),
        late=sum(one.late for one in scored),
        false=sum(one.false for one in scored),
        open=sum(one.open for one in scored),
        blocked=sum(bool(one.blocked_by) for one in breaches),
        troubles=troubles,
        median_lead=_middle(real),
    )


def _middle(spans: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(span.total_seconds() for span in spans)) if spans else None
