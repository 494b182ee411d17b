"""Features: what of a past is told to the model, each with a sentence a person can read.

All are figures of one series alone, in units of the room that is left to the limit (see `frame`), so neither unit
nor zero nor direction matter, and a series is the same alone as in a crowd.
"""

import numpy as np

from vanguard.domain.features.frame import Frame
from vanguard.domain.features.habits import CLOCK, RESETS, clock, resets
from vanguard.domain.features.recent import LEVELS, SLOPES, levels, slopes
from vanguard.domain.features.steps import SHAPE, STEPS, shape, steps
from vanguard.domain.past import Floats, Past, Singles

SENTENCES: dict[str, str] = SLOPES | LEVELS | CLOCK | RESETS | STEPS | SHAPE
NAMES: tuple[str, ...] = tuple(SENTENCES)
_GROUPS = (slopes, levels, clock, resets, steps, shape)
_FARTHEST = 50.0
AT_ONCE = 1024  # series: what is worked on stays in the processor's cache


def features(past: Past, top: Floats) -> Singles:
    """The features of each series.

    Args:
        past: of series that rise towards their limit (`Past.mirrored`).
        top: the limits, [series].

    Returns:
        [series, features] in the order of NAMES, all finite.
    """
    out = np.empty((len(past), len(NAMES)), np.float32)
    for first in range(0, len(past), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        frame = Frame.of(past.take(part), top[part])
        columns = {name: column for group in _GROUPS for name, column in group(frame).items()}
        for place, name in enumerate(NAMES):
            out[part, place] = columns[name]
    return np.clip(np.nan_to_num(out, posinf=_FARTHEST, neginf=-_FARTHEST), -_FARTHEST, _FARTHEST)
