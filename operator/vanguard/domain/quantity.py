"""Kubernetes quantities, exactly: 50m, 256Mi, 1e3.

The grammar is apimachinery's resource.Quantity: a decimal number with a binary, decimal or exponent suffix.
"""

import re
from decimal import Decimal

_FORM = re.compile(
    r"([+-]?[0-9]{1,24}(?:\.[0-9]{0,24})?|[+-]?\.[0-9]{1,24})(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?[0-9]{1,2}))?"
)
_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", start=1)}
_SMALL = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
_SUFFIXES = {**_BINARY, **_DECIMAL, **_SMALL}


def read_quantity(text: object) -> Decimal:
    """The number a quantity stands for, in the resource's own unit (cores, bytes, pieces).

    Raises:
        ValueError: when the text is no quantity.
    """
    found = _FORM.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text!r} is not a Kubernetes quantity such as 50m or 256Mi")
    number, suffix, exponent = found.groups()
    if exponent is not None:
        return Decimal(number).scaleb(int(exponent))
    return Decimal(number) * _SUFFIXES.get(suffix or "", Decimal(1))
