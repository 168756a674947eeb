"""Typed access to `series.csv`, `particles.csv`, `steps.csv`, `cycles.csv`, `summary.json` and `case.yaml` of a run folder.

The header of every table carries the units: `name [unit]`. Columns that have a unit hold numbers, the
others (`body`, `phase`, `kind`, `ended`) may hold text. docs/run_folder.md lists the columns.
"""

from __future__ import annotations

import csv
import difflib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ssbmech_post.errors import RunFolderError

FloatArray = NDArray[np.float64]

_HEADER = re.compile(r"^\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*(?:\[(?P<unit>[^\]]*)\])?\s*$")
_TEXT_COLUMNS = frozenset({"body", "phase", "kind", "ended"})


@dataclass(frozen=True)
class Table:
    """Columns of numbers with their units, and columns of text, all of the same length."""

    path: Path
    numbers: dict[str, FloatArray]
    texts: dict[str, tuple[str, ...]]
    units: dict[str, str]

    def __len__(self) -> int:
        lengths = [*map(len, self.numbers.values()), *map(len, self.texts.values())]
        return lengths[0] if lengths else 0

    def __contains__(self, name: object) -> bool:
        return name in self.numbers or name in self.texts

    def __iter__(self) -> Iterator[str]:
        yield from self.numbers
        yield from self.texts

    def __getitem__(self, name: str) -> FloatArray:
        """The numbers of a column, shape (rows,), in the unit `self.units[name]`."""
        if name not in self.numbers:
            raise RunFolderError(self.path, f"has no column {name!r}", self._nearest(name))
        return self.numbers[name]

    def text(self, name: str) -> tuple[str, ...]:
        """The entries of a text column."""
        if name not in self.texts:
            raise RunFolderError(self.path, f"has no text column {name!r}", self._nearest(name))
        return self.texts[name]

    def has(self, *names: str) -> bool:
        """Whether every one of these number columns exists and holds at least one finite value."""
        return all(n in self.numbers and bool(np.isfinite(self.numbers[n]).any()) for n in names)

    def _nearest(self, name: str) -> str:
        near = difflib.get_close_matches(name, list(self), n=1)
        return f"did you mean {near[0]!r}?" if near else "columns: " + ", ".join(self)


class Series(Table):
    """`series.csv`: one row for each accepted time step."""


class Particles(Table):
    """`particles.csv`: one row for each particle and step, the steps in order."""

    @property
    def steps(self) -> NDArray[np.int64]:
        """The distinct step numbers, ascending."""
        return np.unique(self["step"].astype(np.int64))

    def at(self, step: int) -> Particles:
        """The rows of one step, one for each particle."""
        keep = np.flatnonzero(self["step"].astype(np.int64) == step)
        if keep.size == 0:
            raise RunFolderError(self.path, f"has no rows for step {step}")
        return Particles(
            self.path,
            {name: values[keep] for name, values in self.numbers.items()},
            {name: tuple(values[i] for i in keep) for name, values in self.texts.items()},
            self.units,
        )

    def matrix(self, name: str) -> FloatArray:
        """A column as an array of shape (steps, particles), the particles in the order of the first step."""
        order = {body: i for i, body in enumerate(self.at(int(self.steps[0])).text("body"))}
        row_of = {int(step): i for i, step in enumerate(self.steps)}
        result = np.full((len(row_of), len(order)), math.nan)
        values = self[name]
        for step, body, value in zip(self["step"], self.text("body"), values, strict=True):
            if body not in order:
                raise RunFolderError(
                    self.path, f"body {body!r} appears at step {int(step)} but not at the first"
                )
            result[row_of[int(step)], order[body]] = value
        return result


def _header(path: Path, cells: list[str]) -> tuple[list[str], dict[str, str]]:
    names: list[str] = []
    units: dict[str, str] = {}
    for cell in cells:
        match = _HEADER.match(cell)
        if match is None:
            raise RunFolderError(path, f"line 1: header entry {cell!r} is not 'name [unit]'")
        name = match["name"]
        if name in units:
            raise RunFolderError(path, f"line 1: column {name!r} appears twice")
        names.append(name)
        units[name] = (match["unit"] or "-").strip()
    return names, units


def _number(path: Path, line: int, name: str, cell: str) -> float:
    try:
        return float(cell) if cell.strip() else math.nan
    except ValueError:
        raise RunFolderError(path, f"line {line}, column {name!r}: {cell!r} is not a number") from None


def _read_table(
    path: Path, required: tuple[str, ...]
) -> tuple[dict[str, FloatArray], dict[str, tuple[str, ...]], dict[str, str]]:
    if not path.is_file():
        raise RunFolderError(path, "does not exist", f"is {path.parent} the output folder of a run?")
    content = path.read_text(encoding="utf-8")
    rows = list(csv.reader(content.splitlines()))
    if not rows:
        raise RunFolderError(path, "is empty")
    names, units = _header(path, rows[0])
    for name in required:
        if name not in units:
            raise RunFolderError(path, f"has no column {name!r}", "columns: " + ", ".join(names))
    body = [(i, row) for i, row in enumerate(rows[1:], start=2) if row]
    # A run that is still writing, or was killed, leaves half a line behind: it is not a row yet.
    if body and not content.endswith("\n"):
        body.pop()
    for line, row in body:
        if len(row) != len(names):
            raise RunFolderError(path, f"line {line} has {len(row)} entries, the header has {len(names)}")
    if not body:
        raise RunFolderError(path, "has a header but no rows", "did the run end before its first step?")
    numbers: dict[str, FloatArray] = {}
    texts: dict[str, tuple[str, ...]] = {}
    for column, name in enumerate(names):
        if name in _TEXT_COLUMNS:
            texts[name] = tuple(row[column].strip() for _, row in body)
        else:
            numbers[name] = np.array([_number(path, line, name, row[column]) for line, row in body])
    return numbers, texts, units


def read_series(run: Path) -> Series:
    """`series.csv` of the run folder `run`."""
    path = run / "series.csv"
    return Series(path, *_read_table(path, ("step", "time")))


def read_particles(run: Path) -> Particles:
    """`particles.csv` of the run folder `run`."""
    path = run / "particles.csv"
    return Particles(path, *_read_table(path, ("step", "body")))


def read_steps(run: Path) -> Table:
    """`steps.csv` of the run folder `run`: one row for each step of the programme that has ended."""
    path = run / "steps.csv"
    return Table(path, *_read_table(path, ("programme_step", "kind")))


def read_cycles(run: Path) -> Table:
    """`cycles.csv` of the run folder `run`: one row for each cycle."""
    path = run / "cycles.csv"
    return Table(path, *_read_table(path, ("cycle",)))


def read_summary(run: Path) -> dict[str, Any]:
    """`summary.json` of the run folder `run`."""
    path = run / "summary.json"
    if not path.is_file():
        raise RunFolderError(path, "does not exist", "it is written when a run ends")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise RunFolderError(path, f"line {error.lineno}: {error.msg}") from None
    if not isinstance(data, dict):
        raise RunFolderError(path, "is not a JSON object")
    return data


def read_stack_axis(run: Path, dimension: int) -> int:
    """Index of the stack axis (0, 1, 2) from `case.yaml`; the last one of the mesh where that is silent."""
    path = run / "case.yaml"
    if not path.is_file():
        return dimension - 1
    try:
        case = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise RunFolderError(path, f"is not YAML: {error}") from None
    stack = case.get("stack") if isinstance(case, dict) else None
    axis = str(stack.get("axis", "")) if isinstance(stack, dict) else ""
    known = "xyz"[:dimension]
    return known.index(axis) if axis in known and axis else dimension - 1
