"""Look-alikes that one series alone cannot tell: what the companions of a pattern say of a likely breach.

The forecast has said that a limit will probably be reached. Here a second opinion is formed from values beside it,
which may only refuse: a look-alike that is recognised has its name, and a companion that a pattern names and that has
no data leaves the target unknown. The pattern's author said that the signal alone is not enough, so acting without
would be acting on less than was asked. Nothing here ever makes a forecast better.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vanguard.api.pattern import CompanionRole
from vanguard.api.reasons import Reason
from vanguard.domain import climb, load
from vanguard.domain.climb import Growth
from vanguard.domain.past import BINS_PER_HOUR, BLOCK, Past
from vanguard.domain.warmup import LONGEST_HOURS, warm_up

# Below this share of the trend a value does not move along; surely so below the other.
FLAT, SURELY_FLAT = 0.2, 0.3
# A replica with half of the steepest one's growth carries the trend too.
_CARRIES = 0.5
FEWEST_REPLICAS = 3
# Anonymous memory is part of the working set; a value beyond is in another unit, and so is one far below.
_MOST_OF_SET, _LEAST_OF_SET = 1.1, 0.005


@dataclass(frozen=True)
class Voice:
    """One companion: its name and role, and its past on the series' clock.

    Attributes:
        past: one series; for PerReplica one a replica; none where there is no data.
        trouble: why there is none, as far as that is known.
    """

    name: str
    role: CompanionRole
    past: Past | None
    trouble: str = ""


@dataclass(frozen=True)
class Suspect:
    """A series whose forecast is bad, and what is beside it.

    Attributes:
        own: the one series, as measured.
        replicas: the signal's own series of each replica, this one among them; None where it is not per pod.
        pods: how many replicas there are, with a series or without one; 0 where that is not known.
    """

    signal: str
    own: Past
    limit: float
    rising: bool
    voices: tuple[Voice, ...] = ()
    replicas: Past | None = None
    pods: int = 0


@dataclass(frozen=True)
class Opinion:
    """What was heard.

    Attributes:
        reason: the look-alike, ConflictingSignals or CompanionMissing; None where the forecast stands.
        heard: a sentence of each companion, the one that decided first.
    """

    reason: Reason | None
    heard: tuple[str, ...]

    @property
    def known(self) -> bool:
        """Whether anything is known: that the trend is harmless, or nothing that speaks against it."""
        return self.reason is None or self.reason in LOOK_ALIKES


# What a climb may be that is no problem. With every other reason nobody knows.
LOOK_ALIKES = frozenset(
    {
        Reason.SEASONAL_RAMP,
        Reason.GC_SAWTOOTH,
        Reason.PLATEAU_STEP,
        Reason.PAGE_CACHE,
        Reason.WARM_UP,
        Reason.LOAD_PROPORTIONAL,
        Reason.ONE_BAD_REPLICA,
    }
)

Word = tuple[Reason | None, str]


class Growths:
    """The growth of replicas, found once for all suspects that share them (the same object, not an equal one)."""

    def __init__(self) -> None:
        """Nothing is found yet."""
        self._found: dict[tuple[int, float], tuple[Past, list[Growth | None]]] = {}

    def of(self, replicas: Past, hours: float) -> list[Growth | None]:
        """Of each replica over the last hours, in its own direction; None where too little is known."""
        key = id(replicas), hours  # which is its alone, for it is kept beside what was found
        if key not in self._found:
            self._found[key] = replicas, [climb.growth(replicas, hours, row) for row in range(len(replicas))]
        return self._found[key][1]


def hear_all(suspects: Iterable[Suspect]) -> list[Opinion]:
    """An opinion on each suspect. Replicas that several of them share are looked at once."""
    growths = Growths()
    return [hear(suspect, growths) for suspect in suspects]


def hear(suspect: Suspect, growths: Growths | None = None) -> Opinion:
    """Hear everyone.

    A recognised look-alike decides; then a contradiction; then the silence of a companion that was to speak.

    Args:
        suspect: what is asked about.
        growths: what has been found of replicas so far.
    """
    growths = growths or Growths()
    own = _oriented(suspect.own, suspect)
    hours = climb.onset(own)
    climbed = climb.growth(own, hours)
    words = [word for word in (_warming_up(suspect, own), _replicas_of(suspect, hours, growths)) if word is not None]
    words += [_word(suspect, voice, own, climbed, growths) for voice in suspect.voices]
    words.sort(key=lambda word: _RANK.index(word[0]))
    return Opinion(words[0][0] if words else None, tuple(text for _, text in words))


_RANK: list[Reason | None] = [
    Reason.WARM_UP,
    Reason.ONE_BAD_REPLICA,
    Reason.PAGE_CACHE,
    Reason.LOAD_PROPORTIONAL,
    Reason.CONFLICTING_SIGNALS,
    Reason.COMPANION_MISSING,
    None,
]


def _word(suspect: Suspect, voice: Voice, own: Past, climbed: Growth | None, growths: Growths) -> Word:
    """What one companion says."""
    if climbed is None:
        return _silent(voice, f"{suspect.signal} itself has too few samples to be compared with")
    if voice.past is None or len(voice.past) == 0:
        return _silent(voice, voice.trouble or "no data")
    match voice.role:
        case CompanionRole.ANONYMOUS_MEMORY:
            return _anonymous(suspect, voice, voice.past, climbed)
        case CompanionRole.WORK_RATE:
            return _load(suspect, voice, own, voice.past, climbed)
        case CompanionRole.CONTRARY:
            return _contrary(suspect, voice, voice.past, climbed)
        case CompanionRole.PER_REPLICA:
            if not any(climb.enough(voice.past, climbed.hours, row) for row in range(len(voice.past))):
                return _too_little(voice, climbed.hours)
            if 2 * (there := _present(voice.past)) < suspect.pods:
                return _silent(voice, f"only {there} of {suspect.pods} replicas have values in the last half hour")
            return _per_replica(suspect, voice.name, growths.of(voice.past, climbed.hours), climbed.hours)


def _silent(voice: Voice, why: str) -> Word:
    return Reason.COMPANION_MISSING, f"{voice.name} ({voice.role}): {why}"


def _too_little(voice: Voice, hours: float) -> Word:
    return _silent(voice, f"too few samples in the last {hours:.3g} h, or none in the last half hour")


def _warming_up(suspect: Suspect, own: Past) -> Word | None:
    sign = 1.0 if suspect.rising else -1.0
    replicas = [voice.past for voice in suspect.voices if voice.role is CompanionRole.PER_REPLICA and voice.past]
    found = warm_up(own, suspect.limit * sign, _born(replicas[0]) if replicas else None)
    if found is None:
        return None
    said = f"{suspect.signal} went from {found.floor * sign:.4g} to {found.level * sign:.4g} in the {found.hours:.2g} h"
    return Reason.WARM_UP, f"{said} since a restart, slows down, and would level off by {found.ceiling * sign:.4g}"


def _born(replicas: Past) -> float | None:
    """How many hours ago most replicas that are there began, if within a warm-up's time; None if they are older."""
    known = np.isfinite(replicas.fine)
    there = known[:, -BINS_PER_HOUR:].any(axis=1)
    ages = (replicas.fine.shape[1] - known.argmax(axis=1)) / BINS_PER_HOUR
    young = there & (ages <= LONGEST_HOURS)
    return float(np.median(ages[young])) if 2 * young.sum() > there.sum() else None


