"""kopf's calls about AutomationPolicies."""

from typing import Any

import kopf

from vanguard.api.base import GROUP, VERSION
from vanguard.handlers.process import reconcile_policy


@kopf.on.event(GROUP, VERSION, "automationpolicies")
async def noticed(*, type: str, namespace: str | None, name: str, **_: Any) -> None:  # noqa: A002 - kopf's name for it
    """A policy appeared or changed: say whether it can be obeyed."""
    if type != "DELETED":
        await reconcile_policy(namespace or "", name)
