"""What the series says of interfaces: grain boundaries apart, overlap, and active material that is cut off.

Three grains of one particle on a layer of electrolyte, the collector on top, electrons resolved. Each layer moves as a
rigid body, so that every gap is given; the law of every face is that of a broken bond.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

import ssbmech.model
from ssbmech.case import load_case
from ssbmech.domain.bodies import Bodies, assign_bodies
from ssbmech.domain.mesh import TaggedMesh, read_mesh
from ssbmech.evolution import Evolution
from ssbmech.model import Model, build_model
from ssbmech.output.cells import CellProbe
from ssbmech.output.isolation import Reach
from ssbmech.output.series import Measurements
from ssbmech_mesh.primitives import layered_block

COMM = MPI.COMM_WORLD
LAYERS = {"SE": 1.0, "g1": 0.5, "g2": 0.7, "g3": 0.9}  # um
GRAINS = LAYERS["g1"] + LAYERS["g2"] + LAYERS["g3"]
AREA = 4.0  # um^2 of every face
CASE = """
mesh: {file: stack.msh}
phases:
  CAM:
    regions: ["g*"]
    density: 4.78 g/cm^3
    elasticity: {youngs_modulus: 140 GPa, poisson_ratio: 0.3}
    lithium:
      maximum_concentration: 49137 mol/m^3
      open_circuit_potential: {expression: "4.5 - 0.9*x", unit: V}
      diffusivity: 4e-15 m^2/s
      initial_stoichiometry: 0.9
    conduction: {carrier: electronic, conductivity: 0.5 S/m}
  SE:
    regions: [SE]
    elasticity: {youngs_modulus: 22.1 GPa, poisson_ratio: 0.37}
    conduction: {carrier: ionic, conductivity: 0.19 S/m}
interfaces:
  - between: [CAM, SE]
    cohesion: {stiffness: 1e16 Pa/m, strength: 20 MPa, toughness: 0.1 J/m^2, viscosity: 0 s}
    charge_transfer: {exchange_current_density: {expression: "2*sqrt(x*(1-x))", unit: A/m^2}}
  - between: [CAM, CAM]
    grain_boundary: true
    cohesion: {stiffness: 1e16 Pa/m, strength: 20 MPa, toughness: 0.1 J/m^2, viscosity: 0 s, friction: {coefficient: 0.3}}
    contact_conductance: {conductance: 1e6 S/m^2}
    lithium_transfer: {conductance: 100 S/m^2}
electrons: {path: resolved}
stack:
  load: {pressure: 5 MPa}
  counter_electrode: {name: lithium-indium, potential: 0.62 V}
programme:
  - rest: 10 s
cell: {nominal_capacity: 200 mAh/g}
"""


Build = Callable[..., Model]


@pytest.fixture
def build(shared_tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Makes the model, with changes of the case."""
    if COMM.rank == 0:
        layered_block(
            shared_tmp_path / "stack.msh", [2.0, 2.0], list(LAYERS.values()), list(LAYERS), [2, 2, 1]
        )
        (shared_tmp_path / "case.yaml").write_text(CASE)
    COMM.barrier()

    def with_particle(tagged: TaggedMesh, patterns: dict[str, list[str]]) -> Bodies:
        bodies = assign_bodies(tagged, patterns)
        return replace(bodies, particle=np.array([-1 if b.name == "SE" else 0 for b in bodies.bodies]))

    monkeypatch.setattr(ssbmech.model, "assign_bodies", with_particle)

    def make(*changes: str) -> Model:
        case = load_case(shared_tmp_path / "case.yaml", changes)
        return build_model(case, read_mesh(COMM, shared_tmp_path / "stack.msh"))

    return make


def lift(model: Model, lifts: dict[str, float], along: float = 0.0) -> dict[str, float]:
    """Lift the layers by so much [µm], and shift the topmost; the row of the series of that state."""
    u = model.setting["displacement"]
    names = [body.name for body in model.bodies.bodies]
    height = np.array([lifts.get(name, 0.0) for name in names] + [0.0])[u.broken.body_of_dof]
    shift = np.array([along * (name == "g3") for name in names] + [0.0])[u.broken.body_of_dof]
    u.value.x.array.reshape(-1, 3)[:, 2] = height
    u.value.x.array.reshape(-1, 3)[:, 0] = shift
    model.system.evaluate()
    evolution = Evolution(model)
    probe = CellProbe(model)
    return Measurements(evolution, probe).series_row(None, probe.evaluate())


