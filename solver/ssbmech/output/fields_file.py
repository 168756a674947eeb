"""Fields for ParaView: ``fields.bp`` on the broken mesh, where gaps are visible, and ``interface.bp`` on the interface facets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from dolfinx import fem

from ssbmech import compat
from ssbmech.domain.broken import broken_space
from ssbmech.domain.interfaces import GRAIN_BOUNDARY
from ssbmech.model import Model
from ssbmech.output.cells import CellProbe, CellState
from ssbmech.output.interface_state import QUANTITIES, InterfaceState
from ssbmech.output.nodal import nodal_means

Floats = npt.NDArray[np.float64]

STRESS_MEASURES = ("von_mises_stress", "hydrostatic_stress", "maximum_principal_stress")


class FieldsFile:
    """Writes the volume fields; all on one broken P1 space, with a jump wherever bodies meet.

    A field that a body does not carry is NaN there. Stresses are volume-weighted nodal means within each body.
    """

    def __init__(self, model: Model, probe: CellProbe, path: Path) -> None:
        self.model, self.probe = model, probe
        mesh, bodies = model.setting.mesh, model.bodies
        everywhere = np.ones(len(bodies.bodies), dtype=bool)
        scalar = broken_space(mesh, ("Lagrange", 1), bodies.cell_body, everywhere)
        vector = broken_space(mesh, ("Lagrange", 1, (model.tagged.dim,)), bodies.cell_body, everywhere)
        self._table = scalar.space.dofmap.list
        self._space = scalar.space
        self._body = scalar.body_of_dof
        names = [n for n in ("potential", "stoichiometry", "stress_potential") if n in model.setting]
        names += ["chemical_potential"] if model.lithium else []
        self.functions = {n: fem.Function(scalar.space, name=n) for n in (*names, "body", "phase")}
        if "displacement" in model.setting:
            self.functions["displacement"] = fem.Function(vector.space, name="displacement")
            flows = any(phase.plasticity is not None for phase in model.case.phases.values())
            self._measures = (*STRESS_MEASURES, *(["equivalent_plastic_strain"] if flows else []))
            for name in self._measures:
                self.functions[name] = fem.Function(scalar.space, name=name)
        phase_of_body = np.array([bodies.phases.index(body.phase) for body in bodies.bodies], dtype=float)
        self.functions["body"].x.array[:] = scalar.body_of_dof
        self.functions["phase"].x.array[:] = phase_of_body[scalar.body_of_dof]
        self._writer = compat.vtx_writer(mesh.comm, path, list(self.functions.values()))

    def _copy(self, name: str) -> None:
        """Copy a field from its own space, cell by cell at the vertices."""
        model = self.model
        unknown = model.setting[name]
        own, target = unknown.broken.space.dofmap.list, self.functions[name]
        carried = unknown.broken.body_of_dof[own[:, 0]] >= 0
        corners = own[carried][:, : model.tagged.dim + 1]
        values = unknown.value.x.array.copy()
        if name == "potential":
            # Electronic conductors hold their potential against the collector.
            electronic = [
                n
                for n, p in model.case.phases.items()
                if p.conduction and p.conduction.carrier == "electronic"
            ]
            mask = np.append(model.bodies.of_phases(electronic), False)[unknown.broken.body_of_dof]
            values[mask] += model.setting["collector_potential"].value.x.array[0]
        bs = unknown.broken.block_size
        block = target.x.array.reshape(-1, bs)
        block[:] = np.nan
        block[self._table[carried]] = values.reshape(-1, bs)[corners]

    def _chemical_potential(self) -> None:
        """µ/F = −U(x) + s at the nodes, phase by phase; NaN in passive bodies."""
        x, s = (self.functions[name].x.array for name in ("stoichiometry", "stress_potential"))
        values = self.functions["chemical_potential"].x.array
        values[:] = np.nan
        for phase, lithium in self.model.lithium.items():
            here = self.model.bodies.of_phases([phase])[self._body]
            values[here] = s[here] - lithium.open_circuit(x[here])

    def write(self, time: float, cells: CellState) -> None:
        """Write one state; collective."""
        for name in ("displacement", "potential", "stoichiometry", "stress_potential"):
            if name in self.functions:
                self._copy(name)
        if self.model.lithium:
            self._chemical_potential()
        if "displacement" in self.functions:
            measures = [
                cells.von_mises(),
                cells.hydrostatic(),
                cells.maximum_principal(),
                cells.plastic_strain,
            ]
            for name, values in zip(self._measures, measures, strict=False):
                self.functions[name].x.array[:] = nodal_means(self._space, self.probe.volume, values)
        self._writer.write(time)

    def close(self) -> None:
        self._writer.close()


class InterfaceFile:
    """Writes the interface quantities as facet means on the interface mesh, and which are grain boundaries or have charge transfer."""

    def __init__(self, model: Model, path: Path) -> None:
        self._mesh: Any = model.setting.interface_mesh
        self._writer: Any = None
        if self._mesh is None:
            return
        self._space = fem.functionspace(self._mesh.mesh, ("DG", 1))
        names = (*QUANTITIES, "crack_opening", "grain_boundary", "charge_transfer")
        self.functions = {name: fem.Function(self._space, name=name) for name in names}
        boundary = np.array([GRAIN_BOUNDARY in pair for pair in model.facets.pairs], dtype=float)
        self._set("grain_boundary", boundary[model.facets.pair])
        transfer = np.array([pair in model.transfer for pair in model.facets.pairs], dtype=float)
        self._set("charge_transfer", transfer[model.facets.pair])
        self._writer = compat.vtx_writer(model.setting.mesh.comm, path, list(self.functions.values()))

    def write(self, time: float, state: InterfaceState) -> None:
        """Write one state; collective."""
        if self._writer is None:
            return
        for name in QUANTITIES:
            self._set(name, state.facet_mean(state[name]))
        self._set("crack_opening", state.facet_mean(state.crack_opening()))
        self._writer.write(time)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _set(self, name: str, values: Floats) -> None:
        """Put one value per facet, in the row order of the facets, on the interface mesh."""
        cells, array = self._space.dofmap.list[: self._mesh.row_of_cell.size], self.functions[name].x
        array.array[cells] = values[self._mesh.row_of_cell][:, None]
        array.scatter_forward()
