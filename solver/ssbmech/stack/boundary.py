"""Which dofs the platens, the sides, the collector and the separator hold or tie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from dolfinx import fem
from mpi4py import MPI

from ssbmech.domain.bodies import Bodies
from ssbmech.domain.broken import BrokenSpace
from ssbmech.domain.mesh import TaggedMesh
from ssbmech.solve.numbering import Constraints

Ints = npt.NDArray[np.int32]

BOX_FACES = tuple(axis + sign for axis in "xyz" for sign in "-+")


class BoundaryError(ValueError):
    """A face that the case names and the mesh does not have."""


def face_dofs(
    tagged: TaggedMesh, broken: BrokenSpace, face: str, bodies: npt.NDArray[np.bool_] | None = None
) -> Ints:
    """Local dof blocks on a face (ghosts included), of some of the bodies only if a mask is given."""
    dofs = np.asarray(
        fem.locate_dofs_topological(broken.space, tagged.dim - 1, tagged.faces[face]), dtype=np.int32
    )
    owner = broken.body_of_dof[dofs]
    keep = owner >= 0
    if bodies is not None:
        keep &= bodies[np.maximum(owner, 0)]
    return dofs[keep]


def require_face(tagged: TaggedMesh, face: str, key: str) -> None:
    """Raise on every rank alike when ``face`` has no facets anywhere."""
    known = [name for name, facets in tagged.faces.items() if tagged.mesh.comm.allreduce(facets.size) > 0]
    if face not in known:
        raise BoundaryError(f"{key}: the mesh has no face '{face}'; its faces are {', '.join(sorted(known))}")


def displacement_constraints(
    tagged: TaggedMesh,
    broken: BrokenSpace,
    axis: int,
    platen: str | None,
    held: Sequence[str],
    rollers: Sequence[str],
    plates: Mapping[str, str] = MappingProxyType({}),
) -> Constraints:
    """Ties of the moving platen, the held platen, and rollers on other faces.

    Args:
        axis: stack axis.
        platen: face whose displacement along the axis is one unknown; None without a moving platen.
        held: faces with no displacement along the axis.
        rollers: box faces with no displacement normal to themselves.
        plates: global unknown -> box face whose displacement normal to itself it is.
    """
    bs = broken.block_size
    fixed = [face_dofs(tagged, broken, face) * bs + axis for face in held]
    fixed += [face_dofs(tagged, broken, face) * bs + "xyz".index(face[0]) for face in rollers]
    tied = {}
    if platen is not None:
        tied["platen_displacement"] = face_dofs(tagged, broken, platen) * bs + axis
    for name, face in plates.items():
        tied[name] = face_dofs(tagged, broken, face) * bs + "xyz".index(face[0])
    if not any(face[0] != "xyz"[axis] for face in rollers):
        fixed.append(_pins(tagged, broken, axis, held[0]))
    dofs = np.unique(np.concatenate([np.zeros(0, dtype=np.int32), *fixed])).astype(np.int32)
    return Constraints(dofs, np.zeros(dofs.size), tied)


def _pins(tagged: TaggedMesh, broken: BrokenSpace, axis: int, face: str) -> Ints:
    """With free sides: hold in-plane translation and rotation at two points of the held face, without stress."""
    comm, dim, bs = tagged.mesh.comm, tagged.dim, broken.block_size
    lateral = [k for k in range(dim) if k != axis]
    dofs = face_dofs(tagged, broken, face)
    x = broken.space.tabulate_dof_coordinates()[dofs]
    pins = []
    for corner, held in ((tagged.lower, lateral), (_along(tagged, lateral[0]), lateral[1:])):
        distance = np.linalg.norm(x[:, lateral] - corner[lateral], axis=1) if dofs.size else np.zeros(0)
        nearest = comm.allreduce(float(distance.min()) if dofs.size else np.inf, MPI.MIN)
        here = dofs[distance <= nearest + 1e-9]
        pins += [here * bs + component for component in held]
    held_dofs: Ints = np.concatenate(pins).astype(np.int32)
    return held_dofs


def _along(tagged: TaggedMesh, axis: int) -> npt.NDArray[np.float64]:
    corner = tagged.lower.copy()
    corner[axis] = tagged.upper[axis]
    return corner


def potential_constraints(
    tagged: TaggedMesh,
    bodies: Bodies,
    broken: BrokenSpace,
    collector: str | None,
    electronic: Sequence[str],
    separator: str | None,
    ionic: Sequence[str],
) -> tuple[Constraints, Ints]:
    """Electronic conductors on the collector have its potential, ionic ones on the separator are at zero; all are zeros.

    Args:
        collector: face held at the collector's potential; None where the contact has a resistance.
        separator: face held at φ_e = 0; None when the counter electrode has kinetics of its own.

    Returns:
        the constraints, and those of the dofs that lie on the separator.
    """
    at_collector: Ints = np.zeros(0, dtype=np.int32)
    at_separator: Ints = np.zeros(0, dtype=np.int32)
    if collector is not None and collector in tagged.faces:
        at_collector = face_dofs(tagged, broken, collector, bodies.of_phases(electronic))
    if separator is not None:
        at_separator = face_dofs(tagged, broken, separator, bodies.of_phases(ionic))
    dofs = np.unique(np.concatenate([at_collector, at_separator])).astype(np.int32)
    return Constraints(dofs, np.zeros(dofs.size)), at_separator
