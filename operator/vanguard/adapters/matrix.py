"""Range answers of Prometheus, decoded into columns: typed, in bulk, labels left as they came.

The answer's shape is known, so msgspec decodes it without making a dictionary of anything: samples become pairs of
floats, and the labels of a series stay bytes until somebody meets the series for the first time (ADR 11).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import msgspec
import numpy as np

from vanguard.domain.past import Floats, Singles
from vanguard.domain.series import Columns

# Prometheus writes "+Inf"; the decoder knows "Inf". A label's value is never followed by a bracket.
_PLUS_INF, _INF = b',"+Inf"]', b',"Inf"]'
# Prometheus' times are milliseconds; a sample further from its place is none of this question.
_OFF_SECONDS = 0.5


class _Entry(msgspec.Struct, gc=False):
    metric: msgspec.Raw
    values: msgspec.Raw = msgspec.Raw(b"[]")


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: list[_Entry]


class _Answer(msgspec.Struct, rename="camel"):
    status: str
    data: _Data | None = None
    error_type: str = ""
    error: str = ""


_DECODER = msgspec.json.Decoder(_Answer)
_SAMPLES = msgspec.json.Decoder(list[list[tuple[float, float]]], strict=False)  # values are floats in strings
_NUMBERS = msgspec.json.Decoder(list[float])
# What stands around the numbers of samples.
_MARKS = b'[]"'
# Series whose samples are decoded at once: their pairs live and die in the processor's cache.
_AT_ONCE = 256


def columns_in(body: bytes, times: Floats) -> Columns:
    """An answer as columns.

    Args:
        body: of the response.
        times: [n] unix times that were asked for, evenly spaced.

    Raises:
        ValueError: when it is not a whole matrix over these times.
    """
    try:
        answer = _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if answer.status != "success" or answer.data is None:
        raise ValueError(f"status is {answer.status!r}: {answer.error_type} {answer.error}"[:300])
    if answer.data.result_type != "matrix":
        raise ValueError(f"resultType is {answer.data.result_type!r}; a range query gives a matrix")
    entries = answer.data.result
    keys = tuple([bytes(entry.metric) for entry in entries])
    if not all(key.startswith(b"{") for key in keys):
        raise ValueError("a series' metric is no object")
    values = np.full((len(entries), times.size), np.nan, np.float32)
    with _uncollected():
        for first in range(0, len(entries), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            text = b",".join([entry.values for entry in entries[part]])
            whole = _gapless(text, len(entries[part]), times)
            values[part] = _matrix(_samples(text), times) if whole is None else whole
    return Columns(keys, times, values)


def _gapless(text: bytes, series: int, times: Floats) -> Singles | None:
    """The values of series that have one at each time: as one flat list of numbers, which is read in half the time.

    Returns:
        [series, n]; None where a sample is missing or no number, for then the flat list does not tell whose is whose.
    """
    try:
        numbers = _NUMBERS.decode(b"[" + text.translate(None, _MARKS) + b"]")
    except msgspec.DecodeError:
        return None
    if len(numbers) != series * times.size * 2:
        return None
    pairs = np.fromiter(numbers, np.float64, len(numbers)).reshape(series, times.size, 2)
    return _singles(pairs[:, :, 1]) if (pairs[:, :, 0] == times).all() else None


def _samples(text: bytes) -> list[list[tuple[float, float]]]:
    """The samples of some series, from the text of their lists."""
    try:
        try:
            return _SAMPLES.decode(b"[" + text + b"]")
        except msgspec.DecodeError:
            if _PLUS_INF not in text:
                raise
            return _SAMPLES.decode(b"[" + text.replace(_PLUS_INF, _INF) + b"]")
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection: a hundred thousand pairs set it off hundreds of times, and none of them is garbage."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _matrix(samples: list[list[tuple[float, float]]], times: Floats) -> Singles:
    """Samples of each series in the columns of their times; NaN where there is none."""
    counts = np.fromiter(map(len, samples), np.int64, len(samples))
    total, width = int(counts.sum()), times.size
    flat = np.fromiter(chain.from_iterable(chain.from_iterable(samples)), np.float64, 2 * total).reshape(-1, 2)
    step = (times[-1] - times[0]) / (width - 1) if width > 1 else 1.0
    places = (flat[:, 0] - times[0]) / step
    columns = np.rint(places)
    if total and (np.abs(places - columns).max() * step > _OFF_SECONDS or columns.min() < 0 or columns.max() >= width):
        raise ValueError("it has samples at times that were not asked for")
    out = np.full((len(samples), width), np.nan, np.float32)
    out[np.repeat(np.arange(len(samples)), counts), columns.astype(np.int64)] = _singles(flat[:, 1])
    return out


def _singles(values: Floats) -> Singles:
    """Beyond float32 is as good as infinite: no measurement, and a gap like it."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
