"""What pydantic finds wrong, in our words, with file and line."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from ssbmech.case.errors import MISSING, Problem, key_path, nearest
from ssbmech.case.mesh import generators
from ssbmech.case.yaml_reader import Document, Path_


def problem_of(details: ErrorDetails, data: Any, root: type[BaseModel]) -> Problem:
    """One of pydantic's findings about data of a model in our words."""
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
        block = _block_at(tagged[:-1], root)
        return Problem(key_path(location), "is missing", allowed=_describe(block, str(location[-1])))
    if kind == "extra_forbidden":
        names = list(block.model_fields) if (block := _block_at(tagged[:-1], root)) else []
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


def _block_at(location: Path_, root: type[BaseModel]) -> type[BaseModel] | None:
    """The model class that a place in the file belongs to."""
    block: Any = root
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


def placed(problem: Problem, document: Document, file: Path | None) -> Problem:
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
