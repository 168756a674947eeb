"""``ssbmech materials list | show | plot | check``: the library of materials on the command line.

Exit codes: 0 done, 2 bad input (also a material that cannot be).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ssbmech.case import CaseError
from ssbmech.case.curves import Curve
from ssbmech.case.lattice import Lattice
from ssbmech.case.material import Material, ThermalValue
from ssbmech.case.material_library import SUFFIXES, material_names, read_material
from ssbmech.case.material_table import SUMMARY, markdown, rows, summary
from ssbmech.constants import GAS_CONSTANT
from ssbmech.launch import INPUT_ERROR, complain

if TYPE_CHECKING:
    from ssbmech_post.material_figure import Panel

app = typer.Typer(help="The library of materials: list, show, plot, check.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Material of the library, or a file like those.", show_default=False),
]
TEMPERATURES = (273.15, 298.15, 333.15)
"""K; 0, 25 and 60 degC, at which a diffusivity with activation energy is drawn."""


@app.command("list")
def list_(
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The page docs/materials.md instead.")
    ] = False,
) -> None:
    """All materials of the library in a table."""
    if as_markdown:
        sys.stdout.write(markdown())
        return
    table = Table(*SUMMARY, box=None)
    for name in material_names():
        table.add_row(*summary(name))
    Console(highlight=False).print(table)


@app.command()
def show(name: Name) -> None:
    """Every value of a material with unit, range, temperature, confidence and source."""
    material, data = _material(name)
    console = Console(highlight=False)
    console.print(f"[bold]{Path(name).stem if name.endswith(SUFFIXES) else name}[/]: {material.title}")
    stored = material.carrier.per_formula
    more = (
        f", {stored:.6g} {material.carrier.ion} per formula, {material.capacity:.1f} mAh/g" if stored else ""
    )
    console.print(f"{material.kind}; {material.formula}, {material.molar_mass:.2f} g/mol{more}")
    if material.kind == "active":
        console.print(f"potentials against {material.reference_electrode}; mobility {material.mobility}")
    for note in material.notes:
        console.print(f"- {note}")
    table = Table("", "value", "range", "at", "E_a", "confidence", "source", box=None, padding=(0, 1))
    for row in rows(material, data):
        table.add_row(
            row.key.replace("_", " "), row.value, row.range, row.temperature, row.activation_energy,
            row.confidence, row.source,
        )  # fmt: skip
    console.print(table)


@app.command()
def plot(
    name: Name,
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture to write (.png, .pdf, .svg).")],
) -> None:
    """Draw potential, volume change, lattice parameters and diffusivity; of an electrolyte its conductivity."""
    material, _ = _material(name)
    from ssbmech_post import style
    from ssbmech_post.material_figure import material_figure

    figure = material_figure(
        f"{Path(name).stem if name.endswith(SUFFIXES) else name}: {material.title}", panels(material)
    )
    try:
        style.save(figure, out)
    except (OSError, ValueError) as error:
        complain(f"-o: cannot write {out}: {error}")
        raise typer.Exit(INPUT_ERROR) from None
    print(out)


@app.command()
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|NAME]...", help="Files or names; left out: all of the library.", show_default=False
        ),
    ] = None,
) -> None:
    """Say what cannot be true of materials: contents, volumes, potentials, units."""
    wrong = 0
    names = names or list(material_names())
    for name in names:
        try:
            read_material(name)
        except CaseError as error:
            wrong += 1
            complain(str(error))
    if wrong:
        complain(f"\n{wrong} of {len(names)} {'material' if len(names) == 1 else 'materials'} not in order")
        raise typer.Exit(INPUT_ERROR)
    print(f"{len(names)} {'material is' if len(names) == 1 else 'materials are'} in order")


def _material(name: str) -> tuple[Material, dict[str, object]]:
    try:
        return read_material(name)
    except CaseError as error:
        complain(str(error))
        raise typer.Exit(INPUT_ERROR) from None


def panels(material: Material) -> list[Panel]:
    """What there is to draw of a material."""
    return _storage(material) if material.kind == "active" else [_conduction(material)]


def _storage(material: Material) -> list[Panel]:
    from ssbmech_post.material_figure import Panel

    window, potential, diffusivity = (
        material.stoichiometry,
        material.open_circuit_potential,
        material.diffusivity,
    )
    volume = material.volume_curve()
    assert window is not None and potential is not None and diffusivity is not None and volume is not None
    low, high = max(window.low - 0.05, 0.0), min(window.high + 0.02, 1.0)
    x: NDArray[np.float64] = np.linspace(low, high, 400, dtype=np.float64)
    used, stoichiometry = (window.low, window.high), "x"
    strain = material.volume_change or material.partial_molar_volume
    out = [
        Panel(stoichiometry, f"potential against {material.reference_electrode} (V)",
              (("", x, potential.value(x)),), window=used, note=potential.confidence),
        Panel(stoichiometry, "volume change from assembly (%)",
              (("", x, 100.0 * ((1.0 + volume(x)) / (1.0 + volume(window.assembled)) - 1.0)),), window=used,
              note=strain.confidence if strain is not None else f"lattice parameters of {material.lattice}"),
    ]  # fmt: skip
    if material.lattice is not None:
        a, c = Lattice.model_validate(material.lattice).lengths()
        lengths = tuple(
            (name, x, 100.0 * (curve(x) / curve(window.assembled) - 1.0))
            for name, curve in (("a", a), ("c", c))
        )
        note = f"lattice parameters of {material.lattice}"
        out.append(
            Panel(stoichiometry, "change of a and c from assembly (%)", lengths, window=used, note=note)
        )
    out.append(
        Panel(stoichiometry, "diffusivity (m²/s)", _by_temperature(diffusivity, x, 1e-12), logarithmic=True,
              window=used, note=diffusivity.confidence)
    )  # fmt: skip
    return out


def _by_temperature(
    entry: ThermalValue[Curve], x: NDArray[np.float64], scale: float
) -> tuple[tuple[str, NDArray[np.float64], NDArray[np.float64]], ...]:
    """Values at several temperatures where they depend on it; ``scale``: unit of the axis per internal unit."""
    if entry.activation_energy is None:
        return ((f"{entry.temperature - 273.15:.0f} °C", x, scale * entry.value(x)),)
    return tuple(
        (f"{t - 273.15:.0f} °C", x, scale * _factor(entry, t) * entry.value(x)) for t in TEMPERATURES
    )


def _factor(entry: ThermalValue[Curve], temperature: float) -> float:
    energy = entry.activation_energy or 0.0
    return float(np.exp(-energy / GAS_CONSTANT * (1.0 / temperature - 1.0 / entry.temperature)))


def _conduction(material: Material) -> Panel:
    from ssbmech_post.material_figure import Panel

    entry = material.ionic_conductivity
    assert entry is not None
    celsius: NDArray[np.float64] = np.linspace(-20.0, 80.0, 101, dtype=np.float64)
    kappa = 1e-6 * float(entry.value(0.5))
    if entry.activation_energy is None:
        celsius = np.array([entry.temperature - 273.15])
    values = kappa * np.array([_factor(entry, t + 273.15) for t in celsius])
    note = (
        entry.confidence
        if entry.activation_energy is not None
        else f"{entry.confidence}; activation energy not known"
    )
    return Panel(
        "temperature (°C)", "ionic conductivity (S/m)", (("", celsius, values),), logarithmic=True, note=note
    )
