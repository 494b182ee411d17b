"""What a step of an Intervention's life may look at, and what may follow from it."""

from dataclasses import dataclass
from datetime import datetime

from vanguard.api.intervention import Change, CommitRecord, Comparison, InterventionStatus
from vanguard.api.kinds import Intervention, IssuePattern
from vanguard.api.measurement import Period
from vanguard.api.reasons import Reason
from vanguard.domain.change import StepState
from vanguard.domain.consent import Consent
from vanguard.domain.decision.chain import Decision
from vanguard.domain.overrides import stop_asked
from vanguard.domain.undoing import Tried


@dataclass(frozen=True)
class Write:
    """An effect: make one step of the change, or take it back."""

    index: int
    inverse: bool


@dataclass(frozen=True)
class View:
    """Everything a step may look at. What a phase does not need is left at None.

    Attributes:
        decision: the gates' answers (Pending, AwaitingApproval, Baselining).
        change: the planned change, dry-run and ready to be recorded.
        baseline: the time before the change; None when it could not be measured.
        comparisons: before against after so far, the target's first; None when not due or not to be had.
        states: how each recorded step stands; None when the API server could not say.
        untouched: per step, whether the object is exactly as it was when the plan was made.
        marked: whether any of the objects bears our marker: we certainly wrote to it.
        reverted: whether somebody else put exactly the old values back, where the change had been made.
        unhealthy: during the watch, in what way the target is; empty when it is well or nobody knows.
        rolled_out: whether the target's rollout is complete; where pods are evicted, whether none is missing.
        refusal: why the last write, or the reading of the objects, was refused for good; empty if none was.
        postponed: why a PodDisruptionBudget did not let the next pod go just now; empty if none did.
        tried: the write made just before this look; None when there was none.
        held: in Applying, why a person or the time forbids the next write by now; None when nothing does.
        commits: our commits of the change and its undoing that the repository holds.
        guarded: whether the finalizer that holds a deletion until the change is undone is in place.
    """

    now: datetime
    intervention: Intervention
    pattern: IssuePattern | None = None
    consent: Consent | None = None
    decision: Decision | None = None
    change: Change | None = None
    baseline: Period | None = None
    comparisons: tuple[Comparison, ...] | None = None
    states: tuple[StepState, ...] | None = None
    untouched: tuple[bool, ...] = ()
    marked: bool = False
    reverted: bool = False
    unhealthy: str = ""
    rolled_out: bool = False
    refusal: str = ""
    postponed: str = ""
    tried: Tried | None = None
    guarded: bool = False
    held: tuple[Reason, str] | None = None
    commits: tuple[CommitRecord, ...] = ()

    @property
    def status(self) -> InterventionStatus:
        """The status as recorded."""
        return self.intervention.status

    @property
    def stop(self) -> tuple[Reason, str] | None:
        """Why a person wants this stopped or undone; None if nobody does."""
        return stop_asked(self.intervention.metadata)


@dataclass(frozen=True)
class Next:
    """What follows: a status to record, or an effect to carry out, or (neither) nothing for now."""

    status: InterventionStatus | None = None
    effect: Write | None = None


NOTHING = Next()
