"""Silence: of which series nothing can be said, and why. One place, for screening and forecast must not differ.

A series that screening leaves alone is called quiet; one that no forecast would be made of must not be.
"""

import numpy as np

from vanguard.api.reasons import Reason
from vanguard.domain.past import BINS_PER_HOUR, DAY_BLOCKS, FROZEN_BINS, Bools, Past

_LEAST_BLOCKS = DAY_BLOCKS - 1  # 23 hours and a half: less cannot tell a trend from the time of day
# Half of the last two hours, or what is going on is not known; two thirds of the last twelve, or how it began is not.
_RECENT_BINS, _LEAST_RECENT_BINS = 2 * BINS_PER_HOUR, BINS_PER_HOUR
_LATE_BLOCKS, _LEAST_LATE_BLOCKS = 24, 16


def refused(past: Past) -> dict[Reason, Bools]:
    """Of which series nothing is foreseen, and why. [series] each; no series has two reasons."""
    stale = past.stale
    day = np.isfinite(past.blocks[:, -_LEAST_BLOCKS:])
    short = ~stale & ~day.all(axis=1)  # most have a whole day; only of the others all has to be counted
    short[short] = np.isfinite(past.blocks[short]).sum(axis=1) < _LEAST_BLOCKS
    missing = day[:, -_LATE_BLOCKS:].sum(axis=1) < _LEAST_LATE_BLOCKS
    missing |= np.isfinite(past.fine[:, -_RECENT_BINS:]).sum(axis=1) < _LEAST_RECENT_BINS
    missing &= ~(stale | short)
    return {Reason.STALE_DATA: stale, Reason.INSUFFICIENT_HISTORY: short, Reason.MISSING_DATA: missing}


def silent(past: Past) -> dict[Reason, Bools]:
    """Of which series nothing could be said: those, and such as stand still. [series] each; none has two reasons."""
    why = refused(past)
    still = np.asarray(past.fine[:, -1] == past.fine[:, -FROZEN_BINS])
    for mask in why.values():
        still &= ~mask
    still[still] = past.take(still).frozen
    return why | {Reason.FROZEN_VALUE: still}
