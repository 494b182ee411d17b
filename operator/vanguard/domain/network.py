"""A small network, read from plain arrays: standardised features in, log-odds of a breach by each horizon out.

It is trained elsewhere (bench/detection/train.py); what is shipped are its weights. Running it needs numpy only.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from vanguard.domain.past import Floats, Singles

_FARTHEST = np.float32(5)
_TILE = 8  # rows: too few for BLAS to share among threads, which would wait for the next product by spinning


@dataclass(frozen=True)
class Network:
    """Layers of rectified sums (Nair and Hinton 2010), the last one plain.

    Attributes:
        names: of the features it was trained on, in order.
        horizons: [outputs] hours within which the breach comes.
        centre, scale: [features]; a feature is clipped at five scales from its centre, so nothing is extrapolated.
        weights, biases: of each layer: [in, out] and [out].
        stretch, shift: [outputs], the calibration of the log-odds on series it was not trained on.
    """

    names: tuple[str, ...]
    horizons: Floats
    centre: Singles
    scale: Singles
    weights: tuple[Singles, ...]
    biases: tuple[Singles, ...]
    stretch: Floats
    shift: Floats

    @classmethod
    def read(cls, path: Path) -> Self:
        """From an .npz file as `write` makes it.

        Raises:
            OSError: when it is not there.
            KeyError: when an array is missing.
        """
        with np.load(path, allow_pickle=False) as held:
            layers = range(int(held["layers"]))
            return cls(
                names=tuple(held["names"].tolist()),
                horizons=held["horizons"],
                centre=held["centre"],
                scale=held["scale"],
                weights=tuple(held[f"weights_{i}"] for i in layers),
                biases=tuple(held[f"biases_{i}"] for i in layers),
                stretch=held["stretch"],
                shift=held["shift"],
            )

    def write(self, path: Path) -> None:
        """As an .npz file."""
        arrays: dict[str, Any] = {f"weights_{i}": array for i, array in enumerate(self.weights)}
        arrays |= {f"biases_{i}": array for i, array in enumerate(self.biases)}
        arrays |= {name: getattr(self, name) for name in ("horizons", "centre", "scale", "stretch", "shift")}
        np.savez_compressed(path, names=np.array(self.names), layers=np.array(len(self.weights)), **arrays)

    def standardised(self, features: Singles) -> Singles:
        """Features as the first layer wants them. [series, features]."""
        return np.asarray(np.clip((features - self.centre) / self.scale, -_FARTHEST, _FARTHEST))

    def log_odds(self, features: Singles) -> Floats:
        """Of a breach within each horizon, calibrated, never falling with the horizon. [series, outputs]."""
        count = len(features)
        # Matrix products round rows at the edge of a tile differently: with whole tiles a series is the same alone.
        out = np.pad(self.standardised(features), ((0, -count % _TILE), (0, 0))).reshape(-1, _TILE, features.shape[1])
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            out = np.maximum(out @ weights + biases, 0)
        raw = (out @ self.weights[-1] + self.biases[-1]).reshape(-1, len(self.stretch))[:count].astype(np.float64)
        return np.maximum.accumulate(raw * self.stretch + self.shift, axis=1)
