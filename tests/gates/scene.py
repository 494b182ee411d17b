"""A scene for one gate: the real API server, the demo's `orders`, a policy, a pattern, and one Intervention to decide.

The operator's own code looks once, in this process, with the operator's token; only Prometheus and detection's board
are played. What it wrote is counted in the server's audit log.
"""

import asyncio
import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kubernetes.aio import client, config
from prometheus_client import CollectorRegistry

from devcluster import credentials
from devcluster.api import Api
from devcluster.audit import Entry
from devcluster.cluster import Cluster
from devcluster.operator_process import ACCOUNT, NAMESPACE
from tests.cluster.stage import AT_ONCE, pool_pattern, shop_policy
from tests.reconcilers.fake_metrics import FakeMetrics
from tests.reconcilers.fakes import FakeClock
from vanguard.adapters.kubernetes import KubernetesCluster
from vanguard.api.base import WorkloadKind, format_time
from vanguard.api.intervention import GateResult
from vanguard.api.kinds import Intervention
from vanguard.api.reasons import Reason
from vanguard.domain.alert import Alert, firing_since
from vanguard.domain.diagnosis import Assessment
from vanguard.domain.storm import Storm
from vanguard.domain.vitals import Vitals
from vanguard.domain.workload import TargetKey
from vanguard.reconcilers import intervene
from vanguard.reconcilers.context import Context, Watched
from vanguard.settings import Settings
from vanguard.telemetry import Telemetry

Json = dict[str, Any]

SHOP, TARGET, NAME = "shop", "orders", "decided"
VANGUARD = "/apis/vanguard.dev/v1alpha1"
TARGET_PATH = f"/apis/apps/v1/namespaces/{SHOP}/deployments/{TARGET}"
TOUCHABLE = frozenset({"deployments", "statefulsets", "configmaps", "pods"})


