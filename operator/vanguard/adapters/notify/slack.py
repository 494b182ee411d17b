"""Slack's incoming webhook, as Mattermost and others speak it too."""

from vanguard.adapters.notify.http import ask, url_in
from vanguard.api.base import Notification
from vanguard.api.notifiers import NotifierSpec
from vanguard.domain.telling import Message

_SIGNS = {
    Notification.INFO: ":information_source:",
    Notification.ALERT: ":rotating_light:",
    Notification.APPROVAL_REQUIRED: ":raised_hand:",
}


def escaped(text: str) -> str:
    """Text in which Slack finds no mention, link or entity."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def rendered(message: Message) -> str:
    """All in one block of code: no markup and no mention is read there, and a command can be copied."""
    body = escaped(f"{message.title}\n{message.text}").replace("`", "'")
    return f"{_SIGNS[message.level]} *Vanguard {message.level}*\n```\n{body}\n```"


class Slack:
    """Tells a channel."""

    def __init__(self, spec: NotifierSpec) -> None:
        """Connects only when it sends.

        Args:
            spec: urlFile.
        """
        self._spec = spec

    async def send(self, message: Message) -> None:
        """See `ports.Notifier`. Slack cannot tell a repetition from news."""
        body = {"text": rendered(message), "link_names": False}
        await ask("POST", url_in(self._spec.url_file), json=body, ca_file=self._spec.ca_file)
