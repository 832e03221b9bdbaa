"""The contact sheet of fits: who is on it, in which order, and what a tile shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.fitting.sheet import choose, fit_tile, write_fit_sheet
from occset.pictures.images import read_image
from occset.support.errors import OccsetError
from tests.models.reconstruction.rendered import fill_rendered


def fit_row(problem: str = "", residual: float = 0.1) -> dict[str, Any]:
    return {"problem": problem, "residual": residual, "landmark_error": 0.01}


def test_all_flagged_fits_are_shown_and_some_good_ones() -> None:
    rows = {f"good-{k}": fit_row() for k in range(100)}
    rows |= {"a": fit_row("landmarks", 0.2), "b": fit_row("colours", 0.4), "c": fit_row("not finite", float("nan"))}
    shown = choose(rows, good=5)
    assert shown.poor == ["b", "a", "c"] and len(shown.good) == 5
    assert shown == choose(dict(reversed(rows.items())), good=5)  # whatever the order they come in
    assert len(set(choose(rows, good=40).good)) == 40
    many = {f"{k:04d}": fit_row("colours", 0.3) for k in range(2000)}
    assert len(choose(many, good=5).poor) == 955


def test_a_tile_tells_where_photo_and_render_are_apart() -> None:
    photo, render = np.full((160, 160, 3), 100, np.uint8), np.full((160, 160, 3), 100, np.uint8)
    render[:, 80:] = 100 + 74  # sqrt(3) * 74 / 255 is the whole range of 0.5
    covered, mask = np.zeros((160, 160), np.uint8), np.full((160, 160), 255, np.uint8)
    covered[40:120], mask[:, :20] = 255, 0
    tile = fit_tile(photo, mask, render, covered, fit_row())
    assert tile.shape == (160 + 16 + 6, 480 + 6, 3)
    pictures = tile[19:-3, 3:-3]
    over, apart = pictures[:, 160:320], pictures[:, 320:]
    assert (over[50, 100] == 174).all() and (over[10, 100] == 100).all()  # the render where it covers
    assert (apart[50, 40] == 255).all() and abs(apart[50, 100].astype(int) - (110, 0, 0)).max() <= 3
    assert (apart[10, 100] == 128).all() and (apart[50, 5] == 128).all()  # not covered; not visible
    assert tuple(tile[0, 0]) == (60, 160, 70)
    assert tuple(fit_tile(photo, mask, render, covered, fit_row("colours are off"))[0, 0]) == (200, 40, 40)


def test_fit_writes_its_sheet(occset: Callable[..., Any], tmp_path: Path) -> None:
    data = fill_rendered(OcclusionSet.create(tmp_path / "set"), faces=8)
    with pytest.raises(OccsetError, match="no face is fitted"):
        write_fit_sheet(data, procedural_model(), tmp_path / "none.png")
    said = occset("fit", data.path, "--workers", 1, "--sheet", tmp_path / "sheet.png")
    assert said.status == 0 and "0 flagged fits and 8 good ones on" in said.err
    fits = fits_of(data, procedural_model())
    first = next(iter(fits.rows))
    fits.add([{**fits.rows[first], "problem": "colours are off by 0.50", "residual": 0.5}])
    said = occset("fit", data.path, "--workers", 1, "--sheet", tmp_path / "sheet.png")
    assert "1 flagged fits and 7 good ones on" in said.err
    sheet = read_image(tmp_path / "sheet.png")
    assert sheet.shape == (2 * 182, 6 * 486, 3)
    assert tuple(sheet[1, 1]) == (200, 40, 40) and tuple(sheet[1, 487]) == (60, 160, 70)
    photo, over = sheet[19 + 40 : 19 + 120, 486 + 3 :][:, :160], sheet[19 + 40 : 19 + 120, 486 + 163 :][:, :160]
    # rendered faces lie under their own render, up to the sight of a camera that is sought anew
    assert np.abs(photo.astype(int) - over.astype(int)).mean() < 12
