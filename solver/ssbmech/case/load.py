"""From a file to a checked :class:`Case`, or to every mistake in it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ssbmech.case import checks
from ssbmech.case.curves import ROOM_TEMPERATURE
from ssbmech.case.electrode_layer import fill_in_electrode
from ssbmech.case.errors import CaseError, Problem, nearest
from ssbmech.case.findings import placed, problem_of
from ssbmech.case.material_phase import fill_in_materials
from ssbmech.case.merge import apply_overrides, make_paths_absolute, read_with_extends, without_nulls
from ssbmech.case.schema import Case
from ssbmech.case.units import UnitError, quantity
from ssbmech.case.yaml_reader import Document


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
    document = Document(deepcopy(dict(data)), {})
    make_paths_absolute(document, Path(folder) if folder is not None else Path())
    return _validated(document, None)


def _validated(document: Document, file: Path | None) -> Case:
    unnamed = fill_in_materials(document) + fill_in_electrode(document)
    if unnamed:
        raise CaseError([problem if problem.file else placed(problem, document, file) for problem in unnamed])
    data = _with_densities(without_nulls(document.data))
    try:
        case = Case.model_validate(data, context={"temperature": _temperature(data)})
        found = checks.problems(case)
    except ValidationError as error:
        found = [problem_of(details, data, Case) for details in error.errors(include_url=False)]
        found = list({(problem.key, problem.message): problem for problem in found}.values())
    if found:
        raise CaseError([placed(problem, document, file) for problem in found])
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
