"""The lowest versions that pyproject.toml allows of what occset needs, as lines for ``pip install -r``.

``python tests/lowest_versions.py [NAME ...]`` prints the core's; each NAME adds a package of one of the extras.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def lowest(requirement: str) -> str:
    """The lowest version that a requirement allows: ``pandas>=2.2.2,<4`` gives ``pandas==2.2.2``.

    Raises:
        ValueError: it has no lower bound, or is more than a name with versions (a marker, an extra, an address).
    """
    found = re.fullmatch(r"([\w.-]+)\s*((?:[<>=~!]=?\s*[\d.*]+\s*,?\s*)*)", requirement)
    bounds = re.findall(r"(>=|==|~=)\s*([\d.*]+)", found.group(2)) if found else []
    if found is None or len(bounds) != 1:
        raise ValueError(f"pyproject.toml: '{requirement}' has no lowest version: write NAME>=VERSION or NAME==VERSION")
    return f"{found.group(1)}=={bounds[0][1]}"


def lowest_versions(pyproject: str, names: list[str]) -> list[str]:
    """Lines for pip: all that the core needs, and of the extras the packages that are named.

    Args:
        pyproject: text of a pyproject.toml.
        names: packages of the extras, as the file spells them.

    Raises:
        ValueError: a requirement without a lowest version, or a name that no extra has.
    """
    project = tomllib.loads(pyproject)["project"]
    extras = {
        re.split(r"[^\w.-]", requirement, maxsplit=1)[0]: requirement
        for extra in project["optional-dependencies"].values()
        for requirement in extra
        if not requirement.startswith(project["name"] + "[")
    }
    if missing := [name for name in names if name not in extras]:
        raise ValueError(f"pyproject.toml: no extra has {', '.join(missing)}")
    return [lowest(requirement) for requirement in [*project["dependencies"], *(extras[name] for name in names)]]


if __name__ == "__main__":
    print("\n".join(lowest_versions(PYPROJECT.read_text(encoding="utf-8"), sys.argv[1:])))
