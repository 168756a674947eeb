"""One entry for every kind of microstructure: block -> structure -> mesh -> file and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.mesh_file import write_mesh
from ssbmech_mesh.report import MeshReport
from ssbmech_mesh.simplex import SimplexMesh
from ssbmech_mesh.spheres import mesh_spheres


def generate(spec: Mapping[str, Any], out: Path) -> MeshReport:
    """Build what a case file's `microstructure:` block describes and write it to out (`.msh` or `.xdmf`, µm).

    Numbers are in µm; MeshError says what to change when it cannot be built.
    """
    name = spec.get("generator")
    if name not in GENERATORS:
        near = get_close_matches(str(name), GENERATORS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MeshError(f"microstructure.generator is {name!r}{hint} Allowed: {', '.join(GENERATORS)}")
    mesh, report = GENERATORS[name](spec)
    write_mesh(mesh, Path(out), report.as_dict())
    return report


GENERATORS: dict[str, Callable[[Mapping[str, Any]], tuple[SimplexMesh, MeshReport]]] = {
    "spheres": mesh_spheres,
}