@dataclass
class Scene:
    """What is so when the operator looks; a test changes what it is about, then calls `decide`.

    Attributes:
        policy: the team's policy, which lets everything be done at once.
        pattern: the pattern that matched.
        intervention: changes to the Intervention's spec.
        alert: what detection says of the alert; None when it has not looked yet.
        assessment: what differs in detection's newest evaluation; None when there is none.
        past: statuses of earlier Interventions on the target, with spec changes under "spec".
        approval: what an administrator's approval says otherwise; None when there is none.
        arrange: changes the context, such as what detection has cached.
    """

    cluster: Cluster
    policy: Json = field(default_factory=lambda: shop_policy(TARGET, stability=AT_ONCE))
    pattern: Json = field(default_factory=pool_pattern)
    intervention: Json = field(default_factory=dict)
    alert: Alert | None = None
    assessment: Json | None = field(default_factory=dict)
    seen: bool = True
    approval: Json | None = None
    past: list[Json] = field(default_factory=list)
    arrange: list[Callable[[Context], None]] = field(default_factory=list)
    cleanup: list[Callable[[], object]] = field(default_factory=list)
    now: datetime = field(default_factory=lambda: datetime.now(tz=UTC).replace(microsecond=0))

    def __post_init__(self) -> None:
        """Talk to the server directly, as an administrator."""
        authority = (self.cluster.state / "certs" / "apiserver.crt").read_text()
        token = credentials.token_of(self.cluster.state, credentials.ADMIN)
        self.api = Api(url=self.cluster.url, authority=authority, token=token)

    # Setting it

    def ask(self, method: str, path: str, body: Json | None = None, *, fine: tuple[int, ...] = (200, 201)) -> Json:
        """One request that must succeed."""
        code, said = self.api.request(method, path, body)
        assert code in fine, f"{method} {path}: {code} {said}"
        return json.loads(said)  # type: ignore[no-any-return]

    def make(self, path: str, body: Json) -> Json:
        """Create an object that goes with the scene."""
        made = self.ask("POST", path, body)
        place = f"{path}/{made['metadata']['name']}"
        self.cleanup.append(lambda: self.ask("DELETE", place, fine=(200, 202, 404)))
        return made

    def change(self, path: str, **metadata_or_spec: Json) -> None:
        """Change an object for the time of the scene; what was changed is put back as it was."""
        before = self.ask("GET", path)
        after = deepcopy(before)
        for part, values in metadata_or_spec.items():
            for key, value in values.items():
                after[part][key] = {**after[part].get(key, {}), **value} if isinstance(value, dict) else value
        self.ask("PUT", path, after)

        def back() -> None:
            now = self.ask("GET", path)
            people_s = {part: before["metadata"].get(part, {}) for part in ("annotations", "labels")}
            kept = {"metadata": {**now["metadata"], **people_s}}
            self.ask("PUT", path, {**now, **kept, **{k: before[k] for k in before if k in ("spec", "data")}})

        self.cleanup.append(back)

    # Deciding

    def decide(self) -> Intervention:
        """Set the scene, let the operator look once, and give back what it recorded."""
        self.make(f"{VANGUARD}/issuepatterns", self.pattern)
        self.make(f"{VANGUARD}/namespaces/{SHOP}/automationpolicies", self.policy)
        for number, told in enumerate(self.past):
            self._record(f"past-{number}", told)
        self._record(NAME, {"spec": self.intervention})
        if self.approval is not None:
            self._approve(self.approval)
        self.mark = self.cluster.audit_mark()
        asyncio.run(self._look())
        return Intervention.read(self.ask("GET", f"{VANGUARD}/namespaces/{SHOP}/interventions/{NAME}"))

    def gate(self, name: str) -> GateResult:
        """One gate's answer."""
        return next(gate for gate in self.decide().status.gates if gate.name == name)

    def touched(self) -> list[Entry]:
        """The operator's writes to anything that is not its own record, refused ones too."""
        found = self.cluster.writes(user=ACCOUNT, since_line=self.mark)
        return [entry for entry in found if entry["objectRef"]["resource"] in TOUCHABLE]

    def _record(self, name: str, told: Json) -> None:
        path = f"{VANGUARD}/namespaces/{SHOP}/interventions"
        status = {key: value for key, value in told.items() if key != "spec"}
        self.make(path, self._body(name, told.get("spec", {})))
        if status:
            raw = self.ask("GET", f"{path}/{name}")
            self.ask("PUT", f"{path}/{name}/status", {**raw, "status": status})

    def _approve(self, changes: Json) -> None:
        path = f"{VANGUARD}/namespaces/{SHOP}/interventions/{NAME}"
        raw = self.ask("GET", path)
        word = {
            "by": credentials.ADMIN, "verdict": "Approved", "intervention": raw["metadata"]["uid"],
            "expiresAt": format_time(self.now + timedelta(hours=1)),
        }  # fmt: skip
        raw["spec"]["approval"] = {**word, **changes}
        self.ask("PUT", path, raw)

    def _body(self, name: str, changes: Json) -> Json:
        target = self.ask("GET", TARGET_PATH)
        pattern = self.ask("GET", f"{VANGUARD}/issuepatterns/{self.pattern['metadata']['name']}")
        remedy = self.pattern["spec"]["action"]
        signal = self.pattern["spec"]["signals"][0]
        spec = {
            "pattern": {"name": pattern["metadata"]["name"], "generation": pattern["metadata"]["generation"]},
            "target": {"kind": "Deployment", "name": TARGET, "uid": target["metadata"]["uid"]},
            "action": {"type": remedy["type"], **remedy.get("tunePool", {})},
            "cause": {
                "signal": signal["name"], "metricType": signal["metricType"], "severity": "Critical",
                "activeAt": format_time(self.now), "value": "80", "limit": signal["limit"], "direction": "Rising",
                "slopePerHour": "4", "ema": "78", "zScore": "5", "breachPercent4h": 60, "breachPercent8h": 90,
                "breachPercent12h": 97, "model": "drift-profile/1",
            },
            "diagnosis": {"title": "Pool", "serviceType": "postgres", "confidencePercent": 97},
        }  # fmt: skip
        for key, value in changes.items():
            spec[key] = {**spec.get(key, {}), **value}
        return {
            "apiVersion": "vanguard.dev/v1alpha1",
            "kind": "Intervention",
            "metadata": {"name": name, "namespace": SHOP},
            "spec": spec,
        }

    async def _look(self) -> None:
        port = await connected(self.cluster)
        try:
            await intervene.reconcile(self._context(port), SHOP, NAME)
        finally:
            await port.close()

    def _context(self, port: KubernetesCluster) -> Context:
        clock = FakeClock(self.now + timedelta(seconds=5))
        settings = Settings(identity="vanguard-0", namespace=NAMESPACE)
        context = Context(port, FakeMetrics(clock), clock, settings, Telemetry(CollectorRegistry()))
        iv = Intervention.read(self.ask("GET", f"{VANGUARD}/namespaces/{SHOP}/interventions/{NAME}"))
        if self.seen and self.assessment is not None:
            key = TargetKey(SHOP, WorkloadKind.DEPLOYMENT, TARGET, iv.spec.target.uid)
            alert = self.alert or firing_since(iv.spec.cause.active_at)
            watched = Watched(iv.spec.pattern.generation, alert, replace(self._assessment(key), **self.assessment))
            context.board[iv.spec.pattern.name, iv.spec.target.uid] = watched
        context.vitals, context.storm = Vitals(clock.now(), {}, {}), Storm(watched=4)
        for arrange in self.arrange:
            arrange(context)
        return context

    def _assessment(self, key: TargetKey) -> Assessment:
        return Assessment(
            target=key, pattern=self.pattern["metadata"]["name"], signal=self.pattern["spec"]["signals"][0]["name"],
            at=self.now, positive=True, reason=Reason.BREACH_FORESEEN, straight_line=True, level=80.0,
            slope_per_hour=4.0, ema=78.0, z_score=5.0, p_breach=(0.6, 0.9, 0.97), hours=(2.0, 4.0, 7.0), horizon=2,
        )  # fmt: skip


async def connected(cluster: Cluster) -> KubernetesCluster:
    """The real adapter with the operator's own token."""
    told = client.Configuration()
    kubeconfig = str(cluster.kubeconfig_for("vanguard", NAMESPACE))
    await config.load_kube_config(config_file=kubeconfig, client_configuration=told)
    return KubernetesCluster(client.ApiClient(told), timedelta(seconds=10), Telemetry(CollectorRegistry()))
