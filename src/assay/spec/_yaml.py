"""YAML with line numbers, and nothing that a hostile file could use: no tags, no bombs, no duplicate keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from assay.errors import Mistake, SpecError

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
MAX_NODES = 100_000
PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))

Path_ = tuple[str | int, ...]


@dataclass
class Document:
    """A YAML document as plain data, the line on which each path stands (0: on none), and what was set beside it."""

    data: Any
    lines: dict[Path_, int] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps and without `yes`/`no`/`on`/`off` as booleans: data values stay as written."""


def _stays_a_word(tag: str, first: str) -> bool:
    yes_or_no = tag.endswith(":bool") and first not in "tTfF"
    return yes_or_no or tag.endswith((":timestamp", ":merge"))


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not _stays_a_word(tag, first)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str, name: str) -> Document:
    """The document in `text`; `name` stands before line numbers. Raises SpecError."""
    if len(text.encode()) > MAX_BYTES:
        raise _error(name, 0, f"{len(text.encode()):,} bytes", f"at most {MAX_BYTES:,} bytes")
    loader = _Loader(text)
    try:
        node = _Composer(loader, name).root()
        document = Document(data=None)
        document.data = _build(loader, node, (), document.lines, name)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        raise _error(name, mark.line + 1 if mark else 0, f"YAML cannot be read ({problem})", "valid YAML") from None
    except RecursionError:
        raise _error(name, 0, "YAML nested too deeply", f"at most {MAX_DEPTH} levels") from None
    finally:
        loader.dispose()
    return document


class _Composer:
    """Composes the document event by event, so that a bomb is refused before it is built."""

    def __init__(self, loader: _Loader, name: str) -> None:
        self.loader, self.name = loader, name

    def root(self) -> yaml.Node:
        for token in yaml.scan(self.loader.buffer.rstrip("\0"), Loader=yaml.SafeLoader):
            if isinstance(token, yaml.AliasToken | yaml.AnchorToken):
                raise _error(self.name, token.start_mark.line + 1, "an anchor or alias", "values written out")
        depth = 0
        for n_nodes, event in enumerate(yaml.parse(self.loader.buffer.rstrip("\0"), Loader=yaml.SafeLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH or n_nodes > MAX_NODES:
                allowed = f"at most {MAX_DEPTH} levels and {MAX_NODES:,} values"
                line = event.start_mark.line + 1 if event.start_mark else 0
                raise _error(self.name, line, "YAML nested too deeply or too long", allowed)
        node = self.loader.get_single_node()
        if node is None:
            raise _error(self.name, 1, "an empty file", "a spec; `assay init DATA` writes one")
        return node


def _build(loader: _Loader, node: yaml.Node, path: Path_, lines: dict[Path_, int], name: str) -> Any:
    lines[path] = node.start_mark.line + 1
    if node.tag not in PLAIN_TAGS:
        raise _error(name, lines[path], f"the tag {node.tag!r}", "plain values, lists and mappings")
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, index), lines, name) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, lines, name)
    return loader.construct_object(node, deep=True)


def _mapping(loader: _Loader, node: yaml.MappingNode, path: Path_, lines: dict[Path_, int], name: str) -> Any:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag not in PLAIN_TAGS:
            raise _error(name, line, "a key that is not a word", "words as keys")
        key = str(key_node.value)
        if key in found:
            raise _error(name, line, f"the key {key!r} twice in one mapping", "each key once")
        found[key] = _build(loader, value_node, (*path, key), lines, name)
        lines[(*path, key)] = line
    return found


def _error(name: str, line: int, found: str, allowed: str) -> SpecError:
    where = f"{name}:{line}" if line else name
    return SpecError.of([Mistake(where=where, found=found, allowed=allowed)])
