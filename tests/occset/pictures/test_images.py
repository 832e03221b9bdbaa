from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from occset.pictures.images import (
    encode_png,
    extend_colour,
    is_plain_rgb,
    pixel_hash,
    read_grey,
    read_image,
    read_rgba,
    rgba_of,
    shrink,
    write_png,
)
from occset.support.errors import BadInput


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (24, 40, 3), np.uint8)


@pytest.fixture
def jpeg(tmp_path: Path) -> Path:
    """A smooth photo-like JPEG, 96 x 128."""
    noise = np.random.default_rng(2).integers(0, 256, (12, 16, 3), np.uint8)
    file = tmp_path / "photo.jpg"
    Image.fromarray(cv2.resize(noise, (128, 96), interpolation=cv2.INTER_CUBIC)).save(file, quality=92)
    return file


def test_plain_files_are_what_other_decoders_say(tmp_path: Path, picture: np.ndarray, jpeg: Path) -> None:
    Image.fromarray(picture).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), picture)
    assert is_plain_rgb(tmp_path / "a.png") and is_plain_rgb(jpeg)
    assert np.array_equal(read_image(jpeg), np.asarray(Image.open(jpeg)))
    assert np.array_equal(read_image(jpeg), cv2.imread(str(jpeg))[:, :, ::-1])


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "L", "I;16"])
def test_bytes_are_read_as_the_file_that_holds_them(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(3)
    deep = rng.integers(0, 65536, (20, 30), np.uint16)
    shape = {"RGB": (20, 30, 3), "RGBA": (20, 30, 4)}.get(kind, (20, 30))
    Image.fromarray(deep if kind == "I;16" else rng.integers(0, 256, shape, np.uint8)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    assert np.array_equal(rgba_of(data, "the photo"), read_rgba(tmp_path / "a.png"))
    with pytest.raises(BadInput, match=r"^the photo is truncated or damaged"):
        rgba_of(data[:-20], "the photo")
    with pytest.raises(BadInput, match=r"^the photo is 30 x 20 pixels, more than the limit of 599"):
        rgba_of(data, "the photo", 599)


@pytest.mark.real
def test_real_photos_are_what_other_decoders_say(real_data: Path) -> None:
    for folder in ("celebamask_hq/CelebA-HQ-img", "faces_wearing_masks"):
        for file in sorted((real_data / folder).glob("*.jpg"))[:10]:
            assert np.array_equal(read_image(file), np.asarray(Image.open(file).convert("RGB"))), file


@pytest.mark.parametrize("cut", [1, 2, 20, 400, 0.5, 0.9])
def test_a_truncated_jpeg_is_refused(jpeg: Path, cut: float) -> None:
    data = jpeg.read_bytes()
    jpeg.write_bytes(data[: -cut if isinstance(cut, int) else int(len(data) * (1 - cut))])
    with pytest.raises(BadInput, match=r"photo\.jpg .*(truncated|damaged).*download it again or remove it"):
        read_image(jpeg)


def test_a_jpeg_with_bytes_after_its_end_is_whole(jpeg: Path) -> None:
    before = read_image(jpeg)
    jpeg.write_bytes(jpeg.read_bytes() + b"\0" * 100 + b"trailer")
    assert np.array_equal(read_image(jpeg), before)


@pytest.mark.parametrize("cut", [1, 12, 40, 600])
def test_a_truncated_png_is_refused(tmp_path: Path, picture: np.ndarray, cut: int) -> None:
    file = tmp_path / "cut.png"
    file.write_bytes(encode_png(picture)[:-cut])
    with pytest.raises(BadInput, match=r"cut\.png is truncated or damaged"):
        read_image(file)


def test_a_png_whose_pixels_are_damaged_is_refused(tmp_path: Path, picture: np.ndarray) -> None:
    data = bytearray(encode_png(picture))
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(BadInput, match=r"bad\.png"):
        read_image(tmp_path / "bad.png")


def _png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def test_a_huge_picture_is_refused_by_its_header(tmp_path: Path) -> None:
    file = tmp_path / "huge.png"
    idat = b"IDAT" + zlib.compress(bytes(1000))
    file.write_bytes(_png_header(60000, 60000) + struct.pack(">I", len(idat) - 4) + idat + bytes(4))
    with pytest.raises(BadInput, match=r"huge\.png is 60000 x 60000 pixels, more than the limit of 100000000"):
        read_image(file)


def test_a_large_real_jpeg_is_refused_above_the_limit(jpeg: Path) -> None:
    with pytest.raises(BadInput, match="128 x 96 pixels, more than the limit of 12287 "):
        read_image(jpeg, max_pixels=128 * 96 - 1)
    assert read_image(jpeg, max_pixels=128 * 96).shape == (96, 128, 3)


def test_sixteen_bits_are_rounded(tmp_path: Path) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    cv2.imwrite(str(tmp_path / "grey.png"), values)
    cv2.imwrite(str(tmp_path / "colour.png"), np.dstack([values, values.T, values[::-1]])[:, :, ::-1])
    expected = np.floor(values.astype(np.float64) * 255 / 65535 + 0.5).astype(np.uint8)
    assert np.array_equal(read_grey(tmp_path / "grey.png"), expected)
    assert np.array_equal(read_image(tmp_path / "colour.png"), np.dstack([expected, expected.T, expected[::-1]]))
    assert not is_plain_rgb(tmp_path / "colour.png")


def test_palette_with_and_without_transparency(tmp_path: Path, picture: np.ndarray) -> None:
    palette = Image.fromarray(picture).quantize(16)
    palette.save(tmp_path / "p.png")
    colours = np.asarray(palette.convert("RGB"))
    assert np.array_equal(read_image(tmp_path / "p.png"), colours)
    assert not is_plain_rgb(tmp_path / "p.png")
    palette.save(tmp_path / "t.png", transparency=3)
    rgba = read_rgba(tmp_path / "t.png")
    assert np.array_equal(rgba[:, :, 3] == 0, np.asarray(palette) == 3)
    assert np.array_equal(rgba[:, :, :3], colours)


def test_a_colour_key_is_transparency(tmp_path: Path, picture: np.ndarray) -> None:
    picture[:4] = (1, 2, 3)
    Image.fromarray(picture).save(tmp_path / "k.png", transparency=(1, 2, 3))
    assert np.array_equal(read_rgba(tmp_path / "k.png")[:, :, 3] == 0, (picture == (1, 2, 3)).all(axis=2))
    assert not is_plain_rgb(tmp_path / "k.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGBA"])
def test_other_modes(tmp_path: Path, picture: np.ndarray, mode: str) -> None:
    image = Image.fromarray(np.dstack([picture, picture[:, :, 0]])).convert(mode)
    image.save(tmp_path / "m.png")
    assert np.array_equal(read_image(tmp_path / "m.png"), np.asarray(image.convert("RGB")))
    assert np.array_equal(read_rgba(tmp_path / "m.png"), np.asarray(image.convert("RGBA")))
    assert not is_plain_rgb(tmp_path / "m.png")


def test_a_grey_jpeg(tmp_path: Path, picture: np.ndarray) -> None:
    Image.fromarray(picture[:, :, 0]).save(tmp_path / "g.jpg", quality=100)
    grey = read_grey(tmp_path / "g.jpg")
    assert np.array_equal(read_image(tmp_path / "g.jpg"), np.repeat(grey[:, :, None], 3, axis=2))
    assert np.abs(grey.astype(int) - picture[:, :, 0]).max() <= 4
    assert not is_plain_rgb(tmp_path / "g.jpg")


def test_a_cmyk_jpeg_is_converted(tmp_path: Path) -> None:
    flat = np.full((32, 32, 3), (200, 40, 90), np.uint8)
    Image.fromarray(flat).convert("CMYK").save(tmp_path / "c.jpg", quality=100)
    assert np.abs(read_image(tmp_path / "c.jpg").astype(int) - flat).max() <= 4
    assert not is_plain_rgb(tmp_path / "c.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(tmp_path: Path, picture: np.ndarray, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    file = tmp_path / f"turned.{suffix}"
    Image.fromarray(picture).save(file, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
    assert np.array_equal(read_image(file), expected)
    assert expected.shape[:2] == ((24, 40) if orientation < 5 else (40, 24))
    assert is_plain_rgb(file) == (orientation == 1 and suffix != "webp")


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("none.png", None, "does not exist"),
        ("empty.png", b"", "is empty"),
        ("text.jpg", b"<html>404</html>", "is not a JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC"),
        ("short.png", b"\x89PNG\r\n\x1a\n\0\0", "damaged header"),
        ("short.jpg", b"\xff\xd8\xff\xe0\0", "damaged header"),
        ("short.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "damaged header"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, name: str, data: bytes | None, says: str) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput, match=f"{name}.*{says}"):
        read_image(tmp_path / name)
    with pytest.raises(BadInput, match=f"{name}.*{says}"):
        is_plain_rgb(tmp_path / name)


def test_a_folder_and_a_file_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jpeg: Path) -> None:
    with pytest.raises(BadInput, match="is a folder"):
        read_image(tmp_path)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("occset.support.reading.read_file", refuse)
    with pytest.raises(BadInput, match=r"photo\.jpg may not be read.*chmod"):
        read_image(jpeg)


def test_need_alpha(tmp_path: Path, picture: np.ndarray) -> None:
    write_png(tmp_path / "a.png", picture)
    with pytest.raises(BadInput, match=r"a\.png has no transparency"):
        read_rgba(tmp_path / "a.png", need_alpha=True)
    assert (read_rgba(tmp_path / "a.png")[:, :, 3] == 255).all()


@pytest.mark.parametrize("shape", [(9, 7), (9, 7, 3), (9, 7, 4)])
def test_png_there_and_back(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    write_png(tmp_path / "a.png", array)
    read = {2: read_grey, 3: read_image, 4: read_rgba}[shape[2] if len(shape) == 3 else 2]
    assert np.array_equal(read(tmp_path / "a.png"), array)
    assert encode_png(array) == encode_png(array.copy())
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(array)))), array)


