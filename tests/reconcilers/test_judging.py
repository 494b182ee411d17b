"""Judging: quiet series cost no assessment; what is of interest is assessed all the same; nobody is lost."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.reconcilers import objects
from tests.reconcilers.fake_metrics import Lie
from tests.reconcilers.lookout import Lookout, calm, climbing
from tests.reconcilers.objects import SHOP
from vanguard.api.reasons import Reason
from vanguard.domain.alert import AlertState
from vanguard.domain.forecast import Forecast, Forecaster
from vanguard.domain.past import Bools, Floats, Past
from vanguard.reconcilers.detect import Detector
from vanguard.reconcilers.estate import Estate
from vanguard.reconcilers.judging import Roll

CALM = [f"calm-{number}" for number in range(20)]


@dataclass
class Counting(Forecaster):
    """Says how many series it was asked about."""

    asked: list[int] = field(default_factory=list)

    def foresee(self, past: Past, *, limit: Floats, rising: Bools) -> Forecast:
        """See `Forecaster`."""
        self.asked.append(len(past))
        return super().foresee(past, limit=limit, rising=rising)


def crowd() -> tuple[Lookout, Counting]:
    """Twenty calm services and one that climbs."""
    lookout = Lookout()
    lookout.service("orders", climbing(lookout.onset))
    for name in CALM:
        lookout.service(name, calm)
    lookout.policy("orders", *CALM)
    lookout.pattern()
    forecaster = Counting()
    lookout.detector = Detector(lookout.context, forecaster)
    return lookout, forecaster


def test_the_forecaster_is_asked_about_those_that_drift_only() -> None:
    lookout, forecaster = crowd()
    lookout.cycle(4)
    assert set(forecaster.asked) == {1}
    assert [watched.assessment.target.name for watched in lookout.context.board.values()] == ["orders"]
    assert [iv.spec.target.name for iv in lookout.opened] == ["orders"]


def test_the_quiet_ones_are_watched_all_the_same() -> None:
    lookout, _ = crowd()
    lookout.cycle(4)
    assert {target.name for target in lookout.context.watching[objects.PATTERN].targets} == {"orders", *CALM}
    assert lookout.context.storm is not None
    assert lookout.context.storm.watched == 1 + len(CALM)
    assert lookout.ready() == ("True", Reason.READY)
    alerts = {
        labels["state"]: sample
        for metric in lookout.context.telemetry.registry.collect()
        if metric.name == "vanguard_alerts"
        for _, labels, sample, *_ in metric.samples
    }
    assert alerts == {AlertState.FIRING: 1, AlertState.INACTIVE: len(CALM)}


def test_a_pattern_all_of_whose_targets_are_quiet_has_series() -> None:
    lookout = Lookout()
    lookout.service("orders", calm)
    lookout.policy("orders")
    lookout.pattern()
    lookout.cycle(2)
    assert lookout.context.board == {}
    assert lookout.ready() == ("True", Reason.READY)


def test_a_target_is_assessed_while_its_intervention_is_open_however_quiet_it_is() -> None:
    lookout = Lookout()
    turned = lookout.begun + timedelta(hours=1)
    rising = climbing(lookout.onset)
    uid = lookout.service("orders", lambda at: rising(at) if at < turned.timestamp() else calm(at))
    lookout.policy("orders")
    lookout.pattern()
    lookout.cycle(4)
    (opened,) = lookout.opened
    lookout.cycle(40)
    watched = lookout.context.board[objects.PATTERN, uid]
    assert watched.assessment.positive is False
    assert watched.alert.state is AlertState.INACTIVE
    ended = {"phase": "Rejected", "reason": "AlertResolved", "completedAt": "2026-03-01T13:00:00Z"}
    lookout.cluster.edit("Intervention", SHOP, opened.metadata.name, lambda raw: raw.update(status=ended))
    lookout.cycle(2)
    assert lookout.context.board == {}


def test_a_target_of_interest_whose_samples_end_is_unknown_and_not_quiet() -> None:
    lookout, _ = crowd()
    lookout.cycle(4)
    lookout.metrics.lie(Lie.STALE)
    lookout.cycle(3)
    (watched,) = lookout.context.board.values()
    assert (watched.assessment.positive, watched.assessment.reason) == (None, Reason.STALE_DATA)
    assert watched.alert.state is AlertState.FIRING


def test_a_target_that_was_never_of_interest_and_whose_samples_end_is_silent_and_not_quiet() -> None:
    lookout = Lookout()
    lookout.service("orders", calm)
    lookout.service("cart", lambda at: calm(at) if at < lookout.begun.timestamp() else None)
    lookout.policy("orders", "cart")
    lookout.pattern()
    lookout.cycle(3)
    assert lookout.context.board == {}
    watching = lookout.context.watching[objects.PATTERN]
    assert {target.name: reason for target, reason in watching.silent.items()} == {"cart": Reason.STALE_DATA}


def test_owners_are_looked_up_once_and_again_when_the_estate_changes() -> None:
    lookout, _ = crowd()
    looked: list[str] = []
    plain = Estate.owner

    def owner(estate: Estate, signal: object, labels: dict[str, str]) -> object:
        looked.append(labels["deployment"])
        return plain(estate, signal, labels)  # type: ignore[arg-type]

    try:
        Estate.owner = owner  # type: ignore[method-assign, assignment]
        lookout.cycle(3)
        assert sorted(looked) == sorted(["orders", *CALM])
        looked.clear()
        lookout.service("late", climbing(lookout.onset))
        lookout.cluster.delete("AutomationPolicy", SHOP, "shop")
        lookout.policy("orders", "late")
        lookout.cycle()
    finally:
        Estate.owner = plain  # type: ignore[method-assign]
    assert set(looked) == {"orders", "late", *CALM}
    assert {target.name for target in lookout.context.watching[objects.PATTERN].targets} == {"orders", "late"}


def test_looking_up_owners_of_very_many_series_does_not_hold_up_the_lease_and_the_watches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lookout, _ = crowd()
    where: set[bool] = set()
    plain = Roll.renew

    def renew(*args: Any) -> None:
        where.add(threading.current_thread() is threading.main_thread())
        plain(*args)

    monkeypatch.setattr(Roll, "renew", renew)
    lookout.cycle()
    assert where == {False}


def test_a_pattern_that_is_sure_of_little_has_everything_assessed() -> None:
    """Screening is certain about what is likely, not about one in ten."""
    lookout, forecaster = crowd()
    lookout.cluster.edit(
        "IssuePattern", "", objects.PATTERN, lambda raw: raw["spec"]["trend"].update(minProbabilityPercent=10)
    )
    lookout.cycle()
    assert forecaster.asked == [1 + len(CALM)]
