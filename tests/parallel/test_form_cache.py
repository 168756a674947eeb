"""Forms are compiled once and kept on disk; what a killed run left there half done must not stop later runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import ufl
from dolfinx import fem
from dolfinx import mesh as dmesh
from mpi4py import MPI

from ssbmech import compat

COMM = MPI.COMM_WORLD


def test_unfinished_form_of_a_killed_run(shared_tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache holds a form's source, but the run that was to compile it is gone."""
    cache = shared_tmp_path / "cache"
    monkeypatch.setattr(compat, "_JIT", {"timeout": 1, "cache_dir": cache})
    mesh = dmesh.create_unit_square(COMM, 2, 2)
    form = ufl.SpatialCoordinate(mesh)[0] * ufl.dx(mesh)
    compat.form(form, [])
    COMM.barrier()
    if COMM.rank == 0:
        finished = list(cache.glob("*.c.cached"))
        assert len(finished) == 1
        finished[0].unlink()
    COMM.barrier()
    value = COMM.allreduce(float(fem.assemble_scalar(compat.form(form, []))))
    assert value == pytest.approx(0.5, rel=1e-12)
