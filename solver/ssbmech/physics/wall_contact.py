"""Contact between the walls of pores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import la
from mpi4py import MPI
from scipy.sparse import bsr_array, csr_array

from ssbmech.domain.walls import WallPairs
from ssbmech.materials.wall_contact import WallContactLaw
from ssbmech.physics.algebraic import EnergyShare
from ssbmech.physics.contact_multiplier import augmented
from ssbmech.physics.setting import LocalState, Setting

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WallFigures:
    """Figures of the walls over all ranks.

    Attributes:
        penetration: largest −g [µm], 0 where no walls touch.
        contact_fraction: area in contact over the area of all walls.
        force: ∫ p over all walls [µN]; a wall and its opposite both count.
    """

    penetration: float
    contact_fraction: float
    force: float


@dataclass
class WallContact(LocalState):
    """½ Σ_q w_q (−p_q n_q + t_q) · (v(Y_q) − v(X_q)) over the pairs of wall points, p and t by :class:`WallContactLaw`.

    X_q are the quadrature points of all walls, w_q the area that they stand for, Y_q the points opposite, n_q the normal at X_q, g the
    gap of :mod:`ssbmech.domain.walls`. Both walls of a pore have points, hence the ½: the traction between them is that of the
    mean of both views (two half passes; R. A. Sauer and L. De Lorenzis, Comput. Methods Appl. Mech. Eng. 253 (2013) 369). Without
    friction it is the derivative of the energy ½ Σ_q w_q K ⟨−g_q⟩²/2, so that forces are in balance and the tangent is
    symmetric. Nothing but force crosses the walls: no charge and no lithium. With a tolerance, multipliers λ_q take over what the
    penalty K alone would let overlap by more, as on interfaces (:mod:`ssbmech.physics.contact_multiplier`).
    """

    setting: Setting
    pairs: WallPairs
    law: WallContactLaw
    tolerance: float | None = None

    def __post_init__(self) -> None:
        self.field = "displacement"
        self.index_map: Any = self.pairs.index_map
        self.block_size = self.pairs.block_size
        self._vector = la.vector(self.index_map, self.block_size, dtype=np.float64)
        self._weight = self.pairs.weight
        self._points = replace(self.law, friction=np.where(self.pairs.on_plane, 0.0, self.law.friction))
        self._to_owned = csr_array(csr_array(self.pairs.jump.T)[: self.pairs.owned])
        self._slip = np.zeros_like(self.pairs.normal)
        self._shear = np.zeros_like(self.pairs.normal)
        self._multiplier = np.zeros_like(self._weight)
        self._old_multiplier, self._old_pressure = self._multiplier, self._multiplier
        self._start = self._multiplier
        self.update()

    # -- local state -----------------------------------------------------------------------------------------------

    def states(self) -> list[LocalState]:
        return [self]

    def update(self) -> None:
        """Gaps and tractions at the current displacement; collective."""
        pairs, bs = self.pairs, self.block_size
        values, count = self.setting[self.field].value.x.array, pairs.owned
        self._vector.array[:count] = values[:count]
        self._vector.scatter_forward()
        jump = (pairs.jump @ self._vector.array).reshape(-1, bs)
        opening = np.einsum("pi,pi->p", pairs.normal, jump)
        self._gap = pairs.gap + opening
        self._sliding = jump - opening[:, None] * pairs.normal
        self._response = self._points.respond(*self.state)

    @property
    def state(self) -> tuple[Floats, Floats, Floats]:
        """What the law is asked for: gap, less what λ makes up for, sliding, slip at the beginning of the step."""
        return self._gap - self._multiplier / self.law.stiffness, self._sliding, self._slip

    def _augmented(self, tolerance: float) -> Floats:
        return augmented(self._multiplier, self._gap, self.law.stiffness, tolerance)

    def augment(self) -> bool:
        """Take over the pressure where the tolerance is exceeded; whether any λ of a closed point changed, on any rank."""
        if self.tolerance is None:
            return False
        self.update()
        new = self._augmented(self.tolerance)
        changed = bool(((new != self._multiplier) & (new > 0.0)).any())
        self._multiplier = new
        self.update()
        return bool(self.setting.mesh.comm.allreduce(changed, MPI.LOR))

    def accept(self) -> None:
        """Slip, shear traction, pressure and multipliers of the current state become history."""
        self.update()
        self._slip, self._shear = self._response.slip, self._response.shear
        self._old_multiplier, self._old_pressure = self._multiplier, self._response.pressure
        if self.tolerance is not None:
            self._start = self._augmented(0.5 * self.tolerance)
        self.restore()

    def restore(self) -> None:
        """Back to the multipliers of the beginning of the step."""
        self._multiplier = self._start
        self.update()

    # -- rows and tangent ------------------------------------------------------------------------------------------

    def residual(self) -> Floats:
        traction = self._response.shear - self._response.pressure[:, None] * self.pairs.normal
        out: Floats = self._to_owned @ (self._weight[:, None] * traction).reshape(-1)
        return out[: self.setting[self.field].broken.owned * self.block_size]

    def pattern(self) -> tuple[Ints, Ints]:
        jump = abs(self.pairs.jump)
        pairs, bs = self.pairs.gap.size, self.block_size
        product = _sandwich(abs(self._to_owned), np.ones((pairs, bs, bs)), jump)
        self._keys = np.unique(_keys(product))
        rows, columns = np.divmod(self._keys, jump.shape[1])
        return rows, columns

    def tangent(self) -> Floats:
        blocks = self._points.tangent(*self.state, self.pairs.normal)
        product = _sandwich(self._to_owned, self._weight[:, None, None] * blocks, self.pairs.jump)
        out = np.zeros(self._keys.size)
        out[np.searchsorted(self._keys, _keys(product))] = product.data
        return out

    @property
    def pressure(self) -> Floats:
        """(pairs,) p at the current displacement [MPa]."""
        return self._response.pressure

    # -- evaluation ------------------------------------------------------------------------------------------------

    def energies(self) -> list[EnergyShare]:
        here = self.pairs.here
        weight = self._weight[here]
        absent = self._multiplier**2 / (2 * self.law.stiffness)
        stored = float(weight @ (self.law.stored(self._response) - absent)[here])
        out = [EnergyShare("contact_energy", "stored", stored)]
        if self.tolerance is not None:
            out.append(
                EnergyShare("multiplier_work", "increment", float(weight @ self._multiplier_work()[here]))
            )
        if np.any(self._points.friction > 0.0):
            mean = 0.5 * (self._response.shear + self._shear)
            work = np.einsum("pi,pi->p", mean, self._response.slip - self._slip)
            out.append(EnergyShare("friction_dissipation", "increment", float(weight @ work[here])))
        return out

    def _multiplier_work(self) -> Floats:
        """(points,) ∫ (λ − p)/K dλ over the step [MPa µm], trapezoidal."""
        excess = self._multiplier - self._response.pressure + self._old_multiplier - self._old_pressure
        return np.asarray(0.5 * excess * (self._multiplier - self._old_multiplier) / self.law.stiffness)

    def figures(self) -> WallFigures:
        """Figures of the current state; collective."""
        comm, here, area = self.setting.mesh.comm, self.pairs.here, self.pairs.area
        pressure = self.pressure
        closed = here & (pressure > 0.0)
        sums = comm.allreduce(np.array([area[closed].sum(), area[closed] @ pressure[closed]]))
        deepest = comm.allreduce(float((-self._gap[closed]).max(initial=0.0)), MPI.MAX)
        whole = self.pairs.wall_area
        return WallFigures(deepest, float(sums[0]) / whole if whole > 0.0 else 0.0, float(sums[1]))


def _sandwich(left: csr_array, blocks: Floats, right: csr_array) -> csr_array:
    """left · diag(blocks) · right."""
    pairs, bs = blocks.shape[0], blocks.shape[1]
    positions = (blocks, np.arange(pairs), np.arange(pairs + 1))
    diagonal = bsr_array(positions, shape=(pairs * bs, pairs * bs), blocksize=(bs, bs))
    product = csr_array(left @ (diagonal.tocsr() @ right))
    product.sum_duplicates()
    return product


def _keys(matrix: csr_array) -> Ints:
    """(entries,) row · columns + column of every entry."""
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    keys: Ints = rows * matrix.shape[1] + matrix.indices
    return keys
