"""Making released checkpoints again: in order, each step once, going on after what failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from occset.models import released
from occset.models.baselines import RIVALS
from occset.models.registry import Network, find
from occset.support.errors import BadInput, OccsetError

STEPS = ("new", "bench", "new", "train", "train", *5 * ("new",), "label", "bench")
"""First words of what makes NS: frozen before anything else joins, the checkpoint, then what that one labels."""


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return {name: tmp_path / name for name in ("work", "real", "runs")}


def ns(tmp_path: Path) -> Network:
    return replace(find("ns"), weights=str(tmp_path / "released"))


def test_the_steps_of_ns_are_those_of_its_card(tmp_path: Path, folders: dict[str, Path]) -> None:
    ran: list[Sequence[str]] = []
    weights = released.make(ns(tmp_path), folders, run=lambda words: ran.append(words) or 0, say=lambda _: None)
    assert weights == folders["runs"] / "ns-192" / "weights"
    assert [words[0] for words in ran] == [*STEPS]
    assert ran[0][4:6] == ["--faces", f"celebamask-hq:{folders['real']}/celebamask_hq"]
    trained = [" ".join(words[4:]) for words in ran if words[0] == "train"]
    assert trained[0] == f"--preset laptop --out {folders['runs']}/ns"
    assert trained[1] == f"--preset laptop-192 --start {folders['runs']}/ns --out {folders['runs']}/ns-192"
    assert len(trained) == 2
    assert [" ".join(words) for words in ran if words[0] == "label"] == [
        f"label {folders['work']}/ns-set --weights {folders['runs']}/ns-192/weights"
    ]


def test_what_failed_is_taken_up_and_what_is_done_is_not(tmp_path: Path, folders: dict[str, Path]) -> None:
    ran: list[str] = []

    def run(words: Sequence[str]) -> int:
        ran.append(words[0])
        return {4: 1, 5: 130}.get(len(ran), 0)

    said: list[str] = []
    with pytest.raises(OccsetError, match=r"ns, step 4 of 12: occset train ns .* status 1"):
        released.make(ns(tmp_path), folders, run=run, say=said.append)
    with pytest.raises(KeyboardInterrupt):
        released.make(ns(tmp_path), folders, run=run, say=said.append)
    released.make(ns(tmp_path), folders, run=run, say=said.append)
    assert ran == [*STEPS[:4], STEPS[3], *STEPS[3:]]
    assert sum(line.endswith("(done before)") for line in said) == 3 + 3


def test_installing_leaves_no_old_shard(tmp_path: Path, folders: dict[str, Path]) -> None:
    network = ns(tmp_path)
    with pytest.raises(BadInput, match="no weights came out"):
        released.make(network, folders, install=True, run=lambda words: 0, say=lambda _: None)
    new = folders["runs"] / "ns-192" / "weights" / "ns.safetensors"
    for file in (new, tmp_path / "released" / "ns-00001-of-00002.safetensors"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"weights")
    released.make(network, folders, install=True, run=lambda words: 1, say=lambda _: None)  # all is done
    assert [file.name for file in (tmp_path / "released").iterdir()] == ["ns.safetensors"]


def test_mistakes_on_the_command_line_are_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, folders: dict[str, Path]
) -> None:
    assert released.main(["nss"]) == 2
    assert capsys.readouterr().err == "occset: no network is called 'nss': did you mean ns?\n"
    note = folders["work"] / "released" / "ns.json"
    note.parent.mkdir(parents=True)
    note.write_text("{")
    assert released.main(["ns", "--work", str(folders["work"])]) == 2
    assert str(note) in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nr", "deep3d"])
def test_the_steps_of_nr_are_those_of_its_card(tmp_path: Path, folders: dict[str, Path], name: str) -> None:
    ran: list[str] = []
    network = replace(find(name), weights=str(tmp_path / "released"))
    weights = released.make(network, folders, run=lambda words: ran.append(" ".join(words)) or 0, say=lambda _: None)
    assert weights == folders["runs"] / name / "weights"
    data, albedo = folders["work"] / "ns-set", folders["runs"] / "albedo"
    assert ran == [
        f"fit {data} --split train --limit 800",
        f"models morphable learn-albedo {data} --out {albedo}",
        f"fit {data} --albedo {albedo}",
        f"train {name} --data {data} --preset laptop --epochs 20 --seed 1 --albedo {albedo} --out {folders['runs'] / name}",
    ]


def test_the_steps_of_ng_are_those_of_its_card(tmp_path: Path, folders: dict[str, Path]) -> None:
    ran: list[str] = []
    network = replace(find("ng"), weights=str(tmp_path / "released"))
    weights = released.make(network, folders, run=lambda words: ran.append(" ".join(words)) or 0, say=lambda _: None)
    runs = folders["runs"]
    assert weights == runs / "ng-identity" / "weights"
    data, go_on = f"ng --data {folders['work'] / 'ns-set'}", "--preset laptop-linear"
    assert ran[1:] == [
        f"train {data} --preset laptop --epochs 11 --seed 1 --out {runs / 'ng'}",
        f"train {data} {go_on} --epochs 7 --start {runs / 'ng'} --seed 3 --out {runs / 'ng-linear'}",
        f"train {data} {go_on} --epochs 3 --start {runs / 'ng-linear'} --plus identity --seed 5 "
        f"--out {runs / 'ng-identity'}",
    ]


@pytest.mark.parametrize("name", [*RIVALS, "ng-25k", "ng-no-ssim"])
def test_what_is_compared_at_equal_budget_sees_as_many_samples_in_its_recipe(
    tmp_path: Path, folders: dict[str, Path], name: str
) -> None:
    ran: list[Sequence[str]] = []
    network = replace(find(name), weights=str(tmp_path / "released"))
    weights = released.make(network, folders, run=lambda words: ran.append(words) or 0, say=lambda _: None)
    fit, train = ran
    assert " ".join(fit) == f"fit {folders['work'] / 'ns-set'} --albedo released"
    assert train[:4] == ["train", name, "--data", str(folders["work"] / "ns-set")]
    given = dict(zip(train[4::2], train[5::2], strict=True))
    training = network.preset(given["--preset"]).training
    epochs = int(given.get("--epochs", training.epochs))
    assert (training.epoch_size * epochs, training.batch, given["--seed"]) == (25600, 8, "1")
    assert weights == Path(given["--out"]) / "weights"
