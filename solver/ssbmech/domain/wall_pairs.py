"""Pairs of wall points, distributed: every rank holds those whose dofs it owns, with the matrix that gives their jumps.

Every wall has its own points, so that each pore is seen from both sides; a pair therefore weighs half its area. A pair with a plane
has no counterpart and weighs its whole area.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import la
from scipy.sparse import bsr_array, csr_array

from ssbmech import compat
from ssbmech.domain.wall_search import Opposites, WallSearch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WallPairs:
    """Pairs of wall points of which this rank owns a dof or the wall that the ray starts from.

    Attributes:
        index_map: displacement blocks: those that the rank owns, then those that its pairs need of others.
        block_size: components of a block.
        jump: (dim · pairs, dofs) matrix; its product with the displacement is u(Y) − u(X), pair by pair.
        normal: (pairs, dim) from X into the pore.
        apart: (pairs, dim) Y − X without displacement [µm].
        area: (pairs,) that the pair stands for on the wall of X [µm²].
        on_plane: (pairs,) whether Y is on a face of the box.
        here: (pairs,) whether the wall of X is this rank's: sums count each pair once.
        number: (pairs,) of X among the wall points of its rank.
    """

    index_map: Any
    block_size: int
    jump: csr_array
    normal: Floats
    apart: Floats
    area: Floats
    on_plane: npt.NDArray[np.bool_]
    here: npt.NDArray[np.bool_]
    number: Ints

    @property
    def weight(self) -> Floats:
        """(pairs,) area [µm²] by which a pair counts: half of it where its opposite is the point of a pair, too."""
        weight: Floats = np.where(self.on_plane, 1.0, 0.5) * self.area
        return weight

    @property
    def owned(self) -> int:
        """Dofs that this rank owns, components unrolled."""
        return int(self.index_map.size_local) * self.block_size

    @cached_property
    def _vector(self) -> Any:
        return la.vector(self.index_map, self.block_size, dtype=np.float64)

    def jumps(self, displacement: Floats) -> Floats:
        """(pairs, dim) u(Y) − u(X) of a displacement, the local array of the space; collective."""
        self._vector.array[: self.owned] = displacement[: self.owned]
        self._vector.scatter_forward()
        out: Floats = (self.jump @ self._vector.array).reshape(-1, self.block_size)
        return out

    def at_points(self, values: Floats, points: int, fill: float = 0.0) -> Floats:
        """(points, ...) of (pairs, ...) values those at this rank's wall points, ``fill`` where there is no pair."""
        out = np.full((points, *values.shape[1:]), fill)
        out[self.number[self.here]] = values[self.here]
        return out


def distribute_pairs(search: WallSearch, opposites: Opposites, carried: Floats) -> tuple[WallPairs, Floats]:
    """Hand the pairs to the ranks that need them, with (pairs, columns) what was carried along; collective.

    Args:
        search: the wall points.
        opposites: of this rank's points.
        carried: (points, columns) values that go with the points.
    """
    comm, broken = search.surface.comm, search.broken
    found = np.flatnonzero(opposites.found)
    mine = [
        opposites.blocks, opposites.coefficients, opposites.normal, opposites.apart, search.area, opposites.on_plane, carried
    ]  # fmt: skip
    parts = comm.allgather([array[found] for array in mine] + [found, np.full(found.size, comm.rank)])
    gathered = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    imap, bs = broken.space.dofmap.index_map, broken.block_size
    start, stop = imap.local_range
    owned = (gathered[0] >= start) & (gathered[0] < stop)
    needed = np.flatnonzero(owned.any(axis=1) | (gathered[-1] == comm.rank))
    owned = owned[needed]
    blocks, coefficients, normal, apart, area, on_plane, carried, number, home = (a[needed] for a in gathered)
    ghosts = np.unique(blocks[~owned])
    ends = np.cumsum(comm.allgather(stop - start))
    owners = np.searchsorted(ends, ghosts, side="right").astype(np.int32)
    index_map = compat.index_map(comm, int(imap.size_local), ghosts.astype(np.int64), owners)
    local = np.where(owned, blocks - start, imap.size_local + np.searchsorted(ghosts, blocks))
    jump = _jumps(local, coefficients, bs, int(imap.size_local) + ghosts.size)
    here = home == comm.rank
    return WallPairs(index_map, bs, jump, normal, apart, area, on_plane, here, number), carried


def _jumps(blocks: Ints, coefficients: Floats, bs: int, size: int) -> csr_array:
    """Matrix of the jumps, from local numbers of blocks and their coefficients, pair by pair."""
    pairs, width = blocks.shape
    component = np.arange(bs)
    rows = np.broadcast_to(np.arange(pairs)[:, None, None] * bs + component, (pairs, width, bs))
    columns = blocks[:, :, None] * bs + component
    values = np.broadcast_to(coefficients[:, :, None], columns.shape)
    shape = (pairs * bs, size * bs)
    return csr_array((values.reshape(-1), (rows.reshape(-1), columns.reshape(-1))), shape=shape)


def sandwich(left: csr_array, blocks: Floats, right: csr_array) -> csr_array:
    """left · diag(blocks) · right."""
    pairs, bs = blocks.shape[0], blocks.shape[1]
    positions = (blocks, np.arange(pairs), np.arange(pairs + 1))
    diagonal = bsr_array(positions, shape=(pairs * bs, pairs * bs), blocksize=(bs, bs))
    product = csr_array(left @ (diagonal.tocsr() @ right))
    product.sum_duplicates()
    return product


def entry_keys(matrix: csr_array) -> Ints:
    """(entries,) row · columns + column of every entry."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys: Ints = rows * matrix.shape[1] + matrix.indices
    return keys
