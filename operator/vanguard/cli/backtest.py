"""`vanguard backtest`: what would have happened under these patterns and policies, from recorded data."""

import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from vanguard import settings as configuration
from vanguard.adapters.clock import SystemClock
from vanguard.adapters.prometheus import PrometheusMetrics
from vanguard.api.base import Mode, format_time
from vanguard.backtest import documents, tape
from vanguard.backtest.acts import Assumed
from vanguard.backtest.fetching import fetched
from vanguard.backtest.recording import WARM_UP, Recording
from vanguard.backtest.report import Report, Totals
from vanguard.backtest.run import Wanted, backtest, plan_of
from vanguard.backtest.times import read_time
from vanguard.cli.backtest_page import tell
from vanguard.durations import parse_duration
from vanguard.errors import VanguardError
from vanguard.settings import Settings, variable

EXIT_BOUNDS = 3
EXIT_INTERRUPTED = 130
_QUIET = 2.0
# As long as a recording may be with samples 10 s apart.
_FURTHEST = timedelta(days=370)
_SHORTEST, _LONGEST = timedelta(minutes=5), timedelta(days=1)
_COUNTED = tuple(name for name, field in Totals.model_fields.items() if field.annotation is int)

Paths = tuple[Path, ...]


class Bounds(click.ParamType[dict[str, int]]):
    """`false=0,missed=3`: the most of each that is borne."""

    name = "bounds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, int]:
        """Read them; click says what is wrong otherwise."""
        out: dict[str, int] = {}
        for part in str(value).split(","):
            match = re.fullmatch(r"\s*([a-z_]+)\s*=\s*([0-9]{1,9})\s*", part)
            if match is None or match[1] not in _COUNTED:
                known = ", ".join(_COUNTED)
                self.fail(f"{part!r} is no bound such as false=0; what may be bounded: {known}", param, ctx)
            out[match[1]] = int(match[2])
        return out


class Every(click.ParamType[timedelta]):
    """A Go-style span, a whole number of 5 minutes."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it; click says what is wrong otherwise."""
        try:
            span = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not _SHORTEST <= span <= _LONGEST or span % _SHORTEST:
            self.fail(f"{value!r} must be from 5m to 24h and a whole number of 5 minutes", param, ctx)
        return span


_PATHS = click.Path(path_type=Path)


@click.command("backtest")
@click.option("--patterns", metavar="PATH", type=_PATHS, multiple=True, required=True, help="Files or directories.")
@click.option("--policies", metavar="PATH", type=_PATHS, multiple=True, required=True, help="Files or directories.")
@click.option(
    "--objects",
    metavar="PATH",
    type=_PATHS,
    multiple=True,
    help="The cluster's own objects, from `kubectl get deploy,sts,cm,ns -o yaml`; without them they are assumed.",
)
@click.option("--from", "begin", metavar="TIME", default="-30d", show_default=True, help="-30d, -12h, or RFC 3339.")
@click.option("--to", "end", metavar="TIME", default="now", show_default=True, help="The same; with --data: its end.")
@click.option(
    "--prometheus", metavar="URL", envvar=variable("prometheus_url"), show_envvar=True, help="Where data are."
)
@click.option("--data", metavar="FILE", type=_PATHS, help="Exported data, instead of Prometheus.")
@click.option("--export", metavar="FILE", type=_PATHS, help="Keep what is fetched, to be replayed with --data.")
@click.option("--every", type=Every(), metavar="SPAN", help="Time between two evaluations.  [default: as the operator]")
@click.option(
    "--assume",
    type=click.Choice([one.value for one in Assumed]),
    default=Assumed.IMPROVED.value,
    show_default=True,
    help="What is taken to come of every act.",
)
@click.option(
    "--mode",
    type=click.Choice([one.value for one in Mode]),
    help="Try the policies as if they said this mode everywhere.",
)
@click.option("--fail-on", type=Bounds(), metavar="BOUNDS", help="Exit with 3 if there are more: false=0,missed=3.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    patterns: Paths,
    policies: Paths,
    objects: Paths,
    begin: str,
    end: str,
    prometheus: str | None,
    data: Path | None,
    export: Path | None,
    every: timedelta | None,
    assume: str,
    mode: str | None,
    fail_on: dict[str, int] | None,
    output: str,
) -> None:
    """Replay recorded data through the operator's own detection and gates, and say what it would have done.

    Exit codes: 0 done; 1 what was given cannot be used, or Prometheus gave no answer; 2 a wrong option; 3 a bound of
    --fail-on is exceeded; 130 interrupted.
    """
    _one_source(prometheus, data, export)
    try:
        settings = _settings(prometheus)
        recording = tape.read(data) if data is not None else None
        now = recording.until if recording is not None else SystemClock().now()
        wanted = Wanted(
            patterns=documents.patterns(patterns),
            policies=documents.policies(policies),
            given=documents.objects(objects),
            begin=_time(begin, now, "--from"),
            end=_time(end, now, "--to"),
            every=every or settings.detection_interval,
            assumed=Assumed(assume),
            mode=Mode(mode) if mode else None,
            settings=settings,
        )
        if not wanted.begin < wanted.end <= now:
            raise click.UsageError(f"--from {begin} must be before --to {end}, and that not in the future")
        report = asyncio.run(_run(wanted, recording, export))
    except VanguardError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(EXIT_INTERRUPTED)
    if output == "json":
        Console().print_json(data=report.wire())
    else:
        tell(report, Console())
    _keep_bounds(report, fail_on or {})


