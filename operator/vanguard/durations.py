"""Go-style durations, such as 1h30m: how Kubernetes, Prometheus and our own settings write a span of time."""

import re
from datetime import timedelta

# Digits are bounded: a longer span than some 16 months has no meaning here, and would overflow a clock.
DURATION_PATTERN = r"^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"
_DURATION = re.compile(r"^(?:([0-9]{1,4})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,6})s)?$")


def parse_duration(text: object) -> timedelta:
    """A Go-style duration such as `1h30m` or `40s`.

    Raises:
        ValueError: when the text is anything else; a bare number has no unit and is refused.
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) and text else None
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write hours, minutes, seconds, such as 1h30m or 40s")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def format_duration(span: timedelta) -> str:
    """The shortest Go-style text for a whole number of seconds, such as `1h30m`; zero is `0s`."""
    hours, rest = divmod(int(span.total_seconds()), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n]
    return "".join(parts) or "0s"
