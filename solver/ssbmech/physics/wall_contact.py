"""Contact between the walls of pores."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from mpi4py import MPI
from scipy.sparse import csr_array

from ssbmech.domain.wall_pairs import WallPairs, distribute_pairs, entry_keys, sandwich
from ssbmech.domain.wall_search import Mask, Opposites, WallSearch
from ssbmech.materials.wall_contact import WallContactLaw
from ssbmech.physics.algebraic import EnergyShare
from ssbmech.physics.contact_multiplier import augmented
from ssbmech.physics.setting import LocalState, Setting, UnsettledError
from ssbmech.physics.wall_memory import AcceptedContact, WallMemory

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LOOKAHEAD, _SIGHT = 2.0, 2.0
"""Walls that are nearer than this times the largest movement of a step may touch in the next one; and how much further they are seen."""

_SLACK = 0.1
"""By which share the gap of open walls may be wrong, by which share of the height of its cell a point may have slid past its opposite, and
by how much the normal of open walls may have turned, before a point is paired anew."""

_LEAN = 0.002
"""By how much the normal of walls that press on each other may have turned: their force leans by as much, like a friction."""

_OVERLAP = 1.5
"""Times the overlap of the last accepted state that counts as overlap still in the next one; more is no overlap, but a fold."""

_SEARCHES, _TURNS = 10, 3
"""Times that walls are paired anew for one solve, at most; the first few times also where only the normal or the place has changed."""

_FAR = 10.0
"""Times the tolerance by which walls may overlap, or press on each other at a distance, where that was not enough; else the step fails."""


@dataclass(frozen=True)
class WallFigures:
    """Figures of the walls over all ranks.

    Attributes:
        penetration: largest overlap of walls, paired or not [µm]; 0 where none touch. Without a tolerance, of pairs only.
        contact_fraction: area in contact over the area of all walls.
        force: ∫ p over all walls [µN]; a wall and its opposite both count.
    """

    penetration: float
    contact_fraction: float
    force: float


@dataclass
class WallContact(LocalState):
    """½ Σ_q w_q (−p_q n_q + t_q) · (v(Y_q) − v(X_q)) over the pairs of wall points, p and t by :class:`WallContactLaw`.

    X_q are the quadrature points of all walls, w_q the area that they stand for, Y_q the points opposite, n_q the normal of the pair, g
    its gap (:mod:`ssbmech.domain.wall_search`). Both walls of a pore have points, hence the ½: the traction between them is that of the
    mean of both views (two half passes; R. A. Sauer and L. De Lorenzis, Comput. Methods Appl. Mech. Eng. 253 (2013) 369). Without
    friction it is the derivative of the energy ½ Σ_q w_q K ⟨−g_q⟩²/2, so that forces are in balance and the tangent is
    symmetric. Nothing but force crosses the walls: no charge and no lithium.

    With a tolerance, multipliers λ_q take over what the penalty K alone would let overlap by more, as on interfaces
    (:mod:`ssbmech.physics.contact_multiplier`), and points are paired anew, in the deformed state, where their pairs have become
    wrong. Within a step these are walls that overlap by more than the tolerance without their pairs showing it, and closed pairs whose
    gap is wrong by more than it, whose normal has turned or that have slid; the solve is then repeated. Between steps, walls that may
    touch in the next one. The pressure and the shear traction of a point go over to its new pair. Smooth walls do no work on each
    other as they slide, but where a step ends with another pair than it began with, a discrete step does: the work of the mean of both
    tractions, without what is stored and dissipated, is booked as ``pairing_work``. It vanishes with the step.

    p and t are per undeformed area, also at finite strain.

    Args:
        setting: with the displacement.
        search: finds the opposites.
        law: of the walls.
        tolerance: largest overlap [µm]; None, for comparison with closed forms of small displacements, for the penalty alone and the
            pairs of the undeformed mesh.
        reach: largest gap of pairs in the undeformed mesh [µm]; with a tolerance others are found as they come near.
    """

    setting: Setting
    search: WallSearch
    law: WallContactLaw
    tolerance: float | None = None
    reach: float = 0.0
    pairs: WallPairs = field(init=False)
    version: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.field = "displacement"
        value = self.setting[self.field].value.x.array
        self._seen_at: Floats = np.zeros_like(value)
        reach = max(self.reach, 2 * (self.tolerance or 0.0))
        self._opposites = self._seen = self.search.look(self._seen_at, self._seen_at, reach)
        points, dim = self._opposites.normal.shape
        pairs, blank = distribute_pairs(self.search, self._opposites, WallMemory.blank(points, dim).columns())
        self._install(pairs, WallMemory.from_columns(blank, dim))
        self._searches, self._deepest = 0, 0.0
        self._saved = (self._opposites, self.pairs, self._memory)
        self.update()
        self._accepted = self._now()

    def _install(self, pairs: WallPairs, memory: WallMemory) -> None:
        self.pairs, self._memory = pairs, memory
        self.index_map: Any = pairs.index_map
        self.block_size = pairs.block_size
        self._weight = pairs.weight
        self._points = replace(self.law, friction=np.where(pairs.on_plane, 0.0, self.law.friction))
        self._to_owned = csr_array(csr_array(pairs.jump.T)[: pairs.owned])
        self.version += 1

    # -- local state -----------------------------------------------------------------------------------------------

    def states(self) -> list[LocalState]:
        return [self]

    def update(self) -> None:
        """Gaps and tractions at the current displacement; collective."""
        self._gap, self._sliding = self._split(self.pairs.jumps(self.setting[self.field].value.x.array))
        self._response = self._points.respond(*self.state)

    def _split(self, jump: Floats) -> tuple[Floats, Floats]:
        """(pairs,) gaps and (pairs, dim) sliding of a jump."""
        normal = self.pairs.normal
        opening = np.einsum("pi,pi->p", normal, jump)
        gap = np.einsum("pi,pi->p", normal, self.pairs.apart) + opening
        return gap, jump - opening[:, None] * normal

    def _now(self) -> AcceptedContact:
        """Contact at the current displacement."""
        return AcceptedContact(self.pairs, self._traction(), self._stored())

    @property
    def state(self) -> tuple[Floats, Floats, Floats]:
        """What the law is asked for: gap, less what λ makes up for, sliding, slip at the beginning of the step."""
        return self._gap - self._memory.multiplier / self.law.stiffness, self._sliding, self._memory.slip

    def _augmented(self, tolerance: float) -> Floats:
        return augmented(self._memory.multiplier, self._gap, self.law.stiffness, tolerance)

    def augment(self) -> bool:
        """Take over the pressure where the tolerance is exceeded, else pair anew; whether the solve has to be repeated, on any rank."""
        if self.tolerance is None:
            return False
        self.update()
        new = self._augmented(self.tolerance)
        changed = bool(((new != self._memory.multiplier) & (new > 0.0)).any())
        self._memory.multiplier = new
        self.update()
        return bool(self.setting.mesh.comm.allreduce(changed, MPI.LOR)) or self._correct()

    def settle(self) -> None:
        """See whether the solved walls are at rest; collective.

        Raises:
            UnsettledError: if walls overlap, or press on each other at a distance, by more than ten times the tolerance.
        """
        self._searches = 0
        if self.tolerance is None:
            return
        (_, error), seen, far = self._errors(), self._look(), _FAR * self.tolerance
        pressed = self.pairs.at_points(self.pressure, error.size) > 0.0
        unsettled = bool(((seen.gap < -far) | (pressed & (error > far))).any())
        if self.setting.mesh.comm.allreduce(unsettled, MPI.LOR):
            raise UnsettledError("walls of pores that meet find no place to rest")

    def accept(self) -> None:
        """Slip, shear traction, pressure and multipliers of the current state become history."""
        self.update()
        memory = self._memory
        memory.slip, memory.shear = self._response.slip, self._response.shear
        memory.old_multiplier, memory.old_pressure = memory.multiplier, self._response.pressure
        memory.renewed = np.zeros_like(memory.start)
        self._accepted = self._now()
        if self.tolerance is not None:
            memory.start = self._augmented(0.5 * self.tolerance)
            self._look_ahead()
        self._saved = (self._opposites, self.pairs, self._memory)
        self.restore()

    def restore(self) -> None:
        """Back to the pairs and the multipliers of the beginning of the step."""
        self._opposites, pairs, memory = self._saved
        if pairs is not self.pairs:
            self._install(pairs, memory)
        self._memory.multiplier, self._searches = memory.start, 0
        self.update()

    # -- pairing -----------------------------------------------------------------------------------------------------

    def _look(self) -> Opposites:
        """What is opposite at the current displacement; collective."""
        unknown = self.setting[self.field]
        displacement = unknown.value.x.array
        same = bool(np.array_equal(displacement, self._seen_at))
        if not self.setting.mesh.comm.allreduce(same, MPI.LAND):
            overlap = _OVERLAP * max(self.tolerance or 0.0, self._deepest)
            self._seen = self.search.look(
                displacement, unknown.previous.x.array, _SIGHT * self._near(), overlap
            )
            self._seen_at = displacement.copy()
        return self._seen

    def _near(self) -> float:
        """Gap of walls that may touch in the next step [µm]; collective."""
        unknown = self.setting[self.field]
        moved = self.search.movement(unknown.value.x.array, unknown.previous.x.array)
        return (self.tolerance or 0.0) + _LOOKAHEAD * moved

    def _errors(self) -> tuple[Floats, Floats]:
        """(points,) gaps by the pairs, infinite without, and by how much they are wrong now; collective."""
        gap = self.pairs.at_points(self._gap, self.search.facet.size, np.inf)
        seen = self._look().gap
        error = np.where(gap == seen, 0.0, np.inf)
        both = np.isfinite(gap) & np.isfinite(seen)
        error[both] = np.abs(gap[both] - seen[both])
        return gap, error

    def _correct(self) -> bool:
        """Pair anew what the solve has shown to be wrong; whether there was anything, on any rank."""
        assert self.tolerance is not None
        comm, (_, error), seen = self.setting.mesh.comm, self._errors(), self._look()
        pressed = self.pairs.at_points(self.pressure, error.size) > 0.0
        # What pairs show themselves, multipliers have brought within the tolerance; the rest is not rounding.
        wrong = (seen.gap < -self.tolerance) & (error > 1e-6 * self.tolerance)
        wrong |= pressed & (error > self.tolerance)
        if self._searches < _TURNS:
            wrong |= pressed & (self._slid() | self._turned(seen, _LEAN))
        if self._searches >= _SEARCHES or not comm.allreduce(bool(wrong.any()), MPI.LOR):
            return False
        self._searches += 1
        self._pair_anew(wrong, self.setting[self.field].previous.x.array)
        return True

    def _look_ahead(self) -> None:
        """Before the next step, pair anew the walls that may touch in it and whose gap is wrong."""
        assert self.tolerance is not None
        comm, unknown = self.setting.mesh.comm, self.setting[self.field]
        self._deepest = self._penetration()
        (gap, error), seen = self._errors(), self._look()
        near = self._near()
        least = np.minimum(gap, seen.gap)
        wrong = (
            self._slid()
            | self._turned(seen, _SLACK)
            | (error > np.maximum(0.5 * self.tolerance, _SLACK * np.abs(least)))
        )
        wrong &= least < near
        if comm.allreduce(bool(wrong.any()), MPI.LOR):
            self._pair_anew(wrong, unknown.value.x.array)

    def _slid(self) -> Mask:
        """(points,) whose opposite is no longer where their normal points."""
        pairs, search = self.pairs, self.search
        apart = pairs.apart - np.einsum("pi,pi->p", pairs.normal, pairs.apart)[:, None] * pairs.normal
        drift = np.where(pairs.on_plane, 0.0, np.linalg.norm(apart + self._sliding, axis=1))
        out: Mask = pairs.at_points(drift, search.facet.size) > _SLACK * search.surface.height[search.facet]
        return out

    def _turned(self, seen: Opposites, by: float) -> Mask:
        """(points,) whose normal is another one now."""
        out: Mask = np.linalg.norm(seen.normal - self._opposites.normal, axis=1) > by
        return out & seen.found & self._opposites.found

    def _pair_anew(self, wrong: Mask, before: Floats) -> None:
        """Take over what was seen for some points; collective.

        Args:
            wrong: (points,) which.
            before: displacement at the last accepted state, to which slip and energies refer.
        """
        old, memory = self.pairs, self._memory
        columns = old.at_points(np.column_stack([memory.columns(), self.pressure]), wrong.size)
        self._opposites = self._opposites.taken_over(wrong, self._look())
        pairs, carried = distribute_pairs(self.search, self._opposites, np.column_stack([columns, wrong]))
        memory = WallMemory.from_columns(carried[:, :-2], self.block_size)
        self._install(pairs, memory)
        self._hand_over(memory, carried[:, -2], carried[:, -1] > 0.0, before)
        self.update()

    def _hand_over(self, memory: WallMemory, pressure: Floats, new: Mask, before: Floats) -> None:
        """Pairs that are new go on with the pressure and the shear traction of their point, unless they are open.

        The traction goes on in the new tangential plane; on a plane of the box, which is smooth, and where nothing pressed there is none.
        What this and the new gap change in the stored energy is part of the pairing work.
        """
        assert self.tolerance is not None
        pairs, law, close = self.pairs, self.law, 2 * self.tolerance
        gap, _ = self._split(pairs.jumps(self.setting[self.field].value.x.array))
        held = (pressure > 0.0) & (np.abs(gap) <= close)
        kept = np.where(held, np.maximum(pressure + law.stiffness * gap, 0.0), 0.0)
        memory.multiplier = np.where(new, kept, memory.multiplier)
        memory.start = np.where(new, memory.multiplier, memory.start)
        memory.renewed = np.where(new, 1.0, memory.renewed)
        along = np.einsum("pi,pi->p", memory.shear, pairs.normal)[:, None] * pairs.normal
        lost = pairs.on_plane | (memory.old_pressure == 0.0)
        turned = np.where(lost[:, None], 0.0, memory.shear - along)
        memory.shear = np.where(new[:, None], turned, memory.shear)
        _, sliding = self._split(pairs.jumps(before))
        memory.slip = np.where(new[:, None], sliding - memory.shear / law.shear_stiffness, memory.slip)

    # -- rows and tangent ------------------------------------------------------------------------------------------

    def _traction(self) -> Floats:
        """(pairs, dim) −p n + t."""
        return self._response.shear - self._response.pressure[:, None] * self.pairs.normal

    def residual(self) -> Floats:
        out: Floats = self._to_owned @ (self._weight[:, None] * self._traction()).reshape(-1)
        return out[: self.setting[self.field].broken.owned * self.block_size]

    def pattern(self) -> tuple[Ints, Ints]:
        jump = abs(self.pairs.jump)
        pairs, bs = self.pairs.here.size, self.block_size
        product = sandwich(abs(self._to_owned), np.ones((pairs, bs, bs)), jump)
        self._keys = np.unique(entry_keys(product))
        rows, columns = np.divmod(self._keys, jump.shape[1])
        return rows, columns

    def tangent(self) -> Floats:
        blocks = self._points.tangent(*self.state, self.pairs.normal)
        product = sandwich(self._to_owned, self._weight[:, None, None] * blocks, self.pairs.jump)
        out = np.zeros(self._keys.size)
        out[np.searchsorted(self._keys, entry_keys(product))] = product.data
        return out

    @property
    def pressure(self) -> Floats:
        """(pairs,) p at the current displacement [MPa]."""
        return self._response.pressure

    # -- evaluation ------------------------------------------------------------------------------------------------

    def energies(self) -> list[EnergyShare]:
        weight = np.where(self.pairs.here, self._weight, 0.0)
        out = [EnergyShare("contact_energy", "stored", float(weight @ self._stored()))]
        friction = self._friction_work()
        if self.tolerance is not None:
            kept = weight * (1.0 - self._memory.renewed)
            out.append(EnergyShare("multiplier_work", "increment", float(kept @ self._multiplier_work())))
            out.append(EnergyShare("pairing_work", "increment", self._pairing_work(friction)))
        if np.any(self.law.friction):  # not by the pairs, of which a rank may have none
            out.append(EnergyShare("friction_dissipation", "increment", float(weight @ friction)))
        return out

    def _stored(self) -> Floats:
        """(pairs,) energy per area [MPa µm]."""
        absent = self._memory.multiplier**2 / (2 * self.law.stiffness)
        return self.law.stored(self._response) - absent

    def _friction_work(self) -> Floats:
        """(pairs,) energy per area that friction dissipates in the step [MPa µm]."""
        mean, memory = 0.5 * (self._response.shear + self._memory.shear), self._memory
        return np.asarray(np.einsum("pi,pi->p", mean, self._response.slip - memory.slip))

    def _multiplier_work(self) -> Floats:
        """(pairs,) ∫ (λ − p)/K dλ over the step [MPa µm], trapezoidal."""
        memory = self._memory
        excess = memory.multiplier - self._response.pressure + memory.old_multiplier - memory.old_pressure
        return np.asarray(0.5 * excess * (memory.multiplier - memory.old_multiplier) / self.law.stiffness)

    def _pairing_work(self, friction: Floats) -> float:
        """Of this rank's points that have changed pairs [pJ]: ½ w (τ_n · ΔJ_n + τ · ΔJ), the work of the traction at both ends of the step
        on the jump of the pair there, less what is stored and dissipated; collective."""
        if self._accepted.pairs is self.pairs:  # on all ranks
            return 0.0
        unknown, points = self.setting[self.field], self.search.facet.size
        renewed = np.ones(points, dtype=bool)
        renewed[self.pairs.number[self.pairs.here]] = self._memory.renewed[self.pairs.here] > 0.0

        def share(contact: AcceptedContact, sign: float, spent: Floats | float) -> float:
            pairs = contact.pairs
            change = pairs.jumps(unknown.value.x.array) - pairs.jumps(unknown.previous.x.array)
            work = 0.5 * np.einsum("pi,pi->p", contact.traction, change)
            values = pairs.at_points(pairs.weight * (work - sign * contact.stored - spent), points)
            return float(values[renewed].sum())

        return share(self._accepted, -1.0, 0.0) + share(self._now(), 1.0, friction)

    def _penetration(self) -> float:
        """Largest overlap [µm]; collective."""
        gap = self._gap[self.pairs.here] if self.tolerance is None else self._look().gap
        return float(self.setting.mesh.comm.allreduce(float((-gap).max(initial=0.0)), MPI.MAX))

    def figures(self) -> WallFigures:
        """Figures of the current state; collective."""
        comm, here, area = self.setting.mesh.comm, self.pairs.here, self.pairs.area
        pressure = self.pressure
        closed = here & (pressure > 0.0)
        sums = comm.allreduce(np.array([area[closed].sum(), area[closed] @ pressure[closed]]))
        deepest = self._penetration()
        whole = float(self.search.surface.areas.sum())
        return WallFigures(deepest, float(sums[0]) / whole if whole > 0.0 else 0.0, float(sums[1]))
