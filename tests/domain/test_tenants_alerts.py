"""A policy's alertsMatcher and dependsOn: what a tenant may write, and what it can never become."""

import pytest
from pydantic import ValidationError

from tests.domain import given as g
from vanguard.domain.consent import dependencies
from vanguard.domain.promql import firing


def test_a_matcher_is_exact_labels_in_the_workloads_own_namespace() -> None:
    asked = firing("shop", {"severity": "critical"})
    assert asked == 'ALERTS{alertstate="firing",namespace="shop",severity="critical"}'


@pytest.mark.parametrize("value", ['x"} or up{a="', "back\\slash", "line\nbreak", "$1"])
def test_no_value_ends_its_quotes(value: str) -> None:
    inner = firing("shop", {"severity": value}).removeprefix('ALERTS{alertstate="firing",namespace="shop",severity="')
    literal = inner.removesuffix('"}')
    assert '"' not in literal.replace("\\\\", "").replace('\\"', "")
    assert "\n" not in literal


@pytest.mark.parametrize("name", ["namespace", "alertstate", "__name__", 'a="b",c', "1a", "", "a" * 64])
def test_no_label_widens_what_is_asked(name: str) -> None:
    with pytest.raises(ValidationError, match="must be a label name"):
        g.policy(stability={"alertsMatcher": {name: "x"}})


def test_what_several_policies_ask_about_is_all_asked() -> None:
    assert g.consent(stability={"alertsMatcher": {"severity": "critical"}}).alert_matchers == (
        {"severity": "critical"},
    )
    assert g.consent().alert_matchers == ()


def test_a_plain_dependency_is_of_the_policys_own_namespace() -> None:
    entry = {**g.POLICY_SPEC["workloads"][0], "dependsOn": ["db", "infra/kafka"]}
    assert dependencies([g.policy(workloads=[entry])], g.LABELS) == {"shop/db", "infra/kafka"}
    assert dependencies([g.policy(workloads=[entry])], {"app": "other"}) == frozenset()


@pytest.mark.parametrize("name", ["", "a/b/c", "Upper", "-x", "x-", "/x", "a" * 128])
def test_a_dependency_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        g.policy(workloads=[{**g.POLICY_SPEC["workloads"][0], "dependsOn": [name]}])
