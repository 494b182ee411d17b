"""Intervention: one bounded, recorded change to one target. `spec` never changes but for `approval`."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from vanguard.api.base import (
    ActionType,
    Conditions,
    DecimalText,
    DurationText,
    Model,
    Name,
    Notification,
    ObjectName,
    Percent,
    Sentence,
    Time,
    WorkloadKind,
    cel,
    keyed_by,
)
from vanguard.api.evidence import Evidence
from vanguard.api.measurement import Period
from vanguard.api.pattern import Direction, Severity
from vanguard.api.policy import Location
from vanguard.api.reasons import GateVerdict

ReasonText = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=253)]


class Phase(StrEnum):
    """The printed summary of where an Intervention is."""

    PENDING = "Pending"
    AWAITING_APPROVAL = "AwaitingApproval"
    BASELINING = "Baselining"
    APPLYING = "Applying"
    MONITORING = "Monitoring"
    ROLLING_BACK = "RollingBack"
    SUCCEEDED = "Succeeded"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"
    REJECTED = "Rejected"
    OBSERVED = "Observed"


class Verdict(StrEnum):
    """What the change did."""

    IMPROVED = "Improved"
    NEUTRAL = "Neutral"
    DEGRADED = "Degraded"
    INCONCLUSIVE = "Inconclusive"


class PatternRef(Model):
    """The pattern, at the generation that raised the alert."""

    name: ObjectName
    generation: int


class TargetRef(Model):
    """The workload, in the Intervention's own namespace."""

    kind: WorkloadKind
    name: ObjectName
    uid: Text


class Cause(Model):
    """The alert and the forecast behind it, as they were when it fired."""

    signal: Name
    metric_type: Text
    severity: Severity
    active_at: Time
    value: DecimalText
    limit: DecimalText
    direction: Direction
    slope_per_hour: DecimalText
    ema: DecimalText
    z_score: DecimalText
    breach_percent_4h: Annotated[Percent, Field(alias="breachPercent4h")]
    breach_percent_8h: Annotated[Percent, Field(alias="breachPercent8h")]
    breach_percent_12h: Annotated[Percent, Field(alias="breachPercent12h")]
    breach_at: Annotated[Time | None, Field(description="Median of the predicted breach; absent if not foreseen.")] = (
        None
    )
    breach_earliest: Time | None = None
    breach_latest: Time | None = None
    model: Annotated[Text, Field(description="Name and version of the forecaster.")]


class Alternative(Model):
    """Another pattern that matched, and why it was not chosen."""

    pattern: ObjectName
    reason: Sentence


class Diagnosis(Model):
    """The named cause with its support."""

    title: Annotated[str, Field(max_length=120)]
    service_type: Text
    confidence_percent: Percent
    evidence: Annotated[tuple[Sentence, ...], Field(max_length=16)] = ()
    alternatives: Annotated[tuple[Alternative, ...], Field(max_length=8)] = ()


class ApprovalVerdict(StrEnum):
    """What a person says."""

    APPROVED = "Approved"
    DENIED = "Denied"


class Approval(Model):
    """A person's word. The only part of the spec that may be added later."""

    model_config = {
        "json_schema_extra": cel(
            (
                "self.verdict != 'Approved' || (has(self.intervention) && has(self.expiresAt))",
                "an approval needs intervention (the metadata.uid) and expiresAt; `vanguard approve` fills in both",
            )
        )
    }
    by: Text
    verdict: ApprovalVerdict
    reason: Sentence = ""
    intervention: Annotated[
        Text | None, Field(description="The metadata.uid that is approved: an approval copied elsewhere is void.")
    ] = None
    expires_at: Annotated[Time | None, Field(description="After this an approval that was not used is void.")] = None


class RequestedAction(Model):
    """The remedy the pattern names."""

    type: ActionType
    tunable: Name | None = None
    increase_percent: int | None = None


