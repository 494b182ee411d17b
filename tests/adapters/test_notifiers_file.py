"""The notifiers file: read strictly; what is wrong is told by field, value and bound."""

from pathlib import Path

import pytest

from vanguard.adapters import notify
from vanguard.errors import SettingsError

WHOLE = """
notifiers:
- {name: team, type: Slack, levels: [Info, Alert], urlFile: /secrets/slack}
- {name: pager, type: PagerDuty, levels: [Alert], routingKeyFile: /secrets/key}
- {name: issues, type: GitHubIssue, levels: [ApprovalRequired], repository: shop/runbook, tokenFile: /secrets/token}
- {name: bus, type: Webhook, levels: [Info], url: "https://bus.example/x", secretFile: /secrets/hmac, caFile: /ca.crt}
- {name: log, type: Log, levels: [Info]}
"""


def load(text: str, folder: Path) -> notify.NotifiersFile:
    path = folder / "notifiers.yaml"
    path.write_text(text)
    return notify.load(path)


def test_without_a_file_nobody_is_told_but_by_the_log() -> None:
    assert notify.load(None).notifiers == ()


def test_every_type_is_read(tmp_path: Path) -> None:
    assert [one.name for one in load(WHOLE, tmp_path).notifiers] == ["team", "pager", "issues", "bus", "log"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{name: a, type: Slack, levels: [Info]}", "type Slack needs urlFile"),
        (
            "{name: a, type: Slack, levels: [Loud], urlFile: /x}",
            "notifiers.0.levels.0 is 'Loud': Input should be 'Info'",
        ),
        ("{name: a, type: Slack, levels: [], urlFile: /x}", "at least 1"),
        ("{name: a, type: Pigeon, levels: [Info]}", "notifiers.0.type is 'Pigeon': Input should be 'Log'"),
        ("{name: a, type: Log, levels: [Info], urlFile: /x}", "has no use for urlFile"),
        (
            "{name: a, type: Webhook, levels: [Info], url: 'http://x', urlFile: /x, secretFile: /y}",
            "needs url or urlFile",
        ),
        ("{name: a, type: Webhook, levels: [Info], url: 'http://x'}", "needs secretFile"),
        ("{name: a, type: Webhook, levels: [Info], url: 'http://u:p@x', secretFile: /y}", "should match pattern"),
        (
            "{name: a, type: PagerDuty, levels: [Alert], routingKeyFile: key}",
            "routingKeyFile must be an absolute",
        ),
        ("{name: a, type: GitHubIssue, levels: [Alert], repository: x, tokenFile: /y}", "repository is 'x'"),
        ("{name: A_, type: Log, levels: [Info]}", "notifiers.0.name is 'A_'"),
        ("{name: a, type: Log, levels: [Info], colour: red}", "notifiers.0.colour: Extra inputs"),
        (
            "{name: a, type: Log, levels: [Info]}\n- {name: a, type: Log, levels: [Info]}",
            "several notifiers are named a",
        ),
        ("[", "is no YAML"),
    ],
)
def test_what_is_wrong_is_told_by_field_value_and_bound(entry: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        load(f"notifiers:\n- {entry}\n", tmp_path)
    assert said in str(told.value)
    assert str(told.value).startswith(str(tmp_path))


@pytest.mark.parametrize(
    "entry",
    [
        "{name: a, type: GitHubIssue, levels: [Alert], repository: a/b, token: S3CRET}",
        "{name: a, type: GitHubIssue, levels: [Alert], repository: a/b, tokenFile: S3CRET}",
        "{name: a, type: PagerDuty, levels: [Alert], routingKey: S3CRET}",
        "{name: a, type: Slack, levels: [Alert], urlFile: 'https://hooks/S3CRET'}",
        "{name: a, type: Webhook, levels: [Info], url: 'http://u:S3CRET@x', secretFile: /y}",
        "{name: a, type: Webhook, levels: [Info], url: 'http://x', secretFile: [S3CRET]}",
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_told(entry: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as told:
        load(f"notifiers:\n- {entry}\n", tmp_path)
    assert "S3CRET" not in str(told.value)


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml cannot be read: No such file"):
        notify.load(tmp_path / "nowhere.yaml")
