"""Rules of arithmetic: read without running anything, exact, and unknown where there is no answer."""

import re
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.domain.arithmetic import parse_rule, shown

FIGURES = {"replicas": 3, "surge": 1, "value": 60, "max_connections": 200, "debt": -5, "zero": 0}


def exactly(figures: Mapping[str, int | str]) -> dict[str, Fraction]:
    return {name: Fraction(value) for name, value in figures.items()}


@g.table(
    ("why", "rule", "holds", "told"),
    [
        (
            "with figures and both sides",
            "(replicas + surge) * value + 10 <= max_connections",
            False,
            "(3 + 1) * 60 + 10 = 250 <= 200 is false",
        ),
        ("a product binds more closely", "replicas + surge * value <= max_connections", True, "3 + 1 * 60 = 63 <= 200"),
        ("as large as the limit", "value <= 60", True, "60 <= 60 is true"),
        ("less than it", "value < 60", False, "60 < 60 is false"),
        ("the other way round", "max_connections >= 3 * value", True, "200 >= 3 * 60 = 180 is true"),
        ("more than it", "max_connections > 199.5", True, "200 > 199.5 is true"),
        ("what is taken away as a whole", "value - (replicas - surge) < 59", True, "60 - (3 - 1) = 58 < 59 is true"),
        ("brackets that change nothing", "((value - replicas) - surge) < 57", True, "60 - 3 - 1 = 56 < 57 is true"),
        ("a quotient is exact", "10 / 3 * 3 >= 10", True, "10 / 3 * 3 = 10 >= 10 is true"),
        ("a quotient of a quotient", "value / (replicas / surge) <= 20", True, "60 / (3 / 1) = 20 <= 20 is true"),
        ("decimals are exact", "0.1 + 0.2 <= 0.3", True, "0.1 + 0.2 = 0.3 <= 0.3 is true"),
        ("a negative figure", "value - debt <= 65", True, "60 - (-5) = 65 <= 65 is true"),
        ("more digits than people read", "10 / replicas < 4", True, "10 / 3 = 3.333333 < 4 is true"),
        ("division by zero", "value / zero < 1", None, "60 / 0 < 1 divides by zero"),
        ("division by what comes to zero", "value < 1 / (replicas - 3 * surge)", None, "divides by zero"),
        ("a name nobody knows", "value < limit_of_db", None, "nothing is known of limit_of_db"),
    ],
)
def test_a_rule_is_computed_and_told_with_its_figures(why: str, rule: str, holds: bool | None, told: str) -> None:
    outcome = parse_rule(rule).outcome(exactly(FIGURES))
    assert outcome.holds is holds, why
    assert told in outcome.told


def test_a_rule_says_what_it_names() -> None:
    assert parse_rule("(replicas + surge) * value <= max_connections").names == {
        "replicas", "surge", "value", "max_connections",
    }  # fmt: skip


NO_RULES = [
    ("nothing is compared", "value + 1", "exactly one of <= < >= >"),
    ("two comparisons", "1 <= value <= 9", "exactly one of <= < >= >"),
    ("equality", "value == 9", "exactly one of <= < >= >"),
    ("membership", "value in limits", "exactly one of <= < >= >"),
    ("nothing", "", "cannot be read"),
    ("half a rule", "value <", "cannot be read: invalid syntax"),
    ("a bracket that is not closed", "(value < 9", "cannot be read: '(' was never closed"),
    ("a null byte", "value < 9\0", "cannot be read"),
    ("a word of Python's", "lambda < 9", "cannot be read"),
    ("a call", "open() < 9", "'open()' is not allowed"),
    ("an attribute", "value.real < 9", "'value.real' is not allowed"),
    ("an item", "value[0] < 9", "'value[0]' is not allowed"),
    ("a power", "9 ** 9 ** 9 < value", "'9 ** 9 ** 9' is not allowed"),
    ("a remainder", "value % 2 < 1", "'value % 2' is not allowed"),
    ("a sign", "-value < 9", "'-value' is not allowed"),
    ("a choice", "(1 if value else 2) < 9", "is not allowed"),
    ("text", "'a' < value", "is not allowed"),
    ("true", "value < True", "'True' is not allowed"),
    ("an exponent", "value < 1e3", "'1e3' is not allowed"),
    ("another base", "value < 0x10", "'0x10' is not allowed"),
    ("a name in capitals", "VALUE < 9", "'VALUE' is not allowed"),
    ("a name of other letters", "größe < 9", "'größe' is not allowed"),
    ("a comparison within", "(value < 2) < 9", "'value < 2' is not allowed"),
]


@pytest.mark.parametrize(("rule", "told"), [row[1:] for row in NO_RULES], ids=[row[0] for row in NO_RULES])
def test_what_is_no_rule_is_refused_with_what_is_wrong(rule: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        parse_rule(rule)


@given(st.text(max_size=200))
@example("(" * 200)
@example("-" * 199 + "1")
@example("not " * 50 + "a < 1")
def test_whatever_is_written_it_is_a_rule_or_a_value_error(text: str) -> None:
    try:
        known = parse_rule(text).names
    except ValueError:
        return
    assert all(name in text for name in known)


NUMBERS = st.one_of(
    st.integers(0, 10**6).map(str), st.decimals(0, 1000, places=3, allow_nan=False).map(lambda number: f"{number:f}")
)
LEAVES = st.one_of(NUMBERS, st.sampled_from(sorted(FIGURES)))
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda node: f"({' '.join(node)})"),
    max_leaves=12,
)


def as_fractions(text: str) -> str:
    """The same expression for Python itself, each number a fraction."""
    words = text.replace("(", " ( ").replace(")", " ) ").split()
    return " ".join(f"Fraction('{word}')" if word[0].isdigit() else word for word in words)


@given(TREES, st.sampled_from(["<=", "<", ">=", ">"]), TREES)
def test_it_agrees_with_pythons_own_arithmetic(left: str, sign: str, right: str) -> None:
    values = exactly(FIGURES)
    outcome = parse_rule(f"{left} {sign} {right}").outcome(values)
    try:
        expected = eval(f"{as_fractions(left)} {sign} {as_fractions(right)}", {"Fraction": Fraction, **values})  # noqa: S307 - built by this test
    except ZeroDivisionError:
        expected = None
    assert outcome.holds is expected


@given(TREES, TREES)
def test_the_figures_it_tells_come_to_the_same(left: str, right: str) -> None:
    told = parse_rule(f"{left} <= {right}").outcome(exactly(FIGURES))
    if told.holds is None:
        return
    sides = told.told.removesuffix(" is true").removesuffix(" is false").split(" <= ")
    figures = [side.split(" = ")[0].replace("(-5)", "(0 - 5)") for side in sides]
    figures = [side.replace("-5", "(0 - 5)") if side == "-5" else side for side in figures]
    assert parse_rule(" <= ".join(figures)).outcome({}).holds is told.holds


@given(st.fractions(-(10**12), 10**12))
def test_a_number_is_shown_to_six_digits(value: Fraction) -> None:
    assert abs(Fraction(shown(value)) - value) <= Fraction(1, 2 * 10**6)
