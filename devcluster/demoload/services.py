"""What a service is made of, and the services of the demo, by namespace.

A `Service` is a record of parameters; `world` turns it into numbers. Demand is given in percent of the
connections the service was shipped with (`pool` times `replicas`), so that a curve reads as the pool use
that people would see on a dashboard before anybody changes anything. Hours count from the world's epoch:
negative is the past.
"""

from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]

MIB = 1024 * 1024
_DAY_HOURS = 24.0


class Demand(Protocol):
    """How much a service is asked for, over time."""

    def at(self, hours: Array) -> Array:
        """Percent of the shipped connections wanted, by hours since the epoch."""


@dataclass(frozen=True)
class Rise:
    """A level with a mild daily swing, which from `began` hours on climbs for `lasts` hours."""

    level: float
    swing: float = 1.0
    per_hour: float = 0.0
    began: float = 0.0
    lasts: float = 0.0

    def at(self, hours: Array) -> Array:
        """Level, swing and climb; the climb ends on a plateau, because no demand grows for ever."""
        swing = self.swing * np.sin(2 * np.pi * hours / _DAY_HOURS)
        return self.level + swing + self.per_hour * np.clip(hours - self.began, 0.0, self.lasts)


@dataclass(frozen=True)
class Daily:
    """The same curve every day: from `trough` to `peak`, which comes `peak_in` hours after the epoch.

    A bell around the clock (von Mises): `sharpness` 0 would be a sine, 1 is a busy evening.
    """

    trough: float
    peak: float
    peak_in: float
    sharpness: float = 1.0

    def at(self, hours: Array) -> Array:
        """The day's curve; no day differs from another."""
        angle = 2 * np.pi * (hours - self.peak_in) / _DAY_HOURS
        lowest = np.exp(-2 * self.sharpness)
        bell = (np.exp(self.sharpness * (np.cos(angle) - 1)) - lowest) / (1 - lowest)
        curve: Array = self.trough + (self.peak - self.trough) * bell
        return curve


@dataclass(frozen=True)
class Memory:
    """A pod's working set: what it starts with, and what it loses every hour of its life, in bytes."""

    start: float
    leak_per_hour: float = 0.0

    def at(self, age_hours: Array) -> Array:
        """Bytes in use at an age."""
        return self.start + self.leak_per_hour * age_hours

    def anonymous_at(self, age_hours: Array) -> Array:
        """The part of it that is no page cache: all but a tenth of what it starts with. What leaks is anonymous."""
        return self.at(age_hours) - 0.1 * self.start


@dataclass(frozen=True)
class Latency:
    """How p99 answers to load and to pool size.

    `crowding` is the share added when the pool is full: it is why a little more free pool helps a little.
    `contention` is the power with which p99 follows the mean pool size of all pods, relative to the size
    shipped: 0 for a database that does not care, 3 for one that is at its limit already.
    """

    base_seconds: float
    crowding: float = 0.25
    contention: float = 0.0


@dataclass(frozen=True)
class Service:
    """One service; `name` is its Deployment.

    `pool_env` names the variable that holds the pool size; where its value comes from (a literal, a
    ConfigMap) is read from each pod's own spec. None means a service without a pool. `age_hours` is how
    long the pods that are there at the epoch have lived already.
    """

    name: str
    demand: Demand
    latency: Latency
    memory: Memory
    pool_env: str | None = None
    pool: float = 50.0
    replicas: int = 3
    age_hours: float = 8 * _DAY_HOURS
    requests_per_connection: float = 8.0

    @property
    def connections(self) -> float:
        """The connections of all pods as shipped: 100 on the demand curve."""
        return self.pool * self.replicas


# Traffic has grown for ten hours. A larger pool is the right remedy.
ORDERS = Service(
    name="orders",
    demand=Rise(level=41.0, per_hour=4.0, began=-10.0, lasts=18.0),
    latency=Latency(base_seconds=0.090),
    memory=Memory(start=230 * MIB),
    pool_env="POOL_SIZE",
    pool=50,
)

# The same symptom, but its database contends: here a larger pool costs more than it gives.
CHECKOUT = Service(
    name="checkout",
    demand=Rise(level=41.5, per_hour=3.9, began=-10.0, lasts=18.0),
    latency=Latency(base_seconds=0.1035, contention=3.0),
    memory=Memory(start=245 * MIB),
    pool_env="DB_POOL_SIZE",
    pool=40,
)

# Leaks 1.25 % of its 512 MiB an hour; 25 % when fresh, about 88 % after these 50 hours.
CATALOG = Service(
    name="catalog",
    demand=Rise(level=48.0, swing=2.0),
    latency=Latency(base_seconds=0.060),
    memory=Memory(start=0.25 * 512 * MIB, leak_per_hour=0.0125 * 512 * MIB),
    age_hours=50.0,
)

# A busy evening as every evening: a line drawn through this climb is wrong, it turns before the limit.
STOREFRONT = Service(
    name="storefront",
    demand=Daily(trough=38.0, peak=86.0, peak_in=2.5),
    latency=Latency(base_seconds=0.075),
    memory=Memory(start=215 * MIB),
    pool_env="POOL_SIZE",
    pool=60,
)

DEMO: tuple[Service, ...] = (ORDERS, CHECKOUT, CATALOG, STOREFRONT)

# What the governed act is about. In the bank a larger pool helps, but somebody else has a say: of the window and the
# approval (payments), of the repository that owns the configuration (invoices).
BANK: tuple[Service, ...] = tuple(
    replace(ORDERS, name=name, demand=Rise(level=level, per_hour=4.0, began=-10.0, lasts=18.0), replicas=2)
    for name, level in (("payments", 41.2), ("invoices", 40.8))
)

# On the market every service shares checkout's trouble, so that the remedy fails each time it is tried.
MARKET: tuple[Service, ...] = tuple(
    replace(CHECKOUT, name=name, demand=Rise(level=level, per_hour=3.9, began=-10.0, lasts=18.0), replicas=2)
    for name, level in (("search", 41.3), ("reviews", 41.5), ("prices", 41.7), ("wishlist", 41.4))
)

CASTS: dict[str, tuple[Service, ...]] = {"shop": DEMO, "bank": BANK, "market": MARKET}
