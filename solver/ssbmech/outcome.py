"""How commands end: exit codes, and a sentence for what the user can mend."""

from __future__ import annotations

import traceback
from collections.abc import Callable

from ssbmech.case import CaseError, Problem
from ssbmech.launch import INPUT_ERROR, RUN_FAILED, end_together


def told(error: CaseError) -> str:
    """All mistakes of a case, and how many."""
    count = len(error.problems)
    return f"{error}\n\n{count} {'mistake' if count == 1 else 'mistakes'}; nothing was done."


def guarded(comm: object, work: Callable[[], int]) -> int:
    """The exit code of ``work``; what goes wrong in it is told once, and ends all ranks."""
    try:
        return work()
    except KeyboardInterrupt:
        return end_together(comm, "interrupted", 130)
    except Exception as error:
        code, message = verdict(error)
        return end_together(comm, message, code)


def verdict(error: Exception) -> tuple[int, str]:
    """Exit code and message: a sentence for what the user can mend, else the traceback."""
    if isinstance(error, CaseError):
        return INPUT_ERROR, told(error)
    name = type(error).__name__
    if name in _INPUT_ERRORS and _is_ours(error):
        return INPUT_ERROR, str(error)
    if name in _FAILURES and _is_ours(error):
        return RUN_FAILED, f"the run failed: {error}"
    if isinstance(error, ModuleNotFoundError):
        return RUN_FAILED, f"{error}; `ssbmech doctor` says what is missing"
    return RUN_FAILED, "".join(traceback.format_exception(error)).rstrip()


# By name, because importing their modules would import DOLFINx or gmsh before there is need.
_INPUT_ERRORS = {
    "BoundaryError",
    "MeshError",
    "MeshReadError",
    "RegionError",
    "RunFolderError",
    "TransportError",
}
_FAILURES = {"LinearSolveError", "SolveError", "StepFailedError"}


def _is_ours(error: Exception) -> bool:
    return type(error).__module__.split(".")[0] in {"ssbmech", "ssbmech_mesh", "ssbmech_post"}


def require_fit(started: int | None, ranks: int | None) -> None:
    """Refuse -n where mpirun has said otherwise.

    Args:
        started: ranks that the command was started with, None outside of mpirun.
        ranks: what -n says.

    Raises:
        CaseError: they differ.
    """
    if started is not None and ranks is not None and ranks != started:
        message = f"does not fit the {started} ranks that this command was started with"
        raise CaseError([Problem("-n", message, ranks, f"{started}, or no -n")])
