from __future__ import annotations

import pickle
import re
import sys

import numpy as np
import pytest

from occset.models.builtin.source import BuiltinSource
from occset.sources.items import FaceItem, FaceSource, OccluderItem, OccluderSource, TextureSource
from occset.support.errors import MissingExtra, OccsetError

faces = pytest.importorskip("occset.models.builtin.faces", reason="rendered faces need torch")


@pytest.fixture(scope="module")
def source() -> BuiltinSource:
    return BuiltinSource("8,seed=2,size=96")


def test_it_is_a_source_of_all_three_and_can_be_pickled(source: BuiltinSource) -> None:
    assert isinstance(source, FaceSource) and isinstance(source, OccluderSource) and isinstance(source, TextureSource)
    again = pickle.loads(pickle.dumps(source))
    assert again.read_texture("000003").image.tobytes() == source.read_texture("000003").image.tobytes()
    assert source.name == "builtin" and "MIT" in source.licence


def test_keys(source: BuiltinSource) -> None:
    assert source.face_keys() == source.occluder_keys() == source.texture_keys()
    assert source.face_keys()[0] == "000000" and source.face_keys()[-1] == "000007" and len(source.face_keys()) == 8


def test_options_and_defaults() -> None:
    options = BuiltinSource(" 200 , seed=3, size = 512 ,variations=5").options
    assert (options.count, options.seed, options.size, options.variations) == (200, 3, 512, 5)
    plain = BuiltinSource("200").options
    assert (plain.count, plain.seed, plain.size, plain.variations) == (200, 0, 256, 2)


@pytest.mark.parametrize(
    "argument",
    ["", "0", "-3", "many", "2.5", "10,seed", "10,seed=", "10,seed=-1", "10,colour=3", "10,size=8", "10,size=99999",
     "10,seed=1,seed=2", "10,,seed=1", "9999999", "²", "seed=3"],
)  # fmt: skip
def test_bad_arguments_are_named_and_answered(argument: str) -> None:
    with pytest.raises(OccsetError, match="write builtin:COUNT") as caught:
        BuiltinSource(argument)
    assert f"builtin:{argument}" in str(caught.value)


@pytest.mark.parametrize("key", ["7", "0000007", "00000x", "../../", "-00001", "²²²²²²"])
def test_a_foreign_key_is_refused(source: BuiltinSource, key: str) -> None:
    for read in (source.read_face, source.read_occluder, source.read_texture):
        with pytest.raises(OccsetError, match=re.escape(f"'{key}'")):
            read(key)


def test_items_do_not_depend_on_the_count(source: BuiltinSource) -> None:
    larger = BuiltinSource("800,seed=2,size=96")
    for key in ("000000", "000005"):
        one, other = source.read_occluder(key), larger.read_occluder(key)
        assert one.rgba.tobytes() == other.rgba.tobytes() and one.category == other.category and one.name == key
        assert source.read_texture(key).image.tobytes() == larger.read_texture(key).image.tobytes()
    assert source.read_face("000001").image.tobytes() == larger.read_face("000001").image.tobytes()


def test_occluders_and_textures_carry_what_they_are(source: BuiltinSource) -> None:
    occluder = source.read_occluder("000000")
    assert occluder.rgba.shape[2] == 4 and occluder.licence == source.licence and occluder.from_face is None
    assert source.read_texture("000000").image.shape == (96, 96, 3)
    assert source.read_texture("000000").category == "stripes"


def test_a_face_carries_its_truth(source: BuiltinSource) -> None:
    face = source.read_face("000002")
    assert face.image.shape == (96, 96, 3) and face.image.dtype == np.uint8
    assert face.mask.shape == (96, 96) and set(np.unique(face.mask)) == {0, 255}
    assert face.landmarks.shape == (68, 2) and face.landmarks_source == "source"
    assert face.truth["bare"].shape == (96, 96, 3)
    assert ((face.mask > 0) <= (face.truth["whole_face"] > 0)).all()
    assert face.truth["coefficients/identity"].shape == (80,)
    assert face.truth["coefficients/expression"].shape == (64,)
    assert face.truth["coefficients/texture"].shape == (80,)


def test_two_photos_of_one_person_share_the_identity_and_nothing_else(source: BuiltinSource) -> None:
    first, second, other = (source.read_face(key) for key in ("000002", "000003", "000004"))
    assert first.identity == second.identity != other.identity
    same = "coefficients/identity"
    assert np.array_equal(first.truth[same], second.truth[same]) and not np.array_equal(
        first.truth[same], other.truth[same]
    )
    assert not np.array_equal(first.truth["coefficients/pose"], second.truth["coefficients/pose"])


def test_hair_over_a_face_is_harvested_where_it_hides_the_face() -> None:
    many = BuiltinSource("40,size=64")
    found = 0
    for key in many.face_keys():
        face = many.read_face(key)
        hidden = (face.truth["hair_alpha"] > 127) & (face.truth["whole_face"] > 127)
        covers = hidden.sum() >= 0.01 * (face.truth["whole_face"] > 0).sum()
        assert len(face.occluders) == int(covers)
        if not covers:
            continue
        found += 1
        hair = face.occluders[0]
        assert hair.category == "hair" and hair.from_face == key and hair.name != key
        rows, columns = np.nonzero(face.truth["hair_alpha"])
        assert hair.rgba.shape == (np.ptp(rows) + 1, np.ptp(columns) + 1, 4)
        _assert_composes_back(face, hair, int(rows.min()), int(columns.min()))
        if found == 3:
            return
    pytest.fail("no face in forty has hair over it")


def _assert_composes_back(face: FaceItem, hair: OccluderItem, top: int, left: int) -> None:
    """The bare face with the cut-out laid over it is the photo: Eq. 2."""
    part = np.s_[top : top + hair.rgba.shape[0], left : left + hair.rgba.shape[1]]
    bare, alpha = face.truth["bare"][part].astype(int), hair.rgba[..., 3:].astype(int)
    visible = alpha[..., 0] > 7  # fainter hair takes its neighbour's colour
    composed = (bare * (255 - alpha) + hair.rgba[..., :3].astype(int) * alpha + 127) // 255
    assert np.array_equal(composed[visible], face.image[part][visible])
    assert np.abs(composed - face.image[part]).max() <= 8


def test_faces_without_torch_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [n for n in sys.modules if n.startswith("occset.models.builtin.faces")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=r"torch.*occset\[models\]"):
        BuiltinSource("2").read_face("000000")
