"""The circuit breaker: after several failures in a row nothing new starts, then one is tried.

A pure fold over retained Interventions, so that a restart, a second replica or a clock that jumps loses nothing:
the state is whatever the outcomes say. Nygard, "Release It!" (2007), names the three states.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from vanguard.api.policy import BreakerState
from vanguard.domain.history import Outcome, Started

# What binds where no policy in the operator's namespace says otherwise.
DEFAULT_FAILURES = 5
DEFAULT_PAUSE = timedelta(hours=1)
DEFAULT_POLICY = "the built-in default"


@dataclass(frozen=True)
class BreakerRule:
    """When a breaker opens.

    Attributes:
        policy: the name of the policy that says so.
        namespace: whose Interventions are counted; empty for the whole cluster.
        failures: how many in a row open it.
        pause: how long after the last failure nothing starts.
        counts_inconclusive: whether an outcome that could not be measured is a failure.
        reset_at: when a person last closed it; what ended before does not count. A time that has not come yet says
            nothing: else it would excuse failures that are still to happen.
    """

    policy: str
    namespace: str = ""
    failures: int = DEFAULT_FAILURES
    pause: timedelta = DEFAULT_PAUSE
    counts_inconclusive: bool = True
    reset_at: datetime | None = None

    @property
    def where(self) -> str:
        """What it guards, in words."""
        return f"namespace {self.namespace}" if self.namespace else "the cluster"


CLUSTER_DEFAULT = BreakerRule(policy=DEFAULT_POLICY)


@dataclass(frozen=True)
class Breaker:
    """How a breaker stands.

    Attributes:
        failures: failures in a row, newest last counted.
        opened_at: when the last of them ended; None while it is closed.
        retry_at: when one may be tried; None while it is closed.
        probe: the name of the one being tried.
        closed_at: while it is closed, when a success last closed it; None where that never happened.
    """

    state: BreakerState
    failures: int = 0
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    probe: str = ""
    closed_at: datetime | None = None


def breaker_of(rule: BreakerRule, started: Iterable[Started], now: datetime) -> Breaker:
    """Fold outcomes in the order in which they became known.

    Args:
        rule: when it opens.
        started: every retained Intervention that was admitted.
        now: the present.
    """
    own = [entry for entry in started if not rule.namespace or entry.namespace == rule.namespace]
    failures, last, closed_at = 0, None, None
    forgiven = rule.reset_at if rule.reset_at is not None and rule.reset_at <= now else None
    # Of those that ended in the same second the failures come last: in doubt it stays open.
    for entry in sorted(own, key=lambda entry: (entry.ended_at or now, entry.outcome is not Outcome.HELPED)):
        if entry.ended_at is None or (forgiven is not None and entry.ended_at <= forgiven):
            continue
        if entry.outcome is Outcome.HELPED:
            closed_at = entry.ended_at if failures >= rule.failures else closed_at
            failures = 0
        elif _is_failure(entry.outcome, rule):
            failures, last = failures + 1, entry.ended_at
    if failures < rule.failures or last is None:
        return Breaker(BreakerState.CLOSED, failures, closed_at=closed_at)
    retry_at = last + rule.pause
    if now < retry_at:
        return Breaker(BreakerState.OPEN, failures, last, retry_at)
    probes = sorted(entry.name for entry in own if entry.in_flight and entry.started_at >= retry_at)
    return Breaker(BreakerState.HALF_OPEN, failures, last, retry_at, next(iter(probes), ""))


def _is_failure(outcome: Outcome, rule: BreakerRule) -> bool:
    return outcome is Outcome.FAILED or (outcome is Outcome.UNMEASURED and rule.counts_inconclusive)