def _anonymous(suspect: Suspect, voice: Voice, past: Past, climbed: Growth) -> Word:
    anonymous = climb.growth(past, climbed.hours)
    if anonymous is None:
        return _too_little(voice, climbed.hours)
    share = anonymous.level / climbed.level if suspect.rising and climbed.level > 0 else 1.0
    if not _LEAST_OF_SET <= share <= _MOST_OF_SET:
        unit = f"{anonymous.level:.4g} is no part of {climbed.level:.4g}; it must be in the unit of {suspect.signal}"
        return _silent(voice, unit)
    figures = f"{anonymous.per_hour:+.3g} of {climbed.per_hour:+.3g} an hour over the last {climbed.hours:.3g} h"
    flat = anonymous.amount <= FLAT * climbed.amount and anonymous.most <= SURELY_FLAT * climbed.least
    if flat and climbed.least > 0:
        return Reason.PAGE_CACHE, f"{voice.name}: anonymous memory does not grow along: {figures}"
    along = "grows along" if anonymous.least > FLAT * climbed.amount else "is too unsteady to tell"
    return None, f"{voice.name}: anonymous memory {along}: {figures}"


def _load(suspect: Suspect, voice: Voice, own: Past, work: Past, climbed: Growth) -> Word:
    share = load.share_of(own, work, climbed.hours, rising=suspect.rising)
    if share is None:
        return _too_little(voice, climbed.hours)
    figures = f"work {100 * share.work.amount:+.0f} % over the last {climbed.hours:.3g} h"
    if np.isfinite(share.error) and climbed.amount > 0:
        figures += f", which leaves {share.left / climbed.hours:+.3g} of {climbed.per_hour:+.3g} an hour unexplained"
    if load.proportional(share, climbed):
        unit = f", usage per unit of work {100 * share.unit.amount:+.0f} %" if share.unit else ""
        return Reason.LOAD_PROPORTIONAL, f"{voice.name}: the load explains the climb: {figures}{unit}"
    return None, f"{voice.name}: the load does not explain the climb: {figures}"


