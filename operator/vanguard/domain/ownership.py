"""Who owns a field: what GitOps tools, Helm and controllers leave on an object, down to the exact field's manager.

A change to what a GitOps tool owns is taken back at its next sync, or worse: fought over. Marks and managers as the
tools' own documentation names them (Argo CD "Resource Tracking", Flux "Kustomization", Helm "Resource ownership").
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vanguard.domain.workload import Raw

_GITOPS_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "flux-client-side-apply": "Flux",
}
_TRACKING_ID = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE = "argocd.argoproj.io/instance"
_FLUX = ("kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io")
_HELM_RELEASE = "meta.helm.sh/release-name"


class Hold(StrEnum):
    """What kind of owner it is."""

    GITOPS = "GitOps"
    CONTROLLER = "Controller"
    HELM = "Helm"


@dataclass(frozen=True)
class Claim:
    """Somebody's claim on what would be written.

    Attributes:
        hold: what kind of owner it is.
        tool: its name for people.
        detail: what it calls the object, or which field it manages.
    """

    hold: Hold
    tool: str
    detail: str

    def __str__(self) -> str:
        return f"{self.tool} ({self.detail})"


def claims_on(raw: Raw, paths: Iterable[str]) -> tuple[Claim, ...]:
    """Every claim on an object and on the fields of it that would be written.

    Args:
        raw: the object.
        paths: JSON pointers of the fields.
    """
    return tuple(
        dict.fromkeys([*_marks(raw), *_controllers(raw), *(c for path in paths for c in _managers(raw, path))])
    )


def _marks(raw: Raw) -> Iterator[Claim]:
    labels = raw["metadata"].get("labels") or {}
    annotations = raw["metadata"].get("annotations") or {}
    app = annotations.get(_TRACKING_ID, "").split(":")[0] or labels.get(_ARGO_INSTANCE, "")
    if app:
        yield Claim(Hold.GITOPS, "Argo CD", f"application {app}")
    for prefix in _FLUX:
        if f"{prefix}/name" in labels:
            namespace = labels.get(f"{prefix}/namespace", "")
            yield Claim(Hold.GITOPS, "Flux", f"{prefix.split('.')[0]} {namespace}/{labels[f'{prefix}/name']}")
    if labels.get("app.kubernetes.io/managed-by") == "Helm" and _HELM_RELEASE in annotations:
        yield Claim(Hold.HELM, "Helm", f"release {annotations[_HELM_RELEASE]}")


def _controllers(raw: Raw) -> Iterator[Claim]:
    for owner in raw["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            yield Claim(Hold.CONTROLLER, f"{owner['kind']} {owner['name']}", "its controller")


def _managers(raw: Raw, path: str) -> Iterator[Claim]:
    """GitOps tools that manage exactly this field, by metadata.managedFields."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for entry in raw["metadata"].get("managedFields") or ():
        tool = _GITOPS_MANAGERS.get(entry.get("manager", ""))
        if tool is not None and _covers(entry.get("fieldsV1") or {}, parts, raw):
            yield Claim(Hold.GITOPS, tool, f"manages {path}")


def _covers(fields: Mapping[str, Any], parts: list[str], value: Any) -> bool:
    """Whether a fieldsV1 tree names a field; a list's items are told apart by their keys, never by their place."""
    if not parts:
        return True
    part, rest = parts[0], parts[1:]
    if isinstance(value, Mapping):
        below = fields.get(f"f:{part}")
        return below is not None and _covers(below, rest, value.get(part))
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        item = value[int(part)]
        return any(
            _covers(below, rest, item)
            for key, below in fields.items()
            if key.startswith("k:") and json.loads(key[2:]).items() <= item.items()
        )
    return False
