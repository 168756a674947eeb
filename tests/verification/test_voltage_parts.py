"""The parts of the cell voltage: each in closed form in a planar cell, and their sum, where nothing is uniform and two active
phases share the current; the distribution of the current."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import support_coupled as sc
from test_planar_cell import overpotential, planar_case

from ssbmech.domain.mesh import RawMesh, TaggedMesh, distribute
from ssbmech.evolution import Evolution
from ssbmech.model import Model
from ssbmech.output.cells import CellProbe
from ssbmech.output.distribution import gini, weighted_deviation
from ssbmech.output.series import PARTICLES, SERIES, Measurements
from ssbmech.output.voltage import OVERPOTENTIALS
from ssbmech.solve.stepping import TimeStepper
from ssbmech_mesh.primitives import layered_block

CURRENT = 5.0  # A/m²
PRECISION = 1e-9  # V; P1 is exact here, what is left is the solver's tolerance


def rows_of(model: Model) -> list[dict[str, Any]]:
    """Rows of the series of a run: the initial equilibrium and every step."""
    evolution, rows = Evolution(model), []
    probe = CellProbe(model)
    measurements = Measurements(evolution, probe)

    def record(accepted: Any) -> None:
        cells = probe.evaluate()
        row = measurements.series_row(accepted, cells)
        assert row.keys() == SERIES.keys()
        assert all(
            particle.keys() == PARTICLES.keys() for particle in measurements.particle_rows(accepted, cells)
        )
        rows.append(row)

    evolution.equilibrate(before_commit=lambda: record(None))
    for accepted in TimeStepper(evolution, evolution.control(), lambda line: None).run(evolution.segments()):
        record(accepted)
    return rows


def total(row: dict[str, Any]) -> float:
    parts = sum(float(row[name]) for name in OVERPOTENTIALS)
    return float(row["open_circuit_potential"]) + parts - float(row["counter_electrode_potential"])


def test_planar_cell(shared_tmp_path: Path) -> None:
    """Li | SE 30 µm | CAM 5 µm | carbon 2 µm under 100 MPa: every part is a resistance, a Butler-Volmer overpotential or Ω σ_h/F."""
    lengths = {"se": (30.0, 0.19), "cam": (5.0, 100.0), "carbon": (2.0, 1000.0)}  # um, S/m
    tagged = sc.written_mesh(
        shared_tmp_path,
        "carbon",
        lambda path: layered_block(
            path, [4.0, 4.0], [h for h, _ in lengths.values()], list(lengths), [1, 1, [3, 2, 1]]
        ),
    )
    case = planar_case(
        programme=[{"charge": f"{CURRENT} A/m^2", "until": {"time": "1 ms"}}, {"rest": "1 ms"}]
    )
    case["phases"]["CAM"]["chemical_strain"] = {"partial_molar_volume": "1.6e-6 m^3/mol"}
    case["phases"]["C"] = {
        "regions": ["carbon"],
        "elasticity": {"youngs_modulus": "30 GPa", "poisson_ratio": 0.3},
        "conduction": {"carrier": "electronic", "conductivity": "1000 S/m"},
    }
    case["interfaces"].append(
        {
            "between": ["CAM", "C"],
            "cohesion": {"stiffness": "1e16 Pa/m"},
            "contact_conductance": {"conductance": "500 S/m^2"},
        }
    )
    case["stack"] = {
        "load": {"pressure": "100 MPa"},
        "counter_electrode": {"potential": "0.62 V", "exchange_current_density": "10 A/m^2"},
    }
    rows = rows_of(sc.model_of(shared_tmp_path, case, tagged))
    charged, resting = next(row for row in reversed(rows) if row["current_density"] > 0.0), rows[-1]
    drop = {name: CURRENT * h * 1e-6 / sigma for name, (h, sigma) in lengths.items()}
    stress = 1.6e-6 * -100e6 * 1.3 / (3 * 0.7) / sc.FARADAY
    expected = {
        "open_circuit_potential": 3.8,
        "concentration_overpotential": 0.0,
        # φ_s − φ_e = U − s + η, and s = −Ω σ_h/F: compression, σ_h < 0, lowers the potential of the cathode.
        "stress_overpotential": stress,
        "kinetic_overpotential": overpotential(CURRENT, 2.0, 0.5),
        "film_overpotential": 0.0,
        "electronic_overpotential": drop["cam"] + drop["carbon"],
        "contact_overpotential": CURRENT / 500.0,
        "ionic_overpotential": drop["se"],
        "counter_electrode_overpotential": overpotential(CURRENT, 10.0, 0.5),
        "counter_electrode_potential": 0.62,
    }
    # A millisecond at 5 A/m² takes 1e-6 of the lithium out of the surface, which stresses it by 0.01 MPa.
    tolerance = {"stress_overpotential": 1e-3 * abs(stress)}
    for name, value in expected.items():
        assert charged[name] == pytest.approx(value, abs=tolerance.get(name, PRECISION)), name
    assert total(charged) == pytest.approx(charged["voltage"], abs=1e-9 * charged["voltage"])
    assert charged["polarisation"] == pytest.approx(sum(charged[name] for name in OVERPOTENTIALS), abs=1e-9)
    assert charged["interface_current_mean"] == pytest.approx(CURRENT, rel=1e-8)
    # Even but for the stress of that millisecond, which follows the mesh: 0.01 MPa shift the potential by 0.2 uV.
    assert charged["interface_current_deviation"] < 1e-5 * CURRENT
    assert charged["interface_current_gini"] < 1e-5
    # At rest nothing is divided by the current that is not there.
    assert all(math.isnan(resting[name]) for name in (*OVERPOTENTIALS, "interface_current_gini"))
    assert resting["open_circuit_potential"] == pytest.approx(3.8, abs=1e-12)
    assert resting["polarisation"] == pytest.approx(stress, rel=1e-3)
    assert resting["interface_current_mean"] < 1e-5


def blend_mesh() -> TaggedMesh:
    """A cube of 8 µm: electrolyte below, two active materials side by side above it, 3:1 in volume; the electrolyte ends in a step."""
    raw = None
    if sc.COMM.rank == 0:
        nodes, cells = sc.cube_grid(4)
        middle = nodes[cells].mean(axis=1)
        region = np.where(middle[:, 0] < 0.75, 1, 2)
        region[(middle[:, 2] < 0.5) | ((middle[:, 2] < 0.75) & (middle[:, 1] < 0.5))] = 0
        empty = (np.zeros((0, 3), np.int64), np.zeros(0, np.int32), [])
        raw = RawMesh(8.0 * nodes, cells, region.astype(np.int32), ["se", "a", "b"], *empty)
    return distribute(sc.COMM, raw)


def blend_case(path: str) -> dict[str, Any]:
    programme = [
        {"charge": "2 A/m^2", "until": {"time": "1200 s"}},
        {"rest": "100 s"},
        {"discharge": "1 A/m^2", "until": {"time": "300 s"}},
    ]
    case = planar_case(programme=programme)
    cam = case["phases"].pop("CAM")
    transfer = case["interfaces"][0]["charge_transfer"]
    interfaces = []
    for name, potential in (("A", "4.3 - 0.8*x"), ("B", "4.0 - 0.4*x**2")):
        lithium = cam["lithium"] | {"open_circuit_potential": {"expression": potential, "unit": "V"}}
        strain = {"partial_molar_volume": "2e-6 m^3/mol" if name == "A" else "-1e-6 m^3/mol"}
        case["phases"][name] = cam | {
            "regions": [name.lower()],
            "lithium": lithium,
            "chemical_strain": strain,
        }
        interfaces.append(
            {"between": [name, "SE"], "cohesion": {"stiffness": "1e16 Pa/m"}, "charge_transfer": transfer}
        )
    contact = {"contact_conductance": {"conductance": "300 S/m^2"}}
    case["interfaces"] = [
        *interfaces,
        {"between": ["A", "B"], "cohesion": {"stiffness": "1e16 Pa/m"}} | contact,
    ]
    if path == "wired":
        case["electrons"] = {"path": "wired", "conductance": "1e11 S/m^3"}
    case["stack"] = {
        "load": {"fixed_gap": True},
        "counter_electrode": {"material": "graphite", "capacity": "2 mAh/cm^2", "compliance": "1e-13 m/Pa"},
    }
    case["numerics"]["time_step"] = {"initial": "150 s", "maximum": "300 s"}
    return case


@pytest.mark.parametrize("path", ["wired", "resolved"])
def test_the_parts_add_up(shared_tmp_path: Path, path: str) -> None:
    """To 1e-9 of the voltage in every step with current; nothing is uniform, both active materials share the current."""
    model = sc.model_of(shared_tmp_path, blend_case(path), blend_mesh())
    rows = rows_of(model)
    start = [p.lithium.initial_x(298.15) for p in model.case.phases.values() if p.lithium is not None]
    assert rows[0]["minimum_stoichiometry"] == pytest.approx(min(start), abs=1e-6)
    assert rows[0]["maximum_stoichiometry"] == pytest.approx(max(start), abs=1e-6)
    flowing = [row for row in rows if row["current_density"] != 0.0]
    assert len(flowing) >= 5
    for row in flowing:
        assert total(row) == pytest.approx(row["voltage"], abs=1e-9 * row["voltage"])
        assert row["polarisation"] == pytest.approx(sum(row[n] for n in OVERPOTENTIALS), abs=1e-8)
        # All but the contact, which the collector short-circuits, are above what the sum is tested to: none can be missing.
        for name in ("concentration", "stress", "kinetic", "electronic", "ionic", "counter_electrode"):
            assert abs(row[f"{name}_overpotential"]) > 1e-8, name
        dissipated = ("kinetic", "electronic", "ionic", "counter_electrode")
        sign = math.copysign(1.0, row["current_density"])
        assert all(sign * row[f"{name}_overpotential"] > 0 for name in dissipated)
        assert 0.01 < row["interface_current_gini"] < 1.0
        assert row["stoichiometry_deviation"] > 0.0
        # Of nodes, so beyond the means of the two particles, which deviate by one standard deviation at least.
        mean, spread = row["mean_stoichiometry"], row["stoichiometry_deviation"]
        assert (
            0.0
            < row["minimum_stoichiometry"]
            < mean - spread / 2
            < mean + spread / 2
            < row["maximum_stoichiometry"]
            < 1.0
        )
    # dP/dQ: the difference quotient of the columns beside it.
    before, after = rows[1], rows[2]
    slope = (after["pressure"] - before["pressure"]) / (after["areal_capacity"] - before["areal_capacity"])
    assert after["pressure_per_capacity"] == pytest.approx(slope, rel=1e-9)
    assert math.isnan(rows[0]["pressure_per_capacity"])
    assert all(math.isnan(row["pressure_per_capacity"]) for row in rows if row["current_density"] == 0.0)


def test_open_circuit_potential_weighs_phases_by_charge(shared_tmp_path: Path) -> None:
    """3:1 by volume and a step of electrolyte: weights from the mesh, each phase at its own mean stoichiometry."""
    model = sc.model_of(shared_tmp_path, blend_case("wired"), blend_mesh())
    row = rows_of(model)[-1]
    weight = {
        b.phase: float(model.body_volume[b.number]) for b in model.bodies.bodies if b.phase in model.lithium
    }
    assert weight["A"] == pytest.approx(3 * weight["B"])
    x = model.setting["stoichiometry"].value
    value = 0.0
    for name, phase in model.lithium.items():
        mean = sc.integral(model.setting, x * model.setting.dx(name)) / weight[name]
        value += weight[name] / sum(weight.values()) * float(phase.open_circuit(mean))
    assert row["open_circuit_potential"] == pytest.approx(value, abs=1e-6)


def test_gini_of_known_distributions() -> None:
    """All the same 0; one of n has all 1 − 1/n; a linear ramp 1/3; weights count as repetitions."""
    assert gini(np.full(7, 2.0), np.arange(1.0, 8.0)) == pytest.approx(0.0, abs=1e-15)
    assert gini(np.array([0.0, 0.0, 0.0, 5.0]), np.ones(4)) == pytest.approx(0.75)
    n = 2000
    assert gini((np.arange(n) + 0.5) / n, np.ones(n)) == pytest.approx(1 / 3, abs=1e-6)
    repeated = gini(np.array([1.0, 1.0, 1.0, 4.0]), np.ones(4))
    assert gini(np.array([4.0, 1.0]), np.array([1.0, 3.0])) == pytest.approx(repeated)
    assert math.isnan(gini(np.zeros(3), np.ones(3))) and math.isnan(gini(np.zeros(0), np.zeros(0)))
    assert weighted_deviation(np.array([1.0, 3.0]), np.array([1.0, 3.0])) == pytest.approx(math.sqrt(0.75))
