"""How a policy stands: whether it can be obeyed as things are around it, and whether it selects what it seems to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from vanguard.api.base import ActionType
from vanguard.api.kinds import AutomationPolicy, IssuePattern
from vanguard.api.policy import Tunable, WorkloadConsent
from vanguard.api.reasons import Reason
from vanguard.domain import consent
from vanguard.domain.arithmetic import parse_rule
from vanguard.domain.problem import Problem
from vanguard.domain.reading import KNOWN
from vanguard.domain.workload import Workload


@dataclass(frozen=True)
class Around:
    """What is around a policy: the policies and workloads of its namespace, and every pattern."""

    policies: Sequence[AutomationPolicy] = ()
    workloads: Sequence[Workload] = field(default=(), repr=False)
    patterns: Sequence[IssuePattern] = ()


def readiness(policy: AutomationPolicy, around: Around, *, ceiling: bool) -> tuple[bool, Reason, str]:
    """Whether it can be obeyed; the reason of the first thing that is wrong, and all of them in words."""
    problems = consent.problems_of(policy)
    if ceiling and not problems:
        return True, Reason.READY, "binds every workload of the cluster, whatever it selects"
    if not ceiling:
        problems += tuple(_among(policy, around))
    if problems:
        return False, problems[0].reason, "; ".join(dict.fromkeys(problem.message for problem in problems))
    return True, Reason.READY, Reason.READY.sentence


def selectivity(policy: AutomationPolicy, workloads: Sequence[Workload]) -> tuple[bool, Reason, str]:
    """Whether it leaves any workload of its namespace alone; where there is but one, nobody can tell."""
    everything = [
        entry.name
        for entry in policy.spec.workloads
        if len(workloads) > 1 and all(consent.selects(entry, workload.labels) for workload in workloads)
    ]
    if everything:
        told = f"workloads[{', '.join(everything)}].selector matches every workload of the namespace; is that meant?"
        return False, Reason.SELECTS_EVERYTHING, told
    return True, Reason.SELECTS_SOME, Reason.SELECTS_SOME.sentence


def _among(policy: AutomationPolicy, around: Around) -> Iterator[Problem]:
    yield from _idle(policy, around.workloads)
    yield from _conflicts(policy, around)
    yield from _untunable(policy, around)


def _idle(policy: AutomationPolicy, workloads: Sequence[Workload]) -> Iterator[Problem]:
    empty = [entry.name for entry in policy.spec.workloads if not entry.selector.match_labels]
    if empty:
        told = f"workloads[{', '.join(empty)}].selector is empty; it selects nothing"
        yield Problem(Reason.SELECTS_NOTHING, told)
    idle = [
        entry.name
        for entry in policy.spec.workloads
        if entry.selector.match_labels and not any(consent.selects(entry, workload.labels) for workload in workloads)
    ]
    if idle:
        told = f"workloads[{', '.join(idle)}].selector matches no Deployment or StatefulSet of the namespace"
        yield Problem(Reason.SELECTS_NOTHING, told)


def _conflicts(policy: AutomationPolicy, around: Around) -> Iterator[Problem]:
    """Workloads of which two entries, of one policy or of several, say what cannot both be meant."""
    for workload in _chosen(policy, around.workloads):
        entries = [
            (other.metadata.name, entry)
            for other in around.policies
            for entry in other.spec.workloads
            if consent.selects(entry, workload.labels)
        ]
        where = ", ".join(f"{name} workloads[{entry.name}]" for name, entry in entries)
        for told in consent.contradictions([entry for _, entry in entries]):
            yield Problem(Reason.POLICIES_CONFLICT, f"{workload.key}: {told}: {where}")


def _untunable(policy: AutomationPolicy, around: Around) -> Iterator[Problem]:
    """Remedies that the policy lists and nothing lets be done; facts that invariants name and no pattern has."""
    listed = any(entry.type is ActionType.TUNE_POOL and entry.enabled for entry in policy.spec.actions)
    chosen = [(workload, _entries(workload, around.policies)) for workload in _chosen(policy, around.workloads)]
    if not listed or not chosen:
        return
    if not any(entry.tunables for _, entries in chosen for entry in entries):
        told = f"actions[{ActionType.TUNE_POOL}] is listed, and no policy lets anything of its workloads be tuned"
        yield Problem(Reason.TUNABLE_UNKNOWN, told)
    for workload, entries in chosen:
        entry = consent.selected(policy, workload.labels)
        for pattern in around.patterns:
            if entry is not None and _applies(pattern, entries[0].service_type):
                yield from _lacking(pattern, entry.name, list(chain.from_iterable(one.tunables for one in entries)))


def _lacking(pattern: IssuePattern, entry: str, tunables: Sequence[Tunable]) -> Iterator[Problem]:
    wanted = pattern.spec.action.tune_pool.tunable if pattern.spec.action.tune_pool else ""
    named = [tunable for tunable in tunables if tunable.name == wanted]
    title = f"IssuePattern {pattern.metadata.name}"
    if not named:
        known = ", ".join(sorted({tunable.name for tunable in tunables})) or "none"
        told = f"{title} tunes {wanted}, which workloads[{entry}] does not let be tuned; tunables there: {known}"
        yield Problem(Reason.TUNABLE_UNKNOWN, told)
    facts = KNOWN | {fact.name for fact in pattern.spec.facts}
    for tunable in named:
        for invariant in tunable.invariants:
            unknown = sorted(_names(invariant.rule) - facts)
            if unknown:
                where = f"workloads[{entry}].tunables[{wanted}].invariants[{invariant.name}]"
                told = f"{title} has no fact {', '.join(unknown)}, which {where} names"
                yield Problem(Reason.FACT_UNKNOWN, told)


def _names(rule: str) -> frozenset[str]:
    try:
        return parse_rule(rule).names
    except ValueError:
        return frozenset()  # told by the policy's own problems


def _applies(pattern: IssuePattern, service_type: str) -> bool:
    """Whether the pattern would tune something of such a service."""
    spec = pattern.spec
    tunes = spec.action.tune_pool is not None and not spec.suspend
    return tunes and (not spec.service_types or service_type in spec.service_types)


def _chosen(policy: AutomationPolicy, workloads: Sequence[Workload]) -> list[Workload]:
    return [workload for workload in workloads if consent.selected(policy, workload.labels)]


def _entries(workload: Workload, policies: Sequence[AutomationPolicy]) -> list[WorkloadConsent]:
    """What each policy of the namespace says of a workload, as `consent_for` folds it."""
    return [entry for policy in policies if (entry := consent.selected(policy, workload.labels))]
