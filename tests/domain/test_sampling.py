"""Measurements: the worst of a target's series at each time, and nothing where too much is missing."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from tests.domain import given as g
from vanguard.api.pattern import Direction
from vanguard.domain.sampling import MAX_SAMPLES, Span, sample, step_for
from vanguard.domain.series import RawSeries

SECOND = timedelta(seconds=1)


def span(samples: int) -> Span:
    return Span(g.NOW, g.NOW + (samples - 1) * SECOND, SECOND)


def series(*values: float, first: int = 0) -> RawSeries:
    return RawSeries((), np.arange(first, first + len(values), dtype=float), np.array(values))


@pytest.mark.parametrize(("baseline", "step"), [(5 * 60, 15), (20, 1), (19, 1), (1, 1), (3600, 180)])
def test_a_baseline_is_twenty_samples_at_least_a_second_apart(baseline: int, step: int) -> None:
    assert step_for(timedelta(seconds=baseline), timedelta(minutes=15)) == timedelta(seconds=step)


def test_a_long_watch_after_a_short_baseline_stays_below_what_prometheus_answers() -> None:
    day = timedelta(days=1)
    assert day / step_for(timedelta(seconds=20), day) < 11_000


def test_a_span_expects_a_sample_at_both_of_its_ends() -> None:
    assert span(21).expected == 21


@pytest.mark.parametrize(("harm", "worst"), [(Direction.RISING, (9, 5, 6)), (Direction.FALLING, (1, 5, 2))])
def test_at_each_time_the_worst_series_speaks(harm: Direction, worst: tuple[int, ...]) -> None:
    taken = sample("s", [series(1, 5, 6), series(9), series(2, first=2)], harm, span(3))
    assert list(taken.values) == list(worst)


@pytest.mark.parametrize(("found", "known"), [(12, True), (11, False), (0, False)])
def test_with_fewer_than_sixty_percent_of_the_samples_nothing_is_measured(found: int, known: bool) -> None:
    taken = sample("s", [series(*range(found))], Direction.RISING, span(20))
    assert bool(taken.values) is known
    assert (taken.median is not None) is known


def test_values_that_are_no_numbers_are_missing_not_measured() -> None:
    assert sample("s", [series(*[np.nan] * 10, *[1.0] * 5)], Direction.RISING, span(15)).values == ()


def test_without_series_nothing_is_measured() -> None:
    assert sample("s", [], Direction.RISING, span(1)).values == ()


def test_many_samples_are_thinned_evenly_and_keep_first_last_and_the_median_of_all() -> None:
    taken = sample("s", [series(*range(601))], Direction.RISING, span(601))
    assert len(taken.values) == MAX_SAMPLES
    assert [taken.values[0], taken.values[-1], taken.median] == [Decimal(0), Decimal(600), Decimal(300)]
    assert {round(float(b - a)) for a, b in zip(taken.values, taken.values[1:], strict=False)} == {10, 11}


def test_samples_are_oldest_first_whatever_the_order_of_the_series() -> None:
    assert sample("s", [series(5, first=1), series(7)], Direction.RISING, span(2)).values == (Decimal(7), Decimal(5))


def test_a_sampling_survives_being_recorded() -> None:
    taken = sample("s", [series(0.1, 1e-5, 123456.789, -3)], Direction.RISING, span(4))
    assert type(taken).model_validate(taken.wire()) == taken
