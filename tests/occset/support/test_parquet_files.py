"""Tables that come out much larger than they look, and those that only look so."""

from __future__ import annotations

import io
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from occset.support import parquet_headers
from occset.support.errors import BadInput
from occset.support.parquet_files import MOST_IN_ROW, read_frame, read_parquet, read_parquet_notes
from occset.support.parquet_headers import read_footer, read_pages

IDS = [f"{number * 2654435761 % (1 << 64):016x}" for number in range(2000)]
USUAL = pa.table(
    {
        "id": IDS,
        "mask": [None if number % 3 else "counts" * (number % 500) for number in range(2000)],
        "points": pa.array([None if number % 5 else [1.5] * 136 for number in range(2000)], pa.list_(pa.float32())),
        "layers": pa.array(
            [[{"occluder": IDS[number], "warp": [number] * 8}] * (number % 3) for number in range(2000)],
            pa.list_(pa.struct([("occluder", pa.string()), ("warp", pa.list_(pa.int32(), 8))])),
        ),
        "on": [True, False] * 1000,
        "seed": list(range(2000)),
        "gain": pa.array([np.float64(number) for number in range(2000)]),
    }
)


def packed(table: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **{"compression": "zstd", "write_page_checksum": True} | options)
    return sink.getvalue()


def repeated(text: str, rows: int) -> pa.Table:
    """One text in the dictionary, in every row."""
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array([text]))
    return pa.table({"id": [f"{number:x}" for number in range(rows)], "licence": column})


