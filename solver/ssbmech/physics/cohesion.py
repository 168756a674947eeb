"""Weak form of the interfaces between bodies: bonded, softening, open, in contact, sticking and slipping."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ufl
from dolfinx import fem

from ssbmech.domain.interfaces import Pair
from ssbmech.materials.cohesive import RELATIVE_VISCOSITY, CohesiveLaw
from ssbmech.materials.friction import CoulombFriction
from ssbmech.physics.contact_multiplier import ContactMultiplier
from ssbmech.physics.interface_points import InterfacePoints
from ssbmech.physics.kinematics import carried, current_normal, tilted
from ssbmech.physics.setting import Energy, LocalState, Setting

if TYPE_CHECKING:
    from ssbmech.physics.contact import LargestPressure
    from ssbmech.physics.oxidation import OxidationCharge

_UNBROKEN = 1e-12
"""A smaller broken fraction counts as none where it divides."""


@dataclass
class Cohesion:
    """∫ t(w) · [v] dS over the interfaces of one pair of phases, [u] = u⁻ − u⁺, n = n⁺ pointing from '+' to '−'.

    At finite strain with the work of t as n turns (:meth:`_turning_work`).

    The law sees w = [u], and where the '−' side loses volume to a reaction w = [u] + g n with the opening g without stress.

    Attributes:
        damage: d at the beginning of the step, at the quadrature points of the interface mesh.
        friction: between what is broken; None for smooth faces.
        tolerance: overlap [µm] above which multipliers carry the contact; None for a penalty alone.
        oxidation: gives g at small strain; None without a reaction.
        slip: s at the beginning of the step, likewise; None without friction. At finite strain it moves with the faces.
        contact: the multipliers; None without a tolerance.
        largest: the largest pressure on broken faces, where a contact law asks for it.
    """

    setting: Setting
    pair: Pair
    law: CohesiveLaw
    damage: fem.Function
    friction: CoulombFriction | None = None
    tolerance: float | None = None
    oxidation: OxidationCharge | None = None
    slip: fem.Function | None = field(init=False, default=None)
    contact: ContactMultiplier | None = field(init=False, default=None)
    largest: LargestPressure | None = field(init=False, default=None)
    _parts: tuple[Any, Any] = field(init=False)
    _states: list[LocalState] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        u = self.setting["displacement"]
        self._parts = (u.value("-") - u.value("+"), u.previous("-") - u.previous("+"))
        if self.oxidation is not None:
            openings = (self.oxidation.opening(), self.oxidation.old_opening())
            self._parts = (
                self._parts[0] + openings[0] * self.normal,
                self._parts[1] + openings[1] * self.old_normal,
            )
        if self.tolerance is not None:
            self.contact = ContactMultiplier(self, self.tolerance)
            self._states.append(self.contact)
        if self.friction is not None:
            points = InterfacePoints(self.setting, self.pair, u.value.ufl_shape[0])
            self.slip = points.function("slip")
            self._states.insert(0, _SlipHistory(self, points))

    @property
    def jump(self) -> Any:
        """w [µm]."""
        return self._parts[0]

    @property
    def old_jump(self) -> Any:
        """w at the beginning of the step [µm]."""
        return self._parts[1]

    @property
    def normal(self) -> Any:
        """Unit normal, at finite strain of the deformed faces; tractions and energies stay per area of the mesh."""
        return current_normal(self.setting)

    @property
    def old_normal(self) -> Any:
        """The same at the beginning of the step: what turns in the step is neither opening nor work."""
        return current_normal(self.setting, previous=True)

    @property
    def _weight(self) -> Any:
        viscosity = self.law.viscosity
        return self.setting.step_weight(
            RELATIVE_VISCOSITY * self.setting.duration if viscosity is None else viscosity
        )

    @property
    def _multiplier(self) -> Any:
        """λ [MPa]."""
        return 0.0 if self.contact is None else self.contact.value("+")

    @property
    def _old_multiplier(self) -> Any:
        """λ at the beginning of the step [MPa]."""
        return 0.0 if self.contact is None else self.contact.previous("+")

    def new_damage(self) -> tuple[Any, Any]:
        """Damage d and broken fraction r at the end of the step."""
        return self.law.update(self.jump, self.normal, self.damage("+"), self._weight)

    def traction(self) -> Any:
        """Traction [MPa] on the '+' side."""
        cohesive = self.law.traction(self.jump, self.normal, self.new_damage()[0], self._multiplier)
        if self.friction is None:
            return cohesive
        return cohesive + self.new_damage()[1] * self._sliding(self.friction).traction

    def contact_pressure(self) -> Any:
        """Pressure [MPa] between closed faces at the end of the step."""
        return self.law.contact_pressure(self.jump, self.normal, self._multiplier)

    def old_contact_pressure(self) -> Any:
        """The same at the beginning of the step."""
        return self.law.contact_pressure(self.old_jump, self.old_normal, self._old_multiplier)

    def old_normal_traction(self) -> Any:
        """t_n [MPa] at the beginning of the step, tension positive."""
        traction = self.law.traction(self.old_jump, self.old_normal, self.damage("+"), self._old_multiplier)
        return ufl.dot(traction, self.old_normal)

    def opening_work(self) -> Any:
        """∫ t_n dg over the step [MPa µm], trapezoidal: work of the reaction on the mechanics."""
        if self.oxidation is None:
            return 0.0
        mean = 0.5 * (ufl.dot(self.traction(), self.normal) + self.old_normal_traction())
        return mean * (self.oxidation.opening() - self.oxidation.old_opening())

    def residual(self) -> dict[str, ufl.Form]:
        v, traction = self.setting["displacement"].test, self.traction()
        work = ufl.dot(traction, v("-") - v("+"))
        if self.setting.finite_strain:
            work += self._turning_work(traction)
        return {"displacement": work * self.setting.dS(self.pair)}

    def _turning_work(self, traction: Any) -> Any:
        """(t_n w_τ − w_n τ) · δn, the virtual work of t = t_n n + τ on w as the faces turn.

        With it, virtual work is t_n δw_n + τ · δw_τ in the faces as they lie: it vanishes when everything turns, and without
        dissipation it is the variation of the energy. Without it, faces that have slid and press on each other would exert a couple.
        """
        normal = self.normal
        opening, sliding = self.law.opening(self.jump, normal)
        across = ufl.dot(traction, normal)
        return tilted(self.setting, across * sliding - opening * (traction - across * normal))

    # -- friction ------------------------------------------------------------------------------------------------

    def _sliding(self, friction: CoulombFriction) -> _Sliding:
        """The step of the broken share."""
        assert self.slip is not None
        _, sliding = self.law.opening(self.jump, self.normal)
        _, old_sliding = self.law.opening(self.old_jump, self.old_normal)
        _, slip = self.law.opening(self.slip("+"), self.old_normal)
        old_sliding, slip = (carried(self.setting, vector) for vector in (old_sliding, slip))
        _, mixity = self.law.effective(self.jump, self.normal)
        _, broken = self.new_damage()
        old_broken = self.law.broken_fraction(self.damage("+"), mixity)
        kept = old_broken / ufl.conditional(ufl.gt(broken, _UNBROKEN), broken, 1.0)
        trial = friction.trial(sliding, old_sliding, slip, kept)
        traction = friction.traction(trial, self.contact_pressure())
        return _Sliding(sliding, broken, old_broken, kept, trial, traction, old_sliding - slip)

    def new_slip(self) -> Any:
        """s at the end of the step [µm]; zero where the bond is whole."""
        assert self.friction is not None
        s = self._sliding(self.friction)
        follows = s.sliding - s.traction / self.friction.stiffness
        return ufl.conditional(ufl.gt(s.broken, _UNBROKEN), 1.0, 0.0) * follows

    def states(self) -> list[LocalState]:
        """The slip, where there is friction, and the multipliers. Slip first: it follows from the λ of the step that ends."""
        return self._states if self.largest is None else [*self._states, self.largest]

    # -- energies ------------------------------------------------------------------------------------------------

    def energies(self) -> list[Energy]:
        dS = self.setting.dS(self.pair)
        damage, _ = self.new_damage()
        stored = self.law.energy(self.jump, self.normal, damage, self._multiplier)
        out = [Energy("interface_energy", "stored", stored * dS)]
        if self.contact is not None:
            out.append(Energy("multiplier_work", "increment", self._multiplier_work() * dS))
        if self.law.breakable:
            fracture, viscous = self.law.dissipation(
                self.jump, self.normal, self.old_jump, self.old_normal, self.damage("+"), self._weight
            )
            out.append(Energy("fracture_dissipation", "increment", fracture * dS))
            out.append(Energy("viscous_dissipation", "increment", viscous * dS))
        if self.friction is not None:
            out += self._friction_energies(self.friction)
        if self.oxidation is not None:
            out.append(Energy("chemical_work", "increment", self.opening_work() * dS))
        return out

    def _multiplier_work(self) -> Any:
        """∫ (λ − p)/K_c dλ over the step [MPa µm]: what a change of λ takes off the contact energy, trapezoidal; zero without overlap."""
        change = self._multiplier - self._old_multiplier
        excess = (
            self._multiplier - self.contact_pressure() + self._old_multiplier - self.old_contact_pressure()
        )
        return 0.5 * excess * change / self.law.contact_stiffness

    def _friction_energies(self, friction: CoulombFriction) -> list[Energy]:
        dS, s = self.setting.dS(self.pair), self._sliding(friction)
        old_energy = s.old_broken * friction.energy(friction.stiffness * s.old_stick)
        dissipated = friction.dissipation(
            s.trial,
            self.contact_pressure(),
            s.broken,
            s.old_broken * friction.coefficient * self.old_contact_pressure(),
            old_energy,
            s.kept,
        )
        return [
            Energy("interface_energy", "stored", s.broken * friction.energy(s.traction) * dS),
            Energy("friction_dissipation", "increment", dissipated * dS),
        ]


@dataclass(frozen=True)
class _Sliding:
    """UFL expressions of one step of friction.

    Attributes:
        sliding: δ_s [µm].
        broken, old_broken: r at the end and the beginning of the step.
        kept: r_n/r.
        trial, traction: of the broken share [MPa].
        old_stick: δ_s − s at the beginning of the step [µm].
    """

    sliding: Any
    broken: Any
    old_broken: Any
    kept: Any
    trial: Any
    traction: Any
    old_stick: Any


class _SlipHistory(LocalState):
    """The slip of one pair: the return to the cone is part of the form, so that only its history needs keeping."""

    def __init__(self, cohesion: Cohesion, points: InterfacePoints) -> None:
        self._cohesion, self._points = cohesion, points
        self._form: Any = None

    def accept(self) -> None:
        slip = self._cohesion.slip
        assert slip is not None
        if self._form is None:
            self._form = self._points.compiled(self._cohesion.new_slip())
        self._points.write(slip, self._points.values(self._form))
