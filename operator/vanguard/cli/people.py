"""A person's word: approve, deny, abort, roll back, renew, pause and resume."""

from datetime import datetime, timedelta

import click

from vanguard.adapters.clock import SystemClock
from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.api.base import Annotation, format_time, parse_time
from vanguard.api.intervention import ApprovalVerdict, Phase
from vanguard.api.kinds import AutomationPolicy, Intervention
from vanguard.cli.commits import Sha, whose
from vanguard.cli.session import Session, annotation, options, user_name, written
from vanguard.domain.leases import leased, longest
from vanguard.domain.phases import IN_FLIGHT, TERMINAL
from vanguard.durations import format_duration, parse_duration
from vanguard.errors import Forbidden, Invalid
from vanguard.ports import Raw
from vanguard.reconcilers import reading

_REASON = click.option("--reason", required=True, help="Why; it is recorded.")
_KINDS = {"deployment": "Deployment", "deploy": "Deployment", "statefulset": "StatefulSet", "sts": "StatefulSet"}


class Span(click.ParamType[timedelta]):
    """A Go-style duration."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read one; click says what is wrong with it otherwise."""
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


async def decide(
    cluster: KubernetesCluster, session: Session, name: str, verdict: ApprovalVerdict, reason: str, valid_for: timedelta
) -> str:
    """Give a person's word on an Intervention, and say what comes of it."""
    if verdict is ApprovalVerdict.APPROVED:
        await _fits_the_policies(cluster, session.namespace, valid_for)
    by, expires = await user_name(cluster), SystemClock().now() + valid_for

    def change(raw: Raw) -> list[Raw]:
        iv = Intervention.read(raw)
        given = iv.spec.approval
        if given is not None:
            raise Invalid(f"{name} was {given.verdict.lower()} by {given.by} already; a word is given once")
        if iv.status.phase in TERMINAL:
            raise Invalid(f"{name} is over: {iv.status.phase}, {iv.status.reason}")
        word: Raw = {"by": by, "verdict": verdict.value, "reason": reason, "intervention": iv.metadata.uid}
        if verdict is ApprovalVerdict.APPROVED:
            word["expiresAt"] = format_time(expires)
        return [{"op": "add", "path": "/spec/approval", "value": word}]

    await written(cluster, "Intervention", session.namespace, name, change)
    until = f" until {format_time(expires)}" if verdict is ApprovalVerdict.APPROVED else ""
    return f"{name} {verdict.lower()} by {by}{until}"


async def _fits_the_policies(cluster: KubernetesCluster, namespace: str, valid_for: timedelta) -> None:
    """An approval for too long is refused for good, and a word is given once: so it is not given.

    Who may approve and not read policies finds out from the gate.

    Raises:
        Invalid: naming the bound.
    """
    if valid_for <= timedelta(0):
        raise Invalid(f"--for is {format_duration(valid_for)}; it must be more than 0s")
    try:
        policies = reading.readable(AutomationPolicy, await cluster.list("AutomationPolicy", namespace))
    except Forbidden:
        return
    strictest = min(policies, key=lambda policy: policy.spec.approvals.max_age, default=None)
    if strictest is not None and valid_for > strictest.spec.approvals.max_age:
        most = format_duration(strictest.spec.approvals.max_age)
        raise Invalid(f"--for is {format_duration(valid_for)}; policy {strictest.metadata.name} allows at most {most}")


@click.command()
@click.argument("name")
@_REASON
@click.option("--for", "valid_for", type=Span(), default="1h", show_default=True, help="How long the word counts.")
@options
def approve(session: Session, name: str, reason: str, valid_for: timedelta) -> None:
    """Let Intervention NAME act, once every gate lets it."""
    click.echo(session.run(lambda c: decide(c, session, name, ApprovalVerdict.APPROVED, reason, valid_for)))


@click.command()
@click.argument("name")
@_REASON
@options
def deny(session: Session, name: str, reason: str) -> None:
    """Do not let Intervention NAME act."""
    click.echo(session.run(lambda c: decide(c, session, name, ApprovalVerdict.DENIED, reason, timedelta(0))))


@click.command()
@click.argument("name")
@_REASON
@options
def abort(session: Session, name: str, reason: str) -> None:
    """Stop Intervention NAME; what it changed is undone."""
    click.echo(session.run(lambda cluster: _stopped(cluster, session.namespace, name, Annotation.ABORT, reason)))


