"""Rules of arithmetic such as `(replicas + surge) * value + 10 <= max_connections`: read, never run, and exact.

Python's own parser reads them and a short list of its nodes is let through; numbers are fractions, so that nothing is
rounded. What cannot be computed is unknown, which is neither true nor false.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

Values = Mapping[str, Fraction]

_NUMBER = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Fraction, Fraction], bool]]] = {
    ast.LtE: ("<=", operator.le),
    ast.Lt: ("<", operator.lt),
    ast.GtE: (">=", operator.ge),
    ast.Gt: (">", operator.gt),
}
_DIGITS = 6


@dataclass(frozen=True)
class Number:
    """A number, exactly as written."""

    value: Fraction


@dataclass(frozen=True)
class Named:
    """A number that is known by name."""

    name: str


@dataclass(frozen=True)
class Sign:
    """One of + - * /, and how closely it binds."""

    text: str
    binds: int
    compute: Callable[[Fraction, Fraction], Fraction]


@dataclass(frozen=True)
class Operation:
    """Two expressions and what is done with them."""

    left: "Expression"
    sign: Sign
    right: "Expression"


Expression = Number | Named | Operation

_SIGNS: dict[type[ast.operator], Sign] = {
    ast.Add: Sign("+", 1, operator.add),
    ast.Sub: Sign("-", 1, operator.sub),
    ast.Mult: Sign("*", 2, operator.mul),
    ast.Div: Sign("/", 2, operator.truediv),
}


@dataclass(frozen=True)
class Outcome:
    """What a rule comes to with some values.

    Attributes:
        holds: whether it is true; None when that is not known.
        told: the rule with its figures, such as `(3 + 1) * 60 + 10 = 250 <= 200 is false`; or why it is not known.
    """

    holds: bool | None
    told: str


@dataclass(frozen=True)
class Rule:
    """A comparison of two expressions.

    Attributes:
        names: what it needs values of.
    """

    names: frozenset[str]
    left: Expression
    sign: type[ast.cmpop]
    right: Expression

    def outcome(self, values: Values) -> Outcome:
        """Compare both sides with these values; a name without one, or a division by zero, is unknown."""
        lacking = sorted(self.names - values.keys())
        if lacking:
            return Outcome(None, f"nothing is known of {', '.join(lacking)}")
        word, compare = _COMPARISONS[self.sign]
        try:
            left, right = evaluate(self.left, values), evaluate(self.right, values)
        except ZeroDivisionError:
            figures = f"{_figures(self.left, values)} {word} {_figures(self.right, values)}"
            return Outcome(None, f"{figures} divides by zero")
        holds = compare(left, right)
        sides = f"{_side(self.left, left, values)} {word} {_side(self.right, right, values)}"
        return Outcome(holds, f"{sides} is {str(holds).lower()}")


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Raises:
        ValueError: when it is no comparison of sums and products; it says what is wrong.
    """
    text = text.strip()
    try:
        body = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ValueError(f"{text!r} cannot be read: {what}") from error
    if not isinstance(body, ast.Compare) or len(body.ops) != 1 or type(body.ops[0]) not in _COMPARISONS:
        raise ValueError(f"{text!r} must compare two sides, with exactly one of <= < >= >")
    left, right = _read(body.left, text), _read(body.comparators[0], text)
    return Rule(frozenset([*_names(left), *_names(right)]), left, type(body.ops[0]), right)


def evaluate(expression: Expression, values: Values) -> Fraction:
    """The exact value of an expression.

    Raises:
        KeyError: for a name without a value.
        ZeroDivisionError: when it divides by zero.
    """
    match expression:
        case Number(value):
            return value
        case Named(name):
            return values[name]
        case Operation(left, sign, right):
            return sign.compute(evaluate(left, values), evaluate(right, values))


def shown(value: Fraction) -> str:
    """A number for people: all digits where they end, else the first six behind the point."""
    if value.denominator == 1:
        return str(value.numerator)
    whole, part = divmod(abs(round(value * 10**_DIGITS)), 10**_DIGITS)
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{part:0{_DIGITS}}".rstrip("0").rstrip(".")


def _read(node: ast.expr, text: str) -> Expression:
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        return Operation(_read(node.left, text), _SIGNS[type(node.op)], _read(node.right, text))
    part = ast.get_source_segment(text, node) or ""
    if isinstance(node, ast.Name) and _NAME.fullmatch(part):
        return Named(part)
    # As written, not as Python read it: a float would have lost digits.
    if isinstance(node, ast.Constant) and _NUMBER.fullmatch(part):
        return Number(Fraction(part))
    raise ValueError(f"{text!r}: {part!r} is not allowed; only numbers, names such as max_connections, + - * / and ( )")


def _names(expression: Expression) -> Iterator[str]:
    match expression:
        case Named(name):
            yield name
        case Operation(left, _, right):
            yield from _names(left)
            yield from _names(right)


def _side(expression: Expression, value: Fraction, values: Values) -> str:
    figures = _figures(expression, values)
    return f"{figures} = {shown(value)}" if isinstance(expression, Operation) else figures


def _figures(expression: Expression, values: Values, binds: int = 0) -> str:
    """The expression with values for names, in brackets where what is around it binds more closely."""
    if not isinstance(expression, Operation):
        value = evaluate(expression, values)
        return f"({shown(value)})" if value < 0 and binds else shown(value)
    sign = expression.sign
    # What stands on the right of a minus or a slash is taken as a whole.
    left, right = _figures(expression.left, values, sign.binds), _figures(expression.right, values, sign.binds + 1)
    text = f"{left} {sign.text} {right}"
    return f"({text})" if sign.binds < binds else text
