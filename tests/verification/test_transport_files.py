"""What `ssbmech transport` leaves behind: the numbers with their units, and the fields for ParaView."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import support_coupled as sc
import support_transport as st

from ssbmech.domain.mesh import TaggedMesh
from ssbmech.output.log import Log
from ssbmech.transport.run import Request, solve
from ssbmech_post.vtx import read_vtx

SIDE = 6.0  # um


def porous(dim: int = 3) -> TaggedMesh:
    """Electrolyte with a pore and with particles in the middle of it, an electronic wall at one side."""
    nodes, cells = sc.cube_grid(6, dim)
    index = np.floor(nodes[cells].mean(axis=1) * 6).astype(int)
    pore = np.all(index == 1, axis=1)
    particle = np.all((index == 3) | (index == 4), axis=1)
    region = np.where(index[:, 0] == 5, 2, np.where(particle, 1, 0))
    used, renumbered = np.unique(cells[~pore], return_inverse=True)
    return st.from_arrays(
        SIDE * nodes[used], renumbered.reshape(-1, dim + 1), region[~pore], ["se", "p", "wall"]
    )


@pytest.mark.parametrize("dim", [2, 3])
def test_fields_and_numbers(shared_tmp_path: Path, dim: int) -> None:
    structure = st.structure_of_mesh(porous(dim), {"ionic": {"se": 0.2e6}, "electronic": {"wall": 4e6}})
    results = solve(structure, Request(shared_tmp_path), Log(st.COMM, None))
    st.COMM.barrier()
    data = json.loads((shared_tmp_path / "transport.json").read_text(encoding="utf-8"))
    step = read_vtx(shared_tmp_path / "transport.bp")
    st.COMM.barrier()
    ionic = data["networks"]["ionic"]
    assert ionic["effective_conductivity_S_m"] == pytest.approx(results["ionic"].conductivity)
    assert ionic["tortuosity_factor"] == pytest.approx(results["ionic"].tortuosity_factor)
    assert data["networks"]["electronic"]["tortuosity_factor"][0] is None
    assert data["box_um"] == pytest.approx([SIDE] * dim)
    assert data["boundary"].startswith("two opposite faces held")
    body = np.rint(step.point_data["body"])
    corners = step.points[step.cells][:, :, :dim]
    volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / (6 if dim == 3 else 2)
    for axis in range(dim):
        name = "xyz"[axis]
        potential = step.point_data[f"ionic_potential_{name}"]
        current = step.point_data[f"ionic_current_density_{name}"][:, :dim]
        assert np.isnan(potential[body != 0]).all() and np.isnan(current[body != 0]).all()
        held = body == 0
        place = step.points[held, axis]
        assert potential[held].min() >= -1e-9 and potential[held].max() <= 1 + 1e-9
        assert potential[held][place == 0.0] == pytest.approx(1.0, abs=1e-12)
        # The nodal means are means of the cells: what flows through the box is what the tensor says, A/m^2 at 1 V over 6 um.
        mean = (np.nan_to_num(current)[step.cells].mean(axis=1) * volume[:, None]).sum(axis=0) / SIDE**dim
        expected = results["ionic"].conductivity[axis, axis] / (SIDE * 1e-6)
        assert mean[axis] == pytest.approx(expected, rel=1e-8)
    # The wall carries 1/6 of a bar of its own along y, and nothing along x.
    along = step.point_data["electronic_current_density_y"][body == 2]
    assert along[:, 1] == pytest.approx(4.0 / (SIDE * 1e-6), rel=1e-8)
    assert not np.nan_to_num(step.point_data["electronic_current_density_x"]).any()


def test_same_numbers_with_other_files(shared_tmp_path: Path) -> None:
    """A second call into the same folder replaces the first, fields or not."""
    structure = st.structure_of_mesh(porous(2), {"ionic": {"se": 0.2e6}})
    first = solve(structure, Request(shared_tmp_path), Log(st.COMM, None))["ionic"]
    again = solve(structure, Request(shared_tmp_path, fields=False), Log(st.COMM, None))["ionic"]
    assert again.conductivity == pytest.approx(first.conductivity, rel=1e-12)


def test_linear_and_insulated_in_words(shared_tmp_path: Path) -> None:
    structure = st.structure_of_mesh(porous(2), {"ionic": {"se": 0.2e6}})
    solve(structure, Request(shared_tmp_path, boundary="linear", fields=False), Log(st.COMM, None))
    st.COMM.barrier()
    data = json.loads((shared_tmp_path / "transport.json").read_text(encoding="utf-8"))
    assert data["boundary"] == "linear potential on all faces (apparent, from above)"
    tensor = np.array(data["networks"]["ionic"]["effective_conductivity_S_m"])
    assert tensor == pytest.approx(tensor.T, rel=1e-8)
