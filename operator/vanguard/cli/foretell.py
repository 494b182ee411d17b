"""An outlook told in words and figures, for people and (as JSON) for programs."""

import math
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from rich.table import Table
from rich.text import Text

from vanguard.api.base import format_time
from vanguard.api.kinds import IssuePattern
from vanguard.api.reasons import Reason
from vanguard.cli.chart import figure
from vanguard.domain.forecast import HORIZONS_HOURS, Spoken
from vanguard.domain.outlook import Outlook
from vanguard.domain.samples import selector
from vanguard.durations import format_duration

_MOST_SPOKEN = 5
_STYLES = {True: "bold red", False: "green", None: "yellow"}


def told(pattern: IssuePattern, outlook: Outlook, others: Sequence[Outlook], model: str) -> Iterator[Text | Table]:
    """The sections before the drawing: what it is, what the detector says, the figures, what spoke."""
    seen = outlook.seen
    yield Text.assemble(
        (f"{seen.target.namespace}/{seen.target.name}", "bold"),
        f"  {outlook.signal.name} of pattern {pattern.metadata.name}, {seen.at:%Y-%m-%d %H:%M} UTC, model {model}",
    )
    yield Text(selector(outlook.labels), style="dim")
    yield Text()
    yield from _verdict(pattern, outlook, unasked(outlook, others))
    yield Text()
    yield _figures(outlook)
    yield Text()
    if outlook.spoken:
        yield _spoken(outlook)
        yield Text()
    rest = [other for other in others if other is not outlook]
    if rest:
        yield _others(rest)
        yield Text()


def unasked(outlook: Outlook, others: Iterable[Outlook]) -> tuple[str, ...]:
    """Who is heard by the operator before it believes a breach, and was not here: companions, and the other pods."""
    pods = sum(one.signal.name == outlook.signal.name for one in others)
    compared = ("its own pods",) if outlook.signal.target.pod_label and pods > 1 else ()
    return tuple(one.name for one in outlook.signal.companions) + compared


def _verdict(pattern: IssuePattern, outlook: Outlook, silent: tuple[str, ...]) -> Iterator[Text]:
    """What the detector would say, why, and what the signature made of it."""
    seen, trend = outlook.seen, pattern.spec.trend
    says = {True: "a breach is foreseen", False: "no alert", None: "nothing can be said"}[seen.positive]
    yield Text.assemble((f"{says}: {seen.reason.value}", _STYLES[seen.positive]), f". {seen.reason.sentence}")
    for name in dict.fromkeys(filter(None, (outlook.refusal, outlook.look_alike))):
        if name != seen.reason.value:
            yield Text(f"the model also says {name}. {Reason(name).sentence}")
    if seen.positive and silent:
        names = ", ".join(silent)
        yield Text(f"companions were not asked: {names}; the operator will ask them before it acts")
    elif seen.positive:
        yield Text(f"once this has held for {format_duration(trend.sustained_for)}, an Intervention is opened")
    if outlook.asked:
        met = all(one.met for one in outlook.asked)
        items = "; ".join(f"{one.text}: {'yes' if one.met else 'no'}" for one in outlook.asked)
        yield Text(f"signature {'matches' if met else 'does not match'}: {items}")


