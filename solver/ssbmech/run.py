"""A run, from the case to the results: case -> mesh -> model (spaces, forms, system) -> time steps -> output."""

from __future__ import annotations

import math
import shutil
import time
from pathlib import Path
from typing import Any

from mpi4py import MPI

from ssbmech.case import Case
from ssbmech.domain.mesh import TaggedMesh, read_mesh
from ssbmech.evolution import Evolution
from ssbmech.model import Model, build_model
from ssbmech.output.cells import CellProbe
from ssbmech.output.cycles import CYCLES, STEPS, CycleBook
from ssbmech.output.fields_file import FieldsFile, InterfaceFile
from ssbmech.output.isolation import Reach
from ssbmech.output.log import Log
from ssbmech.output.series import PARTICLES, SERIES, Measurements, Table
from ssbmech.output.summary import Progression, write_summary
from ssbmech.solve.stepping import Accepted, StepFailedError, TimeStepper
from ssbmech.stack.counter import LIMITS
from ssbmech.wall_terms import describe_walls

RUN_FILES = (
    "series.csv", "particles.csv", "steps.csv", "cycles.csv", "summary.json", "log.txt", "case.yaml", "mesh.xdmf", "mesh.h5", "mesh.json",
    "fields.bp",
    "interface.bp", "report",
)  # fmt: skip


def run_case(case: Case, out: Path, overwrite: bool = False) -> int:
    """Run ``case`` into the folder ``out``; collective over ``MPI.COMM_WORLD``.

    Returns 0. Bad meshes raise ``RegionError``, ``BoundaryError``, ``MeshReadError`` or ``MeshError``; a step that cannot be
    solved raises ``StepFailedError`` after everything computed so far has been written.
    """
    comm, begin = MPI.COMM_WORLD, time.perf_counter()
    if comm.rank == 0:
        prepare_folder(out, overwrite)
    comm.barrier()
    log = Log(comm, out / "log.txt")
    try:
        log.say(case.title)
        tagged = get_mesh(case, out, comm, log)
        model = build_model(case, tagged)
        if comm.rank == 0:
            (out / "case.yaml").write_text(case.dump(), encoding="utf-8")
        unreached = _say_what_is_solved(model, log)
        log.say("compiling forms (seconds to a minute the first time, cached afterwards) ...")
        evolution = Evolution(model)
        if model.lithium:
            log.say(evolution.counter.describe(case.stack.counter_electrode.name))
        recorder = Recorder(evolution, out, log, begin, unreached)
        recorder.run()
        if case.output.report and comm.rank == 0:
            _make_report(out, log)
    finally:
        log.close()
    return 0


def _make_report(out: Path, log: Log) -> None:
    """Pictures of the finished run; on rank 0, with nothing collective."""
    from ssbmech_post.errors import RunFolderError
    from ssbmech_post.report import make_report

    try:
        pictures = make_report(out)
    except RunFolderError as error:
        log.say(f"no report: {error}")
        return
    log.say(f"{len(pictures)} pictures in {out / 'report'}")


def prepare_folder(out: Path, overwrite: bool) -> None:
    """Make the folder; with ``overwrite``, remove what an earlier run left in it and nothing else."""
    out.mkdir(parents=True, exist_ok=True)
    if overwrite:
        for name in RUN_FILES:
            path = out / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def get_mesh(case: Case, out: Path, comm: MPI.Comm, log: Log) -> TaggedMesh:
    """Generate the mesh of the case or read it, and distribute it over the ranks."""
    if case.mesh.file is not None:
        log.say(f"reading {case.mesh.file}")
        return read_mesh(comm, case.mesh.file, case.mesh.length_unit)
    assert case.mesh.microstructure is not None
    return generated_mesh(case.mesh.microstructure.as_dict(), out, comm, log)


def generated_mesh(block: dict[str, Any], out: Path, comm: MPI.Comm, log: Log) -> TaggedMesh:
    """Generate a microstructure into the folder ``out``, and distribute it over the ranks."""
    path = out / "mesh.xdmf"
    log.say("generating the microstructure ...")
    failure: Exception | None = None
    if comm.rank == 0:
        # ssbmech_mesh is needed only here, and only on the rank that meshes.
        import json

        from ssbmech_mesh import MeshError, generate

        try:
            report = generate(block, path)
            (out / "mesh.json").write_text(json.dumps(report.as_dict(), indent=2) + "\n", encoding="utf-8")
            log.say(report.table())
        except MeshError as error:
            failure = error
    failure = comm.bcast(failure)
    if failure is not None:
        raise failure
    return read_mesh(comm, path)


