"""What probes and Prometheus ask of the process: /healthz, /readyz, /metrics."""

from datetime import timedelta

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from vanguard.api.base import format_time
from vanguard.reconcilers.context import Context

_GRACE = timedelta(minutes=2)


class Endpoint:
    """A small HTTP server. Health is progress: a leader whose cycles have stopped is not healthy."""

    def __init__(self, ctx: Context) -> None:
        """Prepare; nothing listens yet.

        Args:
            ctx: the process.
        """
        self._ctx = ctx
        self._since = ctx.clock.now()
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._health),
                web.get("/readyz", self._ready),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: when the port is taken.
        """
        await self._runner.setup()
        await web.TCPSite(self._runner, self._ctx.settings.http_host, self._ctx.settings.http_port).start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    def problem(self) -> str:
        """Why the process is not healthy; empty if it is. A standby waits, and that is healthy."""
        last = self._ctx.last_cycle or self._since
        late = self._ctx.clock.now() - last - 3 * self._ctx.settings.detection_interval - _GRACE
        return f"no detection cycle since {format_time(last)}" if self._ctx.leading and late > timedelta(0) else ""

    async def _health(self, _request: web.Request) -> web.Response:
        problem = self.problem()
        return web.Response(text=problem or "ok", status=503 if problem else 200)

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = generate_latest(self._ctx.telemetry.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
