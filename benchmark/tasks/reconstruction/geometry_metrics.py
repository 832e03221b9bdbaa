"""How far landmarks, vertices, albedo and light are from the truth; see `columns` for what each figure means.

Shapes are compared where they lie (2D landmarks), after their middles were laid upon each other (3D landmarks: how far the
camera stands is a guess that goes with its focal length), or after the best rigid motion (vertices), by known
correspondence: vertex k is the same place of the face in both, and nothing is searched for.
"""

from __future__ import annotations

import numpy as np

from occset.pictures.landmarks import five_points

EYES = (0, 1)
"""Of the five points."""


def landmark_error(points: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of 2D landmarks, in percent of the distance between the centres of the eyes (of the truth).

    Args:
        points: (68, 2) pixels.
        truth: (68, 2), or (5, 2): then five points are made of ``points`` too.
    """
    five = five_points(truth)
    between = np.linalg.norm(five[EYES[1]] - five[EYES[0]])
    found = points if len(truth) == len(points) else five_points(points)
    return float(100 * np.linalg.norm(found - truth, axis=-1).mean() / between)


def landmark_mm(points: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance of 3D landmarks (68, 3) in camera axes, millimetres, with their middles laid upon each other."""
    moved = points - points.mean(0, dtype=np.float64) + truth.mean(0, dtype=np.float64)
    return float(np.linalg.norm(moved - truth, axis=-1).mean())


def vertex_mm(vertices: np.ndarray, truth: np.ndarray, weights: np.ndarray, scaled: bool = False) -> float:
    """Mean distance of vertices after the rotation and translation that bring them closest, by known correspondence.

    Minimises ``sum_k w_k || s R v_k + t - u_k ||^2`` over R and t, and over the scale s where `scaled` (Umeyama, 1991);
    R is a rotation and no reflection.

    Args:
        vertices: (V, 3) millimetres.
        truth: (V, 3) millimetres.
        weights: (V,) of each vertex, such as its area; 0 for those that do not count.
        scaled: whether a face may also be made larger or smaller.
    """
    w = weights / weights.sum()
    v, u = vertices.astype(np.float64), truth.astype(np.float64)
    v, u = v - w @ v, u - w @ u
    left, stretch, right = np.linalg.svd((u * w[:, None]).T @ v)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    turned = v @ ((left * sign) @ right).T
    spread = float(w @ (v * v).sum(-1))
    scale = float(stretch @ sign) / spread if scaled and spread > 0 else 1.0
    return float(w @ np.linalg.norm(scale * turned - u, axis=-1))


def albedo_error(albedo: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> float:
    """Mean absolute difference of albedo (V, 3), linear 0..1, after the best single gain, in percent of the truth's mean.

    How bright skin is cannot be told from how bright the light is, so a common factor is no error.
    """
    w = np.repeat((weights / weights.sum())[:, None] / 3, 3, axis=1)
    found, wanted = albedo.astype(np.float64), truth.astype(np.float64)
    gained = _best_gain(found, wanted, w) * found
    return float(100 * (w * np.abs(gained - wanted)).sum() / (w * np.abs(wanted)).sum())


def light_error(light: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference of what light (9,) or (9, C) throws on a ball seen from the front, after the best single
    gain, in percent of the truth's mean.

    The ball has every direction that a camera can see, evenly; what falls below zero is dark. Colours are averaged first.
    """
    import torch

    from occset.models.rendering import lighting

    normals = torch.from_numpy(_seen_directions())[None]
    levels = []
    for each in (light, truth):
        grey = each.astype(np.float64).reshape(9, -1).mean(1)
        levels.append(lighting.irradiance(normals, torch.from_numpy(grey)[None])[0, :, 0].clamp_min(0).numpy())
    found, wanted = levels
    even = np.full(len(wanted), 1 / len(wanted))
    gained = _best_gain(found, wanted, even) * found
    mean = float(even @ wanted)
    return float(100 * (even @ np.abs(gained - wanted)) / mean) if mean > 0 else 0.0


def _best_gain(found: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> float:
    """The g that minimises ``sum w (g found - wanted)^2``; 0 where nothing was found."""
    power = float((weights * found * found).sum())
    return float((weights * found * wanted).sum()) / power if power > 0 else 0.0


def _seen_directions(count: int = 512) -> np.ndarray:
    """(count, 3) float64 unit vectors spread evenly over the half ball that faces the camera (a Fibonacci lattice)."""
    at = np.arange(count) + 0.5
    z = at / count
    turn = np.pi * (1 + np.sqrt(5)) * at
    across = np.sqrt(1 - z * z)
    return np.stack((across * np.cos(turn), across * np.sin(turn), z), -1)
