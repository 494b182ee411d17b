"""The shop with a GitOps tool in it: it owns the object that holds the value, and copies it there from a repository."""

from dataclasses import dataclass

import yaml

from tests.reconcilers import objects
from tests.reconcilers.fake_git import FakeRepository
from tests.reconcilers.objects import SHOP
from tests.reconcilers.world import World
from vanguard.api.intervention import Phase
from vanguard.api.repositories import RepositorySpec
from vanguard.errors import RepositoryError
from vanguard.ports import Raw
from vanguard.reconcilers.context import Git

PATH = "apps/shop/orders.yaml"
ARGO = {"argocd.argoproj.io/tracking-id": "shop:x"}
CONFIG = """# Owned by the shop team.
apiVersion: v1
kind: ConfigMap
metadata: {name: orders-config}
data:
  X: "1"
  POOL_SIZE: '50'   # connections
"""
DEPLOYMENT = """kind: Deployment
metadata: {name: orders, namespace: shop}
spec:
  template:
    spec:
      containers:
      - name: app
        env:
        - {name: POOL_SIZE, value: "50"}
"""


@dataclass
class GitWorld(World):
    """A world whose value is declared in git.

    Attributes:
        syncs: whether the tool does its work.
    """

    remedy: objects.Remedy = objects.LIVE
    syncs: bool = True
    synced_at: float | None = None

    def __post_init__(self) -> None:
        self.live = self.remedy.location is not None and "configMapKey" in self.remedy.location
        self.repository = FakeRepository({PATH: CONFIG if self.live else DEPLOYMENT})
        super().__post_init__()
        self.owned = ("ConfigMap", "orders-config") if self.live else ("Deployment", "orders")
        self.edit_meta(*self.owned, lambda meta: meta.update(annotations=dict(ARGO)))
        self.declare(gitOps={"repository": "deploy", "path": PATH})
        self.origin = {key: self.touched_fields(*key) for key in self._touchable()}
        self.equip()

    def declare(self, **changes: Raw) -> None:
        """The policy says something else of the tunable."""

        def change(raw: Raw) -> None:
            raw["spec"]["workloads"][0]["tunables"][0].update(changes)

        self.cluster.edit("AutomationPolicy", SHOP, "shop", change)

    def equip(self, **spec: object) -> None:
        """The operator's file names the repository."""
        told = RepositorySpec.model_validate(
            {"name": "deploy", "url": "/srv/deploy.git", "namespaces": [SHOP], "pathPrefix": "apps", **spec}
        )
        self.context.git = Git({"deploy": self.repository}, {"deploy": told})

    def restart(self) -> None:
        """See `World`."""
        super().restart()
        self.equip()

    def reconcile(self, name: str = "") -> Phase | None:
        """See `World`; a repository that gives no answer is for the next look too."""
        try:
            return super().reconcile(name)
        except RepositoryError:
            return None

    def others(self) -> None:
        """See `World`; and the tool syncs."""
        if self.syncs:
            self.sync()
        super().others()

    def in_file(self) -> str:
        """The value the file declares."""
        body = yaml.safe_load(self.repository.now(PATH) or "")
        return str(_value(body, live=self.live))

    def on_object(self) -> str:
        """The value the live object has."""
        return str(_value(self.cluster.look(self.owned[0], SHOP, self.owned[1]), live=self.live))

    def sync(self) -> None:
        """The tool copies the value to the object."""
        wanted = self.in_file()
        if self.on_object() == wanted:
            return

        def change(raw: Raw) -> None:
            if self.live:
                raw["data"]["POOL_SIZE"] = wanted
            else:
                _container(raw)["env"][0]["value"] = wanted

        self.cluster.edit(self.owned[0], SHOP, self.owned[1], change)
        self.synced_at = self.synced_at or self.clock.now().timestamp()

    def landed_at(self, service: str) -> float | None:  # noqa: ARG002 - there is one
        """See `World`: the change works once it was synced."""
        return self.synced_at


def _container(raw: Raw) -> Raw:
    found: Raw = raw["spec"]["template"]["spec"]["containers"][0]
    return found


def _value(raw: Raw, *, live: bool) -> object:
    return raw["data"]["POOL_SIZE"] if live else _container(raw)["env"][0]["value"]
