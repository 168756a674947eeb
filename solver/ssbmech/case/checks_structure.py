"""Checks of the microstructure to be generated, before any work starts."""

from __future__ import annotations

from collections.abc import Iterator

from ssbmech.case.checks_materials import exactly_one, unknown_phase
from ssbmech.case.errors import Problem, nearest
from ssbmech.case.mesh import Microstructure
from ssbmech.case.microstructure import Composition, Spheres
from ssbmech.case.schema import Case
from ssbmech.case.structures import (
    CellSize,
    Composite,
    Grains,
    ImageStructure,
    SizeDistribution,
)
from ssbmech.case.tables import BelowError

KEY = "mesh.microstructure"


def check_structure(structure: Microstructure, case: Case) -> Iterator[Problem]:
    """What the generator of the microstructure would refuse, as far as it can be known without building it."""
    if isinstance(structure, Spheres):
        yield from _check_spheres(structure, case)
        return
    yield from _check_cell_size(structure.mesh_size)
    for place in ("separator", "collector"):
        layer = getattr(structure.layers, place)
        if layer is not None:
            yield from unknown_phase(f"{KEY}.layers.{place}.phase", layer.phase, case)
    if isinstance(structure, Composite):
        yield from _check_composite(structure, case)
    else:
        yield from _check_image(structure, case)
    if structure.section is not None and case.stack.axis != "y":
        yield Problem(
            "stack.axis", "does not fit the section, whose second axis is the stack", case.stack.axis, "y"
        )


def _check_spheres(spheres: Spheres, case: Case) -> Iterator[Problem]:
    yield from unknown_phase(f"{KEY}.particles", spheres.particles, case)
    yield from unknown_phase(f"{KEY}.matrix", spheres.matrix, case)
    if spheres.particles == spheres.matrix:
        yield Problem(f"{KEY}.matrix", "is the phase of the particles too", spheres.matrix, "another phase")
    yield from exactly_one(KEY, spheres, ("composition", "volume_fraction"))
    if spheres.composition is not None:
        yield from _check_composition(spheres.composition, {spheres.particles, spheres.matrix}, case)
    size, diameter = spheres.mesh_size, spheres.diameter
    if diameter.minimum > diameter.maximum:
        yield Problem(
            f"{KEY}.diameter.minimum",
            "is above the maximum",
            f"{diameter.minimum:g} um",
            f"up to {diameter.maximum:g} um",
        )
    if diameter.median is not None and not diameter.minimum <= diameter.median <= diameter.maximum:
        allowed = f"{diameter.minimum:g} to {diameter.maximum:g} um"
        yield Problem(f"{KEY}.diameter.median", "is outside the limits", f"{diameter.median:g} um", allowed)
    if diameter.maximum >= min(spheres.box):
        allowed = f"below the shortest edge of the box, {min(spheres.box):g} um"
        yield Problem(
            f"{KEY}.diameter.maximum", "does not fit into the box", f"{diameter.maximum:g} um", allowed
        )
    if size.bulk is not None and size.bulk < size.interface:
        yield Problem(
            f"{KEY}.mesh_size.bulk",
            "is below that at interfaces",
            f"{size.bulk:g} um",
            f"{size.interface:g} um or more",
        )


def _check_composition(composition: Composition, phases: set[str], case: Case) -> Iterator[Problem]:
    weights, at = composition.weight_percent, f"{KEY}.composition"
    if set(weights) != phases:
        yield Problem(
            f"{at}.weight_percent",
            "must name the phases of the structure",
            sorted(weights),
            " and ".join(sorted(phases)),
        )
    elif abs(sum(weights.values()) - 100.0) > 1e-6:
        total = f"adds up to {sum(weights.values()):g}"
        yield Problem(f"{at}.weight_percent", total, weights, "weights that add up to 100")
    for name in weights:
        if name in case.phases and name not in composition.density:
            missing = f"has none for {name}, and neither has phases.{name}.density"
            yield Problem(f"{at}.density", missing, allowed="a density for each")


def _check_cell_size(size: CellSize) -> Iterator[Problem]:
    at = f"{KEY}.mesh_size"
    yield from exactly_one(at, size, ("interface", "cells"))
    if size.interface is None and size.bulk is not None:
        yield Problem(
            f"{at}.bulk", "goes with interface only", f"{size.bulk:g} um", "a size at interfaces too"
        )
    elif size.interface is not None and size.bulk is not None and size.bulk < size.interface:
        least = f"{size.interface:g} um or more"
        yield Problem(f"{at}.bulk", "is below that at interfaces", f"{size.bulk:g} um", least)


