"""The git adapter against real repositories: on disk, over HTTP with a token, raced, dead, and refusing."""

import asyncio
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dulwich.repo import Repo

from tests.adapters.git_server import MAIN, bare, file_at_head, messages, over_http, pushed
from vanguard.adapters import git
from vanguard.adapters.git import GitRepository
from vanguard.api.intervention import CommitPurpose
from vanguard.api.repositories import RepositorySpec
from vanguard.domain.trailers import signed
from vanguard.errors import FileMoved, RepositoryError, RepositoryRefused
from vanguard.ports import Draft

OLD = {"config.yaml": "size: 50\n", "other.yaml": "x: 1\n"}


class StoppedClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def opened(url: str | Path, **more: Any) -> GitRepository:
    return GitRepository(RepositorySpec(name="deploy", url=str(url), **more), StoppedClock())


def draft(text: str = "size: 60\n", **changes: Any) -> Draft:
    known: dict[str, Any] = {
        "path": "config.yaml",
        "text": text,
        "expected": OLD["config.yaml"],
        "intervention": "uid-1",
        "purpose": CommitPurpose.CHANGE,
    }
    known |= changes
    return Draft(message=signed("auto: grow", known["intervention"], known["purpose"]), **known)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return bare(tmp_path / "deploy.git", OLD)


async def read(repository: GitRepository, path: str) -> str | None:
    return await repository.read(await repository.head(), path)


async def ours(repository: GitRepository) -> Mapping[CommitPurpose, str]:
    return await repository.commits_of(await repository.head(), "uid-1")


def test_a_commit_writes_one_file_and_leaves_the_others_as_they_are(remote: Path) -> None:
    made = asyncio.run(opened(remote).commit(draft()))
    assert file_at_head(remote, "config.yaml") == b"size: 60\n"
    assert file_at_head(remote, "other.yaml") == b"x: 1\n"
    assert messages(remote)[0] == "auto: grow\n\nVanguard-Intervention: uid-1\nVanguard-Write: Change\n"
    assert asyncio.run(ours(opened(remote))) == {CommitPurpose.CHANGE: made}
    with Repo(str(remote)) as repo:
        newest = next(iter(repo.get_walker(include=[repo.refs[MAIN]]))).commit
    assert newest.author == b"Vanguard <vanguard@localhost>"


def test_git_itself_finds_nothing_wrong_with_it(remote: Path) -> None:
    asyncio.run(opened(remote).commit(draft(path="a/b/c.yaml", expected=None)))
    with Repo(str(remote)) as repo:
        for sha in repo.object_store:
            repo.object_store[sha].check()
    assert file_at_head(remote, "a/b/c.yaml") == b"size: 60\n"


def test_made_twice_it_is_made_once_whoever_asks(remote: Path) -> None:
    first = asyncio.run(opened(remote).commit(draft()))
    assert asyncio.run(opened(remote).commit(draft())) == first
    pushed(remote, OLD, "taken back by hand")
    assert asyncio.run(opened(remote).commit(draft())) == first
    assert len(messages(remote)) == 3


def test_the_change_and_its_undoing_are_two_commits(remote: Path) -> None:
    async def work() -> Mapping[CommitPurpose, str]:
        repository = opened(remote)
        await repository.commit(draft())
        await repository.commit(draft("size: 50\n", expected="size: 60\n", purpose=CommitPurpose.UNDO))
        return await ours(repository)

    assert set(asyncio.run(work())) == {CommitPurpose.CHANGE, CommitPurpose.UNDO}
    assert file_at_head(remote, "config.yaml") == b"size: 50\n"


def test_a_file_that_somebody_changed_meanwhile_is_left_alone(remote: Path) -> None:
    async def work() -> None:
        repository = opened(remote)
        await repository.head()
        pushed(remote, {"config.yaml": "size: 55\n"})
        await repository.commit(draft())

    with pytest.raises(FileMoved, match=r"config\.yaml changed meanwhile"):
        asyncio.run(work())
    assert file_at_head(remote, "config.yaml") == b"size: 55\n"