class InterventionSpec(Model):
    """What was or would be done, and why."""

    model_config = {
        "json_schema_extra": cel(
            *(
                (f"self.{field} == oldSelf.{field}", f"spec.{field} is immutable")
                for field in ("pattern", "target", "action", "cause", "diagnosis")
            ),
            ("has(self.evidence) == has(oldSelf.evidence)", "spec.evidence is immutable"),
            (
                "!has(oldSelf.approval) || (has(self.approval) && self.approval == oldSelf.approval)",
                "spec.approval is given once",
            ),
        )
    }
    pattern: PatternRef
    target: TargetRef
    action: RequestedAction
    cause: Cause
    diagnosis: Diagnosis
    evidence: Evidence | None = None
    approval: Approval | None = None


class GateResult(Model):
    """One admissibility check: what it said and why."""

    name: Name
    verdict: GateVerdict
    reason: ReasonText
    message: Sentence
    next_open: Time | None = None


class ObjectRef(Model):
    """An object in the Intervention's namespace."""

    kind: Text
    name: ObjectName


class FieldValue(Model):
    """One touched field: its JSON pointer, and its value before and after; an absent value is a missing field."""

    path: Annotated[str, Field(max_length=512)]
    before: Annotated[str | None, Field(max_length=4096)] = None
    after: Annotated[str | None, Field(max_length=4096)] = None


class Step(Model):
    """One write to one object: the fields it touches. Forward and inverse patch follow from it."""

    object: ObjectRef
    uid: Text
    fingerprint: Annotated[
        Text, Field(description="Generation or resourceVersion before the write: a landed write changes it.")
    ]
    fields: Annotated[tuple[FieldValue, ...], Field(min_length=1, max_length=8)]


class FileRef(Model):
    """The file in git that declares the value. The change is a commit to it, and a GitOps tool carries it on."""

    repository: Name
    branch: Text
    path: Annotated[str, Field(max_length=512)]
    location: Location


class PodRef(Model):
    """A pod to be evicted. Once no pod of this uid is left, or it is on its way out, it is done."""

    name: ObjectName
    uid: Text


class Change(Model):
    """The plan, its marker and restorePoint, or the pods to be evicted: written before anything is touched."""

    model_config = {
        "json_schema_extra": cel(
            (
                (
                    "(has(self.restorePoint) && size(self.restorePoint) > 0) != "
                    "(has(self.evictions) && size(self.evictions) > 0)"
                ),
                "a change is either fields with their restorePoint, or evictions",
            )
        )
    }
    marker: Text
    summary: Sentence
    from_: Annotated[Text, Field(alias="from")]
    to: Text
    rollout: Annotated[bool, Field(description="The change causes a rollout that must be waited for.")]
    taken_at: Time
    restore_point: Annotated[tuple[Step, ...], Field(max_length=4)] = ()
    evictions: Annotated[
        tuple[PodRef, ...],
        Field(
            max_length=100,
            description="The pods to be replaced, in this order, one after the other; nothing of them can be put back.",
            json_schema_extra=keyed_by("uid"),
        ),
    ] = ()
    commit: Annotated[FileRef | None, Field(description="Set where the change is made by a commit.")] = None


class Comparison(Model):
    """Before against after for one query: the rank test and the effect."""

    name: Name
    verdict: Verdict
    before: DecimalText | None = None
    after: DecimalText | None = None
    change_percent: DecimalText | None = None
    p_value: DecimalText | None = None
    delta: Annotated[DecimalText | None, Field(description="Cliff's delta, from -1 to 1.")] = None
    samples: Annotated[int | None, Field(ge=0, description="How many samples there were of the watch.")] = None
    message: Sentence = ""


class Postponement(Model):
    """A PodDisruptionBudget does not let the next pod go. It is asked again after growing pauses."""

    left: Annotated[int, Field(ge=1, le=100, description="Pods still to be evicted when it refused.")]
    refusals: Annotated[int, Field(ge=1, le=1000, description="How often in a row it refused the next of them.")]
    next_attempt_at: Annotated[Time, Field(description="Before it, nothing is tried again.")]
    message: Sentence = ""


