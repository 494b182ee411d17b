"""A generic webhook, signed so that the receiver knows who speaks and that it was just now."""

import hashlib
import hmac
import json

from vanguard.adapters.notify.http import ask, secret, url_in
from vanguard.api.base import format_time
from vanguard.api.notifiers import NotifierSpec
from vanguard.domain.telling import Message
from vanguard.ports import Clock


def signature(key: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over the timestamp, a full stop and the body, as `sha256=<hex>`."""
    return "sha256=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


class Webhook:
    """Tells a program.

    Headers: X-Vanguard-Id (the same for the same news), X-Vanguard-Timestamp (Unix seconds), X-Vanguard-Signature.
    """

    def __init__(self, spec: NotifierSpec, clock: Clock) -> None:
        """Connects only when it sends.

        Args:
            spec: url or urlFile, and secretFile.
            clock: for the timestamp.
        """
        self._spec, self._clock = spec, clock

    async def send(self, message: Message) -> None:
        """See `ports.Notifier`."""
        body = json.dumps(
            {
                "id": message.id,
                "incident": message.incident,
                "level": message.level,
                "title": message.title,
                "lines": message.lines,
                "at": format_time(message.at),
                "over": message.over,
                "about": dict(message.about),
            }
        ).encode()
        stamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Vanguard-Id": message.id,
            "X-Vanguard-Timestamp": stamp,
            "X-Vanguard-Signature": signature(secret(self._spec.secret_file), stamp, body),
        }
        url = self._spec.url or url_in(self._spec.url_file)
        await ask("POST", url, data=body, headers=headers, ca_file=self._spec.ca_file)
