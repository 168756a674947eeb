"""Which point of a wall faces which point of another, at any state of deformation.

From every quadrature point x of a wall a ray goes along the outward normal, into the pore; the wall that it meets within ``reach`` is
the opposite one. A second ray along the mean of both normals, n, finds y there: so the walls see each other alike. A ray rather than
the closest point, because the closest wall of a point near a corner is its own neighbour, while a ray that leaves the body crosses the
pore. Walls at more than 60 degrees to each other are not paired. The gap of a pair is

    g = n · (y − x) = n · (Y − X) + n · (u(Y) − u(X))

with the undeformed places X and Y; n, X and Y are kept until the pair is made anew (:mod:`ssbmech.physics.wall_contact`), and in between
the error is of second order in the sliding since then against the curvature of the walls.

Walls may overlap. Therefore rays begin behind the wall, by what walls may have moved towards each other since an earlier state, but not
by more than half the height of the cell there. What such a ray meets behind x is an overlap only if it was none in that earlier
state; else it is the back of a thin part of the own body, or a fold. Where walls may have moved by more than that, rays along the
normals of the earlier state find the walls that faced each other then, and n · (y − x) tells whether they have come through each other.

Where a pore is cut by a face of the box that moves as a plane, a plane of symmetry or a platen, a wall may meet that plane instead.
Then n is the normal of the plane, u(Y) the displacement of the face along it, and the pair has no counterpart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import basix
import numpy as np
import numpy.typing as npt
from dolfinx import fem
from mpi4py import MPI

from ssbmech.domain.broken import BrokenSpace
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.domain.rays import Facets, first_hits
from ssbmech.domain.wall_surface import WallSurface, wall_surface

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

STEEPEST = 0.5
"""Least cosine of the angle between one wall and the other turned round."""

_BEHIND = 0.5
"""Share of the height of its cell by which a ray begins behind a wall."""


@dataclass
class Opposites:
    """What lies opposite this rank's wall points. Without an opposite, ``gap`` is infinite and the rest means nothing.

    Attributes:
        gap: (points,) g at the state of the search [µm], negative where walls overlap.
        apart: (points, dim) Y − X of the undeformed places [µm]; its part along n for a plane.
        normal: (points, dim) n.
        blocks: (points, 2 k) global displacement blocks at x and y.
        coefficients: (points, 2 k) theirs in u(Y) − u(X).
        on_plane: (points,) whether y is on a face of the box.
    """

    gap: Floats
    apart: Floats
    normal: Floats
    blocks: Ints
    coefficients: Floats
    on_plane: Mask

    @property
    def found(self) -> Mask:
        return np.isfinite(self.gap)

    def taken_over(self, where: Mask, other: Opposites) -> Opposites:
        """These, but ``other``'s for the points marked in ``where``."""
        return Opposites(
            *(
                np.where(where.reshape(-1, *[1] * (mine.ndim - 1)), theirs, mine)
                for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)
            )
        )


@dataclass(frozen=True)
class _Plane:
    """A face of the box as one plane: axis, side, undeformed place, and a global displacement block that moves with it."""

    axis: int
    sign: float
    place: float
    block: int


@dataclass(frozen=True)
class _Eyes:
    """The deformed walls that a search sees, and the points that it sees them from.

    Attributes:
        now, then: (n, k, dim) places of the nodes of all walls, now and in the earlier state.
        walls: now, in straight parts.
        point, earlier: (points, dim) places of this rank's points, now and in the earlier state.
        normal: (points, dim) there, now.
        reach: how far they see [µm].
        overlap: that the earlier state may have [µm].
    """

    now: Floats
    then: Floats
    walls: Facets
    point: Floats
    earlier: Floats
    normal: Floats
    reach: float
    overlap: float

    @property
    def deepest(self) -> float:
        """Overlap that there may be now [µm]: two walls that have moved towards each other."""
        moved: Floats = np.linalg.norm(self.now - self.then, axis=2)
        return self.overlap + 2 * float(moved.max(initial=0.0))


