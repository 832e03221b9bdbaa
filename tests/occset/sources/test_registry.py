from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from occset.pictures.images import write_png
from occset.sources.registry import SOURCES, open_source, parse_spec
from occset.support.errors import BadInput, OccsetError, UnknownName


@pytest.mark.parametrize(
    ("spec", "parsed"),
    [
        ("builtin:200", ("builtin", "200", {})),
        ("builtin", ("builtin", "", {})),
        ("photos:a/b?align=no&size=256", ("photos", "a/b", {"align": "no", "size": "256"})),
        ("photos:odd?name?align=", ("photos", "odd?name", {"align": ""})),
        ("photos:C:\\p q?licence=a=b", ("photos", "C:\\p q", {"licence": "a=b"})),
    ],
)
def test_specs(spec: str, parsed: tuple[str, str, dict[str, str]]) -> None:
    assert parse_spec(spec) == parsed


@pytest.mark.parametrize("spec", ["photos:a?align", "photos:a?=no", "photos:a?align=no&align=yes", "photos:a?"])
def test_malformed_specs(spec: str) -> None:
    with pytest.raises(OccsetError, match="option"):
        parse_spec(spec)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rgba = np.full((40, 40, 4), 255, np.uint8)
    rgba[:5] = 0
    write_png(tmp_path / "internet" / "hand" / "000.png", rgba)
    return tmp_path


def test_a_source_is_opened_with_its_options(folder: Path) -> None:
    source = open_source(f"faceocc:{folder}", "occluders")
    assert source.read_occluder(source.occluder_keys()[0]).category == "hand"
    photos = open_source(f"photos:{folder}?align=no&licence=mine", "faces")
    assert photos.licence == "mine" and photos.face_keys() == ["internet/hand/000.png"]


def test_what_is_wrong_is_named(folder: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean faceocc"):
        open_source(f"face-occ:{folder}", "occluders")
    with pytest.raises(UnknownName, match="did you mean align"):
        open_source(f"photos:{folder}?algin=no", "faces")
    with pytest.raises(UnknownName, match="did you mean faces"):
        open_source(f"photos:{folder}", "face")
    with pytest.raises(BadInput, match="none does not exist: give the folder of photos"):
        open_source(f"photos:{folder / 'none'}", "faces")
    with pytest.raises(BadInput, match="is not a folder"):
        open_source(f"photos:{folder / 'internet' / 'hand' / '000.png'}", "faces")
    with pytest.raises(BadInput, match="write photos:FOLDER"):
        open_source("photos", "faces")
    with pytest.raises(OccsetError, match="faceocc offers occluders and textures, no faces"):
        open_source(f"faceocc:{folder}", "faces")


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_registered_source_can_be_loaded(name: str) -> None:
    module, _, attribute = SOURCES[name].partition(":")
    if name == "builtin" and importlib.util.find_spec("torch") is None:
        pytest.skip("the built-in faces need torch")
    assert hasattr(importlib.import_module(module), attribute)
