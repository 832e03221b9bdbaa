"""Hands: capsules of `hand_pose` seen from the front, shaded as skin, with nails, creases and often a sleeve."""

from __future__ import annotations

import numpy as np

from occset.models.builtin.occluders.canvas import Canvas, DrawnOccluder, curve
from occset.models.builtin.occluders.hand_pose import GESTURES, Capsule, place, pose
from occset.models.builtin.occluders.shading import (
    blurred,
    cloth,
    draw_light,
    folds,
    gloss,
    lambert,
    round_shade,
    speckle,
)
from occset.models.builtin.textures.palettes import pick

_SKIN = "f3cfb6 e8b896 dba57f c98e66 b07850 8d5a3b 6b432c 4a2e20 f0c4a8 d39a74"
_FAR = -1e3
_SCALE = 0.8  # of the units of `hand_pose`: a hand is about as long as the face below the brows


class _Surface:
    """What the viewer sees of the bones: depth, normal and bone of each pixel."""

    def __init__(self, canvas: Canvas, bones: list[Capsule]) -> None:
        self.depth = np.full(canvas.shape, _FAR, np.float32)
        self.cover = np.zeros(canvas.shape, np.float32)
        self.normal = np.zeros((*canvas.shape, 3), np.float32)
        self.bone = np.full(canvas.shape, -1, np.int16)
        for number, bone in enumerate(bones):
            self._add(canvas, number, bone)

    def _add(self, canvas: Canvas, number: int, bone: Capsule) -> None:
        start, end = canvas.pixels(np.stack([bone.start[:2], bone.end[:2]]))
        r0, r1 = bone.r0 * canvas.scale, bone.r1 * canvas.scale
        reach = max(r0, r1) + 2
        low = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
        high = np.minimum(np.ceil(np.maximum(start, end) + reach), canvas.shape[::-1]).astype(int)
        if (high <= low).any():
            return
        part = np.s_[low[1] : high[1], low[0] : high[0]]
        px = np.arange(low[0], high[0], dtype=np.float32)[None] - start[0]
        py = np.arange(low[1], high[1], dtype=np.float32)[:, None] - start[1]
        axis = end - start
        t = np.clip((px * axis[0] + py * axis[1]) / max(float(axis @ axis), 1e-3), 0, 1)
        dx, dy = px - t * axis[0], py - t * axis[1]
        radius = r0 + t * (r1 - r0)
        square = dx * dx + dy * dy
        rise = np.sqrt(np.maximum(radius * radius - square, 0)) * bone.flat
        z = (bone.start[2] + t * (bone.end[2] - bone.start[2])) * canvas.scale
        self.cover[part] = np.maximum(self.cover[part], np.clip(radius - np.sqrt(square) + 0.5, 0, 1))
        depth = np.where(square < radius * radius, z + rise, _FAR)
        front = depth > self.depth[part]
        self.depth[part] = np.where(front, depth, self.depth[part])
        self.bone[part] = np.where(front, number, self.bone[part])
        nx, ny = dx / radius * bone.flat, dy / radius * bone.flat
        normal = np.stack([nx, ny, np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.02))], -1)
        self.normal[part] = np.where(front[..., None], normal, self.normal[part])

    def smooth_normals(self, canvas: Canvas, palm: np.ndarray) -> np.ndarray:
        """Normals blurred a little on the fingers and much on the palm, where bones must not show as ridges."""
        seen = (self.bone >= 0).astype(np.float32)
        fine, wide = (self._blurred(seen, blur * canvas.scale) for blur in (0.7, 3.2))
        flat = blurred(palm.astype(np.float32), 2.0 * canvas.scale)[..., None]
        normal = fine + (wide - fine) * flat
        return normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)

    def _blurred(self, seen: np.ndarray, sigma: float) -> np.ndarray:
        return blurred(self.normal * seen[..., None], sigma) / np.maximum(blurred(seen, sigma), 1e-3)[..., None]

    def hollows(self, canvas: Canvas) -> np.ndarray:
        """Shade below 1 where a nearer part shadows a farther one: between fingers, under the thumb."""
        shade = np.ones(canvas.shape, np.float32)
        seen = self.bone >= 0
        depth = np.where(seen, self.depth, float(self.depth[seen].min()) if seen.any() else 0.0)
        for blur, strength in ((1.5, 0.5), (5.0, 0.35)):
            sunk = blurred(depth, blur * canvas.scale) - depth
            shade *= 1 - strength * np.clip(sunk / (blur * 2.2 * canvas.scale), 0, 1)
        return shade


