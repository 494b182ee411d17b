"""The Cluster port over objects in memory: patterns, policies and workloads as given, Interventions as they come.

Nothing is ever changed but statuses. A dry run is answered as if the server took the change and put it back.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from vanguard.api.base import format_time, parse_time
from vanguard.errors import AlreadyExists, Forbidden, NotFound
from vanguard.ports import Clock, Heartbeat, Raw

_KEPT = frozenset({"Intervention"})
_SOON = timedelta(milliseconds=5)


class SimulatedCluster:
    """Objects by kind, namespace and name. One that was made later than the clock says is not there yet."""

    def __init__(self, clock: Clock, objects: Iterable[Raw]) -> None:
        """Take the objects; they are never changed in place.

        Args:
            clock: the present.
            objects: with kind, uid, generation, resourceVersion, and when they were made if that matters.
        """
        self._clock = clock
        self._objects: dict[str, dict[tuple[str, str], Raw]] = {}
        for raw in objects:
            self._put(raw["kind"], raw)

    async def get(self, kind: str, namespace: str, name: str) -> Raw:
        """See `ports.Cluster`."""
        raw = self._objects.get(kind, {}).get((namespace, name))
        if raw is None or not self._made(raw):
            raise NotFound(f"{kind} {namespace}/{name} not found")
        return raw

    async def heartbeat(self) -> Heartbeat:
        """See `ports.Cluster`; a server in good health."""
        return Heartbeat(self._clock.now(), _SOON)

    async def list(self, kind: str, namespace: str = "", *, labels: Mapping[str, str] | None = None) -> Sequence[Raw]:
        """See `ports.Cluster`."""
        wanted = (labels or {}).items()
        return [
            raw
            for (where, _), raw in sorted(self._objects.get(kind, {}).items())
            if (not namespace or where == namespace)
            and wanted <= raw["metadata"].get("labels", {}).items()
            and self._made(raw)
        ]

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        """See `ports.Cluster`; Events are taken and not kept."""
        name = body["metadata"]["name"]
        if (namespace, name) in self._objects.get(kind, {}):
            raise AlreadyExists(f"{kind} {namespace}/{name} already exists")
        own = {
            "namespace": namespace,
            "uid": f"{kind}/{namespace}/{name}",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": format_time(self._clock.now()),
        }
        raw = {**body, "kind": kind, "metadata": {**own, **body["metadata"]}}
        if kind in _KEPT:
            self._put(kind, raw)
        return raw

    async def patch(
        self, kind: str, namespace: str, name: str, operations: Sequence[Raw], *, dry_run: bool = False
    ) -> Raw:
        """See `ports.Cluster`; a dry run only."""
        if not dry_run:
            raise Forbidden(f"{kind} {namespace}/{name}: a backtest writes nothing ({len(operations)} operations)")
        return await self.get(kind, namespace, name)

    async def evict(self, namespace: str, name: str, uid: str, *, dry_run: bool = False) -> None:
        """See `ports.Cluster`; a dry run only."""
        if not dry_run:
            raise Forbidden(f"Pod {namespace}/{name} ({uid}): a backtest evicts nothing")

    async def replace_status(self, kind: str, raw: Raw) -> Raw:
        """See `ports.Cluster`."""
        self._put(kind, raw)
        return raw

    def all(self, kind: str) -> Sequence[Raw]:
        """Every object of a kind, also those that are still to be made."""
        return [raw for _, raw in sorted(self._objects.get(kind, {}).items())]

    def _put(self, kind: str, raw: Raw) -> None:
        meta = raw["metadata"]
        self._objects.setdefault(kind, {})[meta.get("namespace", ""), meta["name"]] = raw

    def _made(self, raw: Raw) -> bool:
        made = raw["metadata"].get("creationTimestamp")
        return made is None or parse_time(made) <= self._clock.now()
