"""A change by commit: where a GitOps tool owns the object, the value is written in its repository and nowhere else.

The tool carries it to the object, so such a change stands in two places. How it stands follows from both, and from
our own commits in the branch: they, and no memory, say whether we wrote.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from vanguard.api.intervention import (
    Change,
    CommitPurpose,
    CommitRecord,
    DeliveryState,
    FieldValue,
    FileRef,
    Step,
)
from vanguard.api.policy import Tunable
from vanguard.api.reasons import Reason
from vanguard.api.repositories import RepositorySpec, inside
from vanguard.domain import manifest
from vanguard.domain.change import Impossible, StepState, is_marker, never_landed, state_of, taken_back
from vanguard.domain.manifest import Place
from vanguard.domain.workload import Raw

# Not now, but perhaps at the next look; every other reason against a commit stands until a person acts.
PASSING = frozenset({Reason.REPOSITORY_UNREADABLE, Reason.NOT_SYNCED})


@dataclass(frozen=True)
class File:
    """The file of a change as the branch has it.

    Attributes:
        value: what it declares; None where it does not declare it (any more).
        shas: our commits for the Intervention in the branch, by purpose.
    """

    value: str | None
    shas: dict[CommitPurpose, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether our change was committed."""
        return CommitPurpose.CHANGE in self.shas

    @property
    def undone(self) -> bool:
        """Whether we committed its undoing."""
        return CommitPurpose.UNDO in self.shas


def allowed(tunable: Tunable, namespace: str, spec: RepositorySpec | None) -> Impossible | None:
    """Why the operator may not commit where a policy says the value is declared; None when it may."""
    declared = tunable.git_ops
    if declared is None or spec is None:
        name = declared.repository if declared else "none"
        return Impossible(Reason.REPOSITORY_NOT_ALLOWED, f"the operator knows no repository {name!r}")
    if namespace not in spec.namespaces:
        return Impossible(Reason.REPOSITORY_NOT_ALLOWED, f"repository {spec.name} is not open to namespace {namespace}")
    if not inside(declared.path, spec.path_prefix):
        return Impossible(
            Reason.REPOSITORY_NOT_ALLOWED,
            f"{declared.path!r} is not below {spec.path_prefix or 'the root'!r} of repository {spec.name}",
        )
    return None


def by_commit(
    change: Change, tunable: Tunable, namespace: str, spec: RepositorySpec | None, text: str | None
) -> Change | Impossible:
    """The same change, made by a commit; or why it cannot be.

    Args:
        change: as it would be made on the live object.
        tunable: what it tunes.
        namespace: the object's.
        spec: the repository as the operator's file describes it.
        text: the file at the branch's head; None where there is none.
    """
    if (refusal := allowed(tunable, namespace, spec)) is not None or spec is None or tunable.git_ops is None:
        return refusal or Impossible(Reason.REPOSITORY_NOT_ALLOWED, Reason.REPOSITORY_NOT_ALLOWED.sentence)
    file = FileRef(repository=spec.name, branch=spec.branch, path=tunable.git_ops.path, location=tunable.location)
    where = f"{file.path} of repository {file.repository}"
    if len(change.restore_point) > 1:
        return Impossible(
            Reason.ROLLOUT_IMPOSSIBLE,
            f"{tunable.name} needs a restart (reload: Restart), and a commit of a ConfigMap makes none; "
            "where the program reads it live, say reload: Live",
        )
    if text is None:
        return Impossible(Reason.NOT_IN_GIT, f"there is no text file {where}")
    step = _unmarked(change.restore_point[0])
    place, value = place_of(step, file, namespace), touched(step)
    declared = manifest.value_in(text, place)
    if isinstance(declared, Impossible):
        return Impossible(declared.reason, f"{where}: {declared.message}")
    if declared != value.before:
        return Impossible(
            Reason.NOT_SYNCED, f"{tunable.name} is {declared!r} in {where} and {value.before!r} on the live object"
        )
    forth = manifest.replaced(text, place, value.after or "")
    if isinstance(forth, Impossible):
        return Impossible(forth.reason, f"{where}: {forth.message}")
    summary = f"{tunable.name} {change.from_.strip()} -> {change.to} by a commit to {where}"
    return change.model_copy(update={"commit": file, "restore_point": (step,), "summary": summary[:1024]})


def _unmarked(step: Step) -> Step:
    """The GitOps tool owns the object: not even our marker is written to it."""
    return step.model_copy(update={"fields": tuple(one for one in step.fields if not is_marker(one))})


def touched(step: Step) -> FieldValue:
    """The one field of such a step that changes."""
    return next(one for one in step.fields if one.before != one.after)


def place_of(step: Step, file: FileRef, namespace: str) -> Place:
    """Where in the file the step's value is."""
    return Place(step.object.kind, namespace, step.object.name, file.location)


def standing(step: Step, raw: Raw | None, file: File | None, *, kept: bool = False) -> StepState:
    """How a step stands: by the live object, and by the file where the change is a commit; see `state_of`."""
    live = state_of(step, raw, kept=kept)
    if file is None or live in (StepState.GONE, StepState.DRIFTED):
        return live
    value = touched(step)
    if file.value == value.after and file.changed and not file.undone:
        return StepState.APPLIED if live is StepState.APPLIED else StepState.ARRIVING
    if file.value == value.before and (live is StepState.PRISTINE or file.changed):
        return StepState.PRISTINE if live is StepState.PRISTINE else StepState.LEAVING
    return StepState.DRIFTED


def unwritten(step: Step, raw: Raw, file: File | None) -> bool:
    """Whether our write certainly has not happened yet."""
    return never_landed(step, raw) if file is None else not file.changed


def reverted(step: Step, raw: Raw, file: File | None) -> bool:
    """Whether somebody else put exactly the old value back after our write."""
    if file is None:
        return taken_back(step, raw)
    return file.changed and not file.undone and file.value == touched(step).before


def records(file: File, repository: str, now: datetime) -> tuple[CommitRecord, ...]:
    """Our commits, as the status tells of them."""
    made = {"repository": repository, "at": now, "state": DeliveryState.SENT, "attempts": 1, "last_attempt_at": now}
    return tuple(CommitRecord(purpose=purpose, sha=sha, **made) for purpose, sha in sorted(file.shas.items()))


def recorded(known: tuple[CommitRecord, ...], seen: Iterable[CommitRecord]) -> tuple[CommitRecord, ...]:
    """What is recorded already, and after it what was seen since."""
    purposes = {record.purpose for record in known}
    return (*known, *(record for record in seen if record.purpose not in purposes))
