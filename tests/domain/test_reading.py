"""Readings: one figure about the target, or why there is none."""

from fractions import Fraction
from typing import Any

from tests.domain import given as g
from vanguard.api.pattern import ReadingScope
from vanguard.domain.reading import Samples, known_of, most_replicas, reading_of

ME = g.workload().key
MINE, THEIRS = {"namespace": "shop", "deployment": "orders"}, {"namespace": "shop", "deployment": "basket"}
BANKS = {"namespace": "bank", "deployment": "orders"}
OF_NAMESPACE, OF_TARGET = ReadingScope(), ReadingScope(name_label="deployment")


@g.table(
    ("why", "samples", "scope", "value", "told"),
    [
        ("one for the cluster", [({}, 200.0)], None, "200", ""),
        ("a decimal as Prometheus wrote it", [({}, 0.1)], None, "0.1", ""),
        ("a very small one", [({}, 5e-05)], None, "0.00005", ""),
        ("one of the namespace's", [(THEIRS, 1.0), (BANKS, 2.0)], OF_NAMESPACE, "1", ""),
        ("one of the target's", [(MINE, 1.0), (THEIRS, 2.0), (BANKS, 3.0)], OF_TARGET, "1", ""),
        ("no answer", None, None, None, "Prometheus did not answer"),
        ("nothing", [], None, None, "0 series"),
        ("two for the cluster", [(MINE, 1.0), (BANKS, 1.0)], None, None, "2 series"),
        ("two of the namespace's", [(MINE, 1.0), (THEIRS, 1.0)], OF_NAMESPACE, None, "2 series"),
        ("none of the target's", [(THEIRS, 1.0), (BANKS, 2.0)], OF_TARGET, None, "0 series"),
        ("no number", [({}, float("nan"))], None, None, "nan"),
        ("no end", [({}, float("inf"))], None, None, "inf"),
        ("larger than anything", [({}, 1e300)], None, None, "1e+300"),
    ],
)
def test_a_figure_is_known_only_where_there_is_one(
    why: str, samples: Samples | None, scope: ReadingScope | None, value: str | None, told: str
) -> None:
    found = reading_of(samples, scope, ME)
    assert found.value == (None if value is None else Fraction(value)), why
    assert told in found.trouble
    assert bool(found.trouble) is (value is None)


def autoscaler(most: int, name: str = "orders", kind: str = "Deployment") -> dict[str, Any]:
    return {"spec": {"maxReplicas": most, "scaleTargetRef": {"kind": kind, "name": name}}}


@g.table(
    ("why", "autoscalers", "most"),
    [
        ("none", [], 3),
        ("one that may add", [autoscaler(10)], 10),
        ("one that may only take away", [autoscaler(2)], 3),
        ("the larger of two", [autoscaler(4), autoscaler(7)], 7),
        ("of another workload", [autoscaler(10, "basket")], 3),
        ("of another kind of workload", [autoscaler(10, kind="StatefulSet")], 3),
    ],
)
def test_the_most_replicas_are_those_an_autoscaler_may_make(
    why: str, autoscalers: list[dict[str, Any]], most: int
) -> None:
    assert most_replicas(g.workload(), autoscalers) == most, why


def test_a_surge_in_percent_is_one_of_the_most_replicas() -> None:
    assert known_of(g.workload(), 24, 3) == {"value": 24, "replicas": 3, "surge": 1}
    assert known_of(g.workload(), 24, 10) == {"value": 24, "replicas": 10, "surge": 3}
