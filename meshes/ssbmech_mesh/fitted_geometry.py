"""Balls cut by planes in a box as a CAD model: every particle's pieces, the matrix, flat layers. Lengths in µm."""

from __future__ import annotations

from dataclasses import dataclass, replace

import gmsh
import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.cuts import seam_rotation
from ssbmech_mesh.dense import DensePacking
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.facets import OPEN, WALL, Planes, measures
from ssbmech_mesh.relocate import Held
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh

# Cuts that leave a gap but are smaller than this radius (in radii) and shallower than this share of the gap are not made; the
# gap is a little narrower then.
_LEAST_CUT, _SHALLOW = 0.15, 0.25
_VOLUME = (
    1e-3  # of a particle, by which the CAD kernel may miss the closed form (whose quadrature is good to 1e-4)
)
_ATTEMPTS = 4
_SLIVER = 0.02  # of a particle: most that a sliver across an edge of the box is, which is left to the matrix
_SAME = 1e-6  # of the box


@dataclass(frozen=True, eq=False)
class CutBalls:
    """Bodies 0 to m - 1: the pieces of the particles of a packing.

    particle (m,), center (m, 3), radius (m,): of every piece. planes: the cuts, by particle. packing: without rims.
    """

    packing: DensePacking
    planes: Planes
    particle: Ints
    center: Floats
    radius: Floats

    def cuts(self, body: int) -> tuple[Floats, Floats, Ints]:
        """Normals (k, 3), offsets (k,) from the centre and kinds (k,) of the planes that cut a body."""
        own = self.planes.owner == self.particle[body]
        return self.planes.normal[own], self.planes.offset[own], self.planes.kind[own]

    def contact_center(self, body: int, other: int) -> Floats:
        """Centre (3,) of the circle in which two bodies meet."""
        apart = self.center[other] - self.center[body]
        squared = float(apart @ apart)
        share = 0.5 * (1.0 + (self.radius[body] ** 2 - self.radius[other] ** 2) / squared)
        return np.asarray(self.center[body] + share * apart)

    def opened_contacts(self) -> int:
        """Pairs of spheres that overlap but are cut open."""
        planes, radius = self.planes, self.packing.radii
        half = 0.5 * self.packing.limits.smallest_gap
        overlap = (planes.kind == OPEN) & (planes.other >= 0) & (planes.offset + half < radius[planes.owner])
        return int(np.count_nonzero(overlap)) // 2


@dataclass(frozen=True)
class Stack:
    """Heights (µm) of what is meshed: the composite from low to high, the matrix from bottom to top.

    slabs: layers of other bodies than the matrix, from and to.
    """

    low: float
    high: float
    bottom: float
    top: float
    slabs: tuple[tuple[float, float], ...] = ()

    @property
    def heights(self) -> list[float]:
        """Of all flat surfaces across the stack, its two ends among them, upwards."""
        return sorted({self.bottom, self.top, *(end for slab in self.slabs for end in slab)})


@dataclass(frozen=True, eq=False)
class Geometry:
    """What is in the current gmsh model.

    pieces, matrix, slabs: tags of volumes. volume (m,): of the pieces (µm^3). contact: exact area (µm^2) of the facets between
    pieces i < j.
    """

    pieces: list[int]
    matrix: list[int]
    slabs: list[int]
    volume: Floats
    contact: dict[tuple[int, int], float]


def cut_balls(packing: DensePacking, low: float = 0.0) -> CutBalls:
    """The pieces of the particles of a packing whose box begins at the height low.

    Contacts are as flat and sharp as the spheres make them (no rims), and cuts that leave a gap but would be mere specks are
    not made.
    """
    sharp = replace(packing, limits=replace(packing.limits, rim=0.0))
    planes = sharp.planes()
    radius = packing.radii[planes.owner]
    small = radius**2 - planes.offset**2 < (_LEAST_CUT * radius) ** 2
    shallow = radius - planes.offset < _SHALLOW * packing.limits.smallest_gap
    kept = (planes.kind != OPEN) | ~(small & shallow)
    planes = Planes(*(getattr(planes, key)[kept] for key in ("owner", "other", "normal", "offset", "kind")))
    particle, center = sharp.bodies()
    return CutBalls(sharp, planes, particle, center + np.array([0.0, 0.0, low]), packing.radii[particle])


