"""Generic part of the test set-up: pytest on several MPI ranks.

Every rank runs the same tests. After each phase of each test the ranks agree on the outcome, so that a test
that fails (or is skipped) on one rank is handled alike on all; rank 0 alone writes to the terminal. A rank that
does not come to the agreement is stuck in a collective call that the failed rank never reached: then the whole
run is aborted, with the failure that caused it, instead of waiting for ever.
"""

from __future__ import annotations

import os
import sys
import time
import zlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

try:
    from mpi4py import MPI
except ImportError:  # the mesh and post-processing packages are tested without MPI too
    MPI = None

RANK = MPI.COMM_WORLD.rank if MPI else 0
SIZE = MPI.COMM_WORLD.size if MPI else 1
COMM = MPI.COMM_WORLD.Dup() if SIZE > 1 else None  # its messages never mix with those of a test

PASSED, SKIPPED, FAILED = 0, 1, 2
PATIENCE_AFTER_FAILURE = float(os.environ.get("SSBMECH_TEST_PATIENCE", "20"))  # seconds


def abort(reason: str) -> None:
    """Ends all ranks, with one message."""
    sys.__stderr__.write(f"\n[rank {RANK}] {reason}\n")
    sys.__stderr__.flush()
    MPI.COMM_WORLD.Abort(1)


def agree(label: str, outcome: int, text: str) -> tuple[int, list[str]]:
    """Worst outcome over the ranks and what each says about it; collective, with the same label."""
    import numpy as np

    key = zlib.crc32(label.encode())
    mine = np.array([outcome, key, -key, -outcome], dtype=np.int64)
    worst = np.empty_like(mine)
    request = COMM.Iallreduce(mine, worst, op=MPI.MAX)
    began = time.monotonic()
    while not request.Test():
        time.sleep(0.0005)
        if outcome == FAILED and time.monotonic() - began > PATIENCE_AFTER_FAILURE:
            abort(f"{label} failed here while other ranks are still in it; ending the run.\n{text}")
    if worst[1] != -worst[2]:
        abort(f"the ranks are out of step: this one is at {label} ({text or 'passed'}).")
    if worst[0] == FAILED or worst[0] != -worst[3]:
        return int(worst[0]), COMM.allgather(text if outcome else "")
    return int(worst[0]), []


def on_all_ranks(item: pytest.Item, phase: str, outcome: Any) -> None:
    """Turns what happened on this rank into what happened on any."""
    error = outcome.excinfo[1] if outcome.excinfo else None
    code = PASSED if error is None else SKIPPED if isinstance(error, pytest.skip.Exception) else FAILED
    text = ""
    if error is not None:
        info = pytest.ExceptionInfo.from_exception(error)
        text = str(item.repr_failure(info)) if code == FAILED else str(error)
    worst, texts = agree(f"{item.nodeid} ({phase})", code, text)
    told = "\n".join(f"--- rank {rank}:\n{said}" for rank, said in enumerate(texts) if said and rank != RANK)
    if worst == FAILED and code != FAILED:
        outcome.force_exception(pytest.fail.Exception(f"failed on another rank\n{told}", pytrace=False))
    elif worst == SKIPPED and code == PASSED:
        outcome.force_exception(pytest.fail.Exception(f"skipped on some ranks only\n{told}", pytrace=False))


if SIZE > 1:

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_setup(item: pytest.Item) -> Generator[None, Any, None]:
        on_all_ranks(item, "setup", (yield))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
        on_all_ranks(item, "call", (yield))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, None]:
        on_all_ranks(item, "teardown", (yield))

    def pytest_collection_finish(session: pytest.Session) -> None:
        names = "\n".join(item.nodeid for item in session.items)
        agree(f"collection of {len(session.items)} tests, {zlib.crc32(names.encode()):x}", PASSED, "")

    def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
        if not session.items and exitstatus != pytest.ExitCode.NO_TESTS_COLLECTED:
            agree("end of a run that collected nothing", FAILED, "see the messages of rank 0")
        elif session.items:
            agree("end of the run", PASSED, "")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if RANK > 0:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter._tw._file = open(os.devnull, "w")  # noqa: SIM115  # for the life of the process


def pytest_report_header() -> str:
    return f"ranks: {SIZE}"


@pytest.fixture
def shared_tmp_path(tmp_path: Path) -> Path:
    """An empty folder with the same name on all ranks (pytest's tmp_path differs between them)."""
    return COMM.bcast(tmp_path, root=0) if COMM is not None else tmp_path
