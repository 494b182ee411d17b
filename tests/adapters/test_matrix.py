"""Range answers: all of them, or an error that says what is wrong."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from vanguard.adapters.matrix import columns_in
from vanguard.adapters.prometheus import PrometheusMetrics
from vanguard.domain.series import labels_in
from vanguard.errors import MetricsError, QueryRefused
from vanguard.settings import Settings

START = 1_790_000_100
TIMES = START + 60.0 * np.arange(4)
A, B = {"namespace": "shop", "pod": "a"}, {"namespace": "shop", "pod": "b"}


def answer(*series: tuple[dict[str, str], list[tuple[float, str]]], **more: object) -> bytes:
    result = [{"metric": metric, "values": values} for metric, values in series]
    whole = {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}
    return json.dumps(whole, separators=(",", ":")).encode()


def samples(*values: str, first: int = 0) -> list[tuple[float, str]]:
    return [(START + 60 * (first + i), value) for i, value in enumerate(values)]


def test_samples_stand_in_the_columns_of_their_times() -> None:
    found = columns_in(answer((A, samples("1", "2.5", "-3e2", "0.001")), (B, samples("7", first=2))), TIMES)
    assert [dict(labels_in(key)) for key in found.keys] == [A, B]
    np.testing.assert_array_equal(found.times, TIMES)
    np.testing.assert_allclose(found.values, [[1, 2.5, -300, 0.001], [np.nan, np.nan, 7, np.nan]], rtol=1e-6)
    assert found.values.dtype == np.float32


@pytest.mark.parametrize("bad", ["NaN", "+Inf", "-Inf", "1e300"])
def test_what_is_no_measurement_is_not_finite_and_the_others_stay(bad: str) -> None:
    found = columns_in(answer((A, samples("1", bad, "3", "4"))), TIMES)
    assert np.isfinite(found.values).tolist() == [[True, False, True, True]]


MANY = 600
GAPLESS = [[f"{n + i / 7:.9f}" for i in range(4)] for n in range(MANY)]


@pytest.mark.parametrize("missing", [None, 0, 300, MANY - 1])
@pytest.mark.parametrize("instead", [[], ["1"], ["1", "2", "3"], ["1", "NaN", "3", "4"]])
def test_many_series_come_out_right_whether_all_samples_are_there_or_not(
    missing: int | None, instead: list[str]
) -> None:
    told = [instead if n == missing else values for n, values in enumerate(GAPLESS)]
    found = columns_in(answer(*(({"pod": str(n)}, samples(*values)) for n, values in enumerate(told))), TIMES)
    wanted = np.array([[float(v) for v in (*values, *["nan"] * (4 - len(values)))] for values in told])
    np.testing.assert_array_equal(found.values, wanted.astype(np.float32))


def test_samples_of_one_series_are_not_taken_for_anothers() -> None:
    twice = samples("1", "2", "3", "4") * 2
    found = columns_in(answer((A, twice), (B, [])), TIMES)
    np.testing.assert_array_equal(found.values, [[1, 2, 3, 4], [np.nan] * 4])


def test_a_label_that_looks_like_infinity_stays_as_it_is() -> None:
    bucket = {"le": "+Inf", "pod": "a"}
    found = columns_in(answer((bucket, samples("+Inf"))), TIMES)
    assert dict(labels_in(found.keys[0])) == bucket


def test_an_answer_without_series_is_empty() -> None:
    found = columns_in(answer(), TIMES)
    assert (len(found), found.values.shape) == (0, (0, 4))


def test_a_series_of_histograms_only_has_no_samples() -> None:
    body = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{}]]}]}}'
    assert np.isnan(columns_in(body, TIMES).values).all()


@pytest.mark.parametrize("where", ["two samples", "half a step off", "before the first", "after the last"])
def test_samples_at_other_times_than_asked_for_are_no_answer(where: str) -> None:
    at = {"two samples": [0, 0.5], "half a step off": [0.5], "before the first": [-1], "after the last": [4]}[where]
    with pytest.raises(ValueError, match="not asked for"):
        columns_in(answer((A, [(START + 60 * n, "1") for n in at])), TIMES)


WHOLE = answer((A, samples("1", "2", "3", "4")))
WRONG = {
    "an error": b'{"status":"error","errorType":"bad_data","error":"no such thing"}',
    "a vector": b'{"status":"success","data":{"resultType":"vector","result":[]}}',
    "a login page": b"<html>log in</html>",
    "nothing": b"",
    "no data": b'{"status":"success"}',
    "a value that is no number": answer((A, samples("many"))),
    "a number where labels belong": b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":1}]}}',
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
def test_what_is_no_matrix_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        columns_in(body, TIMES)


@pytest.mark.parametrize("length", range(0, len(WHOLE), 7))
def test_an_answer_that_ends_early_is_an_error_wherever_it_ends(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        columns_in(WHOLE[:length], TIMES)


class Stub:
    """A server that gives one answer, and keeps what it was asked."""

    def __init__(self) -> None:
        self.reply: tuple[int, bytes] = (200, WHOLE)
        self.asked = b""
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stub.asked = self.path.encode() + b"?" + self.rfile.read(int(self.headers["Content-Length"]))
                code, body = stub.reply
                self.send_response(code)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def ask(stub: Stub) -> np.ndarray:
    url = f"http://127.0.0.1:{stub.server.server_port}"
    metrics = PrometheusMetrics(Settings(identity="test", prometheus_url=url))
    start = datetime.fromtimestamp(START, tz=UTC)
    try:
        found = asyncio.run(metrics.columns("up", start, start + timedelta(seconds=200), timedelta(minutes=1)))
    finally:
        metrics._session.close()
    return found.values


def test_a_range_is_asked_for_by_seconds_in_the_body_where_it_may_be_long(stub: Stub) -> None:
    assert ask(stub).tolist() == [[1, 2, 3, 4]]
    assert stub.asked == b"/api/v1/query_range?query=up&start=1790000100&end=1790000300&step=60s"


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        ((400, b"parse error"), QueryRefused, "refused the query 'up': HTTP Status Code 400"),
        ((422, b"too many samples"), QueryRefused, "refused the query 'up': HTTP Status Code 422"),
        ((503, b"no healthy upstream"), MetricsError, "answered HTTP Status Code 503"),
        ((200, b"<html>log in</html>"), MetricsError, "makes no sense"),
        ((200, WHOLE[:-20]), MetricsError, "makes no sense"),
        ((200, WRONG["an error"]), MetricsError, "no such thing"),
        ((200, answer(warnings=["receive series from store-1: partial response"])), MetricsError, "partial"),
    ],
    ids=["refused", "too much", "gone", "a login page", "cut short", "an error", "partial"],
)
def test_what_is_no_whole_answer_says_why(
    stub: Stub, reply: tuple[int, bytes], error: type[MetricsError], said: str
) -> None:
    stub.reply = reply
    with pytest.raises(error, match=said):
        ask(stub)
