"""One conducting network: ∇·(σ ∇φ) = 0 in its bodies, contact conductance between them, three directions.

    ∫ σ ∇φ·∇ψ dx + ∫ g a [φ][ψ] dS = 0

on broken Lagrange spaces, so that a current passes from body to body through contacts only. On a deformed structure the
integrals are those of the finite-strain conduction of a run (σ J C⁻¹ in the volume, stretched areas of contacts).
With *insulated* sides a potential difference is held between two opposite faces of the box; that is the structure continued by
its mirror images, whose conductivity tensor is diagonal. With *linear* potentials on all faces the tensor is full, and too large
for a piece that is small (the upper of the apparent tensors, Huet 1990).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem, la
from dolfinx.fem import petsc
from petsc4py import PETSc
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ssbmech import compat
from ssbmech.domain.broken import BrokenSpace, broken_space
from ssbmech.domain.interfaces import InterfaceFacets, Pair
from ssbmech.physics.kinematics import area_stretch, referred_gradient
from ssbmech.physics.setting import Setting
from ssbmech.stack.boundary import BOX_FACES, face_dofs
from ssbmech.transport.clusters import Clusters, find_clusters
from ssbmech.transport.geometry import Geometry
from ssbmech.transport.structure import (
    PERFECT,
    Carrier,
    Contact,
    FaceState,
    Structure,
    TransportError,
    facet_conductance,
)

Boundary = Literal["insulated", "linear"]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]

TOLERANCE = 1e-10
"""Of the linear solver, relative to the right-hand side; the conductivity is then good to about its square by the energy."""

PREFIX = "ssbmech_transport_"
_OPTIONS: dict[str, Any] = {
    "ksp_type": "cg",
    "ksp_rtol": TOLERANCE,
    "ksp_max_it": 2000,
    "pc_type": "gamg",
    "pc_gamg_threshold": 0.01,
    "mg_levels_ksp_type": "chebyshev",
    "mg_levels_pc_type": "jacobi",
}


class LinearSolveError(RuntimeError):
    """The linear solver did not converge."""


@dataclass(frozen=True)
class Direction:
    """The solution for one direction.

    Attributes:
        axis: 0, 1 or 2.
        potential: 1 V at the lower face of the axis, 0 at the upper one; nan where nothing fixes it.
        current: (dim,) mean current density [pA/µm² = A/m²] over the box.
        power: dissipated [pW].
        electrodes: currents into the network at the lower face, and out of it at the upper one [pA].
        iterations: of the linear solver.
        conducts: whether a part of the network joins what is held at different potentials, through whatever small conductance.
    """

    axis: int
    potential: fem.Function
    current: Floats
    power: float
    electrodes: tuple[float, float]
    iterations: int
    conducts: bool


class Network:
    """The conductors of one carrier.

    Args:
        structure: the structure.
        setting: measures, and the displacement and stoichiometry of the state.
        facets: interface facets of this rank.
        faces: their state.
        geometry: the places of the cells in this state.
        carrier: whose network.
        degree: of the potential, 1 or 2.

    Raises:
        TransportError: bodies are to share a potential and to have a contact resistance as well.
    """

    def __init__(
        self,
        structure: Structure,
        setting: Setting,
        facets: InterfaceFacets,
        faces: FaceState,
        geometry: Geometry,
        carrier: Carrier,
        degree: int = 1,
    ) -> None:
        self.structure, self.setting, self.geometry, self.carrier = structure, setting, geometry, carrier
        self.phases, self.contacts = structure.phases(carrier), structure.contacts_of(carrier)
        group = _glued(structure, facets, self.contacts)
        carried = np.zeros(int(group.max()) + 1, dtype=bool)
        carried[group[structure.bodies.of_phases(self.phases)]] = True
        of_cell = group[structure.bodies.cell_body].astype(np.int32)
        element = ("Lagrange", degree)
        self.broken: BrokenSpace = broken_space(structure.tagged.mesh, element, of_cell, carried)
        self.positions = geometry.positions(self.broken, degree)
        self._conductance: fem.Function | None = None
        self.clusters = self._find_clusters(facets, faces)
        self._matrix = self._assembled()

    @property
    def comm(self) -> Any:
        return self.structure.tagged.mesh.comm

    # -- what conducts -------------------------------------------------------------------------------------------

    def conductivity(self, phase: str) -> Any:
        """σ of a phase [pA/(V µm)] as a UFL expression."""
        conductor = self.structure.conductors[phase]
        x = self.setting["stoichiometry"].value if conductor.stoichiometry is not None else None
        return conductor.conductivity.ufl(x)

    def _numbers(self) -> list[int]:
        return [self.setting.pair_number[pair] for pair in self.contacts]

    def _find_clusters(self, facets: InterfaceFacets, faces: FaceState) -> Clusters:
        density = np.zeros(facets.facets.size)
        resistive = np.zeros(facets.facets.size, dtype=bool)
        for pair, contact in self.contacts.items():
            here = facets.pair == self.setting.pair_number[pair]
            part = FaceState(
                faces.transmissivity[here], faces.broken_fraction[here], faces.contact_pressure[here]
            )
            density[here] = facet_conductance(contact, part)
            resistive |= here if contact.conductance != PERFECT else False
        area = np.zeros(facets.facets.size)
        interface = self.setting.interface_mesh
        if interface is not None and self.contacts:
            space = fem.functionspace(interface.mesh, ("DG", 0))
            row = interface.row_of_cell
            cell_dof = space.dofmap.list[: row.size, 0]
            self._conductance = fem.Function(space, name="contact_conductance")
            self._conductance.x.array[cell_dof] = density[row]
            self._conductance.x.scatter_forward()
            area[row] = self._areas(space)[cell_dof]
        self.facet_pair, self.face_area, self.face_conductance = facets.pair, area, density
        self.face_transmissivity = faces.transmissivity
        weights = [area, area * density, area * faces.transmissivity]
        return find_clusters(self.broken, self.geometry.volumes, facets, weights, resistive)

    def _areas(self, space: Any) -> Floats:
        """(dofs of a piecewise constant space on the interfaces,) areas [µm²] in this state."""
        interface = self.setting.interface_mesh
        assert interface is not None
        q = ufl.TestFunction(space)("+")
        form = sum(area_stretch(self.setting) * q * self.setting.dS(pair) for pair in self.contacts)
        vector = fem.assemble_vector(compat.form(form, interface.entity_maps))
        vector.scatter_reverse(la.InsertMode.add)
        return np.array(vector.array)

    def _assembled(self) -> PETSc.Mat:
        phi, psi = ufl.TrialFunction(self.broken.space), ufl.TestFunction(self.broken.space)
        form: Any = 0
        for phase in self.phases:
            flux = self.conductivity(phase) * referred_gradient(self.setting, phi, per_volume=True)
            form += ufl.dot(flux, ufl.grad(psi)) * self.setting.dx(phase)
        maps: list[Any] = []
        if self._conductance is not None:
            assert self.setting.interface_mesh is not None
            maps = self.setting.interface_mesh.entity_maps
            g = self._conductance("+") * area_stretch(self.setting)
            for pair, contact in self.contacts.items():
                if contact.conductance != PERFECT:
                    form += g * (phi("+") - phi("-")) * (psi("+") - psi("-")) * self.setting.dS(pair)
        matrix = petsc.assemble_matrix(compat.form(form, maps))
        matrix.assemble()
        return matrix

    # -- solving -------------------------------------------------------------------------------------------------

    def joined(self, face: str, passing: bool) -> npt.NDArray[np.bool_]:
        """(parts,) mask of the parts of the network joined to a face; collective."""
        return self.clusters.joined(self._face_dofs(face), passing)

    def _face_dofs(self, face: str) -> Ints:
        return face_dofs(self.structure.tagged, self.broken, face)

    def solve(self, axis: int, boundary: Boundary) -> Direction:
        """Potential difference of 1 V along an axis; collective.

        Raises:
            LinearSolveError: on every rank alike.
        """
        length = self.geometry.lengths[axis]
        name = "xyz"[axis]
        conducts = True
        if boundary == "insulated":
            ends = [self._face_dofs(name + sign) for sign in "-+"]
            held = np.concatenate(ends)
            values = np.repeat([1.0, 0.0], [dofs.size for dofs in ends])
            low, high = (self.clusters.joined(dofs, passing=False) for dofs in ends)
            conducts = bool((low & high).any())
        else:
            sides = [f for f in BOX_FACES if f in self.structure.tagged.faces]
            held = np.unique(np.concatenate([self._face_dofs(face) for face in sides]))
            values = 1.0 - (self.positions[held, axis] - self.geometry.lower[axis]) / length
        potential = fem.Function(self.broken.space, name=f"{self.carrier}_potential_{name}")
        potential.x.array[held] = values
        potential.x.scatter_forward()
        supported = np.append(self.clusters.joined(held, passing=False), False)[self.clusters.of_dof]
        iterations = 0
        if conducts:
            held_mask = np.zeros(supported.size, dtype=bool)
            held_mask[held] = True
            iterations = self._fill(potential, np.flatnonzero((supported & ~held_mask)[: self.broken.owned]))
        else:
            potential.x.array[:] = np.append(low, False)[
                self.clusters.of_dof
            ]  # what joins no two faces is at one potential
        result = replace(self._measured(axis, potential, iterations), conducts=conducts)
        potential.x.array[~supported] = np.nan
        return result

    def _fill(self, potential: fem.Function, free: Ints | npt.NDArray[np.int64]) -> int:
        """Solve for the free owned dofs, the others given; returns the number of iterations."""
        first = self._matrix.getOwnershipRange()[0]
        rows = PETSc.IS().createGeneral((free + first).astype(PETSc.IntType), comm=self.comm)
        if rows.getSize() == 0:
            return 0
        vector = self._vector(potential)
        right = self._matrix.createVecLeft()
        self._matrix.mult(vector, right)
        reduced = self._matrix.createSubMatrix(rows, rows)
        reduced.setOption(PETSc.Mat.Option.SPD, True)
        b = right.getSubVector(rows).copy()
        b.scale(-1.0)
        x = b.duplicate()
        iterations = _conjugate_gradients(reduced, b, x)
        potential.x.array[free] += x.array
        potential.x.scatter_forward()
        for item in (reduced, b, x, vector, right):
            item.destroy()
        return iterations

    def _vector(self, function: fem.Function) -> PETSc.Vec:
        vector = self._matrix.createVecRight()
        vector.array[:] = function.x.array[: vector.getLocalSize()]
        return vector

    def _measured(self, axis: int, potential: fem.Function, iterations: int) -> Direction:
        """Power φᵀAφ, mean current density −xᵀAφ/V (x the places of the dofs), and the reactions at the electrodes.

        The second is ∫ j dV with the gaps of open or slipped contacts counted as part of the way of their current.
        """
        vector = self._vector(potential)
        reaction = self._matrix.createVecLeft()
        self._matrix.mult(vector, reaction)
        local = reaction.array[: self.broken.owned]
        volume = float(np.prod(self.geometry.lengths))
        moments = -(self.positions[: self.broken.owned] * local[:, None]).sum(axis=0) / volume
        into = []
        for sign in "-+":
            dofs = self._face_dofs("xyz"[axis] + sign)
            into.append(local[dofs[dofs < self.broken.owned]].sum())
        power = float((potential.x.array[: self.broken.owned] * local).sum())
        total = self.comm.allreduce(np.concatenate([moments, [power, into[0], -into[1]]]))
        vector.destroy()
        reaction.destroy()
        dim = self.structure.tagged.dim
        return Direction(
            axis, potential, total[:dim], float(total[dim]), tuple(total[dim + 1 :]), iterations, True
        )

    def mutual_power(self, one: Direction, other: Direction) -> float:
        """φ₁ᵀAφ₂ [pW] of two solutions: the tensor by its energy."""
        a, b = (self._vector(_without_nan(d.potential)) for d in (one, other))
        product = self._matrix.createVecLeft()
        self._matrix.mult(b, product)
        return float(a.dot(product))


def _without_nan(function: fem.Function) -> fem.Function:
    copy = function.copy()
    copy.x.array[:] = np.nan_to_num(copy.x.array)
    return copy


def _conjugate_gradients(matrix: PETSc.Mat, b: PETSc.Vec, x: PETSc.Vec) -> int:
    solver = PETSc.KSP().create(matrix.comm)
    solver.setOperators(matrix)
    solver.setOptionsPrefix(PREFIX)
    database = PETSc.Options()
    for key, value in _OPTIONS.items():
        if not database.hasName(PREFIX + key):
            database[PREFIX + key] = value
    solver.setNormType(PETSc.KSP.NormType.UNPRECONDITIONED)
    solver.setFromOptions()
    solver.solve(b, x)
    reason, iterations, norm = (
        solver.getConvergedReason(),
        solver.getIterationNumber(),
        solver.getResidualNorm(),
    )
    solver.destroy()
    if reason <= 0:
        raise LinearSolveError(
            f"the linear solver stopped after {iterations} iterations at a residual of {norm:.1e} (PETSc reason {reason}); "
            f"PETSC_OPTIONS with the prefix -{PREFIX} change it"
        )
    return int(iterations)


def _glued(
    structure: Structure, facets: InterfaceFacets, contacts: dict[Pair, Contact]
) -> npt.NDArray[np.int64]:
    """(bodies,) group of every body: bodies in perfect contact form one. Collective.

    Raises:
        TransportError: two bodies of a group meet in faces with a resistance.
    """
    bodies, comm = structure.bodies, structure.tagged.mesh.comm
    n = len(bodies.bodies)
    numbers = {pair: number for number, pair in enumerate(facets.pairs)}
    key = (facets.pair.astype(np.int64) * n + facets.plus_body) * n + facets.minus_body
    keys = np.unique(np.concatenate(comm.allgather(np.unique(key))))
    pair, one, other = keys // n**2, keys // n % n, keys % n
    perfect = np.isin(pair, [numbers[p] for p, c in contacts.items() if c.conductance == PERFECT])
    graph = coo_array((np.ones(int(perfect.sum())), (one[perfect], other[perfect])), shape=(n, n))
    _, group = connected_components(graph, directed=False)
    within = np.flatnonzero(~perfect & (group[one] == group[other]))
    if within.size:
        a, b = (bodies.bodies[k[within[0]]] for k in (one, other))
        raise TransportError(
            f"{a.name} and {b.name} meet in faces with a contact resistance ({a.phase} | {b.phase}), but share their potential "
            "through a third body that is in perfect contact with both; give that contact a conductance too"
        )
    return np.asarray(group, dtype=np.int64)