class Undo(Model):
    """Why and how far the change is being taken back."""

    reason: ReasonText
    message: Sentence = ""
    started_at: Time
    attempts: Annotated[int, Field(ge=0, le=1000, description="Writes that were refused or did not last.")] = 0
    next_attempt_at: Annotated[Time | None, Field(description="Before it, nothing is tried again.")] = None
    restored_at: Annotated[Time | None, Field(description="When the values were back; the rollout follows.")] = None


class Transition(Model):
    """One entry of the record: who did what, when, why."""

    at: Time
    phase: Phase
    reason: ReasonText
    message: Sentence = ""


class DeliveryState(StrEnum):
    """How far something that is tried again got."""

    PENDING = "Pending"
    SENT = "Sent"
    FAILED = "Failed"


class Attempts(Model):
    """How often something was tried, and whether it will be tried again."""

    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    last_attempt_at: Time | None = None
    next_attempt_at: Time | None = None
    error: Annotated[str, Field(max_length=256)] = ""


class Delivery(Attempts):
    """A notice on its way to one notifier."""

    notifier: Name


class CommitPurpose(StrEnum):
    """What a commit of the operator's does; each at most once for an Intervention."""

    CHANGE = "Change"
    UNDO = "Undo"
    AUDIT = "Audit"
    AUDIT_OF_UNDO = "AuditOfUndo"


class CommitRecord(Attempts):
    """A commit for an Intervention: made, or (an audit) on its way."""

    purpose: CommitPurpose
    repository: Name
    sha: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]*$")] = ""
    at: Annotated[Time, Field(description="When it was called for, or first seen in the repository.")]


class Notice(Model):
    """What people are told of one transition, and whom it reached. Written in the same write as the transition."""

    id: Annotated[str, Field(max_length=16)]
    at: Time
    level: Notification
    phase: Phase
    reason: ReasonText
    title: Annotated[str, Field(max_length=200)]
    lines: Annotated[tuple[Annotated[str, Field(max_length=400)], ...], Field(max_length=6)]
    over: Annotated[bool, Field(description="It ended well: nobody has to do anything.")] = False
    deliveries: Annotated[tuple[Delivery, ...], Field(max_length=8, json_schema_extra=keyed_by("notifier"))] = ()


class InterventionStatus(Model):
    """All state of an Intervention. A restarted operator needs nothing else."""

    observed_generation: int | None = None
    phase: Phase = Phase.PENDING
    reason: ReasonText = ""
    message: Sentence = ""
    verdict: Verdict | None = None
    conditions: Conditions = ()
    gates: Annotated[tuple[GateResult, ...], Field(max_length=32, json_schema_extra=keyed_by("name"))] = ()
    policies: Annotated[tuple[Text, ...], Field(max_length=8)] = ()
    next_open: Time | None = None
    escalated_at: Annotated[
        Time | None, Field(description="When people were first told that the breach comes before anything may be done.")
    ] = None
    decided_at: Time | None = None
    started_at: Annotated[Time | None, Field(description="When it was admitted; counts against budgets.")] = None
    change: Change | None = None
    baseline: Period | None = None
    applied_at: Time | None = None
    watch_started_at: Time | None = None
    measured_at: Time | None = None
    comparisons: Annotated[tuple[Comparison, ...], Field(max_length=9, json_schema_extra=keyed_by("name"))] = ()
    lease: Annotated[
        DurationText | None,
        Field(
            description="How long a change that helps is kept unless renewed, as the policies said when it was made."
        ),
    ] = None
    lease_until: Annotated[
        Time | None, Field(description="When a change that was kept is undone unless renewed; absent: never.")
    ] = None
    postponement: Postponement | None = None
    undo: Undo | None = None
    completed_at: Time | None = None
    timeline: Annotated[tuple[Transition, ...], Field(max_length=24)] = ()
    notification: Annotated[Notification | None, Field(description="How loudly the policies ask to be told.")] = None
    notices: Annotated[tuple[Notice, ...], Field(max_length=6, json_schema_extra=keyed_by("id"))] = ()
    commits: Annotated[tuple[CommitRecord, ...], Field(max_length=4, json_schema_extra=keyed_by("purpose"))] = ()
