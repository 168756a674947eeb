"""Walls of pores: the free boundary of the solid, known to all ranks, undeformed and deformed.

Pores are absent cells, and their walls the free boundary facets: those on no face of the bounding box and on no named surface. A wall
may meet any other, on whatever rank, so that every rank has all of them: a surface quantity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import basix
import basix.ufl
import numpy as np
import numpy.typing as npt
from dolfinx import mesh as dmesh
from mpi4py import MPI

from ssbmech import compat
from ssbmech.domain.broken import BrokenSpace
from ssbmech.domain.mesh import TaggedMesh

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WallSurface:
    """Wall facets of all ranks. Points on them are given by barycentric coordinates of the facet.

    Attributes:
        nodes: (n, k, dim) undeformed places of the displacement's nodes on a facet, its corners first [µm].
        blocks: (n, k) global numbers of the displacement blocks there.
        local_facet: (n,) number of the facet in its cell.
        orientation: (n,) sign that turns the normal of the corners' order out of the solid, into the pore.
        height: (n,) of the cell behind the facet [µm].
        degree: of the displacement.
        mine: the facets that this rank owns.
        local_blocks: (own, k) local numbers of the displacement blocks of those.
    """

    comm: MPI.Comm
    nodes: Floats
    blocks: Ints
    local_facet: Ints
    orientation: Floats
    height: Floats
    degree: int
    mine: slice
    local_blocks: npt.NDArray[np.int32]

    @property
    def dim(self) -> int:
        return self.nodes.shape[2]

    @cached_property
    def areas(self) -> Floats:
        """(n,) undeformed [µm²]; lengths in 2D, per µm of depth."""
        edges = self.nodes[:, 1 : self.dim] - self.nodes[:, :1]
        gram = np.einsum("nik,njk->nij", edges, edges)
        area: Floats = np.sqrt(np.linalg.det(gram)) / (2.0 if self.dim == 3 else 1.0)
        return area

    def deformed(self, displacement: Floats) -> Floats:
        """(n, k, dim) where the nodes are now; ``displacement`` is the local array of the space. Collective."""
        moved = self.nodes[self.mine] + displacement.reshape(-1, self.dim)[self.local_blocks]
        return np.concatenate(self.comm.allgather(moved))

    def shapes(self, facet: Ints, barycentric: Floats) -> Floats:
        """(points, k) shape functions of the nodes at points on facets."""
        table: Floats = self._tabulate(facet, barycentric)[0]
        return table

    def slopes(self, facet: Ints, barycentric: Floats) -> Floats:
        """(dim - 1, points, k) their derivatives along the edges from the first corner to the others."""
        table: Floats = self._tabulate(facet, barycentric)[1:]
        return table

    def _tabulate(self, facet: Ints, barycentric: Floats) -> Floats:
        element, vertices = _element(self.dim, self.degree), basix.geometry(_cell(self.dim))
        closures = element.entity_closure_dofs[self.dim - 1]
        local, out = self.local_facet[facet], np.zeros((self.dim, facet.size, self.nodes.shape[1]))
        for number, of_facet in enumerate(_facet_vertices(self.dim)):
            here = local == number
            if here.any():
                corners = vertices[of_facet]
                table = element.tabulate(1, barycentric[here] @ corners)[:, :, closures[number], 0]
                out[0, here] = table[0]
                out[1:, here] = np.einsum("ji,ipk->jpk", corners[1:] - corners[0], table[1:])
        return out

    def normals(self, facet: Ints, slopes: Floats, nodes: Floats) -> Floats:
        """(points, dim) unit normals into the pore at points with those ``slopes``, of facets with the given places of nodes."""
        return self.oriented(facet, np.einsum("jpk,pki->pji", slopes, nodes[facet]))

    def oriented(self, facet: Ints, edges: Floats) -> Floats:
        """(points, dim) unit normals into the pore, from (points, dim - 1, dim) tangents along the edges of facets."""
        out: Floats = _unit_normals(edges) * self.orientation[facet][:, None]
        return out


def wall_facets(tagged: TaggedMesh) -> npt.NDArray[np.int32]:
    """Owned exterior facets that lie on no face of the box and on no named surface."""
    dim, topology = tagged.dim, tagged.mesh.topology
    topology.create_connectivity(dim - 1, dim)
    exterior = np.asarray(dmesh.exterior_facet_indices(topology), dtype=np.int32)
    named = [np.zeros(0, dtype=np.int32), *tagged.faces.values()]
    walls: npt.NDArray[np.int32] = np.setdiff1d(exterior, np.concatenate(named)).astype(np.int32)
    return walls


def wall_surface(tagged: TaggedMesh, broken: BrokenSpace) -> WallSurface:
    """The walls of all ranks; collective."""
    mesh, dim, space = tagged.mesh, tagged.dim, broken.space
    degree, facets = int(space.ufl_element().degree), wall_facets(tagged)
    to_cells = mesh.topology.connectivity(dim - 1, dim)
    cells = to_cells.array[to_cells.offsets[facets]]
    to_facets = mesh.topology.connectivity(dim, dim - 1).array.reshape(-1, dim + 1)
    local = np.argmax(to_facets[cells] == facets[:, None], axis=1).astype(np.int64)
    closure = np.array(_element(dim, degree).entity_closure_dofs[dim - 1])[local]
    blocks = np.take_along_axis(space.dofmap.list[cells], closure, axis=1).astype(np.int32)
    numbers = space.dofmap.index_map.local_to_global(blocks.reshape(-1)).reshape(blocks.shape)
    nodes = space.tabulate_dof_coordinates()[blocks][:, :, :dim]
    centres = mesh.geometry.x[compat.cell_nodes(mesh)[cells]][:, :, :dim].mean(axis=1)
    # The centre of a simplex is dim + 1 times nearer to a facet than the opposite corner.
    away = np.einsum("ij,ij->i", _unit_normals(nodes[:, 1:dim] - nodes[:, :1]), nodes[:, 0] - centres)
    mine = (nodes, numbers.astype(np.int64), local, np.sign(away), (dim + 1) * np.abs(away))
    every = [np.concatenate(arrays) for arrays in zip(*mesh.comm.allgather(mine), strict=True)]
    begin = mesh.comm.exscan(facets.size) or 0
    nodes, numbers, local, orientation, height = every
    own = slice(begin, begin + facets.size)
    return WallSurface(mesh.comm, nodes, numbers, local, orientation, height, degree, own, blocks)


def _unit_normals(edges: Floats) -> Floats:
    """(n, dim) from (n, dim - 1, dim) tangents."""
    if edges.shape[1] == 2:
        normal = np.cross(edges[:, 0], edges[:, 1])
    else:
        normal = np.stack([edges[:, 0, 1], -edges[:, 0, 0]], axis=1)
    size = np.linalg.norm(normal, axis=1)
    out: Floats = normal / np.where(size > 0, size, 1.0)[:, None]
    return out


def _cell(dim: int) -> Any:
    return basix.CellType.tetrahedron if dim == 3 else basix.CellType.triangle


def _element(dim: int, degree: int) -> Any:
    """The scalar element of one component of the displacement."""
    return basix.ufl.element("Lagrange", _cell(dim).name, degree).basix_element


def _facet_vertices(dim: int) -> list[list[int]]:
    """Vertices of every facet of a cell, by the numbers that they have in the cell."""
    vertices: list[list[int]] = basix.topology(_cell(dim))[dim - 1]
    return vertices
