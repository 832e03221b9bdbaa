"""What a result says of its machine, where everything can be read and where nothing can."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import cv2
import numpy as np
import pytest

from occset.benchmark.runner import machine
from occset.benchmark.runner.machine import describe_machine


def installed(versions: dict[str, str]) -> Callable[[str], str]:
    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    return version


def test_versions_and_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 9000 @ 2 Hz\nmodel name\t: other\n")
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(machine, "version", installed({"onnxruntime-gpu": "1.99", "torch": "9.8"}))
    found = describe_machine(3)
    assert (found["cpu"], found["cores"], found["workers"]) == ("Abacus 9000 @ 2 Hz", os.cpu_count(), 3)
    assert (found["numpy"], found["opencv"]) == (np.__version__, cv2.__version__)
    assert (found["onnxruntime"], found["torch"]) == ("1.99", "9.8")
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


def test_what_is_not_there_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_CPU_INFO", tmp_path / "absent")
    monkeypatch.setattr(machine, "version", installed({}))
    assert not {"cpu", "onnxruntime", "torch"} & describe_machine(1).keys()
