"""Alerts: a forecast held long enough, as a table of what was seen each quarter of an hour."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.domain import given as g
from vanguard.domain.alert import INACTIVE, Alert, AlertState, advance, firing_since

START = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
SEEN = {"+": True, "-": False, "?": None}
STATE = {"i": AlertState.INACTIVE, "p": AlertState.PENDING, "F": AlertState.FIRING}


def run(looks: str, sustained: timedelta = 2 * QUARTER, alert: Alert = INACTIVE) -> list[Alert]:
    out = []
    for number, look in enumerate(looks):
        alert = advance(alert, SEEN[look], START + number * QUARTER, sustained)
        out.append(alert)
    return out


@g.table(
    ("why", "looks", "states"),
    [
        ("nothing is foreseen", "---", "iii"),
        ("it fires once held for half an hour", "+++", "ppF"),
        ("one quiet look before it fires begins anew", "++-+++", "ppippF"),
        ("one unknown look before it fires begins anew", "++?+++", "ppippF"),
        ("unknown never starts it", "????", "iiii"),
        ("unknown never ends it", "+++????", "ppFFFFF"),
        ("it resolves after as long a quiet", "+++---", "ppFFFi"),
        ("a quiet that does not last resolves nothing", "+++-+--+", "ppFFFFFF"),
        ("after it resolved it must be held again", "+++---+++", "ppFFFippF"),
    ],
)
def test_alert_over_time(why: str, looks: str, states: str) -> None:
    assert [alert.state for alert in run(looks)] == [STATE[letter] for letter in states], why


def test_a_forecast_that_need_not_be_held_fires_at_once() -> None:
    assert run("+", timedelta(0))[-1].state is AlertState.FIRING


def test_the_episode_keeps_its_beginning_while_it_lasts() -> None:
    assert {alert.active_at for alert in run("+++?-+-++")} == {START}


def test_a_new_episode_has_a_beginning_of_its_own() -> None:
    assert run("+++---+++")[-1].active_at == START + 6 * QUARTER


def test_the_beginning_has_whole_seconds_so_that_it_survives_being_recorded() -> None:
    now = START.replace(microsecond=123456)
    assert advance(INACTIVE, positive=True, now=now, sustained_for=QUARTER).active_at == START


def test_an_inactive_alert_has_no_beginning() -> None:
    assert run("+-")[-1] == INACTIVE
    assert run("+++---")[-1] == INACTIVE


@pytest.mark.parametrize(("looks", "state"), [("+", "F"), ("?", "F"), ("-", "F"), ("---", "i")])
def test_a_restarted_operator_goes_on_with_the_recorded_episode(looks: str, state: str) -> None:
    since = START - timedelta(hours=5)
    last = run(looks, alert=firing_since(since))[-1]
    assert last.state is STATE[state]
    assert last.active_at == (since if state == "F" else None)


def test_quiet_is_counted_from_what_was_seen_not_from_what_was_unknown() -> None:
    """One harmless look, an hour of nothing known, one harmless look: that is no half hour of quiet."""
    assert run("+++-????-")[-1].state is AlertState.FIRING
