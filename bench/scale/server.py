"""A Prometheus of one query, in a process of its own: answers are made before they are asked for.

`/prepare` makes the answers for some times, `/spent` says how much processor time the process has used so far.
"""

import json
import re
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from bench.scale.estate import PER_NAMESPACE, labels_of, namespace_of, values_at

_NAMESPACE = re.compile(r'"namespace", "([^"]*)"')
_ONE = re.compile(r'deployment="([^"]*)"')


class Answers:
    """Pieces of answers by their times and namespace."""

    def __init__(self, count: int, onset: float) -> None:
        """So many series, some of which climb since `onset`."""
        self.count, self.onset = count, onset
        self._heads = [
            b'{"metric":' + json.dumps(labels_of(n), separators=(",", ":")).encode() + b',"values":['
            for n in range(count)
        ]
        self._made: dict[tuple[int, int, float], dict[str, bytes]] = {}

    def prepare(self, start: int, end: int, step: float) -> dict[str, bytes]:
        """The pieces for these times."""
        key = (start, end, step)
        if key not in self._made:
            self._made.clear()
            times = np.arange(int((end - start) // step) + 1, dtype=np.float64) * step + start
            stamps = [f"[{int(at)}," for at in times.tolist()]
            values = values_at(times, self.count, self.onset).astype(np.float64).tolist()
            self._made[key] = {
                namespace_of(first): b",".join(
                    self._heads[n]
                    + ",".join([f'{stamp}"{v!r}"]' for stamp, v in zip(stamps, values[n], strict=True)]).encode()
                    + b"]}"
                    for n in range(first, min(first + PER_NAMESPACE, self.count))
                )
                for first in range(0, self.count, PER_NAMESPACE)
            }
        return self._made[key]

    def counts(self) -> bytes:
        """How many series each namespace has."""
        names = [namespace_of(first) for first in range(0, self.count, PER_NAMESPACE)]
        most = [min(PER_NAMESPACE, self.count - PER_NAMESPACE * i) for i in range(len(names))]
        result = [{"metric": {"namespace": name}, "value": [0, str(n)]} for name, n in zip(names, most, strict=True)]
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def matrix(parts: list[bytes]) -> bytes:
    """An answer."""
    return b'{"status":"success","data":{"resultType":"matrix","result":[' + b",".join(parts) + b"]}}"


def handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    """What answers for them."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._reply(parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._reply(parse_qs(body) or parse_qs(urlsplit(self.path).query))

        def _reply(self, form: dict[str, list[str]]) -> None:
            path = urlsplit(self.path).path
            if path == "/spent":
                self._send(f"{time.process_time()}".encode())
            elif path == "/prepare":
                answers.prepare(*_times(form))
                self._send(b"{}")
            elif path == "/api/v1/query":
                self._send(answers.counts())
            else:
                made, query = answers.prepare(*_times(form)), form["query"][0]
                self._send(matrix([made[name] for name in _NAMESPACE.findall(query)] or _one(made, query)))

        def _send(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


def _times(form: dict[str, list[str]]) -> tuple[int, int, float]:
    return int(form["start"][0]), int(form["end"][0]), float(form["step"][0].rstrip("s"))


def _one(made: dict[str, bytes], query: str) -> list[bytes]:
    """The series of one pod, for whoever asks one by one."""
    found = _ONE.search(query)
    pod = f'"deployment":"{found[1] if found else ""}"'.encode()
    pieces = (b'{"metric"' + piece for part in made.values() if pod in part for piece in part.split(b'{"metric"')[1:])
    return [next(piece.rstrip(b",") for piece in pieces if pod in piece)]


def main() -> None:
    """Serve until the other end of standard input closes; says its port first."""
    answers = Answers(int(sys.argv[1]), float(sys.argv[2]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(answers))
    print(server.server_port, flush=True)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
