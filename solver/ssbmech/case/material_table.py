"""Materials of the library as rows of text: what `ssbmech materials` prints, and the page docs/materials.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ssbmech.case.curves import Curve, ExpressionCurve, PointsCurve
from ssbmech.case.material import Material, ThermalValue
from ssbmech.case.material_library import material_names, read_material
from ssbmech.case.units import QUANTITIES

QUANTITY_OF = {
    "open_circuit_potential": "potential",
    "diffusivity": "diffusivity",
    "volume_change": "pure number",
    "exchange_current_density": "current density",
    "ionic_conductivity": "conductivity",
    "electronic_conductivity": "conductivity",
}
"""Kind of quantity of what may be a curve."""


@dataclass(frozen=True)
class Row:
    """One value of a material, as text."""

    key: str
    value: str
    range: str
    temperature: str
    activation_energy: str
    confidence: str
    source: str


def rows(material: Material, data: dict[str, Any]) -> list[Row]:
    """Everything that a material has, one row for each value; ``data`` is what its file has."""
    out = []
    for key, entry in material.values():
        energy = entry.activation_energy if isinstance(entry, ThermalValue) else None
        given = data[key]
        out.append(
            Row(
                key,
                _value(key, entry.value, given["value"], material),
                " to ".join(str(end) for end in given.get("range", [])),
                f"{entry.temperature:g} K",
                "" if energy is None else f"{energy / 1e3:g} kJ/mol",
                entry.confidence,
                entry.source,
            )
        )
        if key == "maximum_concentration":
            out.append(_window(material))
    if material.lattice is not None:
        source = "its own file, `library/lattice`"
        out.append(Row("lattice", material.lattice, "", "", "", "", source))
    return out


def _window(material: Material) -> Row:
    window = material.stoichiometry
    assert window is not None
    text = f"x = {window.assembled:g} as assembled"
    ends = f"{window.low:g} to {window.high:g}"
    return Row("stoichiometry", text, ends, "", "", window.confidence, window.source)


def _value(key: str, value: object, given: Any, material: Material) -> str:
    """The value as the file has it; of a curve the values at the ends of the window."""
    if not isinstance(value, Curve) or not isinstance(given, dict):
        return str(given)
    form = {ExpressionCurve: "formula", PointsCurve: "points"}.get(type(value), "constant")
    window = material.stoichiometry
    if window is None or form == "constant":
        return str(given.get("value", given))
    kind, unit = QUANTITIES[QUANTITY_OF[key]], given.get("unit", "")
    ends = value(np.array([window.low, window.high])) / (kind.factor(unit) if unit else 1.0)
    return f"{ends[0]:.4g} to {ends[1]:.4g} {unit}".rstrip() + f" ({form} of x)"


def summary(name: str) -> list[str]:
    """Name, formula, carrier, and what there is to say in one line, of a material of the library."""
    material, data = read_material(name)
    stored = f"{material.capacity:.0f} mAh/g" if material.kind == "active" else ""
    conducts = "" if material.ionic_conductivity is None else str(data["ionic_conductivity"]["value"])
    return [
        name,
        material.title,
        material.carrier.ion,
        stored or conducts,
        str(data["density"]["value"]),
        str(data["youngs_modulus"]["value"]),
        _strain(material),
    ]


SUMMARY = ("name", "what", "ion", "x = 0 to 1, or conducts", "density", "E", "dV/V over the window")


def _strain(material: Material) -> str:
    """Relative change of the volume from the state as assembled to the other end of the window."""
    volume, window = material.volume_curve(), material.stoichiometry
    if volume is None or window is None:
        return ""
    start = window.assembled
    end = window.low if start - window.low > window.high - start else window.high
    change = (1.0 + float(volume(end))) / (1.0 + float(volume(start))) - 1.0
    return f"{100.0 * change + 0.0:.{0 if abs(change) >= 0.1 else 2}f} %"


_INTRODUCTION = """\
<!-- Written by `ssbmech materials list --markdown`; a test keeps it in step with the library. -->
# Materials

