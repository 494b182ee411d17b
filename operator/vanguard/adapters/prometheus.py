"""Prometheus through prometheus-api-client: time-outs on every request, in a worker thread, errors translated.

What the library lacks is added here: it retries by itself and would hide a slow server (turned off), reads a
token only once (read at each query), and drops the warnings that say an answer is partial (told, as an error).
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util.retry import Retry

from vanguard.adapters.matrix import columns_in
from vanguard.domain.series import Columns, RawSeries, labels_of
from vanguard.errors import MetricsError, QueryRefused
from vanguard.settings import Settings

Answer = TypeVar("Answer")

# Thanos, Mimir and Prometheus put warnings at the end of the answer. A series that is missing because a store
# did not answer looks exactly like one that ended, so a partial answer is none.
_TAIL = 4096
# By itself requests reads ten kilobytes at a time, which costs as much as the decoding of a large answer.
_CHUNK = 1 << 20
_PARTIAL = (b"partial response", b"store is not ready", b"no store matched", b"receive series from")


class PrometheusMetrics:
    """The Metrics port over one Prometheus."""

    def __init__(self, settings: Settings) -> None:
        """Connect lazily: nothing is asked before the first query.

        Args:
            settings: URL, time-out, token and CA files, and how many queries may be under way at once.
        """
        session = requests.Session()
        session.verify = str(settings.prometheus_ca_file) if settings.prometheus_ca_file else True
        session.hooks["response"].append(_look_for_warnings)
        if settings.prometheus_token_file is not None:
            session.auth = _TokenFile(settings.prometheus_token_file)
        self._client = PrometheusConnect(
            url=settings.prometheus_url.rstrip("/"),
            session=session,
            retry=Retry(total=0),
            timeout=settings.prometheus_timeout.total_seconds(),
            method="POST",
        )
        self._slots = asyncio.Semaphore(settings.query_concurrency)
        self._deadline = settings.prometheus_timeout.total_seconds()
        self._url = settings.prometheus_url
        self._session = session

    async def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[RawSeries]:
        """Evaluate a query over a period; see `ports.Metrics`."""
        return await self._ask(
            lambda: [
                _series(entry)
                for entry in self._client.custom_query_range(query, start, end, f"{step.total_seconds():g}s")
            ],
            query,
        )

    async def columns(self, query: str, start: datetime, end: datetime, step: timedelta) -> Columns:
        """Evaluate a query over a period, for very many series; see `ports.Metrics`."""
        first, last, spacing = round(start.timestamp()), round(end.timestamp()), step.total_seconds()
        times = np.arange(int((last - first) // spacing) + 1, dtype=np.float64) * spacing + first
        asked: dict[str, str | int] = {"query": query, "start": first, "end": last, "step": f"{spacing:g}s"}
        return await self._ask(lambda: columns_in(self._post("query_range", asked), times), query)

    async def instant(self, query: str) -> list[tuple[Mapping[str, str], float]]:
        """Evaluate a query now; see `ports.Metrics`."""
        return await self._ask(
            lambda: [(entry["metric"], float(entry["value"][1])) for entry in self._client.custom_query(query)],
            query,
        )

    def _post(self, path: str, asked: Mapping[str, str | int]) -> bytes:
        """The body as it comes; the library would make a dictionary of every series and a list of every sample."""
        url, headers = f"{self._client.url}/api/v1/{path}", self._client.headers
        with self._session.post(url, data=asked, headers=headers, timeout=self._deadline, stream=True) as response:
            body = b"".join(response.iter_content(_CHUNK))
        if response.status_code != requests.codes.ok:
            raise PrometheusApiClientException(f"HTTP Status Code {response.status_code} ({body!r})")
        _refuse_partial(body)
        return body

    async def _ask(self, call: Callable[[], Answer], query: str) -> Answer:
        """Ask and read the answer in a thread, for twice the time-out at most: a trickling answer outlives it."""
        async with self._slots:
            try:
                async with asyncio.timeout(2 * self._deadline):
                    return await asyncio.to_thread(call)
            except PrometheusApiClientException as error:
                raise _refusal(str(error), query) from error
            except (requests.RequestException, TimeoutError) as error:
                raise MetricsError(f"Prometheus at {self._url} gave no answer: {error}") from error
            except (ValueError, KeyError, TypeError) as error:
                raise MetricsError(
                    f"Prometheus at {self._url} gave an answer that makes no sense: {error!r}"
                ) from error


class _TokenFile(requests.auth.AuthBase):
    """A bearer token that may be renewed under us."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token of this moment into the request."""
        try:
            request.headers["Authorization"] = f"Bearer {self._path.read_text().strip()}"
        except OSError as error:
            raise requests.RequestException(f"token file {self._path}: {error.strerror}") from error
        return request


def _look_for_warnings(response: requests.Response, *_args: Any, stream: bool = False, **_kwargs: Any) -> None:
    if not stream:  # or it is looked at where it is read
        _refuse_partial(response.content)


def _refuse_partial(body: bytes) -> None:
    tail = body[-_TAIL:].lower()
    if b'"warnings"' in tail and any(sign in tail for sign in _PARTIAL):
        raise requests.RequestException("the answer is partial: " + tail.decode(errors="replace")[-300:])


def _refusal(text: str, query: str) -> MetricsError:
    if text.startswith(("HTTP Status Code 400", "HTTP Status Code 422")):
        return QueryRefused(f"Prometheus refused the query {query!r}: {text[:500]}")
    return MetricsError(f"Prometheus answered {text[:300]}")


def _series(entry: Mapping[str, Any]) -> RawSeries:
    pairs = np.array(entry["values"], dtype=np.float64) if entry["values"] else np.empty((0, 2))
    return RawSeries(labels_of(entry["metric"]), pairs[:, 0], pairs[:, 1])
