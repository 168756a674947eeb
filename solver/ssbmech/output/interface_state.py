"""Interface quantities at the quadrature points of the interface mesh, and their area-weighted statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem, la
from mpi4py import MPI

from ssbmech import compat
from ssbmech.domain.interfaces import GRAIN_BOUNDARY, Pair
from ssbmech.model import Model

Floats = npt.NDArray[np.float64]

QUANTITIES = (
    "damage",
    "broken_fraction",
    "gap",
    "normal_traction",
    "shear_traction",
    "slip",
    "transmissivity",
    "current_density",
    "oxidation_charge",
    "film_resistance",
    "oxidation_opening",
)

OPEN_GAP = 1e-3
"""µm; a broken face with a larger gap counts as open (1 nm, far above the penalty's play)."""

BROKEN = 0.99
"""Share of spent fracture energy from which a face counts as debonded."""


@dataclass(frozen=True)
class InterfaceState:
    """Values at the interface points of this rank's owned facets.

    Attributes:
        values: quantity -> (facets, points).
        area: (facets, points) area of each point [µm²].
        damage_dofs: d in the dof order of the history space.
        penetration: (pairs,) largest overlap of two bodies by pair of phases, on all ranks [µm].
    """

    values: dict[str, Floats]
    area: Floats
    damage_dofs: Floats
    penetration: Floats

    def __getitem__(self, name: str) -> Floats:
        return self.values[name]

    def facet_mean(self, values: Floats) -> Floats:
        """(facets,) area-weighted mean over each facet of values at the points."""
        mean: Floats = (values * self.area).sum(axis=1) / self.area.sum(axis=1)
        return mean

    def crack_opening(self) -> Floats:
        """(facets, points) gap [µm] where the bond has begun to break (r > 0) and the faces have parted, else zero."""
        opening: Floats = np.maximum(self["gap"], 0.0) * (self["broken_fraction"] > 0)
        return opening


@dataclass(frozen=True)
class InterfaceStatistics:
    """Areas and fractions over a set of facets, on all ranks together.

    Attributes:
        area: [µm²].
        damaged: mean damage d.
        delaminated: mean broken fraction r.
        open, closed_debonded: shares that are broken (r > BROKEN), with and without a gap wider than OPEN_GAP.
        active: mean transmissivity.
        crack_volume: integral of the crack opening [µm³].
        film_resistance: mean resistance of the film [ohm m²].
        oxidation_opening: mean opening by oxidation [µm].
    """

    area: float
    damaged: float
    delaminated: float
    open: float
    closed_debonded: float
    active: float
    crack_volume: float
    film_resistance: float
    oxidation_opening: float


class InterfaceProbe:
    """Evaluates the interface laws of a model at the history points."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._mesh = model.setting.interface_mesh
        if self._mesh is None:
            return
        q = ufl.TestFunction(self._mesh.space)("+")
        maps = self._mesh.entity_maps
        pairs = [
            pair for pair in model.setting.pair_number if pair in model.cohesion or pair in model.transfer
        ]
        self._forms = {}
        for name in QUANTITIES:
            parts = [(ufl.as_ufl(_quantity(model, pair, name)), pair) for pair in pairs]
            # A form of zeros only would have no test function; what it stands for is zero everywhere.
            parts = [(value, pair) for value, pair in parts if value != 0]
            form = sum(value * q * model.setting.dS(pair) for value, pair in parts)
            self._forms[name] = compat.form(form, maps) if parts else None
        weight = sum(q * model.setting.dS(pair) for pair in model.setting.pair_number)
        self._weights = self._assemble(compat.form(weight, maps))

    def _assemble(self, form: Any) -> Floats:
        vector = fem.assemble_vector(form)
        vector.scatter_reverse(la.InsertMode.add)
        return np.array(vector.array)

    def evaluate(self) -> InterfaceState:
        """All quantities at the current fields."""
        if self._mesh is None:
            empty = np.zeros((0, 1))
            none = np.zeros(len(self.model.facets.pairs))
            return InterfaceState(dict.fromkeys(QUANTITIES, empty), empty, np.zeros(0), none)
        area = self._weights
        safe = np.where(area > 0, area, 1.0)
        values, damage = {}, np.zeros_like(area)
        for name, form in self._forms.items():
            at_points = self._assemble(form) / safe if form is not None else np.zeros_like(area)
            if name in ("damage", "broken_fraction"):
                at_points = np.clip(at_points, 0.0, 1.0)
            if name == "damage":
                damage = at_points
            values[name] = self._mesh.by_facet(at_points)
        by_facet = self._mesh.by_facet(area)
        return InterfaceState(values, by_facet, damage, self._penetration(values["gap"], by_facet > 0))

    def _penetration(self, gap: Floats, valid: npt.NDArray[np.bool_]) -> Floats:
        deepest = np.where(valid, np.maximum(-gap, 0.0), 0.0).max(axis=1, initial=0.0)
        largest = np.zeros(len(self.model.facets.pairs))
        np.maximum.at(largest, self.model.facets.pair, deepest)
        self.model.setting.mesh.comm.Allreduce(MPI.IN_PLACE, largest, MPI.MAX)
        return largest

    def statistics(self, state: InterfaceState, facets: npt.NDArray[np.bool_]) -> InterfaceStatistics:
        """Area-weighted statistics over some of this rank's facets, summed over all ranks."""
        w = state.area[facets]
        gap, broken = state["gap"][facets], state["broken_fraction"][facets]
        debonded = broken > BROKEN
        is_open = debonded & (gap > OPEN_GAP)
        sums = np.array(
            [
                w.sum(),
                (w * state["damage"][facets]).sum(),
                (w * broken).sum(),
                w[is_open].sum(),
                w[debonded & ~is_open].sum(),
                (w * state["transmissivity"][facets]).sum(),
                (w * state["film_resistance"][facets]).sum(),
                (w * state["oxidation_opening"][facets]).sum(),
                (w * state.crack_opening()[facets]).sum(),
            ]
        )
        total = self.model.setting.mesh.comm.allreduce(sums)
        area, volume = float(total[0]), float(total[-1])
        means = total[1:-1] / area if area > 0 else total[1:-1]
        damaged, delaminated, opened, closed, active, film, opening = map(float, means)
        return InterfaceStatistics(area, damaged, delaminated, opened, closed, active, volume, film, opening)

    def active_facets(self) -> npt.NDArray[np.bool_]:
        """Mask of the facets with charge transfer (CAM | SE); without electrochemistry, of all facets."""
        facets, numbers = self.model.facets, self.model.setting.pair_number
        chosen = [numbers[pair] for pair in (self.model.transfer or self.model.cohesion)]
        return np.isin(facets.pair, chosen)

    def grain_boundary_facets(self) -> npt.NDArray[np.bool_]:
        """Mask of the facets between grains of one particle that have a law of their own."""
        numbers = self.model.setting.pair_number
        chosen = [number for pair, number in numbers.items() if GRAIN_BOUNDARY in pair[2:]]
        return np.isin(self.model.facets.pair, chosen)


def _quantity(model: Model, pair: Pair, name: str) -> Any:
    """UFL expression of one quantity on one pair of phases."""
    cohesion, transfer = model.cohesion.get(pair), model.transfer.get(pair)
    law = transfer or model.conductance.get(pair) or model.lithium_transfer.get(pair)
    if name == "transmissivity":
        return law.transmissivity() if law is not None else 0.0
    if name == "current_density":
        return law.current() if law is not None else 0.0
    if name == "film_resistance":
        return transfer.resistance() if transfer is not None else 0.0
    if name in ("oxidation_charge", "oxidation_opening"):
        if pair not in model.oxidation:
            return 0.0
        history = model.oxidation[pair].history
        return history.new if name == "oxidation_charge" else history.opening()
    if cohesion is None:
        return 0.0
    damage, broken = cohesion.new_damage()
    traction = cohesion.traction()
    normal = cohesion.normal
    along = ufl.dot(traction, normal)
    if name == "shear_traction":
        shear = traction - along * normal
        return ufl.sqrt(ufl.dot(shear, shear) + 1e-24)
    if name == "slip":
        if cohesion.friction is None:
            return 0.0
        slip = cohesion.new_slip()
        return ufl.sqrt(ufl.dot(slip, slip) + 1e-24)
    gap, _ = cohesion.law.opening(cohesion.jump, normal)
    return {"damage": damage, "broken_fraction": broken, "gap": gap, "normal_traction": along}[name]
