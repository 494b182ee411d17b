"""The stage: a cluster made up around recorded series, where nobody gives the real objects.

Whatever is made up is said in a sentence, for a reader of the report has to know which gates could not be asked.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from vanguard.api.base import API_VERSION, Model, WorkloadKind, format_time
from vanguard.api.kinds import AutomationPolicy, IssuePattern, Metadata, Object
from vanguard.api.pattern import Signal, TargetMapping
from vanguard.api.policy import Tunable, WorkloadConsent
from vanguard.backtest.recording import Asked, Recording
from vanguard.domain import conditions, consent
from vanguard.ports import Raw

REPLICAS = 3
_LONG_BEFORE = timedelta(days=1)
_POD_NAMES = {
    WorkloadKind.DEPLOYMENT: re.compile(r"(.+)-[a-z0-9]{1,10}-[a-z0-9]{5}"),
    WorkloadKind.STATEFUL_SET: re.compile(r"(.+)-[0-9]{1,5}"),
}


@dataclass(frozen=True)
class Stage:
    """What the cluster is made of.

    Attributes:
        objects: everything but Interventions.
        assumed: what was made up of it, in sentences.
        warnings: what a person should mend or know, in sentences.
    """

    objects: tuple[Raw, ...] = field(repr=False)
    assumed: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass
class _Seen:
    """A workload as its series show it.

    Attributes:
        born: when its first series began.
        labels: those of its series.
        pods: when each pod that a series names was first seen.
    """

    born: datetime
    labels: dict[str, str] = field(default_factory=dict)
    pods: dict[str, datetime] = field(default_factory=dict)


Name = tuple[WorkloadKind, str, str]
_WORKLOADS = frozenset(kind.value for kind in WorkloadKind)


def built(
    patterns: Sequence[IssuePattern],
    policies: Sequence[AutomationPolicy],
    recording: Recording,
    given: Sequence[Raw],
    home: str,
) -> Stage:
    """Put up the stage.

    Args:
        patterns: whose series lead to workloads.
        policies: as they are to be tried.
        recording: the series.
        given: objects of the real cluster as they are now, taken to have been so all the time.
        home: the operator's own namespace; policies there bind whatever they select.
    """
    return _Builder(patterns, policies, recording, given, home).stage()


class _Builder:
    """One stage in the making."""

    def __init__(
        self,
        patterns: Sequence[IssuePattern],
        policies: Sequence[AutomationPolicy],
        recording: Recording,
        given: Sequence[Raw],
        home: str,
    ) -> None:
        self._home = home
        self._patterns, self._policies, self._recording = patterns, policies, recording
        self._before = recording.start - _LONG_BEFORE
        stamp = format_time(self._before)
        real = [{**raw, "metadata": {**raw["metadata"], "creationTimestamp": stamp}} for raw in given]
        self._objects = {
            (raw["kind"], raw["metadata"].get("namespace", ""), raw["metadata"]["name"]): raw for raw in real
        }
        self._given = frozenset(self._objects)
        self._values: dict[str, int] = {}
        self._nameless: set[str] = set()

    def stage(self) -> Stage:
        """Everything, in the order in which one needs the other."""
        seen = self._seen()
        for space in sorted({policy.metadata.namespace for policy in self._policies}):
            self._add("Namespace", "", space, self._before, {})
        if not any(kind == "Node" for kind, _, _ in self._given):
            self._add("Node", "", "assumed", self._before, _NODE)
        for name, one in sorted(seen.items()):
            self._workload(name, one)
        self._stand_ins()
        self._config_maps()
        documents = [_document(one.metadata, one.spec, IssuePattern) for one in self._patterns]
        documents += [_document(one.metadata, one.spec, AutomationPolicy) for one in self._policies]
        return Stage((*documents, *self._objects.values()), tuple(self._assumed()), tuple(self._warnings()))

    def _seen(self) -> dict[Name, _Seen]:
        out: dict[Name, _Seen] = {}
        governed = {policy.metadata.namespace for policy in self._policies}
        asked = ((one.query, one.target) for one in self._signals())
        # By age: a label that a later series bears otherwise is not known from the beginning.
        for mapping, labels, born in sorted(self._series(asked), key=lambda one: one[2]):
            space = labels.get(mapping.namespace_label, "")
            name = self._owner(mapping, labels)
            if space not in governed or not name:
                continue
            one = out.setdefault((mapping.kind, space, name), _Seen(born))
            one.born = min(one.born, born)
            one.labels = {**labels, **one.labels}
            pod = labels.get(mapping.pod_label or "")
            if pod:
                one.pods[pod] = min(one.pods.get(pod, born), born)
        self._see_companions(out)
        return out

    def _see_companions(self, seen: Mapping[Name, _Seen]) -> None:
        """Pods that only companions name; a workload that only they name is watched by nobody."""
        asked = ((one.query, one.target or by.target) for by in self._signals() for one in by.companions)
        for mapping, labels, born in self._series(asked):
            pod = labels.get(mapping.pod_label or "")
            name = mapping.kind, labels.get(mapping.namespace_label, ""), self._owner(mapping, labels) if pod else ""
            if pod and name in seen:
                seen[name].pods[pod] = min(seen[name].pods.get(pod, born), born)

    def _signals(self) -> Iterator[Signal]:
        return (signal for pattern in self._patterns for signal in pattern.spec.signals)

    def _series(
        self, asked: Iterable[tuple[str, TargetMapping]]
    ) -> Iterator[tuple[TargetMapping, Mapping[str, str], datetime]]:
        """Where each series of a query leads, its labels, and when it began; those without a sample are none."""
        for query, mapping in asked:
            track = self._recording.tracks[Asked(query, mapping.namespace_label)]
            known = np.isfinite(track.values)
            for row in np.flatnonzero(known.any(axis=1)).tolist():
                first = int(known[row].argmax())
                born = self._recording.start + first * self._recording.step if first else self._before
                yield mapping, dict(track.labels[row]), born

    def _owner(self, mapping: TargetMapping, labels: Mapping[str, str]) -> str:
        if mapping.name_label is not None:
            return labels.get(mapping.name_label, "")
        pod = labels.get(mapping.pod_label or "", "")
        match = _POD_NAMES[mapping.kind].fullmatch(pod)
        if match is None:
            self._nameless.add(pod)
        return match[1] if match else ""

    def _workload(self, name: Name, one: _Seen) -> None:
        kind, space, title = name
        labels = {**one.labels, "app.kubernetes.io/name": title, "app": title}
        labels.pop("__name__", None)
        containers = list(self._containers(space, labels))
        self._add(kind.value, space, title, one.born, _workload(title, containers), labels)
        workload = self._objects[kind.value, space, title]
        owner = {"kind": kind.value, "name": title, "uid": workload["metadata"]["uid"], "controller": True}
        matched = workload["spec"].get("selector", {}).get("matchLabels", {})
        for pod, born in one.pods.items():
            self._add("Pod", space, pod, born, {}, matched, owner)

    def _stand_ins(self) -> None:
        """A pod for each workload that has none: without one, nothing would be known of its health."""
        pods: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
        for (kind, space, _), raw in self._objects.items():
            if kind == "Pod":
                pods[space].append(raw["metadata"].get("labels", {}))
        for (kind, space, title), raw in list(self._objects.items()):
            if kind not in _WORKLOADS:
                continue
            wanted = raw["spec"].get("selector", {}).get("matchLabels", {})
            if wanted and not any(wanted.items() <= labels.items() for labels in pods[space]):
                owner = {"kind": kind, "name": title, "uid": raw["metadata"]["uid"], "controller": True}
                self._add("Pod", space, f"{title}-assumed", self._before, {}, wanted, owner)

    def _containers(self, space: str, labels: Mapping[str, str]) -> Iterator[Raw]:
        """A container for each that a tunable's env names, with an assumed value."""
        for tunable in self._tunables(space, labels):
            env = tunable.location.env
            if env is not None:
                value = self._assume(f"env {env.name} of container {env.container} in {space}", tunable)
                yield {"name": env.container, "env": [{"name": env.name, "value": value}]}

    def _config_maps(self) -> None:
        """The ConfigMaps that tunables name, with assumed values where nobody gave the real ones."""
        for policy in self._policies:
            space, data = policy.metadata.namespace, dict[str, dict[str, str]]()
            for entry in policy.spec.workloads:
                for tunable in entry.tunables:
                    key = tunable.location.config_map_key
                    if key is not None and ("ConfigMap", space, key.name) not in self._given:
                        value = self._assume(f"{key.key} of ConfigMap {space}/{key.name}", tunable)
                        data.setdefault(key.name, {})[key.key] = value
            for name, values in data.items():
                known = self._objects.get(("ConfigMap", space, name), {}).get("data", {})
                self._objects.pop(("ConfigMap", space, name), None)
                self._add("ConfigMap", space, name, self._before, {"data": {**known, **values}})

    def _assume(self, where: str, tunable: Tunable) -> str:
        """Its least value, or one step above nothing: what the policy allows to be raised."""
        value = tunable.min or tunable.step
        self._values[where] = value
        return str(value)

    def _tunables(self, space: str, labels: Mapping[str, str]) -> Iterator[Tunable]:
        for policy in self._policies:
            entry = consent.selected(policy, labels) if policy.metadata.namespace == space else None
            yield from entry.tunables if entry else ()

    def _add(
        self,
        kind: str,
        space: str,
        name: str,
        born: datetime,
        body: Raw,
        labels: Mapping[str, str] | None = None,
        owner: Raw | None = None,
    ) -> None:
        """An object, unless the real one was given."""
        if (kind, space, name) in self._objects:
            return
        meta: Raw = {
            "name": name,
            "uid": hashlib.sha256(f"{kind}/{space}/{name}".encode()).hexdigest()[:32],
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": format_time(born),
            "labels": dict(labels or {}),
        }
        if space:
            meta["namespace"] = space
        if owner is not None:
            meta["ownerReferences"] = [owner]
        self._objects[kind, space, name] = {"kind": kind, **body, "metadata": meta}

    def _made_up(self, kind: str) -> list[str]:
        return [
            f"{space}/{name}"
            for what, space, name in self._objects
            if what == kind and (what, space, name) not in self._given
        ]

    def _assumed(self) -> Iterator[str]:
        workloads = sorted(title for kind in WorkloadKind for title in self._made_up(kind))
        if workloads:
            yield (
                f"{len(workloads)} workloads are taken from the labels of their series ({_some(workloads)}): "
                f"{REPLICAS} replicas, healthy, rolled out, not annotated, owned by no GitOps tool, labelled app and "
                "app.kubernetes.io/name with their name, and with the labels of their series"
            )
        mappings = [by.target for by in self._signals()]
        mappings += [one.target for by in self._signals() for one in by.companions if one.target]
        if any(mapping.pod_label for mapping in mappings):
            yield "pods belong to the workload that their name begins with, and were made when their series began"
        if self._values:
            known = [f"{where} is {value}" for where, value in sorted(self._values.items())]
            yield f"tunables have the least value that the policies allow: {_some(known)}; bounds are asked of that"
        yield (
            "there are no PodDisruptionBudgets, quotas and autoscalers but those given, room on a node, and an API "
            "server that takes every dry run; the operator's own senses are well"
        )

    def _warnings(self) -> Iterator[str]:
        if self._nameless:
            told = _some(sorted(self._nameless))
            yield f"{len(self._nameless)} pods lead to no workload by their name, and are left out: {told}"
        labels = [
            (space, raw["metadata"].get("labels", {}))
            for (kind, space, _), raw in self._objects.items()
            if kind in _WORKLOADS
        ]
        for policy in self._policies:
            for entry in policy.spec.workloads:
                if policy.metadata.namespace != self._home and not _selects_any(policy, entry, labels):
                    yield (
                        f"AutomationPolicy {policy.metadata.namespace}/{policy.metadata.name}: "
                        f"workloads[{entry.name}].selector matches none of the workloads there are; "
                        "labels may differ from those assumed: give the real ones with --objects"
                    )


