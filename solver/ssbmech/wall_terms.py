"""From the ``pore_walls:`` block of a case to the contact between walls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssbmech.domain.wall_search import WallSearch
from ssbmech.materials.friction import STICKING
from ssbmech.materials.wall_contact import WallContactLaw
from ssbmech.physics.wall_contact import WallContact
from ssbmech.stack.boundary import BOX_FACES

if TYPE_CHECKING:
    from ssbmech.model import Model


def make_walls(model: Model) -> WallContact | None:
    """The contact term, None where walls are free; collective."""
    block = model.case.pore_walls
    if block is None or "displacement" not in model.setting:
        return None
    broken = model.setting["displacement"].broken
    stack = model.case.stack
    ends = (stack.collector, stack.separator)
    rigid = [f for f in BOX_FACES if f in ends or (stack.sides == "roller" and f in model.tagged.faces)]
    search = WallSearch(model.tagged, broken, block.quadrature_degree, rigid)
    friction = block.friction
    law = WallContactLaw(
        block.contact_stiffness,
        friction.coefficient if friction else 0.0,
        (friction.stiffness if friction else None) or STICKING * block.contact_stiffness,
    )
    return WallContact(model.setting, search, law, block.penetration_tolerance)


def describe_walls(model: Model) -> str:
    """What there is of walls, a line for the log. Empty where they are free."""
    if model.walls is None:
        return ""
    areas = model.walls.search.surface.areas
    if areas.size == 0:
        return "pore walls: the mesh has none; pore_walls is without effect"
    return f"pore walls: {areas.size:,} facets, {areas.sum():.4g} um^2"
