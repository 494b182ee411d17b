"""What every command shares: one login, errors as sentences, and writes that look again when the object moved on."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import click
import yaml
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.domain.change import pointer
from vanguard.errors import ClusterError, Conflict, Forbidden, NotFound
from vanguard.ports import Raw
from vanguard.reconcilers import reading
from vanguard.telemetry import Telemetry

Result = TypeVar("Result")

_TIMEOUT = timedelta(seconds=15)
_TRIES = 5


@dataclass(frozen=True)
class Session:
    """Where a command works, and as whom."""

    kubeconfig: str | None
    context: str | None
    namespace: str

    def run(self, work: Callable[[KubernetesCluster], Awaitable[Result]]) -> Result:
        """Log in, do the work, and turn what went wrong into a sentence.

        Raises:
            click.ClickException: with that sentence; the command exits with 1.
        """
        try:
            return asyncio.run(self._connected(work))
        except Forbidden as error:
            raise click.ClickException(f"{error}\nYour account may not do this. {_WHOM_TO_ASK}") from error
        except ClusterError as error:
            raise click.ClickException(str(error)) from error
        except ValidationError as error:
            told = f"an object cannot be read, by a newer or older version perhaps: {reading.told(error)}"
            raise click.ClickException(told) from error
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise click.ClickException(f"the kubeconfig cannot be used: {error}") from error

    async def _connected(self, work: Callable[[KubernetesCluster], Awaitable[Result]]) -> Result:
        cluster = await KubernetesCluster.connect(
            _TIMEOUT, Telemetry(CollectorRegistry()), kubeconfig=self.kubeconfig, context=self.context
        )
        try:
            return await work(cluster)
        finally:
            await cluster.close()


_WHOM_TO_ASK = (
    "Ask an administrator of the namespace: the ClusterRole vanguard-approver lets approve, "
    "Kubernetes' own `edit` lets stop, undo and pause."
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that talks to a cluster; the command is given a `session`."""

    @click.option("--kubeconfig", metavar="FILE", help="Instead of KUBECONFIG's.")
    @click.option("--context", metavar="NAME", help="Instead of the kubeconfig's current one.")
    @click.option("-n", "--namespace", metavar="NAME", default="default", show_default=True, help="Where to look.")
    @click.pass_context
    def with_session(
        ctx: click.Context, /, kubeconfig: str | None, context: str | None, namespace: str, **told: Any
    ) -> Any:
        return ctx.invoke(command, session=Session(kubeconfig, context, namespace), **told)

    with_session.__name__, with_session.__doc__ = command.__name__, command.__doc__
    parameters = getattr(command, "__click_params__", [])
    with_session.__click_params__ = [*parameters, *with_session.__click_params__]  # type: ignore[attr-defined]
    return with_session


async def user_name(cluster: KubernetesCluster) -> str:
    """Who the API server says is asking."""
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = await cluster.create("SelfSubjectReview", "", asked)
    return str(answer["status"]["userInfo"]["username"])


async def found(cluster: KubernetesCluster, kind: str, namespace: str, name: str) -> Raw:
    """An object that the command is about.

    Raises:
        NotFound: naming it.
    """
    try:
        return await cluster.get(kind, namespace, name)
    except NotFound as error:
        where = f" in namespace {namespace}" if namespace else ""
        raise NotFound(f"there is no {kind} {name}{where}") from error


Change = Callable[[Raw], list[Raw]]


async def written(cluster: KubernetesCluster, kind: str, namespace: str, name: str, change: Change) -> Raw:
    """Change an object as it is now; if it moves on meanwhile, look again.

    Raises:
        Conflict: when it moves on each time.
    """
    for attempt in range(_TRIES):
        raw = await found(cluster, kind, namespace, name)
        tests: list[Raw] = [
            {"op": "test", "path": f"/metadata/{field}", "value": raw["metadata"][field]}
            for field in ("uid", "resourceVersion")
        ]
        try:
            return await cluster.patch(kind, namespace, name, tests + change(raw))
        except Conflict:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def annotation(key: str, value: str | None) -> Change:
    """Set an annotation, or (None) take it away."""

    def change(raw: Raw) -> list[Raw]:
        known = raw["metadata"].get("annotations")
        path = pointer("metadata", "annotations", key)
        if value is None:
            return [{"op": "remove", "path": path}] if key in (known or {}) else []
        parent: list[Raw] = [] if known else [{"op": "add", "path": "/metadata/annotations", "value": {}}]
        return [*parent, {"op": "add", "path": path, "value": value}]

    return change
