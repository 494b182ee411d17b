"""Overrides: annotations lower autonomy, never raise it; what cannot be understood holds."""

import pytest

from tests.domain import given as g
from vanguard.api.base import Annotation, Mode
from vanguard.domain.overrides import Overrides, overrides_of

AUTOMATION, PAUSED = Annotation.AUTOMATION, Annotation.PAUSED_UNTIL


@pytest.mark.parametrize("annotations", [{}, {"team": "shop"}])
def test_where_nothing_is_annotated_nothing_is_overridden(annotations: dict[str, str]) -> None:
    assert overrides_of({"Namespace shop": annotations}) == Overrides()


@pytest.mark.parametrize(
    ("namespace", "workload", "mode"),
    [
        ("Observe", None, Mode.OBSERVE),
        (None, "Approve", Mode.APPROVE),
        ("Observe", "Approve", Mode.OBSERVE),
        ("Approve", "Observe", Mode.OBSERVE),
        (None, None, Mode.AUTO),
    ],
)
def test_the_less_autonomous_of_namespace_and_workload_counts(
    namespace: str | None, workload: str | None, mode: Mode
) -> None:
    annotated: dict[str, dict[str, str]] = {
        where: {AUTOMATION: wanted} if wanted else {}
        for where, wanted in (("Namespace shop", namespace), ("Deployment orders", workload))
    }
    assert overrides_of(annotated).mode is mode


def test_whoever_disables_is_named() -> None:
    asked = overrides_of({"Namespace shop": {}, "Deployment orders": {AUTOMATION: "Disabled"}})
    assert asked.disabled_by == "Deployment orders"


@pytest.mark.parametrize("wanted", ["Auto", "observe", "disabled", "true", ""])
def test_a_word_that_is_none_of_the_three_is_unreadable_and_says_where_and_what(wanted: str) -> None:
    asked = overrides_of({"Deployment orders": {AUTOMATION: wanted}})
    (said,) = asked.unreadable
    assert said.startswith("Deployment orders: vanguard.dev/automation")
    assert repr(wanted) in said
    assert asked.mode is Mode.AUTO


def test_the_latest_pause_counts() -> None:
    asked = overrides_of(
        {
            "Namespace shop": {PAUSED: "2026-03-10T05:00:00+01:00"},
            "Deployment orders": {PAUSED: "2026-03-10T03:30:00Z"},
        }
    )
    assert asked.paused_until is not None
    assert (asked.paused_until - g.NOW).total_seconds() == 3600


@pytest.mark.parametrize("until", ["tomorrow", "2026-03-10", "2026-03-10T05:00:00", "", "forever"])
def test_a_pause_that_is_no_time_with_a_zone_is_unreadable(until: str) -> None:
    asked = overrides_of({"Namespace shop": {PAUSED: until}})
    (said,) = asked.unreadable
    assert said.startswith("Namespace shop: vanguard.dev/paused-until")
    assert asked.paused_until is None
