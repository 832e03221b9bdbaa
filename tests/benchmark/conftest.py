"""Fixtures of the bench: short protocols, sets that may be changed, methods written on the spot, a tiny ArcFace."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.protocols import frozen
from occset.benchmark.runner import worker
from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface import ArcFaceFile
from occset.support.onnx_session import file_sha256

COUNT, SIZE, BATCH = 24, 64, 8
NOT_COMPARED = ("times", "created", "machine")


@pytest.fixture
def small_rules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Rule]:
    """The same protocols, of 24 samples at 64 px, in batches of 8."""
    rules = {name: replace(rule, count=COUNT, size=SIZE) for name, rule in frozen.published().items()}
    monkeypatch.setattr(frozen, "published", lambda: rules)
    monkeypatch.setattr(worker, "BATCH", BATCH)
    return rules


@pytest.fixture
def copy_set(plain_set: OcclusionSet, tmp_path: Path) -> Callable[[str], OcclusionSet]:
    """A function that copies the plain set into this test's folder."""

    def copy(name: str = "set") -> OcclusionSet:
        shutil.copytree(plain_set.path, tmp_path / name, ignore=shutil.ignore_patterns("protocols"))
        return OcclusionSet(tmp_path / name)

    return copy


@pytest.fixture
def bench_set(copy_set: Callable[[str], OcclusionSet], small_rules: object) -> OcclusionSet:
    """A set of this test, for short protocols."""
    return copy_set("set")


@pytest.fixture
def write_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """A function that writes a module with a method and returns how to name it; writing it again replaces it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    written = set()

    def write(source: str, module: str = "outside_method", attribute: str = "Method") -> str:
        (folder / f"{module}.py").write_text(source)
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)  # two versions may be written within one second
        importlib.invalidate_caches()
        sys.modules.pop(module, None)
        written.add(module)
        return f"{module}:{attribute}"

    yield write
    for module in written:
        sys.modules.pop(module, None)


@pytest.fixture
def contents() -> Callable[[Path], dict[str, object]]:
    """A function that reads every file of a folder: bytes, and of results what must not differ between runs."""

    def read(folder: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            name = str(path.relative_to(folder))
            found[name] = path.read_bytes()
            if name.endswith(".result.json"):
                found[name] = {k: v for k, v in json.loads(path.read_text()).items() if k not in NOT_COMPARED}
        return found

    return read


@pytest.fixture
def no_arcface(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which neither ArcFace's file is found nor dlib's."""
    monkeypatch.delenv("OCCSET_DLIB", raising=False)
    monkeypatch.setattr("occset.benchmark.identity.dlib_faces._packaged", lambda: None)
    monkeypatch.delenv("OCCSET_ARCFACE", raising=False)
    monkeypatch.setattr("occset.models.arcface._packaged", lambda: None)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "nobody")


@pytest.fixture
def tiny_arcface(tmp_path: Path) -> Callable[[int], ArcFaceFile]:
    """A function that writes a random projection of the shape of an ArcFace network."""
    onnx = pytest.importorskip("onnx")

    def write(seed: int = 0) -> ArcFaceFile:
        weights = np.random.default_rng(seed).normal(size=(147, 512)).astype(np.float32)
        helper = onnx.helper
        graph = helper.make_graph(
            [
                helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[16, 16], strides=[16, 16]),
                helper.make_node("Flatten", ["pooled"], ["flat"]),
                helper.make_node("MatMul", ["flat", "weights"], ["y"]),
            ],
            "tiny",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 3, 112, 112])],
            [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 512])],
            [onnx.numpy_helper.from_array(weights, "weights")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        path = tmp_path / f"arcface-{seed}.onnx"
        onnx.save(model, path)
        return ArcFaceFile(path, file_sha256(path), "argument")

    return write
