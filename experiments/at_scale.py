"""What ten million samples would take, from what some take here.

``python -m experiments.at_scale SET [--samples 2000] [--size 256] [--workers 1 2] [--of 10000000]`` renders the samples
to WebDataset shards, once for each number of workers, into a folder that is removed again, and prints: seconds, how much
faster than with the first number, the largest resident memory of a worker; what of a sample's time goes into rendering and
what into PNG; and from these the core-hours and bytes of the whole job. With ``--ray N`` a cluster of N one-core nodes is
started on this machine and takes part in the comparison.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2

from occset.dataset.occlusion_set import OcclusionSet
from occset.publishing.formats.sample_shards import members_of, render_shards
from occset.samples.draw import Plan
from occset.samples.job import Job, open_job
from occset.support.console import print_table

_PROFILED = 100


def main() -> None:
    """Render, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--shard", type=int, default=250)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--ray", type=int, default=0, help="nodes of a Ray cluster on this machine")
    parser.add_argument("--of", type=int, default=10_000_000, help="samples of the whole job")
    parser.add_argument("--one", nargs=2, metavar=("WORKERS", "ADDRESS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(_render(asked, int(asked.one[0]), asked.one[1] or None)))
        return
    found = [{"by": _by(n), **in_a_process(asked, n, "")} for n in asked.workers]
    if asked.ray:
        with cluster(asked.ray) as address:
            found.append({"by": f"Ray, {asked.ray} nodes", **in_a_process(asked, asked.ray, address)})
    print_table([_shown(one, found[0]) for one in found], f"{asked.samples} samples of {asked.size} px")
    print_table(profile(OcclusionSet(asked.set), asked.size), "where the time of a sample goes")
    print_table(whole_job(found[0], asked.workers[0], asked.samples, asked.of), f"{asked.of:,} samples")


def _by(workers: int) -> str:
    return f"{workers} worker{'s' if workers > 1 else ''}"


def in_a_process(asked: argparse.Namespace, workers: int, address: str) -> dict[str, float]:
    """Render in a process of its own, since the largest memory of all children is kept for as long as their parent lives.

    Args:
        asked: `set`, `samples`, `size` and `shard`, as the command line takes them.
        workers: processes, or workers of the cluster.
        address: of a Ray cluster; "" for none.

    Returns:
        `seconds`, `bytes` of all shards, and `peak_kib`, the largest resident memory of a worker (0 on a cluster).
    """
    options = [f"--{name}={getattr(asked, name)}" for name in ("samples", "size", "shard")]
    command = [sys.executable, "-m", "experiments.at_scale", str(asked.set), *options, "--one", str(workers), address]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def _render(asked: argparse.Namespace, workers: int, address: str | None) -> dict[str, float]:
    job = Job(asked.samples, Plan(size=asked.size), seed=0)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        started = time.perf_counter()
        render_shards(OcclusionSet(asked.set), job, out / "shards", workers, asked.shard, ray=address)
        seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    who = resource.RUSAGE_SELF if workers == 1 and address is None else resource.RUSAGE_CHILDREN
    peak = 0 if address else resource.getrusage(who).ru_maxrss  # Ray's workers are no children of ours
    return {"seconds": seconds, "bytes": size, "peak_kib": peak}


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """So many one-core nodes on this machine; gives the address."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    made = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            made.add_node(**node)
        yield str(made.address)
    finally:
        made.shutdown()


def _shown(one: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    peak = f"{one['peak_kib'] / 1024:.0f} MiB" if one["peak_kib"] else ""
    times = {"seconds": f"{one['seconds']:.1f}", "times as fast": f"{first['seconds'] / one['seconds']:.2f}"}
    return {"by": one["by"], **times, "memory of a worker": peak}


def profile(data: OcclusionSet, size: int, samples: int = _PROFILED) -> list[dict[str, Any]]:
    """Milliseconds of drawing and rendering a sample, and of all that is written of it, on one thread."""
    cv2.setNumThreads(1)
    renderer, take = open_job(data, Job(3 * samples, Plan(size=size), seed=1))

    def timed(work: Callable[[int], Any], turn: int) -> float:
        started = time.perf_counter()
        for number in range(turn * samples, (turn + 1) * samples):
            work(number)
        return 1000 * (time.perf_counter() - started) / samples

    timed(take, 0)  # what is remembered is remembered now
    made = timed(lambda number: renderer.render(take(number)), 1)
    written = timed(lambda number: members_of(renderer, take(number)), 2)
    parts = (("draw and render", made), ("four PNGs and JSON", written - made))
    return [{"part": name, "ms": f"{ms:.1f}", "share": f"{ms / written:.0%}"} for name, ms in parts]


def whole_job(one: dict[str, Any], workers: int, samples: int, of: int) -> list[dict[str, Any]]:
    """Core-hours and bytes of a job of ``of`` samples, by what so many workers, a core each, took for some."""
    seconds = one["seconds"] * workers
    hours = seconds / samples * of / 3600
    return [
        {"what": "core-hours", "value": f"{hours:,.0f}"},
        {"what": "hours on 64 such cores", "value": f"{hours / 64:,.1f}"},
        {"what": "terabytes", "value": f"{one['bytes'] / samples * of / 1e12:.2f}"},
        {"what": "megabytes a second that 64 cores write", "value": f"{64 * one['bytes'] / seconds / 1e6:,.0f}"},
    ]


if __name__ == "__main__":
    main()
