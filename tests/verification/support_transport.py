"""Structures with known conductivities, and transport without files: what the tests of the effective transport share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import pi
from pathlib import Path
from typing import Any

import gmsh
import numpy as np
from mpi4py import MPI

from ssbmech.domain.mesh import TaggedMesh, distribute, read_mesh
from ssbmech.domain.raw_mesh import RawMesh
from ssbmech.transport.geometry import Geometry
from ssbmech.transport.network import Boundary, Direction, Network
from ssbmech.transport.results import NetworkResult, evaluate
from ssbmech.transport.state import discretised, face_state
from ssbmech.transport.structure import PERFECT, Carrier, Structure, structure_of_mesh
from ssbmech_mesh.adjust import flatten_faces, match_volumes
from ssbmech_mesh.relocate import held_by_spheres
from ssbmech_mesh.session import fill, gmsh_model
from ssbmech_mesh.simplex import from_gmsh

COMM = MPI.COMM_WORLD
S_M = 1e6  # pA/(V um) in a S/m

# Spheres of an octant of the cubic cell, in its edge lengths.
LATTICES: dict[str, list[tuple[int, int, int]]] = {
    "sc": [(0, 0, 0)],
    "bcc": [(0, 0, 0), (1, 1, 1)],
    "fcc": [(0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1)],
}


@dataclass(frozen=True)
class Solved:
    """A network, its solutions and its numbers."""

    network: Network
    directions: list[Direction]
    result: NetworkResult


def solved(
    structure: Structure, carrier: Carrier = "ionic", degree: int = 1, boundary: Boundary = "insulated"
) -> Solved:
    """One network of a structure as meshed."""
    setting, facets = discretised(structure, None, degree)
    faces = face_state(structure, setting, facets, None, None)
    geometry = Geometry(structure.tagged, setting)
    network = Network(structure, setting, facets, faces, geometry, carrier, degree)
    directions = [network.solve(axis, boundary) for axis in range(structure.tagged.dim)]
    return Solved(network, directions, evaluate(network, directions, boundary))


def ionic(
    tagged: TaggedMesh,
    conductivity: Mapping[str, float],
    contacts: Mapping[tuple[str, str], float] | None = None,
    everywhere: float = PERFECT,
) -> Structure:
    """A structure of ionic conductors [S/m], contacts in S/m²."""
    scaled = {name: value * S_M for name, value in conductivity.items()}
    return structure_of_mesh(tagged, {"ionic": scaled}, contacts, everywhere)


def from_arrays(nodes: Any, cells: Any, region: Any, names: list[str]) -> TaggedMesh:
    """A mesh that rank 0 gives as arrays."""
    raw = None
    if COMM.rank == 0:
        dim = np.asarray(nodes).shape[1]
        none = np.zeros((0, dim), np.int64), np.zeros(0, np.int32), []
        raw = RawMesh(
            np.asarray(nodes, dtype=float), np.asarray(cells), np.asarray(region, np.int32), names, *none
        )
    return distribute(COMM, raw)


def sphere_lattice(folder: Path, lattice: str, fraction: float, size: float) -> TaggedMesh:
    """An octant of edge 1 of the cubic cell of a sphere array, cut along its planes of symmetry; regions ``sphere*``, ``matrix``.

    size: edge length of the cells at the spheres, in radii. The polyhedra have the volumes of the spheres.
    """
    path = folder / f"{lattice}{fraction}{size}.msh"
    if COMM.rank == 0:
        _write_lattice(path, LATTICES[lattice], fraction, size)
    COMM.barrier()
    return read_mesh(COMM, path)


def _write_lattice(path: Path, places: Sequence[tuple[int, int, int]], fraction: float, size: float) -> None:
    radius = (fraction / len(places) * 6.0 / pi) ** (1.0 / 3.0)
    centre = np.array(places, dtype=float)
    with gmsh_model("lattice"):
        occ = gmsh.model.occ
        box = occ.addBox(0, 0, 0, 1, 1, 1)
        balls = [(3, occ.addSphere(*place, radius)) for place in places]
        pieces = [occ.intersect([(3, box)], [ball], removeObject=False)[0][0] for ball in balls]
        occ.fragment([(3, box)], pieces)
        occ.synchronize()
        volumes = [tag for _, tag in gmsh.model.getEntities(3)]
        middle = np.array([gmsh.model.occ.getCenterOfMass(3, tag) for tag in volumes])
        ball = [int(np.linalg.norm(middle - c, axis=1).argmin()) for c in centre]
        for number, k in enumerate(ball):
            gmsh.model.addPhysicalGroup(3, [volumes[k]], name=f"sphere{number}")
        rest = [v for k, v in enumerate(volumes) if k not in ball]
        gmsh.model.addPhysicalGroup(3, rest, name="matrix")
        nearest = "Min(" * (len(places) - 1)
        for number, (x, y, z) in enumerate(places):
            distance = f"Abs(Sqrt((x-{x})^2+(y-{y})^2+(z-{z})^2)-{radius})"
            nearest += distance if number == 0 else f",{distance})"
        fill(3, f"{size * radius}*(1+0.6*Min({nearest}/{radius},1))")
        mesh = from_gmsh(3)
    mesh.orient()
    flatten_faces(mesh, [1.0, 1.0, 1.0])
    count = len(places)
    exact = np.full(count, pi / 6.0 * radius**3)
    held = held_by_spheres(mesh, [1.0, 1.0, 1.0], centre)
    match_volumes(mesh, held, centre, np.full(count, radius), exact)
    mesh.write(path)
