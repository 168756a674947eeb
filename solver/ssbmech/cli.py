"""The command line: ``ssbmech run | check | report | mesh | transport | materials | schema | doctor``.

Exit codes: 0 done, 1 the run failed, 2 bad input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ssbmech import __version__
from ssbmech.case import Case, CaseError, Problem, load_case
from ssbmech.case.mesh import BESIDE
from ssbmech.cli_transport import transport
from ssbmech.launch import (
    INPUT_ERROR,
    RUN_FAILED,
    agreed,
    communicator,
    complain,
    end_together,
    install_hook,
    launched_ranks,
    relaunch,
)
from ssbmech.materials_cli import app as materials
from ssbmech.options import Overrides, Overwrite, Ranks
from ssbmech.outcome import guarded as _guarded
from ssbmech.outcome import require_fit
from ssbmech.outcome import told as _told

app = typer.Typer(
    name="ssbmech",
    help="Mechanics of composite cathodes of all-solid-state batteries under stack pressure.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(materials, name="materials")

CaseFile = Annotated[Path, typer.Argument(metavar="CASE", help="Case file (YAML).", show_default=False)]
Out = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="Output folder [default: runs/FOLDER-CASE].", show_default=False),
]


class Colour(StrEnum):
    """What a picture of a mesh shows."""

    body = "body"
    phase = "phase"
    orientation = "orientation"
    texture = "texture"
    quality = "quality"


@app.command()
def run(
    case: CaseFile,
    ranks: Ranks = None,
    out: Out = None,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Run a case. `mpirun -n N ssbmech run CASE` does the same as `-n N`."""
    overrides = overrides or []
    started = launched_ranks()
    out = out or default_folder(case)
    comm = communicator()

    def prepared() -> Case:
        require_fit(started, ranks)
        loaded = load_case(case, overrides)
        if comm is None or comm.rank == 0:
            _refuse_existing(out, overwrite)
        return loaded

    try:
        loaded = agreed(comm, prepared, CaseError)
    except CaseError as error:
        raise typer.Exit(end_together(comm, _told(error), INPUT_ERROR)) from None
    if started is None and ranks is not None and ranks > 1:
        raise typer.Exit(relaunch(ranks, sys.argv[1:]))
    install_hook(comm)
    raise typer.Exit(_guarded(comm, lambda: _run(loaded, out, overwrite)))


def default_folder(case: Path) -> Path:
    """Where a run goes when nobody says so: ``runs/<folder of the case>-<name of the case>``."""
    return Path("runs") / f"{case.absolute().parent.name}-{case.stem}"


def _run(case: Case, out: Path, overwrite: bool) -> int:
    from ssbmech.run import run_case

    return run_case(case, out, overwrite)


def _refuse_existing(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise CaseError([Problem("-o", "is a file", str(out), "a folder")])
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise CaseError(
            [
                Problem(
                    "-o", "exists and is not empty", str(out), "another folder, or --overwrite to replace it"
                )
            ]
        )


@app.command()
def check(
    case: CaseFile,
    overrides: Overrides = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Print the case with all defaults filled in.")
    ] = False,
) -> None:
    """Read a case and say what is wrong with it, or what it is."""
    loaded = _loaded(case, overrides)
    if resolved:
        print(loaded.dump(), end="")
        return
    _describe(loaded, case)


def _loaded(case: Path, overrides: list[str] | None) -> Case:
    try:
        return load_case(case, overrides or [])
    except CaseError as error:
        complain(_told(error))
        raise typer.Exit(INPUT_ERROR) from None


def _describe(case: Case, file: Path) -> None:
    console = Console(highlight=False)
    console.print(f"[green]{file} is in order[/]" + (f": {case.title}" if case.title else ""), soft_wrap=True)
    origin = (
        case.mesh.file
        or f"generated: {case.mesh.microstructure.generator if case.mesh.microstructure else ''}"
    )
    physics = " and ".join(case.numerics.physics)
    console.print(f"mesh {origin}; physics {physics}; case {case.hash()}", soft_wrap=True)
    phases = Table("phase", "regions", "E [GPa]", "nu", "conducts", "starts at", box=None)
    for name, phase in case.phases.items():
        start = ""
        if phase.lithium is not None:
            x = phase.lithium.initial_x(case.cell.temperature)
            start = f"x = {x:.4g}, {float(phase.lithium.open_circuit_potential(x)):.4g} V vs Li"
        modulus, poisson = phase.elasticity.isotropic()
        carrier = phase.conduction.carrier if phase.conduction else "no"
        phases.add_row(
            name, " ".join(phase.regions), f"{modulus / 1e3:.4g}", f"{poisson:.4g}", carrier, start
        )
    console.print(phases)
    steps = Table("step", "cycle", "what", "until", "load", box=None)
    planned = case.planned()
    for each in planned[:_SHOWN_STEPS]:
        step = each.step
        limits = ", ".join(f"{key} {_plainly(value)}" for key, value in step.until.given().items())
        load = each.load.kind if each.load is not None else ""
        cycle = str(each.cycle) if each.cycle else ""
        until = limits or f"{step.duration:g} s"
        steps.add_row(str(each.number), cycle, step.describe(), until, load.replace("_", " "))
    if len(planned) > _SHOWN_STEPS:
        steps.add_row("...", "", f"and {len(planned) - _SHOWN_STEPS} more", "", "")
    console.print(steps)


