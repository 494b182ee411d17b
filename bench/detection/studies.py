"""`python -m bench.detection.studies`: why this model, and what it makes of families it has never seen.

Two tables, from smaller trainings than the shipped one: a logistic regression, boosted trees and the network on the
same rows; and the network with one public family after the other left out of training, wherever it occurs.
"""

import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from bench.detection import families
from bench.detection.families import fold
from bench.detection.learning import Recipe
from bench.detection.scoring import Moments, Score, calibration, score
from bench.detection.train import Rows, drawn, learn
from vanguard.domain.features import NAMES, features
from vanguard.domain.network import Network

_SMALLER = Recipe(hidden=(192, 96), epochs=20)
_HORIZONS = (4, 8, 12)
_COLUMNS = slice(1, 4)  # of the network's horizons
Probabilities = NDArray[np.float64]


def told(moments: Moments) -> NDArray[np.float32]:
    """The features at each moment."""
    out = np.empty((len(moments.rows), len(NAMES)), np.float32)
    for part, past in moments.pasts(4096):
        out[part] = features(past, np.ones(len(past)))
    return out


def by_network(network: Network, seen: NDArray[np.float32]) -> Probabilities:
    """[moments, 3]."""
    return 1 / (1 + np.exp(-network.log_odds(seen)[:, _COLUMNS]))


def by_trees(training: Rows, seen: NDArray[np.float32], seed: int) -> Probabilities:
    """[moments, 3], by one boosted ensemble a horizon."""
    out = []
    for hours in _HORIZONS:
        trees = HistGradientBoostingClassifier(
            max_iter=300, learning_rate=0.08, l2_regularization=5.0, early_stopping=False, random_state=seed
        )
        trees.fit(training.features, training.hours <= hours, sample_weight=training.weight)
        out.append(trees.predict_proba(seen)[:, 1])
    return np.maximum.accumulate(np.stack(out, axis=1), axis=1)


def graded(moments: Moments, p: Probabilities) -> tuple[Score, Score]:
    """At p >= 0.5 within 8 h, and at p >= 0.85 within 12 h."""
    return score(moments, p[:, 1] >= 0.5), score(moments, p[:, 2] >= 0.85)


def compared(training: Rows, held_out: Rows, moments: Moments, seen: NDArray[np.float32], seed: int) -> list[list[str]]:
    """One line a model."""
    recipe = replace(_SMALLER, seed=seed)
    said = {
        "logistic regression": by_network(learn(training, held_out, replace(recipe, hidden=())), seen),
        "boosted trees, 300 a horizon": by_trees(training, seen, seed),
        "network 192-96": by_network(learn(training, held_out, recipe), seen),
    }
    lines = [
        ["model", "precision", "recall >= 2 h", "action: precision", "action: recall", "Brier skill 8 h", "ECE 8 h"]
    ]
    for name, p in said.items():
        plain, action = graded(moments, p)
        truth = calibration(moments, p[:, 1], 8)
        figures = (plain.precision, plain.recall, action.precision, action.recall, truth.skill)
        lines.append([name, *(f"{figure:.3f}" for figure in figures), f"{truth.error:.4f}"])
    return lines


def left_out(
    training: Rows, held_out: Rows, moments: Moments, seen: NDArray[np.float32], seed: int, names: list[str]
) -> list[list[str]]:
    """One line a family: what the network does on it, having seen it and not."""
    recipe = replace(_SMALLER, seed=seed)
    usual = graded(moments, by_network(learn(training, held_out, recipe), seen))
    lines = [["family left out", "recall >= 2 h with, without", "action: with, without", "FA / svc-wk with, without"]]
    for family in names:
        network = learn(training.take(training.family != family), held_out.take(held_out.family != family), recipe)
        own = Moments.of(moments.fold.take(moments.fold.family == family))
        blind = graded(own, by_network(network, seen[moments.fold.family[moments.rows] == family]))
        pairs = [
            (before.recall_by_family.get(family), after.recall_by_family.get(family))
            for before, after in zip(usual, blind, strict=True)
        ]
        alarms = usual[0].false_alarms_by_family[family], blind[0].false_alarms_by_family[family]
        lines.append([family, *(_both(*pair) for pair in pairs), f"{alarms[0]:.4f}, {alarms[1]:.4f}"])
        click.echo(f"{family}: done", err=True)
    return lines


def _both(before: float | None, after: float | None) -> str:
    return "-" if before is None or after is None else f"{before:.2f}, {after:.2f}"


def markdown(lines: list[list[str]]) -> str:
    """A table."""
    head, *rest = lines
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rest))


@click.command()
@click.option("--seed", type=click.IntRange(0, 10**6 - 1), default=2000, show_default=True)
@click.option("--series", type=click.IntRange(100), default=16_000, show_default=True, help="To learn from.")
@click.option("--judged", type=click.IntRange(100), default=1500, show_default=True, help="To be judged on.")
@click.option(
    "--families", "names", default=",".join(families.HEALTHY | families.BREACHING), help="Those left out, one by one."
)
@click.option("--models/--no-models", default=True, show_default=True, help="Compare models too.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("bench/results"), show_default=True
)
def main(seed: int, series: int, judged: int, names: str, *, models: bool, out: Path) -> None:
    """Compare models, and leave families out."""
    training, held_out = drawn(series, seed), drawn(max(400, series // 9), seed + 500)
    moments = Moments.of(fold(judged, seed + 900_000))
    seen = told(moments)
    tables = {"models": compared(training, held_out, moments, seen, seed)} if models else {}
    tables["families"] = left_out(training, held_out, moments, seen, seed, names.split(","))
    out.mkdir(parents=True, exist_ok=True)
    (out / "studies.json").write_text(json.dumps({"seed": seed, "series": series, "judged": judged} | tables, indent=1))
    click.echo("\n\n".join(map(markdown, tables.values())))


if __name__ == "__main__":
    main()
