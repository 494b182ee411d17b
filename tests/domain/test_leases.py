"""Leases: until when a change is kept, who says so, and what people are told when."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.api.base import Annotation, format_time
from vanguard.api.intervention import InterventionStatus, Phase
from vanguard.api.reasons import Reason
from vanguard.domain.leases import LONGEST, leased, news, shorter

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
UNTIL = g.NOW + 10 * HOUR
ENDING, RENEWED = Reason.LEASE_ENDING, Reason.LEASE_RENEWED
EXPIRED, UNREADABLE = Reason.LEASE_EXPIRED, Reason.LEASE_UNREADABLE


def kept(
    reason: Reason = Reason.IMPROVED, until: datetime | None = UNTIL, lease: timedelta | None = None
) -> InterventionStatus:
    """A change that was kept just now."""
    told = {"completed_at": g.NOW, "lease_until": until, "lease": lease}
    return InterventionStatus(phase=Phase.SUCCEEDED, reason=reason, **told)


def asked(text: object) -> dict[str, str]:
    return {Annotation.LEASE_UNTIL: format_time(text) if isinstance(text, datetime) else str(text)}


LATER, TOO_FAR = g.NOW + 72 * HOUR, g.NOW + LONGEST + HOUR


@g.table(
    ("why", "status", "annotations", "now", "reason", "until"),
    [
        ("it is kept for good", kept(until=None), {}, LATER, None, None),
        ("it is kept for good, whatever is annotated", kept(until=None), asked(LATER), LATER, None, None),
        ("it runs", kept(), {}, g.NOW, None, None),
        ("a second before people are told", kept(), {}, UNTIL - HOUR - SECOND, None, None),
        ("an hour before the end", kept(), {}, UNTIL - HOUR, ENDING, UNTIL),
        ("people were told", kept(ENDING), {}, UNTIL - HOUR, None, None),
        ("a second before the end", kept(ENDING), {}, UNTIL - SECOND, None, None),
        ("it is over", kept(ENDING), {}, UNTIL, EXPIRED, UNTIL),
        ("it is over, and nobody was there to tell", kept(), {}, UNTIL + 99 * HOUR, EXPIRED, UNTIL),
        ("a person renews it", kept(), asked(LATER), g.NOW, RENEWED, LATER),
        ("renewed at the last moment", kept(ENDING), asked(LATER), UNTIL - SECOND, RENEWED, LATER),
        ("renewed before anybody saw that it was over", kept(ENDING), asked(LATER), UNTIL + HOUR, RENEWED, LATER),
        ("the renewal is recorded", kept(RENEWED, LATER), asked(LATER), g.NOW, None, None),
        ("the end of the renewed one nears", kept(RENEWED, LATER), asked(LATER), LATER - HOUR, ENDING, LATER),
        ("the renewed one is over", kept(ENDING, LATER), asked(LATER), LATER, EXPIRED, LATER),
        ("a person makes it shorter", kept(), asked(g.NOW + 3 * HOUR), g.NOW, RENEWED, g.NOW + 3 * HOUR),
        ("a person ends it", kept(), asked(g.NOW), g.NOW, EXPIRED, g.NOW),
        ("as long as it may be", kept(), asked(g.NOW + LONGEST), g.NOW, RENEWED, g.NOW + LONGEST),
        ("as long as it was lent", kept(lease=72 * HOUR), asked(LATER), g.NOW, RENEWED, LATER),
        ("longer than it was lent", kept(lease=71 * HOUR), asked(LATER), g.NOW, UNREADABLE, UNTIL),
        ("longer than it may be", kept(), asked(TOO_FAR), g.NOW, UNREADABLE, UNTIL),
        ("no time", kept(), asked("for ever"), g.NOW, UNREADABLE, UNTIL),
        ("no zone", kept(), asked("2026-03-12T03:00:00"), g.NOW, UNREADABLE, UNTIL),
        ("that was told", kept(UNREADABLE), asked("for ever"), g.NOW, None, None),
        ("it was mended by taking it away", kept(UNREADABLE), {}, g.NOW, RENEWED, UNTIL),
        ("the end nears, however it is said", kept(UNREADABLE), asked("for ever"), UNTIL - HOUR, ENDING, UNTIL),
        ("that was told too", kept(ENDING), asked("for ever"), UNTIL - HOUR, None, None),
        ("what cannot be read keeps nothing", kept(ENDING), asked("for ever"), UNTIL, EXPIRED, UNTIL),
        ("a short one is told of late", kept(until=g.NOW + HOUR), {}, g.NOW + 53 * MINUTE, None, None),
        ("a tenth before its end", kept(until=g.NOW + HOUR), {}, g.NOW + 54 * MINUTE, ENDING, g.NOW + HOUR),
    ],
)
def test_what_a_lease_comes_to(
    why: str,
    status: InterventionStatus,
    annotations: dict[str, str],
    now: datetime,
    reason: Reason | None,
    until: datetime | None,
) -> None:
    found = news(status, annotations, now)
    assert (found and found.reason, found and found.until) == (reason, until), why
    if found:
        assert format_time(found.until) in found.message


def test_what_is_wrong_is_told_with_the_field_the_value_and_the_bound() -> None:
    far = news(kept(), asked(TOO_FAR), g.NOW)
    assert far is not None
    assert f"vanguard.dev/lease-until is {format_time(TOO_FAR)}; it may be at most 2160h ahead" in far.message
    text = news(kept(), asked("for ever"), g.NOW)
    assert text is not None
    assert "vanguard.dev/lease-until: 'for ever' is not an RFC 3339 time" in text.message
    ending = news(kept(UNREADABLE), asked("for ever"), UNTIL - HOUR)
    assert ending is not None
    assert "'for ever'" in ending.message


@given(
    st.sampled_from([Reason.IMPROVED, ENDING, RENEWED, UNREADABLE]),
    st.one_of(st.none(), st.just("soon"), st.integers(-100, 4000)),
    st.integers(-100, 4000),
)
@settings(max_examples=500)
def test_what_was_recorded_is_not_recorded_again(reason: Reason, ahead: str | int | None, hours: int) -> None:
    now = g.NOW + hours * HOUR
    said = {} if ahead is None else asked(ahead if isinstance(ahead, str) else g.NOW + ahead * HOUR)
    status, seen = kept(reason), 0
    while (found := news(status, said, now)) is not None and found.reason is not EXPIRED:
        status = status.model_copy(update={"reason": found.reason.value, "lease_until": found.until})
        seen += 1
        assert seen <= 2, "it goes round for ever"


@pytest.mark.parametrize(
    ("phase", "until", "expected"),
    [
        (Phase.SUCCEEDED, UNTIL, True),
        (Phase.SUCCEEDED, "2026-03-10T03:00:00Z", True),
        (Phase.SUCCEEDED, None, False),
        (Phase.ROLLED_BACK, UNTIL, False),
        ("Unheard", UNTIL, False),
    ],
)
def test_only_what_was_kept_is_leased(phase: Phase | str, until: object, *, expected: bool) -> None:
    assert leased(phase, until) is expected


def test_the_shorter_lease_counts_and_none_is_no_end() -> None:
    assert shorter(HOUR, 2 * HOUR) == shorter(2 * HOUR, HOUR) == HOUR
    assert shorter(None, HOUR) == shorter(HOUR, None) == HOUR
    assert shorter(None, None) is None
