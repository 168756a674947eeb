"""Reading entries of the library by name, others from a file of the same form; materials among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ssbmech.case.errors import CaseError, Problem, nearest
from ssbmech.case.findings import placed, problem_of
from ssbmech.case.material import Material
from ssbmech.case.material_checks import material_problems
from ssbmech.case.merge import make_paths_absolute, without_nulls
from ssbmech.case.yaml_reader import read_yaml

Entry = TypeVar("Entry", bound=BaseModel)
_LIBRARY = Path(str(resources.files("ssbmech"))) / "library"
SUFFIXES = (".yaml", ".yml")


def names_in(folder: str) -> tuple[str, ...]:
    """Names of the entries of one folder of the library: materials, electrodes."""
    return tuple(sorted((file.stem for file in (_LIBRARY / folder).glob("*.yaml")), key=str.lower))


def file_of(name: str, folder: str) -> Path:
    """The file of an entry: of a folder of the library by name, else ``name`` itself where it ends in .yaml.

    Raises :class:`CaseError` where there is none.
    """
    if name.endswith(SUFFIXES):
        file = Path(name)
        if not file.is_file():
            there = [other.name for other in file.parent.glob("*.y*ml")] if file.parent.is_dir() else []
            allowed = f"a file like those of {folder} of the library"
            problem = Problem("", "does not exist", name, allowed, nearest(file.name, there))
            raise CaseError([problem])
        return file
    names = names_in(folder)
    if name not in names:
        allowed = f"{', '.join(names)}, or the name of a file (.yaml)"
        raise CaseError([Problem("", "is not in the library", name, allowed, nearest(name, names))])
    return _LIBRARY / folder / f"{name}.yaml"


def material_names() -> tuple[str, ...]:
    """Names of the materials of the library."""
    return names_in("materials")


def material_file(name: str) -> Path:
    """The file of a material; see :func:`file_of`."""
    return file_of(name, "materials")


def read_entry(
    file: Path, model: type[Entry], problems: Callable[[Entry], Iterable[Problem]]
) -> tuple[Entry, dict[str, Any]]:
    """An entry of the library that is in order, and its plain data; raises :class:`CaseError`."""
    document = read_yaml(file)
    make_paths_absolute(document, file.parent)
    data = without_nulls(document.data)
    try:
        entry = model.model_validate(data)
        found = list(problems(entry))
    except ValidationError as error:
        found = [problem_of(details, data, model) for details in error.errors(include_url=False)]
    if found:
        raise CaseError([placed(problem, document, file) for problem in found])
    return entry, data


@cache
def _read(file: Path) -> tuple[Material, dict[str, Any]]:
    return read_entry(file, Material, material_problems)


def read_material(name: str) -> tuple[Material, dict[str, Any]]:
    """A material that is in order, and its plain data as the file has them; raises :class:`CaseError`."""
    material, data = _read(material_file(name).absolute())
    return material, deepcopy(data)
