"""Opens a method by what a user types: a built-in name, a class of his own, an ONNX file, a folder of predictions."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple

from occset.benchmark.methods.guard import say_failure
from occset.benchmark.methods.protocols import problems_of
from occset.benchmark.tasks import DEOCCLUSION, SEGMENTATION, TASKS
from occset.models.registry import descriptions, inference_classes
from occset.support.errors import BrokenMethod, OccsetError, UnknownName
from occset.support.references import load

ENTRY_POINTS = "occset.methods"

_HERE = "occset.benchmark.methods"

CONTROLS: dict[str, str] = {
    "truth": f"{_HERE}.controls:Truth",
    "input": f"{_HERE}.controls:OccludedInput",
    "noise": f"{_HERE}.controls:Noise",
    "shifted-truth": f"{_HERE}.controls:ShiftedTruth",
}
"""Methods of de-occlusion of known rank: shown, never ranked, and the only ones that may be given the truth."""

BUILTIN: dict[str, str] = {
    "telea": f"{_HERE}.classical:Telea",
    "navier-stokes": f"{_HERE}.classical:NavierStokes",
    "patchmatch": f"{_HERE}.patchmatch:PatchMatch",
    "pca": f"{_HERE}.pca:LinearFace",
    "mean-colour": f"{_HERE}.classical:MeanColour",
    **CONTROLS,
}
"""Every built-in name of de-occlusion, the controls included, to its ``"module:attr"``."""

SEGMENTATION_CONTROLS: dict[str, str] = {
    "truth": f"{_HERE}.mask_controls:TrueMask",
    "shifted-truth": f"{_HERE}.mask_controls:ShiftedMask",
    "noise": f"{_HERE}.mask_controls:CoinFlips",
    "all-face": f"{_HERE}.mask_controls:AllFace",
    "nothing": f"{_HERE}.mask_controls:Nothing",
}
"""The same of segmentation."""

SEGMENTERS: dict[str, str] = {
    **inference_classes(SEGMENTATION),  # our networks
    "colour": f"{_HERE}.skin_colour:SkinColour",
    "oval": f"{_HERE}.mask_controls:Oval",
    "labels": f"{_HERE}.mask_controls:Labels",
    **SEGMENTATION_CONTROLS,
}
"""Every built-in name of segmentation, the controls included."""

_LISTED_UNSEEN = {name: f"{says}; runs the released weights" for name, says in descriptions(SEGMENTATION).items()}
"""What is told of methods that would take seconds, and torch, to look at."""

TOLD_THE_FACE = ("labels",)
"""Built-in methods that are no controls, and yet are given what the data set says of the clean face; marked as such."""

_BY_TASK = {DEOCCLUSION: (BUILTIN, CONTROLS), SEGMENTATION: (SEGMENTERS, SEGMENTATION_CONTROLS)}


class Listed(NamedTuple):
    """A line of ``occset bench list``."""

    name: str
    kind: str  # "method", "control", "plug-in" or "form"
    given: tuple[str, ...]
    description: str
    task: str = DEOCCLUSION


FORMS = (
    Listed("onnx:FILE", "form", (), "An ONNX network; given the mask if it has an input for one"),
    Listed("predictions:FOLDER", "form", ("ids",), "Pictures made elsewhere, FOLDER/[anything_]<sample id>.png"),
    Listed("package.module:Class", "form", (), "Your own class, constructed without arguments"),
)
"""What can be named besides the names themselves."""

SEGMENTATION_FORMS = (
    Listed("onnx:FILE", "form", (), "An ONNX network of one image input and one mask output", SEGMENTATION),
    Listed("predictions:FOLDER", "form", ("ids",), "Masks made elsewhere, as PNG, 255 = face", SEGMENTATION),
    Listed("package.module:Class", "form", (), "Your own class with segment(images)", SEGMENTATION),
)


def task_of(spec: str) -> str:
    """The task of a method that is named without saying for what; de-occlusion where it can be either.

    Raises:
        OccsetError: as `open_method`, of a class or a plug-in that cannot be loaded.
    """
    kind, colon, _ = spec.partition(":")
    if spec in BUILTIN or kind in ("onnx", "predictions"):
        return DEOCCLUSION
    if spec in SEGMENTERS:
        return SEGMENTATION
    plug_ins = {} if colon else _plug_ins()
    if not colon and spec not in plug_ins:
        return DEOCCLUSION  # which nobody is called; opening it says so
    found = _load_outside(spec) if colon else _load_plug_in(plug_ins[spec])
    return SEGMENTATION if hasattr(found, "segment") and not hasattr(found, "deocclude") else DEOCCLUSION


def open_method(spec: str, task: str = DEOCCLUSION) -> Any:
    """Open the method that `spec` names.

    Args:
        spec: a built-in name; the name of an entry point of the group ``occset.methods``; ``onnx:FILE`` with options
            after a ``?`` (see `occset.benchmark.methods.onnx_method`); ``predictions:FOLDER``; or
            ``package.module:Class``, looked for in the current directory too and constructed without arguments.
        task: what it is to do.

    Returns:
        A `Deoccluder` or a `Segmenter`, as the task asks.

    Raises:
        UnknownName: no method has this name; suggests the nearest.
        BrokenMethod: the class cannot be constructed, or is not a method.
        OccsetError: the file, folder, module or class does not exist.
    """
    builtin, _ = _BY_TASK[task]
    if spec in builtin:
        return load(builtin[spec])()
    kind, colon, rest = spec.partition(":")
    if not colon:
        plug_ins = _plug_ins()
        if spec not in plug_ins:
            raise UnknownName("method" if task == DEOCCLUSION else f"method of {task}", spec, [*builtin, *plug_ins])
        return _construct(_load_plug_in(plug_ins[spec]), spec, task)
    if kind == "onnx":
        return _open_onnx(rest, task)
    if kind == "predictions":
        from occset.benchmark.methods.predictions import Predictions

        return Predictions(rest)  # it is given ids, which the protocols leave to the guard
    return _construct(_load_outside(spec), spec, task)


def _open_onnx(rest: str, task: str) -> Any:
    if task == SEGMENTATION:
        from occset.benchmark.methods.onnx_segmenter import OnnxSegmenter

        return OnnxSegmenter.from_spec(rest)
    from occset.benchmark.methods.onnx_method import OnnxMethod

    return OnnxMethod.from_spec(rest)


def is_control(spec: str, method: Any) -> bool:
    """Whether a method is a built-in control; decided here, whatever the method says of itself.

    Args:
        spec: what it was opened by.
        method: what was opened; a name alone can be claimed by anyone.
    """
    return any(spec in controls and type(method) is load(controls[spec]) for _, controls in _BY_TASK.values())


def is_told_the_face(spec: str, method: Any) -> bool:
    """Whether a method is one of `TOLD_THE_FACE`, decided as `is_control` is."""
    return spec in TOLD_THE_FACE and type(method) is load(SEGMENTERS[spec])


def is_ours(spec: str) -> bool:
    """Whether a spec opens a method whose source lies beside this one."""
    named = [builtin[spec] for builtin, _ in _BY_TASK.values() if spec in builtin]
    return spec.partition(":")[0] in ("onnx", "predictions") or any(name.startswith(_HERE) for name in named)


def available(task: str = DEOCCLUSION) -> list[Listed]:
    """What can do a task: built-in methods, controls, plug-ins that are installed, and the forms of a spec."""
    builtin, controls = _BY_TASK[task]
    listed = []
    for name, reference in builtin.items():
        kind = "control" if name in controls else "method"
        if name in _LISTED_UNSEEN:
            listed.append(Listed(name, kind, (), _LISTED_UNSEEN[name], task))
            continue
        cls = load(reference)
        listed.append(Listed(name, kind, tuple(cls.given), _first_line(cls), task))
    for name, point in sorted(_plug_ins().items()):
        try:
            found = _load_plug_in(point)
        except OccsetError as error:  # a broken plug-in must not hide the list, but is not passed over in silence
            listed.append(Listed(name, "plug-in", (), f"cannot be used: {error}", task))
        else:
            if hasattr(found, TASKS[task].call) or (task == DEOCCLUSION and not hasattr(found, "segment")):
                given = tuple(getattr(found, "given", ()))
                listed.append(Listed(name, "plug-in", given, _first_line(found), task))
    return [*listed, *(FORMS if task == DEOCCLUSION else SEGMENTATION_FORMS)]


def _plug_ins() -> dict[str, EntryPoint]:
    """Entry points by name; a built-in name cannot be taken by a plug-in."""
    taken = {name for builtin, _ in _BY_TASK.values() for name in builtin}
    return {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name not in taken}


def _load_plug_in(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # an installed package may fail in any way on import
        why = say_failure(error, "on import")
        raise BrokenMethod(f"the plug-in '{point.name}' ({point.value}) cannot be loaded: it {why}") from error


def _load_outside(spec: str) -> Any:
    """What ``module:attr`` names; modules of the current directory count."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return load(spec)
    except OccsetError as error:
        top = spec.partition(":")[0].partition(".")[0]
        if top and importlib.util.find_spec(top) is None:
            raise OccsetError(f"{error}: run in the folder that holds {top}.py, or add it to PYTHONPATH") from error
        raise
    except (Exception, SystemExit) as error:  # his module may fail in any way on import
        raise BrokenMethod(f"'{spec}' cannot be imported: it {say_failure(error, 'on import')}") from error


def _construct(found: Any, spec: str, task: str) -> Any:
    if not inspect.isclass(found) and not hasattr(found, TASKS[task].call):
        raise BrokenMethod(f"'{spec}' is a {type(found).__name__}; name a class with a method {TASKS[task].method}")
    try:
        method = found() if inspect.isclass(found) else found
    except (Exception, SystemExit) as error:  # his constructor may fail in any way
        why = say_failure(error, "in its constructor")
        raise BrokenMethod(f"'{spec}' cannot be constructed without arguments: it {why}") from error
    return refuse_unfit(method, spec, task)


def refuse_unfit(method: Any, spec: str, task: str = DEOCCLUSION) -> Any:
    """The method, unless something keeps it from being benched.

    Args:
        method: any object that is no built-in control.
        spec: what it was opened by.
        task: what it is to do.

    Raises:
        BrokenMethod: it is not a method, or asks for what only the built-in controls are given; says all that is wrong.
    """
    problems = problems_of(method, task)
    if problems:
        raise BrokenMethod(f"'{spec}' cannot be benched: {'; '.join(problems)}")
    return method


def _first_line(what: Any) -> str:
    text = inspect.getdoc(what if inspect.isclass(what) else type(what)) or ""
    return text.split("\n", 1)[0]
