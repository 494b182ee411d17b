"""A value in a manifest: found by what it is, and replaced alone; every other byte stays as it is.

Comments, order, indentation and quotes are their author's. What cannot be replaced for certain (several such values,
one that an anchor shares with others, a template that is no YAML) is left with a reason.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from vanguard.api.policy import Location
from vanguard.api.reasons import Reason
from vanguard.domain.change import Impossible

MOST_CHARACTERS = 100_000
_STR = "tag:yaml.org,2002:str"


@dataclass(frozen=True)
class Place:
    """Whose value it is. A document that names no namespace is in the object's."""

    kind: str
    namespace: str
    name: str
    location: Location

    def __str__(self) -> str:
        key, env = self.location.config_map_key, self.location.env
        where = f"data.{key.key}" if key else f"env {env.name} of container {env.container}" if env else "nothing"
        return f"{where} of {self.kind} {self.name}"


@dataclass(frozen=True)
class Span:
    """Where a scalar stands in the text, and how it is written."""

    start: int
    end: int
    value: str
    style: str | None
    tag: str


def value_in(text: str, place: Place) -> str | Impossible:
    """The value as the manifest declares it."""
    found = _found(text, place)
    return found if isinstance(found, Impossible) else found.value


def replaced(text: str, place: Place, value: str) -> str | Impossible:
    """The text with another value there, and nothing else changed."""
    span = _found(text, place)
    if isinstance(span, Impossible):
        return span
    for written in _spellings(span, value):
        new = text[: span.start] + written + text[span.end :]
        again = _found(new, place)
        # What it says now is read back: no rule of YAML's quoting has to be trusted.
        if not isinstance(again, Impossible) and again.value == value and again.tag in (span.tag, _STR):
            return new
    return _not_in_git(place, f"{value!r} cannot be written there")


def _spellings(span: Span, value: str) -> Iterator[str]:
    """Ways to write a value, the one most like the present first."""
    quoted = json.dumps(value, ensure_ascii=False)
    if span.style == "'":
        yield "'" + value.replace("'", "''") + "'"
    elif span.style is None:
        yield value
    yield quoted


@lru_cache(maxsize=64)
def _found(text: str, place: Place) -> Span | Impossible:
    if len(text) > MOST_CHARACTERS:
        return _not_in_git(place, f"the file has {len(text)} characters; at most {MOST_CHARACTERS} are read")
    try:
        loader = _Loader(text)
        paths = [path for root in _documents(loader) for path in _paths(root, place)]
    except (yaml.YAMLError, RecursionError):
        return _not_in_git(place, "the file is no YAML; a template cannot be edited")
    if len(paths) != 1:
        return _not_in_git(place, "the file does not declare it" if not paths else "the file declares it several times")
    return _span(loader, paths[0], text, place)


def _span(loader: "_Loader", path: list[Node], text: str, place: Place) -> Span | Impossible:
    scalar = path[-1]
    if any(id(node) in loader.shared for node in path):
        return _not_in_git(place, "an anchor shares it with other places")
    if not isinstance(scalar, ScalarNode) or scalar.style in ("|", ">"):
        return _not_in_git(place, "it is no single value on one line")
    start, end = scalar.start_mark.index, scalar.end_mark.index
    if text[start : start + 1] in ("!", "&"):
        return _not_in_git(place, "it carries a tag or an anchor")
    return Span(start, end, scalar.value, scalar.style, scalar.tag)


def _not_in_git(place: Place, why: str) -> Impossible:
    return Impossible(Reason.NOT_IN_GIT, f"{place}: {why}")


class _Loader(yaml.SafeLoader):
    """Composes nodes, and remembers those that have an anchor or came by an alias."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.shared: dict[int, Node] = {}

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if node is not None and (isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None)):
            self.shared[id(node)] = node
        return node


def _documents(loader: _Loader) -> Iterator[Node]:
    while loader.check_node():
        node = loader.get_node()
        if node is not None:
            yield node


def _paths(root: Node, place: Place) -> Iterator[list[Node]]:
    """Ways from a document's root to the value; each but the first is one too many."""
    for meta in _below(root, "metadata"):
        named = _text(root, "kind") == place.kind and _text(meta, "name") == place.name
        if not named or _text(meta, "namespace") not in ("", place.namespace):
            continue
        key, env = place.location.config_map_key, place.location.env
        if key is not None:
            yield from _walk([root], "data", key.key)
        elif env is not None:
            for path in _walk([root], "spec", "template", "spec", "containers"):
                for container in _items(path, env.container):
                    for listed in _walk(container, "env"):
                        for variable in _items(listed, env.name):
                            yield from _walk(variable, "value")


def _walk(path: list[Node], *keys: str) -> Iterator[list[Node]]:
    if not keys:
        yield path
        return
    for node in _below(path[-1], keys[0]):
        yield from _walk([*path, node], *keys[1:])


def _items(path: list[Node], name: str) -> Iterator[list[Node]]:
    """The items of a list that bear a name."""
    if isinstance(path[-1], SequenceNode):
        yield from ([*path, item] for item in path[-1].value if _text(item, "name") == name)


def _below(node: Node, key: str) -> Iterator[Node]:
    if isinstance(node, MappingNode):
        yield from (value for name, value in node.value if isinstance(name, ScalarNode) and name.value == key)


def _text(node: Node, key: str) -> str:
    return next((str(value.value) for value in _below(node, key) if isinstance(value, ScalarNode)), "")
