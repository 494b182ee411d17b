"""The gate about whether it would last: what somebody else keeps taking back is not made a third time."""

from vanguard.api.reasons import Reason
from vanguard.domain.decision.facts import Answer, Facts, denies, passes

MOST_REVERTS = 2


def reverts(facts: Facts) -> Answer:
    """Has nobody else taken this change back again and again?"""
    spec = facts.intervention.spec
    undone = sorted(
        entry.name
        for entry in facts.history.started
        if entry.reverted and entry.target_uid == spec.target.uid and entry.action is spec.action.type
    )
    if len(undone) < MOST_REVERTS:
        return passes(Reason.NOT_REVERTED)
    namespace, names = facts.intervention.metadata.namespace, " ".join(undone[:5])
    told = f"the old value was put back after {len(undone)} Interventions on this target; find out who does, then"
    return denies(Reason.EXTERNALLY_REVERTED, f"{told} allow it again: kubectl -n {namespace} delete iv {names}")
