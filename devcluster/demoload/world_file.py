"""The world's memory between two starts: one small JSON file, replaced atomically.

It keeps what cannot be read from the cluster again: the epoch, since when each pod lives, the pool size
it was born with, and how far its counters got.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from devcluster.demoload.counting import Count
from devcluster.demoload.services import DEMO, Service
from devcluster.demoload.world import Life, World
from devcluster.errors import DevclusterError


class WorldFileUnusableError(DevclusterError):
    """The file is there but is not a world."""


class WorldFile:
    """`world.json` in a state folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "world.json"

    def load(self, services: Sequence[Service] = DEMO) -> World:
        """The remembered world, or one not founded yet when there is no file.

        Raises:
            WorldFileUnusableError: the file cannot be understood; it is left as it is.
        """
        if not self.path.exists():
            return World(services)
        try:
            told = json.loads(self.path.read_text())
            return World(
                services,
                epoch=float(told["epoch"]),
                seed=int(told["seed"]),
                lives={uid: Life(**life) for uid, life in told["lives"].items()},
                counts={uid: Count(**count) for uid, count in told["counts"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WorldFileUnusableError(
                f"{self.path} is not a world's memory ({type(error).__name__}: {error}); remove it to begin a new world"
            ) from error

    def save(self, world: World) -> None:
        """Remember a founded world; a crash in between leaves the former memory."""
        told = {
            "epoch": world.epoch,
            "seed": world.seed,
            "lives": {uid: asdict(life) for uid, life in world.lives.items()},
            "counts": {uid: asdict(count) for uid, count in world.counts.items()},
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(told))
        draft.replace(self.path)
