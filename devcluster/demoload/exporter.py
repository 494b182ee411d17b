"""The present: follows the cluster and answers Prometheus' scrapes.

Promises: `/metrics` holds the pods that were ready at the last look, and no pod at all once the cluster
has not been seen for ten seconds, because unknown is not healthy. `/healthz` says 200 while there is
something to publish, else 503 and why.
"""

import asyncio
import logging
import time

from aiohttp import web

from devcluster.demoload.cluster_view import ClusterUnavailableError, View
from devcluster.demoload.exposition import CONTENT_TYPE, render
from devcluster.demoload.pods import Snapshot
from devcluster.demoload.world import World
from devcluster.demoload.world_file import WorldFile
from devcluster.errors import DevclusterError

POLL_SECONDS = 0.5
FORGET_SECONDS = 10.0

logger = logging.getLogger(__name__)


class PortUnavailableError(DevclusterError):
    """The address to listen on is taken or is not ours."""


class Exporter:
    """A world, followed through a view and published over HTTP."""

    def __init__(self, world: World, view: View, memory: WorldFile | None = None) -> None:
        self.world = world
        self.port = 0
        self.listening = asyncio.Event()
        self._view = view
        self._memory = memory
        self._snapshot: Snapshot | None = None
        self._trouble = "the cluster has not been looked at yet"

    async def serve(self, port: int, *, host: str = "127.0.0.1") -> None:
        """Listen and follow the cluster until cancelled; port 0 takes a free one, see `port`.

        Raises:
            PortUnavailableError: nobody can listen there.
            OSError: the memory cannot be written.
        """
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await _listen(runner, host, port)
            self.port = runner.addresses[0][1]
            logger.info("listening on http://%s:%d/metrics", host, self.port)
            self.listening.set()
            await self._follow()
        finally:
            await runner.cleanup()

    async def look(self) -> None:
        """Look at the cluster once, and let the world take note of it."""
        try:
            snapshot = await self._view.look()
        except ClusterUnavailableError as unavailable:
            self._report(str(unavailable))
            return
        if self.world.epoch is None:
            unfinished = snapshot.unfinished(service.name for service in self.world.services)
            if unfinished:
                self._report(f"waiting until all pods are ready of: {', '.join(unfinished)}")
                return
            self.world.found(snapshot.at, snapshot.pods)
        self._take_note(snapshot)
        self._report("")

    def metrics(self, at: float) -> str:
        """The text of `/metrics` at a time (unix seconds)."""
        if self._why_silent(at):
            return render([])
        return render(self.world.sample(at, self._snapshot.pods if self._snapshot else ()))

    def _take_note(self, snapshot: Snapshot) -> None:
        """Carry the counters up to this look, with the pods that were there, and remember."""
        self.world.forget_others(snapshot.pods)
        self.world.sample(snapshot.at, snapshot.pods)
        self._snapshot = snapshot
        if self._memory:
            self._memory.save(self.world)

    def _why_silent(self, at: float) -> str:
        """Empty while there is something to publish."""
        if self._snapshot is None or at - self._snapshot.at > FORGET_SECONDS:
            return self._trouble or "the cluster has not been seen for too long"
        return ""

    def _report(self, trouble: str) -> None:
        """Log a change between well and not well, once."""
        if trouble != self._trouble:
            logger.log(logging.WARNING if trouble else logging.INFO, trouble or "following the cluster")
        self._trouble = trouble

    async def _follow(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(POLL_SECONDS)

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/metrics", self._get_metrics)
        application.router.add_get("/healthz", self._get_healthz)
        return application

    async def _get_metrics(self, _: web.Request) -> web.Response:
        body = self.metrics(time.time()).encode()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    async def _get_healthz(self, _: web.Request) -> web.Response:
        silent = self._why_silent(time.time())
        return web.Response(status=503 if silent else 200, text=(silent or "ok") + "\n")


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise PortUnavailableError(f"cannot listen on {host}:{port}: {error}; choose another port") from error
