"""People are told what would have been done, also when nobody answered at first and the operator was killed since."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import yaml

from devcluster.operator_process import DEMO
from tests.cluster.stage import Stage, shop_policy


@contextmanager
def receiver(port: int = 0) -> Iterator[tuple[int, list[Any]]]:
    """A server on this machine: its port, and what it was sent."""
    got: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()


def delivery(stage: Stage) -> dict[str, Any]:
    """How far the one notice got."""
    found = stage.intervention("orders") or {}
    notices = found.get("status", {}).get("notices", [])
    return dict(notices[0]["deliveries"][0]) if notices else {}


def test_what_nobody_took_at_first_is_told_after_a_kill(stage: Stage, tmp_path: Path) -> None:
    with receiver() as (port, _):
        pass
    (tmp_path / "secret").write_text("s3cret")
    entry = {"name": "bus", "type": "Webhook", "levels": ["Info"], "url": f"http://127.0.0.1:{port}"}
    file = tmp_path / "notifiers.yaml"
    file.write_text(yaml.safe_dump({"notifiers": [{**entry, "secretFile": str(tmp_path / "secret")}]}))
    patterns = list(yaml.safe_load_all((DEMO / "patterns.yaml").read_text()))
    stage.play(*patterns, shop_policy("orders", mode="Observe"))
    stage.lead(VANGUARD_NOTIFIERS_FILE=str(file))
    stage.await_phase("orders", "Observed")
    stage.eventually(lambda: delivery(stage), lambda d: d.get("attempts") == 1, what="a first attempt", within=20)
    assert delivery(stage)["state"] == "Pending"
    assert "no connection" in delivery(stage)["error"]
    stage.kill()

    with receiver(port) as (_, got):
        stage.lead(VANGUARD_NOTIFIERS_FILE=str(file))
        stage.eventually(lambda: delivery(stage), lambda d: d.get("state") == "Sent", what="it to be told", within=60)
    assert [(news["level"], news["about"]["phase"]) for news in got] == [("Info", "Observed")]
    (*story, runbook) = got[0]["lines"]
    assert (len(story), runbook) == (5, f"Runbook: docs/runbook.md#{got[0]['about']['reason'].lower()}")
