"""What one worker of the bench does with one batch: render it, run the methods that lack it, score, write the part."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from occset.benchmark.methods.guard import read_only
from occset.benchmark.results.checks import check_rows
from occset.benchmark.results.result import Result, picture_path
from occset.benchmark.tasks.definition import BenchTask, Evaluator, LooksAgain
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.pictures.images import write_png
from occset.samples.render import Renderer
from occset.support.errors import BadInput, BrokenMethod, MissingExtra
from occset.support.files import write_atomic
from occset.support.parquet_files import read_parquet
from occset.support.reading import parse_json
from occset.support.references import load

BATCH = 16
"""Samples a batch: what a method is handed at once, and what is lost at most when a run is killed."""

SHOWN = 8
"""So many samples of a protocol, its first, are kept as pictures, unless a task keeps all."""

UNFINISHED = ".parts"
"""Folder inside that of the results where finished batches and pictures wait until their result is whole."""


@dataclass(frozen=True)
class Entry:
    """A method on its way to a result.

    Attributes:
        method: what is run.
        result: that it gets.
        folder: of the results.
        batch: samples in a batch.
        answers: which of the answers it may be given, whatever it asks for; None, of a control: all of them.
    """

    method: Any
    result: Result
    folder: Path
    batch: int
    answers: tuple[str, ...] | None = ()

    @property
    def parts(self) -> Path:
        """Folder of the finished batches; all that tells two runs of one stem apart is in its name, or they would mix."""
        result = self.result
        made_of: tuple[Any, ...] = (result.weights_hash, result.arcface, result.method_reference, result.given)
        made_of += (result.seed, self.batch, *([result.judges] if result.judges else []))
        key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]
        return self.folder / UNFINISHED / f"{self.result.stem}-{key}"

    @property
    def shared(self) -> Path:
        """Folder of the pictures that all methods share, until one of them has its result."""
        return self.folder / UNFINISHED / "shared"

    def part(self, number: int) -> Path:
        """File of one finished batch."""
        return self.parts / f"{number:06d}.parquet"


class Scored(NamedTuple):
    """What came of one batch: a row a sample, what to show of each, the method's seconds, and see `Part.resized_from`."""

    rows: list[dict[str, Any]]
    pictures: np.ndarray
    seconds: float
    resized_from: tuple[int, int] | None


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
class Work:
    """One batch: its number, its recipes, and the entries (by position) that lack it."""

    number: int
    recipes: Sequence[Recipe]
    entries: tuple[int, ...]


@dataclass
class Outcome:
    """What came of a batch.

    Attributes:
        done: how many method x batch parts were written.
        broken: which methods broke (by position) and why.
        seconds: it took.
    """

    done: int = 0
    broken: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


class Scorer:
    """Runs methods on batches; one lives in each worker."""

    def __init__(
        self, data: OcclusionSet, task: BenchTask, entries: Sequence[Entry], judges: Mapping[str, Any]
    ) -> None:
        """Take over opened and fitted methods, and the files of the judges by key."""
        self.renderer = Renderer(data)
        self.task, self.entries = task, entries
        found = {kind.key: load(kind.load)(judges[kind.key]) for kind in task.judges if kind.key in judges}
        self.evaluator: Evaluator = load(task.evaluator)(found)
        self.broken: dict[int, str] = {}

    def __call__(self, work: Work) -> Outcome:
        """Work off one batch."""
        outcome, started = Outcome(), time.perf_counter()
        todo = [i for i in work.entries if i not in self.broken]
        if not todo:
            return outcome
        batch = self.evaluator.render(self.renderer, work.recipes)
        if kept := self._kept(work.number, batch.ids):
            _save_shared_pictures(self.entries[todo[0]], kept, self.evaluator.shared(batch))
        for i in todo:
            try:
                self._score(self.entries[i], batch, work.number)
            except (BrokenMethod, MissingExtra) as error:
                self.broken[i] = outcome.broken[i] = str(error)
            else:
                outcome.done += 1
        outcome.seconds = time.perf_counter() - started
        return outcome

    def score(self, method: Any, told: tuple[str, ...] | None, batch: Any) -> Scored:
        """Run a method on a batch, and score what it makes of it.

        Args:
            method: what is run.
            told: which of the answers it may be given, whatever it asks for; all of them when None.
            batch: of the task's evaluator.
        """
        # whatever a method asks for by now, nothing but our own ever gets an answer, and nothing but a control the truth
        answers = self.evaluator.answers(batch)
        if told is not None:
            answers = {what: answers[what] for what in told}
        started = time.perf_counter()
        answer, resized_from = self.evaluator.run(method, batch, answers, read_only)
        seconds = time.perf_counter() - started
        scores, pictures = self.evaluator.score(answer, batch)
        if isinstance(self.evaluator, LooksAgain):
            for of_sample, more in zip(scores, self.evaluator.beside(method, batch, read_only), strict=True):
                of_sample |= more
        rows = [
            {"sample": s, "face": f, "type": t, **of_sample}
            for s, f, t, of_sample in zip(batch.ids, batch.faces, batch.types, scores, strict=True)
        ]
        return Scored(rows, pictures, seconds, resized_from)

    def _kept(self, number: int, ids: list[str]) -> list[str]:
        """The samples of a batch, its first, whose pictures are kept."""
        return ids if self.task.keeps_all else ids[:SHOWN] if number == 0 else []

    def _score(self, entry: Entry, batch: Any, number: int) -> None:
        rows, pictures, seconds, resized_from = self.score(entry.method, entry.answers, batch)
        for sample, picture in zip(self._kept(number, batch.ids), pictures, strict=False):
            write_png(picture_path(entry.parts, entry.result, sample), picture)
        _write_part(entry, self.task, number, Part(pd.DataFrame(rows), seconds, resized_from))


def _save_shared_pictures(entry: Entry, ids: Sequence[str], shared: dict[str, np.ndarray]) -> None:
    for what, pictures in shared.items():
        for sample, picture in zip(ids, pictures, strict=False):
            write_png(picture_path(entry.shared, entry.result, sample, what), picture)


def publish_pictures(entry: Entry) -> None:
    """Move what waits of a result's pictures, and of those it shares, into the folder of the results."""
    for waiting in (entry.parts, entry.shared):
        for picture in sorted(waiting.rglob("*.png")):
            target = entry.folder / picture.relative_to(waiting)
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another run into the same folder moved it
                picture.replace(target)


def _write_part(entry: Entry, task: BenchTask, number: int, part: Part) -> None:
    """Write a finished batch, unless a later reader would refuse it.

    Raises:
        BrokenMethod: a score is missing or not finite; names the method, the column and the sample.
    """
    check_rows(part.rows, entry.result, task, f"the scores of '{entry.method.name}'", BrokenMethod)
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
