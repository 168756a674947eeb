"""What came out of a generator, against what was asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ssbmech_mesh.quality import Quality, quality
from ssbmech_mesh.simplex import Floats, Ints, SimplexMesh
from ssbmech_mesh.structure import Structure

GRAIN_BOUNDARY = "grain boundary"


@dataclass(frozen=True)
class MeshReport:
    """Figures of a generated mesh. Lengths in µm, areas in µm^2 (in a section areas are shares, lengths areas).

    nodes counts each place once; body_nodes, by phase, counts a node once for every body it touches, as fields that jump
    at interfaces do. particles counts whole particles, bodies their pieces and grains and all else. volume_fraction: of
    the composite, between the layers, as meshed; the rest is pores. interface_area: by pair of phases, "A|B". structure: what
    the generator reports of asked and achieved figures before meshing. notes: what was changed or not resolved.
    """

    dimension: int
    cells: int
    nodes: int
    body_nodes: dict[str, int]
    particles: int
    grains: int
    bodies: int
    volume_fraction: dict[str, float]
    interface_area: dict[str, float]
    quality: Quality
    structure: dict[str, Any]
    notes: tuple[str, ...]
    seconds: float
    asked: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Nested plain dictionaries, ready for JSON."""
        return asdict(self)

    def table(self) -> str:
        """Text for a log."""
        what = "tetrahedra" if self.dimension == 3 else "triangles"
        made = f"{self.bodies} bodies, {self.particles} particles" + (
            f", {self.grains} grains" if self.grains else ""
        )
        lines = [f"{self.cells} {what}, {self.nodes} nodes, {made}; {self.seconds:.1f} s"]
        for name, share in self.volume_fraction.items():
            asked = f" (asked {100 * self.asked[name]:.2f})" if name in self.asked else ""
            lines.append(f"{name:<30} {100 * share:.2f} vol%{asked}")
        lines += self._structure_lines()
        unit = "µm^2" if self.dimension == 3 else "µm"
        lines += [f"{name:<30} {area:.1f} {unit}" for name, area in self.interface_area.items()]
        lines.append(self.quality.table())
        lines += [f"note: {text}" for text in self.notes]
        return "\n".join(lines)

    def _structure_lines(self) -> list[str]:
        """Sizes, contacts and percolation, as far as the generator reports them."""
        facts, lines = self.structure, []
        for name, sizes in facts.get("diameters", {}).items():
            asked = sizes.get("asked", {})
            text = ", ".join(f"{key} {_of_asked(d, asked.get(key))}" for key, d in sizes["achieved"].items())
            lines.append(f"{name + ' diameters':<30} {text} µm by volume")
        contacts = facts.get("spheres", {}).get("coordination")
        touching = (
            {"contacts of a particle": contacts}
            if contacts is not None
            else {
                f"{name} touching a particle": number
                for name, number in facts.get("coordination", {}).items()
            }
        )
        lines += [f"{name:<30} {number:.2f}" for name, number in touching.items()]
        for name, found in facts.get("percolation", {}).items():
            through = "from end to end" if found["spanning"] > 0.0 else "not from end to end"
            alone = f", {100 * found['isolated']:.2g} % isolated" if found["isolated"] > 0.0 else ""
            lines.append(f"{name + ' percolates':<30} {through}{alone}")
        return lines


def _of_asked(value: float, asked: float | None) -> str:
    return f"{value:.2f}" if asked is None else f"{value:.2f} (asked {asked:.2f})"


def report_of(
    mesh: SimplexMesh,
    fractions: Mapping[str, float],
    structure: Mapping[str, Any],
    notes: Sequence[str],
    seconds: float,
) -> MeshReport:
    """Measure a mesh with a table of bodies; fractions by phase of the composite, structure: what the generator knows."""
    table = mesh.table
    assert table is not None
    facet, pair = mesh.interfaces()
    return MeshReport(
        dimension=mesh.dimension,
        cells=len(mesh.cells),
        nodes=len(mesh.nodes),
        body_nodes={
            name: mesh.nodes_of(np.flatnonzero(table.of_phase(name))) for name in dict.fromkeys(table.phases)
        },
        particles=len(np.unique(table.particle[table.particle >= 0])),
        grains=int(np.sum(table.grain >= 0)),
        bodies=len(mesh.names),
        volume_fraction=dict(fractions),
        interface_area=_areas(mesh, facet, pair),
        quality=quality(mesh),
        structure=dict(structure),
        notes=tuple(notes),
        seconds=seconds,
        # A plane section has the fractions of the volume only on average.
        asked=dict(structure.get("volume_fraction_asked", {})) if mesh.dimension == 3 else {},
    )


def composite_fractions(mesh: SimplexMesh, structure: Structure) -> dict[str, float]:
    """Share of the composite of every phase in it, as meshed; what the layers are made of is taken off as on the voxels."""
    table = mesh.table
    assert table is not None
    labels, bodies = structure.labels, structure.bodies
    axis = mesh.dimension - 1  # the stack; a section has it as its second axis
    height = (np.arange(labels.shape[axis]) + 0.5) * structure.voxel_size[axis]
    low, high = structure.composite or (0.0, structure.box[axis])
    inside = (height > low) & (height < high)
    voxel = float(np.prod(structure.voxel_size[: mesh.dimension]))
    in_layers = np.compress(~inside, labels, axis=axis)
    layers = voxel * np.bincount(in_layers.ravel(), minlength=len(bodies) + 1)[1:]
    present = np.bincount(np.compress(inside, labels, axis=axis).ravel(), minlength=len(bodies) + 1)[1:] > 0
    volume, whole = mesh.body_volumes(), voxel * labels.size * float(np.mean(inside))
    found = {}
    for name in dict.fromkeys(bodies.phases):
        of_phase = bodies.of_phase(name)
        if name not in structure.void and present[of_phase].any():
            meshed = float(volume[table.of_phase(name)].sum())
            found[name] = (meshed - float(layers[of_phase].sum())) / whole
    return found


def _areas(mesh: SimplexMesh, facet: Ints, pair: Ints) -> dict[str, float]:
    """Area by pair of phases in the order of the table, grain boundaries apart from contacts of particles."""
    table = mesh.table
    assert table is not None
    names = list(dict.fromkeys(table.phases))
    number = np.array([names.index(phase) for phase in table.phases])
    one, two = np.sort(number[pair], axis=1).T
    particle = table.particle[pair]
    inside = (particle[:, 0] == particle[:, 1]) & (particle[:, 0] >= 0)
    area: Floats = mesh.facet_areas(facet)
    key = (one * len(names) + two) * 2 + inside
    total = np.bincount(key, area, 2 * len(names) ** 2)
    found = {}
    for k in np.unique(key):
        a, b = divmod(int(k) // 2, len(names))
        name = f"{names[a]} {GRAIN_BOUNDARY}" if k % 2 else f"{names[a]}|{names[b]}"
        found[name] = float(total[k])
    return found
