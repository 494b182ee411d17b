"""How far a value may be raised in all: small raises, each allowed, must not add up without end.

The value found before the operator's own first raise is read from the Interventions on the same value, newest first:
each one's value after must be the next one's value before. Where the chain breaks, somebody else has set the value, and
it starts anew. Nothing is remembered anywhere else.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from vanguard.api.intervention import Change, Phase
from vanguard.api.kinds import Intervention

_WHOLE = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True)
class Place:
    """Where a value lives: the field itself, so that two workloads that share it, or two names for it, are one."""

    namespace: str
    kind: str
    name: str
    path: str


@dataclass(frozen=True)
class Raise:
    """A tunable that an Intervention changed and did not put back.

    Attributes:
        settled: whether it was certainly in place when the Intervention ended; a failed one may have been, or not.
    """

    target_uid: str
    tunable: str
    place: Place | None
    before: int
    after: int
    settled: bool

    def of(self, target_uid: str, tunable: str, place: Place) -> bool:
        """Whether it is about this value."""
        return self.place == place or (self.target_uid, self.tunable) == (target_uid, tunable)


def raise_of(iv: Intervention) -> Raise | None:
    """What an Intervention changed and did not put back; None if it changed no tunable, or did put it back."""
    change, undo = iv.status.change, iv.status.undo
    kept = iv.status.phase in (Phase.SUCCEEDED, Phase.FAILED) and not (undo and undo.restored_at)
    before, after = _whole(change.from_ if change else ""), _whole(change.to if change else "")
    if not kept or change is None or iv.spec.action.tunable is None or before is None or after is None:
        return None
    return Raise(
        target_uid=iv.spec.target.uid,
        tunable=iv.spec.action.tunable,
        place=_place(iv.metadata.namespace, change),
        before=before,
        after=after,
        settled=iv.status.phase is Phase.SUCCEEDED,
    )


def base_of(raises: Iterable[Raise], present: int) -> int:
    """The value found before the operator's own first raise.

    Args:
        raises: those about one value, newest first.
        present: what it is now.
    """
    base = present
    for one in raises:
        if one.after == base:
            base = one.before
        elif one.settled or one.before != base:
            break
        # Else it failed, and the value is what it was before: it left nothing, and what came before it counts.
    return base


def highest(base: int, percent: int, step: int) -> int:
    """The largest whole number at most so many percent above the base; above nothing, which has none, one step."""
    return base * (100 + percent) // 100 if base else step


def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text.strip()) else None


def _place(namespace: str, change: Change) -> Place | None:
    """The one field that went from the value before to the value after."""
    return next(
        (
            Place(namespace, step.object.kind, step.object.name, field.path)
            for step in change.restore_point
            for field in step.fields
            if (field.before, field.after) == (change.from_, change.to)
        ),
        None,
    )
