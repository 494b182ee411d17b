"""Consent: all policies that apply to one workload and one action, folded to the most restrictive."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from vanguard.api.base import ActionType, Mode, Notification
from vanguard.api.kinds import AutomationPolicy
from vanguard.api.policy import (
    ActionConsent,
    Freeze,
    InconclusiveOutcome,
    OnInconclusive,
    Rollback,
    Tunable,
    Window,
    WindowUse,
    WorkloadConsent,
)
from vanguard.api.reasons import Reason
from vanguard.domain import windows
from vanguard.domain.arithmetic import parse_rule
from vanguard.domain.breaker import CLUSTER_DEFAULT, BreakerRule
from vanguard.domain.calendar import Period, PeriodUnit, known_zone
from vanguard.domain.problem import Problem

MODES = (Mode.OBSERVE, Mode.APPROVE, Mode.AUTO)


Value = TypeVar("Value", int, timedelta)


@dataclass(frozen=True)
class Bound(Generic[Value]):
    """A bound and the policy it comes from, the most restrictive of all that apply."""

    value: Value
    policy: str


@dataclass(frozen=True)
class Budget:
    """How many may start in a calendar day or week, and what is counted.

    Attributes:
        policy: where it comes from.
        field: what the policy calls it.
        reason: what a spent one is called.
        period: the calendar's day or week, in the policy's zone.
        namespace: whose Interventions count; empty for the whole cluster's.
        action: the one type that counts; None for all.
        per_target: whether only the target's own count.
    """

    policy: str
    field: str
    reason: Reason
    allowed: int
    period: Period
    namespace: str
    action: ActionType | None = None
    per_target: bool = False


@dataclass(frozen=True)
class Slots:
    """How many may be in flight at once, in a namespace or (empty) the cluster."""

    policy: str
    allowed: int
    namespace: str


@dataclass(frozen=True)
class Consent:
    """What may be done to a workload with one type of action, after every policy has had its say.

    Attributes:
        policies: names of the policies that apply, the workload's own first.
        enabled: whether every own policy lists and enables the action.
        window_sets: per policy that requires a window, its windows; one of each set must be open.
        alert_matchers: labels of alerts in the namespace; while one fires, nothing starts.
        approval_max_age: how far ahead an approval may expire.
        lease: for how long a change that helped is kept; None is for good.
        not_approvers: who may not approve, for they wrote a policy that forbids it; by the policy's name.
        problems: sentences that say why a policy cannot be obeyed; any of them holds everything.
    """

    policies: tuple[str, ...]
    service_type: str
    tunables: Mapping[str, Tunable]
    enabled: bool
    mode: Mode
    suspended_by: str
    budgets: tuple[Budget, ...]
    slots: tuple[Slots, ...]
    breakers: tuple[BreakerRule, ...]
    cooldown: Bound[timedelta]
    min_confidence_percent: Bound[int]
    min_effectiveness_percent: Bound[int]
    min_healthy_percent: int
    quiet_for: timedelta
    alert_matchers: tuple[Mapping[str, str], ...]
    window_sets: tuple[tuple[Window, ...], ...]
    freezes: tuple[Freeze, ...]
    rollback: Rollback
    on_inconclusive: OnInconclusive
    notification: Notification
    problems: tuple[str, ...]
    approval_max_age: Bound[timedelta]
    lease: timedelta | None
    not_approvers: Mapping[str, str]


def selects(workload: WorkloadConsent, labels: Mapping[str, str]) -> bool:
    """Whether the selector matches; an empty one matches nothing."""
    wanted = workload.selector.match_labels
    return bool(wanted) and wanted.items() <= labels.items()


def selected(policy: AutomationPolicy, labels: Mapping[str, str]) -> WorkloadConsent | None:
    """The first entry of a policy that selects a workload with these labels."""
    return next((entry for entry in policy.spec.workloads if selects(entry, labels)), None)


def problems_of(policy: AutomationPolicy) -> tuple[Problem, ...]:
    """Why a policy cannot be obeyed; empty when it can."""
    return tuple(_problems(policy))


def _problems(policy: AutomationPolicy) -> Iterator[Problem]:
    zone = policy.spec.time_zone
    if not known_zone(zone):
        yield Problem(Reason.TIME_ZONE_UNKNOWN, f"timeZone is {zone!r}; it is no IANA zone such as Europe/Berlin")
    yield from filter(None, (windows.problem(window) for window in policy.spec.windows))
    for entry in policy.spec.workloads:
        for tunable in entry.tunables:
            for invariant in tunable.invariants:
                try:
                    parse_rule(invariant.rule)
                except ValueError as error:
                    where = f"workloads[{entry.name}].tunables[{tunable.name}].invariants[{invariant.name}].rule"
                    yield Problem(Reason.INVARIANT_INVALID, f"{where}: {error}")


def consent_for(
    own: Sequence[AutomationPolicy],
    ceilings: Sequence[AutomationPolicy],
    labels: Mapping[str, str],
    action: ActionType,
) -> Consent | None:
    """Fold the policies of a workload's namespace and the cluster-wide ceilings; None when none selects it.

    Args:
        own: the policies of the workload's namespace.
        ceilings: the policies of the operator's namespace; they bind every workload, whatever they select.
        labels: the workload's labels.
        action: the type of action in question.
    """
    chosen = [(policy, entry) for policy in own if (entry := selected(policy, labels))]
    if not chosen:
        return None
    policies = [policy for policy, _ in chosen] + [ceiling for ceiling in ceilings if ceiling not in own]

    def cluster_wide(policy: AutomationPolicy) -> bool:
        return policy in ceilings

    actions = [entry for policy in policies for entry in policy.spec.actions if entry.type is action]
    limits = [policy.spec.limits for policy in policies]
    return Consent(
        policies=tuple(policy.metadata.name for policy in policies),
        service_type=chosen[0][1].service_type,
        tunables=_tunables(entry for _, entry in chosen),
        enabled=all(_lists(policy, action) for policy, _ in chosen) and all(entry.enabled for entry in actions),
        mode=_lowest([policy.spec.mode for policy in policies] + [_mode(entry) for entry in actions]),
        suspended_by=next((policy.metadata.name for policy in policies if policy.spec.suspend), ""),
        budgets=tuple(budget for policy in policies for budget in _budgets(policy, action, cluster_wide(policy))),
        approval_max_age=min(
            (Bound(policy.spec.approvals.max_age, policy.metadata.name) for policy in policies), key=_value
        ),
        lease=min((entry.lease for entry in actions if entry.lease is not None), default=None),
        not_approvers={
            policy.spec.approvals.author: policy.metadata.name
            for policy in policies
            if policy.spec.approvals.author and not policy.spec.approvals.author_may_approve
        },
        slots=tuple(
            Slots(policy.metadata.name, policy.spec.limits.max_concurrent, _scope(policy, cluster_wide(policy)))
            for policy in policies
        ),
        breakers=breaker_rules(policies, cluster_wide),
        cooldown=max((Bound(policy.spec.limits.cooldown, policy.metadata.name) for policy in policies), key=_value),
        min_confidence_percent=_strictest(policies, action, lambda entry: entry.min_confidence_percent),
        min_effectiveness_percent=_strictest(policies, action, lambda entry: entry.min_effectiveness_percent),
        min_healthy_percent=max(limit.min_healthy_percent for limit in limits),
        quiet_for=max(policy.spec.stability.quiet_for for policy in policies),
        alert_matchers=tuple(filter(None, (policy.spec.stability.alerts_matcher for policy in policies))),
        window_sets=tuple(policy.spec.windows for policy in policies if _needs_window(policy, action)),
        freezes=tuple(freeze for policy in policies for freeze in policy.spec.freezes),
        rollback=_strictest_rollback(actions),
        on_inconclusive=_strictest_inconclusive(actions),
        notification=_loudest(actions),
        problems=tuple(problem.message for policy in policies for problem in problems_of(policy))
        + contradictions([entry for _, entry in chosen]),
    )


def _scope(policy: AutomationPolicy, cluster_wide: bool) -> str:
    return "" if cluster_wide else policy.metadata.namespace


def _budgets(policy: AutomationPolicy, action: ActionType, cluster_wide: bool) -> Iterator[Budget]:
    """What a policy allows per day and week; a ceiling counts the whole cluster."""
    name, limits = policy.metadata.name, policy.spec.limits
    day, week = (Period(unit, policy.spec.time_zone) for unit in PeriodUnit)
    scope = _scope(policy, cluster_wide)
    for entry in policy.spec.actions:
        if entry.type is action:
            yield Budget(name, "maxPerDay", Reason.DAILY_BUDGET_SPENT, entry.max_per_day, day, scope, action)
            yield Budget(name, "maxPerWeek", Reason.WEEKLY_BUDGET_SPENT, entry.max_per_week, week, scope, action)
    per_target, everything = limits.max_per_target_per_day, limits.max_per_namespace_per_day
    yield Budget(name, "maxPerTargetPerDay", Reason.TARGET_BUDGET_SPENT, per_target, day, scope, per_target=True)
    yield Budget(name, "maxPerNamespacePerDay", Reason.NAMESPACE_BUDGET_SPENT, everything, day, scope)


def breaker_rule(policy: AutomationPolicy, *, cluster_wide: bool) -> BreakerRule:
    """What a policy says of its circuit breaker."""
    told = policy.spec.circuit_breaker
    return BreakerRule(
        policy=policy.metadata.name,
        namespace=_scope(policy, cluster_wide),
        failures=told.failures,
        pause=told.pause,
        counts_inconclusive=told.inconclusive is InconclusiveOutcome.COUNTS,
        reset_at=told.reset.at if told.reset else None,
    )


def breaker_rules(
    policies: Sequence[AutomationPolicy], cluster_wide: Callable[[AutomationPolicy], bool]
) -> tuple[BreakerRule, ...]:
    """Every policy's own, and one for the cluster in any case."""
    rules = tuple(breaker_rule(policy, cluster_wide=cluster_wide(policy)) for policy in policies)
    return rules if any(not rule.namespace for rule in rules) else (*rules, CLUSTER_DEFAULT)


