"""Field registry: every quantity that a run solves for or writes, with its symbol, unit and place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Place = Literal["body", "active material", "conductor", "global", "interface"]


@dataclass(frozen=True)
class FieldInfo:
    """One field.

    Attributes:
        symbol: as in the documentation.
        unit: as written to files.
        place: the bodies that carry it.
        row_scale: factor on its residual rows that brings the diagonal blocks of the Jacobian to one order.
    """

    symbol: str
    unit: str
    place: Place
    row_scale: float = 1.0


FIELDS: dict[str, FieldInfo] = {
    "displacement": FieldInfo("u", "um", "body", 1e-5),
    "potential": FieldInfo("phi", "V", "conductor", 1e-6),
    "stoichiometry": FieldInfo("x", "-", "active material", 1e-1),
    "stress_potential": FieldInfo("s", "V", "active material", 1.0),
    "collector_potential": FieldInfo("V", "V", "global", 1e-6),
    "wire_potential": FieldInfo("w", "V", "global", 1e-6),
    "platen_displacement": FieldInfo("U", "um", "global", 1e-5),
    "side_displacement_x": FieldInfo("U_x", "um", "global", 1e-5),
    "side_displacement_y": FieldInfo("U_y", "um", "global", 1e-5),
    "side_displacement_z": FieldInfo("U_z", "um", "global", 1e-5),
    "chemical_potential": FieldInfo("mu/F", "V", "active material"),
    "von_mises_stress": FieldInfo("sigma_v", "MPa", "body"),
    "hydrostatic_stress": FieldInfo("sigma_h", "MPa", "body"),
    "maximum_principal_stress": FieldInfo("sigma_1", "MPa", "body"),
    "equivalent_plastic_strain": FieldInfo("p", "-", "body"),
    "body": FieldInfo("body", "-", "body"),
    "phase": FieldInfo("phase", "-", "body"),
    "damage": FieldInfo("d", "-", "interface"),
    "broken_fraction": FieldInfo("r", "-", "interface"),
    "gap": FieldInfo("delta_n", "um", "interface"),
    "normal_traction": FieldInfo("t_n", "MPa", "interface"),
    "shear_traction": FieldInfo("t_s", "MPa", "interface"),
    "transmissivity": FieldInfo("a", "-", "interface"),
    "current_density": FieldInfo("i", "A/m^2", "interface"),
    "oxidation_charge": FieldInfo("q", "C/m^2", "interface"),
    "film_resistance": FieldInfo("R", "ohm m^2", "interface"),
    "oxidation_opening": FieldInfo("g", "um", "interface"),
}

ROW_SCALE = {name: info.row_scale for name, info in FIELDS.items()}

SIDES = {axis: f"side_displacement_{axis}" for axis in "xyz"}
"""Displacement of the plate that presses the upper side of an axis."""

PLATES = ("platen_displacement", *SIDES.values())
"""Global unknowns that are displacements."""
