"""Diagnosis: how a forecast is judged, which pattern speaks, and why the others do not."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.domain import given as g
from vanguard.api.base import WorkloadKind
from vanguard.api.intervention import Cause
from vanguard.api.reasons import Reason
from vanguard.domain.diagnosis import Assessment, Candidate, assess, cause_of, diagnose, rank, signal_of, worst
from vanguard.domain.forecast import Forecast, Forecaster
from vanguard.domain.past import Past
from vanguard.domain.series import BINS
from vanguard.domain.workload import TargetKey

HOURS = np.arange(BINS) / 12
NOISE = np.random.default_rng(3).normal(0, 0.5, BINS)
LEAK = 40 + np.where(HOURS > 182, 4 * (HOURS - 182), 0) + NOISE
FLAT = 40 + NOISE
STUCK = np.concatenate([LEAK[:-6], np.full(6, LEAK[-7])])
FULL = np.concatenate([LEAK[:-6], np.full(6, 100.0)])
OLD = np.concatenate([LEAK[:-3], np.full(3, np.nan)])


class Told(Forecaster):
    """A forecaster that says what it was told to."""

    def __init__(self, p_breach: float, *, refusal: str = "", look_alike: str = "") -> None:
        self.told = p_breach, refusal, look_alike

    def foresee(self, past: Past, **_: Any) -> Forecast:
        p_breach, refusal, look_alike = self.told
        count = len(past)
        return Forecast(
            p_breach=np.full((count, 3), p_breach),
            hours_to_breach=np.tile([2.0, 4.0, np.inf], (count, 1)),
            refusal=np.full(count, refusal, "U32"),
            look_alike=np.full(count, look_alike, "U32"),
        )


def key(name: str) -> TargetKey:
    return TargetKey("shop", WorkloadKind.DEPLOYMENT, name, f"uid-{name}")


def judged(values: np.ndarray, forecaster: Forecaster, **spec: Any) -> Assessment:
    pattern = g.pattern(**spec)
    (seen,) = assess(pattern, pattern.spec.signals[0], [key("orders")], Past.of(values[None, :]), forecaster, g.NOW)
    return seen


@g.table(
    ("why", "values", "forecaster", "positive", "reason"),
    [
        ("likely, and it looks like the pattern", LEAK, Told(0.9), True, "BREACH_FORESEEN"),
        ("likely to the percent", LEAK, Told(0.5), True, "BREACH_FORESEEN"),
        ("not likely enough", LEAK, Told(0.49), False, "BREACH_UNLIKELY"),
        ("likely, but it does not look like the pattern", FLAT, Told(0.9), False, "TREND_TOO_WEAK"),
        ("a daily peak", LEAK, Told(0.1, look_alike="SeasonalRamp"), False, "SEASONAL_RAMP"),
        ("a sawtooth that looks weak too", FLAT, Told(0.9, look_alike="GcSawtooth"), False, "GC_SAWTOOTH"),
        ("nothing can be said", LEAK, Told(0.0, refusal="InsufficientHistory"), None, "INSUFFICIENT_HISTORY"),
        ("a stuck exporter, whatever is forecast", STUCK, Told(0.9), None, "FROZEN_VALUE"),
        ("standing still beyond the limit is no stuck exporter", FULL, Told(1.0), True, "BREACH_FORESEEN"),
        ("old samples, whatever is forecast", OLD, Told(0.9), None, "STALE_DATA"),
        (
            "a refusal beats a look-alike",
            LEAK,
            Told(0.9, refusal="MissingData", look_alike="GcSawtooth"),
            None,
            "MISSING_DATA",
        ),
    ],
)
def test_how_a_forecast_is_judged(
    why: str, values: np.ndarray, forecaster: Forecaster, positive: bool | None, reason: str
) -> None:
    seen = judged(values, forecaster)
    assert (seen.positive, seen.reason) == (positive, Reason[reason]), why


@pytest.mark.parametrize(("horizon", "percent"), [("4h", 10), ("8h", 20), ("12h", 30)])
def test_confidence_is_the_probability_within_the_patterns_horizon(horizon: str, percent: int) -> None:
    class Growing(Told):
        def foresee(self, past: Past, **settings: Any) -> Forecast:
            return replace(super().foresee(past, **settings), p_breach=np.array([[0.1, 0.2, 0.3]]))

    assert judged(LEAK, Growing(0), trend={"horizon": horizon}).confidence_percent == percent


@pytest.mark.parametrize(("p_breach", "percent"), [(0.29, 29), (0.999, 99), (1.0, 100), (0.0, 0), (0.849999, 84)])
def test_confidence_is_rounded_down(p_breach: float, percent: int) -> None:
    assert g.assessment(p_breach=(0.0, 0.0, p_breach)).confidence_percent == percent


def test_a_falling_signal_is_told_in_its_own_unit_and_sign() -> None:
    falling = {"signals": [g.PATTERN_SPEC["signals"][0] | {"direction": "Falling", "limit": "5"}]}
    seen = judged(100 - LEAK, Told(0.9), **falling)
    assert seen.positive is True
    assert seen.level == pytest.approx(100 - LEAK[-6:].mean(), abs=0.5)
    assert seen.slope_per_hour == pytest.approx(-4.0, abs=0.3)
    assert seen.z_score > 2, "the z-score counts towards harm"
    assert seen.straight_line


@pytest.mark.parametrize(("values", "reaches"), [(LEAK, True), (FLAT, False)])
def test_whether_a_straight_line_would_reach_the_limit(values: np.ndarray, reaches: bool) -> None:
    assert judged(values, Told(0.1)).straight_line is reaches


def test_evidence_that_cannot_be_had_is_told_as_nought_and_never_as_nan() -> None:
    seen = judged(np.full(BINS, np.nan), Forecaster.load())
    assert seen.positive is None
    assert (seen.level, seen.slope_per_hour, seen.ema, seen.z_score) == (0, 0, 0, 0)


def test_each_series_is_judged_for_its_own_target() -> None:
    pattern = g.pattern()
    seen = assess(
        pattern,
        pattern.spec.signals[0],
        [key("a"), key("b")],
        Past.of(np.stack([LEAK, FLAT])),
        Forecaster.load(),
        g.NOW,
    )
    assert [(one.target.name, one.positive) for one in seen] == [("a", True), ("b", False)]


YES = g.assessment(positive=True, signal="yes", p_breach=(0.1, 0.1, 0.6))
SURE = g.assessment(positive=True, signal="sure", p_breach=(0.1, 0.1, 0.9))
NO = g.assessment(positive=False, signal="no", straight_line=False, p_breach=(0.1, 0.1, 0.99))
STEEP_NO = g.assessment(positive=False, signal="steep", straight_line=True, p_breach=(0.1, 0.1, 0.2))
UNKNOWN = g.assessment(positive=None, signal="unknown", p_breach=(0.1, 0.1, 1.0))
DOUBTED = g.assessment(positive=None, signal="doubted", heard=("heap: flat",), p_breach=(0.1, 0.1, 0.6))
REFUSED = g.assessment(positive=False, signal="refused", heard=("rss: flat",), p_breach=(0.1, 0.1, 0.6))


@g.table(
    ("why", "several", "speaks"),
    [
        ("one positive is enough", [NO, YES, UNKNOWN], YES),
        ("of two positives the likelier", [YES, SURE], SURE),
        ("known and harmless beats unknown", [UNKNOWN, NO], NO),
        ("of two negatives the one a straight line would have believed", [NO, STEEP_NO], STEEP_NO),
        ("one that was heard beats a doubt", [DOUBTED, YES], YES),
        ("a doubt beats what is harmless by itself", [DOUBTED, STEEP_NO, NO, UNKNOWN], DOUBTED),
        ("a refusal of one series says nothing of one that is doubted", [DOUBTED, REFUSED, NO], DOUBTED),
        ("a refusal beats what is harmless by itself", [REFUSED, STEEP_NO, UNKNOWN], REFUSED),
        ("unknown speaks only alone", [UNKNOWN], UNKNOWN),
    ],
)
def test_which_series_speaks_for_a_target(why: str, several: list[Assessment], speaks: Assessment) -> None:
    assert worst(several) is speaks, why
    assert worst(several[::-1]) is speaks


@pytest.mark.parametrize(
    ("seen", "doubt"), [(YES, ""), (NO, ""), (DOUBTED, "heap: flat"), (replace(YES, heard=("rss: grows",)), "")]
)
def test_a_doubt_is_what_was_heard_first_where_it_was_not_believed(seen: Assessment, doubt: str) -> None:
    assert seen.doubt == doubt


def test_what_companions_said_is_evidence() -> None:
    best = candidate("best")
    told = diagnose(replace(best, assessment=replace(best.assessment, heard=("rss: grows", "load: flat"))), [])
    assert told.evidence[-2:] == ("rss: grows", "load: flat")
    assert told.evidence[:-2] == diagnose(best, []).evidence


def candidate(name: str, percent: int = 90, service_type: str = "postgres", **spec: Any) -> Candidate:
    seen = g.assessment(pattern=name, p_breach=(0.1, 0.2, percent / 100))
    return Candidate(g.pattern(name, **spec), seen, service_type)


BEST = candidate("b-best")


@g.table(
    ("why", "other", "said"),
    [
        ("the worse severity is first", candidate("a", 99, severity="High"), "High is less severe than Critical"),
        ("then the pattern written for it", candidate("a", 99, serviceTypes=[]), "b-best is written for postgres"),
        ("then the more certain", candidate("a", 80), "80 % is less certain"),
        ("then by name", candidate("c"), "equal in all; the first by name was taken"),
    ],
)
def test_patterns_are_ranked_and_the_loser_is_told_why(why: str, other: Candidate, said: str) -> None:
    assert rank([other, BEST]) == rank([BEST, other]) == [BEST, other], why
    (alternative,) = diagnose(BEST, [other]).alternatives
    assert (alternative.pattern, alternative.reason) == (other.pattern.metadata.name, said)


def test_severities_rank_from_critical_to_low() -> None:
    names = ["Low", "Critical", "Medium", "High"]
    ranked = rank(candidate(name.lower(), severity=name) for name in names)
    assert [one.pattern.spec.severity for one in ranked] == ["Critical", "High", "Medium", "Low"]


def test_a_diagnosis_names_the_cause_its_confidence_and_the_evidence() -> None:
    made = diagnose(BEST, [])
    assert (made.title, made.service_type, made.confidence_percent) == (BEST.pattern.spec.title, "postgres", 90)
    assert any("pool-usage is 80" in line and "towards 95" in line for line in made.evidence)
    assert any("90 % within 12 h" in line for line in made.evidence)


def test_at_most_eight_alternatives_are_recorded() -> None:
    assert len(diagnose(BEST, [candidate(f"p{number}") for number in range(20)]).alternatives) == 8


def test_the_cause_records_the_forecast_and_survives_being_recorded() -> None:
    chosen = replace(BEST, assessment=g.assessment(hours=(2.0, 4.0, float("inf")), p_breach=(0.29, 0.9, 0.969)))
    cause = cause_of(chosen, g.ACTIVE_AT)
    assert (cause.breach_percent_4h, cause.breach_percent_8h, cause.breach_percent_12h) == (29, 90, 96)
    assert cause.breach_earliest == g.NOW + timedelta(hours=2)
    assert cause.breach_at == g.NOW + timedelta(hours=4)
    assert cause.breach_latest is None
    assert (cause.value, cause.limit, cause.active_at) == (Decimal(80), Decimal(95), g.ACTIVE_AT)
    assert Cause.model_validate(cause.wire()) == cause


def test_a_signal_that_is_not_in_the_pattern_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="gone"):
        signal_of(g.pattern(), "gone")
