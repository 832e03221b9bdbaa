from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import tracemalloc
from pathlib import Path

import pytest

from occset.support import reading
from occset.support.errors import BadInput
from occset.support.reading import MOST_DEPTH, parse_json, read_file, read_json


def test_a_file_is_read_whole_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"\0words\n")
    (tmp_path / "link").symlink_to("blob")
    assert read_file(tmp_path / "link") == read_file(str(tmp_path / "blob")) == b"\0words\n"
    assert read_file(tmp_path / "blob", 7) == b"\0words\n"


def test_a_file_of_more_bytes_than_allowed_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    path.write_bytes(b"12345678")
    with pytest.raises(BadInput, match=r"large\.json has 8 bytes, more than the limit of 7: make it smaller"):
        read_file(path, 7)
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(reading.MOST_BYTES + 1)  # takes no room on the disk
    with pytest.raises(BadInput, match=r"sparse has 1073741825 bytes"):
        read_file(tmp_path / "sparse")


def test_a_file_whose_size_the_system_does_not_tell_is_read_and_takes_no_more_room_than_it_has() -> None:
    assert b"MemTotal" in read_file("/proc/meminfo")
    tracemalloc.start()
    try:
        read_file(__file__)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-pipe").symlink_to("pipe")
    began = time.monotonic()
    with pytest.raises(BadInput, match=r"pipe is a pipe, not a file: remove it"):
        read_file(tmp_path / "pipe")
    with pytest.raises(BadInput, match=r"to-pipe is a pipe"):
        read_file(tmp_path / "to-pipe")
    with pytest.raises(BadInput, match=r"/dev/zero is a device"):
        read_file("/dev/zero")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server, contextlib.chdir(tmp_path):
        server.bind("socket")
        with pytest.raises(BadInput, match="socket is a socket"):
            read_file("socket")
    assert time.monotonic() - began < 5
    with pytest.raises(IsADirectoryError):
        read_file(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")


def test_a_file_that_is_replaced_by_a_pipe_on_the_way_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1")
    look = Path.stat

    def stat_and_replace(self: Path, **how: bool) -> os.stat_result:
        found = look(self, **how)
        path.unlink()
        os.mkfifo(path)
        return found

    monkeypatch.setattr(Path, "stat", stat_and_replace)
    with pytest.raises(BadInput, match="is a pipe"):
        read_file(path)


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2.5, 1e-7, True, None, "\u00e9\U0001f600"], "b": {"c": {}}, "": []},
        [123456789012345678901234567890, 1e308, -0.0],
        'a word with [[[{{{ in it, \\ and " and \\\\" too',
        {"the value e999 in a text": "9" * 500},
        0,
    ],
)
def test_sound_json_is_read_as_the_standard_library_reads_it(value: object, tmp_path: Path) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        assert parse_json(text) == parse_json(text.encode()) == json.loads(text) == value
        (tmp_path / "marked.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert read_json(tmp_path / "marked.json") == value


def test_depth_is_counted_outside_strings_only() -> None:
    allowed = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert json.dumps(parse_json(allowed)) == allowed
    assert parse_json(json.dumps({allowed + "[": "[" * 1000})) == {allowed + "[": "[" * 1000}
    tricky = '["\\\\", "\\\\\\"[", ' + "[" * 63 + "]" * 63 + "]"
    assert len(parse_json(tricky)) == 3
    for deep in (f"[{allowed}]", '{"a":' * 65 + "1" + "}" * 65, "[" * 1_000_000, '[{"a":' * 200_000):
        with pytest.raises(ValueError, match="nested deeper than 64 levels"):
            parse_json(deep)


def test_a_caller_that_is_deep_down_itself_gets_the_same_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_stack(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr(json, "loads", out_of_stack)
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json("[[1]]")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is no number of JSON"),
        ('{"a": [-Infinity]}', "-Infinity is no number of JSON"),
        ("[1, 1e999]", "the number 1e999 is too large"),
        ("[" + "1" * 400 + ".5]", "is too large"),
        ("7" * 5000, "a number of 5000 digits is too large"),
        ('{"limit": 1, "b": 2, "limit": 3}', "the key 'limit' is there twice"),
        ('[{"a": {"x": 1, "x": 1}}]', "the key 'x' is there twice"),
        ("[1, 2", "delimiter|Expecting"),
        ("", "Expecting value"),
    ],
)
def test_json_that_is_not_sound_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_json(text)


def test_other_encodings_and_other_types_are_refused() -> None:
    with pytest.raises(ValueError, match="utf-8"):
        parse_json('{"a": 1}'.encode("utf-16"))
    with pytest.raises(TypeError, match="not NoneType"):
        parse_json(None)  # type: ignore[arg-type]


def test_what_python_writes_beyond_json_is_read_where_it_is_asked_for() -> None:
    found = parse_json("[NaN, -Infinity, 1e999]", any_number=True)
    assert found[0] != found[0] and found[1:] == [float("-inf"), float("inf")]


def test_what_lies_too_deep_can_be_cut_off_and_the_rest_is_as_it_was() -> None:
    deep = "[" * 500 + '"]", {"a": [1]}' + "]" * 500
    found = parse_json(f'{{"before": [1, "[["], "deep": {deep}, "after": {{"b": {deep}, "c": 2}}}}', prune=True)
    assert found["before"] == [1, "[["] and found["after"]["c"] == 2
    for level, inner in ((1, found["deep"]), (2, found["after"]["b"])):
        while inner is not None:
            (inner,) = inner
            level += 1
        assert level == MOST_DEPTH
    assert json.loads(json.dumps(found)) == found


def test_half_of_a_character_is_refused_where_a_page_is_made_of_it() -> None:
    assert parse_json('["\\ud83d\\ude00"]', whole_characters=True) == ["\U0001f600"]
    assert parse_json('["\\ud83d"]') == ["\ud83d"]
    with pytest.raises(ValueError, match="half of a character"):
        parse_json('{"method": "\\ud83d"}', whole_characters=True)


def test_keys_can_be_left_out() -> None:
    assert parse_json('{"a": 1, "login": 2, "c": {"login": 3}}', without=("login",)) == {"a": 1, "c": {}}
