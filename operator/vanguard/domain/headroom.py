"""Room for the pods a rollout adds: what they ask for, what quotas leave, what nodes have free.

Promises: where it cannot tell, there is no room. Affinity between pods and topology spread are not looked at; the
scheduler has the last word, and the rollout's own deadline undoes a change whose pods it would not place.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from vanguard.domain.conditions import READY
from vanguard.domain.labels import all_hold
from vanguard.domain.quantity import read_quantity
from vanguard.domain.workload import Raw

Amounts = Mapping[str, Decimal]

_OVER = frozenset({"Succeeded", "Failed"})
_FORBIDDING = frozenset({"NoSchedule", "NoExecute"})
PODS = "pods"


def asked(pod_spec: Raw, what: str = "requests") -> Amounts:
    """What a pod asks of its node: its containers together, or its largest init container, and its overhead.

    Args:
        pod_spec: a pod's or a template's spec.
        what: requests or limits.

    Raises:
        ValueError: when a quantity cannot be read.
    """
    inits = pod_spec.get("initContainers") or ()
    aside = [one for one in inits if one.get("restartPolicy") == "Always"]
    running = _total(_amounts(one, what) for one in (*pod_spec["containers"], *aside))
    # An init container that ends runs beside the sidecars at most; counting all of them errs on the safe side.
    starting = [_total([_amounts(one, what), *(_amounts(side, what) for side in aside)]) for one in inits]
    overhead = {name: read_quantity(value) for name, value in (pod_spec.get("overhead") or {}).items()}
    return _total([_largest([running, *starting]), overhead])


def needs(template: Raw, pods: Iterable[Raw], what: str = "requests") -> Amounts:
    """What one more pod of a workload will ask for: as its template says, or as its pods were admitted, if more."""
    return _largest([asked(template["spec"], what), *(asked(pod["spec"], what) for pod in pods if "spec" in pod)])


def _amounts(container: Raw, what: str) -> Amounts:
    given = (container.get("resources") or {}).get(what) or {}
    return {name: read_quantity(value) for name, value in given.items()}


def _total(several: Iterable[Amounts]) -> Amounts:
    out: Counter[str] = Counter()
    for one in several:
        out.update(one)
    return {name: Decimal(value) for name, value in out.items()}


def _largest(several: Iterable[Amounts]) -> Amounts:
    out: dict[str, Decimal] = {}
    for one in several:
        out |= {name: max(value, out.get(name, Decimal(0))) for name, value in one.items()}
    return out


@dataclass(frozen=True)
class Surge:
    """The pods a rollout adds.

    Attributes:
        pods: how many.
        requests: of one of them.
        limits: of one of them.
        new_replica_set: whether a ReplicaSet is made for them.
    """

    pods: int
    requests: Amounts
    limits: Amounts
    template: Raw
    new_replica_set: bool = True

    def counted(self) -> Amounts:
        """What they add to each of a ResourceQuota's figures."""
        each = {PODS: Decimal(1), "count/pods": Decimal(1)}
        each |= {f"requests.{name}": value for name, value in self.requests.items()} | dict(self.requests)
        each |= {f"limits.{name}": value for name, value in self.limits.items()}
        whole = {name: value * self.pods for name, value in each.items()}
        return whole | ({"count/replicasets.apps": Decimal(1)} if self.new_replica_set else {})


def lacking(quotas: Iterable[Raw], surge: Surge) -> tuple[str, ...]:
    """Sentences on the figures of a namespace's ResourceQuotas that leave no room; empty when all do.

    Raises:
        ValueError: when a quantity cannot be read.
    """
    wanted = surge.counted()
    return tuple(sentence for quota in quotas if _binds(quota["spec"], surge) for sentence in _short(quota, wanted))


