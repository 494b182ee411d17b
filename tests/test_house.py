"""The rules of the house that no linter knows: kept by reading the source."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest

from vanguard.api import base, intervention, pattern, policy
from vanguard.api.reasons import Reason

ROOT = Path(__file__).parents[1]
SOURCE_ROOT = ROOT / "operator"
PACKAGE = SOURCE_ROOT / "vanguard"
MODULES = sorted(PACKAGE.rglob("*.py"))
NAMES = [str(path.relative_to(PACKAGE)) for path in MODULES]
TREES = {name: ast.parse(path.read_text()) for name, path in zip(NAMES, MODULES, strict=True)}

MAX_LINES = 400
MAX_HANDLER_LINES = 15


def test_the_source_root_is_no_package_or_it_would_shadow_the_standard_librarys_operator() -> None:
    assert SOURCE_ROOT.is_dir()
    assert not (SOURCE_ROOT / "__init__.py").exists()


IMPORT = "import operator, sys; sys.exit(operator.itemgetter(0)([0]))"


def imports_operator(where: Path) -> bool:
    """Whether a Python that starts there, without help of site packages, gets the standard library's operator."""
    told = subprocess.run([sys.executable, "-S", "-E", "-c", IMPORT], cwd=where, capture_output=True, check=False)
    return told.returncode == 0


def test_the_standard_librarys_operator_is_imported_from_the_root_of_the_repository() -> None:
    assert imports_operator(ROOT)


def test_an_init_file_in_the_source_root_would_break_it(tmp_path: Path) -> None:
    (tmp_path / "operator").mkdir()
    assert imports_operator(tmp_path)
    (tmp_path / "operator" / "__init__.py").touch()
    assert not imports_operator(tmp_path)


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_is_short_enough_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def root_name(node: ast.expr) -> str:
    """The name an attribute chain or call begins with: `kopf` of `@kopf.on.event(...)`."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def handlers() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                root_name(decorator) == "kopf" for decorator in node.decorator_list
            ):
                yield name, node


def test_there_are_handlers_and_they_live_in_their_room() -> None:
    assert {"start", "stop", "noticed", "due", "deleted"} <= {node.name for _, node in handlers()}
    assert {name.split("/")[0] for name, _ in handlers()} == {"handlers"}


HANDLERS = list(handlers())


@pytest.mark.parametrize("node", [node for _, node in HANDLERS], ids=[f"{name}:{node.name}" for name, node in HANDLERS])
def test_a_handler_only_unpacks_and_delegates(node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    assert (node.end_lineno or 0) - node.lineno + 1 <= MAX_HANDLER_LINES


CLOCK = "adapters/clock.py"
WALL_CLOCK = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "localtime"),
    ("time", "gmtime"),
}


def clock_readings(tree: ast.Module) -> list[int]:
    """Lines that read the wall clock, however the module was imported."""
    renamed = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    out = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else root_name(node.value)
            if (renamed.get(owner, owner), node.attr) in WALL_CLOCK:
                out.append(node.lineno)
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            out += [node.lineno for alias in node.names if ("time", alias.name) in WALL_CLOCK]
    return out


@pytest.mark.parametrize("name", [name for name in NAMES if name != CLOCK])
def test_the_wall_clock_is_read_nowhere_but_in_the_clock(name: str) -> None:
    assert clock_readings(TREES[name]) == []


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now()",
        "import datetime as dt\ndt.datetime.utcnow()",
        "from datetime import datetime as when\nread = when.now",
        "import time\ntime.time()",
        "from time import time",
    ],
)
def test_the_rule_about_the_clock_sees_each_way_to_read_it(source: str) -> None:
    assert clock_readings(ast.parse(source))


def test_the_clock_reads_the_clock() -> None:
    assert clock_readings(TREES[CLOCK])


# Words of the API that are also reasons: a verdict and the reason of the same name mean the same.
API_ENUMS = {
    (f"api/{module.__name__.rsplit('.', 1)[1]}.py", name)
    for module in (base, intervention, pattern, policy)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, Enum) and value.__module__ == module.__name__
}
# Types of conditions, which are words of Kubernetes' convention and not reasons.
CONDITION_TYPES = {
    ("domain/conditions.py", "Ready"),
    ("domain/conditions.py", "Admitted"),
    ("domain/conditions.py", "Restored"),
}


def reason_literals(name: str) -> Iterator[tuple[int, str]]:
    """Text in a module that is a reason's word, outside the enums of the API."""
    tree = TREES[name]
    enums = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and (name, node.name) in API_ENUMS]
    excused = {id(inner) for node in enums for inner in ast.walk(node)}
    words = {reason.value for reason in Reason}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in words and id(node) not in excused:
            yield node.lineno, str(node.value)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "api/reasons.py"])
def test_no_reason_is_written_out_anywhere_but_among_the_reasons(name: str) -> None:
    found = [(line, word) for line, word in reason_literals(name) if (name, word) not in CONDITION_TYPES]
    assert found == []


def test_each_exception_to_the_rule_about_reasons_is_still_needed() -> None:
    written = {("domain/conditions.py", word) for _, word in reason_literals("domain/conditions.py")}
    assert written == CONDITION_TYPES


def test_every_reason_is_used() -> None:
    used = {
        node.attr
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and root_name(node.value) == "Reason"
    }
    assert {reason.name for reason in Reason} - used == set()
