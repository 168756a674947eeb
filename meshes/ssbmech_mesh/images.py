"""Images of microstructures: reading them with their voxel size.

Every array here is indexed [x, y, z], z being the stack axis; lengths are µm. No axis is ever mirrored.
"""

from __future__ import annotations

import bz2
import gzip
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ssbmech_mesh.errors import MeshError

Array = NDArray[Any]
Floats = NDArray[np.float64]
Triple = tuple[float, float, float]

_UNITS = {"nm": 1e-3, "um": 1.0, "mm": 1e3, "cm": 1e4, "m": 1e6}
_SLICES = {".tif", ".tiff", ".png", ".bmp"}
_NRRD_TYPES = {"uchar": "u1", "unsigned char": "u1", "signed char": "i1", "short": "i2", "ushort": "u2"}
_NRRD_TYPES |= {"unsigned short": "u2", "int": "i4", "uint": "u4", "unsigned int": "u4"}
_NRRD_TYPES |= {"float": "f4", "double": "f8"}
_NRRD_TYPES |= {
    f"{sign}int{8 * n}{end}": f"{sign or 'i'}{n}"
    for sign in ("", "u")
    for n in (1, 2, 4, 8)
    for end in ("", "_t")
}


@dataclass(frozen=True, eq=False)
class Image:
    """Values on a grid of voxels: values[x, y, z]; voxel_size (µm) and origin (µm, the lower corner) as x, y, z."""

    values: Array
    voxel_size: Triple
    origin: Triple = (0.0, 0.0, 0.0)

    @property
    def size(self) -> Floats:
        """Edge lengths of the imaged box in µm, (3,)."""
        return np.array([n * step for n, step in zip(self.values.shape, self.voxel_size, strict=True)])

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in µm³."""
        return float(np.prod(self.voxel_size))


@dataclass(frozen=True)
class _Raw:
    """What a file says: values with the slowest axis first, spacing (NaN: not said) and lower corner likewise.

    unit: whether the file states the unit of its spacing, which then is µm.
    """

    values: Array
    spacing: Floats
    corner: Floats
    unit: bool = True


def read_image(
    path: Path | str,
    voxel_size: float | Sequence[float] | None = None,
    dataset: str | int | None = None,
    axes: str = "zyx",
) -> Image:
    """Read an image: TIFF, NPZ, NPY, NRRD, VTK image data (.vti, legacy .vtk) or a folder of slices.

    axes names the axes of the stored array, slowest first: "zyx" is page, row, column (and z, y, x of VTK and
    NRRD), and says which of them is the stack axis z. A two-dimensional image takes the last two letters and is one
    voxel thick along the other. voxel_size in µm, one number or x, y, z (after turning), must agree with the file
    to 0.1 %; without it, the file must have one. TIFF: ImageJ and OME units or pixels per centimetre; pixels per
    inch are a printer setting and not believed. NPZ: an entry `voxel_um` or `pixel_um` (in the order of the array).
    VTK, and NRRD without units, say numbers only: they count as µm unless voxel_size gives the same proportions
    in another metric unit; a spacing of ones is none. dataset: entry of an NPZ, array of a VTK file, series of a TIFF.
    Raises MeshError for unknown formats, colour images, and a voxel size that is missing or contradicted.
    """
    path = Path(path)
    if not path.exists():
        raise MeshError(f"there is no image {path}; give the path of a file or of a folder of slices")
    readers: dict[str, Callable[[Path, str | int | None], _Raw]] = {
        ".tif": _read_tiff, ".tiff": _read_tiff, ".npz": _read_numpy, ".npy": _read_numpy, ".nrrd": _read_nrrd,
        ".nhdr": _read_nrrd, ".vti": _read_vtk, ".vtk": _read_vtk,
    }  # fmt: skip
    suffix = path.suffix.lower()
    if not path.is_dir() and suffix not in readers:
        raise MeshError(
            f"{path} has an unknown format; a folder of slices or one of {', '.join(readers)} is read"
        )
    raw = _read_folder(path) if path.is_dir() else readers[suffix](path, dataset)
    return _turned(path, raw, voxel_size, axes)


def numbers(given: Any, name: str) -> Floats:
    """What was given as an array of floats; MeshError with its name if it is something else."""
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MeshError(f"{name} is {given!r}; give numbers") from error


def _turned(path: Path, raw: _Raw, voxel_size: float | Sequence[float] | None, axes: str) -> Image:
    """From the order of the file to x, y, z; checks of shape, kind of number and voxel size."""
    values = raw.values
    if values.ndim not in (2, 3):
        raise MeshError(
            f"{path} has the shape {values.shape}; one channel of a two- or three-dimensional image is read, "
            "save it without colours, channels or time"
        )
    if values.dtype.kind not in "buif" or values.size == 0:
        raise MeshError(f"{path} holds {values.size} values of type {values.dtype}; numbers are needed")
    used = axes[-values.ndim :]
    if len(set(used)) != values.ndim or not set(axes) <= set("xyz") or len(axes) < values.ndim:
        raise MeshError(
            f"axes is {axes!r}; name each axis once, slowest first, as in 'zyx' (2-D: 'yx' or 'zx')"
        )
    missing = [name for name in "xyz" if name not in used]
    values = values.reshape((1,) * len(missing) + values.shape)
    order = [("".join(missing) + used).index(name) for name in "xyz"]
    spacing, corner = np.full(3, np.nan), np.zeros(3)
    spacing[len(missing) :], corner[len(missing) :] = raw.spacing, raw.corner
    if voxel_size is None:  # the thickness of a section means nothing
        spacing[: len(missing)] = raw.spacing.min()
    size, scale = _voxel_size(path, spacing[order], raw.unit, voxel_size)
    turned = np.ascontiguousarray(values.transpose(order))
    return Image(turned, triple(size), triple(corner[order] * scale))


def triple(numbers: Floats) -> Triple:
    """Three numbers of an array as a tuple."""
    return float(numbers[0]), float(numbers[1]), float(numbers[2])


def _voxel_size(
    path: Path, said: Floats, unit: bool, given: float | Sequence[float] | None
) -> tuple[Floats, float]:
    """Voxel size in µm, and what turns the lengths of the file into µm. said (3,) has NaN where it says nothing."""
    if not unit and np.all(np.isnan(said) | (said == 1.0)):
        said = np.full(3, np.nan)
    known = ~np.isnan(said)
    if np.any(said[known] <= 0.0) or np.any(np.isinf(said)):
        raise MeshError(f"{path} has the voxel size {said.tolist()}; repair the file, sizes are positive")
    if given is None:
        if not known.all():
            raise MeshError(
                f"{path} says the voxel size {said.tolist()} µm (x, y, z; nan: not said); give voxel_size in µm, one number or "
                "x, y, z (in a case file mesh.microstructure.voxel_size)"
            )
        return said, 1.0
    size = numbers(given, "voxel_size")
    if size.shape not in ((), (3,)) or not np.all(np.isfinite(size) & (size > 0.0)):
        raise MeshError(f"voxel_size is {given}; give one positive number or three (x, y, z) in µm")
    size = np.broadcast_to(size, 3).copy()
    ratio = size[known] / said[known]
    scale = 1.0
    if ratio.size and not unit:  # the same size in nm, mm or m
        scale = 1e3 ** round(float(np.log10(ratio[0])) / 3.0)
    if np.any(np.abs(ratio / scale - 1.0) > 1e-3):
        raise MeshError(
            f"{path} has the voxel size {said.tolist()} µm (x, y, z; nan: not said) but voxel_size is {size.tolist()}; "
            "leave voxel_size out to use that of the file, or correct the file or `axes`"
        )
    return size, scale


def _unit(name: object) -> float:
    """µm per unit; NaN if there is no such unit of length."""
    text = str(name).strip().strip('"').replace("\\u00B5", "u").replace("µ", "u").replace("μ", "u").lower()
    return _UNITS.get("um" if text.startswith(("micron", "micrometer")) else text, np.nan)


def _read_tiff(path: Path, dataset: str | int | None) -> _Raw:
    import tifffile
    from PIL import Image as Pillow
    from PIL import ImageSequence

    try:
        with tifffile.TiffFile(path) as file:
            try:
                series = file.series[int(dataset or 0)]
            except (IndexError, ValueError) as error:
                raise MeshError(
                    f"{path} has {len(file.series)} series; dataset {dataset!r} is none"
                ) from error
            spacing = _tiff_spacing(file)
            try:
                values = np.asarray(series.asarray())
            except ValueError:  # a compression (LZW) that tifffile leaves to another library
                with Pillow.open(path) as pages:
                    values = np.stack([np.asarray(page) for page in ImageSequence.Iterator(pages)])
    except (tifffile.TiffFileError, OSError) as error:
        raise MeshError(f"{path} cannot be read ({error}); save it as uncompressed TIFF") from error
    values = values[0] if values.ndim == 3 and len(values) == 1 else values
    return _Raw(
        values, spacing[-values.ndim :] if values.ndim < 3 else spacing, np.zeros(min(values.ndim, 3))
    )


def _tiff_spacing(file: Any) -> Floats:
    """Distances of pages, rows and columns in µm; NaN where not said."""
    if file.ome_metadata:
        pixels = ElementTree.fromstring(file.ome_metadata).find(".//{*}Pixels")
        said = pixels.attrib if pixels is not None else {}
        return np.array([
            float(said.get(f"PhysicalSize{a}", "nan")) * _unit(said.get(f"PhysicalSize{a}Unit", "µm")) for a in "ZYX"
        ])  # fmt: skip
    tags, about = file.pages[0].tags, file.imagej_metadata or {}
    unit = _unit(about.get("unit", "none"))
    if not about and "ResolutionUnit" in tags and int(tags["ResolutionUnit"].value) == 3:
        unit = _UNITS["cm"]
    spacing = np.array([float(about.get("spacing", np.nan)), np.nan, np.nan])
    for k, name in ((1, "YResolution"), (2, "XResolution")):
        if name in tags and tags[name].value[0] > 0:
            spacing[k] = tags[name].value[1] / tags[name].value[0]
    return spacing * unit


def _chosen(path: Path, names: Sequence[str], dataset: str | int | None) -> str:
    """The array asked for, or the only one."""
    if not names:
        raise MeshError(f"{path} cannot be read: it holds no image; write it again")
    if dataset is None and len(names) == 1:
        return names[0]
    if dataset not in names:
        raise MeshError(f"{path} holds the images {', '.join(names)}; name one as dataset")
    return str(dataset)


def _read_numpy(path: Path, dataset: str | int | None) -> _Raw:
    try:
        stored = np.load(path, allow_pickle=False)
        entries = {name: stored[name] for name in stored.files} if hasattr(stored, "files") else {"": stored}
    except (ValueError, OSError) as error:
        raise MeshError(f"{path} cannot be read ({error}); store plain numbers with numpy.savez") from error
    images = [name for name, entry in entries.items() if entry.ndim >= 2]
    values = entries[_chosen(path, images, dataset)]
    sizes = [entries[name] for name in ("voxel_um", "pixel_um") if name in entries]
    if sizes and sizes[0].shape not in ((), (1,), (values.ndim,)):
        raise MeshError(
            f"{path} has a voxel size of shape {sizes[0].shape}; store one number or {values.ndim}"
        )
    spacing = np.broadcast_to(
        numbers(sizes[0] if sizes else np.nan, f"the voxel size in {path}"), values.ndim
    )
    return _Raw(values, spacing, np.zeros(values.ndim))


def _read_vtk(path: Path, dataset: str | int | None) -> _Raw:
    import pyvista

    try:
        grid = pyvista.read(path)
    except Exception as error:  # VTK raises whatever it likes
        raise MeshError(f"{path} cannot be read ({error}); write it again as .vti") from error
    if not isinstance(grid, pyvista.ImageData):
        raise MeshError(f"{path} is not image data (structured points); resample it onto a uniform grid")
    name = _chosen(path, [*grid.cell_data.keys(), *grid.point_data.keys()], dataset)
    in_cells = name in grid.cell_data
    values = np.asarray(grid.cell_data[name] if in_cells else grid.point_data[name])
    shape = np.maximum(np.array(grid.dimensions) - int(in_cells), 1)[::-1]
    if values.ndim > 1:
        raise MeshError(f"{name} of {path} has {values.shape[1]} components; one number per voxel is needed")
    spacing = np.array(grid.spacing, dtype=float)[::-1]
    corner = np.array(grid.origin, dtype=float)[::-1] - (0.0 if in_cells else 0.5) * spacing
    return _Raw(values.reshape(shape), spacing, corner, unit=False)


def _read_nrrd(path: Path, dataset: str | int | None) -> _Raw:
    """NRRD, attached or detached; format: https://teem.sourceforge.net/nrrd/format.html"""
    head, *rest = re.split(rb"\r?\n\r?\n", path.read_bytes(), maxsplit=1)
    data = rest[0] if rest else b""
    lines = [line for line in head.decode("utf-8", "replace").splitlines() if not line.startswith("#")]
    fields = {
        key.strip().lower(): value.strip()
        for key, colon, value in (s.partition(": ") for s in lines)
        if colon
    }
    if any(
        fields.get(key, "0") not in ("0", "-1") for key in ("byte skip", "byteskip", "line skip", "lineskip")
    ):
        raise MeshError(f"{path} skips a part of its data; save it without byte skip and line skip")
    try:
        if "data file" in fields or "datafile" in fields:
            data = (path.parent / fields.get("data file", fields.get("datafile", ""))).read_bytes()
        kind = _NRRD_TYPES[fields["type"].lower()]
        sizes = [int(n) for n in fields["sizes"].split()]
        unpack: dict[str, Callable[[bytes], bytes]] = {
            "raw": bytes,
            "gzip": gzip.decompress,
            "gz": gzip.decompress,
            "bzip2": bz2.decompress,
        }
        if fields["encoding"] in ("ascii", "text", "txt"):
            values = np.array(data.split(), dtype=kind).reshape(sizes[::-1])
        else:
            order = ">" if fields.get("endian", "little") == "big" else "<"
            stored = np.frombuffer(unpack[fields["encoding"]](data), dtype=order + kind)
            values = stored.astype(kind).reshape(sizes[::-1])
        spacing, corner, unit = _nrrd_geometry(path, fields, len(sizes))
    except MeshError:
        raise
    except (KeyError, ValueError, OSError, EOFError) as error:
        raise MeshError(
            f"{path} cannot be read as NRRD ({error!r}); save it raw or gzip, one value a voxel"
        ) from error
    return _Raw(values, spacing, corner, unit)


