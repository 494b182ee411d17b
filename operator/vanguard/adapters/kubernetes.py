"""The API server through the official client's asyncio side, in raw JSON.

Models are left aside on purpose: a write that succeeded can fail to parse into them, and then nobody knows.
"""

import json
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime
from statistics import median
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from kubernetes.aio import client, config
from kubernetes.aio.client.exceptions import ApiException

from vanguard.api.base import API_VERSION
from vanguard.errors import (
    AlreadyExists,
    ClusterError,
    Conflict,
    Disrupted,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from vanguard.ports import Heartbeat, Raw
from vanguard.telemetry import Telemetry

FIELD_MANAGER = "vanguard"
_PAGE = 500
_REMEMBERED = 500  # answers whose latency is kept
_UNPROCESSABLE = 422
_TOO_MANY_REQUESTS = 429

# Path of each kind the operator reads or writes: prefix, plural.
_PATHS = {
    "Namespace": ("api/v1", "namespaces"),
    "Pod": ("api/v1", "pods"),
    "ConfigMap": ("api/v1", "configmaps"),
    "Event": ("api/v1", "events"),
    "Lease": ("apis/coordination.k8s.io/v1", "leases"),
    "Deployment": ("apis/apps/v1", "deployments"),
    "StatefulSet": ("apis/apps/v1", "statefulsets"),
    "Node": ("api/v1", "nodes"),
    "ResourceQuota": ("api/v1", "resourcequotas"),
    "PodDisruptionBudget": ("apis/policy/v1", "poddisruptionbudgets"),
    "HorizontalPodAutoscaler": ("apis/autoscaling/v2", "horizontalpodautoscalers"),
    "ReplicaSet": ("apis/apps/v1", "replicasets"),
    "SelfSubjectReview": ("apis/authentication.k8s.io/v1", "selfsubjectreviews"),
    "IssuePattern": (f"apis/{API_VERSION}", "issuepatterns"),
    "AutomationPolicy": (f"apis/{API_VERSION}", "automationpolicies"),
    "Intervention": (f"apis/{API_VERSION}", "interventions"),
}

_ERRORS: dict[int, type[ClusterError]] = {
    401: Unavailable,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    400: Invalid,
    413: Invalid,
    422: Invalid,
}


class KubernetesCluster:
    """The Cluster port over one API server."""

    def __init__(self, api: client.ApiClient, timeout: timedelta, telemetry: Telemetry) -> None:
        """Wrap a configured client.

        Args:
            api: the official client, logged in.
            timeout: of one request.
            telemetry: counts the writes.
        """
        self.api = api
        self._timeout = timeout.total_seconds()
        self._telemetry = telemetry
        self._fenced = False
        self._good_until: float | None = None
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._date: str | None = None

    @classmethod
    async def connect(
        cls,
        request_timeout: timedelta,
        telemetry: Telemetry,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
    ) -> Self:
        """Log in as the pod's ServiceAccount, or by KUBECONFIG.

        Args:
            request_timeout: of one request.
            telemetry: counts the writes.
            kubeconfig: the file to use instead of KUBECONFIG's.
            context: the entry in it to use instead of the current one.

        Raises:
            ClusterError: when there is neither.
        """
        if kubeconfig or context:
            return cls(await _by_file(kubeconfig, context), request_timeout, telemetry)
        try:
            config.load_incluster_config()
        except config.ConfigException:
            try:
                await config.load_kube_config()
            except config.ConfigException as error:
                raise ClusterError(f"no way to log in: not in a pod, and KUBECONFIG says {error}") from error
        return cls(client.ApiClient(), request_timeout, telemetry)

    def fence(self) -> None:
        """Write nothing more: the Lease is lost, and another process may be writing."""
        self._fenced = True

    def led_until(self, moment: float) -> None:
        """Write no later than this moment of the monotonic clock, the Lease apart: it was renewed for so long.

        A process that was paused wakes with a Lease that may be another's by now, and must not write on its way to
        find that out.
        """
        self._good_until = moment

    async def close(self) -> None:
        """Release the connections."""
        await self.api.close()

    async def get(self, kind: str, namespace: str, name: str) -> Raw:
        """See `ports.Cluster`."""
        return await self._request("GET", _path(kind, namespace, name))

    async def heartbeat(self) -> Heartbeat:
        """See `ports.Cluster`; /version is open to everybody who is logged in."""
        await self._request("GET", "/version")
        latencies = list(self._latencies)
        self._latencies.clear()
        return Heartbeat(
            parsedate_to_datetime(self._date) if self._date else None, timedelta(seconds=median(latencies))
        )

    async def list(self, kind: str, namespace: str = "", *, labels: Mapping[str, str] | None = None) -> Sequence[Raw]:
        """See `ports.Cluster`; read in pages of 500."""
        query: dict[str, str] = {"limit": str(_PAGE)}
        if labels:
            query["labelSelector"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
        items: list[Raw] = []
        while True:
            page = await self._request("GET", _path(kind, namespace), query=query)
            items += page.get("items") or []
            token = page["metadata"].get("continue")
            if not token:
                return items
            query["continue"] = token

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        """See `ports.Cluster`."""
        try:
            return await self._write("POST", kind, _path(kind, namespace), body)
        except Conflict as error:
            raise AlreadyExists(str(error)) from error

    async def patch(
        self, kind: str, namespace: str, name: str, operations: Sequence[Raw], *, dry_run: bool = False
    ) -> Raw:
        """See `ports.Cluster`."""
        return await self._write("PATCH", kind, _path(kind, namespace, name), list(operations), dry_run=dry_run)

    async def evict(self, namespace: str, name: str, uid: str, *, dry_run: bool = False) -> None:
        """See `ports.Cluster`."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        await self._write("POST", "Eviction", _path("Pod", namespace, name) + "/eviction", body, dry_run=dry_run)

    async def replace_status(self, kind: str, raw: Raw) -> Raw:
        """See `ports.Cluster`."""
        meta = raw["metadata"]
        path = _path(kind, meta.get("namespace", ""), meta["name"]) + "/status"
        return await self._write("PUT", kind, path, raw)

    async def replace(self, kind: str, namespace: str, name: str, body: Raw) -> Raw:
        """Write a whole object; its resourceVersion guards it."""
        return await self._write("PUT", kind, _path(kind, namespace, name), body)

    async def _write(self, verb: str, kind: str, path: str, body: Any, *, dry_run: bool = False) -> Raw:
        if self._fenced:
            raise Unavailable(f"{verb} {path}: not sent, the Lease is lost")
        if kind != "Lease" and self._good_until is not None and time.monotonic() > self._good_until:
            raise Unavailable(f"{verb} {path}: not sent, the Lease was not renewed in time")
        query = {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})
        self._telemetry.api_writes.labels(verb.lower(), kind, str(dry_run).lower()).inc()
        return await self._request(verb, path, query=query, body=body)

    async def _request(self, verb: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None) -> Raw:
        begun = time.perf_counter()
        try:
            return await self._exchange(verb, path, query, body)
        finally:
            self._latencies.append(time.perf_counter() - begun)

    async def _exchange(self, verb: str, path: str, query: Mapping[str, str] | None, body: Any) -> Raw:
        content = "application/json-patch+json" if verb == "PATCH" else "application/json"
        try:
            method, url, headers, data, _ = await self.api.param_serialize(
                verb,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "application/json", "Content-Type": content},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self.api.call_api(method, url, headers, data, _request_timeout=self._timeout)
            text = await response.read()
            self._date = response.headers.get("Date")
        except ApiException as error:
            raise _translated(error.status or 0, error.body, f"{verb} {path}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"{verb} {path}: no answer from the API server: {error!r}") from error
        if not 200 <= response.status < 300:  # noqa: PLR2004 - success
            raise _translated(response.status, text, f"{verb} {path}")
        return json.loads(text)  # type: ignore[no-any-return]


async def _by_file(kubeconfig: str | None, context: str | None) -> client.ApiClient:
    try:
        await config.load_kube_config(config_file=kubeconfig, context=context)
    except config.ConfigException as error:
        raise ClusterError(f"no way to log in: {error}") from error
    return client.ApiClient()


def _path(kind: str, namespace: str, name: str = "") -> str:
    prefix, plural = _PATHS[kind]
    place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"/{prefix}{place}/{plural}" + (f"/{quote(name, safe='')}" if name else "")


def _translated(status: int, body: Any, what: str) -> ClusterError:
    try:
        answer = json.loads(body)
        message, details = answer["message"], answer.get("details")
    except (ValueError, TypeError, KeyError):
        return _ERRORS.get(status, Unavailable)(f"{what}: {status}: {str(body)[:300]}")
    if status == _UNPROCESSABLE and not details:
        # A JSON patch that does not apply (a `test` that fails, a path that is gone) is answered so, with no word on
        # which. Nothing was written, and looking again is right. A refused content always has details.
        return Conflict(f"{what}: {status}: the patch does not apply to the object as it is now")
    causes = [str(cause.get("message")) for cause in (details or {}).get("causes") or () if _of_a_budget(cause)]
    if status == _TOO_MANY_REQUESTS and causes:
        return Disrupted(f"{message} {'; '.join(causes)}")
    return _ERRORS.get(status, Unavailable)(f"{what}: {status}: {message}")


def _of_a_budget(cause: Mapping[str, Any]) -> bool:
    """Whether a refusal is a PodDisruptionBudget's; a server that has too much to do says 429 as well."""
    return cause.get("reason") == "DisruptionBudget"
