"""AutomationPolicy: a team's consent. Without one in its namespace, a workload is never touched."""

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

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

# Five fields of digits, names, lists, ranges and steps. Whether it ever fires is told in the policy's conditions.
CRON_PATTERN = r"^([0-9A-Za-z*,/#-]+\s+){4}[0-9A-Za-z*,/#-]+$"
ZONE_PATTERN = r"^[A-Za-z]+([A-Za-z0-9_+-]*)(/[A-Za-z0-9_+-]+){0,2}$"


class LabelSelector(Model):
    """Which workloads are meant. An empty selector selects nothing."""

    match_labels: Annotated[dict[str, str], Field(max_length=16)] = {}


class ConfigMapKey(Model):
    """A key of a ConfigMap in the policy's namespace."""

    name: ObjectName
    key: Annotated[str, Field(min_length=1, max_length=253)]


class EnvVar(Model):
    """A literal environment variable of a container."""

    container: Name
    name: Annotated[str, Field(min_length=1, max_length=253)]


class Location(Model):
    """Where a tunable's value lives."""

    model_config = {
        "json_schema_extra": cel(
            ("has(self.configMapKey) != has(self.env)", "exactly one of configMapKey and env is needed")
        )
    }
    config_map_key: ConfigMapKey | None = None
    env: EnvVar | None = None


class Reload(StrEnum):
    """How a changed value reaches the program."""

    RESTART = "Restart"
    LIVE = "Live"


class Invariant(Model):
    """What must be true with the new value, or the change is not made."""

    name: Name
    rule: Annotated[
        str,
        Field(
            min_length=3,
            max_length=200,
            description="Two sums or products compared by <=, <, >= or >, such as "
            "(replicas + surge) * value + 10 <= max_connections. `value` is the new value, `replicas` the most the "
            "workload may have (its HorizontalPodAutoscaler's maximum counts), `surge` the pods a rollout adds; every "
            "other name is a fact of the IssuePattern.",
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
    name: Name
    location: Location
    min: Annotated[int, Field(ge=0, le=1_000_000_000)]
    max: Annotated[int, Field(ge=0, le=1_000_000_000)]
    step: Annotated[int, Field(ge=1, le=1_000_000_000, description="Values are whole multiples of it above min.")] = 1
    reload: Reload = Reload.RESTART
    max_total_increase_percent: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="How far above the value found before the operator's own first change it may be raised in all.",
        ),
    ] = 100
    invariants: Annotated[tuple[Invariant, ...], Field(max_length=4, json_schema_extra=keyed_by("name"))] = ()


Dependency = Annotated[
    str,
    Field(min_length=1, max_length=127, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?/)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"),
]