class WallSearch:
    """The wall points of this rank, and how to find what is opposite.

    Args:
        tagged: the mesh.
        broken: space of the displacement.
        degree: quadrature degree on the facets of the walls.
        planes: faces of the box (x-, x+, ...) whose dofs all have the same displacement along their normal.

    Attributes:
        surface: all walls.
        facet: (points,) on which facet a point lies.
        place: (points, dim) X [µm].
        area: (points,) that a point stands for [µm²].
    """

    def __init__(
        self, tagged: TaggedMesh, broken: BrokenSpace, degree: int, planes: Sequence[str] = ()
    ) -> None:
        self.broken = broken
        self.surface = surface = wall_surface(tagged, broken)
        self._planes = [_plane(tagged, broken, face) for face in planes]
        self.facet, own, self.area = _quadrature(surface, degree)
        self._shapes, self._slopes = surface.shapes(self.facet, own), surface.slopes(self.facet, own)
        self.place = self._at(surface.nodes)
        self._parts = _subdivided(surface.dim, surface.degree)
        count, parts = len(surface.nodes), len(self._parts)
        whole = np.repeat(np.arange(count), self._parts[..., 0].size)
        corners = np.tile(self._parts.reshape(-1, surface.dim), (count, 1))
        self._corner_shapes = surface.shapes(whole, corners).reshape(
            count, parts, surface.dim, surface.nodes.shape[1]
        )

    def _at(self, nodes: Floats) -> Floats:
        place: Floats = np.einsum("pk,pki->pi", self._shapes, nodes[self.facet])
        return place

    def look(self, displacement: Floats, before: Floats, reach: float, overlap: float = 0.0) -> Opposites:
        """What is opposite at a displacement; collective.

        Args:
            displacement: local array of the space.
            before: that of an earlier state, without overlaps of more than ``overlap`` [µm].
            reach: largest distance at which walls see each other [µm].
        """
        surface = self.surface
        now, then = surface.deformed(displacement), surface.deformed(before)
        eyes = self._eyes(now, then, reach, overlap)
        dim, width, points = surface.dim, 2 * surface.nodes.shape[1], self.facet.size
        out = Opposites(
            np.full(points, np.inf), np.zeros((points, dim)), np.zeros((points, dim)),
            np.zeros((points, width), dtype=np.int64), np.zeros((points, width)), np.zeros(points, dtype=bool),
        )  # fmt: skip
        self._meet_walls(out, eyes, eyes)
        for plane in self._planes:
            self._meet_plane(out, plane, eyes, displacement)
        depth = _BEHIND * surface.height
        if (eyes.deepest > depth).any():  # of all walls, so on all ranks
            passed = Opposites(*(array.copy() for array in vars(out).values()))
            passed.gap[:] = np.inf
            self._meet_walls(passed, self._eyes(then, then, eyes.deepest, 0.0), eyes)
            through = (passed.gap < -depth[self.facet]) & (out.gap >= 0.0)
            out = out.taken_over(through, passed)
        return out

    def movement(self, displacement: Floats, before: Floats) -> float:
        """Largest movement of a wall or a plane of the box [µm]; collective."""
        space, dim = self.broken.space, self.surface.dim
        start, stop = space.dofmap.index_map.local_range
        planes = [plane.block - start for plane in self._planes if start <= plane.block < stop]
        blocks = np.concatenate([self.surface.local_blocks.reshape(-1), np.array(planes, dtype=np.int32)])
        moved = (displacement - before).reshape(-1, dim)[blocks]
        most = float(np.linalg.norm(moved, axis=1).max(initial=0.0))
        return float(self.surface.comm.allreduce(most, MPI.MAX))

    def _eyes(self, now: Floats, then: Floats, reach: float, overlap: float) -> _Eyes:
        normal = self.surface.normals(self.facet, self._slopes, now)
        return _Eyes(now, then, self._pieces(now), self._at(now), self._at(then), normal, reach, overlap)

    def _pieces(self, nodes: Floats) -> Facets:
        """Straight parts of the deformed walls, as many to a facet as its degree asks for."""
        surface, parts = self.surface, len(self._parts)
        corners = np.einsum("nsck,nki->nsci", self._corner_shapes, nodes).reshape(
            -1, surface.dim, surface.dim
        )
        facet = np.repeat(np.arange(len(nodes)), parts)
        return Facets(corners, surface.oriented(facet, corners[:, 1:] - corners[:, :1]))

    def _meet_walls(self, out: Opposites, eyes: _Eyes, at: _Eyes) -> None:
        """Fill in the points that see a wall, with the gaps to what they see as it lies ``at`` another moment."""
        surface, normal = self.surface, eyes.normal
        one, facet, own = self._shoot(eyes, np.arange(self.facet.size), normal)
        there = surface.normals(facet, surface.slopes(facet, own), eyes.now)
        facing = np.einsum("ij,ij->i", normal[one], there) < -STEEPEST
        one, both = one[facing], normal[one[facing]] - there[facing]
        both /= np.linalg.norm(both, axis=1, keepdims=True)
        two, facet, own = self._shoot(eyes, one, both)
        both = both[np.searchsorted(one, two)]
        there = surface.normals(facet, surface.slopes(facet, own), eyes.now)
        facing = np.einsum("ij,ij->i", normal[two], there) < -STEEPEST
        two, facet, own, both = two[facing], facet[facing], own[facing], both[facing]
        far = surface.shapes(facet, own)
        opposite = np.einsum("pk,pki->pi", far, at.now[facet])
        out.gap[two] = np.einsum("pi,pi->p", both, opposite - at.point[two])
        out.apart[two] = np.einsum("pk,pki->pi", far, surface.nodes[facet]) - self.place[two]
        out.normal[two] = both
        out.blocks[two] = np.concatenate([surface.blocks[self.facet[two]], surface.blocks[facet]], axis=1)
        out.coefficients[two] = np.concatenate([-self._shapes[two], far], axis=1)

    def _shoot(self, eyes: _Eyes, points: Ints, direction: Floats) -> tuple[Ints, Ints, Floats]:
        """Rays of some points: those that meet a wall, the facets that they meet, and where on those."""
        surface, parts = self.surface, len(self._parts)
        origin = eyes.point[points]
        depth = np.minimum(_BEHIND * surface.height[self.facet[points]], eyes.deepest)
        reach = eyes.reach + float(depth.max(initial=0.0))
        hits = first_hits(origin - depth[:, None] * direction, direction, eyes.walls, reach)
        facet, own, distance = hits.facet, hits.barycentric, hits.distance - depth
        behind = np.flatnonzero((facet >= 0) & (distance < 0))
        whole, part = np.divmod(facet[behind], parts)
        far = surface.shapes(whole, np.einsum("pc,pcb->pb", own[behind], self._parts[part]))
        place = np.einsum("pk,pki->pi", far, eyes.then[whole])
        gap = np.einsum("pi,pi->p", direction[behind], place - eyes.earlier[points[behind]])
        behind = behind[gap < -eyes.overlap]
        again = first_hits(origin[behind], direction[behind], eyes.walls, eyes.reach)
        facet[behind], own[behind], distance[behind] = again.facet, again.barycentric, again.distance
        met = np.flatnonzero((facet >= 0) & (distance <= eyes.reach))
        whole, part = np.divmod(facet[met], parts)
        return points[met], whole, np.einsum("pc,pcb->pb", own[met], self._parts[part])

    def _meet_plane(self, out: Opposites, plane: _Plane, eyes: _Eyes, displacement: Floats) -> None:
        """Fill in the points without an opposite that face a plane of the box within reach, with no wall between."""
        space, dim = self.broken.space, self.surface.dim
        start, stop = space.dofmap.index_map.local_range
        mine = start <= plane.block < stop
        moved = displacement[(plane.block - start) * dim + plane.axis] if mine else 0.0
        place = plane.place + self.surface.comm.allreduce(float(moved))
        if plane.block < 0:
            return
        direction = np.zeros(dim)
        direction[plane.axis] = plane.sign
        distance = plane.sign * (place - eyes.point[:, plane.axis])
        # cos 2α of the angle α to the plane's normal is that to the mirror image of the wall, which counts for steepness.
        cosine = eyes.normal @ direction
        facing = (cosine > 0) & (2 * cosine**2 - 1 > STEEPEST)
        here = np.flatnonzero(~out.found & (distance <= eyes.reach) & facing)
        along = np.broadcast_to(direction, (here.size, dim))
        between = first_hits(eyes.point[here], along, eyes.walls, eyes.reach)
        here = here[between.distance >= distance[here]]
        blocks = self.surface.blocks[self.facet[here]]
        far = np.zeros(blocks.shape)
        far[:, 0] = 1.0
        out.gap[here] = distance[here]
        out.apart[here, plane.axis] = plane.place - self.place[here, plane.axis]
        out.normal[here] = direction
        out.blocks[here] = np.concatenate([blocks, np.full_like(blocks, plane.block)], axis=1)
        out.coefficients[here] = np.concatenate([-self._shapes[here], far], axis=1)
        out.on_plane[here] = True


