"""``material:`` in a phase: the values of the library under those that the phase gives itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ssbmech.case.curve_types import FORMS
from ssbmech.case.errors import CaseError, Problem
from ssbmech.case.material import STRAINS, Material, ThermalValue, Value
from ssbmech.case.material_library import read_material
from ssbmech.case.merge import merge_at
from ssbmech.case.yaml_reader import Document


def fill_in_materials(document: Document) -> list[Problem]:
    """Puts the data of materials under those of the phases that name one; what is wrong with the names."""
    phases = document.data.get("phases")
    if not isinstance(phases, dict):
        return []
    found: list[Problem] = []
    carriers: dict[str, str] = {}
    for name, phase in phases.items():
        if not isinstance(phase, dict) or phase.get("material") is None:
            continue
        key, given = f"phases.{name}.material", phase["material"]
        if not isinstance(given, str):
            found.append(Problem(key, "is not the name of a material", given, "text"))
            continue
        try:
            material, data = read_material(given)
        except CaseError as error:
            found += [_in_case(key, problem) for problem in error.problems]
            continue
        carriers[name] = material.carrier.ion
        block = phase_block(_label(given), material, data, "plasticity" in phase)
        own = {part: value for part, value in phase.items() if isinstance(value, dict)}
        _drop_replaced_curves(block, own)
        filled = merge_at(block, document, ("phases", name))
        _say_what_is_own(filled, block, own)
        phases[name] = filled
    if len(set(carriers.values())) > 1:
        told = ", ".join(f"{name} {ion}" for name, ion in carriers.items())
        allowed = "materials that store and conduct the same ion"
        found.append(Problem("phases", "have different carriers", told, allowed))
    return found


def _in_case(key: str, problem: Problem) -> Problem:
    """A problem with a material as a problem of the case that names it; those inside its file keep their place."""
    if problem.file:
        return problem
    return Problem(key, problem.message, problem.value, problem.allowed, problem.suggestion)


def _label(name: str) -> str:
    file = Path(name)
    return f"{file.stem} ({file.name})" if file.suffix else f"{name} of the library"


def phase_block(label: str, material: Material, data: dict[str, Any], plastic: bool) -> dict[str, Any]:
    """The plain data of a phase that consists of a material; ``data`` is what its file has."""
    block: dict[str, Any] = {
        "source": _sources(label, material, {"density": "density"}),
        "density": data["density"]["value"],
        "elasticity": _block(
            label, material, data, {"youngs_modulus": "youngs_modulus", "poisson_ratio": "poisson_ratio"}
        ),
    }
    if plastic and material.yield_strength is not None:
        block["plasticity"] = _block(label, material, data, {"yield_strength": "yield_strength"})
    carrier = {"active": "electronic", "electrolyte": "ionic"}[material.kind]
    conductivity = f"{carrier}_conductivity"
    if conductivity in data:
        block["conduction"] = {"carrier": carrier} | _block(
            label, material, data, {"conductivity": conductivity}
        )
    if material.kind == "active":
        block |= _storage(label, material, data)
    return block


def _storage(label: str, material: Material, data: dict[str, Any]) -> dict[str, Any]:
    """What makes a phase an active material."""
    keys = ("maximum_concentration", "open_circuit_potential", "diffusivity")
    lithium = _block(label, material, data, {key: key for key in keys})
    window = material.stoichiometry
    assert window is not None
    lithium["initial_stoichiometry"] = window.assembled
    lithium["mobility"] = material.mobility
    lithium["source"] += f" | initial_stoichiometry {window.confidence}: {window.source}"
    key = next(key for key in STRAINS if key in data)
    if key == "lattice":
        strain = {STRAINS[key]: data[key]}  # whose own file says where the lattice parameters come from
    else:
        strain = _block(label, material, data, {STRAINS[key]: key})
    return {"lithium": lithium, "chemical_strain": strain}


def _block(label: str, material: Material, data: dict[str, Any], keys: dict[str, str]) -> dict[str, Any]:
    """Keys of a block of the case with the values of a material, and their sources."""
    block = {here: _in_phase(getattr(material, there), data[there]) for here, there in keys.items()}
    return block | {"source": _sources(label, material, keys)}


def _in_phase(entry: Value[Any], given: dict[str, Any]) -> Any:
    """The value as a case file has it; with its activation energy where there is one, and room for one where there may be."""
    value = given["value"]
    if not isinstance(entry, ThermalValue):
        return value
    curve = value if isinstance(value, dict) else {"value": value}
    if entry.activation_energy is None:
        return curve
    law = {"activation_energy": given["activation_energy"]}
    return curve | law | {"reference_temperature": f"{entry.temperature!r} K"}


def _sources(label: str, material: Material, keys: dict[str, str]) -> str:
    entries = [(here, getattr(material, there)) for here, there in keys.items()]
    told = " | ".join(f"{here} {entry.confidence}: {entry.source}" for here, entry in entries)
    return f"{label}: {told}"


def _drop_replaced_curves(block: dict[str, Any], own: dict[str, dict[str, Any]]) -> None:
    """Curves that the case gives itself replace those of the library as a whole: another curve, another activation energy."""
    for part, given in own.items():
        for key, value in given.items():
            if isinstance(value, dict) and any(form in value for form in FORMS) and part in block:
                block[part].pop(key, None)


def _say_what_is_own(filled: dict[str, Any], block: dict[str, Any], own: dict[str, dict[str, Any]]) -> None:
    """No source of the library for what the case gives itself."""
    for part, given in own.items():
        if isinstance(block.get(part), dict) and "source" not in given and "source" in filled[part]:
            keys = [key for key in given if given[key] is not None]
            if keys:
                filled[part]["source"] += f" | but {', '.join(keys)} of the case"
