"""Small tables as editors and spreadsheets write them: the same rows whatever their form, and none dropped silently."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from occset.sources.small_tables import IdTable, plain_id, read_ids, read_table
from occset.sources.tables import read_celeba_identities, read_errata, read_overrides
from occset.support.errors import BadInput

WANTED = {"1": "dark", "23": "clear", "a7": "none"}


@pytest.mark.parametrize(
    "data",
    [
        b"id,lenses\n1,dark\n23,clear\na7,none\n",
        b"\xef\xbb\xbfid,lenses\r\n00001,dark\r\n00023,clear\r\na7,none\r\n",
        b"id;lenses\n1;dark\n23;clear\na7;none",
        b"id\tlenses\r\n1\tdark\r\n23\tclear\r\na7\tnone\r\n\r\n",
        b'"id","lenses"\n"00001","dark"\n" 23 "," clear"\n"a7",none\n',
        b"lenses , note, ID\nDark,,1.jpg\n\nclear,x,00023.PNG\nnone,y,a7\n",
        b"sep=;\r\nid;lenses;note\r\n1;dark;a,b,c\r\n23;clear\r\na7;none;\r\n",
        "id,lenses\n1,dark\n23,clear\na7,none\n".encode("utf-16"),
        b"id,lenses\r1,dark\r23,clear\ra7,none\r",
    ],
)
def test_the_same_rows_in_every_form(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    assert read_overrides(tmp_path / "t.csv").values() == WANTED


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("00001", "1"), ("1", "1"), ("0", "0"), ("000", "0"), (" 12 ", "12"), ("00012.JPEG", "12"), ("1.jpg", "1"),
        ("1.5", "1.5"), ("a1", "a1"), ("-1", "-1"), ("1_skin", "1_skin"), ("9" * 30, "9" * 30), ("\u0661", "\u0661"),
    ],
)  # fmt: skip
def test_numbers_are_numbers_and_names_are_names(written: str, plain: str) -> None:
    assert plain_id(written) == plain


def test_rows_that_name_nothing_are_told_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "errata.csv"
    path.write_text("id,action,reason\n\n00001,skip,a\n7,flag,b\n8,flag,c\n9,Flag,d\n12,flag,e\n")
    table = read_errata(path)
    assert table.lost(["1", "7", "00008", "9", "12"], "photo") == ""
    told = table.lost(["1"], "photo")
    assert told.startswith(f"{path}: 4 of 5 rows name no photo: 7 (line 4), 8 (line 5), 9 (line 6), ...:")
    assert "1 of 5 rows name no photo: 00001 (line 3):" in table.lost(["7", "8", "9", "12"], "photo")


def test_what_is_wrong_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text, says in (
        ("id,lenses\n1,dark\n00001,clear\n", "line 3: 00001 is there twice, as 1 in line 2"),
        ("id,lenses\n,dark\n", "line 2: there is no id"),
        ('id,lenses\n1,"dark\n2,clear\n', "close or remove the quotes"),
        ("lenses\ndark\n", "has no column id"),
    ):
        path.write_text(text)
        with pytest.raises(BadInput, match=says):
            read_overrides(path)
    path.write_bytes(b"id,lenses\n1,\xff\n")
    with pytest.raises(BadInput, match="save it as text in UTF-8"):
        read_overrides(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_overrides(tmp_path)
    with path.open("wb") as stream:
        stream.truncate((64 << 20) + 1)
    with pytest.raises(BadInput, match="more than the limit of"):
        read_ids(path)


def test_a_reason_with_separators_or_lines_in_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "errata.csv"
    path.write_text(
        'id,action,reason\n1,skip,"cut, and\nturned"\n2,flag,hair, hat\n3,flag,"he said ""no"""\n4,flag,x\n'
    )
    rows = list(read_table(path, ("id", "action", "reason")))
    assert [row["reason"] for _, row in rows] == ["cut, and\nturned", "hair, hat", 'he said "no"', "x"]
    assert rows[-1][0] == 6, "lines are those of the file"


def test_ids_by_column_or_by_line(tmp_path: Path) -> None:
    path = tmp_path / "ids"
    for text in ("b\na\n", "id\nb\na", "score;Source_ID\n1;b\n2;a\n", "\ufeffb,0.3\na,0.2\n"):
        path.write_text(text)
        assert [entry.id for entry in read_ids(path)] == ["b", "a"], text
    path.write_text("")
    assert read_ids(path) == []


def test_identities_match_by_number(tmp_path: Path) -> None:
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_bytes(
        b"\xef\xbb\xbfidx orig_idx orig_file\r\n00 119613 119614.jpg\r\n00001 5 6.jpg\r\n"
    )
    (tmp_path / "identity_CelebA.txt").write_bytes(b"\xef\xbb\xbf000006.jpg 2880\r\n119614.jpg 77\r\n")
    assert read_celeba_identities(tmp_path) == {"0": "celeba-77", "1": "celeba-2880"}


def test_an_id_table_needs_ids(tmp_path: Path) -> None:
    table = IdTable[int](tmp_path / "t.csv")
    table.add("05", 2, 1)
    with pytest.raises(BadInput, match=r"t\.csv, line 9: 5 is there twice, as 05 in line 2"):
        table.add("5", 9, 2)
    assert table.values() == {"5": 1}


def test_a_pipe_named_like_a_table_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ids.csv")
    with pytest.raises(BadInput, match="pipe"):
        read_ids(tmp_path / "ids.csv")
