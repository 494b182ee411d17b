"""One leader: a second process waits and does nothing, takes over when the first is gone, and nothing is done twice."""

import base64
import json
import signal
from collections import Counter

from devcluster.audit import Entry
from devcluster.operator_process import ACCOUNT, NAMESPACE, OPERATOR
from tests.cluster.stage import AT_ONCE, LEASE, STANDBY, Stage, closed_window, pool_pattern, shop_policy

ONCE = Counter({"configmaps/orders-config": 1, "deployments/orders": 1})


def credential(stage: Stage) -> str:
    """The id of the token that the operator started last was given, as the audit log names it."""
    kubeconfig = json.loads((stage.cluster.state / f"{NAMESPACE}-vanguard.kubeconfig").read_text())
    claims = kubeconfig["users"][0]["user"]["token"].split(".")[1]
    return f"JTI={json.loads(base64.urlsafe_b64decode(claims + '=='))['jti']}"


def written_by(stage: Stage, identity: str) -> list[Entry]:
    """Every write, Leases too, tried or done with a token."""
    return [
        entry
        for entry in stage.cluster.writes(user=ACCOUNT, since_line=stage.mark)
        if identity in entry["user"]["extra"]["authentication.kubernetes.io/credential-id"]
    ]


def holder(stage: Stage) -> str:
    return str(stage.read(LEASE)["spec"]["holderIdentity"])


def test_a_standby_waits_writes_nothing_and_takes_over_from_a_killed_leader(stage: Stage) -> None:
    stage.lead()
    leader = credential(stage)
    stage.start(STANDBY)
    standby = credential(stage)
    stage.play(pool_pattern(), shop_policy("orders", windows=closed_window()))
    stage.await_phase("orders", "Pending", "CannotActBeforeBreach")
    stage.await_looks()
    assert (holder(stage), stage.leads(STANDBY)) == (OPERATOR, False)
    assert written_by(stage, standby) == []
    assert written_by(stage, leader) != []
    stage.kill()
    stage.eventually(lambda: stage.leads(STANDBY), what="the standby to lead")
    assert holder(stage) == STANDBY
    stage.play(shop_policy("orders", stability=AT_ONCE))
    stage.await_phase("orders", "Monitoring")
    assert stage.acts() == ONCE


def test_a_leader_that_slept_through_its_lease_ends_itself_and_nothing_is_done_twice(stage: Stage) -> None:
    stage.play(pool_pattern(), shop_policy("orders"))
    stage.lead()
    stage.start(STANDBY)
    stage.await_phase("orders", "Applying")
    stage.cluster.parts.signal(OPERATOR, signal.SIGSTOP)
    stage.eventually(lambda: stage.leads(STANDBY), what="the standby to lead")
    stage.await_phase("orders", "Monitoring")
    stage.cluster.parts.signal(OPERATOR, signal.SIGCONT)
    stage.eventually(lambda: not stage.alive(), what="the old leader to end")
    assert (holder(stage), stage.alive(STANDBY)) == (STANDBY, True)
    stage.await_phase("orders", "Succeeded", "Improved")
    assert (stage.acts(), stage.pool_size("orders")) == (ONCE, "60")
