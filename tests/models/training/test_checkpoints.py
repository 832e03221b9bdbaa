from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, Never

import pytest
import torch

from occset.models.training.checkpoints import NAME, Checkpoint, final_networks, load, refuse_another, restore, save
from occset.support import files
from occset.support.errors import BadInput, NoSpace, OccsetError
from tests.models.training import training_task

small_preset = training_task.small_preset


def state(**changes: Any) -> Checkpoint:
    networks = {"judge": {"weight": torch.arange(4.0), "count": torch.tensor(3)}}
    optimisers = {
        "judge": {"state": {0: {"step": torch.tensor(2.0)}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99)}]}
    }
    known = Checkpoint("bright", small_preset(), 7, 12, networks, optimisers, {}, {}, 10, {"accuracy": 0.5})
    return replace(known, **changes)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    save(tmp_path, state())
    found = load(tmp_path / NAME)
    assert (found.task, found.preset, found.seed, found.step, found.validated) == ("bright", small_preset(), 7, 12, 10)
    assert found.metrics == {"accuracy": 0.5}
    assert torch.equal(found.networks["judge"]["weight"], torch.arange(4.0))
    assert found.optimisers["judge"]["param_groups"] == [{"lr": 0.1, "betas": (0.9, 0.99)}]
    assert set(found.versions) == {"occset", "torch", "lightning-fabric"}
    assert [p.name for p in tmp_path.iterdir()] == [NAME]


def test_the_average_is_what_is_handed_on(tmp_path: Path) -> None:
    save(tmp_path, state())
    assert final_networks(tmp_path)["judge"]["weight"].tolist() == [0, 1, 2, 3]
    save(tmp_path, state(averages={"judge": {"weight": torch.full((4,), 9.0)}}))
    assert final_networks(str(tmp_path))["judge"]["weight"].tolist() == [9, 9, 9, 9]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"task": "other"}, "task other instead of bright"),
        ({"seed": 1}, "seed 1 instead of 7"),
        ({"preset": small_preset(batch=4)}, "batch 4 instead of 8"),
        ({"preset": small_preset(ema=None), "seed": 2}, "ema None instead of 0.9; seed 2 instead of 7"),
    ],
)
def test_another_training_is_refused_by_its_differences(
    changes: dict[str, Any] | dict[str, int] | dict[str, str], difference: str
) -> None:
    with pytest.raises(OccsetError) as caught:
        refuse_another(Path("runs/last.ckpt"), state(**changes), "bright", small_preset(), 7)
    assert str(caught.value).startswith(f"runs/last.ckpt belongs to another training ({difference}): give the values")


def test_how_often_it_is_written_may_change() -> None:
    other = small_preset(validate_every=2, checkpoint_every=1, log_every=3)
    refuse_another(Path("last.ckpt"), state(), "bright", other, 7)


@pytest.mark.parametrize("damage", ["half", "empty", "text", "pickle"])
def test_a_damaged_file_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / NAME
    save(tmp_path, state())
    whole = path.read_bytes()
    path.write_bytes(
        {"half": whole[: len(whole) // 2], "empty": b"", "text": b"weights", "pickle": pickle.dumps(object())}[damage]
    )
    with pytest.raises(BadInput, match=r"last\.ckpt: this is no checkpoint of ours, or a damaged one: move it away"):
        load(path)


def test_a_file_from_elsewhere_runs_no_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "touched",))

    torch.save({"format": 1, "task": Evil()}, tmp_path / NAME)
    with pytest.raises(BadInput):
        load(tmp_path / NAME)
    assert not (tmp_path / "touched").exists()


def test_other_formats_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no checkpoint: train first"):
        load(tmp_path / NAME)
    torch.save({"format": 99}, tmp_path / NAME)
    with pytest.raises(BadInput, match="a checkpoint of format 99, this version reads 1"):
        load(tmp_path / NAME)
    torch.save([1, 2], tmp_path / NAME)
    with pytest.raises(BadInput, match="a checkpoint of format None"):
        load(tmp_path / NAME)
    torch.save({"format": 1, "preset": small_preset().to_dict()}, tmp_path / NAME)
    with pytest.raises(BadInput, match="missing parts"):
        load(tmp_path / NAME)


def test_weights_that_are_not_finite_never_replace_good_ones(tmp_path: Path) -> None:
    save(tmp_path, state())
    bad = state(step=13, networks={"judge": {"weight": torch.tensor([1.0, torch.inf])}})
    with pytest.raises(OccsetError, match="step 13: weight of judge is no longer finite"):
        save(tmp_path, bad)
    assert load(tmp_path / NAME).step == 12


def test_a_write_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, state())

    def full(*_: object) -> Never:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", full)
        with pytest.raises(NoSpace, match=r"last\.ckpt: the disk is full"):
            save(tmp_path, state(step=13))
    assert load(tmp_path / NAME).step == 12
    assert [p.name for p in tmp_path.iterdir()] == [NAME]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_told_while_writing_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, state())
    big = state(step=13, networks={"judge": {"weight": torch.zeros(1 << 20)}})
    with monkeypatch.context() as patch:
        opened = Path.open
        patch.setattr(Path, "open", lambda p, *a: opened(Path("/dev/full") if a == ("wb",) else p, *a))
        with pytest.raises(NoSpace, match=r"last\.ckpt.*free some space"):
            save(tmp_path, big)
    assert load(tmp_path / NAME).step == 12


def test_another_network_is_refused() -> None:
    with pytest.raises(OccsetError, match=r"last\.ckpt: its network judge does not fit: it was trained with another"):
        restore(Path("last.ckpt"), torch.nn.Linear(2, 2), {"weight": torch.zeros(3, 2)}, "network judge")
