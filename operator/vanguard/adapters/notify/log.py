"""News as a log line."""

import logging

from vanguard.domain.telling import Message

_log = logging.getLogger(__name__)


class Log:
    """Tells by the operator's own log."""

    async def send(self, message: Message) -> None:
        """See `ports.Notifier`."""
        _log.warning("[%s] %s\n%s", message.level, message.title, message.text)
