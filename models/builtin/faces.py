"""Built-in faces: pictures of people who do not exist, made by code, with everything known about them.

`render_face` draws one. The same arguments give the same bytes on the same machine and library versions; since rendering
is done in floats, nothing is promised across machines, so the dataset stores what was rendered.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from occset.models.builtin import hair, layers, scene, shading, skin
from occset.models.builtin.person import Person, make_person
from occset.models.builtin.shot import TEMPLATE, Shot, draw_shot, five_points, frame
from occset.models.morphable.head import smoothstep
from occset.models.morphable.procedural import ProceduralModel, procedural_model
from occset.models.rendering import camera
from occset.pictures.masks import harden
from occset.support.errors import BadInput


@dataclass
class RenderedFace:
    """A picture and its truth. S is the picture's side; points are (x, y) pixels, pixel centres at integers.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        mask: (S, S) uint8, 255 = visible face: skin, eyes, brows, nose, mouth; neither hair nor ears nor neck.
        bare: (S, S, 3) uint8, the same picture without the hair that falls over the face.
        whole_face: (S, S) uint8, 255 = face with that hair removed.
        hair_rgb: (S, S, 3) uint8 colour of that hair, meaningful where `hair_alpha` is above 0.
        hair_alpha: (S, S) uint8; ``image = (bare * (255 - a) + hair_rgb * a + 127) // 255``.
        landmarks: (68, 2) float32 in the iBUG order; `landmarks5` (5, 2) eye centres, nose tip, mouth corners,
            the picture's left first.
        identity: name of the person.
        coefficients: float32 arrays: pose (6: pitch, yaw, roll, translation mm), focal (1, pixels), identity (80),
            expression (64), texture (80), illumination (9, one grey set of harmonics in camera axes).
    """

    image: np.ndarray
    mask: np.ndarray
    bare: np.ndarray
    whole_face: np.ndarray
    hair_rgb: np.ndarray
    hair_alpha: np.ndarray
    landmarks: np.ndarray
    landmarks5: np.ndarray
    identity: str
    coefficients: dict[str, np.ndarray]


def render_face(
    index: int, seed: int = 0, size: int = 256, *, identity: int | None = None, variation: int = 0
) -> RenderedFace:
    """Draw face ``index``.

    Args:
        index: number of the face; also the number of its person unless ``identity`` says otherwise.
        seed: of the whole population.
        size: side of the square picture in pixels, 32..1024.
        identity: number of the person.
        variation: another pose, expression, light, hair fall and background for the same index and person.

    Raises:
        BadInput: ``size`` is out of range or a number is negative.
    """
    if not 32 <= size <= 1024 or index < 0 or variation < 0 or seed < 0 or (identity or 0) < 0:
        raise BadInput(
            f"built-in face index={index} seed={seed} size={size} identity={identity} variation={variation}: "
            "numbers must not be negative and size must be 32..1024"
        )
    number = index if identity is None else identity
    person = make_person(number, seed)
    model = procedural_model()
    draw = np.random.default_rng([seed, index, number, variation, 29])
    shot = draw_shot(model, draw)
    fall = hair.draw_fall(person, draw)
    coefficients = torch.from_numpy(person.identity)[None]
    with torch.no_grad():
        shape = model.shape(coefficients, torch.from_numpy(shot.expression).float()[None])[0]
        rest = model.shape(coefficients, torch.zeros(1, len(shot.expression)))[0]
        pose_focal = frame(shape, model.landmarks, shot, size)
        linear, face_share = _picture(model, person, shot, shape, rest, pose_focal, size, draw)
    bare = _develop(linear, draw)
    whole = np.where(face_share > 0.5, 255, 0).astype(np.uint8)
    hair_rgb, hair_alpha = _draw_fall(model, person, shot, fall, shape, pose_focal, size)
    alpha = hair_alpha.astype(np.int32)
    image = (bare * (255 - alpha[..., None]) + hair_rgb * alpha[..., None] + 127) // 255
    visible = (whole.astype(np.int32) * (255 - alpha) + 127) // 255
    landmarks = _project(shape[model.landmarks], pose_focal, size)[:, :2]
    return RenderedFace(
        image=image.astype(np.uint8),
        mask=harden(visible),
        bare=bare,
        whole_face=whole,
        hair_rgb=hair_rgb,
        hair_alpha=hair_alpha,
        landmarks=landmarks.astype(np.float32),
        landmarks5=five_points(landmarks).astype(np.float32),
        identity=f"builtin-{seed}-{number:06d}",
        coefficients={
            "pose": pose_focal[0].astype(np.float32),
            "focal": np.array([pose_focal[1]], np.float32),
            "identity": person.identity,
            "expression": shot.expression.astype(np.float32),
            "texture": person.texture,
            "illumination": (shot.key_light + shot.ambient_light).astype(np.float32),
        },
    )


def _project(points: torch.Tensor, pose_focal: tuple[np.ndarray, float], size: int) -> np.ndarray:
    pose = torch.from_numpy(pose_focal[0][None]).float()
    return camera.project(camera.to_camera(points[None], pose), pose_focal[1], size, size)[0].numpy()


def _picture(
    model: ProceduralModel,
    person: Person,
    shot: Shot,
    shape: torch.Tensor,
    rest: torch.Tensor,
    pose_focal: tuple[np.ndarray, float],
    size: int,
    draw: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Linear picture (S, S, 3) and share of each pixel that is face (S, S)."""
    side = 2 * size
    head = layers.head_layer(model, person, shot, shape, pose_focal, size)
    pose = torch.from_numpy(pose_focal[0][None]).float()
    placed = camera.to_camera(shape[None], pose)[0]
    focal = pose_focal[1] * 2
    depth = head.depth.ravel()[head.where]
    x = (head.where % side - (side - 1) / 2) * depth / focal
    y = -(head.where // side - (side - 1) / 2) * depth / focal
    shadow = shading.cast_shadow(placed, model.triangles, np.stack((x, y, -depth), -1), shot.key)
    bones = shading.anatomy(rest[model.landmarks].numpy(), shape[model.landmarks].numpy())
    paint = skin.paint_face(person)
    colour = shading.shade_head(head, person, shot, bones, paint, shadow, draw, pose_focal[0][:3])
    canvas = scene.background(side, draw).reshape(-1, 3)
    canvas[head.where] = colour
    face = np.zeros(side * side, np.float32)
    over = head.values[:, 10]
    face[head.where] = (head.part == layers.HEAD) & (head.values[:, 8] > 0) & (over < 1.5)
    if person.cut != "bald":
        cap = layers.cap_layer(model, person, shape, pose_focal, size)
        hanging = layers.curtain_layer(model, person, shape, pose_focal, size)
        limit = head.depth + 1.0
        if hanging is not None:  # what hangs behind the cap first, what hangs before it last
            _lay(
                canvas, face, hanging, np.where(hanging.depth >= cap.depth, hanging.depth, np.inf), limit, person, shot
            )
        _lay(canvas, face, cap, cap.depth, limit, person, shot)
        if hanging is not None:
            _lay(canvas, face, hanging, np.where(hanging.depth < cap.depth, hanging.depth, np.inf), limit, person, shot)
    picture = cv2.resize(canvas.reshape(side, side, 3).astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return picture, cv2.resize(face.reshape(side, side), (size, size), interpolation=cv2.INTER_AREA)


def _lay(
    canvas: np.ndarray,
    face: np.ndarray,
    layer: layers.Layer,
    depth: np.ndarray,
    limit: np.ndarray,
    person: Person,
    shot: Shot,
) -> None:
    """Lay hair over ``canvas`` (N, 3) where its ``depth`` is nearer than ``limit``, and take it off ``face`` (N,)."""
    seen = depth.ravel()[layer.where] < limit.ravel()[layer.where]
    if not seen.any():
        return
    part = layers.Layer(layer.where[seen], depth, layer.values[seen], layer.normals[seen], layer.part[seen])
    rgb, alpha = shading.shade_hair(part, person, shot)
    alpha = alpha[:, None].astype(np.float32)
    canvas[part.where] = canvas[part.where] * (1 - alpha) + rgb * alpha
    face[part.where] *= 1 - alpha[:, 0]


def _develop(linear: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Linear light to uint8 sRGB with a soft shoulder and a little grain."""
    light = np.clip(linear, 0, None)
    light = np.where(light > 0.75, 0.75 + 0.25 * np.tanh((light - 0.75) / 0.25), light)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(np.maximum(light, 1e-6), 1 / 2.4) - 0.055)
    grain = draw.standard_normal(linear.shape[:2], dtype=np.float32) * draw.uniform(0.002, 0.008)
    return np.clip(curve * 255 + grain[..., None] * 255 + 0.5, 0, 255).astype(np.uint8)


def _draw_fall(
    model: ProceduralModel,
    person: Person,
    shot: Shot,
    fall: hair.Fall,
    shape: torch.Tensor,
    pose_focal: tuple[np.ndarray, float],
    size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Colour (S, S, 3) and alpha (S, S) of the strands over the face."""
    side = 2 * size
    strands = hair.fall_strands(person, fall)
    if not strands:
        return np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)
    p = np.stack([strand[0] for strand in strands])
    q = np.stack([strand[1] for strand in strands])
    lift = np.array([strand[2] for strand in strands])[:, None]
    points = _on_surface(model, shape, p, q, lift)
    pixels = _project(torch.from_numpy(points.reshape(-1, 3)).float(), pose_focal, size)[:, :2].reshape(*p.shape, 2)
    pixels = np.round(((pixels + 0.5) * 2 - 0.5) * 16).astype(np.int32)
    draw = np.random.default_rng([fall.seed, 9])
    normal = np.stack((points[:, 4, 0] / 80, np.full(len(points), 0.25), np.full(len(points), 0.9)), -1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    light = shading.irradiance(normal, shot.ambient_light + shot.key_light)
    noise = draw.normal(0, 0.8, len(strands))
    linear = hair.hair_colour(
        person, noise, light[:, None] * shot.tint, np.full(len(strands), 0.35 * shot.key_strength)
    )
    mean = _srgb(linear.mean(0))
    rgb = np.empty((side, side, 3), np.uint8)
    rgb[:] = mean
    alpha = np.zeros((side, side), np.uint8)
    thick = np.where(draw.random(len(strands)) < 0.35, 2, 1) * max(1, round(size / 256))
    for line, colour, width in zip(pixels, _srgb(linear), thick, strict=True):
        cv2.polylines(rgb, [line], False, colour.tolist(), int(width), cv2.LINE_AA, 4)
        cv2.polylines(alpha, [line], False, 255, int(width), cv2.LINE_AA, 4)
    down = (size, size)
    return cv2.resize(rgb, down, interpolation=cv2.INTER_AREA), cv2.resize(alpha, down, interpolation=cv2.INTER_AREA)


def _srgb(linear: np.ndarray) -> np.ndarray:
    return np.clip(255 * np.power(np.clip(linear, 0, 1), 1 / 2.2), 0, 255).astype(np.uint8)


def _on_surface(
    model: ProceduralModel, shape: torch.Tensor, p: np.ndarray, q: np.ndarray, lift: np.ndarray
) -> np.ndarray:
    """(..., 3) points ``lift`` mm in front of chart points of a head (V, 3)."""
    chart = model.chart.numpy()
    columns = int((chart[:, 1] == chart[0, 1]).sum())
    grid = shape.numpy().reshape(-1, columns, 3)
    knots_p, knots_q = chart[:columns, 0], chart[::columns, 1]
    at = np.interp(p, knots_p, np.arange(columns)).astype(np.float32)
    down = np.interp(q, knots_q[::-1], np.arange(len(knots_q))[::-1]).astype(np.float32)
    found = cv2.remap(grid, at, down, cv2.INTER_LINEAR)
    away = found * np.array([1.0, 0.15, 1.0]) + np.array([0, 0, 30.0])
    return found + away / np.linalg.norm(away, axis=-1, keepdims=True) * (lift + 3.0 * smoothstep(q, 20, 70))[..., None]


__all__ = ["TEMPLATE", "RenderedFace", "render_face"]
