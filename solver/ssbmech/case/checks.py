"""What no single block can know: checks across the case, each ending in a :class:`Problem`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ssbmech.case.checks_counter import check_counter_electrode
from ssbmech.case.checks_materials import check_interfaces, check_phases, exactly_one
from ssbmech.case.checks_mechanics import check_mechanics
from ssbmech.case.checks_programme import check_load, check_programme, check_time_step
from ssbmech.case.checks_structure import check_structure
from ssbmech.case.errors import MISSING, Problem, nearest
from ssbmech.case.schema import Case

Check = Callable[[Case], Iterator[Problem]]


def problems(case: Case) -> list[Problem]:
    """Everything that is wrong with a case whose blocks are each in order."""
    return [problem for check in CHECKS for problem in check(case)]


def check_mesh(case: Case) -> Iterator[Problem]:
    """Mesh: one origin, the file exists, the structure names phases of the case."""
    mesh = case.mesh
    yield from exactly_one("mesh", mesh, ("file", "microstructure"))
    if mesh.file is not None and not mesh.file.is_file():
        there = [path.name for path in mesh.file.parent.iterdir()] if mesh.file.parent.is_dir() else []
        allowed = "an existing mesh file, relative to the case file"
        yield Problem("mesh.file", "does not exist", str(mesh.file), allowed, nearest(mesh.file.name, there))
    if "length_unit" in mesh.model_fields_set and mesh.file is None:
        yield Problem(
            "mesh.length_unit",
            "goes with file only",
            allowed="a microstructure is generated in the units it gives",
        )
    if mesh.microstructure is not None:
        yield from check_structure(mesh.microstructure, case)


def check_electrochemistry(case: Case) -> Iterator[Problem]:
    """What solving for lithium and charge needs."""
    electrons = case.electrons
    if electrons is not None and (electrons.path == "wired") != (electrons.conductance is not None):
        allowed = "a conductance with path wired, none with path resolved"
        yield Problem(
            "electrons.conductance",
            f"does not go with path {electrons.path}",
            electrons.conductance or MISSING,
            allowed,
        )
    if "mechanics" not in case.numerics.physics:
        yield Problem(
            "numerics.physics",
            "leaves out mechanics",
            case.numerics.physics,
            "[mechanics] or [mechanics, electrochemistry]",
        )
    if not case.electrochemistry:
        return
    if electrons is None:
        yield Problem(
            "electrons", "is missing", allowed="{path: wired, conductance: 1e11 S/m^3} or {path: resolved}"
        )
    if "counter_electrode" not in case.stack.model_fields_set:
        yield Problem(
            "stack.counter_electrode", "is missing", allowed="at least {potential: 0.62 V}, against Li"
        )
    passive = [
        name
        for name, phase in case.phases.items()
        if phase.lithium is None and phase.conduction is not None and phase.conduction.carrier == "electronic"
    ]
    if case.stack.collector_contact is not None and case.electrons_wired and passive:
        yield Problem(
            "stack.collector_contact",
            "is that of carbon that is not meshed, and some conductor is",
            ", ".join(passive),
            "electrons: {path: resolved}, or no such phase",
        )
    if not case.active_materials:
        yield Problem(
            "phases",
            "have no active material",
            allowed="a lithium block in one phase, or numerics.physics: [mechanics]",
        )
    carriers = {phase.conduction.carrier for phase in case.phases.values() if phase.conduction is not None}
    if "ionic" not in carriers:
        yield Problem(
            "phases",
            "have no ionic conductor",
            allowed="conduction with carrier ionic in one phase, or numerics.physics: [mechanics]",
        )
    if not any(interface.charge_transfer is not None for interface in case.interfaces):
        yield Problem(
            "interfaces",
            "have no charge_transfer",
            allowed="one between an active material and an ionic conductor",
        )


def check_stack(case: Case) -> Iterator[Problem]:
    """Stack: platen, faces and loads."""
    stack = case.stack
    ends = {stack.collector, stack.separator}
    if stack.collector == stack.separator:
        yield Problem(
            "stack.separator", "is the face of the collector too", stack.separator, "the opposite face"
        )
    if stack.platen not in ends:
        yield Problem(
            "stack.platen",
            "is neither collector nor separator",
            stack.platen,
            f"{stack.collector} or {stack.separator}",
        )
    for name in ("collector", "separator"):
        face = getattr(stack, name)
        if len(face) == 2 and face[1] in "+-" and face[0] in "xyz" and face[0] != stack.axis:
            yield Problem(
                f"stack.{name}",
                "is not at an end of the axis",
                face,
                f"{stack.axis}-, {stack.axis}+ or a named surface of the mesh",
            )
    if stack.load is not None:
        yield from check_load("stack.load", stack.load, case)


CHECKS: tuple[Check, ...] = (
    check_mesh,
    check_phases,
    check_interfaces,
    check_mechanics,
    check_electrochemistry,
    check_stack,
    check_counter_electrode,
    check_programme,
    check_time_step,
)
