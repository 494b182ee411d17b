"""The Go toolchain: is there one that can build what ``go.mod`` asks for, and if not, what to install."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from devcluster.errors import BuildError

USUAL_PLACES = ("/usr/local/go/bin/go", "/opt/homebrew/bin/go", "/snap/bin/go")
SWITCHES_SINCE = (1, 21)
"""The first Go that can fetch a newer toolchain by itself."""


def wanted_version(go_mod: str) -> str:
    """The version in the `go` line of a go.mod."""
    found = re.search(r"^go (\S+)$", go_mod, re.MULTILINE)
    if found is None:
        raise BuildError("devcluster/go.mod has no `go` line, so the Go version to build with is unknown.")
    return found[1]


def required_version(go_mod: str, module: str) -> str:
    """The version a go.mod requires of `module`, for example v1.37.2."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise BuildError(f"devcluster/go.mod does not require {module}, which the build needs.")
    return found[1]


def check_version(*, wanted: str, found: str, toolchain: str, path: str) -> str | None:
    """What to tell about a Go that cannot be used, or None if it can.

    `found` is what `go env GOVERSION` says ("go1.26.8"), `toolchain` the GOTOOLCHAIN setting.
    """
    if _numbers(found) >= _numbers(wanted):
        return None
    too_old = f"Go {wanted} or newer is needed to build devcluster, but {path} is {found}"
    install = f"Install Go {wanted} or newer from https://go.dev/dl/ and put it first on PATH."
    if _numbers(found) < SWITCHES_SINCE:
        return f"{too_old}, which is too old to fetch a newer one by itself. {install}"
    if "auto" not in toolchain:
        return (
            f"{too_old}, and GOTOOLCHAIN={toolchain} forbids it to fetch a newer one. {install} "
            f"Or let Go fetch it: GOTOOLCHAIN=auto make build"
        )
    return None


def find_go(go_mod: str) -> str:
    """The path of a Go that can build `go_mod`.

    Raises:
        BuildError: there is none; the message says what to install.
    """
    wanted = wanted_version(go_mod)
    path = shutil.which("go") or next((place for place in USUAL_PLACES if Path(place).exists()), None)
    if path is None:
        raise BuildError(
            f"Go is not installed, and devcluster builds Kubernetes and Prometheus with it. "
            f"Install Go {wanted} or newer from https://go.dev/dl/ and put it on PATH, then run this again."
        )
    found, toolchain = _ask(path)
    problem = check_version(wanted=wanted, found=found, toolchain=toolchain, path=path)
    if problem:
        raise BuildError(problem)
    return path


def _ask(path: str) -> tuple[str, str]:
    # Asked in an empty folder: inside the module an old Go would already refuse to answer.
    with tempfile.TemporaryDirectory() as nowhere:
        env = {**os.environ, "GOWORK": "off", "GO111MODULE": "off"}
        command = [path, "env", "GOVERSION", "GOTOOLCHAIN"]
        answer = subprocess.run(command, cwd=nowhere, env=env, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise BuildError(f"{path} does not work: `go env` said: {answer.stderr.strip()}. Reinstall Go.")
    version, _, toolchain = answer.stdout.strip().partition("\n")
    return version, toolchain or "local"


def _numbers(version: str) -> tuple[int, ...]:
    # Release candidates ("1.27rc1") count as their release: near enough for "is it new enough".
    return tuple(int(number) for number in re.findall(r"\d+", re.split(r"rc|beta|-|\s", version)[0]))
