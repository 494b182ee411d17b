"""The image is built from pinned parts, runs as nobody, and holds no secret."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

Instructions = list[tuple[str, str]]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def instructions() -> Instructions:
    """(instruction, arguments) of the Dockerfile, comments gone and continued lines joined."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line]


def arguments(instructions: Instructions, name: str) -> list[str]:
    return [rest for word, rest in instructions if word == name]


def pins(lock: str) -> dict[str, dict[str, frozenset[str]]]:
    """Name -> {version: hashes} of a lock file; a name has two versions if Python's version decides."""
    found: dict[str, dict[str, frozenset[str]]] = {}
    for entry in re.split(r"\n(?=[a-z])", (ROOT / lock).read_text()):
        ((name, version),) = re.findall(r"^([a-z0-9.-]+)==(\S+)", entry)
        found.setdefault(name, {})[version] = frozenset(re.findall(r"--hash=(sha256:[0-9a-f]{64})", entry))
    return found


def declared(group: str) -> set[str]:
    """Package names, as a lock writes them, of pyproject's dependencies or of an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["optional-dependencies"][group] if group else project["dependencies"]
    return {re.findall(r"[\w.-]+", entry)[0].lower().replace("_", "-") for entry in wanted}


def test_every_base_is_pinned_by_a_tag_that_names_a_version(instructions: Instructions) -> None:
    bases = [rest.split()[0] for rest in arguments(instructions, "FROM")]
    assert len(bases) == 2
    for base in bases:
        assert re.fullmatch(r"[\w./-]+:\d[\w.-]*(@sha256:[0-9a-f]{64})?", base), base


def test_pip_fetches_nothing_without_checking_its_hash(instructions: Instructions) -> None:
    commands = [part.strip() for rest in arguments(instructions, "RUN") for part in rest.split("&&")]
    fetching = [command for command in commands if re.search(r"\bpip (install|wheel|download)\b", command)]
    assert fetching
    for command in fetching:
        local = "--no-deps" in command and ("--no-index" in command or "--no-build-isolation" in command)
        assert local or "--require-hashes" in command, command


def test_nothing_is_fetched_in_any_other_way(instructions: Instructions) -> None:
    assert not arguments(instructions, "ADD")
    for rest in arguments(instructions, "RUN"):
        assert not re.search(r"\b(curl|wget|git|apt-get|apk)\b|https?://", rest), rest


def test_it_runs_as_a_user_that_kubernetes_can_see_is_not_root(instructions: Instructions) -> None:
    last_stage = instructions[max(i for i, (word, _) in enumerate(instructions) if word == "FROM") :]
    assert arguments(last_stage, "USER") == ["65532:65532"]


def test_it_starts_the_operator_without_a_shell(instructions: Instructions) -> None:
    assert arguments(instructions, "ENTRYPOINT") == ['["kopf", "run", "-A", "-m", "vanguard.handlers"]']
    assert not arguments(instructions, "CMD")


def test_no_secret_is_built_in(instructions: Instructions) -> None:
    for word, rest in instructions:
        if word in {"ARG", "ENV", "COPY"}:
            assert not re.search(r"secret|token|passw|credential|kubeconfig|\.env\b|_key\b", rest, re.IGNORECASE), rest


def test_what_is_copied_exists_and_is_let_through_to_the_builder(instructions: Instructions) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*", "all is kept back but what is named"
    sources = {
        source for rest in arguments(instructions, "COPY") if "--from=" not in rest for source in shlex.split(rest)[:-1]
    }
    assert sources == {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert [source for source in sorted(sources) if not (ROOT / source).exists()] == []


def test_the_runtime_lock_holds_what_the_package_needs_and_no_developers_tool() -> None:
    locked = pins("requirements-runtime.lock").keys()
    assert declared("") - locked == set(), "renew requirements-runtime.lock"
    assert declared("dev") & locked == set()


def test_the_runtime_lock_is_a_part_of_the_lock_that_tests_run_with() -> None:
    everything = pins("requirements.lock")
    for name, versions in pins("requirements-runtime.lock").items():
        assert versions == everything[name], f"{name}: renew requirements-runtime.lock"
        assert all(versions.values()), f"{name} has no hash"
