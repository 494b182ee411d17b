"""The ports, faked by hand: an API server and a clock that can be made to fail like the real ones.

`FakeCluster` keeps raw JSON and obeys the rules reconcilers lean on: resourceVersion, generation, uid, 404, 409,
JSON patches with tests, dry runs, the status subresource, finalizers. `test_fake_is_honest.py` holds it against the
real API server; the fake Prometheus is in `fake_metrics.py`. What a test asserts is state: the objects, and `writes`,
the accepted writes in their order.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from tests.reconcilers.json_patch import apply
from vanguard.api.base import format_time
from vanguard.api.kinds import KINDS
from vanguard.domain.labels import selects
from vanguard.errors import (
    AlreadyExists,
    ClusterError,
    Conflict,
    Disrupted,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from vanguard.ports import Heartbeat, Raw

OWN_KINDS = {kind.model.__name__: kind.model for kind in KINDS}
WITH_STATUS = frozenset({*OWN_KINDS, "Deployment", "StatefulSet", "ReplicaSet", "Pod", "Namespace", "Node"})
WITHOUT_GENERATION = frozenset({"Node", "ResourceQuota", "ConfigMap", "Event", "Pod", "Namespace", "Lease"})

Key = tuple[str, str, str]


Answer = TypeVar("Answer")
Json = TypeVar("Json")


def on_the_wire(raw: Json) -> Json:
    """A copy, as if sent; what is no JSON cannot be."""
    copied: Json = json.loads(json.dumps(raw))
    return copied


class FakeClock:
    """A clock that goes only when told to, backwards too."""

    def __init__(self, at: datetime = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        """See `ports.Clock`."""
        return self.at

    def advance(self, span: timedelta) -> None:
        """Let time pass."""
        self.at += span


class Fault(Enum):
    """What can befall one call."""

    FAIL_BEFORE = "no answer, and nothing landed"
    LOSE_REPLY = "it lands, and the answer is lost"
    KILL_BEFORE = "the process is killed just before it"
    KILL_AFTER = "the process is killed just after it landed"


class Killed(BaseException):
    """The process is gone: no handler of the product may see this, so it is no Exception."""


@dataclass(frozen=True)
class Write:
    """An accepted write: who was written, when, and the object before and after."""

    verb: str
    kind: str
    namespace: str
    name: str
    at: datetime
    before: Raw | None
    after: Raw


@dataclass
class Strike:
    """A fault, or somebody's doing, waiting for its call; `struck` once it was met."""

    at: int
    writes_only: bool = False
    fault: Fault | None = None
    meddle: Callable[[], object] | None = None
    struck: bool = False