def _one_source(prometheus: str | None, data: Path | None, export: Path | None) -> None:
    """Refuse options that contradict each other; a recording wins over a Prometheus that only the environment names."""
    source = click.get_current_context().get_parameter_source("prometheus")
    if data is not None and source is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--prometheus and --data are two sources; give one of them")
    if data is None and prometheus is None:
        raise click.UsageError("where are the data? Give --prometheus URL or --data FILE")
    if data is not None and export is not None:
        raise click.UsageError("--export keeps what Prometheus gave; with --data there is nothing new to keep")


def _settings(prometheus: str | None) -> Settings:
    """The operator's, as its process would read them here."""
    given = {variable("prometheus_url"): prometheus} if prometheus is not None else {}
    return configuration.load({**os.environ, **given})


async def _run(wanted: Wanted, recording: Recording | None, export: Path | None) -> Report:
    if recording is None:
        period = wanted.begin - WARM_UP, wanted.end
        with _progress("fetching") as fetching:
            recording = await fetched(
                PrometheusMetrics(wanted.settings),
                wanted.settings,
                wanted.patterns,
                wanted.policies,
                period,
                fetching,
            )
        if export is not None:
            tape.write(recording, export)
    plan = plan_of(wanted, recording)
    with _progress("replaying") as replaying:
        return await backtest(plan, replaying)


def _time(text: str, now: datetime, option: str) -> datetime:
    try:
        at = read_time(text, now)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(str(error), param_hint=option) from None
    if now - at > _FURTHEST:
        told = f"{text} is too far back: at most {_FURTHEST.days} days before {format_time(now)}"
        raise click.BadParameter(told, param_hint=option)
    return at


@contextmanager
def _progress(what: str) -> Iterator[Callable[[float], None]]:
    """A bar on standard error, once it takes longer than two seconds."""
    console, begun = Console(stderr=True), time.monotonic()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=1.0, visible=False)

        def tell_share(share: float) -> None:
            bar.update(task, completed=share, visible=time.monotonic() - begun > _QUIET)

        yield tell_share


def _keep_bounds(report: Report, bounds: dict[str, int]) -> None:
    found = report.totals.model_dump()
    broken = [
        f"{name} is {found[name]}, at most {most} is borne" for name, most in bounds.items() if found[name] > most
    ]
    if broken:
        click.echo(f"--fail-on: {'; '.join(broken)}", err=True)
        sys.exit(EXIT_BOUNDS)
