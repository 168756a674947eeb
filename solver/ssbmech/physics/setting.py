"""What every weak-form term works with: the unknowns, the measures of phases, interfaces and faces, and the time step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import ufl
from dolfinx import fem
from dolfinx import mesh as dmesh

from ssbmech.domain.broken import BrokenSpace
from ssbmech.domain.interfaces import InterfaceMesh

EnergyKind = Literal["stored", "power", "increment"]


@dataclass
class Unknown:
    """One field of the coupled problem.

    Attributes:
        name: key in the field registry (``ssbmech.fields``).
        broken: where it lives.
        value: the current iterate.
        previous: the value at the end of the last accepted step.
    """

    name: str
    broken: BrokenSpace
    value: fem.Function = field(init=False)
    previous: fem.Function = field(init=False)
    test: Any = field(init=False)
    trial: Any = field(init=False)

    def __post_init__(self) -> None:
        self.value = fem.Function(self.broken.space, name=self.name)
        self.previous = fem.Function(self.broken.space, name=f"previous_{self.name}")
        self.test = ufl.TestFunction(self.broken.space)
        self.trial = ufl.TrialFunction(self.broken.space)

    def accept(self) -> None:
        """Make the current value the previous one."""
        self.previous.x.array[:] = self.value.x.array

    def restore(self) -> None:
        """Go back to the last accepted value."""
        self.value.x.array[:] = self.previous.x.array


@dataclass(frozen=True)
class Energy:
    """An energy of the balance.

    ``stored`` is an energy of the current state [pJ], ``power`` a rate at the current state [pJ/s], ``increment`` an energy
    spent between the previous and the current state [pJ].
    """

    name: str
    kind: EnergyKind
    form: ufl.Form


class UnsettledError(RuntimeError):
    """Local states that are far from where repeated solves should have brought them; raised on all ranks together."""


class LocalState:
    """Variables that live at integration points and follow from the fields there: plastic strain, slip, multipliers of contact.

    Every method is called on all ranks together.
    """

    def update(self) -> None:
        """Solve for them at the current fields; called before every assembly."""

    def augment(self) -> bool:
        """Change what a solve keeps; called after every solve. Whether the solve has to be repeated, the same on all ranks."""
        return False

    def settle(self) -> None:
        """Called when the solve is not repeated any more, because nothing asks for it or it has been often enough.

        Raises:
            UnsettledError: the result is useless.
        """

    def conclude(self) -> None:
        """Evaluate what becomes history, for states that follow from others; called for all of them before any is accepted."""

    def accept(self) -> None:
        """Make them the history of the next step; called when a step is accepted, with the fields still current."""

    def restore(self) -> None:
        """Back to the beginning of the step; called before a step is tried."""


@runtime_checkable
class Stateful(Protocol):
    """A term with local states."""

    def states(self) -> list[LocalState]:
        """Its local states, none where the term has none."""


class Term(Protocol):
    """One term of the weak form."""

    def residual(self) -> dict[str, ufl.Form]:
        """Contributions to the residual, by the name of the unknown whose row it is."""

    def energies(self) -> list[Energy]:
        """Contributions to the energy balance."""


class Solid(Term, Stateful, Protocol):
    """The mechanics of one phase, at small or finite strain.

    Attributes:
        chemical_strain: with ``tensor(x)``, the stress-free strain at a stoichiometry; None for a passive phase.
    """

    chemical_strain: Any | None

    def strain(self) -> Any:
        """Strain (3x3) of the current state."""

    def volumetric_strain(self) -> Any:
        """Relative change of volume."""

    def plastic_strain(self) -> Any:
        """Equivalent plastic strain at the end of the step; 0 for an elastic phase."""

    def stress(self, previous: bool = False) -> Any:
        """Cauchy stress [MPa] (3x3) of the current or the previous state."""

    def stress_work(self, weight: Any) -> ufl.Form:
        """∫ (work of the stress per lithium added) w dx [pJ], at small strain σ : ∂ε_ch/∂x."""


@dataclass
class Setting:
    """The discrete setting that all terms share.

    Attributes:
        mesh: the mesh.
        unknowns: the fields by name.
        phase_number, pair_number, face_number: subdomain numbers of the measures; of faces by name and phase.
        cells, interfaces, faces: integration entities by number.
        interface_mesh: home of the interface history, None without interfaces.
        time_step: constant with the current step [s].
        duration: constant with the duration of the programme step [s]; of a full charge or discharge at its current if that is
            shorter.
        temperature: [K].
        degree, interface_degree: quadrature degrees.
        finite_strain: whether integrals are over a reference configuration from which the deformed one differs.
    """

    mesh: dmesh.Mesh
    unknowns: dict[str, Unknown]
    phase_number: Mapping[str, int]
    pair_number: Mapping[tuple[str, ...], int]
    face_number: Mapping[tuple[str, str], int]
    cells: list[tuple[int, npt.NDArray[np.int32]]]
    interfaces: list[tuple[int, npt.NDArray[np.int32]]]
    faces: list[tuple[int, npt.NDArray[np.int32]]]
    interface_mesh: InterfaceMesh | None
    time_step: fem.Constant
    duration: fem.Constant
    temperature: float
    degree: int = 2
    interface_degree: int = 2
    finite_strain: bool = False

    def __getitem__(self, name: str) -> Unknown:
        return self.unknowns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.unknowns

    @property
    def normal(self) -> Any:
        return ufl.FacetNormal(self.mesh)

    def dx(self, phase: str) -> Any:
        """Volume measure of a phase."""
        return self._measure("dx", self.cells, {"quadrature_degree": self.degree})(self.phase_number[phase])

    def dx_nodal(self, phase: str) -> Any:
        """Volume measure of a phase with the vertices as quadrature points: mass matrices become diagonal."""
        metadata = {"quadrature_rule": "vertex", "quadrature_degree": 1}
        return self._measure("dx", self.cells, metadata)(self.phase_number[phase])

    def dS(self, pair: tuple[str, ...]) -> Any:
        """Interface measure of a pair of phases, '+' being the first of them."""
        metadata = {"quadrature_degree": self.interface_degree, "quadrature_rule": "default"}
        return self._measure("dS", self.interfaces, metadata)(self.pair_number[pair])

    def ds(self, face: str, phases: Sequence[str] | None = None) -> Any:
        """Measure of an outer face, or of what some phases have of it."""
        numbers = [self.face_number[face, name] for name in (phases or self.phase_number)]
        return self._measure("ds", self.faces, {"quadrature_degree": self.degree})(tuple(numbers))

    def _measure(self, kind: str, data: Any, metadata: dict[str, Any]) -> Any:
        return ufl.Measure(kind, domain=self.mesh, subdomain_data=data, metadata=metadata)

    def step_weight(self, time_constant: Any) -> Any:
        """dt / (dt + τ): the share of a viscous variable's distance to equilibrium that a backward-Euler step covers."""
        if isinstance(time_constant, float) and time_constant == 0.0:
            return 1.0
        return self.time_step / (self.time_step + time_constant)


def add_forms(into: dict[str, ufl.Form], other: Mapping[str, ufl.Form]) -> None:
    """Sum residual contributions row by row."""
    for name, form in other.items():
        into[name] = into[name] + form if name in into else form
