"""Effective transport at a saved state: contacts that closed or opened, and the deformed geometry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import support_coupled as sc
import support_transport as st
from mpi4py import MPI

from ssbmech.case import load_case
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.evolution import Evolution
from ssbmech.model import Model, build_model
from ssbmech.output.cells import CellProbe
from ssbmech.output.fields_file import FieldsFile, InterfaceFile
from ssbmech.transport.geometry import Geometry
from ssbmech.transport.network import Network
from ssbmech.transport.results import NetworkResult, evaluate
from ssbmech.transport.state import discretised, face_state, read_state
from ssbmech.transport.structure import TransportError, structure_of_case

COMM = MPI.COMM_WORLD
SIDE, STIFFNESS, SCALE = 4.0, 1e4, 5.0  # um; MPa/um of contacts, MPa
CAM, SE, CONTACT = 0.5, 0.2, 2e5  # S/m, S/m, S/m^2
CASE = f"""
mesh: {{file: block.msh}}
phases:
  CAM:
    regions: ["g*"]
    density: 4.78 g/cm^3
    elasticity: {{youngs_modulus: 140 GPa, poisson_ratio: 0.3}}
    lithium:
      maximum_concentration: 49137 mol/m^3
      open_circuit_potential: {{expression: "4.5 - 0.9*x", unit: V}}
      diffusivity: 4e-15 m^2/s
      initial_stoichiometry: 0.9
    conduction: {{carrier: electronic, conductivity: {{expression: "{CAM}*(1 + x)", unit: S/m}}}}
  SE:
    regions: [SE]
    elasticity: {{youngs_modulus: 22.1 GPa, poisson_ratio: 0.37}}
    conduction: {{carrier: ionic, conductivity: {SE} S/m}}
interfaces:
  - between: [CAM, SE]
    cohesion: {{stiffness: 1e16 Pa/m}}
    charge_transfer: {{exchange_current_density: 2 A/m^2}}
  - between: [CAM, CAM]
    cohesion: {{stiffness: {STIFFNESS} MPa/um, contact_stiffness: {STIFFNESS} MPa/um, initially_open: true}}
    contact_conductance: {{conductance: {CONTACT} S/m^2, contact_pressure_scale: {SCALE} MPa}}
electrons: {{path: resolved}}
stack:
  load: {{pressure: 0 MPa}}
  counter_electrode: {{name: lithium, potential: 0 V}}
programme:
  - rest: 10 s
