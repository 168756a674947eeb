"""The one error that reading or picturing a run folder raises."""

from __future__ import annotations

from pathlib import Path


class RunFolderError(Exception):
    """A file of a run folder is missing, malformed, or cannot be turned into a picture.

    Args:
        path: the file or folder in question.
        problem: what is wrong with it, in one sentence.
        hint: what to do about it; empty when nothing helps.
    """

    def __init__(self, path: Path | str, problem: str, hint: str = "") -> None:
        self.path = Path(path)
        self.problem = problem
        self.hint = hint
        super().__init__(f"{self.path}: {problem}" + (f" ({hint})" if hint else ""))