def _nrrd_geometry(path: Path, fields: Mapping[str, str], n: int) -> tuple[Floats, Floats, bool]:
    """Spacing and lower corner, slowest axis first, in µm if units are said; an origin is the centre of a voxel."""
    spacing: Floats = np.array([float(s) for s in fields.get("spacings", " nan" * n).split()])
    if "space directions" in fields:
        vectors = re.findall(r"\(([^)]*)\)", fields["space directions"])
        matrix = np.array([[float(c) for c in vector.split(",")] for vector in vectors])
        spacing = np.abs(np.diag(matrix))
        if np.any(np.abs(matrix - np.diag(np.diag(matrix))) > 1e-6 * spacing.max()):
            raise MeshError(f"{path} lies askew in its space; resample it along its own axes")
    names = re.findall(r'"([^"]*)"', fields.get("space units", fields.get("units", "")))
    units = np.array([_unit(name) for name in names])
    said = len(units) == n and bool(np.isfinite(units).all())
    if names and not said:  # in pixels, say
        return np.full(n, np.nan), np.zeros(n), True
    centre: Floats = np.zeros(n)
    if "space origin" in fields:
        centre = np.array([float(c) for c in fields["space origin"].strip("()").split(",")])
        centre = centre - 0.5 * np.nan_to_num(spacing)
    scale = units if said else np.ones(n)
    return (spacing * scale)[::-1], (centre * scale)[::-1], said


