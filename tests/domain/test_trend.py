"""Trend: the classic evidence, on series whose answer is known by construction."""

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from tests.domain import given as g
from vanguard.api.pattern import TrendSignature
from vanguard.domain.past import Past, nan_median
from vanguard.domain.trend import Trend, ema, matches, robust_z, slope_per_hour
from vanguard.domain.trend import trend_of as trend_of_past

HOURS = np.arange(2016) / 12
RNG = np.random.default_rng(11)


def trend_of(values: np.ndarray) -> Trend:
    return trend_of_past(Past.of(values))


@pytest.mark.parametrize("slope", [-3.0, 0.0, 0.25, 4.0])
def test_the_slope_of_a_straight_line_is_its_slope(slope: float) -> None:
    assert slope_per_hour((7 + slope * HOURS[:72])[None, :]) == pytest.approx(slope, abs=1e-9)


def test_the_slope_agrees_with_least_squares_on_noise_with_gaps() -> None:
    values = RNG.normal(0, 1, (3, 72)) + HOURS[:72]
    values[RNG.random(values.shape) < 0.4] = np.nan
    known = np.isfinite(values)
    wanted = [np.polyfit(HOURS[:72][k], v[k], 1)[0] for v, k in zip(values, known, strict=True)]
    assert slope_per_hour(values) == pytest.approx(wanted)


def test_five_samples_give_no_slope_and_six_do() -> None:
    values = np.full((2, 72), np.nan)
    values[0, :5] = values[1, :5] = HOURS[:5]
    values[1, 70] = HOURS[70]
    slopes = slope_per_hour(values)
    assert np.isnan(slopes[0])
    assert slopes[1] == pytest.approx(1.0)


def test_the_moving_average_of_a_constant_is_the_constant_and_gaps_change_nothing() -> None:
    values = np.full((1, 100), 6.0)
    values[0, 90:99] = np.nan
    assert ema(values, 12) == pytest.approx(6.0)


def test_the_moving_average_agrees_with_its_recursion() -> None:
    values = RNG.normal(10, 1, 72)
    alpha, level, weight = 2 / 13, 0.0, 0.0
    for value in values:
        level, weight = (1 - alpha) * level + value, (1 - alpha) * weight + 1
    assert ema(values[None, :], 12) == pytest.approx(level / weight)


def test_where_there_is_nothing_the_median_is_nan_and_no_warning_is_given() -> None:
    assert np.isnan(nan_median(np.full((2, 4), np.nan))).all()
    assert nan_median(np.array([[1.0, np.nan, 5.0]])).tolist() == [3.0]


def test_the_z_score_of_ordinary_noise_counts_its_standard_deviations() -> None:
    """Of half-hour medians: what is compared is the last half hour's."""
    usual = [NormalDist(100, 2).inv_cdf((i + 0.5) / 144) for i in range(144)]
    values = np.repeat(np.concatenate([RNG.permutation(usual), np.full(12, 100.0)])[None, :], 6, axis=1)
    values[0, -6:] = 106.0
    assert robust_z(Past.of(values)) == pytest.approx(3.0, abs=0.3)


@g.table(
    ("why", "values"),
    [
        ("no samples at all", np.empty((1, 0))),
        ("no past before the last six hours", RNG.normal(0, 1, (1, 72))),
        ("nothing but gaps", np.full((1, 2016), np.nan)),
    ],
)
def test_without_a_spread_to_measure_by_there_is_no_z_score(why: str, values: np.ndarray) -> None:
    assert np.isnan(robust_z(Past.of(values))).all(), why


@pytest.mark.parametrize(("level", "score"), [(1e9, 1000.0), (-1e9, -1000.0)])
def test_the_z_score_is_bounded_so_that_it_can_be_recorded(level: float, score: float) -> None:
    values = RNG.normal(0, 1, (1, 2016))
    values[0, -6:] = level
    assert robust_z(Past.of(values)) == pytest.approx(score)


@pytest.mark.parametrize("length", [0, 1, 5, 71, 72, 73, 300, 2016])
def test_a_trend_has_one_figure_a_series_at_any_length(length: int) -> None:
    trend = trend_of(np.full((3, length), np.nan))
    for figure in (trend.level, trend.slope_per_hour, trend.ema, trend.day_mean, trend.z_score):
        assert figure.shape == (3,)
        assert np.isnan(figure).all()


def test_after_a_past_that_never_moved_any_move_is_extraordinary() -> None:
    values = np.full((3, 2016), 3.0)
    values[1, -6:], values[2, -6:] = 4.0, 2.0
    assert robust_z(Past.of(values)).tolist() == [0.0, 1000.0, -1000.0]


def test_the_level_and_the_day_mean_ignore_gaps() -> None:
    values = np.full((1, 600), 10.0)
    values[0, -288:-144] = 20.0
    values[0, -3:] = np.nan
    trend = trend_of(values)
    assert trend.level == pytest.approx(10.0)
    assert trend.day_mean == pytest.approx(15)


RISING = (40 + np.where(HOURS > 158, 4 * (HOURS - 158), 0) + RNG.normal(0, 0.3, 2016))[None, :]


@pytest.mark.parametrize(
    ("signature", "matched"),
    [
        ({}, True),
        ({"min_slope_per_hour": "3"}, True),
        ({"min_slope_per_hour": "6"}, False),
        ({"ema_confirmation": True}, True),
        ({"min_z_score": "2.5"}, True),
        ({"min_z_score": "100000"}, False),
        ({"min_slope_per_hour": "3", "min_z_score": "100000"}, False),
    ],
    ids=str,
)
def test_a_signature_matches_only_if_each_part_of_it_does(signature: dict[str, Any], matched: bool) -> None:
    assert matches(trend_of(RISING), TrendSignature.model_validate(signature)).tolist() == [matched]


def test_a_falling_average_does_not_confirm() -> None:
    assert not matches(trend_of(-RISING), TrendSignature(ema_confirmation=True)).any()


@pytest.mark.parametrize(
    "part", [{"min_slope_per_hour": "-1000"}, {"ema_confirmation": True}, {"min_z_score": "-1000"}]
)
def test_unknown_evidence_never_matches(part: dict[str, Any]) -> None:
    assert not matches(trend_of(np.full((1, 2016), np.nan)), TrendSignature.model_validate(part)).any()
