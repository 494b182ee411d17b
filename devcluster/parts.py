"""The parts: every server devcluster has started, by name, kept in ``state.json``.

The file is the only memory, so that any later process (a test, `down`, a second `up`) finds what
an earlier one started. A part is written down as soon as it is started; starting a part that runs
already changes nothing.
"""

import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from devcluster import process
from devcluster.errors import PartCrashedError
from devcluster.locks import exclusive

GRACE_SECONDS = 4.0
LAST = ("kube-apiserver", "etcd")
"""End after all others, in this order: the others still write through them while they end."""


@dataclass(frozen=True)
class Part:
    """One started server."""

    name: str
    pid: int
    born: str
    port: int | None
    log: str

    @property
    def identity(self) -> process.Identity:
        """The process this part was started as."""
        return process.Identity(self.pid, self.born)

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return process.alive(self.identity)


class Parts:
    """The parts of the devcluster in the folder `state`."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self._file = state / "state.json"
        self._lock = state / "state.lock"

    def all(self) -> dict[str, Part]:
        """Every part that was started and not stopped, oldest first; it may have crashed since."""
        return {name: Part(name=name, **fields) for name, fields in self._read()["parts"].items()}

    def get(self, name: str) -> Part | None:
        """The part `name`, or None if it was never started or was stopped."""
        return self.all().get(name)

    def port(self, name: str) -> int | None:
        """The port `name` was last given; remembered after a stop, so that addresses stay the same."""
        port: int | None = self._read()["ports"].get(name)
        return port

    def choose_port(self, name: str) -> int:
        """The port for `name`: the one it had if that is free, else a new one; remembered."""
        remembered = self._read()["ports"]
        others = [port for other, port in remembered.items() if other != name]
        port = process.free_port(preferred=remembered.get(name), taken=others)
        self.remember_port(name, port)
        return port

    def remember_port(self, name: str, port: int) -> None:
        """Write down which port `name` has."""
        with exclusive(self._lock):
            content = self._read()
            content["ports"][name] = port
            self._write(content)

    def start(
        self,
        name: str,
        command: list[str],
        *,
        port: int | None = None,
        env: dict[str, str] | None = None,
    ) -> Part:
        """Start the part `name` detached and write it down; one that runs already is left alone."""
        with exclusive(self._lock):
            content = self._read()
            known = self.get(name)
            if known and known.alive:
                return known
            log = self.state / "logs" / f"{name}.log"
            identity = process.spawn(command, log=log, env=env)
            part = Part(name, identity.pid, identity.born, port, str(log))
            content["parts"].pop(name, None)  # so that the order in the file is that of starting
            content["parts"][name] = {key: value for key, value in asdict(part).items() if key != "name"}
            self._write(content)
            return part

    def stop(self, *names: str, grace: float = GRACE_SECONDS) -> list[str]:
        """End the parts `names` (all if none is given), those in LAST at the end; say which ran."""
        wanted = {name: part for name, part in self.all().items() if not names or name in names}
        running = [part for part in wanted.values() if part.alive]
        process.end([part.identity for part in running if part.name not in LAST], grace=grace)
        for name in LAST:
            process.end([part.identity for part in running if part.name == name], grace=grace)
        with exclusive(self._lock):
            content = self._read()
            for name in wanted:
                content["parts"].pop(name, None)
            self._write(content)
        return [part.name for part in running]

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a part that must be running."""
        part = self.get(name)
        if part is None or not process.send(part.identity, number):
            raise PartCrashedError(self.obituary(name))

    def check(self, *names: str) -> None:
        """Raise PartCrashedError for the first of `names` that was started but runs no more."""
        for name, part in self.all().items():
            if (not names or name in names) and not part.alive:
                raise PartCrashedError(self.obituary(name))

    def obituary(self, name: str, *, lines: int = 15) -> str:
        """What to tell about a part that is not running: its name and the last lines of its log."""
        log = self.state / "logs" / f"{name}.log"
        if not log.exists():
            return f"{name} is not running and has no log in {log.parent}; start it with: make cluster"
        last = log.read_text(errors="replace").splitlines()[-lines:]
        return f"{name} is not running; it ended by itself. Last lines of {log}:\n  " + "\n  ".join(last)

    def _read(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {"parts": {}, "ports": {}}
        return content

    def _write(self, content: dict[str, Any]) -> None:
        fresh = self._file.with_suffix(".json.new")
        fresh.write_text(json.dumps(content, indent=2) + "\n")
        os.replace(fresh, self._file)  # noqa: PTH105 - atomic, and spelled so that one sees it is
