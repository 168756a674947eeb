"""From the interface laws of a case to terms of the weak form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssbmech.case.interfaces import Cohesion as CohesionBlock
from ssbmech.constants import thermal_voltage
from ssbmech.domain.interfaces import Pair
from ssbmech.materials.cohesive import CohesiveLaw
from ssbmech.materials.friction import STICKING, CoulombFriction
from ssbmech.physics.charge import ChargeTransfer, ContactConductance
from ssbmech.physics.cohesion import Cohesion
from ssbmech.physics.lithium_transfer import LithiumTransfer

if TYPE_CHECKING:
    from ssbmech.model import Model


def add_interfaces(model: Model, pairs: list[Pair]) -> None:
    """Terms of every interface law whose faces the mesh has; faces that are open from the start get their damage."""
    case, setting = model.case, model.setting
    voltage = thermal_voltage(case.cell.temperature)
    interface_mesh = setting.interface_mesh
    if interface_mesh is None:
        return
    present = set(
        np.unique(np.concatenate(setting.mesh.comm.allgather(np.unique(model.facets.pair)))).tolist()
    )
    for number, (pair, interface) in enumerate(zip(pairs, case.interfaces, strict=True)):
        if number not in present:
            continue
        if model.damage is not None:
            c = interface.cohesion
            model.cohesion[pair] = Cohesion(
                setting, pair, _law(c), model.damage, _friction(c), c.penetration_tolerance
            )
            if c.initially_open:
                cells = interface_mesh.row_of_cell
                opened = np.flatnonzero(model.facets.pair[cells] == number)
                model.damage.x.array[interface_mesh.space.dofmap.list[opened].reshape(-1)] = 1.0
        if "potential" not in setting:
            continue
        cohesion = model.cohesion.get(pair)
        if interface.charge_transfer is not None:
            t = interface.charge_transfer
            model.transfer[pair] = ChargeTransfer(
                setting,
                pair,
                model.lithium[pair[0]].open_circuit,
                t.exchange_current_density.at(case.cell.temperature),
                t.anodic_transfer_coefficient,
                t.contact_pressure_scale,
                voltage,
                cohesion,
            )
        if interface.contact_conductance is not None:
            g = interface.contact_conductance
            model.conductance[pair] = ContactConductance(
                setting, pair, g.conductance, g.contact_pressure_scale, cohesion
            )
        if interface.lithium_transfer is not None:
            passage = interface.lithium_transfer
            model.lithium_transfer[pair] = LithiumTransfer(
                setting,
                pair,
                (model.lithium[pair[0]], model.lithium[pair[1]]),
                passage.conductance,
                passage.contact_pressure_scale,
                cohesion,
            )


def _law(c: CohesionBlock) -> CohesiveLaw:
    return CohesiveLaw(
        c.stiffness,
        c.contact_stiffness,
        c.strength if c.breakable else None,
        c.toughness,
        c.shear_strength,
        c.shear_toughness,
        c.mode_mixity_exponent,
        c.viscosity,
    )


def _friction(c: CohesionBlock) -> CoulombFriction | None:
    if c.friction is None:
        return None
    return CoulombFriction(c.friction.coefficient, c.friction.stiffness or STICKING * c.contact_stiffness)
