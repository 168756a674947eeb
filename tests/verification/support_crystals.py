"""Crystals at any orientation in numpy, and small meshes whose regions have crystal frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import support_coupled as sc
from dolfinx import fem

from ssbmech.domain.bodies import Bodies, assign_bodies
from ssbmech.domain.crystal import crystal_axis
from ssbmech.domain.mesh import RawMesh, RegionTable, TaggedMesh, distribute
from ssbmech.materials.hexagonal import HexagonalElasticity

Floats = npt.NDArray[np.float64]

HEXAGONAL = {"c11": 351e3, "c12": 106e3, "c13": 69e3, "c33": 203e3, "c44": 54e3}
"""MPa; of LiCrO2 (Materials Project mp-18793), without C14: as anisotropic as layered oxides are."""

VOIGT = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]


def rotation(seed: int) -> Floats:
    """A proper rotation, random but always the same."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q *= np.sign(np.diag(r))
    q[:, 0] *= np.linalg.det(q)
    return np.asarray(q)


def stiffness(frame: Floats, c11: float, c12: float, c13: float, c33: float, c44: float) -> Floats:
    """C_ijkl (3, 3, 3, 3) of a crystal whose axes are the columns of ``frame``: the matrix in its axes, rotated index by index."""
    matrix = np.diag([c11, c11, c33, c44, c44, 0.5 * (c11 - c12)])
    matrix[0, 1] = matrix[1, 0] = c12
    matrix[:2, 2] = matrix[2, :2] = c13
    c = np.zeros((3, 3, 3, 3))
    for m, (i, j) in enumerate(VOIGT):
        for n, (k, o) in enumerate(VOIGT):
            c[i, j, k, o] = c[j, i, k, o] = c[i, j, o, k] = c[j, i, o, k] = matrix[m, n]
    return np.asarray(np.einsum("ia,jb,kc,ld,abcd->ijkl", frame, frame, frame, frame, c))


def about(frame: Floats, across: float, along: float) -> Floats:
    """Second-order tensor that is ``across`` in the a-b plane and ``along`` on the c axis."""
    return frame @ np.diag([across, across, along]) @ frame.T


def hexagonal(axis: Any) -> HexagonalElasticity:
    return HexagonalElasticity(**HEXAGONAL, axis=axis)


def with_frames(tagged: TaggedMesh, frames: Sequence[Floats]) -> TaggedMesh:
    """The mesh with a crystal frame (3, 3) for every region."""
    n = len(tagged.regions)
    names = tuple(tagged.regions)
    table = RegionTable(
        names,
        names,
        np.arange(n),
        np.zeros(n, np.int64),
        np.zeros((n, 3)),
        np.ones(n),
        np.array(frames),
    )
    return replace(tagged, table=table)


def grid(n: int, frames: Sequence[Floats], dim: int = 3, split: int = 1) -> TaggedMesh:
    """Unit cube or square of ``split`` grains a side, each of ``n`` cells a side, with the frames of the grains."""
    raw = None
    if sc.COMM.rank == 0:
        nodes, cells = sc.cube_grid(n * split, dim)
        block = np.minimum((nodes[cells].mean(axis=1) * split).astype(int), split - 1)
        region = (block @ split ** np.arange(dim)).astype(np.int32)
        none = np.zeros((0, dim), np.int64), np.zeros(0, np.int32)
        raw = RawMesh(nodes, cells, region, [f"solid_{k}" for k in range(split**dim)], *none, [])
    return with_frames(distribute(sc.COMM, raw), frames)


@dataclass
class Crystals:
    """Bodies and axes of a mesh all of whose regions are of the phase ``solid``."""

    tagged: TaggedMesh

    @property
    def bodies(self) -> Bodies:
        return assign_bodies(self.tagged, {"solid": ["*"]})

    def axis(self, given: dict[str, Sequence[float]] | None = None) -> fem.Function:
        found = crystal_axis(self.tagged, self.bodies, {"solid": ["elasticity.hexagonal"]}, given or {})
        assert found is not None
        return found
