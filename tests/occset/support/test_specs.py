"""The one grammar of what is named on the command line."""

from __future__ import annotations

import pytest

from occset.support.errors import OccsetError, UnknownName
from occset.support.specs import read_options, split_spec


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("photos:DIR", ("photos", "DIR", None)),
        ("photos:DIR?align=no&size=256", ("photos", "DIR", "align=no&size=256")),
        ("photos:what?is?this?align=no", ("photos", "what?is?this", "align=no")),
        ("photos:C:/faces", ("photos", "C:/faces", None)),
        ("photos", ("photos", "", None)),
        ("photos:a?", ("photos", "a", "")),
    ],
)
def test_a_spec_has_a_name_an_argument_and_options(spec: str, parts: tuple[str, str, str]) -> None:
    assert split_spec(spec) == parts


def test_options_are_read_by_name_with_blanks_around_them() -> None:
    assert read_options("a=1& b = two=2 ", "x") == {"a": "1", "b": "two=2"}
    assert read_options("a=1,b=", "x", separator=",") == {"a": "1", "b": ""}
    assert read_options(None, "x", ()) == {}


@pytest.mark.parametrize(
    ("text", "known", "error", "words"),
    [
        ("a", None, OccsetError, "'a' is not of the form option=value"),
        ("", None, OccsetError, "'' is not of the form"),
        ("=1", None, OccsetError, "not of the form"),
        ("a=1&", None, OccsetError, "'' is not of the form"),
        ("a=1&a=2", None, OccsetError, "given twice"),
        ("sized=1", ("size", "seed"), UnknownName, "size"),
        ("a=1", (), OccsetError, "no options"),
    ],
)
def test_what_is_no_option_is_refused(text: str, known: tuple[str, ...] | None, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        read_options(text, "photos:DIR", known)
