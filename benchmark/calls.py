"""The bench from Python: what `occset.benchmark` offers beside the figures of single pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from occset.benchmark.runner.run import Run
    from occset.dataset.occlusion_set import OcclusionSet


def run(
    data: OcclusionSet | str | Path,
    protocol: str,
    methods: Sequence[Any] = (),
    out: str | Path = "results",
    *,
    limit: int | None = None,
    arcface: str | Path | None = None,
    workers: int | None = None,
    worst: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Compare methods on a protocol, between floor and ceiling, as ``occset bench`` does; computes no result twice.

    Args:
        data: the set, or its folder.
        protocol: by name; frozen for this set if this is the first time, and kept in it, or in ``out`` where the set cannot
            be written to.
        methods: each a name or another spec (see ``occset bench list``), or an object with what the task calls, such as
            ``deocclude(images, masks)``; those of the task itself when there are none. Floor and ceiling always run.
        out: folder of the results.
        limit: only the first so many samples.
        arcface: ArcFace ONNX file for the ID column; looked for where it usually is when None.
        workers: processes; all cores when None. A script that uses several starts under ``if __name__ == "__main__"``.
        worst: of so many worst samples of each method the pictures are kept, for ``occset view --results``.
        progress: called with (done, all), counted in batches x methods.

    Returns:
        Its `results`, best read as tables (`leaderboard`) or one by one (`.method`, `.scores`), `broken` methods and why,
        and `notes`.

    Raises:
        OccsetError: a method cannot be opened, or the set lacks what the protocol needs; names it and the remedy.

    >>> from occset.benchmark import run
    >>> done = run(data, "sunglasses", methods=["telea"], limit=4, out=folder / "results", workers=1)
    >>> [result.method for result in done.results]
    ['telea', 'input', 'truth']
    >>> round(float(done.results[2].scores["psnr"].mean()))
    60
    """
    from occset.benchmark.protocols.frozen import open_protocol, rule_of
    from occset.benchmark.runner import run as runner
    from occset.benchmark.runner.planned import find_judges, open_all
    from occset.benchmark.tasks.registry import task_named

    task = task_named(rule_of(protocol).task)
    asked = list(methods) or list(task.methods.defaults)
    asked += [name for name in task.methods.roles if name not in asked]
    opened = open_all([_named(method) for method in asked], task)
    opened_set = _opened(data)
    judges = find_judges(task, {"id": None if arcface is None else Path(arcface)})
    frozen = open_protocol(opened_set, protocol, workers, spare=Path(out) / "protocols")
    return runner.run(
        opened_set,
        frozen,
        opened,
        Path(out),
        limit=limit,
        judges=judges,
        workers=workers,
        worst=worst,
        progress=progress,
    )


def evaluate(method: Any, data: OcclusionSet | str | Path, protocol: str, *, limit: int | None = None) -> pd.DataFrame:
    """Score one method on a protocol, here and now: no file is written, but for the protocol if this is the first time.

    Args:
        method: as in `run`. What it raises comes back as `BrokenMethod`.
        data: the set, or its folder.
        protocol: by name.
        limit: only the first so many samples.

    Returns:
        One row a sample: `sample`, `face`, `type`, and the task's own columns, such as `l1`, `psnr` and `ssim`.

    Raises:
        OccsetError: as `run`, and where the method breaks.

    >>> from occset.benchmark import evaluate
    >>> class Grey:
    ...     name, given = "grey", ("mask",)
    ...     def deocclude(self, images, masks):
    ...         return (images * 0 + 127).astype("uint8")
    >>> scores = evaluate(Grey(), data, "sunglasses", limit=4)
    >>> list(scores.columns[:6]), len(scores)
    (['sample', 'face', 'type', 'l1', 'psnr', 'ssim'], 4)
    """
    import tempfile

    import pandas as pd

    from occset.benchmark.methods.interfaces import Learns
    from occset.benchmark.protocols.frozen import open_protocol, rule_of
    from occset.benchmark.runner import worker
    from occset.benchmark.runner.planned import open_all
    from occset.benchmark.runner.training_faces import TrainSplit
    from occset.benchmark.tasks.opening import answers_for
    from occset.benchmark.tasks.registry import task_named

    task = task_named(rule_of(protocol).task)
    ((spec, opened),) = open_all([_named(method)], task)
    opened_set = _opened(data)
    with tempfile.TemporaryDirectory() as spare:  # for a set that cannot be written to
        frozen = open_protocol(opened_set, protocol, spare=Path(spare))
    if isinstance(opened, Learns):
        opened.fit(TrainSplit(opened_set, frozen.rule.size, need_landmarks=task.samples.landmarks))
    scorer = worker.Scorer(opened_set, task, [], {})
    recipes = frozen.recipes[:limit]
    rows: list[dict[str, Any]] = []
    for start in range(0, len(recipes), worker.BATCH):
        batch = scorer.evaluator.render(scorer.renderer, recipes[start : start + worker.BATCH])
        rows += scorer.score(opened, answers_for(spec, opened, task), batch).rows
    return pd.DataFrame(rows)


def leaderboard(results: str | Path, out: str | Path) -> dict[str, Path]:
    """Tables and one self-contained page from a folder of results, as ``occset leaderboard`` makes them.

    Args:
        results: folder that `run` wrote to, searched in depth.
        out: folder of the tables and the page.

    Returns:
        The files, by "markdown", "csv" and "html".

    Raises:
        BadInput: no result, or one that cannot be read; names the file.

    >>> from occset.benchmark import leaderboard, run
    >>> done = run(data, "sunglasses", methods=["mean-colour"], limit=4, out=folder / "more", workers=1)
    >>> sorted(path.name for path in leaderboard(folder / "more", folder / "site").values())
    ['index.html', 'leaderboard.csv', 'leaderboard.md']
    """
    from occset.benchmark.leaderboards import build

    return build(Path(results), Path(out))


def _named(method: Any) -> Any:
    """A spec as it is; an object with the name of its class, by which its result says what opens it again."""
    return method if isinstance(method, str) else (f"{type(method).__module__}:{type(method).__qualname__}", method)


def _opened(data: OcclusionSet | str | Path) -> OcclusionSet:
    from occset.dataset.occlusion_set import OcclusionSet

    return OcclusionSet(data) if isinstance(data, str | Path) else data
