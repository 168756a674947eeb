"""Weak form of the interfaces between bodies: bonded, softening, open, in contact, sticking and slipping."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, la

from ssbmech import compat
from ssbmech.domain.interfaces import Pair
from ssbmech.materials.cohesive import RELATIVE_VISCOSITY, CohesiveLaw
from ssbmech.materials.friction import CoulombFriction
from ssbmech.physics.kinematics import current_normal
from ssbmech.physics.setting import Energy, LocalState, Setting

_UNBROKEN = 1e-12
"""A smaller broken fraction counts as none where it divides."""


@dataclass
class Cohesion:
    """∫ t([u]) · [v] dS over the interfaces of one pair of phases, [u] = u⁻ − u⁺, n = n⁺ pointing from '+' to '−'.

    Attributes:
        damage: d at the beginning of the step, at the quadrature points of the interface mesh.
        friction: between what is broken; None for smooth faces.
        slip: s at the beginning of the step, likewise; None without friction. It is kept in fixed axes and projected on the faces as
            they lie: exact at small strain, and at finite strain for faces that turn by small angles between slip and stick.
    """

    setting: Setting
    pair: Pair
    law: CohesiveLaw
    damage: fem.Function
    friction: CoulombFriction | None = None
    slip: fem.Function | None = field(init=False, default=None)
    _parts: tuple[Any, Any] = field(init=False)

    def __post_init__(self) -> None:
        u = self.setting["displacement"]
        self._parts = (u.value("-") - u.value("+"), u.previous("-") - u.previous("+"))
        if self.friction is not None:
            interface = self.setting.interface_mesh
            assert interface is not None
            element = basix.ufl.blocked_element(interface.space.ufl_element(), shape=(u.value.ufl_shape[0],))
            self.slip = fem.Function(fem.functionspace(interface.mesh, element), name="slip")

    @property
    def jump(self) -> Any:
        return self._parts[0]

    @property
    def old_jump(self) -> Any:
        """The jump at the beginning of the step."""
        return self._parts[1]

    @property
    def normal(self) -> Any:
        """Unit normal, at finite strain of the deformed faces; tractions and energies stay per area of the mesh."""
        return current_normal(self.setting)

    @property
    def _weight(self) -> Any:
        viscosity = self.law.viscosity
        return self.setting.step_weight(
            RELATIVE_VISCOSITY * self.setting.duration if viscosity is None else viscosity
        )

    def new_damage(self) -> tuple[Any, Any]:
        """Damage d and broken fraction r at the end of the step."""
        return self.law.update(self.jump, self.normal, self.damage("+"), self._weight)

    def traction(self) -> Any:
        """Traction [MPa] on the '+' side."""
        cohesive = self.law.traction(self.jump, self.normal, self.new_damage()[0])
        if self.friction is None:
            return cohesive
        return cohesive + self.new_damage()[1] * self._sliding(self.friction).traction

    def contact_pressure(self) -> Any:
        """Pressure [MPa] between closed faces at the end of the step."""
        return self.law.contact_pressure(self.jump, self.normal)

    def old_contact_pressure(self) -> Any:
        """The same at the beginning of the step."""
        return self.law.contact_pressure(self.old_jump, self.normal)

    def residual(self) -> dict[str, ufl.Form]:
        v = self.setting["displacement"].test
        return {"displacement": ufl.dot(self.traction(), v("-") - v("+")) * self.setting.dS(self.pair)}

    # -- friction ------------------------------------------------------------------------------------------------

    def _sliding(self, friction: CoulombFriction) -> _Sliding:
        """The step of the broken share."""
        assert self.slip is not None
        _, sliding = self.law.opening(self.jump, self.normal)
        _, old_sliding = self.law.opening(self.old_jump, self.normal)
        _, slip = self.law.opening(self.slip("+"), self.normal)  # in the faces as they lie now
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
        """The slip, where there is friction."""
        return [] if self.slip is None else [_SlipHistory(self)]

    # -- energies ------------------------------------------------------------------------------------------------

    def energies(self) -> list[Energy]:
        dS = self.setting.dS(self.pair)
        damage, _ = self.new_damage()
        out = [Energy("interface_energy", "stored", self.law.energy(self.jump, self.normal, damage) * dS)]
        if self.law.breakable:
            fracture, viscous = self.law.dissipation(
                self.jump, self.old_jump, self.normal, self.damage("+"), self._weight
            )
            out.append(Energy("fracture_dissipation", "increment", fracture * dS))
            out.append(Energy("viscous_dissipation", "increment", viscous * dS))
        if self.friction is not None:
            out += self._friction_energies(self.friction)
        return out

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


class _SlipHistory:
    """The slip of one pair: follows from the fields in closed form, so that only its history needs keeping."""

    def __init__(self, cohesion: Cohesion) -> None:
        slip, interface = cohesion.slip, cohesion.setting.interface_mesh
        assert slip is not None and interface is not None
        q, dS = ufl.TestFunction(slip.function_space)("+"), cohesion.setting.dS(cohesion.pair)
        ones = ufl.as_vector([1.0 + 0.0 * cohesion.setting.time_step] * slip.function_space.dofmap.bs)
        self._slip = slip
        self._form = compat.form(ufl.dot(cohesion.new_slip(), q) * dS, interface.entity_maps)
        weights = self._assembled(compat.form(ufl.dot(ones, q) * dS, interface.entity_maps))
        self._rows = np.flatnonzero(weights > 0)
        self._weights = weights[self._rows]

    @staticmethod
    def _assembled(form: Any) -> Any:
        vector = fem.assemble_vector(form)
        vector.scatter_reverse(la.InsertMode.add)
        return np.array(vector.array)

    def update(self) -> None:
        """Nothing: the return to the cone is part of the form."""

    def accept(self) -> None:
        self._slip.x.array[self._rows] = self._assembled(self._form)[self._rows] / self._weights
