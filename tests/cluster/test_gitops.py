"""A GitOps tool owns the object: the operator commits, the tool syncs, and the workload sees no write of ours."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from devcluster.operator_process import DEMO
from tests.adapters import git_server
from tests.cluster.stage import SHOP, Stage, phases, pool_pattern, shop_policy
from vanguard.cli.main import main

Json = dict[str, Any]

NOTHING: Counter[str] = Counter()
ARGO = {"argocd.argoproj.io/tracking-id": "shop:x:shop/x"}


def manifest(kind: str, name: str) -> str:
    """One object of the demo's workload as its file has it, comments and all."""
    documents = (DEMO / "workload.yaml").read_text().split("\n---\n")
    found = (text for text in documents if (body := yaml.safe_load(text)) and body["kind"] == kind
             and body["metadata"]["name"] == name)  # fmt: skip
    return next(found) + "\n"


@contextmanager
def tool(stage: Stage, remote: Path, path: str, *, reloads: str = "") -> Iterator[None]:
    """Plays Argo CD: applies the file whenever it changed, and (as a reloader would) restarts who reads it at start."""
    over, synced = threading.Event(), git_server.file_at_head(remote, path)

    def sync() -> None:
        nonlocal synced
        while not over.wait(0.3):
            declared = git_server.file_at_head(remote, path)
            if declared != synced:
                body = yaml.safe_load(declared)
                body["metadata"].setdefault("annotations", {}).update(ARGO)
                stage.cluster.apply(json.dumps(body))
                if reloads:
                    stage.cluster.kubectl("-n", SHOP, "rollout", "restart", f"deployment/{reloads}")
                synced = declared

    thread = threading.Thread(target=sync)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def repositories(folder: Path, remote: Path, **more: Json) -> str:
    """The operator's file."""
    told = {"repositories": [{"name": "deploy", "url": str(remote), "namespaces": [SHOP]}], **more}
    (folder / "repositories.yaml").write_text(yaml.safe_dump(told))
    return str(folder / "repositories.yaml")


def declared(workload: str, path: str, **tunable: Any) -> Json:
    """The demo's policy, whose one tunable is declared in git."""
    policy = shop_policy(workload)
    policy["spec"]["workloads"][0]["tunables"][0].update(gitOps={"repository": "deploy", "path": path}, **tunable)
    return policy


def subjects(remote: Path) -> list[str]:
    return [message.splitlines()[0] for message in reversed(git_server.messages(remote))][1:]


def test_what_helped_is_committed_synced_kept_recorded_and_undone_by_its_commit(stage: Stage, tmp_path: Path) -> None:
    text = manifest("ConfigMap", "orders-config")
    remote = git_server.bare(tmp_path / "deploy.git", {"orders.yaml": text})
    file = repositories(tmp_path, remote, audit={"repository": "deploy"})
    stage.cluster.kubectl("-n", SHOP, "annotate", "configmap", "orders-config", *(f"{k}={v}" for k, v in ARGO.items()))
    pattern = pool_pattern()
    pattern["spec"]["verification"]["watch"] = "20s"  # the reloader's rollout is in it
    with tool(stage, remote, "orders.yaml", reloads="orders"):
        stage.play(pattern, declared("orders", "orders.yaml", reload="Live"))
        stage.lead(VANGUARD_REPOSITORIES_FILE=file)
        ended = stage.await_phase("orders", "Succeeded", "Improved", within=90)
        assert phases(ended) == ["Baselining", "Applying", "Monitoring", "Succeeded"]
        assert (stage.acts(), stage.pool_size("orders")) == (NOTHING, "60")
        stage.eventually(lambda: subjects(remote), lambda said: len(said) == 2, what="the record", within=20)
        assert subjects(remote) == ["auto: Increase orders pool-size 50→60 to prevent connection pool exhaustion"] * 2
        assert git_server.file_at_head(remote, "orders.yaml").decode() == text.replace('"50"', '"60"')
        record = yaml.safe_load(
            git_server.file_at_head(remote, f"interventions/{SHOP}/{ended['metadata']['name']}.yaml")
        )
        assert record["metadata"]["uid"] == ended["metadata"]["uid"]
        (change,) = (c for c in stage.intervention("orders")["status"]["commits"] if c["purpose"] == "Change")  # type: ignore[index]
        kubeconfig = str(stage.cluster.state / "kubeconfig")
        words = ["rollback", "--commit", change["sha"][:10], "--reason", "too slow", "--kubeconfig", kubeconfig]
        said = CliRunner().invoke(main, words)
        assert said.exit_code == 0, said.output
        stage.await_rollback("orders")
        assert git_server.file_at_head(remote, "orders.yaml").decode() == text
        assert (stage.acts(), stage.pool_size("orders")) == (NOTHING, "50")


def test_what_did_harm_is_undone_by_a_second_commit(stage: Stage, tmp_path: Path) -> None:
    text = manifest("Deployment", "checkout")
    remote = git_server.bare(tmp_path / "deploy.git", {"checkout.yaml": text})
    file = repositories(tmp_path, remote)
    stage.cluster.kubectl("-n", SHOP, "annotate", "deployment", "checkout", *(f"{k}={v}" for k, v in ARGO.items()))
    with tool(stage, remote, "checkout.yaml"):
        stage.play(pool_pattern(), declared("checkout", "checkout.yaml"))
        stage.lead(VANGUARD_REPOSITORIES_FILE=file)
        ended = stage.await_phase("checkout", "RolledBack", "Restored", within=90)
    assert phases(ended) == ["Baselining", "Applying", "Monitoring", "RollingBack", "RolledBack"]
    assert [commit["purpose"] for commit in ended["status"]["commits"]] == ["Change", "Undo"]
    assert git_server.file_at_head(remote, "checkout.yaml").decode() == text
    assert (stage.acts(), stage.pool_size("checkout")) == (NOTHING, "40")
