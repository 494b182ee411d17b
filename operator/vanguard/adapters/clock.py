"""Wall time. Nothing else reads it."""

from datetime import UTC, datetime


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        """The present time, with its zone."""
        return datetime.now(tz=UTC)
