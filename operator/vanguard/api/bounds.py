"""What a policy asks of all its actions together: limits, peace of the target, and who may approve."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from vanguard.api.base import DurationText, Model, Percent, cel


class Limits(Model):
    """Bounds over all actions of the policy."""

    max_concurrent: Annotated[
        int,
        Field(ge=1, le=100, description="In flight at once in the namespace; in the operator's, in the whole cluster."),
    ] = 1
    cooldown: Annotated[
        DurationText, Field(description="Rest of a target after each; doubled per one that did not help, up to 24h.")
    ] = timedelta(hours=1)
    max_per_target_per_day: Annotated[int, Field(ge=0, le=100, description="Of all actions on one workload.")] = 2
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

    quiet_for: Annotated[DurationText, Field(description="Least time since a pod was made, ended or crashed.")] = (
        timedelta(minutes=15)
    )
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
    author_may_approve: Annotated[bool, Field(description="Whether spec.approvals.author may approve too.")] = True
    author: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=253,
            description="Who last wrote this spec; where authorMayApprove is false the server holds them to it.",
        ),
    ] = None
