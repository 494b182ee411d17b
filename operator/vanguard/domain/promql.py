"""The little PromQL the operator writes itself: narrowing an author's query to some label values."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from vanguard.domain.series import KEPT_NAME, NAME

LAST_OF_HALF_HOUR = timedelta(minutes=25)
_NARROWED = re.compile(r"\(\n(.*)\n\) and on \(([a-zA-Z0-9_]+)\) \((.*)\)", re.DOTALL)
_CONSTANT = re.compile(r'label_replace\(vector\(1\), "[^"]*", "((?:[^"\\]|\\.)*)", "", ""\)')
_ESCAPED = re.compile(r"\\(.)")


def quoted(text: str) -> str:
    """A PromQL string literal."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def narrowed(query: str, label: str, values: Iterable[str]) -> str:
    """The same query, only for series whose label has one of the values.

    A matcher cannot be put into an expression without parsing it; a set operation against constants needs no
    parsing, keeps every label, and lets Prometheus drop the rest before it answers.
    """
    constants = " or ".join(
        f'label_replace(vector(1), {quoted(label)}, {quoted(value.replace("$", "$$"))}, "", "")'
        for value in sorted(set(values))
    )
    # On lines of its own: the query may end with a comment.
    return f"(\n{query}\n) and on ({label}) ({constants})"


@dataclass(frozen=True)
class Narrowing:
    """What `narrowed` was given."""

    query: str
    label: str
    values: frozenset[str]


def narrowing(text: str) -> Narrowing | None:
    """The outermost narrowing of a query, undone; None where `narrowed` did not make it."""
    match = _NARROWED.fullmatch(text)
    if match is None:
        return None
    query, label, constants = match.groups()
    found = frozenset(_unquoted(value).replace("$$", "$") for value in _CONSTANT.findall(constants))
    return Narrowing(query, label, found) if narrowed(query, label, found) == text else None


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(lambda match: "\n" if match[1] == "n" else match[1], text)


def half_hourly(query: str) -> str:
    """Medians of half an hour's values, five minutes apart; to be evaluated at the last of them, `LAST_OF_HALF_HOUR`.

    As in a `SeriesBook`, what is not finite is no value. A function over time drops a metric's name, and with it what
    may tell two series apart: it is kept under another label.
    """
    kept = f'label_replace((\n{query}\n) > -Inf < +Inf, "{KEPT_NAME}", "$1", "{NAME}", "(.+)")'
    # 26 minutes hold six values whether the beginning of a range belongs to it (Prometheus 2) or not (3).
    return f"quantile_over_time(0.5, {kept}[26m:5m])"


def firing(namespace: str, matcher: Mapping[str, str]) -> str:
    """The alerts of a namespace that fire and have these labels; every value is quoted, none is an expression."""
    wanted = {"alertstate": "firing", "namespace": namespace, **matcher}
    return "ALERTS{" + ",".join(f"{name}={quoted(value)}" for name, value in wanted.items()) + "}"


def counted(query: str, label: str) -> str:
    """How many series a query has for each value of a label."""
    return f"count by ({label}) (\n{query}\n)"


def shards(counts: Mapping[str, int], most: int) -> list[tuple[str, ...]]:
    """Groups of label values of at most `most` series each; a value that alone has more is a group by itself."""
    groups: list[tuple[list[str], int]] = []
    for value, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        for i, (members, total) in enumerate(groups):
            if total + count <= most:
                groups[i] = ([*members, value], total + count)
                break
        else:
            groups.append(([value], count))
    return [tuple(sorted(members)) for members, _ in groups]
