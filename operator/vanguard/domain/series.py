"""Series as they come from Prometheus, and the book that keeps what the forecaster needs of them.

A `SeriesBook` holds one signal's series. It takes raw samples as they come (any step up to the bin) and gives back
their `Past`: evenly spaced, oldest first, NaN where nothing is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vanguard.domain.past import BIN_SECONDS, BLOCK, BLOCKS, Floats, Past

Labels = tuple[tuple[str, str], ...]
BINS = BLOCKS * BLOCK


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


def bin_medians(raw: RawSeries) -> tuple[NDArray[np.int64], Floats]:
    """Medians per 5-minute bin.

    Returns:
        Bin numbers [m] (unix time // 300, ascending) and their medians [m]; bins without samples are absent.
    """
    raw = finite(raw)
    if raw.times.size == 0:
        return np.empty(0, np.int64), np.empty(0)
    bins = (raw.times // BIN_SECONDS).astype(np.int64)
    numbers, first, counts = np.unique(bins, return_index=True, return_counts=True)
    padded = np.full((numbers.size, counts.max()), np.nan)
    row = np.repeat(np.arange(numbers.size), counts)
    padded[row, np.arange(bins.size) - np.repeat(first, counts)] = raw.values
    return numbers, np.nanmedian(padded, axis=1)


class SeriesBook:
    """Rings of 5-minute medians for the series of one signal; float32."""

    def __init__(self) -> None:
        self._rows: dict[Labels, int] = {}
        self._data = np.full((0, BINS), np.nan, np.float32)
        self._last_seen = np.zeros(0, np.int64)
        self._head = 0

    def __len__(self) -> int:
        return len(self._rows)

    def absorb(self, batch: Iterable[RawSeries]) -> None:
        """Add samples. A bin seen again is replaced, so a partial bin heals with the next fetch."""
        for raw in batch:
            numbers, medians = bin_medians(raw)
            if numbers.size:
                self._advance(int(numbers[-1]))
                row = self._row(raw.labels)
                keep = numbers > self._head - BINS
                self._data[row, numbers[keep] % BINS] = medians[keep]
                self._last_seen[row] = max(int(self._last_seen[row]), int(numbers[-1]))

    def forget_unseen(self, now: datetime, after: timedelta = timedelta(days=1)) -> None:
        """Drop series that have ended (a pod that is gone), so that churn does not grow memory."""
        oldest = int((now - after).timestamp()) // BIN_SECONDS
        kept = [labels for labels, row in self._rows.items() if self._last_seen[row] >= oldest]
        if len(kept) < len(self._rows):
            rows = [self._rows[labels] for labels in kept]
            self._data, self._last_seen = self._data[rows], self._last_seen[rows]
            self._rows = {labels: row for row, labels in enumerate(kept)}

    def past(self, now: datetime) -> tuple[tuple[Labels, ...], Past]:
        """All series up to now: their labels, and what is kept of each."""
        self._advance(int(now.timestamp()) // BIN_SECONDS)
        order = np.arange(self._head - BINS + 1, self._head + 1) % BINS
        values = self._data[: len(self._rows), order]
        return tuple(self._rows), Past.of(values, phase=self._head % BLOCK + 1)

    def _advance(self, head: int) -> None:
        """Move the ring's head forward, clearing the bins it passes over."""
        if head > self._head:
            passed = np.arange(max(self._head + 1, head - BINS + 1), head + 1) % BINS
            self._data[:, passed] = np.nan
            self._head = head

    def _row(self, labels: Labels) -> int:
        row = self._rows.get(labels)
        if row is None:
            row = self._rows[labels] = len(self._rows)
            if row >= self._data.shape[0]:
                grown = np.full((max(16, 2 * row), BINS), np.nan, np.float32)
                grown[:row] = self._data[:row]
                seen = np.zeros(grown.shape[0], np.int64)
                seen[:row] = self._last_seen[:row]
                self._data, self._last_seen = grown, seen
        return row
