"""Calendar days and weeks in a time zone, as people mean them: a day begins at midnight where they live."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class PeriodUnit(StrEnum):
    """What is counted within."""

    DAY = "day"
    WEEK = "week"


def known_zone(zone: str) -> bool:
    """Whether there is such an IANA zone."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@dataclass(frozen=True)
class Period:
    """The running day, or the week since Monday, in a zone. A zone nobody knows counts in UTC; its policy holds."""

    unit: PeriodUnit
    zone: str

    def begins(self, now: datetime) -> datetime:
        """When the running one began, in UTC."""
        return self._midnight(now, 0)

    def ends(self, now: datetime) -> datetime:
        """When the next one begins, in UTC. Days of 23 and 25 hours are as long as they are."""
        return self._midnight(now, 1 if self.unit is PeriodUnit.DAY else 7)

    def _midnight(self, now: datetime, days_on: int) -> datetime:
        zone = ZoneInfo(self.zone) if known_zone(self.zone) else ZoneInfo("UTC")
        today = now.astimezone(zone).date()
        first = today if self.unit is PeriodUnit.DAY else today - timedelta(days=today.weekday())
        return datetime.combine(first + timedelta(days=days_on), time(), tzinfo=zone).astimezone(UTC)