def _say_what_is_solved(model: Model, log: Log) -> list[str]:
    """Sizes, solver and the path of the electrons; returns the active bodies that electrons do not reach."""
    system = model.system
    log.say(
        f"{system.numbering.global_size:,} unknowns on {model.setting.mesh.comm.size} rank(s): {', '.join(model.setting.unknowns)}; "
        f"{len(model.bodies.bodies)} bodies; linear solver: {system.linear.kind}"
    )
    flowing = [name for name, phase in model.case.phases.items() if phase.plasticity is not None]
    if flowing and model.case.numerics.displacement_degree == 1:
        log.say(
            f"{', '.join(flowing)}: plastic flow keeps the volume, which linear displacements cannot follow: they lock, "
            "stresses come out too high; numerics.displacement_degree: 2 does not"
        )
    walls = describe_walls(model)
    if walls:
        log.say(walls)
    unreached = Reach(model).unreached()
    electrons = model.case.electrons
    if electrons is not None and model.lithium:
        how = {
            "wired": "electrons: wired, a volumetric conductance joins all active material to the collector (unresolved carbon)",
            "resolved": "electrons: resolved, through conductors in contact",
        }
        log.say(how[electrons.path])
    if unreached:
        log.say(f"active material without an electronic path to the collector: {', '.join(unreached)}")
    return unreached


