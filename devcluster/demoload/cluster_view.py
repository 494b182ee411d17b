"""What the API server says: a few namespaces, polled, as a `Snapshot`.

Polling raw JSON twice a second is simpler than three watches and cheap for a demo's dozen pods. All that
can go wrong on the way to the API server becomes `ClusterUnavailableError`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import yaml
from kubernetes.aio import client, config

from devcluster.demoload.pods import Json, Snapshot, joined, read_snapshot
from devcluster.errors import DevclusterError

_TIMEOUT_SECONDS = 5.0


class ClusterUnavailableError(DevclusterError):
    """The API server did not answer, or refused."""


class View(Protocol):
    """A way to look at the cluster."""

    async def look(self) -> Snapshot:
        """What is there now.

        Raises:
            ClusterUnavailableError: nothing is known of now.
        """


class ClusterView:
    """The real API server's view of some namespaces; no two Deployments in them have the same name."""

    def __init__(self, api: client.ApiClient, namespaces: Sequence[str]) -> None:
        self._namespaces = namespaces
        self._core = client.CoreV1Api(api)
        self._apps = client.AppsV1Api(api)

    async def look(self) -> Snapshot:
        """See `View`."""
        return joined([await self._look_at(namespace) for namespace in self._namespaces])

    async def _look_at(self, namespace: str) -> Snapshot:
        """Pods first, then ConfigMaps: a pod in the list never gets a value older than itself."""
        core, apps = self._core, self._apps
        pods = await self._list("pods", namespace, core.list_namespaced_pod_without_preload_content)
        at = time.time()
        maps = await self._list("configmaps", namespace, core.list_namespaced_config_map_without_preload_content)
        deployments = await self._list(
            "deployments", namespace, apps.list_namespaced_deployment_without_preload_content
        )
        return read_snapshot(at, deployments=deployments, pods=pods, configmaps=maps)

    async def _list(self, kind: str, namespace: str, call: Any) -> list[Json]:
        where = f"cannot list {kind} in namespace {namespace}"
        try:
            response = await call(namespace, _request_timeout=_TIMEOUT_SECONDS)
            body = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError, client.ApiException) as error:
            raise ClusterUnavailableError(f"{where}: {error or type(error).__name__}") from error
        if response.status != 200:  # noqa: PLR2004 - "OK" as every HTTP client knows it
            raise ClusterUnavailableError(f"{where}: HTTP {response.status} {body[:200].decode(errors='replace')}")
        items: list[Json] = json.loads(body)["items"]
        return items


@asynccontextmanager
async def connect(kubeconfig: Path, namespaces: Sequence[str]) -> AsyncIterator[ClusterView]:
    """A view through a kubeconfig file.

    Raises:
        ClusterUnavailableError: the file is no usable kubeconfig.
    """
    try:
        api = await config.new_client_from_config(config_file=str(kubeconfig))
    except (config.ConfigException, yaml.YAMLError, OSError, ValueError, TypeError) as error:
        raise ClusterUnavailableError(f"{kubeconfig} is no usable kubeconfig: {error}") from error
    try:
        yield ClusterView(api, namespaces)
    finally:
        await api.close()
        # aiohttp closes its TLS transports one turn of the loop after the session.
        await asyncio.sleep(0)
