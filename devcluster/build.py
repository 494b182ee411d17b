"""Builds the binaries once per set of inputs, into the user's cache.

Promises: a cache folder is whole or absent (built aside, then renamed); two checkouts never build
at once; whoever waits is told for what; an interrupted build leaves nothing but Go's own compile
cache, so the next one goes on where it ended.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from devcluster import go, layout
from devcluster.errors import BuildError
from devcluster.locks import exclusive

TOOLS = (
    "github.com/prometheus/prometheus/cmd/prometheus",
    "github.com/prometheus/prometheus/cmd/promtool",
    "github.com/yannh/kubeconform/cmd/kubeconform",
    "helm.sh/helm/v4/cmd/helm",
    "k8s.io/kubernetes/cmd/kubectl",
    "sigs.k8s.io/kwok/cmd/kwok",
)
SERVER = "devcluster-server"
BINARIES = (SERVER, *(tool.rpartition("/")[2] for tool in TOOLS))
TAGS = "remove_all_sd,enable_kubernetes_sd"
TTY_SECONDS, PLAIN_SECONDS = 1.0, 15.0


@dataclass
class Progress:
    """What a running `go build -v` has told so far; fed by a thread, read by another."""

    step: str
    started: float = field(default_factory=time.monotonic)
    compiled: int = 0
    downloaded: int = 0
    latest: str = "nothing yet (reading what is cached, or linking)"
    complaints: deque[str] = field(default_factory=lambda: deque(maxlen=40))

    def feed(self, line: str) -> None:
        """Take one line of Go's stderr."""
        if line.startswith("go: downloading "):
            self.downloaded += 1
            self.latest = line.removeprefix("go: ")
        elif re.fullmatch(r"[\w.~/\-]+", line):  # a package path: with -v it was just compiled
            self.compiled += 1
            self.latest = line
        else:
            self.complaints.append(line)

    def __str__(self) -> str:
        """One line for a person."""
        elapsed = int(time.monotonic() - self.started)
        modules = f"{self.downloaded} modules fetched, " if self.downloaded else ""
        counts = f"{modules}{self.compiled} packages compiled"
        return f"{self.step}: {elapsed // 60}:{elapsed % 60:02} min, {counts}; last: {self.latest}"


def is_built(folder: Path) -> bool:
    """Whether every binary is there."""
    return all(os.access(folder / name, os.X_OK) for name in BINARIES)


def ensure_built() -> Path:
    """The folder with the binaries, built first if they are not there.

    Raises:
        BuildError: no usable Go, or the build went wrong; the message says what to do.
    """
    folder = layout.bin_dir()
    if is_built(folder):
        return folder
    go_mod = (layout.SOURCE / "go.mod").read_text()
    compiler = go.find_go(go_mod)
    with exclusive(layout.cache_root() / "lock", on_wait=_tell_waiting):
        if not is_built(folder):
            _build_aside(compiler, go_mod, folder)
    return folder


def _tell_waiting() -> None:
    print("Another checkout is building devcluster right now; waiting for it to finish.", flush=True)


def _build_aside(compiler: str, go_mod: str, folder: Path) -> None:
    for left_over in folder.parent.glob(".building-*"):  # we hold the lock, so nobody is using it
        shutil.rmtree(left_over)
    aside = folder.parent / f".building-{folder.name}"
    aside.mkdir(parents=True)
    print(
        f"Building etcd, Kubernetes, Prometheus, helm, kwok into {folder}\n"
        f"From nothing this takes about 10 minutes on 2 cores and 5 GB of disk; after that, no time at all.",
        flush=True,
    )
    try:
        _go_build(compiler, go_mod, aside / SERVER, (".",), "control plane (1 of 2)")
        _go_build(compiler, go_mod, aside, TOOLS, "Prometheus and tools (2 of 2)")
        if folder.exists():  # incomplete: somebody removed a binary
            shutil.rmtree(folder)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def build_command(compiler: str, go_mod: str, output: Path, packages: tuple[str, ...]) -> list[str]:
    """The `go build` that makes `packages` into `output` (a file, or a folder that exists)."""
    version = go.required_version(go_mod, "k8s.io/kubernetes")
    major, minor, _ = version.removeprefix("v").split(".", 2)
    stamp = "k8s.io/component-base/version"
    flags = f"-s -w -X {stamp}.gitVersion={version} -X {stamp}.gitMajor={major} -X {stamp}.gitMinor={minor}"
    command = [compiler, "build", "-v", "-trimpath", "-buildvcs=false", "-mod=readonly", "-tags", TAGS]
    target = f"{output}/" if output.is_dir() else str(output)
    return [*command, "-ldflags", flags, "-o", target, *packages]


def _go_build(compiler: str, go_mod: str, output: Path, packages: tuple[str, ...], step: str) -> None:
    progress = Progress(step)
    process = subprocess.Popen(
        build_command(compiler, go_mod, output, packages),
        cwd=layout.SOURCE,
        env={**os.environ, "GOFLAGS": "", "GOWORK": "off"},  # the user's own habits must not change it
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C reaches us alone, and we end it in order
    )
    reader = threading.Thread(target=_read_into, args=(process.stderr, progress), daemon=True)
    reader.start()
    try:
        _watch(process, progress)
    except BaseException:
        _end_build(process)
        raise
    reader.join()
    if process.returncode != 0:
        said = "\n  ".join(progress.complaints) or "(nothing)"
        raise BuildError(
            f"The build of the {step} failed in {layout.SOURCE}. Go said:\n  {said}\n"
            f"If it could not fetch a module or the disk is full, mend that and run: make build"
        )


def _read_into(stream: IO[str] | None, progress: Progress) -> None:
    for line in stream or ():
        progress.feed(line.rstrip())


def _watch(process: subprocess.Popen[str], progress: Progress) -> None:
    interactive = sys.stdout.isatty()
    interval = TTY_SECONDS if interactive else PLAIN_SECONDS
    while True:
        try:
            process.wait(timeout=interval)
        except subprocess.TimeoutExpired:
            _show(progress, interactive=interactive)
        else:
            _show(progress, interactive=interactive)
            if interactive:
                print()
            return


def _show(progress: Progress, *, interactive: bool) -> None:
    if interactive:
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{str(progress)[:width]}", end="", flush=True)
    else:
        print(progress, flush=True)


def _end_build(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)  # Go removes its work folder on this
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    print("\nThe build was stopped; what was compiled is kept, the next `make build` goes on from there.")
