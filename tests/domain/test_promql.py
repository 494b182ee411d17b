"""The PromQL the operator writes itself."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vanguard.domain.promql import counted, narrowed, quoted, shards


@pytest.mark.parametrize(
    ("text", "literal"), [("a", '"a"'), ('a"b', r'"a\"b"'), ("a\\b", r'"a\\b"'), ("a\nb", r'"a\nb"'), ("", '""')]
)
def test_a_string_literal_cannot_be_left(text: str, literal: str) -> None:
    assert quoted(text) == literal


@given(st.text(max_size=40))
def test_a_literal_reads_back_as_what_it_was(text: str) -> None:
    inner = quoted(text)[1:-1]
    assert re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], inner) == text
    assert "\n" not in inner


def test_a_query_is_narrowed_to_each_value_once_in_a_steady_order() -> None:
    query = narrowed("a or b", "namespace", ["shop", "bank", "shop"])
    assert query == (
        '(\na or b\n) and on (namespace) (label_replace(vector(1), "namespace", "bank", "", "") or '
        'label_replace(vector(1), "namespace", "shop", "", ""))'
    )


def test_a_value_is_no_reference_to_a_group() -> None:
    assert '"$$1"' in narrowed("a", "l", ["$1"])


def test_a_query_that_ends_with_a_comment_keeps_its_bracket() -> None:
    assert narrowed("a # why", "l", ["x"]).splitlines()[2].startswith(") and on")


def test_series_are_counted_by_label() -> None:
    assert counted("a", "namespace") == "count by (namespace) (\na\n)"


COUNTS = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(0, 40), max_size=25)


@given(COUNTS, st.integers(1, 50))
def test_every_value_is_in_one_shard_and_no_shard_has_too_many_unless_it_is_a_single_value(
    counts: dict[str, int], most: int
) -> None:
    groups = shards(counts, most)
    assert sorted(value for group in groups for value in group) == sorted(counts)
    for group in groups:
        assert len(group) == 1 or sum(counts[value] for value in group) <= most


@given(COUNTS, st.integers(1, 50))
def test_no_two_shards_could_have_been_one(counts: dict[str, int], most: int) -> None:
    sizes = sorted(sum(counts[value] for value in group) for group in shards(counts, most))
    assert len(sizes) < 2 or sizes[0] + sizes[1] > most