def build_geometry(balls: CutBalls, stack: Stack) -> Geometry:
    """Cut the balls, put them into the box and glue everything; the current gmsh model is empty before.

    Where the CAD kernel fails, the seams of the spheres are turned elsewhere; MeshError names the particle where that
    does not help.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _build(balls, stack, np.random.default_rng([len(balls.particle), attempt]))
        except _KernelError as error:
            reason = str(error)
            gmsh.model.occ.remove(gmsh.model.occ.getEntities(3), recursive=True)
            gmsh.model.occ.synchronize()
    raise MeshError(reason)


class _KernelError(Exception):
    """The CAD kernel gets a particle wrong."""


def _build(balls: CutBalls, stack: Stack, random: np.random.Generator) -> Geometry:
    occ = gmsh.model.occ
    x, y, _ = balls.packing.box
    block = occ.addBox(0.0, 0.0, stack.bottom, x, y, stack.top - stack.bottom)
    slabs = [occ.addBox(0.0, 0.0, a, x, y, b - a) for a, b in stack.slabs]
    solids = [(3, _cut_ball(balls, k, stack, random)) for k in range(len(balls.particle))]
    tools = [*solids, *((3, tag) for tag in slabs)]
    _, made = occ.fragment([(3, block)], tools)
    of_slabs = {tag for parts in made[1 + len(solids) :] for _, tag in parts}
    inside = {tag for _, tag in made[0]} - of_slabs
    occ.remove([e for e in occ.getEntities(3) if e[1] not in inside | of_slabs], recursive=True)
    occ.synchronize()
    pieces = []
    for k, parts in enumerate(made[1 : 1 + len(solids)]):
        here = [tag for _, tag in parts if tag in inside]
        if len(here) != 1:
            raise _KernelError(_wrong(balls, k, f"it is in {len(here)} pieces"))
        pieces += here
    volume = np.array([occ.getMass(3, tag) for tag in pieces])
    _check_volumes(balls, volume)
    matrix = sorted(inside - set(pieces))
    of_slabs_in_order = [tag for parts in made[1 + len(solids) :] for _, tag in parts]
    return Geometry(pieces, matrix, of_slabs_in_order, volume, _contacts(pieces))


def _contacts(pieces: list[int]) -> dict[tuple[int, int], float]:
    side: dict[int, int] = {}
    found: dict[tuple[int, int], float] = {}
    for k, tag in enumerate(pieces):
        for surface in gmsh.model.getAdjacencies(3, tag)[1]:
            first = side.setdefault(int(surface), k)
            if first != k:
                area = gmsh.model.occ.getMass(2, int(surface))
                found[first, k] = found.get((first, k), 0.0) + area
    return found


def _cut_ball(balls: CutBalls, body: int, stack: Stack, random: np.random.Generator) -> int:
    occ = gmsh.model.occ
    center, radius = balls.center[body], float(balls.radius[body])
    normal, offset, kind = balls.cuts(body)
    ball = occ.addSphere(*center, radius)
    at = center - np.array([0.0, 0.0, stack.low])
    turn = seam_rotation(at, radius, np.array(balls.packing.box), random, normal, offset)
    if turn is not None:
        occ.rotate([(3, ball)], *center, *turn, float(np.linalg.norm(turn)))
    # Faces of the box cut in the end; a flat side against a layer has to be cut here.
    here = np.flatnonzero((kind != WALL) | _towards_layer(normal, stack))
    tools = [(3, _half_space(center, radius, normal[n], float(offset[n]))) for n in here]
    if not tools:
        return int(ball)
    left, _ = occ.cut([(3, ball)], tools)
    if len(left) != 1:
        raise _KernelError(_wrong(balls, body, f"its cuts leave {len(left)} pieces"))
    return int(left[0][1])


def _towards_layer(normal: Floats, stack: Stack) -> NDArray[np.bool_]:
    below = (normal[:, 2] < -0.99) & (stack.heights[0] < stack.low)
    above = (normal[:, 2] > 0.99) & (stack.heights[-1] > stack.high)
    return np.asarray(below | above)


def _half_space(center: Floats, radius: float, normal: Floats, offset: float) -> int:
    """A block that holds all of the ball beyond a plane. Of two balls that touch, both blocks begin at the same plane."""
    occ = gmsh.model.occ
    wide = 2.5 * radius
    tag = occ.addBox(
        center[0] - 0.5 * wide, center[1] - 0.5 * wide, center[2] + offset, wide, wide, 1.1 * radius
    )
    axis = np.cross([0.0, 0.0, 1.0], normal)
    if np.linalg.norm(axis) < 1e-12:
        axis = np.array([1.0, 0.0, 0.0])
    occ.rotate([(3, tag)], *center, *axis, float(np.arccos(np.clip(normal[2], -1.0, 1.0))))
    return int(tag)


def _check_volumes(balls: CutBalls, volume: Floats) -> None:
    """The pieces of a particle make it up; slivers at edges of the box, which are left to the matrix, may lack."""
    exact = measures(balls.packing.radii, balls.planes).volume
    off = np.bincount(balls.particle, volume, minlength=len(exact)) / exact - 1.0
    worst = int(np.argmax(np.abs(off)))
    slivers = _SLIVER if balls.packing.periodic else 0.0
    if off.max() > _VOLUME or off.min() < -_VOLUME - slivers:
        body = int(np.flatnonzero(balls.particle == worst)[0])
        raise _KernelError(_wrong(balls, body, f"its volume is off by {100 * off[worst]:.3g} %"))


def _wrong(balls: CutBalls, body: int, what: str) -> str:
    place = ", ".join(f"{x:.4g}" for x in balls.center[body])
    return (
        f"the CAD kernel fails on the particle at ({place}) µm with radius {balls.radius[body]:.4g} µm: {what}. Take another seed or "
        "a slightly different box, or mesh on voxels"
    )


def held_by_geometry(mesh: SimplexMesh, balls: CutBalls, stack: Stack) -> Held:
    """Nodes of a mesh of the cut balls stay in the planes and on the spheres that they lie on.

    A facet of a body that lies in a plane that cuts it is flat, all others are on its sphere.
    """
    facet, pair = mesh.interfaces()
    close = _SAME * max(balls.packing.box)
    sphere = np.full((len(mesh.nodes), 3), np.nan)
    pinned = np.zeros(len(mesh.nodes), dtype=bool)
    normals = _Normals(len(mesh.nodes))
    x, y, _ = balls.packing.box
    for axis, ends in enumerate(((0.0, x), (0.0, y), stack.heights)):
        for end in ends:
            normals.add(np.flatnonzero(mesh.nodes[:, axis] == end), np.eye(3)[axis])
    for k in range(len(balls.particle)):
        own = facet[(pair == k).any(axis=1)]
        corner = mesh.nodes[own] - balls.center[k]
        on_sphere = np.ones(len(own), dtype=bool)
        normal, offset, kind = balls.cuts(k)
        cut = (kind != WALL) | _towards_layer(normal, stack)
        for n in range(len(normal)):
            flat = (np.abs(corner @ normal[n] - offset[n]) < close).all(axis=1)
            on_sphere &= ~flat
            if cut[n]:
                nodes = np.unique(own[flat])
                normals.add(nodes, normal[n])
                pinned[nodes] = True
        sphere[np.unique(own[on_sphere])] = balls.center[k]
    return Held(normals.projection, sphere, pinned)


class _Normals:
    """Independent normals of the planes that nodes lie in."""

    def __init__(self, count: int) -> None:
        self.projection = np.tile(np.eye(3), (count, 1, 1))

    def add(self, nodes: Ints, normal: Floats) -> None:
        left = self.projection[nodes] @ normal
        length = np.linalg.norm(left, axis=1)
        new = length > 1e-6
        unit = left[new] / length[new][:, None]
        self.projection[nodes[new]] -= unit[:, :, None] * unit[:, None, :]
