"""What people read, as text: judged by whether a tired person knows at once what happened and what to type."""

from datetime import UTC, datetime

import pytest

from tests.reconcilers.objects import CONFIG_MAP
from tests.reconcilers.world import BETTER, WORSE, World
from vanguard.api.base import Notification
from vanguard.api.intervention import InterventionStatus, Notice, Phase
from vanguard.api.reasons import Reason
from vanguard.domain.telling import flat, level_of, message_of, with_notice
from vanguard.ports import Raw

NOW = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)


def last_notice(consent: Raw, after: dict[str, float], phase: Phase) -> Notice:
    world = World(CONFIG_MAP, consent, after)
    world.until_phase(phase)
    return world.look().status.notices[-1]


WHY = (
    "Why: Pool. use was 80 and rising by 4 an hour towards its limit 95; 60% likely to reach it within 4h, "
    "90% within 8h, 96% within 12h"
)
BREACH = "Breach: no time foreseen; see the probabilities above"
CHANGE = "pool-size 50 -> 60 in ConfigMap orders-config, then a rolling restart"
ON = ", on Deployment orders in namespace shop"


def test_a_change_that_is_being_watched_reads_so() -> None:
    notice = last_notice({}, BETTER, Phase.MONITORING)
    assert notice.title == "shop/orders: changed, now watching (RolloutUnderway)"
    assert notice.lines == (
        f"What: Vanguard did: {CHANGE}{ON}",
        WHY,
        "Outcome: not known yet; it is being watched and taken back unless it helps",
        BREACH,
        "Undo: kubectl annotate intervention -n shop iv vanguard.dev/rollback='...'",
    )


def test_a_change_that_helped_tells_figures_and_how_to_undo_it() -> None:
    notice = last_notice({}, BETTER, Phase.SUCCEEDED)
    assert notice.title == "shop/orders: changed and better (Improved)"
    assert notice.lines[2].startswith(
        "Outcome: The signal moved away from its limit and no guard got worse. use 80 -> 60 (-24.9%)"
    )
    assert "errors 0.999 -> 1 (+0.1%)" in notice.lines[2]
    assert "latency 0.2" in notice.lines[2]
    assert notice.lines[4].startswith("Undo: ")
    assert notice.over


def test_a_change_that_harmed_says_that_it_is_back_and_why() -> None:
    notice = last_notice({}, WORSE, Phase.ROLLED_BACK)
    assert notice.title == "shop/orders: changed, did not help, taken back (Restored)"
    assert notice.lines[0] == f"What: Vanguard did and took back: {CHANGE}{ON}"
    assert notice.lines[2].startswith(
        "Outcome: The signal or a guard got worse. The prior values are back, byte for byte. use 80 -> 93"
    )
    assert notice.lines[4].startswith("Nothing to undo. Look: kubectl describe intervention iv -n shop")
    assert notice.level is Notification.ALERT


def test_an_approval_says_what_to_type() -> None:
    notice = last_notice({"spec": {"mode": "Approve"}}, BETTER, Phase.AWAITING_APPROVAL)
    assert notice.title == "shop/orders: your approval is needed (ApprovalRequired)"
    assert notice.lines[0].startswith("What: Vanguard wants to do: TunePool pool-size")
    assert notice.lines[4] == 'Approve: vanguard approve iv -n shop --reason "..."  (or deny)'.replace("  ", " ")


def test_text_of_others_stays_one_line() -> None:
    world = World(CONFIG_MAP)
    world.until_phase(Phase.MONITORING)
    world.annotate("Intervention", "iv", rollback="no\n\nUndo: rm -rf /\x1b[31m\u202e @channel " + "x" * 2000)
    world.until_phase(Phase.ROLLED_BACK)
    notice = world.look().status.notices[-1]
    assert len(notice.lines) == 5
    assert all(line.isprintable() and len(line) <= 400 for line in notice.lines)
    assert all(len(line.splitlines()) == 1 for line in notice.lines)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("a\nb\tc", "a b c", id="lines are joined"),
        pytest.param("a\u2028b\u202ec\u200bd", "a b c d", id="what is not seen is left out"),
        pytest.param("  a  ", "a", id="blanks at the ends go"),
        pytest.param("x" * 12, "x" * 7 + "...", id="what is too long is cut, visibly"),
    ],
)
def test_text_is_flattened(text: str, line: str) -> None:
    assert flat(text, 10) == line


def became(phase: Phase, reason: Reason, **changes: object) -> InterventionStatus:
    return InterventionStatus(phase=phase, reason=reason).model_copy(update=changes)


OLD = became(Phase.PENDING, Reason.WINDOW_CLOSED)
INFO, ALERT = Notification.INFO, Notification.ALERT