The library holds active materials and electrolytes, one file each in `solver/ssbmech/library/materials` (lattice parameters of layered
oxides in `library/lattice`). Every value has a unit, a source, the temperature it holds at, a confidence and, where nobody knows, a range.

```sh
ssbmech materials list                       # all of them
ssbmech materials show NCM811                # every value with its source
ssbmech materials plot NCM811 -o ncm811.png  # potential, volume, lattice parameters, diffusivity
ssbmech materials check my_cam.yaml          # what cannot be true of a material of your own; exit code 2 where something is
```

![NCM811](images/material_NCM811.png)

## In a case

```yaml
phases:
  CAM:
    regions: ["NCM811_*"]
    material: NCM811                     # or the name of a file of the same form: material: my_cam.yaml
    elasticity: {youngs_modulus: 180 GPa}   # what the phase gives itself wins
    chemical_strain: {lattice: NCM811}      # grains along their own axes, instead of the volume alone
  SE:
    regions: [Li6PS5Cl]
    material: Li6PS5Cl
    plasticity: {}                       # filled in only where the block is there
```

A material gives density, elasticity, conduction and, of an active material, the lithium and chemical_strain blocks. It merges as
if the phase extended it; `null` takes a block away (`conduction: null` for mechanics alone). Plasticity is not
filled in unasked: the yield strengths are mostly assumed, and flow costs quadratic displacements. Laws of interfaces belong to
pairs of phases and stay in the case; `interface_strength`, `interface_toughness` and `exchange_current_density` of the library
are ranges to start from. The resolved case in the run folder shows every number with its source, and says which are of the case
itself. Materials with different carriers do not go together.

**Temperature.** Conductivities, diffusivities and exchange current densities follow value(T) = value(T_ref) exp(-E_a/R (1/T -
1/T_ref)) with T = `cell.temperature`, where an activation energy is known; the others stay as they are. Any such curve of a case
file may have one: `{value: 4e-15 m^2/s, activation_energy: 25 kJ/mol, reference_temperature: 298.15 K}`.

**Confidence.** *measured* and *computed* (atomistic, or from other values) are of the source named; *assumed* is an estimate, a
value of a similar material, or a parameter of a model, and the source says which. *Quoted second-hand* means that the paper was
not at hand when the file was written: check before you publish. Measured of a powder or a pellet is not measured of your powder
or pellet. Moduli by DFT are of 0 K and used as if of room temperature.

**Composition.** x counts carriers between 0 and 1. `formula`, `density` and `maximum_concentration` belong to one composition (x
= 1 of lithium oxides and phosphates, x = 0 of graphite, silicon, tin, Li4Ti5O12), to whose volume concentrations refer. Of carriers
other than lithium the block of the case file is still called lithium: it stores and moves the carrier of x. With an anion (BiF3,
PbF2) x counts what is gone, so that a charge takes x down as it does with lithium; potentials are against `reference_electrode`.

**Checks** (`ssbmech materials check`, and at every use): more carrier than density, molar mass and formula have room for; a
density that is not that of the lattice parameters; a volume change that is more than a mole of the carrier can take (percent for
fraction), or not that of the lattice parameters; a potential that rises with x, or is flat where the mobility is taken from its
slope; a stoichiometry beyond the potential's points; elastic constants that are not stable or not those of a solid; a strength
above a tenth of the modulus; diffusivities outside 1e-22 to 1e-8 m²/s, and likewise for every other quantity; a value outside its
own range; activation energies in eV for kJ/mol.
"""


def markdown() -> str:
    """The page: how to use the library, and all that is in it."""
    parts = [_INTRODUCTION]
    for kind, title in (("active", "Active materials"), ("electrolyte", "Electrolytes")):
        names = [name for name in material_names() if read_material(name)[0].kind == kind]
        parts.append(f"## {title}\n\n{_table(SUMMARY, [summary(name) for name in names])}")
    return "\n".join(parts)


def _table(head: tuple[str, ...], body: list[list[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *body]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)
