"""The small scatter on every measured value: the same seed, series and second give the same number.

No generator with a position is used, because the past and the present are sampled by different
processes in any order: each value is hashed out of its own coordinates (splitmix64, then Box-Muller).
"""

import hashlib

import numpy as np
import numpy.typing as npt

from devcluster.demoload.services import Array

BUCKET_SECONDS = 1.0
_WIDEST = 3.0  # standard deviations; a stray 5-sigma value must not look like an event


def scatter(seed: int, series: str, at: Array) -> Array:
    """Standard normal values, cut off at three, one per time (unix seconds) of this series."""
    digest = hashlib.blake2b(f"{seed}|{series}".encode(), digest_size=8).digest()
    bucket = np.floor(at / BUCKET_SECONDS).astype(np.uint64)
    coordinate = bucket * np.uint64(2) + np.uint64(int.from_bytes(digest, "big"))
    first, second = _uniform(coordinate), _uniform(coordinate + np.uint64(1))
    normal = np.sqrt(-2.0 * np.log(first)) * np.cos(2 * np.pi * second)
    clipped: Array = np.clip(normal, -_WIDEST, _WIDEST)
    return clipped


def fraction(seed: int, name: str) -> float:
    """One number in [0, 1) for a name."""
    digest = hashlib.blake2b(f"{seed}|{name}".encode(), digest_size=8).digest()
    return float(int.from_bytes(digest, "big") >> 11) / 2.0**53


def _uniform(coordinate: npt.NDArray[np.uint64]) -> Array:
    """Hash integers to (0, 1]; never 0, whose logarithm is not finite.

    The finaliser of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
    Unsigned overflow is the point of it.
    """
    mixed = coordinate * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return ((mixed >> np.uint64(11)).astype(np.float64) + 1.0) / 2.0**53
