"""Which series are a target's: asked of the cluster, as the operator does, or told from names where there is none."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import click

from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.api.base import WorkloadKind
from vanguard.api.kinds import IssuePattern
from vanguard.api.pattern import Signal
from vanguard.domain.workload import Owners, TargetKey
from vanguard.errors import NotFound
from vanguard.ports import Cluster
from vanguard.reconcilers import reading
from vanguard.reconcilers.estate import Estate

Belongs = Callable[[Signal, dict[str, str]], bool]

# How controllers name pods: a Deployment's ReplicaSet adds its hash and then five characters, a StatefulSet a number.
_POD = {WorkloadKind.DEPLOYMENT: r"-[a-z0-9]{1,10}-[a-z0-9]{5}", WorkloadKind.STATEFUL_SET: r"-[0-9]+"}


@dataclass(frozen=True)
class Target:
    """A workload's namespace and name, as somebody typed them."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def read(cls, text: str, namespace: str) -> Self:
        """From `NS/NAME`, or `NAME` in the namespace given.

        Raises:
            click.UsageError: for anything else.
        """
        parts = text.split("/")
        if len(parts) > 2 or not all(parts):  # noqa: PLR2004 - namespace and name
            raise click.UsageError(f"--target is {text!r}; write NAMESPACE/NAME or NAME, such as shop/orders")
        return cls(parts[0] if len(parts) > 1 else namespace, parts[-1])

    def key(self, kind: WorkloadKind) -> TargetKey:
        """Its identity, as far as it matters for telling."""
        return TargetKey(self.namespace, kind, self.name, "")


def known_by_name(target: Target) -> Belongs:
    """A series is the target's if its labels say so; pods are told by how controllers name them."""

    def belongs(signal: Signal, labels: dict[str, str]) -> bool:
        mapping = signal.target
        if labels.get(mapping.namespace_label) != target.namespace:
            return False
        if mapping.name_label is not None:
            return labels.get(mapping.name_label) == target.name
        pod = labels.get(mapping.pod_label or "", "")
        return re.fullmatch(re.escape(target.name) + _POD[mapping.kind], pod) is not None

    return belongs


async def known_by_cluster(
    cluster: KubernetesCluster, target: Target, pattern_name: str, *, gone: bool
) -> tuple[IssuePattern, Belongs]:
    """The pattern, and whose series are whose as the cluster knows it.

    Args:
        cluster: the API server.
        target: the workload.
        pattern_name: the pattern's.
        gone: whether pods that the cluster knows no more count as well, by their names: an earlier time is asked for.

    Raises:
        NotFound: when there is no such pattern, or no such workload of a kind the pattern is about.
    """
    pattern = await _pattern(cluster, pattern_name)
    kinds = dict.fromkeys(signal.target.kind for signal in pattern.spec.signals)
    found = [await reading.workload(cluster, kind, target.namespace, target.name) for kind in kinds]
    workloads = [one for one in found if one is not None]
    if not workloads:
        raise NotFound(f"there is no {' or '.join(kinds)} {target.name} in namespace {target.namespace} (--target)")
    owners = None
    if any(signal.target.pod_label for signal in pattern.spec.signals):
        space = target.namespace
        owners = Owners(await cluster.list("Pod", space), await cluster.list("ReplicaSet", space))
    estate = Estate(())
    estate.add(target.namespace, workloads, owners)
    by_name = known_by_name(target)

    def belongs(signal: Signal, labels: dict[str, str]) -> bool:
        return estate.owner(signal, labels) is not None or (gone and by_name(signal, labels))

    return pattern, belongs


async def _pattern(cluster: Cluster, name: str) -> IssuePattern:
    try:
        return IssuePattern.read(await cluster.get("IssuePattern", "", name))
    except NotFound as error:
        known = sorted(raw["metadata"]["name"] for raw in await cluster.list("IssuePattern"))
        there = ", ".join(known) or "none"
        raise NotFound(f"there is no IssuePattern {name} (--pattern); there are: {there}") from error
