"""``extends:`` and ``--set``: case files that build on others.

Mappings merge key by key; lists and plain values replace; ``null`` takes a key away. Of keys that exclude
each other (``file`` and ``microstructure``, ``pressure`` and ``fixed_gap``), the one that is given last takes
the other's place.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ssbmech.case.errors import CaseError, Problem, nearest
from ssbmech.case.yaml_reader import Document, Mark, Path_, parse_scalar, read_yaml

EXCLUSIVE: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split())
    for group in (
        "file microstructure",
        "value expression points table",
        "pressure ramp_to fixed_gap stiffness",
        "initial_stoichiometry initial_potential",
        "volume_change partial_molar_volume lattice volume_of_lattice",
        "youngs_modulus hexagonal",
        "composition volume_fraction",
        "interface cells",
        "labels thresholds",
        "count diameter",
        "press rest charge discharge hold hold_potential repeat",
        "capacity n_to_p_ratio",
        "thickness_change relative_thickness_change",
    )
)
"""Keys of which a block has one; a later file's choice replaces an earlier one's."""

_THERMAL = ("activation_energy", "reference_temperature")
_FOLLOWERS = {
    "value": _THERMAL,
    "expression": _THERMAL,
    "table": ("columns", *_THERMAL),
    "points": ("argument_unit", *_THERMAL),
    "youngs_modulus": ("poisson_ratio",),
}


def read_with_extends(file: Path, seen: tuple[Path, ...] = ()) -> Document:
    """The data of a file merged over the files it extends; raises :class:`CaseError`."""
    document = read_yaml(file)
    make_paths_absolute(document, file.parent)
    if "extends" not in document.data:
        return document
    name = document.data.pop("extends")
    line = document.marks.pop(("extends",)).line
    seen = (*seen, file.resolve())

    def wrong(message: str, suggestion: str = "") -> CaseError:
        allowed = "another case file, relative to this one"
        return CaseError([Problem("extends", message, name, allowed, suggestion, str(file), line)])

    if not isinstance(name, str) or not name:
        raise wrong("is not a file name")
    base = file.parent / name
    if not base.is_file():
        others = [path.name for path in base.parent.glob("*.y*ml")] if base.parent.is_dir() else []
        raise wrong("does not exist", nearest(base.name, others))
    if base.resolve() in seen:
        circle = (*seen[seen.index(base.resolve()) :], base.resolve())
        raise wrong("goes round in a circle: " + " -> ".join(path.name for path in circle))
    return merge(read_with_extends(base, seen), document)


def merge(base: Document, over: Document) -> Document:
    """``over`` merged into ``base`` (neither is used afterwards)."""
    marks = dict(base.marks)
    data = _merge(base.data, over.data, (), marks, over.marks)
    return Document(data, marks)


def merge_at(base: Any, over: Document, at: Path_) -> Any:
    """``base`` under what ``over`` has at one place; the lines of ``over`` stay known."""
    value = over.data
    for key in at:
        value = value[key]
    return _merge(base, value, at, over.marks, dict(over.marks))


def _merge(base: Any, over: Any, at: Path_, marks: dict[Path_, Mark], new: dict[Path_, Mark]) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        _drop(marks, at)
        marks.update({path: mark for path, mark in new.items() if path[: len(at)] == at})
        return over
    if {base.get("generator"), over.get("generator")} - {None, base.get("generator")}:
        base = {}  # another generator has other keys
        _drop(marks, at)
    merged = dict(base)
    for group in EXCLUSIVE:
        if group & over.keys():
            for key in (group - over.keys()) & merged.keys():
                for gone in (key, *_FOLLOWERS.get(key, ())):
                    merged.pop(gone, None)
                    _drop(marks, (*at, gone))
    for key, value in over.items():
        merged[key] = _merge(merged.get(key), value, (*at, key), marks, new)
    if at in new:
        marks[at] = new[at]
    return merged


def _drop(marks: dict[Path_, Mark], at: Path_) -> None:
    for path in [path for path in marks if path[: len(at)] == at]:
        del marks[path]


def without_nulls(data: Any) -> Any:
    """The data without the keys whose value is null."""
    if isinstance(data, dict):
        return {key: without_nulls(value) for key, value in data.items() if value is not None}
    if isinstance(data, list):
        return [without_nulls(item) for item in data]
    return data


def apply_overrides(document: Document, overrides: Sequence[str], file: Path) -> Document:
    """``key.path=value`` texts merged over the data, in their order; raises :class:`CaseError`."""
    problems: list[Problem] = []
    for text in overrides:
        keys, equals, value = text.partition("=")
        path = _split(keys)
        if not equals or not path:
            problems.append(
                Problem("--set", "is not key.path=value", text, 'for example "stack.load.pressure=5 MPa"')
            )
            continue
        try:
            parsed = parse_scalar(value)
        except yaml.YAMLError:
            problems.append(
                Problem(f"--set {keys}", "has a value that is not YAML", value, "a value as in a case file")
            )
            continue
        try:
            document = _override(document, path, parsed, file)
        except _NoPlaceError as error:
            problems.append(Problem(f"--set {keys}", str(error), parsed, error.allowed))
    if problems:
        raise CaseError(problems)
    make_paths_absolute(document, file.parent)
    return document


class _NoPlaceError(Exception):
    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


def _split(keys: str) -> Path_:
    """``a.b[0].c`` and ``a.b.0.c`` alike."""
    parts = keys.strip().replace("[", ".").replace("]", "").split(".")
    return tuple(int(part) if part.isdecimal() else part for part in parts) if all(parts) else ()


def _override(document: Document, path: Path_, value: Any, file: Path) -> Document:
    """One value put in its place; inside lists too, which merging alone would replace."""

    def put(data: Any, depth: int) -> Any:
        if depth == len(path):
            return _merge(data, value, path, document.marks, {})
        key = path[depth]
        if isinstance(data, list):
            if not isinstance(key, int) or key >= len(data):
                raise _NoPlaceError(f"has no entry {key!r}", f"a number from 0 to {len(data) - 1}")
            return [put(item, depth + 1) if number == key else item for number, item in enumerate(data)]
        if data is not None and not isinstance(data, dict):
            data = None  # a plain value makes way for a mapping
        inner = put((data or {}).get(str(key)), depth + 1)
        return _merge(data or {}, {str(key): inner}, path[:depth], {}, {})

    data = put(document.data, 0)
    _drop(document.marks, path)
    document.marks[path] = Mark(file, None)
    return Document(data, document.marks)


def make_paths_absolute(document: Document, folder: Path) -> None:
    """Makes the names of files that a case refers to independent of the file they stand in."""

    def walk(data: Any, at: Path_) -> None:
        if isinstance(data, list):
            for number, item in enumerate(data):
                walk(item, (*at, number))
        elif isinstance(data, dict):
            for key, value in data.items():
                is_file = key == "table" or (key == "file" and at[:1] == ("mesh",))
                is_file |= key == "material" and str(value).endswith((".yaml", ".yml"))
                if is_file and isinstance(value, str) and value:
                    data[key] = str((folder / value).absolute())
                else:
                    walk(value, (*at, key))

    walk(document.data, ())
