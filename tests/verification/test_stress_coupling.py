"""Stress and lithium act on each other: tension draws lithium in; lithium expands the body; an open interface passes none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc

from ssbmech.case.curves import ConstantCurve, LinearCurve
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.evolution import Evolution
from ssbmech.materials.chemical_strain import IsotropicChemicalStrain
from ssbmech.materials.elastic import IsotropicElasticity
from ssbmech.physics.lithium import Lithium
from ssbmech.physics.solid import SmallStrainSolid
from ssbmech.solve.numbering import Constraints
from ssbmech_mesh.primitives import layered_block

STIFF, NU, OMEGA, MAXIMUM, START, SLOPE = 140e3, 0.3, 1.6e-6, 50000.0, 0.5, 0.8
BULK = STIFF / (3 * (1 - 2 * NU))
CHARGE = sc.FARADAY * 1e-6 * MAXIMUM


def test_tension_draws_lithium_in() -> None:
    """A cube whose dilatation is forced to be e z gathers lithium where it is stretched; total lithium stays.

    At rest µ/F = −U(x) − Ω σ_h/F is uniform, σ_h = K (e z − Ω c_max (x − x_0)), U = U_0 − s x, so
    x = x_0 + K Ω e (z − 1/2)/(F s + K Ω² c_max).
    """
    tagged = sc.unit_cube(4)
    fields = ["displacement", "stoichiometry", "stress_potential"]
    setting = sc.one_body(tagged, fields, displacement_degree=2)
    curve = LinearCurve(slope=OMEGA * MAXIMUM / 3, zero=START)
    chemical = IsotropicChemicalStrain(curve)
    solid = SmallStrainSolid(setting, "solid", IsotropicElasticity(STIFF, NU), chemical)
    lithium = Lithium(
        setting,
        "solid",
        CHARGE,
        LinearCurve(slope=-SLOPE, zero=4.0),
        ConstantCurve(value=0.01),
        "from_open_circuit_potential",
        0.0257,
        solid,
    )
    gradient = 2e-3
    forced = sc.everywhere(
        setting,
        "displacement",
        lambda p: np.stack([0 * p[:, 0], 0 * p[:, 0], 0.5 * gradient * p[:, 2] ** 2], axis=1),
    )
    held = Constraints(np.arange(forced.size, dtype=np.int32), forced)
    references = {"displacement": 1.0, "stoichiometry": 1e-3, "stress_potential": 1.0}
    system = sc.solver_of(setting, [solid, lithium], {"displacement": held}, references, 1e-9)
    x = setting["stoichiometry"]
    x.value.x.array[:] = START
    x.accept()
    # 1e5 times the time of diffusion; a longer step would lose the storage against the rounding of the fluxes.
    setting.time_step.value = 1e7
    system.solve()
    k_omega = BULK * 1e6 * OMEGA  # J/mol
    expected = k_omega * gradient / (sc.FARADAY * SLOPE + k_omega * OMEGA * MAXIMUM)
    assert expected > 1e-3
    z = x.broken.space.tabulate_dof_coordinates()[: x.broken.owned, 2]
    assert x.value.x.array[: x.broken.owned] == pytest.approx(START + expected * (z - 0.5), abs=1e-8)
    assert sc.integral(setting, lithium.content()) == pytest.approx(CHARGE * START, rel=1e-10)


def two_particles(folder: Path) -> TaggedMesh:
    return sc.written_mesh(
        folder,
        "sandwich",
        lambda path: layered_block(path, [4.0, 4.0], [2.0, 2.0, 2.0], ["low", "se", "high"], [2, 2, 2]),
    )


def sandwich(reference: float, pressure: float) -> dict[str, Any]:
    """Electrolyte between two layers of active material: ``high`` is bonded to it, ``low`` has no bond.

    ``low`` has its size at the stoichiometry ``reference``; below the initial one, it wants to be larger than its place.
    """

    def cam(region: str, zero: float) -> dict[str, Any]:
        return {
            "regions": [region],
            "density": "4.78 g/cm^3",
            "elasticity": {"youngs_modulus": "140 GPa", "poisson_ratio": 0.3},
            "lithium": {
                "maximum_concentration": "50000 mol/m^3",
                "open_circuit_potential": {"expression": "4.2 - 0.8*x", "unit": "V"},
                "diffusivity": "1e-14 m^2/s",
                "initial_stoichiometry": 0.7,
            },
            "chemical_strain": {"partial_molar_volume": "1.6e-6 m^3/mol", "reference_stoichiometry": zero},
            "conduction": {"carrier": "electronic", "conductivity": "1 S/m"},
        }

    transfer = {"exchange_current_density": "2 A/m^2", "contact_pressure_scale": "1 MPa"}
    return {
        "title": "one bonded, one loose",
        "phases": {
            "Low": cam("low", reference),
            "High": cam("high", 0.7),
            "SE": {
                "regions": ["se"],
                "elasticity": {"youngs_modulus": "22.1 GPa", "poisson_ratio": 0.37},
                "conduction": {"carrier": "ionic", "conductivity": "0.2 S/m"},
            },
        },
        "interfaces": [
            {
                "between": ["Low", "SE"],
                "cohesion": {"stiffness": "1e16 Pa/m", "initially_open": True},
                "charge_transfer": transfer,
            },
            {"between": ["High", "SE"], "cohesion": {"stiffness": "1e16 Pa/m"}, "charge_transfer": transfer},
        ],
        "electrons": {"path": "wired", "conductance": "1e12 S/m^3"},
        "stack": {
            "axis": "x",
            "load": {"pressure": f"{pressure} MPa"},
            "counter_electrode": {"name": "Li", "potential": "0 V"},
        },
        "programme": [{"charge": "1 A/m^2", "until": {"time": "60 s"}}],
        "cell": {"temperature": "298.15 K"},
        "numerics": {"time_step": {"initial": "20 s"}},
    }


def lithium_lost(folder: Path, case: dict[str, Any]) -> tuple[dict[str, float], Evolution]:
    """Charge [pC] that each active phase gave, and the state at the end."""
    model = sc.model_of(folder, case, two_particles(folder))
    before: dict[str, float] = {}

    def after(evolution: Evolution, accepted: Any) -> None:
        assert evolution.balance().lithium_error < 1e-10
        if not before:
            before.update(
                {
                    n: sc.integral(model.setting, law.content(previous=True))
                    for n, law in model.lithium.items()
                }
            )

    evolution = sc.run(model, after)
    return {
        n: before[n] - sc.integral(model.setting, law.content()) for n, law in model.lithium.items()
    }, evolution


def test_open_interface_passes_nothing(shared_tmp_path: Path) -> None:
    """A gap: the loose layer keeps its lithium exactly, the bonded one carries the whole current."""
    lost, evolution = lithium_lost(shared_tmp_path, sandwich(reference=0.9, pressure=0.0))
    assert lost["High"] == pytest.approx(evolution.charge, rel=1e-10)
    assert abs(lost["Low"]) < 1e-10 * evolution.charge
    state = evolution.probe.evaluate()
    loose = evolution.model.facets.pair == evolution.model.setting.pair_number["Low", "SE"]
    assert state["gap"][loose].min(initial=1.0) > 1e-3
    assert np.abs(state["current_density"][loose]).max(initial=0.0) == 0.0


def test_closed_interface_passes_current_again(shared_tmp_path: Path) -> None:
    """The loose layer wants to be larger than its place: pressed against the electrolyte it takes part, almost like a bond."""
    lost, evolution = lithium_lost(shared_tmp_path, sandwich(reference=0.6, pressure=0.0))
    assert lost["Low"] + lost["High"] == pytest.approx(evolution.charge, rel=1e-10)
    state = evolution.probe.evaluate()
    loose = evolution.model.facets.pair == evolution.model.setting.pair_number["Low", "SE"]
    pressure = -state["normal_traction"][loose]
    assert state["transmissivity"][loose] == pytest.approx(pressure / (pressure + 1.0), rel=1e-9)
    assert pressure.min(initial=100.0) > 10.0
    assert lost["Low"] > 0.3 * evolution.charge
