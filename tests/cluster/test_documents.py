"""What the pages tell people to apply and to type is taken by the API server and understood by kubectl."""

import re
import subprocess

import pytest

from devcluster.cluster import Cluster
from tests.conftest import Tools
from tests.docs.pages import ROOT, blocks

POLICIES = blocks((ROOT / "docs" / "policy-reference.md").read_text(), "yaml")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
# Of commands joined by a pipe or a semicolon each by itself. What edits, or waits, is not typed here.
TYPED = sorted(
    {
        command.strip()
        for code in re.findall(r"`(kubectl [^`]+)`", RUNBOOK)
        for part in code.replace("\\|", "|").split("; ")
        for command in [re.split(r" \| (?=grep|tail)", part)[0]]
        if command.startswith(("kubectl get", "kubectl describe", "kubectl rollout status", "kubectl auth"))
        and not command.endswith(" -w")
        and "--raw" not in command
    }
)
SHELL = "NS=shop IV=iv WORKLOAD=Deployment/orders ISP=pattern HOME_NS=vanguard-system"
# An answer, also that there is none of that name; not a complaint about the command itself.
MISUNDERSTOOD = re.compile(
    r"unknown (flag|shorthand)|error parsing|unrecognized|the server doesn't have|usage", re.IGNORECASE
)


@pytest.mark.parametrize("text", POLICIES, ids=[str(number) for number in range(1, len(POLICIES) + 1)])
def test_the_server_takes_an_example_of_the_policy_reference(cluster: Cluster, text: str) -> None:
    mine = text.replace(
        "alice@example.com", cluster.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}").stdout
    )
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", stdin=mine)


@pytest.mark.parametrize("command", TYPED)
def test_kubectl_understands_a_command_of_the_runbook(cluster: Cluster, tools: Tools, command: str) -> None:
    environment = {
        "KUBECONFIG": str(cluster.kubeconfig),
        "KUBECACHEDIR": str(cluster.state / "kubectl-cache"),
        "PATH": f"{tools.kubectl.parent}:/usr/bin:/bin",
    }
    done = subprocess.run(
        ["bash", "-c", f"{SHELL}\n{command}"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert not MISUNDERSTOOD.search(done.stderr), done.stderr
    assert done.returncode == 0 or "NotFound" in done.stderr or done.stdout == "no\n", done.stderr
