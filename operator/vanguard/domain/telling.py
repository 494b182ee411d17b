"""What people are told, and when: from what an Intervention was and has become to five lines for a tired person.

One line each for what, why, outcome, the breach, and the one command that undoes (or approves) it; where to read on
is added when it is sent. Text that people or other programs wrote is flattened to one line here; what a notifier's
markup would make of it is the adapter's care.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from vanguard.api.base import Notification
from vanguard.api.intervention import Comparison, Delivery, InterventionStatus, Notice, Phase
from vanguard.api.kinds import Intervention
from vanguard.api.pattern import Direction
from vanguard.api.reasons import Reason, runbook_section
from vanguard.domain.eviction import for_good
from vanguard.domain.history import ASKED_BY_A_PERSON
from vanguard.domain.leases import leased, usual
from vanguard.domain.lookalike import LOOK_ALIKES

MOST_NOTICES = 6
_LINE = 400
_TO_BE_SEEN_TO = frozenset({Reason.LEASE_ENDING, Reason.LEASE_UNREADABLE})
# What was to be done is not needed any more, or a person said no. All else that is refused leaves a breach to come.
_NOT_NEEDED = frozenset(
    {
        Reason.ALERT_RESOLVED,
        Reason.PATTERN_CHANGED,
        Reason.TARGET_MISSING,
        Reason.TARGET_REPLACED,
        Reason.APPROVAL_DENIED,
        Reason.BREACH_UNLIKELY,
        Reason.TREND_TOO_WEAK,
        # Of one bad replica the breach still comes, and only a person can act on it.
        *(LOOK_ALIKES - {Reason.ONE_BAD_REPLICA}),
        *ASKED_BY_A_PERSON,
    }
)
# The team has not agreed to it: it is told, and not by night.
_NOT_AGREED = frozenset({Reason.NO_POLICY, Reason.ACTION_NOT_ENABLED})
_NO_CHANGE = frozenset({Phase.PENDING, Phase.AWAITING_APPROVAL, Phase.REJECTED, Phase.OBSERVED})

Routes = Mapping[str, frozenset[Notification]]


@dataclass(frozen=True)
class Message:
    """One piece of news, ready to be sent.

    Attributes:
        id: the same for the same news, however often it is sent.
        incident: what it belongs to: the Intervention's uid, or an announcement's key.
        begun: when the incident began.
        over: whether the incident ended well: nobody has to do anything.
        about: names of what it is about, such as namespace and name.
    """

    id: str
    incident: str
    level: Notification
    title: str
    lines: tuple[str, ...]
    at: datetime
    begun: datetime
    over: bool
    about: Mapping[str, str]

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def flat(text: str, most: int = _LINE) -> str:
    """Text of unknown origin as one line without control characters, at most so long."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= most else line[: most - 3] + "..."


def clock_time(at: datetime | None) -> str:
    """A time for people, always with its zone."""
    return at.strftime("%Y-%m-%d %H:%M UTC") if at else "unknown"


def with_notice(iv: Intervention, status: InterventionStatus, routes: Routes, now: datetime) -> InterventionStatus:
    """The status to be recorded, with a notice in it where people are to be told of the move.

    Args:
        iv: the Intervention as it was read.
        status: what it becomes.
        routes: which levels each notifier is told.
        now: the present time.
    """
    level = level_of(iv.status, status)
    if level is None:
        return status
    over = _over(status)
    heard = {delivery.notifier for notice in status.notices for delivery in notice.deliveries}
    # Who heard that it began hears that it is over, whatever the level.
    chosen = [name for name, levels in routes.items() if level in levels or (over and name in heard)]
    notice = Notice(
        id=str(max((int(notice.id) for notice in status.notices), default=0) + 1),
        at=now,
        level=level,
        phase=status.phase,
        reason=status.reason,
        title=title(iv, status)[:200],
        lines=lines(iv, status),
        over=over,
        deliveries=tuple(Delivery(notifier=name) for name in sorted(chosen)),
    )
    return status.model_copy(update={"notices": (*status.notices, notice)[-MOST_NOTICES:]})


