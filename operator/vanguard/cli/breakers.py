"""`vanguard breaker`: how the circuit breakers stand, and how a person closes one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click
import yaml

from vanguard.adapters.clock import SystemClock
from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.api.base import API_VERSION, format_time
from vanguard.api.kinds import AutomationPolicy, Intervention
from vanguard.api.policy import BreakerState, BreakerStatus
from vanguard.cli.session import Session, found, options, user_name, written
from vanguard.domain.breaker import CLUSTER_DEFAULT, DEFAULT_FAILURES, DEFAULT_PAUSE, DEFAULT_POLICY, breaker_of
from vanguard.domain.history import history_of
from vanguard.durations import format_duration
from vanguard.errors import Forbidden, Invalid, NotFound
from vanguard.ports import Raw

_HOME = click.option(
    "--operator-namespace",
    "home",
    metavar="NAME",
    default="vanguard-system",
    envvar="VANGUARD_NAMESPACE",
    show_default=True,
    help="Where the operator runs; the policies there bind the whole cluster.",
)


@click.group()
def breaker() -> None:
    """Show or reset the circuit breakers."""


@dataclass(frozen=True)
class Seen:
    """What there is to show.

    Attributes:
        policies: of the namespace, or of all.
        ceilings: names of the policies of the operator's namespace; None where the account may not see them.
        cluster: how the built-in breaker stands; None where a ceiling's binds, or it cannot be counted.
    """

    policies: Sequence[AutomationPolicy]
    ceilings: tuple[str, ...] | None
    cluster: BreakerStatus | None


@breaker.command("show")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="The breakers of all namespaces' policies.")
@_HOME
@options
def show(session: Session, home: str, *, everywhere: bool) -> None:
    """How the breaker of each policy stands, and that of the whole cluster."""
    where = "" if everywhere else session.namespace
    seen = session.run(lambda cluster: _look(cluster, where, home))
    for policy in sorted(seen.policies, key=lambda one: (one.metadata.namespace, one.metadata.name)):
        meta = policy.metadata
        name = f"{meta.namespace}/{meta.name}" if everywhere else meta.name
        click.echo(_line(name, policy.status.breaker, policy.spec.circuit_breaker.failures) + _reset_ahead(policy))
    if not seen.policies:
        click.echo(f"no AutomationPolicy in {f'namespace {where}' if where else 'any namespace'}")
    click.echo(_cluster(seen, home))


async def _look(cluster: KubernetesCluster, where: str, home: str) -> Seen:
    policies = [AutomationPolicy.read(raw) for raw in await cluster.list("AutomationPolicy", where)]
    try:
        ceilings = tuple(raw["metadata"]["name"] for raw in await cluster.list("AutomationPolicy", home))
        return Seen(policies, ceilings, None if ceilings else await _built_in(cluster))
    except Forbidden:
        return Seen(policies, None, None)


async def _built_in(cluster: KubernetesCluster) -> BreakerStatus:
    """The same fold the operator decides by: the cluster's own breaker has no object that would say."""
    history = history_of(Intervention.read(raw) for raw in await cluster.list("Intervention"))
    at = breaker_of(CLUSTER_DEFAULT, history.started, SystemClock().now())
    return BreakerStatus(state=at.state, failures=at.failures, opened_at=at.opened_at, retry_at=at.retry_at)


def _line(name: str, status: BreakerStatus | None, failures: int) -> str:
    if status is None:
        return f"{name}: not evaluated yet; is the operator running?"
    text = f"{name}: {status.state}, {status.failures} of {failures} failures in a row"
    if status.state is not BreakerState.CLOSED and status.retry_at is not None:
        text += f", opened {_text(status.opened_at)}, one may be tried from {_text(status.retry_at)}"
    return text


def _reset_ahead(policy: AutomationPolicy) -> str:
    reset = policy.spec.circuit_breaker.reset
    ahead = reset is not None and reset.at > SystemClock().now()
    return f"; its reset of {_text(reset.at)} is still to come and does not count yet" if reset and ahead else ""


