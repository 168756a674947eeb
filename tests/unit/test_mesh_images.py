"""Images: every format comes back as stored, with voxel size and axes; phases, crops and cleaning have known answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssbmech_mesh.errors import MeshError
from ssbmech_mesh.image_phases import (
    PhaseImage,
    crop,
    despeckle,
    fill_closed_pores,
    resample,
    to_phases,
)
from ssbmech_mesh.images import Image, read_image

VOXEL = (0.25, 0.5, 0.8)  # x, y, z in µm
REAL = Path(os.environ.get("SSBMECH_IMAGES", Path(__file__).parents[3] / "shared/data/images"))


def stored() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Pages, rows, columns (z, y, x), no two voxels alike."""
    return np.arange(4 * 3 * 2, dtype=np.uint8).reshape(4, 3, 2)


def tiff_imagej(path: Path) -> Path:
    import tifffile

    tifffile.imwrite(
        path / "a.tif",
        stored(),
        imagej=True,
        resolution=(1 / VOXEL[0], 1 / VOXEL[1]),
        metadata={"spacing": VOXEL[2], "unit": "um", "axes": "ZYX"},
    )
    return path / "a.tif"


def tiff_ome(path: Path) -> Path:
    import tifffile

    about = {"axes": "ZYX", "PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": VOXEL[1]}
    tifffile.imwrite(path / "a.ome.tif", stored(), metadata=about | {"PhysicalSizeZ": VOXEL[2]})
    return path / "a.ome.tif"


def npz(path: Path) -> Path:
    np.savez(path / "a.npz", labels=stored(), voxel_um=np.array(VOXEL[::-1]))
    return path / "a.npz"


def vtk_image(path: Path, name: str) -> Path:
    import pyvista

    grid = pyvista.ImageData(dimensions=(3, 4, 5), spacing=VOXEL, origin=(1.0, 2.0, 3.0))
    grid.cell_data["grey"] = stored().ravel()
    grid.save(path / name)
    return path / name


def nrrd(path: Path, encoding: str = "gzip") -> Path:
    import gzip

    head = (
        "NRRD0004\n# made by a test\ntype: uint8\ndimension: 3\nspace dimension: 3\nsizes: 2 3 4\n"
        "space directions: (0.00025,0,0) (0,0.0005,0) (0,0,0.0008)\n"
        'space units: "mm" "mm" "mm"\nspace origin: (0.001125,0.00225,0.0034)\n'
    )
    data = {"raw": stored().tobytes(), "gzip": gzip.compress(stored().tobytes())}
    data["ascii"] = " ".join(str(v) for v in stored().ravel()).encode()
    (path / "a.nrrd").write_bytes(f"{head}encoding: {encoding}\n\n".encode() + data[encoding])
    return path / "a.nrrd"


@pytest.mark.parametrize(
    ("write", "origin"),
    [
        (tiff_imagej, (0.0, 0.0, 0.0)),
        (tiff_ome, (0.0, 0.0, 0.0)),
        (npz, (0.0, 0.0, 0.0)),
        (lambda path: vtk_image(path, "a.vti"), (1.0, 2.0, 3.0)),
        (lambda path: vtk_image(path, "a.vtk"), (1.0, 2.0, 3.0)),
        (lambda path: nrrd(path, "raw"), (1.0, 2.0, 3.0)),
        (lambda path: nrrd(path, "gzip"), (1.0, 2.0, 3.0)),
        (lambda path: nrrd(path, "ascii"), (1.0, 2.0, 3.0)),
    ],
    ids=["imagej", "ome", "npz", "vti", "vtk", "nrrd-raw", "nrrd-gzip", "nrrd-ascii"],
)
def test_round_trip(tmp_path: Path, write: Any, origin: tuple[float, float, float]) -> None:
    file = write(tmp_path)
    image = read_image(file)
    assert image.values.shape == (2, 3, 4)
    np.testing.assert_array_equal(image.values, stored().transpose(2, 1, 0))
    # TIFF keeps resolutions as fractions of 32-bit integers: 1e-6 is far above their rounding
    np.testing.assert_allclose(image.voxel_size, VOXEL, rtol=1e-6)
    np.testing.assert_allclose(image.origin, origin, rtol=1e-9)
    np.testing.assert_allclose(image.size, [0.5, 1.5, 3.2], rtol=1e-6)
    assert read_image(file, voxel_size=VOXEL).voxel_size == VOXEL
    with pytest.raises(MeshError, match="leave voxel_size out"):
        read_image(file, voxel_size=(0.25, 0.5, 0.9))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate"])
