"""`vanguard explain`: the whole story of one Intervention, for a person."""

import sys
from collections.abc import Iterator

import click
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vanguard.api.base import Annotation, format_time
from vanguard.api.evidence import Evidence
from vanguard.api.intervention import CommitRecord, Comparison, GateResult, Phase
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import GateVerdict, runbook_section
from vanguard.cli.recompute import recompute
from vanguard.cli.session import Session, found, options
from vanguard.domain.eviction import for_good
from vanguard.domain.forecast import Forecaster
from vanguard.domain.leases import usual
from vanguard.domain.phases import IN_FLIGHT
from vanguard.settings import Settings, variable

_COLOURS = {GateVerdict.PASS: "green", GateVerdict.HOLD: "yellow", GateVerdict.DENY: "red"}


@click.command()
@click.argument("name")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
@click.option(
    "--runbook",
    metavar="URL",
    envvar=variable("runbook_url"),
    default=Settings.model_fields["runbook_url"].default,
    show_default=True,
    show_envvar=True,
    help="Where the runbook is.",
)
@click.option(
    "--recompute",
    "again",
    is_flag=True,
    help="Make the decision again from the recorded samples; exit 0 if identical, 1 if not, 2 if it cannot be done.",
)
@options
def explain(session: Session, name: str, output: str, runbook: str, *, again: bool) -> None:
    """Tell all about Intervention NAME: why, every gate's answer, what was done, what came of it, how to undo it."""
    raw = session.run(lambda cluster: found(cluster, "Intervention", session.namespace, name))
    if again:
        sys.exit(recompute(Intervention.read(raw), Console(), Forecaster.load()))
    if output == "json":
        Console().print_json(data=raw)
    elif output == "yaml":
        click.echo(yaml.safe_dump(raw, sort_keys=False), nl=False)
    else:
        tell(Intervention.read(raw), Console(), runbook)


def tell(iv: Intervention, console: Console, runbook: str) -> None:
    """Print the story."""
    for title, body in _sections(iv, runbook):
        console.print(Text(title, style="bold"))
        console.print(body if isinstance(body, Table) else Text(body), soft_wrap=False)
        console.print()


def _sections(iv: Intervention, runbook: str) -> Iterator[tuple[str, str | Table]]:
    status = iv.status
    target = iv.spec.target
    yield (
        f"{iv.metadata.namespace}/{iv.metadata.name}",
        f"{iv.spec.action.type} on {target.kind} {target.name}: {status.phase or Phase.PENDING}"
        f"{f', {status.reason}' if status.reason else ''}\n{status.message}".rstrip(),
    )
    yield "Why", _why(iv)
    if iv.spec.evidence is not None:
        yield "Evidence", _evidence(iv, iv.spec.evidence)
    if status.gates:
        yield "Gates", _gates(status.gates)
    if status.change is not None:
        yield "Change", f"{status.change.summary} ({status.change.from_} -> {status.change.to})"
    if status.commits:
        yield "Commits", "\n".join(map(_commit, status.commits))
    if status.comparisons:
        yield "Before and after", _comparisons(status.comparisons)
    yield "What happened", _timeline(iv)
    yield "What you can do", _what_next(iv)
    yield "Read on", _read_on(iv, runbook)


def _why(iv: Intervention) -> str:
    cause, diagnosis = iv.spec.cause, iv.spec.diagnosis
    breach = f"; the limit is foreseen for {format_time(cause.breach_at)}" if cause.breach_at else ""
    seen = f"{cause.signal} was {cause.value:f}, limit {cause.limit:f}, {cause.direction.lower()}"
    lines = [
        f"{diagnosis.title} (pattern {iv.spec.pattern.name}, {diagnosis.confidence_percent} % sure)",
        f"{seen}, {cause.slope_per_hour:+f} per hour{breach}",
        *diagnosis.evidence,
        *(f"not {other.pattern}: {other.reason}" for other in diagnosis.alternatives),
    ]
    return "\n".join(lines)


def _evidence(iv: Intervention, kept: Evidence) -> str:
    """What was asked and seen, and how to make the decision again."""
    lines = [
        f"query   {' '.join(kept.query.split())}",
        f"series  {kept.series}",
        f"model   {iv.spec.cause.model} of Vanguard {kept.version}, at {format_time(kept.at)}",
        *(f"spoke   {sentence}" for sentence in kept.spoken),
        f"check   vanguard explain {iv.metadata.name} -n {iv.metadata.namespace} --recompute",
    ]
    return "\n".join(lines)


def _gates(gates: tuple[GateResult, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("GATE", "VERDICT", "REASON"):
        table.add_column(column, no_wrap=True)
    table.add_column("MESSAGE", overflow="fold")
    for gate in gates:
        opens = f" (opens {format_time(gate.next_open)})" if gate.next_open else ""
        verdict = Text(gate.verdict, style=_COLOURS[gate.verdict])
        table.add_row(gate.name, verdict, gate.reason, Text(gate.message + opens))
    return table


def _comparisons(seen: tuple[Comparison, ...]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("QUERY", "VERDICT"):
        table.add_column(column, no_wrap=True)
    table.add_column("MESSAGE", overflow="fold")
    for one in seen:
        table.add_row(one.name, one.verdict, Text(one.message))
    return table


def _commit(record: CommitRecord) -> str:
    again = f", tried again at {format_time(record.next_attempt_at)}" if record.next_attempt_at else ""
    came = record.sha or f"{record.state}{again}"
    return f"{record.purpose} in {record.repository}: {came} {record.error}".rstrip()


def _timeline(iv: Intervention) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("AT", "PHASE", "REASON"):
        table.add_column(column, no_wrap=True)
    table.add_column("MESSAGE", overflow="fold")
    for entry in iv.status.timeline:
        table.add_row(format_time(entry.at), entry.phase, entry.reason, Text(entry.message))
    return table


def _what_next(iv: Intervention) -> str:
    name, place = iv.metadata.name, f"-n {iv.metadata.namespace} --reason ..."
    match iv.status.phase:
        case Phase.AWAITING_APPROVAL:
            return f"vanguard approve {name} {place}\nvanguard deny {name} {place}"
        case Phase.PENDING:
            return f"Nothing: it starts by itself once every gate passes.\nvanguard abort {name} {place}"
        case phase if phase in IN_FLIGHT:
            return f"vanguard abort {name} {place}"
        case Phase.SUCCEEDED if for_good(iv.status):
            return "Nothing: pods were evicted, and there is nothing to put back."
        case Phase.SUCCEEDED:
            if Annotation.ROLLBACK in iv.metadata.annotations:
                return "Nothing: it is being undone."
            undo = f"vanguard rollback {name} {place}"
            until = iv.status.lease_until
            if until is None:
                return undo
            kept = f"Its change is kept until {format_time(until)}, then undone unless renewed."
            return f"{kept}\nvanguard renew {name} -n {iv.metadata.namespace} --for {usual(iv.status)}\n{undo}"
        case _:
            return "Nothing: it is over."


def _read_on(iv: Intervention, runbook: str) -> str:
    """The runbook's sections for what it has come to, and for each gate that does not pass."""
    refused = (gate.reason for gate in iv.status.gates if gate.verdict is not GateVerdict.PASS)
    reasons = dict.fromkeys(filter(None, (iv.status.reason, *refused)))
    return "\n".join(runbook_section(runbook, reason) for reason in reasons) or runbook
