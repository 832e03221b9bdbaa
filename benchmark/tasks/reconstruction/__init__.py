"""Reconstruction: the 3D face in a picture, hidden parts too, as coefficients of a morphable model and as a render."""

from __future__ import annotations

from occset.benchmark.identity.judge import ARCFACE
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.parts import Audit, Bins, Form, Methods, Pairs, Samples, Unseen, Words, unseen_networks
from occset.benchmark.tasks.reconstruction import rules
from occset.benchmark.tasks.reconstruction.columns import COLUMNS, METRIC_VERSION, METRICS, OPTIONAL
from occset.models.reconstruction.deep3d import PUBLISHED
from occset.models.registry import find, inference_classes

_HERE = "occset.benchmark.tasks.reconstruction"

CONTROLS = {
    "photo": f"{_HERE}.controls:Photo",
    "shifted-photo": f"{_HERE}.controls:ShiftedPhoto",
    "truth": f"{_HERE}.controls:TrueFace",
    "other": f"{_HERE}.controls:OtherPerson",
    "nothing": f"{_HERE}.controls:Nothing",
}

RELEASED = tuple(name for name in inference_classes(rules.NAME) if find(name).is_released)

METHODS = {
    **inference_classes(rules.NAME),  # our networks
    PUBLISHED.name: PUBLISHED.inference,
    "fit": f"{_HERE}.methods.fitted:Fit",
    "fit-em": f"{_HERE}.methods.fitted:FitWithOutliers",
    "mean-face": f"{_HERE}.methods.mean_face:MeanFace",
    **CONTROLS,
}

_RENDERED: Pairs = (("truth", "mean-face"), ("truth", "other"))
_PICTURES: Pairs = (("photo", "shifted-photo"), ("photo", "mean-face"), ("mean-face", "nothing"))

TASK = BenchTask(
    name=rules.NAME,
    words=Words(
        title="Face reconstruction leaderboard",
        lead="Faces, with and without something in front of them, and the 3D face that each method sees in them.",
        kinds="Sample",
        bounds={"floor": "no face at all", "ceiling": "the clean picture's own face"},
        given="told something of the face, or not known to be automatic",
        marks={"points": "given the true five points"},
        conventions=(
            "A method sees the occluded picture and is held against the clean one. Lpix is Eq. 6 of the paper over the "
            "pixels of the clean picture's face that the render covers; a method that covers less is not better for it, so "
            "coverage and Lpix over the whole face stand beside it. A render that covers none of the face gets the worst "
            "value, 1.7321. Renders are display values (sRGB), as photos are.",
            "ID looks at the render alone, on black: pasted into the photo, hair and background would speak for everybody, "
            "and who renders little would be right about who it is. So the ceiling of a render is far from 1; that of the "
            "true coefficients stands in the table where they are known.",
            "Rendered (built-in) faces have a truth: vertices are compared one by one, in millimetres, after the best rigid "
            "motion, with and without scale, and only by methods whose mesh is that of the truth's morphable model. Albedo "
            "and light are compared up to a common factor, since a photo tells only their product. Photos have no truth: "
            "there these figures are missing, and 2D landmarks are those of the data set.",
            "'mean-face' is the mean of the morphable model, posed by the face's true five points. The floor shows no face, "
            "the ceiling is the clean picture's own face, which has no geometry.",
        ),
    ),
    methods=Methods(
        signature="reconstruct(images)",
        given=("ids",),
        registered=METHODS,
        controls=tuple(CONTROLS),
        roles={"nothing": "floor", "photo": "ceiling"},
        told={"mean-face": ("points",)},
        needs={"truth": "coefficients/", "other": "coefficients/"},
        defaults=(*RELEASED, "mean-face"),
        forms=(
            Form(
                "predictions:FOLDER",
                f"{_HERE}.predictions:from_spec",
                "Meshes made elsewhere, as OBJ, with 68 landmarks; not comparable in vertex error",
                ("ids",),
            ),
        ),
        unseen={
            **unseen_networks(rules.NAME, "runs the released weights"),
            PUBLISHED.name: Unseen(
                f"{PUBLISHED.title}: {PUBLISHED.says}; named in the variable {PUBLISHED.environment}"
            ),
        },
    ),
    metrics=METRICS,
    columns={METRIC_VERSION: COLUMNS},
    headline="lpix",
    shown=("lpix", "coverage", "landmark_error", "id", "vertex_mm"),
    audit=Audit(
        above={
            "lpix": (*_PICTURES, *_RENDERED),
            "lpix_face": (*_PICTURES, *_RENDERED),
            "coverage": (("photo", "shifted-photo"), ("mean-face", "nothing")),
            "id": (("photo", "shifted-photo"), ("photo", "mean-face"), *_RENDERED),
            "landmark_error": _RENDERED,
            "landmark_mm": _RENDERED,
            "vertex_mm": (*_RENDERED, ("mean-face", "other")),
            "vertex_scaled_mm": (*_RENDERED, ("mean-face", "other")),
            "albedo_error": _RENDERED,
            "light_error": _RENDERED,
        },
        perfect={
            "lpix": {"photo": 0.0, "nothing": 3**0.5},
            "lpix_face": {"photo": 0.0},
            "coverage": {"photo": 1.0, "nothing": 0.0},
            **{key: {"truth": 0.0} for key in OPTIONAL},
        },
    ),
    samples=Samples(rules.RULES, fit=rules.fit_to_set, faces=rules.faces_for, truth=("coefficients/",)),
    evaluator=f"{_HERE}.evaluator:FaceEvaluator",
    trial=f"{_HERE}.trial:make_batch",
    remarks=f"{_HERE}.trial:remarks",
    judges=(ARCFACE,),
    optional=OPTIONAL,
    bins=Bins("hidden", (0.0, 0.15, 0.3, 0.5, 1.0), "{low:.0%} to {high:.0%} hidden"),
)
