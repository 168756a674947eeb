"""A state of a structure: as meshed, or as a run has saved it in ``fields.bp`` and ``interface.bp``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from mpi4py import MPI
from scipy.spatial import cKDTree

from ssbmech import compat
from ssbmech.case import Case
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import Bodies
from ssbmech.domain.interfaces import InterfaceFacets
from ssbmech.physics.setting import Setting, Unknown
from ssbmech.transport.structure import FaceState, Structure, TransportError

Floats = npt.NDArray[np.float64]

_SAME_PLACE = 1e-6
"""Of the size of the box: how far a node of the file may be from a node of the mesh."""

_FACE_QUANTITIES = ("broken_fraction", "normal_traction", "transmissivity")


@dataclass(frozen=True)
class SavedState:
    """One saved state of a run, whole on every rank.

    Attributes:
        folder: of the run.
        number: of the state in the file, from 0; count: how many there are.
        time: [s].
        points, body: (nodes, dim) and (nodes,) of ``fields.bp``.
        fields: displacement (nodes, dim), stoichiometry (nodes,), where the run has them.
        faces: (facets, dim + 3) centre and the values of _FACE_QUANTITIES, None without an interface file.
    """

    folder: Path
    number: int
    count: int
    time: float
    points: Floats
    body: Floats
    fields: dict[str, Floats]
    faces: Floats | None


def read_state(
    comm: MPI.Comm, folder: Path, dim: int, time: float | None = None, step: int | None = None
) -> SavedState:
    """The saved state nearest to a time [s], or of a number (negative from the end; the last without either).

    Raises:
        TransportError: on every rank alike.
    """
    state: SavedState | None = None
    problem: str | None = None
    if comm.rank == 0:
        from ssbmech_post.errors import RunFolderError

        try:
            state = _read(folder, dim, time, step)
        except (RunFolderError, TransportError) as error:
            problem = str(error)
    state, problem = comm.bcast((state, problem))
    if problem is not None or state is None:
        raise TransportError(problem or f"{folder} cannot be read")
    return state


def _read(folder: Path, dim: int, time: float | None, step: int | None) -> SavedState:
    from ssbmech_post.vtx import VtxFile, read_vtx

    with VtxFile(folder / "fields.bp") as file:
        number = _chosen(file.times, time, step)
        saved = file.read(number, ("body", "displacement", "stoichiometry"))
        count = len(file.times)
    data = saved.point_data
    fields = {name: data[name] for name in ("stoichiometry",) if name in data}
    if "displacement" in data:
        fields["displacement"] = data["displacement"][:, :dim]
    faces = None
    if (folder / "interface.bp").exists():
        on_faces = read_vtx(folder / "interface.bp", number, _FACE_QUANTITIES)
        centre = on_faces.points[on_faces.cells].mean(axis=1)[:, :dim]
        values = [on_faces.on_cells(name) for name in _FACE_QUANTITIES]
        faces = np.column_stack([centre, *values])
    return SavedState(folder, number, count, saved.time, saved.points[:, :dim], data["body"], fields, faces)


def _chosen(times: Floats, time: float | None, step: int | None) -> int:
    count = len(times)
    if step is not None:
        if not -count <= step < count:
            raise TransportError(f"--step: {step} is not a saved state; there are {count} (0 to {count - 1})")
        return step % count
    if time is None:
        return count - 1
    if not times[0] <= time <= times[-1]:
        raise TransportError(
            f"--time: {time:g} s is not within the saved states, {times[0]:g} to {times[-1]:g} s"
        )
    return int(np.argmin(np.abs(times - time)))


def discretised(
    structure: Structure, saved: SavedState | None, degree: int
) -> tuple[Setting, InterfaceFacets]:
    """Measures, and the displacement and stoichiometry of the state; collective.

    Raises:
        TransportError: the saved fields are those of another mesh.
    """
    lithium = [n for n, c in structure.conductors.items() if c.stoichiometry is not None]
    carriers: dict[str, list[str]] = {"stoichiometry": lithium} if lithium else {}
    if saved is not None and "displacement" in saved.fields:
        carriers["displacement"] = list(structure.bodies.phases)
    setting, facets = make_setting(
        structure.tagged,
        structure.bodies,
        structure.pairs,
        carriers,
        degree=2 * degree,
        interface_degree=2 * degree,
        temperature=structure.temperature,
    )
    setting.finite_strain = "displacement" in setting
    if lithium:
        _start(setting["stoichiometry"], structure)
    if saved is not None:
        _fill(setting, saved)
    return setting, facets


def _start(x: Unknown, structure: Structure) -> None:
    x.value.x.array[:] = 0.5  # of the void dof
    for name, conductor in structure.conductors.items():
        if conductor.stoichiometry is not None:
            mask = np.append(structure.bodies.of_phases([name]), False)
            x.value.x.array[mask[x.broken.body_of_dof]] = conductor.stoichiometry


def _fill(setting: Setting, saved: SavedState) -> None:
    """Put the saved nodal values onto the dofs: same place, same body."""
    dim = setting.mesh.geometry.dim
    size = float(np.ptp(saved.points, axis=0).max())
    stretch = 10.0 * size  # keeps the bodies apart in the search
    tree = cKDTree(np.column_stack([saved.points, stretch * saved.body]))
    for name in ("stoichiometry", "displacement"):
        if name not in setting or name not in saved.fields:
            continue
        unknown = setting[name]
        body = unknown.broken.body_of_dof
        place = unknown.broken.space.tabulate_dof_coordinates()[:, :dim]
        distance, node = tree.query(np.column_stack([place, stretch * body]))
        carried = body >= 0
        _same_mesh(setting, saved, float(distance[carried].max(initial=0.0)), size)
        values = unknown.value.x.array.reshape(body.size, -1)
        values[carried] = saved.fields[name].reshape(len(saved.points), -1)[node[carried]]


def _same_mesh(setting: Setting, saved: SavedState, distance: float, size: float) -> None:
    if setting.mesh.comm.allreduce(distance, MPI.MAX) > _SAME_PLACE * size:
        raise TransportError(
            f"the fields in {saved.folder} are not those of its mesh; was the mesh replaced?"
        )


def face_state(
    structure: Structure,
    setting: Setting,
    facets: InterfaceFacets,
    saved: SavedState | None,
    case: Case | None,
) -> FaceState:
    """State of the interface facets of this rank; collective.

    As meshed they are bonded, or open from the start. Of a run with electrochemistry they have the transmissivity that it saved
    (means over a facet); of one with mechanics alone that which follows from the saved damage and traction by the same law.
    """
    count = facets.facets.size
    opened = np.zeros(count)
    for pair, contact in structure.contacts.items():
        opened[facets.pair == setting.pair_number[pair]] = float(contact.initially_open)
    if saved is None or saved.faces is None or case is None or "mechanics" not in case.numerics.physics:
        return _by_law(structure, setting, facets, opened, np.zeros(count))
    dim = structure.tagged.dim
    tree = cKDTree(saved.faces[:, :dim])
    distance, row = tree.query(_centres(structure.bodies, setting, facets)[:, :dim])
    _same_mesh(setting, saved, float(distance.max(initial=0.0)), float(np.ptp(saved.points, axis=0).max()))
    broken, traction, through = saved.faces[row, dim:].T
    pressure = np.maximum(-traction, 0.0)
    if "electrochemistry" in case.numerics.physics:
        return FaceState(np.clip(through, 0.0, 1.0), broken, pressure)
    return _by_law(structure, setting, facets, np.clip(broken, 0.0, 1.0), pressure)


def _by_law(
    structure: Structure, setting: Setting, facets: InterfaceFacets, broken: Floats, pressure: Floats
) -> FaceState:
    """From broken fraction and pressure [MPa]; a law with hysteresis goes by its loading curve, the largest pressure not being saved."""
    through = np.ones_like(broken)
    for pair, contact in structure.contacts.items():
        here = facets.pair == setting.pair_number[pair]
        through[here] = contact.law.transmissivity(broken[here], pressure[here])
    return FaceState(through, broken, pressure)


def _centres(bodies: Bodies, setting: Setting, facets: InterfaceFacets) -> Any:
    """(facets, 3) centres of the facets of this rank."""
    mesh = setting.mesh
    dim = mesh.topology.dim
    corners = mesh.geometry.x[compat.cell_nodes(mesh)[facets.entities[:, 0]]]
    on_facet = np.arange(dim + 1)[None] != facets.entities[:, 1][:, None]  # facet k lies opposite corner k
    return corners[on_facet].reshape(-1, dim, 3).mean(axis=1)
