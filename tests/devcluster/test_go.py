"""Which Go will do, and what a person without one is told."""

from pathlib import Path

import pytest

from devcluster import build, go
from devcluster.errors import BuildError

GO_MOD = "module x\n\ngo 1.26.7\n\nrequire (\n\tk8s.io/kubernetes v1.37.2\n)\n"


@pytest.mark.parametrize(
    ("found", "toolchain"),
    [
        pytest.param("go1.26.7", "local", id="exactly the version asked for"),
        pytest.param("go1.26.8", "local", id="a newer patch"),
        pytest.param("go1.27", "local", id="a newer minor without a patch number"),
        pytest.param("go1.30.1 X:boringcrypto", "local", id="a build with experiments"),
        pytest.param("go1.21.0", "auto", id="an older one that may fetch a newer"),
        pytest.param("go1.22.1", "go1.24.0+auto", id="an older one with a pinned default that may fetch a newer"),
    ],
)
def test_go_is_good_enough(found: str, toolchain: str) -> None:
    assert go.check_version(wanted="1.26.7", found=found, toolchain=toolchain, path="/go") is None


@pytest.mark.parametrize(
    ("found", "toolchain", "reason"),
    [
        pytest.param("go1.26.6", "local", "GOTOOLCHAIN=local forbids", id="one patch too old and not allowed to fetch"),
        pytest.param("go1.9.7", "auto", "too old to fetch", id="1.9 is older than 1.26, and cannot fetch"),
    ],
)
def test_go_is_too_old_and_the_message_says_what_to_do(found: str, toolchain: str, reason: str) -> None:
    problem = go.check_version(wanted="1.26.7", found=found, toolchain=toolchain, path="/old/go")
    assert problem is not None
    assert reason in problem
    assert f"/old/go is {found}" in problem
    assert "Install Go 1.26.7 or newer" in problem


def test_without_go_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(go, "USUAL_PLACES", ())
    with pytest.raises(BuildError, match=r"Go is not installed.*Install Go 1\.26\.7 or newer"):
        go.find_go(GO_MOD)


def test_a_go_that_answers_too_old_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "go"
    fake.write_text('#!/bin/sh\nprintf "go1.24.1\\nlocal\\n"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(BuildError, match=r"is go1\.24\.1"):
        go.find_go(GO_MOD)


def test_versions_are_read_from_go_mod() -> None:
    assert go.wanted_version(GO_MOD) == "1.26.7"
    assert go.required_version(GO_MOD, "k8s.io/kubernetes") == "v1.37.2"


def test_the_server_is_stamped_with_the_version_go_mod_requires(tmp_path: Path) -> None:
    command = build.build_command("go", GO_MOD, tmp_path, ("pkg",))
    flags = command[command.index("-ldflags") + 1]
    assert "gitVersion=v1.37.2" in flags
    assert "gitMajor=1" in flags
    assert "gitMinor=37" in flags
    assert command[command.index("-o") + 1] == f"{tmp_path}/"


def test_progress_counts_downloads_and_packages_and_keeps_complaints() -> None:
    progress = build.Progress("step")
    lines = [
        "go: downloading a.b/c v1.0.0",
        "k8s.io/api/core/v1",
        "fmt",
        "# x",
        "./main.go:23:29: cannot use y",
    ]
    for line in lines:
        progress.feed(line)
    assert (progress.downloaded, progress.compiled) == (1, 2)
    assert list(progress.complaints) == ["# x", "./main.go:23:29: cannot use y"]
    assert "1 modules fetched, 2 packages compiled; last: fmt" in str(progress)
