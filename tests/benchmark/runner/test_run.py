from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset import __version__
from occset.benchmark.fingerprints import fingerprint
from occset.benchmark.methods.interfaces import TrainingFaces
from occset.benchmark.protocols.frozen import Protocol, open_protocol
from occset.benchmark.results.files import read_result
from occset.benchmark.results.result import picture_path
from occset.benchmark.runner import planned, worker
from occset.benchmark.runner.run import run
from occset.benchmark.runner.training_faces import TrainSplit
from occset.benchmark.tasks.deocclusion import evaluator
from occset.benchmark.tasks.deocclusion.controls import Noise, OccludedInput
from occset.benchmark.tasks.deocclusion.methods.classical import Telea
from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import ArcFaceFile
from occset.pictures.images import read_image
from occset.support.errors import BadInput, OccsetError, UnknownName

Write = Callable[..., str]
Contents = Callable[[Path], dict[str, object]]

COUNTING = """
from pathlib import Path

class Method:
    name = "counting"
    given = ("mask",)

    def deocclude(self, images, masks):
        with Path(r"{log}").open("a") as log:
            log.write(f"{{len(images)}}\\n")
        out = images.copy()
        out[masks > 0] = {value}
        return out
"""


@pytest.fixture
def protocol(bench_set: OcclusionSet) -> Protocol:
    return open_protocol(bench_set, "sunglasses", 1)


class Counting:
    """Writes the counting method, and says what it has been handed."""

    def __init__(self, write: Write, log: Path) -> None:
        self.write, self.log = write, log

    def method(self, value: int = 128) -> str:
        return self.write(COUNTING.format(log=self.log, value=value), "counting_method")

    def calls(self) -> list[int]:
        """Sizes of the batches since the last look."""
        sizes = [int(line) for line in self.log.read_text().split()] if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return sizes


@pytest.fixture
def counting(write_method: Write, tmp_path: Path) -> Counting:
    return Counting(write_method, tmp_path / "calls.log")


# --- what is written ------------------------------------------------------------------------------------------------


