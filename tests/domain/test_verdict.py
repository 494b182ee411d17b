"""Verdicts: the rank test against exact permutation, and what is concluded from it."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.intervention import Comparison, Verdict
from vanguard.api.pattern import Direction
from vanguard.domain.verdict import as_decimal, clear_harm, compare, overall, rank_test, significant, stuck

IMPROVED, NEUTRAL, DEGRADED, INCONCLUSIVE = Verdict.IMPROVED, Verdict.NEUTRAL, Verdict.DEGRADED, Verdict.INCONCLUSIVE
RISING, FALLING = Direction.RISING, Direction.FALLING


def exact_p(before: np.ndarray, after: np.ndarray) -> float:
    """Two-sided p-value of the Mann-Whitney U by going through every way to deal out the values."""
    pooled, n = np.concatenate([before, after]), before.size
    sign = np.sign(pooled[None, :] - pooled[:, None])
    observed, extreme, ways = abs(np.sign(after[:, None] - before[None, :]).sum()), 0, 0
    for chosen in combinations(range(pooled.size), n):
        rest = np.setdiff1d(np.arange(pooled.size), chosen)
        extreme += abs(sign[np.ix_(np.array(chosen), rest)].sum()) >= observed
        ways += 1
    return extreme / ways


def alternating(values: Iterable[float]) -> np.ndarray:
    """The same values, no two neighbours equal where that can be: repeats of a scrape are not what is tested."""
    ordered = sorted(values)
    half = (len(ordered) + 1) // 2
    out = np.empty(len(ordered))
    out[::2], out[1::2] = ordered[:half], ordered[half:]
    return out


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("n", "m"), [(5, 5), (5, 7), (6, 6)])
def test_without_ties_the_p_value_is_near_the_exact_one(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.normal(0, 1, n), rng.normal(seed / 4, 1, m)
    assert rank_test(before, after).p_value == pytest.approx(exact_p(before, after), abs=0.035)


@pytest.mark.parametrize("seed", range(8))
def test_with_ties_the_p_value_is_near_the_exact_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = alternating(rng.integers(0, 4, 6)), alternating(rng.integers(seed // 3, 5, 6))
    if np.all(np.diff(before)) and np.all(np.diff(after)):
        assert rank_test(before, after).p_value == pytest.approx(exact_p(before, after), abs=0.08)
    else:
        assert rank_test(before, after).p_value >= exact_p(before, after) - 0.08


def test_known_values_with_the_correction_for_continuity() -> None:
    """Five against five, wholly apart: z = (12.5 - 0.5) / sqrt(25 * 11 / 12) = 2.5067."""
    seen = rank_test(np.arange(5.0), np.arange(5.0) + 10)
    assert seen.p_value == pytest.approx(0.012186, abs=1e-5)
    assert seen.delta == 1.0


def test_known_values_with_the_correction_for_ties() -> None:
    """1 2 1 2 against 2 3 2 3: delta 12/16, ties 2, 4, 2, so the variance is 16/12 * (9 - 72/56) and z = 1.7146."""
    seen = rank_test(np.array([1.0, 2, 1, 2]), np.array([2.0, 3, 2, 3]))
    assert seen.delta == pytest.approx(12 / 16)
    assert seen.p_value == pytest.approx(0.08642, abs=1e-4)


def test_the_cases_of_one_missing_support_are_what_they_say() -> None:
    """Each of the three supports is missing alone: else the rows below would pass without it."""
    chance = rank_test(np.array([10.0, 20, 30, 40, 50]), np.array([25.0, 35, 45, 55, 65]))
    assert chance.p_value > 0.05
    assert chance.delta > 0.33
    overlap = rank_test(*(np.array(wobble(level, 60, 30), float) for level in (60, 68)))
    assert overlap.p_value < 0.05
    assert 0 < overlap.delta < 0.33


def test_equal_values_are_no_difference() -> None:
    seen = rank_test(np.full(6, 3.0), np.full(6, 3.0))
    assert (seen.p_value, seen.delta) == (1.0, 0.0)


SAMPLES = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=20).map(np.array)


@given(SAMPLES, SAMPLES)
def test_exchanging_before_and_after_turns_the_sign_and_keeps_the_p_value(
    before: np.ndarray, after: np.ndarray
) -> None:
    there, back = rank_test(before, after), rank_test(after, before)
    assert there.delta == -back.delta
    assert there.p_value == pytest.approx(back.p_value)
    assert 0 <= there.p_value <= 1
    assert -1 <= there.delta <= 1


def test_samples_that_repeat_a_scrape_do_not_count_twice() -> None:
    before, after = np.array([1.0, 3, 2, 4, 3, 5]), np.array([4.0, 6, 3, 5, 7, 6])
    once = rank_test(before, after).p_value
    assert rank_test(np.repeat(before, 4), np.repeat(after, 4)).p_value > once * 0.5
    assert rank_test(np.tile(before, 4), np.tile(after, 4)).p_value < once * 0.1


@g.table(
    ("why", "before", "after", "is_it"),
    [
        ("it moved and now stands still", [1, 2, 1, 2, 1], [3, 3, 3, 3, 3], True),
        ("it still moves", [1, 2, 1, 2, 1], [3, 3, 3, 3, 4], False),
        ("it never moved", [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], False),
        ("it moved seldom", [1, 1, 1, 2, 2, 2], [1, 1, 1, 1, 1], False),
        ("too few samples to call it still", [1, 2, 1, 2, 1], [3, 3, 3, 3], False),
    ],
)
def test_a_stuck_exporter_is_told_from_peace(why: str, before: list[float], after: list[float], is_it: bool) -> None:
    assert stuck(np.array(before, float), np.array(after, float)) is is_it, why


def wobble(level: float, count: int = 20, size: float = 1.0) -> list[Decimal]:
    """Samples around a level, never two equal neighbours."""
    return [significant(level + size * ((7 * i) % 10 - 4.5) / 4.5) for i in range(count)]


def judged(before: list[Decimal], after: list[Decimal], **changes: Any) -> Comparison:
    settings: dict[str, Any] = {"harm": RISING, "min_better_percent": 5.0, "min_worse_percent": 5.0} | changes
    return compare("s", before, after, **settings)


@g.table(
    ("why", "before", "after", "settings", "verdict"),
    [
        ("it fell, and rising is harm", wobble(90), wobble(60), {}, IMPROVED),
        ("it rose, and rising is harm", wobble(60), wobble(90), {}, DEGRADED),
        ("it rose, and falling is harm", wobble(60), wobble(90), {"harm": FALLING}, IMPROVED),
        ("it fell, and falling is harm", wobble(90), wobble(60), {"harm": FALLING}, DEGRADED),
        ("nothing changed", wobble(60), wobble(60), {}, NEUTRAL),
        ("certain, but too small to matter", wobble(60, size=0.1), wobble(59, size=0.1), {}, NEUTRAL),
        (
            "the same where smaller effects matter",
            wobble(60, size=0.1),
            wobble(59, size=0.1),
            {"min_better_percent": 1.0},
            IMPROVED,
        ),
        ("worse, but within what a guard lets be", wobble(60), wobble(70), {"min_worse_percent": 20.0}, NEUTRAL),
        ("worse than a guard lets be", wobble(60), wobble(75), {"min_worse_percent": 20.0}, DEGRADED),
        ("large, but lost in the noise", wobble(60, 5, 50), wobble(70, 5, 50), {}, NEUTRAL),
        (
            "likely chance, though the shift is large",
            [Decimal(v) for v in (10, 20, 30, 40, 50)],
            [Decimal(v) for v in (25, 35, 45, 55, 65)],
            {},
            NEUTRAL,
        ),
        ("certain, but most samples overlap", wobble(60, 60, 30), wobble(68, 60, 30), {}, NEUTRAL),
        ("four samples before", wobble(90, 4), wobble(60), {}, INCONCLUSIVE),
        ("four samples after", wobble(90), wobble(60, 4), {}, INCONCLUSIVE),
        ("no samples", [], [], {}, INCONCLUSIVE),
        ("five of each are enough", wobble(90, 5), wobble(60, 5), {}, IMPROVED),
        ("it stands still since the change", wobble(90), [Decimal(60)] * 20, {}, INCONCLUSIVE),
        ("it stood still before too", [Decimal(90)] * 20, [Decimal(60)] * 20, {}, IMPROVED),
        ("errors where there were none", [Decimal(0)] * 20, wobble(5), {}, DEGRADED),
        ("no errors before and after", [Decimal(0)] * 20, [Decimal(0)] * 20, {}, NEUTRAL),
        ("it fell, below zero", wobble(-60), wobble(-90), {}, IMPROVED),
    ],
)
def test_what_is_concluded(
    why: str, before: list[Decimal], after: list[Decimal], settings: dict[str, Any], verdict: Verdict
) -> None:
    seen = judged(before, after, **settings)
    assert seen.verdict is verdict, f"{why}: {seen.message}"
    assert seen.message
    assert Comparison.model_validate(seen.wire()) == seen


def test_a_comparison_shows_the_figures_it_was_made_from() -> None:
    seen = judged(wobble(90), wobble(60))
    assert seen.before == Decimal(90)
    assert seen.after == Decimal(60)
    assert seen.change_percent == Decimal("-33.3")
    assert seen.p_value is not None
    assert seen.p_value < Decimal("0.001")


def comparison(verdict: Verdict) -> Comparison:
    return Comparison(name=verdict.value.lower(), verdict=verdict)


@pytest.mark.parametrize(
    ("target", "guards", "verdict"),
    [
        (IMPROVED, [], IMPROVED),
        (NEUTRAL, [], NEUTRAL),
        (DEGRADED, [], DEGRADED),
        (None, [], INCONCLUSIVE),
        (IMPROVED, [NEUTRAL, IMPROVED], IMPROVED),
        (IMPROVED, [NEUTRAL, DEGRADED], DEGRADED),
        (IMPROVED, [INCONCLUSIVE], INCONCLUSIVE),
        (IMPROVED, [INCONCLUSIVE, DEGRADED], DEGRADED),
        (NEUTRAL, [IMPROVED], NEUTRAL),
        (INCONCLUSIVE, [IMPROVED], INCONCLUSIVE),
        (INCONCLUSIVE, [DEGRADED], DEGRADED),
        (DEGRADED, [INCONCLUSIVE], DEGRADED),
        (None, [DEGRADED], DEGRADED),
    ],
    ids=str,
)
def test_a_guard_vetoes_and_what_could_not_be_measured_is_no_success(
    target: Verdict | None, guards: list[Verdict], verdict: Verdict
) -> None:
    assert overall(comparison(target) if target else None, map(comparison, guards)) is verdict


@given(st.floats(-1e13, 1e13))
def test_a_figure_keeps_six_digits_and_can_be_recorded(value: float) -> None:
    kept = significant(value)
    assert float(kept) == pytest.approx(value, rel=1e-5, abs=1e-9)
    Comparison.model_validate(Comparison(name="s", verdict=NEUTRAL, before=kept).wire())


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (100.0, "100"), (0.1, "0.1"), (-0.0, "0"), (1e20, "100000000000000")]
)
def test_a_decimal_is_written_without_exponent_or_trailing_zeros(value: float, text: str) -> None:
    assert format(as_decimal(value), "f") == text


def looks(random: np.random.Generator, queries: int, *, scrape: int, shift: float = 0.0) -> bool:
    """Whether a watch of 15 looks, a minute and four samples apart, ends early; each value stands `scrape` samples."""

    def noise(count: int) -> np.ndarray:
        return np.repeat(random.lognormal(3, 0.3, count // scrape + 1), scrape)[:count]

    before = [[significant(v) for v in noise(20)] for _ in range(queries)]
    after = [[significant(v * (1 + shift)) for v in noise(60)] for _ in range(queries)]
    last: tuple[Comparison, ...] = ()
    for look in range(1, 15):
        this = tuple(judged(old, new[: 4 * look]) for old, new in zip(before, after, strict=True))
        if clear_harm(last, this):
            return True
        last = this
    return False


@pytest.mark.parametrize(("queries", "scrape"), [(3, 1), (9, 1), (3, 2), (3, 4)])
def test_looking_again_and_again_at_peace_ends_less_than_one_watch_in_a_hundred(queries: int, scrape: int) -> None:
    random = np.random.default_rng(7)
    watches = 200 if queries == 9 else 300
    assert sum(looks(random, queries, scrape=scrape) for _ in range(watches)) < watches / 100


def test_clear_harm_ends_nearly_every_watch_early() -> None:
    random = np.random.default_rng(11)
    assert sum(looks(random, 1, scrape=1, shift=1.0) for _ in range(100)) >= 95