def test_bonded(build: Build) -> None:
    row = lift(build(), {})
    assert row["interface_area"] == pytest.approx(AREA, rel=1e-12)
    assert row["grain_boundary_area"] == pytest.approx(2 * AREA, rel=1e-12)
    for name in ("damaged_fraction", "delaminated_fraction", "open_fraction", "crack_volume"):
        assert row[f"grain_boundary_{name}"] == 0.0
    assert row["isolated_fraction"] == 0.0
    assert row["largest_penetration"] == 0.0
    assert Reach(build()).unreached() == []


def test_one_boundary_opens(build: Build) -> None:
    """Between g1 and g2: g1 loses the collector, g2 and g3 the electrolyte, so that all of it is cut off."""
    row = lift(build(), {"g2": 0.05, "g3": 0.05})
    assert row["grain_boundary_damaged_fraction"] == pytest.approx(0.5, rel=1e-9)
    assert row["grain_boundary_delaminated_fraction"] == pytest.approx(0.5, rel=1e-9)
    assert row["grain_boundary_open_fraction"] == pytest.approx(0.5, rel=1e-9)
    assert row["grain_boundary_crack_volume"] == pytest.approx(0.05 * AREA, rel=1e-9)
    assert (row["open_fraction"], row["crack_volume"]) == (0.0, 0.0)
    assert row["isolated_fraction"] == pytest.approx(1.0, rel=1e-12)


def test_wired_electrons_leave_lithium_to_decide(build: Build) -> None:
    model = build("electrons.path=wired", "electrons.conductance=1e11 S/m^3")
    assert lift(model, {"g2": 0.05, "g3": 0.05})["isolated_fraction"] == pytest.approx(
        (LAYERS["g2"] + LAYERS["g3"]) / GRAINS, rel=1e-12
    )
    assert lift(model, {"g3": 0.05})["isolated_fraction"] == pytest.approx(LAYERS["g3"] / GRAINS, rel=1e-12)


def test_face_of_the_electrolyte_opens(build: Build) -> None:
    """Everything is cut off; the crack belongs to the CAM|SE interface."""
    row = lift(build(), {"g1": 0.03, "g2": 0.03, "g3": 0.03})
    assert row["crack_volume"] == pytest.approx(0.03 * AREA, rel=1e-9)
    assert row["grain_boundary_crack_volume"] == 0.0
    assert row["isolated_fraction"] == pytest.approx(1.0, rel=1e-12)


def test_overlap(build: Build) -> None:
    """The deepest of all interfaces; a closed face is no crack."""
    model = build()
    row = lift(model, {"g1": -0.002, "g2": -0.005, "g3": -0.006})
    assert row["largest_penetration"] == pytest.approx(0.003, rel=1e-9)
    depths = Evolution(model).interface_state().penetration
    assert depths == pytest.approx([0.002, 0.003], rel=1e-9)
    assert row["grain_boundary_crack_volume"] == 0.0
    assert row["isolated_fraction"] == 0.0


def test_slip_of_a_broken_boundary(build: Build) -> None:
    """Open, a broken face slips with the bodies; a whole one does not."""
    model = build()
    lift(model, {"g3": 0.05}, along=0.02)
    state = Evolution(model).interface_state()
    boundary = state["gap"] > 0.01
    assert COMM.allreduce(int(boundary.sum())) > 0
    assert state["slip"][boundary] == pytest.approx(0.02, rel=1e-9)
    assert np.abs(state["slip"][~boundary]).max(initial=0.0) < 1e-11


def test_a_grain_that_floats_is_balanced_to_rounding(build: Build) -> None:
    """Cut off on both sides, g1 has a potential of tenths of a volt; its currents are compared to what their rounding leaves."""
    model, wired = build(), build("electrons.path=wired", "electrons.conductance=1e11 S/m^3")
    bonded = model.system.references["potential"]()
    assert wired.system.references["potential"]() == pytest.approx(bonded, rel=1e-12)
    lift(model, {"g1": 0.05, "g2": 0.1, "g3": 0.15})
    references = []
    for volts in (0.6, 0.3):
        for each in (model, wired):
            phi = each.setting["potential"]
            body = next(b.number for b in each.bodies.bodies if b.name == "g1")
            phi.value.x.array[phi.broken.body_of_dof == body] = volts
        references.append(model.system.references["potential"]())
    twice, floating = references
    assert floating > bonded  # 1.8 times
    assert twice == pytest.approx(2 * floating, rel=1e-12)  # in proportion to the potential, as its rounding
    assert wired.system.references["potential"]() == pytest.approx(bonded, rel=1e-12)
    rows, _ = model.system.evaluate()
    grain = model.setting["potential"].broken.body_of_dof[: rows["potential"].size] == body
    imbalance = COMM.allreduce(float(np.abs(rows["potential"][grain]).sum()))
    assert imbalance < 1e-8 * floating
