"""Crystal axes of bodies: where the c axis of each grain points.

Layered oxides are rhombohedral (R-3m, in hexagonal axes). Their chemical strain and their diffusion, being second-order tensors, are
isotropic in the a-b plane, and their elasticity is taken to be so (transversely isotropic: the sixth constant C14 of a
rhombohedral crystal is left out). Of the crystal frame only the c axis matters then, up to its sign.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import basix.ufl
import numpy as np
import numpy.typing as npt
from dolfinx import fem

from ssbmech.domain.bodies import Bodies, RegionError
from ssbmech.domain.mesh import TaggedMesh

Floats = npt.NDArray[np.float64]


def body_axes(tagged: TaggedMesh, bodies: Bodies, given: Mapping[str, Sequence[float]]) -> Floats:
    """(bodies, 3) unit c axes: those of the mesh, else those ``given`` by phase; nan without either.

    In a plane mesh they keep their third component, which is normal to the plane.
    """
    axes = np.full((len(bodies.bodies), 3), np.nan)
    for number, body in enumerate(bodies.bodies):
        if body.phase in given:
            axes[number] = given[body.phase]
    if tagged.table is not None:
        known = np.isfinite(tagged.table.frame).all(axis=(1, 2))
        axes[known] = tagged.table.frame[known, :, 2]
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return axes


def crystal_axis(
    tagged: TaggedMesh,
    bodies: Bodies,
    anisotropic: Mapping[str, Sequence[str]],
    given: Mapping[str, Sequence[float]],
) -> fem.Function | None:
    """Unit c axis of every cell, a piecewise constant vector of three components; None where no phase needs it.

    Args:
        tagged: the mesh.
        bodies: its bodies.
        anisotropic: phase -> its keys that hold anisotropic laws, for phases that have some.
        given: phase -> direction of the c axis of bodies without a crystal frame in the mesh.

    Raises:
        RegionError: a body with an anisotropic law has no c axis; on every rank alike.
    """
    if not anisotropic:
        return None
    axes = body_axes(tagged, bodies, given)
    for body in bodies.bodies:
        if body.phase in anisotropic and not np.isfinite(axes[body.number]).all():
            raise RegionError(
                f"body '{body.name}' has no crystal frame in the mesh, which {anisotropic[body.phase][0]} of phase "
                f"{body.phase} needs: give phases.{body.phase}.crystal_axis: [x, y, z], or a mesh whose grains have frames"
            )
    element = basix.ufl.element("DG", tagged.mesh.basix_cell(), 0, shape=(3,))
    function = fem.Function(fem.functionspace(tagged.mesh, element), name="crystal_axis")
    # Where nothing asks for an axis any unit vector will do, as long as it is a number.
    axes[~np.isfinite(axes).all(axis=1)] = (0.0, 0.0, 1.0)
    cells = np.arange(bodies.cell_body.size)
    dofs = function.function_space.dofmap.list[cells, 0]
    function.x.array.reshape(-1, 3)[dofs] = axes[bodies.cell_body]
    return function
