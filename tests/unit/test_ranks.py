"""The MPI part of conftest.py: a failure on one rank fails the run, once, and never blocks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"


def run_on_two_ranks(folder: Path, test: str) -> subprocess.CompletedProcess[str]:
    """Runs a test file that holds `test` with the project's conftest on 2 ranks."""
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "pytest.ini").write_text("[pytest]\ntimeout = 60\ntimeout_method = thread\n")
    (folder / "test_it.py").write_text("from mpi4py import MPI\ncomm = MPI.COMM_WORLD\n" + test)
    # this process may be an MPI process itself: its children must not take themselves for part of its job
    own = ("PMIX_", "PRTE_", "PMI_", "OMPI_COMM", "OMPI_UNIVERSE")
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(own) or "_MCA_" in key
    }
    environment["SSBMECH_TEST_PATIENCE"] = "1"
    command = [
        "mpirun",
        "-n",
        "2",
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--color=no",
        str(folder),
    ]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", env=environment, cwd=folder, timeout=90, check=False
    )


def test_success_is_reported_once(tmp_path: Path) -> None:
    done = run_on_two_ranks(tmp_path, "def test_sum():\n    assert comm.allreduce(1) == 2\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("1 passed") == 1


def test_failure_on_the_other_rank_is_shown(tmp_path: Path) -> None:
    done = run_on_two_ranks(
        tmp_path, "def test_rank():\n    assert comm.rank == 0\n\ndef test_after():\n    comm.barrier()\n"
    )
    assert done.returncode != 0
    assert "1 failed, 1 passed" in done.stdout
    assert "assert 1 == 0" in done.stdout


@pytest.mark.timeout(120)
def test_failure_inside_a_collective_ends_the_run(tmp_path: Path) -> None:
    done = run_on_two_ranks(
        tmp_path, "def test_stuck():\n    assert comm.rank == 0, 'the reason'\n    comm.barrier()\n"
    )
    assert done.returncode != 0
    assert "the reason" in done.stderr
    assert "other ranks are still in it" in done.stderr
