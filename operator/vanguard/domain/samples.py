"""The compact copy of the samples a decision was made from: a few bytes that anybody can keep, read and check.

A series' past is 528 numbers. Packed they are `v1:` and base64 of zlib of: one byte `phase`, then `fine` and `blocks`
as little-endian float32, every gap the same NaN. The hash is over these bytes before zlib, so that it does not
depend on who compressed them.
"""

import base64
import binascii
import hashlib
import zlib
from dataclasses import dataclass

import numpy as np

from vanguard.domain.past import BLOCK, BLOCKS, FINE, Past
from vanguard.domain.promql import quoted
from vanguard.domain.series import Labels

VERSION = "v1:"
_BYTES = 1 + 4 * (FINE + BLOCKS)
_SINGLE = np.dtype("<f4")


@dataclass(frozen=True)
class Ground:
    """What one series' assessment was made from: its labels, and its past alone."""

    labels: Labels
    past: Past


def pack(past: Past) -> str:
    """The text that keeps the past of one series."""
    return VERSION + base64.b64encode(zlib.compress(_plain(past), 9)).decode()


def unpack(text: str) -> Past:
    """The past of one series, the very numbers that were packed.

    Raises:
        ValueError: when the text is not what `pack` makes; it says in what way.
    """
    if not text.startswith(VERSION):
        raise ValueError(f"begins with {text[:8]!r} and not with {VERSION!r}")
    reader = zlib.decompressobj()
    try:
        plain = reader.decompress(base64.b64decode(text[len(VERSION) :], validate=True), _BYTES + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"cannot be unpacked: {error}") from error
    if len(plain) != _BYTES or not 1 <= plain[0] <= BLOCK:
        raise ValueError(f"holds {len(plain)} bytes (or more) from {plain[:1].hex()!r}, where {_BYTES} were expected")
    values = np.frombuffer(plain, _SINGLE, offset=1).astype(np.float32)[None, :]
    return Past(values[:, :FINE], values[:, FINE:], phase=plain[0])


def digest(past: Past) -> str:
    """The hash of the past of one series: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(_plain(past)).hexdigest()}"


def _plain(past: Past) -> bytes:
    values = np.concatenate([past.fine[0], past.blocks[0]]).astype(_SINGLE)
    values[np.isnan(values)] = np.nan  # one NaN of many
    return bytes([past.phase]) + values.tobytes()


def selector(labels: Labels, most: int = 2048) -> str:
    """A series' labels as PromQL writes them, cut where they are too long to be kept."""
    known = dict(labels)
    inner = ", ".join(f"{name}={quoted(value)}" for name, value in labels if name != "__name__")
    text = known.get("__name__", "") + "{" + inner + "}"
    return text if len(text) <= most else text[: most - 3] + "..."


def ground_of(labels: Labels, past: Past, row: int) -> Ground:
    """What the assessment of one of several series was made from, copied so that the others can be forgotten."""
    return Ground(labels, past.take(np.array([row])))
