"""`demo`: two acts on a real control plane; every claim is checked against the cluster and Prometheus, or it fails.

It applies patterns and policies, plays the people, and else only watches: what happens is the operator's doing.
"""

import os
import time
from pathlib import Path

from devcluster import build
from devcluster.cluster import Cluster
from devcluster.demo import governed, loop
from devcluster.demo.stage import Stage, console
from devcluster.kind import KindCluster
from devcluster.operator_process import GOVERNED, start
from devcluster.parts import Parts

# Ten services are played and nearly all are in trouble at once, which a real cluster's storm guard would rightly hold.
NO_STORM = {"VANGUARD_STORM_TARGETS": "100", "VANGUARD_STORM_PERCENT": "100"}


def main(state: Path, *, kind: bool = False) -> int:
    """Run the demo; 0 only if every claim held."""
    begun = time.monotonic()
    build.ensure_built()
    built = time.monotonic()
    cluster = KindCluster(state) if kind else Cluster(state)
    if not kind:
        _forget_previous(state)
    try:
        stage = Stage(start(state, kind=kind, play=GOVERNED, **NO_STORM))
        loop.play(stage)
        governed.play(stage)
    finally:
        if os.environ.get("KEEP"):
            console.print(f"\nKept running: source {cluster.state / 'env'}; stop it with make down")
        else:
            Parts(cluster.state).stop()
    took = time.monotonic() - built
    console.print(f"\nThe demo took {took:.0f} s, {built - begun:.0f} s of build apart. Look around: KEEP=1 make demo")
    return 0


def _forget_previous(state: Path) -> None:
    """The story begins at its beginning: data of an earlier demo would be its past."""
    if state.exists():
        stopped = Parts(state.absolute()).stop()
        if stopped:
            print(f"Stopped what was running: {', '.join(stopped)}.")
        Cluster(state).stop(purge=True)