@pytest.mark.parametrize("codec", ["zstd", "snappy", "gzip", "brotli", "lz4", "none"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_usual_tables_come_back_whoever_packed_them(codec: str, version: str, tmp_path: Path) -> None:
    path = tmp_path / "a=b.parquet"
    noted = USUAL.replace_schema_metadata({"set": "ours"})
    path.write_bytes(packed(noted, compression=codec, data_page_version=version, row_group_size=700))
    assert read_parquet(path).equals(USUAL)
    assert read_parquet(path, ["layers", "id", "none"]).equals(USUAL.select(["id", "layers"]))
    assert read_parquet_notes(path)[1] == {b"set": b"ours"}


def test_pages_are_added_up_as_pyarrow_counts_them() -> None:
    data = packed(USUAL, row_group_size=700, data_page_size=4000, write_statistics=False)
    about = pq.ParquetFile(io.BytesIO(data)).metadata
    rows, parts = read_footer(data)
    assert rows == 2000 and len(parts) == about.num_row_groups * about.num_columns
    for at, part in enumerate(parts):
        column = about.row_group(at // about.num_columns).column(at % about.num_columns)
        pages = list(read_pages(data, part))
        assert part.name == column.path_in_schema and part.codec == "zstd"
        assert sum(page.values for page in pages if page.kind == 0) == part.values == column.num_values
        assert pages[-1].end == part.end and part.end - part.begin == column.total_compressed_size
        headers = column.total_uncompressed_size - sum(page.unpacked for page in pages)
        assert 0 < headers < 100 * len(pages)


@pytest.mark.parametrize("codec", ["zstd", "none"])
def test_tables_without_rows_and_columns_of_nulls_are_read(codec: str, tmp_path: Path) -> None:
    for table in (USUAL.slice(0, 0), USUAL.slice(1, 1), pa.table({"id": pa.nulls(5, pa.string())})):
        assert read_parquet(tmp_path / "a.parquet", None, packed(table, compression=codec)).equals(table)


def test_numbers_stay_numbers_whatever_their_writer_says_of_pandas(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sample": IDS[:3], "l1": [0.5, 0.25, 1.0], "count": [1, 2, 3]})
    read = read_frame(tmp_path / "a", packed(pa.Table.from_pandas(frame)), "run again")
    pd.testing.assert_frame_equal(read, frame)
    noted = pa.Table.from_pandas(frame).replace_schema_metadata({b"pandas": b"[" * 100_000})
    pd.testing.assert_frame_equal(read_frame(tmp_path / "a", packed(noted), "run again"), frame)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pa.table({"id": pa.array(np.zeros(3_000_000, np.int8))}), "3000000 rows in [0-9]+ bytes, more than 100000"),
        (
            pa.table({"id": ["a"], "layers": [[1] * 1_000_000]}),
            r"column layers\.list\.element holds 1000000 values in 1 rows",
        ),
        (
            pa.table({"id": ["a"] * 100, "p": [[0.0] * 3000] * 100}),
            f"300000 values in 100 rows, more than {MOST_IN_ROW} for",
        ),
        (repeated("x" * (1 << 20), 100_000), "would unpack to more than 100 for each"),
        (
            pa.table({"id": ["a", "b"], "mask": ["0" * (150 << 20)] * 2}),
            "column mask has a dictionary of 157286404 bytes",
        ),
        (
            pa.table({"id": ["a"], "p": pa.array([None], pa.list_(pa.int8(), 1 << 20))}),
            "holds 1048576|lists of 1048576",
        ),
    ],
    ids=["rows", "one long list", "long lists", "one text in every row", "zeros", "lists of a fixed length"],
)
def test_a_small_file_does_not_become_a_large_table(table: pa.Table, says: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    path.write_bytes(packed(table))
    del table
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match=rf"bomb\.parquet.*{says}"):
            read_parquet(path)
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert pa.total_allocated_bytes() - before < 64 << 20


def test_columns_that_are_not_wanted_are_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "more.parquet"
    path.write_bytes(packed(repeated("x" * (1 << 20), 100_000)))
    assert read_parquet(path, ["id"]).num_rows == 100_000


def test_prefixes_that_each_text_shares_count_for_each(tmp_path: Path) -> None:
    texts = pa.table({"a": ["x" * 1_000_000 + str(number) for number in range(500)]})
    data = packed(texts, use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"})
    assert len(data) < 10_000
    with pytest.raises(BadInput, match="would unpack to more than"):
        read_parquet(tmp_path / "a.parquet", None, data)


def test_what_the_footer_keeps_quiet_the_pages_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(pa.table({"id": ["a"], "layers": [[1] * 1_000_000]}))
    make = parquet_headers._part

    def understated(*about: Any) -> parquet_headers.Part:
        found = make(*about)
        return parquet_headers.Part(found.name, found.width, found.codec, 1, found.begin, found.end)

    monkeypatch.setattr(parquet_headers, "_part", understated)
    with pytest.raises(BadInput, match=r"layers\.list\.element holds 1000000 values"):
        read_parquet(tmp_path / "a.parquet", None, data)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"PAR1" + b"\xff" * 60 + b"\x3c\0\0\0PAR1", b"PAR1" + bytes(20) + b"PAR1"]
)
def test_what_is_no_parquet_file_is_a_value_error(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Parquet|header"):
        read_parquet(tmp_path / "a.parquet", None, data)
    with pytest.raises(BadInput, match=r"a\.parquet: not a readable Parquet file .*: run again"):
        read_frame(tmp_path / "a.parquet", data, "run again")


def test_no_flipped_bit_of_a_footer_ends_the_process(tmp_path: Path) -> None:
    data = packed(USUAL.slice(0, 20))
    begin = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    refused = 0
    for bit in np.random.default_rng(0).integers(8 * begin, 8 * (len(data) - 8), 400):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        try:
            read_parquet(tmp_path / "a.parquet", None, bytes(damaged))
        except (OSError, ValueError, BadInput, pa.ArrowException):
            refused += 1
    assert refused > 40


def test_a_structure_that_never_ends_is_refused() -> None:
    for footer in (b"\x1c" * 5000, b"\x19\xfc\xff\xff\xff\xff\x0f", b"\x16" + b"\xff" * 40, b"\x18\xff\xff\xff\x7f"):
        with pytest.raises(ValueError, match="header"):
            read_footer(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "faces.parquet")
    for read in (read_parquet, read_parquet_notes):
        with pytest.raises(BadInput, match=r"faces\.parquet is a pipe"):
            read(tmp_path / "faces.parquet")
