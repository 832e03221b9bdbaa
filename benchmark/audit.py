"""`occset bench --audit`: controls must rank as they must, or the bench itself is wrong.

For each pixel metric of the primary group, with the paired interval of the difference clear of zero:

    truth  >  shifted-truth  >  each of input, mean-colour, noise        mean-colour  >  noise

and the truth is perfect (l1 0, psnr 60 dB, ssim 1). For ID only the truth's first place counts, with a cosine of 1: a black
hole can score above an inpainted one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from occset.benchmark.metrics import METRICS
from occset.benchmark.results import Result
from occset.benchmark.statistics import paired_difference

AUDITED = ("truth", "shifted-truth", "input", "mean-colour", "noise")
"""What the audit runs: the controls, and the mean colour, a method whose place among them is known."""

PERFECT = {"l1": 0.0, "psnr": 60.0, "ssim": 1.0, "id": 1.0}
_ABOVE = (
    ("truth", "shifted-truth"),
    ("shifted-truth", "input"),
    ("shifted-truth", "mean-colour"),
    ("shifted-truth", "noise"),
    ("mean-colour", "noise"),
)


@dataclass(frozen=True)
class Verdict:
    """One thing that must hold: `metric`, what must hold, whether it does, and the figures."""

    metric: str
    must: str
    ok: bool
    seen: str


def audit(results: Mapping[str, Result]) -> list[Verdict]:
    """Hold the results of `AUDITED` against what must be.

    Args:
        results: by method name; all of `AUDITED`, on the same protocol and samples.

    Raises:
        KeyError: one of them is missing.
    """
    scores = {name: results[name].scores.set_index("sample") for name in AUDITED}
    verdicts = []
    for metric in ("l1", "psnr", "ssim"):
        higher = METRICS[metric].higher_is_better
        for better, worse in _ABOVE:
            a, b = scores[better][metric], scores[worse][metric]
            gap = paired_difference(a, b, scores[better]["face"])
            ok = gap.low > 0 if higher else gap.high < 0
            seen = f"{a.mean():.4g} against {b.mean():.4g}, difference {gap.low:.3g} to {gap.high:.3g}"
            verdicts.append(Verdict(metric, f"{better} above {worse}", ok, seen))
        verdicts.append(_perfect(metric, float(scores["truth"][metric].mean())))
    if results["truth"].arcface is not None:
        for other in AUDITED[1:]:
            gap = paired_difference(scores["truth"]["id"], scores[other]["id"], scores["truth"]["face"])
            seen = f"difference {gap.low:.3g} to {gap.high:.3g}"
            verdicts.append(Verdict("id", f"truth above {other}", gap.low > 0, seen))
        verdicts.append(_perfect("id", float(scores["truth"]["id"].mean())))
    return verdicts


def _perfect(metric: str, seen: float) -> Verdict:
    return Verdict(metric, f"truth is {PERFECT[metric]:g}", abs(seen - PERFECT[metric]) < 1e-5, f"{seen:.6g}")