def _cluster(seen: Seen, home: str) -> str:
    if seen.ceilings is None:
        return f"the cluster: your account may not list policies in {home} and Interventions everywhere"
    if seen.ceilings:
        return f"the cluster: guarded by the breakers of namespace {home}: {', '.join(sorted(seen.ceilings))}"
    text = _line(f"the cluster ({DEFAULT_POLICY})", seen.cluster, DEFAULT_FAILURES)
    if seen.cluster is None or seen.cluster.state is BreakerState.CLOSED:
        return text
    return f"{text}\nTo reset it: vanguard breaker reset ceiling -n {home} --reason '...' tells what to apply"


def _text(at: datetime | None) -> str:
    return format_time(at) if at else "unknown"


@breaker.command("reset")
@click.argument("policy")
@click.option("--reason", required=True, help="Why; it is recorded.")
@_HOME
@options
def reset(session: Session, policy: str, reason: str, home: str) -> None:
    """Close the breaker of POLICY: what failed until now does not count any more."""
    click.echo(session.run(lambda cluster: _reset(cluster, session.namespace, policy, reason, home)))


async def _reset(cluster: KubernetesCluster, namespace: str, policy: str, reason: str, home: str) -> str:
    by, at = await user_name(cluster), format_time(SystemClock().now())
    word = {"at": at, "by": by, "reason": reason}
    try:
        await found(cluster, "AutomationPolicy", namespace, policy)
    except NotFound as error:
        if namespace != home:
            raise NotFound(f"{error}; `vanguard breaker show -n {namespace}` lists them") from error
        if not await cluster.list("AutomationPolicy", home):
            raise Invalid(_how_to_reset_the_cluster(policy, home, word)) from error
        raise

    def change(raw: Raw) -> list[Raw]:
        rule = {**raw["spec"].get("circuitBreaker", {}), "reset": word}
        return [{"op": "add", "path": "/spec/circuitBreaker", "value": rule}]

    await written(cluster, "AutomationPolicy", namespace, policy, change)
    return f"{policy}: failures before {at} do not count any more (reset by {by})"


def _how_to_reset_the_cluster(policy: str, home: str, word: dict[str, str]) -> str:
    """The built-in breaker has no place for a reset: a policy in the operator's namespace takes over from it."""
    return (
        f"there is no AutomationPolicy in namespace {home}, so the built-in breaker guards the cluster "
        f"({DEFAULT_FAILURES} failures, pause {format_duration(DEFAULT_PAUSE)}); it closes after a success, and "
        "nothing can record a reset of it.\nTo reset it, apply this policy, which takes over from it and bounds "
        "nothing else. It needs rights in that namespace:\n\n"
        + yaml.safe_dump(ceiling(policy, home, word), sort_keys=False)
    )


def ceiling(name: str, home: str, word: dict[str, str]) -> dict[str, Any]:
    """A policy for the operator's namespace that bounds nothing but by its breaker, which is reset.

    Args:
        name: of the policy.
        home: the operator's namespace.
        word: at, by and reason of the reset.
    """
    none = format_duration(timedelta(0))
    return {
        "apiVersion": API_VERSION,
        "kind": "AutomationPolicy",
        "metadata": {"name": name, "namespace": home},
        "spec": {
            "mode": "Auto",
            "workloads": [{"name": "none", "selector": {}, "serviceType": "none"}],
            "limits": {
                "maxConcurrent": 100,
                "cooldown": none,
                "maxPerTargetPerDay": 100,
                "maxPerNamespacePerDay": 1000,
                "minHealthyPercent": 0,
            },
            "stability": {"quietFor": none},
            "approvals": {"maxAge": "168h"},
            "circuitBreaker": {"failures": DEFAULT_FAILURES, "pause": format_duration(DEFAULT_PAUSE), "reset": word},
        },
    }
