"""Pictures of currents: what they show, and what is said where there is nothing to show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssbmech_post.errors import RunFolderError
from ssbmech_post.transport_view import draw_transport

Builders = dict[str, Callable[..., object]]


def written(path: Path, builders: Builders, carrier: str, crowded: bool) -> Path:
    """A cube of 10 um in which current flows along z, in the middle half as a strong jet if ``crowded``."""
    points, cells = builders["tetrahedra"](4, 10.0)  # type: ignore[misc]
    jet = (np.abs(points[:, :2] - 5.0) < 2.6).all(axis=1)
    flow = np.zeros((len(points), 3))
    flow[:, 2] = np.where(jet & crowded, 8.0, 1.0)
    fields = {f"{carrier}_current_density_{axis}": flow for axis in "xyz"}
    return builders["write_vtx"](path, [(0.0, [builders["one_block"](points, cells, fields)])])  # type: ignore[return-value]


def test_lines_are_brighter_where_current_is_crowded(tmp_path: Path, builders: Builders) -> None:
    pixels = {}
    for crowded in (False, True):
        bp = written(tmp_path / f"{crowded}.bp", builders, "ionic", crowded)
        picture = draw_transport(bp, tmp_path / f"{crowded}.png")
        pixels[crowded] = np.asarray(Image.open(picture).convert("RGB"), dtype=float)
        view = pixels[crowded][: int(0.8 * len(pixels[crowded]))]
        coloured = view.max(axis=2) - view.min(axis=2) > 60.0
        assert coloured.mean() > 0.02  # lines through the box
    assert np.abs(pixels[True] - pixels[False]).mean() > 1.0


def test_nothing_to_draw(tmp_path: Path, builders: Builders) -> None:
    bp = written(tmp_path / "a.bp", builders, "magnetic", False)
    with pytest.raises(RunFolderError, match="holds no current density"):
        draw_transport(bp, tmp_path / "a.png")
    with pytest.raises(RunFolderError, match="does not exist"):
        draw_transport(tmp_path / "none.bp", tmp_path / "a.png")