@pytest.mark.parametrize("array", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)])
def test_png_refuses_other_arrays(array: np.ndarray) -> None:
    with pytest.raises(ValueError):
        encode_png(array)


def test_pixel_hash_knows_shape_type_and_values(picture: np.ndarray) -> None:
    hashes = {
        pixel_hash(picture),
        pixel_hash(picture.reshape(40, 24, 3)),
        pixel_hash(picture.view(np.int8)),
        pixel_hash(255 - picture),
    }
    assert len(hashes) == 4
    assert pixel_hash(np.asfortranarray(picture)) == pixel_hash(picture)


@pytest.mark.parametrize("factor", [1, 2, 3, 5, 17])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_whole_factors_are_rounded_means(factor: int, channels: tuple[int, ...]) -> None:
    image = np.random.default_rng(factor).integers(0, 256, (6 * factor, 4 * factor, *channels), np.uint8)
    blocks = image.reshape(6, factor, 4, factor, *channels).astype(np.float64)
    expected = np.floor(blocks.mean(axis=(1, 3)) + 0.5 + 1e-9)
    assert np.array_equal(shrink(image, (6, 4)), expected)


def test_other_factors_neither_alias_nor_shift() -> None:
    checks = (np.indices((500, 500)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert np.abs(shrink(checks, 256).astype(int) - 127.5).max() < 45  # sampling would give 0 and 255
    ramp = np.repeat(np.arange(250, dtype=np.uint8)[None], 250, axis=0)
    small = shrink(ramp, 100).astype(float)
    expected = (np.arange(100) + 0.5) * 2.5 - 0.5
    assert np.abs(small - expected)[:, 2:-2].max() <= 1
    assert shrink(ramp, (300, 500)).shape == (300, 500)
    assert pixel_hash(shrink(ramp, 100)) == pixel_hash(shrink(ramp.copy(), 100))


def test_extend_colour_copies_the_nearest_opaque_pixel() -> None:
    rgba = np.zeros((9, 9, 4), np.uint8)
    rgba[2, 2] = (200, 10, 20, 255)
    rgba[6, 6] = (30, 220, 40, 255)
    rgba[3, 3] = (9, 9, 9, 100)
    extended = extend_colour(rgba)
    assert np.array_equal(extended[:, :, 3], rgba[:, :, 3])
    assert tuple(extended[3, 3, :3]) == tuple(extended[0, 0, :3]) == (200, 10, 20)
    assert tuple(extended[8, 8, :3]) == tuple(extended[5, 6, :3]) == (30, 220, 40)
    faint = np.zeros((3, 3, 4), np.uint8)
    faint[1, 1] = (50, 60, 70, 5)
    assert (extend_colour(faint)[:, :, :3] == (50, 60, 70)).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_halving_is_the_rounded_mean_of_four(channels: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (34, 258, channels), dtype=np.uint8)
    wide = picture.astype(int)
    expected = (wide[0::2, 0::2] + wide[1::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 1::2] + 2) // 4
    assert np.array_equal(shrink(picture, (17, 129)).reshape(expected.shape), expected)
