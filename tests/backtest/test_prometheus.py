"""Against a real Prometheus whose past is loaded: fetched, exported and replayed, with one and the same report."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from devcluster.prometheus import Prometheus
from tests.backtest.past import QUERY, calm, leak, pattern, policy, season
from vanguard.cli.main import main

# A past that ends a few hours ago, on a whole day: it does not matter when the test runs.
END = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SERVICES = {"orders": leak(END - timedelta(hours=18), per_hour=8, hours=10), "cart": season, "quiet": calm}
SPAN = ["--from", (END - timedelta(days=1)).isoformat(), "--to", END.isoformat(), "--every", "30m"]


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One that holds ten days of these services, a sample a minute."""
    folder = tmp_path_factory.mktemp("prometheus")
    lines = [f"# TYPE {QUERY} gauge"]
    first = int((END - timedelta(days=10)).timestamp())
    for name, value in SERVICES.items():
        labels = f'{{namespace="shop",deployment="{name}"}}'
        lines += [f"{QUERY}{labels} {value(at):.6f} {at}" for at in range(first, int(END.timestamp()) + 1, 60)]
    history = folder / "history.txt"
    history.write_text("\n".join([*lines, "# EOF"]) + "\n")
    running = Prometheus(folder / "state")
    try:
        yield running.start(backfill=history)
    finally:
        running.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Documents."""
    made = tmp_path_factory.mktemp("documents")
    (made / "pattern.yaml").write_text(yaml.safe_dump(pattern()))
    (made / "policy.yaml").write_text(yaml.safe_dump(policy(*SERVICES)))
    return made


def typed(folder: Path, *words: str) -> Result:
    """The command, which must not fail."""
    done = CliRunner().invoke(main, ["backtest", "--patterns", str(folder), "--policies", str(folder), *SPAN, *words])
    assert done.exit_code == 0, done.output
    return done


def test_what_is_fetched_exported_and_replayed_is_one_report(prometheus: Prometheus, folder: Path) -> None:
    kept = folder / "recording.npz"
    straight = typed(folder, "--prometheus", prometheus.url, "--export", str(kept), "-o", "json")
    again = typed(folder, "--data", str(kept), "-o", "json")

    report = json.loads(straight.stdout)
    assert json.loads(again.stdout) == report
    assert [(one["target"], one["judged"]) for one in report["breaches"]] == [("shop/Deployment/orders", "Foreseen")]
    assert [act["target"] for act in report["acts"]] == ["shop/Deployment/orders"]
    assert report["replayed"]["series"] == 3
    assert report["troubles"] == []


def test_a_query_that_prometheus_refuses_is_told(prometheus: Prometheus, folder: Path, tmp_path: Path) -> None:
    broken = pattern()
    broken["spec"]["signals"][0]["query"] = "sum by ("
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump(broken))
    words = ["--patterns", str(tmp_path), "--policies", str(folder), *SPAN, "--prometheus", prometheus.url]
    done = CliRunner().invoke(main, ["backtest", *words])

    assert done.exit_code == 1
    assert "Prometheus refused the query" in done.stderr