@click.command()
@click.argument("name", required=False)
@click.option("--commit", type=Sha(), help="Instead of NAME: a commit of it, at least 7 digits, in any namespace.")
@_REASON
@options
def rollback(session: Session, name: str | None, commit: str | None, reason: str) -> None:
    """Undo what Intervention NAME changed, also long after it was kept."""
    if (name is None) == (commit is None):
        raise click.UsageError("exactly one of NAME and --commit is needed")

    async def work(cluster: KubernetesCluster) -> str:
        where = (session.namespace, name) if name else await whose(cluster, session.namespace, commit or "")
        return await _stopped(cluster, *where, Annotation.ROLLBACK, reason)

    click.echo(session.run(work))


async def _stopped(cluster: KubernetesCluster, namespace: str, name: str, how: Annotation, reason: str) -> str:
    def change(raw: Raw) -> list[Raw]:
        phase = Intervention.read(raw).status.phase
        if phase in TERMINAL and not (how is Annotation.ROLLBACK and phase is Phase.SUCCEEDED):
            raise Invalid(f"{name} is over ({phase}): there is nothing to stop or undo")
        return annotation(how, reason)(raw)

    raw = await written(cluster, "Intervention", namespace, name, change)
    phase = Intervention.read(raw).status.phase
    follows = "its change is being undone" if phase in IN_FLIGHT | {Phase.SUCCEEDED} else "it will not act"
    return f"{name}: {follows}. Watch it: kubectl get iv {name} -n {namespace} -w"


def _place(session: Session, what: str) -> tuple[str, str, str]:
    """Kind, namespace and name of `namespace`, `deployment/orders` or `statefulset/db`."""
    if what == "namespace":
        return "Namespace", "", session.namespace
    kind, _, name = what.partition("/")
    if kind.lower() not in _KINDS or not name:
        raise click.BadParameter(f"{what!r}; it must be deployment/NAME, statefulset/NAME or namespace")
    return _KINDS[kind.lower()], session.namespace, name


@click.command()
@click.argument("what")
@click.option("--for", "span", type=Span(), help="How long, such as 2h.")
@click.option("--until", metavar="TIME", help="Until when, such as 2026-12-20T08:00:00Z.")
@options
def pause(session: Session, what: str, span: timedelta | None, until: str | None) -> None:
    """Start nothing on WHAT (deployment/NAME, statefulset/NAME or namespace) for a while."""
    if (span is None) == (until is None):
        raise click.UsageError("one of --for and --until is needed")
    end = _end(span, until)
    kind, namespace, name = _place(session, what)
    value = annotation(Annotation.PAUSED_UNTIL, format_time(end))
    session.run(lambda cluster: written(cluster, kind, namespace, name, value))
    click.echo(f"{kind} {name}: nothing starts until {format_time(end)}; what is in flight is finished")


def _end(span: timedelta | None, until: str | None) -> datetime:
    if span is not None:
        return SystemClock().now() + span
    try:
        return parse_time(until)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--until") from error


@click.command()
@click.argument("what")
@options
def resume(session: Session, what: str) -> None:
    """Take the pause from WHAT (deployment/NAME, statefulset/NAME or namespace)."""
    kind, namespace, name = _place(session, what)
    session.run(lambda cluster: written(cluster, kind, namespace, name, annotation(Annotation.PAUSED_UNTIL, None)))
    click.echo(f"{kind} {name}: not paused")


@click.command()
@click.argument("name")
@click.option(
    "--for", "span", type=Span(), required=True, help="How long from now on, at most as long as the policies lend it."
)
@options
def renew(session: Session, name: str, span: timedelta) -> None:
    """Keep what Intervention NAME changed for longer than its lease."""
    if span <= timedelta(0):
        raise click.BadParameter(f"{format_duration(span)}; it must be more than 0s", param_hint="--for")
    until = format_time(SystemClock().now() + span)

    def change(raw: Raw) -> list[Raw]:
        status = Intervention.read(raw).status
        if not leased(status.phase, status.lease_until):
            raise Invalid(f"{name} has no lease to renew: it is {status.phase}, {status.reason or 'not decided'}")
        if span > longest(status):
            raise Invalid(
                f"--for is {format_duration(span)}; its policies lend it for {format_duration(longest(status))}"
            )
        return annotation(Annotation.LEASE_UNTIL, until)(raw)

    session.run(lambda cluster: written(cluster, "Intervention", session.namespace, name, change))
    click.echo(f"{name}: its change is kept until {until}")


COMMANDS = (approve, deny, abort, rollback, renew, pause, resume)