class Recorder:
    """Runs an evolution through its programme and writes what comes of it."""

    def __init__(self, evolution: Evolution, out: Path, log: Log, begin: float, unreached: list[str]) -> None:
        self.evolution, self.out, self.log, self.begin, self.unreached = evolution, out, log, begin, unreached
        model = evolution.model
        first = model.setting.mesh.comm.rank == 0
        self.cells = CellProbe(model)
        self.measurements = Measurements(evolution, self.cells)
        self.series = Table(out / "series.csv" if first else None, SERIES)
        self.particles = Table(out / "particles.csv" if first else None, PARTICLES)
        self.book = CycleBook(model.one_c() / model.area if model.lithium else 1.0)
        self.steps = Table(out / "steps.csv" if first else None, STEPS)
        self.cycles = Table(out / "cycles.csv" if first else None, CYCLES)
        self.fields = FieldsFile(model, self.cells, out / "fields.bp")
        self.interface = InterfaceFile(model, out / "interface.bp")
        self.progression = Progression()
        self.output_time = 0.0
        self._segments = evolution.segments()
        self._pulled = self._overlapped = False
        self._overlapping: set[int] = set()

    def run(self) -> None:
        """All steps of the programme; writes the summary whatever happens."""
        evolution = self.evolution
        stepper = TimeStepper(evolution, evolution.control(), self.log.note)
        try:
            self.log.say("initial equilibrium ...")
            evolution.equilibrate(before_commit=lambda: self._record(None, force_fields=True))
            self.log.start_progress()
            for accepted in stepper.run(self._segments):
                self._record(accepted, force_fields=accepted.last)
                self.progression.steps, self.progression.rejected = stepper.steps, stepper.rejected
                self.progression.end_reason = accepted.ended or ""
            self.progression.finished = True
        except StepFailedError as error:
            self.progression.end_reason = str(error)
            self.progression.rejected = stepper.rejected
            raise
        finally:
            self._close()

    def _record(self, accepted: Accepted | None, force_fields: bool) -> None:
        begin = time.perf_counter()
        cells = self.cells.evaluate()
        row = self.measurements.series_row(accepted, cells)
        self.series.add(row)
        self._say_exhausted(accepted)
        for particle in self.measurements.particle_rows(accepted, cells):
            self.particles.add(particle)
        self.progression.add(row)
        for table, rows in zip((self.steps, self.cycles), self.book.add(accepted, row), strict=True):
            for each in rows:
                table.add(each)
        every = self.evolution.model.case.output.fields_every
        if force_fields or (accepted is not None and every > 0 and accepted.number % every == 0):
            when = accepted.time if accepted else 0.0
            self.fields.write(when, cells)
            self.interface.write(when, self.evolution.interface_state())
        self.output_time += time.perf_counter() - begin
        self._warn_of_tension(float(row["pressure"]))
        self._warn_of_penetration()
        self._warn_of_overlap(float(row["wall_penetration"]))
        if accepted is not None:
            self.log.progress(self._share(accepted), _line(accepted, row))

    def _say_exhausted(self, accepted: Accepted | None) -> None:
        """A step that ends because of the counter electrode ended before what the programme asked for."""
        if accepted is not None and accepted.ended in LIMITS:
            y = LIMITS[accepted.ended]
            self.log.say(
                f"{accepted.ended} (y = {y:g}): ends programme step {accepted.segment.number}, t = {accepted.time:.6g} s"
            )

    def _warn_of_tension(self, pressure: float) -> None:
        """Platens are bonded to the electrode in this model; in a cell they can only press."""
        if pressure < -1e-3 and not self._pulled:
            self._pulled = True
            self.log.say(
                f"the platens pull ({pressure:.3g} MPa): a real stack would come loose here; start from a higher pressure"
            )

    def _warn_of_overlap(self, penetration: float) -> None:
        """Walls of pores may overlap by the stated tolerance."""
        block = self.evolution.model.case.pore_walls
        if block is not None and penetration > 1.001 * block.penetration_tolerance and not self._overlapped:
            self._overlapped = True
            self.log.say(
                f"walls of pores overlap by {penetration:.3g} um, more than pore_walls.penetration_tolerance "
                f"({block.penetration_tolerance:.3g} um): numerics.time_step.maximum may be too long, or the mesh too coarse"
            )

    def _warn_of_penetration(self) -> None:
        """Say once for every interface that its faces overlap by more than its tolerance."""
        depths = self.evolution.interface_state().penetration
        for number, interface in enumerate(self.evolution.model.case.interfaces):
            law, depth = interface.cohesion, float(depths[number])
            if depth <= law.penetration_tolerance or number in self._overlapping:
                continue
            self._overlapping.add(number)
            enough = 1.2 * law.contact_stiffness * depth / law.penetration_tolerance
            self.log.say(
                f"interfaces[{number}] ({' | '.join(interface.between)}): faces overlap by {1e3 * depth:.2g} nm, more than "
                f"penetration_tolerance, {1e3 * law.penetration_tolerance:.2g} nm; contact_stiffness: {enough:.1e} MPa/um would hold"
            )

    def _share(self, accepted: Accepted) -> float:
        """Share of the work that is done; one with a current counts as much as five rests."""
        weights = [1.0 if s.kind in ("press", "rest") else 5.0 for s in self._segments]
        number = accepted.segment.number
        return (sum(weights[:number]) + accepted.share * weights[number]) / sum(weights)

    def _close(self) -> None:
        for each in self.book.close():
            self.cycles.add(each)
        for table in (self.series, self.particles, self.steps, self.cycles):
            table.close()
        self.fields.close()
        self.interface.close()
        wall = time.perf_counter() - self.begin
        summary = write_summary(
            self.out / "summary.json",
            self.evolution,
            self.progression,
            wall,
            self.output_time,
            self.unreached,
            self.book.cycles,
        )
        if self.progression.finished:
            self._say_headline(summary)

    def _say_headline(self, summary: dict) -> None:  # type: ignore[type-arg]
        figures, balance = summary["headline"], summary["balance"]
        electric = ""
        if "end_potential_V" in figures:
            electric = f"{figures['capacity_mAh_g']:.1f} mAh/g, {figures['end_potential_V']:.3f} V vs Li, "
        self.log.say(
            f"done in {summary['wall_time_s']:.0f} s: {electric}stack pressure {figures['pressure_MPa']:.3f} MPa "
            f"({figures['pressure_change_MPa']:+.3f}), delaminated {100 * figures['delaminated_fraction']:.1f} %, "
            f"active contact {100 * figures['active_fraction']:.1f} %"
        )
        if len(self.book.cycles) > 1 or any(row["discharge_capacity"] > 0 for row in self.book.cycles):
            self.log.say(self.book.table())
        self.log.say("balances (relative): " + ", ".join(f"{n} {v:.1e}" for n, v in balance.items()))
        self.log.say(f"results in {self.out}")


def _line(accepted: Accepted, row: dict[str, object]) -> str:
    volts = float(row["potential"])  # type: ignore[arg-type]
    electric = f"{volts:.4f} V vs Li, " if math.isfinite(volts) else ""  # mechanics alone has no potential
    return (
        f"{accepted.segment.label}: t = {accepted.time:.4g} s, {electric}"
        f"P = {row['pressure']:.3f} MPa, delaminated {100 * float(row['delaminated_fraction']):.1f} %, "  # type: ignore[arg-type]
        f"{accepted.newton} Newton, step {accepted.time_step:.3g} s"
    )
