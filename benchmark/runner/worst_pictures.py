"""Pictures of the worst cases of each method, which nobody knows before all samples are scored: they are made once more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from occset.benchmark.results.result import MADE, Result, picture_path, worst_folder, worst_samples
from occset.benchmark.runner.worker import BATCH, Entry, Scorer
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.registry import task_named
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.pictures.images import write_png


def lacking(entry: Entry, result: Result, most: int) -> list[str]:
    """Which of the ``most`` worst samples of a result lack a picture of those that stand beside each other."""
    names = (*task_named(result.task).words.pictures, MADE)
    folders = (entry.folder, worst_folder(entry.folder))

    def is_kept(sample: str) -> bool:
        return all(any(picture_path(folder, result, sample, what).is_file() for folder in folders) for what in names)

    return [sample for sample in worst_samples(result, most) if not is_kept(sample)]


def keep_worst(
    data: OcclusionSet, task: BenchTask, recipes: Sequence[Recipe], entry: Entry, result: Result, samples: Sequence[str]
) -> Path:
    """Run a method on some samples again, and keep their pictures below ``worst`` beside the results.

    They lie apart, since of a sample the folder of the results has the pictures of all methods or of none.

    Args:
        data: the set.
        task: what the method does.
        recipes: of the protocol.
        entry: the method, which is fitted.
        result: that it has.
        samples: of the protocol.

    Returns:
        The folder.

    Raises:
        BrokenMethod, MissingExtra: it does not do what it did before.
    """
    folder, scorer = worst_folder(entry.folder), Scorer(data, task, [entry], {})
    by_sample = {recipe.sample: recipe for recipe in recipes}
    for start in range(0, len(samples), BATCH):
        some = samples[start : start + BATCH]
        batch = scorer.evaluator.render(scorer.renderer, [by_sample[sample] for sample in some])
        for what, pictures in scorer.evaluator.shared(batch).items():
            for sample, picture in zip(some, pictures, strict=False):
                write_png(picture_path(folder, result, sample, what), picture)
        for sample, picture in zip(some, scorer.score(entry.method, entry.answers, batch).pictures, strict=False):
            write_png(picture_path(folder, result, sample), picture)
    return folder
