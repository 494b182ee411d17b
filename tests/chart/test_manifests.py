"""install.yaml is the chart, and kustomize can build on it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what render.py looks at, free to be changed."""
    for folder in ("charts", "manifests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def run(tools: Any, checkout: Path, *args: str, helm: str | None = None) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"HELM": str(helm or tools.helm)}
    command = [sys.executable, str(checkout / "manifests" / "render.py"), *args]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_install_yaml_is_what_the_chart_gives(tools: Any) -> None:
    answer = run(tools, ROOT, "--check")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_drift_is_shown_and_check_writes_nothing(tools: Any, checkout: Path) -> None:
    values = checkout / "charts" / "vanguard" / "values.yaml"
    values.write_text(values.read_text().replace("replicas: 1", "replicas: 2"))
    before = (checkout / "manifests" / "install.yaml").read_text()
    answer = run(tools, checkout, "--check")
    assert answer.returncode == 1
    assert "-  replicas: 1\n+  replicas: 2\n" in answer.stdout
    assert "Run: python manifests/render.py" in answer.stderr
    assert (checkout / "manifests" / "install.yaml").read_text() == before


def test_rendering_again_mends_the_drift(tools: Any, checkout: Path) -> None:
    (checkout / "manifests" / "install.yaml").write_text("spoilt")
    assert run(tools, checkout).returncode == 0
    assert run(tools, checkout, "--check").returncode == 0


def test_a_missing_helm_is_said_plainly(tools: Any, checkout: Path) -> None:
    answer = run(tools, checkout, helm="no-such-helm")
    assert answer.returncode == 1
    assert "Put helm on PATH, or its path into HELM" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_chart_that_does_not_render_is_said_with_helms_words(tools: Any, checkout: Path) -> None:
    (checkout / "charts" / "vanguard" / "values.yaml").write_text("replicas: many\n")
    answer = run(tools, checkout)
    assert answer.returncode == 1
    assert "got string, want integer" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_kustomize_gives_the_same_objects(tools: Any) -> None:
    command = [tools.kubectl, "kustomize", str(ROOT / "manifests")]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert _by_name(answer.stdout) == _by_name((ROOT / "manifests" / "install.yaml").read_text())


def test_the_namespace_comes_first_and_holds_pods_to_the_restricted_profile() -> None:
    first = next(yaml.safe_load_all((ROOT / "manifests" / "install.yaml").read_text()))
    assert (first["kind"], first["metadata"]["name"]) == ("Namespace", "vanguard-system")
    assert first["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_nothing_in_it_claims_to_be_kept_by_helm() -> None:
    text = (ROOT / "manifests" / "install.yaml").read_text()
    assert "managed-by" not in text
    assert "helm.sh/" not in text


def _by_name(text: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(text) if item}
