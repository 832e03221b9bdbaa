"""`occset bench --audit`: controls must rank as they must, or the bench itself is wrong.

Each task declares in its `Audit` which of its controls must be better than which, with the paired interval of the difference
clear of zero, and what they must reach exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from occset.benchmark.results.result import Result
from occset.benchmark.statistics import paired_difference
from occset.benchmark.tasks.registry import task_named


@dataclass(frozen=True)
class Verdict:
    """One thing that must hold: `metric`, what must hold, whether it does, and the figures."""

    metric: str
    must: str
    ok: bool
    seen: str


def audit(results: Mapping[str, Result]) -> list[Verdict]:
    """Hold results of the methods that a task's audit runs against what must be.

    Args:
        results: by method name; all of those, on the same protocol and samples.

    Raises:
        KeyError: one of them is missing.
    """
    task = task_named(next(iter(results.values())).task)
    must_hold = task.audit
    scores = {name: results[name].scores.set_index("sample") for name in must_hold.runs}
    some = scores[must_hold.runs[0]]
    verdicts = []
    for metric, pairs in must_hold.above.items():
        if metric not in some:  # no file, no judge
            continue
        higher = task.metrics[metric].higher_is_better
        for better, worse in pairs:
            a, b = scores[better][metric], scores[worse][metric]
            gap = paired_difference(a, b, some["face"])
            ok = gap.low > 0 if higher else gap.high < 0
            seen = f"{a.mean():.4g} against {b.mean():.4g}, difference {gap.low:.3g} to {gap.high:.3g}"
            verdicts.append(Verdict(metric, f"{better} above {worse}", ok, seen))
        for name, must in must_hold.perfect.get(metric, {}).items():
            mean = float(scores[name][metric].mean())
            verdicts.append(Verdict(metric, f"{name} is {must:g}", abs(mean - must) < 1e-5, f"{mean:.6g}"))
    return verdicts
