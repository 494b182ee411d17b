"""Command line: `python -m devcluster.demoload [serve|backfill] ...`; without a command it serves."""

import asyncio
import logging
import re
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from devcluster.demoload import backfill as past
from devcluster.demoload.cluster_view import connect
from devcluster.demoload.exporter import Exporter
from devcluster.demoload.services import CASTS, Service
from devcluster.demoload.world_file import WorldFile
from devcluster.errors import DevclusterError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_UNITS = {"s": 1, "m": 60, "h": 3600}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Play the demo's services on the pods of a real cluster; `serve` is the default command."""


def _common(command: Decorated) -> Decorated:
    """The options that both commands have."""
    for option in (
        click.option(
            "--namespace",
            "namespaces",
            multiple=True,
            default=("shop",),
            show_default=True,
            type=click.Choice(sorted(CASTS)),
            help="Where the services live; repeatable.",
        ),
        click.option(
            "--state",
            required=True,
            type=click.Path(file_okay=False, path_type=Path),
            help="Folder of the world's memory.",
        ),
        click.option(
            "--kubeconfig",
            required=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="The cluster to follow.",
        ),
    ):
        command = option(command)
    return command


def _duration(_: click.Context, __: click.Parameter, text: str) -> int:
    """Whole seconds of `60s`, `5m`, `1h`."""
    match = re.fullmatch(r"([1-9]\d*)([smh])", text)
    if not match:
        raise click.BadParameter(f"{text!r} is no duration such as 60s, 5m or 1h")
    return int(match[1]) * _UNITS[match[2]]


def _labels(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in texts]
    for name, _equals, value in pairs:
        if not re.fullmatch(r"[a-zA-Z_]\w*", name, re.ASCII) or not value:
            raise click.BadParameter(f"{name}={value} is no label such as job=demoload")
    return [(name, value) for name, _equals, value in pairs]


@cli.command()
@_common
@click.option("--port", required=True, type=click.IntRange(0, 65535), help="Port of /metrics; 0: a free one.")
@click.option("--host", default="127.0.0.1", show_default=True)
def serve(*, kubeconfig: Path, state: Path, namespaces: tuple[str, ...], port: int, host: str) -> None:
    """Publish the present on /metrics until SIGTERM."""
    _run(_serve(kubeconfig, state, namespaces, host, port))


@cli.command()
@_common
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@click.option("--days", default=7.0, show_default=True, type=click.FloatRange(min=0, min_open=True))
@click.option("--step", default="60s", show_default=True, callback=_duration, help="Between samples.")
@click.option("--label", multiple=True, callback=_labels, help="NAME=VALUE for every series; repeatable.")
@click.option("--wait", default=60.0, show_default=True, help="Seconds to wait for all pods to be ready.")
def backfill(
    *,
    kubeconfig: Path,
    state: Path,
    namespaces: tuple[str, ...],
    out: Path,
    days: float,
    step: int,
    label: list[tuple[str, str]],
    wait: float,
) -> None:
    """Write the past up to now as OpenMetrics text."""

    async def write() -> None:
        memory = WorldFile(state)
        world = memory.load(_cast(namespaces))
        async with connect(kubeconfig, namespaces) as view:
            snapshot = await past.settled(view, world, wait_seconds=wait)
        samples = past.backfill(memory, world, snapshot, out, days=days, step_seconds=step, labels=label)
        click.echo(f"wrote {samples} samples of {len(snapshot.pods)} pods to {out}")

    _run(write())


def _cast(namespaces: tuple[str, ...]) -> list[Service]:
    return [service for namespace in namespaces for service in CASTS[namespace]]


async def _serve(kubeconfig: Path, state: Path, namespaces: tuple[str, ...], host: str, port: int) -> None:
    memory = WorldFile(state)
    async with connect(kubeconfig, namespaces) as view:
        exporter = Exporter(memory.load(_cast(namespaces)), view, memory)
        serving = asyncio.create_task(exporter.serve(port, host=host))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, serving.cancel)
        try:
            await serving
        except asyncio.CancelledError:
            logging.getLogger(__name__).info("stopped")


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end; what a person can mend is told without a traceback."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s demoload: %(message)s")
    try:
        asyncio.run(work)
    except (DevclusterError, OSError) as error:
        raise click.ClickException(str(error)) from error


def main(arguments: list[str]) -> None:
    """Without a command's name, serve."""
    named = bool(arguments) and arguments[0] in {*cli.commands, "-h", "--help"}
    cli(arguments if named else ["serve", *arguments], prog_name="python -m devcluster.demoload")


if __name__ == "__main__":
    main(sys.argv[1:])
