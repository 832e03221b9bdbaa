from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from occset import cli
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import read_recipes, recipes_to_bytes
from occset.pictures.images import read_image
from occset.samples.draw import Drawer, Plan
from occset.support import references as registry
from occset.support.console import print_table, printable
from tests.fixture_types import Occset

HEAVY = ("torch", "cv2", "pandas", "numpy", "pyarrow", "onnxruntime", "albumentations", "PIL")


def in_a_process(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "occset", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def one_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


# --- the frame ---------------------------------------------------------------------------------------------------------


def test_help_lists_every_verb_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom occset import cli\nsys.argv = ['occset', '--help']\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    status = end.code\n"
        f"print('LOADED', status, sorted(set(sys.modules) & set({HEAVY})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] in ("LOADED None []", "LOADED 0 []")
    for verb in cli.VERBS:
        assert f" {verb} " in done.stdout
    assert {"new", "check", "info", "snapshot", "render", "explain", "doctor", "bench", "leaderboard"} <= set(cli.VERBS)


def test_the_help_of_new_lists_every_source_and_what_it_brings() -> None:
    from occset.sources.registry import KINDS, SOURCES

    said = " ".join(CliRunner().invoke(cli.app, ["new", "--help"], env={"COLUMNS": "200"}).output.split())
    for name, reference in SOURCES.items():
        made_by = registry.load(reference)
        kinds = [kind for kind in KINDS if hasattr(made_by, f"read_{kind[:-1]}")]
        argument = "N" if name == "builtin" else "DIR"
        assert f"{name}:{argument} ({', '.join(kinds)})" in said


def test_every_verb_has_a_help() -> None:
    for verb in cli.VERBS:
        done = CliRunner().invoke(cli.app, [verb, "--help"])
        assert done.exit_code == 0
        assert "Usage" in done.output


WITHOUT_EXTRAS = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "torchvision", "lightning", "onnxruntime", "albumentations", "ray", "numba"}:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)

sys.meta_path.insert(0, Missing())
from typer.testing import CliRunner
from occset import cli
for asked in [[verb] for verb in cli.VERBS] + [["train", "nr"], ["train", "ng"], ["models", "import", "pconv"]]:
    done = CliRunner().invoke(cli.app, [*asked, "--help"])
    if done.exit_code:
        print(*asked, repr(done.exception))
for line in ("segment a.jpg --out b", "train ns --data c", "fit d", "models morphable list", "serve"):
    sys.argv = ["occset", *line.split()]
    try:
        cli.main()
    except SystemExit as end:
        print(end.code, line, file=sys.stderr)
