"""A third task, all of it in this folder: say how bright a face is, and show where it is.

Its methods answer with two arrays, a number and a map for each picture, as a reconstruction would with its several.
"""

from __future__ import annotations

from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.metric import Metric
from occset.benchmark.tasks.parts import Audit, Form, Methods, Samples, Words
from occset.benchmark.tasks.rule import Rule

_HERE = "tests.benchmark.toy_task"

TASK = BenchTask(
    name="toy",
    words=Words(
        title="Brightness leaderboard",
        lead="Faces, and how bright each method says they are.",
        kinds="Cover",
        bounds={"floor": "always the same grey", "ceiling": "the truth"},
        given="given the face",
        conventions=("Brightness is the mean of all channels over the clean face, on 0..1.",),
    ),
    methods=Methods(
        signature="measure(images)",
        given=("face", "ids"),
        registered={
            "truth": f"{_HERE}.parts:Truth",
            "grey": f"{_HERE}.parts:Grey",
            "middle": f"{_HERE}.parts:Middle",
        },
        controls=("truth", "grey"),
        roles={"grey": "floor", "truth": "ceiling"},
        defaults=("middle",),
        forms=(Form("constant:LEVEL", f"{_HERE}.parts:constant", "One brightness for all"),),
    ),
    metrics={
        "error": Metric("error", "Error", False, "", 3, "primary", "Absolute difference in brightness."),
        "found": Metric(
            "found", "Found", True, "", 3, "primary", "Share of the face on the map.", (("hits",), ("all",))
        ),
    },
    columns={1: ("error", "hits", "all")},
    headline="error",
    shown=("error", "found"),
    audit=Audit(above={"error": (("truth", "grey"),)}, perfect={"error": {"truth": 0.0}}),
    samples=Samples(
        (Rule("brightness", "faces under sunglasses, and bare", {"worn": ("sunglasses",), "bare": ()}, task="toy"),),
        truth=("coefficients/",),
    ),
    evaluator=f"{_HERE}.parts:BrightnessEvaluator",
    trial=f"{_HERE}.parts:make_batch",
    remarks=f"{_HERE}.parts:remarks",
)
