"""Interface facets between bodies, their orientation, and the mesh on which their history lives.

The '+' side of an interface between phases A and B (in the order of the case file) is A; between two bodies of the same
phase it is the body with the lower number. The order is imposed by handing the integration entities to the form, so that
``f('+')`` has a physical meaning in every ``dS`` term.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import basix.ufl
import numpy as np
import numpy.typing as npt
from dolfinx import fem
from dolfinx import mesh as dmesh

from ssbmech import compat
from ssbmech.domain.bodies import Bodies, RegionError

Ints = npt.NDArray[np.int32]
Pair = tuple[str, ...]
"""Two phases; GRAIN_BOUNDARY behind them where the faces between grains of one particle are meant."""

GRAIN_BOUNDARY = "grain boundary"


@dataclass(frozen=True)
class InterfaceFacets:
    """Owned interface facets of this rank.

    Attributes:
        facets: (n,) facet numbers of the mesh.
        pair: (n,) index into ``pairs``.
        pairs: pairs of phases, '+' side first.
        entities: (n, 4) cell, local facet on the '+' side, then on the '-' side.
        plus_body, minus_body: (n,) bodies of the two sides.
    """

    facets: Ints
    pair: Ints
    pairs: tuple[Pair, ...]
    entities: Ints
    plus_body: Ints
    minus_body: Ints

    def subdomain_data(self) -> list[tuple[int, Ints]]:
        """What ``ufl.Measure('dS', subdomain_data=...)`` takes; subdomain k is ``pairs[k]``."""
        return [
            (k, np.ascontiguousarray(self.entities[self.pair == k].reshape(-1)))
            for k in range(len(self.pairs))
        ]


def _two_cells(mesh: dmesh.Mesh, facets: Ints) -> tuple[Ints, Ints]:
    """(n, 2) cells and (n, 2) local facet numbers of interior facets."""
    dim = mesh.topology.dim
    to_cells = mesh.topology.connectivity(dim - 1, dim)
    cells = to_cells.array[to_cells.offsets[facets][:, None] + np.arange(2)]
    to_facets = mesh.topology.connectivity(dim, dim - 1).array.reshape(-1, dim + 1)
    local = np.argmax(to_facets[cells] == facets[:, None, None], axis=2)
    return cells.astype(np.int32), local.astype(np.int32)


def find_interfaces(mesh: dmesh.Mesh, bodies: Bodies, pairs: Sequence[Pair]) -> InterfaceFacets:
    """All owned facets between two bodies.

    Args:
        mesh: the mesh.
        bodies: its bodies.
        pairs: pairs of phases that have an interface law, in the order that defines '+'.

    Faces between grains of one particle belong to the pair with GRAIN_BOUNDARY where there is one, else to that of the particles.

    Raises:
        RegionError: on every rank, when two bodies meet whose phases have no law.
    """
    dim = mesh.topology.dim
    mesh.topology.create_connectivity(dim - 1, dim)
    to_cells = mesh.topology.connectivity(dim - 1, dim)
    owned = mesh.topology.index_map(dim - 1).size_local
    interior = np.flatnonzero(np.diff(to_cells.offsets[: owned + 1]) == 2).astype(np.int32)
    cells, local = _two_cells(mesh, interior)
    body = bodies.cell_body[cells]
    meets = body[:, 0] != body[:, 1]
    facets, cells, local, body = interior[meets], cells[meets], local[meets], body[meets]
    phase = bodies.cell_phase[cells]

    table = np.full((len(bodies.phases),) * 2, -1, dtype=np.int32)
    inside = np.full(len(bodies.phases), -1, dtype=np.int32)
    first = np.full(len(pairs), -1, dtype=np.int32)
    for number, (a, b, *where) in enumerate(pairs):
        i, j = bodies.phases.index(a), bodies.phases.index(b)
        if where:
            inside[i] = number
        else:
            table[i, j] = table[j, i] = number
        first[number] = i
    pair = table[phase[:, 0], phase[:, 1]]
    particle = bodies.particle[body]
    boundary = (particle[:, 0] == particle[:, 1]) & (particle[:, 0] >= 0) & (inside[phase[:, 0]] >= 0)
    pair[boundary] = inside[phase[boundary, 0]]
    _refuse_missing(mesh, bodies, phase[pair < 0])

    swap = np.where(phase[:, 0] == phase[:, 1], body[:, 0] > body[:, 1], phase[:, 0] != first[pair])
    plus = swap.astype(np.int64)
    rows = np.arange(facets.size)
    entities = np.stack(
        [cells[rows, plus], local[rows, plus], cells[rows, 1 - plus], local[rows, 1 - plus]], axis=1
    ).astype(np.int32)
    return InterfaceFacets(facets, pair, tuple(pairs), entities, body[rows, plus], body[rows, 1 - plus])


def _refuse_missing(mesh: dmesh.Mesh, bodies: Bodies, phase: Ints) -> None:
    names = bodies.phases
    here = {tuple(sorted((names[a], names[b]))) for a, b in np.unique(phase, axis=0)} if phase.size else set()
    missing = sorted(set().union(*mesh.comm.allgather(here)))
    if missing:
        raise RegionError(
            "the mesh has interfaces without a law: "
            + ", ".join(f"{a} | {b}" for a, b in missing)
            + "; add an entry with `between: [...]` under interfaces"
        )


class InterfaceMesh:
    """The interface facets as a mesh of their own, with quadrature fields on it for history variables.

    Evaluation at the history points goes through assembly: integrate ``expression * q('+')`` over the facets with the
    quadrature test function q and divide by the weights. It needs no map of points and works for any number of ranks.
    """

    def __init__(self, mesh: dmesh.Mesh, facets: InterfaceFacets, degree: int) -> None:
        self.parent = mesh
        self.degree = degree
        dim = mesh.topology.dim
        self.mesh, self._map, self.parents = compat.submesh(mesh, dim - 1, np.sort(facets.facets))
        shape = {3: "triangle", 2: "interval"}[dim]
        element = basix.ufl.quadrature_element(shape, degree=degree, scheme="default")
        self.space = fem.functionspace(self.mesh, element)
        self.points_per_facet = int(self.space.dofmap.list.shape[1])
        owned = mesh.topology.index_map(dim - 1).size_local
        row = np.full(owned, -1, dtype=np.int32)
        row[facets.facets] = np.arange(facets.facets.size, dtype=np.int32)
        cells = self.mesh.topology.index_map(dim - 1).size_local
        self.row_of_cell = row[self.parents[:cells]]
        """(owned facets of the submesh,) row of :class:`InterfaceFacets`."""

    @property
    def entity_maps(self) -> list[tuple[dmesh.Mesh, Any]]:
        return [(self.mesh, self._map)]

    def function(self, name: str) -> fem.Function:
        return fem.Function(self.space, name=name)

    def by_facet(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Values at the points as (owned facets, points) in the row order of :class:`InterfaceFacets`."""
        cells = self.row_of_cell.size
        out = np.empty((cells, self.points_per_facet))
        out[self.row_of_cell] = values[self.space.dofmap.list[:cells]]
        return out
