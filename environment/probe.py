"""Says whether the Python that runs it can serve as the environment; prints one line, imports nothing heavy.

`ready`: everything in names.txt is there and DOLFINx is a supported version;
`missing A B`: DOLFINx is there, the packages A and B can be added by pip;
`no REASON`: something else has to provide the environment.
"""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

OLDEST, NEWEST = (0, 9), (0, 11)  # DOLFINx versions that solver/ssbmech/compat.py knows


def probe() -> str:
    """The line to print."""
    if sys.version_info < (3, 11):  # noqa: UP036  # whatever python3 the machine has
        return f"no Python {sys.version_info.major}.{sys.version_info.minor} is older than 3.11"
    if find_spec("dolfinx") is None:
        return f"no DOLFINx in {sys.executable}"
    version = metadata.version("fenics-dolfinx")
    if not OLDEST <= tuple(int(part) for part in version.split(".")[:2]) <= NEWEST:
        return f"no DOLFINx {version} is not among the supported 0.9 to 0.11"
    missing = []
    for line in Path(__file__).with_name("names.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        module, _, _, pip = line.split()
        if module == "-" or find_spec(module) is not None:
            continue
        if pip == "-":
            return f"no {module} in {sys.executable}"
        missing.append(pip)
    return " ".join(["missing", *missing]) if missing else "ready"


if __name__ == "__main__":
    print(probe())
