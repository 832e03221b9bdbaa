"""The hash of a method's sources, ours and outsiders': it follows what the method imports, and nothing else."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import occset
from occset.benchmark import fingerprints
from occset.benchmark.fingerprints import modules_of, source_hash
from occset.benchmark.tasks.opening import open_method

FILES = {
    "own_for_hash.py": "import helper_for_hash\nfrom base_for_hash import Base\n\n"
    "class Method(Base):\n    name, given = 'm', ()\n    def deocclude(self, images, masks):\n"
    "        import lazy_for_hash\n        return images\n",
    "helper_for_hash.py": "from package_for_hash.part import x\n",
    "base_for_hash.py": "class Base:\n    pass\n",
    "lazy_for_hash.py": "y = 1\n",
    "package_for_hash/__init__.py": "",
    "package_for_hash/part.py": "from .deep import x\n",
    "package_for_hash/deep.py": "x = 1\n",
    "other_for_hash.py": "z = 1\n",
    "venv/site-packages/installed_for_hash.py": "",
}


@pytest.fixture
def fresh_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """A function that changes files as told, opens the method as a new process would, and returns its hash."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "venv" / "site-packages")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def forget() -> None:
        for name in [name for name in sys.modules if "_for_hash" in name]:
            del sys.modules[name]
        importlib.invalidate_caches()

    def hashed(changes: dict[str, str] | None = None, spec: str = "own_for_hash:Method", load: str = "") -> str:
        for name, text in (FILES | (changes or {})).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        forget()
        if load:
            importlib.import_module(load)
        return source_hash(open_method(spec), spec)

    yield hashed
    forget()


@pytest.mark.parametrize("changed", [name for name in FILES if "other" not in name and "installed" not in name])
def test_what_the_method_imports_counts(fresh_hash: Callable[..., str], changed: str) -> None:
    before = fresh_hash()
    assert before.startswith("source-")
    assert fresh_hash({changed: FILES[changed] + "# another line\n"}) != before
    assert fresh_hash() == before


def test_neighbours_that_are_loaded_for_others_do_not_count(fresh_hash: Callable[..., str]) -> None:
    before = fresh_hash()
    assert fresh_hash({"other_for_hash.py": "z = 2\n"}, load="other_for_hash") == before


def test_installed_packages_and_the_standard_library_do_not_count(fresh_hash: Callable[..., str]) -> None:
    own = FILES["own_for_hash.py"] + "import json\nimport numpy\nimport installed_for_hash\n"
    before = fresh_hash({"own_for_hash.py": own})
    after = fresh_hash({"own_for_hash.py": own, "venv/site-packages/installed_for_hash.py": "# changed\n"})
    assert after == before


def test_an_installed_plug_in_counts_itself_and_its_package(fresh_hash: Callable[..., str]) -> None:
    folder = "venv/site-packages/plug_for_hash/"
    source = FILES["own_for_hash.py"].replace("import helper_for_hash\n", "from . import part\n")
    files = {f"{folder}__init__.py": "", f"{folder}own.py": source, f"{folder}part.py": "a = 1\n"}
    before = fresh_hash(files, "plug_for_hash.own:Method")
    assert fresh_hash(files | {f"{folder}part.py": "a = 2\n"}, "plug_for_hash.own:Method") != before


def test_an_object_of_a_type_from_elsewhere_goes_by_the_module_it_is_named_in(fresh_hash: Callable[..., str]) -> None:
    source = "from types import SimpleNamespace\nMethod = SimpleNamespace(name='m', given=(), deocclude=print)\n"
    before = fresh_hash({"own_for_hash.py": source})
    assert before.startswith("source-")
    assert fresh_hash({"own_for_hash.py": source + "# more\n"}) != before


def test_a_built_in_that_is_named_by_its_class_goes_by_its_own_file() -> None:
    spec = "occset.benchmark.tasks.deocclusion.methods.classical:Telea"
    assert source_hash(open_method(spec), spec).startswith("source-")


