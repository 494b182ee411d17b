"""Every Intervention that detection opens carries what anybody needs to make its decision again."""

from datetime import timedelta

import numpy as np
import pytest

from tests.reconcilers.lookout import Lookout, calm, climbing, daily_peak, troubled
from vanguard.api.kinds import Intervention
from vanguard.domain.evidence import recomputed
from vanguard.domain.forecast import Forecaster
from vanguard.domain.samples import digest, unpack

SAMPLES = "vanguard.dev/samples"


def among(*peaking: str) -> Lookout:
    """One service that heads for its limit, and others that climb to their daily peak."""
    lookout = Lookout()
    lookout.service("orders", climbing(lookout.onset))
    for name in peaking:
        lookout.service(name, daily_peak)
    lookout.policy("orders", *peaking)
    lookout.pattern()
    return lookout


def proven(iv: Intervention) -> bool:
    """Whether its decision comes out again as recorded."""
    compared = recomputed(iv, iv.metadata.annotations.get(SAMPLES), Forecaster.load())
    assert [one for one in compared if not one.same] == []
    return len(compared) > 10


def test_one_that_was_opened_is_recomputed_identically_from_itself_alone() -> None:
    lookout = troubled()
    lookout.cycle(6)
    (iv,) = lookout.opened
    assert proven(iv)
    kept = iv.spec.evidence
    assert kept is not None
    assert (kept.series, kept.step) == ('{deployment="orders", namespace="shop"}', timedelta(minutes=1))
    assert kept.samples_hash == digest(unpack(iv.metadata.annotations[SAMPLES]))


def test_also_where_the_series_was_judged_among_many_others_with_other_pasts() -> None:
    lookout = Lookout()
    born = lookout.begun - timedelta(days=3)
    lookout.service("orders", climbing(lookout.onset))
    lookout.service("young", lambda at: climbing(lookout.onset, 5.0)(at) if at > born.timestamp() else None)
    lookout.service("holes", lambda at: None if int(at // 600) % 11 == 0 else climbing(lookout.onset, 4.5)(at))
    lookout.service("calm", calm)
    lookout.service("peak", daily_peak)
    lookout.policy("orders", "young", "holes", "calm", "peak")
    lookout.pattern(trend={"minSlopePerHour": "1", "sustainedFor": "15m", "emaConfirmation": True})
    lookout.cycle(8)
    assert {iv.spec.target.name for iv in lookout.opened} >= {"orders", "holes"}
    assert all(proven(iv) for iv in lookout.opened)


def test_the_board_keeps_the_samples_of_those_that_trend_and_of_no_other() -> None:
    lookout = among(*(f"peak-{number}" for number in range(30)))
    lookout.cycle(2)
    grounds = [watched.assessment.ground for watched in lookout.context.board.values()]
    assert len(grounds) == 31
    (kept,) = [ground for ground in grounds if ground is not None]
    assert dict(kept.labels)["deployment"] == "orders"
    assert kept.past.fine.base is None or kept.past.fine.base.size <= kept.past.fine.size


def test_one_that_is_not_positive_by_itself_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded must follow from the recorded samples; what only follows from company is left alone."""
    lookout = among("peak")
    foresee = Forecaster.foresee

    def only_in_company(self: Forecaster, past, *, limit, rising):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        said = foresee(self, past, limit=limit, rising=rising)
        return said if len(past) > 1 else type(said)(**{**vars(said), "p_breach": np.zeros((1, 3))})

    with monkeypatch.context() as patched:
        patched.setattr(Forecaster, "foresee", only_in_company)
        lookout.cycle(6)
    assert lookout.opened == []
    lookout.cycle()
    assert len(lookout.opened) == 1
