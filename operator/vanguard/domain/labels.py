"""Label selectors as the API server means them: matchLabels and matchExpressions."""

from collections.abc import Iterable, Mapping
from typing import Any

Labels = Mapping[str, str]


def selects(selector: Mapping[str, Any] | None, labels: Labels) -> bool:
    """Whether a selector matches; an absent one matches nothing, an empty one everything."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    return wanted.items() <= labels.items() and all_hold(selector.get("matchExpressions") or (), labels)


def all_hold(expressions: Iterable[Mapping[str, Any]], labels: Labels) -> bool:
    """Whether every expression holds; an operator that is not known here holds for nothing."""
    return all(_holds(one, labels) for one in expressions)


def _holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    present, values = expression["key"] in labels, expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return present and labels[expression["key"]] in values
        case "NotIn":
            return not present or labels[expression["key"]] not in values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
        case _:
            return False
