"""IssuePattern: the platform team's knowledge of one problem. The only place where PromQL lives."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from vanguard.api.base import (
    ActionType,
    Conditions,
    DecimalText,
    DurationText,
    Label,
    Model,
    Name,
    ObjectName,
    Percent,
    Query,
    Sentence,
    Time,
    WorkloadKind,
    cel,
    keyed_by,
)


class Severity(StrEnum):
    """How bad the breach would be, worst first."""

    CRITICAL = "Critical"
    HIGH = "High"
    MEDIUM = "Medium"
    LOW = "Low"


class Direction(StrEnum):
    """Which way a value moves towards harm."""

    RISING = "Rising"
    FALLING = "Falling"


class Horizon(StrEnum):
    """How far ahead a breach is looked for; the forecaster is calibrated for these three."""

    FOUR = "4h"
    EIGHT = "8h"
    TWELVE = "12h"


class TargetMapping(Model):
    """How a series names the workload it belongs to: directly, or through its pod's owners."""

    model_config = {
        "json_schema_extra": cel(
            ("has(self.nameLabel) != has(self.podLabel)", "exactly one of nameLabel and podLabel is needed")
        )
    }
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    namespace_label: Label = "namespace"
    name_label: Annotated[Label | None, Field(description="Label that holds the workload's name.")] = None
    pod_label: Annotated[
        Label | None,
        Field(description="Label that holds a pod's name; its ownerReferences lead to the workload."),
    ] = None


class CompanionRole(StrEnum):
    """What a companion query measures, and so which look-alike of a trend it can tell apart."""

    WORK_RATE = "WorkRate"
    ANONYMOUS_MEMORY = "AnonymousMemory"
    PER_REPLICA = "PerReplica"
    CONTRARY = "Contrary"


class Companion(Model):
    """A query asked beside a signal when a breach is likely. Where it has no data, nothing is known of the target.

    WorkRate: units of work per second. AnonymousMemory: the part of the signal's memory that is no page cache, in the
    signal's unit. PerReplica: the signal's value in each pod. Contrary: a value that moves in the signal's direction
    too if the trend is real, such as the heap after a collection.
    """

    name: Name
    role: CompanionRole
    query: Query
    target: Annotated[TargetMapping | None, Field(description="Where it differs from the signal's own mapping.")] = None


_PER_POD = "has(c.target) ? has(c.target.podLabel) : has(self.target.podLabel)"


class Signal(Model):
    """A named PromQL query with the limit it must not reach and the direction it comes from."""

    model_config = {
        "json_schema_extra": cel(
            (
                f"!has(self.companions) || self.companions.all(c, c.role != 'PerReplica' || ({_PER_POD}))",
                "a companion of role PerReplica needs a target with podLabel",
            ),
            (
                "!has(self.companions) || self.companions.all(c, !has(c.target) || c.target.kind == self.target.kind)",
                "a companion's target must be of the signal's kind",
            ),
        )
    }
    name: Name
    metric_type: Annotated[Name, Field(pattern=r"^[a-z][a-z0-9_]*$", description="Such as connection_pool_usage.")]
    query: Query
    limit: Annotated[DecimalText, Field(description="The value that is a breach, as a decimal string.")]
    direction: Direction = Direction.RISING
    target: TargetMapping
    companions: Annotated[
        tuple[Companion, ...],
        Field(
            max_length=4,
            description="Asked only when a breach is likely, to tell look-alikes apart; one of each role.",
            json_schema_extra=keyed_by("role"),
        ),
    ] = ()


class TrendSignature(Model):
    """What the trend must look like before a forecast counts, and for how long."""

    min_slope_per_hour: Annotated[
        DecimalText | None, Field(description="Least slope towards the limit, in the signal's unit per hour.")
    ] = None
    ema_confirmation: Annotated[
        bool, Field(description="The 1 h moving average must have passed the day's mean towards the limit.")
    ] = False
    min_z_score: Annotated[
        DecimalText | None,
        Field(description="Least robust z-score of the present level against the days before."),
    ] = None
    sustained_for: DurationText = timedelta(minutes=30)
    horizon: Horizon = Horizon.TWELVE
    min_probability_percent: Annotated[
        int, Field(ge=1, le=99, description="Least probability of a breach within the horizon.")
    ] = 50


class TunePool(Model):
    """Raise a tunable (a connection pool's size) by a percentage of its present value."""

    tunable: Name
    increase_percent: Annotated[int, Field(ge=1, le=100)]


