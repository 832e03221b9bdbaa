"""Opens a method by what a user types: a built-in name, a class of his own, an ONNX file, a folder of predictions."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple

from occset.benchmark.methods.guard import say_failure
from occset.benchmark.tasks.definition import BenchTask
from occset.benchmark.tasks.problems import problems_of
from occset.benchmark.tasks.registry import TASKS, all_tasks, task_named
from occset.models.registry import networks
from occset.support.errors import BadInput, BrokenMethod, OccsetError, UnknownName
from occset.support.references import load

ENTRY_POINTS = "occset.methods"


class Listed(NamedTuple):
    """A line of ``occset bench list``."""

    name: str
    kind: str  # "method", "control", "plug-in" or "form"
    given: tuple[str, ...]
    description: str
    task: str


def task_of(spec: str) -> BenchTask:
    """The task of a method that is named without saying for what; the first of the registry where it can be several.

    Raises:
        OccsetError: as `open_method`, of a class or a plug-in that cannot be loaded.
    """
    tasks = all_tasks()
    kind, colon, _ = spec.partition(":")
    for task in tasks:
        if spec in task.methods.registered or (colon and kind in [form.kind for form in task.methods.forms]):
            return task
    plug_ins = {} if colon else _plug_ins()
    if not colon and spec not in plug_ins:
        return tasks[0]  # nobody is called so; opening it says so
    found = _load_outside(spec) if colon else _load_plug_in(plug_ins[spec])
    return next((task for task in tasks if hasattr(found, task.methods.call)), tasks[0])


def open_method(spec: str, task: BenchTask | str | None = None) -> Any:
    """Open the method that `spec` names.

    Args:
        spec: a built-in name; the name of an entry point of the group ``occset.methods``; ``onnx:FILE`` with options
            after a ``?`` (see `occset.benchmark.methods.onnx_options`); ``predictions:FOLDER``; or
            ``package.module:Class``, looked for in the current directory too and constructed without arguments.
        task: what it is to do, or its name; told by what it is when None.

    Returns:
        A method, as the task asks: see `occset.benchmark.methods.interfaces`.

    Raises:
        UnknownName: no method or no task has this name; suggests the nearest.
        BrokenMethod: the class cannot be constructed, or is not a method.
        OccsetError: the file, folder, module or class does not exist.
    """
    if not isinstance(task, BenchTask):
        task = task_of(spec) if task is None else task_named(task)
    registered = task.methods.registered
    if spec in registered:
        return load(registered[spec])()
    kind, colon, rest = spec.partition(":")
    if not colon:
        plug_ins = _plug_ins()
        if spec not in plug_ins:
            first = task.name == next(iter(TASKS))
            raise UnknownName("method" if first else f"method of {task.name}", spec, [*registered, *plug_ins])
        return _construct(_load_plug_in(plug_ins[spec]), spec, task)
    for form in task.methods.forms:
        if form.kind == kind:
            return load(form.opens)(rest)  # what it is given, ids for example, was declared by the task
    return _construct(_load_outside(spec), spec, task)


def runnable(task: BenchTask) -> tuple[list[str], dict[str, str]]:
    """Every built-in method of a task that is no control and can run here, and why the others cannot.

    Returns:
        Names, in the order of the task; and for each that is left out, one line: why, and how it can be had.
    """
    names, left_out = [], {}
    for name in task.methods.registered:
        if name in task.methods.controls:
            continue
        try:
            open_method(name, task)
            names.append(name)
        except BadInput as error:
            left_out[name] = _how_to_get(name) or str(error)
        except OccsetError as error:
            left_out[name] = str(error)
    return names, left_out


def _how_to_get(name: str) -> str:
    """What to do for the weights of one of our networks that come with no occset; "" of what is none."""
    network = networks().get(name)
    if network is None or network.is_released or network.environment in os.environ:
        return ""
    return (
        f"no weights of it come with this occset: run  occset train {name} --data SET  and name its folder of weights by "
        f"{network.environment}"
    )


def is_control(spec: str, method: Any, task: BenchTask) -> bool:
    """Whether a method is a built-in control of a task; decided here, whatever the method says of itself.

    Args:
        spec: what it was opened by.
        method: what was opened; a name alone can be claimed by anyone.
        task: what it does.
    """
    return spec in task.methods.controls and _is_registered(spec, method, task)


def answers_for(spec: str, method: Any, task: BenchTask) -> tuple[str, ...] | None:
    """Which answers a method may be given, decided as `is_control` is; None, of a control: all of them."""
    if is_control(spec, method, task):
        return None
    return task.methods.told.get(spec, ()) if _is_registered(spec, method, task) else ()


def _is_registered(spec: str, method: Any, task: BenchTask) -> bool:
    return spec in task.methods.registered and type(method) is load(task.methods.registered[spec])


def available(task: BenchTask) -> list[Listed]:
    """What can do a task: built-in methods, controls, plug-ins that are installed, and the forms of a spec."""
    methods = task.methods
    listed = []
    for name, reference in methods.registered.items():
        kind = "control" if name in methods.controls else "method"
        if name in methods.unseen:
            unseen = methods.unseen[name]
            listed.append(Listed(name, kind, unseen.given, unseen.says, task.name))
            continue
        cls = load(reference)
        listed.append(Listed(name, kind, tuple(cls.given), _first_line(cls), task.name))
    tasks = all_tasks()
    for name, point in sorted(_plug_ins().items()):
        try:
            found = _load_plug_in(point)
        except OccsetError as error:  # a broken plug-in must not hide the list, but is not passed over in silence
            listed.append(Listed(name, "plug-in", (), f"cannot be used: {error}", task.name))
        else:
            does = [other.name for other in tasks if hasattr(found, other.methods.call)] or [tasks[0].name]
            if task.name in does:
                listed.append(
                    Listed(name, "plug-in", tuple(getattr(found, "given", ())), _first_line(found), task.name)
                )
    listed += [Listed(form.name, "form", form.given, form.says, task.name) for form in methods.forms]
    own = f"Your own class with {methods.signature}, constructed without arguments"
    return [*listed, Listed("package.module:Class", "form", (), own, task.name)]


def _plug_ins() -> dict[str, EntryPoint]:
    """Entry points by name; a built-in name cannot be taken by a plug-in."""
    taken = {name for task in all_tasks() for name in task.methods.registered}
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


def _construct(found: Any, spec: str, task: BenchTask) -> Any:
    if not inspect.isclass(found) and not hasattr(found, task.methods.call):
        raise BrokenMethod(f"'{spec}' is a {type(found).__name__}; name a class with a method {task.methods.signature}")
    try:
        method = found() if inspect.isclass(found) else found
    except (Exception, SystemExit) as error:  # his constructor may fail in any way
        why = say_failure(error, "in its constructor")
        raise BrokenMethod(f"'{spec}' cannot be constructed without arguments: it {why}") from error
    return refuse_unfit(method, spec, task)


def refuse_unfit(method: Any, spec: str, task: BenchTask) -> Any:
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
