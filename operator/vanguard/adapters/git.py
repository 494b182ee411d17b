"""A branch of a git repository through dulwich: fetched into memory, written to by commits of one file each.

Nothing is kept on disk. The first fetch takes the newest 500 commits, later ones what is new. All of it happens in
worker threads, with time-outs; a push is taken by the remote only on top of exactly the commit it was made on.
"""

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from dulwich.client import GitClient, HTTPUnauthorized, LocalGitClient, Urllib3HttpGitClient
from dulwich.config import ConfigFile
from dulwich.errors import GitProtocolError, NotGitRepository, SendPackError
from dulwich.file import FileLocked
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.pack import pack_objects_to_data
from dulwich.refs import Ref
from dulwich.repo import MemoryRepo
from urllib3.exceptions import HTTPError

from vanguard.adapters import files
from vanguard.api.intervention import CommitPurpose
from vanguard.api.repositories import RepositoriesFile, RepositorySpec
from vanguard.domain.trailers import signature
from vanguard.errors import FileMoved, RepositoryError, RepositoryRefused, SettingsError
from vanguard.ports import Clock, Draft

_log = logging.getLogger(__name__)

MOST_HISTORY = 500
_TIMEOUT = 8.0  # of one read of one request
_DEADLINE = 25.0  # of one call of ours
_TRIES = 6
_PAUSE = 0.1
# A repository that has grown so far in memory is fetched anew.
_MOST_OBJECTS = 200_000
_MOST_FILE = 1_000_000
_AUTHOR = b"Vanguard <vanguard@localhost>"
_FILE, _EXECUTABLE, _FOLDER = 0o100644, 0o100755, 0o040000
_STATUS = re.compile(r"unexpected http resp (\d{3})")
_NO = frozenset({"400", "401", "403", "404", "410", "451"})

P = ParamSpec("P")
Result = TypeVar("Result")


def load(path: Path | None) -> RepositoriesFile:
    """Read the repositories file; without one, no repository may be written to.

    Raises:
        SettingsError: naming the file, the field, the value and what it should be.
    """
    return files.loaded(path, RepositoriesFile)


