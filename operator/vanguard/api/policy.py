"""AutomationPolicy: a team's consent. Without one in its namespace, a workload is never touched."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from vanguard.api.base import (
    ActionType,
    Conditions,
    DurationText,
    Mode,
    Model,
    Name,
    Notification,
    ObjectName,
    Percent,
    Time,
    cel,
    keyed_by,
)
from vanguard.api.bounds import Approvals, Limits, Stability

# Five fields of digits, names, lists, ranges and steps. Whether it ever fires is told in the policy's conditions.
CRON_PATTERN = r"^([0-9A-Za-z*,/#-]+\s+){4}[0-9A-Za-z*,/#-]+$"
ZONE_PATTERN = r"^[A-Za-z]+([A-Za-z0-9_+-]*)(/[A-Za-z0-9_+-]+){0,2}$"


class LabelSelector(Model):
    """Which workloads are meant. An empty selector selects nothing."""

    match_labels: Annotated[
        dict[str, str], Field(max_length=16, description="Labels the workload itself must have, all of them.")
    ] = {}


class ConfigMapKey(Model):
    """A key of a ConfigMap in the policy's namespace."""

    name: Annotated[ObjectName, Field(description="The ConfigMap's name.")]
    key: Annotated[str, Field(min_length=1, max_length=253, description="The key whose value is a whole number.")]


class EnvVar(Model):
    """A literal environment variable of a container."""

    container: Annotated[Name, Field(description="The container's name in the pod template.")]
    name: Annotated[str, Field(min_length=1, max_length=253, description="The variable; it must have a literal value.")]


class Location(Model):
    """Where a tunable's value lives."""

    model_config = {
        "json_schema_extra": cel(
            ("has(self.configMapKey) != has(self.env)", "exactly one of configMapKey and env is needed")
        )
    }
    config_map_key: Annotated[ConfigMapKey | None, Field(description="In a ConfigMap of the policy's namespace.")] = (
        None
    )
    env: Annotated[EnvVar | None, Field(description="In a literal environment variable of the workload.")] = None


class Reload(StrEnum):
    """How a changed value reaches the program."""

    RESTART = "Restart"
    LIVE = "Live"


class Invariant(Model):
    """What must be true with the new value, or the change is not made."""

    name: Annotated[Name, Field(description="What messages call it.")]
    rule: Annotated[
        str,
        Field(
            min_length=3,
            max_length=200,
            description="A comparison such as (replicas + surge) * value + 10 <= max_connections; names other than "
            "value, replicas and surge are facts of the IssuePattern.",
        ),
    ]


GIT_PATH = r"^[A-Za-z0-9_][A-Za-z0-9._@+-]*(/[A-Za-z0-9_][A-Za-z0-9._@+-]*)*$"


class GitOps(Model):
    """Where the same value is declared in git, for objects that a GitOps tool owns."""

    repository: Annotated[Name, Field(description="Its name in the operator's repositories file.")]
    path: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            pattern=GIT_PATH,
            description="The file in it. No part of the path begins with a dot.",
        ),
    ]


class Tunable(Model):
    """A value the team lets be tuned, and within which bounds."""

    model_config = {
        "json_schema_extra": cel(
            ("self.min <= self.max", "min must not be greater than max"),
            (
                "has(self.location.configMapKey) || self.reload == 'Restart'",
                "an env value reaches a program only by a restart: reload must be Restart",
            ),
        )
    }
    name: Annotated[Name, Field(description="What a pattern's tunePool.tunable calls it.")]
    location: Annotated[Location, Field(description="Where its value lives; exactly one place.")]
    min: Annotated[int, Field(ge=0, le=1_000_000_000, description="A value below it is not touched.")]
    max: Annotated[
        int, Field(ge=0, le=1_000_000_000, description="No greater value is written; above it none is touched.")
    ]
    step: Annotated[int, Field(ge=1, le=1_000_000_000, description="Values are whole multiples of it above min.")] = 1
    reload: Annotated[
        Reload, Field(description="Restart: a rolling restart follows the write. Live: the program reads it by itself.")
    ] = Reload.RESTART
    max_total_increase_percent: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="How far above the value found before the operator's own first change it may be raised in all.",
        ),
    ] = 100
    invariants: Annotated[
        tuple[Invariant, ...],
        Field(
            max_length=4,
            json_schema_extra=keyed_by("name"),
            description="What must stay true with the new value; nothing starts that breaks one.",
        ),
    ] = ()
    git_ops: Annotated[
        GitOps | None,
        Field(description="Where a GitOps tool owns the object, the value is changed there and nowhere else."),
    ] = None


