"""Turns a server's OpenAPI v2 document into schema files for kubeconform.

Kubeconform usually fetches such files from the net; made from our own API server they need no net, are of
exactly its version and hold its CRDs too. Promise: one self-contained, strict file per kind (a field the
server does not know is an error). Kinds that every group shares, such as DeleteOptions, get none.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from devcluster.errors import DevclusterError

Schema = dict[str, Any]

LOCATION = "{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json"
"""File names, in the words of kubeconform's `-schema-location`. For the core group, Group is the version."""

INT_OR_STRING: Schema = {"oneOf": [{"type": "integer"}, {"type": "string"}]}
NUMBER_OR_STRING: Schema = {"oneOf": [{"type": "number"}, {"type": "string"}]}
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
REFERENCE = "#/definitions/"

# What no validator needs, and what would make the files many times larger.
DROPPED = frozenset({"description", "default", "example", "externalDocs"})


def write_schemas(openapi: Mapping[str, Any], folder: Path) -> int:
    """Write a schema file for each kind of an OpenAPI v2 document into `folder`; say how many.

    Raises:
        DevclusterError: the document is not OpenAPI v2, or describes no kind.
    """
    raw = openapi.get("definitions", {})
    strict = {name: _strict(schema) for name, schema in raw.items()} | {QUANTITY: NUMBER_OR_STRING}
    files = {_file_name(schema): name for name, schema in raw.items() if _is_one_kind(schema)}
    if not files:
        raise DevclusterError(
            "no kind found in the OpenAPI document under `definitions`. "
            "Give the document that the API server serves as /openapi/v2."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for file, name in files.items():
        (folder / file).write_text(json.dumps(_self_contained(name, strict)))
    return len(files)


def location(folder: Path) -> str:
    """The value of kubeconform's `-schema-location` for the files in `folder`."""
    return f"{folder}/{LOCATION}"


def _is_one_kind(schema: Schema) -> bool:
    return len(schema.get("x-kubernetes-group-version-kind", ())) == 1


def _file_name(schema: Schema) -> str:
    """Where kubeconform looks for this kind, by LOCATION."""
    (kind,) = schema["x-kubernetes-group-version-kind"]
    return f"{kind['kind'].lower()}-{kind['group'] or kind['version']}-{kind['version']}.json"


def _self_contained(name: str, definitions: Mapping[str, Schema]) -> Schema:
    """The schema of `name` with all that it refers to, and no more, within it."""
    reached: dict[str, Schema] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached[current] = definitions[current]
            waiting.extend(_references(definitions[current]))
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",  # OpenAPI v2's dialect
        "$ref": REFERENCE + name,
        "definitions": reached,
    }


def _references(node: Any) -> Iterator[str]:
    """The names of all definitions that a schema points to."""
    if isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str):  # not so if a field is called $ref, as JSONSchemaProps' is
            yield target.removeprefix(REFERENCE)
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _strict(schema: Schema) -> Schema:
    """A schema that also refuses fields which it does not list."""
    if schema.get("format") == "int-or-string" or schema.get("x-kubernetes-int-or-string"):
        return INT_OR_STRING
    result = {
        key: _part(key, value) for key, value in schema.items() if key not in DROPPED and not key.startswith("x-")
    }
    if "properties" in result and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


def _part(keyword: str, value: Any) -> Any:
    """One keyword's value, strict where it holds schemas."""
    if keyword == "properties":
        return {name: _strict(schema) for name, schema in value.items()}
    if keyword in {"items", "additionalProperties"} and isinstance(value, dict):
        return _strict(value)
    return value
