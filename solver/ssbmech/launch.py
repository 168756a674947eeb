"""Ranks: whether there are several, how to start them, and how all of them end when one fails.

Nothing here imports MPI before there is work for it: checking a case needs none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

INPUT_ERROR = 2
RUN_FAILED = 1

# What the launchers set for the processes they start. SLURM_NTASKS is not among them: a job script has it
# too, and there `-n` must start ranks of its own.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS")
_RANKS = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "MPI_LOCALRANKID", "SLURM_PROCID")

_PATIENCE = 3.0
"""Seconds that a failed rank waits for the others to fail likewise before it ends them."""


def launched_ranks(environment: Mapping[str, str] = os.environ) -> int | None:
    """Number of ranks this process was started with by mpirun or srun; None outside of them."""
    for name in _SIZES:
        if environment.get(name, "").isdecimal():
            return int(environment[name])
    return None


def launched_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Number of this rank as the launcher says it (0 outside of one), without starting MPI."""
    if launched_ranks(environment) is None:
        return 0
    return next((int(environment[name]) for name in _RANKS if environment.get(name, "").isdecimal()), 0)


def relaunch(ranks: int, arguments: Sequence[str]) -> int:
    """Run this command line again under ``mpirun -n ranks``; returns its exit code."""
    launcher = next(
        filter(None, map(shutil.which, ("mpirun", "mpiexec", "mpirun.openmpi", "mpirun.mpich"))), None
    )
    if launcher is None:
        complain("mpirun is not on the path; install an MPI, or leave out -n to run on one rank")
        return RUN_FAILED
    environment = dict(os.environ)
    environment.setdefault("OMP_NUM_THREADS", "1")
    environment["SSBMECH_TERMINAL"] = str(int(sys.stdout.isatty()))
    environment.setdefault("OMPI_MCA_rmaps_base_oversubscribe", "1")
    if 2 * ranks > (os.cpu_count() or 1):
        # The same for Open MPI 5 and 6, which count cores without their second threads.
        for name in ("PRTE_MCA_rmaps_default_mapping_policy", "PRTE_MCA_mapby"):
            environment.setdefault(name, ":oversubscribe")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        environment.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
        environment.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    command = [launcher, "-n", str(ranks), sys.executable, "-m", "ssbmech.cli", *arguments]
    try:
        code = subprocess.run(command, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130
    return code if code >= 0 else 128 - code


def complain(message: str) -> None:
    """A message on standard error, from rank 0 only."""
    if launched_rank() == 0:
        print(message, file=sys.stderr, flush=True)


def communicator() -> Any:
    """The communicator of all ranks when there are several, else None; starts MPI only in the first case."""
    if launched_ranks() in (None, 1):
        return None
    from mpi4py import MPI

    return MPI.COMM_WORLD if MPI.COMM_WORLD.size > 1 else None


def agreed(comm: Any, work: Callable[[], Any], expected: type[Exception]) -> Any:
    """The result of ``work`` on every rank; an ``expected`` error on one rank is raised on all."""
    result, failure = None, None
    try:
        result = work()
    except expected as error:
        failure = error
    if comm is not None:
        failures = [other for other in comm.allgather(failure) if other is not None]
        failure = failures[0] if failures else None
    if failure is not None:
        raise failure
    return result


def end_together(comm: Any, message: str, code: int) -> int:
    """Exit code of a failed run, with one message from all ranks.

    When all ranks fail alike they end in peace; when one fails alone it ends the others, which would wait.
    """
    if comm is None or comm.rank == 0:
        print(message, file=sys.stderr, flush=True)
    if comm is None:
        return code
    everyone = comm.Ibarrier()
    # The lowest rank that failed is the first to lose patience, so that only one message is printed.
    deadline = time.monotonic() + _PATIENCE * (1.0 + 0.25 * min(comm.rank, 8))
    while time.monotonic() < deadline:
        if everyone.Test():
            return code
        time.sleep(0.02)
    if comm.rank > 0:
        print(f"rank {comm.rank} of {comm.size}: {message}", file=sys.stderr, flush=True)
    comm.Abort(code)
    return code


def install_hook(comm: Any) -> None:
    """Makes an exception that nobody catches end all ranks instead of leaving the others waiting."""
    if comm is None:
        return
    usual = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        usual(kind, error, trace)
        sys.stderr.flush()
        comm.Abort(RUN_FAILED)

    sys.excepthook = hook
