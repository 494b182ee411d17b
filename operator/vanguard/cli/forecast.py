"""`vanguard forecast`: what is foreseen of a target, told and drawn, now or as it would have been foreseen earlier."""

import asyncio
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import click
import yaml
from pydantic import ValidationError
from rich.console import Console

from vanguard.adapters.clock import SystemClock
from vanguard.adapters.prometheus import PrometheusMetrics
from vanguard.api.base import format_time, parse_time
from vanguard.api.kinds import IssuePattern
from vanguard.cli.chart import drawn
from vanguard.cli.foretell import as_json, told
from vanguard.cli.people import Span
from vanguard.cli.session import Session, options
from vanguard.cli.targets import Target, known_by_cluster, known_by_name
from vanguard.domain.forecast import Forecaster
from vanguard.domain.outlook import Outlook, look_ahead, speaker
from vanguard.domain.past import DAYS
from vanguard.durations import format_duration
from vanguard.errors import MetricsError, SettingsError
from vanguard.ports import Metrics
from vanguard.reconcilers.lookback import look_back
from vanguard.reconcilers.reading import told as complaint
from vanguard.settings import Settings, load, variable

_LEAST_PAST, _MOST_PAST = timedelta(hours=1), timedelta(days=DAYS)
_A_DAY, _THREE_DAYS = timedelta(days=1), timedelta(days=3)
_EXTRA = "--png needs matplotlib, which is not installed here; do: pip install 'vanguard-operator[png]'"


