"""A recording in a file, so that CI replays it without a Prometheus.

The file is a zip of NumPy arrays (`numpy.savez_compressed`), nothing in it is ever executed: `manifest`, UTF-8 JSON as
bytes, and `track0`, `track1`, ... of float32 [series, samples], NaN where there is no sample. `FORMAT` and `VERSION`
stand in the manifest; a reader refuses what it does not know.
"""

import os
import zipfile
import zlib
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from vanguard.api.base import DurationText, Model, Time
from vanguard.backtest.recording import Asked, Recording, Track
from vanguard.domain.past import BIN_SECONDS, Singles
from vanguard.domain.series import labels_of
from vanguard.errors import RecordingError

FORMAT = "vanguard-recording"
VERSION = 1
_MANIFEST = "manifest"
# 370 days of samples 10 s apart.
_MOST_SAMPLES = 3_200_000


class _TrackManifest(Model):
    query: str
    label: str
    labels: tuple[dict[str, str], ...]


class _Manifest(Model):
    format: Literal["vanguard-recording"]
    version: Literal[1]
    start: Time
    step: DurationText
    count: Annotated[int, Field(ge=1, le=_MOST_SAMPLES)]
    namespaces: tuple[str, ...]
    tracks: tuple[_TrackManifest, ...]


def write(recording: Recording, path: Path) -> None:
    """Write a recording; a file that was there is replaced, whole or not at all.

    Raises:
        RecordingError: when the file cannot be written.
    """
    manifest = _Manifest(
        format=FORMAT,
        version=VERSION,
        start=recording.start,
        step=recording.step,
        count=recording.count,
        namespaces=tuple(sorted(recording.namespaces)),
        tracks=tuple(
            _TrackManifest(query=asked.query, label=asked.label, labels=tuple(dict(one) for one in track.labels))
            for asked, track in recording.tracks.items()
        ),
    )
    arrays: dict[str, NDArray[Any]] = {f"track{i}": track.values for i, track in enumerate(recording.tracks.values())}
    arrays[_MANIFEST] = np.frombuffer(manifest.model_dump_json(by_alias=True).encode(), np.uint8)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        beside.replace(path)
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        beside.unlink(missing_ok=True)


def read(path: Path) -> Recording:
    """Read a recording.

    Raises:
        RecordingError: naming the file and what is wrong with it.
    """
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, NpzFile) or _MANIFEST not in arrays:
                raise RecordingError(f"{path} holds no manifest: it was not written by `vanguard backtest --export`")
            return _recording(path, arrays)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError) as error:
        raise RecordingError(
            f"{path} is no recording, or only a part of one ({_one_line(error)}); write it anew with --export"
        ) from None


def _recording(path: Path, arrays: NpzFile) -> Recording:
    manifest = _manifest(path, arrays[_MANIFEST].tobytes())
    return Recording(
        start=manifest.start,
        step=manifest.step,
        count=manifest.count,
        namespaces=frozenset(manifest.namespaces),
        tracks={
            Asked(one.query, one.label): _track(path, manifest, one, f"track{i}", arrays)
            for i, one in enumerate(manifest.tracks)
        },
    )


def _manifest(path: Path, text: bytes) -> _Manifest:
    try:
        manifest = _Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise RecordingError(
            f"{path}: {where} is {str(first['input'])[:60]!r}: {first['msg']}; "
            f"this version reads {FORMAT} version {VERSION}"
        ) from None
    if not manifest.step or BIN_SECONDS % manifest.step.total_seconds() or manifest.start.timestamp() % BIN_SECONDS:
        raise RecordingError(f"{path}: samples are not on a grid that 5 minutes are a whole multiple of")
    return manifest


def _track(path: Path, manifest: _Manifest, one: _TrackManifest, name: str, arrays: NpzFile) -> Track:
    shape = len(one.labels), manifest.count
    if name not in arrays:
        raise RecordingError(f"{path}: {name} is missing; the file is only a part of a recording")
    values: Singles = arrays[name]
    if values.shape != shape or values.dtype != np.float32:
        found = f"{values.dtype} {list(values.shape)}"
        raise RecordingError(f"{path}: {name} is {found}; its manifest says float32 {list(shape)}")
    return Track(tuple(labels_of(labels) for labels in one.labels), values)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