class WorkloadConsent(Model):
    """Some workloads, what they are, and what of them may be tuned."""

    name: Name = "default"
    selector: LabelSelector
    service_type: Name
    depends_on: Annotated[
        tuple[Dependency, ...],
        Field(
            max_length=16,
            description="What these workloads depend on, such as a database: a name in this namespace, or "
            "namespace/name. When several that trend name the same, all of them are held.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = ()
    tunables: Annotated[tuple[Tunable, ...], Field(max_length=16, json_schema_extra=keyed_by("name"))] = ()


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
    type: ActionType
    enabled: bool = True
    mode: Mode = Mode.OBSERVE
    max_per_day: Annotated[int, Field(ge=0, le=1000)] = 2
    max_per_week: Annotated[int, Field(ge=0, le=5000)] = 7
    min_confidence_percent: Annotated[Percent, Field(ge=50)] = 90
    min_effectiveness_percent: Annotated[
        Percent, Field(description="Least share of Improved among the pattern's outcomes, its prior counted in.")
    ] = 50
    window: WindowUse = WindowUse.REQUIRED
    rollback: Annotated[
        Rollback,
        Field(
            description="Mandatory: all that is not Improved is undone. "
            "BestEffort: Degraded is undone; a Neutral change is left and reported as Failed."
        ),
    ] = Rollback.MANDATORY
    on_inconclusive: OnInconclusive = OnInconclusive.UNDO
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

    name: Name
    schedule: Annotated[str, Field(min_length=9, max_length=100, pattern=CRON_PATTERN)]
    duration: Annotated[
        DurationText,
        Field(
            json_schema_extra=cel(
                (
                    "duration(self) >= duration('1m') && duration(self) <= duration('168h')",
                    "a window lasts from 1m to 168h",
                )
            )
        ),
    ]
    time_zone: Annotated[str, Field(min_length=1, max_length=64, pattern=ZONE_PATTERN)] = "UTC"


class Freeze(Model):
    """A time in which nothing starts, whatever the windows say."""

    model_config = {"json_schema_extra": cel(("self.from < self.until", "from must be before until"))}
    name: Name
    from_: Annotated[Time, Field(alias="from")]
    until: Time
    reason: Annotated[str, Field(max_length=256)] = ""


class Limits(Model):
    """Bounds over all actions of the policy."""

    max_concurrent: Annotated[int, Field(ge=1, le=100)] = 1
    cooldown: DurationText = timedelta(hours=1)
    max_per_target_per_day: Annotated[int, Field(ge=0, le=100)] = 2
    max_per_namespace_per_day: Annotated[
        int,
        Field(ge=0, le=1000, description="Of all actions together; in the operator's namespace, of the whole cluster."),
    ] = 10
    min_healthy_percent: Annotated[Percent, Field(description="Ready replicas needed before anything starts.")] = 51


def _matchable(labels: dict[str, str]) -> dict[str, str]:
    """Labels that may be asked for: the namespace and the state are not the tenant's to choose."""
    for name in labels:
        if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}", name) or name in {"namespace", "alertstate", "__name__"}:
            raise ValueError(
                f"{name!r} must be a label name of at most 63 characters, and none of namespace, alertstate, __name__"
            )
    return labels


class Stability(Model):
    """How long a target must have been left in peace before it is touched."""

    quiet_for: DurationText = timedelta(minutes=15)
    alerts_matcher: Annotated[
        dict[str, Annotated[str, Field(max_length=253)]],
        Field(
            max_length=8,
            description="Exact labels of Prometheus alerts, such as severity: critical. While such an alert fires in "
            "the workload's namespace, nothing starts. Empty: not asked.",
        ),
        AfterValidator(_matchable),
    ] = {}


class Approvals(Model):
    """Who may approve, and for how long an approval may wait."""

    model_config = {
        "json_schema_extra": cel(
            ("self.authorMayApprove || has(self.author)", "author is needed where authorMayApprove is false"),
            (
                "duration(self.maxAge) >= duration('1m') && duration(self.maxAge) <= duration('168h')",
                "maxAge is from 1m to 168h",
            ),
        )
    }
    max_age: Annotated[DurationText, Field(description="Longest time to expiresAt that an approval may ask for.")] = (
        timedelta(hours=24)
    )
    author_may_approve: bool = True
    author: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=253,
            description="Who last wrote this spec; where authorMayApprove is false the server holds them to it.",
        ),
    ] = None


class InconclusiveOutcome(StrEnum):
    """Whether an outcome that could not be measured opens the breaker."""

    COUNTS = "Counts"
    IGNORED = "Ignored"


class BreakerReset(Model):
    """A person closed the breaker; what failed before does not count any more."""

    at: Time
    by: Annotated[str, Field(min_length=1, max_length=253)]
    reason: Annotated[str, Field(min_length=1, max_length=1024)]


class CircuitBreaker(Model):
    """After so many failures in a row nothing starts for a while; then one is tried."""

    failures: Annotated[int, Field(ge=1, le=100)] = 3
    pause: Annotated[
        DurationText,
        Field(
            json_schema_extra=cel(
                ("duration(self) >= duration('1m') && duration(self) <= duration('168h')", "pause is from 1m to 168h")
            )
        ),
    ] = timedelta(hours=1)
    inconclusive: InconclusiveOutcome = InconclusiveOutcome.COUNTS
    reset: BreakerReset | None = None


class AutomationPolicySpec(Model):
    """What may be done to which workloads. The default observes and does nothing."""

    mode: Annotated[Mode, Field(description="Ceiling for all actions below.")] = Mode.OBSERVE
    suspend: Annotated[bool, Field(description="Nothing new starts while true.")] = False
    workloads: Annotated[
        tuple[WorkloadConsent, ...],
        Field(min_length=1, max_length=32, json_schema_extra=keyed_by("name")),
    ]
    actions: Annotated[tuple[ActionConsent, ...], Field(max_length=16, json_schema_extra=keyed_by("type"))] = ()
    windows: Annotated[tuple[Window, ...], Field(max_length=16, json_schema_extra=keyed_by("name"))] = ()
    freezes: Annotated[tuple[Freeze, ...], Field(max_length=32, json_schema_extra=keyed_by("name"))] = ()
    limits: Limits = Limits()
    stability: Stability = Stability()
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    approvals: Approvals = Approvals()
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

    state: BreakerState
    failures: Annotated[int, Field(description="Failures in a row.")] = 0
    opened_at: Time | None = None
    retry_at: Annotated[Time | None, Field(description="When one intervention may be tried.")] = None


class AutomationPolicyStatus(Model):
    """Whether the policy can be obeyed, and how its breaker stands."""

    observed_generation: int | None = None
    conditions: Conditions = ()
    breaker: BreakerStatus | None = None
