"""``occset replay``: the samples of a published set, made again from the sources of someone else, and held against it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, named_items
from occset.dataset.records import read_note
from occset.publishing.published.describe import spec_of
from occset.publishing.published.layout import NOTE, Published, PublishedRecipes, read_published
from occset.publishing.published.places import KINDS, open_place
from occset.publishing.published.rebuild import rebuild
from occset.publishing.published.samples import sample_hash
from occset.publishing.published.verdicts import CHANGED, DECODER, EQUAL, MISSING, Report
from occset.samples.export import write_pictures
from occset.samples.render import Renderer
from occset.support.console import no_bar
from occset.support.errors import BadInput, OccsetError
from occset.support.files import sha256_file, write_atomic
from occset.support.locks import clear_temporaries, only_writer
from occset.support.pools.processes import default_workers, map_chunks

REPORT = "replay.json"
_CHUNK = 32

Bar = Callable[[int, int], None]
Bars = Callable[[str], AbstractContextManager[Bar]]


def replay(
    folder: Path,
    given: Mapping[str, Sequence[str]],
    out: Path | None = None,
    verify_only: bool = False,
    workers: int | None = None,
    bars: Bars = no_bar,
) -> Report:
    """Make the samples of a published set from sources, and tell which are the same.

    Args:
        folder: that ``occset publish`` wrote.
        given: sources by kind ("faces", "occluders", "textures"), as ``occset new`` takes them.
        out: a new folder for the samples, ``NAME/image|clean|face|occlusion/NNNNNN_SAMPLE.png``, the set that they are made
            from (``set``) and ``replay.json``; None to keep nothing.
        verify_only: look at the sources alone, and name the samples that could not be the same.
        workers: processes; all cores by default.
        bars: such as `occset.support.console.progress_bar`; one after another.

    Returns:
        What is equal and what is not, with reasons.

    Raises:
        OccsetError: there is no published set, no source was given or one cannot be opened, or ``out`` holds something else.
        BadInput: a file of the published set is not the one that was published.
    """
    published = read_published(folder)
    if not any(given.get(kind) for kind in KINDS):
        wanted = dict.fromkeys(f"--{one['kind']} {spec_of(one)}" for one in _sources(published))
        raise OccsetError(f"{folder}: name the sources that you hold: {' '.join(wanted)}")
    places = [open_place(kind, spec) for kind in KINDS for spec in given.get(kind, ())]
    count = workers or default_workers()
    with _room(out, verify_only, published) as place:
        data = None if verify_only else OcclusionSet.create(place / "set", str(published.note.get("name", "replayed")))
        with bars("reading sources") as bar:
            report = rebuild(published, places, data, count, bar)
        report.rendered = data is not None
        if data is not None:
            data.note()
        with bars("rendering") as bar:
            _judge_samples(published, report, data, out, count, bar)
        if out is not None:
            write_atomic(out / REPORT, _json({"published": _identity(published), "finished": True, **report.as_json()}))
    return report


def _sources(published: Published) -> list[dict[str, Any]]:
    """What the note says of sources, as far as it can be shown."""
    listed = published.note.get("sources")
    names = ("kind", "name", "argument")
    return [
        one
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
        and all(isinstance(one.get(n), str) for n in names)
        and isinstance(one.get("options"), dict)
    ]


def _identity(published: Published) -> str:
    return sha256_file(published.folder / NOTE)


@contextmanager
def _claimed(out: Path, published: Published) -> Iterator[Path]:
    """The folder that samples go to, held against other writers and other sets."""
    with only_writer(out) as held:
        note = out / REPORT
        if not note.exists() and any(path.name[0] != "." for path in out.iterdir()):
            raise OccsetError(f"{out}: not empty and not written by occset replay: choose a new folder")
        if note.exists() and read_note(note).get("published") != _identity(published):
            raise OccsetError(f"{out}: another set was replayed here: choose another folder")
        write_atomic(note, _json({"published": _identity(published), "finished": False}))
        clear_temporaries(out, held)
        yield out
        clear_temporaries(out, held)


def _room(out: Path | None, verify_only: bool, published: Published) -> AbstractContextManager[Any]:
    if out is not None:
        if out.resolve() == published.folder.resolve():
            raise OccsetError(f"{out}: is the published set itself: choose a new folder")
        return _claimed(out, published)
    if verify_only:
        return nullcontext()
    return _temporary()


@contextmanager
def _temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="occset-replay-") as folder:
        yield Path(folder)


def _judge_samples(
    published: Published, report: Report, data: OcclusionSet | None, out: Path | None, workers: int, bar: Bar
) -> None:
    """Render the samples whose items are all equal and compare them; name the others."""
    bad = {
        item: (verdict.status, verdict.why) for (_, item), verdict in report.verdicts.items() if verdict.status != EQUAL
    }
    known = {item for rows in published.items.values() for item in rows}
    files = [PublishedRecipes(path) for path in published.recipes]
    total, done = sum(map(len, files)), 0
    for file in files:
        starts = list(range(0, len(file), _CHUNK))
        make = partial(_SampleJudge, file.path, data, out, bad, known)
        for start, (equal, odd) in zip(starts, map_chunks(make, starts, workers), strict=True):
            report.counts[EQUAL] += equal
            for one in odd:
                report.counts[one["status"]] += 1
                if "item" in one:
                    one["because"] = f"{report.names[one.pop('item')]}: {one['because']}"
                report.samples.append(one)
            done += min(_CHUNK, len(file) - start)
            bar(done, total)


class _SampleJudge:
    """What a worker does: a range of the samples of a file."""

    def __init__(
        self, path: Path, data: OcclusionSet | None, out: Path | None, bad: dict[str, tuple[str, str]], known: set[str]
    ) -> None:
        self.file, self.bad, self.known = PublishedRecipes(path), bad, known
        self.renderer = None if data is None else Renderer(data)
        self.out = None if out is None else out / path.stem[: -len("-00000-of-00001")]

    def __call__(self, start: int) -> tuple[int, list[dict[str, Any]]]:
        equal, odd = 0, []
        for index, (recipe, digest) in enumerate(self.file.read(start, start + _CHUNK), start):
            found = self._one(recipe, digest)
            if found is None:
                equal += 1
            else:
                odd.append({"recipes": self.file.path.name, "number": index, "sample": recipe.sample, **found})
        return equal, odd

    def _one(self, recipe: Recipe, digest: str) -> dict[str, Any] | None:
        items = sorted(item for ids in named_items([recipe]).values() for item in ids)
        if lost := [item for item in items if item not in self.known]:
            raise BadInput(
                f"{self.file.path}: names {lost[0]}, of which the tables beside it say nothing: download it again"
            )
        for status in (MISSING, CHANGED, DECODER):
            for item in items:
                if item in self.bad and self.bad[item][0] == status:
                    return {"status": status, "item": item, "because": self.bad[item][1]}
        if self.renderer is None:
            return None
        sample = self.renderer.render(recipe)
        if self.out is not None:
            write_pictures(sample, recipe, self.out, recipe.index)
        if sample_hash(sample) != digest:
            return {
                "status": DECODER,
                "because": "its sources are the same, but it is rendered otherwise here: is OpenCV 4.12?",
            }
        return None


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
