"""What all kinds share: the model base, text types that never lose a digit, names of group and annotations."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from vanguard.durations import DURATION_PATTERN, format_duration, parse_duration

GROUP = "vanguard.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
# Holds the deletion of an Intervention in flight until its change is undone.
FINALIZER = f"{GROUP}/undo-before-release"

DECIMAL_PATTERN = r"^-?[0-9]{1,15}(\.[0-9]{1,9})?$"
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


def parse_decimal(text: object) -> Decimal:
    """A decimal given as a string, so that 0.1 stays 0.1 on its way through JSON.

    Raises:
        ValueError: for a float or an int (quote it) and for text that is no number.
    """
    if isinstance(text, Decimal):
        return text
    if not isinstance(text, str) or not re.fullmatch(DECIMAL_PATTERN.strip("^$"), text):
        raise ValueError(f'{text!r} is not a decimal string: write it in quotes, such as "95" or "0.5"')
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a decimal number") from error


def format_time(at: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as Kubernetes writes times."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: object) -> datetime:
    """An RFC 3339 time with its zone.

    Raises:
        ValueError: when the text is no time, or has no zone (a local time means nothing to a cluster).
    """
    try:
        at = text if isinstance(text, datetime) else datetime.fromisoformat(str(text).upper())
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # told below, with what a time looks like
    raise ValueError(f"{text!r} is not an RFC 3339 time with a zone, such as 2026-12-20T00:00:00Z")


DurationText = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "minLength": 2, "maxLength": 20}),
]
DecimalText = Annotated[
    Decimal,
    BeforeValidator(parse_decimal),
    PlainSerializer(lambda value: format(value, "f")),
    WithJsonSchema({"type": "string", "pattern": DECIMAL_PATTERN, "maxLength": 26}),
]
Time = Annotated[
    datetime,
    BeforeValidator(parse_time),
    PlainSerializer(format_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Name = Annotated[str, Field(min_length=1, max_length=63, pattern=NAME_PATTERN)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253)]
Label = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
Query = Annotated[str, Field(min_length=1, max_length=4096)]
Percent = Annotated[int, Field(ge=0, le=100)]
Sentence = Annotated[str, Field(max_length=1024)]


class Model(BaseModel):
    """A frozen record, camelCase on the wire, that refuses fields it does not know."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_enum_values=False
    )

    def wire(self) -> dict[str, Any]:
        """The JSON form Kubernetes stores: camelCase, nothing that is None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def cel(*rules: tuple[str, str]) -> dict[str, Any]:
    """A `json_schema_extra` of CEL rules, each (expression, message), that the API server itself enforces."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in rules]}


def keyed_by(*keys: str) -> dict[str, Any]:
    """A `json_schema_extra` for a list whose items are told apart by these fields."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


class ConditionStatus(StrEnum):
    """What Kubernetes lets a condition say."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """A standard condition (metav1.Condition): the part of a status other programs may rely on."""

    type: Annotated[str, Field(max_length=64, description="What is said to be so or not.")]
    status: Annotated[ConditionStatus, Field(description="Whether it is.")]
    reason: Annotated[str, Field(max_length=64, description="Why, in one word; docs/runbook.md has a section for it.")]
    message: Annotated[Sentence, Field(description="Why, for people.")] = ""
    observed_generation: Annotated[int | None, Field(description="The metadata.generation this speaks of.")] = None
    last_transition_time: Annotated[Time, Field(description="When the status last changed.")]


Conditions = Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=keyed_by("type"))]


class WorkloadKind(StrEnum):
    """The workloads Vanguard can act on."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


class Mode(StrEnum):
    """How much the operator may do alone, least first."""

    OBSERVE = "Observe"
    APPROVE = "Approve"
    AUTO = "Auto"


class ActionType(StrEnum):
    """The closed catalogue of changes."""

    TUNE_POOL = "TunePool"
    RESTART_ROLLOUT = "RestartRollout"
    # Known, so that patterns and policies can name it, and never automated: it only ever asks a person.
    DEPLOY_CODE = "DeployCode"


class Notification(StrEnum):
    """How loudly people are told."""

    INFO = "Info"
    ALERT = "Alert"
    APPROVAL_REQUIRED = "ApprovalRequired"


class Annotation(StrEnum):
    """The annotations people and the operator write; all under our own prefix."""

    AUTOMATION = f"{GROUP}/automation"
    PAUSED_UNTIL = f"{GROUP}/paused-until"
    ABORT = f"{GROUP}/abort"
    ROLLBACK = f"{GROUP}/rollback"
    LEASE_UNTIL = f"{GROUP}/lease-until"
    MARKER = f"{GROUP}/intervention"
    SAMPLES = f"{GROUP}/samples"
    RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
