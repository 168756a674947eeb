"""Two columns of a text file, for curves."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from ssbmech.case.errors import nearest
from ssbmech.case.units import UnitError


class BelowError(Exception):
    """A problem below the key of the curve itself."""

    def __init__(self, error: UnitError, *at: str | int) -> None:
        super().__init__(str(error))
        self.error = error
        self.at = at


def read_table(file: Any, columns: Any = None) -> list[list[float]]:
    """Two columns of a text file; separated by comma, semicolon, tab or blanks; # begins a comment."""
    if not isinstance(file, str | Path):
        raise BelowError(UnitError("is not a file name", "the name of a text file with two columns"), "table")
    try:
        text = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise BelowError(
            UnitError(f"cannot be read: {reason}", "the name of a text file with two columns"), "table"
        ) from None
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise BelowError(UnitError("is empty", "the name of a text file with two columns"), "table")
    separator = next((mark for mark in ",;\t" if mark in lines[0]), None)
    rows = list(csv.reader(lines, delimiter=separator)) if separator else [line.split() for line in lines]
    cells = [[cell.strip() for cell in row] for row in rows]
    header = cells[0] if _floats(cells[0]) is None else [str(k) for k in range(len(cells[0]))]
    body = cells[1:] if _floats(cells[0]) is None else cells
    picked = _columns(header, columns)
    table = []
    for number, row in enumerate(body, start=1):
        pair = _floats([row[k] for k in picked]) if max(picked) < len(row) else None
        if pair is None:
            raise BelowError(
                UnitError(f"has no two numbers in data row {number}", "numbers in both columns"), "table"
            )
        table.append(pair)
    return table


def _floats(cells: list[str]) -> list[float] | None:
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None


def _columns(header: list[str], columns: Any) -> list[int]:
    if columns is None:
        columns = [0, 1]
    if not isinstance(columns, list) or len(columns) != 2:
        raise BelowError(
            UnitError("is not two columns", "two column names of the header, or two numbers counted from 0"),
            "columns",
        )
    picked = []
    for k, column in enumerate(columns):
        if isinstance(column, int) and not isinstance(column, bool) and 0 <= column < len(header):
            picked.append(column)
        elif column in header:
            picked.append(header.index(column))
        else:
            names = UnitError("is not a column of the table", ", ".join(header), nearest(str(column), header))
            raise BelowError(names, "columns", k)
    return picked
