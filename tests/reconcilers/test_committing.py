"""A change by commit: made once, carried on by the tool, watched, kept or undone; never a write to the object."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.reconcilers.fakes import Fault
from tests.reconcilers.git_world import ARGO, CONFIG, DEPLOYMENT, PATH, GitWorld
from tests.reconcilers.objects import CONFIG_MAP, ENV, LIVE, RESTART, SHOP, Remedy
from tests.reconcilers.world import BETTER, WORSE, World, everywhere
from vanguard.api.intervention import CommitPurpose, DeliveryState, Phase
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.reconcilers.context import Git

KEPT, UNDONE = (Phase.SUCCEEDED, Reason.IMPROVED), (Phase.ROLLED_BACK, Reason.RESTORED)
CHANGE, UNDO = CommitPurpose.CHANGE, CommitPurpose.UNDO
ENDS = {"kept": (BETTER, KEPT, [CHANGE]), "undone": (WORSE, UNDONE, [CHANGE, UNDO])}


def ownership(world: GitWorld) -> tuple[GateVerdict, str, str]:
    gate = next(gate for gate in world.look().status.gates if gate.name == "ownership")
    return gate.verdict, gate.reason, gate.message


@pytest.mark.parametrize("remedy", [LIVE, ENV], ids=str)
def test_what_helped_is_one_commit_that_changes_one_value_and_no_byte_more(remedy: Remedy) -> None:
    world = GitWorld(remedy)
    assert world.until_over() == KEPT

    assert world.touches == []
    assert world.repository.subjects == ["auto: Increase orders pool-size 50→60 to prevent pool exhaustion"]
    before = CONFIG if remedy is LIVE else DEPLOYMENT
    assert world.repository.now(PATH) == before.replace("50", "60")
    assert (world.in_file(), world.on_object()) == ("60", "60")
    status = world.look().status
    assert ownership(world) == (
        GateVerdict.PASS,
        Reason.COMMITTED_TO_GIT,
        f"Argo CD (application shop) owns it; the change is a commit to {PATH} of repository deploy",
    )
    assert [(record.purpose, record.sha) for record in status.commits] == [(CHANGE, world.repository.versions[-1].sha)]
    assert status.commits[0].state is DeliveryState.SENT
    meta = world.cluster.look(*(world.owned[0], SHOP, world.owned[1]))["metadata"]
    assert meta["annotations"] == ARGO


@pytest.mark.parametrize("remedy", [LIVE, ENV], ids=str)
def test_what_did_harm_is_undone_by_a_second_commit(remedy: Remedy) -> None:
    world = GitWorld(remedy, after=WORSE)
    assert world.until_over() == UNDONE

    assert world.touches == []
    assert world.repository.ours == [CHANGE, UNDO]
    assert world.repository.now(PATH) == (CONFIG if remedy is LIVE else DEPLOYMENT)
    assert world.on_object() == "50"
    assert world.changed() == []
    assert [record.purpose for record in world.look().status.commits] == [CHANGE, UNDO]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("fault", [Fault.LOSE_REPLY, Fault.KILL_AFTER, Fault.KILL_BEFORE, Fault.FAIL_BEFORE])
def test_whatever_befalls_a_push_there_is_one_commit_of_each_and_the_right_end(
    end: str, which: int, fault: Fault
) -> None:
    after, said, commits = ENDS[end]
    world = GitWorld(after=after)
    if which == 2:
        world.until(lambda: world.repository.ours == [CHANGE])
    world.repository.fault = fault
    assert world.until_over() == said
    assert world.repository.ours == commits
    assert world.touches == []


@pytest.mark.parametrize("end", ENDS)
def test_killed_at_any_write_another_process_ends_it_the_same(end: str) -> None:
    after, said, commits = ENDS[end]
    struck = 0

    def arm(at: int) -> tuple[GitWorld, object]:
        world = GitWorld(after=after)
        return world, world.cluster.strike(Fault.KILL_AFTER, at, writes_only=True)

    for at, world in everywhere(arm):  # type: ignore[arg-type]
        assert isinstance(world, GitWorld)
        assert (world.said, world.repository.ours) == (said, commits), f"struck at {at}"
        assert world.touches == []
        struck += 1
    assert struck > 8


def test_a_tool_that_does_not_sync_in_time_has_its_commit_undone() -> None:
    world = GitWorld(syncs=False)
    assert world.until_over() == UNDONE
    assert world.look().status.undo is not None
    assert world.look().status.undo.reason == Reason.NOT_SYNCED  # type: ignore[union-attr]
    assert world.repository.ours == [CHANGE, UNDO]
    assert world.repository.now(PATH) == CONFIG


def test_a_tool_that_does_not_take_the_undoing_is_a_failure_that_says_so() -> None:
    world = GitWorld(after=WORSE)
    world.until_phase(Phase.MONITORING)
    world.syncs = False
    assert world.until_over() == (Phase.FAILED, Reason.UNDO_FAILED)
    assert "the sync or rollout is not" in world.look().status.message
    assert world.repository.ours == [CHANGE, UNDO]


def test_undone_long_after_success_the_rest_of_the_file_may_have_moved_on() -> None:
    world = GitWorld()
    world.until_over()
    world.clock.advance(timedelta(days=3))
    world.repository.push(PATH, (world.repository.now(PATH) or "").replace('X: "1"', 'X: "2"'))
    world.annotate("Intervention", "iv", rollback="too slow")
    world.until_phase(Phase.ROLLED_BACK)
    assert world.repository.now(PATH) == CONFIG.replace('X: "1"', 'X: "2"')
    assert world.on_object() == "50"


def test_aborted_before_the_sync_the_commit_is_undone() -> None:
    world = GitWorld(syncs=False)
    world.until(lambda: world.repository.ours == [CHANGE])
    world.annotate("Intervention", "iv", abort="release at noon")
    world.until_phase(Phase.ROLLED_BACK)
    assert world.repository.now(PATH) == CONFIG


def push(text: str) -> Callable[[GitWorld], object]:
    return lambda world: world.repository.push(PATH, text)


@pytest.mark.parametrize(
    ("meddle", "reason"),
    [
        pytest.param(push(CONFIG), Reason.EXTERNALLY_REVERTED, id="somebody reverts our commit"),
        pytest.param(push(CONFIG.replace("50", "70")), Reason.TARGET_DRIFTED, id="somebody sets another value"),
        pytest.param(push("kind: Other"), Reason.TARGET_DRIFTED, id="somebody takes the value out of the file"),
    ],
)
@pytest.mark.parametrize("syncs", [True, False])
def test_who_else_writes_during_the_watch_decides_and_is_left_alone(
    meddle: Callable[[GitWorld], object], reason: Reason, *, syncs: bool
) -> None:
    world = GitWorld()
    world.until_phase(Phase.MONITORING)
    world.syncs = syncs
    meddle(world)
    if syncs and reason is not Reason.TARGET_DRIFTED:
        world.sync()
    world.syncs = False
    assert world.until_over() == (Phase.FAILED, reason)
    assert world.repository.ours == [CHANGE]


def test_what_somebody_wrote_before_the_undoing_is_left_as_it_is() -> None:
    world = GitWorld(after=WORSE)
    world.until_phase(Phase.MONITORING)
    world.repository.meanwhile = lambda: world.repository.push(PATH, CONFIG.replace("50", "70"))
    assert world.until_over() == (Phase.FAILED, Reason.TARGET_DRIFTED)
    assert world.repository.now(PATH) == CONFIG.replace("50", "70")


def test_who_changes_the_file_just_before_our_push_is_not_overwritten() -> None:
    world = GitWorld()
    world.repository.meanwhile = lambda: world.repository.push(PATH, CONFIG.replace("50", "55"))
    assert world.until_over() == (Phase.REJECTED, Reason.TARGET_CHANGED)
    assert world.repository.ours == []


def test_who_changes_another_line_just_before_our_push_keeps_it() -> None:
    world = GitWorld()
    world.repository.meanwhile = lambda: world.repository.push(PATH, CONFIG.replace("# Owned", "# Kept"))
    assert world.until_over() == KEPT
    assert world.repository.now(PATH) == CONFIG.replace("# Owned", "# Kept").replace("50", "60")


def test_a_push_that_is_refused_is_nothing_done() -> None:
    world = GitWorld()
    world.repository.refuses = True
    assert world.until_over() == (Phase.REJECTED, Reason.APPLY_FAILED)
    assert "protected branch" in world.look().status.message


def test_an_undoing_that_is_refused_is_tried_again_then_a_person_is_needed() -> None:
    world = GitWorld(after=WORSE)
    world.until_phase(Phase.MONITORING)
    world.repository.refuses = True
    assert world.until_over(ticks=200) == (Phase.FAILED, Reason.UNDO_FAILED)


def test_a_repository_that_is_dead_in_the_watch_is_waited_for() -> None:
    world = GitWorld(after=WORSE)
    world.until_phase(Phase.MONITORING)
    world.repository.dead = True
    for _ in range(10):
        world.tick()
    assert world.phase is Phase.MONITORING
    world.repository.dead = False
    assert world.until_over() == UNDONE


# ------------------------------------------------------------------ the gate


def without_file(world: GitWorld) -> None:
    world.context.git = Git()


def text(changed: str) -> Callable[[GitWorld], object]:
    return lambda world: world.repository.push(PATH, changed)


@pytest.mark.parametrize(
    ("remedy", "arrange", "verdict", "reason", "said"),
    [
        pytest.param(LIVE, without_file, GateVerdict.DENY, Reason.REPOSITORY_NOT_ALLOWED, "knows no repository",
                     id="a repository the operator does not know"),
        pytest.param(LIVE, lambda w: w.equip(namespaces=["bank"]), GateVerdict.DENY, Reason.REPOSITORY_NOT_ALLOWED,
                     "not open to namespace shop", id="a repository that is not the namespace's"),
        pytest.param(LIVE, lambda w: w.equip(pathPrefix="apps/bank"), GateVerdict.DENY,
                     Reason.REPOSITORY_NOT_ALLOWED, "is not below 'apps/bank'", id="a path outside the prefix"),
        pytest.param(LIVE, lambda w: w.declare(gitOps={"repository": "deploy", "path": "apps/none.yaml"}),
                     GateVerdict.DENY, Reason.NOT_IN_GIT, "there is no text file", id="a file that is not there"),
        pytest.param(LIVE, text("kind: Other"), GateVerdict.DENY, Reason.NOT_IN_GIT, "does not declare it",
                     id="a file without the value"),
        pytest.param(LIVE, text(CONFIG + "---\n" + CONFIG), GateVerdict.DENY, Reason.NOT_IN_GIT, "several times",
                     id="a file with two of it"),
        pytest.param(LIVE, text("{{ if x }}\n" + CONFIG), GateVerdict.DENY, Reason.NOT_IN_GIT, "a template",
                     id="a template"),
        pytest.param(CONFIG_MAP, lambda _: None, GateVerdict.DENY, Reason.ROLLOUT_IMPOSSIBLE, "needs a restart",
                     id="a value that needs a restart"),
        pytest.param(LIVE, lambda w: w.declare(gitOps=None), GateVerdict.DENY, Reason.GIT_OPS_OWNED,
                     "make the change in its repository", id="no repository named"),
        pytest.param(LIVE, text(CONFIG.replace("50", "51")), GateVerdict.HOLD, Reason.NOT_SYNCED,
                     "'51' in apps/shop/orders.yaml of repository deploy and '50' on the live object",
                     id="a file that is ahead"),
        pytest.param(LIVE, lambda w: setattr(w.repository, "dead", True), GateVerdict.HOLD,
                     Reason.REPOSITORY_UNREADABLE, "no connection", id="a repository that is dead"),
    ],
)  # fmt: skip
def test_a_commit_that_cannot_be_made_is_refused_and_nothing_is_written(
    remedy: Remedy, arrange: Callable[[GitWorld], object], verdict: GateVerdict, reason: Reason, said: str
) -> None:
    world = GitWorld(remedy, syncs=False)
    arrange(world)
    for _ in range(5):
        world.tick()

    found = ownership(world)
    assert found[:2] == (verdict, reason)
    assert said in found[2]
    assert world.said == (Phase.REJECTED if verdict is GateVerdict.DENY else Phase.PENDING, reason)
    assert (world.repository.ours, world.touches) == ([], [])


def test_a_repository_that_comes_back_lets_it_go_on() -> None:
    world = GitWorld()
    world.repository.dead = True
    world.tick()
    world.repository.dead = False
    assert world.until_over() == KEPT


def test_a_restart_of_what_a_gitops_tool_owns_is_no_commit_but_an_eviction_which_the_policy_must_allow() -> None:
    world = World(RESTART)
    world.edit_meta("Deployment", "orders", lambda meta: meta.update(annotations=dict(ARGO)))
    assert world.until_over() == (Phase.REJECTED, Reason.ROLLBACK_UNSAFE)


@pytest.mark.parametrize("phase", [Phase.APPLYING, Phase.MONITORING, Phase.ROLLING_BACK])
def test_a_repository_that_stays_dead_ends_it_within_its_deadline_and_a_person_is_told(phase: Phase) -> None:
    world = GitWorld(after=WORSE, syncs=phase is not Phase.APPLYING)
    world.until_phase(phase)
    world.repository.dead = True
    assert world.until_over(ticks=400) == (Phase.FAILED, Reason.UNDO_FAILED)
    assert "no connection" in world.look().status.message


def test_where_no_tool_owns_it_the_object_is_written_though_a_repository_is_named() -> None:
    world = GitWorld(syncs=False)
    world.edit_meta("ConfigMap", "orders-config", lambda meta: meta.update(annotations={}))
    world.until_over()
    assert {write.name for write in world.touches} == {"orders-config"}
    assert world.repository.ours == []


def test_a_waiting_intervention_asks_the_repository_at_most_once_in_ten_seconds() -> None:
    world = GitWorld(consent={"spec": {"mode": "Approve"}}, syncs=False)
    for _ in range(30):
        world.tick(timedelta(seconds=1))
    assert 2 <= world.repository.fetches <= 4


def test_when_nothing_changes_nothing_is_written_also_while_the_repository_is_dead() -> None:
    world = GitWorld()
    world.repository.dead = True
    world.tick()
    world.tick()
    before = len(world.cluster.writes)
    for _ in range(20):
        world.tick()
    assert len(world.cluster.writes) == before
