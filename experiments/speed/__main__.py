"""The speed table: every row is a ratio measured in one run on this machine."""

from __future__ import annotations

import json
import sys

from experiments.speed import (
    codec,
    deocclusion,
    differentiable,
    faces3d,
    generators,
    importing,
    loader,
    metrics,
    poisson,
    rasteriser,
    rendering,
    startup,
    training,
    workers,
)
from occset.support.console import print_table


def main() -> None:
    """Measure everything and print one table, or JSON with --json; exit status 1 when a limit is not held."""
    parts = (
        rendering,
        workers,
        generators,
        metrics,
        poisson,
        rasteriser,
        differentiable,
        faces3d,
        deocclusion,
        startup,
        importing,
        training,
        loader,
        codec,
    )
    rows = [row for part in parts for row in part.measure()]
    if "--json" in sys.argv:
        print(json.dumps(rows, indent=2))
    else:
        print_table(rows, "speed: ours and peer in ms")
    if not all(row["holds"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
