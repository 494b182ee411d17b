"""The stage for the loop: the demo workload and its Prometheus, and operator processes that may be killed.

`reset` puts all back as it was at the start, so that every test begins with an untouched workload whose past says
that its pool will be full in hours. Where the operator has acted, the past begins anew too: a pool that was larger
for a minute, several times in half an hour, is a reason to doubt that it will be full, and the forecaster does.
"""

import json
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
import yaml
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from devcluster import credentials, operator_process
from devcluster.api import Api
from devcluster.audit import Entry
from devcluster.cluster import Cluster
from devcluster.operator_process import ACCOUNT, DEMO, DEPLOYMENTS, NAMESPACE, OPERATOR, WORKLOAD, start_operator
from devcluster.prometheus import Prometheus
from vanguard.cli.main import main

Json = dict[str, Any]
Await = Callable[..., Any]

SHOP = "shop"
STANDBY = "standby"
KINDS = ("/apis/vanguard.dev/v1alpha1", "issuepatterns", "automationpolicies", "interventions")
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/vanguard"
LOG_LINES = 15
TERMINAL = {"Succeeded", "RolledBack", "Failed", "Rejected", "Observed"}

# As short as the rank test allows: eleven samples before and after tell a clear change even on a machine so busy
# that every scrape is seen four times.
BASELINE = WATCH = "10s"
# So that no more than the first sample of a baseline is older than the last rollout.
QUIET = "10s"
# For tests in which no improvement has to be measured.
AT_ONCE = {"quietFor": "1s"}
SCRAPES = 8
# The share of a pool that noise alone moves within a baseline; a pool of 50 made 60 moves 0.13.
LEVEL = 0.08
FAST = {
    "VANGUARD_DETECTION_INTERVAL": "1s",
    "VANGUARD_RECONCILE_INTERVAL": "1s",
    "VANGUARD_PROMETHEUS_TIMEOUT": "2s",
    "VANGUARD_LEASE_DURATION": "5s",
    "VANGUARD_LEASE_RENEW_DEADLINE": "3s",
    "VANGUARD_LEASE_RETRY_PERIOD": "1s",
}


def pool_pattern(name: str = "connection-pool-exhaustion") -> Json:
    """The demo's pattern for pools, with times for tests and only the guard that can tell checkout from orders."""
    pattern = next(
        one
        for one in yaml.safe_load_all((DEMO / "patterns.yaml").read_text())
        if one["metadata"]["name"] == "connection-pool-exhaustion"
    )
    pattern["metadata"]["name"] = name
    spec = pattern["spec"]
    spec["trend"]["sustainedFor"] = "1s"
    guards = [guard for guard in spec["verification"]["guards"] if guard["name"] == "latency-p99"]
    spec["verification"] = {"baseline": BASELINE, "watch": WATCH, "interval": "2s", "guards": guards}
    return pattern  # type: ignore[no-any-return]


def shop_policy(*workloads: str, **spec: Any) -> Json:
    """The demo's policy for some of its workloads only; `spec` replaces what it says otherwise."""
    policy: Json = yaml.safe_load((DEMO / "policies.yaml").read_text())
    chosen = [entry for entry in policy["spec"]["workloads"] if entry["name"] in workloads]
    assert len(chosen) == len(workloads), workloads
    policy["spec"] |= {"workloads": chosen, "stability": {"quietFor": QUIET}, **spec}
    return policy


def closed_window() -> list[Json]:
    """A window that is open for a minute at the next turn of the year."""
    return [{"name": "new-year", "schedule": "0 0 1 1 *", "duration": "1m"}]


