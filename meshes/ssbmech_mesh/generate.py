"""One entry for every kind of microstructure: block -> structure -> mesh -> file and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from time import perf_counter
from typing import Any

from ssbmech_mesh.composite import build_composite
from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.fitted import fitted_composite
from ssbmech_mesh.grains import split_grains
from ssbmech_mesh.image_structure import build_from_image
from ssbmech_mesh.layers import add_layers
from ssbmech_mesh.mesh_file import write_mesh
from ssbmech_mesh.meshing import mesh_structure
from ssbmech_mesh.report import MeshReport, composite_fractions, report_of
from ssbmech_mesh.section import section
from ssbmech_mesh.simplex import SimplexMesh
from ssbmech_mesh.specs import CompositeSpec, GrainSpec, ImageSpec, read_spec
from ssbmech_mesh.spheres import mesh_spheres
from ssbmech_mesh.structure import Structure


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


def structure_of(spec: CompositeSpec | ImageSpec) -> Structure:
    """The bodies on voxels: particles, then their grains, then layers, then the section."""
    grains: dict[str, GrainSpec]
    if isinstance(spec, CompositeSpec):
        structure = build_composite(spec)
        grains = {phase: each.grains for phase, each in spec.particles.items() if each.grains is not None}
    else:
        structure, grains = build_from_image(spec), spec.grains
    if grains:
        structure = split_grains(structure, grains, spec.seed)
    structure = add_layers(structure, spec.layers)
    return structure if spec.section is None else section(structure, spec.section)


def _composed(given: Mapping[str, Any]) -> tuple[SimplexMesh, MeshReport]:
    start = perf_counter()
    spec: CompositeSpec | ImageSpec
    if given["generator"] == "composite":
        spec = read_spec(CompositeSpec, given)
        if spec.mesher == "fitted":
            return fitted_composite(spec)
    else:
        spec = read_spec(ImageSpec, given)
    structure = structure_of(spec)
    mesh, notes = mesh_structure(structure, spec.mesh_size)
    fractions, notes = composite_fractions(mesh, structure), (*structure.notes, *notes)
    return mesh, report_of(mesh, fractions, structure.facts, notes, perf_counter() - start)


GENERATORS: dict[str, Callable[[Mapping[str, Any]], tuple[SimplexMesh, MeshReport]]] = {
    "spheres": mesh_spheres,
    "composite": _composed,
    "image": _composed,
}
