"""Series as they come from Prometheus, and the book that keeps what the forecaster needs of them.

A `SeriesBook` holds one signal's series. It takes answers as they come (any step up to the bin) and gives back
their `Past`: evenly spaced, oldest first, NaN where nothing is known. Everything is done for all series of an answer
at once; a series costs no Python of its own but a look at its name.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vanguard.domain.past import BIN_SECONDS, BLOCK, BLOCKS, FINE, Floats, Past, Singles, median_of_six

Labels = tuple[tuple[str, str], ...]
Rows = NDArray[np.int64]
BINS = BLOCKS * BLOCK
BLOCK_SECONDS = BLOCK * BIN_SECONDS
# The fine ring is one block longer than what is given of it, so that each block that touches the last twelve hours
# is whole in it: a late sample then changes the block's median to what it would have been.
RING_BLOCKS = FINE // BLOCK + 1
_RING = RING_BLOCKS * BLOCK
# Where a query has to drop a metric's name, it keeps it under this label.
NAME, KEPT_NAME = "__name__", "vanguard_name"
_PART = 4096  # rows moved in one go


def labels_of(mapping: Mapping[str, str]) -> Labels:
    """A series' identity: its labels, sorted, hashable."""
    return tuple(sorted(mapping.items()))


@dataclass(frozen=True)
class RawSeries:
    """One series as Prometheus answered it: labels, unix times [n] ascending, values [n] (NaN allowed)."""

    labels: Labels
    times: Floats
    values: Floats


def finite(raw: RawSeries) -> RawSeries:
    """The same series without NaN and infinite values: they are gaps, not measurements."""
    keep = np.isfinite(raw.values)
    return RawSeries(raw.labels, raw.times[keep], raw.values[keep])


@dataclass(frozen=True)
class Columns:
    """Many series over the same times, as one answer to one range query.

    Attributes:
        keys: of each series, its labels as a JSON object in the very bytes of the answer. Prometheus sorts labels, so
            equal bytes are the same series, and labels need to be read only of series not seen before.
        times: unix times [n], ascending.
        values: [series, n] float32; NaN where there is no sample.
    """

    keys: tuple[bytes, ...]
    times: Floats
    values: Singles

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, series: Iterable[RawSeries]) -> Self:
        """The same samples as a matrix over all times any of the series has."""
        several = list(series)
        times = np.unique(np.concatenate([np.empty(0), *(raw.times for raw in several)]))
        values = np.full((len(several), times.size), np.nan, np.float32)
        for row, raw in enumerate(several):
            values[row, np.searchsorted(times, raw.times)] = raw.values
        return cls(tuple(key_of(raw.labels) for raw in several), times, values)


def key_of(labels: Labels) -> bytes:
    """Labels as Prometheus writes them."""
    return json.dumps(dict(labels), separators=(",", ":"), ensure_ascii=False).encode()


def labels_in(key: bytes) -> Labels:
    """The labels of a key, with the metric's name under its own label."""
    labels = json.loads(key)
    if KEPT_NAME in labels:
        labels[NAME] = labels.pop(KEPT_NAME)
    return labels_of(labels)


