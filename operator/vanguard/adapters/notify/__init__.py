"""Ways to reach people, one module each. Secrets are read from their files at each send and are never told on."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from vanguard.adapters.notify.github import GitHubIssue
from vanguard.adapters.notify.log import Log
from vanguard.adapters.notify.pagerduty import PagerDuty
from vanguard.adapters.notify.slack import Slack
from vanguard.adapters.notify.webhook import Webhook
from vanguard.api.notifiers import NotifiersFile, NotifierSpec, NotifierType
from vanguard.errors import SettingsError
from vanguard.ports import Clock, Notifier

_MOST_BYTES = 100_000


def load(path: Path | None) -> NotifiersFile:
    """Read the notifiers file; without one nobody but the log is told.

    Raises:
        SettingsError: naming the file, the field, the value and what it should be.
    """
    if path is None:
        return NotifiersFile()
    try:
        text = path.read_text()
        if len(text) > _MOST_BYTES:
            raise SettingsError(f"{path}: {len(text)} characters; at most {_MOST_BYTES}")
        return NotifiersFile.model_validate(yaml.safe_load(text) or {})
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is no YAML: {' '.join(str(error).split())[:300]}") from None
    except ValidationError as error:
        raise SettingsError("; ".join(f"{path}: {_told(problem)}" for problem in error.errors())) from None


def _told(problem: Any) -> str:
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "value_error" or not where:
        return f"{where}: {problem['msg']}".lstrip(": ")
    # A secret pasted where a file's name belongs must not reach a log whole.
    return f"{where} is {str(problem['input'])[:60]!r}: {problem['msg']}"


def made(spec: NotifierSpec, clock: Clock) -> Notifier:
    """The notifier a spec describes; it connects only when it sends."""
    match spec.type:
        case NotifierType.LOG:
            return Log()
        case NotifierType.SLACK:
            return Slack(spec)
        case NotifierType.GITHUB_ISSUE:
            return GitHubIssue(spec)
        case NotifierType.PAGERDUTY:
            return PagerDuty(spec)
        case NotifierType.WEBHOOK:
            return Webhook(spec, clock)