cell: {{nominal_capacity: 200 mAh/g}}
"""


def block() -> TaggedMesh:
    """Half a cube of electrolyte, beside a pile of three grains."""
    nodes, cells = sc.cube_grid(4)
    nodes = nodes * SIDE
    middle = nodes[cells].mean(axis=1)
    layer = np.digitize(middle[:, 2], [0.25 * SIDE, 0.5 * SIDE])
    region = np.where(middle[:, 0] < 0.5 * SIDE, 3, layer)
    return st.from_arrays(nodes, cells, region, ["g1", "g2", "g3", "SE"])


def saved_run(
    folder: Path, tagged: TaggedMesh, lifts: dict[str, float], stretch: float, x: float, *changes: str
) -> Model:
    """Write the output of a run whose grains have been lifted as rigid bodies, the electrolyte stretched by ``stretch`` along z."""
    if COMM.rank == 0:
        (folder / "case.yaml").write_text(CASE)
        (folder / "block.msh").touch()
    COMM.barrier()
    model = build_model(load_case(folder / "case.yaml", changes), tagged)
    u = model.setting["displacement"]
    place = u.broken.space.tabulate_dof_coordinates()
    names = [body.name for body in model.bodies.bodies]
    height = np.array([lifts.get(name, 0.0) for name in names] + [0.0])[u.broken.body_of_dof]
    in_se = np.array([name == "SE" for name in names] + [False])[u.broken.body_of_dof]
    u.value.x.array.reshape(-1, 3)[:, 2] = np.where(in_se, stretch * place[:, 2], height)
    if "stoichiometry" in model.setting:
        model.setting["stoichiometry"].value.x.array[:] = x
    model.system.evaluate()
    cells = CellProbe(model)
    fields, faces = (
        FieldsFile(model, cells, folder / "fields.bp"),
        InterfaceFile(model, folder / "interface.bp"),
    )
    fields.write(5.0, cells.evaluate())
    faces.write(5.0, Evolution(model).interface_state())
    fields.close()
    faces.close()
    COMM.barrier()
    return model


def transport(folder: Path, model: Model, carrier: str) -> NetworkResult:
    structure = structure_of_case(model.case, model.tagged)
    saved = read_state(COMM, folder, 3)
    assert (saved.time, saved.number, saved.count) == (5.0, 0, 1)
    setting, facets = discretised(structure, saved, 1)
    faces = face_state(structure, setting, facets, saved, model.case)
    geometry = Geometry(model.tagged, setting)
    network = Network(structure, setting, facets, faces, geometry, carrier)  # type: ignore[arg-type]
    return evaluate(network, [network.solve(axis, "insulated") for axis in range(3)], "insulated")


@pytest.mark.parametrize("mechanics_only", [False, True])
def test_contacts_pressed_together(shared_tmp_path: Path, mechanics_only: bool) -> None:
    """The pile is pressed by 2 nm at each contact: in series with a = p/(p + p_0) each, p = K δ, on a box that is 4 nm lower.

    A run with electrochemistry has saved a; of one with mechanics alone it follows from the saved damage and traction.
    """
    overlap, x = 2e-3, 0.4
    height = SIDE - 2 * overlap
    change = ['numerics.physics=["mechanics"]'] if mechanics_only else []
    lifts = {"g2": -overlap, "g3": -2 * overlap}
    model = saved_run(shared_tmp_path, block(), lifts, -2 * overlap / SIDE, x, *change)
    result = transport(shared_tmp_path, model, "electronic")
    conductivity = CAM * (1 + (0.9 if mechanics_only else x))  # with mechanics alone x stays that of the case
    pressure = STIFFNESS * overlap
    passing = pressure / (pressure + SCALE)
    resistance = SIDE * 1e-6 / conductivity + 2 / (CONTACT * passing)
    assert result.conductivity[2, 2] == pytest.approx(0.5 * height * 1e-6 / resistance, rel=1e-8)
    # Across the pile there is no way to the other side; along y the grains, none of them squeezed, are side by side.
    assert result.conductivity[0, 0] == 0.0
    assert result.conductivity[1, 1] == pytest.approx(0.5 * conductivity * SIDE / height, rel=1e-8)
    assert result.closure < 1e-8  # the flux counts what crosses the overlaps
    assert result.contacts["CAM | CAM"]["transmissivity"] == pytest.approx(passing, rel=1e-8)
    assert result.percolation[2].percolating == 1.0
    # The electrolyte is squeezed as a whole: the share of its cross-section stays.
    ionic = transport(shared_tmp_path, model, "ionic")
    assert np.diag(ionic.conductivity)[1:] == pytest.approx(0.5 * SE, rel=1e-8)
    assert ionic.fraction == pytest.approx(0.5, rel=1e-12)


def test_contact_that_opened(shared_tmp_path: Path) -> None:
    """A gap of 10 nm: no current along the pile; the contact above still passes, and the shares say who is where."""
    model = saved_run(shared_tmp_path, block(), {"g2": 0.01, "g3": 0.005}, 0.005 / SIDE, 0.9)
    result = transport(shared_tmp_path, model, "electronic")
    assert result.conductivity[2, 2] == 0.0 and result.tortuosity_factor[2] is None
    along = result.percolation[2]
    assert (along.percolating, along.one_sided, along.isolated) == (0.0, pytest.approx(1.0), 0.0)
    assert result.percolation[1].percolating == 1.0
    wide = SIDE + 0.005
    assert result.conductivity[1, 1] == pytest.approx(0.5 * CAM * 1.9 * SIDE / wide, rel=1e-8)


def test_as_meshed_contacts_are_open(shared_tmp_path: Path) -> None:
    """Faces that touch but do not stick conduct nothing before they are pressed."""
    if COMM.rank == 0:
        (shared_tmp_path / "case.yaml").write_text(CASE)
        (shared_tmp_path / "block.msh").touch()
    COMM.barrier()
    case = load_case(shared_tmp_path / "case.yaml")
    assert st.solved(structure_of_case(case, block()), "electronic").result.conductivity[2, 2] == 0.0
    stuck = load_case(shared_tmp_path / "case.yaml", ["interfaces[1].cohesion.initially_open=false"])
    resistance = SIDE * 1e-6 / (CAM * 1.9) + 2 / CONTACT
    value = st.solved(structure_of_case(stuck, block()), "electronic").result.conductivity[2, 2]
    assert value == pytest.approx(0.5 * SIDE * 1e-6 / resistance, rel=1e-8)


def test_states_are_chosen_by_time_or_number(shared_tmp_path: Path) -> None:
    saved_run(shared_tmp_path, block(), {}, 0.0, 0.9)
    assert read_state(COMM, shared_tmp_path, 3, step=-1).time == 5.0
    with pytest.raises(TransportError, match=r"--step: 3 is not a saved state; there are 1 \(0 to 0\)"):
        read_state(COMM, shared_tmp_path, 3, step=3)
    with pytest.raises(TransportError, match=r"--time: 7 s is not within the saved states, 5 to 5 s"):
        read_state(COMM, shared_tmp_path, 3, time=7.0)
    with pytest.raises(TransportError, match=r"fields\.bp.*does not exist"):
        read_state(COMM, shared_tmp_path / "none", 3)


def test_fields_of_another_mesh_are_refused(shared_tmp_path: Path) -> None:
    model = saved_run(shared_tmp_path, block(), {}, 0.0, 0.9)
    nodes, cells = sc.cube_grid(3)
    region = np.where(nodes[cells].mean(axis=1)[:, 0] < 0.5, 1, 0)
    other = st.from_arrays(SIDE * nodes, cells, region, ["g1", "SE"])
    structure = structure_of_case(model.case, other)
    with pytest.raises(TransportError, match="are not those of its mesh"):
        discretised(structure, read_state(COMM, shared_tmp_path, 3), 1)
