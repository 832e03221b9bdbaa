"""What hardening brings NR, from the results of a bench: ``python -m experiments.hardening RESULTS [--seed N]``.

RESULTS is what ``occset bench --protocol reconstruction --methods nr,deep3d,mean-face`` wrote. Lpix by what hides the face,
and by how much NR's is below its twin's, with a 95 % interval that resamples faces.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from occset.benchmark.results.files import load_results
from occset.support.console import print_table
from occset.support.errors import OccsetError

METHODS = ("nr", "deep3d", "mean-face")
_DRAWS = 2000


def read(folder: Path) -> pd.DataFrame:
    """Lpix of each of `METHODS` by sample, with "face" and "type".

    Raises:
        OccsetError: one of them has no result there.
    """
    scores = {result.method: result.scores for result in load_results(folder)}
    missing = [name for name in METHODS if name not in scores]
    if missing:
        raise OccsetError(f"{folder}: holds no result of {', '.join(missing)}: run occset bench with it")
    table = scores["nr"].set_index("sample")[["face", "type"]]
    return table.assign(**{name: scores[name].set_index("sample")["lpix"] for name in METHODS})


def below(table: pd.DataFrame, seed: int = 0) -> tuple[float, float, float]:
    """``1 - Lpix(nr) / Lpix(deep3d)`` of the means over samples, and its interval's ends."""
    sums = table.groupby("face")[["nr", "deep3d"]].sum().to_numpy()
    rows = np.random.default_rng(seed).integers(0, len(sums), (_DRAWS, len(sums)))
    drawn = sums[rows].sum(1)
    low, high = np.percentile(1 - drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
    mean = sums.sum(0)
    return float(1 - mean[0] / mean[1]), float(low), float(high)


def main(
    results: Annotated[Path, typer.Argument(help="Folder of results.", metavar="RESULTS")],
    seed: Annotated[int, typer.Option(help="Of the intervals.")] = 0,
) -> None:
    """Print the table."""
    table = read(results)
    bare = table["type"] == "bare"
    parts = {"all occluded": table[~bare], **{str(name): part for name, part in table.groupby("type")}}
    rows = []
    for name, part in parts.items():
        share, low, high = below(part, seed)
        figures = {method: f"{part[method].mean():.3f}" for method in METHODS}
        gain = {"nr below deep3d": f"{share:.1%} [{low:.1%}, {high:.1%}]"}
        rows.append({"hidden by": name, "samples": len(part), **figures, **gain})
    print_table(rows)


if __name__ == "__main__":
    typer.run(main)
