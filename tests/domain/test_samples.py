"""The compact copy of the samples: what is packed comes back as it was, and what was touched is noticed."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vanguard.domain.past import BLOCK, BLOCKS, FINE, Past
from vanguard.domain.samples import Ground, digest, ground_of, pack, selector, unpack

VALUES = st.one_of(st.just(float("nan")), st.floats(width=32, allow_infinity=False, allow_nan=True))
PASTS = st.builds(
    lambda values, phase: Past(values[None, :FINE], values[None, FINE:], phase),
    arrays(np.float32, FINE + BLOCKS, elements=VALUES, fill=VALUES),
    st.integers(1, BLOCK),
)
LABELS = (("deployment", "orders"), ("namespace", "shop"))


def past(*rows: float) -> Past:
    """The past of a series that stands still, one a row."""
    fine = np.repeat(np.array([rows], np.float32).T, FINE, axis=1)
    return Past(fine, np.repeat(np.array([rows], np.float32).T, BLOCKS, axis=1), 3)


@settings(max_examples=200, deadline=None)
@given(PASTS)
def test_any_past_comes_back_bit_for_bit_and_gaps_as_gaps(kept: Past) -> None:
    again = unpack(pack(kept))
    for before, after in ((kept.fine, again.fine), (kept.blocks, again.blocks)):
        np.testing.assert_array_equal(np.isnan(before), np.isnan(after))
        known = ~np.isnan(before)
        assert before[known].tobytes() == after[known].tobytes()
        assert after.dtype == np.float32
    assert (again.phase, len(again)) == (kept.phase, 1)
    assert digest(again) == digest(kept)
    assert pack(again) == pack(kept)


@settings(max_examples=100, deadline=None)
@given(PASTS, st.integers(0, FINE + BLOCKS - 1))
def test_one_value_changed_is_another_hash(kept: Past, place: int) -> None:
    values = np.concatenate([kept.fine, kept.blocks], axis=1).copy()
    values[0, place] = 1.0 if values[0, place] != 1.0 else 2.0
    other = Past(values[:, :FINE], values[:, FINE:], kept.phase)
    assert digest(other) != digest(kept)
    assert digest(Past(kept.fine, kept.blocks, kept.phase % BLOCK + 1)) != digest(kept)


def test_any_gap_is_the_same_gap() -> None:
    odd = past(float("nan"))
    odd.fine[0, 0] = np.array([0x7FC00001], np.uint32).view(np.float32)[0]
    assert digest(odd) == digest(past(float("nan")))


def test_noise_of_a_whole_past_packs_into_three_kilobytes() -> None:
    noise = np.random.default_rng(1).normal(size=FINE + BLOCKS).astype(np.float32)[None, :]
    assert len(pack(Past(noise[:, :FINE], noise[:, FINE:]))) < 3000


def test_the_format_stays_readable_what_was_recorded_must_never_be_lost() -> None:
    """One packed by hand, as the module's first lines say."""
    plain = bytes([2]) + b"\x00\x00\x80\x3f" * FINE + b"\x00\x00\xc0\x7f" * BLOCKS
    again = unpack("v1:" + base64.b64encode(zlib.compress(plain)).decode())
    assert (again.phase, set(again.fine[0].tolist())) == (2, {1.0})
    assert np.isnan(again.blocks).all()


def _of(plain: bytes) -> str:
    return "v1:" + base64.b64encode(zlib.compress(plain)).decode()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "begins with ''"),
        ("v2:" + pack(past(1.0))[3:], "begins with 'v2:"),
        ("v1:!!!", "cannot be unpacked"),
        ("v1:AAAA", "cannot be unpacked"),
        (pack(past(1.0))[:40], "cannot be unpacked|holds"),
        (_of(b""), "holds 0 bytes"),
        (_of(bytes([9]) + bytes(4 * (FINE + BLOCKS))), "from '09'"),
        (_of(bytes(10_000_000)), "holds 2114 bytes"),
    ],
)
def test_what_pack_did_not_make_is_refused_and_a_bomb_is_not_unpacked(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        unpack(text)


def test_a_ground_is_one_series_and_holds_on_to_no_other() -> None:
    several = past(1.0, 2.0, 3.0)
    ground = ground_of(LABELS, several, 1)
    assert isinstance(ground, Ground)
    assert (ground.labels, len(ground.past), float(ground.past.fine[0, 0]), ground.past.phase) == (LABELS, 1, 2.0, 3)
    assert not np.shares_memory(ground.past.fine, several.fine)
    assert not np.shares_memory(ground.past.blocks, several.blocks)


def test_labels_are_written_as_promql_has_them_and_cut_where_they_are_too_long() -> None:
    assert selector(LABELS) == '{deployment="orders", namespace="shop"}'
    assert selector((("__name__", "up"), ("a", 'x"\\'))) == 'up{a="x\\"\\\\"}'
    long = selector((("a", "x" * 3000),))
    assert (len(long), long[-3:]) == (2048, "...")