def _check_composite(composite: Composite, case: Case) -> Iterator[Problem]:
    for name in composite.particles:
        yield from unknown_phase(f"{KEY}.particles.{name}", name, case)
    for name in composite.additives:
        yield from unknown_phase(f"{KEY}.additives.{name}", name, case)
    yield from unknown_phase(f"{KEY}.matrix", composite.matrix, case)
    named = [*composite.particles, composite.matrix, *composite.additives]
    for name in sorted({name for name in named if named.count(name) > 1}):
        yield Problem(
            KEY, "gives a phase two roles", name, "particles, matrix and additives of different phases"
        )
    yield from exactly_one(KEY, composite, ("composition", "volume_fraction"))
    if composite.composition is not None:
        yield from _check_composition(composite.composition, set(named), case)
        if composite.pores is not None and composite.composition.porosity == 0.0:
            yield Problem(f"{KEY}.pores", "has nothing to fill", allowed="composition.porosity above 0")
    if composite.volume_fraction is not None:
        wanted = {*composite.particles, *composite.additives, *(["pore"] if composite.pores else [])}
        if set(composite.volume_fraction) != wanted:
            given, names = sorted(composite.volume_fraction), ", ".join(sorted(wanted))
            yield Problem(f"{KEY}.volume_fraction", "must name particles and additives", given, names)
        elif sum(composite.volume_fraction.values()) >= 1.0:
            total = f"adds up to {sum(composite.volume_fraction.values()):g}"
            yield Problem(f"{KEY}.volume_fraction", total, allowed="less than 1, the matrix is the rest")
    yield from _check_arrangement(composite)
    for name, population in composite.particles.items():
        if population.diameter is not None:
            yield from _check_sizes(f"{KEY}.particles.{name}.diameter", population.diameter, composite)
        if population.grains is not None:
            yield from _check_grains(f"{KEY}.particles.{name}.grains", population.grains)
        shape, at = population.shape, f"{KEY}.particles.{name}.shape"
        if (shape.kind == "ellipsoid") != (shape.aspect is not None):
            yield Problem(
                f"{at}.aspect",
                f"does not go with kind {shape.kind}",
                shape.aspect,
                "two axes of an ellipsoid",
            )
    yield from _check_contacts(composite, case)
    if composite.mesher == "fitted":
        yield from _check_fitted(composite)


def _check_fitted(composite: Composite) -> Iterator[Problem]:
    """What only the mesher on voxels can do."""
    many = {
        "additives": bool(composite.additives),
        "pores": composite.pores is not None,
        "section": composite.section is not None,
        "voxel_size": composite.voxel_size is not None,
    }
    for name, population in composite.particles.items():
        many[f"particles.{name}.shape"] = population.shape.kind != "sphere"
        many[f"particles.{name}.grains"] = population.grains is not None
    for key in (key for key, given in many.items() if given):
        yield Problem(
            f"{KEY}.mesher", f"does not go with {key}", "fitted", "lattice, or spheres and layers only"
        )


def _check_arrangement(composite: Composite) -> Iterator[Problem]:
    arrangement, at = composite.arrangement, f"{KEY}.arrangement"
    lattice = arrangement.kind not in ("random", "file")
    if lattice != (arrangement.cells is not None):
        given = arrangement.cells or "nothing"
        yield Problem(
            f"{at}.cells", f"does not go with kind {arrangement.kind}", given, "unit cells of a lattice"
        )
    if (arrangement.kind == "file") != (arrangement.file is not None):
        given = str(arrangement.file or "nothing")
        yield Problem(
            f"{at}.file", f"does not go with kind {arrangement.kind}", given, "a file with kind file"
        )
    if arrangement.file is not None and not arrangement.file.is_file():
        yield Problem(
            f"{at}.file", "does not exist", str(arrangement.file), "a text file, relative to the case file"
        )
    for name, population in composite.particles.items():
        if (population.diameter is None) == (arrangement.kind == "random"):
            word = (
                "is missing" if arrangement.kind == "random" else f"does not go with kind {arrangement.kind}"
            )
            yield Problem(
                f"{KEY}.particles.{name}.diameter", word, allowed="with kind random, and only there"
            )


