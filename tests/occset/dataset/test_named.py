"""Faces that are named by what `occset mine --out` wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from occset.dataset.named import faces_named
from occset.dataset.occlusion_set import OcclusionSet
from occset.mining.mine import score_set, write_picks
from occset.support.errors import BadInput, OccsetError


@pytest.mark.parametrize("name", ["hard.csv", "hard.parquet"])
def test_what_mine_wrote_names_its_picks_in_their_order(
    drawn_set: Callable[..., OcclusionSet], colour_model: str, tmp_path: Path, name: str
) -> None:
    data = drawn_set()
    picks = score_set(data, colour_model, workers=1).choose(5)
    picks.loc[picks.index[0], "reason"] = 'the label, "as given", is; in two parts\nand doubted'
    write_picks(tmp_path / name, picks)
    assert faces_named(data, str(tmp_path / name)) == list(picks["id"])


def test_a_spreadsheets_copy_of_it_does_too(
    drawn_set: Callable[..., OcclusionSet], colour_model: str, tmp_path: Path
) -> None:
    data = drawn_set()
    picks = score_set(data, colour_model, workers=1).choose(4)
    text = picks.to_csv(index=False, sep=";", lineterminator="\r\n")
    (tmp_path / "Hard picks.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert faces_named(data, str(tmp_path / "Hard picks.csv")) == list(picks["id"])


def test_a_table_that_is_none_is_named(drawn_set: Callable[..., OcclusionSet], tmp_path: Path) -> None:
    data = drawn_set()
    pd.DataFrame({"face": ["a"]}).to_parquet(tmp_path / "other.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    for name in ("other.parquet", "torn.parquet"):
        with pytest.raises(BadInput, match=rf"{name}: is no table with a column id"):
            faces_named(data, str(tmp_path / name))
    pd.DataFrame({"id": [data.faces["id"][0], "gone"]}).to_parquet(tmp_path / "old.parquet")
    with pytest.raises(OccsetError, match="gone"):
        faces_named(data, str(tmp_path / "old.parquet"))
