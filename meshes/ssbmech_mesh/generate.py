"""One entry for every kind of microstructure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.report import MeshReport
from ssbmech_mesh.spheres import generate_spheres

GENERATORS: dict[str, Callable[[Mapping[str, Any], Path], MeshReport]] = {"spheres": generate_spheres}


def generate(spec: Mapping[str, Any], out: Path) -> MeshReport:
    """Build what a case file's `microstructure:` block describes and write it to out (gmsh 4.1, µm).

    Numbers are in µm; MeshError says what to change when it cannot be built.
    """
    name = spec.get("generator")
    if name not in GENERATORS:
        near = get_close_matches(str(name), GENERATORS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MeshError(f"microstructure.generator is {name!r}{hint} Allowed: {', '.join(GENERATORS)}")
    return GENERATORS[name](spec, Path(out))
