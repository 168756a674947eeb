"""A place for OpenGL to draw where there is no screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ssbmech_post.errors import RunFolderError

# A process that a rank of an MPI job starts must not take itself for that rank.
_OF_MPI = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "MPI_LOCALRANKID", "HYDRA_", "MV2_")
_START_LIMIT = 20.0


def clean_environment() -> dict[str, str]:
    """The environment without what an MPI launcher put there."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_OF_MPI)}


@contextmanager
def drawing_environment() -> Iterator[dict[str, str]]:
    """Environment variables for a process that draws off screen.

    On Linux a virtual X server is started on a free display and ended again, if there is one (Xvfb): it
    works the same with and without a screen. Otherwise VTK is left to find EGL, OSMesa or the user's display.
    """
    environment = clean_environment()
    server = shutil.which("Xvfb") if sys.platform.startswith("linux") else None
    if server is None:
        yield environment
        return
    reading, writing = os.pipe()
    command = [
        server,
        "-displayfd",
        str(writing),
        "-screen",
        "0",
        "1600x1200x24",
        "-nolisten",
        "tcp",
        "-noreset",
    ]
    process = subprocess.Popen(
        command, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(writing)
    try:
        number = _display_number(reading)
        if number:
            environment["DISPLAY"] = f":{number}"
        yield environment
    finally:
        os.close(reading)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5.0)
        if process.poll() is None:
            process.kill()
            process.wait()


def draw_apart(module: str, arguments: Sequence[str], subject: Path, png: Path, limit: float) -> Path:
    """Run ``python -m module arguments`` where OpenGL can draw; returns the picture that it made.

    Args:
        module: of this package; it ends with code 2 and a sentence on standard error where its input is at fault.
        arguments: of that process.
        subject: what an error names.
        png: the picture.
        limit: seconds.
    """
    png.parent.mkdir(parents=True, exist_ok=True)
    root = str(Path(__file__).parents[1])
    with drawing_environment() as environment:
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = root + (f":{before}" if before else "")
        environment["PYVISTA_OFF_SCREEN"] = "true"
        command = [sys.executable, "-m", module, *arguments]
        try:
            result = subprocess.run(
                command, env=environment, capture_output=True, encoding="utf-8", timeout=limit, check=False
            )
        except subprocess.TimeoutExpired:
            raise RunFolderError(subject, f"the 3D view took longer than {limit:g} s") from None
    if result.returncode == 2:
        raise RunFolderError(subject, result.stderr.strip().splitlines()[-1])
    if result.returncode != 0 or not png.is_file():
        said = [line for line in result.stderr.splitlines() if line.strip()]
        reason = said[-1] if said else f"the drawing process ended with code {result.returncode}"
        raise RunFolderError(
            subject, f"OpenGL could not draw: {reason}", "install Xvfb (Debian package xvfb)"
        )
    return png


def _display_number(descriptor: int) -> str:
    """What the server writes once it accepts connections; empty when it ended or took too long."""
    import select

    text = b""
    while not text.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], _START_LIMIT)
        part = os.read(descriptor, 32) if ready else b""
        if not part:
            return ""
        text += part
    return text.decode().strip()


def answered(draw: Callable[[], object]) -> int:
    """What a process that :func:`draw_apart` starts ends with: 0, or 2 and a sentence on standard error."""
    try:
        draw()
    except RunFolderError as error:
        print(f"{error.problem}" + (f" ({error.hint})" if error.hint else ""), file=sys.stderr)
        return 2
    return 0
