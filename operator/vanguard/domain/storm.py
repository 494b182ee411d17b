"""Storms: many targets that trend together have one cause, and it is not theirs; changing each is no remedy."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vanguard.domain.workload import TargetKey

# Below so many the share of what is watched says nothing: three of four services may well need a larger pool each.
FLOOR = 5
SPAN = timedelta(hours=1)
"""Alerts that began within so long of each other began together."""
_SHARERS = 2


@dataclass(frozen=True)
class Trending:
    """A target with a firing alert.

    Attributes:
        since: when the alert became active.
        depends_on: what its team says it depends on, as namespace/name.
    """

    target: TargetKey
    since: datetime
    depends_on: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Storm:
    """What is trending together.

    Attributes:
        together: the targets of a storm; empty while there is none.
        watched: how many targets there are.
        shared: each dependency that several trending targets name, with them.
    """

    together: tuple[TargetKey, ...] = ()
    watched: int = 0
    shared: Mapping[str, tuple[TargetKey, ...]] = field(default_factory=dict)


def storm_of(trending: Iterable[Trending], watched: int, most: int, percent: int) -> Storm:
    """Whether there is a storm: more than `most` targets, or from five on `percent` of those watched, together.

    Together means that their alerts began within an hour: those that only wait for the same window are no storm.

    Args:
        trending: each firing target once.
        watched: how many targets are evaluated.
        most: as many may trend together and no one wonders.
        percent: of the watched.
    """
    known = sorted(trending, key=lambda one: (one.since, one.target))
    group = _largest_group(known)
    stormy = len(group) > most or (len(group) >= FLOOR and 100 * len(group) >= percent * watched)
    sharers: defaultdict[str, list[TargetKey]] = defaultdict(list)
    for one in known:
        for name in one.depends_on:
            sharers[name].append(one.target)
    return Storm(
        together=tuple(sorted(one.target for one in group)) if stormy else (),
        watched=watched,
        shared={name: tuple(sorted(them)) for name, them in sorted(sharers.items()) if len(them) >= _SHARERS},
    )


def _largest_group(known: list[Trending]) -> list[Trending]:
    """The most of them (in the order of their beginning) that began within one span."""
    begins = [one.since for one in known]
    groups = (known[bisect_left(begins, one.since - SPAN) : last + 1] for last, one in enumerate(known))
    return max(groups, key=len, default=[])
