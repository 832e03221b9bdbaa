"""What a folder's pictures are: suffixes in any case, links wherever they lead, and what is passed over and told."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageFile

from occset.dataset.occlusion_set import OcclusionSet
from occset.importing.add_source import add_source
from occset.pictures import decoding
from occset.pictures.images import read_image
from occset.pictures.listing import check_kind, is_junk, list_pictures, namesakes
from occset.pictures.masks import read_mask
from occset.sources.faceocc import FaceOccSource
from occset.sources.image_masks import ImageMasksSource
from occset.support.errors import BadInput


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_pictures_are_told_by_their_suffix_in_any_case(tmp_path: Path) -> None:
    names = ["a.JPG", "b.jfif", "c.TIFF", "d/e.Heic", "d/f/g.PnG", "h.i.webp", "j.avif", "k.gif", "l.bmp"]
    put(tmp_path, *names, "m.txt", "n", "o.csv", "d/jpg")
    found = list_pictures(tmp_path)
    assert found.keys == names and found.others == ["d/jpg", "m.txt", "n", "o.csv"]
    assert found.notes() == [f"{tmp_path}: passed over 4 of no use here (d/jpg, m.txt, o.csv, ...)"]
    assert list_pictures(tmp_path, deep=False).keys == [name for name in names if "/" not in name]
    with pytest.raises(BadInput, match=r"k\.gif: \.gif pictures are not read: convert it to JPEG or PNG"):
        check_kind(tmp_path / "k.gif")


@pytest.mark.parametrize(
    "name",
    [
        "._a.png", ".DS_Store", "Thumbs.db", "THUMBS.DB", "desktop.ini", "@eaDir/a.png", "__MACOSX/x/._a.jpg",
        "lost+found/a.jpg", "#recycle/b.png", "$RECYCLE.BIN/c.jpg", ".ipynb_checkpoints/d.png",
        "System Volume Information/e.png",
    ],
)  # fmt: skip
def test_what_systems_leave_behind_is_passed_over_and_told(tmp_path: Path, name: str) -> None:
    put(tmp_path, "a.png", name)
    found = list_pictures(tmp_path)
    first = name.partition("/")[0]
    assert found.keys == ["a.png"] and found.junk == [first] and is_junk(first)
    assert found.notes() == [f"{tmp_path}: passed over 1 hidden or left by a system ({first})"]


def test_a_folder_of_links_is_read_by_the_names_of_the_links(tmp_path: Path) -> None:
    """As download caches make them: names without suffix in blobs, and a tree of relative links to them."""
    put(tmp_path / "hub" / "blobs", "0f3a", "77bc")
    real = tmp_path / "hub" / "snapshots" / "abc" / "images"
    real.mkdir(parents=True)
    (real / "0.jpg").symlink_to("../../../blobs/0f3a")
    (real / "1.jpg").symlink_to(tmp_path / "hub" / "blobs" / "77bc")
    (real / "2.jpg").symlink_to("../../../blobs/gone")
    assert list_pictures(real.parent).keys == ["images/0.jpg", "images/1.jpg", "images/2.jpg"]
    with pytest.raises(BadInput, match=r"2\.jpg does not exist"):
        read_image(real / "2.jpg")


def test_linked_folders_are_followed_once_and_never_back(tmp_path: Path) -> None:
    put(tmp_path, "in/a/1.png", "in/b/2.png", "out/3.png", "neighbour.png")
    root = tmp_path / "in"
    (root / "a" / "linked").symlink_to(tmp_path / "out")
    (root / "again").symlink_to(tmp_path / "out")
    (root / "a" / "self").symlink_to(".")
    (root / "b" / "up").symlink_to("../..")
    (root / "0-to-b").symlink_to("b")
    (tmp_path / "out" / "back").symlink_to(root)
    (root / "ring.png").symlink_to("ring.png")
    found = list_pictures(root)
    assert found.keys == ["a/1.png", "a/linked/3.png", "b/2.png", "ring.png"], "what lies there by itself keeps its key"
    assert found.loops == ["0-to-b", "a/linked/back", "a/self", "again", "b/up"]
    assert "5 links that lead back" in found.notes()[0]


def test_many_links_to_one_another_end(tmp_path: Path) -> None:
    for i in range(40):  # read each way, they would be a trillion folders
        put(tmp_path, f"{i}/a.png")
        for way in "xy":
            (tmp_path / f"{i}" / way).symlink_to(tmp_path / f"{(i + 1) % 40}")
    assert len(list_pictures(tmp_path).keys) == 40


def test_a_closed_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "a.png", "closed/b.png")
    scandir = os.scandir

    def refuse(place: Path) -> object:
        if Path(place).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(place)

    monkeypatch.setattr("occset.pictures.listing.os.scandir", refuse)
    assert list_pictures(tmp_path).notes() == [f"{tmp_path}: passed over 1 folders that may not be read (closed)"]


def test_namesakes_tell_what_is_there_instead(tmp_path: Path) -> None:
    put(tmp_path, "a.JPG", "A.tif", "b.v1.jpg", "._c.png", "x/c.webp")
    assert namesakes(tmp_path, "a.png") == ["A.tif", "a.JPG"]
    assert namesakes(tmp_path, "b.v1") == ["b.v1.jpg"] and namesakes(tmp_path, "b") == []
    assert namesakes(tmp_path, "x/c.png") == ["c.webp"] and namesakes(tmp_path, "c.png") == []


PIXELS = np.random.default_rng(3).integers(0, 256, (40, 56, 3), np.uint8)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate"])
def test_tiff_keeps_its_pixels(tmp_path: Path, compression: str) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.tif", compression=compression)
    assert np.array_equal(read_image(tmp_path / "a.tif"), PIXELS)


def test_a_tiff_is_turned_upright_once(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(tmp_path / "a.tif", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.tif"), np.rot90(PIXELS, -1))


def test_masks_in_tiff_are_read(tmp_path: Path) -> None:
    mask = np.where(PIXELS[..., 0] > 90, 255, 0).astype(np.uint8)
    Image.fromarray(mask).save(tmp_path / "grey.tif")
    Image.fromarray(mask > 0).save(tmp_path / "bits.tif")
    Image.fromarray(mask.astype(np.uint16) * 257).save(tmp_path / "deep.tif")
    for name in ("grey", "bits", "deep"):
        assert np.array_equal(read_mask(tmp_path / f"{name}.tif"), mask)
    Image.fromarray(mask.astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(BadInput, match=r"float\.tif has values of 32 bits.*8 or 16"):
        read_mask(tmp_path / "float.tif")


def test_avif_is_read_where_pillow_does_and_named_where_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    avif = pytest.importorskip("PIL.AvifImagePlugin")
    if avif.SUPPORTED:
        smooth = np.full((64, 64, 3), (200, 100, 50), np.uint8)
        Image.fromarray(smooth).save(tmp_path / "a.avif", quality=95)
        assert np.abs(read_image(tmp_path / "a.avif").astype(int) - smooth).max() <= 4
    (tmp_path / "b.avif").write_bytes(b"\0\0\0\x20ftypavif" + bytes(40))
    monkeypatch.setattr(avif, "SUPPORTED", False)
    with pytest.raises(BadInput, match=r"b\.avif is an AVIF.*pip install 'pillow>=11\.3'"):
        read_image(tmp_path / "b.avif")


def test_heic_says_what_to_install_also_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for name, brands in (("a.heic", b"heic\0\0\0\0mif1heic"), ("b.jpg", b"mif1\0\0\0\0heixmif1")):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftyp" + brands + bytes(40))
        with pytest.raises(BadInput, match=rf"{name[0]}\..*is a HEIC.*pip install pillow-heif"):
            read_image(tmp_path / name)
    (tmp_path / "c.heic").write_bytes(b"\0\0\0\x18ftypisom\0\0\0\0mp41isom" + bytes(40))
    with pytest.raises(BadInput, match=r"c\.heic is a film"):
        read_image(tmp_path / "c.heic")


def test_heic_is_read_where_its_plugin_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Still(ImageFile.ImageFile):
        format = "HEIF"

        def _open(self) -> None:
            self._mode, self._size = "RGB", (PIXELS.shape[1], PIXELS.shape[0])

        def load(self) -> object:
            self.im = Image.fromarray(PIXELS).im
            return Image.Image.load(self)

    plugin = SimpleNamespace(register_heif_opener=lambda: Image.register_open("HEIF", Still))
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    monkeypatch.setitem(Image.OPEN, "HEIF", (Still, None))
    data = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)
    found = decoding.decode_bytes(data, tmp_path / "a.heic", 10**6)
    assert found.format == "HEIF" and np.array_equal(found.pixels, PIXELS)


def test_an_import_passes_over_junk_and_says_so(tmp_path: Path) -> None:
    for name in ("b.JFIF", "c.TIF"):
        kind = "JPEG" if name[0] == "b" else "TIFF"
        Image.fromarray(np.roll(PIXELS[:40, :40], len(kind), axis=0)).save(tmp_path / name, kind)
    put(tmp_path, "._b.png", ".DS_Store", "@eaDir/b.jpg/thumb.png", "notes.txt")
    data = OcclusionSet.create(tmp_path.parent / f"{tmp_path.name}-set")
    report = add_source(data, "faces", f"photos:{tmp_path}?align=no", workers=1)
    assert (report.added, report.problems) == (2, [])
    assert set(data.faces["source_id"]) == {"b.JFIF", "c.TIF"}
    (note,) = report.notes
    assert "passed over 3 hidden or left by a system (" in note and note.endswith("1 of no use here (notes.txt)")


def test_a_source_may_be_made_of_links_whole_or_in_part(tmp_path: Path) -> None:
    """Image-masks as a cache keeps it, and FaceOcc with a linked folder."""
    for i, part in enumerate(("images", "masks")):
        put(tmp_path, f"blobs/{i}")
        picture = PIXELS[:40, :40] if part == "images" else np.eye(40, dtype=np.uint8) * 255
        Image.fromarray(picture).save(tmp_path / "blobs" / f"{i}", "PNG")
        (tmp_path / "snap" / part / "anna").mkdir(parents=True)
        (tmp_path / "snap" / part / "anna" / "1.png").symlink_to(f"../../../blobs/{i}")
    source = ImageMasksSource(str(tmp_path / "snap"), landmarks="no", confirm="all")
    assert source.face_keys() == ["anna/1"]
    assert np.array_equal(source.read_face("anna/1").image, PIXELS[:40, :40])
    cut = np.dstack([PIXELS[:40, :40], np.where(PIXELS[:40, :40, 0] > 9, 255, 0).astype(np.uint8)])
    (tmp_path / "elsewhere" / "hands").mkdir(parents=True)
    Image.fromarray(cut).save(tmp_path / "elsewhere" / "hands" / "1.PNG", "PNG")
    (tmp_path / "occ").mkdir()
    (tmp_path / "occ" / "internet").symlink_to("../elsewhere")
    occluders = FaceOccSource(str(tmp_path / "occ"))
    assert occluders.occluder_keys() == ["hands/1.PNG"]
    assert occluders.read_occluder("hands/1.PNG").category == "hands"


def test_no_message_says_that_a_mask_is_missing_which_is_there(tmp_path: Path) -> None:
    for name in ("images/a.png", "images/b.png", "images/c.png", "masks/a.jpg", "masks/B.png"):
        put(tmp_path, name)
        Image.fromarray(PIXELS[:40, :40]).save(tmp_path / name, "JPEG" if name.endswith("jpg") else "PNG")
    source = ImageMasksSource(str(tmp_path), landmarks="no")
    assert source.face_keys() == ["B", "a", "b", "c"]
    for key, says in (
        ("a", r"masks/a\.png is not there, but a\.jpg, of a kind that blurs masks.*\?threshold=127"),
        ("b", r"masks/b\.png is not there, but B\.png, whose name differs"),
        ("B", r"no such picture, but b\.png, whose name differs"),
        ("c", r"masks/c\.png is not there: put the mask there"),
    ):
        with pytest.raises(BadInput, match=says):
            source.read_face(key)
