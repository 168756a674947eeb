"""What conducts: phases with a carrier and a conductivity, and the faces through which bodies conduct to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import combinations_with_replacement
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from ssbmech.case import Case
from ssbmech.case.curves import ConstantCurve, Curve
from ssbmech.domain.bodies import Bodies, assign_bodies
from ssbmech.domain.interfaces import Pair
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.interface_terms import contact_law
from ssbmech.materials.contact_law import ContactLaw
from ssbmech.model import ordered_pairs

Carrier = Literal["ionic", "electronic"]
CARRIERS: tuple[Carrier, ...] = get_args(Carrier)

Floats = npt.NDArray[np.float64]

INSULATING = "insulating"
"""Name of the phase that holds all regions of a bare mesh of which no conductivity is given."""

PERFECT = float("inf")
"""Conductance of faces without a contact resistance: the potential is continuous across them."""


class TransportError(ValueError):
    """Input that cannot be used; the message says what is wrong and what is accepted."""


@dataclass(frozen=True)
class Conductor:
    """Conduction of one phase.

    Attributes:
        carrier: what is conducted.
        conductivity: of x [pA/(V µm) = 1e-6 S/m], constant where the phase holds no lithium.
        stoichiometry: x as meshed, None where the phase holds no lithium.
    """

    carrier: Carrier
    conductivity: Curve
    stoichiometry: float | None = None


@dataclass(frozen=True)
class Contact:
    """Conduction across the faces of one pair of phases.

    Attributes:
        conductance: g of a face that conducts fully [pA/(V µm²) = S/m²]; PERFECT: the potential does not jump.
        law: how broken faces conduct that are pressed together.
        initially_open: the faces touch but do not stick, and conduct nothing until they are pressed.
    """

    conductance: float
    law: ContactLaw = field(default_factory=ContactLaw)
    initially_open: bool = False


@dataclass(frozen=True)
class FaceState:
    """State of this rank's interface facets, one value for each row of ``InterfaceFacets``.

    Attributes:
        transmissivity: a, the share that conducts; 1 bonded, 0 open.
        broken_fraction: r, 1 where the bond is gone.
        contact_pressure: p [MPa].
    """

    transmissivity: Floats
    broken_fraction: Floats
    contact_pressure: Floats


def facet_conductance(contact: Contact, faces: FaceState) -> Floats:
    """Conductance [pA/(V µm²)] of the facets of one pair in a state: the one place where a contact law has its say.

    Now g a with the transmissivity a of the faces. Perfect contacts have no conductance of their own (0): their
    bodies share the potential.
    """
    if contact.conductance == PERFECT:
        return np.zeros_like(faces.transmissivity)
    return np.asarray(contact.conductance * faces.transmissivity, dtype=np.float64)


@dataclass(frozen=True)
class Structure:
    """A mesh with what conducts in it.

    Attributes:
        tagged, bodies: the mesh; its phases are those of ``bodies``.
        pairs: pairs of phases that meet or may meet, '+' side first.
        conductors: by phase; other phases insulate.
        contacts: by pair; the faces of other pairs insulate.
        temperature: [K].
        notes: what the reader of the result should know.
    """

    tagged: TaggedMesh
    bodies: Bodies
    pairs: Sequence[Pair]
    conductors: Mapping[str, Conductor]
    contacts: Mapping[Pair, Contact]
    temperature: float = 298.15
    notes: list[str] = field(default_factory=list)

    def phases(self, carrier: Carrier) -> list[str]:
        """Conductors of a carrier, in the order of the phases."""
        return [
            n for n in self.bodies.phases if n in self.conductors and self.conductors[n].carrier == carrier
        ]

    def contacts_of(self, carrier: Carrier) -> dict[Pair, Contact]:
        """Contacts between conductors of one carrier."""
        names = self.phases(carrier)
        return {pair: c for pair, c in self.contacts.items() if pair[0] in names and pair[1] in names}


def structure_of_case(case: Case, tagged: TaggedMesh) -> Structure:
    """The conductors and contacts of a case.

    Raises:
        RegionError: mesh and case do not fit.
        TransportError: nothing conducts.
    """
    temperature = case.cell.temperature
    conductors = {}
    for name, phase in case.phases.items():
        if phase.conduction is not None:
            x = None if phase.lithium is None else phase.lithium.initial_x(temperature)
            curve = phase.conduction.conductivity.at(temperature)
            conductors[name] = Conductor(phase.conduction.carrier, curve, x)
    if not conductors:
        raise TransportError(
            "no phase conducts: give one `conduction: {carrier: ionic, conductivity: ...}` under phases"
        )
    pairs = ordered_pairs(case)
    contacts = {}
    for pair, interface in zip(pairs, case.interfaces, strict=True):
        g = interface.contact_conductance
        if g is not None:
            broken = interface.cohesion.initially_open and "mechanics" in case.numerics.physics
            contacts[pair] = Contact(g.conductance, contact_law(g), broken)
    bodies = assign_bodies(tagged, {name: phase.regions for name, phase in case.phases.items()})
    notes = []
    if case.electrons is not None and case.electrons.path == "wired":
        notes.append(
            "electrons are wired (carbon that is not meshed): the electronic network is that of the meshed phases alone"
        )
    structure = case.mesh.microstructure
    layers = getattr(structure, "layers", None)
    if layers is not None and (layers.separator or layers.collector):
        notes.append(
            "the layers of the mesh belong to the box: along the stack they are in series with the composite"
        )
    return Structure(tagged, bodies, pairs, conductors, contacts, temperature, notes)


def structure_of_mesh(
    tagged: TaggedMesh,
    conductivities: Mapping[Carrier, Mapping[str, float]],
    contacts: Mapping[tuple[str, str], float] | None = None,
    everywhere: float = PERFECT,
) -> Structure:
    """The conductors of a mesh without a case.

    Args:
        tagged: the mesh.
        conductivities: carrier -> pattern -> conductivity [pA/(V µm)]; a pattern (* ?) names regions of the mesh or the phases
            that the mesh file gives them.
        contacts: pair of patterns -> conductance [pA/(V µm²)], 0 for none.
        everywhere: conductance between all other conductors of one carrier.

    Raises:
        TransportError: a pattern fits nothing, two fit the same region, or a contact names no pair of conductors.
    """
    patterns = {p: (c, k) for c, by_pattern in conductivities.items() for p, k in by_pattern.items()}
    owner = _owners(tagged, list(patterns))
    regions: dict[str, list[str]] = {p: [r for r, o in owner.items() if o == p] for p in patterns}
    rest = [region for region, o in owner.items() if o is None]
    bodies = assign_bodies(tagged, regions | ({INSULATING: rest} if rest else {}))
    conductors = {p: Conductor(c, ConstantCurve(value=k)) for p, (c, k) in patterns.items()}
    pairs = list(combinations_with_replacement(bodies.phases, 2))
    given = {frozenset(pair): g for pair, g in (contacts or {}).items()}
    laws: dict[Pair, Contact] = {}
    for a, b in pairs:
        if a in conductors and b in conductors and conductors[a].carrier == conductors[b].carrier:
            g = given.pop(frozenset((a, b)), everywhere)
            if g > 0.0:
                laws[a, b] = Contact(g)
    if given:
        wrong = " | ".join(sorted(next(iter(given))))
        raise TransportError(
            f"--contact: {wrong} is no pair of conductors of one carrier; conductors: {', '.join(conductors)}"
        )
    return Structure(tagged, bodies, pairs, conductors, laws)


def _owners(tagged: TaggedMesh, patterns: Sequence[str]) -> dict[str, str | None]:
    """Region -> the pattern that fits it or its phase."""
    phases = tagged.table.phases if tagged.table is not None else tagged.regions
    known = ", ".join(dict.fromkeys((*phases, *tagged.regions[:8])))
    owner: dict[str, str | None] = {}
    for region, phase in zip(tagged.regions, phases, strict=True):
        fits = [p for p in patterns if fnmatchcase(region, p) or fnmatchcase(phase, p)]
        if len(fits) > 1:
            raise TransportError(
                f"region '{region}' of the mesh fits {' and '.join(fits)}; it must fit one of them"
            )
        owner[region] = fits[0] if fits else None
    idle = [p for p in patterns if p not in owner.values()]
    if idle:
        raise TransportError(f"'{idle[0]}' is no phase or region of the mesh; it has {known}")
    return owner