class Time(click.ParamType[datetime]):
    """An RFC 3339 time."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read one; click says what is wrong with it otherwise."""
        try:
            return parse_time(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.option("--pattern", "pattern_name", metavar="NAME", help="The IssuePattern; with --file only if it has several.")
@click.option("--target", required=True, metavar="[NS/]NAME", help="The workload; without NS, in --namespace.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Take the pattern from here, and ask no cluster.")
@click.option("--at", type=Time(), metavar="TIME", help="Look at an earlier time, without what came later.")
@click.option(
    "--prometheus",
    metavar="URL",
    envvar=[variable("prometheus_url"), "PROMETHEUS_URL"],
    default=Settings.model_fields["prometheus_url"].default,
    show_default=True,
    show_envvar=True,
    help="Where Prometheus is.",
)
@click.option("--past", type=Span(), metavar="DURATION", help="How far back is drawn: from 1h to 192h.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Draw it into this file as well.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@options
def forecast(
    session: Session,
    pattern_name: str | None,
    target: str,
    file: Path | None,
    at: datetime | None,
    prometheus: str,
    past: timedelta | None,
    png: Path | None,
    output: str,
) -> None:
    """Tell and draw what is foreseen of a workload, as the operator would judge it.

    Reads Prometheus and (without --file) the pattern, the workload and its pods from the cluster; changes nothing.
    """
    now = _evaluated_at(at)
    if past is not None and not _LEAST_PAST <= past <= _MOST_PAST:
        raise click.UsageError(f"--past is {format_duration(past)}; it must be from 1h to 192h")
    wanted, settings, save = Target.read(target, session.namespace), _settings(prometheus), _painter(png)
    if file is not None:
        pattern, belongs = _from_file(file, pattern_name), known_by_name(wanted)
    elif pattern_name:
        pattern, belongs = session.run(
            lambda cluster: known_by_cluster(cluster, wanted, pattern_name, gone=at is not None)
        )
    else:
        raise click.UsageError("--pattern or --file is needed")
    model, metrics = Forecaster.load(), PrometheusMetrics(settings)
    try:
        every = asyncio.run(outlooks(metrics, settings, pattern, wanted, belongs, model, now))
    except MetricsError as error:
        hint = f"Is --prometheus (or {variable('prometheus_url')}) right, and can it be reached from here?"
        raise click.ClickException(f"{error}\n{hint}") from error
    chosen = speaker(every)
    # What looks like a habit is seen only where its earlier days are.
    since = past or (_THREE_DAYS if chosen.look_alike and not chosen.seen.positive else _A_DAY)
    title = f"{wanted}: {chosen.signal.name}, {chosen.seen.reason.value}"
    if png is not None:
        _saved(save, chosen, title, png, since)
    if output == "json":
        Console().print_json(data=as_json(pattern, chosen, every, model.name))
    else:
        show(Console(highlight=False), pattern, every, model.name, since)
        if png is not None:
            click.echo(f"wrote {png}")


async def outlooks(
    metrics: Metrics,
    settings: Settings,
    pattern: IssuePattern,
    target: Target,
    belongs: Callable[..., bool],
    model: Forecaster,
    now: datetime,
) -> list[Outlook]:
    """The outlook of every series of the target, of all the pattern's signals.

    Raises:
        click.ClickException: when it has none; it says what the query gives instead.
        MetricsError: when Prometheus gives no whole answer.
    """
    found: list[Outlook] = []
    instead: list[str] = []
    for signal in pattern.spec.signals:
        sight = await look_back(metrics, settings, signal, target.namespace, belongs, now)
        key = target.key(signal.target.kind)
        if sight.labels:
            found += look_ahead(pattern, signal, key, sight.labels, sight.past, model, now)
        else:
            label = signal.target.name_label or signal.target.pod_label
            instead.append(f"{signal.name}: {_instead(label, sight.rest)}")
    if not found:
        kinds = ", ".join(dict.fromkeys(signal.target.kind.value for signal in pattern.spec.signals))
        told = "\n".join(instead)
        raise click.ClickException(
            f"no series of pattern {pattern.metadata.name} belongs to {kinds} {target} at {format_time(now)}.\n{told}\n"
            "Check the name, the pattern's query and its target's labels, and whether Prometheus reaches back so far."
        )
    return found


def _instead(label: str | None, rest: list[dict[str, str]]) -> str:
    if not rest:
        return "its query gives no series in this namespace"
    names = sorted({series.get(label or "", "(none)") for series in rest})
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""  # noqa: PLR2004 - enough to see a misspelling
    return f"its query gives {len(rest)} series in this namespace, with {label} {', '.join(names[:5])}{more}"


def show(console: Console, pattern: IssuePattern, every: list[Outlook], model: str, since: timedelta) -> None:
    """Print the text and the drawing, no wider than the console."""
    chosen = speaker(every)
    for part in told(pattern, chosen, every, model):
        console.print(part)
    plain = console.options.ascii_only
    rows = 14 if console.width < 120 else 20  # noqa: PLR2004 - a wide terminal has room for more
    for line in drawn(chosen, width=console.width, past_hours=since.total_seconds() / 3600, rows=rows, plain=plain):
        console.print(line, no_wrap=True, overflow="crop")


def _evaluated_at(at: datetime | None) -> datetime:
    now = SystemClock().now()
    if at is not None and at > now:
        raise click.UsageError(f"--at is {format_time(at)}; it must not be after now, {format_time(now)}")
    return at or now


def _settings(url: str) -> Settings:
    """The operator's settings from the environment, with this Prometheus."""
    try:
        return load({**os.environ, variable("prometheus_url"): url})
    except SettingsError as error:
        raise click.ClickException(f"{error} (--prometheus is {url})") from error


def _from_file(path: Path, name: str | None) -> IssuePattern:
    """The pattern of that name in a YAML file, or the only one.

    Raises:
        click.ClickException: when there is none, or several, or it cannot be read.
    """
    try:
        documents = [one for one in yaml.safe_load_all(path.read_text()) if isinstance(one, dict)]
        patterns = [IssuePattern.read(one) for one in documents if one.get("kind") == IssuePattern.__name__]
    except OSError as error:
        raise click.ClickException(f"--file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"--file {path} is no YAML: {error}") from error
    except ValidationError as error:
        raise click.ClickException(f"--file {path}: {complaint(error)}") from error
    chosen = [one for one in patterns if name in (None, one.metadata.name)]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(one.metadata.name for one in patterns) or "none"
    asked = f"no IssuePattern {name}" if name else "not exactly one IssuePattern"
    raise click.ClickException(f"--file {path} holds {asked}; it has: {names}. Say which one with --pattern")


Painter = Callable[[Outlook, str, Path, float], None]


def _painter(png: Path | None) -> Painter | None:
    """What draws pictures; asked for before anything is fetched, so that nobody waits in vain."""
    if png is None:
        return None
    try:
        from vanguard.cli.picture import save  # noqa: PLC0415 - matplotlib is an extra that few commands need
    except ImportError as error:
        raise click.ClickException(_EXTRA) from error
    return save


def _saved(save: Painter | None, outlook: Outlook, title: str, path: Path, since: timedelta) -> None:
    try:
        if save is not None:
            save(outlook, title, path, since.total_seconds() / 3600)
    except OSError as error:
        raise click.ClickException(f"--png {path}: {error.strerror}") from error
