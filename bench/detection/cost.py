"""What a full look costs, beside a loop of numpy.polyfit over six hours in the same run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bench.detection.scoring import Moments
from vanguard.domain.forecast import Forecaster

_SERIES, _ROUNDS, _AT_ONCE = 4000, 3, 1000


@dataclass(frozen=True)
class Cost:
    """Series per second of processor time, all cores taken together; the reference is one loop of polyfit."""

    foreseen: float
    polyfit: float

    @property
    def ratio(self) -> float:
        """How many times as many as the reference."""
        return self.foreseen / self.polyfit


def cost(moments: Moments, forecaster: Forecaster) -> Cost:
    """Time the forecaster on moments of a fold, in batches as detection does."""
    chosen = moments.take(np.linspace(0, len(moments.rows) - 1, _SERIES).astype(int))
    pasts = [past for _, past in chosen.pasts(_AT_ONCE)]
    ones = np.ones(_AT_ONCE)

    def look() -> None:
        for past in pasts:
            forecaster.foresee(past, limit=ones, rising=ones.astype(bool))

    hours = np.arange(72) / 12

    def fit() -> None:
        for past in pasts:
            for row in np.nan_to_num(past.fine[:, -72:].astype(float)):
                np.polyfit(hours, row, 1)

    return Cost(_SERIES / _fastest(look), _SERIES / _fastest(fit))


def _fastest(work: Callable[[], None]) -> float:
    """Processor seconds of the fastest round: other work on the machine only ever makes it slower."""
    best = np.inf
    for _ in range(_ROUNDS):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return float(best)
