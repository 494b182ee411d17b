"""Git repositories for tests: bare ones on disk, and the same over HTTP behind a token."""

import base64
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIServer, make_server

from dulwich.objects import Blob, Commit, Tree
from dulwich.repo import Repo
from dulwich.server import DictBackend
from dulwich.web import WSGIRequestHandlerLogger, make_wsgi_chain

MAIN = b"refs/heads/main"


def bare(folder: Path, files: dict[str, str]) -> Path:
    """A bare repository whose branch main has one commit with these files (none of them in a folder)."""
    folder.mkdir(parents=True)
    with Repo.init_bare(str(folder)) as repo:
        add_commit(repo, files, "begin")
    return folder


def add_commit(repo: Repo, files: dict[str, str], message: str) -> str:
    """Somebody commits: the branch's files at the top become these."""
    parents = [repo.refs[MAIN]] if MAIN in repo.refs else []
    old = repo[parents[0]] if parents else None
    tree = Tree()
    if isinstance(old, Commit):
        found = repo[old.tree]
        assert isinstance(found, Tree)
        for entry, mode, sha in found.items():
            tree.add(entry, mode, sha)
    for name, text in files.items():
        blob = Blob.from_string(text.encode())
        repo.object_store.add_object(blob)
        tree.add(name.encode(), 0o100644, blob.id)
    commit = Commit()
    commit.tree, commit.parents = tree.id, parents
    commit.author = commit.committer = b"Somebody <somebody@localhost>"
    commit.author_time = commit.commit_time = 1_770_000_000
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = message.encode()
    repo.object_store.add_object(tree)
    repo.object_store.add_object(commit)
    repo.refs[MAIN] = commit.id
    return commit.id.decode()


def pushed(folder: Path, files: dict[str, str], message: str = "by hand") -> str:
    """Somebody pushes to a bare repository."""
    with Repo(str(folder)) as repo:
        return add_commit(repo, files, message)


def messages(folder: Path) -> list[str]:
    """The branch's messages, newest first."""
    with Repo(str(folder)) as repo:
        return [entry.commit.message.decode() for entry in repo.get_walker(include=[repo.refs[MAIN]])]


def file_at_head(folder: Path, path: str) -> bytes:
    """A file as the branch has it."""
    with Repo(str(folder)) as repo:
        here = repo[repo[repo.refs[MAIN]].tree]  # type: ignore[attr-defined]
        for part in path.split("/"):
            here = repo[here[part.encode()][1]]  # type: ignore[index]
        data: bytes = here.data  # type: ignore[attr-defined]
        return data


@contextmanager
def over_http(folder: Path, token: str) -> Iterator[str]:
    """The repository's URL on a server that asks for the token, and leaves at the end."""
    with Repo(str(folder)) as repo:
        app = make_wsgi_chain(DictBackend({"/": repo}))
        wanted = "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode()

        def guarded(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
            if environ.get("HTTP_AUTHORIZATION") != wanted:
                start("401 Unauthorized", [("WWW-Authenticate", "Basic"), ("Content-Length", "0")])
                return []
            return app(environ, start)  # type: ignore[no-any-return, arg-type]

        server = make_server("127.0.0.1", 0, guarded, WSGIServer, WSGIRequestHandlerLogger)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
