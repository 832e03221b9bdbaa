"""What is said of a method only where several figures say it, such as who is ahead in identity."""

from __future__ import annotations

from collections import Counter

import pandas as pd

from occset.benchmark.leaderboards.cells import scores_of, values_of
from occset.benchmark.results.result import Result
from occset.benchmark.statistics import significantly_better
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.metric import Metric


def agreement_notes(
    results: list[Result],
    faces: pd.Series,
    task: BenchTask,
    files: dict[str, str | None],
    metrics: dict[str, Metric],
) -> list[str]:
    """Sentences for each word of the task's `agreeing`; none where a table lacks the figures, or has fewer than two methods.

    Args:
        results: of one table.
        faces: the face of every sample, indexed by sample.
        task: what they do.
        files: hash of each judge's file in this table, by key.
        metrics: the figures of this table.
    """
    names = _names(results)
    competing = {name: result for name, result in names.items() if not result.unranked}
    notes = []
    for word, keys in task.agreeing.items():
        if len(competing) < 2 or not set(keys) <= set(metrics):
            continue
        scores = {name: scores_of(result, faces.index) for name, result in competing.items()}
        found = [
            {name: values_of(result, scores[name], metrics[key], task, files) for name, result in competing.items()}
            for key in keys
        ]
        silent = [
            f"{metrics[key].label} has no figures to tell by ({next(iter(column.values()))})"
            for key, column in zip(keys, found, strict=True)
            if all(isinstance(values, str) for values in column.values())
        ]
        if silent:
            notes.append(f"Nobody is called ahead in {word}: {' and '.join(silent)}.")
            continue
        pairs = [
            significantly_better(
                {name: values["value"] for name, values in column.items() if isinstance(values, pd.DataFrame)},
                faces,
                higher_is_better=metrics[key].higher_is_better,
            )
            for key, column in zip(keys, found, strict=True)
        ]
        notes += _sentences(word, [metrics[key].label for key in keys], pairs)
    return notes


def _sentences(word: str, labels: list[str], pairs: list[set[tuple[str, str]]]) -> list[str]:
    """What all figures find, and what only some of them find."""
    together = set.intersection(*pairs)
    by_all = f"as {' and '.join(labels)} find alike"
    said = [f"Ahead in {word}, {by_all}: {_list(together)}." if together else f"Nobody is ahead in {word}, {by_all}."]
    alone = [
        f"{_list(found - together)} ({label})" for label, found in zip(labels, pairs, strict=True) if found - together
    ]
    return (
        [*said, f"Found by one of them alone, and so not called ahead in {word}: {'; '.join(alone)}."]
        if alone
        else said
    )


def _list(pairs: set[tuple[str, str]]) -> str:
    """For example "a of b, c; b of c"."""
    by_winner: dict[str, list[str]] = {}
    for winner, loser in sorted(pairs):
        by_winner.setdefault(winner, []).append(loser)
    ordered = sorted(by_winner.items(), key=lambda item: (-len(item[1]), item[0]))
    return "; ".join(f"{winner} of {', '.join(losers)}" for winner, losers in ordered)


def _names(results: list[Result]) -> dict[str, Result]:
    """Each result by its method's name, with the revision where two share a name."""
    often = Counter(result.method for result in results)
    return {r.method if often[r.method] == 1 else f"{r.method} {r.revision}": r for r in results}
