"""What a run says while it works: ``log.txt``, and a line of progress with the time left, on rank 0."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mpi4py import MPI
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table


class Log:
    """Messages of a run, on rank 0 only; every line also goes to ``log.txt``.

    On a terminal a progress bar is shown; elsewhere (job scripts) a line now and then.
    """

    def __init__(self, comm: MPI.Comm, path: Path | None) -> None:
        self.first = comm.rank == 0
        self._begin = time.perf_counter()
        self._file = path.open("w", encoding="utf-8") if self.first and path is not None else None
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        # mpirun gives its processes a terminal of their own; only what started it knows where the output goes.
        told = os.environ.get("SSBMECH_TERMINAL")
        self._terminal = told == "1" if told is not None or comm.size > 1 else self._console.is_terminal
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._last_line = 0.0

    def say(self, message: str) -> None:
        """A line for the user and the log."""
        self.note(message)
        if self.first:
            (self._bar.console if self._bar else self._console).print(message, markup=False)

    def show(self, table: Table) -> None:
        """A table for the user."""
        if self.first:
            (self._bar.console if self._bar else self._console).print(table, soft_wrap=False)

    def note(self, message: str) -> None:
        """A line for the log only."""
        if self._file is not None:
            self._file.write(f"[{time.perf_counter() - self._begin:9.1f} s] {message}\n")
            self._file.flush()

    def start_progress(self) -> None:
        """Show the bar from now on."""
        if self.first and self._terminal:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
                TimeRemainingColumn(), console=self._console,
            )  # fmt: skip
            self._bar.start()
            self._task = self._bar.add_task("", total=1.0)
        self._work_begin = time.perf_counter()

    def progress(self, share: float, message: str) -> None:
        """Tell how far the run is (0 to 1) and what it is at."""
        self.note(message)
        if not self.first:
            return
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=share, description=message)
            return
        now = time.perf_counter()
        if now - self._last_line < 15.0:
            return
        self._last_line = now
        spent = now - self._work_begin
        left = f", about {_minutes(spent * (1 - share) / share)} left" if share > 0.01 else ""
        print(f"{100 * share:3.0f} %  {message}{left}", flush=True)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._file is not None:
            self._file.close()
            self._file = None


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
