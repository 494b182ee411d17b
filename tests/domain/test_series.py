"""Series: medians per bin, rings of seven days, gaps known as gaps."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain import given as g
from vanguard.domain.past import BIN_SECONDS, BLOCK, BLOCKS, FINE, Past
from vanguard.domain.series import BINS, Columns, RawSeries, SeriesBook, binned, key_of, labels_in, labels_of
from vanguard.domain.series import medians as medians_of

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
    numbers, (medians,) = binned(Columns.of([raw(points)]))
    known = np.isfinite(medians)
    assert numbers[known].tolist() == sorted(wanted)
    middles = [np.median(wanted[number]) for number in sorted(wanted)]
    # A float32 of the size of the samples is as exact as a median of them can be.
    np.testing.assert_allclose(medians[known], middles, rtol=1e-6, atol=0.2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_bin_of_nothing_but_unmeasured_values_is_a_gap(bad: float) -> None:
    _, medians = binned(Columns.of([raw([(0, bad), (60, bad)])]))
    assert np.isnan(medians).all()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 7, 30])
def test_medians_of_groups_of_any_size_leave_gaps_out(size: int) -> None:
    rng = np.random.default_rng(size)
    groups = rng.normal(0, 10, (40, 3, size)).astype(np.float32)
    groups[rng.random(groups.shape) < 0.3] = np.nan
    groups[0] = np.nan
    wanted = [[np.median(g[np.isfinite(g)]) if np.isfinite(g).any() else np.nan for g in row] for row in groups]
    np.testing.assert_allclose(medians_of(groups), np.array(wanted), rtol=1e-5, atol=1e-5)


def test_a_book_gives_the_last_week_oldest_first_with_nan_where_nothing_is_known() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(0, 1.0), (2 * BIN_SECONDS, 3.0)])]))
    values = row(book, 3 * BIN_SECONDS)
    assert values.shape == (FINE,)
    np.testing.assert_array_equal(values[-4:], [1.0, np.nan, 3.0, np.nan])
    assert np.isnan(values[:-4]).all()


def test_what_is_older_than_the_ring_has_fallen_out_and_leaves_gaps_behind() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(0, 1.0), (BIN_SECONDS, 2.0)])]))
    assert row(book, FINE * BIN_SECONDS)[0] == 2.0
    assert np.isnan(row(book, 10 * BINS * BIN_SECONDS)).all()


def test_samples_older_than_the_ring_do_not_overwrite_the_present() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(BINS * BIN_SECONDS, 5.0)])]))
    book.absorb(Columns.of([raw([(0, 1.0)])]))
    assert row(book, BINS * BIN_SECONDS)[-1] == 5.0


def test_a_partial_bin_heals_with_the_next_fetch() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(0, 1.0)])]))
    book.absorb(Columns.of([raw([(0, 1.0), (60, 5.0), (120, 5.0)])]))
    assert row(book, 0)[-1] == 5.0


@given(st.lists(st.floats(0, 1000, width=32), min_size=2, max_size=80), st.lists(st.integers(0, 80), max_size=4))
def test_fetching_piece_by_piece_from_the_newest_bin_on_gives_the_same_as_fetching_at_once(
    values: list[float], cuts: list[int]
) -> None:
    points = [(60.0 * i, value) for i, value in enumerate(values)]
    whole, pieces = SeriesBook(), SeriesBook()
    whole.absorb(Columns.of([raw(points)]))
    since = 0.0
    for cut in [*sorted(cuts), len(points)]:
        pieces.absorb(Columns.of([raw([point for point in points[:cut] if point[0] >= since])]))
        since = points[min(max(0, cut - 1), len(points) - 1)][0] // 300 * 300
    np.testing.assert_array_equal(row(pieces, points[-1][0]), row(whole, points[-1][0]))


def test_series_do_not_mix_however_many_there_are() -> None:
    book = SeriesBook()
    names = [labels_of({"pod": str(number)}) for number in range(50)]
    book.absorb(Columns.of(raw([(0, float(number))], name) for number, name in enumerate(names)))
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
    book.absorb(Columns.of([raw([(0, np.nan)]), raw([])]))
    assert len(book) == 0


def test_series_that_ended_a_day_ago_are_forgotten_and_the_others_keep_their_values() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(0, 1.0)]), raw([(90_000, 2.0)], OTHER)]))
    book.forget_unseen(at(90_000), after=timedelta(days=1))
    assert len(book) == 1
    assert row(book, 90_000, OTHER)[-1] == 2.0
    book.absorb(Columns.of([raw([(90_300, 9.0)])]))
    assert row(book, 90_300)[-2:].tolist()[1] == 9.0
    assert np.isnan(row(book, 90_300)[:-1]).all()
    assert row(book, 90_300, OTHER)[-2] == 2.0


def test_a_book_whose_series_are_all_forgotten_can_be_filled_again() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(0, 1.0)])]))
    book.forget_unseen(at(200_000))
    assert len(book) == 0
    book.absorb(Columns.of([raw([(200_100, 4.0)])]))
    assert row(book, 200_100)[-1] == 4.0


def simple(values: np.ndarray, head: int) -> Past:
    """The same the simple way: medians of everything. `values` [series, BINS], the last is bin `head`."""
    return Past.of(values, phase=head % BLOCK + 1)


def the_same(book: SeriesBook, wanted: Past, seconds: float) -> None:
    labels, past = book.past(at(seconds))
    order = np.argsort([int(dict(name)["pod"]) for name in labels])
    assert past.phase == wanted.phase
    np.testing.assert_allclose(past.fine[order], wanted.fine)
    np.testing.assert_allclose(past.blocks[order], wanted.blocks, rtol=1e-6)


@given(st.data())
def test_however_and_in_whatever_order_samples_come_the_past_is_that_of_all_of_them(data: st.DataObject) -> None:
    """Whole half hours in any order, some twice, some cut short at first, some series apart from others."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    span = data.draw(st.sampled_from([1, 5, 100, FINE, FINE + 7, 400, BINS, BINS + 100]), label="bins")
    per_bin = data.draw(st.sampled_from([1, 2, 5, 10]), label="samples a bin")
    count = data.draw(st.integers(1, 4), label="series")
    samples = rng.normal(100, 30, (count, span, per_bin)).astype(np.float32)
    samples[rng.random(samples.shape) < data.draw(st.sampled_from([0.0, 0.1, 0.7]), label="gaps")] = np.nan
    samples[:, -1, -1] = 1.0  # each series is there
    first = START // BIN_SECONDS - span + 1
    cuts = sorted({0, span, *data.draw(st.lists(st.integers(0, span), max_size=6), label="cuts")})
    whole = [0, *(cut for cut in cuts[1:-1] if (first + cut) % BLOCK == 0), span]
    pieces = list(itertools.pairwise(sorted(set(whole))))
    pieces = data.draw(st.permutations(pieces + pieces[: data.draw(st.integers(0, 2))]), label="pieces")
    book = SeriesBook()

    def give(begin: int, end: int, rows: np.ndarray, least: int = 0) -> None:
        part = samples[rows, begin:end].reshape(rows.size, -1)[:, least:]
        times = (first + begin) * BIN_SECONDS + (least + np.arange(part.shape[1])) * (BIN_SECONDS / per_bin)
        book.absorb(Columns(tuple(key_of((("pod", str(row)),)) for row in rows.tolist()), times, part))

    for begin, end in pieces:
        rows = rng.permutation(count)
        if data.draw(st.booleans(), label="cut short at first") and end == span:
            part = samples[:, begin:end].copy()
            keys = tuple(key_of((("pod", str(row)),)) for row in range(count))
            times = (first + begin) * BIN_SECONDS + np.arange(part[0].size) * (BIN_SECONDS / per_bin)
            short = times.size - per_bin + 1
            book.absorb(Columns(keys, times[:short], part.reshape(count, -1)[:, :short]))
        half = rows.size // 2
        give(begin, end, rows[:half] if half else rows)
        give(begin, end, rows[half:] if half else rows)
    bins = medians_of(samples)
    wanted = np.full((count, BINS), np.nan, np.float32)
    wanted[:, -min(span, BINS) :] = bins[:, -BINS:]
    the_same(book, simple(wanted, START // BIN_SECONDS), 0)


def test_a_late_sample_makes_its_half_hour_what_it_would_have_been() -> None:
    """Even in the oldest half hour of which the past gives bins."""
    book = SeriesBook()
    now = (START // BIN_SECONDS // BLOCK + 1) * BLOCK * BIN_SECONDS - START  # the first bin of a half hour
    begin = now - (FINE - 1) * BIN_SECONDS - 5 * BIN_SECONDS
    points = [(begin + i * BIN_SECONDS, float(i)) for i in range(FINE + 5)]
    book.absorb(Columns.of([raw([point for point in points if point[1] != 5])]))
    before = book.past(at(now))[1]
    book.absorb(Columns.of([raw([points[5]])]))
    whole = SeriesBook()
    whole.absorb(Columns.of([raw(points)]))
    after, wanted = book.past(at(now))[1], whole.past(at(now))[1]
    assert not np.array_equal(before.blocks, after.blocks, equal_nan=True)
    np.testing.assert_array_equal(after.fine, wanted.fine)
    np.testing.assert_array_equal(after.blocks, wanted.blocks)


def test_an_older_half_hour_is_not_made_of_the_bins_that_happen_to_be_left() -> None:
    book = SeriesBook()
    aligned = START // BIN_SECONDS // BLOCK * BLOCK * BIN_SECONDS - START
    points = [(aligned + i * BIN_SECONDS, float(i)) for i in range(BLOCK)]
    book.absorb(Columns.of([raw(points)]))
    for later in range(1, FINE + 2 * BLOCK):
        _, past = book.past(at(aligned + (BLOCK + later) * BIN_SECONDS))
        assert past.blocks[np.isfinite(past.blocks)].tolist() == [2.5], later


def test_a_clock_that_went_back_gives_the_same_past_and_no_older_one() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(0, 1.0), (300, 2.0)])]))
    ahead, behind = book.past(at(300))[1], book.past(at(-900))[1]
    np.testing.assert_array_equal(ahead.fine, behind.fine)


