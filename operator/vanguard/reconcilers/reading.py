"""Gathering: reads of the API server that several reconcilers share, as models."""

import logging
from collections.abc import Iterable
from typing import TypeVar

from pydantic import ValidationError

from vanguard.api.base import WorkloadKind
from vanguard.api.kinds import AutomationPolicy, Intervention, IssuePattern, Object
from vanguard.domain.workload import Owners, Workload, read_workload
from vanguard.errors import NotFound, Unavailable
from vanguard.ports import Cluster, Raw

Kind = TypeVar("Kind", bound=Object)

_log = logging.getLogger(__name__)


def told(error: ValidationError) -> str:
    """A model's complaint as field paths and reasons, for people."""
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in error.errors()
    )[:1000]


def readable(model: type[Kind], raws: Iterable[Raw]) -> list[Kind]:
    """The objects that can be understood. The others are logged; their own reconciler tells their owner."""
    out = []
    for raw in raws:
        try:
            out.append(model.read(raw))
        except ValidationError as error:
            _log.warning("%s %s cannot be read: %s", model.__name__, raw["metadata"]["name"], told(error))
    return out


async def patterns(cluster: Cluster) -> list[IssuePattern]:
    """Every pattern there is."""
    return readable(IssuePattern, await cluster.list("IssuePattern"))


async def pattern(cluster: Cluster, name: str) -> IssuePattern | None:
    """One pattern, or None if it is gone or cannot be understood."""
    raw = await optional(cluster, "IssuePattern", "", name)
    found = readable(IssuePattern, [raw] if raw else [])
    return found[0] if found else None


async def policies(cluster: Cluster, namespace: str) -> tuple[list[AutomationPolicy], tuple[str, ...]]:
    """The policies of a namespace, and a sentence for each that cannot be understood.

    Whoever decides must heed the sentences: the one that cannot be read might be the one that forbids.
    """
    out, problems = [], []
    for raw in await cluster.list("AutomationPolicy", namespace):
        try:
            out.append(AutomationPolicy.read(raw))
        except ValidationError as error:
            problems.append(f"AutomationPolicy {namespace}/{raw['metadata']['name']} cannot be read: {told(error)}")
    return out, tuple(problems)


async def interventions(cluster: Cluster, namespace: str = "") -> list[Intervention]:
    """The Interventions of a namespace, or all that can be understood."""
    return readable(Intervention, await cluster.list("Intervention", namespace))


async def every_intervention(cluster: Cluster) -> list[Intervention]:
    """All Interventions, without exception: budgets, slots and breakers are counted from them.

    Raises:
        Unavailable: when one cannot be understood (a newer version's, say); what it did is not known then.
    """
    raws = await cluster.list("Intervention")
    known = readable(Intervention, raws)
    if len(known) < len(raws):
        raise Unavailable(f"{len(raws) - len(known)} Interventions cannot be read; nothing is decided")
    return known


async def optional(cluster: Cluster, kind: str, namespace: str, name: str) -> Raw | None:
    """An object, or None if it does not exist."""
    try:
        return await cluster.get(kind, namespace, name)
    except NotFound:
        return None


async def workload(cluster: Cluster, kind: WorkloadKind, namespace: str, name: str) -> Workload | None:
    """A workload, or None if it does not exist."""
    raw = await optional(cluster, kind.value, namespace, name)
    return read_workload(raw, kind) if raw else None


async def workloads(cluster: Cluster, namespace: str) -> list[Workload]:
    """Every Deployment and StatefulSet of a namespace."""
    return [read_workload(raw, kind) for kind in WorkloadKind for raw in await cluster.list(kind.value, namespace)]


async def pods(cluster: Cluster, target: Workload) -> list[Raw]:
    """The pods a workload selects."""
    labels = target.raw["spec"].get("selector", {}).get("matchLabels", {})
    return list(await cluster.list("Pod", target.key.namespace, labels=labels)) if labels else []


async def controlled_pods(cluster: Cluster, target: Workload) -> list[Raw]:
    """The pods a workload controls, by ownerReferences; a label alone makes a pod nobody's."""
    labels = target.raw["spec"].get("selector", {}).get("matchLabels", {})
    found = await pods(cluster, target)
    between = target.key.kind is WorkloadKind.DEPLOYMENT and found
    sets = await cluster.list("ReplicaSet", target.key.namespace, labels=labels) if between else []
    owners = Owners(found, sets)
    return [pod for pod in found if owners.workload_uid(pod["metadata"]["name"]) == target.key.uid]
