"""CustomResourceDefinitions from the models: JSON Schema in, structural OpenAPI v3 out.

No well-kept library does this. The converter inlines references, drops what Kubernetes forbids
(titles, $defs, null alternatives) and keeps what it adds (CEL rules, list keys, defaults).
"""

from datetime import timedelta
from typing import Any

import yaml
from pydantic.json_schema import GenerateJsonSchema

from vanguard.api.base import GROUP, VERSION, Model
from vanguard.api.kinds import KINDS, Column, Kind
from vanguard.durations import format_duration

Schema = dict[str, Any]

_KEPT = (
    "type",
    "format",
    "pattern",
    "enum",
    "description",
    "default",
    "required",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-validations",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
)
# A map without a bound on its values would make every CEL rule above it too costly for the server's estimate.
_MAX_MAP_VALUE = 253


class _WireDefaults(GenerateJsonSchema):
    """Defaults as they are on the wire; pydantic's own would be ISO durations and nulls."""

    def encode_default(self, dft: Any) -> Any:
        """The JSON form of a default."""
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return dft.wire() if isinstance(dft, Model) else super().encode_default(dft)


def structural(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """One JSON Schema node as a structural one.

    Raises:
        ValueError: for a construct that has no structural form, naming it.
    """
    node = _resolve(node, definitions)
    out: Schema = {key: node[key] for key in _KEPT if key in node and node[key] is not None}
    if "description" in out:
        out["description"] = " ".join(out["description"].split())
    match node.get("type"):
        case "object" if "properties" in node:
            out["properties"] = {name: structural(child, definitions) for name, child in node["properties"].items()}
        case "object":
            out["additionalProperties"] = structural(node["additionalProperties"], definitions) | {
                "maxLength": _MAX_MAP_VALUE
            }
        case "array":
            out["items"] = structural(node["items"], definitions)
        case "string" | "integer" | "boolean":
            pass
        case other:
            raise ValueError(f"no structural form for type {other!r} in {sorted(node)}")
    return out


def _resolve(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """Follow `$ref` and drop the null of `X | None`; what stands beside the reference wins."""
    beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf", "allOf")}
    if "$ref" in node:
        return _resolve(definitions[node["$ref"].rsplit("/", 1)[-1]], definitions) | beside
    if "anyOf" in node:
        options = [option for option in node["anyOf"] if option.get("type") != "null"]
        if len(options) != 1:
            raise ValueError(f"no structural form for a choice of {len(options)} types")
        inner = _resolve(options[0], definitions)
        return inner | {key: value for key, value in beside.items() if not (key == "default" and value is None)}
    return node


def schema_of(model: type[Model]) -> Schema:
    """The structural schema of a model, as it is on the wire."""
    whole = model.model_json_schema(by_alias=True, schema_generator=_WireDefaults)
    return structural(whole, whole.get("$defs", {}))


def crd(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind, ready to be applied."""
    fields = kind.model.model_fields
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.model.__name__,
                "listKind": f"{kind.model.__name__}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short],
                "categories": ["vanguard"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [_column(column) for column in kind.columns],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": " ".join((fields["spec"].annotation.__doc__ or "").split()),
                            "required": ["spec"],
                            "properties": {
                                "apiVersion": {"type": "string"},
                                "kind": {"type": "string"},
                                "metadata": {"type": "object"},
                                "spec": schema_of(fields["spec"].annotation),  # type: ignore[arg-type]
                                "status": schema_of(fields["status"].annotation),  # type: ignore[arg-type]
                            },
                        }
                    },
                }
            ],
        },
    }


def _column(column: Column) -> dict[str, Any]:
    out: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.description:
        out["description"] = column.description
    if column.priority:
        out["priority"] = column.priority
    return out


class _NoAliases(yaml.SafeDumper):
    """Every value written out: people read these files."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the signature is PyYAML's
        """Never an anchor."""
        return True


def rendered() -> dict[str, str]:
    """Every CRD as YAML text, by its file name."""
    note = "# Generated from the models in operator/vanguard/api by `make generate`. Do not edit.\n"
    return {
        name: note + yaml.dump(document, Dumper=_NoAliases, sort_keys=False, width=110)
        for name, document in all_crds().items()
    }


def all_crds() -> dict[str, dict[str, Any]]:
    """Every CRD by its file name."""
    return {f"{kind.plural}.{GROUP}.yaml": crd(kind) for kind in KINDS}
