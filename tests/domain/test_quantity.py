"""Quantities: the forms the API server writes and takes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils.quantity import parse_quantity

from vanguard.domain.quantity import read_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("50m", "0.05"), ("2", "2"), ("1.5", "1.5"), (".5", "0.5"), ("256Mi", "268435456"), ("1Ki", "1024"),
        ("1k", "1000"), ("1e3", "1000"), ("1E3", "1000"), ("1E", "1000000000000000000"), ("5n", "0.000000005"),
        ("-1", "-1"), (110, "110"), ("1Ti", "1099511627776"),
    ],
)  # fmt: skip
def test_a_quantity_is_a_number(text: object, number: str) -> None:
    assert read_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1gi", "1Kib", "NaN", None, "1e", "--1"])
def test_what_is_no_quantity_is_refused_by_name(text: object) -> None:
    with pytest.raises(ValueError, match="is not a Kubernetes quantity"):
        read_quantity(text)


@given(st.integers(0, 10**9), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi", "Ti"]))
def test_the_official_client_reads_the_same(number: int, suffix: str) -> None:
    assert read_quantity(f"{number}{suffix}") == parse_quantity(f"{number}{suffix}")
