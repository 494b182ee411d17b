"""The benchmark of forecasts: its scorer on cases whose answer is known, and a small fold that must not get worse."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.detection import families, wider
from bench.detection.__main__ import main
from bench.detection.families import DAY, HOUR, LENGTH, Fold, first_held, fold, held_at
from bench.detection.incumbents import INCUMBENTS
from bench.detection.learning import Recipe, calibrated, fit
from bench.detection.never import windows
from bench.detection.run import foreseen
from bench.detection.scoring import FIRST, Moments, calibration, episodes, score, time_errors
from vanguard.domain.forecast import Forecaster
from vanguard.domain.past import BLOCK, BLOCKS, FINE, Past

HALVES = LENGTH // BLOCK


def lone(values: np.ndarray, breach: int = -1, onset: int = -1) -> Moments:
    """The moments of one series."""
    return Moments.of(Fold(values[None, :], np.array([onset]), np.array([breach]), np.array(["one"])))


def said(moments: Moments, *spans: tuple[int, int]) -> np.ndarray:
    """A verdict that is on from one half hour to another, both included."""
    return np.array([any(a <= half <= b for a, b in spans) for half in moments.halves])


@pytest.mark.parametrize("family", families.HEALTHY | families.BREACHING | wider.HEALTHY | wider.BREACHING)
def test_each_family_keeps_its_promise_and_is_the_same_for_the_same_seed(family: str) -> None:
    healthy = family in families.HEALTHY | wider.HEALTHY
    shape = (families.HEALTHY | families.BREACHING | wider.HEALTHY | wider.BREACHING)[family]
    one, again = (
        families.one(family, shape, np.random.default_rng(5), families.WIDE, healthy=healthy) for _ in range(2)
    )
    np.testing.assert_array_equal(one[0], again[0])
    values, onset, breach = one
    assert first_held(values) == breach
    assert (breach < 0) is healthy
    assert values[: breach if breach >= 0 else None].min() >= 0
    assert onset < breach or healthy


def test_a_fold_is_four_fifths_healthy_and_names_what_could_be_foreseen() -> None:
    made = fold(60, seed=4)
    assert (made.breach < 0).sum() == 48
    np.testing.assert_array_equal(made.values, fold(60, seed=4).values)
    assert not np.array_equal(made.values, fold(60, seed=5).values, equal_nan=True)
    assert not made.foreseeable[made.family == "burst"].any()
    ahead = (made.breach - made.onset)[made.foreseeable]
    assert ahead.min() >= 3 * HOUR


@pytest.mark.parametrize(
    ("over", "breach", "on"),
    [([], -1, []), ([3, 4], -1, []), ([3, 4, 5], 3, [3, 4, 5]), ([1, 4, 5, 6, 7, 9], 4, [4, 5, 6, 7])],
)
def test_a_breach_is_the_first_of_three_samples_at_the_limit(over: list[int], breach: int, on: list[int]) -> None:
    values = np.full(12, 0.5)
    values[over] = 1.0
    assert first_held(values) == breach
    assert np.flatnonzero(held_at(values[None, :])[0]).tolist() == on


def test_no_moment_sees_what_comes_after_it() -> None:
    values = np.random.default_rng(1).random(LENGTH)
    moments = lone(values)
    assert (moments.halves[0], moments.halves[-1], len(moments.rows)) == (FIRST, HALVES - 1, HALVES - FIRST)
    for part, past in moments.pasts(100):
        for i, half in enumerate(moments.halves[part][:3]):
            known = values[: BLOCK * (half + 1)]
            alone = Past.of(known[None, :])
            np.testing.assert_array_equal(past.fine[i], alone.fine[0])
            np.testing.assert_array_equal(past.blocks[i], alone.blocks[0])
    assert past.fine.shape[1] == FINE
    assert past.blocks.shape[1] == BLOCKS


@pytest.mark.parametrize(
    ("on", "found"),
    [
        ([], []),
        ([5], [(5, 5)]),
        ([5, 6, 9], [(5, 9)]),  # two half hours between: an hour
        ([5, 6, 10], [(5, 6), (10, 10)]),
    ],
)
def test_gaps_of_an_hour_do_not_end_an_episode(on: list[int], found: list[tuple[int, int]]) -> None:
    alarm = np.zeros(20, bool)
    alarm[on] = True
    assert episodes(alarm) == found


BREACH = 10 * DAY
LAST = BREACH // BLOCK - 1


@pytest.mark.parametrize(
    ("why", "spans", "right", "wrong", "recall"),
    [
        ("never on", [], 0, 0, 0.0),
        ("on for one evaluation only", [(LAST, LAST)], 0, 0, 0.0),
        ("on in time and until the breach", [(LAST - 9, LAST)], 1, 0, 1.0),
        ("on an hour before: true, but too late to act", [(LAST - 2, LAST)], 1, 0, 0.0),
        ("off again before the breach", [(LAST - 20, LAST - 8)], 1, 0, 0.0),
        ("two days too early, and gone", [(LAST - 100, LAST - 90)], 0, 1, 0.0),
        ("two days too early, and on until the breach", [(LAST - 100, LAST)], 0, 1, 1.0),
        ("a false one and a true one", [(200, 210), (LAST - 9, LAST)], 1, 1, 1.0),
    ],
)
def test_episodes_are_judged_by_the_breach_that_follows(
    why: str, spans: list[tuple[int, int]], right: int, wrong: int, recall: float
) -> None:
    moments = lone(np.full(LENGTH, 0.5), BREACH, BREACH - DAY)
    seen = score(moments, said(moments, *spans))
    assert (seen.counted, seen.recall) == ((right, wrong), recall), why
    weeks = len(moments.rows) / (7 * 48)
    assert seen.false_alarms == pytest.approx(wrong / weeks)


def test_what_nobody_could_foresee_counts_for_false_alarms_and_not_for_recall() -> None:
    moments = lone(np.full(LENGTH, 0.5), BREACH, -1)
    seen = score(moments, said(moments, (100, 110)))
    assert seen.counted == (0, 1)
    assert np.isnan(seen.recall)


def test_true_probabilities_are_calibrated_and_skilled_and_wrong_ones_are_not() -> None:
    moments = lone(np.full(LENGTH, 0.5), BREACH, BREACH - DAY)
    came = (moments.hours_to_breach <= 8).astype(float)
    true, flat, wrong = (calibration(moments, p, 8) for p in (came, np.full_like(came, came.mean()), 1 - came))
    assert (true.skill, true.error) == (1.0, 0.0)
    assert flat.skill == pytest.approx(0.0, abs=1e-9)
    assert wrong.error == pytest.approx(1.0)
    assert true.sure[1:] == (1.0, int(came.sum()))


def test_the_error_of_a_time_is_in_hours_and_times_not_given_are_counted() -> None:
    moments = lone(np.full(LENGTH, 0.5), BREACH, BREACH - DAY)
    late = np.where(moments.hours_to_breach < 5, moments.hours_to_breach + 1.5, np.inf)
    errors = time_errors(moments, late)
    assert errors[4] == (pytest.approx(1.5), 1.0)
    assert errors[12][1] == 0.0


def line(level: float, per_hour: float = 0.0) -> np.ndarray:
    """Calm at 20 %, then a straight line that ends at a level."""
    ahead = (np.arange(LENGTH) - LENGTH + 1) / HOUR * per_hour
    return np.maximum(0.2, level + ahead) if per_hour else np.full(LENGTH, level)


@pytest.mark.parametrize(
    ("values", "on"),
    [
        (line(0.5), set()),
        (line(0.85), {"static 80 % for 1 h"}),
        (line(0.95), {"static 80 % for 1 h", "static 90 % for 1 h"}),
        (
            line(0.9, 0.05),
            {
                "static 80 % for 1 h",
                "predict_linear 6 h, H = 4",
                "node-mixin, H = 4",
                "node-mixin, H = 8",
                "classic rule (slope, EMA, z), H = 4",
            },
        ),
        (line(0.78, 0.08), {"predict_linear 6 h, H = 4", "classic rule (slope, EMA, z), H = 4"}),
    ],
    ids=["calm", "high", "higher", "a climb near the limit", "a climb below 80 %"],
)
def test_the_incumbents_say_what_their_rules_say(values: np.ndarray, on: set[str]) -> None:
    noisy = values + np.random.default_rng(3).normal(0, 0.002, LENGTH)
    moments = lone(noisy)
    found = {name for name, verdict in INCUMBENTS.items() if verdict(moments)[-1]}
    assert found == on


def test_real_series_become_fractions_of_what_they_never_reach(tmp_path: Path) -> None:
    rows = [f"2026-01-01 {i // 12:02d}:{i % 12 * 5:02d}:00,{50 + i % 7}" for i in range(12 * 24)]
    days = [row.replace("2026-01-01", f"2026-01-{day:02d}") for day in range(1, 6) for row in rows]
    (tmp_path / "one.csv").write_text("\n".join(["timestamp,value", *days]) + "\n")
    real = windows(tmp_path, 1.25)
    assert np.nanmax(real.values) == pytest.approx(1 / 1.25)
    assert real.breach.tolist() == [-1]
    (tmp_path / "one.csv").write_text("timestamp,value\n2026-01-01 00:00:00,much\n")
    with pytest.raises(ValueError, match=r"one\.csv, line 2"):
        windows(tmp_path, 1.25)
    with pytest.raises(FileNotFoundError, match=r"no \.csv"):
        windows(tmp_path / "empty", 1.25)


def test_learning_finds_what_can_be_known_and_calibration_mends_what_is_too_sure() -> None:
    rng = np.random.default_rng(2)
    told = rng.normal(size=(6000, 3)).astype(np.float32)
    truth = 1 / (1 + np.exp(-(2 * told[:, 0] - 1)))
    came = (rng.random(6000) < truth).astype(np.float32)
    ones = np.ones(6000, np.float32)
    weights, biases = fit(told, came[:, None], ones, Recipe(hidden=(), epochs=60, batch=256, rate=1e-2, decay=0))
    assert weights[0][:, 0] == pytest.approx([2, 0, 0], abs=0.2)
    assert biases[0][0] == pytest.approx(-1, abs=0.2)
    stretch, shift = calibrated(3 * (2 * told[:, 0] - 1).astype(float), came, ones)
    assert stretch == pytest.approx(1 / 3, abs=0.05)
    assert shift == pytest.approx(0, abs=0.2)


@pytest.fixture(scope="module")
def small() -> tuple[Moments, np.ndarray]:
    """Four hundred series of a fixed seed the network was not trained on, and what is foreseen of them."""
    moments = Moments.of(fold(400, seed=424_242))
    return moments, foreseen(moments, Forecaster.load()).p_breach


def at_least(share: float, count: int) -> float:
    """Three standard deviations below a share of so many: chance alone does not fall under it."""
    return float(share - 3 * np.sqrt(share * (1 - share) / count))


def test_breaches_are_foreseen_in_time(small: tuple[Moments, np.ndarray]) -> None:
    moments, p = small
    due = int(moments.fold.foreseeable.sum())
    assert due > 50
    assert score(moments, p[:, 1] >= 0.5).recall >= at_least(0.85, due)
    assert score(moments, p[:, 2] >= 0.85).recall >= at_least(0.70, due)


def test_what_is_said_comes_true(small: tuple[Moments, np.ndarray]) -> None:
    moments, p = small
    for column, least, share in ((1, 0.5, 0.96), (2, 0.85, 0.97)):
        seen = score(moments, p[:, column] >= least)
        assert seen.precision >= at_least(share, sum(seen.counted))


def test_probabilities_mean_what_they_say(small: tuple[Moments, np.ndarray]) -> None:
    moments, p = small
    for column, horizon in enumerate((4, 8, 12)):
        seen = calibration(moments, p[:, column], horizon)
        assert seen.skill >= 0.45
        assert seen.error <= 0.003
        mean, observed, _ = seen.sure
        assert abs(mean - observed) <= 0.10


def test_ours_is_better_than_each_incumbent_in_one_way_and_worse_in_none_that_matters(
    small: tuple[Moments, np.ndarray],
) -> None:
    moments, p = small
    ours = score(moments, p[:, 1] >= 0.5)
    for name, verdict in INCUMBENTS.items():
        theirs = score(moments, verdict(moments))
        assert ours.precision > theirs.precision or ours.recall > theirs.recall + 0.2, name


def test_the_command_writes_table_pictures_and_figures(tmp_path: Path) -> None:
    told = CliRunner().invoke(main, ["--series", "40", "--seed", "9", "--out", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert "| ours, H = 8, p >= 0.5 |" in told.output
    assert "| node-mixin, H = 8 |" in told.output
    figures = json.loads((tmp_path / "detection.json").read_text())
    assert (figures["seed"], figures["series"]) == (9, 40)
    for name in ("calibration.png", "lead-time.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("asked", "told"),
    [(["--families", "season,teapot"], "teapot"), (["--families", "season"], "healthy and breaching")],
)
def test_families_that_do_not_suffice_are_refused_by_name(asked: list[str], told: str) -> None:
    answer = CliRunner().invoke(main, asked)
    assert answer.exit_code == 2
    assert told in answer.output
