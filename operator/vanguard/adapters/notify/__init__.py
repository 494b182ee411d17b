"""Ways to reach people, one module each. Secrets are read from their files at each send and are never told on."""

from pathlib import Path

from vanguard.adapters import files
from vanguard.adapters.notify.github import GitHubIssue
from vanguard.adapters.notify.log import Log
from vanguard.adapters.notify.pagerduty import PagerDuty
from vanguard.adapters.notify.slack import Slack
from vanguard.adapters.notify.webhook import Webhook
from vanguard.api.notifiers import NotifiersFile, NotifierSpec, NotifierType
from vanguard.ports import Clock, Notifier


def load(path: Path | None) -> NotifiersFile:
    """Read the notifiers file; without one nobody but the log is told.

    Raises:
        SettingsError: naming the file, the field, the value and what it should be.
    """
    return files.loaded(path, NotifiersFile)


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
