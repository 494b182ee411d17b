"""Judging: all series of one signal are screened, the few that drift or are of interest are assessed.

A series that is quiet costs a row in some arrays and nothing else: no object is made of it in a cycle.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import numpy as np

from vanguard.api.kinds import IssuePattern
from vanguard.api.pattern import Direction, Signal
from vanguard.api.reasons import Reason
from vanguard.domain.diagnosis import HORIZON_HOURS, Assessment, assess
from vanguard.domain.evidence import grounded
from vanguard.domain.forecast import Forecaster
from vanguard.domain.past import Bools, Past
from vanguard.domain.screening import worth_a_look
from vanguard.domain.series import Labels, Rows, SeriesBook
from vanguard.domain.silence import silent
from vanguard.domain.workload import TargetKey
from vanguard.reconcilers.context import Watching
from vanguard.reconcilers.estate import Estate

_SCREENED_AT_ONCE = 4096  # series: what fits into the processor's cache is screened fastest
_LIKELY_PERCENT = 40  # screening loses nobody who is as likely as that, as tests show; of less it knows nothing
_AT_ONCE = 500  # series judged in one go: a third of a second


@dataclass
class Roll:
    """Which target each series of a book is of. Made once, and again when the estate or the book has changed.

    Attributes:
        stamp: what it was made from.
        targets: those with series.
        watched: the same as a set.
        of: [series] index into the targets; -1 where a series is of none that is watched.
    """

    stamp: tuple[int, int, int] | None = None
    targets: list[TargetKey] = field(default_factory=list)
    watched: frozenset[TargetKey] = frozenset()
    of: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    _numbers: dict[str, int] = field(default_factory=dict)

    def renew(self, pattern: IssuePattern, signal: Signal, book: SeriesBook, estate: Estate) -> None:
        """Look up the owners of series that are new, or of all."""
        stamp = (estate.signature, pattern.metadata.generation, book.edition)
        if stamp != self.stamp:
            self.stamp, self.targets, self._numbers = stamp, [], {}
            self.of = np.empty(0, np.int64)
        new = [self._number(pattern, signal, book, estate, row) for row in range(self.of.size, len(book))]
        self.of = np.concatenate([self.of, np.array(new, np.int64)])
        if len(self.watched) != len(self.targets) or new:
            self.watched = frozenset(self.targets)

    def rows_of(self, uids: Iterable[str]) -> Bools:
        """Which series are of these targets. [series]."""
        wanted = np.zeros(len(self.targets) + 1, bool)
        wanted[[self._numbers[uid] for uid in uids if uid in self._numbers]] = True
        return np.asarray(wanted[self.of])

    def _number(self, pattern: IssuePattern, signal: Signal, book: SeriesBook, estate: Estate, row: int) -> int:
        workload = estate.owner(signal, dict(book.labels(row)))
        if workload is None or not estate.applies(pattern, workload):
            return -1
        number = self._numbers.setdefault(workload.key.uid, len(self.targets))
        if number == len(self.targets):
            self.targets.append(workload.key)
        return number


@dataclass(frozen=True)
class Outlook:
    """What one signal says now.

    Attributes:
        watched: the targets it has series of.
        rows: [found] which series were looked at.
        found: what each of them came to.
        silent: targets that were not looked at and of which nothing could have been said, with the reason.
    """

    watched: frozenset[TargetKey]
    rows: Rows
    found: list[Assessment]
    silent: Mapping[TargetKey, Reason]


async def judge(
    pattern: IssuePattern,
    signal: Signal,
    book: SeriesBook,
    roll: Roll,
    forecaster: Forecaster,
    interest: Iterable[str],
    now: datetime,
) -> Outlook:
    """Assess what may be in trouble.

    Args:
        pattern: whose signature counts.
        signal: whose limit and direction count.
        book: the series.
        roll: whose they are.
        forecaster: the model.
        interest: uids of targets all of whose series are assessed, for it matters also that they are quiet.
        now: the time of the evaluation.
    """
    # In threads, or the Lease and the watches would wait for the arithmetic.
    drifting, quiet = await asyncio.to_thread(_screen, pattern, signal, book, roll, interest, now)
    known = await _assessed(pattern, signal, book, roll, forecaster, drifting, now)
    # Of a target in trouble the quiet series speak too: whether one pod of many is bad, and what its worst one is.
    beside = roll.rows_of({seen.target.uid for seen in known if seen.positive})
    beside[drifting] = False
    rows = np.concatenate([drifting, np.flatnonzero(beside)])
    known += await _assessed(pattern, signal, book, roll, forecaster, rows[drifting.size :], now)
    return Outlook(roll.watched, rows, known, quiet)


async def _assessed(
    pattern: IssuePattern,
    signal: Signal,
    book: SeriesBook,
    roll: Roll,
    forecaster: Forecaster,
    rows: Rows,
    now: datetime,
) -> list[Assessment]:
    found: list[Assessment] = []
    for first in range(0, rows.size, _AT_ONCE):
        part = rows[first : first + _AT_ONCE]
        targets = [roll.targets[number] for number in roll.of[part].tolist()]
        past = book.take(now, part)
        judged = await asyncio.to_thread(assess, pattern, signal, targets, past, forecaster, now)
        found += grounded(judged, partial(_labels, book, part), past)
    return found


def _labels(book: SeriesBook, rows: Rows, place: int) -> Labels:
    return book.labels(int(rows[place]))


def watching_of(outlooks: Iterable[Outlook], now: datetime) -> Watching:
    """What several signals say together: a target is silent when it is to every signal that has series of it."""
    several = list(outlooks)
    heard = {target for one in several if one.silent for target in one.watched - one.silent.keys()}
    silent = {target: reason for one in several for target, reason in one.silent.items()}
    heard |= {seen.target for one in several for seen in one.found}
    return Watching(
        now,
        frozenset[TargetKey]().union(*(one.watched for one in several)),
        {target: reason for target, reason in silent.items() if target not in heard},
    )


def _screen(
    pattern: IssuePattern, signal: Signal, book: SeriesBook, roll: Roll, interest: Iterable[str], now: datetime
) -> tuple[Rows, dict[TargetKey, Reason]]:
    """The rows to be assessed, and of which other targets nothing can be said."""
    chosen, reasons = roll.rows_of(interest), tuple[Reason, ...]()
    spoken, why = np.zeros(len(roll.targets), bool), np.full(len(roll.targets), -1)
    for rows, past in book.pasts(now, _SCREENED_AT_ONCE):
        of = roll.of[rows]
        ours, heard = of >= 0, of >= 0
        chosen[rows] |= ours & _drifting(past, pattern, signal)
        silences = silent(past)
        reasons = tuple(silences)
        for number, mask in enumerate(silences.values()):
            why[of[mask & ours]] = number
            heard = heard & ~mask
        spoken[of[heard | (chosen[rows] & ours)]] = True
    mute = np.flatnonzero((why >= 0) & ~spoken)
    return np.flatnonzero(chosen), {roll.targets[n]: reasons[why[n]] for n in mute.tolist()}


def _drifting(past: Past, pattern: IssuePattern, signal: Signal) -> Bools:
    if pattern.spec.trend.min_probability_percent < _LIKELY_PERCENT:
        return np.ones(len(past), bool)
    rising = signal.direction is Direction.RISING
    if not rising:
        past = past.mirrored(np.full(len(past), rising))
    top = np.full(len(past), float(signal.limit) * (1 if rising else -1), np.float32)
    return worth_a_look(past, top, HORIZON_HOURS[pattern.spec.trend.horizon])
