"""`make bench-scale`: steady cycles over very many series, and what the least conceivable work would cost.

What runs is the operator's own `Detector.evaluate`: the adapter, the books, screening, the forecaster, assessments, the
board. Only Prometheus (a process that has its answers ready) and the API server (nothing to say) are stand-ins, and
eight days of past are put into the books directly.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import requests

from bench.scale.estate import LIMIT, PER_DEPLOYMENT, PER_NAMESPACE, labels_of, namespace_of, values_at
from vanguard.adapters.prometheus import PrometheusMetrics
from vanguard.api.base import WorkloadKind
from vanguard.api.kinds import AutomationPolicy, IssuePattern
from vanguard.domain.forecast import Forecaster
from vanguard.domain.past import BLOCKS
from vanguard.domain.series import BLOCK_SECONDS, RING_BLOCKS, Columns, SeriesBook, key_of
from vanguard.domain.series import labels_of as sorted_labels
from vanguard.domain.workload import TargetKey, Workload, read_workload
from vanguard.ports import Cluster
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.detect import Detector
from vanguard.reconcilers.estate import Estate
from vanguard.settings import Settings
from vanguard.telemetry import Telemetry

RESULTS = Path(__file__).parents[1] / "results" / "scale.json"
SIZES = (1_000, 10_000, 100_000)
CYCLES = 5
INTERVAL = timedelta(minutes=15)
BEGIN = datetime(2026, 3, 1, 12, 7, 30, tzinfo=UTC)
ONSET = BEGIN - timedelta(hours=6)
NAIVE_SAMPLE = 40


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class _Seen:
    """What was asked of the server; answers are not kept, they would count as memory."""

    def __init__(self) -> None:
        self.forms: list[tuple[str, Any]] = []

    def note(self, answer: requests.Response, **_: Any) -> None:
        """One more."""
        self.forms.append((str(answer.url), answer.request.body))


@dataclass(frozen=True)
class Row:
    """What was measured at one size. Times in seconds, of one cycle, the median of all."""

    series: int
    cpu: float
    floor: float
    ratio: float
    wall: float
    wall_without_server: float
    bytes_per_series: float
    queries: float
    looked_at: int
    rss_mb: float
    peak_mb: float
    naive_cpu: float


class Still:
    """A clock that is set."""

    def __init__(self) -> None:
        self.at = BEGIN

    def now(self) -> datetime:
        """The time that was set."""
        return self.at


class Silent:
    """An API server that has nothing to say."""

    async def get(self, *_: Any) -> dict[str, Any]:
        """An object without anything."""
        return {"metadata": {"generation": 1, "resourceVersion": "1"}}

    async def replace_status(self, _: str, raw: dict[str, Any]) -> dict[str, Any]:
        """As if written."""
        return raw

    async def create(self, *args: Any) -> dict[str, Any]:
        """As if created."""
        return dict(args[-1])

    async def patch(self, *_: Any, **__: Any) -> dict[str, Any]:
        """As if patched."""
        return {}


@contextmanager
def served(count: int) -> Iterator[str]:
    """A server in a process of its own."""
    command = [sys.executable, "-m", "bench.scale.server", str(count), str(ONSET.timestamp())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def pattern() -> IssuePattern:
    """What is watched."""
    return IssuePattern.read(
        {
            "apiVersion": "vanguard.dev/v1alpha1",
            "kind": "IssuePattern",
            "metadata": {"name": "pool", "uid": "1", "generation": 1, "resourceVersion": "1"},
            "spec": {
                "title": "Connection pool about to run out",
                "severity": "High",
                "serviceTypes": ["postgres"],
                "signals": [
                    {
                        "name": "use",
                        "metricType": "connection_pool_usage",
                        "query": "100 * app_pool_in_use / app_pool_size",
                        "limit": str(LIMIT),
                        "direction": "Rising",
                        "target": {"kind": "Deployment", "namespaceLabel": "namespace", "nameLabel": "deployment"},
                    }
                ],
                "trend": {"sustainedFor": "30m", "horizon": "12h"},
                "action": {"type": "TunePool", "tunePool": {"tunable": "pool-size", "increasePercent": 20}},
                "verification": {"baseline": "5m", "watch": "15m", "interval": "1m"},
                "rollbackSafe": True,
            },
        }
    )


def estate(count: int) -> Estate:
    """A policy in each namespace, and all workloads."""
    names = sorted({namespace_of(n) for n in range(0, count, PER_NAMESPACE)})
    out = Estate([policy(name) for name in names])
    for name in names:
        first = names.index(name) * PER_NAMESPACE
        numbers = range(first, min(first + PER_NAMESPACE, count), PER_DEPLOYMENT)
        out.add(name, [workload(labels_of(n)["deployment"], name) for n in numbers], None)
    return out


def policy(namespace: str) -> AutomationPolicy:
    """All of a namespace's workloads are postgres."""
    return AutomationPolicy.read(
        {
            "apiVersion": "vanguard.dev/v1alpha1",
            "kind": "AutomationPolicy",
            "metadata": {"name": "all", "namespace": namespace, "uid": namespace, "generation": 1},
            "spec": {"workloads": [{"selector": {"matchLabels": {"app": "orders"}}, "serviceType": "postgres"}]},
        }
    )


