"""Settings: every one a VANGUARD_* environment variable, with its default, bound and meaning in one place."""

import os
import re
import socket
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from vanguard.durations import format_duration, parse_duration
from vanguard.errors import SettingsError

PREFIX = "VANGUARD_"
# What Kubernetes puts into pods beside a Service named vanguard.
_SERVICE_LINK = re.compile(r"^VANGUARD_(SERVICE_(HOST|PORT)|PORT)(_|$)")


Span = Annotated[timedelta, BeforeValidator(parse_duration), Field(ge=timedelta(seconds=1), le=timedelta(days=7))]
Optional = Annotated[Path | None, BeforeValidator(lambda text: text or None)]


class Settings(BaseModel):
    """What a person may set. Durations are Go-style, such as 15m."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prometheus_url: Annotated[
        str,
        Field(pattern=r"^https?://[^\s]+$", description="Base URL of Prometheus, or of what speaks its API."),
    ] = "http://prometheus-operated.monitoring:9090"
    prometheus_timeout: Annotated[Span, Field(description="Time-out of one query.")] = timedelta(seconds=10)
    prometheus_token_file: Annotated[Optional, Field(description="File with a bearer token, read at each query.")] = (
        None
    )
    prometheus_ca_file: Annotated[
        Optional, Field(description="File with the CA that signed Prometheus' certificate.")
    ] = None
    notifiers_file: Annotated[
        Optional, Field(description="YAML file that says who is told what; empty: people are told by the log only.")
    ] = None
    repositories_file: Annotated[
        Optional,
        Field(description="YAML file that names the git repositories that may be written to; empty: none may."),
    ] = None
    runbook_url: Annotated[
        str,
        Field(
            pattern=r"^[^\s#]{1,500}$",
            description="Where docs/runbook.md can be read; messages name its section for their reason.",
        ),
    ] = "docs/runbook.md"
    namespace: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            description="The operator's own namespace: its Lease and the ceilings.",
        ),
    ] = "vanguard-system"
    identity: Annotated[
        str,
        Field(min_length=1, default_factory=socket.gethostname, description="Who holds the Lease; a pod's name."),
    ]
    detection_interval: Annotated[Span, Field(description="Time between two evaluations of all patterns.")] = timedelta(
        minutes=15
    )
    reconcile_interval: Annotated[Span, Field(description="Time between two looks at an Intervention in progress.")] = (
        timedelta(seconds=10)
    )
    query_step: Annotated[
        Span, Field(ge=timedelta(seconds=10), le=timedelta(minutes=5), description="Spacing of samples asked for.")
    ] = timedelta(minutes=1)
    query_shard_series: Annotated[int, Field(ge=1, le=100_000, description="Most series asked for in one query.")] = (
        5000
    )
    query_concurrency: Annotated[int, Field(ge=1, le=64, description="Most queries under way at once.")] = 4
    storm_targets: Annotated[
        int, Field(ge=1, le=100_000, description="When more targets than this trend together, nothing starts.")
    ] = 10
    storm_percent: Annotated[
        int,
        Field(
            ge=1, le=100, description="Nor when this share of all watched targets trends together; from 5 targets on."
        ),
    ] = 30
    http_host: Annotated[str, Field(description="Address of /healthz, /readyz and /metrics.")] = "0.0.0.0"  # noqa: S104 - a pod is reached from outside itself
    http_port: Annotated[int, Field(ge=1, le=65535, description="Port of the same.")] = 8080
    lease_name: Annotated[str, Field(min_length=1, max_length=253, description="The leader's Lease.")] = "vanguard"
    lease_duration: Annotated[Span, Field(description="How long a leader is believed without renewal.")] = timedelta(
        seconds=15
    )
    lease_renew_deadline: Annotated[Span, Field(description="A leader that cannot renew for so long ends itself.")] = (
        timedelta(seconds=10)
    )
    lease_retry_period: Annotated[Span, Field(description="Time between two tries to get or renew it.")] = timedelta(
        seconds=2
    )
    api_timeout: Annotated[Span, Field(description="Time-out of one request to the API server.")] = timedelta(
        seconds=10
    )
    log_level: Annotated[str, Field(pattern="^(debug|info|warning|error)$", description="Least level logged.")] = "info"

    @model_validator(mode="after")
    def _lease_times_fit(self) -> Self:
        """A leader must give up before another may take over: retry * 2.4 < renew deadline, + 2 tries <= duration."""
        retry, deadline, duration = self.lease_retry_period, self.lease_renew_deadline, self.lease_duration
        if not (2.4 * retry < deadline and deadline + 2 * retry <= duration):
            raise ValueError(
                f"VANGUARD_LEASE_RETRY_PERIOD {format_duration(retry)} times 2.4 must be below "
                f"VANGUARD_LEASE_RENEW_DEADLINE {format_duration(deadline)}, and that plus two retry periods at most "
                f"VANGUARD_LEASE_DURATION {format_duration(duration)}"
            )
        return self


def variable(field: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + field.upper()


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environment: variables to read instead of the process's own.

    Raises:
        SettingsError: naming each variable that is unknown or out of bounds, its value and the bound.
    """
    environment = os.environ if environment is None else environment
    given = {
        name: value for name, value in environment.items() if name.startswith(PREFIX) and not _SERVICE_LINK.match(name)
    }
    known = {variable(field): field for field in Settings.model_fields}
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise SettingsError(f"unknown settings {', '.join(unknown)}; `vanguard settings` lists those there are")
    try:
        return Settings.model_validate({known[name]: value for name, value in given.items()})
    except ValidationError as error:
        raise SettingsError("; ".join(_told(problem) for problem in error.errors())) from error


def _told(problem: Any) -> str:
    if not problem["loc"]:
        return str(problem["msg"])
    name = variable(str(problem["loc"][0]))
    return f"{name} is {problem['input']!r}: {problem['msg']}"


def described() -> Iterator[tuple[str, str, str]]:
    """Each setting's variable, default and meaning."""
    for name, field in Settings.model_fields.items():
        default = "(host name)" if field.default_factory else _text(field.default)
        yield variable(name), default, field.description or ""


def _text(value: object) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    return "" if value is None else str(value)
