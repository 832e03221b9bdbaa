"""Models by name: importing the Basel model and ICT-FaceKit, what is kept, the command line, and hostile files."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch
from typer.testing import CliRunner

from occset import cli
from occset.models.morphable.base import LinearModel, MorphableModel
from occset.models.morphable.procedural import procedural_model
from occset.models.morphable.readers.mat_file import read_mat
from occset.models.morphable.store import import_morphable, known_models, open_morphable, save_morphable
from occset.support.errors import BadInput, UnknownName
from tests.models.morphable.made_models import bfm_arrays, ict_arrays, write_ict_folder


@pytest.fixture(autouse=True)
def own_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(scope="module")
def bfm() -> dict[str, np.ndarray]:
    return bfm_arrays()


@pytest.fixture(scope="module")
def ict() -> dict[str, np.ndarray]:
    return ict_arrays()


def write_mat(path: Path, arrays: dict[str, Any], compress: bool = False) -> Path:
    scipy.io.savemat(path, arrays, do_compression=compress)
    return path


def write_npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("compress", [False, True])
def test_the_basel_model_is_read_in_millimetres(tmp_path: Path, bfm: dict[str, np.ndarray], compress: bool) -> None:
    file = write_mat(tmp_path / "BFM_model_front.mat", bfm | {"other": {"a": 1}, "text": "x"}, compress)
    with pytest.raises(BadInput, match="occset models morphable import bfm09 FILE"):
        open_morphable("bfm09")
    import_morphable("bfm09", file)
    model, truth = open_morphable("bfm09"), procedural_model().coarse
    assert isinstance(model, MorphableModel) and model.name == "bfm09"
    eyes = truth.mean[truth.landmarks[36:48]].mean(0)
    moved = truth.mean - eyes + torch.tensor([0, 0, 90.0])  # the origin lies 90 mm behind the eyes
    assert torch.allclose(model.mean, moved, atol=1e-3)
    assert torch.allclose(model.identity_basis, truth.identity_basis, atol=1e-4)
    assert torch.allclose(model.expression_basis, truth.expression_basis, atol=1e-4)
    assert torch.allclose(model.mean_albedo, truth.mean_albedo, atol=1e-5)
    assert torch.allclose(model.texture_basis, truth.texture_basis, atol=1e-5)
    assert torch.equal(model.landmarks, truth.landmarks) and torch.equal(model.skin, truth.skin)
    assert torch.equal(model.triangles, truth.triangles)  # the file's ran clockwise
    assert torch.equal(model.mirror, truth.mirror)
    assert model.expression_range == (-np.inf, np.inf)
    assert model.uv.min() >= 0 and model.uv.max() <= 1


def test_real_mat_files_are_read_as_scipy_reads_them(real_data: Path) -> None:
    files = sorted((real_data / "morphable" / "bfm09_side_files").glob("*.mat"))
    assert len(files) == 5
    for file in files:
        theirs = {name: each for name, each in scipy.io.loadmat(file).items() if not name.startswith("__")}
        ours = read_mat(file, list(theirs))
        assert set(ours) == set(theirs)
        for name, each in theirs.items():
            assert ours[name].shape == each.shape and np.array_equal(ours[name], each), name


@pytest.mark.slow
def test_the_real_side_files_of_the_basel_model_fit(tmp_path: Path, real_data: Path) -> None:
    """Their triangles, landmarks and skin mask, under a made shape of 35,709 vertices that is pinned at the landmarks."""
    folder = real_data / "morphable" / "bfm09_side_files"
    real = scipy.io.loadmat(folder / "facemodel_info.mat")
    marks = scipy.io.loadmat(folder / "similarity_Lm3D_all.mat")["lm"]
    triangles = torch.from_numpy(real["tri"].astype(np.int64)) - 1
    keypoints, count = real["keypoints"][0].astype(int) - 1, real["skinmask"].shape[1]
    assert count == 35_709
    points = torch.zeros(count, 3)
    degree = torch.bincount(triangles.reshape(-1), minlength=count).clamp_min(1)[:, None]
    for _ in range(40):  # a membrane between the landmarks
        of_face = points[triangles].mean(1)
        points = torch.zeros(count, 3).index_add(0, triangles.reshape(-1), of_face.repeat_interleave(3, 0)) / degree
        points[keypoints] = torch.from_numpy(marks)
    made = {
        "meanshape": points.reshape(1, -1).numpy(),
        "meantex": np.full((1, 3 * count), 128, np.float32),
        "idBase": np.zeros((3 * count, 80), np.float32),
        "exBase": np.zeros((3 * count, 64), np.float32),
        "texBase": np.zeros((3 * count, 80), np.float32),
        **{name: real[name] for name in ("tri", "keypoints", "skinmask")},
    }
    model = import_morphable("bfm09", write_mat(tmp_path / "BFM_model_front.mat", made))
    assert model.mean.shape == (35_709, 3) and model.triangles.shape == (70_789, 3)
    assert model.skin.sum() == real["skinmask"].sum()
    mark = model.mean[model.landmarks]
    assert 140 < mark[16, 0] - mark[0, 0] < 150  # 1.46 of the file's units
    coarse = model.coarse
    assert 2000 <= len(coarse.mean) <= 3000
    assert torch.equal(coarse.mean[coarse.landmarks], mark)


def test_ict_facekit_is_read_from_one_file_and_from_its_folder(tmp_path: Path, ict: dict[str, np.ndarray]) -> None:
    one = open_morphable(write_npz(tmp_path / "ict.npz", **ict))
    import_morphable("ict", write_ict_folder(tmp_path / "FaceXModel", ict))
    model, truth = open_morphable("ict"), procedural_model()
    assert model.mean.shape == (9409, 3) and model.triangles.shape == (2 * 96 * 96, 3)
    assert model.expression_range == (0.0, 1.0) and model.texture_basis.shape == (0, 9409, 3)
    for name in ("mean", "identity_basis", "expression_basis"):
        assert torch.allclose(getattr(model, name), getattr(one, name), atol=1e-4), name
    for name in ("triangles", "landmarks", "mirror", "mean_albedo"):
        assert torch.equal(getattr(model, name), getattr(one, name)), name
    mark, true_mark = model.mean[model.landmarks], truth.mean[truth.landmarks]
    assert torch.allclose(mark - mark[30], true_mark - true_mark[30], atol=1e-3)
    assert torch.allclose(model.identity_basis[2, model.landmarks], truth.identity_basis[2, truth.landmarks], atol=1e-3)
    image = model.mean * torch.tensor([-1.0, 1, 1])
    assert (model.mean[model.mirror] - image).abs().max() < 1e-3
    assert torch.equal(model.mirror[model.mirror], torch.arange(9409))
    nose, cheeks = model.landmarks[[28, 30]], model.mean[:, 1].sub(-40).abs() + model.mean[:, 0].sub(40).abs()
    assert model.skin[nose].all() and model.skin[cheeks.argmin()]
    eye = model.mean[model.landmarks[36:42]].mean(0)
    assert not model.skin[(model.mean[:, :2] - eye[:2]).norm(dim=1).argmin()]
    assert not model.skin[model.mean[:, 1] < mark[8, 1] - 10].any()


def test_a_mesh_is_decimated_without_a_hole(tmp_path: Path, ict: dict[str, np.ndarray]) -> None:
    model = open_morphable(write_npz(tmp_path / "ict.npz", **ict))
    coarse = model.coarse
    assert 2000 <= len(coarse.mean) <= 3000 and coarse.coarse is coarse
    assert torch.equal(coarse.mean[coarse.landmarks], model.mean[model.landmarks])
    assert torch.equal(coarse.identity_basis[3], model.identity_basis[3, model.coarse_vertices])
    edges = torch.cat([coarse.triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    assert len(edges.unique(dim=0)) == len(edges)  # no two triangles run along an edge in the same direction
    corners = len(edges.unique())
    undirected = edges.sort(1).values.unique(dim=0)
    assert corners - len(undirected) + len(coarse.triangles) == 1  # Euler: one piece without a hole
    image = coarse.mean * torch.tensor([-1.0, 1, 1])
    assert (coarse.mean[coarse.mirror] - image).norm(dim=1).mean() < 0.01
    across = (coarse.mean[undirected[:, 0]] - coarse.mean[undirected[:, 1]]).norm(dim=1)
    near_eye = (coarse.mean[undirected[:, 0]] - coarse.mean[coarse.landmarks[36]]).norm(dim=1) < 15
    assert across[near_eye].median() < across[~near_eye].median()


def test_the_real_ict_model(real_data: Path) -> None:
    model = import_morphable("ict", real_data / "morphable" / "ict_face_9409.npz")
    assert (len(model.identity_basis), len(model.expression_basis)) == (100, 57)
    mark = model.mean[model.landmarks]
    assert 60 < mark[42:48].mean(0)[0] - mark[36:42].mean(0)[0] < 66  # a person's eyes
    assert mark[30, 2] == mark[:, 2].max()
    assert 0.3 < model.skin.float().mean() < 0.7
    assert 2000 <= len(model.coarse.mean) <= 3000 and len(model.coarse.triangles) > 4000


def test_with_another_albedo_it_is_the_same_model_with_another_revision() -> None:
    model = procedural_model()
    draw = torch.Generator().manual_seed(0)
    basis = torch.randn(7, *model.mean.shape, generator=draw) * 0.01
    other = model.with_albedo(model.mean_albedo * 0.5, basis)
    assert torch.equal(other.mean, model.mean) and torch.equal(other.mirror, model.mirror)
    assert other.albedo(torch.ones(2, 7)).shape == (2, len(model.mean), 3)
    assert torch.equal(other.coarse.triangles, model.coarse.triangles)
    assert torch.allclose(other.coarse.mean_albedo, model.coarse.mean_albedo * 0.5, atol=1e-6)
    revisions = {model.revision, other.revision, model.with_albedo(model.mean_albedo, basis).revision}
    assert len(revisions) == 3 and all(len(each) == 64 for each in revisions)
    assert other.revision == model.with_albedo(model.mean_albedo * 0.5, basis.clone()).revision
    with pytest.raises(ValueError, match=r"\(K, 21801, 3\)"):
        model.with_albedo(model.mean_albedo, basis[:, :9])


def test_what_is_kept_is_what_was_read(tmp_path: Path) -> None:
    model = procedural_model().with_albedo(procedural_model().mean_albedo, torch.zeros(0, 21801, 3))
    save_morphable(model, tmp_path / "a.npz")
    save_morphable(model, tmp_path / "b.npz")
    again = open_morphable(tmp_path / "a.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert open_morphable(tmp_path / "a.npz") is again
    for name in ("mean", "expression_basis", "triangles", "mirror", "skin", "coarse_cells"):
        assert torch.equal(getattr(again, name), getattr(model, name)), name
    assert again.name == model.name and again.expression_range == model.expression_range
    save_morphable(model.with_albedo(model.mean_albedo * 0.5, model.texture_basis), tmp_path / "a.npz")
    assert torch.allclose(open_morphable(tmp_path / "a.npz").mean_albedo, model.mean_albedo * 0.5)


def test_the_command_line(tmp_path: Path, bfm: dict[str, np.ndarray]) -> None:
    run = CliRunner()
    file = write_mat(tmp_path / "BFM_model_front.mat", bfm)
    done = run.invoke(cli.app, ["models", "morphable", "import", "bfm09", str(file)])
    assert done.exit_code == 0
    assert "2750 vertices, 5292 triangles, 80 identity, 64 expression, 80 albedo modes" in done.output
    listed = json.loads(run.invoke(cli.app, ["models", "morphable", "list", "--json"]).stdout)
    assert [row["name"] for row in listed] == ["procedural", "bfm09"]
    assert listed[1]["file"] == str(tmp_path / "data" / "occset" / "morphable" / "bfm09.npz")
    Path(listed[1]["file"]).write_bytes(b"PK not a model")
    broken = run.invoke(cli.app, ["models", "morphable", "list"])
    assert broken.exit_code == 1 and "bfm09.npz" in broken.output and "procedural" in broken.output


def test_unknown_names_are_told() -> None:
    with pytest.raises(UnknownName, match="did you mean procedural"):
        open_morphable("procedual")
    with pytest.raises(UnknownName, match="bfm09"):
        import_morphable("bfm", Path("x"))
    with pytest.raises(BadInput, match=r"nowhere\.mat"):
        import_morphable("bfm09", Path("nowhere.mat"))
    assert [known.name for known in known_models()] == ["procedural"]


Change = Callable[[dict[str, np.ndarray]], dict[str, Any]]


def changed(name: str, how: Callable[[np.ndarray], object]) -> Change:
    def change(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
        return arrays | {name: how(arrays[name].copy())}

    return change


def put(value: float, at: int = 5) -> Callable[[np.ndarray], np.ndarray]:
    def how(array: np.ndarray) -> np.ndarray:
        array.reshape(-1)[at] = value
        return array

    return how


BAD_BFM: dict[str, tuple[Change, str]] = {
    "an array is missing": (lambda arrays: {k: v for k, v in arrays.items() if k != "texBase"}, "texBase"),
    "NaN in the shape": (changed("meanshape", put(np.nan)), "'mean' holds numbers that are not finite"),
    "infinity in a basis": (changed("exBase", put(np.inf)), "'expression_basis' holds numbers that are not finite"),
    "NaN in the triangles": (changed("tri", put(np.nan)), "'triangles' names vertices that are not there"),
    "half an index": (changed("tri", put(7.5)), "'triangles' names vertices that are not there"),
    "a triangle counts from 0": (changed("tri", put(0)), "'triangles' names vertices"),
    "a triangle beyond the end": (changed("tri", put(2751)), "'triangles' names vertices"),
    "a landmark beyond the end": (changed("keypoints", put(1e9)), "'landmarks' names vertices"),
    "67 landmarks": (changed("keypoints", lambda a: a[:, :67]), "'keypoints' has 67 numbers instead of 68"),
    "a basis of another mesh": (
        changed("idBase", lambda a: a[:-3]),
        r"'idBase' is \(8247, 80\) instead of \(8250, K\)",
    ),
    "a mask of another mesh": (changed("skinmask", lambda a: a[:, 1:]), "'skinmask' has 2749"),
    "four corners": (changed("tri", lambda a: np.hstack((a, a[:, :1]))), r"'triangles' is \(5292, 4\)"),
    "a cell array": (changed("tri", lambda a: np.array([[a, "x"]], dtype=object)), "'tri' is a cell array"),
    "a structure": (changed("idBase", lambda a: {"a": a}), "'idBase' is a structure"),
    "text": (changed("tri", lambda a: "rm -rf"), "'tri' is text"),
    "metres": (changed("meanshape", lambda a: a * 10), "its landmarks are no face"),
    "upside down": (changed("meanshape", lambda a: -a), "its landmarks are no face"),
    "nothing": (lambda arrays: {}, "has no 'meanshape'"),
}


@pytest.mark.parametrize("what", BAD_BFM)
def test_a_basel_file_that_is_wrong_is_refused_by_name(tmp_path: Path, bfm: dict[str, np.ndarray], what: str) -> None:
    change, said = BAD_BFM[what]
    file = write_mat(tmp_path / "BFM.mat", change(bfm))
    with pytest.raises(BadInput, match=said) as caught:
        import_morphable("bfm09", file)
    assert str(file) in str(caught.value)
    assert [known.name for known in known_models()] == ["procedural"]


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(name: bytes, shape: tuple[int, ...], data: bytes, flags: int = 7, kind: int = 7) -> bytes:
    sizes = element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, element(6, struct.pack("<II", flags, 0)) + sizes + element(1, name) + element(kind, data))


HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\x01IM"
BAD_BYTES = {
    "empty": (b"", "not a MATLAB file"),
    "MATLAB 7.3": (b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\x02IM" + bytes(384) + b"\x89HDF\r\n\x1a\n", "save -v7"),
    "a pickle": (pickle.dumps({"meanshape": 1}), "not a MATLAB file"),
    "too many numbers": (HEADER + matrix(b"tri", (1 << 20, 1 << 20), b"1234"), "impossible shape"),
    "numbers that are not there": (HEADER + matrix(b"tri", (1000, 1000), b"1234"), "holds 4 bytes"),
    "a negative size": (HEADER + matrix(b"tri", (-1, -4), b"1234"), "impossible shape"),
    "a size that is not there": (HEADER + struct.pack("<II", 14, 1 << 31), "ends too early"),
    "no name": (HEADER + element(14, element(6, struct.pack("<II", 7, 0))), "no name or no size"),
    "numbers of no type": (HEADER + matrix(b"tri", (1, 1), b"1234", kind=99), "no known type"),
    "complex numbers": (HEADER + matrix(b"tri", (1, 1), b"1234", flags=0x0807), "'tri' is complex"),
    "a function": (HEADER + matrix(b"tri", (1, 1), b"1234", flags=16), "'tri' is of another kind"),
    "twice": (HEADER + matrix(b"tri", (1, 1), b"1234") * 2, "'tri' is there twice"),
    "broken compression": (HEADER + element(15, b"no zlib at all"), "broken"),
    "cut compression": (HEADER + element(15, zlib.compress(bytes(9999))[:-9]), "ends too early"),
    "many empty arrays": (HEADER + element(6, b"") * 300, "more than 256 arrays"),
}


@pytest.mark.parametrize("what", BAD_BYTES)
def test_bytes_that_are_no_sound_mat_file_are_refused(tmp_path: Path, what: str) -> None:
    data, said = BAD_BYTES[what]
    file = tmp_path / "BFM.mat"
    file.write_bytes(data)
    with pytest.raises(BadInput, match=said):
        import_morphable("bfm09", file)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occset.models.morphable.readers.mat_file.MOST_UNPACKED", 1 << 16)
    file = tmp_path / "BFM.mat"
    file.write_bytes(HEADER + element(15, zlib.compress(bytes(1 << 22))))
    with pytest.raises(BadInput, match="unpack to more than 65536 bytes"):
        import_morphable("bfm09", file)


def test_any_cut_and_any_flipped_byte_is_read_or_refused(tmp_path: Path) -> None:
    """Never another error than the one that names the file."""
    stream = io.BytesIO()
    scipy.io.savemat(stream, {"tri": np.arange(12.0).reshape(4, 3), "keypoints": np.arange(3, dtype=np.uint8)})
    data, draw = stream.getvalue(), np.random.default_rng(0)
    file = tmp_path / "BFM.mat"
    for k in range(300):
        broken = bytearray(data if k % 2 else data[: draw.integers(len(data))])
        for _ in range(k % 4):
            broken[draw.integers(len(broken))] = draw.integers(256) if len(broken) else 0
        file.write_bytes(broken)
        with pytest.raises(BadInput, match=r"BFM\.mat"):
            import_morphable("bfm09", file)


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_hostile_npz_files_are_refused_and_nothing_runs(tmp_path: Path, ict: dict[str, np.ndarray]) -> None:
    bomb = tmp_path / "exploded"
    file = write_npz(tmp_path / "a.npz", **(ict | {"mean": np.array([Bomb(bomb)], dtype=object)}))
    with pytest.raises(BadInput, match=r"a\.npz"):
        import_morphable("ict", file)
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Bomb(bomb)))
    with pytest.raises(BadInput, match=r"b\.npz"):
        import_morphable("ict", tmp_path / "b.npz")
    assert not bomb.exists()
    for name, change, said in (
        ("tri", put(-1), "'triangles' names vertices"),
        ("tri", put(9409), "'triangles' names vertices"),
        ("mean", put(np.nan), "'mean' holds numbers that are not finite"),
        ("exp", lambda a: a[:, :9], "'exp' is"),
        ("id", lambda a: a.astype(str), "'id' holds no numbers"),
        ("mean", lambda a: a[:9000], "'id' is"),
        ("mean", lambda a: a.reshape(-1), "'mean' is"),
        ("tri", lambda a: a[:, :2], "'triangles' is"),
        ("tri", lambda a: a[:0], "'triangles' has 0 rows"),
    ):
        file = write_npz(tmp_path / "c.npz", **changed(name, change)(ict))
        with pytest.raises(BadInput, match=said):
            import_morphable("ict", file)


def test_hostile_obj_files_are_refused(tmp_path: Path, ict: dict[str, np.ndarray]) -> None:
    folder = write_ict_folder(tmp_path / "kit", ict)
    neutral = folder / "generic_neutral_mesh.obj"
    good = neutral.read_text()
    for more, said in (
        ("\nf 1 2 9999999", "a face names a vertex that is not there"),
        ("\nf 1 2 -99999", "a face names a vertex that is not there"),
        ("\nf 1 2 0", "a face names"),
        ("\nf 1 2 x", "not a sound OBJ"),
        ("\nf 1 2", "a face names"),
        ("\nv 1 2 nan", "not finite"),
        ("\nv 1 2", "not a sound OBJ"),
        ("\nv 1 2 __import__('os')", "not a sound OBJ"),
    ):
        neutral.write_text(good + more)
        with pytest.raises(BadInput, match=said) as caught:
            import_morphable("ict", folder)
        assert "generic_neutral_mesh.obj" in str(caught.value)
    neutral.write_text(good)
    (folder / "identity003.obj").write_text("v 0 0 0")
    with pytest.raises(BadInput, match=r"identity003\.obj: has 1 vertices"):
        import_morphable("ict", folder)
    neutral.unlink()
    with pytest.raises(BadInput, match="generic_neutral_mesh"):
        import_morphable("ict", folder)


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("mirror", put(-1), "'mirror' names vertices"),
        ("coarse_triangles", put(2750), "'coarse_triangles' names vertices"),
        ("coarse_cells", put(2750), "'coarse_cells' names vertices"),
        ("texture_basis", put(np.nan), "'texture_basis' holds numbers that are not finite"),
        ("format", lambda a: np.array(2), "another version"),
        ("name", lambda a: np.array(["a", "b"]), "import the model again"),
        ("expression_range", lambda a: a[:1], "import the model again"),
    ],
)
def test_a_kept_file_that_was_changed_is_refused(
    tmp_path: Path, name: str, how: Callable[[np.ndarray], object], said: str
) -> None:
    model: LinearModel = procedural_model()
    model = model.with_albedo(model.mean_albedo, model.texture_basis[:2])
    save_morphable(model, tmp_path / "kept.npz")
    with np.load(tmp_path / "kept.npz") as stored:
        arrays = changed(name, how)(dict(stored))
    with pytest.raises(BadInput, match=said):
        open_morphable(write_npz(tmp_path / "kept.npz", **arrays))
