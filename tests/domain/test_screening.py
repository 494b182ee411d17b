"""Screening: whoever the forecaster calls likely is looked at; who is clearly quiet costs nothing more."""

import numpy as np
import pytest

from bench.detection import families as made
from bench.detection import wider
from tests.domain import given as g
from vanguard.api.reasons import Reason
from vanguard.domain.forecast import Forecaster
from vanguard.domain.past import BLOCKS, Floats, Past
from vanguard.domain.screening import worth_a_look
from vanguard.domain.silence import silent
from vanguard.domain.trend import trend_of

BINS = BLOCKS * 6
HOURS = np.arange(BINS) / 12
RNG = np.random.default_rng(11)
LIMIT = 95.0


def families(count: int) -> Floats:
    """Series of many shapes and scales around a limit of 95, the last of all samples being now."""
    left = HOURS[-1] - HOURS
    out = []
    for number in range(count):
        base, noise = RNG.uniform(5, 92), RNG.choice([0.0, 0.1, 1.0, 4.0])
        wave = RNG.choice([0.0, 3.0, 20.0]) * np.sin(2 * np.pi * (HOURS / 24 + RNG.uniform()))
        onset, rate = RNG.choice([1.5, 3, 6, 10, 24, 100]), RNG.choice([0.0, 0.5, 2.0, 8.0])
        climb = rate * np.maximum(0, onset - left)
        saw = RNG.choice([0.0, 15.0]) * (HOURS / RNG.uniform(3, 20) % 1)
        step = RNG.choice([0.0, 20.0]) * (left < RNG.uniform(0, 30))
        values = base + wave + saw + step + climb + RNG.normal(0, 1, BINS) * noise
        values[RNG.random(BINS) < RNG.choice([0.0, 0.1, 0.4])] = np.nan
        values[: RNG.choice([0, 0, 1000, 2000])] = np.nan
        out.append(values - (number % 3) * 5)
    return np.array(out)


@pytest.mark.parametrize("rising", [True, False], ids=["rising", "falling"])
def test_no_series_that_the_forecaster_calls_likely_is_left_alone(rising: bool) -> None:
    values = families(1500) if rising else -families(1500)
    limit = np.full(len(values), LIMIT if rising else -LIMIT)
    past, directions = Past.of(values), np.full(len(values), rising)
    forecast = Forecaster.load().foresee(past, limit=limit, rising=directions)
    likely = (forecast.p_breach[:, 2] >= 0.5) & (forecast.refusal == "")
    top = np.full(len(values), LIMIT, np.float32)
    looked = worth_a_look(past.mirrored(directions), top, 12)
    assert likely.sum() > 100
    assert np.flatnonzero(likely & ~looked).tolist() == []


MADE = made.fold(290, 1, made.HEALTHY | wider.HEALTHY, made.BREACHING | wider.BREACHING, made.WIDE, breaching_share=0.5)


@pytest.mark.parametrize("phase", range(1, 7))
def test_at_no_minute_of_a_half_hour_and_at_no_limit_one_who_is_40_percent_likely_is_left_alone(phase: int) -> None:
    rng = np.random.default_rng(phase)
    last = np.where(MADE.breach >= 0, MADE.breach, MADE.values.shape[1])
    values, found = np.full((len(last), BINS), np.nan), 0
    for scaled in (False, True, True):
        for row, until in enumerate(last - rng.integers(0, 16 * 12, len(last))):
            until -= (until - phase) % 6  # noqa: PLW2901 - half hours are counted from the first sample
            samples = MADE.values[row, max(0, until - BINS) : until]
            values[row] = np.nan
            values[row, BINS - samples.size :] = samples
        low, high = np.nanmedian(values, axis=1), np.nanmax(values, axis=1)
        limit = low + (high - low) * rng.uniform(0.5, 1.6, len(last)) if scaled else np.ones(len(last))
        past = Past.of(values, phase=phase)
        chances = Forecaster.load().foresee(past, limit=limit, rising=np.full(len(last), True)).p_breach
        for place, hours in enumerate((4, 8, 12)):
            likely = chances[:, place] >= 0.4
            looked = worth_a_look(past, limit.astype(np.float32), hours)
            assert np.flatnonzero(likely & ~looked).tolist() == []
            found += likely.sum()
    assert found > 100


