"""What kopf is told about a deletion that has to wait."""

import asyncio

import kopf
import pytest

from vanguard.api.intervention import Phase
from vanguard.handlers import interventions


def asked_to_wait(monkeypatch: pytest.MonkeyPatch, phase: Phase | None, retry: int) -> float | None:
    """Seconds until kopf asks again, each time with two writes of its own; None when the object is let go."""

    async def looked(_namespace: str, _name: str) -> Phase | None:
        return phase

    monkeypatch.setattr(interventions, "reconcile_intervention", looked)
    try:
        asyncio.run(interventions.deleted(namespace="shop", name="orders", retry=retry))
    except kopf.TemporaryError as waiting:
        return waiting.delay
    return None


def test_a_deletion_that_waits_is_looked_at_ever_more_rarely_but_every_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = [asked_to_wait(monkeypatch, Phase.ROLLING_BACK, retry) for retry in range(200)]
    assert pauses[0] == interventions.operator_settings.reconcile_interval.total_seconds()
    assert pauses == sorted(pauses, key=lambda pause: pause or 0)
    assert pauses[-1] == 60


@pytest.mark.parametrize("phase", [None, Phase.ROLLED_BACK, Phase.FAILED])
def test_what_is_over_is_let_go(monkeypatch: pytest.MonkeyPatch, phase: Phase | None) -> None:
    assert asked_to_wait(monkeypatch, phase, 0) is None


@pytest.mark.parametrize(
    ("status", "unfinished", "leased"),
    [
        ({}, True, False),
        ({"phase": "Monitoring"}, True, False),
        ({"phase": "Succeeded"}, False, False),
        ({"phase": "Succeeded", "leaseUntil": "2026-03-10T03:00:00Z"}, False, True),
        ({"phase": "RollingBack", "leaseUntil": "2026-03-10T03:00:00Z"}, True, False),
        ({"phase": "RolledBack", "leaseUntil": "2026-03-10T03:00:00Z"}, False, False),
        ({"phase": "OfANewerVersion"}, True, False),
    ],
    ids=str,
)
def test_time_passes_for_what_is_unfinished_and_more_rarely_for_what_is_leased(
    status: dict[str, str], *, unfinished: bool, leased: bool
) -> None:
    assert (interventions.unfinished(status), interventions.leased(status)) == (unfinished, leased)
