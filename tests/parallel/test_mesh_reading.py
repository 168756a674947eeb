"""Reading mesh files on any number of ranks: both formats give the same mesh, and damaged files are refused alike everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import meshio
import numpy as np
import pytest
from mpi4py import MPI

from ssbmech import compat
from ssbmech.domain.exchange import look_up
from ssbmech.domain.mesh import MeshReadError, TaggedMesh, read_mesh
from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.mesh_file import write_mesh
from ssbmech_mesh.primitives import layered_block
from ssbmech_mesh.simplex import SimplexMesh

COMM = MPI.COMM_WORLD
NAMES = ["CAM one & <two>", "CAM's Ä", "SE"]


def block(folder: Path, dimension: int) -> SimplexMesh:
    """A block with three bodies, a face with a name and a patch of the top with another, and all there is to know of the bodies."""
    lateral = [4.0] * (dimension - 1)
    mesh = layered_block(folder / "plain.msh", lateral, [3.0], ["all"], [4] * (dimension - 1) + [3])
    x = mesh.nodes[mesh.cells].mean(axis=1)
    mesh.body = np.where(x[:, dimension - 1] < 1.0, np.where(x[:, 0] < 2.0, 0, 1), 2)
    mesh.names = list(NAMES)
    facet, sides = mesh.facets()
    outer = facet[sides[:, 1] < 0]
    at = mesh.nodes[outer]
    top = (at[:, :, dimension - 1] == 3.0).all(axis=1)
    mesh.surfaces = {
        "bottom layer": outer[(at[:, :, dimension - 1] == 0.0).all(axis=1)],
        "patch": outer[top & (at[:, :, 0] <= 2.0).all(axis=1)],
    }
    frame = np.full((3, 3, 3), np.nan)
    frame[0] = np.eye(3)[:, [1, 2, 0]]
    center, radius = np.full((3, 3), np.nan), np.array([1.5, 2.5, np.nan])
    center[0] = [1.0, 2.0, 0.1]
    mesh.table = BodyTable(
        tuple(NAMES), ("CAM", "CAM", "SE"), np.array([0, 0, -1]), np.array([3, 4, -1]), center, radius, frame
    )
    return mesh


def volumes(tagged: TaggedMesh) -> np.ndarray:
    """Volume of every region, summed over the ranks' own cells."""
    owned = tagged.mesh.topology.index_map(tagged.dim).size_local
    corner = tagged.mesh.geometry.x[compat.cell_nodes(tagged.mesh)[:owned]][:, :, : tagged.dim]
    size = np.abs(np.linalg.det(corner[:, 1:] - corner[:, :1])) / (6 if tagged.dim == 3 else 2)
    region = tagged.cell_region[:owned]
    return np.asarray(
        COMM.allreduce(np.bincount(region, weights=size, minlength=len(tagged.regions)), MPI.SUM)
    )


@pytest.fixture
def written(shared_tmp_path: Path) -> Callable[[int], SimplexMesh]:
    """Writes the block in both formats; gives the plain mesh on every rank."""

    def write(dimension: int) -> SimplexMesh:
        mesh = None
        if COMM.rank == 0:
            mesh = block(shared_tmp_path, dimension)
            for suffix in ("msh", "xdmf"):
                write_mesh(mesh, shared_tmp_path / f"mesh.{suffix}", {"any": 1})
        found: SimplexMesh = COMM.bcast(mesh)
        return found

    return write


