"""Every file in examples/ is one the server takes and Prometheus understands, on the workload it speaks of."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster
from devcluster.operator_process import ROOT
from tests.cluster.stage import Json, Stage
from tests.conftest import Tools

EXAMPLES = ROOT / "examples"
FILES = sorted(EXAMPLES.rglob("*.yaml"))
TOP = sorted(EXAMPLES.glob("*.yaml"))


def name(value: Any) -> str | None:
    """The test id of a file: its path within the examples."""
    return str(value.relative_to(EXAMPLES)) if isinstance(value, Path) else None


def objects(file: Path) -> list[Json]:
    """The objects of a manifest."""
    return [one for one in yaml.safe_load_all(file.read_text()) if one and "kind" in one]


def queries() -> Iterator[Any]:
    """Every query of every pattern, each as a test of its own."""
    for file in FILES:
        for pattern in (one for one in objects(file) if one["kind"] == "IssuePattern"):
            spec = pattern["spec"]
            others = [*spec.get("facts", ()), *spec.get("saturation", ())]
            others += [one for signal in spec["signals"] for one in signal.get("companions", ())]
            for asked in (*spec["signals"], *spec["verification"]["guards"], *others):
                where = f"{file.relative_to(EXAMPLES)}: {asked['name']} of {pattern['metadata']['name']}"
                yield pytest.param(asked["query"], id=where)


@pytest.mark.parametrize("file", [file for file in FILES if objects(file)], ids=name)
def test_the_server_takes_it(cluster: Cluster, file: Path) -> None:
    options = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    # A dry run makes no namespace for what is in the same file.
    for space in {one["metadata"].get("namespace", "default") for one in objects(file)}:
        cluster.apply(yaml.safe_dump({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}))
    cluster.kubectl("apply", *options, "-f", str(file))


@pytest.mark.parametrize("file", [file for file in FILES if not objects(file)], ids=name)
def test_what_is_no_manifest_is_values_of_the_chart(cluster: Cluster, file: Path) -> None:
    cluster.helm("template", "vanguard", str(ROOT / "charts" / "vanguard"), "--values", str(file))


def test_the_whole_folder_is_applied_with_one_command(stage: Stage) -> None:
    said = stage.cluster.apply(EXAMPLES).stdout
    assert len(said.splitlines()) == sum(len(objects(file)) for file in TOP)
    kinds = {one["kind"] for one in stage.cluster.get("vanguard", "-A")["items"]}
    assert kinds == {"IssuePattern", "AutomationPolicy"}


def test_there_are_queries_to_try() -> None:
    assert len(list(queries())) >= 2 * len(TOP)


@pytest.mark.parametrize("query", list(queries()))
def test_prometheus_understands_the_query_and_finds_the_demos_series(
    theatre: Stage, tools: Tools, tmp_path: Path, query: str
) -> None:
    rules = tmp_path / "rules.yaml"
    group = {"name": "example", "rules": [{"record": "example:query", "expr": query}]}
    rules.write_text(yaml.safe_dump({"groups": [group]}))
    understood = subprocess.run([tools.promtool, "check", "rules", rules], capture_output=True, text=True, check=False)
    assert understood.returncode == 0, understood.stderr
    found = theatre.eventually(lambda: theatre.query(query), what=f"series of {query}", within=60)
    assert {series["metric"]["namespace"] for series in found} == {"shop"}
    assert all({"deployment", "pod"} & series["metric"].keys() for series in found)
