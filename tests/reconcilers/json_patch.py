"""RFC 6902 as far as a fake API server needs it: test, add, replace, remove."""

import copy
from collections.abc import Sequence
from typing import Any

from vanguard.errors import Conflict, Invalid
from vanguard.ports import Raw


def apply(raw: Raw, operations: Sequence[Raw]) -> Raw:
    """A patched copy.

    As the API server's library has it, a key of a map that is not there may be replaced, and removed.

    Raises:
        Conflict: when a test fails.
        Invalid: when an operation's path leads nowhere.
    """
    out = copy.deepcopy(raw)
    for operation in operations:
        _one(out, operation)
    return out


def _one(document: Any, operation: Raw) -> None:
    verb, path = operation["op"], operation["path"]
    *above, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    try:
        holder: Any = document
        for part in above:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        key: Any = int(last) if isinstance(holder, list) and last != "-" else last
        known = key in holder if isinstance(holder, dict) else key != "-" and key < len(holder)
    except (KeyError, IndexError, ValueError, TypeError):
        missing = Conflict if verb == "test" else Invalid
        raise missing(f"{verb} {path}: there is no such path") from None
    if verb == "test":
        if not known or holder[key] != operation["value"]:
            raise Conflict(f"testing value {path} failed: test failed")
    elif verb == "add":
        _add(holder, key, copy.deepcopy(operation["value"]))
    elif verb == "replace":
        holder[key] = copy.deepcopy(operation["value"])
    elif known:
        del holder[key]


def _add(holder: Any, key: Any, value: Any) -> None:
    if isinstance(holder, dict):
        holder[key] = value
    else:
        holder.insert(len(holder) if key == "-" else key, value)
