"""From a commit to the Intervention it was made for, and what `rollback` says of what it cannot find."""

import asyncio
from typing import Any, cast

import pytest
from click.testing import CliRunner

from tests.reconcilers.fakes import FakeClock, FakeCluster
from tests.reconcilers.objects import CONFIG_MAP, intervention
from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.cli.commits import whose
from vanguard.cli.main import main
from vanguard.errors import Invalid, NotFound

ONE, TWO, THREE = "abcdef0" + "1" * 33, "abcdef1" + "2" * 33, "abcdef1" + "3" * 33


def cluster() -> FakeCluster:
    """Interventions `one` with two commits and `two` with one."""
    clock = FakeClock()
    made = FakeCluster(clock)
    for name, shas in (("one", (ONE, TWO)), ("two", (THREE,)), ("none", ())):
        raw = made.put("Intervention", "shop", intervention(name, CONFIG_MAP, "orders", "uid", 1, clock.now()))
        commits: list[dict[str, Any]] = [
            {"purpose": purpose, "repository": "r", "sha": sha, "at": "2026-03-04T12:00:00Z", "state": "Sent"}
            for purpose, sha in zip(("Change", "Undo"), shas, strict=False)
        ]
        asyncio.run(made.replace_status("Intervention", {**raw, "status": {"commits": commits}}))
    return made


def asked(sha: str, made: FakeCluster | None = None) -> tuple[str, str]:
    return asyncio.run(whose(cast("KubernetesCluster", made or cluster()), "shop", sha))


@pytest.mark.parametrize(
    ("sha", "name"), [(ONE, "one"), (ONE[:7], "one"), (TWO, "one"), (TWO[:8], "one"), (THREE[:8], "two")]
)
def test_a_sha_or_its_beginning_leads_to_its_intervention(sha: str, name: str) -> None:
    assert asked(sha) == ("shop", name)


def test_a_beginning_of_several_is_ambiguous_and_names_them() -> None:
    with pytest.raises(Invalid, match="abcdef1 is ambiguous: shop/one, shop/two; give more digits"):
        asked("abcdef1")


def test_a_commit_of_nobody_is_not_found() -> None:
    with pytest.raises(NotFound, match="commit 1234567 belongs to no Intervention in any namespace"):
        asked("1234567")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--commit", "abc"), "7 to 64 hexadecimal digits"),
        (("--commit", "HEAD~1-"), "7 to 64 hexadecimal digits"),
        (("iv", "--commit", ONE), "exactly one of NAME and --commit is needed"),
        ((), "exactly one of NAME and --commit is needed"),
    ],
)
def test_exactly_one_of_a_name_and_a_commit_is_needed(words: tuple[str, ...], told: str) -> None:
    said = CliRunner().invoke(main, ["rollback", *words, "--reason", "x"])
    assert said.exit_code == 2
    assert told in said.output
