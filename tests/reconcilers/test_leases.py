"""Leases: a change that helped is kept for a while, people are told before it ends, and then it is taken back."""

from datetime import datetime, timedelta

import pytest

from tests.reconcilers import objects
from tests.reconcilers.objects import CONFIG_MAP
from tests.reconcilers.test_courier import ALL, FakeNotifier, carry, equip
from tests.reconcilers.world import SHOP, World
from vanguard.api.base import Notification, format_time
from vanguard.api.intervention import Phase
from vanguard.api.reasons import Reason
from vanguard.domain.history import Outcome, history_of
from vanguard.domain.phases import TERMINAL

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LEASED = {"action": {"lease": "24h"}}


def kept() -> World:
    """A change that was kept, for a day."""
    world = World(CONFIG_MAP, LEASED)
    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)
    return world


def ends(world: World) -> datetime:
    until = world.look().status.lease_until
    assert until is not None
    return until


def pool_size(world: World) -> str:
    return str(world.cluster.look("ConfigMap", SHOP, "orders-config")["data"]["POOL_SIZE"])


def pass_until(world: World, at: datetime, *, restarted: bool = False) -> None:
    """Look every ten minutes."""
    while world.clock.now() < at:
        if restarted:
            world.restart()
        world.tick(min(10 * MINUTE, at - world.clock.now()))


@pytest.mark.parametrize("restarted", [False, True], ids=["one process", "a restart before every look"])
def test_a_leased_change_is_kept_told_of_before_its_end_and_undone(*, restarted: bool) -> None:
    world = kept()
    ended = world.look().status.completed_at
    assert ended is not None
    assert ends(world) == ended + 24 * HOUR
    written = len(world.cluster.writes)

    pass_until(world, ends(world) - HOUR, restarted=restarted)
    assert len(world.cluster.writes) == written, "nothing is written while it runs"
    world.tick()
    assert world.said == (Phase.SUCCEEDED, Reason.LEASE_ENDING)
    assert world.look().status.completed_at == ended, "it ended when it ended"
    written = len(world.cluster.writes)
    pass_until(world, ends(world), restarted=restarted)
    assert len(world.cluster.writes) == written, "people are told once"
    assert pool_size(world) == "60"

    world.until(lambda: world.phase is Phase.ROLLED_BACK)
    status = world.look().status
    assert status.undo is not None
    assert (status.reason, status.undo.reason) == (Reason.RESTORED, Reason.LEASE_EXPIRED)
    assert world.changed() == []
    assert [entry.reason for entry in status.timeline][-4:] == ["Improved", "LeaseEnding", "LeaseExpired", "Restored"]


def test_people_are_told_when_it_is_kept_when_it_nears_its_end_and_when_it_is_over() -> None:
    world, notifier = World(CONFIG_MAP, LEASED), FakeNotifier()
    equip(world, all=(notifier, ALL))
    for _ in range(30):
        world.tick()
        carry(world)
    until = ends(world)
    told = f"{until:%Y-%m-%d %H:%M} UTC"
    success = notifier.took[-1]
    assert success.title == "shop/orders: changed and better (Improved)"
    assert f"It is kept until {told}, then undone unless renewed." in success.text
    assert "Keep: vanguard renew iv -n shop --for 24h" in success.text
    assert success.over

    world.clock.at = until - HOUR
    for _ in range(3):
        world.tick()
        carry(world)
    ending = notifier.took[-1]
    assert ending.title == "shop/orders: taken back soon unless renewed (LeaseEnding)"
    assert (ending.level, ending.over) == (Notification.ALERT, False)
    assert told in ending.text

    world.clock.at = until
    for _ in range(5):
        world.tick()
        carry(world)
    over = notifier.took[-1]
    assert over.title == "shop/orders: its lease is over, taken back (Restored)"
    assert over.over
    assert len(notifier.took) == 4, "made, kept, ending, over"


