"""A Newton update that would fill or empty a node is cut; others are left alone. The same answer on every rank."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from mpi4py import MPI
from support_checkers import checkers
from test_same_numbers import CASE

from ssbmech.case import load_case
from ssbmech.domain.mesh import read_mesh
from ssbmech.model import Model, build_model
from ssbmech.solve.failure import at_bounds

COMM = MPI.COMM_WORLD


@pytest.fixture
def model(shared_tmp_path: Path) -> Model:
    if COMM.rank == 0:
        checkers(shared_tmp_path / "checkers.msh")
        (shared_tmp_path / "case.yaml").write_text(yaml.safe_dump(yaml.safe_load(CASE)))
    COMM.barrier()
    case = load_case(shared_tmp_path / "case.yaml")
    assert case.mesh.file is not None
    return build_model(case, read_mesh(COMM, case.mesh.file))


def test_stoichiometry_stays_between_empty_and_full(model: Model) -> None:
    system = model.system
    n, name = system.numbering, "stoichiometry"
    part = slice(n.first[name] - n.start, n.first[name] - n.start + n.count[name])
    system.write_state(system.state)
    update = system.state.duplicate()
    update.set(0.05)
    assert not system._keep_admissible(system.state, update)
    assert (update.array_r == 0.05).all()
    # One node too full, one too empty, all on one rank; x is 0.9 everywhere and becomes x - update.
    holders = COMM.allgather(n.count[name] >= 2)
    mine = COMM.rank == holders.index(True)
    if mine:
        update.array[part][:2] = [-0.5, 2.0]
    assert system._keep_admissible(system.state, update)  # collective: True where nothing changed, too
    new = system.state.array_r - update.array_r
    if mine:
        assert new[part][:2] == pytest.approx([0.9 + 0.9 * 0.1, 0.9 - 0.9 * 0.9])
    others = np.ones(new.size, dtype=bool)
    if mine:
        others[part.start : part.start + 2] = False
    assert (update.array_r[others] == 0.05).all()


def test_a_failure_says_that_a_node_is_full(model: Model) -> None:
    system = model.system
    assert at_bounds(system) == ""
    x = system.unknowns["stoichiometry"].value.x.array
    if COMM.rank == COMM.size - 1 and x.size:
        x[0] = 1.0 - 1e-9
    assert "stoichiometry comes within 1.0e-09 of its bounds 0 and 1" in at_bounds(system)