def _short(quota: Raw, wanted: Amounts) -> Iterable[str]:
    status = quota.get("status") or {}
    used = status.get("used") or {}
    for name, hard in sorted((status.get("hard") or quota["spec"].get("hard") or {}).items()):
        if name in wanted and read_quantity(used.get(name, 0)) + wanted[name] > read_quantity(hard):
            yield (
                f"ResourceQuota {quota['metadata']['name']}: {name} {used.get(name, 'unknown')} of {hard} used, "
                f"{wanted[name].normalize():f} more needed"
            )


def _binds(spec: Raw, surge: Surge) -> bool:
    """Whether a quota counts these pods; a scope that is not known here is taken to."""
    scopes = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    selector = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    return all(_in_scope(one, surge) for one in (*scopes, *selector))


def _in_scope(scope: Mapping[str, Any], surge: Surge) -> bool:
    best_effort = not surge.requests and not surge.limits
    match scope["scopeName"]:
        case "BestEffort":
            return best_effort
        case "NotBestEffort":
            return not best_effort
        case "Terminating":
            return "activeDeadlineSeconds" in surge.template["spec"]
        case "PriorityClass":
            name = surge.template["spec"].get("priorityClassName")
            return all_hold([{**scope, "key": "class"}], {"class": name} if name else {})
        case _:
            return True


@dataclass(frozen=True)
class Room:
    """A node that takes pods, and what it has left."""

    name: str
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...]
    free: Amounts


def rooms(nodes: Iterable[Raw], pods: Iterable[Raw]) -> tuple[Room, ...]:
    """The ready and schedulable nodes with what is left of their allocatable resources.

    Args:
        nodes: all of them.
        pods: all of the cluster's; those that are over ask for nothing any more.

    Raises:
        ValueError: when a quantity cannot be read.
    """
    taken: dict[str, list[Amounts]] = {}
    for pod in pods:
        node = pod.get("spec", {}).get("nodeName")
        if node and pod.get("status", {}).get("phase") not in _OVER:
            taken.setdefault(node, []).append({**asked(pod["spec"]), PODS: Decimal(1)})
    return tuple(_room(node, _total(taken.get(node["metadata"]["name"], ()))) for node in nodes if _open(node))


def _room(node: Raw, taken: Amounts) -> Room:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    free = {name: read_quantity(value) - taken.get(name, Decimal(0)) for name, value in allocatable.items()}
    meta, spec = node["metadata"], node.get("spec") or {}
    return Room(meta["name"], meta.get("labels") or {}, tuple(spec.get("taints") or ()), free)


def _open(node: Raw) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(one["type"] == READY and one["status"] == "True" for one in conditions)
    return ready and not (node.get("spec") or {}).get("unschedulable")


def fitting(known: Iterable[Room], surge: Surge) -> int:
    """How many of the surge's pods the nodes could take together, at most as many as there are."""
    each = {**surge.requests, PODS: Decimal(1)}
    places = (_places(room.free, each) for room in known if _admits(room, surge.template["spec"]))
    return min(sum(min(one, surge.pods) for one in places), surge.pods)


def _places(free: Amounts, each: Amounts) -> int:
    return max(0, min(int(free.get(name, Decimal(0)) // value) for name, value in each.items() if value > 0))


def _admits(room: Room, pod_spec: Raw) -> bool:
    """Whether the pod may be placed there: its node selector, required node affinity, and the node's taints."""
    chosen = (pod_spec.get("nodeSelector") or {}).items() <= room.labels.items()
    affinity = ((pod_spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    terms = (affinity or {}).get("nodeSelectorTerms") or ()
    wanted = affinity is None or any(_term_holds(term, room) for term in terms)
    tolerations = pod_spec.get("tolerations") or ()
    barring = (taint for taint in room.taints if taint.get("effect") in _FORBIDDING)
    return chosen and wanted and all(any(_tolerates(one, taint) for one in tolerations) for taint in barring)


def _term_holds(term: Raw, room: Room) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not (expressions or fields):
        return False  # as the scheduler has it: an empty term selects no node
    return all_hold(expressions, room.labels) and all_hold(fields, {"metadata.name": room.name})


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") not in {None, "", taint.get("effect")}:
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in {None, "", taint["key"]}
    return toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")
