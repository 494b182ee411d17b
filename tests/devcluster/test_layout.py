"""The cache folder's name follows its inputs, and the env file survives awkward paths."""

import shutil
import subprocess
from pathlib import Path

import pytest

from devcluster import layout


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in layout.INPUTS:
        shutil.copy(layout.SOURCE / name, tmp_path / name)
    return tmp_path


def test_equal_inputs_share_one_cache_folder(source: Path) -> None:
    assert layout.inputs_hash(source) == layout.inputs_hash()


@pytest.mark.parametrize("name", layout.INPUTS)
def test_a_change_in_any_input_means_another_cache_folder(source: Path, name: str) -> None:
    (source / name).write_text((source / name).read_text() + "\n")
    assert layout.inputs_hash(source) != layout.inputs_hash()


def test_text_moved_from_one_input_to_the_next_is_a_change(source: Path) -> None:
    (source / "go.mod").write_text("ab")
    (source / "go.sum").write_text("c")
    before = layout.inputs_hash(source)
    (source / "go.mod").write_text("a")
    (source / "go.sum").write_text("bc")
    assert layout.inputs_hash(source) != before


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert layout.bin_dir() == tmp_path / "vanguard-devcluster" / layout.inputs_hash()


def test_a_shell_reads_the_env_file_even_with_spaces_and_quotes_in_paths(tmp_path: Path) -> None:
    folder = tmp_path / "it's a $HOME"
    content = layout.env_content(
        kubeconfig=folder / "kubeconfig", binaries=folder / "bin", prometheus_url="http://127.0.0.1:1"
    )
    show = 'printf "%s\\n" "$KUBECONFIG" "$PROMETHEUS_URL" "$PATH"'
    answer = subprocess.run(
        ["sh", "-c", content + show],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.splitlines() == [
        f"{folder}/kubeconfig",
        "http://127.0.0.1:1",
        f"{folder}/bin:/usr/bin:/bin",
    ]


def test_the_env_file_names_no_prometheus_that_does_not_run(tmp_path: Path) -> None:
    content = layout.env_content(kubeconfig=tmp_path, binaries=tmp_path, prometheus_url=None)
    assert "PROMETHEUS_URL" not in content


def test_secrets_are_for_their_owner_only(tmp_path: Path) -> None:
    state = layout.prepare_state(tmp_path / "state")
    secret = layout.write_secret(state / "token", "x")
    assert (state.stat().st_mode & 0o777, secret.stat().st_mode & 0o777) == (0o700, 0o600)
