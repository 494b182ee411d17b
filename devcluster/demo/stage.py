"""What both acts share: the running cluster, a way to narrate, and claims that fail the demo when they do not hold."""

import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from devcluster.errors import DevclusterError
from devcluster.operator_process import OPERATOR, Running

POLL_SECONDS = 0.5
SETTLED = frozenset({"Succeeded", "RolledBack", "Failed", "Rejected", "Observed"})

console = Console(highlight=False, soft_wrap=True)


class DemoFailedError(DevclusterError):
    """The demo did not see what it promises."""


@dataclass
class Stage:
    """The running cluster, and what was seen on it before anything happened."""

    running: Running
    begun: float = field(default_factory=time.monotonic)
    told: dict[str, int] = field(default_factory=dict)

    def say(self, text: str, style: str = "") -> None:
        """A line with the time since patterns and policy were applied."""
        console.print(f"[dim]{time.monotonic() - self.begun:6.1f} s[/]  {text}", style=style)

    def get(self, *what: str, namespace: str = "shop") -> Any:
        """An object or list in a namespace, as JSON."""
        return self.running.cluster.get("-n", namespace, *what)

    def interventions(self, *namespaces: str) -> dict[str, Any]:
        """The Interventions of some namespaces by the name of their target, each narrated as far as it has come."""
        found = [one for space in namespaces for one in self.get("interventions", namespace=space)["items"]]
        for intervention in found:
            self._narrate(intervention)
        return {one["spec"]["target"]["name"]: one for one in found}

    def await_targets(
        self, what: str, namespaces: tuple[str, ...], met: Callable[[dict[str, Any]], object], within: float
    ) -> dict[str, Any]:
        """Narrate until what is so will do.

        Raises:
            DemoFailedError: after so many seconds.
        """
        deadline = time.monotonic() + within
        while not met(found := self.interventions(*namespaces)):
            if time.monotonic() > deadline:
                seen = {name: reason_of(one) for name, one in found.items()}
                log = self.running.cluster.state / "logs" / f"{OPERATOR}.log"
                raise DemoFailedError(f"waited {within:.0f} s for {what}; seen: {seen or 'nothing'}; see {log}")
            time.sleep(POLL_SECONDS)
        return found

    def type(self, *words: str) -> str:
        """Type a `vanguard` command as an administrator, and show what it says; what it said."""
        head(f"$ vanguard {' '.join(words)}")
        command = [str(Path(sys.executable).with_name("vanguard")), *words]
        command += ["--kubeconfig", str(self.running.cluster.kubeconfig)]
        # As `source .devcluster/env` sets it.
        told = {**os.environ, "PROMETHEUS_URL": self.running.prometheus.url}
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=told)
        console.print((said.stdout + said.stderr).rstrip(), markup=False)
        if said.returncode:
            raise DemoFailedError(f"vanguard {words[0]} ended with {said.returncode}")
        return said.stdout

    def ask(self, query: str) -> dict[str, float]:
        """An instant query; the last label's value to the number."""
        url = f"{self.running.prometheus.url}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(url, timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
        return {next(iter(entry["metric"].values()), ""): float(entry["value"][1]) for entry in result}

    def _narrate(self, iv: Any) -> None:
        name, target, status = iv["metadata"]["name"], iv["spec"]["target"]["name"], iv.get("status", {})
        if name not in self.told:
            cause = iv["spec"]["cause"]
            self.say(
                f"[bold]{target}[/] alert fires: {cause['signal']} {float(cause['value']):.1f}, "
                f"{float(cause['slopePerHour']):+.1f}/h, limit {cause['limit']} foreseen "
                f"at {cause.get('breachAt', '?')} ({cause['breachPercent12h']} % within 12 h)"
            )
        timeline = status.get("timeline", [])
        for entry in timeline[self.told.get(name, 0) :]:
            self.say(f"[bold]{target}[/] {entry['phase']}: {entry['reason']}: {entry['message'][:160]}")
        self.told[name] = len(timeline)


def phase_of(intervention: Any) -> str:
    """Where an Intervention is; empty for none."""
    return str((intervention or {}).get("status", {}).get("phase", ""))


def reason_of(intervention: Any) -> str:
    """Phase and reason in two words."""
    return f"{phase_of(intervention)} {(intervention or {}).get('status', {}).get('reason', '')}".strip()


class Checks:
    """Claims and whether they held."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.failed: list[str] = []
        self.by_target: dict[str, Any] = {
            one["spec"]["target"]["name"]: one for one in stage.running.cluster.get("interventions", "-A")["items"]
        }

    def claim(self, holds: bool, text: str) -> None:
        """One claim, told as it is."""
        console.print(("  [green]yes[/]  " if holds else "  [red]NO[/]   ") + text)
        if not holds:
            self.failed.append(text)

    def ended(self, target: str, phase: str, verdict: str) -> Any:
        """How a target's Intervention ended."""
        status = self.by_target.get(target, {}).get("status", {})
        told = f"{target}: {status.get('phase')}, verdict {status.get('verdict')}"
        self.claim((status.get("phase"), status.get("verdict")) == (phase, verdict), told)
        return status

    def conclude(self) -> None:
        """Fail loudly if a claim did not hold."""
        if self.failed:
            raise DemoFailedError("the demo did not see what it promises: " + "; ".join(self.failed))
        console.print("\n[bold green]All claims of this act held.[/]")


def head(text: str) -> None:
    """A heading."""
    console.print(f"\n[bold]{text}[/]")
