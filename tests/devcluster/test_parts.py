"""Parts are known by pid and birth: a recycled pid is never signalled, a crash is told by name."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import process
from devcluster.errors import PartCrashedError
from devcluster.parts import Parts

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(60)
"""
STUBBORN = [sys.executable, "-c", DEAF]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.stop(grace=0.2)


def wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + 20
    while text not in path.read_text():
        assert time.monotonic() < deadline, f"{path} never held {text!r}"


def wait_dead(parts: Parts, name: str) -> None:
    part = parts.get(name)
    assert part is not None
    deadline = time.monotonic() + 20
    while part.alive:
        assert time.monotonic() < deadline, f"{name} did not end"


def test_a_second_start_leaves_the_running_part_alone(parts: Parts) -> None:
    assert parts.start("one", SLEEP, port=7) == parts.start("one", SLEEP, port=8)


def test_another_process_sees_what_this_one_started(parts: Parts) -> None:
    started = parts.start("one", SLEEP)
    assert Parts(parts.state).all() == {"one": started}
    assert Parts(parts.state).stop() == ["one"]
    assert not started.alive


def test_a_recycled_pid_is_neither_alive_nor_killed(parts: Parts) -> None:
    stranger = subprocess.Popen(SLEEP)
    try:
        parts.start("one", SLEEP)
        parts.stop("one")
        recorded = {"pid": stranger.pid, "born": "some-boot:1", "port": None, "log": "x"}
        (parts.state / "state.json").write_text(json.dumps({"parts": {"one": recorded}, "ports": {}}))
        found = parts.get("one")
        assert found is not None
        assert not found.alive
        assert parts.stop() == []
        assert stranger.poll() is None, "a process that is not ours was ended"
    finally:
        stranger.kill()
        stranger.wait()


def test_a_zombie_counts_as_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and left unreaped
    assert process.birth(child.pid) is None
    child.wait()


def test_a_part_deaf_to_sigterm_is_killed(parts: Parts) -> None:
    part = parts.start("deaf", STUBBORN)
    wait_for(Path(part.log), "deaf")
    parts.stop("deaf", grace=0.2)
    assert not part.alive


def test_a_paused_part_still_ends(parts: Parts) -> None:
    part = parts.start("one", SLEEP)
    parts.signal("one", signal.SIGSTOP)
    parts.stop("one")
    assert not part.alive


def test_a_crash_is_told_by_name_with_the_end_of_its_log(parts: Parts) -> None:
    parts.start("broken", [sys.executable, "-c", "import sys; print('port is taken'); sys.exit(3)"])
    wait_dead(parts, "broken")
    with pytest.raises(PartCrashedError, match=r"broken is not running(?s:.*)port is taken"):
        parts.check()


def test_a_crashed_part_is_started_again_and_its_last_log_kept(parts: Parts) -> None:
    parts.start("one", [sys.executable, "-c", "print('first')"])
    wait_dead(parts, "one")
    assert parts.start("one", SLEEP).alive
    assert (parts.state / "logs" / "one.log.previous").read_text() == "first\n"


def test_a_port_is_remembered_over_a_stop_and_changed_when_taken(parts: Parts) -> None:
    port = parts.choose_port("web")
    assert parts.choose_port("web") == port
    parts.remember_port("other", port)
    assert parts.choose_port("web") != port
