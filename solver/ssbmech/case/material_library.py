"""Reading materials: those of the library by name, others from a file of the same form."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ssbmech.case.errors import CaseError, Problem, nearest
from ssbmech.case.findings import placed, problem_of
from ssbmech.case.material import Material
from ssbmech.case.material_checks import material_problems
from ssbmech.case.merge import make_paths_absolute, without_nulls
from ssbmech.case.yaml_reader import read_yaml

_FOLDER = Path(str(resources.files("ssbmech"))) / "library" / "materials"
SUFFIXES = (".yaml", ".yml")


def material_names() -> tuple[str, ...]:
    """Names of the materials of the library."""
    return tuple(sorted((file.stem for file in _FOLDER.glob("*.yaml")), key=str.lower))


def material_file(name: str) -> Path:
    """The file of a material: of the library by name, else ``name`` itself where it ends in .yaml.

    Raises :class:`CaseError` where there is none.
    """
    if name.endswith(SUFFIXES):
        file = Path(name)
        if not file.is_file():
            there = [other.name for other in file.parent.glob("*.y*ml")] if file.parent.is_dir() else []
            problem = Problem("", "does not exist", name, "the file of a material", nearest(file.name, there))
            raise CaseError([problem])
        return file
    if name not in material_names():
        allowed = f"{', '.join(material_names())}, or the name of a file (.yaml)"
        raise CaseError(
            [Problem("", "is not in the library", name, allowed, nearest(name, material_names()))]
        )
    return _FOLDER / f"{name}.yaml"


@cache
def _read(file: Path) -> tuple[Material, dict[str, Any]]:
    document = read_yaml(file)
    make_paths_absolute(document, file.parent)
    data = without_nulls(document.data)
    try:
        material = Material.model_validate(data)
        found = list(material_problems(material))
    except ValidationError as error:
        found = [problem_of(details, data, Material) for details in error.errors(include_url=False)]
    if found:
        raise CaseError([placed(problem, document, file) for problem in found])
    return material, data


def read_material(name: str) -> tuple[Material, dict[str, Any]]:
    """A material that is in order, and its plain data as the file has them; raises :class:`CaseError`."""
    material, data = _read(material_file(name).absolute())
    return material, deepcopy(data)
