"""Tells versions of an outsider's method apart by its sources: its module, those of its bases, and what they import."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

_OURS = "occset"


def source_hash(method: Any, spec: str = "") -> str:
    """Short hash of the sources that a method is made of; "unknown" where there are none.

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
    digest = hashlib.sha256()
    for name, path in sorted(found.items()):
        source = path.read_bytes()
        digest.update(f"{name} {len(source)}\n".encode() + source)
    return f"source-{digest.hexdigest()[:10]}"


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
    package = name if file.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".") if node.level else []
            base = ".".join([*parts[: len(parts) + 1 - node.level], *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for full in names:  # importing a.b.c runs a and a.b too
            steps = full.split(".")
            yield from (".".join(steps[:i]) for i in range(1, len(steps) + 1))


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