def _figures(outlook: Outlook) -> Table:
    seen = outlook.seen
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    to_go = abs(outlook.limit - seen.level)
    toward = "from below" if outlook.rising else "from above"
    left = "reached or passed" if outlook.passed else f"reached {toward}; {figure(to_go)} to go"
    rows = (
        ("level", figure(seen.level), f"{outlook.signal.metric_type}, the median of the last half hour"),
        ("limit", figure(outlook.limit), left),
        ("slope", f"{_signed(seen.slope_per_hour)}/h", "of a straight line through the last six hours"),
        ("EMA", figure(seen.ema), "moving average of the last hour: the level without jitter"),
        ("z-score", f"{seen.z_score:.1f}", "against the three days before: 0 is usual, above 3 rare, negative away"),
        *_chances(outlook),
        ("breach", *_breach(outlook)),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _signed(value: float) -> str:
    return ("+" if value >= 0 else "") + figure(value)


def _chances(outlook: Outlook) -> Iterator[tuple[str, str, str]]:
    for hours, p in zip(HORIZONS_HOURS, outlook.seen.p_breach, strict=True):
        yield f"p({hours} h)", _percent(p), f"probability that the limit is reached within {hours} hours"


def _percent(p: float) -> str:
    """Rounded down, as Interventions record it."""
    return f"{math.floor(100 * p + 1e-9)} %"


def _breach(outlook: Outlook) -> tuple[str, str]:
    """When, and how surely."""
    early, median, late = outlook.seen.hours
    if outlook.refusal or not math.isfinite(early):
        return "not foreseen", "or too unsure to say when"
    if outlook.passed or late == 0:
        return "now", "the level is at the limit or beyond"
    between = f"10 % by {_time(outlook, early)}, 90 % by {_time(outlook, late)}"
    if not math.isfinite(median):
        return "unlikely", between
    return f"in {_span(median)}", f"{_time(outlook, median)}; {between}"


def _time(outlook: Outlook, hours: float) -> str:
    return f"{outlook.at(hours):%d %b %H:%M}" if math.isfinite(hours) else "no time foreseen"


def _span(hours: float) -> str:
    return format_duration(timedelta(minutes=round(60 * hours)))


def _spoken(outlook: Outlook) -> Table:
    """For and against, beside what each weighs."""
    table = Table(box=None, pad_edge=False)
    table.add_column("WEIGHT", justify="right", no_wrap=True)
    table.add_column("WHAT SPOKE FOR (+) AND AGAINST (-) A BREACH WITHIN 12 H, IN LOG-ODDS", overflow="fold")
    for one in (*_weightiest(outlook.spoken, 1), *_weightiest(outlook.spoken, -1)):
        table.add_row(Text(f"{one.weight:+.2f}", style="red" if one.weight > 0 else "green"), Text(one.sentence))
    return table


def _weightiest(spoken: tuple[Spoken, ...], sign: int) -> list[Spoken]:
    """The five that weigh most on one side, the weightiest first."""
    return [one for one in spoken if one.weight * sign > 0][:_MOST_SPOKEN]


def _others(rest: list[Outlook]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("SIGNAL", "LEVEL", "12 H", "SAYS"):
        table.add_column(column, no_wrap=True)
    table.add_column("THE TARGET'S OTHER SERIES", overflow="fold")
    for one in rest:
        seen = one.seen
        says = Text(seen.reason.value, style=_STYLES[seen.positive])
        labels = Text(selector(one.labels))
        table.add_row(one.signal.name, figure(seen.level), _percent(seen.p_breach[-1]), says, labels)
    return table


def as_json(pattern: IssuePattern, outlook: Outlook, others: Sequence[Outlook], model: str) -> dict[str, Any]:
    """All of it in plain JSON; what is not known is null."""
    return {
        "pattern": pattern.metadata.name,
        "target": str(outlook.seen.target),
        "at": format_time(outlook.seen.at),
        "model": model,
        **_one(outlook),
        "companionsNotAsked": list(unasked(outlook, others)),
        "signature": [{"asks": one.text, "met": one.met} for one in outlook.asked],
        "spoken": [
            {"feature": one.feature, "sentence": one.sentence, "value": _known(one.value), "weight": one.weight}
            for one in outlook.spoken
        ],
        "others": [_one(other) for other in others if other is not outlook],
    }


def _one(outlook: Outlook) -> dict[str, Any]:
    seen = outlook.seen
    return {
        "signal": outlook.signal.name,
        "series": dict(outlook.labels),
        "positive": seen.positive,
        "reason": seen.reason.value,
        "refusal": outlook.refusal or None,
        "lookAlike": outlook.look_alike or None,
        "level": seen.level,
        "limit": outlook.limit,
        "direction": outlook.signal.direction.value,
        "slopePerHour": seen.slope_per_hour,
        "ema": seen.ema,
        "zScore": seen.z_score,
        "breachProbability": {f"{hours}h": p for hours, p in zip(HORIZONS_HOURS, seen.p_breach, strict=True)},
        "hoursToBreach": dict(zip(("p10", "p50", "p90"), map(_known, seen.hours), strict=True)),
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
