"""What the electrochemical and coupled verification tests share: small meshes, systems without a case, cases as mappings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import ufl
import yaml
from dolfinx import fem
from mpi4py import MPI

from ssbmech import compat
from ssbmech.case import load_case
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import assign_bodies
from ssbmech.domain.mesh import RawMesh, TaggedMesh, distribute, read_mesh
from ssbmech.evolution import Evolution
from ssbmech.fields import ROW_SCALE
from ssbmech.model import Model, build_model
from ssbmech.physics.setting import Energy, Setting
from ssbmech.solve.linear import Kind, LinearSolver
from ssbmech.solve.numbering import Constraints
from ssbmech.solve.stepping import Accepted, TimeStepper
from ssbmech.solve.system import CoupledSystem, NewtonOptions

Floats = npt.NDArray[np.float64]
COMM = MPI.COMM_WORLD
FARADAY = 96485.33212
GAS = 8.314462618

CHEN2020 = (
    "-0.8090*x + 4.4875 - 0.0428*tanh(18.5138*(x-0.5542)) - 17.7326*tanh(15.7890*(x-0.3117))"
    " + 17.5842*tanh(15.9308*(x-0.3120))"
)
"""NMC811 of C.-H. Chen, F. Brosa Planella, K. O'Regan, D. Gastol, W. D. Widanage, E. Kendrick, J. Electrochem. Soc. 167
(2020) 080534 [V]."""


# -- meshes ----------------------------------------------------------------------------------------------------------


def written_mesh(folder: Path, name: str, write: Callable[[Path], object]) -> TaggedMesh:
    """The mesh that rank 0 writes, read by all ranks."""
    path = folder / f"{name}.msh"
    if COMM.rank == 0:
        write(path)
    COMM.barrier()
    return read_mesh(COMM, path)


def cube_grid(n: int, dim: int = 3) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Nodes of the unit cube's grid of ``n`` cells a side and its cells in Kuhn's cut (the same on every machine)."""
    from itertools import permutations

    axis = np.linspace(0.0, 1.0, n + 1)
    nodes = np.stack([g.ravel() for g in np.meshgrid(*[axis] * dim, indexing="ij")], axis=1)
    stride = np.array([(n + 1) ** (dim - 1 - k) for k in range(dim)])
    corner = np.stack([g.ravel() for g in np.meshgrid(*[np.arange(n)] * dim, indexing="ij")], axis=1) @ stride
    paths = [np.concatenate([[0], np.cumsum(stride[list(order)])]) for order in permutations(range(dim))]
    return nodes, (corner[:, None, None] + np.array(paths)[None]).reshape(-1, dim + 1)


def unit_cube(n: int) -> TaggedMesh:
    """Unit cube, one body ``cube``."""
    raw = None
    if COMM.rank == 0:
        nodes, cells = cube_grid(n)
        raw = RawMesh(nodes, cells, np.zeros(len(cells), np.int32), ["cube"], *_no_surfaces(3))
    return distribute(COMM, raw)


def ball_in_box(n: int, side: float, radius: float, roundness: float = 0.8) -> TaggedMesh:
    """A nearly round particle ``ball`` in the middle of a cubic ``box``; needs no mesher, so its nodes never change.

    The inner cube of the grid (``n`` a multiple of 4) is bent into a ball (``roundness`` 1 would make its corners flat).
    """
    raw = None
    if COMM.rank == 0:
        nodes, cells = cube_grid(n)
        p = 2.0 * nodes - 1.0
        inner = (np.abs(p[cells]).max(axis=2) <= 0.5 + 1e-12).all(axis=1)
        largest = np.abs(p).max(axis=1)
        length = np.maximum(np.linalg.norm(p, axis=1), 1e-300)
        onto_ball = np.where(largest > 0, largest / length, 1.0)
        blend = roundness * np.clip(2.0 * (1.0 - largest), 0.0, 1.0)
        # Half-width 1/2 of the inner cube becomes the radius; the outer faces stay flat.
        stretch = np.interp(largest, [0.0, 0.5, 1.0], [0.0, 2.0 * radius / side, 1.0])
        p *= (stretch / np.maximum(largest, 1e-300) * (1.0 + blend * (onto_ball * 3**0.25 - 1.0)))[:, None]
        region = np.where(inner, 0, 1).astype(np.int32)
        raw = RawMesh(0.5 * side * (p + 1.0), cells, region, ["ball", "box"], *_no_surfaces(3))
        edges = raw.points[cells][:, 1:] - raw.points[cells][:, :1]
        volume = np.abs(np.linalg.det(edges))
        assert volume.min() > 0.02 * volume.mean()
    return distribute(COMM, raw)


