"""`vanguard reference`: the field reference of AutomationPolicy, for the page that tells it."""

import sys
from pathlib import Path

import click

from vanguard.api import reference as api


@click.command()
@click.argument("pages", nargs=-1, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a page differs from the models.")
def reference(pages: tuple[Path, ...], *, check: bool) -> None:
    """Write the tables of AutomationPolicy's fields into PAGES, between their marks, or print them."""
    if not pages:
        click.echo(api.tables())
        return
    stale = [(page, text) for page in pages if (text := _wanted(page)) != page.read_text()]
    if check and stale:
        click.echo(f"out of date: {', '.join(str(page) for page, _ in stale)}; run `make generate`", err=True)
        sys.exit(1)
    for page, text in stale:
        page.write_text(text)
        click.echo(f"wrote {page}")


def _wanted(page: Path) -> str:
    try:
        return api.rewritten(page.read_text())
    except ValueError as error:
        raise click.ClickException(f"{page}: {error}") from error
