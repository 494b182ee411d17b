"""Real series that never breach: the limit is above all a window ever reaches, so every alarm is false."""

import csv
from datetime import datetime
from pathlib import Path

import numpy as np

from bench.detection.families import DAY, LENGTH, Floats, Fold
from vanguard.domain.past import BIN_SECONDS

_LEAST = 3 * DAY


def windows(folder: Path, factor: float) -> Fold:
    """The CSV files (timestamp, value) of a folder, in windows of 14 days, as fractions of `factor` x their maximum.

    Raises:
        FileNotFoundError: when there is no CSV file in the folder.
        ValueError: naming file and line, when one cannot be read.
    """
    files = sorted(folder.glob("**/*.csv"))
    if not files:
        raise FileNotFoundError(f"no .csv file in {folder}")
    rows, names = [], []
    for file in files:
        values = _bins(file)
        for first in range(0, len(values), LENGTH):
            part = values[first : first + LENGTH]
            if np.isfinite(part).sum() < _LEAST or not np.nanmax(part) > 0:
                continue
            rows.append(np.pad(part / (factor * np.nanmax(part)), (0, LENGTH - len(part)), constant_values=np.nan))
            names.append(file.stem)
    never = np.full(len(rows), -1)
    return Fold(np.stack(rows), never, never, np.array(names))


def _bins(file: Path) -> Floats:
    """5-minute means on the clock, NaN where there is none."""
    times, values = [], []
    with file.open(newline="") as opened:
        for number, row in enumerate(csv.DictReader(opened), start=2):
            try:
                times.append(datetime.fromisoformat(row["timestamp"]).timestamp())
                values.append(float(row["value"]))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"{file}, line {number}: timestamp,value expected, got {row}") from error
    bins = (np.array(times) // BIN_SECONDS).astype(int)
    bins -= bins.min()
    count = np.bincount(bins)
    total = np.bincount(bins, weights=np.array(values))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
