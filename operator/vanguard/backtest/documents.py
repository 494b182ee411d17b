"""Documents: patterns, policies and cluster objects from YAML files, read as strictly as the operator reads them."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from vanguard.api.base import GROUP, Mode
from vanguard.api.kinds import AutomationPolicy, IssuePattern, Object
from vanguard.domain import consent
from vanguard.errors import DocumentError
from vanguard.ports import Raw

Kind = TypeVar("Kind", bound=Object)

_SUFFIXES = (".yaml", ".yml")
_MOST_BYTES = 20_000_000
_MOST_TOLD = 20
# Of a cluster's objects, what a backtest makes use of; where the server's group is not asked, the kind is enough.
OBJECTS = frozenset(
    {
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Namespace",
        "Node",
        "Pod",
        "PodDisruptionBudget",
        "ReplicaSet",
        "ResourceQuota",
        "StatefulSet",
    }
)


@dataclass(frozen=True)
class Document:
    """One document of a file."""

    path: Path
    raw: Raw

    @property
    def kind(self) -> str:
        """What it is."""
        return str(self.raw["kind"])

    @property
    def title(self) -> str:
        """How people find it."""
        meta = self.raw["metadata"]
        where = f"{meta['namespace']}/" if meta.get("namespace") else ""
        return f"{self.path}: {self.kind} {where}{meta['name']}"


def patterns(paths: Sequence[Path]) -> list[IssuePattern]:
    """Every IssuePattern in files and directories, by name; other kinds there are passed over.

    Raises:
        DocumentError: naming each document that cannot be used, and why.
    """
    return _read(paths, IssuePattern)


def policies(paths: Sequence[Path]) -> list[AutomationPolicy]:
    """Every AutomationPolicy in files and directories, by namespace and name; other kinds are passed over.

    Raises:
        DocumentError: naming each document that cannot be used or obeyed, and why.
    """
    found = _read(paths, AutomationPolicy)
    troubles = [
        f"AutomationPolicy {policy.metadata.namespace}/{policy.metadata.name}: {problem.message}"
        for policy in found
        for problem in consent.problems_of(policy)
    ]
    _refuse(troubles)
    return found


def in_mode(policy: AutomationPolicy, mode: Mode) -> AutomationPolicy:
    """The policy as if its team had set this mode, for itself and for every action."""
    actions = tuple(entry.model_copy(update={"mode": mode}) for entry in policy.spec.actions)
    return policy.model_copy(update={"spec": policy.spec.model_copy(update={"mode": mode, "actions": actions})})


def objects(paths: Sequence[Path]) -> list[Raw]:
    """Objects of a cluster, as `kubectl get -o yaml` prints them, Lists too; kinds of no use here are passed over.

    Raises:
        DocumentError: naming what cannot be read.
    """
    return [_identified(document.raw) for document in _documents(paths) if document.kind in OBJECTS]


def _read(paths: Sequence[Path], model: type[Kind]) -> list[Kind]:
    out: dict[tuple[str, str], Kind] = {}
    troubles = []
    for document in _documents(paths):
        if document.kind != model.__name__:
            continue
        group = str(document.raw.get("apiVersion", "")).partition("/")[0]
        namespaced, meta = model is AutomationPolicy, document.raw["metadata"]
        if group != GROUP:
            troubles.append(f"{document.title}: apiVersion is {document.raw.get('apiVersion')!r}, not of {GROUP}")
        elif namespaced and not meta.get("namespace"):
            troubles.append(f"{document.title}: metadata.namespace is missing; a policy is of one namespace")
        else:
            try:
                read = model.read(_identified(document.raw))
            except ValidationError as error:
                troubles += [f"{document.title}: {told}" for told in _told(error)]
                continue
            if out.setdefault((read.metadata.namespace, read.metadata.name), read) is not read:
                troubles.append(f"{document.title}: there is another of this name")
    _refuse(troubles)
    if not out:
        raise DocumentError(f"no {model.__name__} in {', '.join(map(str, paths))}")
    return [found for _, found in sorted(out.items())]


def _refuse(troubles: Sequence[str]) -> None:
    if troubles:
        more = [f"and {len(troubles) - _MOST_TOLD} more"] if len(troubles) > _MOST_TOLD else []
        raise DocumentError("\n".join([*troubles[:_MOST_TOLD], *more]))


def _identified(raw: Raw) -> Raw:
    """With what the server would add: a uid that is the same each time, a generation; a stored status is not taken."""
    meta = raw["metadata"]
    name = f"{raw['kind']}/{meta.get('namespace', '')}/{meta['name']}"
    own = {"uid": hashlib.sha256(name.encode()).hexdigest()[:32], "generation": 1, "resourceVersion": "1"}
    kept = {"status": raw["status"]} if raw["kind"] in OBJECTS and "status" in raw else {}
    return {**{key: value for key, value in raw.items() if key != "status"}, **kept, "metadata": {**own, **meta}}


def _documents(paths: Iterable[Path]) -> Iterator[Document]:
    for path in paths:
        for file in _files(path):
            yield from _of_file(file)


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise DocumentError(f"{path} does not exist")
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
    if not found:
        raise DocumentError(f"{path} holds no file named *.yaml or *.yml")
    return found


def _of_file(path: Path) -> Iterator[Document]:
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise DocumentError(f"{path} has {size} bytes; at most {_MOST_BYTES}")
        raws = list(yaml.load_all(path.read_text(), _Plain))
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DocumentError(f"{path} is no YAML: {' '.join(str(error).split())[:300]}") from None
    for raw in raws:
        if raw is not None:
            yield from _flat(path, raw)


class _Plain(yaml.SafeLoader):
    """As the API server reads YAML: a time is text."""


_Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _flat(path: Path, raw: Any) -> Iterator[Document]:
    """The document, or the items of a List."""
    if not isinstance(raw, dict) or not isinstance(raw.get("kind"), str):
        raise DocumentError(f"{path}: a document without a kind is no Kubernetes object")
    if raw["kind"] == "List":
        for item in raw.get("items") or ():
            yield from _flat(path, item)
        return
    meta = raw.get("metadata")
    if not isinstance(meta, dict) or not isinstance(meta.get("name"), str):
        raise DocumentError(f"{path}: a {raw['kind']} has no metadata.name")
    yield Document(path, raw)


def _told(error: ValidationError) -> Iterator[str]:
    """Field, value and what it should be; a list that is too short only for what is wrong in it is not told."""
    problems = error.errors()
    for problem in problems:
        inside = len(problem["loc"])
        if any(len(other["loc"]) > inside and other["loc"][:inside] == problem["loc"] for other in problems):
            continue
        where = ".".join(str(part) for part in problem["loc"])
        if problem["type"] in {"missing", "extra_forbidden"}:
            yield f"{where}: {problem['msg']}"
        else:
            yield f"{where} is {str(problem['input'])[:60]!r}: {problem['msg']}"
