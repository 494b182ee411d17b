"""Evidence: a recorded decision comes out again identically, and what was touched since is told."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.domain import given as g
from vanguard.api.intervention import InterventionSpec
from vanguard.api.kinds import Intervention, IssuePattern
from vanguard.domain.diagnosis import Assessment, Candidate, assess, cause_of, diagnose
from vanguard.domain.evidence import CannotRecompute, Compared, evidence_of, grounded, judged_alone, recomputed
from vanguard.domain.forecast import Forecast, Forecaster
from vanguard.domain.past import Past
from vanguard.domain.samples import pack
from vanguard.domain.series import BINS
from vanguard.domain.workload import TargetKey

HOURS = np.arange(BINS) / 12
NOISE = np.random.default_rng(5).normal(0, 0.4, BINS)
LEAK = 45 + np.where(HOURS[-1] - 9 < HOURS, 5 * (HOURS - HOURS[-1] + 9), 0) + NOISE
FLAT = 45 + NOISE
AT = g.NOW.replace(microsecond=900000)
LABELS = ((("pod", "a"),), (("pod", "b"),), (("pod", "c"),))


def judged(*series: np.ndarray, pattern: IssuePattern, phase: int = 4) -> list[Assessment]:
    past = Past.of(np.stack(series), phase=phase)
    target = TargetKey("shop", g.WorkloadKind.DEPLOYMENT, "orders", g.UID)
    found = assess(pattern, pattern.spec.signals[0], [target] * len(past), past, Forecaster.load(), AT)
    return grounded(found, LABELS.__getitem__, past)


class ToTheSecond(Forecaster):
    """A model whose times are no round half hours."""

    def foresee(self, past: Past, **asked: Any) -> Forecast:
        said = super().foresee(past, **asked)
        return replace(said, hours_to_breach=said.hours_to_breach + 0.4 / 3600)


def opened(
    series: np.ndarray = LEAK, *, phase: int = 4, model: Forecaster | None = None, **spec: Any
) -> tuple[Intervention, str]:
    """An Intervention as detection opens it, and its samples."""
    pattern, model = g.pattern(**spec), model or Forecaster.load()
    alone = judged_alone(pattern, judged(FLAT, series, FLAT, pattern=pattern, phase=phase)[1], model)
    assert alone.positive
    assert alone.ground is not None
    chosen = Candidate(pattern, alone, "postgres")
    record = InterventionSpec.model_validate(
        {
            **g.intervention().spec.wire(),
            "cause": cause_of(chosen, g.ACTIVE_AT).wire(),
            "diagnosis": diagnose(chosen, ()).wire(),
            "evidence": kept.wire()
            if (kept := evidence_of(pattern, alone, model, step=g.timedelta(minutes=1), version="1.2.3"))
            else None,
        }
    )
    return g.intervention().model_copy(update={"spec": record}), pack(alone.ground.past)


def differing(compared: list[Compared]) -> set[str]:
    return {one.name for one in compared if not one.same}


def changed(iv: Intervention, part: str, **fields: Any) -> Intervention:
    """The same with other values in one part of its spec."""
    spec = {**iv.spec.wire()}
    spec[part] = {**spec[part], **fields}
    return iv.model_copy(update={"spec": InterventionSpec.model_validate(spec)})


def test_only_positive_assessments_hold_on_to_samples() -> None:
    calm, bad, flat = judged(FLAT, LEAK, FLAT, pattern=g.pattern())
    assert (calm.ground, flat.ground) == (None, None)
    assert bad.ground is not None
    assert (bad.ground.labels, len(bad.ground.past)) == (LABELS[1], 1)


@pytest.mark.parametrize("phase", range(1, 7))
@pytest.mark.parametrize(
    ("series", "spec"),
    [
        pytest.param(LEAK, {}, id="a leak"),
        pytest.param(np.where(np.arange(BINS) % 40 < 3, np.nan, LEAK), {}, id="a leak with gaps"),
        pytest.param(LEAK * 1e7, {"signals": [{**g.PATTERN_SPEC["signals"][0], "limit": "950000000"}]}, id="in bytes"),
        pytest.param(
            100 - LEAK,
            {"signals": [{**g.PATTERN_SPEC["signals"][0], "limit": "5", "direction": "Falling"}]},
            id="falling towards its limit",
        ),
    ],
)
def test_every_figure_comes_out_as_recorded(series: np.ndarray, spec: dict[str, Any], phase: int) -> None:
    iv, samples = opened(series, phase=phase, **spec)
    compared = recomputed(iv, samples, Forecaster.load())
    assert differing(compared) == set()
    names = {one.name for one in compared}
    assert {"samples", "reason", "value", "breachPercent12h", "confidencePercent", "model"} <= names
    assert set(Forecaster.load().feature_names) <= names
    assert len(names) == len(compared) > 15


def test_times_come_out_to_the_second_whenever_within_it_the_evaluation_was() -> None:
    iv, samples = opened(model=ToTheSecond.load())
    assert differing(recomputed(iv, samples, ToTheSecond.load())) == set()


def test_the_evidence_says_what_was_asked_seen_and_by_what() -> None:
    iv, _ = opened()
    kept = iv.spec.evidence
    assert kept is not None
    assert (kept.query, kept.series) == ("pool_in_use", '{pod="b"}')
    assert (kept.at, kept.version, kept.reason) == (g.NOW.replace(microsecond=0), "1.2.3", "BreachForeseen")
    assert kept.signature == g.pattern().spec.trend
    words = " ".join(kept.features).split()
    assert [word.partition("=")[0] for word in words] == list(Forecaster.load().feature_names)
    assert kept.spoken
    assert kept.spoken[0][0] in "+-"


def test_the_signature_is_the_recorded_one_whatever_the_pattern_says_by_now() -> None:
    iv, samples = opened()
    stricter = changed(iv, "evidence", signature={"minSlopePerHour": "50"})
    compared = recomputed(stricter, samples, Forecaster.load())
    assert differing(compared) == {"reason"}
    assert [one.recomputed for one in compared if one.name == "reason"] == ["TrendTooWeak"]


def test_samples_of_another_past_are_told_and_so_is_each_figure_that_differs() -> None:
    iv, _ = opened()
    _, others = opened(LEAK + 3)
    wrong = differing(recomputed(iv, others, Forecaster.load()))
    assert {"samples", "value"} <= wrong
    assert "model" not in wrong


@g.table(
    ("why", "part", "field", "value"),
    [
        ("a level", "cause", "value", "1"),
        ("a probability", "cause", "breachPercent12h", 1),
        ("a breach that was not foreseen", "cause", "breachAt", "2027-01-01T00:00:00Z"),
        ("a confidence", "diagnosis", "confidencePercent", 1),
        ("a reason", "evidence", "reason", "Other"),
    ],
)
def test_a_figure_that_was_recorded_wrongly_is_named(why: str, part: str, field: str, value: object) -> None:
    iv, samples = opened()
    assert differing(recomputed(changed(iv, part, **{field: value}), samples, Forecaster.load())) == {field}, why


def test_a_feature_that_is_missing_or_more_is_named() -> None:
    iv, samples = opened()
    assert iv.spec.evidence is not None
    first, *rest = " ".join(iv.spec.evidence.features).split()
    other = changed(iv, "evidence", features=[*rest[:-20], " ".join(rest[-20:]), "invented=1"])
    assert differing(recomputed(other, samples, Forecaster.load())) == {first.partition("=")[0], "invented"}


@g.table(
    ("why", "samples", "change", "told"),
    [
        ("no samples", None, {}, "vanguard.dev/samples is gone.*vanguard forecast --at"),
        ("empty samples", "", {}, "is gone"),
        ("samples nobody can read", "v1:AAAA", {}, "cannot be unpacked.*another version"),
        ("another model", "", {"model": "tea-leaves/7"}, "tea-leaves/7 of Vanguard 1.2.3.*vanguard-operator==1.2.3"),
    ],
)
def test_what_cannot_be_made_again_says_why_and_what_to_do(
    why: str, samples: str | None, change: dict[str, Any], told: str
) -> None:
    iv, _ = opened()
    with pytest.raises(CannotRecompute, match=told):
        recomputed(changed(iv, "cause", **change), samples, Forecaster.load())
    assert why


def test_one_without_evidence_says_so() -> None:
    with pytest.raises(CannotRecompute, match=r"no spec\.evidence"):
        recomputed(g.intervention(), None, Forecaster.load())


def test_an_assessment_without_ground_has_no_evidence() -> None:
    seen = g.assessment()
    assert evidence_of(g.pattern(), seen, Forecaster.load(), step=g.timedelta(minutes=1), version="1") is None
    with pytest.raises(ValueError, match="has no ground"):
        judged_alone(g.pattern(), seen, Forecaster.load())
