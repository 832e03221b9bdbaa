"""Tells versions of a method apart by its sources: its module, those of its bases, and what they import.

A method of ours (see `is_ours`) is followed through all of occset, an outsider's through what lies beside it. Within occset

- a package counts where something is taken from it, and not for being on the way to one of its modules;
- a text ``occset.module:attr`` in quotes is an import that no statement shows, and counts as one;
- modules called ``registry`` do not count: they list what there is, so a new line in one would be a new version of all.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from occset.support.errors import OccsetError

_OURS = "occset"
_LIST = "registry"
_REFERENCE = re.compile(r"(occset(?:\.\w+)+):\w+")


def is_ours(method: Any) -> bool:
    """Whether a method is an object of a class of occset, whatever it was opened by."""
    return _is_of_house(type(method).__module__)


def fingerprint(method: Any) -> str:
    """Short hash of the modules of occset that a method of ours is made of: that of its class, and what it imports.

    Args:
        method: one for which `is_ours` holds.
    """
    return _fingerprint(type(method).__module__)


@cache  # sources are those that were loaded, and do not change while a process runs
def _fingerprint(module: str) -> str:
    found = modules_of(module)
    if module not in found:
        raise OccsetError(f"{module}: its source is not found in {' or '.join(_house())}: install occset anew")
    return _digest(found)[:8]


def modules_of(module: str) -> dict[str, Path]:
    """What a module of occset is made of: the file of each module that counts, itself included, by name."""
    found: dict[str, Path] = {}
    _follow_ours(module, found)
    return found


def _follow_ours(name: str, found: dict[str, Path]) -> None:
    """Add a module of occset and what it imports of occset to ``found``, by name."""
    file = _locate_ours(name)
    if name in found or file is None or name.rpartition(".")[2] == _LIST:
        return
    found[name] = file
    for imported in _imports_of_ours(name, file):
        _follow_ours(imported, found)


def _imports_of_ours(name: str, file: Path) -> Iterator[str]:
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base_of(node, name, file)
            for full in (f"{base}.{alias.name}" for alias in node.names) if _is_of_house(base) else ():
                yield full if _locate_ours(full) is not None else base
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = _REFERENCE.fullmatch(node.value)
            if named:
                yield named[1]


def _locate_ours(name: str) -> Path | None:
    """The file of a module of occset, found without importing it; None of anything else, and of occset itself."""
    top, *steps = name.split(".")
    if top != _OURS or not steps:
        return None
    for folder in _house():
        place = Path(folder, *steps)
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file.resolve()
    return None


def _house() -> list[str]:
    """The folders in which occset lies; its rooms are folders or links in them."""
    return list(sys.modules[_OURS].__path__)


def _is_of_house(name: str) -> bool:
    return name == _OURS or name.startswith(f"{_OURS}.")


def _digest(found: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(found.items()):
        source = path.read_bytes()
        digest.update(f"{name} {len(source)}\n".encode() + source)
    return digest.hexdigest()


def source_hash(method: Any, spec: str = "") -> str:
    """Short hash of the sources that an outsider's method is made of; "unknown" where there are none.

    What counts are the modules of its class and of the class's bases, and the modules that these import, at their head
    or in a function, directly or through each other: those of the same package, and those in or below the folder it
    lies in. Packages that are installed, the standard library and occset do not count; modules that happen to be
    loaded for another method do not either, or a method would change with its company.

    Args:
        method: the method.
        spec: what it was opened by; the module it names counts too.
    """
    named = spec.partition(":")[0]
    starts = [named, *(cls.__module__ for cls in type(method).__mro__)]
    found: dict[str, Path] = {}
    for name in starts:
        module = sys.modules.get(name)
        file = _file_of(module)
        if module is None or file is None:
            continue
        foreign = _is_installed(file) or name.partition(".")[0] == _OURS
        if not foreign or name in (named, type(method).__module__):
            _follow(name, file, name.partition(".")[0], _root(module, file), found)
    if not found:
        return "unknown"
    return f"source-{_digest(found)[:10]}"


def _follow(name: str, file: Path, package: str, root: Path, found: dict[str, Path]) -> None:
    """Add a module and what it imports to ``found``, by name."""
    if name in found:
        return
    found[name] = file
    for imported in _imports(name, file):
        path = _locate(imported)
        top = imported.partition(".")[0]
        near = path is not None and path.is_relative_to(root) and not _is_installed(path)
        if path is not None and top != _OURS and (top == package or near):
            _follow(imported, path, package, root, found)


def _imports(name: str, file: Path) -> Iterator[str]:
    """Full names of what a source imports; some may be attributes and no modules."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):  # a compiled module, or one edited since it was loaded
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base_of(node, name, file)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for full in names:  # importing a.b.c runs a and a.b too
            steps = full.split(".")
            yield from (".".join(steps[:i]) for i in range(1, len(steps) + 1))


def _base_of(node: ast.ImportFrom, name: str, file: Path) -> str:
    """Full name of what is imported from."""
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    parts = package.split(".") if node.level else []
    return ".".join([*parts[: len(parts) + 1 - node.level], *([node.module] if node.module else [])])


def _locate(name: str) -> Path | None:
    """The file of a module, loaded or not; nothing is imported to find it."""
    if name in sys.modules:
        return _file_of(sys.modules[name])
    parent = name.rpartition(".")[0]
    if parent and not hasattr(sys.modules.get(parent), "__path__"):
        return None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(spec.origin).resolve() if spec and spec.has_location and spec.origin else None


def _file_of(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if isinstance(file, str) and Path(file).is_file() else None


def _root(module: ModuleType, file: Path) -> Path:
    """The folder that holds the module or, of one in a package, the outermost package."""
    package = module.__package__ or ""
    return file.parents[len(package.split(".")) if package else 0]


def _is_installed(file: Path) -> bool:
    if {"site-packages", "dist-packages"} & set(file.parts):
        return True
    return any(file.is_relative_to(Path(sysconfig.get_path(of)).resolve()) for of in ("stdlib", "platstdlib"))
