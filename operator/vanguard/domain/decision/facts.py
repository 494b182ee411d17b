"""Everything a decision may look at, gathered beforehand; and the three things a gate can say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from vanguard.api.base import Mode
from vanguard.api.intervention import Change
from vanguard.api.kinds import Intervention, IssuePattern
from vanguard.api.reasons import GateVerdict, Reason
from vanguard.domain.alert import Alert
from vanguard.domain.change import Impossible
from vanguard.domain.consent import Consent, lower
from vanguard.domain.diagnosis import Assessment
from vanguard.domain.disruption import Budget
from vanguard.domain.history import History
from vanguard.domain.overrides import Overrides
from vanguard.domain.ownership import Claim
from vanguard.domain.reading import Reading
from vanguard.domain.storm import Storm
from vanguard.domain.vitals import Vitals
from vanguard.domain.workload import Crash, Workload


@dataclass(frozen=True)
class Near:
    """What is near the target and costs reads of its own; None is what could not be read.

    Attributes:
        budgets: the PodDisruptionBudgets that speak of the target's pods.
        lacking: sentences on quotas that do not admit the pods a rollout adds.
        fitting: how many of those pods the nodes have room for.
        alerts: names of the alerts that the policies ask about and that fire.
        most_replicas: the most replicas the target may have; also None where no invariant names them.
        facts: those of the pattern that the invariants name, by name.
        saturation: what the pattern says must not be at its limit, by name.
    """

    budgets: tuple[Budget, ...] | None = None
    lacking: tuple[str, ...] | None = None
    fitting: int | None = None
    alerts: tuple[str, ...] | None = None
    most_replicas: int | None = None
    facts: Mapping[str, Reading] = field(default_factory=dict)
    saturation: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """The plain record a decision is made from. None always means unknown or absent, never fine.

    Attributes:
        trouble: sentences on policies that apply or might apply and cannot be read.
        alert: the pattern's alert on the target as detection sees it; None before its first cycle.
        assessment: the newest evaluation of the target.
        fresh: whether that evaluation is recent enough to act on.
        change: the planned change, or why it is impossible; None when it could not be read.
        crashed: the newest crash of a container of the target; None when the kubelet tells of none.
        vitals: the operator's own senses; None when they were not examined lately.
        storm: what trends together; None before detection's first cycle.
        near: None before it was read, which is done when all cheaper gates pass.
        uncommittable: where a GitOps tool owns it and a policy names a repository, why no commit can be made.
        claims: who else owns what would be written; None when that is not known.
        dry_run: None before it was tried, else empty, or the server's refusal.
    """

    now: datetime
    intervention: Intervention
    pattern: IssuePattern | None
    consent: Consent | None
    overrides: Overrides
    alert: Alert | None
    assessment: Assessment | None
    fresh: bool
    history: History
    workload: Workload | None
    disturbed_at: datetime | None
    crashing: tuple[str, ...]
    change: Change | Impossible | None
    dry_run: str | None
    dry_run_reason: Reason = Reason.DRY_RUN_REFUSED
    trouble: tuple[str, ...] = ()
    crashed: Crash | None = None
    vitals: Vitals | None = None
    storm: Storm | None = None
    near: Near | None = None
    claims: tuple[Claim, ...] | None = None
    uncommittable: Impossible | None = None

    @property
    def mode(self) -> Mode:
        """What the policies allow, lowered by what people annotated."""
        return Mode.OBSERVE if self.consent is None else lower(self.consent.mode, self.overrides.mode)


@dataclass(frozen=True)
class Answer:
    """What one gate says."""

    verdict: GateVerdict
    reason: Reason
    message: str
    next_open: datetime | None = None


def passes(reason: Reason, message: str = "") -> Answer:
    """Go on."""
    return Answer(GateVerdict.PASS, reason, message or reason.sentence)


def holds(reason: Reason, message: str = "", next_open: datetime | None = None) -> Answer:
    """Not now; look again."""
    return Answer(GateVerdict.HOLD, reason, message or reason.sentence, next_open)


def denies(reason: Reason, message: str = "") -> Answer:
    """Not in this episode."""
    return Answer(GateVerdict.DENY, reason, message or reason.sentence)
