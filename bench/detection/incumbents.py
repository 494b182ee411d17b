"""What people use today: static thresholds, predict_linear, the node-mixin rule, and the classic slope-EMA-z rule.

Each is a few lines over the same evaluations, with gaps holding the last value. An alarm itself asks for two verdicts
in a row, half an hour apart, so `for 1 h` is half an hour in a verdict. Limits are 1.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from bench.detection.families import DAY, HOUR, Floats
from bench.detection.scoring import Bools, Moments
from vanguard.domain.past import BLOCK

_HELD = 2
_HALF_HOUR = 6


def _known(moments: Moments) -> Floats:
    """The values, each gap holding what came before it."""
    values = moments.fold.values
    source = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(values.shape[1]), 0), axis=1)
    return np.asarray(np.take_along_axis(values, source, axis=1))


def _ends(over_time: Floats) -> Floats:
    """What a figure per sample is at the end of each half hour: [series, half hours]."""
    return over_time[:, BLOCK - 1 :: BLOCK]


def _windows(moments: Moments, length: int) -> NDArray[np.float64]:
    """The last samples before the end of each half hour, NaN before the beginning: [series, half hours, length]."""
    padded = np.pad(_known(moments), ((0, 0), (length - 1, 0)), constant_values=np.nan)
    return np.asarray(sliding_window_view(padded, length, axis=1)[:, BLOCK - 1 :: BLOCK])


def _slope(moments: Moments, length: int) -> Floats:
    """Least squares slope per hour over the last samples."""
    time = (np.arange(length) - (length - 1) / 2) / HOUR
    return np.asarray(_windows(moments, length) @ (time / (time**2).sum()))


def _held(condition: Bools) -> Bools:
    out = condition.copy()
    for back in range(1, _HELD):
        out[:, back:] &= condition[:, :-back]
        out[:, :back] = False
    return out


def _at(moments: Moments, laid_out: Bools) -> Bools:
    return laid_out[moments.rows, moments.halves]


def _now(moments: Moments) -> Floats:
    return _ends(_known(moments))


def static(share: float) -> Callable[[Moments], Bools]:
    """At or over a share of the limit for an hour: every sample of each half of it."""

    def verdict(moments: Moments) -> Bools:
        lowest = _windows(moments, _HALF_HOUR).min(axis=2)
        return _at(moments, lowest >= share)

    return verdict


def _predicted(moments: Moments, hours: float) -> Floats:
    """predict_linear over six hours: the fitted line at now, carried on."""
    length = 6 * HOUR
    slope, mean = _slope(moments, length), _windows(moments, length).mean(axis=2)
    return np.asarray(mean + slope * (length - 1) / 2 / HOUR + slope * hours)


def predict_linear(hours: float) -> Callable[[Moments], Bools]:
    """A straight line through six hours reaches the limit."""
    return lambda moments: _at(moments, _predicted(moments, hours) >= 1)


def node_mixin(hours: float) -> Callable[[Moments], Bools]:
    """80 % are used and the straight line reaches the limit, for an hour."""
    return lambda moments: _at(moments, _held((_now(moments) >= 0.8) & (_predicted(moments, hours) >= 1)))


def _ema(moments: Moments, span: int) -> Floats:
    keep, out = 1 - 2 / (span + 1), _known(moments)
    for i in range(1, out.shape[1]):
        out[:, i] = keep * out[:, i - 1] + (1 - keep) * out[:, i]
    return _ends(out)


def classic(hours: float) -> Callable[[Moments], Bools]:
    """Slope over 2 %/h, the EMA above the day's mean, z over 2.5, predicted within the horizon, for an hour.

    z is against the day before the last six hours, or a trend would widen the spread it is measured by.
    """

    def verdict(moments: Moments) -> Bools:
        before = _windows(moments, DAY + 6 * HOUR)[:, :, :DAY]
        z = (_now(moments) - before.mean(axis=2)) / np.maximum(before.std(axis=2), 1e-9)
        seen = _slope(moments, 6 * HOUR) > 0.02
        seen &= _ema(moments, HOUR) > _windows(moments, DAY).mean(axis=2)
        seen &= z > 2.5
        return _at(moments, _held(seen & (_predicted(moments, hours) >= 1)))

    return verdict


INCUMBENTS: dict[str, Callable[[Moments], Bools]] = {
    "static 80 % for 1 h": static(0.8),
    "static 90 % for 1 h": static(0.9),
    "predict_linear 6 h, H = 4": predict_linear(4),
    "node-mixin, H = 4": node_mixin(4),
    "node-mixin, H = 8": node_mixin(8),
    "classic rule (slope, EMA, z), H = 4": classic(4),
}