def test_a_result_states_what_was_run(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    done = run(bench_set, protocol, ["telea", "input"], tmp_path / "results", workers=1)
    assert ([r.method for r in done.results], done.reused, done.broken) == (["telea", "input"], [], {})
    result = read_result(done.results[0].path)
    assert (result.data, result.protocol, result.protocol_hash) == (bench_set.head["name"], "sunglasses", protocol.hash)
    assert (result.samples, result.limit, result.resolution, result.given) == (24, None, 64, ["mask"])
    assert (result.control, done.results[1].control, result.weights_hash) == (False, True, None)
    assert list(result.scores["sample"]) == [recipe.sample for recipe in protocol.recipes]
    assert list(result.scores["face"]) == [recipe.face for recipe in protocol.recipes]


def test_pictures_of_the_first_samples_are_kept_and_nothing_else_lies_about(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    out = tmp_path / "results"
    done = run(bench_set, protocol, ["truth", "input"], out, workers=1)
    truth, given = done.results
    for recipe in protocol.recipes[:8]:
        shown = {
            what: read_image(picture_path(out, truth, recipe.sample, what)) for what in ("input", "truth", "composite")
        }
        hole = read_image(picture_path(out, truth, recipe.sample, "hole"))
        assert np.array_equal(shown["composite"], shown["truth"])
        assert np.array_equal(read_image(picture_path(out, given, recipe.sample)), shown["input"])
        assert not np.array_equal(shown["input"][hole[..., 0] > 0], shown["truth"][hole[..., 0] > 0])
    assert sum(p.suffix == ".png" for p in out.rglob("*")) == 8 * (2 + 3)
    assert {p.name.split(".", 1)[1] for p in out.iterdir()} == {"result.json", "scores.parquet", "pictures"}


@pytest.mark.parametrize(("limit", "samples", "stated"), [(10, 10, 10), (24, 24, None), (99, 24, None)])
def test_the_limit_takes_the_first_samples(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, limit: int, samples: int, stated: int | None
) -> None:
    (result,) = run(bench_set, protocol, ["input"], tmp_path / "results", limit=limit, workers=1).results
    assert (result.samples, result.limit) == (samples, stated)
    assert list(result.scores["sample"]) == [recipe.sample for recipe in protocol.recipes[:samples]]


def test_a_limited_result_does_not_stand_for_the_whole(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, counting: Counting
) -> None:
    for limit, calls in ((10, [8, 2]), (None, [8, 8, 8]), (10, [])):
        run(bench_set, protocol, [counting.method()], tmp_path / "results", limit=limit, workers=1)
        assert counting.calls() == calls
    assert len(list((tmp_path / "results").glob("*.result.json"))) == 2


def test_progress_counts_batches_times_methods(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    run(
        bench_set,
        protocol,
        ["input", "truth"],
        tmp_path / "r",
        workers=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(0, 6), (2, 6), (4, 6), (6, 6)]


def test_the_first_batch_tells_how_long_the_others_take(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 10_000, 3))  # each look at the clock is three seconds later
    monkeypatch.setattr(worker.time, "perf_counter", lambda: float(next(ticks)))
    told: list[float] = []
    run(bench_set, protocol, ["input", "truth"], tmp_path / "r", workers=1, estimate=told.append)
    # at the batch's begin and end, and round each of the two methods: 5 steps; two batches of three are left
    assert told == [2 * 5 * 3.0]
    run(bench_set, protocol, ["input", "truth"], tmp_path / "r", workers=1, estimate=told.append)
    assert len(told) == 1  # nothing was left to do


# --- what is there already ------------------------------------------------------------------------------------------


def test_a_result_already_there_is_not_computed_again(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, counting: Counting, contents: Contents
) -> None:
    out = tmp_path / "results"
    run(bench_set, protocol, [counting.method()], out, workers=1)
    assert counting.calls() == [8, 8, 8]
    before = contents(out)
    stamp = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and "counting" in str(p.relative_to(out))}
    assert len(stamp) == 10
    again = run(OcclusionSet(bench_set.path), protocol, [counting.method(), "input"], out, workers=1)
    assert counting.calls() == []
    assert (again.reused, [r.method for r in again.results]) == (["counting"], ["counting", "input"])
    assert {p: p.stat().st_mtime_ns for p in stamp} == stamp
    assert before.items() <= contents(out).items()


def test_a_changed_source_is_run_again(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, counting: Counting
) -> None:
    (first,) = run(bench_set, protocol, [counting.method(128)], tmp_path / "r", workers=1).results
    counting.calls()
    (second,) = run(bench_set, protocol, [counting.method(90)], tmp_path / "r", workers=1).results
    assert counting.calls() == [8, 8, 8]
    assert first.revision != second.revision
    assert first.scores["l1"].mean() != second.scores["l1"].mean()


def test_an_edited_built_in_is_run_again(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "r"
    (first,) = run(bench_set, protocol, ["telea"], out, workers=1).results
    assert first.revision == f"{__version__}+{fingerprint(Telea())}"
    monkeypatch.setattr(planned, "fingerprint", lambda method: "edited")
    done = run(bench_set, protocol, ["telea"], out, workers=1)
    assert done.reused == []
    assert done.results[0].revision == f"{__version__}+edited"


def test_the_machine_and_its_packages_are_stated(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    (result,) = run(bench_set, protocol, ["input"], tmp_path / "r", workers=1).results
    found = read_result(result.path).machine  # type: ignore[arg-type]
    assert (found["numpy"], found["opencv"], found["workers"]) == (np.__version__, cv2.__version__, 1)
    assert found["cores"] == os.cpu_count()


def test_the_seed_is_the_methods_own(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    pairs = [("noise", Noise(3)), ("input", OccludedInput())]
    noise, given = run(bench_set, protocol, pairs, tmp_path / "r", workers=1).results
    assert (read_result(noise.path).seed, read_result(given.path).seed) == (3, None)  # type: ignore[arg-type]
    assert run(bench_set, protocol, [("noise", Noise(3))], tmp_path / "r", workers=1).reused == ["noise"]
    again = run(bench_set, protocol, [("noise", Noise(4))], tmp_path / "r", workers=1)
    assert (again.reused, again.results[0].seed) == ([], 4)


class Weighted(Telea):
    """Telea, with weights that a test names, and a memory of what it was handed."""

    name = "weighted"
    revision = "1"

    def __init__(self, weights: str | None) -> None:
        super().__init__()
        self.weights_hash = weights
        self.handed = 0

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
        self.handed += len(images)
        return super().deocclude(images, masks)


def handed(data: OcclusionSet, protocol: Protocol, out: Path, weights: str | None = "a", **more: object) -> int:
    """How many pictures a run handed to the method."""
    method = Weighted(weights)
    run(data, protocol, [("tests:Weighted", method)], out, workers=1, **more)  # type: ignore[arg-type]
    return method.handed


def test_changed_weights_are_run_again(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    out = tmp_path / "r"
    assert [handed(bench_set, protocol, out, weights) for weights in ("a", "a", "b", "b")] == [24, 0, 24, 0]
    (path,) = out.glob("*.result.json")
    assert read_result(path).weights_hash == "b"


def test_another_method_of_the_same_name_and_revision_is_run(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    assert handed(bench_set, protocol, tmp_path / "r") == 24
    method = Weighted("a")
    run(bench_set, protocol, [("elsewhere:Weighted", method)], tmp_path / "r", workers=1)
    assert method.handed == 24


def test_another_protocol_is_run_again(
    copy_set: Callable[[str], OcclusionSet], small_rules: dict[str, Rule], tmp_path: Path
) -> None:
    first, second = copy_set("first"), copy_set("second")
    protocols = [open_protocol(first, "sunglasses", 1)]
    small_rules["sunglasses"] = replace(small_rules["sunglasses"], seed=99)
    protocols.append(open_protocol(second, "sunglasses", 1))
    assert handed(first, protocols[0], tmp_path / "r") == 24
    assert handed(second, protocols[1], tmp_path / "r") == 24
    assert handed(first, protocols[0], tmp_path / "r") == 0


def test_relabelled_data_are_run_again(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    assert handed(bench_set, protocol, tmp_path / "r") == 24
    faces = bench_set.faces.copy()
    used, other = protocol.recipes[0].face, next(f for f in faces["id"] if f != protocol.recipes[0].face)
    faces.loc[faces["id"] == used, "mask"] = faces.loc[faces["id"] == other, "mask"].iloc[0]
    bench_set.write("faces", faces)
    assert handed(bench_set, protocol, tmp_path / "r") == 24


def test_another_arcface_file_is_run_again(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, tiny_arcface: Callable[[int], ArcFaceFile]
) -> None:
    out = tmp_path / "r"
    a, b = tiny_arcface(1), tiny_arcface(2)
    assert [handed(bench_set, protocol, out, judges={"id": file}) for file in (None, a, a, b, None)] == [
        24,
        24,
        0,
        24,
        24,
    ]


# --- interruption ---------------------------------------------------------------------------------------------------


def test_an_interrupted_run_goes_on_where_it_stopped(
    bench_set: OcclusionSet,
    protocol: Protocol,
    tmp_path: Path,
    counting: Counting,
    monkeypatch: pytest.MonkeyPatch,
    contents: Contents,
) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    methods = ["pca", counting.method(), "telea"]
    run(bench_set, protocol, methods, undisturbed, workers=1)
    counting.calls()
    evaluate, times = evaluator.evaluate, 0

    def interrupt(*arguments: object) -> object:
        nonlocal times
        times += 1
        if times == 5:  # in the second batch, after `pca`
            raise KeyboardInterrupt
        return evaluate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(evaluator, "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(bench_set, protocol, methods, disturbed, workers=1)
    assert not list(disturbed.glob("*.json"))
    assert counting.calls() == [8, 8]
    monkeypatch.setattr(evaluator, "evaluate", evaluate)
    seen: list[tuple[int, int]] = []
    run(bench_set, protocol, methods, disturbed, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert counting.calls() == [8, 8], "the batch that was lost, and the last"
    assert seen[0] == (4, 9)
    assert contents(disturbed) == contents(undisturbed)


@pytest.mark.parametrize("changed", ["weights", "arcface", "batch"])
def test_batches_of_other_things_are_not_mixed_in(
    bench_set: OcclusionSet,
    protocol: Protocol,
    tmp_path: Path,
    tiny_arcface: Callable[[int], ArcFaceFile],
    monkeypatch: pytest.MonkeyPatch,
    changed: str,
) -> None:
    file = tiny_arcface(1)
    with monkeypatch.context() as patch:
        patch.setattr("occset.benchmark.runner.run.write_result", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            handed(bench_set, protocol, tmp_path / "r", "a", judges={"id": file})
    if changed == "batch":
        monkeypatch.setattr(worker, "BATCH", 5)
    file = tiny_arcface(2) if changed == "arcface" else file
    weights = "b" if changed == "weights" else "a"
    assert handed(bench_set, protocol, tmp_path / "r", weights, judges={"id": file}) == 24
    assert not (tmp_path / "r" / ".parts").exists()


def test_a_kill_before_the_result_is_written_costs_no_batch(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contents: Contents
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("occset.benchmark.runner.run.write_result", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            handed(bench_set, protocol, tmp_path / "r")
    assert handed(bench_set, protocol, tmp_path / "r") == 0
    assert handed(bench_set, protocol, tmp_path / "undisturbed") == 24
    assert contents(tmp_path / "r") == contents(tmp_path / "undisturbed")


# --- workers --------------------------------------------------------------------------------------------------------


def test_the_number_of_workers_changes_nothing(
    bench_set: OcclusionSet,
    protocol: Protocol,
    tmp_path: Path,
    tiny_arcface: Callable[[int], ArcFaceFile],
    contents: Contents,
) -> None:
    methods, file = ["telea", "pca", "patchmatch", "noise"], tiny_arcface(1)
    for workers in (1, 3):
        run(bench_set, protocol, methods, tmp_path / str(workers), judges={"id": file}, workers=workers)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")


def test_a_method_that_cannot_be_sent_runs_in_one_process(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    method = Weighted(None)
    method.secret = lambda: None  # type: ignore[attr-defined]
    done = run(bench_set, protocol, [("tests:Weighted", method), "input"], tmp_path / "r", workers=2)
    assert method.handed == 24
    assert len(done.results) == 2
    assert done.notes == ["a method cannot be sent to other processes: everything ran in one"]


class Unsendable(Weighted):
    """Can be packed and not unpacked."""

    def __setstate__(self, state: object) -> None:
        raise RuntimeError("no")


def test_a_method_that_cannot_be_unpacked_runs_in_one_process(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    done = run(bench_set, protocol, [("tests:Unsendable", Unsendable(None))], tmp_path / "r", workers=2)
    assert len(done.results) == 1
    assert "in one" in done.notes[0]


# --- names ----------------------------------------------------------------------------------------------------------


def test_an_unknown_method_is_answered_with_the_nearest(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    with pytest.raises(UnknownName, match="no method is called 'tela': did you mean telea"):
        run(bench_set, protocol, ["input", "tela"], tmp_path / "r", workers=1)
    assert not (tmp_path / "r").exists()


def test_two_methods_of_one_name_are_refused(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, write_method: Write
) -> None:
    mine = write_method(COUNTING.format(log=tmp_path / "log", value=1).replace('"counting"', '"telea"'))
    with pytest.raises(OccsetError, match=f"both called 'telea', telea and {mine}: give one"):
        run(bench_set, protocol, ["telea", mine], tmp_path / "r", workers=1)


def test_the_same_method_named_twice_runs_once(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    assert len(run(bench_set, protocol, ["input", "input"], tmp_path / "r", workers=1).results) == 1


def test_a_damaged_result_is_named(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    (result,) = run(bench_set, protocol, ["input"], tmp_path / "r", workers=1).results
    assert result.path is not None
    result.path.write_text("{")
    with pytest.raises(BadInput, match=rf"{result.path.name}.*delete it and run the bench again"):
        run(bench_set, protocol, ["input"], tmp_path / "r", workers=1)


# --- identity -------------------------------------------------------------------------------------------------------


def test_without_arcface_the_result_says_why(bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path) -> None:
    (result,) = run(bench_set, protocol, ["input"], tmp_path / "r", workers=1, judges={"id": "none was found"}).results
    assert "id" not in result.scores
    assert (result.arcface, read_result(result.path).id_missing) == (None, "none was found")  # type: ignore[arg-type]
    (result,) = run(bench_set, protocol, ["truth"], tmp_path / "r", workers=1).results
    assert result.id_missing == "no ArcFace file was given"


def test_with_arcface_its_hash_is_in_the_result_and_the_truth_scores_one(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, tiny_arcface: Callable[[int], ArcFaceFile]
) -> None:
    file = tiny_arcface(3)
    done = run(bench_set, protocol, ["truth", "input", "noise"], tmp_path / "r", workers=1, judges={"id": file})
    truth, given, noise = done.results
    assert truth.arcface == {"file": file.sha256, "name": file.path.name}
    assert truth.id_missing is None
    assert np.allclose(truth.scores["id"], 1, atol=1e-5)
    assert (given.scores["id"] < 0.99999).all()
    assert not np.allclose(given.scores["id"], noise.scores["id"])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_is_no_arcface_is_named_whatever_the_workers(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "no.onnx"
    path.write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"no\.onnx"):
        run(
            bench_set,
            protocol,
            ["input"],
            tmp_path / "r",
            workers=workers,
            judges={"id": ArcFaceFile(path, "0", "argument")},
        )


# --- methods that learn ---------------------------------------------------------------------------------------------


class Learner(Telea):
    """Notes what it learned from, and spoils it."""

    name = "learner"
    revision = "1"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[np.ndarray] = []
        self.fits = 0
        self.weights_hash: str | None = None

    def fit(self, faces: TrainingFaces) -> None:
        self.fits += 1
        for face in faces:
            assert face.image.shape == (faces.size, faces.size, 3)
            assert face.mask.shape == (faces.size, faces.size)
            assert face.landmarks.shape == (5, 2)
            self.seen.append(face.image.copy())
            face.image[:] = 0
            face.mask[:] = 0
        self.weights_hash = f"of {len(self.seen)}"


def test_a_learner_sees_the_train_split_only_and_is_fitted_once(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    learner = Learner()
    (result,) = run(bench_set, protocol, [("tests:Learner", learner)], tmp_path / "r", workers=1).results
    train = sorted(bench_set.faces.loc[bench_set.faces["split"] == "train", "id"])
    assert (learner.fits, len(learner.seen)) == (1, len(train))
    assert result.weights_hash == f"of {len(train)}"
    split = TrainSplit(bench_set, 64)
    assert split.ids == train
    assert all(np.array_equal(a, face.image) for a, face in zip(learner.seen, split, strict=True))
    again = Learner()
    run(bench_set, protocol, [("tests:Learner", again)], tmp_path / "r", workers=1)
    assert again.fits == 0, "its result is there"


def test_what_one_learner_spoils_another_does_not_see(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    faces = bench_set.faces.copy()
    train = faces.index[faces["split"] == "train"]
    faces.loc[train[1:], "split"] = "val"  # one train face, which a memory of the renderer would hold
    bench_set.write("faces", faces)
    first, second = Learner(), Learner()
    second.name = "second"
    run(bench_set, protocol, [("a:A", first), ("b:B", second)], tmp_path / "r", workers=1)
    assert first.seen[0].any()
    assert np.array_equal(first.seen[0], second.seen[0])


@pytest.mark.parametrize("change", ["more faces", "labels"])
def test_a_learner_is_fitted_again_when_the_train_split_changes(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, change: str
) -> None:
    run(bench_set, protocol, [("tests:Learner", Learner())], tmp_path / "r", workers=1)
    faces = bench_set.faces.copy()
    if change == "more faces":
        faces.loc[faces["split"] == "val", "split"] = "train"
    else:
        train = faces.index[faces["split"] == "train"]
        other = next(i for i in train if faces.at[i, "mask"] != faces.at[train[0], "mask"])
        faces.at[train[0], "mask"] = faces.at[other, "mask"]
    bench_set.write("faces", faces)
    again = Learner()
    run(bench_set, protocol, [("tests:Learner", again)], tmp_path / "r", workers=1)
    assert again.fits == 1


def test_a_resumed_learner_whose_weights_came_out_otherwise_does_not_mix(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unsteady(Learner):
        def __init__(self, outcome: str) -> None:
            super().__init__()
            self.outcome, self.handed = outcome, 0

        def fit(self, faces: TrainingFaces) -> None:
            self.weights_hash = self.outcome

        def deocclude(self, images: np.ndarray, masks: np.ndarray | None) -> np.ndarray:
            self.handed += len(images)
            return super().deocclude(images, masks)

    with monkeypatch.context() as patch:
        patch.setattr("occset.benchmark.runner.run.write_result", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(bench_set, protocol, [("tests:Unsteady", Unsteady("a"))], tmp_path / "r", workers=1)
    second = Unsteady("b")
    (result,) = run(bench_set, protocol, [("tests:Unsteady", second)], tmp_path / "r", workers=1).results
    assert (second.handed, result.weights_hash) == (24, "b")
    assert not (tmp_path / "r" / ".parts").exists()


def test_a_set_without_train_faces_breaks_the_learner_alone(
    bench_set: OcclusionSet, protocol: Protocol, tmp_path: Path
) -> None:
    bench_set.write("faces", bench_set.faces.assign(split=bench_set.faces["split"].replace("train", "val")))
    done = run(bench_set, protocol, ["pca", "input"], tmp_path / "r", workers=1)
    assert [r.method for r in done.results] == ["input"]
    assert "pca needs at least two" in done.broken["pca"]
