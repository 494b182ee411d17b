"""Consent: all policies that apply to one workload and one action, folded to the most restrictive."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vanguard.api.base import ActionType, Mode
from vanguard.api.kinds import AutomationPolicy
from vanguard.api.policy import (
    ActionConsent,
    Freeze,
    Notification,
    OnInconclusive,
    Rollback,
    Tunable,
    Window,
    WindowUse,
    WorkloadConsent,
)
from vanguard.domain import windows

MODES = (Mode.OBSERVE, Mode.APPROVE, Mode.AUTO)


@dataclass(frozen=True)
class Consent:
    """What may be done to a workload with one type of action, after every policy has had its say.

    Attributes:
        policies: names of the policies that apply, the workload's own first.
        enabled: whether every own policy lists and enables the action.
        window_sets: per policy that requires a window, its windows; one of each set must be open.
        problems: sentences that say why a policy cannot be obeyed; any of them holds everything.
    """

    policies: tuple[str, ...]
    service_type: str
    tunables: Mapping[str, Tunable]
    enabled: bool
    mode: Mode
    suspended_by: str
    max_per_day: int
    max_per_week: int
    max_per_target_per_day: int
    max_concurrent: int
    cooldown: timedelta
    min_confidence_percent: int
    min_healthy_percent: int
    quiet_for: timedelta
    window_sets: tuple[tuple[Window, ...], ...]
    freezes: tuple[Freeze, ...]
    rollback: Rollback
    on_inconclusive: OnInconclusive
    problems: tuple[str, ...]


def selects(workload: WorkloadConsent, labels: Mapping[str, str]) -> bool:
    """Whether the selector matches; an empty one matches nothing."""
    wanted = workload.selector.match_labels
    return bool(wanted) and wanted.items() <= labels.items()


def selected(policy: AutomationPolicy, labels: Mapping[str, str]) -> WorkloadConsent | None:
    """The first entry of a policy that selects a workload with these labels."""
    return next((entry for entry in policy.spec.workloads if selects(entry, labels)), None)


def problems_of(policy: AutomationPolicy) -> tuple[str, ...]:
    """Why a policy cannot be obeyed, a sentence each; empty when it can."""
    return tuple(filter(None, (windows.problem(window) for window in policy.spec.windows)))


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
    actions = [entry for policy in policies for entry in policy.spec.actions if entry.type is action]
    limits = [policy.spec.limits for policy in policies]
    return Consent(
        policies=tuple(policy.metadata.name for policy in policies),
        service_type=chosen[0][1].service_type,
        tunables=_tunables(entry for _, entry in chosen),
        enabled=all(_lists(policy, action) for policy, _ in chosen) and all(entry.enabled for entry in actions),
        mode=_lowest([policy.spec.mode for policy in policies] + [_mode(entry) for entry in actions]),
        suspended_by=next((policy.metadata.name for policy in policies if policy.spec.suspend), ""),
        max_per_day=min((entry.max_per_day for entry in actions), default=0),
        max_per_week=min((entry.max_per_week for entry in actions), default=0),
        max_per_target_per_day=min(limit.max_per_target_per_day for limit in limits),
        max_concurrent=min(limit.max_concurrent for limit in limits),
        cooldown=max(limit.cooldown for limit in limits),
        min_confidence_percent=max((entry.min_confidence_percent for entry in actions), default=100),
        min_healthy_percent=max(limit.min_healthy_percent for limit in limits),
        quiet_for=max(policy.spec.stability.quiet_for for policy in policies),
        window_sets=tuple(policy.spec.windows for policy in policies if _needs_window(policy, action)),
        freezes=tuple(freeze for policy in policies for freeze in policy.spec.freezes),
        rollback=_strictest_rollback(actions),
        on_inconclusive=_strictest_inconclusive(actions),
        problems=tuple(problem for policy in policies for problem in problems_of(policy))
        + _contradictions([entry for _, entry in chosen]),
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


def _contradictions(entries: Sequence[WorkloadConsent]) -> tuple[str, ...]:
    """Tunables that policies describe differently: nobody could say which value was meant."""
    seen: dict[str, Tunable] = {}
    out = []
    for tunable in (tunable for entry in entries for tunable in entry.tunables):
        known = seen.setdefault(tunable.name, tunable)
        if (known.location, known.step, known.reload) != (tunable.location, tunable.step, tunable.reload):
            out.append(f"tunable {tunable.name} has several locations, steps or reloads in the policies that apply")
    return tuple(out)


def _tunables(entries: Iterable[WorkloadConsent]) -> dict[str, Tunable]:
    """Tunables by name. Where several policies name the same one, the bounds narrow to what all allow."""
    out: dict[str, Tunable] = {}
    for entry in entries:
        for tunable in entry.tunables:
            known = out.get(tunable.name)
            out[tunable.name] = (
                tunable
                if known is None
                else known.model_copy(update={"min": max(known.min, tunable.min), "max": min(known.max, tunable.max)})
            )
    return out
