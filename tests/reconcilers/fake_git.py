"""A git repository in memory that can be dead, refuse, lose replies and be pushed to by others.

`test_fake_git_is_honest.py` holds it against the adapter and a real repository.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.reconcilers.fakes import Fault, Killed
from vanguard.api.intervention import CommitPurpose
from vanguard.domain.trailers import signature
from vanguard.errors import FileMoved, RepositoryError, RepositoryRefused
from vanguard.ports import Draft


@dataclass(frozen=True)
class Version:
    """One commit: all files as they are in it."""

    sha: str
    files: Mapping[str, str]
    message: str


@dataclass
class FakeRepository:
    """The Repository port.

    Attributes:
        versions: oldest first.
        dead: whether nothing answers.
        refuses: whether pushes are refused for good.
        fault: what befalls the next push.
        meanwhile: what somebody does just before the next push.
        fetches: how often the remote was asked for its newest commit.
    """

    files: dict[str, str] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    dead: bool = False
    refuses: bool = False
    fault: Fault | None = None
    meanwhile: Callable[[], object] | None = None
    fetches: int = 0

    def __post_init__(self) -> None:
        self._add(self.files, "begin")

    def _add(self, files: Mapping[str, str], message: str) -> str:
        before = self.versions[-1] if self.versions else None
        sha = hashlib.sha1(f"{before}{files}{message}".encode()).hexdigest()  # noqa: S324 - as git does
        self.versions.append(Version(sha, {**(before.files if before else {}), **files}, message))
        return sha

    def push(self, path: str, text: str, message: str = "by hand") -> str:
        """Somebody pushes."""
        return self._add({path: text}, message)

    def now(self, path: str) -> str | None:
        """A file as the branch has it."""
        return self.versions[-1].files.get(path)

    @property
    def subjects(self) -> list[str]:
        """First lines of all messages but the first, oldest first."""
        return [version.message.splitlines()[0] for version in self.versions[1:]]

    @property
    def ours(self) -> list[CommitPurpose]:
        """What our commits do, oldest first."""
        marks = (signature(version.message) for version in self.versions)
        return [mark[1] for mark in marks if mark is not None]

    async def head(self) -> str:
        """See `ports.Repository`."""
        self.fetches += 1
        if self.dead:
            raise RepositoryError("repository deploy: no connection")
        return self.versions[-1].sha

    async def read(self, commit: str, path: str) -> str | None:
        """See `ports.Repository`."""
        return self._until(commit)[-1].files.get(path)

    async def commits_of(self, commit: str, intervention: str) -> Mapping[CommitPurpose, str]:
        """See `ports.Repository`."""
        marks = [(signature(version.message), version.sha) for version in self._until(commit)]
        return {mark[1]: sha for mark, sha in marks if mark is not None and mark[0] == intervention}

    def _until(self, commit: str) -> list[Version]:
        number = next((n for n, version in enumerate(self.versions) if version.sha == commit), None)
        if number is None:
            raise RepositoryError(f"repository deploy: commit {commit[:12]} is not known")
        return self.versions[: number + 1]

    async def commit(self, draft: Draft) -> str:
        """See `ports.Repository`."""
        someone, self.meanwhile = self.meanwhile, None
        if someone is not None:
            someone()
        head = await self.head()
        known = (await self.commits_of(head, draft.intervention)).get(draft.purpose)
        if known is not None:
            return known
        if draft.guarded and self.now(draft.path) != draft.expected:
            raise FileMoved(f"repository deploy: {draft.path} changed meanwhile")
        if self.refuses:
            raise RepositoryRefused("repository deploy refused the push: protected branch")
        fault, self.fault = self.fault, None
        if fault is Fault.KILL_BEFORE:
            raise Killed
        if fault is Fault.FAIL_BEFORE:
            raise RepositoryError("repository deploy: no connection")
        sha = self._add({draft.path: draft.text}, draft.message)
        if fault is Fault.KILL_AFTER:
            raise Killed
        if fault is Fault.LOSE_REPLY:
            raise RepositoryError("repository deploy: no answer within 25s")
        return sha
