"""Kubernetes Events: told once per transition, never in the way of the work."""

import hashlib
import logging
from typing import Any

from vanguard.api.base import API_VERSION, format_time
from vanguard.api.reasons import runbook_section
from vanguard.errors import AlreadyExists, ClusterError
from vanguard.reconcilers.context import Context

_log = logging.getLogger(__name__)
COMPONENT = "vanguard"
_MAX_MESSAGE = 1024
_API_VERSIONS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "Intervention": API_VERSION,
    "AutomationPolicy": API_VERSION,
    "Lease": "coordination.k8s.io/v1",
}


async def tell(
    ctx: Context,
    *,
    kind: str,
    namespace: str,
    name: str,
    uid: str,
    reason: str,
    message: str,
    warning: bool,
    once: str,
) -> bool:
    """Write an Event about an object.

    Args:
        ctx: the process.
        kind: the object's kind; with namespace, name and uid it says what the Event is about.
        namespace: see kind.
        name: see kind.
        uid: see kind.
        reason: CamelCase.
        message: for people; the reason's section of the runbook is added.
        warning: whether it is a Warning.
        once: what makes the Event unique; told twice, the server refuses the second.

    Returns:
        False if it was there already; True also where the server could not say.
    """
    now = format_time(ctx.clock.now())
    digest = hashlib.sha256(f"{uid}/{reason}/{once}".encode()).hexdigest()[:16]
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name[:200]}.{digest}", "namespace": namespace},
        "involvedObject": {
            "apiVersion": _API_VERSIONS[kind],
            "kind": kind,
            "namespace": namespace,
            "name": name,
            "uid": uid,
        },
        "reason": reason,
        "message": _with_section(message, runbook_section(ctx.settings.runbook_url, reason)),
        "type": "Warning" if warning else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": ctx.settings.identity,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        await ctx.cluster.create("Event", namespace, body)
    except AlreadyExists:
        return False
    except ClusterError as error:
        _log.warning("Event %s on %s %s/%s could not be written: %s", reason, kind, namespace, name, error)
    return True


def _with_section(message: str, section: str) -> str:
    """The message, cut where it must be, and where to read on."""
    return f"{message[: _MAX_MESSAGE - len(section) - 3]} [{section}]"
