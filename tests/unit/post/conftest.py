"""Builders of small files as a run writes them, with known values."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.mesh_file import write_mesh
from ssbmech_mesh.primitives import sphere_in_box
from ssbmech_mesh.simplex import SimplexMesh

Array = NDArray[np.float64]
RADIUS, BOX = 3.0, 8.0
VTK_LAGRANGE = {2: 68, 3: 69, 4: 71}
SERIES = (
    "step [-],programme_step [-],time [s],voltage [V],potential [V],specific_capacity [mAh/g],"
    "mean_stoichiometry [-],minimum_stoichiometry [-],maximum_stoichiometry [-],pressure_change [MPa],"
    "platen_displacement [um],damaged_fraction [-],delaminated_fraction [-],open_fraction [-],"
    "active_fraction [-],mean_volumetric_strain [-],elastic_energy [pJ],fracture_dissipation [pJ],"
    "electrical_work [pJ],energy_balance_error [-],lithium_balance_error [-],"
    "pressure_per_capacity [MPa/(mAh/cm^2)],open_circuit_potential [V],counter_electrode_potential [V],"
    "concentration_overpotential [V],kinetic_overpotential [V],ionic_overpotential [V],film_overpotential [V],"
    "interface_current_mean [A/m^2],interface_current_deviation [A/m^2],interface_current_gini [-]"
)


@dataclass
class Block:
    """What one rank writes: nodes, cells, numbers of nodes across ranks, ghost flags, fields at one time."""

    points: Array
    cells: NDArray[np.int64]
    ids: NDArray[np.int64]
    ghost: NDArray[np.uint8]
    fields: dict[str, Array]


def write_vtx(
    path: Path, steps: Sequence[tuple[float, Sequence[Block]]], cell_fields: Sequence[str] = ()
) -> Path:
    """Write a file in the layout of DOLFINx' VTXWriter with as many blocks a step as given."""
    import adios2

    names = list(steps[0][1][0].fields)
    listed = "".join(f'<DataArray Name="{n}" />' for n in names if n not in cell_fields)
    on_cells = "".join(f'<DataArray Name="{n}" />' for n in cell_fields)
    with adios2.Stream(str(path), "w") as stream:
        stream.write_attribute("vtk.xml", f"<PointData>{listed}</PointData><CellData>{on_cells}</CellData>")
        for time, blocks in steps:
            stream.begin_step()
            stream.write("step", np.array([time]), [1], [0], [1])
            stream.write(
                "types", np.array([VTK_LAGRANGE[blocks[0].cells.shape[1]]], dtype=np.uint32), [1], [0], [1]
            )
            for block in blocks:
                width = np.full((len(block.cells), 1), block.cells.shape[1])
                arrays = {
                    "geometry": block.points,
                    "connectivity": np.hstack([width, block.cells]).astype(np.int64),
                    "vtkOriginalPointIds": block.ids.astype(np.int64),
                    "vtkGhostType": block.ghost.astype(np.uint8),
                    **block.fields,
                }
                for name, values in arrays.items():
                    stream.write(name, np.ascontiguousarray(values), [], [], list(values.shape))
            stream.end_step()
    return path


def tetrahedra(n: int, size: float = 1.0) -> tuple[Array, NDArray[np.int64]]:
    """A cube of `size` as n x n x n cubes of six tetrahedra: nodes (N, 3), cells (M, 4)."""
    line = np.linspace(0.0, size, n + 1)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    number = np.arange((n + 1) ** 3).reshape(n + 1, n + 1, n + 1)
    cells = []
    for path in itertools.permutations(range(3)):  # Kuhn's division
        corner = np.zeros(3, dtype=int)
        nodes = []
        for axis in (None, *path):
            if axis is not None:
                corner[axis] += 1
            i, j, k = corner
            nodes.append(number[i : i + n, j : j + n, k : k + n].ravel())
        cells.append(np.stack(nodes, -1))
    return points, np.concatenate(cells)


def broken(
    points: Array, cells: NDArray[np.int64], body: NDArray[np.int64]
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64]]:
    """Give every body its own nodes: nodes, cells, body of each node."""
    pairs = np.stack([cells.ravel(), np.repeat(body, cells.shape[1])], -1)
    distinct, number = np.unique(pairs, axis=0, return_inverse=True)
    return points[distinct[:, 0]], number.reshape(cells.shape), distinct[:, 1]


def one_block(points: Array, cells: NDArray[np.int64], fields: dict[str, Array]) -> Block:
    """Everything written by one rank."""
    return Block(points, cells, np.arange(len(points)), np.zeros(len(points), dtype=np.uint8), fields)


def particle_in_box(n: int = 8, gap: float = 0.01) -> Callable[[float], Block]:
    """A ball of cells (body 1, active) in a cube of 10 µm (body 0) that shrinks by `gap` per radius and time."""
    points, cells = tetrahedra(n, 10.0)
    inside = np.linalg.norm(points[cells].mean(axis=1) - 5.0, axis=1) < 3.2
    nodes, cells, body = broken(points, cells, inside.astype(np.int64))

    def at(time: float) -> Block:
        radius = np.linalg.norm(nodes - 5.0, axis=1)
        stress = np.where(body == 1, 20.0 * time, 300.0 * time / np.maximum(radius, 1.0) ** 2)
        fields = {
            "displacement": np.where((body == 1)[:, None], -gap * time * (nodes - 5.0), 0.0),
            "von_mises_stress": stress,
            "maximum_principal_stress": 0.5 * stress,
            "stoichiometry": np.where(body == 1, 0.9 - 0.6 * time, 0.0),
            "body": body.astype(np.float64),
            "phase": body.astype(np.float64),
        }
        return one_block(nodes, cells, fields)

    return at


