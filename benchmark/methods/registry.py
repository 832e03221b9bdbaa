"""Opens a method by what a user types: a built-in name, a class of his own, an ONNX file, a folder of predictions."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple, cast

from occset.benchmark.methods.guard import say_failure
from occset.benchmark.methods.protocols import Deoccluder, problems_of
from occset.errors import BrokenMethod, OccsetError, UnknownName
from occset.registry import load

ENTRY_POINTS = "occset.methods"

_HERE = "occset.benchmark.methods"

CONTROLS: dict[str, str] = {
    "truth": f"{_HERE}.controls:Truth",
    "input": f"{_HERE}.controls:OccludedInput",
    "noise": f"{_HERE}.controls:Noise",
    "shifted-truth": f"{_HERE}.controls:ShiftedTruth",
}
"""Methods of known rank: shown, never ranked, and the only ones that may be given the truth."""

BUILTIN: dict[str, str] = {
    "telea": f"{_HERE}.classical:Telea",
    "navier-stokes": f"{_HERE}.classical:NavierStokes",
    "patchmatch": f"{_HERE}.patchmatch:PatchMatch",
    "pca": f"{_HERE}.pca:LinearFace",
    "mean-colour": f"{_HERE}.classical:MeanColour",
    **CONTROLS,
}
"""Every built-in name, the controls included, to its ``"module:attr"``."""


class Listed(NamedTuple):
    """A line of ``occset bench --list``."""

    name: str
    kind: str  # "method", "control", "plug-in" or "form"
    given: tuple[str, ...]
    description: str


FORMS = (
    Listed("onnx:FILE", "form", (), "An ONNX network; given the mask if it has an input for one"),
    Listed("predictions:FOLDER", "form", ("ids",), "Pictures made elsewhere, FOLDER/[anything_]<sample id>.png"),
    Listed("package.module:Class", "form", (), "Your own class, constructed without arguments"),
)
"""What can be named besides the names themselves."""


def open_method(spec: str) -> Deoccluder:
    """Open the method that `spec` names.

    Args:
        spec: a built-in name; the name of an entry point of the group ``occset.methods``; ``onnx:FILE`` with options
            after a ``?`` (see `occset.benchmark.methods.onnx_method`); ``predictions:FOLDER``; or
            ``package.module:Class``, looked for in the current directory too and constructed without arguments.

    Raises:
        UnknownName: no method has this name; suggests the nearest.
        BrokenMethod: the class cannot be constructed, or is not a method.
        OccsetError: the file, folder, module or class does not exist.
    """
    if spec in BUILTIN:
        return load(BUILTIN[spec])()
    kind, colon, rest = spec.partition(":")
    if not colon:
        plug_ins = _plug_ins()
        if spec not in plug_ins:
            raise UnknownName("method", spec, [*BUILTIN, *plug_ins])
        return _construct(_load_plug_in(plug_ins[spec]), spec)
    if kind == "onnx":
        from occset.benchmark.methods.onnx_method import OnnxMethod

        return OnnxMethod.from_spec(rest)
    if kind == "predictions":
        from occset.benchmark.methods.predictions import Predictions

        return cast(Deoccluder, Predictions(rest))  # it is given ids, which the protocol leaves to the guard
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return _construct(_load_outside(spec), spec)


def is_control(spec: str, method: Deoccluder) -> bool:
    """Whether a method is a built-in control; decided here, whatever the method says of itself.

    Args:
        spec: what it was opened by.
        method: what was opened; a name alone can be claimed by anyone.
    """
    return spec in CONTROLS and type(method) is load(CONTROLS[spec])


def available() -> list[Listed]:
    """What can be run: built-in methods, controls, plug-ins that are installed, and the forms of a spec."""
    listed = []
    for name, reference in BUILTIN.items():
        kind = "control" if name in CONTROLS else "method"
        cls = load(reference)
        listed.append(Listed(name, kind, tuple(cls.given), _first_line(cls)))
    for name, point in sorted(_plug_ins().items()):
        try:
            found = _load_plug_in(point)
        except OccsetError as error:  # a broken plug-in must not hide the list, but is not passed over in silence
            listed.append(Listed(name, "plug-in", (), f"cannot be used: {error}"))
        else:
            listed.append(Listed(name, "plug-in", tuple(getattr(found, "given", ())), _first_line(found)))
    return [*listed, *FORMS]


def _plug_ins() -> dict[str, EntryPoint]:
    """Entry points by name; a built-in name cannot be taken by a plug-in."""
    return {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name not in BUILTIN}


def _load_plug_in(point: EntryPoint) -> Any:
    try:
        return point.load()
    except (Exception, SystemExit) as error:  # an installed package may fail in any way on import
        why = say_failure(error, "on import")
        raise BrokenMethod(f"the plug-in '{point.name}' ({point.value}) cannot be loaded: it {why}") from error


def _load_outside(spec: str) -> Any:
    try:
        return load(spec)
    except OccsetError as error:
        top = spec.partition(":")[0].partition(".")[0]
        if top and importlib.util.find_spec(top) is None:
            raise OccsetError(f"{error}: run in the folder that holds {top}.py, or add it to PYTHONPATH") from error
        raise
    except (Exception, SystemExit) as error:  # his module may fail in any way on import
        raise BrokenMethod(f"'{spec}' cannot be imported: it {say_failure(error, 'on import')}") from error


def _construct(found: Any, spec: str) -> Deoccluder:
    if not inspect.isclass(found) and not hasattr(found, "deocclude"):
        raise BrokenMethod(f"'{spec}' is a {type(found).__name__}; name a class with a method deocclude(images, masks)")
    try:
        method = found() if inspect.isclass(found) else found
    except (Exception, SystemExit) as error:  # his constructor may fail in any way
        why = say_failure(error, "in its constructor")
        raise BrokenMethod(f"'{spec}' cannot be constructed without arguments: it {why}") from error
    return refuse_unfit(method, spec)


def refuse_unfit(method: Any, spec: str) -> Deoccluder:
    """The method, unless something keeps it from being benched.

    Args:
        method: any object that is no built-in control.
        spec: what it was opened by.

    Raises:
        BrokenMethod: it is not a method, or asks for what only the built-in controls are given; says all that is wrong.
    """
    problems = problems_of(method)
    if problems:
        raise BrokenMethod(f"'{spec}' cannot be benched: {'; '.join(problems)}")
    return cast(Deoccluder, method)


def _first_line(what: Any) -> str:
    text = inspect.getdoc(what if inspect.isclass(what) else type(what)) or ""
    return text.split("\n", 1)[0]
