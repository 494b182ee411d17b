"""Repositories: what a branch says, asked at most every ten seconds, and the one place that commits a change.

Nothing here fetches while a lock of admission is held: who finds the last look too old raises `RepositoryUnseen`, and
the reconciler looks (without locks of others) and comes again.
"""

import logging
from dataclasses import replace
from datetime import timedelta

from vanguard.api.intervention import Change, CommitPurpose, CommitRecord, DeliveryState, FileRef
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import Reason
from vanguard.domain import audit, manifest
from vanguard.domain.change import Impossible
from vanguard.domain.committing import File, allowed, by_commit, place_of, touched
from vanguard.domain.decision.facts import Facts
from vanguard.domain.decision.target import declared_in_git
from vanguard.domain.undoing import Tried
from vanguard.domain.view import Write
from vanguard.errors import FileMoved, RepositoryError, RepositoryRefused, RepositoryUnseen
from vanguard.ports import Draft, Repository
from vanguard.reconcilers.archive import count
from vanguard.reconcilers.context import Context, Look

_log = logging.getLogger(__name__)

GOOD_FOR = timedelta(seconds=10)
# What would end an Intervention is not believed of an older look than this.
CERTAIN_FOR = timedelta(seconds=2)


async def look(ctx: Context, name: str) -> None:
    """Ask a repository for its newest commit; what came of it, also a failure, is good for a while."""
    try:
        head, trouble = await _port(ctx, name).head(), None
    except RepositoryError as error:
        head, trouble = "", error
        _log.warning("%s", error)
    ctx.git.looks[name] = Look(ctx.clock.now(), head, trouble)


def _port(ctx: Context, name: str) -> Repository:
    port = ctx.git.repositories.get(name)
    if port is None:
        raise RepositoryRefused(f"repository {name} is not configured any more")
    return port


async def _text(
    ctx: Context, name: str, path: str, good_for: timedelta = GOOD_FOR
) -> tuple[Repository, str, str | None]:
    """The repository, its newest commit, and a file in it; all as of a look that is not too old."""
    known, port = ctx.git.looks.get(name), _port(ctx, name)
    if known is None or not timedelta(0) <= ctx.clock.now() - known.at <= good_for:
        raise RepositoryUnseen(name)
    if known.trouble is not None:
        raise known.trouble
    return port, known.head, await port.read(known.head, path)


async def routed(ctx: Context, facts: Facts) -> Facts:
    """The facts with the change made by a commit where a GitOps tool owns the object and a policy says where.

    Raises:
        RepositoryUnseen: when the repository has to be looked at first.
    """
    tunable = declared_in_git(facts)
    if tunable is None or tunable.git_ops is None or not isinstance(facts.change, Change):
        return facts
    namespace, spec = facts.intervention.metadata.namespace, ctx.git.specs.get(tunable.git_ops.repository)
    text, refusal = None, allowed(tunable, namespace, spec)
    if refusal is None and spec is not None:
        try:
            _, _, text = await _text(ctx, spec.name, tunable.git_ops.path)
        except RepositoryError as error:
            refusal = Impossible(Reason.REPOSITORY_UNREADABLE, str(error))
    planned = refusal or by_commit(facts.change, tunable, namespace, spec, text)
    if isinstance(planned, Impossible):
        return replace(facts, uncommittable=planned)
    return replace(facts, change=planned)


async def file_of(ctx: Context, iv: Intervention, *, certain: bool = False) -> File | None:
    """The file of the recorded change as the branch has it, with our commits; None for a change on the object itself.

    Args:
        ctx: the process.
        iv: the Intervention.
        certain: whether only a look of this very moment will do.

    Raises:
        RepositoryUnseen: when the repository has to be looked at first.
        RepositoryError: when it gave no answer.
    """
    change = iv.status.change
    if change is None or change.commit is None:
        return None
    file, step = change.commit, change.restore_point[0]
    port, head, text = await _text(ctx, file.repository, file.path, CERTAIN_FOR if certain else GOOD_FOR)
    value = manifest.value_in(text or "", place_of(step, file, iv.metadata.namespace))
    # Seen once, a commit was made, also when it is no more among the newest.
    seen = {record.purpose: record.sha for record in iv.status.commits if _of_the_route(record)}
    shas = {**seen, **await port.commits_of(head, iv.metadata.uid)}
    return File(
        None if isinstance(value, Impossible) else value,
        {purpose: sha for purpose, sha in shas.items() if purpose not in audit.AUDITS},
    )


def _of_the_route(record: CommitRecord) -> bool:
    return record.purpose not in audit.AUDITS and record.state is DeliveryState.SENT


async def write(ctx: Context, iv: Intervention, change: Change, file: FileRef, todo: Write) -> Tried:
    """Commit the change, or its undoing, on top of the branch as it is this moment.

    Returns:
        What the repository said. Whether it landed is read from the branch at the next look.

    Raises:
        RepositoryError: when there was no answer to a change. To undo one is tried so often and no more.
    """
    tried = Tried(todo.index, todo.inverse)
    purpose = CommitPurpose.UNDO if todo.inverse else CommitPurpose.CHANGE
    ctx.git.looks.pop(file.repository, None)  # whatever comes of it, the next look is a new one
    try:
        port = _port(ctx, file.repository)
        draft = await _draft(port, iv, change, file, purpose)
        if draft is None:
            return replace(tried, missed="somebody wrote since the look that led here")
        sha = await port.commit(draft)
    except FileMoved as error:
        _log.info("%s, looking again", error)
        return replace(tried, missed=str(error))
    except RepositoryRefused as error:
        _log.warning("%s", error)
        return replace(tried, refused=str(error))
    except RepositoryError as error:
        if not todo.inverse:
            raise
        _log.warning("no answer to the undoing, looking whether it landed: %s", error)
        return replace(tried, missed=str(error))
    _log.info("committed %s to repository %s: %s", purpose, file.repository, sha)
    now = ctx.clock.now()
    count(ctx, CommitRecord(purpose=purpose, repository=file.repository, at=now, state=DeliveryState.SENT))
    return tried


async def _draft(
    port: Repository, iv: Intervention, change: Change, file: FileRef, purpose: CommitPurpose
) -> Draft | None:
    """The commit to be made; None when the file does not have the value it is to be made from."""
    step = change.restore_point[0]
    place, value = place_of(step, file, iv.metadata.namespace), touched(step)
    undoing = purpose is CommitPurpose.UNDO
    old, new = (value.after, value.before) if undoing else (value.before, value.after)
    text = await port.read(await port.head(), file.path)
    if text is None or manifest.value_in(text, place) != old:
        return None
    changed = manifest.replaced(text, place, new or "")
    if isinstance(changed, Impossible):
        raise RepositoryRefused(f"repository {file.repository}: {changed.message}")
    return Draft(file.path, changed, audit.message(iv, purpose), iv.metadata.uid, purpose, expected=text)