def test_compressed_tiff_stack(tmp_path: Path, compression: str) -> None:
    from PIL import Image as Pillow

    first, *others = [Pillow.fromarray(page) for page in stored()]
    first.save(tmp_path / "a.tif", save_all=True, append_images=others, compression=compression)
    image = read_image(tmp_path / "a.tif", voxel_size=0.4)
    np.testing.assert_array_equal(image.values, stored().transpose(2, 1, 0))


def test_folder_of_slices_in_natural_order(tmp_path: Path) -> None:
    from PIL import Image as Pillow

    pages = np.arange(11 * 3 * 2, dtype=np.uint8).reshape(11, 3, 2)
    for k, page in enumerate(pages):
        Pillow.fromarray(page).save(tmp_path / f"slice{k}.png")  # 10 comes before 2 in the alphabet
    image = read_image(tmp_path, voxel_size=VOXEL)
    np.testing.assert_array_equal(image.values, pages.transpose(2, 1, 0))
    assert image.voxel_size == VOXEL
    Pillow.fromarray(pages[0, :2]).save(tmp_path / "slice11.png")
    with pytest.raises(MeshError, match=r"slice11\.png"):
        read_image(tmp_path, voxel_size=VOXEL)


def test_axes_say_which_is_the_stack(tmp_path: Path) -> None:
    file = npz(tmp_path)
    image = read_image(file, axes="yxz")  # the file's last axis is the stack
    np.testing.assert_array_equal(image.values, stored().transpose(1, 0, 2))
    assert image.voxel_size == (VOXEL[1], VOXEL[2], VOXEL[0])
    assert read_image(file, axes="xyz").values[3, 2, 1] == stored()[3, 2, 1]
    for wrong in ("zzx", "zyq", "z"):
        with pytest.raises(MeshError, match="axes"):
            read_image(file, axes=wrong)


