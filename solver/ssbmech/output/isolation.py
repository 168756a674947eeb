"""Active material that is cut off: without a way for electrons to the collector, or for lithium to the electrolyte."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from mpi4py import MPI

from ssbmech.domain.interfaces import Pair
from ssbmech.domain.reach import reached_bodies
from ssbmech.model import Model
from ssbmech.output.interface_state import InterfaceState

Mask = npt.NDArray[np.bool_]

PASSING = 1e-2
"""Two bodies are in contact while the area-weighted mean transmissivity of the faces between them is above this: a hundredth of
the contact that they were made with. While cracks open, the share that is cut off changes little with it, because faces between two
bodies open over most of their area or hardly at all; a body whose cracks close again at a few points counts as cut off for longer than
its current says."""


class Reach:
    """What is in contact with what, body by body.

    Contacts are numbered alike on every rank: one for each pair of bodies and interface law.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        facets, self._bodies = model.facets, len(model.bodies.bodies)
        comm, n = model.setting.mesh.comm, self._bodies
        key = (facets.pair.astype(np.int64) * n + facets.plus_body) * n + facets.minus_body
        keys = np.unique(np.concatenate(comm.allgather(np.unique(key))))
        self._contact = np.searchsorted(keys, key)
        self._pair, self._sides = keys // n**2, np.stack([keys // n % n, keys % n], axis=1)
        self._at_collector = np.unique(np.concatenate(comm.allgather(_bodies_on_face(model))))

    def passing(self, state: InterfaceState) -> Mask:
        """(contacts,) mask of those that pass current or lithium in a state; collective."""
        area, through = state.area.sum(axis=1), (state.area * state["transmissivity"]).sum(axis=1)
        sums = [np.bincount(self._contact, w, len(self._pair)) for w in (area, through)]
        total = self.model.setting.mesh.comm.allreduce(np.array(sums))
        mask: Mask = total[1] > PASSING * total[0]
        return mask

    def electrons(self, passing: Mask | None = None) -> Mask:
        """(bodies,) mask of those that electrons reach; all of them where they are wired to the collector."""
        case, bodies = self.model.case, self.model.bodies
        if case.electrons is None or case.electrons.path != "resolved":
            return np.ones(self._bodies, dtype=bool)
        conductors = [
            n for n, p in case.phases.items() if p.conduction and p.conduction.carrier == "electronic"
        ]
        pairs = [p for p in self.model.conductance if p[0] in conductors and p[1] in conductors]
        electronic = np.flatnonzero(bodies.of_phases(conductors))
        return self._joined(pairs, np.intersect1d(electronic, self._at_collector), passing)

    def lithium(self, passing: Mask | None = None) -> Mask:
        """(bodies,) mask of those that exchange lithium with the electrolyte, or with others that do."""
        charged = self._sides[self._of(list(self.model.transfer), passing), 0]
        return self._joined(list(self.model.lithium_transfer), np.unique(charged), passing)

    def _of(self, pairs: list[Pair], passing: Mask | None) -> Mask:
        numbers = self.model.setting.pair_number
        here: Mask = np.isin(self._pair, [numbers[pair] for pair in pairs])
        return here if passing is None else here & passing

    def _joined(self, pairs: list[Pair], seeds: npt.NDArray[np.int64], passing: Mask | None) -> Mask:
        contacts = self._sides[self._of(pairs, passing)]
        return reached_bodies(MPI.COMM_SELF, self._bodies, contacts, seeds.astype(np.int32))

    def unreached(self) -> list[str]:
        """Names of the active bodies that are cut off whatever the state: the mesh has no such faces."""
        if not self.model.lithium:
            return []
        electrons, lithium = self.electrons(), self.lithium()
        active = [b for b in self.model.bodies.bodies if b.phase in self.model.lithium]
        no_electrons = [b.name for b in active if not electrons[b.number]]
        return no_electrons + [b.name for b in active if electrons[b.number] and not lithium[b.number]]

    def isolated_fraction(self, state: InterfaceState) -> float:
        """Share of the active material, by volume, that is cut off in a state; nan without electrochemistry. Collective."""
        if not self.model.lithium:
            return float("nan")
        passing = self.passing(state)
        active = self.model.bodies.of_phases(list(self.model.lithium))
        reached = self.electrons(passing) & self.lithium(passing)
        volume = self.model.body_volume
        return float(volume[active & ~reached].sum() / volume[active].sum())


def _bodies_on_face(model: Model) -> npt.NDArray[np.int32]:
    """Bodies at the collector, this rank's."""
    facets = model.tagged.faces.get(model.case.stack.collector, np.zeros(0, dtype=np.int32))
    dim = model.tagged.dim
    to_cells = model.setting.mesh.topology.connectivity(dim - 1, dim)
    cells = to_cells.array[to_cells.offsets[facets]]
    bodies: npt.NDArray[np.int32] = np.unique(model.bodies.cell_body[cells])
    return bodies