def workload(name: str, namespace: str) -> Workload:
    """A Deployment."""
    key = TargetKey(namespace, WorkloadKind.DEPLOYMENT, name, f"uid-{name}")
    raw = {
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "uid": key.uid, "labels": {"app": "orders"}},
        "spec": {"replicas": 1},
        "status": {},
    }
    return read_workload(raw, key.kind)


def fill(book: SeriesBook, count: int, until: datetime) -> None:
    """Eight days of past, as fetched: half hours, and the newest in five minutes."""
    keys = tuple(key_of(sorted_labels(labels_of(n))) for n in range(count))
    newest = int(until.timestamp()) // BLOCK_SECONDS
    finest = newest - RING_BLOCKS + 1
    for first in range(newest - BLOCKS + 1, finest, 24):
        times = np.arange(first, min(first + 24, finest), dtype=np.float64) * BLOCK_SECONDS + 1500
        book.absorb(Columns(keys, times, values_at(times, count, ONSET.timestamp())))
    for first in range(finest * BLOCK_SECONDS, int(until.timestamp()), 24 * 300):
        times = np.arange(first, min(first + 24 * 300, int(until.timestamp())), 300, dtype=np.float64)
        book.absorb(Columns(keys, times, values_at(times, count, ONSET.timestamp())))


class _Answer(msgspec.Struct):
    status: str
    data: "_Data"


class _Data(msgspec.Struct):
    result: "list[_Series]"


class _Series(msgspec.Struct, gc=False):
    metric: msgspec.Raw
    values: list[tuple[float, float]]


def floor(bodies: list[bytes], columns: int) -> float:
    """Processor seconds for what cannot be done without: the answers decoded by type, and one product with the ring."""
    decoder = msgspec.json.Decoder(_Answer, strict=False)
    series = sum(len(decoder.decode(body).data.result) for body in bodies)
    ring = np.ones((series, columns), np.float32)
    weights = np.linspace(0, 1, columns, dtype=np.float32)
    times = []
    for _ in range(3):
        gc.collect()
        gc.disable()  # as the operator decodes
        try:
            begun = time.process_time()
            for body in bodies:
                decoder.decode(body)
            ring @ weights
            times.append(time.process_time() - begun)
        finally:
            gc.enable()
    return float(np.median(times))