def test_section_is_one_voxel_thick(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", grey=stored()[0], pixel_um=0.37)
    image = read_image(tmp_path / "s.npz", axes="zx")
    assert image.values.shape == (2, 1, 3)
    assert image.voxel_size == (0.37, 0.37, 0.37)
    np.testing.assert_array_equal(image.values[:, 0, :], stored()[0].T)


def test_missing_voxel_size_and_unknown_files_are_refused(tmp_path: Path) -> None:
    import tifffile

    np.save(tmp_path / "a.npy", stored())
    with pytest.raises(MeshError, match="nan: not said"):
        read_image(tmp_path / "a.npy")
    for wrong in (0.0, -1.0, np.nan, (1.0, 2.0)):
        with pytest.raises(MeshError, match="voxel_size"):
            read_image(tmp_path / "a.npy", voxel_size=wrong)
    inches = {"resolution": (300, 300), "resolutionunit": "INCH"}
    tifffile.imwrite(tmp_path / "dpi.tif", stored(), photometric="minisblack", **inches)
    with pytest.raises(MeshError, match="nan: not said"):  # a printer setting
        read_image(tmp_path / "dpi.tif")
    np.savez(tmp_path / "two.npz", a=stored(), b=stored(), voxel_um=1.0)
    with pytest.raises(MeshError, match="a, b"):
        read_image(tmp_path / "two.npz")
    assert read_image(tmp_path / "two.npz", dataset="b").values.shape == (2, 3, 4)
    tifffile.imwrite(tmp_path / "rgb.tif", np.zeros((4, 5, 6, 3), np.uint8), photometric="rgb")
    with pytest.raises(MeshError, match="colours"):
        read_image(tmp_path / "rgb.tif", voxel_size=1.0)
    np.savez(tmp_path / "text.npz", a=stored(), voxel_um="fine")
    with pytest.raises(MeshError, match="give numbers"):
        read_image(tmp_path / "text.npz")
    (tmp_path / "slices").mkdir()
    (tmp_path / "slices" / "1.png").write_bytes(b"nonsense")
    with pytest.raises(MeshError, match="slice"):
        read_image(tmp_path / "slices", voxel_size=1.0)
    (tmp_path / "a.xyz").write_text("")
    with pytest.raises(MeshError, match="format"):
        read_image(tmp_path / "a.xyz")
    with pytest.raises(MeshError, match="no image"):
        read_image(tmp_path / "nowhere.tif")
    for name in ("bad.tif", "bad.npz", "bad.nrrd", "bad.vti"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(MeshError, match="cannot be read"):
            read_image(tmp_path / name, voxel_size=1.0)


def test_pixels_per_centimetre_count_and_per_inch_do_not(tmp_path: Path) -> None:
    import tifffile

    for unit in ("CENTIMETER", "INCH"):
        section = {"resolution": (25000, 25000), "resolutionunit": unit, "photometric": "minisblack"}
        tifffile.imwrite(tmp_path / f"{unit}.tif", stored()[0], **section)
    assert read_image(tmp_path / "CENTIMETER.tif").voxel_size == pytest.approx((0.4, 0.4, 0.4), rel=1e-6)
    with pytest.raises(MeshError, match="nan: not said"):
        read_image(tmp_path / "INCH.tif")


def test_lengths_without_unit_take_that_of_the_voxel_size(tmp_path: Path) -> None:
    import pyvista

    grid = pyvista.ImageData(dimensions=(3, 4, 5), spacing=(2.5e-4, 5e-4, 8e-4), origin=(1e-3, 0.0, 0.0))
    grid.cell_data["grey"] = stored().ravel()
    grid.save(tmp_path / "mm.vti")
    image = read_image(tmp_path / "mm.vti", voxel_size=VOXEL)
    assert image.voxel_size == VOXEL
    assert image.origin == pytest.approx((1.0, 0.0, 0.0))
    grid.spacing = (1.0, 1.0, 1.0)  # what writers put when they know nothing
    grid.save(tmp_path / "ones.vti")
    with pytest.raises(MeshError, match="nan: not said"):
        read_image(tmp_path / "ones.vti")
    assert read_image(tmp_path / "ones.vti", voxel_size=0.4).voxel_size == (0.4, 0.4, 0.4)


def test_nrrd_that_cannot_be_trusted_is_refused(tmp_path: Path) -> None:
    head = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 3 4\nencoding: raw\n"

    def reading(more: str) -> Image:
        (tmp_path / "a.nrrd").write_bytes((head + more).encode() + b"\n\n" + stored().tobytes())
        return read_image(tmp_path / "a.nrrd")

    assert reading('spacings: 250 500 800\nunits: "nm" "nm" "nm"').voxel_size == pytest.approx(VOXEL)
    for more, reason in (
        ("spacings: 0.25 0.5", "cannot be read"),
        ('spacings: 1 2 3\nunits: "pixel" "pixel" "pixel"', "not said"),
        ("spacings: 1 2 3\nbyte skip: 1", "skip"),
        ("space directions: (1,0.1,0) (0,1,0) (0,0,1)", "askew"),
    ):
        with pytest.raises(MeshError, match=reason):
            reading(more)
    (tmp_path / "a.raw").write_bytes(stored().tobytes())
    (tmp_path / "a.nhdr").write_text(head + "spacings: 0.25 0.5 0.8\ndata file: a.raw\n")
    np.testing.assert_array_equal(read_image(tmp_path / "a.nhdr").values, stored().transpose(2, 1, 0))


def image_of(values: Any, voxel: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Image:
    return Image(np.asarray(values), voxel)


def test_labels_and_thresholds_cover_everything() -> None:
    image = image_of(np.repeat([0, 1, 2, 7], 5).reshape(5, 2, 2))
    phases = to_phases(image, labels={"CAM": [1], "SE": [0, 2, 7]})
    assert phases.names == ("CAM", "SE")
    assert phases.fractions() == {"CAM": 0.25, "SE": 0.75}
    np.testing.assert_array_equal(phases.values == 0, image.values == 1)
    with pytest.raises(
        MeshError, match=r"value 7 \(25 % of the voxels\) belong to no phase; add to one of CAM, SE"
    ):
        to_phases(image, labels={"CAM": [1], "SE": [0, 2]})
    with pytest.raises(MeshError, match="belong to CAM and to SE"):
        to_phases(image, labels={"CAM": [1], "SE": [0, 1, 2, 7]})
    grey = to_phases(image, thresholds={"SE": [0, 2], "CAM": [2, 7]})  # 2 is CAM, 7 the closed top
    np.testing.assert_array_equal(grey.values, (image.values >= 2).astype(int))
    with pytest.raises(MeshError, match=r"values 0 .*, 7 .* belong to no phase"):
        to_phases(image, thresholds={"SE": [1, 2], "CAM": [2, 6]})
    with pytest.raises(MeshError, match="overlap"):
        to_phases(image, thresholds={"SE": [0, 3], "CAM": [2, 7]})
    with pytest.raises(MeshError, match="either"):
        to_phases(image)
    with pytest.raises(MeshError, match="nan"):
        to_phases(image_of(np.full((2, 2, 2), np.nan)), thresholds={"SE": [0, 1]})


def test_crop_in_um_and_voxels() -> None:
    image = Image(np.arange(4 * 6 * 8).reshape(4, 6, 8), (0.5, 0.25, 2.0), (10.0, 20.0, 30.0))
    by_length = crop(image, (0.5, 0.25, 4.0), (1.5, 1.0, 12.0))
    by_voxels = crop(image, (1, 1, 2), (3, 4, 6), unit="voxels")
    np.testing.assert_array_equal(by_length.values, image.values[1:3, 1:4, 2:6])
    np.testing.assert_array_equal(by_length.values, by_voxels.values)
    assert by_length.origin == by_voxels.origin == (10.5, 20.25, 34.0)
    for lower, upper in (((0, 0, 0), (4, 6, 9)), ((-1, 0, 0), (4, 6, 8)), ((2, 0, 0), (2, 6, 8))):
        with pytest.raises(MeshError, match="crop"):
            crop(image, lower, upper, unit="voxels")


def test_resample_keeps_the_box() -> None:
    half = np.zeros((6, 4, 4), dtype=np.uint8)
    half[3:] = 1
    phases = to_phases(Image(half, (0.5, 1.0, 1.0)), labels={"a": [0], "b": [1]})
    fine = resample(phases, (0.25, 0.5, 0.5), grey=False)
    np.testing.assert_array_equal(fine.values, half.repeat(2, 0).repeat(2, 1).repeat(2, 2))
    odd = resample(phases, 0.7, grey=False)  # 3 µm in four voxels of 0.75 µm
    assert odd.voxel_size == (0.75, 4 / 6, 4 / 6)
    np.testing.assert_allclose(odd.size, phases.size, rtol=1e-14)
    # linear values stay linear at the voxel centres, away from the ends
    ramp = Image(np.broadcast_to(np.arange(12.0)[:, None, None] + 0.5, (12, 3, 3)), (1.0, 1.0, 1.0))
    grey = resample(ramp, (0.5, 1.0, 1.0), grey=True)
    np.testing.assert_allclose(grey.values[2:-2, 1, 1], (np.arange(24) + 0.5)[2:-2] / 2, atol=1e-12)
    # stripes finer than the new voxels become their mean: the filter leaves exp(-π²/2) = 0.7 % of them
    stripes = Image(np.broadcast_to(np.arange(48)[:, None, None] % 2 * 100.0, (48, 3, 3)), (1.0, 1.0, 1.0))
    np.testing.assert_allclose(resample(stripes, (3.0, 1.0, 1.0), grey=True).values[2:-2], 50.0, atol=1.0)
    section = to_phases(Image(half[:, :1], (0.5, 1.0, 1.0)), labels={"a": [0], "b": [1]})
    assert resample(section, 0.25, grey=False).values.shape == (12, 1, 16)  # the thickness means nothing
    assert crop(section, (0.5, 7.0, 0.0), (1.5, 8.0, 2.0)).values.shape == (2, 1, 2)
    for wrong in (0.0, (1.0, 2.0), "fine"):
        with pytest.raises(MeshError, match="resample"):
            resample(ramp, wrong, grey=True)  # type: ignore[arg-type]


def specks() -> tuple[PhaseImage, Any]:
    """Two halves with specks of 1, 2 and 3 voxels in each, and a nested one; the clean halves."""
    clean = np.zeros((12, 12, 12), dtype=np.uint8)
    clean[6:] = 1
    dirty = clean.copy()
    dirty[2, 2, 2] = 1
    dirty[2, 5, 5:7] = 2
    dirty[9, 2, 2:5] = 0
    dirty[8:11, 7:10, 7:10] = 2  # 26 voxels around one of phase 0
    dirty[9, 8, 8] = 0
    return PhaseImage(dirty, (1.0, 0.5, 1.0), names=("a", "b", "c")), clean


def test_despeckle_removes_exactly_the_specks() -> None:
    image, clean = specks()
    np.testing.assert_array_equal(despeckle(image, {"a": 14, "b": 14, "c": 14}).values, clean)
    kept = despeckle(
        image, {"a": 1.5, "b": 1.5, "c": 1.5}
    ).values  # 1 and 2 voxels; 3 voxels are 1.5 µm³: stay
    expected = image.values.copy()
    expected[2, 2, 2], expected[2, 5, 5:7], expected[9, 8, 8] = 0, 0, 2
    np.testing.assert_array_equal(kept, expected)
    only = despeckle(image, {"b": 14}).values
    assert np.count_nonzero(only != image.values) == 1 and only[2, 2, 2] == 0
    with pytest.raises(MeshError, match="'d'"):
        despeckle(image, {"d": 1.0})
    with pytest.raises(MeshError, match="every cluster"):
        despeckle(image, dict.fromkeys("abc", 1e9))


def test_majority_is_by_area() -> None:
    values = np.zeros((5, 5, 5), dtype=np.uint8)
    values[:, :, 3:] = 1
    values[2, 2, 2] = 2  # one face to phase 1, five to phase 0
    assert despeckle(PhaseImage(values, (1, 1, 1), names=("a", "b", "c")), {"c": 9}).values[2, 2, 2] == 0
    values[:, :, 1] = 1  # flat voxels: two faces of 25 µm² look at phase 1, four of 1 µm² at phase 0
    assert despeckle(PhaseImage(values, (5, 5, 0.2), names=("a", "b", "c")), {"c": 9}).values[2, 2, 2] == 1


def test_only_closed_pores_are_filled() -> None:
    values = np.zeros((7, 7, 7), dtype=np.uint8)
    values[3, 3, 3] = 1
    values[5, 5, 4:] = 1  # open at the top
    filled = fill_closed_pores(PhaseImage(values, (1, 1, 1), names=("SE", "pore")), "pore").values
    assert filled[3, 3, 3] == 0
    np.testing.assert_array_equal(np.argwhere(filled), [[5, 5, 4], [5, 5, 5], [5, 5, 6]])


@pytest.mark.skipif(not (REAL / "nrel_nmc1cal_crop_a.npz").exists(), reason="the real images are not here")
def test_real_images_read() -> None:
    image = read_image(REAL / "nrel_nmc1cal_crop_a.npz")
    assert image.values.shape == (96, 96, 96) and image.voxel_size == (0.398, 0.398, 0.398)
    phases = to_phases(image, labels={"NMC": [1], "SE": [0, 2]})
    assert phases.fractions()["NMC"] == pytest.approx(0.51060, abs=5e-6)  # README of the images
    with pytest.raises(MeshError, match="value 2 "):
        to_phases(image, labels={"NMC": [1], "SE": [0]})
    section = read_image(REAL / "eth_nmc_2000bar_slice115.npz", dataset="labels", axes="zx")
    assert section.values.shape == (846, 1, 853) and section.voxel_size == (0.37, 0.37, 0.37)
    assert to_phases(section, labels={"SE": [0], "NMC": [1]}).fractions()["NMC"] == pytest.approx(
        0.587, abs=5e-4
    )
