"""The process: settings, login, Lease, the engine that goes round, health, and how it all ends."""

import asyncio
import logging
import os
import signal
from contextlib import suppress
from typing import Any

import kopf

from vanguard import settings as configuration
from vanguard import telemetry
from vanguard.adapters import git, notify
from vanguard.adapters.clock import SystemClock
from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.adapters.leader import lead
from vanguard.adapters.prometheus import PrometheusMetrics
from vanguard.api.base import FINALIZER, GROUP
from vanguard.api.intervention import Phase
from vanguard.domain.forecast import Forecaster
from vanguard.errors import ClusterError, RepositoryError, SettingsError
from vanguard.handlers.http import Endpoint
from vanguard.reconcilers import intervene, policies
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.courier import Courier
from vanguard.reconcilers.detect import Detector

_log = logging.getLogger(__name__)

try:
    operator_settings = configuration.load()
    notifiers_file = notify.load(operator_settings.notifiers_file)
    repositories_file = git.load(operator_settings.repositories_file)
except SettingsError as error:
    raise SystemExit(f"vanguard: {error}") from None


class Process:
    """Everything that lives as long as the process."""

    def __init__(self) -> None:
        """Nothing runs yet."""
        self.context: Context | None = None
        self.cluster: KubernetesCluster | None = None
        self.endpoint: Endpoint | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self.leading = asyncio.Event()


process = Process()


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Log in, answer probes, wait for the Lease, and only then let anything be reconciled."""
    _configure(settings)
    told = telemetry.Telemetry()
    process.cluster = await KubernetesCluster.connect(operator_settings.api_timeout, told)
    process.context = Context(
        process.cluster, PrometheusMetrics(operator_settings), SystemClock(), operator_settings, told
    )
    _fill(process.context)
    process.endpoint = Endpoint(process.context)
    await process.endpoint.start()
    process.tasks.append(asyncio.create_task(_hold_lease(process.context, process.cluster)))
    await process.leading.wait()
    process.tasks.append(asyncio.create_task(_engine(process.context)))
    process.tasks.append(asyncio.create_task(_carry(process.context)))


@kopf.on.cleanup()
async def stop(**_: Any) -> None:
    """Stop the engine between two steps. What is in flight is recorded and goes on after a restart."""
    for task in process.tasks:
        task.cancel()
    await asyncio.gather(*process.tasks, return_exceptions=True)
    if process.endpoint is not None:
        await process.endpoint.stop()
    if process.cluster is not None:
        await process.cluster.close()


async def reconcile_intervention(namespace: str, name: str) -> Phase | None:
    """Look at an Intervention; without an answer from the API server or a repository, its timer looks again."""
    if process.context is None:
        return None
    try:
        return await intervene.reconcile(process.context, namespace, name)
    except (ClusterError, RepositoryError) as error:
        process.context.telemetry.reconcile_errors.labels("Intervention").inc()
        _log.warning("Intervention %s/%s: %s", namespace, name, error)
        return Phase.PENDING


async def reconcile_policy(namespace: str, name: str) -> None:
    """Look at a policy; without an answer from the API server, its next event looks again."""
    if process.context is None:
        return
    try:
        await policies.reconcile(process.context, namespace, name)
    except ClusterError as error:
        process.context.telemetry.reconcile_errors.labels("AutomationPolicy").inc()
        _log.warning("AutomationPolicy %s/%s: %s", namespace, name, error)


def _configure(kopf_settings: kopf.OperatorSettings) -> None:
    telemetry.configure_logging(operator_settings.log_level)
    # Kubernetes is told 10 s; a query that hangs in its thread must not hold the exit longer.
    kopf_settings.process.ultimate_exiting_timeout = 8
    kopf_settings.scanning.disabled = True
    kopf_settings.peering.standalone = True
    kopf_settings.posting.enabled = False
    kopf_settings.watching.server_timeout = 300
    kopf_settings.watching.client_timeout = 330
    kopf_settings.networking.request_timeout = operator_settings.api_timeout.total_seconds()
    kopf_settings.persistence.finalizer = FINALIZER
    kopf_settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP)
    kopf_settings.persistence.diffbase_storage = _Forgetful()


class _Forgetful(kopf.DiffBaseStorage):
    """Keeps no copy of a spec: nothing here reacts to differences, and each copy would be a write."""

    def fetch(self, *, body: kopf.Body) -> kopf.BodyEssence | None:  # noqa: ARG002 - kopf's signature
        return None

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        pass


async def _hold_lease(ctx: Context, cluster: KubernetesCluster) -> None:
    """Lead, or end: a process that lost its Lease must not write another byte."""

    async def begun() -> None:
        ctx.leading = True
        ctx.telemetry.leader.set(1)
        process.leading.set()

    async def lost() -> None:
        _log.error("the Lease is lost; this process ends")

    try:
        await lead(cluster, ctx.settings, begun, lost)
    except Exception:
        _log.exception("leader election ended; this process ends")
        raise
    finally:
        cluster.fence()
        ctx.leading = False
        ctx.telemetry.leader.set(0)
        with suppress(ProcessLookupError):
            os.kill(os.getpid(), signal.SIGTERM)


def _fill(ctx: Context) -> None:
    """Who is told what, and which repositories may be written to, as the files say."""
    ctx.outbox.notifiers = {spec.name: notify.made(spec, ctx.clock) for spec in notifiers_file.notifiers}
    ctx.outbox.routes = {spec.name: spec.levels for spec in notifiers_file.notifiers}
    specs = repositories_file.repositories
    ctx.git.repositories = {spec.name: git.GitRepository(spec, ctx.clock) for spec in specs}
    ctx.git.specs = {spec.name: spec for spec in specs}
    ctx.git.audit = repositories_file.audit


async def _carry(ctx: Context) -> None:
    """Tell people for ever. What is under way at the end is told again by the next process."""
    courier = Courier(ctx)
    try:
        while True:
            courier.round()
            await asyncio.sleep(1)
    finally:
        courier.stop()


async def _engine(ctx: Context) -> None:
    """Go round for ever. A cycle that failed is told and tried again at its time.

    A fault of ours must not stop the undoing of what is in flight, so it does not end the process: it is logged
    and counted, nothing new starts on old evaluations, and /healthz fails when cycles stay away.
    """
    detector = Detector(ctx, Forecaster.load())
    while True:
        begun = ctx.clock.now()
        try:
            await detector.cycle()
        except ClusterError as error:
            ctx.telemetry.cycle_errors.inc()
            _log.warning("detection cycle: %s", error)
        except Exception:  # noqa: BLE001 - see above; told three ways
            ctx.telemetry.cycle_errors.inc()
            _log.exception("detection cycle")
        spent = ctx.clock.now() - begun
        await asyncio.sleep(max(0.1, (ctx.settings.detection_interval - spent).total_seconds()))