"""


def test_where_only_the_core_is_installed_helps_are_there_and_what_is_missing_is_told() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_EXTRAS], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr
    told = done.stderr.splitlines()
    assert [line[0] for line in told[1::2]] == ["2"] * 5
    for line, extra in zip(told[::2], ("models", "train", "models", "models", "serve"), strict=True):
        assert line.endswith(f"needs torch, which is not installed: run  pip install 'occset[{extra}]'")


def test_the_version_is_printed(occset: Occset) -> None:
    from occset import __version__

    assert occset("--version") == (0, f"occset {__version__}\n", "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["chekc", "x"], "no verb is called 'chekc': did you mean check?"),
        (["render", "x"], "Missing option '--out'"),
        (["check"], "Missing argument 'SET'"),
        (["check", "x", "--jsn"], "No such option"),
        (["render", "x", "--out", "y", "--count", "0"], "--count"),
        (["render", "x", "--out", "y", "--count", "many"], "--count"),
        (["render", "x", "--out", "y", "--seed", "-1"], "--seed"),
        (["render", "x", "--out", "y", "--size", "9999"], "--size"),
        (["check", "x", "--workers", "0"], "--workers"),
        (["check", "/nowhere"], "/nowhere: no occset set here (occset.json is missing): make one with  occset new"),
        (["new", "x"], "nothing to add: give --faces, --occluders or --textures"),
        (["new", "x", "--faces", "phots:."], "no source is called 'phots': did you mean photos?"),
        (["new", "x", "--faces", "photos:/nowhere/at/all"], "/nowhere/at/all does not exist"),
        (["new", "x", "--faces", "photos:.?algin=no"], "no option of photos is called 'algin': did you mean align"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    occset: Occset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, out, err = occset(*args)
    assert (status, out) == (2, "")
    assert one_line(err).startswith("occset: ") and message in err
    assert list(tmp_path.iterdir()) == []  # nothing is made


def test_a_name_with_control_characters_cannot_write_on_the_terminal(occset: Occset, tmp_path: Path) -> None:
    status, _, err = occset("check", tmp_path / "a\x1b[2Jb\nc")
    assert status == 2
    assert "a\\x1b[2Jb\\nc" in one_line(err)
    assert printable("größe \udcff \u202e x\t") == "größe \\udcff \\u202e x\\t"


def test_markup_in_names_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"name": "[red]x[/red] <img src=x>", "count": 3, "share": 0.25, "none": None}], "[bold]t")
    out = capsys.readouterr().out
    assert "[red]x[/red] <img src=x>" in out and "[bold]t" in out


def test_numbers_that_are_none_are_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([{"a": float("nan"), "b": [float("inf"), 1.5], "c": np.float64(2)}], as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"a": None, "b": [None, 1.5], "c": 2.0}]


def test_a_full_pipe_is_no_error(plain_set: OcclusionSet) -> None:
    command = f"'{sys.executable}' -m occset.cli info '{plain_set.path}' | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr


# --- the verbs ---------------------------------------------------------------------------------------------------------


def test_new_check_info_and_snapshot(
    occset: Occset, celeba: Callable[..., Path], faceocc: Callable[..., Path], tmp_path: Path
) -> None:
    target = tmp_path / "my set=1"
    source = f"celebamask-hq:{celeba(12)}?landmarks=template"
    status, out, _ = occset("new", target, "--faces", source, "--name", "mine", "--workers", 1, "--json")
    assert status == 0
    printed = json.loads(out)
    (row,) = printed["sources"]
    assert printed["refused"] == printed["duplicates"] == []
    assert (row["added"], row["already there"], row["duplicates"], row["refused"]) == (12, 0, 0, 0)
    others = f"faceocc:{faceocc(4)}"
    status, out, _ = occset("new", target, "--occluders", others, "--textures", others, "--workers", 1, "--json")
    assert [row["added"] for row in json.loads(out)["sources"]] == [8, 4]

    status, out, err = occset("check", target, "--workers", 1, "--json")
    assert (status, json.loads(out)) == (0, [])
    assert "12 faces, 20 occluders, 4 textures: 0 errors, 0 warnings" in err

    status, out, err = occset("info", target, "--json")
    told = json.loads(out)
    assert (told["name"], told["version"]) == ("mine", "1")
    assert told["content_hash"] == OcclusionSet(target).content_hash()
    rows = told["tables"]
    assert sum(r["train"] + r["val"] + r["test"] for r in rows if r["table"] == "faces") == 12
    assert {r["kind"] for r in rows if r["table"] == "occluders"} == {"hair", "hand", "mask"}
    assert OcclusionSet(target).content_hash() in err

    status, out, _ = occset("snapshot", target, "--version", "1.0")
    assert json.loads(out)["content_hash"] == OcclusionSet(target).content_hash()
    assert OcclusionSet(target).head["name"] == "mine"


def test_new_with_a_broken_photo_names_it_and_ends_with_1(
    occset: Occset, celeba: Callable[..., Path], tmp_path: Path
) -> None:
    folder = celeba(6)
    photo = folder / "CelebA-HQ-img" / "2.jpg"
    photo.write_bytes(photo.read_bytes()[:900])
    status, _, err = occset(
        "new", tmp_path / "set", "--faces", f"celebamask-hq:{folder}?landmarks=template", "--workers", 1
    )
    assert status == 1
    assert "refused 2: " in err and "2.jpg" in err and "truncated" in err
    told = "1 items were refused, as said above; the rest is in the set (exit status 1: not all that was asked for is in it)"
    assert err.splitlines()[-1] == told
    assert len(OcclusionSet(tmp_path / "set").faces) == 5


def test_new_as_json_names_what_was_refused_and_what_is_there_twice(
    occset: Occset, celeba: Callable[..., Path], tmp_path: Path
) -> None:
    folder = celeba(6)
    photos = folder / "CelebA-HQ-img"
    (photos / "4.jpg").write_bytes((photos / "1.jpg").read_bytes())
    (photos / "2.jpg").write_bytes((photos / "2.jpg").read_bytes()[:900])
    source = f"celebamask-hq:{folder}?landmarks=template"
    status, out, _ = occset("new", tmp_path / "set", "--faces", source, "--workers", 1, "--json")
    assert status == 1
    told = json.loads(out)
    (refused,), (twice,) = told["refused"], told["duplicates"]
    assert {(item["kind"], item["source"]) for item in (refused, twice)} == {("faces", source)}
    assert refused["item"] == "2" and "2.jpg is truncated" in refused["message"]
    assert twice["item"] == "4" and "the same picture as celebamask-hq:1" in twice["message"]


def test_new_with_an_arcface_file_that_is_missing_makes_nothing(
    occset: Occset, celeba: Callable[..., Path], tmp_path: Path
) -> None:
    source = f"celebamask-hq:{celeba(2)}?landmarks=template"
    status, _, err = occset("new", tmp_path / "set", "--faces", source, "--arcface", tmp_path / "none.onnx")
    assert status == 2
    assert f"--arcface names {tmp_path / 'none.onnx'}" in one_line(err)
    assert not (tmp_path / "set").exists()


def test_new_without_arcface_says_how_faces_were_split(
    occset: Occset, celeba: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("occset.importing.add_source.EMBEDDER", "occset.nowhere:Nothing")
    source = f"celebamask-hq:{celeba(3, people=False)}?landmarks=template"
    _, _, err = occset("new", tmp_path / "set", "--faces", source, "--workers", 1)
    assert "3 faces were split without knowing who they are: for ArcFace run  pip install 'occset[identity]'" in err


def test_check_finds_and_ends_with_1(occset: Occset, copy_set: Callable[..., OcclusionSet]) -> None:
    data = copy_set()
    (data.path / data.faces["image"][0]).unlink()
    status, out, err = occset("check", data.path, "--workers", 1, "--json")
    assert status == 1
    (finding,) = json.loads(out)
    assert finding["level"] == "error" and "does not exist" in finding["message"]
    assert "1 errors, 0 warnings" in err
    status, out, _ = occset("check", data.path, "--workers", 1)
    assert status == 1 and "does not exist" in out


def test_info_of_an_empty_set(occset: Occset, tmp_path: Path) -> None:
    OcclusionSet.create(tmp_path / "set")
    status, out, _ = occset("info", tmp_path / "set", "--json")
    assert (status, json.loads(out)["tables"]) == (0, [])
    assert occset("info", tmp_path / "set")[0] == 0


def test_render_replay_and_explain(
    occset: Occset,
    copy_set: Callable[..., OcclusionSet],
    tmp_path: Path,
    digest: Callable[[Path], dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = copy_set()
    monkeypatch.chdir(tmp_path)
    status, out, _ = occset("render", "set", "--out", "drawn", "--count", 110, "--size", 64, "--workers", 1)
    assert (status, out.strip()) == (0, "drawn/recipes.parquet")
    status, out, _ = occset("render", "set", "--out", "replayed", "--recipes", "drawn/recipes.parquet", "--workers", 1)
    one, other = digest(tmp_path / "drawn"), digest(tmp_path / "replayed")
    one.pop("render.json"), other.pop("render.json")
    assert one == other  # all 110, not the 100 that are drawn by default
    status, out, _ = occset(
        "render", "set", "--out", "few", "--recipes", "drawn/recipes.parquet", "--count", 4, "--workers", 1
    )
    assert len(list((tmp_path / "few" / "image").iterdir())) == 4

    sample = read_recipes(tmp_path / "drawn" / "recipes.parquet")[0].sample
    status, out, err = occset("explain", sample[:10], "--data", "set", "--recipes", "drawn/recipes.parquet", "--json")
    assert status == 0
    said = {row["what"]: row["value"] for row in json.loads(out)}
    assert said["sample"] == sample
    assert f"pictures: {sample}.png" in err
    assert read_image(tmp_path / f"{sample}.png").shape == (64, 320, 3)
    (picture,) = (tmp_path / "few" / "face").glob("000002_*.png")
    for name in (sample[:12], picture, picture.name, picture.stem):  # found without being told where
        assert occset("explain", name, "--data", data.path, "--out", "strip.png")[0] == 0
    monkeypatch.chdir("/")
    assert occset("explain", sample, "--data", data.path, "--out", tmp_path / "strip.png")[0] == 0  # beside the set
    assert occset("explain", "000002_nothing.png", "--data", data.path)[0] == 2


def test_render_of_an_empty_recipe_file(occset: Occset, plain_set: OcclusionSet, tmp_path: Path) -> None:
    (tmp_path / "none.parquet").write_bytes(recipes_to_bytes([]))
    status, _, err = occset("render", plain_set.path, "--out", tmp_path / "out", "--recipes", tmp_path / "none.parquet")
    assert status == 2
    assert "none.parquet: holds no recipe" in one_line(err)


def test_render_by_many_workers_says_a_mistake_in_one_line(
    copy_set: Callable[..., OcclusionSet], tmp_path: Path
) -> None:
    data = copy_set()
    drawer = Drawer(data, Plan(size=64))
    (tmp_path / "r.parquet").write_bytes(recipes_to_bytes([drawer.draw(i) for i in range(70)]))
    for picture in data.path.glob("cutouts/*/*"):
        picture.write_bytes(b"no picture")
    done = in_a_process(
        "render", data.path, "--out", tmp_path / "out", "--recipes", tmp_path / "r.parquet", "--workers", 2
    )
    assert done.returncode == 2
    assert "is not a JPEG, PNG, WebP, BMP, TIFF, AVIF or HEIC picture" in one_line(done.stderr)


def test_doctor_as_json(occset: Occset) -> None:
    status, out, _ = occset("doctor", "--json")
    assert status == 0
    assert {"python", "numpy", "extra models", "arcface file"} <= {row["part"] for row in json.loads(out)}


def test_ctrl_c_says_that_it_goes_on(plain_set: OcclusionSet, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "occset",
        "render",
        plain_set.path,
        "--out",
        tmp_path / "out",
        "--count",
        "5000",
    ]
    process = subprocess.Popen(
        [*map(str, command), "--size", "64", "--workers", "2"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
        # a shell starts what it runs in the background deaf to Ctrl-C, and children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    until = time.monotonic() + 60
    while not list(Path(tmp_path / "out").glob("parts/*")) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to all of them
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == (
        "occset: interrupted; the samples that were finished stay: run the same command again and it goes on where it "
        "stopped"
    )
    assert "Traceback" not in err


def test_a_set_without_rights_is_one_line(plain_set: OcclusionSet) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    code = """
import os, sys
from occset import cli
def call(*args):
    sys.argv = ["occset", *args]
    try:
        cli.main()
    except SystemExit as end:
        return end.code
path = sys.argv[1]
common = ["--count", "2", "--size", "64", "--workers", "1"]
call("render", path, "--out", path + "-first", *common)  # loads all modules, which another user may not read
call("snapshot", path)
os.setuid(65534)
print("STATUS", call("render", path, "--out", path + "/out", *common), call("snapshot", path, "--version", "2"))
"""
    # not in tmp_path: whichever pytest starts meanwhile closes its parent to other users
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(plain_set.path, Path(folder, "set"))
        done = subprocess.run([sys.executable, "-c", code, f"{folder}/set"], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "STATUS 2 2", done.stderr
    first, second = done.stderr.splitlines()[-2:]
    assert first.startswith("occset: cannot make the folder") and "Permission denied" in first
    assert second.startswith("occset: cannot write") and "change the folder's permissions" in second
    assert "Traceback" not in done.stderr


def test_the_help_tells_of_each_verb_what_the_verb_says_of_itself() -> None:
    assert list(cli.SAYS) == list(cli.VERBS)
    for verb, reference in cli.VERBS.items():
        says = (typer.main.get_command(registry.load(reference)).help or "").split("\n\n")[0]
        assert cli.SAYS[verb] == " ".join(says.split()), f"occset/cli.py: mend what SAYS tells of {verb}"
