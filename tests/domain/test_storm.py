"""Storms: how many targets trend together, and what they share."""

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given as supposing
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import WorkloadKind
from vanguard.domain.storm import Storm, Trending, storm_of
from vanguard.domain.workload import TargetKey

MOST, PERCENT = 10, 30
TOGETHER = [0]


def target(number: int) -> TargetKey:
    return TargetKey("shop", WorkloadKind.DEPLOYMENT, f"d{number:04}", f"uid-{number}")


def trending(minutes: Sequence[int], *depends_on: str) -> list[Trending]:
    """Targets whose alerts began that many minutes ago."""
    return [Trending(target(n), g.NOW - timedelta(minutes=m), frozenset(depends_on)) for n, m in enumerate(minutes)]


@g.table(
    ("why", "minutes", "watched", "stormy"),
    [
        ("nothing trends", [], 100, 0),
        ("one of one", [0], 1, 0),
        ("three of four, as in the demo", TOGETHER * 3, 4, 0),
        ("four of four", TOGETHER * 4, 4, 0),
        ("five of sixteen: 31 %", TOGETHER * 5, 16, 5),
        ("five of seventeen: 29 %", TOGETHER * 5, 17, 0),
        ("ten of a thousand", TOGETHER * 10, 1000, 0),
        ("eleven of a thousand", TOGETHER * 11, 1000, 11),
        ("eleven, an hour from first to last", list(range(0, 66, 6))[:11], 1000, 11),
        ("eleven, one a day", [n * 1440 for n in range(11)], 1000, 0),
        ("twenty that wait for a window since different hours", [n * 61 for n in range(20)], 1000, 0),
        ("eleven among older ones", TOGETHER * 11 + [600, 900], 1000, 11),
    ],
)
def test_a_storm_is_many_together(why: str, minutes: list[int], watched: int, stormy: int) -> None:
    assert len(storm_of(trending(minutes), watched, MOST, PERCENT).together) == stormy, why


def test_who_is_in_it_is_told_and_how_many_are_watched() -> None:
    found = storm_of(trending(TOGETHER * 5 + [600]), 12, MOST, PERCENT)
    assert found.together == tuple(target(n) for n in range(5))
    assert found.watched == 12


def test_two_that_name_the_same_share_it_however_far_apart_they_began() -> None:
    found = storm_of(trending([0, 600], "shop/db"), 100, MOST, PERCENT)
    assert found == Storm((), 100, {"shop/db": (target(0), target(1))})


def test_one_that_names_it_shares_it_with_nobody() -> None:
    assert storm_of(trending([0], "shop/db"), 100, MOST, PERCENT).shared == {}


@supposing(st.lists(st.integers(0, 3000), max_size=40), st.integers(0, 200), st.randoms())
def test_the_order_in_which_they_are_told_does_not_matter(
    minutes: list[int], watched: int, chance: st.DataObject
) -> None:
    several = trending(minutes)
    first = storm_of(several, watched, MOST, PERCENT)
    chance.shuffle(several)  # type: ignore[attr-defined]
    assert storm_of(several, watched, MOST, PERCENT) == first


@supposing(st.lists(st.integers(0, 3000), max_size=40), st.integers(1, 200))
def test_more_that_trend_never_end_a_storm(minutes: list[int], watched: int) -> None:
    before = storm_of(trending(minutes), watched, MOST, PERCENT)
    after = storm_of(trending([*minutes, 0]), watched, MOST, PERCENT)
    assert len(after.together) >= len(before.together)
