"""The figures of de-occlusion: results, leaderboard and documentation read them from here.

Words used in the definitions:

- footprint: pixels the occluder touches (alpha > 0, dilated by 1 % of the width);
- hole: the footprint's part on the clean face;
- composite: the method's pixels in the footprint, the input's outside;
- raw output: what the method returned, resized to the protocol's resolution and otherwise untouched.

Every column is first computed for each picture and then averaged over pictures.
"""

from __future__ import annotations

from typing import Literal

from occset.benchmark.identity.judge import IDENTITY, IDENTITY_2
from occset.benchmark.tasks.metric import Metric

METRIC_VERSION = 3
"""Number of the conventions below; results of different numbers are never put into one table.

1: the pixels, and ArcFace's cosine. 2: besides, dlib's cosine, and of both the share of the gap closed.
3: besides, the best of several draws, of methods that draw.
"""

JUDGED_SINCE = {"id_gained": 2, "id_gap": 2, "id2": 2, "id2_gained": 2, "id2_gap": 2}
"""Columns of judges that came later, to the number from which they are stored."""


_L1 = "Mean absolute difference to the truth on 0..1, over pixels and channels"
_PSNR = "10 log10(1 / MSE) on 0..1, the MSE over pixels and channels, capped at 60 dB"
_SSIM = "SSIM map for each channel (Gaussian window of 11, sigma 1.5, K1 .01, K2 .03, range 1, reflected border)"


def _triple(prefix: str, label: str, region: str, group: Literal["primary", "secondary"]) -> list[Metric]:
    """L1, PSNR and SSIM over one region."""
    return [
        Metric(f"{prefix}l1", f"{label}L1", False, "", 4, group, f"{_L1} of {region}."),
        Metric(f"{prefix}psnr", f"{label}PSNR", True, "dB", 2, group, f"{_PSNR}, over {region}."),
        Metric(f"{prefix}ssim", f"{label}SSIM", True, "", 4, group, f"{_SSIM}, averaged over {region}."),
    ]


PIXEL_METRICS: tuple[Metric, ...] = (
    *_triple("", "", "the hole's pixels of the composite", "primary"),
    *_triple("footprint_", "Footprint ", "all pixels of the footprint, background included", "secondary"),
    *_triple("whole_", "Whole ", "all pixels of the composite", "secondary"),
    *_triple("raw_", "Raw ", "all pixels of the raw output", "secondary"),
    Metric(
        "table1_pm1_l1",
        "Table 1 (a) L1",
        False,
        "",
        4,
        "secondary",
        "First reading of the paper's Table 1: L1 on -1..1 in the hole, which is twice the primary L1.",
    ),
    Metric(
        "table1_pm1_psnr",
        "Table 1 (a) PSNR",
        True,
        "dB",
        2,
        "secondary",
        "First reading of the paper's Table 1: PSNR in the hole (the same on -1..1 as on 0..1).",
    ),
    Metric(
        "table1_01_l1",
        "Table 1 (b) L1",
        False,
        "",
        4,
        "secondary",
        "Second reading of the paper's Table 1: L1 on 0..1 in the hole.",
    ),
    Metric(
        "table1_01_psnr",
        "Table 1 (b) PSNR",
        True,
        "dB",
        2,
        "secondary",
        "Second reading of the paper's Table 1: PSNR of the whole composite.",
    ),
)
"""What `evaluate` returns, in the order of columns."""

_BEST = "of the one among a method's draws that is nearest to the truth in L1: what no method can know. Never ranked."

ORACLE_METRICS: tuple[Metric, ...] = (
    Metric("oracle_l1", "Oracle L1", False, "", 4, "secondary", f"L1 in the hole {_BEST}", ranked=False),
    Metric("oracle_psnr", "Oracle PSNR", True, "dB", 2, "secondary", f"PSNR in the hole {_BEST}", ranked=False),
    Metric("oracle_ssim", "Oracle SSIM", True, "", 4, "secondary", f"SSIM in the hole {_BEST}", ranked=False),
)
"""Of methods that can draw more than one picture, see `occset.benchmark.methods.interfaces.Draws`; no value of others."""

OPTIONAL = {metric.key: "it paints one picture of a face" for metric in ORACLE_METRICS}
"""Columns that have no value of some methods, and why."""

METRICS: dict[str, Metric] = {
    **{m.key: m for m in PIXEL_METRICS[:3]},
    **IDENTITY,
    **IDENTITY_2,
    **{m.key: m for m in PIXEL_METRICS[3:]},
    **{m.key: m for m in ORACLE_METRICS},
}
"""Every column by key: primary ones first."""
