"""Training of a small network: Adam (Kingma and Ba 2015) with decoupled weight decay, in numpy."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]
_FIRST, _SECOND, _SMALL = 0.9, 0.999, 1e-8
_WARM_UP = 200
_FARTHEST = 500.0  # log-odds; beyond, the exponential overflows
_LONGEST_STEP = 0.2


@dataclass(frozen=True)
class Recipe:
    """How it is trained.

    Attributes:
        hidden: width of each hidden layer; none makes it a logistic regression.
        epochs, batch, rate, decay: of the optimiser; the rate falls like half a cosine.
        seed: of the first weights and of the order.
    """

    hidden: tuple[int, ...] = (256, 128)
    epochs: int = 40
    batch: int = 2048
    rate: float = 2e-3
    decay: float = 1e-2
    seed: int = 0


def fit(
    features: Singles, came: Singles, weight: Singles, recipe: Recipe
) -> tuple[tuple[Singles, ...], tuple[Singles, ...]]:
    """Weights and biases that make the weighted cross-entropy small.

    Args:
        features: [rows, features], standardised.
        came: [rows, outputs], 0 or 1.
        weight: [rows].
        recipe: how.
    """
    rng = np.random.default_rng(recipe.seed)
    sizes = (features.shape[1], *recipe.hidden, came.shape[1])
    weights = [rng.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32) for a, b in pairwise(sizes)]
    biases = [np.zeros(size, np.float32) for size in sizes[1:]]
    parameters = [*weights, *biases]
    first, second = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    weight = (weight / weight.mean()).astype(np.float32)
    per_epoch = len(features) // recipe.batch
    total = recipe.epochs * per_epoch
    for step in range(1, total + 1):
        if (step - 1) % per_epoch == 0:
            order = rng.permutation(len(features))
        place = (step - 1) % per_epoch * recipe.batch
        chosen = order[place : place + recipe.batch]
        gradients = _gradients(weights, biases, features[chosen], came[chosen], weight[chosen])
        rate = recipe.rate * min(1, step / _WARM_UP) * (1 + np.cos(np.pi * step / total)) / 2
        for i, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            first[i] += (1 - _FIRST) * (gradient - first[i])
            second[i] += (1 - _SECOND) * (gradient**2 - second[i])
            scale = np.sqrt(second[i] / (1 - _SECOND**step)) + _SMALL
            np.subtract(parameter, np.float32(rate) * first[i] / (1 - _FIRST**step) / scale, out=parameter)
            if i < len(weights):
                np.multiply(parameter, np.float32(1 - rate * recipe.decay), out=parameter)
    return tuple(weights), tuple(biases)


def _gradients(
    weights: list[Singles], biases: list[Singles], features: Singles, came: Singles, weight: Singles
) -> list[Singles]:
    """Of the mean weighted cross-entropy, for weights then biases."""
    layers = [features]
    for i, (w, b) in enumerate(zip(weights, biases, strict=True)):
        out = layers[-1] @ w + b
        layers.append(np.maximum(out, 0) if i < len(weights) - 1 else out)
    p = 1 / (1 + np.exp(-layers[-1]))
    error = ((p - came) * weight[:, None] / np.float32(len(features))).astype(np.float32)
    of_weights, of_biases = [], []
    for i in range(len(weights) - 1, -1, -1):
        of_weights.append(layers[i].T @ error)
        of_biases.append(error.sum(axis=0))
        if i:
            error = (error @ weights[i].T) * (layers[i] > 0)
    return [*of_weights[::-1], *of_biases[::-1]]


def calibrated(log_odds: NDArray[np.float64], came: Singles, weight: Singles) -> tuple[float, float]:
    """Stretch and shift that make log-odds true on rows they were not fitted to (Platt 1999), by Newton's method."""
    columns = np.stack([log_odds, np.ones_like(log_odds)], axis=1)
    found = np.array([1.0, 0.0])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(columns @ found, -_FARTHEST, _FARTHEST)))
        gradient = columns.T @ ((p - came) * weight)
        curvature = (columns * (weight * p * (1 - p))[:, None]).T @ columns + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        found = found - step * min(1.0, _LONGEST_STEP / max(_LONGEST_STEP, float(np.abs(step).max())))
    return float(found[0]), float(found[1])