class Action(Model):
    """The remedy: one entry of the closed catalogue and its settings."""

    model_config = {
        "json_schema_extra": cel(
            (
                "(self.type == 'TunePool') == has(self.tunePool)",
                "tunePool is needed for type TunePool and only there",
            )
        )
    }
    type: ActionType
    tune_pool: TunePool | None = None
    rollout_deadline: Annotated[
        DurationText, Field(description="A rollout the action causes must be complete within this time.")
    ] = timedelta(minutes=10)


class Guard(Model):
    """What must not get worse while a change is watched; a breach of it vetoes success."""

    name: Name
    query: Query
    direction: Annotated[Direction, Field(description="The direction that is harm.")] = Direction.RISING
    max_increase_percent: Annotated[int, Field(ge=1, le=1000)] = 20
    target: Annotated[TargetMapping | None, Field(description="Where it differs from the signal's own mapping.")] = None


class Verification(Model):
    """How long is looked before and after a change, and what must not get worse."""

    model_config = {
        "json_schema_extra": cel(
            ("duration(self.interval) <= duration(self.watch)", "interval must not be longer than watch")
        )
    }
    baseline: DurationText = timedelta(minutes=5)
    watch: DurationText = timedelta(minutes=15)
    interval: DurationText = timedelta(minutes=1)
    min_effect_percent: Annotated[
        Percent, Field(description="A smaller change of the median than this is no effect, however certain.")
    ] = 5
    guards: Annotated[tuple[Guard, ...], Field(max_length=8, json_schema_extra=keyed_by("name"))] = ()


class ReadingScope(Model):
    """Which series a reading is taken from: those of the target's namespace, or of the target alone."""

    namespace_label: Label = "namespace"
    name_label: Annotated[
        Label | None, Field(description="Label that holds the workload's name; without it, of the whole namespace.")
    ] = None


_SCOPE = "Without it the query is about the whole cluster. What is left must be one series."


class Fact(Model):
    """A figure that a policy's invariants may name: the one value a query has now."""

    model_config = {
        "json_schema_extra": cel(
            ("!(self.name in ['value', 'replicas', 'surge'])", "value, replicas and surge are known without a query")
        )
    }
    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z][a-z0-9_]*$")]
    query: Query
    target: Annotated[ReadingScope | None, Field(description=_SCOPE)] = None


class Saturation(Model):
    """What must not be at its limit before anything is done, such as the database's processor or connections."""

    name: Name
    query: Query
    limit: Annotated[DecimalText, Field(description="At or beyond it, nothing is done; a decimal string.")]
    direction: Annotated[Direction, Field(description="From where the value comes to the limit.")] = Direction.RISING
    target: Annotated[ReadingScope | None, Field(description=_SCOPE)] = None


class Prior(Model):
    """What is believed of the remedy before there is any history of our own."""

    successes: Annotated[int, Field(ge=0, le=10000)] = 1
    failures: Annotated[int, Field(ge=0, le=10000)] = 1


class IssuePatternSpec(Model):
    """Signature of a known problem and its remedy."""

    title: Annotated[str, Field(min_length=1, max_length=120)]
    description: Annotated[str, Field(max_length=4096)] = ""
    severity: Severity = Severity.MEDIUM
    suspend: Annotated[bool, Field(description="Stop using this pattern; what is in flight is finished.")] = False
    service_types: Annotated[
        tuple[Name, ...],
        Field(
            max_length=16,
            description="Service types it applies to; none means all.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = ()
    signals: Annotated[tuple[Signal, ...], Field(min_length=1, max_length=8, json_schema_extra=keyed_by("name"))]
    trend: TrendSignature = TrendSignature()
    action: Action
    verification: Verification = Verification()
    facts: Annotated[
        tuple[Fact, ...],
        Field(max_length=8, description="What policies' invariants may name.", json_schema_extra=keyed_by("name")),
    ] = ()
    saturation: Annotated[
        tuple[Saturation, ...],
        Field(
            max_length=4, description="While one is at its limit, nothing is done.", json_schema_extra=keyed_by("name")
        ),
    ] = ()
    prior: Prior = Prior()
    rollback_safe: Annotated[
        bool, Field(description="Undoing is itself harmless; if not, policies with rollback Mandatory refuse it.")
    ] = True


class HeldBack(Model):
    """A target whose trend looked like this problem and was left alone, and why."""

    target: ObjectName
    reason: Annotated[str, Field(max_length=64)]
    message: Sentence
    since: Time


class IssuePatternStatus(Model):
    """What the operator makes of the pattern. Changes only when its meaning does."""

    observed_generation: int | None = None
    conditions: Conditions = ()
    firing: Annotated[int, Field(description="Targets whose alert is firing.")] = 0
    held_back: Annotated[tuple[HeldBack, ...], Field(max_length=20, json_schema_extra=keyed_by("target"))] = ()
