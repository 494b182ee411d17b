"""Companions: what is asked beside a signal once its own forecast is bad, and what becomes of the forecast then.

Asked only about targets with a likely breach, which are few: one query a companion, narrowed to them. What cannot be
had leaves a target unknown, with a reason; the other targets of the pattern are judged all the same.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from vanguard.api.pattern import Companion, CompanionRole, Direction, Signal, TargetMapping
from vanguard.api.reasons import Reason
from vanguard.domain.diagnosis import Assessment
from vanguard.domain.load import REFERENCE_BLOCKS
from vanguard.domain.lookalike import Opinion, Suspect, Voice, added, beside, hear_all
from vanguard.domain.past import BIN_SECONDS, BLOCK, Past
from vanguard.domain.promql import narrowed
from vanguard.domain.series import Labels, Rows, SeriesBook
from vanguard.domain.workload import TargetKey
from vanguard.errors import MetricsError
from vanguard.reconcilers.context import Context
from vanguard.reconcilers.estate import Estate

_log = logging.getLogger(__name__)

_STEP = timedelta(seconds=BIN_SECONDS)
_WINDOW = REFERENCE_BLOCKS * BLOCK * _STEP
# Names in one query: with three days of samples each, an answer of some megabytes.
_NAMES_AT_ONCE = 200
_MOST_TROUBLE = 300
# Series of one signal that companions are asked about in one cycle, the likeliest to breach first.
MOST_SUSPECTS = 200


@dataclass(frozen=True)
class Kin:
    """Some series with the workload of each.

    Attributes:
        mapping: how they name it.
        of: the row numbers of each workload, by its uid.
    """

    mapping: TargetMapping
    labels: Sequence[Labels]
    past: Past
    of: Mapping[str, Sequence[int]]
    _together: dict[tuple[tuple[int, ...], ...], Past] = field(default_factory=dict, compare=False, repr=False)

    def closest(self, uid: str, like: Labels, pod: str | None = None) -> Past | None:
        """What there is of a workload, or of one of its pods, in one series: those most like a series, added up.

        Args:
            uid: of the workload.
            like: labels; the more of them a series bears with the same values, the more it is like them.
            pod: the pod's name, where it must be of one.
        """
        rows = self.of.get(uid, ()) if pod is None else self._by_pod.get(uid, {}).get(pod, ())
        best = self._most_alike(rows, frozenset(like))
        return added(self.past.take(np.array(best))) if best else None

    def replicas(self, uid: str, like: Labels) -> Past | None:
        """One series of each pod of a workload; None where they do not name pods, or there are none.

        Where two series are answered from the same rows, they are given the same object.
        """
        wanted = frozenset(like)
        chosen = tuple(self._most_alike(rows, wanted) for rows in self._by_pod.get(uid, {}).values())
        if chosen and chosen not in self._together:
            self._together[chosen] = beside([added(self.past.take(np.array(rows))) for rows in chosen])
        return self._together.get(chosen)

    def pod(self, row: int) -> str | None:
        """The pod a series is of; None where its workload is named directly."""
        return dict(self.labels[row]).get(self.mapping.pod_label) if self.mapping.pod_label else None

    def _most_alike(self, rows: Sequence[int], wanted: frozenset[tuple[str, str]]) -> tuple[int, ...]:
        if len(rows) <= 1:
            return tuple(rows)
        alike = [len(self._sets[row] & wanted) for row in rows]
        return tuple(row for row, count in zip(rows, alike, strict=True) if count == max(alike))

    @cached_property
    def _sets(self) -> Sequence[frozenset[tuple[str, str]]]:
        return [frozenset(labels) for labels in self.labels]

    @cached_property
    def _by_pod(self) -> Mapping[str, Mapping[str, Sequence[int]]]:
        """The rows of each pod of each workload: looked up once, for there may be many pods and each is asked about."""
        out: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for uid, rows in self.of.items():
            for row in rows:
                if pod := self.pod(row):
                    out[uid][pod].append(row)
        return out


@dataclass(frozen=True)
class Heard:
    """A companion's answer about all suspects."""

    companion: Companion
    rows: Kin | None
    trouble: str = ""


async def second_opinions(
    ctx: Context,
    estate: Estate,
    signal: Signal,
    book: SeriesBook,
    rows: Rows,
    judged: list[Assessment],
    now: datetime,
) -> list[Assessment]:
    """Hear the companions on every series whose breach is likely, and judge it again; the others stay as they are.

    Args:
        ctx: the process.
        estate: what leads from a series to its workload.
        signal: whose series they are.
        book: of all series.
        rows: [judged] where in the book each series is.
        judged: what each series' own forecast came to.
        now: the time the series were taken at: companions are taken at the same, for both have the clock's bins.
    """
    suspects = [row for row, seen in enumerate(judged) if seen.positive]
    if not suspects:
        return judged
    spare: list[int] = []
    if signal.companions:
        suspects.sort(key=lambda row: -judged[row].p_breach[judged[row].horizon])
        suspects, spare = suspects[:MOST_SUSPECTS], suspects[MOST_SUSPECTS:]
    targets = {judged[row].target for row in suspects}
    answers = [await _ask(ctx, estate, signal, companion, targets, now) for companion in signal.companions]
    for silent in (answer for answer in answers if answer.trouble):
        ctx.telemetry.query_errors.labels(judged[0].pattern).inc()
        _log.warning("companion %s of signal %s: %s", silent.companion.name, signal.name, silent.trouble)
    own, places = _own(signal, book, rows, judged, targets, now)

    def listen() -> list[Opinion]:
        pods = {target: len(estate.pods(target)) for target in targets}
        return hear_all(
            [
                _suspect(signal, own, places[row], judged[row].target.uid, answers, pods[judged[row].target])
                for row in suspects
            ]
        )

    # In a thread, or the Lease and the watches would wait for the arithmetic.
    opinions = await asyncio.to_thread(listen)
    out = list(judged)
    for row, opinion in zip(suspects, opinions, strict=True):
        out[row] = _again(judged[row], opinion)
    for row in spare:
        out[row] = _again(judged[row], _NOT_ASKED)
    return out