def level_of(old: InterventionStatus, new: InterventionStatus) -> Notification | None:
    """How loudly people are told of a move; None where they are not."""
    last = next(reversed(new.notices), None)
    said_last = last is not None and (last.phase, last.reason) == (new.phase, new.reason)
    if (old.phase, old.reason) == (new.phase, new.reason) or said_last:
        return None
    wanted = Notification.INFO if new.notification is Notification.INFO else Notification.ALERT
    match new.phase:
        case Phase.AWAITING_APPROVAL:
            return Notification.APPROVAL_REQUIRED
        case Phase.PENDING if new.reason == Reason.CANNOT_ACT_BEFORE_BREACH:
            return Notification.ALERT
        case Phase.APPLYING if new.applied_at is not None:
            return wanted
        case Phase.SUCCEEDED:
            return Notification.INFO if new.reason == Reason.LEASE_RENEWED else wanted
        case Phase.ROLLED_BACK if _undone_for(new) in ASKED_BY_A_PERSON:
            return Notification.INFO
        case Phase.ROLLED_BACK | Phase.FAILED:
            return Notification.ALERT
        case Phase.OBSERVED:
            return Notification.INFO
        case Phase.REJECTED:
            return _level_of_refusal(new.reason, told_before=last is not None)
        case _:
            return None


def _level_of_refusal(reason: str, *, told_before: bool) -> Notification | None:
    """A breach that is foreseen and left to come is an alert; what is not needed any more is no news of its own."""
    if reason == Reason.NOT_AUTOMATED:
        return Notification.APPROVAL_REQUIRED
    if reason in _NOT_NEEDED:
        return Notification.INFO if told_before else None
    return Notification.INFO if reason in _NOT_AGREED else Notification.ALERT


def _over(status: InterventionStatus) -> bool:
    """A change that was taken back is no good end for who must find the cause; the breach still comes."""
    match status.phase:
        case Phase.ROLLED_BACK:
            return _undone_for(status) in {*ASKED_BY_A_PERSON, Reason.LEASE_EXPIRED}
        case Phase.REJECTED:
            return status.reason in _NOT_NEEDED
        case Phase.SUCCEEDED | Phase.OBSERVED:
            return status.reason not in _TO_BE_SEEN_TO
        case _:
            return False


def _undone_for(status: InterventionStatus) -> str:
    return status.undo.reason if status.undo else ""


def title(iv: Intervention, status: InterventionStatus) -> str:
    """Where and how it stands, in a few words."""
    target = iv.spec.target
    return f"{iv.metadata.namespace}/{target.name}: {_headline(status)} ({status.reason})"


def _headline(status: InterventionStatus) -> str:
    if status.phase is Phase.ROLLED_BACK and _undone_for(status) == Reason.LEASE_EXPIRED:
        return "its lease is over, taken back"
    if status.phase is Phase.ROLLED_BACK and _undone_for(status) in ASKED_BY_A_PERSON:
        return "taken back, as asked"
    if status.phase is Phase.SUCCEEDED and status.reason == Reason.LEASE_ENDING:
        return "taken back soon unless renewed"
    return _HEADLINES.get(status.phase, status.phase)


_HEADLINES = {
    Phase.PENDING: "Vanguard may not act in time",
    Phase.AWAITING_APPROVAL: "your approval is needed",
    Phase.APPLYING: "changed, now watching",
    Phase.SUCCEEDED: "changed and better",
    Phase.ROLLED_BACK: "changed, did not help, taken back",
    Phase.FAILED: "FAILED, please look",
    Phase.REJECTED: "will not be done",
    Phase.OBSERVED: "would have been changed",
}


def lines(iv: Intervention, status: InterventionStatus) -> tuple[str, ...]:
    """The five lines: what, why, outcome, breach, and what to type."""
    return tuple(
        flat(line)
        for line in (
            f"What: {_what(iv, status)}",
            f"Why: {_why(iv)}",
            f"Outcome: {_outcome(status)}",
            f"Breach: {_breach(iv)}",
            _command(iv, status),
        )
    )


def _what(iv: Intervention, status: InterventionStatus) -> str:
    target, action = iv.spec.target, iv.spec.action
    change = status.change.summary if status.change else f"{action.type} {action.tunable or ''}".strip()
    verb = {
        Phase.PENDING: "waits to do",
        Phase.AWAITING_APPROVAL: "wants to do",
        Phase.OBSERVED: "would have done",
        Phase.REJECTED: "did not do",
        Phase.ROLLED_BACK: "did and took back",
    }.get(status.phase, "did" if status.applied_at else "was to do")
    return f"Vanguard {verb}: {change}, on {target.kind} {target.name} in namespace {iv.metadata.namespace}"


def _why(iv: Intervention) -> str:
    cause = iv.spec.cause
    way = "rising" if cause.direction is Direction.RISING else "falling"
    return (
        f"{iv.spec.diagnosis.title}. {cause.signal} was {cause.value:f} and {way} by {abs(cause.slope_per_hour):f} "
        f"an hour towards its limit {cause.limit:f}; {cause.breach_percent_4h}% likely to reach it within 4h, "
        f"{cause.breach_percent_8h}% within 8h, {cause.breach_percent_12h}% within 12h"
    )