@pytest.mark.parametrize("dimension", [2, 3])
@pytest.mark.parametrize("name", ["mesh.msh", "mesh.xdmf", "mesh.h5"])
@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_regions_faces_and_table(
    written: Callable[[int], SimplexMesh], shared_tmp_path: Path, dimension: int, name: str, scale: float
) -> None:
    plain = written(dimension)
    tagged = read_mesh(COMM, shared_tmp_path / name, scale)
    assert tagged.dim == dimension
    assert tagged.regions == NAMES
    # Sums of tens of terms of the order of the result: rounding only.
    assert volumes(tagged) == pytest.approx(plain.body_volumes() * scale**dimension, rel=1e-12)
    assert tagged.upper == pytest.approx(plain.nodes.max(axis=0)[:dimension] * scale, rel=1e-15)
    counts = {face: COMM.allreduce(facets.size, MPI.SUM) for face, facets in tagged.faces.items()}
    top = 4 * 4 * 2 if dimension == 3 else 4
    side = 4 * 3 * 2 if dimension == 3 else 3
    box = {"x-": side, "x+": side, "y-": side, "y+": side, "z-": top, "z+": top}
    if dimension == 2:
        box = {"x-": side, "x+": side, "y-": top, "y+": top}
    assert counts == {**box, "bottom layer": top, "patch": top // 2}
    last = "xyz"[dimension - 1]
    assert np.array_equal(tagged.faces["bottom layer"], tagged.faces[f"{last}-"])
    assert set(tagged.faces["patch"]) <= set(tagged.faces[f"{last}+"])
    table, wanted = tagged.table, plain.table
    assert table is not None and wanted is not None
    assert (table.names, table.phases) == (wanted.names, wanted.phases)
    for key, factor in (("particle", 1), ("grain", 1), ("center", scale), ("radius", scale), ("frame", 1)):
        assert np.array_equal(getattr(table, key), getattr(wanted, key) * factor, equal_nan=True), key


def test_ghosts_know_their_region(written: Callable[[int], SimplexMesh], shared_tmp_path: Path) -> None:
    written(3)
    tagged = read_mesh(COMM, shared_tmp_path / "mesh.xdmf")
    corner = tagged.mesh.geometry.x[compat.cell_nodes(tagged.mesh)]
    x = corner.mean(axis=1)
    assert len(x) == tagged.cell_region.size
    assert np.array_equal(tagged.cell_region, np.where(x[:, 2] < 1.0, np.where(x[:, 0] < 2.0, 0, 1), 2))


def test_no_table_and_no_surfaces(written: Callable[[int], SimplexMesh], shared_tmp_path: Path) -> None:
    plain = written(3)
    plain.table, plain.surfaces = None, {}
    for suffix in ("msh", "xdmf"):
        path = shared_tmp_path / f"mesh.{suffix}"
        if COMM.rank == 0:
            write_mesh(plain, path)  # over the one with all of it
        COMM.barrier()
        tagged = read_mesh(COMM, path)
        assert tagged.table is None
        assert set(tagged.faces) == {"x-", "x+", "y-", "y+", "z-", "z+"}


def test_a_slice_for_every_rank(
    written: Callable[[int], SimplexMesh], shared_tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What every rank hands to DOLFINx is its share of the rows, no more."""
    plain = written(3)
    handed: list[tuple[int, int]] = []
    create = compat.create_mesh

    def spy(comm: MPI.Comm, cells: Any, points: Any, domain: Any) -> Any:
        handed.append((len(cells), len(points)))
        return create(comm, cells, points, domain)

    monkeypatch.setattr(compat, "create_mesh", spy)
    read_mesh(COMM, shared_tmp_path / "mesh.xdmf")
    (cells, points), size = handed[0], COMM.size
    assert abs(cells - len(plain.cells) / size) < 1 and abs(points - len(plain.nodes) / size) < 1
    assert COMM.allreduce(cells) == len(plain.cells) and COMM.allreduce(points) == len(plain.nodes)


def test_more_ranks_than_rows_of_a_slice() -> None:
    """Looking up works where some ranks hold nothing, and in batches of which some ranks need fewer."""
    held = np.arange(10, 15, dtype=np.int32) if COMM.rank == COMM.size - 1 else np.zeros(0, dtype=np.int32)
    numbers = np.array([4, 0, 3, 3, 1][: 5 - COMM.rank], dtype=np.int64)
    assert np.array_equal(look_up(COMM, held, numbers, batch=2), numbers + 10)


def test_xdmf_of_another_program(written: Callable[[int], SimplexMesh], shared_tmp_path: Path) -> None:
    plain = written(3)
    path = shared_tmp_path / "foreign.xdmf"
    if COMM.rank == 0:
        cells = [("tetra", plain.cells)]
        meshio.write(path, meshio.Mesh(plain.nodes, cells, cell_data={"region": [plain.body + 7]}))
    COMM.barrier()
    tagged = read_mesh(COMM, path)
    assert tagged.regions == ["7", "8", "9"]
    assert volumes(tagged) == pytest.approx(plain.body_volumes(), rel=1e-12)


def _lacking(key: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with h5py.File(folder / "mesh.h5", "r+") as file:
            del file[key]

    return damage


def _with(key: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with h5py.File(folder / "mesh.h5", "r+") as file:
            values = change(file[key][()])
            del file[key]
            file[key] = values

    return damage


def _last(number: int) -> Callable[[Any], Any]:
    """Another number in the last place, which only the last rank reads."""

    def change(values: Any) -> Any:
        values.reshape(-1)[-1] = number
        return values

    return change


def _of_another_version(folder: Path) -> None:
    with h5py.File(folder / "mesh.h5", "r+") as file:
        file.attrs["version"] = 99


def _cut(folder: Path) -> None:
    data = (folder / "mesh.h5").read_bytes()
    (folder / "mesh.h5").write_bytes(data[: len(data) // 2])


DAMAGE: list[tuple[Callable[[Path], Any], str]] = [
    (lambda folder: (folder / "mesh.h5").unlink(), "refers to mesh.h5, which is not beside it"),
    (lambda folder: (folder / "mesh.xdmf").unlink(), "does not exist"),
    (lambda folder: (folder / "mesh.xdmf").write_text("<Xdmf><Domain>"), "is no XDMF file"),
    (_cut, "cannot be read"),
    (_lacking("mesh/body"), "lacks /mesh/body"),
    (_lacking("bodies/names"), "lacks /bodies/names"),
    (_lacking("bodies/frame"), "lacks /bodies/frame"),
    (_lacking("surfaces/surface"), "lacks /surfaces/surface"),
    (_with("mesh/body", lambda v: v[:-1]), "do not make a mesh"),
    (_with("mesh/body", _last(3)), "/mesh/body has the number 3, but there are 3 bodies"),
    (_with("mesh/body", _last(-1)), "/mesh/body has the number -1"),
    (_with("mesh/topology", _last(100)), "/mesh/topology has the number 100, but there are 100 nodes"),
    (_with("mesh/topology", lambda v: v[:, :2]), "rows of 4 nodes"),
    (_with("surfaces/surface", _last(2)), "/surfaces/surface has the number 2, but there are 2 surfaces"),
    (_with("surfaces/topology", lambda v: v[:-1]), "/surfaces/topology is"),
    (_with("bodies/particle", lambda v: v[:-1]), "another length in particle"),
    (_of_another_version, "version 1 of its format"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE, ids=[message for _, message in DAMAGE])
def test_damaged_files_are_refused_on_all_ranks(
    written: Callable[[int], SimplexMesh],
    shared_tmp_path: Path,
    damage: Callable[[Path], Any],
    message: str,
) -> None:
    written(3)
    if COMM.rank == 0:
        damage(shared_tmp_path)
    COMM.barrier()
    with pytest.raises(MeshReadError) as caught:
        read_mesh(COMM, shared_tmp_path / "mesh.xdmf")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(set(COMM.allgather(str(caught.value)))) == 1


def test_a_table_of_another_mesh_is_refused(
    written: Callable[[int], SimplexMesh], shared_tmp_path: Path
) -> None:
    plain = written(3)
    if COMM.rank == 0:
        shutil.copy(shared_tmp_path / "mesh.bodies.json", shared_tmp_path / "kept.json")
        plain.names, plain.table = ["A", "B", "C"], None
        write_mesh(plain, shared_tmp_path / "mesh.msh")
        shutil.copy(shared_tmp_path / "kept.json", shared_tmp_path / "mesh.bodies.json")
    COMM.barrier()
    with pytest.raises(MeshReadError, match="lacks 'A'; it is of another mesh"):
        read_mesh(COMM, shared_tmp_path / "mesh.msh")


def test_triangles_out_of_the_plane_are_refused(
    written: Callable[[int], SimplexMesh], shared_tmp_path: Path
) -> None:
    plain = written(2)
    plain.nodes[:, 2] = 1.0
    path = shared_tmp_path / "mesh.xdmf"
    if COMM.rank == 0:
        write_mesh(plain, path)
    COMM.barrier()
    assert read_mesh(COMM, path).mesh.geometry.dim == 2
    COMM.barrier()
    plain.nodes[-1, 2] = 1.1
    if COMM.rank == 0:
        write_mesh(plain, path)
    COMM.barrier()
    with pytest.raises(MeshReadError, match="plane z = const"):
        read_mesh(COMM, path)
