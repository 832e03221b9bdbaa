"""`occset bench --audit`: controls must rank as they must, or the bench itself is wrong.

Each task declares in its `Audit` which of its controls must be better than which, with the paired interval of the difference
clear of zero, and what they must reach exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

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

    What no sample has a value for is not held against anything, nor are controls that are absent.

    Args:
        results: by method name; all of those, on the same protocol and samples, but for controls that the faces of the
            protocol give nothing to (`occset.benchmark.tasks.parts.Methods.needs`).

    Raises:
        KeyError: another one is missing.
    """
    task = task_named(next(iter(results.values())).task)
    must_hold = task.audit
    runs = [name for name in must_hold.runs if name in results or name not in task.methods.needs]
    scores = {name: results[name].scores.set_index("sample") for name in runs}
    some = scores[runs[0]]
    verdicts = []
    for metric, pairs in must_hold.above.items():
        if metric not in some:  # no file, no judge
            continue
        higher = task.metrics[metric].higher_is_better
        for better, worse in pairs:
            a, b = _known(scores, better, metric), _known(scores, worse, metric)
            if a is None or b is None:
                continue
            gap = paired_difference(a, b, some["face"])
            ok = gap.low > 0 if higher else gap.high < 0
            seen = f"{a.mean():.4g} against {b.mean():.4g}, difference {gap.low:.3g} to {gap.high:.3g}"
            verdicts.append(Verdict(metric, f"{better} above {worse}", ok, seen))
        for name, must in must_hold.perfect.get(metric, {}).items():
            known = _known(scores, name, metric)
            if known is None:
                continue
            mean = float(known.mean())
            verdicts.append(Verdict(metric, f"{name} is {must:g}", abs(mean - must) < 1e-5, f"{mean:.6g}"))
    return verdicts


def _known(scores: Mapping[str, pd.DataFrame], name: str, metric: str) -> pd.Series | None:
    """The values of a method's metric, without samples that have none; None where there are none at all."""
    found = scores[name][metric].dropna() if name in scores else pd.Series(dtype=float)
    return None if found.empty else found
