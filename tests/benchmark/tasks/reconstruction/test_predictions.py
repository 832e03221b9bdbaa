"""Meshes made elsewhere as a method: where they are seen, their landmarks, and what a folder must hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occset.benchmark.tasks.reconstruction.posed_face import PosedFace, draw, geometry_of
from occset.benchmark.tasks.reconstruction.predictions import Predictions, from_spec
from occset.models.morphable.face_region import face_triangles
from occset.models.morphable.meshes import write_mesh
from occset.models.morphable.procedural import procedural_model
from occset.models.reconstruction.coefficients import FOCAL
from occset.support.errors import BadInput, BrokenMethod, OccsetError, UnknownName

SIZE = 32
IMAGES = np.zeros((1, SIZE, SIZE, 3), np.uint8)


def write_square(folder: Path, text: str, name: str = "one.obj", colour: str = " 1 0.5 0") -> None:
    """A square of four vertices ``x y z`` in order."""
    lines = [f"v {row}{colour}" for row in text.split(",")]
    (folder / name).write_text("\n".join([*lines, "f 1 2 3 4", ""]))


def box_of(mask: np.ndarray) -> list[int]:
    """Rows and columns from, to."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])]


def test_pixels_of_a_picture_run_up_from_its_last_row(tmp_path: Path) -> None:
    write_square(tmp_path, "4 2 0,12 2 0,12 7 0,4 7 0")
    method = from_spec(f"{tmp_path}?axes=picture")
    coefficients, renders, masks = method.reconstruct(IMAGES, ids=["one"])
    assert box_of(masks[0]) == [SIZE - 1 - 7, SIZE - 1 - 2, 4, 12]
    assert renders[0][25, 8].tolist() == [255, 128, 0] and not renders[0][masks[0] == 0].any()
    assert method.geometry(coefficients, SIZE) == {}, "no landmarks lie beside it"


def test_a_mesh_of_another_size_is_scaled(tmp_path: Path) -> None:
    write_square(tmp_path, "8 4 0,25 4 0,25 15 0,8 15 0")
    masks = from_spec(f"{tmp_path}?axes=picture&size=64").reconstruct(IMAGES, ids=["one"])[2]
    assert box_of(masks[0]) == [SIZE - 1 - 7, SIZE - 1 - 2, 4, 12]


def test_what_is_nearer_hides_what_is_behind(tmp_path: Path) -> None:
    front = "v 4 4 5 0 0 1\nv 20 4 5 0 0 1\nv 20 20 5 0 0 1\nv 4 20 5 0 0 1\nf 1 2 3 4\n"
    behind = front.replace(" 5 0 0 1", " -5 1 0 0").replace("f 1 2 3 4", "f 5 6 7 8")
    (tmp_path / "one.obj").write_text(front + behind)
    renders = from_spec(f"{tmp_path}?axes=picture").reconstruct(IMAGES, ids=["one"])[1]
    assert renders[0][SIZE - 1 - 10, 10].tolist() == [0, 0, 255]


def test_a_camera_sees_millimetres_in_perspective(tmp_path: Path) -> None:
    # 2 widths of focal length: 100 mm at 1000 mm are 6.4 pixels of 32, at 500 mm twice as many
    write_square(tmp_path, "0 0 -1000,100 0 -1000,100 100 -1000,0 100 -1000")
    method = from_spec(f"{tmp_path}?focal=2")
    (tmp_path / "one.landmarks.txt").write_text("100 -50 -1000\n" * 67 + "100 0 -500\n")
    coefficients, _, masks = method.reconstruct(IMAGES, ids=["one"])
    assert box_of(masks[0]) == [10, 15, 16, 21]  # from 15.5 to 21.9 across, 9.1 to 15.5 down
    told = method.geometry(coefficients, SIZE)
    assert told["landmarks"].shape == (1, 68, 3) and told["landmarks"][0, 0].tolist() == [100, -50, -1000]
    assert told["points"][0, 0] == pytest.approx([15.5 + 6.4, 15.5 + 3.2])
    assert told["points"][0, 67] == pytest.approx([15.5 + 12.8, 15.5])


