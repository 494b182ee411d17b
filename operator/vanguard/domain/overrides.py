"""Overrides by annotation: people may lower autonomy or stop what runs, never raise it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from vanguard.api.base import Annotation, Mode, parse_time
from vanguard.api.kinds import Metadata
from vanguard.api.reasons import Reason
from vanguard.domain.consent import lower

DISABLED = "Disabled"


@dataclass(frozen=True)
class Overrides:
    """What the annotations of a workload and its namespace ask for, the strictest of both.

    Attributes:
        disabled_by: what is annotated to stop automation; empty if nothing is.
        mode: the mode it is lowered to; Auto when nothing lowers it.
        paused_until: the latest pause asked for.
        unreadable: sentences naming an annotation that cannot be understood.
    """

    disabled_by: str = ""
    mode: Mode = Mode.AUTO
    paused_until: datetime | None = None
    unreadable: tuple[str, ...] = ()


def overrides_of(annotated: Mapping[str, Mapping[str, str]]) -> Overrides:
    """Fold annotations.

    Args:
        annotated: annotations by what carries them, such as {"Deployment orders": {...}}.
    """
    disabled, modes, pauses, unreadable = "", [Mode.AUTO], [], []
    for where, annotations in annotated.items():
        wanted = annotations.get(Annotation.AUTOMATION)
        if wanted == DISABLED:
            disabled = disabled or where
        elif wanted in (Mode.OBSERVE, Mode.APPROVE):
            modes.append(Mode(wanted))
        elif wanted is not None:
            unreadable.append(
                f"{where}: {Annotation.AUTOMATION} is {wanted!r}; it must be Disabled, Observe or Approve"
            )
        until = annotations.get(Annotation.PAUSED_UNTIL)
        if until is not None:
            try:
                pauses.append(parse_time(until))
            except ValueError as error:
                unreadable.append(f"{where}: {Annotation.PAUSED_UNTIL}: {error}")
    lowest = reduce(lower, modes)
    return Overrides(disabled, lowest, max(pauses, default=None), tuple(unreadable))


def stop_asked(meta: Metadata) -> tuple[Reason, str] | None:
    """Why a person wants an Intervention stopped or undone, from its metadata; None if nobody does."""
    if meta.deletion_timestamp is not None:
        return Reason.DELETED_IN_FLIGHT, Reason.DELETED_IN_FLIGHT.sentence
    for annotation, reason in (
        (Annotation.ABORT, Reason.ABORTED),
        (Annotation.ROLLBACK, Reason.ROLLBACK_REQUESTED),
    ):
        if annotation in meta.annotations:
            return reason, meta.annotations[annotation][:900] or reason.sentence
    return None
