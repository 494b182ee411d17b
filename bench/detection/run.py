"""One run: every detector on the same fold, and on real series that never breach."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.detection.cost import Cost, cost
from bench.detection.families import Floats, Fold
from bench.detection.incumbents import INCUMBENTS
from bench.detection.never import windows
from bench.detection.scoring import (
    HORIZONS,
    Calibration,
    Moments,
    Score,
    calibration,
    score,
    time_errors,
)
from vanguard.domain.forecast import Forecaster

NEVER_FACTORS = (1.05, 1.25)
OURS = (("ours, H = 8, p >= 0.5", 1, 0.5), ("ours, action grade: H = 12, p >= 0.85", 2, 0.85))
_AT_ONCE = 2000


@dataclass(frozen=True)
class Foreseen:
    """What the forecaster said at each moment: probabilities [moments, 3], median hours [moments], look-alike."""

    p_breach: Floats
    median_hours: Floats
    look_alike: np.ndarray


@dataclass(frozen=True)
class Report:
    """All that a run found."""

    seed: int
    series: int
    model: str
    scores: dict[str, Score]
    calibrations: tuple[Calibration, ...]
    time_errors: dict[int, tuple[float, float]]
    never: dict[str, dict[str, float]]
    look_alikes: dict[str, dict[str, float]]
    cost: Cost


def foreseen(moments: Moments, forecaster: Forecaster) -> Foreseen:
    """Ask the forecaster at each moment, with nothing later than it."""
    count = len(moments.rows)
    p, median, named = np.zeros((count, 3)), np.full(count, np.inf), np.full(count, "", "U32")
    for part, past in moments.pasts(_AT_ONCE):
        ones = np.ones(len(past))
        seen = forecaster.foresee(past, limit=ones, rising=ones.astype(bool))
        p[part], median[part], named[part] = seen.p_breach, seen.hours_to_breach[:, 1], seen.look_alike
    return Foreseen(p, median, named)


def run(fold: Fold, seed: int, nab: Path | None, forecaster: Forecaster) -> Report:
    """Score ours and the incumbents.

    Args:
        fold: the made series.
        seed: what they were made with.
        nab: folder of real series that never breach; None leaves them out.
        forecaster: the model.
    """
    moments = Moments.of(fold)
    ours = foreseen(moments, forecaster)
    scores = {name: score(moments, verdict(moments)) for name, verdict in INCUMBENTS.items()}
    scores |= {name: score(moments, ours.p_breach[:, which] >= least) for name, which, least in OURS}
    return Report(
        seed=seed,
        series=len(fold.values),
        model=forecaster.name,
        scores=scores,
        calibrations=tuple(calibration(moments, ours.p_breach[:, i], hours) for i, hours in enumerate(HORIZONS)),
        time_errors=time_errors(moments, ours.median_hours),
        never={f"{factor:g} x maximum": _never(windows(nab, factor), forecaster) for factor in NEVER_FACTORS}
        if nab
        else {},
        look_alikes=_named(moments, ours),
        cost=cost(moments, forecaster),
    )


def _never(fold: Fold, forecaster: Forecaster) -> dict[str, float]:
    """False alarms per series and week of each detector."""
    moments = Moments.of(fold)
    ours = foreseen(moments, forecaster)
    found = {name: score(moments, verdict(moments)).false_alarms for name, verdict in INCUMBENTS.items()}
    return found | {name: score(moments, ours.p_breach[:, i] >= least).false_alarms for name, i, least in OURS}


def _named(moments: Moments, ours: Foreseen) -> dict[str, dict[str, float]]:
    """By family, the share of evaluations each look-alike was named at."""
    family = moments.fold.family[moments.rows]
    return {
        name: {reason: share for reason, share in _shares(ours.look_alike[family == name]) if share >= 0.005}
        for name in dict.fromkeys(moments.fold.family.tolist())
    }


def _shares(named: np.ndarray) -> Iterable[tuple[str, float]]:
    reasons, counts = np.unique(named, return_counts=True)
    return [(str(r), c / len(named)) for r, c in zip(reasons.tolist(), counts.tolist(), strict=True) if r]
