"""Somebody writes the object all the time: every act still ends in its time (I4), and nobody hammers the server."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from tests.reconcilers.objects import CONFIG_MAP, ENV, LIVE
from tests.reconcilers.world import BETTER, SHOP, TOUCHED, WORSE, World, planned
from vanguard.api.intervention import Phase, Step
from vanguard.api.reasons import Reason
from vanguard.errors import Unavailable
from vanguard.ports import Raw

DEADLINE = timedelta(minutes=5)  # the pattern's rolloutDeadline
LEAST_ATTEMPTS = 5


@dataclass
class Fight:
    """Somebody who does something at each write to a workload or ConfigMap, while it lasts.

    Attributes:
        tries: when each such write was tried.
    """

    world: World
    before: Callable[[World], object] = lambda _: None
    after: Callable[[World], object] = lambda _: None
    lasts: bool = True
    tries: list[datetime] = field(default_factory=list)

    def begin(self, patching: pytest.MonkeyPatch) -> "Fight":
        """From now on."""
        honest = self.world.cluster.patch

        async def patch(kind: str, namespace: str, name: str, said: Sequence[Raw], *, dry_run: bool = False) -> Raw:
            fought = kind in TOUCHED and not dry_run and self.lasts
            if fought:
                self.tries.append(self.world.clock.now())
                self.before(self.world)
            made = await honest(kind, namespace, name, said, dry_run=dry_run)
            if fought:
                self.after(self.world)
            return made

        patching.setattr(self.world.cluster, "patch", patch)
        return self

    @property
    def most_at_once(self) -> int:
        """The most writes tried in one look."""
        return max(map(self.tries.count, self.tries), default=0)


def scribble(world: World) -> None:
    """Another controller writes its own annotation into whatever the change touches."""
    key = str(world.cluster.calls)
    for kind, name in (("ConfigMap", "orders-config"), ("Deployment", "orders")):
        raw = world.cluster.look(kind, SHOP, name)
        raw["metadata"].setdefault("annotations", {})["other"] = key
        world.cluster.edit(kind, SHOP, name, lambda there, raw=raw: there.update(metadata=raw["metadata"]))


def count_pods(world: World) -> None:
    """The Deployment's controller writes its status: the resourceVersion moves on, the generation does not."""
    calls = world.cluster.calls
    world.cluster.edit("Deployment", SHOP, "orders", lambda raw: raw["status"].update(collisionCount=calls))


def no_answer(_: World) -> None:
    raise Unavailable("a webhook in the way timed out")


def change_again(world: World) -> None:
    """Another controller puts every field back to what the change made of it."""
    change = planned(world)
    for step in change.restore_point if change else ():
        world.cluster.edit(step.object.kind, SHOP, step.object.name, partial(redo, step))


def redo(step: Step, raw: Raw) -> None:
    for one in step.fields:
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in one.path.split("/")[1:])
        place: Any = raw
        for part in way:
            place = place.setdefault(part, {})
        place[last] = one.after


def undoing(remedy: Any = LIVE) -> World:
    world = World(remedy, after=WORSE)
    world.until(lambda: world.phase is Phase.MONITORING)
    return world


@pytest.mark.parametrize("restarted", [False, True], ids=["one process", "a restart after every look"])
@pytest.mark.parametrize(
    ("how", "told"),
    [
        pytest.param({"before": scribble}, "test failed", id="the object moves on under every write"),
        pytest.param({"before": no_answer}, "a webhook in the way", id="no write is answered"),
        pytest.param({"after": change_again}, "made the change again", id="the change is made again after every undo"),
    ],
)
def test_an_undo_that_never_lasts_ends_with_a_person_told(
    monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], told: str, *, restarted: bool
) -> None:
    world = undoing()
    fight = Fight(world, **how).begin(monkeypatch)
    while world.phase not in {Phase.FAILED, Phase.ROLLED_BACK}:
        assert len(fight.tries) < 50, "it goes on for ever"
        if restarted:
            world.restart()
        world.tick()

    status = world.look().status
    assert world.said == (Phase.FAILED, Reason.UNDO_FAILED)
    assert f"{len(fight.tries)} attempts since" in status.message
    assert told in status.message
    assert status.notices == () or status.notices[-1].reason == Reason.UNDO_FAILED
    assert status.undo is not None
    assert status.undo.attempts == len(fight.tries) >= LEAST_ATTEMPTS
    assert fight.tries[-1] - status.undo.started_at >= DEADLINE
    assert fight.most_at_once == 1, "each is followed by a pause"
    assert len(fight.tries) <= LEAST_ATTEMPTS + 5, "the pauses grow"


def test_an_undo_that_is_disturbed_for_a_while_is_done_then(monkeypatch: pytest.MonkeyPatch) -> None:
    world = undoing()
    fight = Fight(world, before=scribble).begin(monkeypatch)
    world.until(lambda: len(fight.tries) == LEAST_ATTEMPTS)
    fight.lasts = False

    assert world.until_over() == (Phase.ROLLED_BACK, Reason.RESTORED)
    assert world.cluster.look("ConfigMap", SHOP, "orders-config")["data"]["POOL_SIZE"] == "50"


def test_a_single_conflict_delays_an_undo_by_one_look_only(monkeypatch: pytest.MonkeyPatch) -> None:
    world = undoing()
    fight = Fight(world, before=scribble).begin(monkeypatch)
    world.until(lambda: bool(fight.tries))
    fight.lasts = False
    world.tick()

    assert world.said == (Phase.ROLLED_BACK, Reason.RESTORED)


def test_the_same_change_made_again_after_the_undo_is_somebody_elses() -> None:
    world = World(CONFIG_MAP, after=WORSE)
    world.until(lambda: world.phase is Phase.MONITORING)
    world.rollouts_finish = False
    world.until(lambda: (undo := world.look().status.undo) is not None and undo.restored_at is not None)
    change_again(world)
    touched = len(world.touches)

    assert world.until_over() == (Phase.FAILED, Reason.TARGET_DRIFTED)
    assert len(world.touches) == touched


def test_a_change_that_never_lands_is_tried_a_few_times_a_look_and_ends_in_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(ENV, after=BETTER)
    fight = Fight(world, before=count_pods).begin(monkeypatch)

    assert world.until_over() == (Phase.REJECTED, Reason.APPLY_FAILED)
    assert fight.most_at_once == 3
    assert DEADLINE - timedelta(minutes=1) <= fight.tries[-1] - fight.tries[0] <= DEADLINE
    assert world.changed() == []


def test_a_status_that_moves_on_under_every_write_is_written_a_few_times_a_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, tries = World(), []
    honest = world.cluster.replace_status

    async def replace_status(kind: str, raw: Raw) -> Raw:
        if kind == "Intervention":
            tries.append(kind)
            world.annotate("Intervention", "iv", seen=str(len(tries)))
        return await honest(kind, raw)

    monkeypatch.setattr(world.cluster, "replace_status", replace_status)
    world.tick()
    assert len(tries) == 3
