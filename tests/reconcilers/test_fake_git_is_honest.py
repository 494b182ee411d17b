"""The fake repository behaves like the adapter on a real one: one script, told to both."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.adapters import git_server
from tests.reconcilers.fake_git import FakeRepository
from tests.reconcilers.fakes import FakeClock
from vanguard.adapters.git import GitRepository
from vanguard.api.intervention import CommitPurpose
from vanguard.api.repositories import RepositorySpec
from vanguard.domain.trailers import signed
from vanguard.errors import RepositoryError
from vanguard.ports import Draft, Repository

BEGIN = {"a.yaml": "size: 50\n"}
Push = Callable[[dict[str, str]], object]
Account = list[tuple[str, object]]

EXPECTED: Account = [
    ("a file", "size: 50\n"),
    ("no file", None),
    ("a change", "done"),
    ("it is in the branch", "size: 60\n"),
    ("the old commit still says", "size: 50\n"),
    ("our commits", ["Change"]),
    ("another's commits", []),
    ("the change again, though the file moved on", "the same"),
    ("somebody pushed", "size: 70\n"),
    ("an undo of what is no more", "FileMoved"),
    ("a record over whatever is there", "done"),
    ("another file stays", "size: 70\n"),
    ("our commits", ["Audit", "Change"]),
    ("a commit nobody knows", "RepositoryError"),
]


def draft(purpose: CommitPurpose, text: str, expected: str | None, *, path: str = "a.yaml") -> Draft:
    guarded = purpose is not CommitPurpose.AUDIT
    return Draft(path, text, signed("auto: x", "uid", purpose), "uid", purpose, expected, guarded)


async def outcome(port: Repository, made: Draft) -> str:
    try:
        await port.commit(made)
    except RepositoryError as error:
        return type(error).__name__
    return "done"


async def tell(port: Repository, push: Push) -> Account:
    """The script."""
    out: Account = []

    async def read(path: str) -> str | None:
        return await port.read(await port.head(), path)

    async def ours(uid: str = "uid") -> list[str]:
        return sorted(await port.commits_of(await port.head(), uid))

    first = await port.head()
    out += [("a file", await read("a.yaml")), ("no file", await read("b.yaml"))]
    change = draft(CommitPurpose.CHANGE, "size: 60\n", "size: 50\n")
    out += [("a change", await outcome(port, change)), ("it is in the branch", await read("a.yaml"))]
    out += [("the old commit still says", await port.read(first, "a.yaml"))]
    out += [("our commits", await ours()), ("another's commits", await ours("other"))]
    once = (await port.commits_of(await port.head(), "uid"))[CommitPurpose.CHANGE]
    push({"a.yaml": "size: 70\n"})
    out += [("the change again, though the file moved on", "the same" if await port.commit(change) == once else "new")]
    out += [("somebody pushed", await read("a.yaml"))]
    undo = draft(CommitPurpose.UNDO, "size: 50\n", "size: 60\n")
    out += [("an undo of what is no more", await outcome(port, undo))]
    audit = draft(CommitPurpose.AUDIT, "kind: x\n", None, path="records/shop/iv.yaml")
    out += [("a record over whatever is there", await outcome(port, audit))]
    out += [("another file stays", await read("a.yaml")), ("our commits", await ours())]
    try:
        await port.read("0" * 40, "a.yaml")
    except RepositoryError as error:
        out += [("a commit nobody knows", type(error).__name__)]
    return out


def test_the_fake() -> None:
    fake = FakeRepository(BEGIN)
    assert asyncio.run(tell(fake, lambda files: [fake.push(*one) for one in files.items()])) == EXPECTED


def test_the_adapter_on_a_real_repository(tmp_path: Path) -> None:
    remote = git_server.bare(tmp_path / "x.git", BEGIN)
    port = GitRepository(RepositorySpec(name="deploy", url=str(remote)), FakeClock())
    assert asyncio.run(tell(port, lambda files: git_server.pushed(remote, files))) == EXPECTED
