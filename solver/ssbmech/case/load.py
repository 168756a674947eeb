"""From a file to a checked :class:`Case`, or to every mistake in it at once."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ssbmech.case import checks
from ssbmech.case.curves import ROOM_TEMPERATURE
from ssbmech.case.errors import MISSING, CaseError, Problem, key_path, nearest
from ssbmech.case.merge import apply_overrides, make_paths_absolute, read_with_extends, without_nulls
from ssbmech.case.mesh import generators
from ssbmech.case.schema import Case
from ssbmech.case.units import UnitError, quantity
from ssbmech.case.yaml_reader import Document, Path_


def load_case(path: Path, overrides: Sequence[str] = ()) -> Case:
    """The case of a file, with ``key.path=value`` texts put over it; raises :class:`CaseError`."""
    path = Path(path)
    if not path.is_file():
        there = [file.name for file in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CaseError(
            [Problem("", what, allowed="a case file", suggestion=nearest(path.name, there), file=str(path))]
        )
    document = apply_overrides(read_with_extends(path), overrides, path)
    case = _validated(document, path)
    case._origin = path
    return case


def case_from_data(data: Mapping[str, Any], folder: Path | None = None) -> Case:
    """The case of plain data as a case file holds it; file names are relative to ``folder`` (or here)."""
    document = Document(without_nulls(dict(data)), {})
    make_paths_absolute(document, Path(folder) if folder is not None else Path())
    return _validated(document, None)


def _validated(document: Document, file: Path | None) -> Case:
    data = without_nulls(document.data)
    data = _with_densities(data)
    try:
        case = Case.model_validate(data, context={"temperature": _temperature(data)})
        found = checks.problems(case)
    except ValidationError as error:
        found = [_problem(details, data) for details in error.errors(include_url=False)]
        found = list({(problem.key, problem.message): problem for problem in found}.values())
    if found:
        raise CaseError([_placed(problem, document, file) for problem in found])
    return case


def _temperature(data: Mapping[str, Any]) -> float:
    """Cell temperature [K] that formulas are read with; a wrong one is reported by its own block."""
    cell = data.get("cell")
    try:
        return quantity("temperature", "positive").read(
            cell["temperature"] if isinstance(cell, dict) else None
        )
    except (UnitError, KeyError):
        return ROOM_TEMPERATURE


def _with_densities(data: Any) -> Any:
    """Densities of the composition that are left out are those of the phases."""
    try:
        composition = data["mesh"]["microstructure"]["composition"]
        given = {
            name: phase["density"]
            for name, phase in data["phases"].items()
            if name in composition["weight_percent"] and "density" in phase
        }
    except (KeyError, TypeError, AttributeError):
        return data
    own = composition.get("density", {})
    if isinstance(own, dict):
        composition["density"] = given | own
    return data


def _problem(details: ErrorDetails, data: Any) -> Problem:
    """One of pydantic's findings in our words."""
    context: dict[str, Any] = details.get("ctx") or {}
    tagged: Path_ = tuple(part for part in details["loc"] if part != "[key]") + tuple(context.get("at", ()))
    location = _without_generator(tagged)
    kind, value = details["type"], details["input"]
    if (
        location[:2] == _OPTIONS and len(location) > 2
    ):  # pydantic names every type that the value might have had
        return Problem(key_path(location[:3]), "is not one value", value, "text, a number, or true or false")
    if kind == "quantity":
        if context.get("at"):
            value = _value_at(data, location)
        return Problem(
            key_path(location), context["reason"], value, context["allowed"], context["suggestion"]
        )
    if kind == "missing":
        block = _block_at(tagged[:-1])
        return Problem(key_path(location), "is missing", allowed=_describe(block, str(location[-1])))
    if kind == "extra_forbidden":
        names = list(block.model_fields) if (block := _block_at(tagged[:-1])) else []
        hint = nearest(str(location[-1]), names)
        return Problem(key_path(location), "is not a key that belongs here", value, ", ".join(names), hint)
    if kind == "literal_error":
        options = [str(option).strip("'") for option in context["expected"].replace(" or ", ", ").split(", ")]
        return Problem(
            key_path(location),
            "is not one of the choices",
            value,
            ", ".join(options),
            nearest(str(value), options),
        )
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _no_generator(location, value)
    message = details["msg"][:1].lower() + details["msg"][1:]
    return Problem(key_path(location), message, value, _ALLOWED.get(kind, ""))


_OPTIONS = ("numerics", "petsc_options")
_STRUCTURE = ("mesh", "microstructure")

_ALLOWED = {
    "float_type": "a number without unit",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "string_pattern_mismatch": "a letter, then letters, digits, _ + -",
    "model_type": "a mapping of keys to values",
    "dict_type": "a mapping of names to values",
    "list_type": "a list: [..., ...]",
}


def _without_generator(location: Path_) -> Path_:
    """The place in the file; pydantic puts the generator's name after ``microstructure``."""
    return location[:2] + location[3:] if location[:2] == _STRUCTURE else location


def _no_generator(location: Path_, value: Any) -> Problem:
    names = [str(get_args(kind.model_fields["generator"].annotation)[0]) for kind in generators()]
    key = key_path((*location, "generator"))
    if not isinstance(value, dict) or "generator" not in value:
        return Problem(key, "is missing", allowed=", ".join(names))
    given = value["generator"]
    return Problem(key, "is not one of the choices", given, ", ".join(names), nearest(str(given), names))


def _value_at(data: Any, location: Path_) -> Any:
    for part in location:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return MISSING
    return data


def _block_at(location: Path_) -> type[BaseModel] | None:
    """The model class that a place in the file belongs to."""
    block: Any = Case
    for number, part in enumerate(location):
        if location[:number] == _STRUCTURE:  # here the part is the name of the generator
            block = next(
                (k for k in generators() if part in get_args(k.model_fields["generator"].annotation)), None
            )
        elif isinstance(block, type) and issubclass(block, BaseModel):
            if part not in block.model_fields:
                return None
            block = _inner(block.model_fields[str(part)].annotation)
        else:
            block = _inner(get_args(block)[-1]) if get_args(block) else None
    return block if isinstance(block, type) and issubclass(block, BaseModel) else None


def _inner(annotation: Any) -> Any:
    """The annotation without ``None``."""
    if get_origin(annotation) in (Union, types.UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        return options[0] if len(options) == 1 else None
    return annotation


def _describe(block: type[BaseModel] | None, name: str) -> str:
    """What a key that is missing may hold."""
    if block is None or name not in block.model_fields:
        return "a value"
    field = block.model_fields[name]
    hints = [hint.allowed for hint in field.metadata if hasattr(hint, "allowed")]
    inner = _inner(field.annotation)
    if not hints and isinstance(inner, type) and issubclass(inner, BaseModel):
        hints = [f"a mapping of {', '.join(inner.model_fields)}"]
    return "; ".join([*hints, *([field.description] if field.description else [])]) or "a value"


def _placed(problem: Problem, document: Document, file: Path | None) -> Problem:
    """The problem with the file and line of its key, or of the nearest block around it."""
    parts: list[str | int] = []
    for piece in problem.key.replace("[", ".[").split("."):
        parts.append(int(piece[1:-1]) if piece.startswith("[") else piece)
    at = tuple(parts)
    while at and at not in document.marks:
        at = at[:-1]
    mark = document.marks.get(at)
    where = str(mark.file) if mark else str(file or "")
    line = mark.line if mark else None
    return Problem(
        problem.key, problem.message, problem.value, problem.allowed, problem.suggestion, where, line
    )
