"""A recording comes back from its file as it went in; what is no whole recording is refused by name."""

import asyncio
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backtest.past import at, calm, leak, pattern, policy, recorded, wanted
from vanguard.backtest import tape
from vanguard.backtest.recording import Recording
from vanguard.backtest.run import backtest, plan_of
from vanguard.errors import RecordingError

SERVICES = {"orders": leak(at(0, 6), per_hour=8), "quiet": calm}


def kept(folder: Path, recording: Recording) -> Path:
    """A file with it."""
    path = folder / "recording.npz"
    tape.write(recording, path)
    return path


def test_a_replay_from_the_file_gives_the_identical_report(tmp_path: Path) -> None:
    recording = recorded(SERVICES, days=1)
    asked = wanted([pattern()], [policy(*SERVICES)], 1, every=timedelta(hours=1))
    straight = asyncio.run(backtest(plan_of(asked, recording), lambda _: None))
    again = asyncio.run(backtest(plan_of(asked, tape.read(kept(tmp_path, recording))), lambda _: None))

    assert straight.totals.breaches == 1
    assert again.wire() == straight.wire()


def test_it_is_written_whole_and_over_an_older_one(tmp_path: Path) -> None:
    path = kept(tmp_path, recorded({"old": calm}, days=1))
    tape.write(recorded(SERVICES, days=1), path)

    assert tape.read(path).series == 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    path = kept(tmp_path, recorded(SERVICES, days=1))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])

    with pytest.raises(RecordingError, match=r"recording\.npz is no recording, or only a part of one"):
        tape.read(path)


def test_a_file_with_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    path = kept(tmp_path, recorded(SERVICES, days=1))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))

    with pytest.raises(RecordingError, match=r"recording\.npz"):
        tape.read(path)


def _text(path: Path) -> None:
    path.write_text("up 1 1700000000\n# EOF\n")


def _array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def _another_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")


def _objects(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, manifest=np.array([{"format": "vanguard-recording"}], dtype=object))


@pytest.mark.parametrize(
    ("foreign", "said"),
    [
        pytest.param(_text, "is no recording", id="text"),
        pytest.param(_array, "holds no manifest", id="a bare array"),
        pytest.param(_another_zip, "holds no manifest", id="another zip"),
        pytest.param(_objects, "is no recording", id="pickled objects, which are never loaded"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path: Path, foreign: Any, said: str) -> None:
    path = tmp_path / "recording.npz"
    foreign(path)

    with pytest.raises(RecordingError, match=said):
        tape.read(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"version": 2}, "version is '2': .*this version reads vanguard-recording version 1", id="newer"),
        pytest.param({"format": "other"}, "format is 'other'", id="of another program"),
        pytest.param({"count": 7}, r"track0 is float32 \[2, 2593\]; its manifest says float32 \[2, 7\]", id="shape"),
        pytest.param({"step": "45s"}, "not on a grid", id="a step that does not divide 5 minutes"),
        pytest.param({"step": "0s"}, "not on a grid", id="no step"),
        pytest.param({"count": 10**9}, "count is '1000000000'", id="absurdly long"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    path = kept(tmp_path, recorded(SERVICES, days=1))
    with np.load(path) as arrays:
        known = {name: arrays[name] for name in arrays.files}
    manifest = json.loads(known["manifest"].tobytes()) | change
    known["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    page = io.BytesIO()
    np.savez_compressed(page, **known)
    path.write_bytes(page.getvalue())

    with pytest.raises(RecordingError, match=said):
        tape.read(path)


def test_files_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.npz cannot be read: No such file"):
        tape.read(tmp_path / "none.npz")
    with pytest.raises(RecordingError, match=r"absent/r\.npz cannot be written: No such file"):
        tape.write(recorded(SERVICES, days=1), tmp_path / "absent" / "r.npz")
