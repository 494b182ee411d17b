"""Warm-up: a climb that began with a restart, slows down by itself, and will level off below the limit."""

from dataclasses import dataclass

import numpy as np

from vanguard.domain.climb import BLOCKS_PER_HOUR, RESET_SHARE, half_hours
from vanguard.domain.past import BINS_PER_HOUR, DAY_BLOCKS, Floats, Past
from vanguard.domain.trend import MAD_TO_SD

SHORTEST_HOURS, LONGEST_HOURS = 1.0, 6.0
# Each quarter of a warm-up adds at most this share of what the quarter before added.
_SLOWING = 0.65
# The life before may have ended this much higher than where this one levels off; more is no warm-up but a leak.
_BEYOND = 1.25
_QUARTERS = 4
_NOISE = 2.0


@dataclass(frozen=True)
class WarmUp:
    """Since when it climbs (hours), from where, how far it has come, and where it would level off at most."""

    hours: float
    floor: float
    level: float
    ceiling: float


def warm_up(past: Past, limit: float, born_hours_ago: float | None = None) -> WarmUp | None:
    """The warm-up that a series shows; None where it shows none.

    Args:
        past: one series, oriented so that rising is harm.
        limit: in the same orientation.
        born_hours_ago: when most replicas began, where that is known: a mean of them need not have fallen.
    """
    fine = past.fine[0].astype(np.float64)
    start = _restart(fine)
    if start is None and born_hours_ago is not None:
        start = fine.size - round(born_hours_ago * BINS_PER_HOUR)
    if start is None or not SHORTEST_HOURS <= (fine.size - start) / BINS_PER_HOUR <= LONGEST_HOURS:
        return None
    found = _levelling_off(fine[start:])
    if found is None or found.ceiling >= limit:
        return None
    return None if _lives_grew_beyond(past, fine, start, found) else found


def _restart(fine: Floats) -> int | None:
    """The bin after the last big fall, or the first bin of a series that has only begun; None without either."""
    known = np.flatnonzero(np.isfinite(fine))
    if known.size <= 2 * _QUARTERS:
        return None
    moves = np.diff(fine[known])
    noise = MAD_TO_SD * float(np.median(np.abs(moves)))
    falls = np.flatnonzero(moves < -max(RESET_SHARE * np.ptp(fine[known]), 6 * noise))
    if falls.size:
        return int(known[falls[-1] + 1])
    return int(known[0]) if known[0] > 0 else None


def _levelling_off(life: Floats) -> WarmUp | None:
    """Where a life levels off if each of its quarters goes on adding less by the same share; None if it does not."""
    quarters = [part[np.isfinite(part)] for part in np.array_split(life, _QUARTERS)]
    if min(part.size for part in quarters) <= 1:
        return None
    middles = np.array([np.median(part) for part in quarters])
    moves = np.diff(life[np.isfinite(life)])
    spread = MAD_TO_SD * float(np.median(np.abs(moves - np.median(moves)))) / np.sqrt(2)
    noise = _NOISE * spread / np.sqrt(min(part.size for part in quarters))
    steps = np.diff(middles)
    if steps[0] <= 2 * noise or np.any(steps[1:] + noise > _SLOWING * steps[:-1]):
        return None
    # The steps of a saturating climb are a geometric series; what is still to come is its rest.
    share = min(_SLOWING, (steps[-1] + noise) / steps[-2]) if steps[-2] > noise else _SLOWING
    rest = max(0.0, (steps[-1] + noise) * share / (1 - share))
    return WarmUp(life.size / BINS_PER_HOUR, float(quarters[0][0]), float(middles[-1]), float(middles[-1] + rest))


def _lives_grew_beyond(past: Past, fine: Floats, start: int, found: WarmUp) -> bool:
    """Whether an earlier life, of the two days before, climbed well beyond where this one would level off."""
    since = round((fine.size - start) / BINS_PER_HOUR * BLOCKS_PER_HOUR) + 1
    before = half_hours(past)[-2 * DAY_BLOCKS : -since]
    before = before[np.isfinite(before)]
    if before.size == 0:
        return False
    return bool(np.max(before) - found.floor > _BEYOND * (found.ceiling - found.floor))