def _skin(tone: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Tone under a shade (H, W): blue falls off first in the dark, as light that went through skin is red."""
    shade = np.maximum(shade, 0)
    return np.stack([tone[0] * shade**0.8, tone[1] * shade**1.08, tone[2] * shade**1.2], -1).astype(np.float32)


def _across(bone: Capsule, share: float, width: float) -> np.ndarray:
    """A short curved line (5, 2) across a bone at `share` of its length, `width` of its diameter long."""
    axis = (bone.end - bone.start)[:2]
    axis = axis / max(float(np.hypot(*axis)), 1e-6)
    side = np.array([-axis[1], axis[0]])
    t = np.linspace(-1, 1, 5)[:, None]
    at = bone.start[:2] + (bone.end - bone.start)[:2] * share
    return at + side * t * bone.r0 * width + axis * (1 - t * t) * 1.2


def _creases(rng: np.random.Generator, canvas: Canvas, surface: _Surface, bones: list[Capsule], back: bool) -> None:
    """Lines at the joints."""
    creases = np.zeros(canvas.shape, np.uint8)
    for number, bone in enumerate(bones):
        if bone.kind not in ("finger", "tip"):
            continue
        facing = np.hypot(*(bone.end - bone.start)[:2]) / np.linalg.norm(bone.end - bone.start)
        if facing < 0.6:
            continue
        own = ((surface.bone == number) | (surface.bone == number - 1)).astype(np.uint8) * 255
        for offset in (-0.04, 0.05) if not back else (-0.1, 0.0, 0.09):
            line = canvas.stroke(_across(bone, offset, 0.7 if back else 0.85), 0.6)
            creases = np.maximum(creases, np.minimum(line, own))
    canvas.darken(canvas.soft(creases, 0.4), rng.uniform(0.25, 0.4) * (0.7 if back else 1.0))


def _palm_lines(
    rng: np.random.Generator, canvas: Canvas, surface: _Surface, palm: np.ndarray, frame: np.ndarray
) -> None:
    creases = np.zeros(canvas.shape, np.uint8)
    for line in (((24, 50), (8, 44), (0, 30), (2, 12)), ((24, 52), (4, 48), (-18, 38)), ((-25, 54), (-8, 54), (8, 66))):
        points = np.array(line, np.float32) + rng.normal(0, 1.2, (len(line), 2))
        creases = np.maximum(creases, canvas.stroke(curve(points) @ frame.T, 0.9))
    own = (palm & (surface.bone >= 0)).astype(np.uint8) * 255
    canvas.darken(np.minimum(canvas.soft(creases, 0.6), own), rng.uniform(0.25, 0.4))


def _nails(rng: np.random.Generator, canvas: Canvas, surface: _Surface, bones: list[Capsule], tone: np.ndarray) -> None:
    polish = pick(rng, "b3122e d94f7a 2a2a2e e9c9c9 7a2f5a 3d6fa5") if rng.random() < 0.25 else None
    nails = np.zeros(canvas.shape, np.uint8)
    shines = np.zeros(canvas.shape, np.uint8)
    for number, bone in enumerate(bones):
        if bone.dorsal is None or bone.dorsal[2] < 0.25:
            continue
        along = bone.end - bone.start
        side = np.cross(along / np.linalg.norm(along), bone.dorsal)
        centre = bone.start + along * 0.95 + bone.dorsal * bone.r1 * 0.8
        t = np.linspace(0, 2 * np.pi, 25)[:-1, None]
        power = 0.75
        ring = centre + np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power * along / np.linalg.norm(along) * bone.r1 * 0.95
        ring = ring + np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power * side * bone.r1 * 0.68
        own = (surface.bone == number).astype(np.uint8) * 255
        nails = np.maximum(nails, np.minimum(canvas.polygon(ring[:, :2]), own))
        spot = ring[:, :2].mean(0) - np.array([0.8, 1.2])
        shines = np.maximum(shines, canvas.ellipse((spot[0], spot[1]), bone.r1 * 0.2, bone.r1 * 0.4))
    if not nails.any():
        return
    canvas.darken(canvas.soft(nails, 0.6), 0.25)
    colour = polish if polish is not None else np.minimum(tone * 0.75 + np.array([0.3, 0.2, 0.19]), 0.97)
    canvas.paint(nails, colour, round_shade(canvas, nails, 4, np.array([0, -0.3, 0.95]), 0.6), 0.9)
    canvas.shine(np.minimum(canvas.soft(shines, 0.5), nails), 0.5)


def _sleeve(rng: np.random.Generator, canvas: Canvas, frame: np.ndarray, forearm: float, light: np.ndarray) -> None:
    """Cloth over the forearm, ending in a cuff."""
    top, wide = -rng.uniform(6, 22), rng.uniform(26, 31)
    colour = cloth(rng, canvas) if rng.random() < 0.5 else pick(rng, "22262e 3b4a63 7a7f87 efeee9 6b2230 2f4a3b c4a57a")
    body = np.array([(-wide, top), (wide, top), (wide + 5, -forearm), (-wide - 5, -forearm)], np.float32)
    cuff = np.array([(-wide - 1, top), (wide + 1, top), (wide + 1, top - 10), (-wide - 1, top - 10)], np.float32)
    mask = canvas.polygon(body @ frame.T)
    canvas.darken(canvas.soft(mask, 2.5), 0.5)
    canvas.paint(mask, colour, round_shade(canvas, mask, 24, light) * folds(rng, canvas, light, (5, 5), 5))
    band = canvas.polygon(cuff @ frame.T)
    canvas.paint(band, colour, round_shade(canvas, band, 5, light) * 0.95)
    canvas.darken(canvas.soft(canvas.stroke(cuff[2:] @ frame.T, 1.2), 0.5), 0.45)


def hand(rng: np.random.Generator, size: int) -> DrawnOccluder:
    """A hand in one of ten gestures, palm or back, left or right, in any of ten skin tones."""
    gesture = str(rng.choice(list(GESTURES), p=[0.16, 0.15, 0.17, 0.12, 0.1, 0.08, 0.07, 0.05, 0.05, 0.05]))
    back, mirror, forearm = bool(rng.random() < 0.5), bool(rng.random() < 0.5), float(rng.uniform(26, 55))
    bones = pose(rng, gesture, back, forearm)
    frame = place(bones, rng.uniform(-30, 30), mirror, _SCALE)
    ends = np.array([p[:2] for b in bones for p in (b.start, b.end)])
    low, high = ends.min(0) - 32, ends.max(0) + 32
    canvas = Canvas((*low.tolist(), *high.tolist()), size)  # type: ignore[arg-type]
    surface, light = _Surface(canvas, bones), draw_light(rng)
    soft = [i for i, b in enumerate(bones) if b.kind in ("palm", "arm")]
    palm = np.isin(surface.bone, soft)
    normal = surface.smooth_normals(canvas, palm)
    tone = pick(rng, _SKIN, hue=0.01, rest=0.05)
    if not back:
        tone = np.minimum(
            tone * 0.9 + np.array([0.15, 0.1, 0.085]) * (1.1 - tone.mean()) * 1.3, 0.96
        )  # palms are paler
    shade = lambert(normal, light, 0.32) * surface.hollows(canvas) * speckle(rng, canvas, 0.035, 2.0)
    canvas.paint((surface.cover * 255).astype(np.uint8), _skin(tone, shade * 0.97))
    canvas.shine((gloss(normal, light, 14) * 255).astype(np.uint8), 0.1, (1, 0.93, 0.85))
    _creases(rng, canvas, surface, bones, back)
    if not back:
        _palm_lines(rng, canvas, surface, palm, frame)
    _nails(rng, canvas, surface, bones, tone)
    cut = np.array([(-60, -forearm), (60, -forearm), (60, -forearm - 60), (-60, -forearm - 60)], np.float32)
    if rng.random() < 0.65:
        _sleeve(rng, canvas, frame, forearm, light)
    canvas.erase(canvas.polygon(cut @ frame.T))
    return canvas.finish("hand")
