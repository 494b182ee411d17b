"""`vanguard`: what people type; each group of commands is a module beside this one."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from vanguard import __version__, settings
from vanguard.api import crd
from vanguard.cli import backtest, breakers, explain, forecast, people
from vanguard.cli.notify import notify
from vanguard.cli.reference import reference


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vanguard")
def main() -> None:
    """From a metric's trend to a healed service, one small reversible change at a time."""


main.add_command(notify)
main.add_command(reference)


@main.command("settings")
def show_settings() -> None:
    """List every VANGUARD_* variable, its default and its meaning."""
    table = Table(box=None, pad_edge=False)
    table.add_column("VARIABLE", no_wrap=True)
    table.add_column("DEFAULT", overflow="fold")
    table.add_column("MEANING", overflow="fold")
    for name, default, meaning in settings.described():
        table.add_row(name, default, meaning)
    Console().print(table)


@main.command("crds")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path, file_okay=False))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a file differs from the models.")
def write_crds(folders: tuple[Path, ...], *, check: bool) -> None:
    """Write the CustomResourceDefinitions into FOLDERS, or print them."""
    documents = crd.rendered()
    if not folders:
        click.echo("---\n".join(documents.values()), nl=False)
        return
    stale = [
        folder / name
        for folder in folders
        for name, text in documents.items()
        if not (folder / name).is_file() or (folder / name).read_text() != text
    ]
    if check and stale:
        click.echo(f"out of date: {', '.join(map(str, stale))}; run `make generate`", err=True)
        sys.exit(1)
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(documents[path.name])
        click.echo(f"wrote {path}")


for command in (*people.COMMANDS, breakers.breaker, explain.explain, backtest.command, forecast.forecast):
    main.add_command(command)
