"""A Prometheus on loopback: scrapes what it is told, holds a past that is loaded before it starts.

Promises: its data and port outlive a stop; a history that was loaded once is not loaded again; a
sample newer than the loaded history, or up to two hours older than the newest, is taken.
"""

import hashlib
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from devcluster import build, layout
from devcluster.errors import CommandError, NotReadyError
from devcluster.parts import Parts

Target = tuple[str, str]
"""A job and its "host:port"."""

NAME = "prometheus"
READY_SECONDS = 60.0
BLOCK_DURATION = "31d"
"""Few large blocks: many small ones make every query and the start slower."""


class Prometheus:
    """The Prometheus of the devcluster in the folder `state`."""

    def __init__(self, state: Path | str) -> None:
        self.state = layout.prepare_state(Path(state))
        self.parts = Parts(self.state)
        self._config = self.state / "prometheus.yml"
        self._data = self.state / "prometheus"

    @property
    def url(self) -> str:
        """Its address; the same before and after a restart."""
        port = self.parts.port(NAME)
        if port is None:
            raise NotReadyError(f"Prometheus was never started in {self.state}. Start it: make cluster")
        return f"http://127.0.0.1:{port}"

    def start(
        self,
        targets: Iterable[Target] | None = None,
        *,
        scrape_interval: str = "1s",
        backfill: Path | None = None,
        port: int | None = None,
    ) -> Self:
        """Start it and wait until it answers; one that runs gets the new targets and goes on.

        `targets` None keeps those of last time. `backfill` is an OpenMetrics file with time stamps,
        ending with "# EOF". It should end before now: what is scraped at times the history already
        covers is stored beside it (as out-of-order samples, up to two hours back), and where both
        have a sample of one series at one instant the first stays.
        """
        binaries = build.ensure_built()
        if backfill is not None:
            self._load(binaries, backfill)
        if not self.is_running:
            if port is None:
                port = self.parts.choose_port(NAME)
            else:
                self.parts.remember_port(NAME, port)
        self._configure(targets, scrape_interval)
        self.parts.start(NAME, self._command(binaries), port=self.parts.port(NAME))
        self._await_ready()
        self.write_env()
        return self

    def stop(self) -> None:
        """End it; data and port stay for the next start."""
        self.parts.stop(NAME)
        self.write_env()

    def forget(self) -> None:
        """End it and drop its data; the port stays."""
        self.stop()
        shutil.rmtree(self._data, ignore_errors=True)

    def pause(self) -> None:
        """Make it hang: connections are accepted by the kernel, and nobody answers."""
        self.parts.signal(NAME, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self.parts.signal(NAME, signal.SIGCONT)

    @property
    def is_running(self) -> bool:
        """Whether the process is there (a paused one is)."""
        part = self.parts.get(NAME)
        return part is not None and part.alive

    def write_env(self) -> None:
        """Bring `<state>/env` up to date; it names this Prometheus only while it runs."""
        layout.write_env(self.state, prometheus_url=self.url if self.is_running else None)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _command(self, binaries: Path) -> list[str]:
        return [
            str(binaries / "prometheus"),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._data}",
            "--storage.tsdb.retention.time=60d",
            f"--web.listen-address=127.0.0.1:{self.parts.port(NAME)}",
        ]

    def _configure(self, targets: Iterable[Target] | None, interval: str) -> None:
        """Write the configuration; a running Prometheus reads it again if it changed."""
        if targets is None and self._config.exists():
            kept = yaml.safe_load(self._config.read_text())
            targets = [
                (job["job_name"], address)
                for job in kept["scrape_configs"]
                for static in job["static_configs"]
                for address in static["targets"]
                if job["job_name"] != NAME
            ]
            interval = kept["global"]["scrape_interval"]
        own = self.url.removeprefix("http://")
        content = yaml.safe_dump(configuration(targets or (), interval=interval, own=own), sort_keys=False)
        if self._config.exists() and self._config.read_text() == content:
            return
        self._config.write_text(content)
        if self.is_running:
            self.parts.signal(NAME, signal.SIGHUP)

    def _load(self, binaries: Path, history: Path) -> None:
        """Make blocks of `history`, once: loaded twice it would only cost twice the disk."""
        mark = self._data / f"backfilled-{hashlib.sha256(history.read_bytes()).hexdigest()[:16]}"
        if mark.exists():
            return
        self.stop()
        self._data.mkdir(parents=True, exist_ok=True)
        command = [str(binaries / "promtool"), "tsdb", "create-blocks-from", "openmetrics"]
        options = ["--quiet", f"--max-block-duration={BLOCK_DURATION}", str(history), str(self._data)]
        answer = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        if answer.returncode != 0:
            raise CommandError(
                f"promtool could not load the history {history}: {answer.stderr.strip()}\n"
                f"It must be OpenMetrics text with a time stamp (seconds) on every line, and end with # EOF."
            )
        mark.touch()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(f"{self.url}/-/ready"):
            self.parts.check(NAME)
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"Prometheus did not answer at {self.url} within {READY_SECONDS:.0f} s. "
                    f"If it was paused, resume it; its log is {self.state / 'logs' / 'prometheus.log'}."
                )
            time.sleep(0.05)


def configuration(targets: Iterable[Target], *, interval: str, own: str) -> dict[str, Any]:
    """The configuration: each job with its addresses, and Prometheus itself at a slower pace."""
    addresses: dict[str, list[str]] = {}
    for job, address in targets:
        addresses.setdefault(job, []).append(address)
    jobs = [{"job_name": job, "static_configs": [{"targets": found}]} for job, found in addresses.items()]
    itself = {"job_name": NAME, "scrape_interval": "15s", "static_configs": [{"targets": [own]}]}
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        # Else a sample older than the end of the backfilled history would be refused.
        "storage": {"tsdb": {"out_of_order_time_window": "2h"}},
        "scrape_configs": [*jobs, itself],
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own word for success
    except OSError:
        return False
