"""What is said of a moment is the same whatever comes after it; and it is what the operator itself said then."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.past import Value, at, calm, leak, pattern, policy, recorded, season, wanted
from tests.reconcilers import objects
from tests.reconcilers.lookout import INTERVAL, Lookout, climbing
from vanguard.backtest.recording import Asked, Recording, Track
from vanguard.backtest.replay import Seen, replay
from vanguard.backtest.run import plan_of
from vanguard.domain.forecast import Forecaster
from vanguard.domain.series import labels_of
from vanguard.ports import Raw

SERVICES: dict[str, Value] = {
    "orders": leak(at(0, 20), per_hour=8),
    "cart": season,
    "night": leak(at(1, 1), per_hour=8),
}
NIGHTLY = {"name": "nightly", "schedule": "0 2 * * *", "duration": "3h"}
DOCUMENTS = [policy(*SERVICES, "late", windows=[NIGHTLY], action={"window": "Required", "maxPerDay": 1})]
WHOLE = recorded(SERVICES, days=2)


def seen_of(recording: Recording, **changes: Any) -> Seen:
    """A replay of a day and a half, an evaluation an hour."""
    asked = wanted([pattern()], DOCUMENTS, 1.5, begin=at(0, 18), every=timedelta(hours=1), **changes)
    return asyncio.run(replay(plan_of(asked, recording), Forecaster.load(), lambda _: None))


def until(seen: Seen, moment: datetime) -> list[object]:
    """All that was seen up to a moment; of what went on after it only that it had begun."""
    return [
        [(one.pattern, one.target, one.active_at, one.fired_at) for one in seen.episodes if one.fired_at <= moment],
        [one.ended_at for one in seen.episodes if one.ended_at is not None and one.ended_at <= moment],
        [(one.target, one.reason, one.begun) for one in seen.spells if one.begun <= moment],
        [one for one in seen.told if one.at <= moment],
        [(one.at, one.intervention, one.used) for one in seen.admissions if one.at <= moment],
    ]


TRUTH = seen_of(WHOLE)


def changed(recording: Recording, moment: datetime, factor: float, gap: bool, born: bool) -> Recording:
    """The same up to a moment; after it other values, perhaps a gap, perhaps a service that was never seen before."""
    ((asked, track),) = recording.tracks.items()
    first = (moment - recording.start) // recording.step + 1
    values = track.values.copy()
    values[:, first:] *= np.float32(factor)
    if gap:
        values[0, first:] = np.nan
    labels = track.labels
    if born:
        row = np.full((1, recording.count), np.nan, np.float32)
        row[0, first:] = 96
        values = np.concatenate([values, row])
        labels = (*labels, labels_of({"namespace": "shop", "deployment": "late"}))
    return replace(recording, tracks={asked: Track(labels, values)})


def test_there_is_something_to_see() -> None:
    assert {one.target.name for one in TRUTH.episodes} == {"orders", "night"}
    assert len(TRUTH.admissions) == 1
    assert TRUTH.spells


@settings(max_examples=8, deadline=None)
@given(
    hours=st.integers(1, 30),
    factor=st.sampled_from([0.0, 0.5, 1.5, 3.0]),
    gap=st.booleans(),
    born=st.booleans(),
)
def test_another_future_changes_nothing_that_was_said_before_it(
    hours: int, factor: float, gap: bool, born: bool
) -> None:
    moment = at(0, 18 + hours) if hours <= 24 else at(1, hours - 6)
    other = seen_of(changed(WHOLE, moment, factor, gap, born))

    assert until(other, moment) == until(TRUTH, moment)


def test_a_recording_that_ends_sooner_says_the_same() -> None:
    moment = at(1, 6)
    count = (moment - WHOLE.start) // WHOLE.step + 1
    cut = {asked: replace(track, values=track.values[:, :count]) for asked, track in WHOLE.tracks.items()}

    assert until(seen_of(replace(WHOLE, count=count, tracks=cut)), moment) == until(TRUTH, moment)


def test_it_opens_what_the_operator_opens_on_the_same_samples() -> None:
    lookout = Lookout()
    values = {"orders": climbing(lookout.onset), "cart": climbing(lookout.onset + timedelta(hours=3)), "quiet": calm}
    for name, value in values.items():
        lookout.service(name, value)
    lookout.policy(*values)
    lookout.pattern()
    lookout.cycle(24)

    raw_pattern = lookout.cluster.look("IssuePattern", "", objects.PATTERN)
    raw_policy = lookout.cluster.look("AutomationPolicy", "shop", "shop")
    asked = wanted([_plain(raw_pattern)], [_plain(raw_policy)])
    asked = replace(asked, begin=lookout.begun, end=lookout.begun + 23 * INTERVAL, every=INTERVAL)
    seen = asyncio.run(replay(plan_of(asked, _recorded(lookout, values)), Forecaster.load(), lambda _: None))

    opened = sorted(lookout.opened, key=lambda iv: iv.spec.target.name)
    replayed = sorted(seen.interventions, key=lambda iv: iv.spec.target.name)
    assert [iv.spec.target.name for iv in opened] == ["cart", "orders"]
    assert [iv.spec.target.name for iv in replayed] == ["cart", "orders"]
    for mine, theirs in zip(replayed, opened, strict=True):
        assert mine.spec.cause == theirs.spec.cause
        assert mine.spec.diagnosis == theirs.spec.diagnosis


def _plain(raw: Raw) -> Raw:
    return {key: raw[key] for key in ("apiVersion", "kind", "metadata", "spec")}


def _recorded(lookout: Lookout, values: dict[str, Value]) -> Recording:
    """What the lookout's Prometheus holds, a sample a minute as the operator asks for."""
    start, step = lookout.begun - timedelta(days=8), timedelta(minutes=1)
    count = timedelta(days=8, hours=6) // step + 1
    times = start.timestamp() + 60.0 * np.arange(count)
    rows = np.array([[value(moment) for moment in times.tolist()] for value in values.values()], np.float32)
    labels = tuple(labels_of({"namespace": "shop", "deployment": name}) for name in values)
    return Recording(start, step, count, frozenset(["shop"]), {Asked(objects.USE, "namespace"): Track(labels, rows)})
