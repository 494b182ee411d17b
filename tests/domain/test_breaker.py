"""The circuit breaker: when it opens, whom it lets try, and what closes it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.policy import BreakerState
from vanguard.domain.breaker import Breaker, BreakerRule, breaker_of
from vanguard.domain.history import Outcome, Started

MINUTE = timedelta(minutes=1)
RULE = BreakerRule(policy="shop", namespace="shop", failures=3, pause=60 * MINUTE)
F, U, G, N = Outcome.FAILED, Outcome.UNMEASURED, Outcome.HELPED, Outcome.NOTHING
OPEN, CLOSED, HALF = BreakerState.OPEN, BreakerState.CLOSED, BreakerState.HALF_OPEN


def past(*outcomes: Outcome, last_ended: timedelta = 10 * MINUTE) -> list[Started]:
    """Interventions that ended a minute apart, the last so long ago."""
    out = []
    for age, outcome in enumerate(reversed(outcomes)):
        ended = g.NOW - last_ended - age * MINUTE
        entry = g.started(timedelta(0), started_at=ended - 20 * MINUTE, ended_at=ended, outcome=outcome)
        out.append(replace(entry, name=f"iv-{age}"))
    return out


def probe(ago: timedelta) -> Started:
    return g.started(ago, in_flight=True, ended_at=None, name="tried")


def state(*outcomes: Outcome, rule: BreakerRule = RULE, last_ended: timedelta = 10 * MINUTE) -> BreakerState:
    return breaker_of(rule, past(*outcomes, last_ended=last_ended), g.NOW).state


@g.table(
    ("why", "outcomes", "expected"),
    [
        ("nothing has happened", (), CLOSED),
        ("two failures", (F, F), CLOSED),
        ("three failures in a row", (F, F, F), OPEN),
        ("three failures, not in a row", (F, F, G, F), CLOSED),
        ("a success closes it", (F, F, F, G), CLOSED),
        ("what teaches nothing is no success", (F, F, F, N), OPEN),
        ("what teaches nothing is no failure", (F, F, N), CLOSED),
        ("what could not be measured counts", (F, U, F), OPEN),
    ],
)
def test_when_it_opens(why: str, outcomes: tuple[Outcome, ...], expected: BreakerState) -> None:
    assert state(*outcomes) is expected, why


def test_what_could_not_be_measured_counts_only_where_the_policy_says_so() -> None:
    assert state(F, U, F, rule=replace(RULE, counts_inconclusive=False)) is CLOSED


def test_other_namespaces_count_only_for_the_cluster() -> None:
    elsewhere = [replace(entry, namespace="web") for entry in past(F, F, F)]
    assert breaker_of(RULE, elsewhere, g.NOW).state is CLOSED
    assert breaker_of(replace(RULE, namespace=""), elsewhere, g.NOW).state is OPEN


def test_it_pauses_from_the_end_of_the_last_failure() -> None:
    found = breaker_of(RULE, past(F, F, F), g.NOW)
    assert found == Breaker(OPEN, 3, g.NOW - 10 * MINUTE, g.NOW + 50 * MINUTE)


@pytest.mark.parametrize(("ago", "expected"), [(59, OPEN), (60, HALF), (600, HALF)])
def test_after_the_pause_it_is_half_open(ago: int, expected: BreakerState) -> None:
    assert state(F, F, F, last_ended=ago * MINUTE) is expected


def test_half_open_one_is_tried_and_it_is_named() -> None:
    failures = past(F, F, F, last_ended=70 * MINUTE)
    assert breaker_of(RULE, failures, g.NOW).probe == ""
    assert breaker_of(RULE, [*failures, probe(5 * MINUTE)], g.NOW).probe == "tried"


def test_what_was_in_flight_before_the_pause_ended_is_no_try() -> None:
    failures = past(F, F, F, last_ended=70 * MINUTE)
    assert breaker_of(RULE, [*failures, probe(11 * MINUTE)], g.NOW).probe == ""


def test_a_try_that_fails_opens_it_again() -> None:
    assert state(F, F, F, F) is OPEN


def test_a_reset_forgets_what_ended_before() -> None:
    def reset(at: datetime) -> BreakerRule:
        return replace(RULE, reset_at=at)

    assert state(F, F, F, rule=reset(g.NOW)) is CLOSED
    assert state(F, F, F, rule=reset(g.NOW - 11 * MINUTE)) is CLOSED, "only one failure is left"
    assert state(F, F, F, F, F, rule=reset(g.NOW - 13 * MINUTE)) is OPEN, "three failed since"


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(days=365)])
def test_a_reset_in_the_future_says_nothing_until_then(ahead: timedelta) -> None:
    rule = replace(RULE, reset_at=g.NOW + ahead)
    failures = past(F, F, F)
    assert breaker_of(rule, failures, g.NOW) == breaker_of(RULE, failures, g.NOW)
    assert breaker_of(rule, failures, g.NOW + ahead).state is CLOSED


@given(
    st.lists(st.tuples(st.integers(1, 500), st.sampled_from(list(Outcome))), max_size=20),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
@settings(max_examples=300)
def test_the_order_in_which_they_are_listed_does_not_matter(
    told: list[tuple[int, Outcome]], failures: int, chance: object
) -> None:
    rule = replace(RULE, failures=failures)
    entries = [
        g.started(timedelta(0), started_at=g.NOW - n * MINUTE, ended_at=g.NOW - n * MINUTE, outcome=outcome)
        for n, outcome in dict(told).items()
    ]
    mixed = list(entries)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert breaker_of(rule, mixed, g.NOW) == breaker_of(rule, entries, g.NOW)