def test_a_renewed_lease_is_kept_until_then_and_told_of_again() -> None:
    world = kept()
    world.clock.at = ends(world) - HOUR
    world.tick()
    assert world.said[1] == Reason.LEASE_ENDING
    later = world.clock.now() + 23 * HOUR
    world.annotate("Intervention", "iv", lease_until=format_time(later))
    world.tick()
    assert world.said == (Phase.SUCCEEDED, Reason.LEASE_RENEWED)
    assert ends(world) == later
    pass_until(world, later - HOUR)
    assert world.said[1] == Reason.LEASE_RENEWED
    world.tick()
    assert world.said[1] == Reason.LEASE_ENDING
    told = [notice.reason for notice in world.look().status.notices]
    assert told[-3:] == [Reason.LEASE_ENDING, Reason.LEASE_RENEWED, Reason.LEASE_ENDING]
    world.clock.at = later
    world.until(lambda: world.phase is Phase.ROLLED_BACK)
    assert world.changed() == []


def test_what_cannot_be_read_is_told_once_and_what_was_so_counts() -> None:
    world = kept()
    until = ends(world)
    world.annotate("Intervention", "iv", lease_until="for ever")
    world.tick()
    assert world.said == (Phase.SUCCEEDED, Reason.LEASE_UNREADABLE)
    written = len(world.cluster.writes)
    pass_until(world, until - HOUR)
    assert len(world.cluster.writes) == written
    world.clock.at = until
    world.until(lambda: world.phase is Phase.ROLLED_BACK)


def test_what_somebody_else_changed_since_is_left_as_it_is() -> None:
    world = kept()
    world.cluster.edit("ConfigMap", SHOP, "orders-config", lambda raw: raw["data"].update(POOL_SIZE="77"))
    touched = len(world.touches)
    world.clock.at = ends(world)
    world.until(lambda: world.phase is Phase.FAILED)
    assert world.said[1] == Reason.TARGET_DRIFTED
    assert (pool_size(world), len(world.touches)) == ("77", touched)
    (entry,) = history_of([world.look()]).started
    assert entry.outcome is Outcome.NOTHING


def test_a_lease_that_ended_teaches_nothing_and_lengthens_no_cooldown() -> None:
    world = kept()
    world.clock.at = ends(world)
    world.until(lambda: world.phase is Phase.ROLLED_BACK)
    history = history_of([world.look()])
    assert history.started[0].outcome is Outcome.NOTHING
    assert history.failures_on(world.look().spec.target.uid) == 0


def test_a_lease_whose_policy_went_amid_the_watch_counts_as_it_was_consented_to() -> None:
    world = World(CONFIG_MAP, LEASED)
    world.until(lambda: world.phase is Phase.MONITORING)
    world.cluster.delete("AutomationPolicy", SHOP, "shop")
    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)
    assert world.look().status.lease_until is not None


@pytest.mark.parametrize(("lease", "hours"), [("2h", 2), ("48h", 24)], ids=["made shorter", "made longer"])
def test_of_the_lease_before_and_after_the_watch_the_shorter_counts(lease: str, hours: int) -> None:
    world = World(CONFIG_MAP, LEASED)
    world.until(lambda: world.phase is Phase.MONITORING)
    world.cluster.edit("AutomationPolicy", SHOP, "shop", lambda raw: raw["spec"]["actions"][0].update(lease=lease))
    world.until_over()
    ended = world.look().status.completed_at
    assert ended is not None
    assert ends(world) == ended + hours * HOUR


def test_a_ceilings_lease_binds_too() -> None:
    world = World(CONFIG_MAP, LEASED)
    ceiling = objects.policy(CONFIG_MAP, consent={"action": {"lease": "3h"}, "limits": {"cooldown": "0s"}})
    world.cluster.put("AutomationPolicy", objects.HOME, {**ceiling, "metadata": {"name": "ceiling"}})
    world.until_over()
    ended = world.look().status.completed_at
    assert ended is not None
    assert ends(world) == ended + 3 * HOUR


def test_without_a_lease_a_change_is_kept_for_good() -> None:
    world = World(CONFIG_MAP)
    world.until_over()
    world.annotate("Intervention", "iv", lease_until=format_time(world.clock.now()))
    written = len(world.cluster.writes)
    world.clock.advance(timedelta(days=400))
    for _ in range(3):
        world.tick()
    assert len(world.cluster.writes) == written
    assert world.phase in TERMINAL
    assert pool_size(world) == "60"
