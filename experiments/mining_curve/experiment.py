"""The experiment: a coarse model, picks of both arms, one training a point, all held against the fixed protocol.

Every point is a small JSON file, written when it is done, so that a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.mining_curve.planting import FixedProtocol, Shares, fixed_protocol, plant
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.records import read_note
from occset.mining.mine import score_set
from occset.pictures.masks import encode_rle
from occset.support.errors import OccsetError
from occset.support.files import write_atomic
from occset.support.pools.processes import default_workers, map_chunks

if TYPE_CHECKING:
    from occset.models.segmentation.presets import SegmentationPreset

ENCODER, DECODER = "timm-tf_efficientnet_lite0", (96, 48, 32, 24, 16)
ARMS = ("mined", "random")


@dataclass(frozen=True)
class Setup:
    """What is run.

    Attributes:
        seeds: of the experiment: 0, 1, ...; each plants, trains and draws anew.
        first_seed: the first of them.
        size: side of the trainings and of the protocol, pixels.
        labels: numbers of labels, besides none and all.
        coarse, retrain: samples of the coarse training and of each further one.
        tested: samples of the fixed protocol.
        batch, rate, retrain_rate: of the trainings.
        encoder, decoder: the network.
        shares: how the faces are dealt.
    """

    seeds: int = 3
    first_seed: int = 0
    size: int = 64
    labels: tuple[int, ...] = (32, 64, 128)
    coarse: int = 4800
    retrain: int = 3200
    tested: int = 400
    batch: int = 16
    rate: float = 1e-3
    retrain_rate: float = 6e-4
    encoder: str = ENCODER
    decoder: tuple[int, ...] = DECODER
    shares: Shares = field(default_factory=Shares)

    def preset(self, coarse: bool) -> SegmentationPreset:
        """The preset of the coarse training, or of a further one."""
        from occset.models.segmentation.network import Architecture
        from occset.models.segmentation.presets import SegmentationPreset
        from occset.models.training.presets import TrainingPreset

        training = TrainingPreset(
            "mining-curve",
            self.batch,
            1,
            max(1, (self.coarse if coarse else self.retrain) // self.batch) * self.batch,
            self.rate if coarse else self.retrain_rate,
            weight_decay=1e-2,
            warmup=20,
            plan="cosine",
            precision="32-true",
            clip=1.0,
            ema=0.98,
            checkpoint_every=1_000_000,
        )
        return SegmentationPreset(Architecture(self.encoder, self.decoder, self.size), training)


@dataclass(frozen=True)
class Point:
    """One training: `arm` is "coarse", "none", "all", "mined" or "random"; `labels` is 0 but for the last two."""

    seed: int
    arm: str
    labels: int

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.arm}-{self.labels:04d}" if self.arm in ARMS else self.arm

    def file(self, out: Path) -> Path:
        """Where its figures lie."""
        return out / f"seed-{self.seed}" / f"{self.name}.json"


def run(
    data: OcclusionSet, out: Path, setup: Setup, say: Callable[[str], None] = print, workers: int | None = None
) -> list[dict[str, Any]]:
    """Run what is not done yet; returns all points, in order.

    Args:
        data: the set of real faces, which is only read.
        out: folder of the results.
        setup: what is run.
        say: takes lines for the person.
        workers: trainings at a time, one thread each; as many as there are cores by default.

    Raises:
        OccsetError: the folder holds another experiment, or the set lacks what is needed.
    """
    _refuse_another(data, out, setup)
    make = partial(_Worker, data, out, setup)
    workers = workers or default_workers()
    seeds = range(setup.first_seed, setup.first_seed + setup.seeds)
    for line in map_chunks(make, [Point(seed, "coarse", 0) for seed in seeds], workers):
        say(line)
    wanted = [point for seed in seeds for point in points(setup, seed)]
    missing = [point for point in wanted if not point.file(out).is_file()]
    for line in map_chunks(make, missing, workers):
        say(line)
    return [read_note(point.file(out)) for point in wanted]


def points(setup: Setup, seed: int) -> Iterator[Point]:
    """The points of a seed: both ends first, then both arms at each number of labels."""
    yield Point(seed, "none", 0)
    yield Point(seed, "all", 0)
    for count in setup.labels:
        for arm in ARMS:
            yield Point(seed, arm, count)


def _refuse_another(data: OcclusionSet, out: Path, setup: Setup) -> None:
    told = {key: value for key, value in asdict(setup).items() if key not in ("seeds", "first_seed", "labels")}
    note = json.loads(json.dumps({"content_hash": data.content_hash(), **told}))
    path = out / "experiment.json"
    if not path.is_file():
        write_atomic(path, (json.dumps(note, indent=2) + "\n").encode())
    elif (held := read_note(path)) != note:
        other = ", ".join(sorted(key for key in note if held.get(key) != note[key]))
        raise OccsetError(f"{out}: holds another experiment (other {other}): choose another --out, or remove it")


class _Worker:
    """Does one point at a time."""

    def __init__(self, data: OcclusionSet, out: Path, setup: Setup) -> None:
        self.data, self.out, self.setup = data, out, setup
        self._protocol: FixedProtocol | None = None

    def __call__(self, point: Point) -> str:
        folder = self.out / f"seed-{point.seed}"
        planted = plant(self.data, folder / "set", point.seed, self.setup.size, self.setup.shares)
        seed = _Seed(planted, folder, self.setup, point.seed)
        if point.arm == "coarse":
            seed.mine()
            return f"seed {point.seed}: coarse model trained, its picks are made"
        if self._protocol is None:
            self._protocol = fixed_protocol(self.data, self.setup.size, self.setup.tested)
        found = seed.measure(point, self._protocol)
        write_atomic(point.file(self.out), (json.dumps(found, indent=2) + "\n").encode())
        return f"seed {point.seed}, {point.arm}, {found['labels']} labels: IoU {found['iou']:.4f}"


class _Seed:
    """One repetition of the experiment."""

    def __init__(self, planted: OcclusionSet, folder: Path, setup: Setup, seed: int) -> None:
        self.planted, self.folder, self.setup, self.seed = planted, folder, setup, seed

    def mine(self) -> None:
        """Train the coarse model on what was labelled from the start, and let it pick each number of faces."""
        coarse = self._train(self.planted, "coarse", None)
        files = {count: self.folder / f"picks-{count:04d}.json" for count in self.setup.labels}
        if not all(file.is_file() for file in files.values()):
            scores = score_set(self.planted, "ns", weights=coarse, device="cpu", workers=1)
            for count, file in files.items():
                picked = scores.choose(count)[["id", "score", "reason"]].to_dict("records")
                write_atomic(file, (json.dumps({"picks": picked}, indent=2) + "\n").encode())

    def measure(self, point: Point, protocol: FixedProtocol) -> dict[str, Any]:
        """Train on what is labelled once the picks of a point have their true labels, and score that."""
        from occset.models.segmentation.segmenter import FaceSegmenter

        picks = self.picks(point)
        relabelled = self._relabelled(point, picks)
        weights = self._train(relabelled, point.name, start=self.folder / "coarse" / "weights")
        score = protocol.score(FaceSegmenter(weights, device="cpu").segment(protocol.images))
        for done in (relabelled.path, self.folder / point.name):
            shutil.rmtree(done)
        planted = [bool(self.planted.load_truth(face)["planted"]) for face in picks]
        labelled = [isinstance(self.planted.face_row(face)["mask"], str) for face in picks]
        return {
            "seed": self.seed,
            "arm": point.arm,
            "labels": len(picks),
            "errors_found": sum(p and known for p, known in zip(planted, labelled, strict=True)),
            "hard_found": sum(p and not known for p, known in zip(planted, labelled, strict=True)),
            **score,
        }

    def picks(self, point: Point) -> list[str]:
        """Ids of the faces whose true label arrives; the fewer that chance draws are among the more."""
        ids = sorted(self.planted.faces["id"])
        if point.arm == "none":
            return []
        if point.arm == "all":
            return ids
        if point.arm == "mined":
            return [pick["id"] for pick in read_note(self.folder / f"picks-{point.labels:04d}.json")["picks"]]
        return [ids[i] for i in np.random.default_rng([self.seed, 0xD1CE]).permutation(len(ids))[: point.labels]]

    def _train(self, data: OcclusionSet, name: str, start: Path | None) -> Path:
        from occset.models.training.registered import train

        trained = train(
            "ns",
            data,
            self.setup.preset(coarse=start is None),
            self.folder / name,
            seed=self.seed,
            start=start,
            workers=0,
            accelerator="cpu",
            say=lambda _: None,
        )
        if trained.weights is None:
            raise KeyboardInterrupt
        return trained.weights

    def _relabelled(self, point: Point, picks: list[str]) -> OcclusionSet:
        """A copy of the set in which the picks have their true labels; pictures are linked, not copied."""
        folder = self.folder / f"{point.name}-set"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.planted.path, folder, copy_function=os.link)
        data = OcclusionSet(folder)
        rows = [{"id": face, "mask": encode_rle(self.planted.load_truth(face)["face"])} for face in picks]
        with data.replacing() as change:
            change.put_faces(rows)
        return data
