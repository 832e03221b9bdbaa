"""How one picture of a person is taken: pose, expression, gaze, light and the camera that frames the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from occset.models.morphable.procedural import ProceduralModel
from occset.models.rendering import camera, lighting
from occset.pictures.landmarks import template

TEMPLATE = template(256, "builtin")
"""Five points of an aligned 256 px crop, as CelebA-HQ and FFHQ frame faces: eyes, nose tip, mouth corners."""

_FIT_WEIGHTS = np.array([1.0, 1.0, 0.35, 1.0, 1.0])  # a turned nose points away from where the template has it


# share of pictures, and expression modes as (fixed, growing with the strength of the mood)
_MOODS: tuple[tuple[float, dict[str, tuple[float, float]]], ...] = (
    (0.27, {}),
    (0.24, {"smile": (0, 1.5), "squint": (0, 0.5), "lips press": (0.4, 0)}),
    (
        0.25,
        {
            "smile": (0, 2.0),
            "squint": (0, 0.9),
            "lips part": (1.6, 1.2),
            "upper lip up": (0, 0.9),
            "jaw open": (0, 0.7),
        },
    ),
    (0.08, {"jaw open": (1.0, 1.6), "lips part": (0.8, 0)}),
    (0.05, {"brow in up": (0, 1.2), "brow out up": (0, 1.2), "jaw open": (0, 1.5), "eye close": (-0.35, 0)}),
    (0.07, {"brow down": (0, 1.3), "corner down": (0, 0.8), "frown": (1.0, 0)}),
    (0.04, {"pucker": (0, 1.2)}),
)


@dataclass(frozen=True)
class Shot:
    """All that changes between two pictures of one person.

    Attributes:
        angles: (3,) pitch, yaw, roll in radians; roll is what remains after the crop's alignment.
        distance: of the camera, millimetres.
        expression: (64,) coefficients.
        gaze: (2,) shift of the irises, millimetres.
        key: (3,) unit direction to the main lamp, camera axes; `key_light` and `ambient_light` are (9,) harmonics.
        tint: (3,) colour of the light, mean one.
        offset: (3,) shift in pixels of a 256 px picture (x, y) and factor of scale of the crop.
    """

    angles: np.ndarray
    distance: float
    expression: np.ndarray
    gaze: np.ndarray
    key: np.ndarray
    key_light: np.ndarray
    ambient_light: np.ndarray
    key_strength: float
    tint: np.ndarray
    offset: np.ndarray
    pupil: float


def draw_shot(model: ProceduralModel, draw: np.random.Generator) -> Shot:
    """Draw a picture's circumstances; yaw mostly within 35 degrees, pitch within 15."""
    yaw = np.clip(draw.normal(0, 14), -38, 38)
    pitch = np.clip(draw.normal(0, 5.5), -15, 15)
    roll = np.clip(draw.normal(0, 2.5), -8, 8)
    key, key_light, ambient, strength = _light(draw)
    return Shot(
        angles=np.radians([pitch, yaw, roll]),
        distance=float(draw.uniform(650, 1900)),
        expression=_expression(model, draw),
        gaze=np.array(
            [np.clip(-yaw * 0.035 + draw.normal(0, 0.7), -2.6, 2.6), np.clip(draw.normal(0, 0.35), -0.9, 0.9)]
        ),
        key=key,
        key_light=key_light,
        ambient_light=ambient,
        key_strength=strength,
        tint=_tint(draw),
        offset=np.array([draw.normal(0, 1.2), draw.normal(0, 1.2), draw.normal(1, 0.018)]),
        pupil=float(draw.uniform(1.7, 2.6)),
    )


def _tint(draw: np.random.Generator) -> np.ndarray:
    warm = draw.normal(0.02, 0.05)
    tint = np.array([1 + warm, 1 + draw.normal(0, 0.012), 1 - 1.2 * warm])
    return tint / tint.mean()


