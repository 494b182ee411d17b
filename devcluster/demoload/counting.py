"""Counters: what a pod has counted so far, carried forward by integrating its present rates.

A counter cannot be a function of time alone, because its rate depends on how many pods shared the work
at each moment. So the last count of each pod is kept, and only ever added to: it is monotonic by
construction, also when the clock steps back.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from devcluster.demoload.services import Array

_STEP_SECONDS = 60.0


@dataclass(frozen=True)
class Count:
    """What a pod has counted up to a time (unix seconds)."""

    at: float
    requests: float = 0.0
    errors: float = 0.0


def integrate(count: Count, at: Array, rates: Callable[[Array], Array]) -> Array:
    """Totals of shape [2, times] (requests, errors) at ascending times, continued from a count.

    `rates` gives the two rates per second, shape [2, times]. A gap before the first time is walked in
    steps of at most a minute, so that days of past cost thousands of steps and a scrape costs one.
    """
    moments = np.maximum(at, count.at)
    gap = moments[0] - count.at
    lead = np.linspace(count.at, moments[0], 1 + int(np.ceil(gap / _STEP_SECONDS)))
    grid = np.concatenate([lead, moments[1:]])
    per_second = rates(grid)
    grown = np.cumsum((per_second[:, 1:] + per_second[:, :-1]) / 2 * np.diff(grid), axis=1)
    totals = np.concatenate([np.zeros((2, 1)), grown], axis=1)[:, -moments.size :]
    counted: Array = totals + np.array([[count.requests], [count.errors]])
    return counted
