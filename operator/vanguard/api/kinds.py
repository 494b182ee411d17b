"""The three kinds as whole objects, and what the CRDs say of each beside its schema."""

from dataclasses import dataclass
from typing import Any, Self

from vanguard.api.base import Model, Time
from vanguard.api.intervention import InterventionSpec, InterventionStatus
from vanguard.api.pattern import IssuePatternSpec, IssuePatternStatus
from vanguard.api.policy import AutomationPolicySpec, AutomationPolicyStatus


class Metadata(Model):
    """The part of an object's metadata the operator reads."""

    model_config = {"extra": "ignore"}
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}
    finalizers: tuple[str, ...] = ()


class Object(Model):
    """A Kubernetes object: unknown top-level fields (apiVersion, kind) are the server's business."""

    model_config = {"extra": "ignore"}
    metadata: Metadata

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Self:
        """From the server's JSON.

        Raises:
            pydantic.ValidationError: when the object does not have the shape its CRD promises.
        """
        return cls.model_validate(raw)


class IssuePattern(Object):
    """A pattern as read from the API server."""

    spec: IssuePatternSpec
    status: IssuePatternStatus = IssuePatternStatus()


class AutomationPolicy(Object):
    """A policy as read from the API server."""

    spec: AutomationPolicySpec
    status: AutomationPolicyStatus = AutomationPolicyStatus()


class Intervention(Object):
    """An Intervention as read from the API server."""

    spec: InterventionSpec
    status: InterventionStatus = InterventionStatus()


@dataclass(frozen=True)
class Column:
    """A printer column; priority 1 shows only with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0
    description: str = ""


@dataclass(frozen=True)
class Kind:
    """One custom resource: its model, names, scope and columns."""

    model: type[Object]
    plural: str
    singular: str
    short: str
    namespaced: bool
    columns: tuple[Column, ...]


AGE = Column("AGE", ".metadata.creationTimestamp", "date")
READY = Column("READY", ".status.conditions[?(@.type=='Ready')].status")
READY_REASON = Column("REASON", ".status.conditions[?(@.type=='Ready')].reason")

KINDS = (
    Kind(
        IssuePattern,
        "issuepatterns",
        "issuepattern",
        "isp",
        namespaced=False,
        columns=(
            Column("TITLE", ".spec.title"),
            Column("SEVERITY", ".spec.severity"),
            Column("ACTION", ".spec.action.type"),
            READY,
            READY_REASON,
            Column("FIRING", ".status.firing", "integer", description="Targets whose alert is firing"),
            Column("HORIZON", ".spec.trend.horizon", priority=1),
            Column("SUSTAINED", ".spec.trend.sustainedFor", priority=1),
            AGE,
        ),
    ),
    Kind(
        AutomationPolicy,
        "automationpolicies",
        "automationpolicy",
        "ap",
        namespaced=True,
        columns=(
            Column("MODE", ".spec.mode"),
            READY,
            READY_REASON,
            Column("BREAKER", ".status.breaker.state"),
            Column("SUSPENDED", ".spec.suspend", "boolean", priority=1),
            Column("COOLDOWN", ".spec.limits.cooldown", priority=1),
            AGE,
        ),
    ),
    Kind(
        Intervention,
        "interventions",
        "intervention",
        "iv",
        namespaced=True,
        columns=(
            Column("TARGET", ".spec.target.name"),
            Column("ACTION", ".spec.action.type"),
            Column("PHASE", ".status.phase"),
            Column("REASON", ".status.reason"),
            Column("VERDICT", ".status.verdict"),
            Column("CONFIDENCE", ".spec.diagnosis.confidencePercent", "integer", description="Percent"),
            Column("PATTERN", ".spec.pattern.name", priority=1),
            Column("FROM", ".status.change.from", priority=1),
            Column("TO", ".status.change.to", priority=1),
            Column("BREACH", ".spec.cause.breachAt", priority=1, description="Predicted breach"),
            Column("APPROVED-BY", ".spec.approval.by", priority=1),
            AGE,
        ),
    ),
)
