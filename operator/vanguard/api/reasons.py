"""Every reason the operator can give, each with the sentence that explains it.

A reason is CamelCase, stable, and used in conditions, gates, Events and metrics. No reason literal stands elsewhere.
"""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Why something is as it is. `Reason.X.sentence` is the plain-language explanation."""

    sentence: str

    def __new__(cls, code: str, sentence: str = "") -> Self:
        """A reason is its code; the sentence rides along."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    # What a forecast or its data say
    INSUFFICIENT_HISTORY = (
        "InsufficientHistory",
        "There is too little past to tell a trend from the time of day.",
    )
    STALE_DATA = "StaleData", "The newest sample is too old to act on."
    MISSING_DATA = "MissingData", "Too many samples are missing."
    FROZEN_VALUE = "FrozenValue", "The value stopped changing altogether; the exporter may be stuck."
    SEASONAL_RAMP = "SeasonalRamp", "It climbs like this at this time of day and came back every time."
    GC_SAWTOOTH = "GcSawtooth", "Earlier climbs like this one came back by themselves below the limit."
    PLATEAU_STEP = "PlateauStep", "It stepped up and has stood at the new level since; it does not climb on."
    PAGE_CACHE = "PageCache", "Page cache grows, which the kernel takes back; anonymous memory does not."
    WARM_UP = "WarmUp", "It has climbed since a restart, slows down, and levels off below the limit."
    LOAD_PROPORTIONAL = (
        "LoadProportional",
        "It climbs with the work there is; what a unit of it costs stays the same.",
    )
    ONE_BAD_REPLICA = "OneBadReplica", "Few of the replicas carry the trend; what is done to all of them is too much."
    CONFLICTING_SIGNALS = "ConflictingSignals", "A value that must move along does not, so nobody knows."
    COMPANION_MISSING = "CompanionMissing", "A companion that the pattern asks to be heard has nothing to say."
    TREND_TOO_WEAK = "TrendTooWeak", "The trend does not look like the pattern's signature."
    BREACH_UNLIKELY = "BreachUnlikely", "A straight line reaches the limit, the calibrated forecast does not."
    BREACH_FORESEEN = "BreachForeseen", "The limit will probably be reached within the horizon."

    # Gates that pass
    ALERT_FIRING = "AlertFiring", "The alert that asked for this is still firing."
    NOT_SUSPENDED = "NotSuspended", "Neither the pattern nor the policy is suspended."
    AUTOMATIC = "Automatic", "The policy lets the operator do this alone."
    APPROVED = "Approved", "A person allowed to has approved it."
    ACTION_ENABLED = "ActionEnabled", "The policy lists this action."
    NO_OVERRIDE = "NoOverride", "Nobody has annotated the workload or namespace to hold it."
    CONFIDENCE_SUFFICIENT = "ConfidenceSufficient", "The forecast is as certain as the policy asks."
    WINDOW_OPEN = "WindowOpen", "An allowed time is running."
    WINDOW_NOT_REQUIRED = "WindowNotRequired", "The policy asks for no window."
    BUDGET_AVAILABLE = "BudgetAvailable", "Actions of this day and week are left."
    COOLDOWN_OVER = "CooldownOver", "The target was left in peace long enough since the last action."
    NOT_REVERTED = "NotReverted", "Nobody has taken this change back again and again."
    SLOT_FREE = "SlotFree", "No other intervention is in flight."
    TARGET_HEALTHY = "TargetHealthy", "The workload is ready and no rollout is running."
    DATA_GOOD = "DataGood", "The samples are fresh and complete."
    EFFECTIVENESS_SUFFICIENT = "EffectivenessSufficient", "The remedy has helped as often as the policy asks."
    EVIDENCE_SUFFICIENT = "EvidenceSufficient", "The action is of low risk and can be undone; a forecast is enough."
    BREAKER_CLOSED = "BreakerClosed", "Interventions have not failed too often in a row."
    TELEMETRY_HEALTHY = "TelemetryHealthy", "Scrapes, rules, clocks and the API server are as they should be."
    NO_STORM = "NoStorm", "The target does not trend together with many others."
    NO_ROLLOUT = "NoRollout", "The change needs no rollout; no pod is replaced."
    DISRUPTION_ALLOWED = "DisruptionAllowed", "The PodDisruptionBudgets allow what the rollout takes away."
    ROOM_AVAILABLE = "RoomAvailable", "Quotas and nodes have room for the pods the rollout adds."
    NO_OTHER_ALERTS = "NoOtherAlerts", "No other alert that the policy asks about fires."
    OWNED_BY_NOBODY_ELSE = "OwnedByNobodyElse", "No tool or controller would take the change back."
    INVARIANTS_HOLD = "InvariantsHold", "Every invariant of the tunable holds with the new value."
    NOT_SATURATED = "NotSaturated", "Nothing that the pattern names is at its limit."
    COMMITTED_TO_GIT = "CommittedToGit", "A GitOps tool owns it; the change is a commit to its repository."
    RESTART_BY_EVICTION = (
        "RestartByEviction",
        "The pods are evicted one by one; the template stays as the GitOps tool wants it.",
    )
    CHANGE_POSSIBLE = "ChangePossible", "The change and its inverse passed the server's dry run."

    # Gates that hold or deny
    NOT_EVALUATED_YET = "NotEvaluatedYet", "The signal has not been evaluated since the operator started."
    ALERT_RESOLVED = "AlertResolved", "The alert that asked for this has resolved."
    PATTERN_CHANGED = "PatternChanged", "The pattern was changed or removed since this was created."
    SUSPENDED = "Suspended", "The pattern or the policy is suspended."
    NO_POLICY = "NoPolicy", "No AutomationPolicy in the namespace selects the workload."
    POLICY_INVALID = (
        "PolicyInvalid",
        "A policy that applies cannot be understood; nothing is done until it is mended.",
    )
    OBSERVE_ONLY = "ObserveOnly", "The policy only lets the operator watch."
    APPROVAL_REQUIRED = "ApprovalRequired", "A person has to approve this."
    APPROVAL_EXPIRED = "ApprovalExpired", "The approval was not used before it expired."
    APPROVAL_INVALID = "ApprovalInvalid", "The approval is for something else, or for too long."
    APPROVER_IS_AUTHOR = "ApproverIsAuthor", "Who wrote the policy may not approve under it."
    APPROVAL_DENIED = "ApprovalDenied", "A person has denied this."
    ROLLBACK_UNSAFE = "RollbackUnsafe", "The pattern says undoing is not harmless, and the policy demands it."
    ACTION_NOT_ENABLED = "ActionNotEnabled", "The policy does not list or enable this action."
    DISABLED_BY_ANNOTATION = (
        "DisabledByAnnotation",
        "Somebody annotated the workload or namespace to stop automation.",
    )
    PAUSED_BY_ANNOTATION = "PausedByAnnotation", "Somebody paused automation until a given time."
    OVERRIDE_UNREADABLE = "OverrideUnreadable", "An override annotation cannot be understood, so it holds."
    CONFIDENCE_TOO_LOW = "ConfidenceTooLow", "The forecast is less certain than the policy asks."
    WINDOW_CLOSED = "WindowClosed", "No allowed time is running."
    CANNOT_ACT_BEFORE_BREACH = (
        "CannotActBeforeBreach",
        "The limit will probably be reached before anything may be done; a person has to.",
    )
    NO_WINDOW = "NoWindow", "The policy requires a window and defines none."
    FROZEN = "Frozen", "A freeze is running."
    DAILY_BUDGET_SPENT = "DailyBudgetSpent", "The actions allowed per day are used up."
    WEEKLY_BUDGET_SPENT = "WeeklyBudgetSpent", "The actions allowed per week are used up."
    TARGET_BUDGET_SPENT = "TargetBudgetSpent", "The actions allowed per target and day are used up."
    NAMESPACE_BUDGET_SPENT = "NamespaceBudgetSpent", "The actions allowed per namespace and day are used up."
    EFFECTIVENESS_TOO_LOW = "EffectivenessTooLow", "The remedy has helped too rarely."
    FORECAST_ONLY = "ForecastOnly", "A forecast alone does not justify this action."
    NOT_AUTOMATED = "NotAutomated", "The operator never does this by itself; a person has to."
    BREAKER_OPEN = "BreakerOpen", "Too many interventions failed in a row; nothing starts until the pause is over."
    BREAKER_HALF_OPEN = "BreakerHalfOpen", "After failures one intervention is being tried; the others wait for it."
    COOLING_DOWN = "CoolingDown", "The last action on this target is too recent."
    ANOTHER_IN_FLIGHT = "AnotherInFlight", "Another intervention is in flight."
    TARGET_MISSING = "TargetMissing", "The workload does not exist any more."
    TARGET_REPLACED = "TargetReplaced", "The workload was deleted and made anew since this was created."
    TARGET_UNHEALTHY = "TargetUnhealthy", "Too few of the workload's replicas are ready."
    ROLLOUT_IN_PROGRESS = "RolloutInProgress", "A rollout of the workload is running."
    RECENTLY_CHANGED = "RecentlyChanged", "The workload was rolled out or restarted too recently."
    RECENTLY_CRASHED = "RecentlyCrashed", "A container of the workload ended in failure too recently."
    TOO_FEW_REPLICAS = "TooFewReplicas", "Its own rollout would leave fewer ready replicas than the policy wants."
    TELEMETRY_UNHEALTHY = (
        "TelemetryUnhealthy",
        "The operator cannot trust what it sees: scrapes, rules, clocks or the API server are not as they should be.",
    )
    STORM_GUARD = "StormGuard", "Many targets trend together; the cause is probably not theirs."
    SHARED_DEPENDENCY = "SharedDependency", "Several targets that trend depend on the same thing; look there first."
    DISRUPTION_BUDGET_EXHAUSTED = (
        "DisruptionBudgetExhausted",
        "A PodDisruptionBudget does not allow what the rollout takes away at once.",
    )
    DISRUPTION_BUDGET_UNKNOWN = (
        "DisruptionBudgetUnknown",
        "A PodDisruptionBudget of the pods has no current status; what it allows is not known.",
    )
    QUOTA_EXHAUSTED = "QuotaExhausted", "A ResourceQuota would not admit the pods the rollout adds."
    NO_HEADROOM = "NoHeadroom", "No ready node has room for the pods the rollout adds."
    OTHER_ALERTS_FIRING = "OtherAlertsFiring", "Other alerts fire in the namespace, and the policy asks to wait."
    TUNABLE_UNKNOWN = "TunableUnknown", "The policy does not let this value be tuned on this workload."
    VALUE_UNREADABLE = "ValueUnreadable", "The present value is not a whole number."
    VALUE_MISSING = "ValueMissing", "The place where the value should live does not exist."
    ROLLOUT_IMPOSSIBLE = "RolloutImpossible", "The workload does not replace its pods by itself."
    INVARIANT_BROKEN = "InvariantBroken", "With the new value an invariant of the tunable would not hold."
    FACT_UNKNOWN = "FactUnknown", "A figure that the decision needs could not be had; unknown is not fine."
    SATURATED = "Saturated", "Something that the change leans on is at its limit already."
    CEILING_REACHED = (
        "CeilingReached",
        "The value is as far above the one found at first as the policy allows in all.",
    )
    AT_MAXIMUM = "AtMaximum", "The value is already as large as the policy allows."
    OUT_OF_BOUNDS = "OutOfBounds", "The present value is outside the policy's bounds."
    GIT_OPS_OWNED = "GitOpsOwned", "A GitOps tool owns what would be changed, and would take the change back."
    REPOSITORY_NOT_ALLOWED = (
        "RepositoryNotAllowed",
        "The operator is not configured to commit there for this namespace.",
    )
    REPOSITORY_UNREADABLE = "RepositoryUnreadable", "The git repository did not answer; what it declares is not known."
    NOT_IN_GIT = "NotInGit", "The file does not declare the value in a way that can be changed for certain."
    NOT_SYNCED = "NotSynced", "The repository and the live object say different things; the GitOps tool is behind."
    OWNED_BY_CONTROLLER = "OwnedByController", "Another controller owns the workload, and would take the change back."
    DRY_RUN_REFUSED = "DryRunRefused", "The API server refused the change in a dry run."
    NOT_PERMITTED = "NotPermitted", "The operator has no right to change this object."
    NOT_TRIED_YET = "NotTriedYet", "Tried once every other gate passes."
    CLUSTER_UNREADABLE = "ClusterUnreadable", "The API server did not answer; nothing is known."

    # What becomes of an intervention
    ADMITTED = "Admitted", "Every gate has passed."
    WOULD_ACT = "WouldAct", "Every gate but the mode has passed: it would have been done."
    BASELINE_UNAVAILABLE = (
        "BaselineUnavailable",
        "The time before the change could not be measured, so nothing was done.",
    )
    CHANGE_RECORDED = "ChangeRecorded", "The change and its inverse are recorded; it is being made."
    TARGET_CHANGED = "TargetChanged", "Somebody changed the fields before the operator did; nothing was done."
    APPLY_FAILED = "ApplyFailed", "The change could not be made."
    CHANGE_MADE = "ChangeMade", "The change is in place."
    ROLLOUT_UNDERWAY = "RolloutUnderway", "The change is made and its rollout is running."
    ROLLOUT_FAILED = "RolloutFailed", "The rollout was not complete within its deadline."
    WATCHING = "Watching", "The change is made and its effect is being watched."
    IMPROVED = "Improved", "The signal moved away from its limit and no guard got worse."
    NO_IMPROVEMENT = "NoImprovement", "The signal did not improve."
    DEGRADED = "Degraded", "The signal or a guard got worse."
    DEGRADED_EARLY = (
        "DegradedEarly",
        "The signal or a guard got so much worse that it was undone amid the watch.",
    )
    EXTERNALLY_REVERTED = (
        "ExternallyReverted",
        "Somebody else put the old value back; twice means that somebody else decides here.",
    )
    INCONCLUSIVE = "Inconclusive", "The effect could not be measured."
    ABORTED = "Aborted", "A person stopped it."
    ROLLBACK_REQUESTED = "RollbackRequested", "A person asked to undo it."
    CLOCK_SET_BACK = "ClockSetBack", "The clock was set back since it began; neither deadline nor watch means anything."
    DELETED_IN_FLIGHT = "DeletedInFlight", "The Intervention was deleted while its change was in place."
    RESTORED = "Restored", "The prior values are back, byte for byte."
    LEASE_EXPIRED = "LeaseExpired", "The time for which the change was to be kept is over, and nobody renewed it."
    LEASE_ENDING = "LeaseEnding", "The time for which the change is kept is nearly over; it is undone unless renewed."
    LEASE_RENEWED = "LeaseRenewed", "A person said until when the change is to be kept."
    LEASE_UNREADABLE = "LeaseUnreadable", "The annotation that renews the lease cannot be obeyed; what was so counts."
    TARGET_DRIFTED = "TargetDrifted", "Somebody else changed the fields since; they were left as they are."
    TARGET_GONE = "TargetGone", "The workload was deleted while the change was in place."
    UNDO_FAILED = "UndoFailed", "The prior values could not be put back; a person is needed."
    NOTHING_TO_UNDO = "NothingToUndo", "Pods were replaced; there is nothing to put back."
    RECORD_MISSING = "RecordMissing", "The status holds no recorded change to watch or undo; nothing was touched."
    EXPIRED = "Expired", "It waited too long."

    # Patterns and policies
    READY = "Ready", "It is understood and in use."
    QUERY_FAILED = "QueryFailed", "Prometheus gave no whole answer to the pattern's query."
    NO_SERIES = "NoSeries", "The query gives no series in any namespace that has a policy."
    SPEC_INVALID = "SpecInvalid", "The spec cannot be understood."
    WINDOW_NEVER_OPENS = "WindowNeverOpens", "A window's schedule never gives an opening."
    TIME_ZONE_UNKNOWN = "TimeZoneUnknown", "There is no such IANA time zone."
    INVARIANT_INVALID = "InvariantInvalid", "A tunable's invariant cannot be read."
    POLICIES_CONFLICT = "PoliciesConflict", "Policies or entries say different things of the same tunable."
    SELECTS_NOTHING = "SelectsNothing", "A selector is empty or matches no workload."
    SELECTS_EVERYTHING = "SelectsEverything", "A selector matches every workload of the namespace."
    SELECTS_SOME = "SelectsSome", "No selector matches every workload of the namespace."


def runbook_section(base: str, reason: str) -> str:
    """Where people read what a reason means and what to do: the section of the runbook at `base` that bears its name.

    Args:
        base: the setting VANGUARD_RUNBOOK_URL.
        reason: its word; one that an older or newer operator recorded is welcome.
    """
    return f"{base}#{reason.lower()}"


class GateVerdict(StrEnum):
    """What one gate says: go on, not now, not at all."""

    PASS = "Pass"  # noqa: S105 - a verdict, not a password
    HOLD = "Hold"
    DENY = "Deny"