def _own(
    signal: Signal,
    book: SeriesBook,
    rows: Rows,
    judged: Sequence[Assessment],
    targets: Iterable[TargetKey],
    now: datetime,
) -> tuple[Kin, Mapping[int, int]]:
    """The signal's own series of these targets, and the place among them of each that was judged."""
    wanted = frozenset(targets)
    near = [n for n, seen in enumerate(judged) if seen.target in wanted]
    labels = [book.labels(int(rows[n])) for n in near]
    of = _by_workload((place, judged[n].target.uid) for place, n in enumerate(near))
    return Kin(signal.target, labels, book.take(now, rows[near]), of), {n: place for place, n in enumerate(near)}


_NOT_ASKED = Opinion(
    Reason.COMPANION_MISSING, (f"not asked: companions are asked about the {MOST_SUSPECTS} likeliest series a cycle",)
)


def _again(seen: Assessment, opinion: Opinion) -> Assessment:
    """The assessment after the opinion: a look-alike is no problem, and what is not known is not."""
    if opinion.reason is None:
        return replace(seen, heard=opinion.heard)
    positive = False if opinion.known else None
    return replace(seen, heard=opinion.heard, reason=opinion.reason, positive=positive, ground=None)


def _suspect(signal: Signal, own: Kin, row: int, uid: str, answers: Iterable[Heard], pods: int = 0) -> Suspect:
    labels, pod = own.labels[row], own.pod(row)
    return Suspect(
        signal=signal.name,
        own=own.past.take(slice(row, row + 1)),
        limit=float(signal.limit),
        rising=signal.direction is Direction.RISING,
        voices=tuple(_voice(answer, uid, labels, pod) for answer in answers),
        replicas=own.replicas(uid, labels) if pod else None,
        pods=pods,
    )


def _voice(answer: Heard, uid: str, labels: Labels, pod: str | None) -> Voice:
    """What one companion has of one suspect: of its pod, where both speak of pods."""
    companion, rows, found = answer.companion, answer.rows, None
    if rows is not None and companion.role is CompanionRole.PER_REPLICA:
        found = rows.replicas(uid, labels)
    elif rows is not None:
        found = rows.closest(uid, labels, pod if rows.mapping.pod_label else None)
    return Voice(companion.name, companion.role, found, answer.trouble)


async def _ask(
    ctx: Context, estate: Estate, signal: Signal, companion: Companion, targets: Iterable[TargetKey], now: datetime
) -> Heard:
    """One companion's series of some targets, three days back."""
    mapping = companion.target or signal.target
    book = SeriesBook()
    start = now - _WINDOW
    start -= timedelta(seconds=start.timestamp() % BIN_SECONDS)
    try:
        for query in _queries(companion.query, mapping, estate, targets):
            columns = await ctx.metrics.columns(query, start, now, _STEP)
            await asyncio.to_thread(book.absorb, columns)
    except MetricsError as error:
        return Heard(companion, None, str(error)[:_MOST_TROUBLE])
    return Heard(companion, await asyncio.to_thread(_answered, mapping, estate, book, now))


def _answered(mapping: TargetMapping, estate: Estate, book: SeriesBook, now: datetime) -> Kin:
    labels, past = book.past(now)
    owners = [(row, estate.mapped(mapping, dict(series))) for row, series in enumerate(labels)]
    of = _by_workload((row, owner.key.uid) for row, owner in owners if owner is not None)
    return Kin(mapping, labels, past, of)


def _queries(query: str, mapping: TargetMapping, estate: Estate, targets: Iterable[TargetKey]) -> Iterator[str]:
    """The query for these workloads, or their pods, and no others, in as many parts as their number needs."""
    names: set[tuple[str, str]] = set()
    for target in targets:
        names |= {(target.namespace, name) for name in (estate.pods(target) if mapping.pod_label else [target.name])}
    label, ordered = mapping.pod_label or mapping.name_label or "", sorted(names)
    for first in range(0, len(ordered), _NAMES_AT_ONCE):
        part = ordered[first : first + _NAMES_AT_ONCE]
        of_them = narrowed(query, mapping.namespace_label, {namespace for namespace, _ in part})
        yield narrowed(of_them, label, {name for _, name in part})


def _by_workload(owned: Iterable[tuple[int, str]]) -> Mapping[str, Sequence[int]]:
    out: defaultdict[str, list[int]] = defaultdict(list)
    for row, uid in owned:
        out[uid].append(row)
    return out
