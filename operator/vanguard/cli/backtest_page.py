"""A backtest's report as a page for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vanguard.api.base import format_time
from vanguard.backtest.judging import Judged
from vanguard.backtest.report import Act, Report
from vanguard.durations import format_duration

_MOST = 40
Cells = Sequence[object]


def tell(report: Report, console: Console) -> None:
    """Print the page, the answer first."""
    for title, body in _sections(report):
        console.print(Text(title, style="bold"))
        console.print(body if isinstance(body, Table) else Text(body))
        console.print()


def _sections(report: Report) -> Iterator[tuple[str, str | Table]]:
    done = report.replayed
    size = f"{done.series} series, {done.targets} targets, {done.evaluations} evaluations"
    how = f"every {format_duration(done.every)}, model {done.model}"
    yield f"{format_time(done.from_)} to {format_time(done.until)}", f"{size} {how}"
    yield "In short", "\n".join(report.summary)
    if report.warnings:
        yield "Mind", "\n".join(report.warnings)
    if report.troubles:
        yield "Faults of the operator's own", "\n".join(report.troubles[:_MOST])
    yield "Patterns", _patterns(report)
    yield "Would have acted", _acts(report)
    yield "Limits reached", _breaches(report)
    wrong = [one for one in report.episodes if one.judged in (Judged.FALSE, Judged.LATE)]
    if wrong:
        rows = [[one.judged, _at(one.fired_at), one.pattern, one.target, one.confidence_percent] for one in wrong]
        yield "False and late alerts", _table("JUDGED,FIRED,PATTERN,TARGET,PERCENT", rows)
    if report.blocked:
        rows = [[one.breaches, one.reason, _span(one.opened_later)] for one in report.blocked]
        yield "What kept foreseen breaches from being acted upon", _table("BREACHES,REASON,OPENS AFTER IT BY", rows)
    if report.refusals:
        rows = [[one.by, one.reason, one.times, one.targets, one.sentence] for one in report.refusals]
        yield "Refusals", _table("BY,REASON,TIMES,TARGETS,MEANING", rows)
    if report.windows:
        rows = [[one.policy, one.window, one.acts] for one in report.windows]
        yield "Windows", _table("POLICY,WINDOW,ACTS", rows)
    if report.budgets:
        rows = [
            [one.policy, one.field, one.action, f"{one.used} of {one.allowed} a {one.unit}"] for one in report.budgets
        ]
        yield "Budgets, at the most", _table("POLICY,FIELD,ACTION,USED", rows)
    yield "Assumed, for nobody recorded it", "\n".join(f"- {one}" for one in report.assumptions)


def _patterns(report: Report) -> Table:
    head = "PATTERN,BREACHES,FORESEEN,MISSED,LEAD,ALERTS,TRUE,LATE,FALSE,OPEN,ACTS"
    rows = [
        [
            one.pattern,
            one.breaches,
            one.foreseen,
            one.missed,
            _span(one.median_lead),
            one.episodes,
            one.true,
            one.late,
            one.false,
            one.open,
            one.acts,
        ]
        for one in report.patterns
    ]
    return _table(head, rows)


def _acts(report: Report) -> str | Table:
    if not report.acts:
        return "never"
    rows = [
        [
            _at(one.at),
            one.target,
            f"{one.action}: {one.summary}" if one.summary else one.action,
            "only observed" if one.shadow else one.ended,
            _lead(one),
        ]
        for one in report.acts
    ]
    return _table("AT,TARGET,ACT,BECOMES,LEAD", rows)


def _lead(act: Act) -> str:
    if act.lead is not None:
        return f"{_span(act.lead)} before the breach"
    return "the limit was reached already" if act.breach_at else "no breach within a day"


def _breaches(report: Report) -> str | Table:
    if not report.breaches:
        return "none"
    rows = []
    for one in report.breaches:
        done = f"acted {_span(one.at - one.acted_at)} before" if one.acted_at else one.blocked_by
        if one.opening is not None:
            done += f", would open {_at(one.opening)}"
        rows.append([_at(one.at), one.target, one.pattern, one.judged, _span(one.lead), done])
    return _table("AT,TARGET,PATTERN,JUDGED,LEAD,AND", rows)


def _table(head: str, rows: Iterable[Cells]) -> Table:
    known = list(rows)
    table = Table(box=None, pad_edge=False)
    for column in head.split(","):
        table.add_column(column, overflow="fold")
    for row in known[:_MOST]:
        table.add_row(*(Text(str(cell)) for cell in row))
    if len(known) > _MOST:
        table.add_row(Text(f"and {len(known) - _MOST} more: -o json has all"))
    return table


def _at(at: datetime) -> str:
    return at.strftime("%m-%d %H:%M")


def _span(span: timedelta | None) -> str:
    return format_duration(timedelta(minutes=round(span.total_seconds() / 60))) if span is not None else ""
