"""Weak forms of charge: conduction, wiring to the collector, charge transfer, contact conductance, counter electrode.

One broken field φ holds the electric potential: the ionic one against the zero of the electrolyte in ionic conductors, and in
electronic conductors the potential against the collector, so that the electronic potential is φ_s = φ + V with the collector
potential V as one global unknown. The differences within a particle are of the order of a mV, those between particle and electrolyte
of several V; kept apart, neither is lost in the rounding of the other. V's equation is that the currents through
the faces of the active material add up to the imposed one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import ufl

from ssbmech.domain.interfaces import Pair
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.materials.kinetics import butler_volmer
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.contact import interface_transmissivity, remember_pressure
from ssbmech.physics.film import FilmPoints
from ssbmech.physics.kinematics import area_stretch, referred_gradient
from ssbmech.physics.oxidation import OxidationCharge
from ssbmech.physics.setting import Energy, LocalState, Setting


@dataclass
class Conduction:
    """∫ κ ∇φ·∇ψ dx over one conducting phase (∇·(κ ∇φ) = 0, electroneutral, transference number 1); at finite strain on the deformed body.

    Attributes:
        conductivity: curve of x [pA/(V µm)], constant where there is no lithium.
        active: whether κ may depend on x.
    """

    setting: Setting
    phase: str
    conductivity: Any
    active: bool

    def _kappa(self) -> Any:
        if self.active and "stoichiometry" in self.setting:
            return self.conductivity.ufl(self.setting["stoichiometry"].value)
        return self.conductivity.ufl(None)

    def residual(self) -> dict[str, ufl.Form]:
        phi = self.setting["potential"]
        flux = self._kappa() * referred_gradient(self.setting, phi.value, per_volume=True)
        return {"potential": ufl.dot(flux, ufl.grad(phi.test)) * self.setting.dx(self.phase)}

    def energies(self) -> list[Energy]:
        phi = self.setting["potential"].value
        flux = self._kappa() * referred_gradient(self.setting, phi, per_volume=True)
        form = ufl.dot(flux, ufl.grad(phi)) * self.setting.dx(self.phase)
        return [Energy("ohmic_dissipation", "power", form)]


@dataclass
class Wiring:
    """∫ g (φ − w)(ψ − ω) dx over one active phase: unresolved carbon joins every point of it to the collector (where φ = 0).

    w is the potential of the carbon against the collector, with its own global equation where their contact has a resistance
    (:mod:`ssbmech.physics.collector_contact`), else zero.

    Attributes:
        conductance: g [pA/(V µm³)].
    """

    setting: Setting
    phase: str
    conductance: float

    def _drop(self) -> Any:
        wire = self.setting["wire_potential"].value if "wire_potential" in self.setting else 0.0
        return self.setting["potential"].value - wire

    def residual(self) -> dict[str, ufl.Form]:
        dx, current = self.setting.dx_nodal(self.phase), self.conductance * self._drop()
        rows = {"potential": current * self.setting["potential"].test * dx}
        if "wire_potential" in self.setting:
            rows["wire_potential"] = -current * self.setting["wire_potential"].test * dx
        return rows

    def energies(self) -> list[Energy]:
        form = self.conductance * self._drop() ** 2 * self.setting.dx_nodal(self.phase)
        return [Energy("ohmic_dissipation", "power", form)]


@dataclass
class ChargeTransfer:
    """∫ i (ψ⁺ + W − ψ⁻ + w⁺) dS: Butler-Volmer current i = a j from the active material ('+') into the ionic conductor ('−').

    The same i leaves as charge from φ, as lithium from the conservation row, and sums up to the current of the collector (W is its
    test function): charge passed is lithium passed.

    Attributes:
        open_circuit: U of the active material, curve of x [V].
        exchange: exchange current density, curve of x [A/m²].
        alpha: anodic transfer coefficient.
        contact: law of the transmissivity.
        cohesion: the interface's mechanics, None when the model has none (then the face conducts fully).
        film_resistance: R_0 of a film that is there from the start [ohm m²].
        oxidation: what adds to the film; None without a reaction.
    """

    setting: Setting
    pair: Pair
    open_circuit: Any
    exchange: Any
    alpha: float
    contact: ContactLaw
    thermal_voltage: float
    cohesion: Cohesion | None = None
    film_resistance: float = 0.0
    oxidation: OxidationCharge | None = None
    _film: FilmPoints | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        remember_pressure(self.cohesion, self.contact)
        grows = self.oxidation is not None and self.oxidation.law.film_resistivity > 0.0
        if self.film_resistance > 0.0 or grows:
            given = (self.overpotential(), self._exchange(), self.resistance())
            self._film = FilmPoints(self.setting, self.pair, self.alpha, self.thermal_voltage, *given)

    def overpotential(self) -> Any:
        """η = φ_s − φ_e + µ/F [V], µ/F = −U(x) + s."""
        phi, s = self.setting["potential"].value, self.setting["stress_potential"].value
        collector = self.setting["collector_potential"].value
        open_circuit = self.open_circuit.ufl(self.setting["stoichiometry"].value("+"))
        return phi("+") + collector("+") - phi("-") + s("+") - open_circuit

    def transmissivity(self) -> Any:
        return interface_transmissivity(self.cohesion, self.contact)

    def current(self) -> Any:
        """i [pA/µm²] per area of the mesh, positive while lithium leaves the active material."""
        return self.transmissivity() * area_stretch(self.setting) * self.density()

    def density(self) -> Any:
        """j [A/m²] per area of contact."""
        if self._film is not None:
            return self._film.density()
        return butler_volmer(self.overpotential(), self._exchange(), self.alpha, self.thermal_voltage)

    def resistance(self) -> Any:
        """R of the film [ohm m²]."""
        return self.film_resistance + (0.0 if self.oxidation is None else self.oxidation.resistance())

    def _exchange(self) -> Any:
        return self.exchange.ufl(self.setting["stoichiometry"].value("+"))

    def residual(self) -> dict[str, ufl.Form]:
        psi, w = self.setting["potential"].test, self.setting["stoichiometry"].test
        collector = self.setting["collector_potential"].test
        dS = self.setting.dS(self.pair)
        current = self.current()
        return {
            "potential": current * (psi("+") - psi("-")) * dS,
            "stoichiometry": current * w("+") * dS,
            "collector_potential": current * collector("+") * dS,
        }

    def energies(self) -> list[Energy]:
        dS, current = self.setting.dS(self.pair), self.current()
        if self._film is None:
            return [Energy("kinetic_dissipation", "power", current * self.overpotential() * dS)]
        drop = self.density() * self.resistance()
        return [
            Energy("kinetic_dissipation", "power", current * (self.overpotential() - drop) * dS),
            Energy("film_dissipation", "power", current * drop * dS),
        ]

    def states(self) -> list[LocalState]:
        """The film, where there is one."""
        return [] if self._film is None else [self._film]


@dataclass
class ContactConductance:
    """∫ a g [φ][ψ] dS between two conductors of the same carrier (particle | particle, layer | layer).

    Attributes:
        conductance: g of a fully conducting face [pA/(V µm²) = S/m²].
        contact: law of the transmissivity.
    """

    setting: Setting
    pair: Pair
    conductance: float
    contact: ContactLaw
    cohesion: Cohesion | None = None

    def __post_init__(self) -> None:
        remember_pressure(self.cohesion, self.contact)

    def transmissivity(self) -> Any:
        return interface_transmissivity(self.cohesion, self.contact)

    def current(self) -> Any:
        """Current density from '+' to '−' [pA/µm²]."""
        phi = self.setting["potential"].value
        return self.transmissivity() * area_stretch(self.setting) * self.conductance * (phi("+") - phi("-"))

    def residual(self) -> dict[str, ufl.Form]:
        psi = self.setting["potential"].test
        return {"potential": self.current() * (psi("+") - psi("-")) * self.setting.dS(self.pair)}

    def energies(self) -> list[Energy]:
        phi = self.setting["potential"].value
        form = self.current() * (phi("+") - phi("-")) * self.setting.dS(self.pair)
        return [Energy("ohmic_dissipation", "power", form)]


@dataclass
class CounterElectrode:
    """−∫ i_a ψ ds over the separator face: Butler-Volmer current i_a from the counter electrode into the electrolyte.

    The counter electrode's metal is at its own open-circuit potential U_a against lithium, so its overpotential is −φ_e and the
    cell voltage is V − U_a. Without kinetics the separator face is held at φ_e = 0 instead.

    Attributes:
        exchange: constant with the exchange current density [A/m²], which moves with the lithiation of the electrode.
        alpha: anodic transfer coefficient.
        phases: the ionic conductors; active material that reaches the separator face is insulated there. None: all phases.
    """

    setting: Setting
    face: str
    exchange: Any
    alpha: float
    thermal_voltage: float
    phases: list[str] | None = None

    @property
    def ds(self) -> Any:
        """Measure of the face where it is electrolyte."""
        return self.setting.ds(self.face, self.phases)

    def current(self) -> Any:
        phi = self.setting["potential"].value
        return butler_volmer(-phi, self.exchange, self.alpha, self.thermal_voltage)

    def residual(self) -> dict[str, ufl.Form]:
        psi = self.setting["potential"].test
        return {"potential": -self.current() * psi * self.ds}

    def energies(self) -> list[Energy]:
        form = -self.current() * self.setting["potential"].value * self.ds
        return [Energy("kinetic_dissipation", "power", form)]
