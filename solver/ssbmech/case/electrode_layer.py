"""``material:`` in ``stack.counter_electrode``: the values of the library under those that the case gives itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from ssbmech.case.curve_types import FORMS
from ssbmech.case.electrode import Electrode, electrode_problems
from ssbmech.case.errors import CaseError, Problem
from ssbmech.case.material_library import SUFFIXES, file_of, names_in, read_entry
from ssbmech.case.merge import merge_at
from ssbmech.case.yaml_reader import Document

_KEY = "stack.counter_electrode.material"


def electrode_names() -> tuple[str, ...]:
    """Names of the electrodes of the library."""
    return names_in("electrodes")


@cache
def _read(file: Path) -> tuple[Electrode, dict[str, Any]]:
    return read_entry(file, Electrode, electrode_problems)


def read_electrode(name: str) -> tuple[Electrode, dict[str, Any]]:
    """An electrode that is in order, and its plain data as the file has them; raises :class:`CaseError`."""
    return _read(file_of(name, "electrodes").absolute())


def fill_in_electrode(document: Document) -> list[Problem]:
    """Puts the data of an electrode of the library under those of the counter electrode that names it; what is wrong with the name."""
    stack = document.data.get("stack")
    own = stack.get("counter_electrode") if isinstance(stack, dict) else None
    if not isinstance(own, dict) or own.get("material") is None:
        return []
    given = own["material"]
    if not isinstance(given, str):
        return [Problem(_KEY, "is not the name of an electrode", given, "text")]
    try:
        electrode, data = read_electrode(given)
    except CaseError as error:
        return [
            p if p.file else Problem(_KEY, p.message, p.value, p.allowed, p.suggestion)
            for p in error.problems
        ]
    block = electrode_block(given, electrode, data)
    for key, value in own.items():
        if isinstance(value, dict) and any(form in value for form in FORMS):
            block.pop(key, None)  # another curve, with nothing of that of the library
    if "capacity" not in own and "n_to_p_ratio" not in own:
        block.pop("initial_lithiation")  # without a capacity there is no lithiation
    filled = merge_at(block, document, ("stack", "counter_electrode"))
    changed = [key for key in own if key in electrode_block(given, electrode, data)]
    if "source" not in own and changed:
        filled["source"] += f" | but {', '.join(changed)} of the case"
    stack["counter_electrode"] = filled
    return []


def electrode_block(name: str, electrode: Electrode, data: dict[str, Any]) -> dict[str, Any]:
    """The plain data of a counter electrode of the case that consists of one of the library; ``data`` is what its file has."""
    entries = dict(electrode.values())
    label = Path(name).name if name.endswith(SUFFIXES) else f"{name} of the library"
    told = " | ".join(f"{key} {entry.confidence}: {entry.source}" for key, entry in entries.items())
    return {
        "name": electrode.title,
        "plated": electrode.plated,
        "source": f"{label}: {told}",
        **{key: data[key]["value"] for key in entries},
    }
