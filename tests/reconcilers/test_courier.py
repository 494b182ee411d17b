"""Telling people: at least once, in order, never in the way, and never for ever."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from tests.reconcilers.fakes import Fault
from tests.reconcilers.objects import CONFIG_MAP, SHOP
from tests.reconcilers.world import BETTER, WORSE, World
from vanguard.api.base import Notification
from vanguard.api.intervention import DeliveryState, Phase
from vanguard.api.policy import BreakerState, BreakerStatus
from vanguard.domain.delivery import MOST_ATTEMPTS
from vanguard.domain.telling import Message
from vanguard.errors import NotSent
from vanguard.ports import Raw
from vanguard.reconcilers import announce, policies
from vanguard.reconcilers.courier import Courier

ALL = frozenset(Notification)
LOUD = frozenset({Notification.ALERT, Notification.APPROVAL_REQUIRED})
INFORMED: Raw = {"action": {"notification": "Info"}}


@dataclass
class FakeNotifier:
    """Keeps what it took; may be dead, rude, or hang."""

    took: list[Message] = field(default_factory=list)
    tries: int = 0
    dead: Exception | None = None
    hangs: bool = False

    async def send(self, message: Message) -> None:
        self.tries += 1
        if self.hangs:
            await asyncio.sleep(3600)
        if self.dead is not None:
            raise self.dead
        self.took.append(message)


def equip(world: World, **notifiers: tuple[FakeNotifier, frozenset[Notification]]) -> None:
    """Give the present process its notifiers."""
    outbox = world.context.outbox
    outbox.notifiers = {name: notifier for name, (notifier, _) in notifiers.items()}
    outbox.routes = {name: levels for name, (_, levels) in notifiers.items()}


def carry(world: World) -> None:
    """One round of the courier, to its end."""

    async def go() -> None:
        courier = Courier(world.context)
        courier.round()
        await courier.settle()

    asyncio.run(go())


def live(world: World, ticks: int = 30) -> None:
    """Look and carry until it is over."""
    for _ in range(ticks):
        world.tick()
        carry(world)


def told(notifier: FakeNotifier) -> list[str]:
    return [message.about["phase"] for message in notifier.took]


def states(world: World, name: str) -> list[DeliveryState]:
    notices = world.look().status.notices
    return [d.state for notice in notices for d in notice.deliveries if d.notifier == name]


@pytest.mark.parametrize(
    ("after", "consent", "loud", "every"),
    [
        pytest.param(BETTER, {}, ["Applying", "Succeeded"], ["Applying", "Succeeded"], id="made and kept"),
        pytest.param(BETTER, INFORMED, [], ["Applying", "Succeeded"], id="made and kept, quietly"),
        pytest.param(WORSE, INFORMED, ["RolledBack"], ["Applying", "RolledBack"], id="taken back is loud"),
        pytest.param(BETTER, {"spec": {"mode": "Observe"}}, [], ["Observed"], id="only observed"),
        pytest.param(
            BETTER, {"spec": {"mode": "Approve"}}, ["AwaitingApproval"], ["AwaitingApproval"], id="an approval is asked"
        ),
    ],
)
def test_each_is_told_what_its_levels_say(
    after: dict[str, float], consent: Raw, loud: list[str], every: list[str]
) -> None:
    world, one, other = World(CONFIG_MAP, consent, after), FakeNotifier(), FakeNotifier()
    equip(world, loud=(one, LOUD), every=(other, ALL))
    live(world)
    assert (told(one), told(other)) == (loud, every)
    assert set(states(world, "every")) == {DeliveryState.SENT}
    assert len({message.id for message in other.took}) == len(other.took)


def test_who_heard_that_it_began_hears_that_it_is_over() -> None:
    world, pager = World(CONFIG_MAP, {"spec": {"mode": "Approve"}}), FakeNotifier()
    equip(world, pager=(pager, frozenset({Notification.APPROVAL_REQUIRED})))
    live(world, 3)
    world.annotate("Intervention", "iv", abort="not today")
    live(world, 3)
    assert told(pager) == ["AwaitingApproval", "Rejected"]
    assert [message.over for message in pager.took] == [False, True]


@pytest.mark.parametrize(
    "notifier",
    [
        FakeNotifier(dead=NotSent("it answered HTTP 500")),
        FakeNotifier(dead=RuntimeError("with the secret hush-4711")),
    ],
    ids=["refuses", "is broken"],
)
def test_dead_notifiers_delay_nothing_and_a_dead_one_delays_no_other(
    notifier: FakeNotifier, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    world, other, alone = World(CONFIG_MAP), FakeNotifier(), World(CONFIG_MAP)
    equip(world, dead=(notifier, ALL), other=(other, ALL))
    live(world, 12)
    live(alone, 12)
    assert world.phase is alone.phase is Phase.SUCCEEDED
    assert world.look().status.completed_at == alone.look().status.completed_at
    assert told(other) == ["Applying", "Succeeded"]
    assert set(states(world, "dead")) == {DeliveryState.PENDING}
    assert "hush" not in caplog.text
    assert "hush" not in str(world.cluster.look("Intervention", SHOP, "iv"))


def test_a_hanging_notifier_holds_nobody_up() -> None:
    world, hanging = World(CONFIG_MAP), FakeNotifier(hangs=True)
    equip(world, hanging=(hanging, ALL))

    async def begin() -> None:
        courier = Courier(world.context)
        courier.round()
        await asyncio.sleep(0.01)
        courier.round()  # it is under way: not begun twice
        await asyncio.sleep(0.01)
        assert not any(lock.locked() for lock in world.context.locks.values())
        courier.stop()
        await courier.settle()

    for _ in range(12):
        world.tick()
        asyncio.run(begin())
    assert world.phase is Phase.SUCCEEDED
    assert hanging.tries > 0


def test_what_is_not_taken_is_tried_ever_more_rarely_and_given_up() -> None:
    world, dead = World(CONFIG_MAP, {"spec": {"mode": "Observe"}}), FakeNotifier(dead=NotSent("no"))
    equip(world, dead=(dead, ALL))
    world.tick()
    writes = len(world.cluster.writes)
    for _ in range(24 * 60):
        carry(world)
        world.clock.advance(timedelta(minutes=1))
    assert dead.tries == MOST_ATTEMPTS
    assert states(world, "dead") == [DeliveryState.FAILED]
    assert len(world.cluster.writes) - writes == MOST_ATTEMPTS
    counted = world.context.telemetry.notifications.labels("dead", "Info", "Failed")
    assert counted._value.get() == 1
    assert world.context.outbox.due == {}


def test_a_receiver_that_asks_for_peace_is_left_in_peace() -> None:
    world = World(CONFIG_MAP, {"spec": {"mode": "Observe"}})
    rude = FakeNotifier(dead=NotSent("it answered HTTP 429", timedelta(minutes=20)))
    equip(world, rude=(rude, ALL))
    world.tick()
    for _ in range(19):
        carry(world)
        world.clock.advance(timedelta(minutes=1))
    assert rude.tries == 1
    rude.dead = None
    world.clock.advance(timedelta(minutes=2))
    carry(world)
    assert told(rude) == ["Observed"]


def test_later_news_wait_for_earlier_ones() -> None:
    world, late = World(CONFIG_MAP), FakeNotifier(dead=NotSent("no"))
    equip(world, late=(late, ALL))
    live(world, 12)
    late.dead = None
    world.clock.advance(timedelta(hours=5))
    carry(world)
    assert told(late) == ["Applying", "Succeeded"]


@pytest.mark.parametrize("fault", [Fault.KILL_AFTER, Fault.KILL_BEFORE, Fault.LOSE_REPLY], ids=str)
@pytest.mark.parametrize("at", range(12))
def test_a_process_killed_at_any_write_tells_everything_after_its_restart(fault: Fault, at: int) -> None:
    world, notifier = World(CONFIG_MAP), FakeNotifier()
    equip(world, all=(notifier, ALL))
    world.cluster.strike(fault, at, writes_only=True)
    for _ in range(20):
        process = world.context
        world.tick()
        if world.context is not process:
            equip(world, all=(notifier, ALL))
        # Killed between the record and the telling:
        if world.phase is Phase.SUCCEEDED and not any(m.over for m in notifier.took):
            world.restart()
            equip(world, all=(notifier, ALL))
            world.reconcile()  # the first look at everything there is, as kopf makes it
        carry_through(world)
    assert world.phase is Phase.SUCCEEDED
    assert list(dict.fromkeys(told(notifier))) == ["Applying", "Succeeded"]
    assert set(states(world, "all")) == {DeliveryState.SENT}


def carry_through(world: World) -> None:
    try:
        carry(world)
    except BaseException as error:
        if type(error).__name__ != "Killed":
            raise
        world.restart()


def test_news_already_sent_but_not_recorded_are_sent_again_under_the_same_id() -> None:
    world, notifier = World(CONFIG_MAP, {"spec": {"mode": "Observe"}}), FakeNotifier()
    equip(world, all=(notifier, ALL))
    world.tick()
    world.cluster.strike(Fault.FAIL_BEFORE, 0, writes_only=True)
    carry(world)
    assert states(world, "all") == [DeliveryState.PENDING]
    world.clock.advance(timedelta(minutes=1))
    carry(world)
    assert states(world, "all") == [DeliveryState.SENT]
    assert len(notifier.took) == 2
    assert len({message.id for message in notifier.took}) == 1


def test_what_somebody_writes_meanwhile_stays() -> None:
    world, notifier = World(CONFIG_MAP, {"spec": {"mode": "Observe"}}), FakeNotifier()
    equip(world, all=(notifier, ALL))
    world.tick()
    world.cluster.meanwhile(lambda: world.annotate("Intervention", "iv", rollback="x"), 2)
    carry(world)
    assert states(world, "all") == [DeliveryState.SENT]
    assert "vanguard.dev/rollback" in world.look().metadata.annotations


def test_a_notifier_that_is_configured_no_more_is_given_up() -> None:
    world = World(CONFIG_MAP, {"spec": {"mode": "Observe"}})
    equip(world, old=(FakeNotifier(), ALL))
    world.tick()
    equip(world)
    carry(world)
    assert states(world, "old") == [DeliveryState.FAILED]


def test_once_all_is_told_nothing_is_written() -> None:
    world, notifier = World(CONFIG_MAP), FakeNotifier()
    equip(world, all=(notifier, ALL))
    live(world)
    before = len(world.cluster.writes)
    live(world, 10)
    assert world.cluster.writes[before:] == []
    assert len(notifier.took) == 2


def announced(world: World, title: str, *, over: bool = False) -> None:
    asyncio.run(
        announce.announce(
            world.context, "breaker/cluster", Notification.ALERT, title, "Three failed.\nLook at them.", over=over
        )
    )
    carry(world)


def test_an_announcement_is_told_once_per_change() -> None:
    world, notifier = World(CONFIG_MAP), FakeNotifier()
    equip(world, all=(notifier, ALL))
    announced(world, "closed", over=True)
    for title in ("open", "open", "closed", "closed", "open"):
        announced(world, title, over=title == "closed")
    assert [message.title for message in notifier.took] == ["open", "closed", "open"]
    assert {message.incident for message in notifier.took} == {"vanguard-system/breaker/cluster"}
    assert notifier.took[0].lines == ("Three failed.", "Look at them.")
    carry(world)
    assert world.context.outbox.news == []


def test_an_announcement_that_is_not_taken_is_tried_again() -> None:
    world, notifier = World(CONFIG_MAP), FakeNotifier(dead=NotSent("no"))
    equip(world, all=(notifier, ALL))
    announced(world, "open")
    notifier.dead = None
    carry(world)
    assert notifier.took == []
    world.clock.advance(timedelta(seconds=31))
    carry(world)
    carry(world)
    assert [message.title for message in notifier.took] == ["open"]
    assert world.context.outbox.news == []


def test_people_are_told_that_a_breaker_opened_and_by_a_new_process_that_it_closed() -> None:
    world, notifier = World(CONFIG_MAP), FakeNotifier()
    raw = world.cluster.look("AutomationPolicy", SHOP, "shop")
    opened, closed = BreakerStatus(state=BreakerState.OPEN, failures=3), BreakerStatus(state=BreakerState.CLOSED)
    for old, new in ((None, opened), (opened, closed)):
        world.restart()
        equip(world, all=(notifier, ALL))
        asyncio.run(policies._tell(world.context, raw, old, new))
        carry(world)
    assert [(message.title, message.over) for message in notifier.took] == [
        ("circuit breaker of shop/shop: Open", False),
        ("circuit breaker of shop/shop: Closed", True),
    ]
    assert "3 interventions failed in a row" in notifier.took[0].text
    assert notifier.took[0].lines[-1] == "Runbook: docs/runbook.md#breakeropen"
