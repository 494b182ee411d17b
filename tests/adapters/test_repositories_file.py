"""The repositories file: read strictly; what is wrong is told by field, value and bound."""

from pathlib import Path

import pytest

from vanguard.adapters import git
from vanguard.api.repositories import inside
from vanguard.errors import SettingsError

WHOLE = """
repositories:
- name: deploy
  url: https://git.example/shop/deploy.git
  branch: production
  usernameFile: /secrets/user
  tokenFile: /secrets/token
  caFile: /ca.crt
  namespaces: [shop, billing]
  pathPrefix: clusters/blue/
- {name: record, url: file:///srv/record.git}
audit: {repository: record}
"""


def load(text: str, folder: Path) -> git.RepositoriesFile:
    path = folder / "repositories.yaml"
    path.write_text(text)
    return git.load(path)


def test_without_a_file_no_repository_may_be_written_to() -> None:
    assert git.load(None) == git.RepositoriesFile()


def test_every_field_is_read(tmp_path: Path) -> None:
    found = load(WHOLE, tmp_path)
    deploy, record = found.repositories
    assert (deploy.branch, deploy.namespaces, deploy.path_prefix) == (
        "production",
        {"shop", "billing"},
        "clusters/blue",
    )
    assert (record.branch, record.namespaces, record.path_prefix) == ("main", frozenset(), "")
    assert found.audit is not None
    assert (found.audit.repository, found.audit.path) == ("record", "interventions")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{name: a}", "repositories.0.url"),
        ("{name: a, url: 'https://user:secret@x/y'}", "should match pattern"),
        ("{name: a, url: 'git@x:y.git'}", "should match pattern"),
        ("{name: a, url: 'ssh://x/y.git'}", "should match pattern"),
        (
            "{name: a, url: 'https://x', tokenFile: token}",
            "repositories.0.tokenFile: Value error, must be an abs",
        ),
        ("{name: a, url: 'https://x', usernameFile: /u}", "usernameFile needs tokenFile"),
        ("{name: a, url: /srv/x, tokenFile: /t}", "a local url has no use for tokenFile"),
        ("{name: a, url: /srv/x, branch: '-f'}", "repositories.0.branch is '-f'"),
        ("{name: a, url: /srv/x, pathPrefix: a/../b}", "must be a path inside the repository"),
        ("{name: a, url: /srv/x, colour: red}", "repositories.0.colour: Extra inputs"),
        ("{name: a, url: /srv/x}\n- {name: a, url: /srv/y}", "several repositories are named a"),
        ("{name: a, url: /srv/x}\naudit: {repository: b}", "audit.repository is 'b'; repositories are a"),
    ],
)
def test_what_is_wrong_is_told_by_field_value_and_bound(entry: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        load(f"repositories:\n- {entry}\n", tmp_path)
    assert said in str(told.value)
    assert str(told.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    ("path", "prefix", "is_inside"),
    [
        ("a.yaml", "", True),
        ("apps/shop/a.yaml", "apps/shop", True),
        ("apps/shop/a.yaml", "/apps/shop/", True),
        ("apps/shop", "apps/shop", False),
        ("apps/shopping/a.yaml", "apps/shop", False),
        ("apps/shop/../b.yaml", "apps/shop", False),
        ("../a.yaml", "", False),
        ("/a.yaml", "", False),
        ("a//b.yaml", "", False),
        ("./a.yaml", "", False),
        (".git/config", "", False),
        ("sub/.GIT/config", "", False),
        ("", "", False),
    ],
)
def test_a_path_stays_in_its_part_of_the_repository(path: str, prefix: str, *, is_inside: bool) -> None:
    assert inside(path, prefix) is is_inside
