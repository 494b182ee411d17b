"""Times as people type them: `now`, a span before it such as -30d or -12h, or RFC 3339."""

import re
from datetime import datetime, timedelta

from vanguard.api.base import parse_time

_AGO = re.compile(r"-([0-9]{1,4})(d|h|m|w)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def read_time(text: str, now: datetime) -> datetime:
    """A moment.

    Args:
        text: `now`, minus a whole number of m, h, d or w, or RFC 3339 with a zone.
        now: what spans are counted back from.

    Raises:
        ValueError: saying what a time looks like.
    """
    match = _AGO.fullmatch(text)
    if text == "now":
        return now
    if match is not None:
        return now - int(match[1]) * _UNITS[match[2]]
    try:
        return parse_time(text)
    except ValueError:
        told = "write now, a span such as -30d, -12h or -90m, or RFC 3339 such as 2026-12-20T00:00:00Z"
        raise ValueError(f"{text!r} is not a time: {told}") from None