@dataclass
class FakeCluster:
    """An API server in memory.

    Attributes:
        writes: every write that was accepted and was no dry run, in order. Objects are never changed in place, so
            what is kept there stays as it was.
        forbidden: (verb, kind, name) that RBAC refuses; verbs are get, list, create, patch, dry-run, status, evict;
            the name * is every name.
        down: whether nothing answers at all.
        latency: how long an answer takes, as a heartbeat tells.
        ahead: by how much the server's clock is before ours.
    """

    clock: FakeClock
    writes: list[Write] = field(default_factory=list)
    forbidden: set[tuple[str, str, str]] = field(default_factory=set)
    down: bool = False
    latency: timedelta = timedelta(milliseconds=5)
    ahead: timedelta = timedelta()
    calls: int = 0
    _objects: dict[Key, Raw] = field(default_factory=dict)
    _stale: dict[str, list[Raw]] = field(default_factory=dict)
    _version: int = 100
    _strike: Strike | None = None
    _texts: dict[int, tuple[Raw, str]] = field(default_factory=dict)

    # The port

    async def get(self, kind: str, namespace: str, name: str) -> Raw:
        """See `ports.Cluster`."""
        return self._sent(await self._serve("get", kind, name, lambda: self._found(kind, namespace, name)))

    async def heartbeat(self) -> Heartbeat:
        """See `ports.Cluster`; not counted among the calls, for no step of an Intervention makes it."""
        if self.down:
            raise Unavailable("heartbeat: no answer")
        return Heartbeat((self.clock.now() + self.ahead).replace(microsecond=0), self.latency)

    async def list(self, kind: str, namespace: str = "", *, labels: Mapping[str, str] | None = None) -> Sequence[Raw]:
        """See `ports.Cluster`; stale for kinds that `freeze_list` named."""

        def chosen() -> Sequence[Raw]:
            known = self._stale.get(kind) or [raw for key, raw in sorted(self._objects.items()) if key[0] == kind]
            wanted = (labels or {}).items()
            return [
                raw
                for raw in known
                if (not namespace or raw["metadata"].get("namespace") == namespace)
                and wanted <= raw["metadata"].get("labels", {}).items()
            ]

        return [self._sent(raw) for raw in await self._serve("list", kind, "", chosen)]

    async def create(self, kind: str, namespace: str, body: Raw) -> Raw:
        """See `ports.Cluster`."""
        name = body["metadata"]["name"]
        made = await self._serve("create", kind, name, lambda: self._create(kind, namespace, body), write=True)
        return self._sent(made)

    async def patch(
        self, kind: str, namespace: str, name: str, operations: Sequence[Raw], *, dry_run: bool = False
    ) -> Raw:
        """See `ports.Cluster`."""

        def patched() -> Raw:
            before = self._found(kind, namespace, name)
            after = apply(before, operations)
            after["metadata"].update({key: before["metadata"][key] for key in ("uid", "resourceVersion")})
            if kind in WITH_STATUS and "status" in before:
                after["status"] = on_the_wire(before["status"])
            return self._store("patch", kind, before, after, dry_run=dry_run)

        verb = "dry-run" if dry_run else "patch"
        return self._sent(await self._serve(verb, kind, name, patched, write=not dry_run))

    async def evict(self, namespace: str, name: str, uid: str, *, dry_run: bool = False) -> None:
        """See `ports.Cluster`."""

        def evicted() -> None:
            self._evict(namespace, name, uid, dry_run=dry_run)

        await self._serve("dry-run" if dry_run else "evict", "Pod", name, evicted, write=not dry_run)

    async def replace_status(self, kind: str, raw: Raw) -> Raw:
        """See `ports.Cluster`."""
        meta = raw["metadata"]

        def replaced() -> Raw:
            before = self._found(kind, meta.get("namespace", ""), meta["name"])
            if meta.get("resourceVersion", "") not in {"", before["metadata"]["resourceVersion"]}:
                raise Conflict(f"{kind} {meta['name']}: the object has been modified")
            after = {**on_the_wire(before), "status": on_the_wire(raw.get("status", {}))}
            _checked(kind, "status", after)
            return self._store("status", kind, before, after)

        return self._sent(await self._serve("status", kind, meta["name"], replaced, write=True))

    # What befalls it

    def strike(self, fault: Fault, at: int, *, writes_only: bool) -> Strike:
        """Let a fault meet the call (or the write that is no dry run) number `at`, counted from now, from 0."""
        self._strike = Strike(at, writes_only, fault)
        return self._strike

    def meanwhile(self, meddle: Callable[[], object], at: int) -> Strike:
        """Let somebody do something just before call number `at` arrives, counted from now, from 0."""
        self._strike = Strike(at, meddle=meddle)
        return self._strike

    def freeze_list(self, kind: str) -> None:
        """From now on a LIST of this kind shows what there is now, whatever happens."""
        self._stale[kind] = [on_the_wire(raw) for key, raw in self._objects.items() if key[0] == kind]

    # Other people: not recorded among the writes

    def put(self, kind: str, namespace: str, body: Raw) -> Raw:
        """Somebody creates an object, status and all."""
        made = self._create(kind, namespace, body, recorded=False)
        if "status" in body:
            self._objects[kind, namespace, made["metadata"]["name"]] = {**made, "status": on_the_wire(body["status"])}
        return self.look(kind, namespace, made["metadata"]["name"])

    def edit(self, kind: str, namespace: str, name: str, change: Callable[[Raw], object]) -> Raw:
        """Somebody changes an object in place; one that loses its last finalizer while being deleted goes."""
        before = self._found(kind, namespace, name)
        after = on_the_wire(before)
        change(after)
        return on_the_wire(self._store("edit", kind, before, after, recorded=False))

    def store_unread(self, kind: str, namespace: str, name: str, change: Callable[[Raw], object]) -> None:
        """A newer version left something there that this version's schema would refuse."""
        raw = self.look(kind, namespace, name)
        change(raw)
        self._objects[kind, namespace, name] = raw

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Somebody deletes an object: at once, or when its finalizers are gone."""
        raw = self._found(kind, namespace, name)
        if not raw["metadata"].get("finalizers"):
            del self._objects[kind, namespace, name]
        elif "deletionTimestamp" not in raw["metadata"]:
            stamp = format_time(self.clock.now())
            self.edit(kind, namespace, name, lambda after: after["metadata"].update(deletionTimestamp=stamp))

    def look(self, kind: str, namespace: str, name: str) -> Raw:
        """An object as it is, without a call being counted."""
        return on_the_wire(self._found(kind, namespace, name))

    def all(self, kind: str) -> Sequence[Raw]:
        """Every object of a kind, without a call being counted."""
        return [on_the_wire(raw) for key, raw in sorted(self._objects.items()) if key[0] == kind]

    # How it works

    async def _serve(
        self, verb: str, kind: str, name: str, work: Callable[[], Answer], *, write: bool = False
    ) -> Answer:
        await asyncio.sleep(0)  # others may run here, as they may during a request
        fault = self._fault(write=write)
        what = f"{verb} {kind} {name}"
        if self.down or fault is Fault.FAIL_BEFORE:
            raise Unavailable(f"{what}: no answer")
        if fault is Fault.KILL_BEFORE:
            raise Killed(what)
        try:
            if {(verb, kind, name), (verb, kind, "*")} & self.forbidden:
                raise Forbidden(f"{what} is forbidden")
            answer = work()
        except ClusterError as error:
            if fault is Fault.LOSE_REPLY:
                raise Unavailable(f"{what}: the answer was lost") from error
            raise
        if fault is Fault.LOSE_REPLY:
            raise Unavailable(f"{what}: the answer was lost")
        if fault is Fault.KILL_AFTER:
            raise Killed(what)
        return answer

    def _sent(self, raw: Raw) -> Raw:
        """A copy; the text of an object that did not change is kept, since it is read over and over."""
        kept = self._texts.get(id(raw))
        if kept is None or kept[0] is not raw:
            kept = self._texts[id(raw)] = raw, json.dumps(raw)
        sent: Raw = json.loads(kept[1])
        return sent

    def _fault(self, *, write: bool) -> Fault | None:
        self.calls += 1
        strike = self._strike
        if strike is None or strike.struck or (strike.writes_only and not write):
            return None
        strike.at -= 1
        strike.struck = strike.at < 0
        if strike.struck and strike.meddle is not None:
            strike.meddle()
        return strike.fault if strike.struck else None

    def _found(self, kind: str, namespace: str, name: str) -> Raw:
        try:
            return self._objects[kind, namespace, name]
        except KeyError:
            raise NotFound(f"{kind} {namespace}/{name} not found") from None

    def _create(self, kind: str, namespace: str, body: Raw, *, recorded: bool = True) -> Raw:
        key = kind, namespace, body["metadata"]["name"]
        if key in self._objects:
            raise AlreadyExists(f"{kind} {key[2]} already exists")
        raw = on_the_wire(body)
        if kind in WITH_STATUS:
            raw.pop("status", None)
        _checked(kind, "spec", raw)
        self._version += 1
        own = {"uid": f"uid-{self._version}", "resourceVersion": str(self._version)}
        raw["metadata"] = {"creationTimestamp": format_time(self.clock.now()), **raw["metadata"], **own}
        if namespace:
            raw["metadata"]["namespace"] = namespace
        if kind not in WITHOUT_GENERATION:
            raw["metadata"]["generation"] = 1
        self._objects[key] = raw
        if recorded:
            self._record("create", kind, None, raw)
        return raw

    def _store(
        self, verb: str, kind: str, before: Raw, after: Raw, *, dry_run: bool = False, recorded: bool = True
    ) -> Raw:
        _without_empties(after)
        if after.get("spec") != before.get("spec"):
            _checked(kind, "spec", after)
        meta = after["metadata"]
        if kind not in WITHOUT_GENERATION and _desired(kind, before) != _desired(kind, after):
            meta["generation"] = before["metadata"]["generation"] + 1
        if dry_run:
            return after
        if after != before:
            self._version += 1
            meta["resourceVersion"] = str(self._version)
        key = kind, meta.get("namespace", ""), meta["name"]
        self._objects[key] = after
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            del self._objects[key]
        if recorded:
            self._record(verb, kind, before, after)
        return after

    def _evict(self, namespace: str, name: str, uid: str, *, dry_run: bool) -> None:
        """As the Eviction API: a budget pays for a pod that runs and stays; one on a node leaves by and by."""
        pod = self._found("Pod", namespace, name)
        meta = pod["metadata"]
        if meta["uid"] != uid:
            raise Conflict(f"Pod {name}: the UID in the precondition is {uid}, in the object {meta['uid']}")
        if "deletionTimestamp" not in meta and pod.get("status", {}).get("phase") == "Running":
            self._pay(namespace, meta.get("labels", {}), dry_run=dry_run)
        if dry_run:
            return
        self._version += 1
        gone = {**pod, "metadata": {**meta, "deletionTimestamp": format_time(self.clock.now())}}
        if pod.get("spec", {}).get("nodeName"):
            self._objects["Pod", namespace, name] = gone
        else:
            del self._objects["Pod", namespace, name]
        self._record("evict", "Pod", pod, gone)

    def _pay(self, namespace: str, labels: Mapping[str, str], *, dry_run: bool) -> None:
        """Take one from what a PodDisruptionBudget allows; one whose controller has not seen it allows nothing."""
        for (kind, space, name), raw in self._objects.items():
            if kind != "PodDisruptionBudget" or space != namespace or not selects(raw["spec"]["selector"], labels):
                continue
            status = raw.get("status", {})
            seen = status.get("observedGeneration") == raw["metadata"]["generation"]
            if not seen or status["disruptionsAllowed"] < 1:
                raise Disrupted(f"Cannot evict pod as it would violate the pod's disruption budget {name}.")
            if not dry_run:
                left = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1}
                self._objects[kind, space, name] = {**raw, "status": left}
            return

    def _record(self, verb: str, kind: str, before: Raw | None, after: Raw) -> None:
        meta = after["metadata"]
        self.writes.append(
            Write(
                verb,
                kind,
                meta.get("namespace", ""),
                meta["name"],
                self.clock.now(),
                before,
                after,
            )
        )


def _desired(kind: str, raw: Raw) -> Raw:
    """What a generation counts: all but metadata and status; of a Deployment its annotations too."""
    wanted = {key: value for key, value in raw.items() if key not in {"metadata", "status"}}
    return {**wanted, "annotations": raw["metadata"].get("annotations")} if kind == "Deployment" else wanted


def _without_empties(raw: Raw) -> None:
    """The server forgets maps that have become empty."""
    for meta in (raw["metadata"], raw.get("spec", {}).get("template", {}).get("metadata", {})):
        for name in ("annotations", "labels", "finalizers"):
            if not meta.get(name, True):
                del meta[name]


@cache
def _schema(kind: str, part: str) -> TypeAdapter[object]:
    return TypeAdapter(OWN_KINDS[kind].model_fields[part].annotation or object)


def _checked(kind: str, part: str, raw: Raw) -> None:
    """Hold a part, spec or status, against its schema."""
    if kind in OWN_KINDS and part in raw:
        try:
            _schema(kind, part).validate_python(raw[part])
        except ValidationError as error:
            raise Invalid(f"{kind} {raw['metadata']['name']} is invalid: {error}") from error