def memory() -> tuple[float, float]:
    """Megabytes resident now, and at most since the peak was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024


def measure(count: int, url: str, *, naive: bool = True) -> Row:
    """Some steady cycles at one size."""
    clock, watched = Still(), pattern()
    settings = Settings(identity="bench", prometheus_url=url, prometheus_timeout=timedelta(minutes=2))
    metrics = PrometheusMetrics(settings)
    cluster = cast("Cluster", Silent())
    ctx = Context(cluster=cluster, metrics=metrics, clock=clock, settings=settings, telemetry=Telemetry())
    detector, everything = Detector(ctx, Forecaster.load()), estate(count)
    stock = detector._shelves["pool"].stock(watched.spec.signals[0], clock.at)
    fill(stock.book, count, clock.at)
    stock.until = dict.fromkeys(everything.governed, clock.at)
    seen, loop = _Seen(), asyncio.new_event_loop()
    metrics._session.hooks["response"].append(seen.note)
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    cpu, wall, alone, queries = [], [], [], []
    for _ in range(CYCLES):
        start = int(clock.at.timestamp()) // 300 * 300
        clock.at += INTERVAL
        form = {"start": str(start), "end": str(int(clock.at.timestamp())), "step": "60s"}
        requests.get(f"{url}/prepare", params=form, timeout=300)
        seen.forms.clear()
        server = float(requests.get(f"{url}/spent", timeout=10).text)
        began, spent = time.perf_counter(), time.process_time()
        loop.run_until_complete(detector.evaluate(watched, everything))
        cpu.append(time.process_time() - spent)
        wall.append(time.perf_counter() - began)
        server = float(requests.get(f"{url}/spent", timeout=10).text) - server
        alone.append(wall[-1] - server)
        queries.append(len(seen.forms))
        print(f"  {count} series: cpu {cpu[-1]:.3f} s, wall {wall[-1]:.3f} s, server {server:.3f} s", file=sys.stderr)
    rss, peak = memory()
    loop.close()
    bodies = [
        requests.post(at, data=form, headers=_FORM, timeout=60).content for at, form in seen.forms if "range" in at
    ]
    least = floor(bodies, RING_BLOCKS * 6 + BLOCKS)
    end = int(clock.at.timestamp())
    typical = float(np.median(cpu[1:]))
    return Row(
        series=count,
        cpu=typical,
        floor=least,
        ratio=typical / least,
        wall=float(np.median(wall[1:])),
        wall_without_server=float(np.median(alone[1:])),
        bytes_per_series=sum(map(len, bodies)) / count,
        queries=float(np.mean(queries)),
        looked_at=len(ctx.board),
        rss_mb=rss,
        peak_mb=peak,
        naive_cpu=naively(url, count, end) if naive else float("nan"),
    )


def naively(url: str, count: int, end: int) -> float:
    """Processor seconds of a cycle the naive way: measured on some services, and taken times the number of series."""
    from bench.scale.naive import cpu_seconds  # noqa: PLC0415 - pandas, which nothing else here needs

    services = [labels_of(n)["deployment"] for n in range(0, count, max(PER_DEPLOYMENT, count // NAIVE_SAMPLE))]
    chosen = services[:NAIVE_SAMPLE]
    return cpu_seconds(url, end - 17 * 60, end, chosen) / len(chosen) * count


HEAD = (
    "| series | CPU per cycle | practical floor | ratio | wall | wall, server's CPU off | bytes per series | queries "
    "| looked at | RSS | peak | naive way, CPU |"
)


def table(rows: list[Row]) -> str:
    """The rows for people."""
    lines = [HEAD, "|" + "---:|" * 12]
    lines += [
        f"| {r.series:,} | {r.cpu:.3f} s | {r.floor:.3f} s | {r.ratio:.2f} "
        f"| {r.wall:.3f} s | {r.wall_without_server:.3f} s "
        f"| {r.bytes_per_series:.0f} | {r.queries:.1f} | {r.looked_at:,} | {r.rss_mb:.0f} MB | {r.peak_mb:.0f} MB "
        f"| {r.naive_cpu:.1f} s |"
        for r in rows
    ]
    return "\n".join(lines)


def one(count: int) -> Row:
    """One size, in a process of its own, so that no other's memory counts."""
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "bench.scale", "--one", str(count)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # as the operator has it: see vanguard.handlers
    )
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """All sizes, or one."""
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        with served(chosen.one) as url:
            print(json.dumps(asdict(measure(chosen.one, url))))
        return
    rows = [one(count) for count in chosen.sizes]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    print(table(rows))
    print(f"\nThe naive way is measured on {NAIVE_SAMPLE} services and taken times the number of series.")


if __name__ == "__main__":
    main()
