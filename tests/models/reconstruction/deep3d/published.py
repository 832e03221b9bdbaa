"""Deep3DFaceReconstruction's conventions written out slowly, and made files in the layouts of its own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.io
import torch

from occset.models.reconstruction.deep3d.network import Deep3dNetwork
from tests.models.morphable.made_models import bfm_arrays


def write_bfm(path: Path) -> Path:
    """A made ``BFM_model_front.mat`` of 2750 vertices."""
    scipy.io.savemat(path, bfm_arrays())
    return path


def raw_vectors(count: int, seed: int = 0) -> np.ndarray:
    """(N, 257) what heads may say of turned, shifted, lit faces, in the network's order."""
    draw = np.random.default_rng(seed)
    parts = (
        draw.normal(0, 0.7, (count, 80)), draw.normal(0, 0.5, (count, 64)), draw.normal(0, 0.7, (count, 80)),
        draw.normal(0, (0.15, 0.35, 0.1), (count, 3)), draw.normal(0, 0.12, (count, 27)),
        draw.normal(0, 0.06, (count, 2)), draw.normal(0, 0.4, (count, 1)),
    )  # fmt: skip
    return np.concatenate(parts, 1).astype(np.float32)


def made_state(biases: np.ndarray, seed: int = 0) -> dict[str, torch.Tensor]:
    """A state dict with random weights whose heads say about `biases` (257,), and a little of the picture."""
    torch.manual_seed(seed)
    network = Deep3dNetwork()
    at = 0
    for head in network.final_layers:
        count = head.out_channels
        torch.nn.init.normal_(head.weight, std=0.0003)
        head.bias.data = torch.from_numpy(biases[at : at + count].copy())
        at += count
    return network.state_dict()


def flat_state() -> dict[str, torch.Tensor]:
    """As `made_state` with the same number everywhere, which takes no room in a file."""
    with torch.device("meta"):
        shapes = Deep3dNetwork().state_dict()
    return {key: torch.tensor(0.5).to(like.dtype).expand(like.shape) for key, like in shapes.items()}


def write_checkpoint(path: Path, state: object) -> Path:
    """As Deep3DFaceRecon_pytorch's training saves it: the network, its optimiser and its plan of learning rates."""
    adam = torch.optim.Adam([torch.nn.Parameter(torch.ones(3))], 1e-4)
    plan = torch.optim.lr_scheduler.StepLR(adam, 10, 0.2)
    torch.save({"net_recon": state, "opt_00": adam.state_dict(), "sched_00": plan.state_dict()}, path)
    return path


class Drawn(NamedTuple):
    """Of one face, pixels with centres at integers: (68, 2) landmarks, (224, 224, 3) picture 0..1, (224, 224) bool."""

    landmarks: np.ndarray
    picture: np.ndarray
    covered: np.ndarray


def draw_slowly(arrays: dict[str, np.ndarray], raw: np.ndarray, by_area: bool = False) -> Drawn:
    """One face by the equations of their ``models/bfm.py`` and the pixels of their renderer, a triangle at a time.

    Args:
        arrays: of ``BFM_model_front.mat``.
        raw: (257,) what the network says.
        by_area: weigh the normals of triangles by their area, as our renderer does, instead of all alike.
    """
    a = {name: np.asarray(each, np.float64) for name, each in arrays.items()}
    identity, expression, texture, angles, gamma, shift = np.split(np.float64(raw), [80, 144, 224, 227, 254])
    mean = a["meanshape"].reshape(-1, 3)
    moved = (a["idBase"] @ identity + a["exBase"] @ expression).reshape(-1, 3)
    head = mean - mean.mean(0) + moved
    turn = _about(2, angles[2]) @ _about(1, angles[1]) @ _about(0, angles[0])
    placed = head @ turn.T + shift
    distance = 10.0 - placed[:, 2]
    triangles = a["tri"].astype(int) - 1
    across = 1015 * placed[:, 0] / distance + 112 - 0.5  # their edges lie at 0 and 224
    down = 112 - 1015 * placed[:, 1] / distance - 0.5
    shown = (a["meantex"].reshape(-1) + a["texBase"] @ texture).reshape(-1, 3) / 255
    colours = shown * _light(_normals(head, triangles, by_area) @ turn.T, gamma.reshape(3, 9))
    points = np.stack((across, down), -1)
    picture, covered = _rasterise(points, distance, triangles, colours)
    return Drawn(points[a["keypoints"].reshape(-1).astype(int) - 1], picture, covered)


