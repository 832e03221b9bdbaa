"""Every way to store a mask is read as the mask that it is, or refused with the true reason."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from occset.pictures.masks import read_cutout, read_mask, read_soft_mask
from occset.support.errors import BadInput

HEIGHT, WIDTH = 13, 21
TRUTH = np.zeros((HEIGHT, WIDTH), np.uint8)
TRUTH[3:9, 4:15] = 255
TRUTH[5, 6] = 0
ON = TRUTH > 0
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def _png(kind: int, bits: int, values: np.ndarray, interlaced: bool = False, extra: bytes = b"") -> bytes:
    """A PNG by the letter of its specification: values (H, W) or (H, W, C) of `bits` each."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def rows(part: np.ndarray) -> bytes:
        out = b""
        for row in part.reshape(len(part), -1):
            if bits == 16:
                out += b"\0" + row.astype(">u2").tobytes()
            elif bits == 8:
                out += b"\0" + row.astype(np.uint8).tobytes()
            else:
                spread = (row[:, None] >> np.arange(bits - 1, -1, -1)) & 1
                out += b"\0" + np.packbits(spread.astype(np.uint8).ravel()).tobytes()
        return out

    height, width = values.shape[:2]
    parts = [values[y::dy, x::dx] for y, x, dy, dx in _PASSES] if interlaced else [values]
    data = b"".join(rows(part) for part in parts if part.size)
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    )


def _palette(*colours: tuple[int, int, int], alpha: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    return chunk(b"PLTE", bytes(sum(colours, ()))) + (chunk(b"tRNS", alpha) if alpha else b"")


def _over(colour: tuple[int, ...], hidden: tuple[int, ...], top: int = 255, alpha: int | None = None) -> np.ndarray:
    """RGBA or grey and alpha, the mask in its alpha."""
    out = np.zeros((HEIGHT, WIDTH, len(colour) + 1), np.uint16)
    out[..., :-1] = np.where(ON[..., None], colour, hidden)
    out[..., -1] = ON * (top if alpha is None else alpha)
    return out


def _solid(picture: np.ndarray, top: int = 255) -> np.ndarray:
    return np.dstack([picture, np.full(picture.shape[:2], top, picture.dtype)])


BLACK, WHITE, RED, NAVY = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 128)
GREY = ON.astype(np.uint16)
COLOUR = GREY[..., None] * np.ones(3, np.uint16)
STORED: dict[str, bytes] = {
    "grey 1 bit": _png(0, 1, GREY),
    "grey 2 bits, 0 and 3": _png(0, 2, GREY * 3),
    "grey 2 bits, 0 and 1": _png(0, 2, GREY),
    "grey 4 bits, 0 and 15": _png(0, 4, GREY * 15),
    "grey 4 bits, 0 and 1": _png(0, 4, GREY),
    "grey 8 bits, 0 and 255": _png(0, 8, GREY * 255),
    "grey 8 bits, 0 and 1": _png(0, 8, GREY),
    "grey 16 bits, 0 and 65535": _png(0, 16, GREY * 65535),
    "grey 16 bits, 0 and 255": _png(0, 16, GREY * 255),
    "grey 16 bits, 0 and 257": _png(0, 16, GREY * 257),
    "grey 16 bits, 0 and 1": _png(0, 16, GREY),
    "grey 8 bits, interlaced": _png(0, 8, GREY * 255, interlaced=True),
    "grey 16 bits, 0 and 1, interlaced": _png(0, 16, GREY, interlaced=True),
    "RGB": _png(2, 8, COLOUR * 255),
    "RGB, 0 and 1": _png(2, 8, COLOUR),
    "RGB, 16 bits, 0 and 1": _png(2, 16, COLOUR),
    "RGB, red on black": _png(2, 8, COLOUR * RED),
    "RGB, dark blue on black": _png(2, 8, COLOUR * NAVY),
    "RGB, 16 bits, red on black": _png(2, 16, COLOUR * (65535, 0, 0)),
    "alpha over white": _png(6, 8, _over(WHITE, WHITE)),
    "alpha over black": _png(6, 8, _over(BLACK, BLACK)),
    "alpha over red, white hidden": _png(6, 8, _over(RED, WHITE)),
    "alpha over white, interlaced": _png(6, 8, _over(WHITE, WHITE), interlaced=True),
    "alpha over white, black hidden": _png(6, 8, _over(WHITE, BLACK)),
    "alpha of 0 and 1 over white": _png(6, 8, _over(WHITE, WHITE, alpha=1)),
    "alpha of 16 bits over white": _png(6, 16, _over((65535,) * 3, (65535,) * 3, 65535)),
    "alpha of 16 bits, 0 and 1, over black": _png(6, 16, _over(BLACK, BLACK, alpha=1)),
    "grey with alpha over white": _png(4, 8, _over((255,), (255,))),
    "grey with alpha over black": _png(4, 8, _over((0,), (0,))),
    "grey with alpha of 16 bits": _png(4, 16, _over((65535,), (65535,), 65535)),
    "grey with alpha that is opaque": _png(4, 8, _solid(GREY * 255)),
    "RGBA that is opaque": _png(6, 8, _solid(COLOUR * 255)),
    "RGBA that is opaque, 0 and 1": _png(6, 8, _solid(COLOUR)),
    "RGBA that is opaque, red on black": _png(6, 8, _solid(COLOUR * RED)),
    "palette, 1 is a colour": _png(3, 8, GREY, extra=_palette(BLACK, (128, 0, 0))),
    "palette, 1 bit": _png(3, 1, GREY, extra=_palette(BLACK, WHITE)),
    "palette, 0 is white": _png(3, 8, 1 - GREY, extra=_palette(WHITE, BLACK)),
    "palette, 0 is white, 4 bits": _png(3, 4, 7 - 2 * GREY, extra=_palette(*[RED] * 5, WHITE, RED, BLACK)),
    "palette, its colours 0 and 1": _png(3, 8, GREY, extra=_palette(BLACK, (1, 1, 1))),
    "palette with transparency": _png(3, 8, GREY, extra=_palette(WHITE, WHITE, alpha=b"\0\xff")),
    "palette, white hidden, red shown": _png(3, 2, GREY * 3, extra=_palette(WHITE, BLACK, BLACK, RED, alpha=b"\0")),
}