def _read_folder(path: Path) -> _Raw:
    """Slices in natural order (2 before 10): one format, one shape; their tags are not read."""
    from skimage.io import imread

    def natural(file: Path) -> list[tuple[int, str]]:
        return [(int(s or 0), t) for s, t in re.findall(r"(\d*)(\D*)", file.stem)]

    files = sorted((f for f in path.iterdir() if f.suffix.lower() in _SLICES), key=natural)
    if not files or len({file.suffix.lower() for file in files}) > 1:
        raise MeshError(
            f"{path} must hold slices of one format ({', '.join(sorted(_SLICES))}); it has {len(files)}"
        )
    try:
        slices = [np.asarray(imread(file)) for file in files]
    except (ValueError, OSError) as error:
        raise MeshError(f"a slice of {path} cannot be read ({error}); save it again or remove it") from error
    for file, values in zip(files, slices, strict=True):
        if values.ndim != 2 or values.shape != slices[0].shape or values.dtype != slices[0].dtype:
            raise MeshError(
                f"slice {file.name} is {values.shape} {values.dtype}, {files[0].name} is {slices[0].shape} "
                f"{slices[0].dtype}; all slices must be grey images of one shape and type"
            )
    return _Raw(np.stack(slices), np.full(3, np.nan), np.zeros(3))
