"""The report's words: what a backtest found, as `-o json` prints it. Times are RFC 3339, spans Go-style."""

from typing import Annotated

from pydantic import Field

from vanguard.api.base import DurationText, Model, Time

VERSION = 1


class Act(Model):
    """What would have been done.

    Attributes:
        shadow: whether only mode Observe kept it from being done.
        breach_at: the real breach that ran then, or began within a day after it; absent where there was none.
        lead: from the act to that breach; absent where it ran already.
    """

    at: Time
    pattern: str
    target: str
    action: str
    summary: str
    confidence_percent: int
    shadow: bool
    breach_at: Time | None = None
    lead: DurationText | None = None
    ended: str = ""


class EpisodeTold(Model):
    """An alert that fired, and whether it was right.

    Attributes:
        judged: True, Late, False or Open.
        lead: from its firing to the breach, for those that came before it.
        intervention: what became of its Intervention; empty where another pattern's was chosen.
    """

    pattern: str
    target: str
    fired_at: Time
    ended_at: Time | None = None
    confidence_percent: int
    judged: str
    breach_at: Time | None = None
    lead: DurationText | None = None
    intervention: str = ""


class BreachTold(Model):
    """A limit that was really reached.

    Attributes:
        judged: Foreseen, Missed, or TooEarly: too soon after the beginning to be foreseen.
        lead: from the alert's firing.
        acted_at: when the operator would have acted on the target in the day before.
        blocked_by: the first gate's reason at the last look before it, where it was foreseen and nothing was done.
        opening: when that would have opened.
    """

    pattern: str
    target: str
    signal: str
    at: Time
    ended_at: Time
    judged: str
    lead: DurationText | None = None
    acted_at: Time | None = None
    blocked_by: str = ""
    opening: Time | None = None


class Refusal(Model):
    """Why something was not done, and how often.

    Attributes:
        by: Gate (an Intervention was held or denied), Forecast (a straight line reaches the limit, and the forecast
            does not believe it: look-alikes have their names) or Unknown (nothing can be said of the series).
        times: Interventions for gates; uninterrupted times on one target for the others.
        targets: how many different ones.
    """

    by: str
    reason: str
    sentence: str
    times: int
    targets: int


class WindowUse(Model):
    """How many acts a window let start."""

    policy: str
    window: str
    acts: int


class BudgetUse(Model):
    """The most that was used of a budget in any day or week of the replay."""

    policy: str
    field: str
    action: str = ""
    unit: str
    used: int
    allowed: int


class Blocked(Model):
    """What kept breaches that were foreseen from being acted upon."""

    reason: str
    breaches: int
    opened_later: DurationText | None = None


class PatternScore(Model):
    """One pattern's figures."""

    pattern: str
    breaches: int
    foreseen: int
    missed: int
    episodes: int
    true: int
    late: int
    false: int
    open: int
    median_lead: DurationText | None = None
    acts: int


class Totals(Model):
    """All patterns together; what `--fail-on` may name."""

    acts: int
    breaches: int
    foreseen: int
    missed: int
    true: int
    late: int
    false: int
    open: int
    blocked: int
    troubles: int
    median_lead: DurationText | None = None


class Replayed(Model):
    """What was replayed."""

    from_: Annotated[Time, Field(alias="from")]
    until: Time
    every: DurationText
    step: DurationText
    series: int
    targets: int
    evaluations: int
    model: str
    assumed_verdict: str


class Report(Model):
    """All of it."""

    version: int = VERSION
    summary: tuple[str, ...]
    replayed: Replayed
    totals: Totals
    patterns: tuple[PatternScore, ...]
    acts: tuple[Act, ...]
    breaches: tuple[BreachTold, ...]
    episodes: tuple[EpisodeTold, ...]
    refusals: tuple[Refusal, ...]
    blocked: tuple[Blocked, ...]
    windows: tuple[WindowUse, ...]
    budgets: tuple[BudgetUse, ...]
    warnings: tuple[str, ...]
    assumptions: tuple[str, ...]
    troubles: tuple[str, ...]
