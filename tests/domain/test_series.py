"""Series: medians per bin, rings of seven days, gaps known as gaps."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.domain.past import BIN_SECONDS, BLOCKS, FINE, Past
from vanguard.domain.series import BINS, RawSeries, SeriesBook, bin_medians, labels_of

START = 1_790_000_100 // BIN_SECONDS * BIN_SECONDS
ORDERS = labels_of({"pod": "orders-1"})
OTHER = labels_of({"pod": "other-1"})


def raw(points: Sequence[tuple[float, float]], labels: tuple[tuple[str, str], ...] = ORDERS) -> RawSeries:
    times, values = zip(*points, strict=True) if points else ((), ())
    return RawSeries(labels, START + np.array(times, float), np.array(values, float))


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(START + seconds, tz=UTC)


def row(book: SeriesBook, seconds: float, labels: tuple[tuple[str, str], ...] = ORDERS) -> np.ndarray:
    names, past = book.past(at(seconds))
    return np.asarray(past.fine[names.index(labels)])


def test_labels_are_the_same_identity_in_whatever_order_they_come() -> None:
    assert labels_of({"b": "2", "a": "1"}) == labels_of({"a": "1", "b": "2"}) == (("a", "1"), ("b", "2"))


POINTS = st.lists(
    st.tuples(st.integers(0, 3600), st.one_of(st.floats(-1e6, 1e6, width=32), st.just(float("nan")))),
    max_size=60,
    unique_by=lambda point: point[0],
).map(sorted)


@given(POINTS)
def test_each_bin_holds_the_median_of_its_finite_samples_and_empty_bins_are_absent(
    points: list[tuple[int, float]],
) -> None:
    wanted: dict[int, list[float]] = {}
    for time, value in points:
        if np.isfinite(value):
            wanted.setdefault((START + time) // BIN_SECONDS, []).append(value)
    numbers, medians = bin_medians(raw(points))
    assert numbers.tolist() == sorted(wanted)
    assert medians.tolist() == pytest.approx([np.median(wanted[number]) for number in sorted(wanted)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bin_of_nothing_but_unmeasured_values_is_a_gap(bad: float) -> None:
    numbers, medians = bin_medians(raw([(0, bad), (60, bad)]))
    assert numbers.size == medians.size == 0


def test_a_book_gives_the_last_week_oldest_first_with_nan_where_nothing_is_known() -> None:
    book = SeriesBook()
    book.absorb([raw([(0, 1.0), (2 * BIN_SECONDS, 3.0)])])
    values = row(book, 3 * BIN_SECONDS)
    assert values.shape == (FINE,)
    np.testing.assert_array_equal(values[-4:], [1.0, np.nan, 3.0, np.nan])
    assert np.isnan(values[:-4]).all()


def test_what_is_older_than_the_ring_has_fallen_out_and_leaves_gaps_behind() -> None:
    book = SeriesBook()
    book.absorb([raw([(0, 1.0), (BIN_SECONDS, 2.0)])])
    assert row(book, FINE * BIN_SECONDS)[0] == 2.0
    assert np.isnan(row(book, 10 * BINS * BIN_SECONDS)).all()


def test_samples_older_than_the_ring_do_not_overwrite_the_present() -> None:
    book = SeriesBook()
    book.absorb([raw([(BINS * BIN_SECONDS, 5.0)])])
    book.absorb([raw([(0, 1.0)])])
    assert row(book, BINS * BIN_SECONDS)[-1] == 5.0


def test_a_partial_bin_heals_with_the_next_fetch() -> None:
    book = SeriesBook()
    book.absorb([raw([(0, 1.0)])])
    book.absorb([raw([(0, 1.0), (60, 5.0), (120, 5.0)])])
    assert row(book, 0)[-1] == 5.0


@given(st.lists(st.floats(0, 1000, width=32), min_size=2, max_size=80), st.lists(st.integers(0, 80), max_size=4))
def test_fetching_piece_by_piece_from_the_newest_bin_on_gives_the_same_as_fetching_at_once(
    values: list[float], cuts: list[int]
) -> None:
    points = [(60.0 * i, value) for i, value in enumerate(values)]
    whole, pieces = SeriesBook(), SeriesBook()
    whole.absorb([raw(points)])
    since = 0.0
    for cut in [*sorted(cuts), len(points)]:
        pieces.absorb([raw([point for point in points[:cut] if point[0] >= since])])
        since = points[min(max(0, cut - 1), len(points) - 1)][0] // 300 * 300
    np.testing.assert_array_equal(row(pieces, points[-1][0]), row(whole, points[-1][0]))


def test_series_do_not_mix_however_many_there_are() -> None:
    book = SeriesBook()
    names = [labels_of({"pod": str(number)}) for number in range(50)]
    book.absorb(raw([(0, float(number))], name) for number, name in enumerate(names))
    assert len(book) == 50
    labels, past = book.past(at(0))
    assert dict(zip(labels, past.fine[:, -1].tolist(), strict=True)) == {n: float(i) for i, n in enumerate(names)}


def test_an_empty_book_gives_an_empty_matrix() -> None:
    book = SeriesBook()
    labels, past = book.past(at(0))
    assert labels == ()
    assert past.fine.shape == (0, FINE)
    assert past.blocks.shape == (0, BLOCKS)


def test_a_series_without_a_single_finite_sample_is_not_taken_in() -> None:
    book = SeriesBook()
    book.absorb([raw([(0, np.nan)]), raw([])])
    assert len(book) == 0


def test_series_that_ended_a_day_ago_are_forgotten_and_the_others_keep_their_values() -> None:
    book = SeriesBook()
    book.absorb([raw([(0, 1.0)]), raw([(90_000, 2.0)], OTHER)])
    book.forget_unseen(at(90_000), after=timedelta(days=1))
    assert len(book) == 1
    assert row(book, 90_000, OTHER)[-1] == 2.0
    book.absorb([raw([(90_300, 9.0)])])
    assert row(book, 90_300)[-2:].tolist()[1] == 9.0
    assert np.isnan(row(book, 90_300)[:-1]).all()
    assert row(book, 90_300, OTHER)[-2] == 2.0


def test_a_book_whose_series_are_all_forgotten_can_be_filled_again() -> None:
    book = SeriesBook()
    book.absorb([raw([(0, 1.0)])])
    book.forget_unseen(at(200_000))
    assert len(book) == 0
    book.absorb([raw([(200_100, 4.0)])])
    assert row(book, 200_100)[-1] == 4.0


RNG = np.random.default_rng(5)
MOVING = 50 + RNG.normal(0, 1, 400)


def with_tail(values: np.ndarray, *tail: float) -> np.ndarray:
    out = values.copy()
    out[-len(tail) :] = tail
    return out[None, :]


@g.table(
    ("why", "values", "expected"),
    [
        ("six equal bins after a day of movement", with_tail(MOVING, *[50.0] * 6), True),
        ("five equal bins are too few", with_tail(MOVING, *[50.0] * 5), False),
        ("a series that moves", MOVING[None, :], False),
        ("a series that never moved", np.full((1, 400), 7.0), False),
        ("a series of few steps, seldom moving", np.repeat(RNG.normal(0, 1, 40), 10)[None, :], False),
        ("gaps at the end are not equal to each other", with_tail(MOVING, *[np.nan] * 6), False),
        ("nothing but gaps", np.full((1, 400), np.nan), False),
        ("too short to tell", with_tail(MOVING[:18], *[50.0] * 6), False),
        ("no samples", np.empty((1, 0)), False),
    ],
)
def test_a_stuck_exporter_is_told_from_a_quiet_one(why: str, values: np.ndarray, expected: bool) -> None:
    assert Past.of(values).frozen.tolist() == [expected], why


@g.table(
    ("why", "tail", "expected"),
    [
        ("a value in the newest bin", [np.nan, np.nan, 1.0], False),
        ("a value three bins ago", [1.0, np.nan, np.nan], False),
        ("three bins without a value", [np.nan, np.nan, np.nan], True),
    ],
)
def test_a_series_is_stale_when_its_last_three_bins_are_empty(why: str, tail: list[float], expected: bool) -> None:
    assert Past.of(with_tail(MOVING, *tail)).stale.tolist() == [expected], why


def test_a_series_without_samples_is_stale() -> None:
    assert Past.of(np.empty((2, 0))).stale.tolist() == [True, True]
