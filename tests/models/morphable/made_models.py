"""Files in the layouts of the Basel model and of ICT-FaceKit, made from the procedural model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from occset.models.morphable.grid import grid_triangles
from occset.models.morphable.procedural import procedural_model
from occset.models.morphable.readers import ict


def bfm_arrays() -> dict[str, np.ndarray]:
    """What BFM_model_front.mat holds, of the coarse procedural face: its shapes, units, types and counts from one."""
    model = procedural_model().coarse
    count = len(model.mean)
    shift = np.array([3.0, -20.0, 40.0])  # it is centred on the mean of its vertices, wherever that is

    def columns(basis: torch.Tensor) -> np.ndarray:
        return basis.reshape(len(basis), 3 * count).T.numpy()

    return {
        "meanshape": ((model.mean.numpy() - shift) / 100).reshape(1, -1).astype(np.float32),
        "meantex": (model.mean_albedo.numpy() * 255).reshape(1, -1).astype(np.float32),
        "idBase": columns(model.identity_basis) / 100,
        "exBase": columns(model.expression_basis) / 100,
        "texBase": columns(model.texture_basis) * 255,
        "tri": (model.triangles.numpy()[:, ::-1] + 1).astype(np.float32),
        "keypoints": (model.landmarks.numpy()[None] + 1).astype(np.float32),
        "skinmask": model.skin.numpy()[None].astype(np.float32),
    }


def ict_arrays() -> dict[str, np.ndarray]:
    """What ICT-FaceKit's .npz holds: 9409 vertices (97 x 97 of the procedural grid) with the landmarks at ICT's numbers."""
    model = procedural_model()
    width = int((model.chart[:, 1] == model.chart[0, 1]).sum())
    rows, columns = (each.unique() for each in (model.landmarks // width, model.landmarks % width))
    middle = width // 2
    right = _filled(columns[columns >= middle].numpy(), np.arange(middle, width - 8), 49)
    across = np.concatenate((width - 1 - right[:0:-1], right))
    down = _filled(rows.numpy(), np.arange(12, len(model.mean) // width - 9), 97)
    kept = (down[:, None] * width + across).reshape(-1)
    order = np.full(len(kept), -1)  # place in the file -> place in the grid
    place = {int(vertex): k for k, vertex in enumerate(kept)}
    order[list(ict._LANDMARKS)] = [place[int(vertex)] for vertex in model.landmarks]
    order[order < 0] = np.setdiff1d(np.arange(len(kept)), order)
    number = np.argsort(order)
    vertices = torch.from_numpy(kept[order])
    return {
        "mean": (model.mean[vertices].numpy() + np.array([0, -30.0, 5.0], np.float32)) / 10,
        "id": model.identity_basis[:4, vertices].numpy() / 10,
        "exp": model.expression_basis[:2, vertices].numpy() / 10,
        "exp_names": np.array(["a", "b"]),
        "tri": number[grid_triangles(len(down), len(across)).numpy()].astype(np.int32),
    }


def write_ict_folder(folder: Path, arrays: dict[str, Any]) -> Path:
    """The OBJ files of FaceKit: the face first, then more of the head, quads, and texture indices in the faces."""
    folder.mkdir()
    head = np.concatenate((arrays["mean"], arrays["mean"][:5] - 3))
    shapes = {"generic_neutral_mesh": head}
    for prefix, basis in (("identity", arrays["id"]), ("jaw", arrays["exp"])):
        for k, each in enumerate(basis):
            shapes[f"{prefix}{k:03d}"] = head + np.concatenate((each, each[:5]))
    faces = [*(f"f {a}/1 {b}/1 {c}/1" for a, b, c in arrays["tri"] + 1), "f 1/1 2/1 9412/1 9413/1"]
    for name, points in shapes.items():
        lines = ["# made here", *(f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in points), "vt 0 0"]
        (folder / f"{name}.obj").write_text("\n".join(lines + (faces if name == "generic_neutral_mesh" else [])))
    return folder


def _filled(chosen: np.ndarray, able: np.ndarray, count: int) -> np.ndarray:
    """Sorted: the chosen ones and so many of the others, spread evenly, that there are ``count``."""
    others = np.setdiff1d(able, chosen)
    picked = others[np.linspace(0, len(others) - 1, count - len(chosen)).round().astype(int)]
    return np.union1d(chosen, picked)