@pytest.fixture
def store(tmp_path: Path) -> Callable[[bytes], Path]:
    """A function that writes the bytes of a mask."""

    def write(data: bytes) -> Path:
        (tmp_path / "m.png").write_bytes(data)
        return tmp_path / "m.png"

    return write


@pytest.mark.parametrize("way", STORED)
def test_each_way_of_storing_is_the_same_mask(way: str, store: Callable[[bytes], Path]) -> None:
    file = store(STORED[way])
    assert np.array_equal(read_mask(file), TRUTH), way
    assert np.array_equal(read_soft_mask(file), TRUTH), way
    assert np.array_equal(read_mask(file, threshold=127), TRUTH), way


def test_plain_masks_are_read_as_ever(store: Callable[[bytes], Path]) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        mask = (rng.random((17, 9)) > rng.random()).astype(np.uint8) * 255
        assert np.array_equal(read_mask(store(cv2.imencode(".png", mask)[1].tobytes())), mask)
        soft = rng.integers(0, 256, (17, 9), np.uint8)
        assert np.array_equal(read_soft_mask(store(cv2.imencode(".png", soft)[1].tobytes())), soft)
    for value in (0, 255):
        assert (read_mask(store(_png(0, 8, np.full((4, 4), value)))) == value).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (_png(0, 8, GREY * 2 + (TRUTH[::-1] > 0)), "a map of several labels"),
        (_png(0, 16, GREY * 3 + (TRUTH[::-1] > 0)), "values 1, 3, 4 besides 0, a map of several labels"),
        (_png(0, 8, GREY * 128), "holds 0 and 255 only, this one also 128"),
        (_png(0, 16, GREY * 300), "holds 0 and 65535 only, this one also 300"),
        (_png(2, 8, np.where(ON[..., None], RED, (0, 255, 0))), "more than one colour on black"),
        (_png(2, 8, np.where(ON[..., None], RED, WHITE)), "more than one colour on black"),
        (_png(3, 8, GREY, extra=_palette((0, 90, 0), (200, 0, 0))), "more than one colour on black"),
        (_png(3, 8, GREY, extra=_palette(WHITE, WHITE)), "its palette gives 2 indexes one colour"),
        (_png(3, 1, GREY, extra=_palette(BLACK, BLACK)), "its palette gives 2 indexes one colour"),
        (_png(6, 8, _over(BLACK, WHITE)), "its colours and its transparency say different things"),
        (_png(4, 8, _over((0,), (255,))), "its colours and its transparency say different things"),
        (_png(6, 8, _over(WHITE, BLACK, alpha=0)), "transparent everywhere, over a picture that cannot be seen"),
        (_png(6, 8, _over(WHITE, WHITE, alpha=90)), "this one also 90"),
    ],
)
def test_what_does_not_say_where_the_face_is_is_refused(
    data: bytes, reason: str, store: Callable[[bytes], Path]
) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        read_mask(store(data))
    assert "m.png" in str(caught.value)


