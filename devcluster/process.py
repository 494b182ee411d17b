"""Processes by id and birth, so that a recycled id is never taken for one of ours.

A process id alone is reused by the kernel. With its start time (and the boot it happened in) it
names one process for ever; every signal that devcluster sends goes through that check.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import SystemRandom

PORT_RANGE = range(20000, 30000)
"""Below Linux' and above macOS' habitual ports of outgoing connections, which are taken at random."""

_POLL_SECONDS = 0.02
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Identity:
    """One process: its id, and when it was born as told by the kernel."""

    pid: int
    born: str


def birth(pid: int) -> str | None:
    """When the process `pid` was started, or None if there is none (a zombie counts as none)."""
    stat = Path(f"/proc/{pid}/stat")
    born = _birth_from_proc(stat) if Path("/proc/self/stat").exists() else _birth_from_ps(pid)
    child = _children.get(pid)
    if child is not None and (born is None or child.poll() is not None):
        child.wait()  # our own, and dead: reaped, or it would stay a zombie
        del _children[pid]
        return None
    return born


def _birth_from_proc(stat: Path) -> str | None:
    try:
        # The command name in brackets may itself hold spaces and brackets.
        fields = stat.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks = fields[0], fields[19]
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return None if state in "ZX" else f"{boot}:{ticks}"


def _birth_from_ps(pid: int) -> str | None:
    command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
    words = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return None if not words or words[0].startswith("Z") else " ".join(words[1:])


def alive(identity: Identity) -> bool:
    """Whether exactly this process, not another one with its id, is running."""
    return birth(identity.pid) == identity.born


def spawn(command: list[str], *, log: Path, env: dict[str, str] | None = None) -> Identity:
    """Start `command` detached, in a session of its own, with its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists():
        log.replace(log.with_suffix(".log.previous"))
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
    born = birth(child.pid)
    _children[child.pid] = child
    return Identity(child.pid, born or "ended at once")


def send(identity: Identity, number: signal.Signals) -> bool:
    """Signal the process if it is still that one; say whether it was."""
    if not alive(identity):
        return False
    with suppress(ProcessLookupError):
        os.kill(identity.pid, number)
    return True


def end(identities: Iterable[Identity], *, grace: float) -> None:
    """SIGTERM to all at once, SIGKILL to those left after `grace` seconds; returns when all are gone."""
    left = [one for one in identities if send(one, signal.SIGTERM)]
    for one in left:
        send(one, signal.SIGCONT)  # a stopped process would not see SIGTERM
    left = _wait_gone(left, grace)
    for one in left:
        send(one, signal.SIGKILL)
    _wait_gone(left, grace)


def _wait_gone(identities: list[Identity], seconds: float) -> list[Identity]:
    deadline = time.monotonic() + seconds
    left = [one for one in identities if alive(one)]
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        left = [one for one in left if alive(one)]
    return left


def free_port(*, preferred: int | None = None, taken: Iterable[int] = ()) -> int:
    """A loopback port nobody listens on: `preferred` if it is free, else one by chance."""
    avoid = set(taken)
    if preferred and preferred not in avoid and _is_free(preferred):
        return preferred
    chance = SystemRandom()
    while True:
        port = chance.choice(PORT_RANGE)
        if port not in avoid and _is_free(port):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