class GitRepository:
    """The Repository port over one branch."""

    def __init__(self, spec: RepositorySpec, clock: Clock) -> None:
        """Know of a repository; it is connected to only when it is asked.

        Args:
            spec: where it is and who the operator is there.
            clock: what commits are dated by.
        """
        self._spec = spec
        self._clock = clock
        self._ref = Ref(f"refs/heads/{spec.branch}".encode())
        self._lock = threading.Lock()
        self._local = MemoryRepo()

    async def head(self) -> str:
        """See `ports.Repository`."""
        return await self._in_thread(self._head)

    async def read(self, commit: str, path: str) -> str | None:
        """See `ports.Repository`."""
        return self._text(ObjectID(commit.encode()), path)

    async def commits_of(self, commit: str, intervention: str) -> Mapping[CommitPurpose, str]:
        """See `ports.Repository`."""
        return self._ours(ObjectID(commit.encode()), intervention)

    async def commit(self, draft: Draft) -> str:
        """See `ports.Repository`."""
        return await self._in_thread(self._commit, draft)

    async def _in_thread(self, work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
        def alone() -> Result:
            with self._translated():
                if not self._lock.acquire(timeout=_TIMEOUT):
                    raise RepositoryError(f"repository {self._spec.name}: an earlier call has had no answer yet")
                try:
                    return work(*args, **kwargs)
                finally:
                    self._lock.release()

        try:
            async with asyncio.timeout(_DEADLINE):
                return await asyncio.to_thread(alone)
        except TimeoutError:
            raise RepositoryError(f"repository {self._spec.name}: no answer within {_DEADLINE:.0f}s") from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Whatever the library raises, as ours. Texts of its errors hold URLs and answers, so they are not told."""
        name = self._spec.name
        try:
            yield
        except RepositoryError:
            raise
        except SettingsError as error:
            raise RepositoryRefused(f"repository {name}: {error}") from None
        except HTTPUnauthorized:
            raise RepositoryRefused(f"repository {name}: it does not accept the credentials (HTTP 401)") from None
        except NotGitRepository:
            raise RepositoryRefused(f"repository {name}: there is no such repository, or not for us") from None
        except (GitProtocolError, SendPackError, HTTPError) as error:
            raise _protocol_error(name, error) from None
        except OSError as error:
            raise RepositoryError(f"repository {name}: {error.strerror or type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001 - a library's fault on a strange answer; its text may hold anything
            self._local = MemoryRepo()
            raise RepositoryError(f"repository {name}: unexpected {type(error).__name__}") from None

    def _client(self) -> tuple[GitClient, str]:
        """A client with the secrets as they are now, and the path to give it."""
        spec = self._spec
        if not spec.url.startswith("http"):
            return LocalGitClient(), urlsplit(spec.url).path
        config = ConfigFile()
        if spec.ca_file is not None:
            config.set((b"http",), b"sslCAInfo", spec.ca_file.encode())
        token = files.secret(spec.token_file) if spec.token_file else None
        user = files.secret(spec.username_file) if spec.username_file else "x-access-token"
        return Urllib3HttpGitClient(
            spec.url, config=config, username=user if token else None, password=token, timeout=_TIMEOUT, quiet=True
        ), ""

    def _head(self) -> str:
        return self._fetch().decode()

    def _fetch(self) -> ObjectID:
        """Bring the branch into memory; its newest commit."""
        if sum(1 for _ in self._local.object_store) > _MOST_OBJECTS:
            self._local = MemoryRepo()
        local = self._local
        client, path = self._client()
        found: list[ObjectID] = []

        def wanted(refs: Mapping[Ref, ObjectID], depth: int | None = None) -> list[ObjectID]:  # noqa: ARG001 - theirs
            if self._ref not in refs:
                raise RepositoryRefused(f"repository {self._spec.name}: it has no branch {self._spec.branch}")
            found[:] = [refs[self._ref]]
            return [sha for sha in found if sha not in local.object_store]

        fresh = self._ref not in local.refs
        client.fetch(
            path, local, determine_wants=wanted, depth=MOST_HISTORY if fresh else None, ref_prefix=[bytes(self._ref)]
        )
        local.refs[self._ref] = found[0]
        return found[0]

    def _text(self, commit: ObjectID, path: str) -> str | None:
        entry = self._entry(commit, path)
        if entry is None or entry[0] not in (_FILE, _EXECUTABLE):
            return None
        blob = self._local[entry[1]]
        if not isinstance(blob, Blob) or blob.raw_length() > _MOST_FILE:
            return None
        try:
            return blob.data.decode()
        except UnicodeDecodeError:
            return None

    def _entry(self, commit: ObjectID, path: str) -> tuple[int, ObjectID] | None:
        """Mode and sha of what a path names."""
        here: ShaFile = self._local[self._commit_at(commit).tree]
        mode = _FOLDER
        for part in path.split("/"):
            if not isinstance(here, Tree) or part.encode() not in here:
                return None
            mode, sha = here[part.encode()]
            if sha not in self._local.object_store:
                return None  # a submodule's commit is elsewhere
            here = self._local[sha]
        return mode, here.id

    def _commit_at(self, sha: ObjectID) -> Commit:
        try:
            found = self._local[sha]
        except KeyError:
            raise RepositoryError(f"repository {self._spec.name}: commit {sha.decode()[:12]} is not known") from None
        if not isinstance(found, Commit):
            raise RepositoryError(f"repository {self._spec.name}: {sha.decode()[:12]} is no commit")
        return found

    def _ours(self, commit: ObjectID, intervention: str) -> Mapping[CommitPurpose, str]:
        out: dict[CommitPurpose, str] = {}
        for found in self._history(commit):
            mark = signature(found.message.decode(errors="replace"))
            if mark is not None and mark[0] == intervention:
                out.setdefault(mark[1], found.id.decode())
        return out

    def _history(self, commit: ObjectID) -> Iterator[Commit]:
        """The newest commits that lead to one, newest first by their place in the graph."""
        seen, todo = {commit}, [commit]
        for sha in todo:
            if len(seen) > MOST_HISTORY:
                return
            if sha in self._local.object_store:
                found = self._commit_at(sha)
                yield found
                todo += [parent for parent in found.parents if parent not in seen]
                seen.update(found.parents)

    def _commit(self, draft: Draft) -> str:
        for attempt in range(_TRIES):
            time.sleep(_PAUSE * attempt)  # in a worker thread
            head = self._fetch()
            known = self._ours(head, draft.intervention).get(draft.purpose)
            if known is not None:
                return known
            if draft.guarded and self._text(head, draft.path) != draft.expected:
                raise FileMoved(f"repository {self._spec.name}: {draft.path} changed meanwhile")
            made = self._made(head, draft)
            refusal = self._push(head, made)
            if refusal is None:
                return made[-1].id.decode()
            if refusal and self._fetch() == head:
                raise RepositoryRefused(f"repository {self._spec.name} refused the push: {refusal[:120]}")
            _log.info("repository %s moved on under the push, trying again", self._spec.name)
        raise RepositoryError(f"repository {self._spec.name} moved on under each of {_TRIES} pushes")

    def _made(self, head: ObjectID, draft: Draft) -> list[ShaFile]:
        """The new objects, the commit last; they are known locally from now on."""
        known = self._entry(head, draft.path)
        blob = Blob.from_string(draft.text.encode())
        out: list[ShaFile] = [blob]
        mode = known[0] if known is not None and known[0] == _EXECUTABLE else _FILE
        tree = self._with(self._commit_at(head).tree, draft.path.split("/"), (mode, blob.id), out)
        commit = Commit()
        commit.tree, commit.parents = tree, [head]
        commit.author = commit.committer = _AUTHOR
        commit.author_time = commit.commit_time = int(self._clock.now().timestamp())
        commit.author_timezone = commit.commit_timezone = 0
        commit.encoding, commit.message = b"UTF-8", draft.message.encode()
        out.append(commit)
        for made in out:
            self._local.object_store.add_object(made)
        return out

    def _with(
        self, base: ObjectID | None, parts: list[str], entry: tuple[int, ObjectID], out: list[ShaFile]
    ) -> ObjectID:
        """A tree like one that is known, but for one entry; new trees are appended to `out`."""
        found = self._local[base] if base is not None else Tree()
        if not isinstance(found, Tree):
            raise RepositoryRefused(f"repository {self._spec.name}: there is a file where {parts[0]} needs a folder")
        tree, name = Tree(), parts[0].encode()
        for known, mode, sha in found.items():
            tree.add(known, mode, sha)
        if len(parts) == 1:
            tree[name] = entry
        else:
            below = tree[name][1] if name in tree else None
            tree[name] = (_FOLDER, self._with(below, parts[1:], entry, out))
        out.append(tree)
        return tree.id

    def _push(self, head: ObjectID, made: list[ShaFile]) -> str | None:
        """Offer the commit on top of `head`: None if it was taken, empty if the branch moved, or the refusal."""
        client, path = self._client()
        commit = made[-1].id
        moved = False

        def update(refs: dict[Ref, ObjectID]) -> dict[Ref, ObjectID]:
            nonlocal moved
            moved = refs.get(self._ref) != head
            return {} if moved else {self._ref: commit}

        try:
            told = client.send_pack(path.encode(), update, lambda *_, **__: pack_objects_to_data(made, deltify=False))
        except FileLocked:
            return ""  # a local repository, written to by another at this very moment
        if moved:
            return ""
        said = (told.ref_status or {}).get(self._ref)
        if said is not None:
            return "".join(char if char.isprintable() else " " for char in said)
        self._local.refs[self._ref] = commit
        return None


def _protocol_error(name: str, error: Exception) -> RepositoryError:
    text = str(error)
    status = _STATUS.search(text)
    if status is not None and status[1] in _NO:
        return RepositoryRefused(f"repository {name}: it answered HTTP {status[1]}")
    if status is not None:
        return RepositoryError(f"repository {name}: it answered HTTP {status[1]}")
    if "CERTIFICATE" in text.upper():
        return RepositoryError(f"repository {name}: its certificate is not trusted; see caFile")
    return RepositoryError(f"repository {name}: no whole answer ({type(error).__name__})")