def test_a_transparent_layer_with_nothing_on_it_is_empty(store: Callable[[bytes], Path]) -> None:
    assert not read_mask(store(_png(6, 8, _over(WHITE, WHITE, alpha=0)))).any()


def test_soft_edges_and_jpegs_are_taken_by_a_threshold(tmp_path: Path) -> None:
    soft = cv2.GaussianBlur(TRUTH, (0, 0), 1.0)
    expected = np.where(soft > 127, 255, 0)
    stretched = (soft.astype(int) * 255 // soft.max()).astype(np.uint8)  # how red full red is, nobody says
    for way, array in {
        "grey": soft,
        "alpha": np.dstack([np.full((*soft.shape, 3), 255, np.uint8), soft]),
        "black and white with an opaque alpha": np.dstack([soft, soft, soft, np.full_like(soft, 255)]),
        "red": np.dstack([soft, soft * 0, soft * 0]),
    }.items():
        Image.fromarray(array).save(tmp_path / "m.png")
        with pytest.raises(BadInput, match=r"soft edges.*with --threshold 127"):
            read_mask(tmp_path / "m.png", how="--threshold 127")
        assert np.array_equal(read_mask(tmp_path / "m.png", 127), expected), way
        assert np.array_equal(read_soft_mask(tmp_path / "m.png"), stretched if way == "red" else soft), way
    big = np.kron(TRUTH, np.ones((16, 16), np.uint8))
    Image.fromarray(big).save(tmp_path / "m.jpg", quality=70)
    assert np.array_equal(read_mask(tmp_path / "m.jpg", 127), big)
    Image.fromarray(np.dstack([big, big * 0, big * 0])).save(tmp_path / "red.jpg", quality=95, subsampling=0)
    wrong = np.count_nonzero(read_mask(tmp_path / "red.jpg", 127) != big)
    assert wrong < 0.01 * big.size
    with pytest.raises(BadInput, match=r"m\.jpg.*soft edges, as JPEG"):
        read_mask(tmp_path / "m.jpg")


def test_a_threshold_of_16_bits_is_of_255(store: Callable[[bytes], Path]) -> None:
    values = np.array([[0, 127 * 257, 127 * 257 + 1, 65535]])
    assert read_mask(store(_png(0, 16, values)), 127).tolist() == [[0, 0, 255, 255]]
    assert read_mask(store(_png(0, 8, values // 257)), 0).tolist() == [[0, 255, 255, 255]]


def test_a_cut_out_whose_alpha_is_0_and_1_can_be_seen(store: Callable[[bytes], Path]) -> None:
    for data in (_png(6, 8, _over(RED, BLACK, alpha=1)), _png(6, 16, _over((65535, 0, 0), BLACK, alpha=1))):
        rgba = read_cutout(store(data))
        assert np.array_equal(rgba[..., 3], TRUTH) and (rgba[ON][:, :3] == RED).all()
    faint = read_cutout(store(_png(6, 8, _over(RED, BLACK, alpha=90))))
    assert (faint[ON][:, 3] == 90).all(), "glass, say"
    with pytest.raises(BadInput, match="has no transparency"):
        read_cutout(store(_png(2, 8, COLOUR * RED)))
