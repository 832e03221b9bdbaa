"""Segmentation: which pixels are visible face."""

from __future__ import annotations

from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.parts import Audit, Form, Methods, Pairs, Samples, Words, unseen_networks
from occset.benchmark.tasks.segmentation import rules
from occset.benchmark.tasks.segmentation.columns import COLUMNS, METRIC_VERSION, METRICS
from occset.models.registry import inference_classes

_HERE = "occset.benchmark.tasks.segmentation"

CONTROLS = {
    "truth": f"{_HERE}.controls:TrueMask",
    "shifted-truth": f"{_HERE}.controls:ShiftedMask",
    "noise": f"{_HERE}.controls:CoinFlips",
    "all-face": f"{_HERE}.controls:AllFace",
    "nothing": f"{_HERE}.controls:Nothing",
}

METHODS = {
    **inference_classes(rules.NAME),  # our networks
    "colour": f"{_HERE}.methods.skin_colour:SkinColour",
    "oval": f"{_HERE}.methods.fixed:Oval",
    "labels": f"{_HERE}.methods.fixed:Labels",
    **CONTROLS,
}

_MASKS: Pairs = (("truth", "shifted-truth"), ("shifted-truth", "noise"), ("noise", "nothing"))
_EXTREMES: Pairs = (("truth", "all-face"), ("all-face", "nothing"))

TASK = BenchTask(
    name=rules.NAME,
    words=Words(
        title="Face segmentation leaderboard",
        lead="Faces, with and without something in front of them, and what each method takes for visible face.",
        kinds="Sample",
        bounds={"floor": "all pixels called face", "ceiling": "the truth"},
        given="given the data set's own mask, or not known to be automatic",
        marks={"face": "given the data set's own mask"},
        no_identity="masks show nobody",
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
    methods=Methods(
        signature="segment(images)",
        given=("ids",),
        registered=METHODS,
        controls=tuple(CONTROLS),
        roles={"all-face": "floor", "truth": "ceiling"},
        told={"labels": ("face",)},
        defaults=(*inference_classes(rules.NAME), "colour", "labels"),
        forms=(
            Form("onnx:FILE", f"{_HERE}.onnx:from_spec", "An ONNX network of one image input and one mask output"),
            Form(
                "predictions:FOLDER",
                f"{_HERE}.predictions:Predictions",
                "Masks made elsewhere, as PNG, 255 = face",
                ("ids",),
            ),
        ),
        unseen=unseen_networks(rules.NAME, "runs the released weights"),
    ),
    metrics=METRICS,
    columns={METRIC_VERSION: COLUMNS},
    headline="iou",
    shown=("iou", "precision", "recall", "boundary_f", "pooled_iou"),
    # an occluder only takes away from what the data set calls face, so its own labels find all of it
    audit=Audit(
        above={
            "iou": (*_MASKS, *_EXTREMES),
            "precision": (*_MASKS, *_EXTREMES),
            "recall": _MASKS,
            "boundary_f": (("truth", "shifted-truth"), ("shifted-truth", "all-face"), ("shifted-truth", "nothing")),
        },
        perfect={
            "iou": {"truth": 1.0, "nothing": 0.0},
            "precision": {"truth": 1.0},
            "recall": {"truth": 1.0, "all-face": 1.0, "labels": 1.0},
            "boundary_f": {"truth": 1.0},
        },
    ),
    samples=Samples(rules.RULES, fit=rules.fit_to_set, landmarks=False),
    evaluator=f"{_HERE}.evaluator:MaskEvaluator",
    trial=f"{_HERE}.trial:make_batch",
    remarks=f"{_HERE}.trial:remarks",
)
