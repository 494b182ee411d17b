"""A restart that leaves the template alone: the pods go by the Eviction API, one after the other.

Where a GitOps tool owns a workload, an annotation in its template would be taken back or show as drift. Evicted pods
are replaced by the workload's own controller, from the template as it is. What was planned is a list of pods by uid,
and a uid never comes back: whether a pod is done is read from the pods there are, so each goes at most once. A pod that
somebody else made go is done as well. Nothing of it can be put back.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from vanguard.api.base import ActionType, parse_time
from vanguard.api.intervention import Change, InterventionStatus, PodRef, Postponement
from vanguard.api.reasons import Reason
from vanguard.domain.change import Impossible, StepState
from vanguard.domain.conditions import READY
from vanguard.domain.ownership import Claim, Hold
from vanguard.domain.workload import Raw, Workload

MOST_PODS = 100
FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=1)
_MOST_REFUSALS = 1000
_OVER = frozenset({"Succeeded", "Failed"})


def needed(action: ActionType, claims: Iterable[Claim]) -> bool:
    """Whether it is a restart whose annotation in the template a GitOps tool would take back."""
    return action is ActionType.RESTART_ROLLOUT and any(claim.hold is Hold.GITOPS for claim in claims)


def plan(workload: Workload, pods: Iterable[Raw], *, marker: str, now: datetime) -> Change | Impossible:
    """The restart of a workload by evicting the pods that it has now, the oldest first.

    Args:
        workload: the target.
        pods: those it controls, by ownerReferences.
        marker: the Intervention's uid.
        now: the present.
    """
    living = sorted(filter(_living, pods), key=_age)
    if not living:
        return Impossible(Reason.TARGET_UNHEALTHY, f"{workload.key} controls no pods")
    if len(living) > MOST_PODS:
        return Impossible(
            Reason.ROLLOUT_IMPOSSIBLE,
            f"{workload.key} has {len(living)} pods; at most {MOST_PODS} are evicted one by one",
        )
    return Change(
        marker=marker,
        summary=f"rolling restart by evicting {len(living)} pods one by one",
        from_=f"{len(living)} pods, the oldest of {living[0]['metadata']['creationTimestamp']}",
        to=f"{len(living)} new pods",
        rollout=True,
        taken_at=now,
        evictions=tuple(PodRef(name=pod["metadata"]["name"], uid=pod["metadata"]["uid"]) for pod in living),
    )


def _living(pod: Raw) -> bool:
    """Neither on its way out nor ended: a pod its controller counts."""
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") not in _OVER


def _age(pod: Raw) -> tuple[datetime, str]:
    return parse_time(pod["metadata"]["creationTimestamp"]), pod["metadata"]["name"]


def states_of(change: Change, pods: Iterable[Raw]) -> tuple[StepState, ...]:
    """How each recorded pod stands: still to go (Pristine), or gone or going (Applied).

    Args:
        change: what is recorded.
        pods: those the workload controls now; one it controls no more is none of ours.
    """
    there = {pod["metadata"]["uid"] for pod in pods if _living(pod)}
    return tuple(StepState.PRISTINE if pod.uid in there else StepState.APPLIED for pod in change.evictions)


def settled(workload: Workload, pods: Sequence[Raw]) -> bool:
    """Whether every replica is there and ready, and none is on its way out: nothing is missing at all.

    The pods themselves are counted: the workload's status may not have heard of an eviction yet.
    """
    going = [pod for pod in pods if "deletionTimestamp" in pod["metadata"]]
    ready = [pod for pod in pods if _living(pod) and _ready(pod)]
    return not going and len(ready) >= workload.desired and workload.rollout_complete


def _ready(pod: Raw) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == READY and one["status"] == "True" for one in conditions)


def postponed(
    status: InterventionStatus, states: Sequence[StepState], message: str, now: datetime
) -> InterventionStatus:
    """The next pod was refused once more; each time in a row the pause doubles. Recorded, so a restart keeps it.

    Args:
        status: as recorded; a pod that went since the last refusal ends the row.
        states: how the recorded pods stand; one of them at least is still to go.
        message: what the server said.
        now: the present.
    """
    known, left = status.postponement, states.count(StepState.PRISTINE)
    row = known.refusals if known is not None and known.left == left else 0
    pause = min(FIRST_PAUSE * 2 ** min(row, 10), LONGEST_PAUSE)
    refusals = min(row + 1, _MOST_REFUSALS)
    told = Postponement(left=left, refusals=refusals, next_attempt_at=now + pause, message=message[:1024])
    return status.model_copy(update={"postponement": told})


def due(status: InterventionStatus, now: datetime) -> bool:
    """Whether the next pod may be tried now."""
    return status.postponement is None or not now < status.postponement.next_attempt_at <= now + LONGEST_PAUSE


def for_good(status: InterventionStatus) -> bool:
    """Whether there is nothing to put back: pods were evicted, no field was changed."""
    return status.change is not None and bool(status.change.evictions)


def remains(states: Sequence[StepState] | None) -> str:
    """How far it went, for people."""
    if states is None:
        return Reason.NOTHING_TO_UNDO.sentence
    gone = sum(state is StepState.APPLIED for state in states)
    return f"{gone} of {len(states)} pods were replaced; there is nothing to put back"
