"""Benches that are disturbed: by another into the same folder, by damaged batches, by methods that leave the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.protocols.frozen import Protocol, open_protocol
from occset.benchmark.results.files import read_result
from occset.benchmark.runner import run as runner
from occset.benchmark.runner import worker
from occset.benchmark.runner.run import run
from occset.benchmark.tasks.deocclusion import evaluator
from occset.dataset.occlusion_set import OcclusionSet
from occset.support.errors import BadInput, OccsetError

HOLD = """
import sys
from pathlib import Path
from occset.support.locks import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def protocol(bench_set: OcclusionSet) -> Protocol:
    return open_protocol(bench_set, "sunglasses", 1)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such locks")
def test_two_benches_into_one_folder_do_not_mix(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    out = tmp_path / "r"
    command = [sys.executable, "-c", HOLD, str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(OccsetError, match="another occset is writing here: wait until it has ended"):
            run(bench_set, protocol, ["input"], out, workers=1)
        assert not list(out.iterdir())
        other.communicate()
    assert len(run(bench_set, protocol, ["input"], out, workers=1).results) == 1


def stop_before_the_result(
    bench_set: OcclusionSet, protocol: Protocol, out: Path, monkeypatch: pytest.MonkeyPatch
) -> list[Path]:
    """Bench two methods up to the moment before the first result; returns the batches of the second."""
    with monkeypatch.context() as patch:
        patch.setattr(runner, "write_result", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(bench_set, protocol, ["telea", "input"], out, workers=1)
    parts = sorted(out.glob(".parts/*telea*/*.parquet"))
    assert len(parts) == 3
    return parts


@pytest.mark.parametrize("damage", ["half", "empty", "other"])
def test_a_damaged_batch_concerns_its_method_alone_and_once(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    out = tmp_path / "r"
    first, second, _ = stop_before_the_result(bench_set, protocol, out, monkeypatch)
    second.write_bytes({"half": second.read_bytes()[:900], "empty": b"", "other": first.read_bytes()}[damage])
    done = run(bench_set, protocol, ["telea", "input"], out, workers=1)
    assert [result.method for result in done.results] == ["input"]
    assert done.broken["telea"].endswith("run again")
    assert (str(second) if damage != "other" else "16 samples in 24 rows") in done.broken["telea"]
    assert not (out / ".parts").exists()
    again = run(bench_set, protocol, ["telea", "input"], out, workers=1)
    assert (again.broken, again.reused, len(again.results)) == ({}, ["input"], 2)


def test_a_part_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "000000.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(BadInput, match=r"000000\.parquet"):
        worker.read_part(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda row: row | {"ssim": float("nan")}, "ssim of sample '{sample}' is not finite"),
        (lambda row: {key: value for key, value in row.items() if key != "l1"}, "lacks l1"),
    ],
)
def test_scores_that_no_result_could_hold_are_not_kept_as_a_batch(
    bench_set: OcclusionSet,
    protocol: Protocol,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[dict], dict],
    message: str,
) -> None:
    evaluate = evaluator.evaluate
    written: list[object] = []
    monkeypatch.setattr(evaluator, "evaluate", lambda *given: [spoil(row) for row in evaluate(*given)])
    monkeypatch.setattr(worker, "write_atomic", lambda path, data: written.append(path))
    done = run(bench_set, protocol, ["input"], tmp_path / "r", workers=1)
    assert message.format(sample=protocol.recipes[0].sample) in done.broken["input"]
    assert not written


def test_a_method_that_changes_the_directory_moves_no_results(
    bench_set: OcclusionSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    data = OcclusionSet(bench_set.path.relative_to(tmp_path))
    protocol = open_protocol(data, "sunglasses", 1)

    class Wanders:
        name, given = "wanders", ()

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            os.chdir(tmp_path / "elsewhere")
            return images.copy()

    done = run(data, protocol, [("m:W", Wanders()), "input"], Path("r"), workers=1)
    assert (len(done.results), done.broken) == (2, {})
    assert not list((tmp_path / "elsewhere").iterdir())
    assert len(list((tmp_path / "r").glob("*.result.json"))) == 2


def test_a_constructor_that_changes_the_directory_does_not_mislead_the_command(
    occset: Callable,
    bench_set: OcclusionSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    write_method: Callable,
    no_arcface: None,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    spec = write_method(
        "import os\nclass Method:\n    name, given = 'wanders', ()\n"
        f"    def __init__(self):\n        os.chdir({str(tmp_path / 'elsewhere')!r})\n"
        "    def deocclude(self, images, masks):\n        return images\n"
    )
    data = bench_set.path.relative_to(tmp_path)
    said = occset("bench", "--data", data, "--methods", spec, "--out", "r", "--workers", 1)
    assert said.status == 0, said.err
    assert not list((tmp_path / "elsewhere").iterdir())
    assert len(list((tmp_path / "r").glob("*.result.json"))) == 3


def test_that_pictures_were_resized_is_part_of_the_result_and_told_again(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Small:
        name, given, revision = "small", (), "1"

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            return images[:, ::2, ::2]

    with monkeypatch.context() as patch:  # the note survives a run that was killed after the last batch
        patch.setattr(runner, "write_result", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(bench_set, protocol, [("m:Small", Small())], tmp_path / "r", workers=1)
    note = "returned 32 x 32, resized to the protocol's resolution"
    for reused in ([], ["small"]):
        done = run(bench_set, protocol, [("m:Small", Small())], tmp_path / "r", workers=1)
        assert (done.reused, done.notes) == (reused, [f"small {note}"])
        assert read_result(done.results[0].path).notes == [note]  # type: ignore[arg-type]
