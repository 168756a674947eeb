"""Spheres in a box: packing, geometry, tetrahedra. Lengths in µm.

All that lies of one particle and of its periodic images inside the box is cut into pieces by the lateral
faces; each piece is a body of its own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

import gmsh
import numpy as np

from ssbmech_mesh.adjust import flatten_faces, match_volumes
from ssbmech_mesh.bodies import BodyTable
from ssbmech_mesh.cuts import seam_rotation
from ssbmech_mesh.distribution import volume_quantiles
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.packing import Packing, pack
from ssbmech_mesh.relocate import held_by_spheres, relocate, worst_angles
from ssbmech_mesh.report import MeshReport, report_of
from ssbmech_mesh.session import fill, gmsh_model
from ssbmech_mesh.simplex import Floats, SimplexMesh, from_gmsh
from ssbmech_mesh.sizing import SizeGrid, size_grid
from ssbmech_mesh.spec import MicrostructureSpec

_ROUNDS = 5
_GOOD_ANGLE = 10.0  # degrees


def mesh_spheres(given: Mapping[str, Any]) -> tuple[SimplexMesh, MeshReport]:
    """Pack and mesh; the report compares what was asked with what came out."""
    start = perf_counter()
    spec = MicrostructureSpec.from_dict(given)
    packing = pack(spec)
    mesh = mesh_packing(packing, spec)
    facts = {
        "volume_fraction_asked": {
            spec.particles: spec.volume_fraction,
            spec.matrix: 1.0 - spec.volume_fraction,
        },
        "diameters": {
            spec.particles: {"number": len(packing.radii), "achieved": volume_quantiles(2.0 * packing.radii)}
        },
        "smallest_gap": packing.smallest_gap(),
    }
    share = float(mesh.body_volumes()[:-1].sum()) / float(np.prod(spec.box))
    fractions = {spec.particles: share, spec.matrix: 1.0 - share}
    return mesh, report_of(mesh, fractions, facts, (), perf_counter() - start)


def mesh_packing(packing: Packing, spec: MicrostructureSpec) -> SimplexMesh:
    """Tetrahedra of a packing; the last body is the matrix."""
    grid = size_grid(packing, spec.mesh_size, spec.minimum_gap)
    with gmsh_model("spheres"):
        pieces, center, radius = _geometry(packing)
        exact = np.array([gmsh.model.occ.getMass(3, tag) for tag in pieces])
        for k, tag in enumerate(pieces):
            gmsh.model.addPhysicalGroup(3, [tag], name=f"{spec.particles}_{k + 1:03d}")
        rest = [tag for _, tag in gmsh.model.getEntities(3) if tag not in set(pieces)]
        gmsh.model.addPhysicalGroup(3, rest, name=spec.matrix)
        generate_tetrahedra(grid)
        mesh = from_gmsh(3)
    mesh.table = _table(packing, spec, mesh.names)
    mesh.orient()
    flatten_faces(mesh, packing.box)
    held = held_by_spheres(mesh, packing.box, center)
    match_volumes(mesh, held, center, radius, exact)
    for _ in range(_ROUNDS):  # each correction of the volumes is much smaller than the one before
        relocate(mesh, held)
        match_volumes(mesh, held, center, radius, exact)
        if float(worst_angles(mesh).min()) > _GOOD_ANGLE:
            break
    if float(mesh.volumes().min()) <= 0.0:
        raise MeshError(
            "some tetrahedra are flat or turned over; use a smaller mesh_size.interface or another seed"
        )
    return mesh


def _geometry(packing: Packing) -> tuple[list[int], Floats, Floats]:
    """Box and spheres in gmsh: the pieces in the order of their particles, their centres and radii."""
    centers, radii, _ = packing.with_images()
    random = np.random.default_rng(len(radii))
    occ = gmsh.model.occ
    block = occ.addBox(0.0, 0.0, 0.0, *packing.box)
    balls = []
    for k in range(len(radii)):
        c, r = centers[k], float(radii[k])
        ball = occ.addSphere(*c, r)
        turn = seam_rotation(c, r, np.array(packing.box), random)
        if turn is not None:
            occ.rotate([(3, ball)], *c, *turn, float(np.linalg.norm(turn)))
        balls.append((3, ball))
    _, made = occ.fragment([(3, block)], balls)
    inside = {tag for _, tag in made[0]}
    occ.remove([entity for entity in occ.getEntities(3) if entity[1] not in inside], recursive=True)
    occ.synchronize()
    pieces: list[int] = []
    for parts in made[1:]:
        here = [tag for _, tag in parts if tag in inside]
        if len(here) != 1:
            raise MeshError("the geometry of a cut particle came out wrong; use another seed")
        pieces += here
    return pieces, centers, radii


def generate_tetrahedra(grid: SizeGrid) -> None:
    """Tetrahedra of the current gmsh model with edge lengths of a grid."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "size.bin"
        grid.write(path)
        field = gmsh.model.mesh.field.add("Structured")
        gmsh.model.mesh.field.setString(field, "FileName", str(path))
        gmsh.model.mesh.field.setNumber(field, "TextFormat", 0)
        gmsh.model.mesh.field.setAsBackgroundMesh(field)
        gmsh.option.setNumber("Mesh.Algorithm", 6)
        gmsh.option.setNumber(
            "Mesh.Algorithm3D", 1
        )  # Delaunay: on packings rounder tetrahedra than HXT, and sooner
        gmsh.option.setNumber("Mesh.OptimizeThreshold", 0.45)
        fill(3)


def _table(packing: Packing, spec: MicrostructureSpec, names: list[str]) -> BodyTable:
    """The pieces of the particles, then the matrix."""
    centers, radii, particle = packing.with_images()
    return BodyTable(
        names=tuple(names),
        phases=(*[spec.particles] * len(radii), spec.matrix),
        particle=np.append(particle, -1),
        grain=np.full(len(names), -1),
        center=np.vstack([centers, np.full((1, 3), np.nan)]),
        radius=np.append(radii, np.nan),
        frame=np.full((len(names), 3, 3), np.nan),
    )