def _plainly(value: object) -> str:
    """A limit in internal units."""
    if isinstance(value, float):
        return f"{value:g}"
    rate, density = getattr(value, "c_rate", None), getattr(value, "current_density", None)
    return f"{rate:.4g}C" if rate is not None else f"{density:g} A/m^2"


_SHOWN_STEPS = 40


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write to a file.", show_default=False)
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The reference of all keys as Markdown.")
    ] = False,
) -> None:
    """Print the JSON Schema of case files, for editors."""
    from ssbmech.case import json_schema
    from ssbmech.case.reference import markdown as reference

    text = reference() if markdown else json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        _guarded_exit(lambda: out.write_text(text, encoding="utf-8"), out)


def _guarded_exit(write: Callable[[], object], out: Path) -> None:
    try:
        write()
    except OSError as error:
        complain(f"-o: cannot write {out}: {error.strerror}")
        raise typer.Exit(INPUT_ERROR) from None


@app.command()
def report(
    outs: Annotated[
        list[Path], typer.Argument(metavar="OUT...", help="Folders of runs.", show_default=False)
    ],
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="PNG", help="Draw the curves of all runs into one picture."),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="Name of a run in --compare, once for each.", show_default=False),
    ] = None,
) -> None:
    """Make the pictures of each run in OUT/report, or with --compare one picture of several runs."""
    for out in outs:
        if not out.is_dir():
            complain(f"{out} is not a folder; give the output folder of a run")
            raise typer.Exit(INPUT_ERROR)
    if labels and len(labels) != len(outs):
        complain(f"--label: {len(labels)} labels for {len(outs)} runs; give one for each")
        raise typer.Exit(INPUT_ERROR)

    def work() -> int:
        from ssbmech_post.report import compare as draw
        from ssbmech_post.report import make_report

        if compare is not None:
            print(draw(outs, labels or [out.name for out in outs], compare))
            return 0
        for out in outs:
            for picture in make_report(out):
                print(picture)
        return 0

    raise typer.Exit(_guarded(None, work))


@app.command()
def mesh(
    case: CaseFile,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The mesh file to write: .msh (gmsh) or .xdmf (with .h5).")
    ] = Path("mesh.msh"),
    preview: Annotated[
        bool, typer.Option("--preview", help="Render the mesh too, as a PNG beside it.")
    ] = False,
    colour: Annotated[Colour, typer.Option(help="What the picture shows.", show_default=True)] = Colour.body,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Generate the microstructure of a case, and nothing else; with --preview, see it. A mesh that is a file is only rendered."""
    loaded = _loaded(case, overrides)
    structure = loaded.mesh.microstructure
    if structure is None and not preview:
        complain(
            f"{case}: mesh.microstructure: is missing; the mesh of this case is the file {loaded.mesh.file} "
            "(--preview renders it)"
        )
        raise typer.Exit(INPUT_ERROR)
    if out.suffix not in BESIDE:
        complain(f"-o: {out} is not the name of a mesh file; it has to end in {' or '.join(BESIDE)}")
        raise typer.Exit(INPUT_ERROR)
    picture = out.with_suffix(".png")
    beside = out.with_suffix(BESIDE[out.suffix])
    for path in ([out, beside] if structure is not None else []) + ([picture] if preview else []):
        if path.exists() and not overwrite:
            complain(f"-o: {path} exists; choose another name, or --overwrite to replace it")
            raise typer.Exit(INPUT_ERROR)

    def work() -> int:
        if structure is not None:
            from ssbmech_mesh import generate

            print(generate(structure.as_dict(), out).table())
            print(out)
        if preview:
            from ssbmech_post.mesh_view import preview as render

            source = out if structure is not None else loaded.mesh.file
            assert source is not None
            print(render(source, picture, colour=colour.value))
        return 0

    raise typer.Exit(_guarded(None, work))


app.command()(transport)


@app.command()
def doctor() -> None:
    """Say what this environment has and what it lacks."""
    from ssbmech.doctor import examine

    findings = examine()
    table = Table("", "found", "", title=f"ssbmech {__version__}", title_justify="left", box=None)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[red]missing[/]" if finding.needed else "[yellow]without[/]"
        table.add_row(finding.what, finding.found, mark + ("" if finding.ok else f"  {finding.advice}"))
    Console(highlight=False).print(table)
    if not all(finding.ok for finding in findings if finding.needed):
        raise typer.Exit(RUN_FAILED)


def main() -> None:
    """Entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
