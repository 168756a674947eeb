"""Broken spaces and interface facets on any number of ranks, against counts on the plain arrays of the mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI
from support_checkers import NAMES, SIDE, Counts, checkers

from ssbmech import compat
from ssbmech.discretise import make_setting
from ssbmech.domain.bodies import Bodies, assign_bodies
from ssbmech.domain.broken import BrokenSpace, broken_space, global_scalar_space
from ssbmech.domain.interfaces import InterfaceMesh, find_interfaces
from ssbmech.domain.mesh import TaggedMesh, read_mesh
from ssbmech_mesh.simplex import SimplexMesh

COMM = MPI.COMM_WORLD
PATTERNS = {"CAM": ["CAM_*"], "SE": ["SE"]}
PAIRS = [("CAM", "SE"), ("CAM", "CAM")]


@pytest.fixture
def problem(shared_tmp_path: Path) -> tuple[TaggedMesh, Bodies, SimplexMesh]:
    path = shared_tmp_path / "checkers.msh"
    plain = checkers(path) if COMM.rank == 0 else None
    plain = COMM.bcast(plain)
    tagged = read_mesh(COMM, path)
    return tagged, assign_bodies(tagged, PATTERNS), plain


def body_number(bodies: Bodies, name: str) -> int:
    return next(b.number for b in bodies.bodies if b.name == name)


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("carriers", [["CAM", "SE"], ["CAM"], ["SE"]])
@pytest.mark.parametrize("vector", [False, True])
def test_number_of_dofs(
    problem: tuple[TaggedMesh, Bodies, SimplexMesh], degree: int, carriers: list[str], vector: bool
) -> None:
    """One dof block for every distinct (node, body) of the carriers; one void block a rank if a body carries nothing."""
    tagged, bodies, plain = problem
    element = ("Lagrange", degree, (3,)) if vector else ("Lagrange", degree)
    broken = broken_space(tagged.mesh, element, bodies.cell_body, bodies.of_phases(carriers))
    wanted = {k for k, name in enumerate(NAMES) if name.split("_")[0] in carriers}
    assert COMM.allreduce(broken.owned) == Counts(plain).pairs(degree, wanted)
    imap = broken.space.dofmap.index_map
    void = 0 if len(carriers) == 2 else 1
    assert imap.size_local == broken.owned + void
    assert imap.size_global == COMM.allreduce(broken.owned) + void * COMM.size
    assert broken.block_size == (3 if vector else 1)
    assert broken.body_of_dof.size == imap.size_local + imap.num_ghosts
    assert np.count_nonzero(broken.body_of_dof == -1) == void
    carrying = bodies.of_phases(carriers)
    assert carrying[broken.body_of_dof[broken.body_of_dof >= 0]].all()


def test_dofs_of_every_body(problem: tuple[TaggedMesh, Bodies, SimplexMesh]) -> None:
    """Body by body the count is that of the body alone, also where three bodies meet in an edge."""
    tagged, bodies, plain = problem
    broken = broken_space(tagged.mesh, ("Lagrange", 2), bodies.cell_body, bodies.of_phases(["CAM", "SE"]))
    for k, name in enumerate(NAMES):
        here = np.count_nonzero(broken.body_of_dof[: broken.owned] == body_number(bodies, name))
        assert COMM.allreduce(here) == Counts(plain).pairs(2, {k})


@pytest.mark.parametrize("degree", [1, 2])
def test_ghosts_belong_to_the_same_body_and_place(
    problem: tuple[TaggedMesh, Bodies, SimplexMesh], degree: int
) -> None:
    """What a rank thinks of its ghosts is what their owner thinks of them."""
    tagged, bodies, _ = problem
    for carriers in (["CAM", "SE"], ["CAM"]):
        broken = broken_space(tagged.mesh, ("Lagrange", degree), bodies.cell_body, bodies.of_phases(carriers))
        x = broken.space.tabulate_dof_coordinates()[: broken.body_of_dof.size]
        told = fem.Function(broken.space)
        alive = broken.body_of_dof >= 0
        for values in (broken.body_of_dof.astype(float), x @ np.array([1.0, 10.0, 100.0])):
            told.x.array[:] = -7.0
            told.x.array[: broken.owned] = values[: broken.owned]
            told.x.scatter_forward()
            assert told.x.array[alive] == pytest.approx(values[alive], abs=1e-12)


def test_continuous_inside_and_free_between(problem: tuple[TaggedMesh, Bodies, SimplexMesh]) -> None:
    """A field that is smooth in each body with a number of its own: gradients know of no jump, interfaces of nothing else."""
    tagged, bodies, plain = problem
    setting, _ = make_setting(tagged, bodies, PAIRS, {"potential": ["CAM", "SE"]})
    unknown = setting["potential"]
    broken = unknown.broken
    x = broken.space.tabulate_dof_coordinates()[: broken.body_of_dof.size]
    heights = np.array([float(100 * NAMES.index(body.name)) for body in bodies.bodies])
    unknown.value.x.array[:] = x @ np.array([1.0, 2.0, 3.0]) + heights[broken.body_of_dof]
    grad = ufl.grad(unknown.value) - ufl.as_vector([1.0, 2.0, 3.0])
    for phase in bodies.phases:
        assert scalar(ufl.dot(grad, grad) * setting.dx(phase)) == pytest.approx(0.0, abs=1e-18)
    everything = Counts(plain).interface()
    for pair in PAIRS:
        same = pair[0] == pair[1]
        exact = sum(
            100.0 * (j - i) * area * (1 if same or NAMES[i] != "SE" else -1)
            for (i, j), (_, area, _) in everything.items()
            if (NAMES[j] != "SE") == same
        )
        jump = unknown.value("-") - unknown.value("+")
        assert scalar(jump * setting.dS(pair)) == pytest.approx(exact, rel=1e-12)


def scalar(form: ufl.Form) -> float:
    return COMM.allreduce(float(fem.assemble_scalar(compat.form(form, []))))


def test_facets_areas_and_orientation(problem: tuple[TaggedMesh, Bodies, SimplexMesh]) -> None:
    """Every interface facet once, the first phase of the pair (or the lower body) on the '+' side, normals from '+' to '-'."""
    tagged, bodies, plain = problem
    facets = find_interfaces(tagged.mesh, bodies, PAIRS)
    cells = facets.entities[:, [0, 2]]
    assert (bodies.cell_body[cells[:, 0]] == facets.plus_body).all()
    assert (bodies.cell_body[cells[:, 1]] == facets.minus_body).all()
    between = facets.pair == 0
    phases = np.array([body.phase for body in bodies.bodies])
    assert (phases[facets.plus_body[between]] == "CAM").all()
    assert (phases[facets.minus_body[between]] == "SE").all()
    assert (facets.plus_body[~between] < facets.minus_body[~between]).all()

    expected = Counts(plain).interface()
    for (i, j), (number, _, _) in expected.items():
        a, b = sorted((body_number(bodies, NAMES[i]), body_number(bodies, NAMES[j])))
        here = (np.minimum(facets.plus_body, facets.minus_body) == a) & (
            np.maximum(facets.plus_body, facets.minus_body) == b
        )
        assert COMM.allreduce(int(here.sum())) == number
    assert COMM.allreduce(facets.facets.size) == sum(number for number, _, _ in expected.values())

    setting, _ = make_setting(tagged, bodies, PAIRS, {"potential": ["CAM", "SE"]})
    normal = ufl.FacetNormal(tagged.mesh)("+")
    for pair, same in ((PAIRS[0], False), (PAIRS[1], True)):
        chosen = [v for (i, j), v in expected.items() if (NAMES[j] != "SE") == same]
        area = scalar((1.0 + 0.0 * setting.time_step) * setting.dS(pair))
        assert area == pytest.approx(sum(v[1] for v in chosen), rel=1e-12)
        vector = [scalar(normal[k] * setting.dS(pair)) for k in range(3)]
        assert vector == pytest.approx(sum(v[2] for v in chosen), abs=1e-12)


def test_outer_faces(problem: tuple[TaggedMesh, Bodies, SimplexMesh]) -> None:
    """The six faces of the box, each with its whole area, and together all of the outside."""
    tagged, bodies, _ = problem
    setting, _ = make_setting(tagged, bodies, PAIRS, {"potential": ["CAM", "SE"]})
    normal = setting.normal
    for axis, name in enumerate("xyz"):
        for sign, value in (("-", -1.0), ("+", 1.0)):
            assert scalar(normal[axis] * setting.ds(name + sign)) == pytest.approx(value * SIDE**2, rel=1e-12)
    assert tagged.box_area(2) == pytest.approx(SIDE**2)


def test_history_points_know_their_facet(problem: tuple[TaggedMesh, Bodies, SimplexMesh]) -> None:
    """Values at the interface points, put in facet by facet, are what the form finds there."""
    tagged, bodies, _ = problem
    setting, facets = make_setting(tagged, bodies, PAIRS, {"potential": ["CAM", "SE"]})
    interface = setting.interface_mesh
    assert isinstance(interface, InterfaceMesh)
    history = interface.function("number")
    numbers = 1.0 + facets.plus_body + 10.0 * facets.minus_body  # of the two bodies
    cells = interface.row_of_cell.size
    dofs = interface.space.dofmap.list[:cells]
    history.x.array[dofs.reshape(-1)] = np.repeat(numbers[interface.row_of_cell], dofs.shape[1])
    assert interface.by_facet(history.x.array) == pytest.approx(np.repeat(numbers[:, None], dofs.shape[1], 1))
    unknown = setting["potential"]
    body = unknown.broken.body_of_dof
    unknown.value.x.array[:] = body
    seen = 1.0 + unknown.value("+") + 10.0 * unknown.value("-") - history("+")
    for pair in PAIRS:
        form = compat.form(seen**2 * setting.dS(pair), interface.entity_maps)
        assert COMM.allreduce(float(fem.assemble_scalar(form))) == pytest.approx(0.0, abs=1e-18)


def test_global_scalar(problem: tuple[TaggedMesh, Bodies, SimplexMesh]) -> None:
    """One unknown on rank 0 that every cell of every rank refers to."""
    tagged, _, _ = problem
    broken: BrokenSpace = global_scalar_space(tagged.mesh)
    assert COMM.allreduce(broken.owned) == 1
    assert broken.owned == (1 if COMM.rank == 0 else 0)
    value = fem.Function(broken.space)
    if COMM.rank == 0:
        value.x.array[0] = 2.5
    value.x.scatter_forward()
    assert scalar(value * ufl.dx(tagged.mesh)) == pytest.approx(2.5 * SIDE**3, rel=1e-12)
