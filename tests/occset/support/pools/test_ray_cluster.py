"""Work on a Ray cluster of two nodes, which are processes of this machine with a core each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.publishing.formats.sample_shards import render_shards
from occset.samples.draw import Plan
from occset.samples.export import export
from occset.samples.job import Job, check_arrived
from occset.support.errors import BadInput, MissingExtra, OccsetError
from occset.support.files import sha256_file
from occset.support.pools.processes import map_chunks
from tests.fixture_types import Occset

pytest.importorskip("ray", reason="Ray is not installed: pip install 'occset[scale]'")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a second node, with a core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 80_000_000}
    made = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    made.add_node(**node)
    yield made
    made.shutdown()


def where() -> Callable[[int], tuple[int, str]]:
    """A worker that says on which node it squared a number."""

    def work(number: int) -> tuple[int, str]:
        import ray

        time.sleep(0.2)
        return number**2, ray.get_runtime_context().get_node_id()

    return work


def refusing() -> Callable[[int], int]:
    """A worker that takes no number above 2."""

    def work(number: int) -> int:
        if number == 3:
            raise BadInput("three is too many")
        if number == 4:
            raise ZeroDivisionError("four")
        return number

    return work


def suicidal() -> Callable[[int], int]:
    """A worker that no number leaves alive."""

    def work(number: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return number

    return work


def digest(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): sha256_file(p) for p in folder.rglob("*") if p.is_file()}


def test_both_nodes_work_and_the_order_is_kept(cluster: Any) -> None:
    found = list(map_chunks(where, range(16), None, cluster.address))
    assert [square for square, _ in found] == [n**2 for n in range(16)]
    assert len({node for _, node in found}) == 2
    assert list(map_chunks(where, [], None, cluster.address)) == []


def test_what_a_worker_raises_arrives_as_it_was(cluster: Any) -> None:
    found = map_chunks(refusing, [0, 1, 3], None, cluster.address)
    assert [next(found), next(found)] == [0, 1]
    with pytest.raises(BadInput, match="three is too many"):
        next(found)
    with pytest.raises(ZeroDivisionError, match="four"):
        list(map_chunks(refusing, [4], None, cluster.address))


@pytest.mark.slow
def test_work_that_kills_whoever_does_it_ends(cluster: Any) -> None:
    with pytest.raises(OccsetError, match=r"piece of work 0 ended its worker 4 times.*run again"):
        list(map_chunks(suicidal, [5], 1, cluster.address))


@pytest.mark.parametrize("lost", ["worker", "node"])
def test_a_worker_killed_in_the_middle_loses_and_repeats_nothing(
    cluster: Any, plain_set: OcclusionSet, tmp_path: Path, lost: str
) -> None:
    job = Job(60, Plan(size=64), seed=5)
    render_shards(plain_set, job, tmp_path / "here", 1, each=3)
    more = cluster.add_node(num_cpus=1, object_store_memory=80_000_000) if lost == "node" else None
    killed: list[int] = []

    def strike() -> None:
        while len(list((tmp_path / "there").glob("train-*.tar"))) < 4:
            time.sleep(0.01)
        killed.extend(workers())
        if more is not None:
            cluster.remove_node(more, allow_graceful=False)
        else:
            os.kill(killed[0], signal.SIGKILL)

    striker = threading.Thread(target=strike)
    striker.start()
    render_shards(plain_set, job, tmp_path / "there", None, each=3, ray=cluster.address)
    striker.join()
    assert killed
    assert digest(tmp_path / "there") == digest(tmp_path / "here")


def workers() -> list[int]:
    """The processes that work for Ray on this machine, by what they call themselves."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::_work"):
                found.append(int(path.parent.name))
        except OSError:  # it has just ended
            continue
    return found


def test_the_command_writes_the_same_pictures(
    cluster: Any, plain_set: OcclusionSet, tmp_path: Path, occset: Occset
) -> None:
    export(plain_set, Job(40, Plan(size=48), seed=7), tmp_path / "here", 1)
    asked = ("--count", 40, "--size", 48, "--seed", 7, "--ray", cluster.address)
    occset("render", plain_set.path, "--out", tmp_path / "there", *asked)
    assert digest(tmp_path / "there") == digest(tmp_path / "here")


def test_a_stopped_command_leaves_one_line_and_goes_on(cluster: Any, plain_set: OcclusionSet, tmp_path: Path) -> None:
    out = tmp_path / "there"
    command = [sys.executable, "-m", "occset", "render", str(plain_set.path), "--out", str(out), "--to", "webdataset"]
    command += ["--count", "400", "--size", "128", "--shard", "20", "--ray", cluster.address]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while process.poll() is None and not list(out.glob("train-*.tar")):
        time.sleep(0.02)
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 143, said
    assert [line for line in said.splitlines() if "occset" in line] == [said.splitlines()[-1]]
    assert "stopped" in said.splitlines()[-1] and "Traceback" not in said
    kept = {path.name: sha256_file(path) for path in out.glob("train-*.tar")}
    assert 0 < len(kept) < 20
    render_shards(plain_set, Job(400, Plan(size=128), seed=0), tmp_path / "here", 1, each=20)
    assert kept.items() <= digest(tmp_path / "here").items()


def test_no_cluster_and_no_ray_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OccsetError, match=r"no Ray cluster could be joined at 127.0.0.1:1 .*ray start --head"):
        list(map_chunks(where, [1], None, "127.0.0.1:1"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"--ray needs ray.*occset\[scale\]"):
        list(map_chunks(where, [1], None, "auto"))


def test_files_on_the_disk_of_another_machine_are_missed(tmp_path: Path) -> None:
    (tmp_path / "0.tar").touch()
    check_arrived([tmp_path / "0.tar"])
    with pytest.raises(OccsetError, match=r"1\.tar: written by another machine.*2 of 3 files.*share"):
        check_arrived([tmp_path / "0.tar", tmp_path / "1.tar", tmp_path / "gone" / "2.tar"])