def _value(bound: Bound[Value]) -> Value:
    return bound.value


def _strictest(
    policies: Iterable[AutomationPolicy], action: ActionType, of: Callable[[ActionConsent], int]
) -> Bound[int]:
    """The highest figure any policy asks for; nobody can meet what nobody wrote."""
    asked = [
        Bound(of(entry), policy.metadata.name)
        for policy in policies
        for entry in policy.spec.actions
        if entry.type is action
    ]
    return max(asked, key=_value, default=Bound(100, "none"))


def dependencies(policies: Iterable[AutomationPolicy], labels: Mapping[str, str]) -> frozenset[str]:
    """What the policies of its namespace say a workload depends on, each as namespace/name."""
    return frozenset(
        name if "/" in name else f"{policy.metadata.namespace}/{name}"
        for policy in policies
        if (entry := selected(policy, labels))
        for name in entry.depends_on
    )


def lower(consent_mode: Mode, wanted: Mode) -> Mode:
    """The less autonomous of two modes."""
    return min(consent_mode, wanted, key=MODES.index)


def _lowest(modes: Iterable[Mode]) -> Mode:
    return min(modes, key=MODES.index)


def _mode(entry: ActionConsent) -> Mode:
    """A team that wants to be told ApprovalRequired wants to be asked."""
    return lower(entry.mode, Mode.APPROVE) if entry.notification is Notification.APPROVAL_REQUIRED else entry.mode