@dataclass
class Stage:
    """Demo workload, Prometheus, operators, and the ways to look at what becomes of them."""

    cluster: Cluster
    prometheus: Prometheus
    eventually: Await
    mark: int = 0
    begun: dict[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Talk to the server directly: looking ten times a second must not cost ten processes."""
        token = credentials.token_of(self.cluster.state, credentials.ADMIN)
        authority = (self.cluster.state / "certs" / "apiserver.crt").read_text()
        self.api = Api(url=self.cluster.url, authority=authority, token=token)

    # Setting the scene

    def reset(self) -> None:
        """No operator, no Vanguard object, no Lease, and the workload as it was shipped."""
        self.clear()
        if self.prometheus.is_running:
            self.prometheus.resume()
        if self.acts():
            operator_process.retell(self.cluster)
        self.prometheus.start()
        self.await_scrapes()
        self.mark = self.cluster.audit_mark()
        self.begun = {name: self.deployment(name) for name in DEPLOYMENTS}

    def clear(self) -> None:
        """No operator, none of its objects, the workload as it was shipped: other tests run on the same cluster."""
        self.stop_operators()
        for intervention in self.interventions():
            self._release(intervention)
        root, *plurals = KINDS
        for plural in plurals:
            place = "" if plural == "issuepatterns" else f"/namespaces/{SHOP}"
            self._ask("DELETE", f"{root}{place}/{plural}")
        self._ask("DELETE", LEASE, missing_is_fine=True)
        self.cluster.kubectl("replace", "-f", str(DEMO / "workload.yaml"))
        self.await_rollouts()

    def play(self, *objects: Json) -> None:
        """Apply objects; where an effect is to be measured, not before a baseline shows nothing of the last test."""
        if any(one["spec"].get("stability", {}).get("quietFor") == QUIET for one in objects):
            self.await_level()
        self.cluster.apply(yaml.safe_dump_all(objects))

    def slow_down(self, deployment: str, delay: str) -> None:
        """From now on every new pod of a Deployment takes that long to become ready."""
        annotations = {"devcluster.vanguard.dev/ready-delay": delay}
        self._patch_deployment(deployment, {"spec": {"template": {"metadata": {"annotations": annotations}}}})
        self.await_rollouts()
        self.begun[deployment] = self.deployment(deployment)

    def automation(self, deployment: str, value: str | None) -> None:
        """Annotate a Deployment to hold automation; None takes the annotation away."""
        self._patch_deployment(deployment, {"metadata": {"annotations": {"vanguard.dev/automation": value}}})

    def annotate(self, intervention: str, **annotations: str) -> None:
        """Annotate an Intervention, as a person would: abort="why"."""
        said = [f"vanguard.dev/{key}={value}" for key, value in annotations.items()]
        self.cluster.kubectl("-n", SHOP, "annotate", "intervention", intervention, *said)

    def approve(self, intervention: str) -> None:
        """Approve an Intervention with `vanguard approve`, as an administrator."""
        words = [
            "approve",
            intervention,
            "--reason",
            "seen",
            "-n",
            SHOP,
            "--kubeconfig",
            self.cluster.state / "kubeconfig",
        ]
        said = CliRunner().invoke(main, list(map(str, words)))
        assert said.exit_code == 0, said.output

    # Operators

    def start(self, name: str = OPERATOR, *, url: str = "", **settings: str) -> None:
        """Start an operator process; `url` is what it takes for Prometheus."""
        told = {**FAST, **({"VANGUARD_PROMETHEUS_URL": url} if url else {}), **settings}
        start_operator(self.cluster, self.prometheus, name=name, **told)
        self.eventually(lambda: self._answers(name), what=f"{name} to answer", within=60)

    def lead(self, name: str = OPERATOR, *, url: str = "", **settings: str) -> None:
        """Start an operator process and wait until it leads."""
        self.start(name, url=url, **settings)
        self.eventually(lambda: self.leads(name), what=f"{name} to lead")

    def _answers(self, name: str) -> bool:
        """Whether a process answers; one that ended says why in its log."""
        if not self.alive(name):
            pytest.fail(self.cluster.parts.obituary(name), pytrace=False)
        return self.page("/healthz", name)[0] == 200

    def leads(self, name: str = OPERATOR) -> bool:
        """Whether a process says that it holds the Lease."""
        return self.metric("vanguard_leader", name=name) == 1

    def kill(self, name: str = OPERATOR) -> None:
        """SIGKILL: no line of the operator's own runs any more."""
        self.cluster.parts.signal(name, signal.SIGKILL)
        self.eventually(lambda: not self.alive(name), what=f"{name} to be dead", within=5)

    def alive(self, name: str = OPERATOR) -> bool:
        """Whether an operator process is there."""
        part = self.cluster.parts.get(name)
        return part is not None and part.alive

    def stop_operators(self) -> None:
        """No operator runs; killed, for nothing may depend on how it was ended."""
        for name in (OPERATOR, STANDBY):
            if self.alive(name):
                self.kill(name)
        self.cluster.parts.stop(OPERATOR, STANDBY)

    def page(self, path: str, name: str = OPERATOR) -> tuple[int, str]:
        """Status and text of one of the operator's pages; 0 where nobody answers."""
        address = f"http://127.0.0.1:{self.cluster.parts.port(name)}{path}"
        try:
            answer = requests.get(address, timeout=5)
        except requests.RequestException as trouble:
            return 0, str(trouble)
        return answer.status_code, answer.text

    def metric(self, sample: str, labels: Mapping[str, str] | None = None, *, name: str = OPERATOR) -> float:
        """The sum of a metric's samples with these labels; 0 where there is none."""
        code, text = self.page("/metrics", name)
        if code != 200:
            return 0.0
        return sum(
            found.value
            for family in text_string_to_metric_families(text)
            for found in family.samples
            if found.name == sample and (labels or {}).items() <= found.labels.items()
        )

    def await_looks(self, count: int = 3) -> None:
        """Wait until the operator has gone round so many more times."""
        done = self.metric("vanguard_cycle_seconds_count")
        self.eventually(
            lambda: self.metric("vanguard_cycle_seconds_count") >= done + count, what=f"{count} more detection cycles"
        )

    # Prometheus

    def query(self, promql: str) -> list[Json]:
        """What the real Prometheus answers now: series with metric and value."""
        answer = requests.get(f"{self.prometheus.url}/api/v1/query", params={"query": promql}, timeout=10)
        return list(answer.json()["data"]["result"])

    def await_scrapes(self) -> None:
        """Wait until a baseline can be measured: a sample a second, with neither the backfill nor a pause in it."""
        scrapes = f'count_over_time(up{{job="{WORKLOAD}"}}[{BASELINE}])'
        self.eventually(
            lambda: self.query(scrapes),
            lambda found: found and float(found[0]["value"][1]) >= SCRAPES,
            what="Prometheus to scrape the workload for ten seconds",
        )

    def await_level(self) -> None:
        """Wait until all pools are used as they were for the length of a baseline: the last test left a step there."""
        use = "sum by (deployment) (app_pool_in_use) / sum by (deployment) (app_pool_size)"
        step = f"max(max_over_time(({use})[{BASELINE}:1s]) - min_over_time(({use})[{BASELINE}:1s]))"
        self.eventually(
            lambda: self.query(step),
            lambda found: found and float(found[0]["value"][1]) < LEVEL,
            what="the pools' use to be level",
        )

    # Looking

    def read(self, path: str) -> Json:
        """An object that must be there."""
        found: Json = json.loads(self._ask("GET", path))
        return found

    def deployment(self, name: str) -> Json:
        """A Deployment of the shop."""
        return self.read(f"/apis/apps/v1/namespaces/{SHOP}/deployments/{name}")

    def pool_size(self, name: str) -> str:
        """A service's pool size where people configure it."""
        if name == "checkout":
            (container,) = self.deployment(name)["spec"]["template"]["spec"]["containers"]
            return next(str(env["value"]) for env in container["env"] if env["name"] == "DB_POOL_SIZE")
        data = self.read(f"/api/v1/namespaces/{SHOP}/configmaps/{name}-config")["data"]
        return str(data["POOL_SIZE"])

    def interventions(self) -> list[Json]:
        """All Interventions of the shop."""
        return list(self.read(f"{KINDS[0]}/namespaces/{SHOP}/interventions")["items"])

    def intervention(self, target: str) -> Json | None:
        """The only Intervention on a target, or None."""
        found = [one for one in self.interventions() if one["spec"]["target"]["name"] == target]
        assert len(found) <= 1, f"{len(found)} Interventions on {target}"
        return found[0] if found else None

    def await_phase(self, target: str, phase: str, reason: str = "", *, within: float = 60.0) -> Json:
        """Wait for the target's Intervention to be in a phase; one that ended in another fails at once."""

        def met(one: Json | None) -> bool:
            status = (one or {}).get("status", {})
            if status.get("phase") in TERMINAL - {phase}:
                pytest.fail(f"{target}'s Intervention is not {phase}: {summary(one)}{self._log()}")
            return status.get("phase") == phase and reason in ("", status.get("reason"))

        what = f"{target}'s Intervention to be {phase} {reason}".strip()
        found: Json = self.eventually(
            lambda: self.intervention(target),
            met,
            what=what,
            within=within,
            told=lambda one: summary(one) + self._log(),
        )
        return found

    def await_gate(self, target: str, gate: str, reason: str) -> None:
        """Wait until a gate gives the target's Intervention this answer."""

        def met(one: Json | None) -> bool:
            gates = (one or {}).get("status", {}).get("gates", ())
            return any((given["name"], given["reason"]) == (gate, reason) for given in gates)

        self._await_intervention(target, met, f"{target}'s gate {gate} to say {reason}", 60)

    def await_rollback(self, target: str) -> Json:
        """Wait until a change that was kept is taken back."""
        what = f"{target}'s change to be taken back"
        return self._await_intervention(target, lambda one: one and one["status"]["phase"] == "RolledBack", what, 60)

    def _await_intervention(self, target: str, met: Callable[[Json | None], object], what: str, within: float) -> Json:
        found: Json = self.eventually(
            lambda: self.intervention(target),
            met,
            what=what,
            within=within,
            told=lambda one: summary(one) + self._log(),
        )
        return found

    def acts(self) -> Counter[str]:
        """How often the operator has written what is not its own record since the reset: "configmaps/orders-config"."""
        return Counter(
            f"{entry['objectRef']['resource']}/{entry['objectRef']['name']}"
            for entry in self.writes()
            if entry["objectRef"].get("apiGroup", "") in {"apps", ""} and entry["objectRef"]["resource"] != "events"
        )

    def writes(self) -> list[Entry]:
        """The operator's accepted writes since the reset, Lease renewals apart."""
        found = self.cluster.writes(user=ACCOUNT, since_line=self.mark, accepted=True)
        return [entry for entry in found if entry["objectRef"]["resource"] != "leases"]

    def told_of(self, intervention: Json) -> set[str]:
        """The reasons of the Events about an Intervention; they outlive it."""
        events = self.read(f"/api/v1/namespaces/{SHOP}/events")["items"]
        uid = intervention["metadata"]["uid"]
        return {event["reason"] for event in events if event["involvedObject"].get("uid") == uid}

    def listed(self) -> str:
        """What a person sees."""
        return self.cluster.kubectl("-n", SHOP, "get", "iv").stdout

    def is_as_at_the_start(self, deployment: str) -> bool:
        """Whether a Deployment's spec and annotations are exactly what they were before the operator came."""
        return shape(self.deployment(deployment)) == shape(self.begun[deployment])

    def await_rollouts(self) -> None:
        """Wait until every pod of the shop runs what its Deployment says."""
        self.eventually(
            lambda: [name for name in DEPLOYMENTS if not rolled_out(self.deployment(name))],
            lambda unfinished: not unfinished,
            what="all rollouts to be complete",
            within=60,
        )

    def _patch_deployment(self, name: str, patch: Json) -> None:
        self.cluster.kubectl("-n", SHOP, "patch", "deployment", name, "--type=merge", "-p", json.dumps(patch))

    def _release(self, intervention: Json) -> None:
        """Take an Intervention's finalizer away, as nobody should in earnest."""
        meta = intervention["metadata"]
        if meta.pop("finalizers", None):
            path = f"{KINDS[0]}/namespaces/{SHOP}/interventions/{meta['name']}"
            self._ask("PUT", path, intervention, missing_is_fine=True)

    def _ask(self, method: str, path: str, body: Json | None = None, *, missing_is_fine: bool = False) -> str:
        """The server's answer; a CRD's storage that is not ready yet says 429 for a moment."""
        code, said = self.eventually(
            lambda: self.api.request(method, path, body), lambda answer: answer[0] != 429, what=f"an answer to {path}"
        )
        assert code == 200 or (missing_is_fine and code == 404), f"{method} {path}: {code} {said}"
        return str(said)

    def _log(self) -> str:
        """The end of the operator's log, for a failure."""
        log = self.cluster.state / "logs" / f"{OPERATOR}.log"
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        return "\n  ".join(["\nThe operator said:", *lines])


def summary(intervention: Json | None) -> str:
    """An Intervention in one line, with the way it took."""
    if intervention is None:
        return "there is none"
    status = intervention.get("status", {})
    way = " > ".join(f"{entry['phase']} {entry['reason']}" for entry in status.get("timeline", ()))
    return f"{status.get('phase')} {status.get('reason')} {status.get('message')!r} ({way})"


def phases(intervention: Json) -> list[str]:
    """The phases it went through since it was admitted, each once per stay."""
    passed = [entry["phase"] for entry in intervention["status"]["timeline"] if entry["phase"] != "Pending"]
    return [phase for phase, before in zip(passed, [None, *passed], strict=False) if phase != before]


def rolled_out(deployment: Json) -> bool:
    """Whether all replicas run the newest template, are available, and no other is left."""
    spec, status = deployment["spec"], deployment.get("status", {})
    counts = {status.get(count, 0) for count in ("replicas", "updatedReplicas", "availableReplicas")}
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return seen and counts == {spec["replicas"]}


def shape(deployment: Json) -> Json:
    """What people configure of a Deployment; the controller's own annotation is not theirs."""
    annotations = dict(deployment["metadata"].get("annotations", {}))
    annotations.pop("deployment.kubernetes.io/revision", None)
    return {"spec": deployment["spec"], "annotations": annotations}
