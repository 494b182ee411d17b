"""When nothing changes, the operator writes nothing: counted at the API server, Lease renewals apart."""

import time

import yaml

from devcluster.operator_process import DEMO
from tests.cluster.stage import Stage, closed_window, shop_policy

# The promise is kept for ever; five minutes of it were watched by hand, one is watched here.
STILL_SECONDS = 60
HELD = ("orders", "checkout", "catalog")


def test_with_nothing_changing_nothing_is_written(stage: Stage) -> None:
    patterns = list(yaml.safe_load_all((DEMO / "patterns.yaml").read_text()))
    stage.play(*patterns, shop_policy(*HELD, "storefront", windows=closed_window()))
    stage.lead()
    for target in HELD:
        stage.await_phase(target, "Pending", "CannotActBeforeBreach")
    stage.eventually(lambda: left_alone(stage), lambda found: "storefront" in found, what="storefront to be left alone")
    stage.await_looks()
    before, looked, until = stage.writes(), cycles(stage), time.monotonic() + STILL_SECONDS
    stage.eventually(time.monotonic, lambda now: now >= until, what="the time to pass", within=2 * STILL_SECONDS)
    assert cycles(stage) - looked > STILL_SECONDS / 5, "it must have gone round all the time"
    assert [told(entry) for entry in stage.writes()[len(before) :]] == []


def left_alone(stage: Stage) -> str:
    """Why targets are left alone, of all patterns."""
    patterns = stage.cluster.get("isp")["items"]
    return str([held for pattern in patterns for held in pattern.get("status", {}).get("heldBack", ())])


def cycles(stage: Stage) -> float:
    """How often detection has gone round."""
    return stage.metric("vanguard_cycle_seconds_count")


def told(entry: dict[str, object]) -> str:
    """One write of the audit log, short."""
    return f"{entry['verb']} {entry['requestURI']}"
