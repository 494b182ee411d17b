"""The field reference of a kind, as Markdown tables made from its models: what a person looks up, never retyped.

A page holds hand-written prose and, between two marks, the tables. Only what stands between the marks is rewritten.
"""

import json
from collections.abc import Iterator

from vanguard.api.base import DECIMAL_PATTERN, NAME_PATTERN, Model
from vanguard.api.crd import Schema, schema_of
from vanguard.api.policy import ZONE_PATTERN, AutomationPolicySpec, AutomationPolicyStatus
from vanguard.durations import DURATION_PATTERN

BEGIN = "<!-- fields: made from the models by `make generate`; do not edit -->"
END = "<!-- end of fields -->"

# What a page says of which models, in the order they are read.
_PARTS: tuple[tuple[str, type[Model]], ...] = (("spec", AutomationPolicySpec), ("status", AutomationPolicyStatus))
_TYPES = {"integer": "whole number", "boolean": "true or false", "string": "text"}
_KNOWN_PATTERNS = {DURATION_PATTERN: "duration", DECIMAL_PATTERN: "decimal text"}
# Patterns that a few words say better.
_SPOKEN = {NAME_PATTERN: "lower-case letters, digits and -", ZONE_PATTERN: "such as Europe/Berlin"}
# What a bound is called: of one that has both ends, or only the upper.
_UNITS = {"Length": "characters", "Items": "entries", "Properties": "pairs"}


def tables() -> str:
    """Every field of an AutomationPolicy: a table for each object, with its rules across fields."""
    return "\n".join(line for name, model in _PARTS for line in _object(name, schema_of(model)))


def rewritten(page: str) -> str:
    """A page with the tables between its marks as the models are now.

    Raises:
        ValueError: when the page does not hold both marks, in their order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the lines {BEGIN!r} and, after it, {END!r}")
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def _object(path: str, node: Schema) -> Iterator[str]:
    """The section of one object, then those of the objects in it."""
    yield from (f"### {path}", "", _cell(node.get("description", "")), "")
    for rule in _rules(node):
        yield from (f"The server refuses it unless `{rule['rule']}`: {rule['message']}.", "")
    yield from ("| field | type | default | bounds | meaning |", "|---|---|---|---|---|")
    for name, field in node["properties"].items():
        yield _row(name, field, required=name in node.get("required", ()))
    yield ""
    for name, field in node["properties"].items():
        inner, suffix = (field["items"], "[]") if field["type"] == "array" else (field, "")
        if "properties" in inner:
            yield from _object(f"{path}.{name}{suffix}", inner)


def _rules(node: Schema) -> list[dict[str, str]]:
    found: list[dict[str, str]] = node.get("x-kubernetes-validations", [])
    return found


def _row(name: str, field: Schema, *, required: bool) -> str:
    default = "required" if required else _default(field)
    meaning = field.get("description", "")
    cells = (f"`{name}`", _type(field), default, _bounds(field), meaning)
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """Text that does not end a table's cell."""
    return text.replace("|", "\\|")


def _default(field: Schema) -> str:
    if "default" not in field:
        return "none"
    value = field["default"]
    if isinstance(value, dict) and value:
        return "its fields' defaults"
    return "empty" if value in ({}, [], "") else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _type(field: Schema) -> str:
    match field:
        case {"enum": [*words]}:
            return " or ".join(f"`{word}`" for word in words)
        case {"type": "array", "items": {"properties": _}}:
            keys = ", ".join(field.get("x-kubernetes-list-map-keys", ()))
            return f"list of objects, told apart by {keys}" if keys else "list of objects"
        case {"type": "array", "items": items}:
            kind = "set" if field.get("x-kubernetes-list-type") == "set" else "list"
            return f"{kind} of {_type(items)}"
        case {"type": "object", "additionalProperties": values}:
            return f"map of {_type(values)}"
        case {"type": "object"}:
            return "object"
        case {"format": "date-time"}:
            return "time"
        case _:
            return _KNOWN_PATTERNS.get(field.get("pattern", ""), _TYPES[field["type"]])


def _bounds(field: Schema) -> str:
    """Every bound the server keeps, the looser ones of a duration's text left out: its rules say more."""
    known = field.get("pattern") in _KNOWN_PATTERNS
    said = [] if known or "enum" in field else [_range(field, name, unit) for name, unit in _UNITS.items()]
    if "minimum" in field or "maximum" in field:
        said.append(f"{field.get('minimum', '')} to {field.get('maximum', '')}")
    if "pattern" in field and not known:
        said.append(_SPOKEN.get(field["pattern"], f"`{field['pattern']}`"))
    said += [rule["message"] for rule in _rules(field) if "properties" not in field]
    said += [f"each {_bounds(field['items'])}"] if _plain_list(field) and _bounds(field["items"]) else []
    return "; ".join(filter(None, said))


def _plain_list(field: Schema) -> bool:
    return field["type"] == "array" and "properties" not in field["items"]


def _range(field: Schema, name: str, unit: str) -> str:
    least, most = field.get(f"min{name}"), field.get(f"max{name}")
    if most is None:
        return ""
    return f"{least} to {most} {unit}" if least else f"at most {most} {unit}"
