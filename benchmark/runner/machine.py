"""What a result says of the machine it was made on: system, processor, and the packages whose versions move figures."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

_CPU_INFO = Path("/proc/cpuinfo")

_DISTRIBUTIONS = {"onnxruntime": ("onnxruntime", "onnxruntime-gpu"), "torch": ("torch",)}
"""Packages that may be there, and the names they are installed under; they are asked for and never imported."""


def describe_machine(workers: int) -> dict[str, Any]:
    """System, architecture, CPU model (where it can be read), cores, number of worker processes, and versions.

    Args:
        workers: processes that did the work.
    """
    found: dict[str, Any] = {
        "system": platform.system(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "workers": workers,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "opencv": cv2.__version__,
    }
    model = _cpu_model()
    if model:
        found["cpu"] = model
    for package, names in _DISTRIBUTIONS.items():
        installed = next((v for v in map(_version, names) if v), None)
        if installed:
            found[package] = installed
    return found


def _cpu_model() -> str | None:
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux, or not ours to read
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