def _outcome(status: InterventionStatus) -> str:
    said = f"{_sentence(status.reason)}{_kept(status)}"
    figures = "; ".join(_figures(seen) for seen in status.comparisons)
    if status.phase is Phase.APPLYING:
        unless = "" if for_good(status) else " and taken back unless it helps"
        return f"not known yet; it is being watched{unless}"
    if status.phase is Phase.ROLLED_BACK and status.undo is not None:
        undo = status.undo
        asked = "" if figures or undo.message == _sentence(undo.reason) else f"{undo.message}. "
        return f"{_sentence(undo.reason)} {asked}{said} {figures}".strip()
    if figures and status.phase not in _NO_CHANGE:
        return f"{said} {figures}"
    return f"{said} {status.message if status.message != said else ''}".strip()


def _kept(status: InterventionStatus) -> str:
    """Until when a change is kept, where it is not for good."""
    if not leased(status.phase, status.lease_until):
        return ""
    return f" It is kept until {clock_time(status.lease_until)}, then undone unless renewed."


def _sentence(reason: str) -> str:
    return Reason(reason).sentence if reason in set(Reason) else reason


def _figures(seen: Comparison) -> str:
    if seen.before is None or seen.after is None:
        return f"{seen.name} not measurable"
    change = f" ({seen.change_percent:+.1f}%)" if seen.change_percent is not None else ""
    return f"{seen.name} {_rounded(seen.before)} -> {_rounded(seen.after)}{change}"


def _rounded(value: Decimal) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{float(value):.3g}"  # noqa: PLR2004 - three figures are enough


def _breach(iv: Intervention) -> str:
    cause = iv.spec.cause
    if cause.breach_at is None:
        return "no time foreseen; see the probabilities above"
    between = f" (between {clock_time(cause.breach_earliest)} and {clock_time(cause.breach_latest)})"
    known = cause.breach_earliest is not None and cause.breach_latest is not None
    return f"without a change expected at {clock_time(cause.breach_at)}{between if known else ''}"


def _command(iv: Intervention, status: InterventionStatus) -> str:
    where = f"{iv.metadata.name} -n {iv.metadata.namespace}"
    match status.phase:
        case Phase.AWAITING_APPROVAL:
            return f'Approve: vanguard approve {where} --reason "..."  (or deny)'
        case Phase.APPLYING | Phase.SUCCEEDED if not for_good(status):
            annotated = f"{iv.metadata.name} vanguard.dev/rollback='...'"
            renew = f"Keep: vanguard renew {where} --for {usual(status)}  "
            keep = renew if leased(status.phase, status.lease_until) else ""
            return f"{keep}Undo: kubectl annotate intervention -n {iv.metadata.namespace} {annotated}"
        case Phase.FAILED if status.change is not None and status.change.restore_point:
            return f"Look: kubectl describe intervention {where}  (the prior values are in status.change.restorePoint)"
        case Phase.PENDING:
            return f"Do it by hand, or open a window. Look: kubectl describe intervention {where}"
        case Phase.REJECTED if status.reason == Reason.NOT_AUTOMATED:
            return f"Do it by hand: Vanguard never does this. Look: kubectl describe intervention {where}"
        case Phase.REJECTED if status.reason not in _NOT_NEEDED:
            return f"Nothing was done, and the breach is still ahead: do it by hand. Look: vanguard explain {where}"
        case _:
            return f"Nothing to undo. Look: kubectl describe intervention {where}"


def runbook_line(runbook: str, reason: str) -> str:
    """Where people read what a reason means and what to do about it."""
    return f"Runbook: {runbook_section(runbook, reason)}"


def message_of(iv: Intervention, notice: Notice, runbook: str) -> Message:
    """A recorded notice, ready to be sent, with where to read on as its last line.

    Args:
        iv: the Intervention it is about.
        notice: what is told.
        runbook: where the runbook is.
    """
    meta = iv.metadata
    return Message(
        id=f"{meta.uid}-{notice.id}",
        incident=meta.uid,
        level=notice.level,
        title=notice.title,
        lines=(*notice.lines, runbook_line(runbook, notice.reason)),
        at=notice.at,
        begun=meta.creation_timestamp or notice.at,
        over=notice.over,
        about={
            "namespace": meta.namespace,
            "intervention": meta.name,
            "phase": notice.phase.value,
            "reason": notice.reason,
        },
    )
