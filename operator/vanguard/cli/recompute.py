"""`vanguard explain --recompute`: the recorded decision made again, figure by figure beside the record."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vanguard.api.base import Annotation
from vanguard.api.kinds import Intervention
from vanguard.domain.evidence import CannotRecompute, Compared, recomputed
from vanguard.domain.forecast import Forecaster

IDENTICAL, DIFFERS, CANNOT = 0, 1, 2


def recompute(iv: Intervention, console: Console, forecaster: Forecaster) -> int:
    """Print recorded and recomputed side by side and what follows; the exit code."""
    samples = iv.metadata.annotations.get(Annotation.SAMPLES)
    try:
        compared = recomputed(iv, samples, forecaster)
    except CannotRecompute as error:
        console.print(Text(f"cannot be recomputed. {error}"))
        return CANNOT
    console.print(_table(compared))
    console.print()
    return _conclude(console, compared, forecaster.name)


def _table(compared: Sequence[Compared]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("WHAT", no_wrap=True)
    table.add_column("RECORDED", overflow="fold")
    table.add_column("RECOMPUTED", overflow="fold")
    table.add_column("", no_wrap=True)
    for one in compared:
        sign = Text("" if one.same else "differs", style="bold red")
        table.add_row(one.name, Text(_short(one.recorded)), Text(_short(one.recomputed)), sign)
    return table


def _short(value: str) -> str:
    """A hash by its beginning; that is all people compare."""
    return f"{value[:19]}..." if value.startswith("sha256:") else value or "-"


def _conclude(console: Console, compared: Sequence[Compared], model: str) -> int:
    different = [one.name for one in compared if not one.same]
    if not different:
        console.print(Text(f"identical: all {len(compared)} figures come out as recorded, by {model}", style="green"))
        return IDENTICAL
    told = f"differs in {', '.join(different)}."
    if not compared[0].same:
        told += (
            f" The annotation {Annotation.SAMPLES} is not what spec.evidence.samplesHash was made from: somebody "
            "changed it since. The spec is immutable: believe it, and not the annotation."
        )
    console.print(Text(told, style="bold red"))
    return DIFFERS
