"""Imports and tries what the program stands on; exits with an error where the environment is broken."""

from __future__ import annotations

import shutil
import sys
import tempfile


def main() -> int:
    """Prints the versions found, one line each."""
    import adios2
    import dolfinx
    import gmsh
    import h5py
    import numpy
    import pint
    import pydantic
    import pyvista
    import scipy
    from mpi4py import MPI
    from petsc4py import PETSc

    if numpy.issubdtype(PETSc.ScalarType, numpy.complexfloating):
        print("PETSc is built for complex numbers; a real build is needed")
        return 1
    for tool in ("mpirun", "cc"):
        if shutil.which(tool) is None:
            print(f"{tool} is not on the path")
            return 1
    import cffi

    with tempfile.TemporaryDirectory() as folder:  # what the compiled forms need: compiler and headers
        ffi = cffi.FFI()
        ffi.cdef("double twice(double x);")
        ffi.set_source("_ssbmech_selfcheck", "static double twice(double x) { return 2 * x; }")
        ffi.compile(tmpdir=folder)
    print(f"Python    {sys.version.split()[0]} in {sys.prefix}")
    print(f"DOLFINx   {dolfinx.__version__}")
    print(f"PETSc     {'.'.join(str(part) for part in PETSc.Sys.getVersion())}")
    print(f"MPI       {MPI.Get_library_version().split(',')[0].strip()}")
    print(f"gmsh      {gmsh.GMSH_API_VERSION}")
    for module in (adios2, h5py, numpy, pint, pydantic, pyvista, scipy):
        print(f"{module.__name__:9s} {module.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