def _light(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Key direction, key and ambient harmonics, irradiance of the key on a surface that faces it."""
    azimuth = np.radians(draw.choice((-1, 1)) * abs(draw.normal(0, 38)))
    height = np.radians(np.clip(draw.normal(28, 17), -12, 65))
    key = np.array([np.sin(azimuth) * np.cos(height), np.sin(height), np.cos(azimuth) * np.cos(height)])
    strength = draw.uniform(0.35, 1.0)
    sky = draw.normal(0, 0.10, 9) * np.array([0, 1, 0.6, 1, 0.5, 0.5, 0.5, 0.5, 0.5])
    sky[1] += 0.12  # more light from above than from below
    ambient = lighting.AMBIENT * np.eye(9)[0] * draw.uniform(0.32, 0.6) + sky
    lamp = lighting.directional(torch.tensor(key), strength).numpy()
    front = torch.tensor([[[0.0, 0.1, 1.0]]], dtype=torch.float64)
    front = front / front.norm()
    level = float(lighting.irradiance(front, torch.from_numpy((ambient + lamp)[None])))
    scale = draw.uniform(0.82, 1.15) / level
    return key, lamp * scale, ambient * scale, strength * scale


def _expression(model: ProceduralModel, draw: np.random.Generator) -> np.ndarray:
    names = {name: k for k, name in enumerate(model.expression_names)}
    e = draw.normal(0, 0.28, len(names))
    for name in ("jaw open", "lips part", "eye close left", "eye close right"):
        e[names[name]] = 0.0

    def add(what: str, amount: float) -> None:
        for side in ("", " left", " right"):
            if what + side in names:
                e[names[what + side]] += amount * (1 + draw.normal(0, 0.06))

    add("smile", 0.35)
    mood = _MOODS[draw.choice(len(_MOODS), p=[share for share, _ in _MOODS])][1]
    size = draw.uniform(0.5, 1.0)
    for what, (fixed, growing) in mood.items():
        add(what, fixed + growing * size)
    lids = draw.random()
    if lids < 0.04:
        add("eye close", 3.7)
    elif lids < 0.5:
        add("eye close", draw.uniform(0, 0.8))
    return e


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """(68, 2) iBUG landmarks to the five points (5, 2): eye centres, nose tip, mouth corners."""
    eyes = [landmarks[36:42].mean(0), landmarks[42:48].mean(0)]
    return np.stack((*eyes, landmarks[30], landmarks[48], landmarks[54]))


def frame(shape: torch.Tensor, landmarks: torch.Tensor, shot: Shot, size: int) -> tuple[np.ndarray, float]:
    """Place the camera so that the five points lie on the template in the least-squares sense.

    Args:
        shape: (V, 3) head, millimetres.
        landmarks: (68,) vertex indices.
        shot: the pose and the distance to take.
        size: picture side, pixels.

    Returns:
        (pose (6,): pitch, yaw, roll, translation in millimetres; focal length in pixels).
    """
    points = shape[landmarks][None].double()
    scale = size / 256
    target = ((TEMPLATE - 127.5) * shot.offset[2] + 127.5 + shot.offset[:2] + 0.5) * scale - 0.5
    middle = (size - 1) / 2
    pose = np.concatenate((shot.angles, (0.0, 40.0, -shot.distance)))
    focal = shot.distance * scale
    for step in range(6):
        seen = camera.project(camera.to_camera(points, torch.from_numpy(pose[None])), focal, size, size)[
            0, :, :2
        ].numpy()
        factor, turn, shift = similarity(five_points(seen) - middle, target - middle, _FIT_WEIGHTS)
        focal *= factor
        if step < 3:
            pose[2] -= turn - shot.angles[2] * 0.5 * (step == 2)
        pose[3:5] += np.array([shift[0], -shift[1]]) * shot.distance / focal
    return pose, float(focal)


def similarity(source: np.ndarray, target: np.ndarray, weights: np.ndarray) -> tuple[float, float, np.ndarray]:
    """Weighted least-squares similarity from (N, 2) to (N, 2): (scale, angle clockwise on the screen, shift)."""
    w = weights / weights.sum()
    a, b = w @ source, w @ target
    u, v = source - a, target - b
    cosine = (w * (u * v).sum(-1)).sum()
    sine = (w * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])).sum()
    scale = float(np.hypot(cosine, sine) / (w * (u * u).sum(-1)).sum())
    return scale, float(np.arctan2(sine, cosine)), b - scale * a
