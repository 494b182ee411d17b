"""A proxy before the real Prometheus that lies when told to: the real one cannot be made to.

A lie is told about every query that holds a text (such as a Deployment's name), so that two targets can be lied to
in two ways at once; `told` counts, so that a test knows that the operator has really asked and was lied to.
"""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import requests

LOGIN_PAGE = b"<html><title>Please log in</title></html>"


class LyingPrometheus:
    """Listens on loopback while the context lasts."""

    def __init__(self, truth: str) -> None:
        """Pass everything on to the Prometheus at `truth` until `lies` says otherwise."""
        self.lies: dict[str, str] = {}
        self.told: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, truth))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """What to take for Prometheus."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def lie_about(self, query: str) -> str:
        """The lie for a query; empty where the truth is told."""
        return next((lie for text, lie in self.lies.items() if text in query), "")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def distorted(lie: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The truth, bent."""
    result = answer["data"]["result"]
    if lie == "no series":
        return {**answer, "data": {**answer["data"], "result": []}}
    if lie == "a partial answer":
        return {**answer, "warnings": ["receive series from store-1: rpc error: partial response"]}
    for series in result:
        samples = series.get("values") or [series["value"]]
        for sample in samples:
            sample[1] = "NaN" if lie == "NaN" else samples[0][1]
    return answer


def _handler(liar: LyingPrometheus, truth: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(None)

        def do_POST(self) -> None:
            self._reply(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _reply(self, body: bytes | None) -> None:
            asked = body.decode() if body else urlsplit(self.path).query
            lie = liar.lie_about(parse_qs(asked).get("query", [""])[0])
            if lie == "HTTP 503":
                self._send(503, b"no healthy upstream")
            elif lie == "a login page":
                self._send(200, LOGIN_PAGE)
            else:
                code, answer = self._ask(body)
                self._send(code, json.dumps(distorted(lie, json.loads(answer))).encode() if lie else answer)
            liar.told[lie] += 1

        def _ask(self, body: bytes | None) -> tuple[int, bytes]:
            kind = {"Content-Type": self.headers.get("Content-Type", "application/x-www-form-urlencoded")}
            answer = requests.request(self.command, truth + self.path, data=body, headers=kind, timeout=30)
            return answer.status_code, answer.content

        def _send(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing: the operator's own log tells what it was told."""

    return Handler
