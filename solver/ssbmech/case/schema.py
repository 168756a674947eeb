"""The case file as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, PrivateAttr, model_validator

from ssbmech.case.base import Block, Name
from ssbmech.case.interfaces import Interface
from ssbmech.case.mesh import BESIDE, Mesh
from ssbmech.case.numerics import Cell, Expected, Numerics, Output, Physics
from ssbmech.case.phases import Phase
from ssbmech.case.plan import PlannedStep, plan
from ssbmech.case.programme import Step, plain
from ssbmech.case.stack import Electrons, Stack
from ssbmech.case.walls import PoreWalls

NOT_PHYSICS = ("title", "output", "expected")


class Case(Block):
    """One study: microstructure, materials, interfaces, stack and programme."""

    title: str = Field(default="", description="what this study is, in one line")
    mesh: Mesh
    phases: dict[Name, Phase] = Field(min_length=1, description="materials by name")
    interfaces: list[Interface] = Field(default_factory=list, description="laws by pair of phases")
    pore_walls: PoreWalls | None = Field(default=None, description="omitted: walls of pores are free")
    electrons: Electrons | None = Field(default=None, description="needed with electrochemistry")
    stack: Stack = Stack()
    programme: list[Step] = Field(min_length=1, description="steps or sentences, run in order")
    cell: Cell = Cell()
    numerics: Numerics = Numerics()
    output: Output = Output()
    expected: dict[str, Expected] = Field(
        default_factory=dict, description="headline figures of summary.json that tests check"
    )

    _origin: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _resolve(self) -> Case:
        """Fills in what depends on another block: the physics that is solved."""
        if not self.numerics.physics:
            conducts = any(phase.conduction is not None for phase in self.phases.values())
            physics: list[Physics] = ["mechanics", "electrochemistry"] if conducts else ["mechanics"]
            object.__setattr__(self, "numerics", self.numerics.model_copy(update={"physics": physics}))
        if self.numerics.displacement_degree is None:
            # Linear elements cannot keep their volume while they change shape: with plastic flow they lock.
            degree = 2 if any(phase.plasticity is not None for phase in self.phases.values()) else 1
            object.__setattr__(
                self, "numerics", self.numerics.model_copy(update={"displacement_degree": degree})
            )
        if self.numerics.interface_quadrature_degree is None:
            degree = self.numerics.least_interface_quadrature_degree
            object.__setattr__(
                self, "numerics", self.numerics.model_copy(update={"interface_quadrature_degree": degree})
            )
        return self

    @property
    def origin(self) -> Path | None:
        """The file that the case was read from."""
        return self._origin

    @property
    def phase_names(self) -> list[str]:
        """Names of the phases, in the order of the file."""
        return list(self.phases)

    @property
    def active_materials(self) -> list[str]:
        """Names of the phases that store lithium."""
        return [name for name, phase in self.phases.items() if phase.lithium is not None]

    def planned(self) -> list[PlannedStep]:
        """The steps in the order in which they run, every pass of every repeat."""
        return plan(self.programme, self.stack.load)

    @property
    def electrochemistry(self) -> bool:
        """Whether lithium and charge are solved for."""
        return "electrochemistry" in self.numerics.physics

    @property
    def electrons_wired(self) -> bool:
        """Whether carbon that is not meshed joins the active material to the collector."""
        return self.electrons is not None and self.electrons.path == "wired"

    def interface(self, one: str, other: str) -> Interface | None:
        """The laws between two phases, whatever their order."""
        pair = frozenset((one, other))
        found = (law for law in self.interfaces if law.pair == pair and not law.grain_boundary)
        return next(found, None)

    def data(self) -> dict[str, Any]:
        """The resolved case as the plain data of a case file, every quantity with its unit."""
        data: dict[str, Any] = self.model_dump(exclude_none=True)
        if self.mesh.file is None:
            del data["mesh"]["length_unit"]
        plain(data["programme"])
        return data

    def dump(self) -> str:
        """The resolved case as YAML that reads back to an equal case."""
        return yaml.dump(self.data(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)

    def hash(self) -> str:
        """16 hexadecimal digits of all that bears on the result, the contents of a mesh file included."""
        data = {key: value for key, value in self.data().items() if key not in NOT_PHYSICS}
        if self.mesh.file is not None and self.mesh.file.is_file():
            data["mesh"]["file"] = [_digest(part) for part in _parts(self.mesh.file)]
        if self.mesh.microstructure is not None:
            contents = {str(path): _digest(path) for path in self.mesh.microstructure.files()}
            data["mesh"] = _replaced(data["mesh"], contents)
        text = yaml.dump(_without_sources(data), Dumper=_Dumper, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def sources(self) -> dict[str, str]:
        """Where the numbers come from: key path -> text, for every ``source:`` of the file."""
        return dict(_sources(self.data(), ""))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and self.data() == other.data()

    __hash__ = None  # type: ignore[assignment]


def _replaced(data: Any, contents: dict[str, str]) -> Any:
    """The data with what the files hold instead of their names."""
    if isinstance(data, dict):
        return {key: _replaced(value, contents) for key, value in data.items()}
    if isinstance(data, list):
        return [_replaced(value, contents) for value in data]
    return contents.get(data, data) if isinstance(data, str) else data


def _parts(mesh: Path) -> list[Path]:
    """A mesh file and what belongs to it: the heavy data of an XDMF file, the table of bodies of a gmsh file."""
    part = mesh.with_suffix(BESIDE.get(mesh.suffix, mesh.suffix))
    return [mesh, part] if part != mesh and part.is_file() else [mesh]


def _digest(path: Path) -> str:
    """Of the contents of a file, or of all files of a folder; of nothing where there is none."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    total = hashlib.sha256()
    for file in files:
        total.update(file.read_bytes() if file.is_file() else b"")
    return total.hexdigest()


class _Dumper(yaml.SafeDumper):
    """Writes floats so that YAML 1.1 and 1.2 both read them as floats, and repeats instead of aliasing."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _without_sources(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_sources(value) for key, value in data.items() if key != "source"}
    if isinstance(data, list):
        return [_without_sources(item) for item in data]
    return data


def _sources(data: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key == "source" and isinstance(value, str):
                yield at, value
            else:
                yield from _sources(value, f"{at}.{key}" if at else key)
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from _sources(item, f"{at}[{number}]")