def test_a_mesh_of_our_own_writer_is_seen_where_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    pose = np.array([0.05, -0.2, 0.02, 3, 20, -1100], np.float32)
    size = 64
    face = PosedFace(
        pose,
        np.array([FOCAL * size], np.float32),
        rng.normal(size=80).astype(np.float32),
        np.zeros(64, np.float32),
        np.zeros(80, np.float32),
        np.eye(9, dtype=np.float32)[0] * 3,
    )
    model, known = procedural_model(), geometry_of(face, size)
    assert known.vertices is not None and known.points is not None and known.landmarks is not None
    colours = np.full(known.vertices[0].shape, 128, np.uint8)
    write_mesh(tmp_path / "0001_one.obj", known.vertices[0], colours, face_triangles(model).numpy())
    (tmp_path / "landmarks.txt").write_text(" ".join(map(str, model.landmarks.tolist())))
    method = from_spec(str(tmp_path))
    coefficients, _, masks = method.reconstruct(np.zeros((1, size, size, 3), np.uint8), ids=["one"])
    told = method.geometry(coefficients, size)
    assert np.abs(told["points"] - known.points).max() < 0.01
    assert np.abs(told["landmarks"] - known.landmarks).max() < 0.01
    assert ((masks[0] > 127) != (draw(face, size)[1] > 127)).mean() < 0.01


def test_a_mesh_without_colours_is_grey_and_brightest_where_it_faces_the_viewer(tmp_path: Path) -> None:
    write_square(tmp_path, "4 2 0,12 2 0,12 7 0,4 7 0", "flat.obj", colour="")
    write_square(tmp_path, "4 2 0,12 2 20,12 7 20,4 7 0", "steep.obj", colour="")
    method = from_spec(f"{tmp_path}?axes=picture")
    flat, steep = (method.reconstruct(IMAGES, ids=[name])[1][0][26, 8] for name in ("flat", "steep"))
    assert flat.tolist() == [153] * 3 and steep.max() < 120 and len(set(steep.tolist())) == 1


def test_what_the_folder_must_hold(tmp_path: Path) -> None:
    write_square(tmp_path, "4 2 0,12 2 0,12 7 0,4 7 0")
    (tmp_path / "two.png").write_bytes(b"")
    (tmp_path / "._one.obj").write_bytes(b"left by a system")
    method = Predictions(tmp_path, "picture")
    with pytest.raises(BrokenMethod, match=r"1 of these 2 samples have no mesh in .*, such as two\.obj; write one OBJ"):
        method.reconstruct(np.repeat(IMAGES, 2, 0), ids=["one", "two"])
    write_square(tmp_path, "4 2 0,12 2 0,12 7 0,4 7 0", "a_one.obj")
    (tmp_path / "one.obj").rename(tmp_path / "b_one.obj")
    with pytest.raises(BrokenMethod, match=r"a_one\.obj and b_one\.obj in .* both fit"):
        method.reconstruct(IMAGES, ids=["one"])
    with pytest.raises(OccsetError, match="cannot be a file name"):
        method.reconstruct(IMAGES, ids=["../one"])


def test_landmarks_behind_the_camera_are_of_other_axes(tmp_path: Path) -> None:
    write_square(tmp_path, "0 0 -1000,100 0 -1000,100 100 -1000,0 100 -1000")
    (tmp_path / "landmarks.txt").write_text("0 " * 68)
    assert from_spec(str(tmp_path)).reconstruct(IMAGES, ids=["one"])[0][0, 0] == 1
    write_square(tmp_path, "4 2 0,12 2 0,12 7 0,4 7 0")
    with pytest.raises(BrokenMethod, match=r"landmarks of one\.obj lie behind the camera"):
        from_spec(str(tmp_path)).reconstruct(IMAGES, ids=["one"])


def test_the_hash_knows_meshes_landmarks_and_axes(tmp_path: Path) -> None:
    write_square(tmp_path, "4 2 0,12 2 0,12 7 0,4 7 0")
    seen = {Predictions(tmp_path).weights_hash, Predictions(tmp_path, "picture").weights_hash}
    (tmp_path / "landmarks.txt").write_text("0 " * 68)
    seen.add(Predictions(tmp_path).weights_hash)
    (tmp_path / "one.landmarks.txt").write_text("0 0 0\n" * 68)
    seen.add(Predictions(tmp_path).weights_hash)
    write_square(tmp_path, "4 2 0,12 2 0,12 7 0,4 8 0")
    seen.add(Predictions(tmp_path).weights_hash)
    assert len(seen) == 5
    (tmp_path / "readme.txt").write_text("nothing")
    assert Predictions(tmp_path).weights_hash in seen


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ("axes=head", BadInput, "axes must be camera or picture"),
        ("focal=nan", BadInput, "focal must be a number from 0.1"),
        ("focal=0", BadInput, "focal must be a number"),
        ("size=128", BadInput, "size with axes=picture"),
        ("axes=picture&focal=3", BadInput, "focal goes with axes=camera"),
        ("axis=picture", UnknownName, "did you mean axes"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: str, error: type[OccsetError], says: str) -> None:
    with pytest.raises(error, match=says):
        from_spec(f"{tmp_path}?{options}")
    with pytest.raises(BadInput, match=r"is not a folder; it must hold one <sample id>\.obj"):
        from_spec(str(tmp_path / "nowhere"))
