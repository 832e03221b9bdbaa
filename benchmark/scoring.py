"""What one worker of the bench does with one batch: render it, run the methods that lack it, score, write the part."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from occset.benchmark.batches import Batch, render_batch
from occset.benchmark.mask_scoring import MaskJudge
from occset.benchmark.methods.guard import Checked, run_checked
from occset.benchmark.methods.protocols import Deoccluder, Segmenter
from occset.benchmark.methods.registry import is_told_the_face
from occset.benchmark.metrics import composite, evaluate
from occset.benchmark.result_checks import check_rows
from occset.benchmark.results import Result, picture_path
from occset.benchmark.tasks import DEOCCLUSION
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.models.arcface import ArcFace, ArcFaceFile, similarity
from occset.pictures.images import write_png
from occset.samples.render import Renderer
from occset.support.errors import BadInput, BrokenMethod, MissingExtra
from occset.support.files import write_atomic
from occset.support.parquet_files import read_parquet
from occset.support.reading import parse_json

BATCH = 16
"""Samples a batch: what a method is handed at once, and what is lost at most when a run is killed."""

SHOWN = 8
"""So many samples of a protocol, its first, are kept as pictures."""

UNFINISHED = ".parts"
"""Folder inside that of the results where finished batches and pictures wait until their result is whole."""


@dataclass(frozen=True)
class Entry:
    """A method, the result that it gets, the folder of the results, and how many samples make a batch."""

    method: Deoccluder | Segmenter
    result: Result
    folder: Path
    batch: int

    @property
    def parts(self) -> Path:
        """Folder of the finished batches; all that tells two runs of one stem apart is in its name, or they would mix."""
        result = self.result
        made_of = (result.weights_hash, result.arcface, result.method_reference, result.given, result.seed, self.batch)
        key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]
        return self.folder / UNFINISHED / f"{self.result.stem}-{key}"

    @property
    def shared(self) -> Path:
        """Folder of the pictures that all methods share, until one of them has its result."""
        return self.folder / UNFINISHED / "shared"

    def part(self, number: int) -> Path:
        """File of one finished batch."""
        return self.parts / f"{number:06d}.parquet"


class Part(NamedTuple):
    """A finished batch of one method.

    Attributes:
        rows: one a sample, with the columns of a result's scores.
        seconds: that the method took.
        resized_from: (height, width) of what the method returned if that was another size, else None.
    """

    rows: pd.DataFrame
    seconds: float
    resized_from: tuple[int, int] | None


@dataclass(frozen=True)
class Task:
    """One batch: its number, its recipes, and the entries (by position) that lack it."""

    number: int
    recipes: Sequence[Recipe]
    entries: tuple[int, ...]


@dataclass
class Outcome:
    """What came of a batch: how many method x batch parts were written, and which methods broke (by position) and why."""

    done: int = 0
    broken: dict[int, str] = field(default_factory=dict)


class PictureJudge:
    """How de-occlusion is rendered, run and scored; `occset.benchmark.mask_scoring.MaskJudge` is its sister."""

    def __init__(self, arcface: ArcFaceFile | None) -> None:
        """The identity network is loaded if there is one."""
        self.arcface = ArcFace(arcface, threads=1) if arcface else None

    def render(self, renderer: Renderer, recipes: Sequence[Recipe]) -> Batch:
        """Render recipes of one size, and look at who they show."""
        batch = render_batch(renderer, recipes)
        self.identity = self.arcface.embed(batch.truths, batch.points) if self.arcface else None
        return batch

    def shared(self, batch: Batch) -> dict[str, np.ndarray]:
        """Pictures that belong to no method: (B, H, W[, 3]) uint8 by what they show."""
        return {"input": batch.images, "truth": batch.truths, "hole": batch.holes}

    def answers(self, batch: Batch) -> dict[str, np.ndarray]:
        """What controls may be given."""
        return {"truth": batch.truths, "face": batch.clean_masks}

    def run(self, method: Any, batch: Batch, answers: dict[str, np.ndarray]) -> Checked:
        """What a method makes of a batch."""
        return run_checked(method, batch.images, batch.footprints, ids=batch.ids, **answers)

    def score(self, images: np.ndarray, batch: Batch) -> tuple[list[dict[str, Any]], np.ndarray]:
        """The columns of each sample, and what to show of it, (B, H, W, 3) uint8."""
        found = evaluate(images, batch.images, batch.truths, batch.footprints, batch.holes, batch.ids)
        rows: list[dict[str, Any]] = [dict(scores) for scores in found]
        pasted = np.stack([composite(p, i, f) for p, i, f in zip(images, batch.images, batch.footprints, strict=True)])
        if self.arcface is not None and self.identity is not None:
            cosines = similarity(self.arcface.embed(pasted, batch.points), self.identity)
            for row, cosine in zip(rows, cosines, strict=True):
                row["id"] = float(cosine)
        return rows, pasted


class Scorer:
    """Runs methods on batches; one lives in each worker."""

    def __init__(self, data: OcclusionSet, entries: Sequence[Entry], arcface: ArcFaceFile | None) -> None:
        """Take over opened and fitted methods, all of one task."""
        self.renderer = Renderer(data)
        self.entries = entries
        of_masks = bool(entries) and entries[0].result.task != DEOCCLUSION
        self.judge: Any = MaskJudge() if of_masks else PictureJudge(arcface)
        self.broken: dict[int, str] = {}

    def __call__(self, task: Task) -> Outcome:
        """Work off one batch."""
        outcome = Outcome()
        todo = [i for i in task.entries if i not in self.broken]
        if not todo:
            return outcome
        batch = self.judge.render(self.renderer, task.recipes)
        if task.number == 0:
            _save_shared_pictures(self.entries[todo[0]], batch.ids, self.judge.shared(batch))
        for i in todo:
            try:
                self._score(self.entries[i], batch, task.number)
            except (BrokenMethod, MissingExtra) as error:
                self.broken[i] = outcome.broken[i] = str(error)
            else:
                outcome.done += 1
        return outcome

    def _score(self, entry: Entry, batch: Any, number: int) -> None:
        # whatever a method asks for by now, nothing but our own ever gets an answer, and nothing but a control the truth
        answers = self.judge.answers(batch)
        if not entry.result.control:
            told = is_told_the_face(entry.result.method_reference, entry.method)
            answers = {"face": answers["face"]} if told else {}
        started = time.perf_counter()
        answer = self.judge.run(entry.method, batch, answers)
        seconds = time.perf_counter() - started
        scores, pictures = self.judge.score(answer.images, batch)
        rows = [
            {"sample": s, "face": f, "type": t, **of_sample}
            for s, f, t, of_sample in zip(batch.ids, batch.faces, batch.types, scores, strict=True)
        ]
        if number == 0:
            for sample, picture in zip(batch.ids[:SHOWN], pictures, strict=False):
                write_png(picture_path(entry.parts, entry.result, sample), picture)
        _write_part(entry, number, Part(pd.DataFrame(rows), seconds, answer.resized_from))


def _save_shared_pictures(entry: Entry, ids: Sequence[str], shared: dict[str, np.ndarray]) -> None:
    for what, pictures in shared.items():
        for sample, picture in zip(ids[:SHOWN], pictures, strict=False):
            write_png(picture_path(entry.shared, entry.result, sample, what), picture)  # type: ignore[arg-type]


def publish_pictures(entry: Entry) -> None:
    """Move what waits of a result's pictures, and of those it shares, into the folder of the results."""
    for waiting in (entry.parts, entry.shared):
        for picture in sorted(waiting.rglob("*.png")):
            target = entry.folder / picture.relative_to(waiting)
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another run into the same folder moved it
                picture.replace(target)


def _write_part(entry: Entry, number: int, part: Part) -> None:
    """Write a finished batch, unless a later reader would refuse it.

    Raises:
        BrokenMethod: a score is missing or not finite; names the method, the column and the sample.
    """
    check_rows(part.rows, entry.result, f"the scores of '{entry.method.name}'", BrokenMethod)
    note = {"seconds": part.seconds, "resized_from": part.resized_from}
    table = pa.Table.from_pandas(part.rows, preserve_index=False)
    sink = io.BytesIO()
    pq.write_table(table.replace_schema_metadata({b"part": json.dumps(note).encode()}), sink)
    write_atomic(entry.part(number), sink.getvalue())


def read_part(path: Path) -> Part:
    """A finished batch.

    Raises:
        BadInput: it cannot be read; names the file.
    """
    try:
        table = read_parquet(path)
        note = parse_json(table.schema.metadata[b"part"])
        size = note["resized_from"]
        return Part(table.to_pandas(), float(note["seconds"]), size and (int(size[0]), int(size[1])))
    except Exception as error:  # pyarrow tells a damaged file in many ways
        raise BadInput(f"{path}: is not a batch that can be read ({type(error).__name__}: {error})") from error
