"""``transport.bp``: potentials and current densities of every network and direction, for ParaView."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem

from ssbmech import compat
from ssbmech.domain.broken import broken_space
from ssbmech.domain.measures import cell_volumes
from ssbmech.output.nodal import nodal_means
from ssbmech.physics.kinematics import deformation_gradient
from ssbmech.transport.geometry import Geometry
from ssbmech.transport.network import Direction, Network
from ssbmech.transport.structure import Structure

Floats = npt.NDArray[np.float64]


class TransportFile:
    """Gathers the solutions on one broken linear space, and writes them at once.

    Potentials are those at the corners of the cells; current densities are volume-weighted nodal means within each body. What a body
    does not carry is nan there.
    """

    def __init__(self, structure: Structure, geometry: Geometry) -> None:
        self._structure, self._geometry = structure, geometry
        tagged, bodies = structure.tagged, structure.bodies
        self._dim = tagged.dim
        everywhere = np.ones(len(bodies.bodies), dtype=bool)
        self._scalar = broken_space(tagged.mesh, ("Lagrange", 1), bodies.cell_body, everywhere)
        self._vector = broken_space(tagged.mesh, ("Lagrange", 1, (self._dim,)), bodies.cell_body, everywhere)
        self._functions = {n: fem.Function(self._scalar.space, name=n) for n in ("body", "phase")}
        phase_of_body = np.array([bodies.phases.index(body.phase) for body in bodies.bodies], dtype=float)
        self._functions["body"].x.array[:] = self._scalar.body_of_dof
        self._functions["phase"].x.array[:] = phase_of_body[self._scalar.body_of_dof]
        if "displacement" in geometry.setting:
            u = geometry.setting["displacement"]
            self._copy(self._new("displacement", vector=True), u.value, u.broken.body_of_dof)

    def add(self, network: Network, direction: Direction) -> None:
        """Take the solution of one direction; collective."""
        axis, carrier = "xyz"[direction.axis], network.carrier
        target = self._new(f"{carrier}_potential_{axis}", vector=False)
        self._copy(target, direction.potential, network.broken.body_of_dof)
        flow = self._new(f"{carrier}_current_density_{axis}", vector=True)
        if direction.conducts:
            current = np.nan_to_num(cell_current(network, direction))
            flow.x.array[:] = nodal_means(self._vector.space, self._geometry.volumes, current, self._dim)
        block = flow.x.array.reshape(-1, self._dim)
        block[~np.isfinite(target.x.array)] = np.nan

    def write(self, path: Path, time: float) -> None:
        """Write the file; collective."""
        comm = self._structure.tagged.mesh.comm
        writer = compat.vtx_writer(comm, path, list(self._functions.values()))
        writer.write(time)
        writer.close()

    def _new(self, name: str, vector: bool) -> fem.Function:
        space = (self._vector if vector else self._scalar).space
        self._functions[name] = fem.Function(space, name=name)
        return self._functions[name]

    def _copy(self, target: fem.Function, source: fem.Function, body_of_dof: npt.NDArray[np.int32]) -> None:
        """Copy values cell by cell at the corners."""
        own, table = source.function_space.dofmap.list, self._scalar.space.dofmap.list
        carried = body_of_dof[own[:, 0]] >= 0
        bs = int(source.function_space.dofmap.index_map_bs)
        block = target.x.array.reshape(-1, bs)
        block[:] = np.nan
        block[table[carried]] = source.x.array.reshape(-1, bs)[own[carried][:, : self._dim + 1]]


def cell_current(network: Network, direction: Direction) -> Floats:
    """(owned cells, dim) mean current density −σ ∇φ [pA/µm² = A/m²] of each cell in its deformed place; 0 where nothing flows."""
    setting, dim = network.setting, network.structure.tagged.dim
    space = fem.functionspace(setting.mesh, ("DG", 0, (dim,)))
    q, form = ufl.TestFunction(space), 0
    for phase in network.phases:
        gradient = _spatial_gradient(setting, direction.potential, dim)
        form += -network.conductivity(phase) * ufl.dot(gradient, q) * setting.dx(phase)
    owned = setting.mesh.topology.index_map(dim).size_local
    # The reference volume, because the form is an integral over it; F and J are constant in a cell.
    volume = cell_volumes(setting.mesh)
    integral = fem.assemble_vector(compat.form(form, [])).array.reshape(-1, dim)
    return np.asarray(integral[space.dofmap.list[:owned, 0]] / volume[:, None])


def _spatial_gradient(setting: Any, potential: fem.Function, dim: int) -> Any:
    """∂φ/∂x = F⁻ᵀ ∂φ/∂X."""
    gradient = ufl.grad(potential)
    if not setting.finite_strain:
        return gradient
    inverse = ufl.inv(deformation_gradient(setting["displacement"].value))
    return ufl.as_vector([sum(inverse[j, i] * gradient[j] for j in range(dim)) for i in range(dim)])