def test_a_name_that_a_query_had_to_keep_elsewhere_is_the_same_series() -> None:
    book = SeriesBook()
    fine = Columns((b'{"__name__":"heap","pod":"a"}',), np.array([float(START)]), np.array([[2.0]], np.float32))
    old = Columns((b'{"pod":"a","vanguard_name":"heap"}',), np.array([START - 90_000.0]), np.array([[1.0]], np.float32))
    book.absorb(fine)
    book.absorb(old)
    assert len(book) == 1
    assert book.labels(0) == (("__name__", "heap"), ("pod", "a"))


@pytest.mark.parametrize("text", ['a"b', "back\\slash", "müsli", "<&>", ""])
def test_a_label_is_read_as_it_was_written(text: str) -> None:
    labels = labels_of({"pod": text, "namespace": "shop"})
    assert labels_in(key_of(labels)) == labels


def test_the_past_comes_in_parts_no_larger_than_asked_for() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(0, float(n))], labels_of({"pod": str(n)})) for n in range(10)]))
    parts = list(book.pasts(at(0), most=4))
    assert [len(past) for _, past in parts] == [4, 4, 2]
    assert np.concatenate([past.fine[:, -1] for _, past in parts]).tolist() == list(range(10))


def test_what_was_given_of_a_book_does_not_change_when_the_book_does() -> None:
    book = SeriesBook()
    book.absorb(Columns.of([raw([(0, 1.0)])]))
    past = book.past(at(0))[1]
    kept = past.fine.copy()
    book.absorb(Columns.of([raw([(0, 7.0)]), raw([(0, 8.0)], OTHER)]))
    np.testing.assert_array_equal(past.fine, kept)


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