def _lists(policy: AutomationPolicy, action: ActionType) -> bool:
    return any(entry.type is action for entry in policy.spec.actions)


def _needs_window(policy: AutomationPolicy, action: ActionType) -> bool:
    return any(entry.type is action and entry.window is WindowUse.REQUIRED for entry in policy.spec.actions)


def _strictest_rollback(actions: Iterable[ActionConsent]) -> Rollback:
    loose = all(entry.rollback is Rollback.BEST_EFFORT for entry in actions)
    return Rollback.BEST_EFFORT if loose else Rollback.MANDATORY


def _strictest_inconclusive(actions: Iterable[ActionConsent]) -> OnInconclusive:
    hold = all(entry.on_inconclusive is OnInconclusive.HOLD for entry in actions)
    return OnInconclusive.HOLD if hold else OnInconclusive.UNDO


def _loudest(actions: Iterable[ActionConsent]) -> Notification:
    quiet = [entry.notification is Notification.INFO for entry in actions]
    return Notification.INFO if quiet and all(quiet) else Notification.ALERT


def contradictions(entries: Sequence[WorkloadConsent]) -> tuple[str, ...]:
    """Tunables that policies describe differently: nobody could say which value was meant."""
    seen: dict[str, Tunable] = {}
    out = []
    for tunable in (tunable for entry in entries for tunable in entry.tunables):
        known = seen.setdefault(tunable.name, tunable)
        if any(getattr(known, name) != getattr(tunable, name) for name in ("location", "step", "reload", "git_ops")):
            out.append(
                f"tunable {tunable.name} has several locations, steps, reloads or gitOps in the policies that apply"
            )
    return tuple(out)


def _tunables(entries: Iterable[WorkloadConsent]) -> dict[str, Tunable]:
    """Tunables by name. Where several policies name the same one, it is held to what all of them say."""
    out: dict[str, Tunable] = {}
    for entry in entries:
        for tunable in entry.tunables:
            known = out.get(tunable.name)
            out[tunable.name] = tunable if known is None else _narrowed(known, tunable)
    return out


def _narrowed(one: Tunable, other: Tunable) -> Tunable:
    return one.model_copy(
        update={
            "min": max(one.min, other.min),
            "max": min(one.max, other.max),
            "max_total_increase_percent": min(one.max_total_increase_percent, other.max_total_increase_percent),
            "invariants": one.invariants + other.invariants,
        }
    )
