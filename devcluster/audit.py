"""Reads the API server's audit log: who wrote what, and when.

The log is complete for writes (see audit-policy.yaml). Pure: it takes a file or entries, and
starts nothing; `Cluster` adds the waiting for entries that are on their way.
"""

import json
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Entry = dict[str, Any]

WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})
QUESTIONS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
"""API groups whose `create` asks something (may I, who am I) and stores nothing."""


def read(path: Path, *, since_line: int = 0) -> list[Entry]:
    """The entries after the first `since_line` lines; a line that is still being written is left out."""
    if not path.exists():
        return []
    with path.open() as file:
        return [json.loads(line) for line in islice(file, since_line, None) if line.endswith("\n")]


def count_lines(path: Path) -> int:
    """How many whole lines the log has: the `since_line` for what happens from now on."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def is_write(entry: Entry) -> bool:
    """Whether the entry is a finished request to change something, dry runs and questions excluded."""
    if entry.get("stage") != "ResponseComplete" or entry.get("verb") not in WRITE_VERBS:
        return False
    if entry.get("objectRef", {}).get("apiGroup", "") in QUESTIONS:
        return False
    return "All" not in parse_qs(urlsplit(entry.get("requestURI", "")).query).get("dryRun", [])


def was_accepted(entry: Entry) -> bool:
    """Whether the server answered with success, so that the write took place."""
    return int(entry.get("responseStatus", {}).get("code", 0)) in range(200, 300)


def select(
    entries: Iterable[Entry],
    *,
    user: str | None = None,
    verb: str | None = None,
    resource: str | None = None,
    subresource: str | None = None,
    namespace: str | None = None,
    name: str | None = None,
    accepted: bool | None = None,
) -> list[Entry]:
    """The writes among `entries` that match all that is given.

    Shapes: `user` is the full name ("system:serviceaccount:vanguard-system:vanguard"), `resource`
    the plural ("deployments"), `subresource` "" for the object itself. `accepted` None takes
    refused writes too.
    """
    wanted = {"resource": resource, "subresource": subresource, "namespace": namespace, "name": name}
    return [
        entry
        for entry in entries
        if is_write(entry)
        and user in (None, entry["user"]["username"])
        and verb in (None, entry["verb"])
        and accepted in (None, was_accepted(entry))
        and all(value in (None, entry.get("objectRef", {}).get(key, "")) for key, value in wanted.items())
    ]