def narrow_cone(radius: float, layers: int | Floats, shell: float, half_angle: float = 0.02) -> TaggedMesh:
    """A narrow three-sided cone out of a sphere ``cam``, closed by one layer ``se``; its end is the face z+.

    ``layers`` is the number of equal layers of ``cam``, or the radii between them, from the first above zero up to ``radius``.

    Its sides are planes of symmetry of the sphere and, up to the square of the angle, its ends are layers of equal radius.
    The ratio of volume to surface is that of the sphere, so the mesh resolves the radius as finely as one likes.
    """
    raw = None
    if COMM.rank == 0:
        ends = np.linspace(0.0, radius, layers + 1)[1:] if isinstance(layers, int) else layers
        height, layers = np.append(ends, radius + shell), len(ends)
        turn = 2 * np.pi / 3 * np.arange(3)
        ring = np.stack([half_angle * np.cos(turn), half_angle * np.sin(turn), np.ones(3)], axis=1)
        points = np.concatenate([np.zeros((1, 3)), (height[:, None, None] * ring).reshape(-1, 3)])
        low = 1 + 3 * np.arange(layers)[:, None]
        prisms = [low + np.array(tet) for tet in ([0, 1, 2, 5], [0, 1, 4, 5], [0, 3, 4, 5])]
        cells = np.concatenate([[[0, 1, 2, 3]], np.stack(prisms, axis=1).reshape(-1, 4)]).astype(np.int64)
        region = np.zeros(len(cells), np.int32)
        region[-3:] = 1
        raw = RawMesh(points, cells, region, ["cam", "se"], *_no_surfaces(3))
    return distribute(COMM, raw)


def _no_surfaces(dim: int) -> tuple[Any, Any, list[str]]:
    return np.zeros((0, dim), np.int64), np.zeros(0, np.int32), []


# -- systems without a case ----------------------------------------------------------------------------------------------


@dataclass
class Added:
    """A term given by its rows."""

    rows: Mapping[str, ufl.Form]

    def residual(self) -> dict[str, ufl.Form]:
        return dict(self.rows)

    def energies(self) -> list[Energy]:
        return []


def one_body(tagged: TaggedMesh, fields: Sequence[str], **options: Any) -> Setting:
    """Setting of a mesh with one region, whose phase ``solid`` carries all the fields."""
    bodies = assign_bodies(tagged, {"solid": ["*"]})
    setting, _ = make_setting(tagged, bodies, [], {name: ["solid"] for name in fields}, **options)
    return setting


def solver_of(
    setting: Setting,
    terms: list[Any],
    constraints: Mapping[str, Constraints],
    references: Mapping[str, float],
    tolerance: float = 1e-11,
    kind: Kind = "direct",
) -> CoupledSystem:
    """System without global unknowns."""
    fixed = {name: (lambda value=value: value) for name, value in references.items()}
    options = NewtonOptions(20, tolerance, dict(ROW_SCALE))
    return CoupledSystem(setting, terms, constraints, {}, fixed, LinearSolver(kind), options)


def everywhere(setting: Setting, name: str, function: Callable[[Floats], Any]) -> Floats:
    """Values of ``function(points)`` ((n, 3) -> (n,) or (n, components)) at all local dofs of a field, unrolled."""
    space = setting[name].broken.space
    return np.asarray(function(space.tabulate_dof_coordinates()), dtype=np.float64).reshape(-1)


def integral(setting: Setting, form: ufl.Form) -> float:
    """Value of a form, over all ranks."""
    maps = setting.interface_mesh.entity_maps if setting.interface_mesh else []
    return float(setting.mesh.comm.allreduce(fem.assemble_scalar(compat.form(form, maps))))


def volume_measure(setting: Setting, degree: int) -> Any:
    return ufl.Measure("dx", domain=setting.mesh, metadata={"quadrature_degree": degree})


def orders(errors: Sequence[float], ratios: Sequence[float] | float = 2.0) -> list[float]:
    """Observed orders between successive errors."""
    steps = np.broadcast_to(ratios, len(errors) - 1)
    return [float(np.log(a / b) / np.log(r)) for a, b, r in zip(errors[:-1], errors[1:], steps, strict=True)]


# -- cases ---------------------------------------------------------------------------------------------------------------


def model_of(
    folder: Path, case: Mapping[str, Any], tagged: TaggedMesh, physics: Sequence[str] | None = None
) -> Model:
    """Model of a case given as a mapping (without ``mesh``), on a mesh.

    ``physics`` replaces the physics of the case; electrochemistry without mechanics is left to tests.
    """
    path = folder / "case.yaml"
    if COMM.rank == 0:
        path.write_text(yaml.safe_dump({"mesh": {"file": "none.msh"}, **case}))
        (folder / "none.msh").touch()
    COMM.barrier()
    loaded = load_case(path)
    COMM.barrier()
    if physics is not None:
        numerics = loaded.numerics.model_copy(update={"physics": list(physics)})
        loaded = loaded.model_copy(update={"numerics": numerics})
    return build_model(loaded, tagged)


def run(model: Model, after: Callable[[Evolution, Accepted], None] | None = None) -> Evolution:
    """Carry a model through its programme; ``after`` sees every accepted step before it becomes history."""
    evolution = Evolution(model)
    evolution.equilibrate()
    stepper = TimeStepper(evolution, evolution.control(), lambda line: None)
    for accepted in stepper.run(evolution.segments()):
        if after is not None:
            after(evolution, accepted)
    return evolution
