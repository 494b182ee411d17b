"""`python -m bench.detection.train`: make the series, learn, calibrate, and ship the model with its record.

Everything follows from the seed. Families of three breadths are mixed: the public ones as they are judged, the same
drawn wider, and others, so that no list is learnt by heart. Histories are cut short and gaps are made at random.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from bench.detection import families, wider
from bench.detection.families import STANDARD, WIDE, Breadth, Family
from bench.detection.learning import Recipe, calibrated, fit
from bench.detection.scoring import Moments
from vanguard.domain.features import NAMES, features
from vanguard.domain.network import Network
from vanguard.domain.past import BLOCKS, Past

Singles = NDArray[np.float32]

HORIZONS = (2.0, 4.0, 8.0, 12.0, 24.0, 48.0)
SHIPPED = Path("operator/vanguard/domain/breach.npz")
_NEAR = 30.0  # hours: moments nearer to a breach are kept more often, and weigh less
_KEPT_NEAR, _KEPT_FAR = 0.4, 0.03
_BREACHING = 0.4  # of the series made; weights give them their 20 % back
_FEWEST_SCALES = 1e-3
_OTHER_SHARE, _OTHER_WEIGHT = 0.12, 6.0


@dataclass(frozen=True)
class Source:
    """Some families, how wide they are drawn, and how much they count beside the public ones."""

    name: str
    healthy: dict[str, Family]
    breaching: dict[str, Family]
    breadth: Breadth
    share: float
    weight: float


SOURCES = (
    Source("public", families.HEALTHY, families.BREACHING, STANDARD, 0.55, 1.0),
    Source("wide", families.HEALTHY, families.BREACHING, WIDE, 0.2, 0.5),
    Source("others", wider.HEALTHY, wider.BREACHING, WIDE, 0.25, 0.7),
)


@dataclass(frozen=True)
class Rows:
    """Moments as the learner sees them: [rows, features], hours to the breach, weight, family."""

    features: Singles
    hours: NDArray[np.float64]
    weight: Singles
    family: NDArray[np.str_]

    @property
    def came(self) -> Singles:
        """[rows, horizons] whether the breach came within each."""
        return (self.hours[:, None] <= np.array(HORIZONS)).astype(np.float32)

    def take(self, chosen: NDArray[np.bool_]) -> "Rows":
        """Some of them."""
        return Rows(self.features[chosen], self.hours[chosen], self.weight[chosen], self.family[chosen])


def rows(source: Source, count: int, seed: int) -> Rows:
    """Draw series of a source and moments of them.

    Args:
        source: which families.
        count: how many series.
        seed: of all chance in it.
    """
    fold = families.fold(count, seed, source.healthy, source.breaching, source.breadth, breaching_share=_BREACHING)
    rng = np.random.default_rng([seed, 1])
    moments = Moments.of(fold)
    chance = np.where(moments.hours_to_breach <= _NEAR, _KEPT_NEAR, _KEPT_FAR)
    kept = rng.random(len(chance)) < chance
    moments = moments.take(kept)
    breaks = fold.breach[moments.rows] >= 0
    usual = 1 - families.HEALTHY_SHARE
    balance = np.where(breaks, usual / _BREACHING, (1 - usual) / (1 - _BREACHING))
    weight = source.weight * balance / chance[kept]
    return Rows(_told(moments, rng), moments.hours_to_breach, weight.astype(np.float32), fold.family[moments.rows])


def other_limits(count: int, seed: int) -> Rows:
    """Moments of healthy families under other limits than their own.

    Half of them have it below their highest: a daily peak that is over it each day, a limit that was lowered. Their
    moments are those whose past knows a breach that came back, while none is on; the truth is the next one. The other
    half have it above all they ever reach, as limits in the field are.
    """
    every = families.HEALTHY | wider.HEALTHY
    fold = families.fold(count, seed, every, families.BREACHING, WIDE, breaching_share=0)
    rng = np.random.default_rng([seed, 2])
    low, high = np.nanmedian(fold.values, axis=1), np.nanmax(fold.values, axis=1)
    above = np.arange(count) % 2 == 0
    limit = np.where(above, high * rng.uniform(1.03, 1.3, count), low + (high - low) * rng.uniform(0.3, 1.0, count))
    fold = replace(fold, values=fold.values / np.maximum(limit, 1e-3)[:, None])
    on = families.held_at(fold.values)
    moments = Moments.of(fold)
    before = np.logical_or.accumulate(on, axis=1)
    calm = ~on[moments.rows, moments.last_sample]
    calm &= above[moments.rows] | before[moments.rows, moments.last_sample]
    moments = moments.take(calm & (rng.random(len(calm)) < 2 * _KEPT_FAR))
    places = np.where(on, np.arange(on.shape[1]), 10**6)
    following = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    ahead = following[moments.rows, moments.last_sample] - moments.last_sample
    hours = np.where(ahead < on.shape[1], ahead / families.HOUR, np.inf)
    # What lies beyond the end is not known: such moments are left out unless nothing may come of them.
    left = (on.shape[1] - moments.last_sample) / families.HOUR
    known = above[moments.rows] | np.isfinite(hours) | (left > HORIZONS[-1])
    moments = moments.take(known)
    weight = np.full(int(known.sum()), _OTHER_WEIGHT, np.float32)
    return Rows(_told(moments, rng), hours[known], weight, fold.family[moments.rows])


def _told(moments: Moments, rng: np.random.Generator) -> Singles:
    told = np.empty((len(moments.rows), len(NAMES)), np.float32)
    for part, past in moments.pasts(4096):
        told[part] = features(_worn(past, rng), np.ones(len(past)))
    return told


def _worn(past: Past, rng: np.random.Generator) -> Past:
    """The same with short histories and gaps here and there, as real series have them."""
    count = len(past)
    days = np.where(rng.random(count) < 0.2, rng.integers(48, BLOCKS, count), BLOCKS)
    blocks = np.where(np.arange(BLOCKS) >= BLOCKS - days[:, None], past.blocks, np.float32(np.nan))
    lost = rng.uniform(0, 0.4, count) * (rng.random(count) < 0.1)
    blocks = np.where(rng.random(blocks.shape) < lost[:, None] ** 2, np.float32(np.nan), blocks)
    fine = np.where(rng.random(past.fine.shape) < lost[:, None], np.float32(np.nan), past.fine)
    fine[:, -1] = past.fine[:, -1]
    return replace(past, fine=fine, blocks=blocks)


def joined(several: list[Rows]) -> Rows:
    """Rows as one."""
    return Rows(
        np.concatenate([one.features for one in several]),
        np.concatenate([one.hours for one in several]),
        np.concatenate([one.weight for one in several]),
        np.concatenate([one.family for one in several]),
    )


def drawn(count: int, seed: int) -> Rows:
    """Rows of all sources, `count` series in all."""
    several = [rows(source, round(source.share * count), seed + 10 * i) for i, source in enumerate(SOURCES)]
    return joined([*several, other_limits(round(_OTHER_SHARE * count), seed + 90)])


def learn(training: Rows, held_out: Rows, recipe: Recipe) -> Network:
    """Fit on some rows, calibrate on others."""
    centre = training.features.mean(axis=0)
    scale = training.features.std(axis=0) + np.float32(_FEWEST_SCALES)
    outputs = len(HORIZONS)
    raw = Network(NAMES, np.array(HORIZONS), centre, scale, (), (), np.ones(outputs), np.zeros(outputs))
    weights, biases = fit(raw.standardised(training.features), training.came, training.weight, recipe)
    network = replace(raw, weights=weights, biases=biases)
    said = network.log_odds(held_out.features)
    pairs = [calibrated(said[:, i], held_out.came[:, i], held_out.weight) for i in range(outputs)]
    return replace(network, stretch=np.array([a for a, _ in pairs]), shift=np.array([b for _, b in pairs]))


def loss(network: Network, held_out: Rows) -> float:
    """Weighted cross-entropy at 4, 8 and 12 hours on rows, in nats, summed over the three."""
    said = network.log_odds(held_out.features)[:, 1:4]
    each = (np.logaddexp(0, said) - held_out.came[:, 1:4] * said).sum(axis=1)
    return float((each * held_out.weight).sum() / held_out.weight.sum())


def _revision() -> Iterator[str]:
    for command in (["git", "rev-parse", "--short", "HEAD"], ["git", "status", "--porcelain"]):
        yield subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603 - fixed


@click.command()
@click.option("--seed", type=click.IntRange(0, 10**6 - 1), default=1000, show_default=True)
@click.option("--series", type=click.IntRange(100), default=60_000, show_default=True, help="How many are made.")
@click.option("--epochs", type=click.IntRange(1), default=Recipe.epochs, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=SHIPPED, show_default=True)
def main(seed: int, series: int, epochs: int, out: Path) -> None:
    """Train the forecaster's network and write it with its training record."""
    begun = time.monotonic()
    revision, changed = _revision()
    recipe = Recipe(epochs=epochs, seed=seed)
    training, held_out = drawn(series, seed), drawn(max(400, series // 9), seed + 500)
    click.echo(f"{len(training.hours)} rows to learn from, {len(held_out.hours)} held out", err=True)
    network = learn(training, held_out, recipe)
    network.write(out)
    record = {
        "seed": seed,
        "series": series,
        "rows": len(training.hours),
        "held_out_rows": len(held_out.hours),
        "held_out_loss": loss(network, held_out),
        "recipe": asdict(recipe),
        "sources": {
            s.name: {"families": [*s.healthy, *s.breaching], "breadth": asdict(s.breadth), "share": s.share}
            | {"weight": s.weight}
            for s in SOURCES
        },
        "git_revision": revision + ("+" if changed else ""),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "minutes": round((time.monotonic() - begun) / 60, 1),
    }
    out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    click.echo(f"wrote {out} and its record; held-out loss {record['held_out_loss']:.5f}", err=True)


if __name__ == "__main__":
    main()
