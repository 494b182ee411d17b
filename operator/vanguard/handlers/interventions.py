"""kopf's calls about Interventions. A body handed in may be stale: only its name is taken from it."""

from typing import Any

import kopf

from vanguard.api.base import GROUP, VERSION
from vanguard.api.intervention import Phase
from vanguard.domain import leases
from vanguard.domain.phases import IN_FLIGHT, TERMINAL
from vanguard.handlers.process import operator_settings, reconcile_intervention

RESOURCE = (GROUP, VERSION, "interventions")


_LONGEST_PAUSE = 60.0
# A lease is of hours at least, and there may be many: they are looked at more rarely.
_LEASE_LOOK = 6 * operator_settings.reconcile_interval.total_seconds()


def _patience(retry: int) -> float:
    """Seconds until a deletion is looked at again: the reconcile interval, doubled each time, at most a minute."""
    return min(operator_settings.reconcile_interval.total_seconds() * (1 << min(retry, 6)), _LONGEST_PAUSE)


def _phase(status: Any) -> Phase | str:
    """The phase; as it stands there where a newer version knows more of them."""
    phase = str(status.get("phase", "Pending"))
    return Phase(phase) if phase in set(Phase) else phase


def unfinished(status: Any, **_: Any) -> bool:
    """Whether there is still something to do."""
    return _phase(status) not in TERMINAL


def leased(status: Any, **_: Any) -> bool:
    """Whether a change is kept for a while only: it is over, but its end is still to come."""
    return leases.leased(_phase(status), status.get("leaseUntil"))


def in_flight(status: Any, **_: Any) -> bool:
    """Whether a change may be in place that a deletion would orphan."""
    return _phase(status) in IN_FLIGHT


@kopf.on.event(*RESOURCE)
async def noticed(*, namespace: str | None, name: str, **_: Any) -> None:
    """Something about an Intervention changed: look at once."""
    await reconcile_intervention(namespace or "", name)


@kopf.timer(*RESOURCE, interval=operator_settings.reconcile_interval.total_seconds(), when=unfinished)
async def due(*, namespace: str | None, name: str, **_: Any) -> None:
    """Time passes for an Intervention that is not finished: look again."""
    await reconcile_intervention(namespace or "", name)


@kopf.timer(*RESOURCE, interval=_LEASE_LOOK, when=leased)
async def kept(*, namespace: str | None, name: str, **_: Any) -> None:
    """Time passes for a change that is kept for a while: look whether it is over."""
    await reconcile_intervention(namespace or "", name)


@kopf.on.delete(*RESOURCE, when=in_flight)
async def deleted(*, namespace: str | None, name: str, retry: int, **_: Any) -> None:
    """Deleted while its change is in place: the finalizer holds it until the change is undone.

    kopf writes an annotation at each retry, so retries grow rarer; every change of the object is looked at anyway.
    """
    phase = await reconcile_intervention(namespace or "", name)
    if phase is not None and phase not in TERMINAL:
        raise kopf.TemporaryError(f"undoing before release: {phase}", delay=_patience(retry))
