"""`vanguard notify`: try the notifiers before an incident does."""

import asyncio
import sys
from pathlib import Path

import click

from vanguard.adapters import notify as adapters
from vanguard.adapters.clock import SystemClock
from vanguard.api.base import Notification
from vanguard.api.notifiers import NotifierSpec
from vanguard.domain.telling import Message
from vanguard.errors import NotSent, SettingsError


@click.group("notify")
def notify() -> None:
    """Try the ways in which people are told."""


@notify.command("test")
@click.option(
    "--notifiers", "path", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The notifiers file."
)
def test(path: Path) -> None:
    """Send a test message through every notifier of a file; exit 1 if one of them did not take it."""
    try:
        specs = adapters.load(path).notifiers
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    results = asyncio.run(_all(specs))
    for spec, trouble in zip(specs, results, strict=True):
        click.echo(f"{spec.name} ({spec.type}): {trouble or 'sent'}")
    if any(results) or not specs:
        click.echo("nothing is in the file" if not specs else "not everybody was reached", err=True)
        sys.exit(1)


async def _all(specs: tuple[NotifierSpec, ...]) -> list[str]:
    return list(await asyncio.gather(*(_one(spec) for spec in specs)))


async def _one(spec: NotifierSpec) -> str:
    """Why it was not taken; empty if it was. A second message ends what the first began, so nobody is left paged."""
    clock = SystemClock()
    notifier = adapters.made(spec, clock)
    try:
        for number, over in enumerate((False, True)):
            await notifier.send(_message(spec, clock, number, over=over))
    except NotSent as error:
        return f"NOT sent: {error}"
    return ""


def _message(spec: NotifierSpec, clock: SystemClock, number: int, *, over: bool) -> Message:
    now = clock.now()
    incident = f"test-{spec.name}-{now:%Y%m%d%H%M}"
    return Message(
        id=f"{incident}-{number}",
        incident=incident,
        level=Notification.INFO if over else min(spec.levels, key=list(Notification).index),
        title="a test of Vanguard's notifications" + (", and its end" if over else ""),
        lines=("This is a test. Nothing happened, and nobody has to do anything.",),
        at=now,
        begun=now.replace(second=0, microsecond=0),
        over=over,
        about={"namespace": "none", "intervention": "none"},
    )