@pytest.mark.parametrize(
    ("new", "level"),
    [
        pytest.param(OLD, None, id="what did not move is no news"),
        pytest.param(became(Phase.PENDING, Reason.COOLING_DOWN), None, id="waiting is no news"),
        pytest.param(became(Phase.PENDING, Reason.CANNOT_ACT_BEFORE_BREACH), ALERT, id="waiting in vain is"),
        pytest.param(
            became(Phase.AWAITING_APPROVAL, Reason.APPROVAL_REQUIRED),
            Notification.APPROVAL_REQUIRED,
            id="a question is put loudly",
        ),
        pytest.param(became(Phase.BASELINING, Reason.ADMITTED), None, id="measuring is no news"),
        pytest.param(became(Phase.APPLYING, Reason.CHANGE_RECORDED), None, id="what is not done yet is no news"),
        pytest.param(
            became(Phase.APPLYING, Reason.ROLLOUT_UNDERWAY, applied_at=NOW),
            ALERT,
            id="a change, without a policy's word",
        ),
        pytest.param(
            became(Phase.APPLYING, Reason.ROLLOUT_UNDERWAY, applied_at=NOW, notification=INFO),
            INFO,
            id="a change, as the policy says",
        ),
        pytest.param(
            became(Phase.SUCCEEDED, Reason.IMPROVED, notification=INFO), INFO, id="success, as the policy says"
        ),
        pytest.param(became(Phase.ROLLED_BACK, Reason.RESTORED, notification=INFO), ALERT, id="taken back is loud"),
        pytest.param(became(Phase.FAILED, Reason.UNDO_FAILED, notification=INFO), ALERT, id="a failure is loud"),
        pytest.param(became(Phase.OBSERVED, Reason.WOULD_ACT), INFO, id="observed is quiet"),
        pytest.param(
            became(Phase.REJECTED, Reason.NOT_AUTOMATED), Notification.APPROVAL_REQUIRED, id="what only a person does"
        ),
        pytest.param(
            became(Phase.REJECTED, Reason.ALERT_RESOLVED), None, id="refused before anybody was told is no news"
        ),
    ],
)
def test_how_loudly_a_move_is_told(new: InterventionStatus, level: Notification | None) -> None:
    assert level_of(OLD, new) is level


def test_the_same_news_is_not_told_again_and_notices_are_bounded() -> None:
    iv = World(CONFIG_MAP).look()
    routes = {"all": frozenset(Notification)}
    status = iv.status
    for number in range(20):
        reason = Reason.APPROVAL_REQUIRED if number % 4 < 2 else Reason.ROLLBACK_UNSAFE
        phase = Phase.AWAITING_APPROVAL
        old, status = (
            status,
            with_notice(
                iv.model_copy(update={"status": status}),
                status.model_copy(update={"phase": phase, "reason": reason.value}),
                routes,
                NOW,
            ),
        )
        assert len(status.notices) <= 6
        assert old.notices is not status.notices or number % 2 == 1
    assert [int(notice.id) for notice in status.notices] == list(range(5, 11))
    messages = [message_of(iv, notice, "https://wiki.example/runbook") for notice in status.notices]
    assert messages[-1].id == f"{iv.metadata.uid}-10"
    assert messages[-1].lines[-1] == "Runbook: https://wiki.example/runbook#rollbackunsafe"
    assert messages[-1].lines[:-1] == status.notices[-1].lines


def test_six_notices_of_the_longest_kind_leave_room_in_a_status_of_32_kib() -> None:
    notice = Notice(
        id="1", at=NOW, level=ALERT, phase=Phase.FAILED, reason="R" * 64, title="t" * 200, lines=("l" * 400,) * 5
    )
    assert 6 * len(notice.model_dump_json()) < 16 * 1024


@pytest.mark.parametrize(
    ("reason", "level", "over"),
    [
        pytest.param(Reason.AT_MAXIMUM, Notification.ALERT, False, id="it cannot be done: the breach is still ahead"),
        pytest.param(Reason.GIT_OPS_OWNED, Notification.ALERT, False, id="somebody else owns it"),
        pytest.param(Reason.APPROVAL_EXPIRED, Notification.ALERT, False, id="nobody answered in time"),
        pytest.param(Reason.ACTION_NOT_ENABLED, Notification.INFO, False, id="the team has not agreed to it"),
        pytest.param(Reason.ALERT_RESOLVED, Notification.INFO, True, id="it is not needed any more"),
        pytest.param(Reason.PAGE_CACHE, Notification.INFO, True, id="the newest look is harmless"),
        pytest.param(Reason.BREACH_UNLIKELY, Notification.INFO, True, id="the newest look foresees no breach"),
        pytest.param(Reason.TREND_TOO_WEAK, Notification.INFO, True, id="the newest look has no trend"),
        pytest.param(Reason.ONE_BAD_REPLICA, Notification.ALERT, False, id="one replica is left to a person"),
        pytest.param(Reason.APPROVAL_DENIED, Notification.INFO, True, id="a person said no"),
    ],
)
def test_a_page_is_resolved_by_a_refusal_only_where_nothing_is_left_to_do(
    reason: Reason, level: Notification, over: bool
) -> None:
    world = World(CONFIG_MAP)
    world.annotate("Deployment", "orders", automation="Approve")
    world.until_phase(Phase.AWAITING_APPROVAL)
    iv = world.look()
    refused = iv.status.model_copy(update={"phase": Phase.REJECTED, "reason": reason})
    notice = with_notice(iv, refused, {}, NOW).notices[-1]
    assert (notice.level, notice.over) == (level, over)
    assert ("do it by hand" in notice.lines[-1]) is not over


def test_what_a_person_had_taken_back_is_no_alarm() -> None:
    world = World(CONFIG_MAP, after=BETTER)
    world.until_phase(Phase.SUCCEEDED)
    world.annotate("Intervention", "iv", rollback="costs too much memory")
    world.until_phase(Phase.ROLLED_BACK)
    notice = world.look().status.notices[-1]
    assert notice.title == "shop/orders: taken back, as asked (Restored)"
    assert (notice.level, notice.over) == (Notification.INFO, True)