def _about(axis: int, angle: float) -> np.ndarray:
    """A right-handed turn about x, y or z."""
    u, v = [k for k in range(3) if k != axis] if axis != 1 else (2, 0)
    turn = np.eye(3)
    turn[u, u] = turn[v, v] = np.cos(angle)
    turn[v, u], turn[u, v] = np.sin(angle), -np.sin(angle)
    return turn


def _normals(head: np.ndarray, triangles: np.ndarray, by_area: bool) -> np.ndarray:
    """(V, 3): of a vertex the mean of the normals of its triangles."""
    a, b, c = (head[triangles[:, k]] for k in range(3))
    faces = np.cross(a - b, b - c)
    faces /= 1 if by_area else np.linalg.norm(faces, axis=1, keepdims=True)
    total = np.zeros_like(head)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], faces)
    if total[:, 2].sum() < 0:  # the made file runs clockwise, theirs does not
        total = -total
    return total / np.linalg.norm(total, axis=1, keepdims=True)


def _light(normals: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """(V, 3) what multiplies the texture; gamma (3, 9) of red, green, blue."""
    gamma = gamma.copy()
    gamma[:, 0] += 0.8
    a = np.pi, 2 * np.pi / np.sqrt(3), 2 * np.pi / np.sqrt(8)
    c = 1 / np.sqrt(4 * np.pi), np.sqrt(3) / np.sqrt(4 * np.pi), 3 * np.sqrt(5) / np.sqrt(12 * np.pi)
    x, y, z = normals.T
    first, second = a[1] * c[1], a[2] * c[2]
    harmonics = (
        a[0] * c[0] * np.ones_like(x), -first * y, first * z, -first * x, second * x * y, -second * y * z,
        0.5 * second / np.sqrt(3) * (3 * z * z - 1), -second * x * z, 0.5 * second * (x * x - y * y),
    )  # fmt: skip
    return np.stack(harmonics, -1) @ gamma.T


def _rasterise(
    points: np.ndarray, distance: np.ndarray, triangles: np.ndarray, colours: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    picture, nearest = np.zeros((224, 224, 3)), np.full((224, 224), np.inf)
    for corners in triangles:
        (ax, ay), (bx, by), (cx, cy) = points[corners]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        low = np.maximum(np.ceil(points[corners].min(0)), 0).astype(int)
        high = np.minimum(np.floor(points[corners].max(0)), 223).astype(int)
        if (low > high).any() or area == 0:
            continue
        y, x = np.mgrid[low[1] : high[1] + 1, low[0] : high[0] + 1]
        weights = np.stack(((bx - x) * (cy - y) - (by - y) * (cx - x), (cx - x) * (ay - y) - (cy - y) * (ax - x)), -1)
        weights = np.concatenate((weights, area - weights.sum(-1, keepdims=True)), -1) / area
        behind = weights / distance[corners]
        depth = 1 / behind.sum(-1)
        part = np.s_[low[1] : high[1] + 1, low[0] : high[0] + 1]
        nearer = (weights >= 0).all(-1) & (depth < nearest[part])
        nearest[part] = np.where(nearer, depth, nearest[part])
        seen = (behind * depth[..., None]) @ colours[corners]
        picture[part] = np.where(nearer[..., None], seen, picture[part])
    return picture, np.isfinite(nearest)
