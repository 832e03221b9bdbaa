"""onnxruntime is told to report nothing before it begins to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

SCRIPT = """
import sys
from pathlib import Path
from occset.support.errors import BadInput
from occset.support.onnx_session import OnnxSession

file = Path(sys.argv[1])
file.write_bytes(b"no network")
try:
    OnnxSession(file)
except BadInput:
    print("refused", "onnxruntime" in sys.modules)
"""


def test_it_leaves_no_identifier_of_the_machine_behind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    heard_by = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED")
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(home))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "a.onnx")],
        env={name: value for name, value in os.environ.items() if name not in heard_by}
        | places
        | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "refused True\n", done.stderr
    assert not list(home.rglob("*"))
