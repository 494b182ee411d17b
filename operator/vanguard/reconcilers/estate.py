"""The estate: what may be watched in one cycle, and which workload a series belongs to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from vanguard.api.kinds import AutomationPolicy, IssuePattern
from vanguard.api.pattern import Signal, TargetMapping
from vanguard.domain.consent import dependencies, selected
from vanguard.domain.workload import Owners, TargetKey, Workload
from vanguard.reconcilers import reading
from vanguard.reconcilers.context import Context


class Estate:
    """What may be watched in this cycle: governed namespaces, their policies and workloads."""

    def __init__(self, policies: Sequence[AutomationPolicy]) -> None:
        self._policies: defaultdict[str, list[AutomationPolicy]] = defaultdict(list)
        for policy in policies:
            self._policies[policy.metadata.namespace].append(policy)
        self.governed = frozenset(self._policies)
        self._by_name: dict[tuple[str, str, str], Workload] = {}
        self._by_uid: dict[str, Workload] = {}
        self._owners: dict[str, Owners] = {}
        self._marks = [hash((p.metadata.namespace, p.metadata.uid, p.metadata.generation)) for p in policies]

    def add(self, namespace: str, workloads: Iterable[Workload], owners: Owners | None) -> None:
        """Take in a governed namespace; owners only where a pattern leads through pods."""
        for workload in workloads:
            self._by_name[namespace, workload.key.kind, workload.key.name] = workload
            self._by_uid[workload.key.uid] = workload
            self._marks.append(hash((workload.key, frozenset(workload.labels.items()))))
        if owners is not None:
            self._owners[namespace] = owners
            self._marks.append(hash((namespace, owners.signature)))

    @property
    def signature(self) -> int:
        """The same while `owner` and `applies` answer the same: of policies, workloads, their labels and pods."""
        return hash(frozenset(self._marks))

    def owner(self, signal: Signal, labels: dict[str, str]) -> Workload | None:
        """The workload a series belongs to; None if it is not there, or is governed by nobody."""
        return self.mapped(signal.target, labels)

    def mapped(self, mapping: TargetMapping, labels: Mapping[str, str]) -> Workload | None:
        """The same for any mapping."""
        namespace = labels.get(mapping.namespace_label, "")
        if mapping.name_label is not None:
            return self._by_name.get((namespace, mapping.kind, labels.get(mapping.name_label, "")))
        owners = self._owners.get(namespace)
        uid = owners.workload_uid(labels.get(mapping.pod_label or "", "")) if owners else None
        found = self._by_uid.get(uid or "")
        return found if found is not None and found.key.kind is mapping.kind else None

    def pods(self, target: TargetKey) -> frozenset[str]:
        """The names of a workload's present pods; none where no pattern leads through pods."""
        owners = self._owners.get(target.namespace)
        return owners.pods_of(target.uid) if owners else frozenset()

    def applies(self, pattern: IssuePattern, workload: Workload) -> bool:
        """Whether a policy selects the workload, as a type of service the pattern is for."""
        wanted = pattern.spec.service_types
        kind = self._service_type(workload)
        return kind != "" and (not wanted or kind in wanted)

    def service_type(self, target: TargetKey) -> str:
        """What the policies say the workload is; empty if none selects it."""
        workload = self._by_uid.get(target.uid)
        return self._service_type(workload) if workload else ""

    def depends_on(self, target: TargetKey) -> frozenset[str]:
        """What the policies say the workload depends on, as namespace/name."""
        workload = self._by_uid.get(target.uid)
        return dependencies(self._policies[target.namespace], workload.labels) if workload else frozenset()

    def _service_type(self, workload: Workload) -> str:
        entries = (selected(policy, workload.labels) for policy in self._policies[workload.key.namespace])
        return next((entry.service_type for entry in entries if entry is not None), "")


async def survey(ctx: Context, patterns: Iterable[IssuePattern]) -> Estate:
    """Read policies, and in each namespace that has one the workloads, and the pods where a pattern needs them."""
    estate = Estate(reading.readable(AutomationPolicy, await ctx.cluster.list("AutomationPolicy")))
    signals = [signal for pattern in patterns for signal in pattern.spec.signals]
    mappings = [signal.target for signal in signals]
    mappings += [companion.target for signal in signals for companion in signal.companions if companion.target]
    by_pod = any(mapping.pod_label for mapping in mappings)
    for namespace in sorted(estate.governed):
        owners = None
        if by_pod:
            owners = Owners(await ctx.cluster.list("Pod", namespace), await ctx.cluster.list("ReplicaSet", namespace))
        estate.add(namespace, await reading.workloads(ctx.cluster, namespace), owners)
    return estate
