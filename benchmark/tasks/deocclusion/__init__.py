"""De-occlusion: what hides a face is taken away, and what was behind it put there.

`columns` declares the figures, `pixels` computes those that need pixels only; who a picture shows is said by a judge.
"""

from __future__ import annotations

from occset.benchmark.identity.judge import ARCFACE, DLIB
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.deocclusion import rules
from occset.benchmark.tasks.deocclusion.columns import (
    JUDGED_SINCE,
    METRIC_VERSION,
    METRICS,
    OPTIONAL,
    ORACLE_METRICS,
    PIXEL_METRICS,
)
from occset.benchmark.tasks.parts import Audit, Form, Methods, Pairs, Samples, Unseen, Words, unseen_networks
from occset.models.registry import inference_classes

_HERE = "occset.benchmark.tasks.deocclusion"

_OURS = "occset.models.deocclusion.deoccluder"
_RIVALS = "occset.models.baselines.painter"

CONTROLS = {
    "truth": f"{_HERE}.controls:Truth",
    "input": f"{_HERE}.controls:OccludedInput",
    "noise": f"{_HERE}.controls:Noise",
    "shifted-truth": f"{_HERE}.controls:ShiftedTruth",
}

METHODS = {
    "telea": f"{_HERE}.methods.classical:Telea",
    "navier-stokes": f"{_HERE}.methods.classical:NavierStokes",
    "patchmatch": f"{_HERE}.methods.patchmatch:PatchMatch",
    "pca": f"{_HERE}.methods.pca:LinearFace",
    "mean-colour": f"{_HERE}.methods.classical:MeanColour",
    "ours": f"{_OURS}:Deoccluder",
    "ours+mask": f"{_OURS}:DeoccluderWithMask",
    "ours-no-ssim": f"{_OURS}:DeoccluderWithoutStructure",
    "ours-no-ssim+mask": f"{_OURS}:DeoccluderWithoutStructureWithMask",
    "ours@25k": f"{_OURS}:DeoccluderAtEqualBudget",
    "ours@25k+mask": f"{_OURS}:DeoccluderAtEqualBudgetWithMask",
    "ours-blend": f"{_OURS}:BlendingDeoccluder",
    "ours-blend+mask": f"{_OURS}:BlendingDeoccluderWithMask",
    **inference_classes(rules.NAME),  # the paper's rivals
    **CONTROLS,
}

_PIXELS: Pairs = (
    ("truth", "shifted-truth"),
    ("shifted-truth", "input"),
    ("shifted-truth", "mean-colour"),
    ("shifted-truth", "noise"),
    ("mean-colour", "noise"),
)

TASK = BenchTask(
    name=rules.NAME,
    words=Words(
        title="De-occlusion leaderboard",
        lead="Faces, something in front of them, and what each method puts in its place.",
        kinds="Occluder",
        bounds={"floor": "the occluded input", "ceiling": "the truth"},
        given="given the true mask, or not known to be automatic",
        marks={"mask": "given the true mask"},
        conventions=(
            "Scored is the hole: the part of the occluder's footprint that lies on the clean face. The composite "
            "takes the method's pixels in the footprint and the input's outside; the footprint is alpha > 0, "
            "dilated by 1 % of the width. Every figure is the mean of values computed picture by picture.",
            "Automatic methods see the occluded picture alone; those given the true mask are told where the "
            "occluder is. The floor is the occluded input left as it is, the ceiling is the truth itself.",
            "Identity is judged by two networks, of which the second, dlib's, was never trained against. A method is "
            "called ahead in identity only where both find it significantly better.",
        ),
    ),
    methods=Methods(
        signature="deocclude(images, masks)",
        given=("mask", "ids"),
        registered=METHODS,
        controls=tuple(CONTROLS),
        roles={"input": "floor", "truth": "ceiling"},
        forms=(
            Form("onnx:FILE", f"{_HERE}.onnx:from_spec", "An ONNX network; given the mask if it has an input for one"),
            Form(
                "predictions:FOLDER",
                f"{_HERE}.predictions:Predictions",
                "Pictures made elsewhere, FOLDER/[anything_]<sample id>.png",
                ("ids",),
            ),
            Form("ours:WEIGHTS", f"{_OURS}:behind", "NG of your own, behind the released NS and NR"),
            Form("ours+mask:WEIGHTS", f"{_OURS}:behind_with_mask", "The same, given the true mask", ("mask",)),
            Form(
                "weights:FOLDER",
                f"{_RIVALS}:behind",
                "A rival by weights of your own, imported, or kept on the way",
                ("mask",),
            ),
        ),
        unseen={
            "ours": Unseen("NS, NR and NG, the paper's: NG paints what hides the face; runs the released weights"),
            "ours+mask": Unseen("The same, given the true mask", ("mask",)),
            "ours-no-ssim": Unseen("As ours@25k, without the loss of structure in NG's training: the paper's ablation"),
            "ours-no-ssim+mask": Unseen("The same, given the true mask", ("mask",)),
            "ours@25k": Unseen("The same with an NG that saw as many samples as the rivals: compare it with them"),
            "ours@25k+mask": Unseen("The same, given the true mask", ("mask",)),
            "ours-blend": Unseen("NS and NR: the rendered face blended into what hides it; runs the released weights"),
            "ours-blend+mask": Unseen("The same, given the true mask", ("mask",)),
            **unseen_networks(rules.NAME, "runs weights of its own"),
        },
    ),
    metrics=METRICS,
    columns={
        **dict.fromkeys((1, 2), tuple(metric.key for metric in PIXEL_METRICS)),
        METRIC_VERSION: tuple(metric.key for metric in (*PIXEL_METRICS, *ORACLE_METRICS)),
    },
    optional=OPTIONAL,
    headline="l1",
    shown=("l1", "psnr", "ssim", "id", "id2"),
    # for ID only the truth's first place counts: a black hole can score above an inpainted one
    audit=Audit(
        above={
            **dict.fromkeys(("l1", "psnr", "ssim"), _PIXELS),
            **dict.fromkeys(
                ("id", "id2"),
                tuple(("truth", other) for other in ("shifted-truth", "input", "mean-colour", "noise")),
            ),
        },
        perfect={
            "l1": {"truth": 0.0},
            "psnr": {"truth": 60.0},
            **{key: {"truth": 1.0} for key in ("ssim", "id", "id2")},
        },
    ),
    samples=Samples(rules.RULES, fit=rules.fit_to_set, faces=rules.faces_for),
    evaluator=f"{_HERE}.evaluator:PictureEvaluator",
    trial=f"{_HERE}.trial:make_batch",
    remarks=f"{_HERE}.trial:remarks",
    judges=(ARCFACE, DLIB),
    judged_since=JUDGED_SINCE,
    agreeing={"identity": ("id", "id2")},
)
