"""``ssbmech transport``: what the user gives, read and checked before any work."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ssbmech.case import Case, CaseError, Problem, load_case
from ssbmech.case.units import Quantity, UnitError, quantity
from ssbmech.launch import (
    INPUT_ERROR,
    agreed,
    communicator,
    end_together,
    install_hook,
    launched_ranks,
    relaunch,
)
from ssbmech.options import Overrides, Overwrite, Ranks
from ssbmech.outcome import guarded, require_fit, told

CASES = (".yaml", ".yml")
IMAGES = (".tif", ".tiff", ".npz", ".npy", ".nrrd", ".vti")
RESULTS = ("transport.json", "transport.bp", "transport.png", "mesh.xdmf", "mesh.h5", "mesh.json")
PERFECT = float("inf")


class Boundary(StrEnum):
    """What is held at the faces of the box."""

    insulated = "insulated"
    linear = "linear"


class Carrier(StrEnum):
    """Whose network is solved."""

    ionic = "ionic"
    electronic = "electronic"
    both = "both"


@dataclass
class Given:
    """What the options say, in internal units."""

    kind: str
    path: Path
    case: Case | None = None
    conductivities: dict[Any, dict[str, float]] = field(default_factory=dict)
    contacts: dict[tuple[str, str], float] = field(default_factory=dict)
    everywhere: float = PERFECT
    time: float | None = None
    step: int | None = None
    image: dict[str, Any] = field(default_factory=dict)


Texts = list[str] | None


Structure = Annotated[
    Path | None,
    typer.Argument(
        metavar="[STRUCTURE]",
        help="Case file (YAML), mesh (.msh, .xdmf, ...) or labelled image (.npz, .tif, ...).",
        show_default=False,
    ),
]
Run = Annotated[
    Path | None,
    typer.Option("--run", metavar="FOLDER", help="A saved state of this run instead.", show_default=False),
]
Time = Annotated[
    str | None,
    typer.Option(help='With --run: the saved state nearest to this time ("2 h").', show_default=False),
]
Step = Annotated[
    int | None,
    typer.Option(help="With --run: number of the saved state; default the last.", show_default=False),
]
Held = Annotated[
    Boundary,
    typer.Option(help="Insulated sides (diagonal tensor), or linear potentials on all faces (full tensor)."),
]
Degree = Annotated[int, typer.Option(min=1, max=2, help="Of the potential; 2 is more accurate.")]
Ionic = Annotated[
    Texts,
    typer.Option(metavar="NAME=VALUE", help="Mesh or image: an ionic conductor.", show_default=False),
]
Electronic = Annotated[
    Texts,
    typer.Option(metavar="NAME=VALUE", help="Mesh or image: an electronic conductor.", show_default=False),
]
Contacts = Annotated[
    Texts,
    typer.Option(
        metavar="[A|B=]VALUE",
        help='Mesh or image: "1e4 S/m^2", perfect or none, between all conductors or those of a pair [default: perfect].',
        show_default=False,
    ),
]
Labels = Annotated[
    Texts, typer.Option(metavar="NAME=0,2", help="Image: values of a phase.", show_default=False)
]
VoxelSize = Annotated[str | None, typer.Option(help='Image: "0.4 um".', show_default=False)]
Edge = Annotated[
    str | None, typer.Option(help="Image: edge length of the cells at interfaces.", show_default=False)
]
Void = Annotated[
    Texts, typer.Option(metavar="NAME", help="Image: a phase that is left out.", show_default=False)
]
Picture = Annotated[
    bool, typer.Option("--picture", help="Draw the current along the last axis, as transport.png.")
]
Fields = Annotated[bool, typer.Option(help="Write transport.bp for ParaView.")]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="Output folder [default: runs/NAME-transport].", show_default=False),
]


def transport(
    structure: Structure = None,
    run: Run = None,
    time: Time = None,
    step: Step = None,
    carrier: Annotated[Carrier, typer.Option(help="Which network.")] = Carrier.both,
    boundary: Held = Boundary.insulated,
    degree: Degree = 1,
    ionic: Ionic = None,
    electronic: Electronic = None,
    contact: Contacts = None,
    label: Labels = None,
    voxel_size: VoxelSize = None,
    edge: Edge = None,
    void: Void = None,
    picture: Picture = False,
    fields: Fields = True,
    ranks: Ranks = None,
    out: Out = None,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Effective ionic and electronic conductivity, tortuosity factors and percolation of a structure.

    As meshed, or at a saved state of a run (its cracks, contacts and deformed geometry).
    """
    started, comm = launched_ranks(), communicator()
    bare = {"--ionic": ionic, "--electronic": electronic, "--contact": contact}
    image = {"--label": label, "--voxel-size": voxel_size, "--edge": edge, "--void": void}
    state = {"--time": time, "--step": step}

    def prepared() -> tuple[Given, Path]:
        require_fit(started, ranks)
        if picture and not fields:
            raise _mistake("--picture", "is made from the fields", "--no-fields", "only one of the two")
        kind, path = _kind(structure, run)
        groups: dict[str, dict[str, Any]]
        groups = {"mesh or image": bare, "image": image, "case": {"--set": overrides}, "run": state}
        for group, options in groups.items():
            _only(group, kind in group.split(" or "), options)
        given = _read(kind, path, ionic, electronic, contact)
        if kind == "case":
            given.case = load_case(path, overrides or [])
        if kind == "run":
            _read_when(given, time, step)
        if kind == "image":
            given.image = _read_image(path, label, voxel_size, edge, void)
        folder = out or Path("runs") / f"{_name(kind, path)}-transport"
        if comm is None or comm.rank == 0:
            _refuse_existing(folder, overwrite)
        return given, folder

    try:
        given, folder = agreed(comm, prepared, CaseError)
    except CaseError as error:
        raise typer.Exit(end_together(comm, told(error), INPUT_ERROR)) from None
    if started is None and ranks is not None and ranks > 1:
        raise typer.Exit(relaunch(ranks, sys.argv[1:]))
    install_hook(comm)
    work = _work(given, folder, carrier, boundary, degree, fields, picture)
    raise typer.Exit(guarded(comm, work))


