"""Colours of a portrait's pixels: skin, eyes, teeth, cloth and hair under one light. All colours are linear RGB."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from occset.models.builtin import chart, hair, scene, skin
from occset.models.builtin.layers import BODY, EAR, HEAD, Layer
from occset.models.builtin.person import Person
from occset.models.builtin.shot import Shot
from occset.models.morphable.head import smoothstep
from occset.models.rendering import camera, lighting
from occset.models.rendering.rasteriser import rasterise


@dataclass
class Anatomy:
    """Where eyes and teeth sit in the head (mm), from the person's face at rest.

    Attributes:
        eyes: (2, 3) centres of the two irises at rest; `eye_size` factor on their radius.
        mouth: (3,) middle of the closed mouth; `mouth_half` half its width.
        parted: how far (mm) the lips are open in this picture.
    """

    eyes: np.ndarray
    eye_size: float
    mouth: np.ndarray
    mouth_half: float
    parted: float


def anatomy(rest: np.ndarray, now: np.ndarray) -> Anatomy:
    """Read (68, 3) landmarks of the face at rest and as it is now."""
    eyes = np.stack([(rest[a] + rest[b]) / 2 for a, b in ((36, 39), (42, 45))])
    eyes[:, 1] += 1.5
    wide = float(np.linalg.norm(rest[36] - rest[39]) / 29)
    mouth = (rest[62] + rest[66]) / 2
    return Anatomy(
        eyes,
        float(np.clip(wide, 0.85, 1.12)) ** 0.5,
        mouth,
        float(np.linalg.norm(rest[54] - rest[48]) / 2),
        float(np.linalg.norm(now[62] - now[66])),
    )


def lookup(texture: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Bilinear values (N, C) of a chart texture at chart points; the border repeats outside."""
    column, row = chart.to_texture(p, q)
    width = 1024
    rows = -(-len(column) // width)
    maps = [
        np.pad(each.astype(np.float32), (0, rows * width - len(each))).reshape(rows, width) for each in (column, row)
    ]
    found = cv2.remap(texture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(rows * width, -1)[: len(column)]


def irradiance(normals: np.ndarray, light: np.ndarray) -> np.ndarray:
    """(N,) irradiance over pi under (9,) harmonics, clamped at zero."""
    found = lighting.irradiance(torch.from_numpy(normals[None]).float(), torch.from_numpy(light[None]).float())
    return found[0, :, 0].clamp_min(0).numpy()


def cast_shadow(
    head: torch.Tensor, triangles: torch.Tensor, points: np.ndarray, key: np.ndarray, side: int = 192
) -> np.ndarray:
    """(N,) share of the key light that the head keeps from camera points (N, 3): a soft shadow map.

    Args:
        head: (V, 3) camera millimetres of what casts the shadow.
        triangles: (T, 3).
        points: (N, 3) camera millimetres that may lie in shadow.
        key: (3,) unit direction to the lamp.
        side: pixels of the shadow map.
    """
    right = np.cross((0.0, 1.0, 0.0), key)
    right /= np.linalg.norm(right)
    axes = np.stack((right, np.cross(key, right), key)).astype(np.float32)
    centre = head.mean(0).numpy()
    scale = side / 330.0
    seen = (head.numpy() - centre) @ axes.T
    pixels = np.stack((side / 2 + seen[:, 0] * scale, side / 2 - seen[:, 1] * scale, 1000 - seen[:, 2]), -1)
    raster = rasterise(torch.from_numpy(pixels.astype(np.float32))[None], triangles, side, side, cull=True)
    near = torch.where(raster.face[0] >= 0, raster.depth[0], 5000.0).numpy().astype(np.float32)
    local = (points - centre) @ axes.T
    column, row = side / 2 + local[:, 0] * scale, side / 2 - local[:, 1] * scale
    depth = 1000 - local[:, 2]
    shadow = np.zeros(len(points), np.float32)
    width = 1024
    rows = -(-len(points) // width)
    pad = rows * width - len(points)
    reach = 1.6
    for dx, dy in ((0, 0), (reach, 0.4), (-reach, -0.4), (0.4, -reach), (-0.4, reach)):
        maps = [np.pad(each.astype(np.float32), (0, pad)).reshape(rows, width) for each in (column + dx, row + dy)]
        found = cv2.remap(near, maps[0], maps[1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=5000)
        shadow += smoothstep(depth - found.ravel()[: len(points)], 5.0, 11.0) / 5
    return shadow


def shade_head(
    layer: Layer,
    person: Person,
    shot: Shot,
    bones: Anatomy,
    paint: skin.Paint,
    shadow: np.ndarray,
    cloth_draw: np.random.Generator,
    angles: np.ndarray,
) -> np.ndarray:
    """(N, 3) linear RGB of head, body and ears."""
    p, q = layer.values[:, 0], layer.values[:, 1]
    place, albedo = layer.values[:, 2:5], layer.values[:, 5:8].clip(0.02, 0.95).copy()
    occlusion, over = layer.values[:, 9], layer.values[:, 10]
    normals = layer.normals.copy()
    on_head = layer.part == HEAD
    tint = lookup(paint.tint, p[on_head], q[on_head])
    laid = lookup(paint.over, p[on_head], q[on_head])
    cover, gloss = lookup(np.dstack((paint.alpha, paint.gloss)), p[on_head], q[on_head]).T
    front = (np.abs(p[on_head]) < chart.HALF) & (q[on_head] < chart.TOP) & (q[on_head] > chart.TOP - 2 * chart.HALF)
    cover = np.where(front, cover, 0)[:, None]
    tint = np.where(front[:, None], tint, 1)
    albedo[on_head] = albedo[on_head] * tint * (1 - cover) + laid * cover
    shine = np.full(len(p), 0.25, np.float32)
    shine[on_head] = gloss
    body = layer.part == BODY
    rgb, covered = scene.cloth(place[body, 0], place[body, 1], cloth_draw)
    albedo[body] = albedo[body] * (1 - covered[:, None]) + rgb * covered[:, None]
    shine[body] *= 1 - 0.8 * covered
    shine[layer.part == EAR] = 0.3
    turn = camera.rotation_matrix(torch.from_numpy(angles[None])).numpy()[0]
    eye, mouth, extra = _openings(p, q, place, on_head, person, shot, bones, albedo, normals, turn)
    hairline_shade = 1 - 0.38 * smoothstep(over, -13, 0)
    ambient = irradiance(normals, shot.ambient_light) * occlusion * hairline_shade
    lamp = irradiance(normals, shot.key_light) * (1 - 0.8 * shadow) * (0.35 + 0.65 * occlusion)
    level = (ambient + lamp)[:, None]
    # light that has wandered through skin is warmer where it is dim
    warm = np.where(((layer.part != BODY) & (eye < 0.5))[:, None], np.array([0.93, 1.0, 1.05]), 1.0)
    colour = albedo * np.power(np.maximum(level, 1e-4), warm) * shot.tint
    half = shot.key + np.array([0, 0, 1.0])
    aligned = np.clip(normals @ (half / np.linalg.norm(half)), 0, 1)
    lobe = 0.10 * aligned**14 + 0.12 * aligned**60
    rim = 0.05 * (1 - np.clip(normals[:, 2], 0, 1)) ** 3
    flash = (lobe * shot.key_strength * (1 - shadow) + rim * 0.4) * shine * (1 - eye) * (1 - mouth)
    return colour + (flash[:, None] + extra[:, None]) * shot.tint


def _openings(
    p: np.ndarray,
    q: np.ndarray,
    place: np.ndarray,
    on_head: np.ndarray,
    person: Person,
    shot: Shot,
    bones: Anatomy,
    albedo: np.ndarray,
    normals: np.ndarray,
    turn: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put eyes and teeth into ``albedo`` and ``normals``; returns eye share, mouth share and added light, (N,) each."""
    eye, mouth, extra = (np.zeros(len(p), np.float32) for _ in range(3))
    near = on_head & (((np.abs(q) < 12) & (np.abs(np.abs(p) - 31.5) < 18)) | ((np.abs(q + 64) < 8) & (np.abs(p) < 27)))
    index = near.nonzero()[0]
    found = lookup(chart.openings(), p[index], q[index])
    eye[index], mouth[index] = found[:, 0], found[:, 1]
    for side in (0, 1):
        here = index[(found[:, 0] > 0.01) & ((p[index] > 0) == bool(side))]
        if len(here):
            rgb, normal, light = _eyeball(
                place[here], bones.eyes[side], side, q[here], p[here], person, shot, bones, turn
            )
            share = eye[here, None]
            albedo[here] = albedo[here] * (1 - share) + rgb * share
            normals[here] = normal
            extra[here] = light * eye[here]
    here = index[found[:, 1] > 0.01]
    if len(here):
        share = mouth[here, None]
        albedo[here] = albedo[here] * (1 - share) + _mouth(place[here], bones) * share
    return eye, mouth, extra


def _eyeball(
    place: np.ndarray,
    centre: np.ndarray,
    side: int,
    q: np.ndarray,
    p: np.ndarray,
    person: Person,
    shot: Shot,
    bones: Anatomy,
    turn: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Albedo (N, 3), camera normals (N, 3) and catch light (N,) of one eye."""
    offset = place - centre
    dx, dy = offset[:, 0] - shot.gaze[0], offset[:, 1] - shot.gaze[1]
    radius = np.hypot(dx, dy)
    iris_radius = 5.9 * bones.eye_size
    sclera = np.array([0.68, 0.645, 0.62]) * (1 - 0.30 * smoothstep(np.abs(offset[:, 0]), 5, 15))[:, None]
    inner = offset[:, 0] * (1 if side == 0 else -1)  # towards the nose
    pink = smoothstep(inner, 10.0, 13.5)[:, None]
    sclera = sclera * (1 - pink) + np.array([0.50, 0.24, 0.20]) * pink
    spoke = np.arctan2(dy, dx)
    fibres = 1 + 0.20 * np.sin(spoke * 23 + 2 * np.sin(spoke * 7)) + 0.12 * np.sin(spoke * 41 + radius)
    share = radius / iris_radius
    glow = 0.75 + 0.9 * np.exp(-(((share - 0.55) / 0.2) ** 2)) * (0.6 - 0.4 * dy / iris_radius)
    iris = person.iris * (fibres * glow * (1 - 0.72 * smoothstep(share, 0.74, 1.0)))[:, None]
    iris = iris * smoothstep(radius, shot.pupil - 0.25, shot.pupil + 0.35)[:, None] + 0.004
    inside = (1 - smoothstep(share, 0.93, 1.07))[:, None]
    rgb = sclera * (1 - inside) + iris * inside
    depth = lookup(chart.openings(), p, q)[:, 2] * 10
    lid_shade = 0.42 + 0.58 * smoothstep(depth, -0.3, 3.2)
    rgb = rgb * lid_shade[:, None]
    ball = np.stack(
        (offset[:, 0], offset[:, 1], np.sqrt(np.maximum(13.5**2 - offset[:, 0] ** 2 - offset[:, 1] ** 2, 20))), -1
    )
    normal = (ball / np.linalg.norm(ball, axis=1, keepdims=True)) @ turn.T
    spot = np.array([1.9 * np.clip(shot.key[0] * 1.6, -1, 1), 1.9 * np.clip(shot.key[1] * 1.2 + 0.5, 0.3, 1.1)])
    glint = 1 - smoothstep(np.hypot(dx - spot[0], dy - spot[1]), 0.75, 1.25)
    second = 0.18 * (1 - smoothstep(np.hypot(dx + spot[0] * 0.8, dy + spot[1] * 0.9), 0.5, 1.3))
    return rgb, normal, (0.85 * glint + second) * inside[:, 0]


def _mouth(place: np.ndarray, bones: Anatomy) -> np.ndarray:
    """Albedo (N, 3) inside the mouth: teeth above, tongue below, dark between."""
    x = (place[:, 0] - bones.mouth[0]) / bones.mouth_half * 25
    y = place[:, 1] - bones.mouth[1]
    dark = np.array([0.055, 0.016, 0.014]) * np.ones((len(x), 1))
    tongue = smoothstep(-y, 7, 13) * (1 - smoothstep(np.abs(x), 9, 17))
    inner = dark + tongue[:, None] * np.array([0.22, 0.07, 0.065])
    edges = np.array([0, 8.4, 14.8, 21.5, 27.5])
    a = np.abs(x)
    gap = np.abs(a[:, None] - edges).min(1)
    tooth = np.searchsorted(edges, a)
    bottom = -4.6 + np.array([0, 0.0, 1.0, 0.2, 1.4, 1.6])[np.minimum(tooth, 5)] + 0.05 * a
    bottom = bottom + 0.5 * np.exp(-((gap / 0.8) ** 2))
    shown = smoothstep(y, bottom - 0.35, bottom + 0.35) * (1 - smoothstep(a, 21, 24))
    white = (
        np.array([0.74, 0.70, 0.62]) * (1 - 0.45 * smoothstep(a, 6, 22) - 0.20 * np.exp(-((gap / 0.35) ** 2)))[:, None]
    )
    white = (
        white
        * (1 - 0.35 * smoothstep(y, 1.0, 4.0))[:, None]
        * (0.06 + 0.94 * smoothstep(np.array(bones.parted), 1.5, 4.5))
    )
    return inner * (1 - shown[:, None]) + white * shown[:, None]


def shade_hair(layer: Layer, person: Person, shot: Shot) -> tuple[np.ndarray, np.ndarray]:
    """(N, 3) linear RGB and (N,) alpha of cap and curtain."""
    across, along, over, occlusion, hangs = layer.values.T
    curly = person.cut in ("curly", "afro")
    fine = hair.strands(across, along, curly)
    broad = hair.strands(across * 0.23 + 40, along * 0.35, curly)
    combed = 0.7 if "part" in person.cut else 1.0  # strands along a parting wind in loops, which reads as wood grain
    noise = combed * (0.55 * fine + 0.85 * broad)
    normals = layer.normals * np.where(layer.normals[:, 2:] < 0, -1, 1)
    normals = normals + np.array([0.16, 0.06, 0]) * noise[:, None]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    light = (irradiance(normals, shot.ambient_light) + irradiance(normals, shot.key_light)) * occlusion
    half = shot.key + np.array([0, 0.35, 1.0])
    aligned = normals @ (half / np.linalg.norm(half))
    sheen = np.exp(-(((aligned - 0.93) / 0.13) ** 2)) * shot.key_strength * (0.35 if curly else 1.0)
    rgb = hair.hair_colour(person, noise, light[:, None] * shot.tint, sheen)
    soft = 2.5 if person.cut == "cropped" else 4.0
    root = smoothstep(over + 0.3 * soft * fine + 0.3 * soft * broad, -0.8 * soft, soft * 1.9)
    grazing = smoothstep(np.abs(layer.normals[:, 2]) + 0.05 * broad + 0.02 * fine, -0.05, 0.16 if not curly else 0.3)
    alpha = np.where(hangs > 0.5, smoothstep(over + 2.5 * fine + 2.5 * broad, 0, 14), root) * grazing
    return rgb, alpha * (0.8 if person.cut == "cropped" else 1.0)