def write_tables(run: Path, steps: int = 21) -> None:
    """series.csv, particles.csv, summary.json and case.yaml with smooth known curves (ΔP ends at -2 MPa)."""
    run.mkdir(exist_ok=True)
    rows = [SERIES]
    particles = ["step,time [s],body,phase,volume [um^3],mean_stoichiometry [-],volumetric_strain [-]"]
    for i, s in enumerate(np.linspace(0.0, 1.0, steps)):
        lost = 0.6 * np.clip((s - 0.4) / 0.4, 0, 1) ** 2
        values = (
            i, 1, 36000 * s, 3.0 + 0.6 * s + 0.2 * s**4, 3.62 + 0.6 * s + 0.2 * s**4, 200 * s, 0.9 - 0.65 * s,
            0.9 - 0.7 * s, 0.9 - 0.6 * s, -2.0 * s**2, 0.01 * s, min(1.0, 1.3 * lost), lost, 0.9 * lost, 1 - lost,
            -0.05 * s**2, 1e3 * s**2, 3e3 * lost, 5e7 * s, 2e-4 * s, 1e-11, -4.0 * s if i else np.nan,
            3.6 + 0.6 * s, 0.62, 0.2 * s**4, 0.012 if i else np.nan, 0.008 if i else np.nan, 0.0, 0.5, 0.2, 0.22,
        )  # fmt: skip
        rows.append(",".join(f"{v:.12g}" for v in values))
        for k in range(24):
            strain = -0.05 * s**2 * (1.0 + 0.15 * np.sin(2.3 * k))
            x = 0.9 - 0.65 * s + 0.02 * s * np.cos(k)
            name = f"NCM811_{k + 1:03d}"
            particles.append(f"{i},{36000 * s:.12g},{name},NCM811,{20 + k},{x:.9g},{strain:.9g}")
    (run / "series.csv").write_text("\n".join(rows) + "\n")
    (run / "particles.csv").write_text("\n".join(particles) + "\n")
    summary = {
        "title": "Synthetic charge", "finished": True, "end_reason": "potential 4.3 V reached", "unknowns": 123456,
        "ranks": 2, "steps": steps, "newton_iterations": 80,
        "balance": {"lithium": 1e-11, "charge": 2e-12, "energy": 2e-4},
        "headline": {"capacity_mAh_g": 200.0, "pressure_change_MPa": -2.0, "delaminated_fraction": 0.6},
        "citations": ["A. Author, Journal 1 (2020) 1"],
    }  # fmt: skip
    (run / "summary.json").write_text(json.dumps(summary))
    (run / "case.yaml").write_text(
        "title: Synthetic charge\nphases: {SE: {}, NCM811: {lithium: {}}}\nstack: {load: {pressure: 5 MPa}, axis: z}\n"
    )


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """A run folder with tables only."""
    write_tables(tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def run_folder(tables: Path) -> Path:
    """A run folder with tables, fields and interface of a shrinking particle."""
    at = particle_in_box()
    write_vtx(tables / "fields.bp", [(36000 * s, [at(s)]) for s in (0.0, 0.5, 1.0)])
    block = at(1.0)
    ball = block.cells[block.fields["body"][block.cells[:, 0]] == 1]
    faces = np.sort(ball[:, [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]].reshape(-1, 3), axis=1)
    distinct, count = np.unique(faces, axis=0, return_counts=True)
    skin = distinct[count == 1]
    used, cells = np.unique(skin, return_inverse=True)
    points = block.points[used]
    damage = np.clip(points[:, 2] / 10.0, 0.0, 1.0)
    fields = {
        "damage": damage, "crack_opening": 0.01 * damage, "grain_boundary": np.zeros(len(points)),
        "charge_transfer": np.ones(len(points)), "current_density": 0.5 * (1.0 - 0.5 * damage),
    }  # fmt: skip
    write_vtx(tables / "interface.bp", [(36000.0, [one_block(points, cells.reshape(-1, 3), fields)])])
    return tables


@pytest.fixture
def builders() -> dict[str, Callable[..., object]]:
    """The functions above, for tests that build their own file."""
    return {f.__name__: f for f in (write_vtx, tetrahedra, broken, one_block, particle_in_box, write_tables)}


def with_table(mesh: SimplexMesh) -> SimplexMesh:
    """The sphere in its box with a table: one particle of one crystal, whose axes are those of the box."""
    inside = np.array([name == "NCM811_001" for name in mesh.names])
    number = np.where(inside, 0, -1)
    mesh.table = BodyTable(
        tuple(mesh.names),
        tuple("NCM811" if k else "Li6PS5Cl" for k in inside),
        number,
        number,
        np.where(inside[:, None], [BOX / 2] * 3, np.nan),
        np.where(inside, RADIUS, np.nan),
        np.where(inside[:, None, None], np.eye(3), np.nan),
    )
    return mesh


@pytest.fixture(scope="module")
def sphere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A particle in a matrix, from its names alone."""
    path = tmp_path_factory.mktemp("sphere") / "sphere.msh"
    sphere_in_box(path, RADIUS, (BOX, BOX, BOX), (0.9, 1.5), ("NCM811_001", "Li6PS5Cl"))
    return path


@pytest.fixture(scope="module")
def crystal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a crystal whose c axis is z."""
    folder = tmp_path_factory.mktemp("crystal")
    mesh = sphere_in_box(
        folder / "plain.msh", RADIUS, (BOX, BOX, BOX), (0.9, 1.5), ("NCM811_001", "Li6PS5Cl")
    )
    write_mesh(with_table(mesh), folder / "crystal.msh")
    write_mesh(mesh, folder / "crystal.xdmf")
    return folder / "crystal.msh"
