"""Consent: of all policies that apply, the most restrictive wins."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from tests.domain import given as g
from vanguard.api.base import ActionType, Mode
from vanguard.api.kinds import AutomationPolicy
from vanguard.api.policy import OnInconclusive, Rollback
from vanguard.api.reasons import Reason
from vanguard.cli.breakers import ceiling
from vanguard.domain.breaker import CLUSTER_DEFAULT
from vanguard.domain.consent import Bound, Consent, consent_for, lower, problems_of, selected

WINDOW = {"name": "nightly", "schedule": "0 2 * * *", "duration": "3h"}
FREEZE = {"name": "xmas", "from": "2026-12-20T00:00:00Z", "until": "2027-01-04T00:00:00Z"}


def folded(own: list[dict[str, Any]], ceilings: list[dict[str, Any]] | None = None) -> Consent:
    consent = consent_for(
        [g.policy(f"own-{number}", **spec) for number, spec in enumerate(own)],
        [g.policy(f"ceiling-{number}", "vanguard-system", **spec) for number, spec in enumerate(ceilings or [])],
        g.LABELS,
        ActionType.TUNE_POOL,
    )
    assert consent is not None
    return consent


def said(consent: Consent, field: str) -> Any:
    """What a consent allows under a name: a budget's, a number of slots, or a field's value."""
    allowed = [budget.allowed for budget in consent.budgets if budget.field == field]
    if field == "maxConcurrent":
        allowed = [slots.allowed for slots in consent.slots]
    if allowed:
        return min(allowed)
    found = getattr(consent, field)
    return found.value if isinstance(found, Bound) else found


# What a policy may say, how it reads in the consent when said alone, and against what laxer word it must win.
STRICTER: list[tuple[str, dict[str, Any], dict[str, Any], str, Any]] = [
    ("a lower mode of the policy", {"mode": "Observe"}, {}, "mode", Mode.OBSERVE),
    ("a lower mode of the action", {"actions": g.acting(mode="Approve")}, {}, "mode", Mode.APPROVE),
    (
        "the wish to be told before",
        {"actions": g.acting(notification="ApprovalRequired")},
        {},
        "mode",
        Mode.APPROVE,
    ),
    ("suspension", {"suspend": True}, {}, "suspended_by", "own-0"),
    ("an action that is not enabled", {"actions": g.acting(enabled=False)}, {}, "enabled", False),
    ("fewer a day", {"actions": g.acting(maxPerDay=1)}, {}, "maxPerDay", 1),
    ("fewer a week", {"actions": g.acting(maxPerWeek=3)}, {}, "maxPerWeek", 3),
    ("more confidence", {"actions": g.acting(minConfidencePercent=99)}, {}, "min_confidence_percent", 99),
    (
        "mandatory undo",
        {"actions": g.acting(rollback="Mandatory")},
        {"actions": g.acting(rollback="BestEffort")},
        "rollback",
        Rollback.MANDATORY,
    ),
    (
        "undo of what could not be measured",
        {"actions": g.acting(onInconclusive="Undo")},
        {"actions": g.acting(onInconclusive="Hold")},
        "on_inconclusive",
        OnInconclusive.UNDO,
    ),
    (
        "a shorter lease",
        {"actions": g.acting(lease="2h")},
        {"actions": g.acting(lease="3h")},
        "lease",
        timedelta(hours=2),
    ),
    ("a lease at all", {"actions": g.acting(lease="2h")}, {}, "lease", timedelta(hours=2)),
    ("fewer at once", {"limits": {"maxConcurrent": 1}}, {"limits": {"maxConcurrent": 9}}, "maxConcurrent", 1),
    ("fewer a target", {"limits": {"maxPerTargetPerDay": 1}}, {}, "maxPerTargetPerDay", 1),
    ("fewer a namespace", {"limits": {"maxPerNamespacePerDay": 4}}, {}, "maxPerNamespacePerDay", 4),
    ("more effect", {"actions": g.acting(minEffectivenessPercent=70)}, {}, "min_effectiveness_percent", 70),
    ("a longer cooldown", {"limits": {"cooldown": "2h"}}, {}, "cooldown", timedelta(hours=2)),
    ("more health", {"limits": {"minHealthyPercent": 90}}, {}, "min_healthy_percent", 90),
    ("a longer quiet", {"stability": {"quietFor": "40m"}}, {}, "quiet_for", timedelta(minutes=40)),
]


@g.table(("why", "strict", "lax", "field", "expected"), STRICTER)
def test_the_stricter_policy_wins(
    why: str, strict: dict[str, Any], lax: dict[str, Any], field: str, expected: Any
) -> None:
    assert said(folded([strict]), field) == expected, why
    assert said(folded([strict, lax]), field) == expected, why
    assert said(folded([lax]), field) != expected, "the laxer policy alone must say something else"


@g.table(("why", "strict", "lax", "field", "expected"), STRICTER)
def test_whichever_policy_comes_first_it_is_the_same(
    why: str, strict: dict[str, Any], lax: dict[str, Any], field: str, expected: Any
) -> None:
    named = "own-1" if field == "suspended_by" else expected
    assert said(folded([lax, strict]), field) == named, why


@g.table(("why", "strict", "lax", "field", "expected"), STRICTER)
def test_a_ceiling_binds_whatever_the_team_says(
    why: str, strict: dict[str, Any], lax: dict[str, Any], field: str, expected: Any
) -> None:
    named = "ceiling-0" if field == "suspended_by" else expected
    assert said(folded([lax], [strict]), field) == named, why


def test_a_ceiling_binds_workloads_it_does_not_select() -> None:
    elsewhere = [{"selector": {"matchLabels": {"app": "nobody"}}, "serviceType": "none"}]
    assert folded([{}], [{"mode": "Observe", "workloads": elsewhere}]).mode is Mode.OBSERVE


def test_a_lax_ceiling_gives_the_team_nothing_it_did_not_ask_for() -> None:
    assert folded([{"mode": "Observe"}], [{"mode": "Auto"}]).mode is Mode.OBSERVE


def test_a_ceiling_alone_is_no_consent() -> None:
    assert consent_for([], [g.policy("ceiling", "vanguard-system")], g.LABELS, ActionType.TUNE_POOL) is None


def test_a_ceiling_that_does_not_list_an_action_does_not_forbid_it() -> None:
    consent = folded([{}], [{"actions": []}])
    assert consent.enabled
    assert said(consent, "maxPerDay") == 2


def test_an_action_that_one_of_the_teams_policies_does_not_list_is_not_enabled() -> None:
    assert not folded([{}, {"actions": []}]).enabled


def test_an_action_nobody_lists_gets_nothing() -> None:
    consent = folded([{"actions": []}])
    assert not consent.enabled
    assert {budget.field for budget in consent.budgets} == {"maxPerTargetPerDay", "maxPerNamespacePerDay"}
    assert consent.min_confidence_percent == Bound(100, "none")


def test_a_ceiling_counts_the_cluster_and_a_teams_policy_its_namespace() -> None:
    consent = folded([{}], [{}])
    scopes = {(budget.policy, budget.namespace) for budget in consent.budgets}
    assert scopes == {("own-0", "shop"), ("ceiling-0", "")}
    assert {(slots.policy, slots.namespace) for slots in consent.slots} == scopes
    assert {(rule.policy, rule.namespace) for rule in consent.breakers} == scopes


def test_the_policy_that_decided_is_named() -> None:
    consent = folded([{"limits": {"cooldown": "1h"}}], [{"limits": {"cooldown": "3h"}}])
    assert consent.cooldown == Bound(timedelta(hours=3), "ceiling-0")


def test_without_a_ceiling_the_cluster_has_a_breaker_all_the_same() -> None:
    assert CLUSTER_DEFAULT in folded([{}]).breakers
    assert CLUSTER_DEFAULT not in folded([{}], [{}]).breakers


def test_a_zone_nobody_knows_is_a_problem() -> None:
    (problem,) = problems_of(g.policy(timeZone="Mars/Olympus"))
    assert problem.reason is Reason.TIME_ZONE_UNKNOWN
    assert problem.message.startswith("timeZone is 'Mars/Olympus'")


def test_in_the_operators_own_namespace_a_policy_is_not_counted_twice() -> None:
    policy = g.policy("ceiling", "vanguard-system")
    consent = consent_for([policy], [policy], g.LABELS, ActionType.TUNE_POOL)
    assert consent is not None
    assert consent.policies == ("ceiling",)


def test_the_policies_are_named_the_workloads_own_first() -> None:
    assert folded([{}, {}], [{}]).policies == ("own-0", "own-1", "ceiling-0")


@g.table(
    ("why", "wanted", "labels", "matched"),
    [
        ("all labels there", {"app": "orders"}, {"app": "orders", "tier": "web"}, True),
        ("one of two missing", {"app": "orders", "tier": "db"}, {"app": "orders"}, False),
        ("another value", {"app": "orders"}, {"app": "basket"}, False),
        ("an empty selector selects nothing", {}, {"app": "orders"}, False),
        ("an empty selector and no labels", {}, {}, False),
    ],
)
def test_what_a_selector_selects(why: str, wanted: dict[str, str], labels: dict[str, str], matched: bool) -> None:
    policy = g.policy(workloads=[{"selector": {"matchLabels": wanted}, "serviceType": "postgres"}])
    assert (selected(policy, labels) is not None) is matched, why
    assert (consent_for([policy], [], labels, ActionType.TUNE_POOL) is not None) is matched, why


def test_the_first_entry_that_selects_says_what_the_workload_is() -> None:
    entries = [
        {"name": name, "selector": {"matchLabels": labels}, "serviceType": name}
        for name, labels in (("basket", {"app": "basket"}), ("postgres", g.LABELS), ("mysql", g.LABELS))
    ]
    assert folded([{"workloads": entries}]).service_type == "postgres"


def test_the_bounds_of_a_tunable_narrow_to_what_all_policies_allow() -> None:
    consent = folded([{"workloads": g.tunable(min=10, max=80)}, {"workloads": g.tunable(min=20, max=100)}])
    assert (consent.tunables["pool-size"].min, consent.tunables["pool-size"].max) == (20, 80)


def test_windows_of_each_policy_that_requires_one_are_kept_apart() -> None:
    consent = folded([{"actions": g.acting(window="Required"), "windows": [WINDOW]}, {"windows": [WINDOW]}])
    assert [[window.name for window in choice] for choice in consent.window_sets] == [["nightly"]]
    assert folded([{"actions": g.acting(window="Required")}]).window_sets == ((),)
    assert folded([{"windows": [WINDOW]}]).window_sets == ()


def test_freezes_of_all_policies_count() -> None:
    consent = folded([{"freezes": [FREEZE]}], [{"freezes": [{**FREEZE, "name": "audit"}]}])
    assert [freeze.name for freeze in consent.freezes] == ["xmas", "audit"]


def test_a_policy_that_cannot_be_obeyed_is_a_problem_of_all() -> None:
    broken = {"windows": [{**WINDOW, "timeZone": "Mars/Base"}]}
    (problem,) = folded([{}], [broken]).problems
    assert "windows[nightly].timeZone" in problem
    assert "'Mars/Base'" in problem
    assert problems_of(g.policy(windows=[WINDOW])) == ()


@pytest.mark.parametrize("one", list(Mode))
@pytest.mark.parametrize("other", list(Mode))
def test_the_lower_of_two_modes_is_the_less_autonomous(one: Mode, other: Mode) -> None:
    order = [Mode.OBSERVE, Mode.APPROVE, Mode.AUTO]
    assert lower(one, other) is order[min(order.index(one), order.index(other))]


@pytest.mark.parametrize(
    "differing",
    [
        pytest.param({"location": {"configMapKey": {"name": "other", "key": "POOL_SIZE"}}}, id="on another object"),
        pytest.param({"gitOps": {"repository": "deploy", "path": "orders.yaml"}}, id="in git, says one of them"),
    ],
)
def test_policies_that_place_a_tunable_differently_are_a_problem(differing: dict[str, Any]) -> None:
    elsewhere = g.merged(g.TUNABLE, differing)
    workload = {"selector": {"matchLabels": dict(g.LABELS)}, "serviceType": "postgres"}
    consent = folded([{}, {"workloads": [workload | {"tunables": [elsewhere]}]}])
    said = "tunable pool-size has several locations, steps, reloads or gitOps in the policies that apply"
    assert consent.problems == (said,)


def test_the_ceiling_that_is_offered_to_reset_the_clusters_breaker_bounds_nothing_else() -> None:
    word = {"at": "2026-03-10T03:00:00Z", "by": "paul", "reason": "mended"}
    own = g.policy(approvals={"maxAge": "168h"})
    without = consent_for([own], [], g.LABELS, ActionType.TUNE_POOL)
    offered = AutomationPolicy.read(ceiling("ceiling", "vanguard-system", word))
    found = consent_for([own], [offered], g.LABELS, ActionType.TUNE_POOL)
    assert without is not None
    assert found is not None
    told = {"policies", "budgets", "slots", "breakers", "not_approvers"}
    for name in {field.name for field in fields(Consent)} - told:
        assert getattr(found, name) == getattr(without, name), name
    assert min(budget.allowed for budget in found.budgets if not budget.namespace) >= 100
    (cluster,) = [rule for rule in found.breakers if not rule.namespace]
    assert (cluster.failures, cluster.pause) == (CLUSTER_DEFAULT.failures, CLUSTER_DEFAULT.pause)
    assert cluster.reset_at == g.NOW
