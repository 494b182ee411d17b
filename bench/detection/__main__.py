"""`python -m bench.detection`: ours beside the incumbents, in the same run."""

from pathlib import Path

import click

from bench.detection import families, wider
from bench.detection.report import table, write
from bench.detection.run import run
from vanguard.domain.forecast import Forecaster

_EVERY = families.HEALTHY | families.BREACHING | wider.HEALTHY | wider.BREACHING


@click.command()
@click.option("--seed", type=click.IntRange(0), default=900_001, show_default=True, help="Below 10^6: for development.")
@click.option("--series", type=click.IntRange(20), default=1500, show_default=True, help="How many are made.")
@click.option("--families", "names", default="", help="Comma-separated; the public ones by default.")
@click.option("--nab", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Real series, CSV.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("bench/results"), show_default=True
)
def main(seed: int, series: int, names: str, nab: Path | None, out: Path) -> None:
    """Score ours and the incumbents, and write table, JSON and pictures."""
    chosen = [name for name in names.split(",") if name]
    unknown = sorted(set(chosen) - set(_EVERY))
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}; known are {', '.join(_EVERY)}", param_hint="--families")
    healthy = {n: f for n, f in (families.HEALTHY | wider.HEALTHY).items() if n in chosen}
    breaching = {n: f for n, f in (families.BREACHING | wider.BREACHING).items() if n in chosen}
    if chosen and not (healthy and breaching):
        raise click.BadParameter("healthy and breaching ones are needed", param_hint="--families")
    fold = families.fold(series, seed, healthy or None, breaching or None)
    report = run(fold, seed, nab, Forecaster.load())
    click.echo("\n".join(table(report)))
    for path in write(report, out):
        click.echo(f"wrote {path}", err=True)


if __name__ == "__main__":
    main()
