"""Selectors: what the API server would select."""

from typing import Any

from tests.domain import given as g
from vanguard.domain.labels import selects

LABELS = {"app": "orders", "tier": "web"}


def expression(operator: str, key: str = "app", *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, **({"values": list(values)} if values else {})}]}


@g.table(
    ("why", "selector", "matches"),
    [
        ("none selects nothing", None, False),
        ("an empty one selects everything", {}, True),
        ("equal labels", {"matchLabels": {"app": "orders"}}, True),
        ("another value", {"matchLabels": {"app": "other"}}, False),
        ("one label of two is missing", {"matchLabels": {"app": "orders", "x": "y"}}, False),
        ("In", expression("In", "app", "a", "orders"), True),
        ("In, another value", expression("In", "app", "a"), False),
        ("In, no such label", expression("In", "x", "a"), False),
        ("NotIn", expression("NotIn", "app", "a"), True),
        ("NotIn, that value", expression("NotIn", "app", "orders"), False),
        ("NotIn, no such label", expression("NotIn", "x", "a"), True),
        ("Exists", expression("Exists"), True),
        ("Exists, it does not", expression("Exists", "x"), False),
        ("DoesNotExist", expression("DoesNotExist", "x"), True),
        ("DoesNotExist, it does", expression("DoesNotExist"), False),
        ("an operator nobody knows", expression("Gt", "app", "1"), False),
        ("labels and an expression", {"matchLabels": {"app": "orders"}, **expression("Exists", "x")}, False),
    ],
)
def test_what_a_selector_selects(why: str, selector: dict[str, Any] | None, matches: bool) -> None:
    assert selects(selector, LABELS) is matches, why