def _work(
    given: Given,
    out: Path,
    carrier: Carrier,
    boundary: Boundary,
    degree: int,
    fields: bool,
    picture: bool,
) -> Callable[[], int]:
    def work() -> int:
        from ssbmech.transport.run import Request, of_case, of_image, of_mesh, of_run
        from ssbmech.transport.structure import CARRIERS

        carriers = tuple(c for c in CARRIERS if carrier.value in (c, "both"))
        request = Request(out, carriers, boundary.value, degree, fields, picture)
        if given.kind == "case":
            assert given.case is not None
            of_case(given.case, request)
        elif given.kind == "run":
            of_run(given.path, request, given.time, given.step)
        elif given.kind == "mesh":
            of_mesh(given.path, given.conductivities, given.contacts, request, given.everywhere)
        else:
            of_image(given.image, given.conductivities, given.contacts, request, given.everywhere)
        return 0

    return work


def _mistake(key: str, message: str, value: Any, allowed: str, suggestion: str = "") -> CaseError:
    return CaseError([Problem(key, message, value, allowed, suggestion)])


def _kind(structure: Path | None, run: Path | None) -> tuple[str, Path]:
    """What is given: case, mesh, image or run."""
    if (structure is None) == (run is None):
        given = "nothing" if structure is None else f"{structure} and --run {run}"
        raise _mistake(
            "STRUCTURE", "one structure is needed", given, "a case, mesh or image, or --run FOLDER"
        )
    if run is not None:
        for name in ("case.yaml", "fields.bp"):
            if not (run / name).exists():
                raise _mistake("--run", f"has no {name}", str(run), "the output folder of a run")
        return "run", run
    assert structure is not None
    if not structure.exists():
        raise _mistake("STRUCTURE", "does not exist", str(structure), "a case, mesh or image")
    suffix = structure.suffix.lower()
    if suffix in CASES:
        return "case", structure
    return ("image" if suffix in IMAGES or structure.is_dir() else "mesh"), structure


def _only(kind: str, fits: bool, options: dict[str, Any]) -> None:
    """Refuse options that belong to another kind of structure."""
    for name, value in options.items():
        if not fits and value not in (None, []):
            belongs = {"case": "a case", "run": "--run", "image": "an image"}.get(kind, "a mesh or an image")
            raise _mistake(name, f"belongs to {belongs}", value, f"only with {belongs}")


