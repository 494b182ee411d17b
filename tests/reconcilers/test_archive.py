"""The archive: what was kept is committed with its whole record, at least once, never in the way, never for ever."""

import asyncio
from datetime import timedelta

import pytest
import yaml

from tests.reconcilers.fake_git import FakeRepository
from tests.reconcilers.fakes import Fault, Killed
from tests.reconcilers.objects import CONFIG_MAP, RESTART, Remedy
from tests.reconcilers.world import WORSE, World
from vanguard.api.intervention import CommitPurpose, CommitRecord, DeliveryState, InterventionStatus, Phase
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import Reason
from vanguard.api.repositories import AuditSpec
from vanguard.domain.delivery import MOST_ATTEMPTS
from vanguard.reconcilers.context import Git
from vanguard.reconcilers.courier import Courier

RECORD = "interventions/shop/iv.yaml"


def equip(world: World, repository: FakeRepository) -> None:
    """Give the present process its archive."""
    world.context.git = Git({"record": repository}, {}, AuditSpec(repository="record"))


def carry(world: World) -> None:
    """A round of the courier, then another for what the first one found; to their end."""

    async def go() -> None:
        courier = Courier(world.context)
        courier.round()
        await courier.settle()
        await courier.settle()

    asyncio.run(go())


def kept(repository: FakeRepository, remedy: Remedy = CONFIG_MAP) -> World:
    """A world whose change was kept, and nothing written down yet."""
    world = World(remedy)
    equip(world, repository)
    assert world.until_over() == (Phase.SUCCEEDED, Reason.IMPROVED)
    return world


def records(world: World) -> list[tuple[CommitPurpose, DeliveryState]]:
    return [(record.purpose, record.state) for record in world.look().status.commits]


@pytest.mark.parametrize(
    ("remedy", "subject"),
    [
        pytest.param(CONFIG_MAP, "auto: Increase orders pool-size 50→60 to prevent pool exhaustion", id="a value"),
        pytest.param(RESTART, "auto: Restart orders to prevent pool exhaustion", id="a restart"),
    ],
)
def test_what_was_kept_is_committed_once_with_who_when_why_and_the_whole_record(remedy: Remedy, subject: str) -> None:
    repository = FakeRepository()
    world = kept(repository, remedy)
    for _ in range(3):
        carry(world)
        world.tick()

    assert repository.subjects == [subject]
    message = repository.versions[-1].message
    assert message.endswith(f"\n\nVanguard-Intervention: {world.uid}\nVanguard-Write: Audit\n")
    for part in ("Why: Pool. use was 80", "Who: Vanguard, as the policies shop let it", "When: decided 2026-03-04T"):
        assert part in message
    archived = Intervention.read(yaml.safe_load(repository.now(RECORD) or ""))
    assert archived.status.phase is Phase.SUCCEEDED
    assert (archived.spec, archived.status.change) == (world.look().spec, world.look().status.change)
    (record,) = world.look().status.commits
    assert (record.sha, record.state) == (repository.versions[-1].sha, DeliveryState.SENT)


def test_without_an_archive_nothing_is_called_for() -> None:
    world = World(CONFIG_MAP)
    world.until_over()
    assert world.look().status.commits == ()


def test_what_was_undone_in_its_watch_is_no_success_and_is_not_committed() -> None:
    repository = FakeRepository()
    world = World(CONFIG_MAP, after=WORSE)
    equip(world, repository)
    world.until_over()
    carry(world)
    assert repository.subjects == []


def test_undone_after_success_there_is_a_second_commit() -> None:
    repository = FakeRepository()
    world = kept(repository)
    carry(world)
    world.annotate("Intervention", "iv", rollback="too slow")
    world.until(lambda: world.phase is Phase.ROLLED_BACK)
    carry(world)

    assert repository.subjects[1] == "auto: Undo increase of orders pool-size 60→50 (RollbackRequested)"
    assert "too slow" in repository.versions[-1].message
    assert yaml.safe_load(repository.now(RECORD) or "")["status"]["phase"] == "RolledBack"
    assert [purpose for purpose, _ in records(world)] == [CommitPurpose.AUDIT, CommitPurpose.AUDIT_OF_UNDO]


def test_a_dead_repository_is_tried_ever_more_rarely_then_given_up_and_nothing_else_waits() -> None:
    repository = FakeRepository(dead=True)
    world = kept(repository)
    for _ in range(MOST_ATTEMPTS):
        before = repository.fetches
        carry(world)
        assert repository.fetches == before + 1
        carry(world)
        assert repository.fetches == before + 1  # not before its time
        world.clock.advance(timedelta(hours=5))
    carry(world)

    (record,) = world.look().status.commits
    assert (record.state, record.attempts) == (DeliveryState.FAILED, MOST_ATTEMPTS)
    assert record.error == "repository deploy: no connection"
    assert repository.fetches == MOST_ATTEMPTS
    assert world.said == (Phase.SUCCEEDED, Reason.IMPROVED)


def test_it_comes_back_and_takes_what_waited_in_its_order() -> None:
    repository = FakeRepository(dead=True)
    world = kept(repository)
    carry(world)
    world.annotate("Intervention", "iv", rollback="too slow")
    world.until(lambda: world.phase is Phase.ROLLED_BACK)
    repository.dead = False
    world.clock.advance(timedelta(hours=5))
    carry(world)
    assert repository.ours == [CommitPurpose.AUDIT, CommitPurpose.AUDIT_OF_UNDO]


@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.KILL_AFTER, Fault.KILL_BEFORE, Fault.FAIL_BEFORE])
def test_whatever_befalls_the_push_there_is_one_commit(fault: Fault) -> None:
    repository = FakeRepository(fault=fault)
    world = kept(repository)
    try:
        carry(world)
    except Killed:
        world.restart()
        equip(world, repository)
        world.reconcile()
    world.clock.advance(timedelta(hours=1))
    carry(world)
    carry(world)
    assert repository.ours == [CommitPurpose.AUDIT]
    assert records(world) == [(CommitPurpose.AUDIT, DeliveryState.SENT)]


def test_a_process_that_knows_no_such_repository_gives_up_at_once() -> None:
    world = kept(FakeRepository())
    world.context.git = Git()
    carry(world)
    (record,) = world.look().status.commits
    assert (record.state, record.error) == (DeliveryState.FAILED, "no such repository is configured any more")


def test_a_status_with_all_its_commits_is_small() -> None:
    record = {"repository": "r" * 63, "sha": "0" * 64, "at": "2026-03-04T12:00:00Z", "error": "e" * 256}
    status = InterventionStatus(commits=tuple(CommitRecord(purpose=each, **record) for each in CommitPurpose))
    assert len(str(status.wire())) < 2500
