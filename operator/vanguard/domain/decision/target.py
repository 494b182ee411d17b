"""Gates about the target and the change: is it safe to touch it, and can it be changed and put back?"""

from vanguard.api.base import format_time
from vanguard.api.intervention import Change
from vanguard.api.policy import Rollback, Tunable
from vanguard.api.reasons import Reason
from vanguard.domain import eviction
from vanguard.domain.change import Impossible
from vanguard.domain.committing import PASSING
from vanguard.domain.consent import Consent
from vanguard.domain.decision.facts import Answer, Facts, denies, holds, passes
from vanguard.domain.disruption import replacement_by
from vanguard.domain.ownership import Hold
from vanguard.domain.workload import Workload

# What makes a change impossible now and may not do so at the next look.
_FOR_NOW = frozenset({Reason.NOT_PERMITTED, Reason.TARGET_UNHEALTHY})


def target(facts: Facts) -> Answer:
    """Is the workload there, the same, healthy, not mid-rollout, and quiet?"""
    workload, consent = facts.workload, facts.consent
    if workload is None:
        return denies(Reason.TARGET_MISSING)
    if workload.key.uid != facts.intervention.spec.target.uid:
        return denies(Reason.TARGET_REPLACED)
    if consent is None:
        return holds(Reason.NO_POLICY)
    if workload.ready and facts.disturbed_at is None:
        return holds(Reason.TARGET_UNHEALTHY, "its selector's matchLabels find no pods, so nothing is known of them")
    if facts.crashing:
        return holds(Reason.TARGET_UNHEALTHY, f"crashing: {', '.join(facts.crashing)}"[:1000])
    if workload.healthy_percent < max(consent.min_healthy_percent, 1):
        return holds(
            Reason.TARGET_UNHEALTHY,
            f"{workload.ready} of {workload.desired} replicas are ready; {consent.min_healthy_percent} % are needed",
        )
    if not workload.rollout_complete:
        return holds(Reason.ROLLOUT_IN_PROGRESS)
    return _restless(facts, consent) or _too_few(facts, workload, consent) or passes(Reason.TARGET_HEALTHY)


def _restless(facts: Facts, consent: Consent) -> Answer | None:
    """Whether a container crashed, or a pod was made or ended, too recently; a crash has its own name."""
    crash, changed = facts.crashed, facts.disturbed_at
    if crash is not None and facts.now < (quiet := crash.at + consent.quiet_for):
        why = f"{crash.pod}: {crash.why}"[:900]
        return holds(Reason.RECENTLY_CRASHED, f"{why}; left in peace until {format_time(quiet)}", quiet)
    if changed is not None and facts.now < (quiet := changed + consent.quiet_for):
        return holds(Reason.RECENTLY_CHANGED, f"left in peace until {format_time(quiet)}", quiet)
    return None


def _too_few(facts: Facts, workload: Workload, consent: Consent) -> Answer | None:
    """Whether the change's own rollout would leave fewer ready replicas than the policy wants."""
    if not (isinstance(facts.change, Change) and facts.change.rollout):
        return None
    left = min(workload.ready, workload.desired - replacement_by(facts.change, workload).missing)
    if 100 * left >= consent.min_healthy_percent * workload.desired:
        return None
    how, instead = "its rollout", "; maxSurge 1 with maxUnavailable 0 takes none away"
    if facts.change.evictions:
        how, instead = "evicting one pod", ""
    return holds(
        Reason.TOO_FEW_REPLICAS,
        f"{how} would leave {left} of {workload.desired} replicas ready; {consent.min_healthy_percent} % are "
        f"needed (limits.minHealthyPercent){instead}",
    )


def declared_in_git(facts: Facts) -> Tunable | None:
    """The tunable, where a GitOps tool owns what would be written and a policy says where it is declared."""
    if facts.consent is None or not any(claim.hold is Hold.GITOPS for claim in facts.claims or ()):
        return None
    tunable = facts.consent.tunables.get(facts.intervention.spec.action.tunable or "")
    return tunable if tunable is not None and tunable.git_ops is not None else None


def ownership(facts: Facts) -> Answer:
    """Does somebody else own what would be written, and take the change back?"""
    if facts.claims is None:
        return holds(Reason.CLUSTER_UNREADABLE)
    held: dict[Hold, str] = {}
    for claim in facts.claims:
        held.setdefault(claim.hold, str(claim))
    evicting = eviction.needed(facts.intervention.spec.action.type, facts.claims)
    owner, tunable = held.get(Hold.GITOPS, ""), declared_in_git(facts)
    if owner and not evicting and (tunable is None or tunable.git_ops is None):
        return denies(Reason.GIT_OPS_OWNED, f"{owner} would take it back; make the change in its repository instead")
    if owner and (why := facts.uncommittable) is not None:
        said = f"{owner} would take it back, and it cannot be committed: {why.message}"[:1000]
        return holds(why.reason, said) if why.reason in PASSING else denies(why.reason, said)
    if Hold.CONTROLLER in held:
        return denies(Reason.OWNED_BY_CONTROLLER, f"{held[Hold.CONTROLLER]} would take it back; change that instead")
    if owner and tunable is not None and tunable.git_ops is not None:
        where = f"{tunable.git_ops.path} of repository {tunable.git_ops.repository}"
        return passes(Reason.COMMITTED_TO_GIT, f"{owner} owns it; the change is a commit to {where}")
    if evicting:
        return _by_eviction(facts, owner)
    if Hold.HELM in held:
        return passes(Reason.OWNED_BY_NOBODY_ELSE, f"{held[Hold.HELM]}: its next upgrade may take the change back")
    return passes(Reason.OWNED_BY_NOBODY_ELSE)


def _by_eviction(facts: Facts, claim: str) -> Answer:
    """A restart that leaves the template alone. It can't be taken back, so nobody may demand that it is."""
    if facts.consent is None:
        return holds(Reason.NO_POLICY)
    if facts.consent.rollback is Rollback.MANDATORY:
        return denies(
            Reason.ROLLBACK_UNSAFE,
            f"{claim} would take a changed template back, so the pods would be evicted, and nothing of that can be "
            f"undone; set rollback: BestEffort for {facts.intervention.spec.action.type} in each of the policies "
            f"{', '.join(facts.consent.policies)}",
        )
    return passes(Reason.RESTART_BY_EVICTION, f"{claim} owns it. {Reason.RESTART_BY_EVICTION.sentence}")


def change_possible(facts: Facts) -> Answer:
    """Can the change be made and taken back? The server's own dry run has the last word."""
    if facts.change is None:
        return holds(Reason.CLUSTER_UNREADABLE)
    if isinstance(facts.change, Impossible) and facts.change.reason in _FOR_NOW:
        return holds(facts.change.reason, facts.change.message)
    if isinstance(facts.change, Impossible):
        return denies(facts.change.reason, facts.change.message)
    if facts.dry_run is None:
        return holds(Reason.NOT_TRIED_YET)
    if facts.dry_run:
        return holds(facts.dry_run_reason, facts.dry_run[:1000])
    return passes(Reason.CHANGE_POSSIBLE, facts.change.summary)