def _name(kind: str, path: Path) -> str:
    return f"{path.absolute().parent.name}-{path.stem}" if kind != "run" else path.absolute().name


def _refuse_existing(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise _mistake("-o", "is a file", str(out), "a folder")
    there = [name for name in RESULTS if (out / name).exists()]
    if there and not overwrite:
        raise _mistake("-o", f"holds {there[0]}", str(out), "another folder, or --overwrite to replace it")


def _quantity(option: str, kind: str, text: str) -> float:
    """A positive quantity with its unit, in internal units."""
    reader: Quantity = quantity(kind, "positive")
    try:
        return reader.read(text)
    except UnitError as error:
        raise _mistake(option, str(error), text, error.allowed, error.suggestion) from None


def _read(kind: str, path: Path, ionic: Texts, electronic: Texts, contact: Texts) -> Given:
    given = Given(kind, path)
    for carrier, texts in (("ionic", ionic), ("electronic", electronic)):
        for text in texts or []:
            name, value = _pair(f"--{carrier}", text, '"Li6PS5Cl=0.2 S/m"')
            if any(name in known for known in given.conductivities.values()):
                raise _mistake(
                    f"--{carrier}", "this conductor is given twice", text, "each once, for one carrier"
                )
            given.conductivities.setdefault(carrier, {})[name] = _quantity(
                f"--{carrier}", "conductivity", value
            )
    if kind in ("mesh", "image") and not given.conductivities:
        raise _mistake("--ionic", "nothing conducts", "nothing", '--ionic "NAME=0.2 S/m" or --electronic ...')
    for text in contact or []:
        if "=" not in text:
            given.everywhere = _conductance(text)
            continue
        names, value = _pair("--contact", text, '"NCM811|NCM811=1e4 S/m^2"')
        first, bar, second = (part.strip() for part in names.partition("|"))
        if not (bar and first and second):
            raise _mistake("--contact", "needs two conductors", text, '"A|B=1e4 S/m^2"')
        given.contacts[first, second] = _conductance(value)
    return given


def _conductance(text: str) -> float:
    known = {"perfect": PERFECT, "none": 0.0}
    word = text.strip()
    return known[word] if word in known else _quantity("--contact", "areal conductance", text)


def _pair(option: str, text: str, example: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise _mistake(option, "is not NAME=VALUE", text, example)
    return name.strip(), value.strip()


def _read_when(given: Given, time: str | None, step: int | None) -> None:
    if time is not None and step is not None:
        raise _mistake(
            "--step", "a state is chosen by its time or its number", f"{time}, {step}", "one of the two"
        )
    given.step = step
    if time is not None:
        try:
            given.time = quantity("time", "nonnegative").read(time)
        except UnitError as error:
            raise _mistake("--time", str(error), time, error.allowed, error.suggestion) from None


def _read_image(
    path: Path, labels: Sequence[str] | None, voxel: str | None, edge: str | None, void: Sequence[str] | None
) -> dict[str, Any]:
    """The image as ``ssbmech_mesh.generate`` takes it."""
    if not labels:
        raise _mistake(
            "--label", "the phases of the image are missing", "nothing", '--label "NMC=1" --label "SE=0,2"'
        )
    if edge is None:
        raise _mistake("--edge", "is missing", "nothing", 'the edge length of the cells, "1 um"')
    values: dict[str, list[float]] = {}
    for text in labels:
        name, numbers = _pair("--label", text, '"SE=0,2"')
        try:
            values[name] = [float(number) for number in numbers.split(",")]
        except ValueError:
            raise _mistake("--label", "is not a list of numbers", text, '"SE=0,2"') from None
    for name in void or []:
        if name not in values:
            raise _mistake("--void", "is no phase of the image", name, ", ".join(values))
    size = _quantity("--edge", "length", edge)
    block: dict[str, Any] = {
        "generator": "image",
        "file": str(path),
        "labels": values,
        "void": list(void or []),
    }
    block["mesh_size"] = {"interface": size, "bulk": 2.0 * size}
    if voxel is not None:
        block["voxel_size"] = _quantity("--voxel-size", "length", voxel)
    return block
