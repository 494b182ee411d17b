"""Truth: when the limit was really reached, read from the whole recording after the replay is over."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from vanguard.api.kinds import IssuePattern
from vanguard.api.pattern import Direction, Signal
from vanguard.backtest.recording import Asked, Recording
from vanguard.domain.past import BIN_SECONDS
from vanguard.domain.series import Columns, RawSeries, binned
from vanguard.domain.workload import TargetKey
from vanguard.reconcilers.estate import Estate

IN_A_ROW = 3
# A value that comes back over its limit within this time has not left it: the same breach.
_OVER_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Breach:
    """A limit that was reached.

    Attributes:
        start: of the first of three 5-minute medians in a row at or beyond the limit.
        end: of the last one at or beyond it.
    """

    pattern: str
    target: TargetKey
    signal: str
    start: datetime
    end: datetime


def breaches(patterns: Iterable[IssuePattern], recording: Recording, estate: Estate) -> list[Breach]:
    """Every breach of every pattern's signals on targets the pattern applies to, by time.

    A target with several series is at its limit while one of them is.
    """
    found = [
        breach
        for pattern in patterns
        for signal in pattern.spec.signals
        for breach in _of_signal(pattern, signal, recording, estate)
    ]
    return sorted(found, key=lambda breach: (breach.start, breach.pattern, breach.target))


def _of_signal(pattern: IssuePattern, signal: Signal, recording: Recording, estate: Estate) -> Iterator[Breach]:
    runs: dict[TargetKey, list[tuple[datetime, datetime]]] = {}
    track = recording.tracks[Asked(signal.query, signal.target.namespace_label)]
    for raw in recording.between(track, recording.start, recording.until):
        workload = estate.owner(signal, dict(raw.labels))
        if workload is not None and estate.applies(pattern, workload):
            runs.setdefault(workload.key, []).extend(_runs(raw, signal))
    for target, several in runs.items():
        for start, end in _joined(several):
            yield Breach(pattern.metadata.name, target, signal.name, start, end)


def known_share(
    pattern: IssuePattern, target: TargetKey, recording: Recording, estate: Estate, period: tuple[datetime, datetime]
) -> float:
    """Which share of a period's 5 minutes have a sample of the target, 0 to 1: of its signal that has the fewest.

    A signal that never had a series of the target is not asked.
    """
    shares = [_known_share(signal, target, recording, estate, period) for signal in pattern.spec.signals]
    return min((share for share in shares if share is not None), default=0.0)


def _known_share(
    signal: Signal, target: TargetKey, recording: Recording, estate: Estate, period: tuple[datetime, datetime]
) -> float | None:
    track = recording.tracks[Asked(signal.query, signal.target.namespace_label)]
    owners = [estate.owner(signal, dict(labels)) for labels in track.labels]
    rows = [row for row, owner in enumerate(owners) if owner is not None and owner.key == target]
    if not rows:
        return None
    several = recording.between(track, *period, np.array(rows, np.int64))
    bins = {int(number) for raw in several for number in np.unique(raw.times // BIN_SECONDS)}
    return min(1.0, len(bins) * BIN_SECONDS / (period[1] - period[0]).total_seconds())


def _runs(raw: RawSeries, signal: Signal) -> Iterator[tuple[datetime, datetime]]:
    """First and last bin of each run of at least three bins in a row at or beyond the limit."""
    numbers, (medians,) = binned(Columns.of([raw]))
    limit = float(signal.limit)
    beyond = medians >= limit if signal.direction is Direction.RISING else medians <= limit
    hits = numbers[beyond]
    if hits.size:
        for run in np.split(hits, np.flatnonzero(np.diff(hits) != 1) + 1):
            if run.size >= IN_A_ROW:
                yield _time(run[0]), _time(run[-1])


def _joined(runs: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    out: list[tuple[datetime, datetime]] = []
    for start, end in sorted(runs):
        if out and start - out[-1][1] <= _OVER_AFTER:
            out[-1] = out[-1][0], max(out[-1][1], end)
        else:
            out.append((start, end))
    return out


def _time(number: int) -> datetime:
    return datetime.fromtimestamp(int(number) * BIN_SECONDS, tz=UTC)
