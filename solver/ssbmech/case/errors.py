"""What is wrong with a case file, collected so that all of it is told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


class _Missing:
    """Marks a value that the file does not have (``None`` is a value of its own)."""

    def __repr__(self) -> str:
        return "nothing"

    def __reduce__(self) -> str:
        return "MISSING"  # the same object on every rank


MISSING = _Missing()


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where it stands, what was given, what is allowed."""

    key: str
    message: str
    value: Any = MISSING
    allowed: str = ""
    suggestion: str = ""
    file: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.file and self.line is not None else "")
        head = ": ".join(part for part in (place, self.key, self.message) if part)
        lines = [head]
        if self.value is not MISSING:
            lines.append(f"    given:   {shown(self.value)}")
        if self.allowed:
            lines.append(f"    allowed: {self.allowed}")
        if self.suggestion:
            lines.append(f"    did you mean: {self.suggestion}")
        return "\n".join(lines)


class CaseError(Exception):
    """Raised for every mistake that the writer of a case file can make; carries all problems found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def __reduce__(self) -> tuple[type[CaseError], tuple[tuple[Problem, ...]]]:
        return CaseError, (self.problems,)  # errors travel between ranks


def nearest(name: str, names: Iterable[str]) -> str:
    """The valid name that comes closest to ``name``, or an empty string when none is close."""
    names = list(names)
    by_lower = {candidate.lower(): candidate for candidate in names}
    matches = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.55)
    if matches:
        return by_lower[matches[0]]
    # "modulus" for "youngs_modulus": a fragment of the right name is too short for the ratio above.
    inside = [candidate for candidate in names if len(name) > 2 and name.lower() in candidate.lower()]
    return inside[0] if inside else ""


def key_path(location: Sequence[str | int]) -> str:
    """``("interfaces", 0, "cohesion")`` as ``interfaces[0].cohesion``."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def shown(value: Any, limit: int = 120) -> str:
    """A value of a case file as one short line."""
    text = " ".join((f'"{value}"' if isinstance(value, str) else repr(value)).split())
    return text if len(text) <= limit else text[: limit - 4] + " ..."
