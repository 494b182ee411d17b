"""Ownership: whose an object and a field of it are, from what tools really leave on them."""

from typing import Any

import pytest

from tests.domain import given as g
from vanguard.domain.ownership import Hold, claims_on

ENV = "/spec/template/spec/containers/1/env/0/value"
OTHER = "/spec/template/spec/containers/0/env/0/value"
KEY = "/data/POOL_SIZE"

FIELDS_OF_ENV = {
    "f:spec": {"f:template": {"f:spec": {"f:containers": {
        'k:{"name":"app"}': {
            ".": {}, "f:name": {},
            "f:env": {".": {}, 'k:{"name":"POOL"}': {".": {}, "f:name": {}, "f:value": {}}},
        }
    }}}}
}  # fmt: skip


def deployment(**metadata: Any) -> dict[str, Any]:
    """Two containers; POOL is an env of the second."""
    env = [{"name": "POOL", "value": "50"}]
    containers = [{"name": "proxy", "env": [{"name": "POOL", "value": "1"}]}, {"name": "app", "env": env}]
    return {"metadata": {"name": "orders", **metadata}, "spec": {"template": {"spec": {"containers": containers}}}}


def managed(manager: str, fields: dict[str, Any]) -> dict[str, Any]:
    return {"managedFields": [{"manager": manager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": fields}]}


@g.table(
    ("why", "metadata", "expected"),
    [
        ("nothing left on it", {}, []),
        ("a team's own label", {"labels": {"app.kubernetes.io/instance": "orders"}}, []),
        (
            "Argo CD's tracking id",
            {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/orders"}},
            [(Hold.GITOPS, "Argo CD (application shop)")],
        ),
        (
            "Flux's Kustomization",
            {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux"}},
            [(Hold.GITOPS, "Flux (kustomize flux/apps)")],
        ),
        (
            "a release of Helm",
            {
                "labels": {"app.kubernetes.io/managed-by": "Helm"},
                "annotations": {"meta.helm.sh/release-name": "orders"},
            },
            [(Hold.HELM, "Helm (release orders)")],
        ),
        ("a label of Helm and no release", {"labels": {"app.kubernetes.io/managed-by": "Helm"}}, []),
        (
            "a controller above it",
            {"ownerReferences": [{"kind": "Rollout", "name": "orders", "controller": True}]},
            [(Hold.CONTROLLER, "Rollout orders (its controller)")],
        ),
        ("an owner that is no controller", {"ownerReferences": [{"kind": "App", "name": "shop"}]}, []),
        ("labels that are null", {"labels": None, "annotations": None, "managedFields": None}, []),
    ],
)
def test_what_tools_leave_on_an_object(why: str, metadata: dict[str, Any], expected: list[tuple[Hold, str]]) -> None:
    assert [(claim.hold, str(claim)) for claim in claims_on(deployment(**metadata), [ENV])] == expected, why


@g.table(
    ("why", "manager", "path", "owned"),
    [
        ("the very field", "argocd-controller", ENV, True),
        ("the same variable of another container", "argocd-controller", OTHER, False),
        ("another field", "kustomize-controller", "/spec/template/metadata/annotations/x", False),
        ("people's kubectl", "kubectl-client-side-apply", ENV, False),
    ],
)
def test_whose_the_exact_field_is(why: str, manager: str, path: str, owned: bool) -> None:
    assert bool(claims_on(deployment(**managed(manager, FIELDS_OF_ENV)), [path])) is owned, why


@pytest.mark.parametrize(("key", "owned"), [("f:POOL_SIZE", True), ("f:OTHER", False)])
def test_a_configmaps_key(key: str, owned: bool) -> None:
    raw = {"metadata": managed("helm-controller", {"f:data": {key: {}}}), "data": {"POOL_SIZE": "50", "OTHER": "1"}}
    assert bool(claims_on(raw, [KEY])) is owned


def test_a_claim_made_twice_is_told_once() -> None:
    raw = deployment(**managed("argocd-controller", FIELDS_OF_ENV))
    assert len(claims_on(raw, [ENV, ENV])) == 1
