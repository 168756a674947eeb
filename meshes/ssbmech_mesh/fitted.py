"""Tetrahedra fitted to touching spheres: exact flat contacts, few cells. Lengths in µm.

The CAD kernel of gmsh cuts every ball by its planes (facets.py) and glues the pieces, the matrix and flat layers; so contacts
are flat, and rings around them are circles. Volumes of particles and areas of contacts are made exact by small moves of nodes.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any

import gmsh
import numpy as np

from ssbmech_mesh.adjust import flatten_faces, match_area, match_volumes
from ssbmech_mesh.arrangement import Arrangement, arrange
from ssbmech_mesh.bodies import BodyTable, joined, plain_table
from ssbmech_mesh.composite import asked_fractions, particle_facts, particle_table
from ssbmech_mesh.connectivity import packing_report
from ssbmech_mesh.dense import DensePacking, scaled
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import OPEN, nearest
from ssbmech_mesh.facts import percolation_notes, plain_percolation
from ssbmech_mesh.fitted_geometry import (
    CutBalls,
    Geometry,
    Stack,
    build_geometry,
    cut_balls,
    held_by_geometry,
)
from ssbmech_mesh.fitted_packing import settled, well_placed
from ssbmech_mesh.fitted_sizes import SizeField, Sizes
from ssbmech_mesh.layers import continued
from ssbmech_mesh.relocate import Held, relocate, worst_angles
from ssbmech_mesh.report import MeshReport, report_of
from ssbmech_mesh.session import gmsh_model
from ssbmech_mesh.simplex import SimplexMesh, from_gmsh
from ssbmech_mesh.specs import CompositeSpec, LayersSpec, MeshSizeSpec
from ssbmech_mesh.spheres import generate_tetrahedra

_NECK = 2.0  # edge length in gaps in units of their width: one layer of cells
_ROUNDS = 5
_GOOD_ANGLE = 10.0  # degrees
_LEAST_ANGLE = 5.0
_CELLS = 9.0  # tetrahedra in a cube of the edge length, to begin with
_TRIES = 3
_CLOSE = 0.1  # of the number of cells asked for
_FINER = 0.9  # of the edge lengths, where angles are too small
_THIN = 0.05  # of the interface size: gaps that are thinner give too many cells, or too flat ones
_OFF = 1e-3  # of the box, from which on a volume fraction counts as missed


def fitted_composite(spec: CompositeSpec) -> tuple[SimplexMesh, MeshReport]:
    """Mesh and report of a composite of touching spheres in a matrix, with layers; no voxels are made.

    Raises MeshError for what needs voxels: other shapes, grains, additives, pores, sections.
    """
    start = perf_counter()
    _check(spec)
    asked, notes = asked_fractions(spec)
    made = _prepared(spec, {phase: asked[phase] for phase in spec.particles if phase in asked})
    mesh, more = mesh_fitted(made, spec.matrix, spec.layers, spec.mesh_size)
    low = spec.layers.separator.thickness if spec.layers.separator else 0.0
    fractions = _fractions(mesh, made, spec.matrix, float(np.prod(spec.box)))
    facts: dict[str, Any] = {
        "generator": "composite",
        "seed": spec.seed,
        "box": list(spec.box),
        "composite": [low, low + spec.box[2]],
        "volume_fraction": fractions,
        "volume_fraction_asked": asked,
        **particle_facts(made, spec),
        **_percolation(made, spec.matrix),
    }
    for phase, share in asked.items():
        if abs(fractions.get(phase, 0.0) - share) > _OFF:
            got = 100 * fractions.get(phase, 0.0)
            more.append(f"{phase} takes {got:.4g} vol% instead of {100 * share:.4g} vol%")
    largest = facts["spheres"]["largest_contact"]
    if spec.arrangement.kind == "random" and largest > spec.contact.largest:
        more.append(
            f"contact radii reach {largest:.2g} of the smaller radius, more than contact.largest = {spec.contact.largest:g}"
        )
    notes = [*notes, *made.notes, *more, *percolation_notes(facts)]
    return mesh, report_of(mesh, fractions, facts, notes, perf_counter() - start)


def _check(spec: CompositeSpec) -> None:
    wanted = {
        "additives": bool(spec.additives),
        "pores": spec.pores is not None,
        "section": spec.section is not None,
        "grains": any(each.grains is not None for each in spec.particles.values()),
        "shape": any(each.shape.kind != "sphere" for each in spec.particles.values()),
    }
    for key, given in wanted.items():
        if given:
            raise MeshError(
                f"microstructure.{key}: a mesh fitted to spheres has none of these; leave it out or mesh on voxels"
            )


def _prepared(spec: CompositeSpec, asked: dict[str, float]) -> Arrangement:
    """The particles, with contacts and gaps that a mesh can fit; where they are given, they stay."""
    made = arrange(spec, asked, 0.0)
    packing = made.packing
    assert isinstance(packing, DensePacking)
    packing = replace(packing, limits=replace(packing.limits, rim=0.0))
    if spec.arrangement.kind != "random":
        return replace(made, packing=packing)
    shares = np.array([asked[phase] for phase in made.phases])
    close = settled(packing, shares, made.group)
    moves = nearest(close.centers - packing.centers, np.array(spec.box), packing.periodic)
    note = (
        f"spheres were moved by up to {np.linalg.norm(moves, axis=1).max():.2g} µm so that near ones touch clearly or keep "
        "the smallest gap: fewer cells, no slivers"
    )
    close, _ = scaled(well_placed(close), shares, made.group)
    laws = {}
    for phase, (law, factor) in made.laws.items():
        own = made.group == made.phases.index(phase)
        laws[phase] = law, factor * float((close.radii / packing.radii)[own][0])
    return replace(made, packing=close, laws=laws, notes=(*made.notes, note))


def mesh_fitted(
    made: Arrangement, matrix: str, layers: LayersSpec, size: MeshSizeSpec
) -> tuple[SimplexMesh, list[str]]:
    """Tetrahedra of spheres in a matrix between flat layers, and notes on what was changed or came out poorly.

    Bodies: the pieces of the particles, the matrix, layers; a layer of the phase of the matrix continues it. Raises
    MeshError where the CAD kernel fails or angles stay below 5 degrees.
    """
    if not isinstance(made.packing, DensePacking):
        raise MeshError("only spheres have meshes fitted to them; mesh other shapes on voxels")
    stack, bodies, notes = _stack(made.packing.box[2], layers, matrix)
    balls = cut_balls(made.packing, stack.low)
    table = joined(particle_table(made, balls.particle, balls.center), bodies)
    with gmsh_model("fitted"):
        geometry = build_geometry(balls, stack)
        volumes = [*([tag] for tag in geometry.pieces), geometry.matrix, *([tag] for tag in geometry.slabs)]
        for name, tags in zip(table.names, volumes, strict=True):
            gmsh.model.addPhysicalGroup(3, tags, name=name)
        if len(geometry.matrix) > 1:
            notes.append(
                f"{matrix} is in {len(geometry.matrix)} parts that the particles separate within the box"
            )
        sizes = _sizes(balls, stack, size)
        _check_gaps(balls, sizes)
        for _ in range(_TRIES):
            mesh = _tetrahedra(balls, stack, geometry, sizes)
            worst = worst_angles(mesh)
            if float(worst.min()) >= _LEAST_ANGLE:
                break
            sizes = replace(sizes, interface=_FINER * sizes.interface)
    mesh.table = table
    if float(worst.min()) < _LEAST_ANGLE:
        place = ", ".join(f"{x:.4g}" for x in mesh.nodes[mesh.cells[int(np.argmin(worst))]].mean(axis=0))
        raise MeshError(
            f"the smallest angle between faces of cells is {worst.min():.2g} degrees, near ({place}) µm; take another seed, a "
            "smaller mesh_size.interface or a larger contact.smallest, or mesh on voxels"
        )
    if size.interface is None and size.cells is not None and abs(len(mesh.cells) / size.cells - 1.0) > _CLOSE:
        notes.append(
            f"{len(mesh.cells)} cells instead of {size.cells}: contacts and gaps need a number that depends little on mesh_size"
        )
    return mesh, [*notes, *_notes(balls)]


def _stack(height: float, layers: LayersSpec, matrix: str) -> tuple[Stack, BodyTable, list[str]]:
    """Heights, the bodies that are no particles, and notes."""
    bodies, notes = plain_table([matrix], [matrix]), []
    below = layers.separator.thickness if layers.separator is not None else 0.0
    bottom, top = below, below + height
    ends = {"separator": (0.0, bottom), "collector": (top, top)}
    if layers.collector is not None:
        ends["collector"] = (top, top + layers.collector.thickness)
    slabs = []
    for key, layer in (("separator", layers.separator), ("collector", layers.collector)):
        if layer is None:
            continue
        if continued(bodies, layer.phase) == 1:
            bottom, top = min(bottom, ends[key][0]), max(top, ends[key][1])
            notes.append(f"the {key} of {layer.phase} and {matrix} in the composite are one body")
            continue
        name = layer.phase if layer.phase not in bodies.names else f"{layer.phase}_{key}"
        bodies = joined(bodies, plain_table([name], [layer.phase]))
        slabs.append(ends[key])
    return Stack(below, below + height, bottom, top, tuple(slabs)), bodies, notes


def _sizes(balls: CutBalls, stack: Stack, size: MeshSizeSpec) -> Sizes:
    """Sizes as asked, or those of which the number of cells asked for comes out."""
    neck = size.neck or _NECK
    if size.interface is not None:
        return Sizes(size.interface, size.bulk or 2.0 * size.interface, size.growth, neck)
    if size.cells is None:
        raise MeshError("give mesh_size.interface or mesh_size.cells")
    per_cube, edge = _CELLS, float(np.cbrt(_CELLS * np.prod(balls.packing.box) / size.cells))
    for _ in range(_TRIES):
        edge = _edge_for(balls, stack, size, size.cells / per_cube, edge)
        sizes = Sizes(edge, size.bulk or 2.0 * edge, size.growth, neck)
        field = SizeField(balls, stack, sizes)
        gmsh.model.mesh.clear()
        generate_tetrahedra(field.grid())
        number = int(gmsh.model.mesh.getElementsByType(4)[0].size)
        if abs(number / size.cells - 1.0) < _CLOSE:
            break
        per_cube = number / field.cells()
    return sizes


def _check_gaps(balls: CutBalls, sizes: Sizes) -> None:
    gap = balls.packing.limits.smallest_gap
    if np.any(balls.planes.kind == OPEN) and gap < _THIN * sizes.interface:
        raise MeshError(
            f"gaps of {gap:.3g} µm between spheres are too thin for edges of {sizes.interface:.3g} µm; take a contact.smallest_gap "
            f"of at least {_THIN * sizes.interface:.2g} µm, a smaller contact.smallest so that more spheres touch, or a smaller "
            "mesh_size.interface"
        )


def _edge_for(balls: CutBalls, stack: Stack, size: MeshSizeSpec, cubes: float, edge: float) -> float:
    """Interface size at which a number of cubes of the local size fill the box; bisection."""
    low, high = 0.0, np.inf
    for _ in range(8):
        sizes = Sizes(edge, size.bulk or 2.0 * edge, size.growth, size.neck or _NECK)
        found = SizeField(balls, stack, sizes).cells()
        if abs(found / cubes - 1.0) < 0.2 * _CLOSE:
            break
        low, high = (edge, high) if found > cubes else (low, edge)
        guess = edge * float(np.clip(np.cbrt(found / cubes), 0.5, 2.0))
        edge = guess if low < guess < high else float(np.sqrt(low * high))
    return edge


def _tetrahedra(balls: CutBalls, stack: Stack, geometry: Geometry, sizes: Sizes) -> SimplexMesh:
    gmsh.model.mesh.clear()
    generate_tetrahedra(SizeField(balls, stack, sizes).grid())
    mesh = from_gmsh(3)
    mesh.orient()
    flatten_faces(mesh, (*balls.packing.box[:2], stack.heights[-1]))
    held = held_by_geometry(mesh, balls, stack)
    _match(mesh, held, balls, geometry)
    for _ in range(_ROUNDS):  # each correction is much smaller than the one before
        relocate(mesh, held)
        _match(mesh, held, balls, geometry)
        if float(worst_angles(mesh).min()) > _GOOD_ANGLE:
            break
    return mesh


def _match(mesh: SimplexMesh, held: Held, balls: CutBalls, geometry: Geometry) -> None:
    """Areas of contacts, then volumes of particles; the nodes that are moved for one are not those of the other."""
    facet, pair = mesh.interfaces()
    for (i, j), area in geometry.contact.items():
        between = facet[(pair == (i, j)).all(axis=1)]
        if len(between):
            match_area(mesh, held, between, balls.contact_center(i, j), area)
    match_volumes(mesh, held, balls.center, balls.radius, geometry.volume)


def _notes(balls: CutBalls) -> list[str]:
    """What the contacts are not."""
    opened, limits = balls.opened_contacts(), balls.packing.limits
    if not opened:
        return []
    return [
        f"contacts smaller than contact.smallest = {limits.smallest:g} of the smaller radius are open by "
        f"{limits.smallest_gap:.3g} µm: {opened}"
    ]


def _percolation(made: Arrangement, matrix: str) -> dict[str, Any]:
    """Clusters of particles by their contacts, whatever their phases, and of the matrix."""
    assert isinstance(made.packing, DensePacking)
    found, particles = packing_report(made.packing), "+".join(made.phases)
    return {
        "particles": {particles: found.particles},
        "percolation": {
            particles: plain_percolation(found.particle_clusters),
            matrix: plain_percolation(found.matrix_clusters),
        },
    }


def _fractions(mesh: SimplexMesh, made: Arrangement, matrix: str, whole: float) -> dict[str, float]:
    """Share of the composite of every phase."""
    assert mesh.table is not None
    volume = mesh.body_volumes()
    particle = mesh.table.particle >= 0
    shares = {
        phase: float(volume[particle & mesh.table.of_phase(phase)].sum()) / whole for phase in made.phases
    }
    shares[matrix] = 1.0 - sum(shares.values())
    return shares
