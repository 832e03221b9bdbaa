"""The command: run the experiment, write `curve.json` and `curve.svg`, print the table."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from experiments.mining_curve import curve
from experiments.mining_curve.experiment import Setup, run
from occset.dataset.occlusion_set import OcclusionSet
from occset.support.console import print_table, say
from occset.support.errors import OccsetError
from occset.support.files import write_atomic


def main(
    path: Annotated[Path, typer.Argument(help="A set of real faces with all categories, only read.", metavar="SET")],
    out: Annotated[Path, typer.Option(help="Folder of the results; a run that was cut off goes on there.")],
    seeds: Annotated[int, typer.Option(help="How many repetitions.", min=1)] = 3,
    first_seed: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    size: Annotated[int, typer.Option(help="Side of the pictures, pixels, a multiple of 32.", min=32)] = 64,
    labels: Annotated[str, typer.Option(help="Numbers of labels, comma-separated.")] = "32,64,128",
    coarse: Annotated[int, typer.Option(help="Samples of the coarse training.", min=16)] = Setup.coarse,
    retrain: Annotated[int, typer.Option(help="Samples of each further training.", min=16)] = Setup.retrain,
    tested: Annotated[int, typer.Option(help="Samples of the fixed test protocol.", min=8)] = Setup.tested,
    workers: Annotated[int | None, typer.Option(help="Trainings at a time; all cores by default.", min=1)] = None,
) -> None:
    """IoU against number of labels, mined and random."""
    counts = tuple(sorted({int(part) for part in labels.split(",")}))
    setup = replace(
        Setup(),
        seeds=seeds,
        first_seed=first_seed,
        size=size,
        labels=counts,
        coarse=coarse,
        retrain=retrain,
        tested=tested,
    )
    started = time.perf_counter()
    points = run(OcclusionSet(path), out, setup, say, workers)
    rows = curve.summarise(points)
    gains = curve.advantage(rows)
    figures = {"setup": asdict(setup), "points": points, "rows": rows, "advantage": gains}
    write_atomic(out / "curve.json", (json.dumps(figures, indent=2) + "\n").encode())
    title = f"{setup.size} px, {seeds} seeds, mean and standard deviation"
    write_atomic(out / "curve.svg", curve.draw(rows, title).encode())
    print_table(rows, "IoU against labels")
    print_table(gains, "share of the gap closed")
    say(f"{out / 'curve.svg'}: {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    try:
        typer.run(main)
    except OccsetError as error:
        say(f"occset: {error}")
        sys.exit(2)
