"""What probes, Prometheus and log readers get of a running operator."""

import json

from prometheus_client.parser import text_string_to_metric_families

from devcluster.operator_process import OPERATOR
from tests.cluster.stage import Stage, closed_window, pool_pattern, shop_policy

FAMILIES = {
    "vanguard_decisions_total",
    "vanguard_interventions",
    "vanguard_cycle_seconds",
    "vanguard_series",
    "vanguard_query_errors_total",
    "vanguard_api_writes_total",
    "vanguard_breaker_open",
}


def test_probes_metrics_and_logs_tell_what_it_does(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders", windows=closed_window()))
    stage.lead()
    held = stage.await_phase("orders", "Pending", "CannotActBeforeBreach")
    stage.await_looks()
    assert (stage.page("/healthz"), stage.page("/readyz")) == ((200, "ok"), (200, "ok"))

    code, text = stage.page("/metrics")
    assert code == 200
    families = {family.name + "_total" * (family.type == "counter") for family in text_string_to_metric_families(text)}
    assert families >= FAMILIES
    assert stage.metric("vanguard_decisions_total", {"reason": "CannotActBeforeBreach"}) >= 1
    assert stage.metric("vanguard_interventions", {"phase": "Pending"}) == 1
    assert stage.metric("vanguard_series", {"pattern": "connection-pool-exhaustion"}) >= 3
    assert stage.metric("vanguard_api_writes_total", {"kind": "Intervention", "verb": "post"}) == 1
    assert stage.metric("vanguard_breaker_open") == 0

    log = (stage.cluster.state / "logs" / f"{OPERATOR}.log").read_text()
    lines = [json.loads(line) for line in log.splitlines()]
    about = {line.get("intervention") for line in lines if line.get("object") == f"shop/{held['metadata']['name']}"}
    assert held["metadata"]["uid"] in about