Dependency = Annotated[
    str,
    Field(min_length=1, max_length=127, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?/)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"),
]


class WorkloadConsent(Model):
    """Some workloads, what they are, and what of them may be tuned."""

    name: Annotated[Name, Field(description="The entry's own name, told in conditions.")] = "default"
    selector: Annotated[LabelSelector, Field(description="Which workloads are meant; empty selects nothing.")]
    service_type: Annotated[Name, Field(description="What they are, as patterns' serviceTypes say it: postgres, web.")]
    depends_on: Annotated[
        tuple[Dependency, ...],
        Field(
            max_length=16,
            description="What these workloads depend on, such as a database: a name in this namespace, or "
            "namespace/name. When several that trend name the same, all of them are held.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = ()
    tunables: Annotated[
        tuple[Tunable, ...],
        Field(max_length=16, description="Values that may be tuned, by name.", json_schema_extra=keyed_by("name")),
    ] = ()


class WindowUse(StrEnum):
    """Whether an action must wait for a window."""

    REQUIRED = "Required"
    IGNORED = "Ignored"


class Rollback(StrEnum):
    """What happens to a change that did not help."""

    MANDATORY = "Mandatory"
    BEST_EFFORT = "BestEffort"


class OnInconclusive(StrEnum):
    """What happens to a change whose outcome could not be measured."""

    UNDO = "Undo"
    HOLD = "Hold"


class ActionConsent(Model):
    """What one type of action may do, how often, when, and what follows if it did not help."""

    model_config = {
        "json_schema_extra": cel(
            ("self.type != 'DeployCode' || !self.enabled", "DeployCode is never automated: enabled must be false"),
            (
                "!has(self.lease) || self.type == 'TunePool'",
                "lease is for TunePool only: nothing of another action can be undone later",
            ),
        )
    }
    type: Annotated[ActionType, Field(description="The action spoken of; each once.")]
    enabled: Annotated[bool, Field(description="False forbids it.")] = True
    mode: Annotated[Mode, Field(description="Most autonomy for this action; spec.mode may be lower.")] = Mode.OBSERVE
    max_per_day: Annotated[int, Field(ge=0, le=1000, description="Started in a calendar day of timeZone.")] = 2
    max_per_week: Annotated[int, Field(ge=0, le=5000, description="Started in a week of timeZone, from Monday.")] = 7
    min_confidence_percent: Annotated[
        Percent, Field(ge=50, description="Least probability of the breach; RestartRollout needs 90 in any case.")
    ] = 90
    min_effectiveness_percent: Annotated[
        Percent, Field(description="Least share of Improved among the pattern's outcomes, its prior counted in.")
    ] = 50
    window: Annotated[WindowUse, Field(description="Whether a window must be open.")] = WindowUse.REQUIRED
    rollback: Annotated[
        Rollback,
        Field(
            description="Mandatory: all that is not Improved is undone. "
            "BestEffort: Degraded is undone; a Neutral change is left and reported as Failed."
        ),
    ] = Rollback.MANDATORY
    on_inconclusive: Annotated[
        OnInconclusive, Field(description="After a watch that could not measure: Undo, or Hold: leave it, Failed.")
    ] = OnInconclusive.UNDO
    lease: Annotated[
        DurationText | None,
        Field(
            description="For how long a change that helped is kept unless a person renews it; absent: for good.",
            json_schema_extra=cel(
                (
                    "duration(self) >= duration('1h') && duration(self) <= duration('2160h')",
                    "lease is from 1h to 2160h",
                )
            ),
        ),
    ] = None
    notification: Annotated[
        Notification, Field(description="How loudly people are told; ApprovalRequired also lowers mode to Approve.")
    ] = Notification.ALERT


class Window(Model):
    """A recurring time in which actions may start: a cron schedule, a duration and an IANA zone."""

    name: Annotated[Name, Field(description="The window's name, told in messages.")]
    schedule: Annotated[
        str, Field(min_length=9, max_length=100, pattern=CRON_PATTERN, description="When it opens: five cron fields.")
    ]
    duration: Annotated[
        DurationText,
        Field(
            description="How long it stays open.",
            json_schema_extra=cel(
                (
                    "duration(self) >= duration('1m') && duration(self) <= duration('168h')",
                    "a window lasts from 1m to 168h",
                )
            ),
        ),
    ]
    time_zone: Annotated[
        str, Field(min_length=1, max_length=64, pattern=ZONE_PATTERN, description="IANA zone of the schedule.")
    ] = "UTC"


class Freeze(Model):
    """A time in which nothing starts, whatever the windows say."""

    model_config = {"json_schema_extra": cel(("self.from < self.until", "from must be before until"))}
    name: Annotated[Name, Field(description="The freeze's name, told in messages.")]
    from_: Annotated[Time, Field(alias="from", description="Its first moment, RFC 3339.")]
    until: Annotated[Time, Field(description="The first moment after it, RFC 3339.")]
    reason: Annotated[str, Field(max_length=256, description="Why; told to whoever is held by it.")] = ""


class InconclusiveOutcome(StrEnum):
    """Whether an outcome that could not be measured opens the breaker."""

    COUNTS = "Counts"
    IGNORED = "Ignored"


class BreakerReset(Model):
    """A person closed the breaker; what failed before does not count any more."""

    at: Annotated[Time, Field(description="What ended until then does not count.")]
    by: Annotated[str, Field(min_length=1, max_length=253, description="Who did it.")]
    reason: Annotated[str, Field(min_length=1, max_length=1024, description="Why.")]


class CircuitBreaker(Model):
    """After so many failures in a row nothing starts for a while; then one is tried."""

    failures: Annotated[int, Field(ge=1, le=100, description="Failures in a row that open it.")] = 3
    pause: Annotated[
        DurationText,
        Field(
            description="How long after the last failure nothing starts; then one is tried.",
            json_schema_extra=cel(
                ("duration(self) >= duration('1m') && duration(self) <= duration('168h')", "pause is from 1m to 168h")
            ),
        ),
    ] = timedelta(hours=1)
    inconclusive: Annotated[
        InconclusiveOutcome, Field(description="Whether an Inconclusive outcome is a failure here.")
    ] = InconclusiveOutcome.COUNTS
    reset: Annotated[BreakerReset | None, Field(description="The last reset; `vanguard breaker reset` writes it.")] = (
        None
    )


class AutomationPolicySpec(Model):
    """What may be done to which workloads. The default observes and does nothing."""

    mode: Annotated[Mode, Field(description="Ceiling for all actions below.")] = Mode.OBSERVE
    suspend: Annotated[bool, Field(description="Nothing new starts while true.")] = False
    workloads: Annotated[
        tuple[WorkloadConsent, ...],
        Field(min_length=1, max_length=32, description="Which workloads.", json_schema_extra=keyed_by("name")),
    ]
    actions: Annotated[
        tuple[ActionConsent, ...],
        Field(max_length=16, description="Allowed actions; none allows none.", json_schema_extra=keyed_by("type")),
    ] = ()
    windows: Annotated[
        tuple[Window, ...],
        Field(
            max_length=16, description="When actions may start; one open is enough.", json_schema_extra=keyed_by("name")
        ),
    ] = ()
    freezes: Annotated[
        tuple[Freeze, ...],
        Field(max_length=32, description="When nothing starts at all.", json_schema_extra=keyed_by("name")),
    ] = ()
    limits: Annotated[Limits, Field(description="Bounds over all actions of the policy.")] = Limits()
    stability: Annotated[Stability, Field(description="How long a target must be left in peace.")] = Stability()
    circuit_breaker: Annotated[CircuitBreaker, Field(description="When failures stop everything.")] = CircuitBreaker()
    approvals: Annotated[Approvals, Field(description="Who may approve, and how far ahead.")] = Approvals()
    time_zone: Annotated[
        str,
        Field(
            min_length=1, max_length=64, pattern=ZONE_PATTERN, description="IANA zone whose days and weeks budgets use."
        ),
    ] = "UTC"


class BreakerState(StrEnum):
    """Whether anything may start."""

    CLOSED = "Closed"
    OPEN = "Open"
    HALF_OPEN = "HalfOpen"


class BreakerStatus(Model):
    """How the policy's circuit breaker stands."""

    state: Annotated[BreakerState, Field(description="Closed: things may start. Open: none. HalfOpen: one is tried.")]
    failures: Annotated[int, Field(description="Failures in a row.")] = 0
    opened_at: Annotated[Time | None, Field(description="When the last of them ended; absent while Closed.")] = None
    retry_at: Annotated[Time | None, Field(description="When one intervention may be tried.")] = None


class AutomationPolicyStatus(Model):
    """Whether the policy can be obeyed, and how its breaker stands."""

    observed_generation: Annotated[int | None, Field(description="The metadata.generation this speaks of.")] = None
    conditions: Annotated[Conditions, Field(description="Ready: whether the policy can be obeyed.")] = ()
    breaker: Annotated[BreakerStatus | None, Field(description="How the circuit breaker stands.")] = None