def test_a_push_that_lost_the_race_is_made_anew_on_top_of_the_winner(
    remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our look and our push, another clone pushes, once."""
    repository = opened(remote)
    push = repository._push
    raced: list[str] = []

    def late(*args: Any) -> str | None:
        if not raced:
            raced.append(pushed(remote, {"other.yaml": "x: 2\n"}, "the winner"))
        return push(*args)

    monkeypatch.setattr(repository, "_push", late)
    asyncio.run(repository.commit(draft()))
    assert [message.splitlines()[0] for message in messages(remote)] == ["auto: grow", "the winner", "begin"]
    assert file_at_head(remote, "other.yaml") == b"x: 2\n"


def test_two_operators_that_push_at_once_both_get_their_commit(remote: Path) -> None:
    async def work() -> None:
        one, two = opened(remote), opened(remote)
        await asyncio.gather(
            *(
                repository.commit(draft(path=f"{uid}-{n}.yaml", expected=None, intervention=f"{uid}-{n}"))
                for uid, repository in (("a", one), ("b", two))
                for n in range(3)
            )
        )

    asyncio.run(work())
    assert len(messages(remote)) == 7


def test_what_others_push_is_seen_at_the_next_look(remote: Path) -> None:
    async def work() -> list[str | None]:
        repository = opened(remote)
        seen = [await read(repository, "config.yaml")]
        pushed(remote, {"config.yaml": "size: 70\n"})
        return [*seen, await read(repository, "config.yaml")]

    assert asyncio.run(work()) == ["size: 50\n", "size: 70\n"]


def test_what_is_no_text_file_is_none(remote: Path) -> None:
    async def work(path: str) -> str | None:
        repository = opened(remote)
        await repository.commit(draft(path="folder/in.yaml", expected=None))
        return await read(repository, path)

    assert asyncio.run(work("folder")) is None
    assert asyncio.run(work("nowhere.yaml")) is None
    assert asyncio.run(work("config.yaml/below")) is None


def test_over_http_the_token_of_the_file_is_used_as_it_is_now(remote: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    with over_http(remote, "s3cret") as url:
        repository = opened(url, token_file=str(token))
        with pytest.raises(RepositoryRefused, match=r"does not accept the credentials \(HTTP 401\)") as told:
            asyncio.run(repository.head())
        assert "old" not in str(told.value)
        token.write_text("s3cret\n")
        made = asyncio.run(repository.commit(draft()))
        pushed(remote, {"other.yaml": "x: 3\n"})
        assert asyncio.run(read(repository, "other.yaml")) == "x: 3\n"
        assert asyncio.run(ours(repository)) == {CommitPurpose.CHANGE: made}
    assert file_at_head(remote, "config.yaml") == b"size: 60\n"


def test_a_dead_remote_is_no_answer_and_no_refusal(tmp_path: Path) -> None:
    with over_http(bare(tmp_path / "gone.git", OLD), "t") as url:
        pass
    with pytest.raises(RepositoryError) as told:
        asyncio.run(opened(url).head())
    assert not isinstance(told.value, RepositoryRefused)
    assert url not in str(told.value)


def test_a_remote_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "_TIMEOUT", 0.2)
    monkeypatch.setattr(git, "_DEADLINE", 5.0)

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(RepositoryError, match="no whole answer"):
        asyncio.run(opened(f"http://127.0.0.1:{silent.getsockname()[1]}/x.git").head())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"branch": "production"}, "it has no branch production", id="a branch that is not there"),
        pytest.param({"url": "/nowhere/x.git"}, "there is no such repository", id="a repository that is not there"),
    ],
)
def test_what_a_person_must_mend_is_a_refusal(remote: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RepositoryRefused, match=said):
        asyncio.run(opened(changes.pop("url", remote), **changes).head())


def test_a_token_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(RepositoryRefused, match=r"/token cannot be read: No such file"):
        asyncio.run(opened("http://127.0.0.1:9/", token_file=str(tmp_path / "token")).head())


def test_a_folder_where_a_file_stands_is_refused(remote: Path) -> None:
    with pytest.raises(RepositoryRefused, match="there is a file where"):
        asyncio.run(opened(remote).commit(draft(path="config.yaml/below.yaml", expected=None)))


def test_nothing_is_written_to_disk(remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    asyncio.run(opened(remote).commit(draft()))
    assert list((tmp_path / "tmp").iterdir()) == []