def _contrary(suspect: Suspect, voice: Voice, past: Past, climbed: Growth) -> Word:
    moved = climb.growth(_oriented(past, suspect), climbed.hours)
    if moved is None:
        return _too_little(voice, climbed.hours)
    mine, its = climbed.relative(), moved.relative()
    sign = 1 if suspect.rising else -1
    figures = (
        f"{100 * sign * its.amount:+.0f} % while {suspect.signal} made {100 * sign * mine.amount:+.0f} % "
        f"over the last {climbed.hours:.3g} h"
    )
    flat = its.amount <= FLAT * mine.amount and its.most <= SURELY_FLAT * mine.least
    if flat and mine.least > 0:
        return Reason.CONFLICTING_SIGNALS, f"{voice.name} does not move along: {figures}"
    along = "moves along" if its.least > 0 else "is too unsteady to tell"
    return None, f"{voice.name} {along}: {figures}"


def _replicas_of(suspect: Suspect, hours: float, growths: Growths) -> Word | None:
    """What the signal's own replicas say, where it is per pod and no companion is to say it."""
    if suspect.replicas is None or any(voice.role is CompanionRole.PER_REPLICA for voice in suspect.voices):
        return None
    return _per_replica(suspect, suspect.signal, growths.of(suspect.replicas, hours), hours)


def _oriented(past: Past, suspect: Suspect) -> Past:
    """Rising is harm."""
    return past.mirrored(np.full(len(past), suspect.rising))


def _present(replicas: Past) -> int:
    """Of how many replicas there is a value in the last half hour."""
    return int(np.isfinite(replicas.fine[:, -BLOCK:]).any(axis=1).sum())


def _per_replica(suspect: Suspect, name: str, found: Sequence[Growth | None], hours: float) -> Word:
    """Whether few of the replicas carry the trend. One of which too little is known, or nothing, may carry it."""
    grown = [one and (one if suspect.rising else one.mirrored()) for one in found]
    known = [one for one in grown if one is not None]
    count = max(len(grown), suspect.pods)
    if count < FEWEST_REPLICAS:
        return None, f"{name}: {count} replicas are too few to tell one that is bad"
    steepest = max(known, key=lambda one: one.amount, default=None)
    if steepest is None or steepest.least <= 0:
        return None, f"{name}: none of {count} replicas climbs for certain"
    flat = [one for one in known if _flat(one, steepest)]
    carry = sum(one.amount >= _CARRIES * steepest.amount for one in known)
    figures = f"{carry} of {count} replicas carry the trend, {len(flat)} are flat"
    if len(known) < count:
        figures += f", of {count - len(known)} too little is known"
    figures += f" (steepest {steepest.per_hour:+.3g} an hour over the last {hours:.3g} h)"
    if 2 * (count - len(flat)) <= len(flat):
        return Reason.ONE_BAD_REPLICA, f"{name}: {figures}"
    return None, f"{name}: {figures}"


def _flat(one: Growth, steepest: Growth) -> bool:
    return one.amount <= FLAT * steepest.amount and one.most <= SURELY_FLAT * steepest.least


def added(past: Past) -> Past:
    """The sum of some series as one, known where all of them are: what is half known is not known to be half."""
    return Past(past.fine.sum(axis=0, keepdims=True), past.blocks.sum(axis=0, keepdims=True), past.phase)


def beside(pasts: Sequence[Past]) -> Past:
    """Some pasts of the same clock, one under the other."""
    fine, blocks = (np.concatenate([getattr(past, part) for past in pasts]) for part in ("fine", "blocks"))
    return Past(fine, blocks, pasts[0].phase)