def test_a_leak_that_speeds_up_after_days_without_any_swing_is_looked_at() -> None:
    past = Past.of(MADE.values[207:208, :992], phase=2)
    seen = Forecaster.load().foresee(past, limit=np.ones(1), rising=np.ones(1, bool))
    assert MADE.family[207] == "leak_accel"
    assert seen.p_breach[0, 2] >= 0.4
    assert worth_a_look(past, np.ones(1, np.float32), 12).all()


def test_a_jump_in_the_newest_bins_is_looked_at_though_the_half_hours_median_hides_it() -> None:
    values = np.full((1, BINS), 50.0)
    values[0, -2:] = 70.0  # twenty more than ever before, and as much again is not far
    assert worth_a_look(Past.of(values), np.full(1, 85, np.float32), 4).all()


def test_whoever_reaches_the_limit_by_a_straight_line_is_looked_at() -> None:
    past = Past.of(families(1500))
    trend = trend_of(past)
    reached = trend.level + 12 * trend.slope_per_hour >= LIMIT
    looked = worth_a_look(past, np.full(len(past), LIMIT, np.float32), 12)
    assert reached.sum() > 100
    assert np.flatnonzero(reached & ~looked).tolist() == []


QUIET = 50 + RNG.normal(0, 1, (400, BINS))


@g.table(
    ("why", "values"),
    [
        ("flat with noise", QUIET),
        (
            "a daily wave far below",
            40 + 8 * np.sin(2 * np.pi * HOURS / 24)[None, :] + 0.2 * RNG.normal(0, 1, (50, BINS)),
        ),
        ("falling", 90 - 0.2 * HOURS[None, :] + RNG.normal(0, 1, (50, BINS))),
        ("nothing but gaps", np.full((3, BINS), np.nan)),
        ("no samples", np.empty((3, 0))),
    ],
)
def test_what_is_clearly_quiet_is_left_alone(why: str, values: Floats) -> None:
    past = Past.of(values)
    assert not worth_a_look(past, np.full(len(past), LIMIT, np.float32), 12).any(), why


def test_values_far_from_one_are_screened_alike() -> None:
    for scale in (1e-9, 1.0, 1e12):
        past = Past.of(families(200) * scale)
        looked = worth_a_look(past, np.full(200, LIMIT * scale, np.float32), 12)
        assert 0 < looked.sum() < 200


@g.table(
    ("why", "values", "expected"),
    [
        ("three empty bins", np.concatenate([QUIET[0, :-3], [np.nan] * 3]), Reason.STALE_DATA),
        ("twenty hours", np.concatenate([np.full(BINS - 240, np.nan), QUIET[0, :240]]), Reason.INSUFFICIENT_HISTORY),
        ("a stuck exporter", np.concatenate([QUIET[0, :-6], [50.0] * 6]), Reason.FROZEN_VALUE),
        ("most of two hours", np.concatenate([QUIET[0, :-24], [np.nan] * 16, QUIET[0, :8]]), Reason.MISSING_DATA),
        (
            "a third of twelve hours",
            np.concatenate([QUIET[0, :-144], [np.nan] * 54, QUIET[0, :90]]),
            Reason.MISSING_DATA,
        ),
        ("less than that", np.concatenate([QUIET[0, :-144], [np.nan] * 48, QUIET[0, :96]]), None),
        ("an old hole", np.concatenate([QUIET[0, :1000], [np.nan] * 500, QUIET[0, 1500:]]), None),
        ("a quiet one", QUIET[0], None),
        ("one that never moves", np.full(BINS, 7.0), None),
    ],
)
def test_of_whom_nothing_can_be_said_keeps_the_reason(why: str, values: Floats, expected: Reason | None) -> None:
    found = {reason for reason, mask in silent(Past.of(values[None, :])).items() if mask[0]}
    assert found == ({expected} if expected else set()), why


def test_whoever_the_forecaster_refuses_is_silent_for_the_same_reason() -> None:
    values = families(600)
    for row in range(len(values)):  # holes of all ages and lengths
        end = int(RNG.integers(BINS - 300, BINS + 1))
        values[row, end - int(RNG.integers(1, 200)) : end] = np.nan
    past, rising = Past.of(values), np.full(len(values), True)
    refusal = Forecaster.load().foresee(past, limit=np.full(len(values), LIMIT), rising=rising).refusal
    reasons = silent(past)
    for reason in (Reason.STALE_DATA, Reason.INSUFFICIENT_HISTORY, Reason.MISSING_DATA):
        assert (refusal == reason.value).sum() > 5
        assert np.array_equal(refusal == reason.value, reasons[reason])
