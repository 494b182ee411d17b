"""The series of the benchmark: a function of number and time, the same for the server and for whoever fills a book."""

import numpy as np
from numpy.typing import NDArray

Singles = NDArray[np.float32]

PER_NAMESPACE = 500
PER_DEPLOYMENT = 5
DRIFTING = 100  # one in so many
DAY = 86_400.0
LIMIT = 95.0


def namespace_of(number: int) -> str:
    """Ten namespaces fill a shard."""
    return f"team-{number // PER_NAMESPACE:04d}"


def labels_of(number: int) -> dict[str, str]:
    """Of one series, about two hundred bytes, sorted as Prometheus sorts them."""
    deployment = f"orders-service-{number // PER_DEPLOYMENT:05d}"
    return {
        "container": "application",
        "deployment": deployment,
        "instance": f"10.{number // 62_500}.{number // 250 % 250}.{number % 250}:8080",
        "job": "kubernetes-pods",
        "namespace": namespace_of(number),
        "pod": f"{deployment}-7d9c6b5f4d-x{number % PER_DEPLOYMENT:04d}",
    }


def values_at(times: NDArray[np.float64], count: int, onset: float) -> Singles:
    """Percent of a limit. [count, times]: most rest between 20 and 60 with noise, a third with a daily wave.

    One in a hundred climbs by two to six an hour from `onset` on.
    """
    number = np.arange(count)
    base = 20 + 40 * ((number * 7919) % 1000) / 1000
    wave = np.where(number % 3 == 0, 8.0, 0.0)
    climb = np.where(number % DRIFTING == 0, 2 + number % 5, 0.0)
    out = np.empty((count, times.size), np.float32)
    for column, at in enumerate(times.tolist()):
        noise = np.random.default_rng(int(at)).normal(0, 1, count)
        swing = wave * np.sin(2 * np.pi * (at / DAY + number % 24 / 24))
        out[:, column] = base + swing + noise + climb * max(0.0, at - onset) / 3600
    return np.asarray(np.clip(out, 0.1, 100), np.float32)
