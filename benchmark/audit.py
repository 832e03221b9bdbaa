"""`occset bench --audit`: controls must rank as they must, or the bench itself is wrong.

Of de-occlusion, for each pixel metric of the primary group, with the paired interval of the difference clear of zero:

    truth  >  shifted-truth  >  each of input, mean-colour, noise        mean-colour  >  noise

and the truth is perfect (l1 0, psnr 60 dB, ssim 1). For ID only the truth's first place counts, with a cosine of 1: a black
hole can score above an inpainted one.

Of segmentation, for IoU, precision and recall,

    truth  >  shifted-truth  >  noise  >  nothing        (IoU, precision: truth  >  all-face  >  nothing)

and for boundary F truth > shifted-truth > each of all-face, nothing, which have no boundary; the truth is 1 in all, recall
of all-face and of labels is 1 (an occluder only takes away from what the data set calls face), and IoU of nothing is 0.
What must hold is declared in `occset.benchmark.tasks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from occset.benchmark.results import Result
from occset.benchmark.statistics import paired_difference
from occset.benchmark.tasks import DEOCCLUSION, TASKS

AUDITED = TASKS[DEOCCLUSION].audited
"""What the audit of de-occlusion runs: the controls, and the mean colour, a method whose place among them is known."""


@dataclass(frozen=True)
class Verdict:
    """One thing that must hold: `metric`, what must hold, whether it does, and the figures."""

    metric: str
    must: str
    ok: bool
    seen: str


def audit(results: Mapping[str, Result]) -> list[Verdict]:
    """Hold the results of a task's `audited` against what must be.

    Args:
        results: by method name; all of those, on the same protocol and samples.

    Raises:
        KeyError: one of them is missing.
    """
    task = TASKS[results["truth"].task]
    scores = {name: results[name].scores.set_index("sample") for name in task.audited}
    faces = scores["truth"]["face"]
    verdicts = []
    for metric, pairs in task.above.items():
        if metric not in scores["truth"]:  # no ArcFace file, no identity
            continue
        higher = task.metrics[metric].higher_is_better
        for better, worse in pairs:
            a, b = scores[better][metric], scores[worse][metric]
            gap = paired_difference(a, b, faces)
            ok = gap.low > 0 if higher else gap.high < 0
            seen = f"{a.mean():.4g} against {b.mean():.4g}, difference {gap.low:.3g} to {gap.high:.3g}"
            verdicts.append(Verdict(metric, f"{better} above {worse}", ok, seen))
        for name, must in task.perfect.get(metric, {}).items():
            mean = float(scores[name][metric].mean())
            verdicts.append(Verdict(metric, f"{name} is {must:g}", abs(mean - must) < 1e-5, f"{mean:.6g}"))
    return verdicts
