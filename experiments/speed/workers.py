"""How much faster two workers render to shards than one: processes of this machine, and two one-core nodes of a Ray cluster.

Run as ``python -m experiments.speed.workers``, where nothing else works: two workers want two cores.
"""

from __future__ import annotations

import importlib.util
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

from experiments.at_scale import cluster, in_a_process
from experiments.speed.rendering import make_set
from experiments.speed.row import row

PROCESSES, NODES = 1.8, 1.6
"""How many times as fast two are to be as one."""
_SAMPLES, _SHARD, _SIZE = 4000, 100, 256  # long enough that starting up, some two seconds with Ray, is a small part


def measure(samples: int = _SAMPLES) -> list[dict[str, Any]]:
    """Render the same samples by one worker, by two, and, where Ray is installed, by two nodes.

    Returns:
        Rows, see `experiments.speed.row`, in milliseconds a sample, starting the workers included.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = make_set(Path(folder))
        asked = Namespace(set=data.path, samples=samples, size=_SIZE, shard=min(_SHARD, samples // 2))

        def ms(workers: int, address: str = "") -> float:
            return 1000 * in_a_process(asked, workers, address)["seconds"] / samples

        one = ms(1)
        times = {"2 workers": (ms(2), PROCESSES)}
        if importlib.util.find_spec("ray"):
            with cluster(2) as address:
                times["Ray, 2 nodes"] = ms(2, address), NODES
    name = f"{samples} samples of {_SIZE} px rendered to shards"
    return [
        row(f"{name}, {by} / 1 worker", ours, one, f"at most 1/{limit:g}", ours * limit <= one)
        for by, (ours, limit) in times.items()
    ]


if __name__ == "__main__":
    for line in measure():
        print(line)
