"""Real occluded photos, of which nobody knows the truth: how much more of the face is there when a method is done.

The methods are those of de-occlusion. NS and NR, as released, say how much of the face a picture shows; what they were is
part of every result.
"""

from __future__ import annotations

from occset.benchmark.tasks import deocclusion
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.parts import Audit, Bins, JudgeKind, Methods, Samples, Words
from occset.benchmark.tasks.wild import rules
from occset.benchmark.tasks.wild.columns import METRIC_VERSION, METRICS

_HERE = "occset.benchmark.tasks.wild"

CONTROLS = {
    "input": deocclusion.CONTROLS["input"],
    "render": f"{_HERE}.controls:RenderedFace",
    "green-face": f"{_HERE}.controls:GreenFace",
}

METHODS = {
    **{name: where for name, where in deocclusion.METHODS.items() if name not in deocclusion.CONTROLS},
    **CONTROLS,
}

NETWORKS = JudgeKind(
    key="prior",
    network="NS and NR",
    columns=tuple(METRICS),
    missing="NS and NR were not asked",
    find=f"{_HERE}.networks:find",
    load=f"{_HERE}.networks:Beholder",
)

TASK = BenchTask(
    name=rules.NAME,
    words=Words(
        title="De-occlusion of real photos",
        lead="Photos of people whose faces something hides, and how much of the face is there when a method is done.",
        kinds="Sample",
        bounds={"floor": "the photo as it is", "ceiling": "the rendered face itself, laid over the photo"},
        given="given what NS and NR find hidden, or not known to be automatic",
        marks={"mask": "given what NS and NR find hidden"},
        no_identity="nobody knows these faces without what hides them",
        conventions=(
            "Real photos have no truth. NR renders a whole face for each (Mm); scored is the share of it that NS calls "
            "visible face, in the photo and in the method's picture. NS and NR are the released ones, and a method that is "
            "built on them is judged by what it is built on: the figure says that something like a face is there, not that "
            "it is this person's, nor that it looks real. Look at the contact sheet too.",
            "Methods that need a mask are given what NS and NR find hidden (Mo, Eq. 1), and of their pictures its pixels "
            "count; those of automatic methods count as they are. Intervals resample photos.",
            "The floor is the photo left as it is. The ceiling is the rendered face laid over it, which nothing hides: "
            "a reference for what NS calls face at best, and no bound.",
        ),
        before={"input": "Photo", "hidden": "Found hidden"},
        after={},
    ),
    methods=Methods(
        signature=deocclusion.TASK.methods.signature,
        given=deocclusion.TASK.methods.given,
        registered=METHODS,
        controls=tuple(CONTROLS),
        roles={"input": "floor", "render": "ceiling"},
        forms=deocclusion.TASK.methods.forms,
        unseen=deocclusion.TASK.methods.unseen,
    ),
    metrics=METRICS,
    columns={METRIC_VERSION: ()},
    headline="share",
    shown=("share", "gained"),
    audit=Audit(above={"share": (("render", "input"), ("input", "green-face"))}),
    samples=Samples(rules.RULES, fit=rules.fit_to_set, masks=False),
    evaluator=f"{_HERE}.evaluator:PhotoEvaluator",
    trial=f"{_HERE}.trial:make_batch",
    remarks=f"{_HERE}.trial:remarks",
    judges=(NETWORKS,),
    bins=Bins("hidden", (0.0, 0.1, 0.3, 0.5, 1.0), "hidden {low:.0%} to {high:.0%}"),
    keeps_all=True,
)
