from __future__ import annotations

import base64
import io
import json
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from occset.annotation.labels import codec
from occset.annotation.labels.codec import decode_bitmask, decode_brush, encode_bitmask, encode_brush
from occset.pictures.masks import harden
from occset.support.errors import BadInput, MissingExtra

pytest.importorskip("numba", reason="the loops are compiled by numba")

SDK_WIDTHS = (3, 4, 8, 16)
# in pixels, on both sides of where the four values of a pixel need the next width, or another run
LENGTHS = [1, 2, 3, 4, 5, 63, 64, 65, 16383, 16384, 16385, 32768, 32769, 50000]

CIRCLE = (  # what a browser wrote for a circle round pixel (5, 5) of a picture of 20 x 10
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAABQAAAAKCAYAAAC0VX7mAAAAjklEQVR4AbSOwQmDQBRElxCSWgIhl9SRYDFahRYjWocXEaxF8eCb"
    "2xx2YQWVeQ5/+H/YWzj5u7zwzoN/UIL8gR+Sv/DJ5QAd1CDXrJwxT15YcPIB15tBOZYnL3wlTlJ5dN0L5+hGCKk8uu6FLRsjuCYG"
    "5VievHDh5At/qECuWTljnrxQFxu/HhqQr/gh7QAAAP///jvBUwAAAAZJREFUAwDvYBIVZYBlGAAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def sdk() -> ModuleType:
    return pytest.importorskip("label_studio_sdk.converter.brush", reason="compares with label-studio-sdk")


@st.composite
def masks(draw: st.DrawFn, lengths: Sequence[int] = LENGTHS) -> np.ndarray:
    """Runs of every class of length, cut to a rectangle."""
    values = st.integers(0, 255) | st.sampled_from([0, 255])
    runs = draw(st.lists(st.tuples(st.sampled_from(lengths), values), min_size=1, max_size=12))
    flat = np.repeat(np.array([v for _, v in runs], np.uint8), [n for n, _ in runs])
    width = draw(st.integers(1, min(flat.size, 300)))
    mask = flat[: flat.size // width * width].reshape(-1, width)
    assume(mask.max() != 1)
    return mask


def written_plainly(
    values: Sequence[int] | np.ndarray,
    widths: Sequence[int] = SDK_WIDTHS,
    literal: Sequence[bool] = (),
    spare: bool = False,
) -> list[int]:
    """Another writer of the format: text of 0 and 1, bit by bit.

    `literal` says in turn which runs are written value by value; with `spare` a byte of 0 follows a full one.
    """
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{w - 1:04b}" for w in widths)
    literal = list(literal) or [False]
    parts = []
    for value, group in groupby(values):
        left = len(list(group))
        while left:
            part = min(left, 1 << max(widths))
            parts.append((int(value), part))
            left -= part
    for number, (value, length) in enumerate(parts):
        by_value = literal[number % len(literal)]
        kind = min((k for k in range(4) if length <= 1 << widths[k]), key=lambda k: widths[k])
        bits += f"{1 - by_value}{kind:02b}{length - 1:0{widths[kind]}b}" + f"{value:08b}" * (length if by_value else 1)
    bits += "0" * (8 - len(bits) % 8 if spare else -len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def read_plainly(code: Sequence[int], height: int, width: int) -> np.ndarray:
    """Another reader, as strict as ours, None where the code is wrong."""
    bits = "".join(f"{byte:08b}" for byte in code)
    widths = [int(bits[at : at + 4], 2) + 1 for at in range(37, 53, 4)]
    if len(bits) < 53 or int(bits[:32], 2) != 4 * height * width or int(bits[32:37], 2) != 7:
        return None
    at, values = 53, []

    def take(count: int) -> int:
        nonlocal at
        if at + count > len(bits):
            raise EOFError
        at += count
        return int(bits[at - count : at], 2)

    try:
        while len(values) < 4 * height * width:
            repeats = take(1)
            length = take(widths[take(2)]) + 1
            values += [take(8)] * length if repeats else [take(8) for _ in range(length)]
    except EOFError:
        return None
    if len(values) > 4 * height * width or len(bits) - at > 8 or "1" in bits[at:]:
        return None
    return np.array(values[3::4], np.uint8).reshape(height, width)


@settings(deadline=None, max_examples=60)
@given(mask=masks())
def test_the_sdk_writes_the_same_and_reads_the_same(sdk: ModuleType, mask: np.ndarray) -> None:
    code = encode_brush(mask)
    assert code == sdk.mask2rle(mask)
    assert np.array_equal(decode_brush(code, *mask.shape), mask)
    assert np.array_equal(sdk.decode_rle(code).reshape(*mask.shape, 4), np.repeat(mask[:, :, None], 4, 2))
    assert all(type(number) is int for number in code)


@settings(deadline=None, max_examples=100)
@given(seed=st.integers(0, 1000), height=st.integers(1, 20), width=st.integers(1, 20))
def test_noise_is_written_as_the_sdk_does(sdk: ModuleType, seed: int, height: int, width: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    assume(mask.max() != 1)
    assert encode_brush(mask) == sdk.mask2rle(mask)
    assert np.array_equal(decode_brush(sdk.mask2rle(mask), height, width), mask)


@pytest.mark.parametrize("value", [0, 255, 77])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (7, 5), (128, 128), (129, 127), (300, 301)])
def test_one_value_everywhere(sdk: ModuleType, value: int, shape: tuple[int, ...]) -> None:
    mask = np.full(shape, value, np.uint8)
    assert encode_brush(mask) == sdk.mask2rle(mask)
    assert np.array_equal(decode_brush(encode_brush(mask), *shape), mask)


def test_a_mask_need_not_lie_in_one_piece(sdk: ModuleType) -> None:
    mask = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    for view in (mask.T, mask[::2, ::-3], np.asfortranarray(mask)):
        assert encode_brush(view) == sdk.mask2rle(np.ascontiguousarray(view))


def test_two_pixels_written_by_hand() -> None:
    bits = (
        "00000000 00000000 00000000 00001000"  # two pixels of four values
        "00111 0010 0011 0111 1111"  # of 8 bits; lengths of 3, 4, 8 and 16
        "1 00 011 00000000"  # four times 0
        "1 00 011 11111111"  # four times 255
        "0000000"
    ).replace(" ", "")
    by_hand = [0, 0, 0, 8, 57, 27, 252, 96, 17, 255, 128]
    assert [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)] == by_hand
    assert encode_brush(np.array([[0, 255]], np.uint8)) == by_hand
    assert decode_brush(by_hand, 1, 2).tolist() == [[0, 255]]
    assert decode_brush(by_hand, 2, 1).tolist() == [[0], [255]]


def test_what_the_browsers_encoder_wrote() -> None:
    """rle-pack's `encode`, called for pixels whose channels differ, which gives runs of unequal values."""
    code = [0, 0, 0, 12, 57, 27, 248, 225, 66, 131, 192, 1, 66, 131, 201, 177, 2, 193, 254]
    assert decode_brush(code, 1, 3).tolist() == [[0, 77, 255]]
    four = [0, 0, 0, 16, 57, 27, 252, 96, 17, 136, 199, 145, 31, 248]
    assert decode_brush(four, 2, 2).tolist() == [[0, 17], [200, 255]]
    assert encode_brush(np.array([[0, 17], [200, 255]], np.uint8)) == four


@settings(deadline=None, max_examples=150)
@given(
    mask=masks([1, 2, 3, 4, 5, 17, 63, 64, 65, 300]),
    widths=st.tuples(*[st.integers(1, 16)] * 4),
    literal=st.lists(st.booleans(), max_size=5),
    colours=st.integers(0, 3),
    spare=st.booleans(),
)
def test_other_writers_tables_and_colours(
    mask: np.ndarray, widths: Sequence[int], literal: list[bool], colours: int, spare: bool
) -> None:
    rgba = np.repeat(mask[:, :, None], 4, 2)
    if colours:  # of one to three channels
        rgba[:, :, :colours] = (200, 10, 30)[:colours]
    code = written_plainly(rgba.ravel().tolist(), widths, literal, spare)
    assert np.array_equal(decode_brush(code, *mask.shape), mask)
    assert np.array_equal(decode_brush(np.array(code), *mask.shape), mask)


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_damaged_codes_are_read_exactly_or_refused(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    values = data.draw(
        st.lists(st.sampled_from([0, 0, 0, 255, 9]), min_size=4 * height * width, max_size=4 * height * width)
    )
    code = written_plainly(values, data.draw(st.tuples(*[st.integers(1, 7)] * 4)), [True, False])
    for _ in range(data.draw(st.integers(0, 3))):
        code[data.draw(st.integers(4, len(code) - 1))] = data.draw(st.integers(0, 255))
    code = code[: data.draw(st.integers(7, len(code)) | st.just(len(code)))] + data.draw(
        st.lists(st.just(0), max_size=2)
    )
    expected = read_plainly(code, height, width)
    if expected is None:
        with pytest.raises(BadInput):
            decode_brush(code, height, width)
    else:
        assert np.array_equal(decode_brush(code, height, width), expected)


GOOD = [0, 0, 0, 8, 57, 27, 252, 96, 17, 255, 128]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (None, "list of whole numbers"),
        ("AAAA", "list of whole numbers"),
        (bytes(GOOD), "list of whole numbers"),
        (tuple(GOOD), "list of whole numbers"),
        ({"rle": GOOD}, "list of whole numbers"),
        ([GOOD], "too short"),
        ([*GOOD[:-1], [128]], "list of whole numbers"),
        ([*GOOD[:-1], 128.0], "list of whole numbers"),
        ([*GOOD[:-1], "128"], "list of whole numbers"),
        ([*GOOD[:-1], None], "list of whole numbers"),
        ([False, *GOOD[1:]], "list of whole numbers"),
        ([-1, *GOOD[1:]], "list of whole numbers"),
        ([256, *GOOD[1:]], "list of whole numbers"),
        ([1 << 70, *GOOD[1:]], "list of whole numbers"),
        (np.array(GOOD, float), "list of whole numbers"),
        (np.array([GOOD]), "list of whole numbers"),
        (np.array(GOOD) * 2, "list of whole numbers"),
        (np.array(GOOD) > 0, "list of whole numbers"),
        ([], "too short"),
        (GOOD[:6], "too short"),
        (GOOD[:7], "is cut off"),
        (GOOD[:8], "is cut off"),
        (GOOD[:9], "is cut off"),
        (GOOD[:10], "is cut off"),
        ([*GOOD, 0], "goes on after"),
        ([*GOOD[:-1], 129], "goes on after"),
        ([0, 0, 0, 4, *GOOD[4:]], "4 values was given for 2 x 1 pixels"),
        ([0, 0, 0, 12, *GOOD[4:]], "12 values"),
        ([0, 0, 0, 9, *GOOD[4:]], "9 values"),
        ([255, 255, 255, 255, *GOOD[4:]], "4294967295 values"),
        ([0, 0, 0, 8, 121, *GOOD[5:]], "16-bit values"),
        ([0, 0, 0, 8, 1, *GOOD[5:]], "1-bit values"),
        ([*GOOD, *bytes(100)], "too long"),
        ([0] * 1_000_000, "too long"),
    ],
)
def test_a_hostile_code_is_refused(code: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        decode_brush(code, 1, 2)


def test_a_run_beyond_the_last_pixel_is_refused() -> None:
    for literal in (True, False):
        code = written_plainly([7] * 12, literal=[literal])
        code[3] = 8
        with pytest.raises(BadInput, match="beyond the last pixel"):
            decode_brush(code, 1, 2)


def test_the_longest_legal_code_is_read() -> None:
    values = [0, 9] * 8
    code = written_plainly(values, (16, 16, 16, 16))
    assert len(code) == -(-(53 + 16 * 27) // 8)
    assert decode_brush(code, 2, 2).tolist() == [[9, 9], [9, 9]]


@pytest.mark.parametrize(
    "size", [(0, 5), (5, 0), (-1, -8), (1 << 13, (1 << 13) + 1), (1 << 70, 1), (True, 2), (1.0, 2), ("1", 2)]
)
def test_a_size_out_of_range_is_refused(
    size: tuple[bool, int] | tuple[float, int] | tuple[int, ...] | tuple[str, int],
) -> None:
    for decode, what in ((decode_brush, GOOD), (decode_bitmask, CIRCLE)):
        with pytest.raises(BadInput, match="pixels"):
            decode(what, *size)


@pytest.mark.parametrize("encode", [encode_brush, encode_bitmask])
@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.eye(3, dtype=np.uint8), "multiply it by 255"),
        (np.ones((1, 1), np.uint8), "multiply it by 255"),
        (np.eye(3, dtype=bool), "this is .3, 3. bool"),
        (np.eye(3), "float64"),
        (np.zeros((3, 3), np.int64), "int64"),
        (np.zeros((3, 3, 4), np.uint8), "3, 3, 4"),
        (np.zeros(9, np.uint8), "uint8, this is .9"),
        (np.zeros((0, 4), np.uint8), "4 x 0 pixels"),
        (np.broadcast_to(np.uint8(255), (1 << 14, 1 << 13)), "8192 x 16384 pixels"),
        ([[0, 255]], "list"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_mask_is_refused(encode: Callable[[np.ndarray], object], mask: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        encode(mask)


@settings(deadline=None, max_examples=50)
@given(mask=masks([1, 2, 3, 5, 17, 300]))
def test_a_bitmask_and_back_is_exact(mask: np.ndarray) -> None:
    back = decode_bitmask(encode_bitmask(mask), *mask.shape)
    assert back.dtype == np.uint8
    assert np.array_equal(back, mask)


def png(array: np.ndarray | Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(
        stream, options.pop("kind", "PNG"), **options
    )
    return stream.getvalue()


def url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


def test_a_bitmask_is_black_on_nothing() -> None:
    mask = np.array([[0, 255, 0], [255, 128, 3]], np.uint8)
    written = encode_bitmask(mask)
    assert written.startswith("data:image/png;base64,iVBOR")
    picture = np.array(Image.open(io.BytesIO(base64.b64decode(written.split(",")[1]))))
    assert picture.shape == (2, 3, 4)
    assert not picture[:, :, :3].any()
    assert np.array_equal(picture[:, :, 3], mask)


def test_a_browsers_bitmask_is_read_with_its_soft_edge() -> None:
    alpha = decode_bitmask(CIRCLE, 10, 20)
    assert alpha[5, 5] == 255
    assert not alpha[:, 10:].any()
    assert ((alpha > 0) & (alpha < 255)).any()
    assert abs(np.count_nonzero(harden(alpha)) - np.pi * 9) < 3


def test_other_pngs_with_transparency_are_read() -> None:
    alpha = np.random.default_rng(0).integers(0, 256, (6, 9), dtype=np.uint8)
    grey = np.dstack([np.zeros_like(alpha), alpha])
    assert np.array_equal(decode_bitmask(url(png(grey)), 6, 9), alpha)
    bits = alpha > 127
    palette = Image.fromarray(bits.astype(np.uint8)).convert("P")
    assert np.array_equal(decode_bitmask(url(png(palette, transparency=0)), 6, 9), bits * np.uint8(255))


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """The PNG with another chunk behind its header."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data[:33] + chunk + data[33:]


RGBA = np.zeros((4, 6, 4), np.uint8)
PNG = png(RGBA)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (None, "NoneType"),
        (b"data:image/png;base64,AAAA", "bytes"),
        (7, "int"),
        ("", "not ''"),
        ("http://127.0.0.1/mask.png", "http://"),
        ("https://127.0.0.1/mask.png", "https://"),
        ("file:///etc/passwd", "file:///"),
        ("/etc/passwd", "/etc/passwd"),
        ("blob:http://127.0.0.1/1", "blob:"),
        ("data:image/svg+xml;base64,AAAA", "svg"),
        ("data:image/jpeg;base64,AAAA", "jpeg"),
        ("data:image/png,AAAA", "not 'data:image/png,"),
        ("data:image/png;base64,", "no PNG"),
        ("data:image/png;base64,%%%%", "no base64"),
        ("data:image/png;base64,AAAÄ", "no base64"),
        ("data:image/png;base64,AAA", "no base64"),
        (url(PNG[:30]), "no PNG"),
        (url(PNG[:40]), "truncated"),
        (url(PNG[:-30]), "truncated"),
        (url(damaged(PNG, 20)), "given for 6 x 4"),
        (url(damaged(PNG, 30)), "damaged"),
        (url(png(RGBA[:, :, 0], kind="GIF")), "no PNG"),
        (url(png(RGBA[:, :, :3], kind="JPEG")), "no PNG"),
        (url(b"<svg xmlns='http://www.w3.org/2000/svg'/>" * 2), "no PNG"),
        (url(png(RGBA[:, :, :3])), "without transparency"),
        (url(png(RGBA[:, :, 0])), "without transparency"),
        (url(png(RGBA.transpose(1, 0, 2))), "4 x 6 was given for 6 x 4"),
        (url(PNG[:16] + struct.pack(">II", 60000, 60000) + PNG[24:]), "60000 x 60000"),
        (url(with_chunk(PNG, b"zTXt", b"k\0\0" + zlib.compress(bytes(1 << 25)))), "damaged"),
        (url(PNG + bytes(80000)), "too long"),
        # of the two headers of a file one was checked and the other decoded
        (url(with_chunk(PNG, b"IHDR", struct.pack(">II", 4096, 4096) + PNG[24:29])), "two headers"),
        (url(with_chunk(PNG, b"IHDR", PNG[16:29])), "two headers"),
        (
            url(PNG[:-12] + with_chunk(PNG, b"IHDR", struct.pack(">II", 9, 9) + PNG[24:29])[33:58] + PNG[-12:]),
            "two headers",
        ),
        (
            url(with_chunk(PNG, b"fcTL", struct.pack(">IIIII", 0, 5000, 5000, 0, 0) + bytes(6))),
            "frame that lies beyond",
        ),
    ],
)
def test_a_hostile_bitmask_is_refused(address: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        decode_bitmask(address, 4, 6)


def test_nothing_heavy_is_loaded_with_the_module() -> None:
    script = "import sys, json, occset.annotation.labels.codec; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numba", "cv2", "PIL", "pandas", "label_studio_sdk"} & set(json.loads(done.stdout))


def test_a_missing_numba_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    import occset.annotation.labels

    monkeypatch.delitem(sys.modules, "occset.annotation.labels.codec_loops", raising=False)
    monkeypatch.delattr(occset.annotation.labels, "codec_loops", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(MissingExtra, match=r"numba.*pip install 'occset\[annotate\]'"):
        encode_brush(np.zeros((2, 2), np.uint8))
    with pytest.raises(MissingExtra, match="numba"):
        decode_brush(GOOD, 1, 2)


def test_an_installation_that_cannot_be_written_works(tmp_path: Path) -> None:
    """No folder for what numba compiles: neither beside the file, nor the user's."""
    shutil.copy(Path(codec.__file__).with_name("codec_loops.py"), tmp_path)
    (tmp_path / "__pycache__").write_text("a file where the folder would be")
    script = (
        "import numpy as np, codec_loops as loops\n"
        "code = np.zeros(30, np.uint8)\n"
        "print(loops.pack(np.array([0, 255], np.uint8), np.array([1, 2]), code), code[6:12].tolist())\n"
    )
    environment = {"PYTHONPATH": str(tmp_path), "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.stdout.split("\n")[0] == "11 [4, 96, 17, 255, 128, 0]", done.stderr
