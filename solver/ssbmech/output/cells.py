"""Cell averages of stress, strain and stoichiometry, and what follows from them for every body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem

from ssbmech import compat
from ssbmech.domain.measures import cell_volumes
from ssbmech.model import Model

Floats = npt.NDArray[np.float64]

_COMPONENTS = 16

_FLOWED = 1e-9
"""Equivalent plastic strain from which a point counts as yielded: far below what matters, above rounding."""

_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True)
class CellState:
    """Averages over the owned cells of this rank.

    Attributes:
        stress: (cells, 6) xx, yy, zz, xy, xz, yz [MPa].
        strain: (cells, 6) total strain; Green-Lagrange at finite strain.
        stoichiometry: (cells,), 0 in passive bodies.
        volumetric_strain: (cells,) relative change of volume.
        plastic_strain: (cells,) equivalent plastic strain.
        yielded: (cells,) share of the integration points that have flowed.
    """

    stress: Floats
    strain: Floats
    stoichiometry: Floats
    volumetric_strain: Floats
    plastic_strain: Floats
    yielded: Floats

    def hydrostatic(self) -> Floats:
        """σ_h [MPa], tension positive."""
        mean: Floats = self.stress[:, :3].mean(axis=1)
        return mean

    def von_mises(self) -> Floats:
        """von Mises stress [MPa]."""
        return _deviator_norm(self.stress, 1.5)

    def maximum_principal(self) -> Floats:
        """Largest principal stress [MPa]."""
        tensor = np.zeros((self.stress.shape[0], 3, 3))
        for k, (i, j) in enumerate(_PAIRS):
            tensor[:, i, j] = tensor[:, j, i] = self.stress[:, k]
        largest: Floats = np.asarray(np.linalg.eigvalsh(tensor)[:, 2], dtype=np.float64)
        return largest

    def equivalent_strain(self) -> Floats:
        """(2/3 e : e)^½ of the strain deviator e."""
        return _deviator_norm(self.strain, 2.0 / 3.0)


def _deviator_norm(tensor: Floats, factor: float) -> Floats:
    """(factor · s : s)^½ of the deviator s."""
    normal = tensor[:, :3] - tensor[:, :3].mean(axis=1, keepdims=True)
    norm: Floats = np.sqrt(factor * ((normal**2).sum(axis=1) + 2 * (tensor[:, 3:] ** 2).sum(axis=1)))
    return norm


class CellProbe:
    """Evaluates cell averages of a model by testing with piecewise constants."""

    def __init__(self, model: Model) -> None:
        self.model = model
        setting = model.setting
        space = fem.functionspace(setting.mesh, ("DG", 0, (_COMPONENTS,)))
        q = ufl.TestFunction(space)
        form = sum(ufl.inner(self._vector(phase), q) * setting.dx(phase) for phase in model.case.phases)
        self._form = compat.form(form, [])
        owned = setting.mesh.topology.index_map(model.tagged.dim).size_local
        self.volume = cell_volumes(setting.mesh)
        self._dofs = space.dofmap.list[:owned, 0]
        self.body = model.bodies.cell_body[:owned]

    def _vector(self, phase: str) -> Any:
        setting = self.model.setting
        zero = 0.0 * setting.time_step
        parts: list[Any] = [zero] * _COMPONENTS
        solid = self.model.solids.get(phase)
        if solid is not None:
            stress, total, plastic = solid.stress(), solid.strain(), solid.plastic_strain()
            for k, (i, j) in enumerate(_PAIRS):
                parts[k], parts[6 + k] = stress[i, j] + zero, total[i, j] + zero
            parts[13] = solid.volumetric_strain() + zero
            parts[14] = plastic + zero
            parts[15] = ufl.conditional(ufl.gt(plastic, _FLOWED), 1.0, 0.0) + zero
        if phase in self.model.lithium:
            parts[12] = setting["stoichiometry"].value + zero
        return ufl.as_vector(parts)

    def evaluate(self) -> CellState:
        """Averages at the current fields."""
        integral = fem.assemble_vector(self._form).array.reshape(-1, _COMPONENTS)[self._dofs]
        mean = integral / self.volume[:, None]
        return CellState(mean[:, :6], mean[:, 6:12], *mean[:, 12:].T)

    def body_means(self, values: Floats) -> Floats:
        """(bodies,) volume means of cell values, the same on every rank."""
        sums = np.bincount(self.body, weights=values * self.volume, minlength=len(self.model.bodies.bodies))
        total: Floats = self.model.setting.mesh.comm.allreduce(sums)
        return total / self.model.body_volume

    def body_maxima(self, values: Floats) -> Floats:
        """(bodies,) maxima of cell values, the same on every rank."""
        from mpi4py import MPI

        largest = np.full(len(self.model.bodies.bodies), -np.inf)
        np.maximum.at(largest, self.body, values)
        out = np.empty_like(largest)
        self.model.setting.mesh.comm.Allreduce(largest, out, MPI.MAX)
        return out