def medians(groups: Singles) -> Singles:
    """Medians over the last axis, gaps left out; NaN where there is nothing. [..., n] -> [...]."""
    size = groups.shape[-1]
    if size == 1:
        return np.where(np.isfinite(groups[..., 0]), groups[..., 0], np.float32(np.nan))
    if size <= BLOCK:
        missing = [(0, 0)] * (groups.ndim - 1) + [(0, BLOCK - size)]
        return median_of_six(np.pad(groups, missing, constant_values=np.nan))
    known = np.isfinite(groups)
    count = known.sum(axis=-1)[..., None]
    ordered = np.sort(np.where(known, groups, np.float32(np.inf)), axis=-1)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(ordered, np.minimum(count // 2, size - 1), axis=-1)
    return np.where(count > 0, low / 2 + high / 2, np.float32(np.nan))[..., 0]


def binned(columns: Columns) -> tuple[Rows, Singles]:
    """Medians per 5-minute bin: bin numbers [m] (unix time // 300, ascending) and medians [series, m], NaN = gap."""
    bins = (columns.times // BIN_SECONDS).astype(np.int64)
    numbers, first, sizes = np.unique(bins, return_index=True, return_counts=True)
    out = np.empty((len(columns), numbers.size), np.float32)
    for size in np.unique(sizes):
        here = np.flatnonzero(sizes == size)
        out[:, here] = medians(columns.values[:, first[here, None] + np.arange(size)])
    return numbers, out


class SeriesBook:
    """What a `Past` holds of the series of one signal, in rings: 5 minutes of 12 hours, half hours of 8 days.

    A half hour that is whole in the fine ring has the median of its bins, whenever they came and in whatever order.
    What is older comes as whole half hours, or not at all: of half a half hour the median would be wrong.
    """

    def __init__(self) -> None:
        self._rows: dict[bytes, int] = {}
        self._keys: list[bytes] = []
        self._fine = np.empty((0, _RING), np.float32)
        self._blocks = np.empty((0, BLOCKS), np.float32)
        self._last_seen = np.empty(0, np.int64)
        self._head = 0
        self.edition = 0

    def __len__(self) -> int:
        return len(self._keys)

    def labels(self, row: int) -> Labels:
        """The labels of a series. Rows keep their number while `edition` is the same."""
        return labels_in(self._keys[row])

    def absorb(self, columns: Columns) -> None:
        """Add an answer. A bin seen again is replaced, so a partial bin heals with the next fetch.

        Args:
            columns: what was answered; its bins are whole, apart from the newest.
        """
        numbers, middles = binned(columns)
        known = np.isfinite(middles)
        some = np.asarray(known.any(axis=1))
        if not some.any():
            return
        middles, known = middles[some], known[some]
        rows = self._rows_of(list(itertools.compress(columns.keys, list(some))))
        newest = numbers[known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)]
        self._last_seen[rows] = np.maximum(self._last_seen[rows], newest)
        self._advance(int(newest.max()))
        fine = numbers > self._first_fine()
        self._write_old(rows, numbers[~fine], middles[:, ~fine])
        self._write_fine(rows, numbers[fine], middles[:, fine])

    def forget_unseen(self, now: datetime, after: timedelta = timedelta(days=1)) -> None:
        """Drop series that have ended (a pod that is gone), so that churn does not grow memory."""
        oldest = int((now - after).timestamp()) // BIN_SECONDS
        kept = np.flatnonzero(self._last_seen >= oldest)
        if kept.size == len(self):
            return
        # Upwards in place, a part at a time: a second copy of all would be as large as the book.
        for first in range(0, kept.size, _PART):
            part = slice(first, min(first + _PART, kept.size))
            for ring in (self._fine, self._blocks, self._last_seen):
                ring[part] = ring[kept[part]]
        self._keys = [self._keys[row] for row in kept.tolist()]
        places = {row: place for place, row in enumerate(kept.tolist())}
        self._rows = {key: places[row] for key, row in self._rows.items() if row in places}
        self._resize(kept.size)
        self.edition += 1

    def past(self, now: datetime) -> tuple[tuple[Labels, ...], Past]:
        """All series up to now: their labels, and a copy of what is kept of each. For large books see `pasts`."""
        return tuple(map(labels_in, self._keys)), self.take(now, slice(0, len(self)))

    def pasts(self, now: datetime, most: int) -> Iterator[tuple[slice, Past]]:
        """All series up to now, at most so many at a time: which rows, and what is kept of them."""
        for first in range(0, len(self), most):
            rows = slice(first, min(first + most, len(self)))
            yield rows, self.take(now, rows)

    def take(self, now: datetime, rows: slice | Rows) -> Past:
        """Some series up to now; a copy."""
        self._advance(int(now.timestamp()) // BIN_SECONDS)
        fine = _unrolled(self._fine[: len(self)][rows], self._head + 1, FINE)
        blocks = _unrolled(self._blocks[: len(self)][rows], self._head // BLOCK + 1, BLOCKS)
        return Past(fine, blocks, self._head % BLOCK + 1)

    def _first_fine(self) -> int:
        """The bin before the oldest in the fine ring."""
        return (self._head // BLOCK + 1 - RING_BLOCKS) * BLOCK - 1

    def _advance(self, head: int) -> None:
        """Move the rings' head forward, clearing the half hours it enters."""
        old, new = self._head // BLOCK, head // BLOCK
        if new > old:
            for ring, length, width in ((self._fine, RING_BLOCKS, BLOCK), (self._blocks, BLOCKS, 1)):
                entered = np.arange(max(old + 1, new - length + 1), new + 1) % length
                cells = (entered[:, None] * width + np.arange(width)).ravel()
                ring[:, cells] = np.nan
        self._head = max(self._head, head)

    def _write_fine(self, rows: Rows, numbers: Rows, middles: Singles) -> None:
        """Bins, and then each half hour they are of."""
        for i, number in enumerate(numbers.tolist()):
            cell, new = number % _RING, middles[:, i]
            self._fine[rows, cell] = np.where(np.isfinite(new), new, self._fine[rows, cell])
        for block in np.unique(numbers // BLOCK).tolist():
            cell = block % RING_BLOCKS * BLOCK
            self._blocks[rows, block % BLOCKS] = median_of_six(self._fine[rows, cell : cell + BLOCK])

    def _write_old(self, rows: Rows, numbers: Rows, middles: Singles) -> None:
        """Half hours older than the fine ring; such as are older than all rings are left out."""
        for block in np.unique(numbers // BLOCK).tolist():
            if block > self._head // BLOCK - BLOCKS:
                new, cell = medians(middles[:, numbers // BLOCK == block]), block % BLOCKS
                self._blocks[rows, cell] = np.where(np.isfinite(new), new, self._blocks[rows, cell])

    def _rows_of(self, keys: Sequence[bytes]) -> Rows:
        """The rows of series; new ones for those not seen before."""
        find = self._rows.get
        rows = np.fromiter((find(key, -1) for key in keys), np.int64, len(keys))
        new = np.flatnonzero(rows < 0)
        if new.size:
            rows[new] = [self._row(keys[i]) for i in new.tolist()]
            self._resize(len(self))
        return rows

    def _row(self, key: bytes) -> int:
        """The row of a series whose key is new: of another way to write known labels, or the next."""
        name = key_of(labels_in(key))
        row = self._rows.setdefault(name, len(self))
        if row == len(self):
            self._keys.append(name)
        if key != name:
            self._rows[key] = row
        return row

    def _resize(self, count: int) -> None:
        """Grow or shrink in place: nobody outside ever holds a view, and large blocks move without being copied."""
        before = len(self._last_seen)
        self._fine.resize((count, _RING), refcheck=False)
        self._blocks.resize((count, BLOCKS), refcheck=False)
        self._last_seen.resize(count, refcheck=False)
        self._fine[before:], self._blocks[before:] = np.nan, np.nan


def _unrolled(ring: Singles, end: int, count: int) -> Singles:
    """The last cells of a ring before the number `end`, oldest first. A copy."""
    width = ring.shape[1]
    start = (end - count) % width
    return np.concatenate([ring[:, start : start + count], ring[:, : max(0, start + count - width)]], axis=1)
