"""Helm for the chart's tests: run with nobody's configuration but ours."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "vanguard"

Objects = list[dict[str, Any]]
Answer = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An empty control plane instead of the session's: these tests install in every way, and take it all away."""
    with Cluster(tmp_path_factory.mktemp("empty-cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def chart() -> Path:
    """The chart's folder."""
    return CHART


@pytest.fixture(scope="session")
def helm(tools: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Answer]:
    """Run helm; its answer is returned whatever its exit code."""
    home = tmp_path_factory.mktemp("helm")
    env = os.environ | {f"HELM_{kind}_HOME": str(home / kind) for kind in ("CACHE", "CONFIG", "DATA")}

    def run(*args: str) -> Answer:
        return subprocess.run([tools.helm, *args], env=env, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def template(
    helm: Callable[..., Answer], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[dict[str, Any]], Answer]:
    """Run `helm template` with values."""
    folder = tmp_path_factory.mktemp("values")

    def run(values: dict[str, Any]) -> Answer:
        file = folder / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        return helm("template", "vanguard", str(CHART), "-n", "vanguard-system", "-f", str(file))

    return run


@pytest.fixture(scope="session")
def render(template: Callable[[dict[str, Any]], Answer]) -> Callable[..., Objects]:
    """The objects that the chart gives for values."""

    def run(values: dict[str, Any] | None = None) -> Objects:
        answer = template(values or {})
        assert answer.returncode == 0, answer.stderr
        return [document for document in yaml.safe_load_all(answer.stdout) if document]

    return run


@pytest.fixture(scope="session")
def select() -> Callable[..., dict[str, Any]]:
    """The one object of a kind and name."""

    def find(objects: Objects, kind: str, name: str = "vanguard", namespace: str | None = None) -> dict[str, Any]:
        (found,) = [
            item
            for item in objects
            if (item["kind"], item["metadata"]["name"]) == (kind, name)
            and namespace in {None, item["metadata"].get("namespace")}
        ]
        return found

    return find
