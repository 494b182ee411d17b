"""The command line: python -m devcluster build|cluster|up|down|status|demo.

A user's mistake is told in words; an interrupt tells what is still running.
"""

import argparse
import importlib
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType

from devcluster import build, controlplane, layout
from devcluster.cluster import Cluster
from devcluster.errors import DevclusterError
from devcluster.kind import KindCluster
from devcluster.parts import Part, Parts
from devcluster.prometheus import Prometheus

INTERRUPTED = 130
"""What shells expect of a program ended by Ctrl-C."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the result is the exit code."""
    options = read_options(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(COMMANDS[options.command](options) or 0)
    except DevclusterError as trouble:
        print(f"devcluster: {trouble}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _tell_running(options.state)
        return INTERRUPTED


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    """The options; --state and --kind may stand before or after the command."""
    return _parser().parse_args(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m devcluster", description=__doc__)
    _add_shared(parser, state=layout.DEFAULT_STATE, kind=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in HELP.items():
        command = commands.add_parser(name, help=text, description=text)
        # Without a default here, or a command would undo what was said before it.
        _add_shared(command, state=argparse.SUPPRESS, kind=argparse.SUPPRESS)
        if name == "which":
            command.add_argument("tool", choices=("helm", "kubectl", "kubeconform", "promtool"))
        if name == "down":
            command.add_argument("--purge", action="store_true", help="forget all data too")
    return parser


def _add_shared(parser: argparse.ArgumentParser, *, state: Path | str, kind: bool | str) -> None:
    state_help = f"folder for data, logs, env (usually {layout.DEFAULT_STATE})"
    parser.add_argument("--state", type=Path, default=state, help=state_help)
    kind_help = "use kind and Docker, not the built-in control plane"
    parser.add_argument("--kind", action="store_true", default=kind, help=kind_help)


def _build(_: argparse.Namespace) -> None:
    print(f"The binaries are in {build.ensure_built()}")


def _which(options: argparse.Namespace) -> None:
    print(build.ensure_built() / options.tool)


def _cluster(options: argparse.Namespace) -> None:
    cluster = (KindCluster if options.kind else Cluster)(options.state).start()
    prometheus = Prometheus(cluster.state).start()
    print(f"API server and Prometheus ({prometheus.url}) are ready. Next:\n")
    print(f"  source {shlex.quote(str(cluster.state / 'env'))}")
    print("  kubectl get nodes")
    print("  make down                     # or: python -m devcluster down\n")


def _up(options: argparse.Namespace) -> int:
    # By name, so that the control plane works without what is run on it.
    result = importlib.import_module("devcluster.operator_process").up(options.state, kind=options.kind)
    return int(result or 0)


def _demo(options: argparse.Namespace) -> int:
    result = importlib.import_module("devcluster.demo").main(options.state, kind=options.kind)
    return int(result or 0)


def _down(options: argparse.Namespace) -> None:
    if not options.state.exists():
        print(f"Nothing to stop: {options.state} does not exist.")
        return
    stopped = Parts(options.state.absolute()).stop()
    if options.kind:
        KindCluster(options.state).stop()
    if options.purge:
        Cluster(options.state).stop(purge=True)
    print(f"Stopped {', '.join(stopped)}." if stopped else "Nothing was running.")


def _status(options: argparse.Namespace) -> int:
    """0 if all that should run runs, 1 otherwise."""
    parts = Parts(options.state.absolute()).all() if options.state.exists() else {}
    print(f"{'PART':<26}{'PID':>8}{'PORT':>8}  STATE")
    missing = [name for name in controlplane.NAMES if name not in parts and not options.kind]
    for name in missing:
        print(f"{name:<26}{'-':>8}{'-':>8}  stopped")
    for part in parts.values():
        print(f"{part.name:<26}{part.pid:>8}{part.port or '-':>8}  {_word(part)}")
    return int(bool(missing) or not all(part.alive for part in parts.values()))


def _word(part: Part) -> str:
    return "up" if part.alive else f"crashed, see {part.log}"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _tell_running(state: Path) -> None:
    running = [name for name, part in Parts(state.absolute()).all().items() if part.alive]
    if running:
        print(f"\nInterrupted. Still running: {', '.join(running)}. Stop them: make down", file=sys.stderr)
    else:
        print("\nInterrupted. Nothing is running.", file=sys.stderr)


HELP = {
    "build": "build the binaries (about 10 minutes the first time, then cached)",
    "cluster": "start the control plane and Prometheus, nothing else",
    "up": "start control plane, Prometheus, demo workload and the operator",
    "down": "stop all that cluster or up started",
    "which": "print the path of one of the tools",
    "status": "show every part with its pid, port and state",
    "demo": "run the whole loop, checked and narrated",
}
COMMANDS = {
    "build": _build,
    "which": _which,
    "cluster": _cluster,
    "up": _up,
    "down": _down,
    "status": _status,
    "demo": _demo,
}

if __name__ == "__main__":
    sys.exit(main())
