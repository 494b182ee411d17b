"""PagerDuty, Events API v2: one incident per Intervention, resolved when it ended well."""

from typing import Any

from vanguard.adapters.notify.http import ask, secret
from vanguard.api.base import Notification, format_time
from vanguard.api.notifiers import NotifierSpec
from vanguard.domain.telling import Message

_URL = "https://events.pagerduty.com/v2/enqueue"
_SEVERITIES = {
    Notification.INFO: "info",
    Notification.ALERT: "error",
    Notification.APPROVAL_REQUIRED: "warning",
}


class PagerDuty:
    """Pages whoever is on call."""

    def __init__(self, spec: NotifierSpec) -> None:
        """Connects only when it sends.

        Args:
            spec: routingKeyFile, and url where it is not PagerDuty's own.
        """
        self._spec = spec

    async def send(self, message: Message) -> None:
        """See `ports.Notifier`. The dedup_key makes a repetition the same incident."""
        event: dict[str, Any] = {
            "routing_key": secret(self._spec.routing_key_file),
            "event_action": "resolve" if message.over else "trigger",
            "dedup_key": message.incident[:255],
        }
        if not message.over:
            event["payload"] = {
                "summary": message.title[:1024],
                "source": message.about.get("namespace", "vanguard"),
                "severity": _SEVERITIES[message.level],
                "timestamp": format_time(message.at),
                "custom_details": {"news": message.text, **message.about},
            }
        await ask("POST", self._spec.url or _URL, json=event, ca_file=self._spec.ca_file)
