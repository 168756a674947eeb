"""YAML with line numbers, without YAML 1.1's surprises.

``1e-8`` is a number, ``on`` and ``no`` are text, ``12:30`` is text, and a key given twice is a mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ssbmech.case.errors import CaseError, Problem, key_path

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Mark:
    """Where a value stands: file and line (None when it was given on the command line)."""

    file: Path
    line: int | None


@dataclass
class Document:
    """Plain data and the place of every value in it."""

    data: Any
    marks: dict[Path_, Mark]


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars as YAML 1.2's core schema does."""


_RESOLVERS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("merge", r"<<", "<"),
)
_Loader.yaml_implicit_resolvers = {
    first: [
        (f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"))
        for tag, pattern, at in _RESOLVERS
        if first in at
    ]
    for first in {first for _, _, at in _RESOLVERS for first in at}
}


def _integer(loader: Any, node: Any) -> int:
    return int(loader.construct_scalar(node))


def _real(loader: Any, node: Any) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:float", _real)


def parse_scalar(text: str) -> Any:
    """A value given on the command line, read as YAML."""
    return yaml.load(text, Loader=_Loader)


def read_yaml(file: Path) -> Document:
    """The data of a file; raises :class:`CaseError`."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CaseError([Problem("", "is not UTF-8 text", file=str(file))]) from None
    except OSError as error:
        raise CaseError([Problem("", f"cannot be read: {error.strerror}", file=str(file))]) from None
    loader: Any = _Loader(text)
    try:
        node = loader.get_single_node()
        marks: dict[Path_, Mark] = {}
        data = _build(loader, node, (), file, marks) if node is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error)
        raise CaseError(
            [Problem("", f"is not YAML: {what}", file=str(file), line=mark.line + 1 if mark else None)]
        ) from None
    except RecursionError:
        raise CaseError([Problem("", "is nested too deeply", file=str(file))]) from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise CaseError(
            [Problem("", "is not a case file: it must be a mapping of keys to values", file=str(file))]
        )
    return Document(data, marks)


def _build(loader: Any, node: yaml.Node, at: Path_, file: Path, marks: dict[Path_, Mark]) -> Any:
    marks[at] = Mark(file, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_object(node)
    if node.tag not in _COLLECTIONS:
        raise yaml.constructor.ConstructorError(
            None, None, f"the tag {node.tag} is not allowed", node.start_mark
        )
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*at, number), file, marks) for number, item in enumerate(node.value)]
    assert isinstance(node, yaml.MappingNode)
    _refuse_doubles(node, at, file)
    loader.flatten_mapping(node)
    data: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value  # as it is written: a key 1 or true is a name
        data[key] = _build(loader, value_node, (*at, key), file, marks)
        marks[(*at, key)] = Mark(file, key_node.start_mark.line + 1)
    return data


_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def _refuse_doubles(node: yaml.MappingNode, at: Path_, file: Path) -> None:
    """Keys must be text and stand once; those that a merge key brings in may be given again."""
    seen: set[str] = set()
    for key_node, _ in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise CaseError([Problem(key_path(at), "has a key that is not text", file=str(file), line=line)])
        key = key_node.value
        if key in seen and key_node.tag != "tag:yaml.org,2002:merge":
            allowed = "each key once"
            raise CaseError(
                [Problem(key_path((*at, key)), "is given twice", allowed=allowed, file=str(file), line=line)]
            )
        seen.add(key)