def _quadrature(surface: WallSurface, degree: int) -> tuple[Ints, Floats, Floats]:
    """Facet, barycentric coordinates and undeformed area of the quadrature points of this rank's walls."""
    shape = basix.CellType.triangle if surface.dim == 3 else basix.CellType.interval
    reference, weights = basix.make_quadrature(shape, degree)
    weights = weights / weights.sum()
    own = np.concatenate([1 - reference.sum(axis=1, keepdims=True), reference], axis=1)
    count = surface.mine.stop - surface.mine.start
    facet = np.repeat(np.arange(surface.mine.start, surface.mine.stop), len(weights))
    return facet, np.tile(own, (count, 1)), surface.areas[facet] * np.tile(weights, count)


def _subdivided(dim: int, degree: int) -> Floats:
    """(parts, dim, dim) barycentric coordinates of the corners of degree^(dim-1) equal parts of a facet, all turning alike."""
    steps = np.arange(degree)
    if dim == 2:
        ends = np.stack([steps, steps + 1], axis=1) / degree
        return np.stack([1 - ends, ends], axis=2)
    upright = [[(i, j), (i + 1, j), (i, j + 1)] for i in steps for j in steps if i + j < degree]
    turned = [[(i + 1, j), (i + 1, j + 1), (i, j + 1)] for i in steps for j in steps if i + j < degree - 1]
    second = np.array(upright + turned, dtype=np.float64) / degree
    return np.concatenate([1 - second.sum(axis=2, keepdims=True), second], axis=2)


def _plane(tagged: TaggedMesh, broken: BrokenSpace, face: str) -> _Plane:
    """A face of the box; its block is -1 where nothing of the solid is on it. Collective."""
    comm, imap = tagged.mesh.comm, broken.space.dofmap.index_map
    facets = tagged.faces.get(face, np.zeros(0, dtype=np.int32))
    blocks = fem.locate_dofs_topological(broken.space, tagged.dim - 1, facets)
    blocks = blocks[broken.body_of_dof[blocks] >= 0]
    mine = int(imap.local_to_global(blocks.astype(np.int32)).max(initial=-1))
    axis, upper = "xyz".index(face[0]), face[1] == "+"
    place = tagged.upper[axis] if upper else tagged.lower[axis]
    return _Plane(axis, 1.0 if upper else -1.0, float(place), int(comm.allreduce(mine, MPI.MAX)))
