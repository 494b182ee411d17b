"""Evidence and its proof: an Intervention's figures come from the very samples that are kept with it.

A decision is recorded as it is made from one series alone, by the same function that anybody can call again later:
`judged_alone` when the Intervention is opened, and in `recomputed` when somebody doubts it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from vanguard.api.evidence import Evidence
from vanguard.api.kinds import Intervention, IssuePattern, Metadata
from vanguard.api.pattern import Action, Direction, IssuePatternSpec, Signal, TargetMapping
from vanguard.domain.diagnosis import Assessment, Candidate, assess, cause_of, signal_of
from vanguard.domain.forecast import Forecast, Forecaster
from vanguard.domain.past import Past
from vanguard.domain.samples import digest, ground_of, selector, unpack
from vanguard.domain.series import Labels
from vanguard.domain.workload import TargetKey

_MOST_SPOKEN, _TO_A_LINE = 6, 5
# What a cause takes from the pattern and the alert; the rest of it is computed from the samples.
_GIVEN = frozenset({"signal", "metricType", "severity", "activeAt", "limit", "direction"})


class CannotRecompute(Exception):
    """The decision cannot be made again; the text says why and what to do."""


@dataclass(frozen=True)
class Compared:
    """One figure as it was recorded and as it comes out now; empty where there is none."""

    name: str
    recorded: str
    recomputed: str

    @property
    def same(self) -> bool:
        """Whether they are identical, to the last digit."""
        return self.recorded == self.recomputed


def grounded(judged: Iterable[Assessment], labels: Callable[[int], Labels], past: Past) -> list[Assessment]:
    """The same assessments; each positive one with what it was made from, which is all that is kept of the past.

    Args:
        judged: what was said of each series.
        labels: of a series, by its place; asked of the positive ones only.
        past: of each series, in the same order.
    """
    return [
        replace(seen, ground=ground_of(labels(row), past, row)) if seen.positive else seen
        for row, seen in enumerate(judged)
    ]


def judged_alone(pattern: IssuePattern, seen: Assessment, forecaster: Forecaster) -> Assessment:
    """What is said of the series by itself, at a whole second: exactly what its evidence lets anybody compute.

    Raises:
        ValueError: when it has no ground.
        KeyError: when the pattern has no such signal (any more).
    """
    if seen.ground is None:
        raise ValueError(f"the assessment of {seen.target} has no ground")
    at = seen.at.replace(microsecond=0)
    (again,) = assess(pattern, signal_of(pattern, seen.signal), [seen.target], seen.ground.past, forecaster, at)
    return replace(again, ground=seen.ground, heard=seen.heard)


def evidence_of(
    pattern: IssuePattern, seen: Assessment, forecaster: Forecaster, *, step: timedelta, version: str
) -> Evidence | None:
    """What is recorded beside the cause; None for an assessment without ground.

    Args:
        pattern: whose signature counted.
        seen: as `judged_alone` says it.
        forecaster: the model.
        step: spacing of the samples that were asked for.
        version: ours.
    """
    if seen.ground is None:
        return None
    signal = signal_of(pattern, seen.signal)
    forecast = _forecast(signal, seen.ground.past, forecaster)
    return Evidence(
        query=signal.query,
        series=selector(seen.ground.labels),
        at=seen.at,
        step=step,
        signature=pattern.spec.trend,
        reason=seen.reason.value,
        features=_features_of(forecast, forecaster),
        spoken=tuple(
            f"{one.weight:+.2f} {one.sentence}"[:1024] for one in forecaster.spoken(forecast, 0)[:_MOST_SPOKEN]
        ),
        samples_hash=digest(seen.ground.past),
        version=version,
    )


def _forecast(signal: Signal, past: Past, forecaster: Forecaster) -> Forecast:
    """What is foreseen of one series."""
    rising = np.array([signal.direction is Direction.RISING])
    return forecaster.foresee(past, limit=np.array([float(signal.limit)]), rising=rising)


def _features_of(forecast: Forecast, forecaster: Forecaster) -> tuple[str, ...]:
    """What the model read off one series, name=value, some to a line that people can read."""
    found = zip(forecaster.feature_names, forecast.features[0].tolist(), strict=True)
    words = [f"{name}={value:.3g}" for name, value in found]
    return tuple(" ".join(words[i : i + _TO_A_LINE]) for i in range(0, len(words), _TO_A_LINE))


def recomputed(iv: Intervention, samples: str | None, forecaster: Forecaster) -> list[Compared]:
    """Make the recorded decision again, from the recorded samples and signature.

    Args:
        iv: the Intervention.
        samples: the text of its annotation; None where there is none.
        forecaster: the model there is now.

    Returns:
        Every computed figure beside the recorded one; the hash of the samples first.

    Raises:
        CannotRecompute: when something needed is missing, or the model is another.
    """
    kept = iv.spec.evidence
    if kept is None:
        raise CannotRecompute("It has no spec.evidence: it was opened by a version that kept none, or by hand.")
    if iv.spec.cause.model != forecaster.name:
        raise CannotRecompute(
            f"It was decided by the model {iv.spec.cause.model} of Vanguard {kept.version}, and this is "
            f"{forecaster.name}: run the `vanguard` of that version (pip install vanguard-operator=={kept.version})."
        )
    past = _past(samples)
    pattern = _as_recorded(iv, kept)
    (signal,) = pattern.spec.signals
    (seen,) = assess(pattern, signal, [_target(iv)], past, forecaster, kept.at)
    return [
        Compared("samples", kept.samples_hash, digest(past)),
        Compared("reason", kept.reason, seen.reason.value),
        *_figures(iv, pattern, seen),
        *_features(kept.features, _features_of(_forecast(signal, past, forecaster), forecaster)),
    ]


def _past(samples: str | None) -> Past:
    if not samples:
        raise CannotRecompute(
            "The annotation vanguard.dev/samples is gone: somebody removed it, and the samples with it. "
            "Ask Prometheus for the same time: vanguard forecast --at."
        )
    try:
        return unpack(samples)
    except ValueError as error:
        raise CannotRecompute(
            f"The annotation vanguard.dev/samples {error}: it was changed, or written by another version."
        ) from error


def _as_recorded(iv: Intervention, kept: Evidence) -> IssuePattern:
    """The part of the pattern that counts for a judgement, as it was when the Intervention was opened."""
    cause = iv.spec.cause
    signal = Signal(
        name=cause.signal,
        metric_type=cause.metric_type,
        query=kept.query,
        limit=cause.limit,
        direction=cause.direction,
        target=TargetMapping(kind=iv.spec.target.kind),
    )
    spec = IssuePatternSpec(
        title=iv.spec.diagnosis.title,
        severity=cause.severity,
        signals=(signal,),
        trend=kept.signature,
        action=Action(type=iv.spec.action.type),
    )
    return IssuePattern(metadata=Metadata(name=iv.spec.pattern.name, generation=iv.spec.pattern.generation), spec=spec)


def _target(iv: Intervention) -> TargetKey:
    target = iv.spec.target
    return TargetKey(iv.metadata.namespace, target.kind, target.name, target.uid)


def _figures(iv: Intervention, pattern: IssuePattern, seen: Assessment) -> Iterator[Compared]:
    """The cause's computed fields, and the confidence."""
    active_at: datetime = iv.spec.cause.active_at
    again = cause_of(Candidate(pattern, seen, iv.spec.diagnosis.service_type), active_at).wire()
    recorded = iv.spec.cause.wire()
    for name in [*again, *(name for name in recorded if name not in again)]:
        if name not in _GIVEN:
            yield Compared(name, str(recorded.get(name, "")), str(again.get(name, "")))
    yield Compared("confidencePercent", str(iv.spec.diagnosis.confidence_percent), str(seen.confidence_percent))


def _features(recorded: tuple[str, ...], again: tuple[str, ...]) -> Iterator[Compared]:
    before, after = (dict(_pair(word) for line in lines for word in line.split()) for lines in (recorded, again))
    for name in dict.fromkeys((*before, *after)):
        yield Compared(name, before.get(name, ""), after.get(name, ""))


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value
