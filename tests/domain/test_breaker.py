"""The circuit breaker: when it opens, whom it lets try, and what closes it."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.intervention import Phase, Undo, Verdict
from vanguard.api.kinds import Intervention
from vanguard.api.policy import BreakerState
from vanguard.domain.breaker import Breaker, BreakerRule, breaker_of
from vanguard.domain.history import Outcome, Started, history_of
from vanguard.domain.phases import TERMINAL

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


def test_a_closed_one_says_when_a_success_closed_it() -> None:
    def closed(*outcomes: Outcome) -> timedelta | None:
        at = breaker_of(RULE, past(*outcomes), g.NOW).closed_at
        return g.NOW - at if at else None

    assert closed(F, F, F, G, F) == 11 * MINUTE
    assert closed(F, F, G) is None, "it was not open"
    assert closed(F, F, F) is None, "it is open"


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


def recorded(
    phase: Phase, ended: timedelta, verdict: Verdict | None = None, *, admitted: bool = True, name: str = ""
) -> Intervention:
    """An Intervention as it is retained, over (or last looked at) so long ago."""
    at = g.NOW - ended
    undo = Undo(reason="Degraded", message="", started_at=at) if phase is Phase.ROLLED_BACK else None
    return g.intervention(
        phase,
        meta={"name": name or f"iv-{ended}-{phase}", "uid": f"u-{ended}-{phase}-{name}"},
        started_at=at - 20 * MINUTE if admitted else None,
        completed_at=at if phase in TERMINAL else None,
        verdict=verdict,
        undo=undo,
    )


def failure(ended: timedelta) -> Intervention:
    return recorded(Phase.ROLLED_BACK, ended, Verdict.DEGRADED)


def standing(ivs: Sequence[Intervention], rule: BreakerRule = RULE) -> Breaker:
    """How the breaker stands, as a process that has just started finds it."""
    return breaker_of(rule, history_of(ivs).started, g.NOW)


# What asks, is dry-run, is checked or only watched, and changes nothing.
VALIDATIONS = [
    pytest.param((Phase.REJECTED, False), id="refused by a gate"),
    pytest.param((Phase.REJECTED, True), id="admitted, and not measurable"),
    pytest.param((Phase.OBSERVED, False), id="only observed"),
    pytest.param((Phase.PENDING, False), id="dry-run, and waiting for its turn"),
    pytest.param((Phase.AWAITING_APPROVAL, False), id="dry-run, and waiting for a person"),
    pytest.param((Phase.BASELINING, True), id="admitted, and about to act"),
]


@pytest.mark.parametrize("validation", VALIDATIONS)
def test_fail_validate_fail_validate_fail_opens_the_breaker(validation: tuple[Phase, bool]) -> None:
    phase, admitted = validation

    def validate(ended: timedelta) -> Intervention:
        return recorded(phase, ended, admitted=admitted)

    told = [failure(5 * MINUTE), validate(4 * MINUTE), failure(3 * MINUTE), validate(2 * MINUTE), failure(MINUTE)]
    assert standing(told[:4]) == Breaker(CLOSED, 2), "a permission check is no failure"
    assert standing(told).state is OPEN
    assert standing([*told, validate(timedelta(0))]) == standing(told), "a permission check is no success"


@pytest.mark.parametrize("validation", VALIDATIONS[:-1])
def test_a_permission_check_never_closes_a_half_open_breaker(validation: tuple[Phase, bool]) -> None:
    phase, admitted = validation
    failures = [failure(timedelta(minutes=70 + n)) for n in range(3)]
    found = standing([*failures, recorded(phase, MINUTE, admitted=admitted)])
    assert (found.state, found.failures, found.probe) == (HALF, 3, "")


def test_half_open_the_one_another_replica_admitted_is_the_only_one() -> None:
    failures = [failure(timedelta(minutes=70 + n)) for n in range(3)]
    tried = recorded(Phase.BASELINING, -15 * MINUTE, name="tried")
    assert standing(failures).probe == "", "the next may be tried"
    assert standing([*failures, tried]).probe == "tried", "whoever admitted it: no other may"


def test_of_those_that_ended_in_the_same_second_the_failure_counts() -> None:
    both = [failure(MINUTE), recorded(Phase.SUCCEEDED, MINUTE, Verdict.IMPROVED)]
    rule = replace(RULE, failures=1)
    assert standing(both, rule) == standing(both[::-1], rule)
    assert standing(both, rule).state is OPEN
    for told in (both, both[::-1]):
        assert history_of(told).failures_on(g.UID) == 1


ENDINGS = st.sampled_from(
    [
        (Phase.SUCCEEDED, Verdict.IMPROVED),
        (Phase.ROLLED_BACK, Verdict.DEGRADED),
        (Phase.ROLLED_BACK, Verdict.INCONCLUSIVE),
        (Phase.FAILED, None),
        (Phase.REJECTED, None),
        (Phase.MONITORING, None),
    ]
)


@given(
    st.lists(st.tuples(st.integers(0, 90), ENDINGS), max_size=12),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
@settings(max_examples=500, deadline=None)
def test_neither_the_order_in_which_they_are_listed_nor_a_restart_changes_how_it_stands(
    told: list[tuple[int, tuple[Phase, Verdict | None]]], failures: int, chance: random.Random
) -> None:
    rule = replace(RULE, failures=failures)
    ivs = [recorded(how[0], n * MINUTE, how[1], name=f"iv-{i}") for i, (n, how) in enumerate(told)]
    listed = [Intervention.read(iv.model_dump(mode="json", by_alias=True, exclude_none=True)) for iv in ivs]
    chance.shuffle(listed)
    assert standing(listed, rule) == standing(ivs, rule)
