"""What methods are asked to do: remove what hides a face, or segment the face that is seen.

All that the bench needs to know of a task beside its code: metrics, headline, bounds, audit and the words of its pages.
Protocols name their task (`occset.benchmark.protocols.Rule.task`), and so do results.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from occset.benchmark.metrics import masks, table
from occset.benchmark.metrics.table import Metric

DEOCCLUSION, SEGMENTATION = "deocclusion", "segmentation"

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class BenchTask:
    """A task.

    Attributes:
        name: as rules and results name it.
        title: of a page about it alone.
        lead: one paragraph beneath the title.
        method: what a method must have, as it is called.
        metrics: every figure by key; primary ones first.
        columns: what is stored for each sample, beside `sample`, `face` and `type` (and `id`, see `identity`).
        metric_version: number of the conventions.
        headline: the metric that orders tables.
        shown: metrics of the table on the command line.
        identity: whether an ArcFace cosine belongs to it.
        defaults: methods that run when none is named.
        roles: the controls that bound a method, "floor" and "ceiling" by name.
        bounds: what those are, in words.
        kinds: what types of samples are called in a page.
        given_words: what a page says of methods that are not automatic.
        given: what a method may ask for in its `given`.
        above: for each metric, pairs of which the first must be better, significantly.
        perfect: for each metric, what a method must reach exactly.
        conventions: paragraphs of the page.
    """

    name: str
    title: str
    lead: str
    method: str
    metrics: dict[str, Metric]
    columns: tuple[str, ...]
    metric_version: int
    headline: str
    shown: tuple[str, ...]
    identity: bool
    defaults: tuple[str, ...]
    roles: dict[str, str]
    bounds: dict[str, str]
    kinds: str
    given_words: str
    given: tuple[str, ...]
    above: dict[str, Pairs]
    perfect: dict[str, dict[str, float]]
    conventions: tuple[str, ...] = field(default=())

    @property
    def call(self) -> str:
        """Name of the attribute that `method` calls."""
        return self.method.partition("(")[0]

    @property
    def audited(self) -> tuple[str, ...]:
        """What the audit runs, in the order in which they are first named."""
        pairs = [pair for pairs in self.above.values() for pair in pairs]
        named = [name for pair in pairs for name in pair] + [name for at in self.perfect.values() for name in at]
        return tuple(dict.fromkeys(named))

    def primary(self) -> list[Metric]:
        """The metrics that rank methods."""
        return [metric for metric in self.metrics.values() if metric.group == "primary"]


_PIXELS: Pairs = (
    ("truth", "shifted-truth"),
    ("shifted-truth", "input"),
    ("shifted-truth", "mean-colour"),
    ("shifted-truth", "noise"),
    ("mean-colour", "noise"),
)
_MASKS: Pairs = (("truth", "shifted-truth"), ("shifted-truth", "noise"), ("noise", "nothing"))

TASKS = {
    task.name: task
    for task in (
        BenchTask(
            name=DEOCCLUSION,
            title="De-occlusion leaderboard",
            lead="Faces, something in front of them, and what each method puts in its place.",
            method="deocclude(images, masks)",
            metrics=table.METRICS,
            columns=tuple(metric.key for metric in table.PIXEL_METRICS),
            metric_version=table.METRIC_VERSION,
            headline="l1",
            shown=("l1", "psnr", "ssim", "id"),
            identity=True,
            defaults=(),
            roles={"input": "floor", "truth": "ceiling"},
            bounds={"floor": "the occluded input", "ceiling": "the truth"},
            kinds="Occluder",
            given_words="given the true mask, or not known to be automatic",
            given=("mask", "ids"),
            above={
                **dict.fromkeys(("l1", "psnr", "ssim"), _PIXELS),
                "id": tuple(("truth", other) for other in ("shifted-truth", "input", "mean-colour", "noise")),
            },
            perfect={"l1": {"truth": 0.0}, "psnr": {"truth": 60.0}, "ssim": {"truth": 1.0}, "id": {"truth": 1.0}},
            conventions=(
                "Scored is the hole: the part of the occluder's footprint that lies on the clean face. The composite "
                "takes the method's pixels in the footprint and the input's outside; the footprint is alpha > 0, "
                "dilated by 1 % of the width. Every figure is the mean of values computed picture by picture.",
                "Automatic methods see the occluded picture alone; those given the true mask are told where the "
                "occluder is. The floor is the occluded input left as it is, the ceiling is the truth itself.",
            ),
        ),
        BenchTask(
            name=SEGMENTATION,
            title="Face segmentation leaderboard",
            lead="Faces, with and without something in front of them, and what each method takes for visible face.",
            method="segment(images)",
            metrics=masks.METRICS,
            columns=masks.COLUMNS,
            metric_version=masks.METRIC_VERSION,
            headline="iou",
            shown=("iou", "precision", "recall", "boundary_f", "pooled_iou"),
            identity=False,
            defaults=("ns", "colour", "labels"),
            roles={"all-face": "floor", "truth": "ceiling"},
            bounds={"floor": "all pixels called face", "ceiling": "the truth"},
            kinds="Sample",
            given_words="given the data set's own mask, or not known to be automatic",
            given=("ids",),
            above={
                "iou": (*_MASKS, ("truth", "all-face"), ("all-face", "nothing")),
                "precision": (*_MASKS, ("truth", "all-face"), ("all-face", "nothing")),
                "recall": _MASKS,
                "boundary_f": (("truth", "shifted-truth"), ("shifted-truth", "all-face"), ("shifted-truth", "nothing")),
            },
            perfect={
                "iou": {"truth": 1.0, "nothing": 0.0},
                "precision": {"truth": 1.0},
                "recall": {"truth": 1.0, "all-face": 1.0, "labels": 1.0},
                "boundary_f": {"truth": 1.0},
            },
            conventions=(
                "Positive is the visible face: a pixel counts as face where the soft mask is above 127 of 255. Masks are "
                "scored at the protocol's resolution. Figures are means of values computed picture by picture, but for "
                "the pooled ones, which divide sums over all pictures.",
                "Where a picture shows no face and none is found, every figure is 1; where only one of the two is so, "
                "a figure whose denominator is 0 is 0. A pooled figure of nothing at all is 0.",
                "Automatic methods see the picture alone. 'labels' is what the data set itself says of the photo, which "
                "knows nothing of an occluder that was added: right on bare faces by definition. The floor calls every "
                "pixel face, the ceiling is the truth itself.",
            ),
        ),
    )
}
