"""A recorded past for backtests: services whose pools do known things, and the documents that are tried on them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from tests.reconcilers.world import jitter
from vanguard.api.base import API_VERSION
from vanguard.api.kinds import AutomationPolicy, IssuePattern
from vanguard.backtest.acts import Assumed
from vanguard.backtest.recording import WARM_UP, Asked, Recording, Track
from vanguard.backtest.run import Wanted
from vanguard.domain.series import labels_of
from vanguard.ports import Raw
from vanguard.settings import Settings

HOUR, DAY = 3600.0, 86_400.0
# A Monday.
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
QUERY = "pool_use_percent"
STEP = timedelta(minutes=5)
Value = Callable[[float], float]


def calm(at: float) -> float:
    """Around 45."""
    return 45 + 0.5 * jitter(at)


def season(at: float) -> float:
    """Between 25 and 85 every day, highest at 18 h."""
    return 55 + 30 * math.sin((at / HOUR - 12) / 24 * 2 * math.pi) + 0.3 * jitter(at)


def leak(onset: datetime, per_hour: float = 4.0, hours: float = 16.0) -> Value:
    """Calm; from a time on a steady climb, which a restart ends after so many hours."""
    begun = onset.timestamp()

    def value(at: float) -> float:
        since = (at - begun) / HOUR
        return calm(at) + (since * per_hour if 0 <= since < hours else 0.0)

    return value


def breach_of(onset: datetime, per_hour: float = 4.0) -> datetime:
    """When a leak comes to 95, about."""
    return onset + timedelta(hours=50 / per_hour)


def at(day: int, hour: float = 0) -> datetime:
    """A moment of the replay."""
    return BEGIN + timedelta(days=day, hours=hour)


def recorded(services: Mapping[str, Value], days: int = 4, step: timedelta = STEP) -> Recording:
    """A recording of these services of namespace shop, from eight days before the replay's beginning."""
    start = BEGIN - WARM_UP
    count = (WARM_UP + timedelta(days=days)) // step + 1
    times = start.timestamp() + step.total_seconds() * np.arange(count)
    rows = [[value(moment) for moment in times.tolist()] for value in services.values()]
    labels = tuple(labels_of({"namespace": "shop", "deployment": name}) for name in services)
    values = np.array(rows, np.float32).reshape(len(services), count)
    return Recording(start, step, count, frozenset(["shop"]), {Asked(QUERY, "namespace"): Track(labels, values)})


def pattern(name: str = "pool", **spec: Any) -> Raw:
    """An IssuePattern that tunes a pool."""
    return {
        "apiVersion": API_VERSION,
        "kind": "IssuePattern",
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 1},
        "spec": {
            "title": "Pool about to run out",
            "severity": "Critical",
            "signals": [
                {
                    "name": "use",
                    "metricType": "connection_pool_usage",
                    "query": QUERY,
                    "limit": "95",
                    "target": {"kind": "Deployment", "nameLabel": "deployment"},
                }
            ],
            "trend": {"minSlopePerHour": "1", "sustainedFor": "30m", "horizon": "12h"},
            "action": {"type": "TunePool", "tunePool": {"tunable": "pool-size", "increasePercent": 20}},
            "prior": {"successes": 9, "failures": 1},
            **spec,
        },
    }


def policy(*services: str, name: str = "shop", namespace: str = "shop", action: Raw | None = None, **spec: Any) -> Raw:
    """A policy that lets their pools be tuned, at any time unless told otherwise."""
    entry = {"type": "TunePool", "mode": "Auto", "maxPerDay": 5, "maxPerWeek": 20, "minConfidencePercent": 50}
    return {
        "apiVersion": API_VERSION,
        "kind": "AutomationPolicy",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 1},
        "spec": {
            "mode": "Auto",
            "workloads": [
                {
                    "name": service,
                    "selector": {"matchLabels": {"app": service}},
                    "serviceType": "postgres",
                    "tunables": [
                        {
                            "name": "pool-size",
                            "location": {"configMapKey": {"name": f"{service}-config", "key": "POOL_SIZE"}},
                            "min": 10,
                            "max": 100,
                        }
                    ],
                }
                for service in services
            ],
            "actions": [{**entry, "window": "Ignored", **(action or {})}],
            **spec,
        },
    }


def wanted(patterns: list[Raw], policies: list[Raw], days: float = 4, **changes: Any) -> Wanted:
    """What a person would ask for: the whole time, every 30 minutes."""
    asked = Wanted(
        patterns=[IssuePattern.read(one) for one in patterns],
        policies=[AutomationPolicy.read(one) for one in policies],
        given=(),
        begin=BEGIN,
        end=BEGIN + timedelta(days=days),
        every=timedelta(minutes=30),
        assumed=Assumed.IMPROVED,
        mode=None,
        settings=Settings(identity="test"),
    )
    return replace(asked, **changes)