def _document(metadata: Metadata, spec: Model, model: type[Object]) -> Raw:
    return {"apiVersion": API_VERSION, "kind": model.__name__, "metadata": metadata.wire(), "spec": spec.wire()}


def _selects_any(
    policy: AutomationPolicy, entry: WorkloadConsent, workloads: Iterable[tuple[str, Mapping[str, str]]]
) -> bool:
    return any(consent.selects(entry, labels) for space, labels in workloads if space == policy.metadata.namespace)


def _workload(title: str, containers: Sequence[Raw]) -> Raw:
    """Spec and status of a healthy workload whose newest rollout is complete."""
    merged: dict[str, Raw] = {}
    for one in containers or [{"name": "app", "env": []}]:
        known = merged.setdefault(one["name"], {"name": one["name"], "env": []})
        known["env"] += one["env"]
    selector = {"app": title}
    counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), REPLICAS)
    template = {"metadata": {"labels": selector}, "spec": {"containers": list(merged.values())}}
    return {
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": selector}, "template": template},
        "status": {"observedGeneration": 1, **counts},
    }


def _some(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


_NODE: Raw = {
    "spec": {},
    "status": {
        "allocatable": {"cpu": "10000", "memory": "100Ti", "pods": "100000"},
        "conditions": [{"type": conditions.READY, "status": "True"}],
    },
}
