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


class WorkloadConsent(Model):
    """Some workloads, what they are, and what of them may be tuned."""

    name: Name = "default"
    selector: LabelSelector
    service_type: Name
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


class Notification(StrEnum):
    """How loudly people are told."""

    INFO = "Info"
    ALERT = "Alert"
    APPROVAL_REQUIRED = "ApprovalRequired"


class ActionConsent(Model):
    """What one type of action may do, how often, when, and what follows if it did not help."""

    type: ActionType
    enabled: bool = True
    mode: Mode = Mode.OBSERVE
    max_per_day: Annotated[int, Field(ge=0, le=1000)] = 2
    max_per_week: Annotated[int, Field(ge=0, le=5000)] = 7
    min_confidence_percent: Annotated[Percent, Field(ge=50)] = 90
    window: WindowUse = WindowUse.REQUIRED
    rollback: Annotated[
        Rollback,
        Field(
            description="Mandatory: all that is not Improved is undone. "
            "BestEffort: Degraded is undone; a Neutral change is left and reported as Failed."
        ),
    ] = Rollback.MANDATORY
    on_inconclusive: OnInconclusive = OnInconclusive.UNDO
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
    min_healthy_percent: Annotated[Percent, Field(description="Ready replicas needed before anything starts.")] = 51


class Stability(Model):
    """How long a target must have been left in peace before it is touched."""

    quiet_for: DurationText = timedelta(minutes=15)


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


class AutomationPolicyStatus(Model):
    """Whether the policy can be obeyed."""

    observed_generation: int | None = None
    conditions: Conditions = ()