def _check_sizes(at: str, sizes: SizeDistribution, composite: Composite) -> Iterator[Problem]:
    quantiles = [sizes.D10, sizes.D50, sizes.D90]
    ways = {
        "D10, D50, D90": None not in quantiles,
        "median, sigma": sizes.median is not None and sizes.sigma is not None,
        "table": sizes.table is not None,
        "minimum, maximum with distribution: uniform": sizes.distribution == "uniform",
    }
    if sum(ways.values()) != 1:
        got = " and ".join(name for name, given in ways.items() if given) or "none of them complete"
        yield Problem(at, "needs exactly one way to give the sizes", got, " | ".join(ways))
    if sizes.distribution == "uniform" and (sizes.minimum is None or sizes.maximum is None):
        yield Problem(at, "is uniform between two limits", allowed="minimum and maximum")
    known = [value for value in quantiles if value is not None]
    if known != sorted(known):
        yield Problem(at, "is not in order", f"{known} um", "D10 < D50 < D90")
    if sizes.minimum is not None and sizes.maximum is not None and sizes.minimum > sizes.maximum:
        top = f"up to {sizes.maximum:g} um"
        yield Problem(f"{at}.minimum", "is above the maximum", f"{sizes.minimum:g} um", top)
    typical = sizes.D50 or sizes.median or sizes.minimum
    if typical is not None and typical >= min(composite.box):
        fits = f"below the shortest edge of the box, {min(composite.box):g} um"
        yield Problem(at, "does not fit into the box", f"{typical:g} um", fits)
    if sizes.table is not None:
        try:
            sizes.rows()
        except BelowError as problem:
            yield Problem(f"{at}.table", str(problem), str(sizes.table), problem.error.allowed)


def _check_grains(at: str, grains: Grains) -> Iterator[Problem]:
    if grains.texture != "single":
        yield from exactly_one(at, grains, ("diameter", "count"))
    elif grains.diameter is not None or grains.count is not None:
        yield Problem(at, "is one crystal, which has no grain size", allowed="texture random or radial")


def _check_contacts(composite: Composite, case: Case) -> Iterator[Problem]:
    """Laws of the interfaces that the structure is certain to have."""
    certain = [(name, composite.matrix) for name in composite.particles]
    if composite.arrangement.kind == "random":
        certain += [(name, name) for name in composite.particles]
    for one, other in certain:
        if one in case.phases and other in case.phases and case.interface(one, other) is None:
            missing, entry = f"has no law where {one} meets {other}", f"an entry between: [{one}, {other}]"
            yield Problem("interfaces", missing, allowed=entry)
    for name, population in composite.particles.items():
        if population.grains is not None and population.grains.texture != "single":
            yield from _check_boundaries(name, case)


def _check_boundaries(name: str, case: Case) -> Iterator[Problem]:
    """A law between the grains of a particle, or one between particles that serves there too."""
    if name in case.phases and not any(law.pair == frozenset((name,)) for law in case.interfaces):
        missing = f"has no law for the grain boundaries of {name}"
        entry = f"an entry between: [{name}, {name}] with grain_boundary: true"
        yield Problem("interfaces", missing, allowed=entry)


def _check_image(image: ImageStructure, case: Case) -> Iterator[Problem]:
    if not image.file.exists():
        there = [path.name for path in image.file.parent.iterdir()] if image.file.parent.is_dir() else []
        allowed = "an image file or a folder of slices, relative to the case file"
        yield Problem(
            f"{KEY}.file", "does not exist", str(image.file), allowed, nearest(image.file.name, there)
        )
    if not image.bodies or image.thresholds is not None:
        yield from exactly_one(KEY, image, ("labels", "thresholds"))
    phases = [*(image.labels or image.thresholds or {}), *image.bodies]
    for key in ("labels", "thresholds", "bodies"):
        for name in getattr(image, key) or {}:
            if name not in image.void:
                yield from unknown_phase(f"{KEY}.{key}.{name}", name, case)
    for key in ("fill_closed", "least_volume", "split", "grains", "void"):
        for name in getattr(image, key):
            if name not in phases:
                yield Problem(
                    f"{KEY}.{key}",
                    "is not a phase of the image",
                    name,
                    ", ".join(phases),
                    nearest(name, phases),
                )
    for name, grains in image.grains.items():
        yield from _check_grains(f"{KEY}.grains.{name}", grains)
        if grains.texture != "single":
            yield from _check_boundaries(name, case)
    several = [
        name for name, values in image.bodies.items() if values.last is None or values.last > values.first
    ]
    for name in (*image.split, *several):
        if name in case.phases and case.interface(name, name) is None:
            yield Problem(
                "interfaces",
                f"has no law where {name} meets {name}",
                allowed=f"an entry between: [{name}, {name}]",
            )
