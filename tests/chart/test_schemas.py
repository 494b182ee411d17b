"""Schema files made from an OpenAPI document: strict, self-contained, found by kubeconform."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.errors import DevclusterError
from devcluster.schemas import location, write_schemas

GADGET = {
    "type": "object",
    "required": ["spec"],
    "x-kubernetes-group-version-kind": [{"group": "gadgets.example", "version": "v1", "kind": "Gadget"}],
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        "spec": {"$ref": "#/definitions/Spec"},
    },
}
OPENAPI = {
    "swagger": "2.0",
    "definitions": {
        "Gadget": GADGET,
        "Spec": {
            "type": "object",
            "properties": {
                # Names of fields that are also words of the schema language.
                "description": {"type": "string", "description": "gone"},
                "$ref": {"type": "string"},
                "port": {"type": "string", "format": "int-or-string"},
                "memory": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.api.resource.Quantity"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "inner": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"a": {"type": "integer"}}},
                },
                "open": {
                    "type": "object",
                    "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"a": {"type": "integer"}},
                },
                "child": {"$ref": "#/definitions/Spec"},
            },
        },
        "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": "string"},
        "Stranger": {"type": "object"},
        "Options": {"type": "object", "x-kubernetes-group-version-kind": [{}, {}]},
        "Thing": {
            "type": "object",
            "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Thing"}],
        },
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    assert write_schemas(OPENAPI, folder) == 2
    return folder


def test_there_is_one_file_for_each_kind(folder: Path) -> None:
    assert sorted(file.name for file in folder.iterdir()) == [
        "gadget-gadgets.example-v1.json",
        "thing-v1-v1.json",
    ]


def test_a_file_holds_what_its_kind_refers_to_and_no_more(folder: Path) -> None:
    schema = json.loads((folder / "gadget-gadgets.example-v1.json").read_text())
    assert schema["definitions"].keys() == {"Gadget", "Spec", "io.k8s.apimachinery.pkg.api.resource.Quantity"}


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        pytest.param({}, None, id="nothing optional"),
        pytest.param({"port": 80, "memory": 1}, None, id="numbers where they may be"),
        pytest.param({"port": "http", "memory": "1Gi"}, None, id="strings where they may be"),
        pytest.param({"description": "d", "$ref": "r"}, None, id="fields named like keywords"),
        pytest.param({"labels": {"any": "name"}}, None, id="a map with any key"),
        pytest.param({"open": {"b": 1}}, None, id="an unknown field where they are kept"),
        pytest.param({"child": {"child": {"port": 1}}}, None, id="a recursive field"),
        pytest.param({"prot": 80}, "additional properties 'prot' not allowed", id="an unknown field"),
        pytest.param({"inner": [{"b": 1}]}, "additional properties 'b' not allowed", id="one within a list"),
        pytest.param({"child": {"child": {"x": 1}}}, "additional properties 'x' not allowed", id="one deep down"),
        pytest.param({"labels": {"a": 1}}, "got number, want string", id="a wrong type in a map"),
        pytest.param({"port": True}, "'/spec/port'", id="a wrong type"),
    ],
)
def test_kubeconform_judges_by_them(
    tools: Any, folder: Path, tmp_path: Path, spec: dict[str, Any], complaint: str | None
) -> None:
    file = tmp_path / "gadget.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "gadgets.example/v1", "kind": "Gadget", "spec": spec}))
    command = [tools.kubeconform, "-strict", "-schema-location", location(folder), str(file)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == (1 if complaint else 0), answer.stdout
    assert (complaint or "") in answer.stdout


def test_a_document_without_kinds_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DevclusterError, match="/openapi/v2"):
        write_schemas({"openapi": "3.0.0", "components": {"schemas": {}}}, tmp_path)
