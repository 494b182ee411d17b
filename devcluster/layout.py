"""Where things are: the state of one devcluster, the cache of built binaries, the env file.

A state folder holds secrets (tokens, keys), so it is only for its owner.
"""

import hashlib
import os
import shlex
from pathlib import Path

SOURCE = Path(__file__).parent
DEFAULT_STATE = SOURCE.parent / ".devcluster"
INPUTS = ("go.mod", "go.sum", "main.go")
"""What the binaries are made of; a change in any of these means another cache folder."""


def inputs_hash(source: Path = SOURCE) -> str:
    """The name of the binaries' cache folder: a digest of the inputs' names and contents."""
    digest = hashlib.sha256()
    for name in INPUTS:
        content = (source / name).read_bytes()
        digest.update(f"{name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def cache_root() -> Path:
    """The user's cache folder for devcluster; outside the checkout, so that checkouts share it."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "vanguard-devcluster"


def bin_dir() -> Path:
    """Where the binaries for this checkout are, or will be once built."""
    return cache_root() / inputs_hash()


def prepare_state(state: Path) -> Path:
    """The state folder, absolute, made if need be, readable by its owner only."""
    state = state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    return state


def write_secret(path: Path, content: str) -> Path:
    """Write a file only its owner may read."""
    fresh = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
    fresh.replace(path)
    return path


def env_content(*, kubeconfig: Path, binaries: Path, prometheus_url: str | None) -> str:
    """Lines a shell can source: KUBECONFIG, PROMETHEUS_URL and the tools on PATH."""
    exports = [f"export KUBECONFIG={shlex.quote(str(kubeconfig))}"]
    if prometheus_url:
        exports.append(f"export PROMETHEUS_URL={shlex.quote(prometheus_url)}")
    exports.append(f'export PATH={shlex.quote(str(binaries))}:"$PATH"')
    return "\n".join(exports) + "\n"


def write_env(state: Path, *, prometheus_url: str | None) -> Path:
    """Write `<state>/env`."""
    content = env_content(
        kubeconfig=state / "kubeconfig",
        binaries=bin_dir(),
        prometheus_url=prometheus_url,
    )
    path = state / "env"
    path.write_text(content)
    return path