def test_a_class_of_the_script_that_runs_goes_by_the_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    own = "from occset.benchmark.fingerprints import source_hash\n"
    own += "class Method:\n    pass\nprint(source_hash(Method(), 'm:M'))\n"

    def hashed(text: str) -> str:
        script.write_text(text)
        return subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout.strip()

    assert hashed(own).startswith("source-")
    assert hashed(own) != hashed(own + "# more\n")


# -- methods of ours

NS = "occset.models.segmentation.segmenter"
CLASSICAL = "occset.benchmark.tasks.deocclusion.methods.classical"


@pytest.fixture
def hash_of_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that adds text to files of a copy of occset, and returns the fingerprint of a module there."""
    house = tmp_path / "occset"

    def only_sources(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if Path(folder, name).is_file() and not name.endswith(".py")} | {"__pycache__"}

    shutil.copytree(Path(occset.__file__).parent, house, ignore=only_sources)
    monkeypatch.setattr(fingerprints, "_house", lambda: [str(house)])

    def hashed(module: str, **added: str) -> str:
        for name, text in added.items():
            file = house / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text((file.read_text() if file.exists() else "") + text)
        return fingerprints._fingerprint.__wrapped__(module)

    return hashed


def test_a_copy_of_our_sources_has_the_same_fingerprint(hash_of_copy: Callable[..., str]) -> None:
    assert hash_of_copy(CLASSICAL) == fingerprints.fingerprint(open_method("telea"))


@pytest.mark.parametrize(
    "edited",
    ["models__segmentation__segmenter", "models__segmentation__network", "models__weight_files", "support__errors"],
)
def test_code_of_a_network_counts(hash_of_copy: Callable[..., str], edited: str) -> None:
    before = hash_of_copy(NS)
    assert hash_of_copy(NS, **{edited: "# another line\n"}) != before


@pytest.mark.parametrize(
    "edited",
    ["models__registry", "models__unrelated", "models__segmentation__train", "benchmark__cli", "__init__"],
)
def test_what_a_method_does_not_import_does_not_count(hash_of_copy: Callable[..., str], edited: str) -> None:
    before = hash_of_copy(NS), hash_of_copy(CLASSICAL)
    hash_of_copy(NS, **{edited: "# another line\n"})
    assert (hash_of_copy(NS), hash_of_copy(CLASSICAL)) == before


def test_a_helper_in_a_folder_below_counts_however_it_is_named(hash_of_copy: Callable[..., str]) -> None:
    hash_of_copy(NS, benchmark__methods__deep__helper="x = 1\n", benchmark__methods__deep__other="y = 1\n")
    own = "occset.benchmark.methods.own"
    hash_of_copy(
        NS, benchmark__methods__own="from .deep import helper\nPARTS = 'occset.benchmark.methods.deep.other:y'\n"
    )
    before = hash_of_copy(own)
    after = hash_of_copy(own, benchmark__methods__deep__helper="x = 2\n")
    assert after != before
    assert hash_of_copy(own, benchmark__methods__deep__other="y = 2\n") not in (before, after)


@pytest.mark.parametrize("name", [CLASSICAL, NS])
def test_a_method_is_not_made_of_the_bench(name: str) -> None:
    """Else an edit of a page would make every method a new one."""
    bench = ("tasks.definition", "runner", "results", "leaderboards", "protocols")
    wrong = ("occset.dataset.occlusion_set", *(f"occset.benchmark.{room}" for room in bench))
    assert name in modules_of(name)
    assert not [module for module in modules_of(name) if module.startswith(wrong)]
    assert "occset.benchmark.tasks.deocclusion" not in modules_of(name), "which lists all of its methods"


def test_the_revision_of_a_network_follows_its_code_and_its_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    from occset.benchmark.runner.planned import _revision
    from occset.models.segmentation.segmenter import FaceSegmenter

    network = FaceSegmenter.__new__(FaceSegmenter)
    network.revision = "weights-a"
    train: Any = None
    first = _revision("ns", network, train)
    assert first == _revision(f"{NS}:FaceSegmenter", network, train), "however it is named"
    network.revision = "weights-b"
    assert _revision("ns", network, train) != first
    network.revision = "weights-a"
    monkeypatch.setattr("occset.benchmark.runner.planned.fingerprint", lambda method: "edited")
    assert _revision("ns", network, train) not in ("weights-a", first)
