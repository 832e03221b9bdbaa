"""The skeleton of a hand: joints from a gesture, as tapered capsules in space.

The frame: origin at the wrist, x to the thumb, y along the fingers, z out of the palm; units are those of the face template.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# knuckle (x, y), lengths of the three bones, radii from knuckle to tip
_FINGERS = (
    ((22, 70), (35, 21, 16), (8.8, 8.0, 7.2, 6.2)),
    ((7.5, 75), (39, 25, 17), (9.0, 8.2, 7.4, 6.4)),
    ((-7, 72), (36, 23, 17), (8.6, 7.8, 7.0, 6.1)),
    ((-20.5, 63), (28, 17, 14), (7.6, 6.8, 6.1, 5.3)),
)
_SPREAD = (9.0, 2.0, -5.5, -14.0)
_STRAIGHT, _CURLED = (6.0, 8.0, 5.0), (82.0, 98.0, 62.0)

# flexion (degrees at the three joints) of each finger, spread factor, azimuth of the thumb's three bones from y to x, and
# how far the thumb lifts in z
_Gesture = tuple[tuple[tuple[float, float, float], ...], float, tuple[float, float, float], float]
GESTURES: dict[str, _Gesture] = {
    "spread": ((_STRAIGHT,) * 4, 1.6, (55, 45, 35), 0.15),
    "flat": ((_STRAIGHT,) * 4, 0.25, (42, 18, 8), 0.1),
    "relaxed": (((22, 25, 15), (26, 30, 18), (30, 34, 20), (34, 36, 22)), 0.8, (45, 25, 10), 0.35),
    "cupped": (((38, 30, 20),) * 4, 0.3, (45, 12, -10), 0.5),
    "fist": ((_CURLED,) * 4, 0.3, (42, -8, -52), 0.75),
    "point": ((_STRAIGHT, _CURLED, _CURLED, _CURLED), 0.3, (42, -4, -45), 0.75),
    "victory": ((_STRAIGHT, _STRAIGHT, _CURLED, _CURLED), 1.5, (40, -10, -55), 0.75),
    "three": ((_STRAIGHT, _STRAIGHT, _STRAIGHT, _CURLED), 1.2, (38, -15, -60), 0.7),
    "thumb": ((_CURLED,) * 4, 0.2, (62, 72, 76), 0.2),
    "call": ((_CURLED, _CURLED, _CURLED, _STRAIGHT), 1.6, (62, 70, 72), 0.15),
}


@dataclass
class Capsule:
    """A tapered round bone from `start` to `end` (x, y, z) with radii `r0`, `r1`; `kind` is palm, finger, tip or arm."""

    start: np.ndarray
    end: np.ndarray
    r0: float
    r1: float
    kind: str
    flat: float = 1.0  # height of the profile as a share of a round one: palm and arm are flatter
    dorsal: np.ndarray | None = None  # unit vector out of the back of the bone


def _chain(
    base: np.ndarray, directions: list[np.ndarray], lengths: tuple[float, ...], radii: tuple[float, ...]
) -> list[Capsule]:
    bones, at = [], base
    for i, (direction, length) in enumerate(zip(directions, lengths, strict=True)):
        to = at + direction * length
        kind = "tip" if i == len(lengths) - 1 else "finger"
        bones.append(Capsule(at, to, radii[i], radii[i + 1], kind))
        at = to
    return bones


def _finger(
    rng: np.random.Generator, which: int, flexion: tuple[float, ...], spread: float, thick: float
) -> list[Capsule]:
    knuckle, lengths, radii = _FINGERS[which]
    side = np.deg2rad(_SPREAD[which] * spread + rng.normal(0, 1.5))
    along = np.array([np.sin(side), np.cos(side), 0.0])
    palmar = np.array([0.0, 0.0, 1.0])
    bends = np.cumsum(np.deg2rad(np.array(flexion) + rng.normal(0, 3, 3)))
    directions = [np.cos(b) * along + np.sin(b) * palmar for b in bends]
    bones = _chain(np.array([*knuckle, 0.0]), directions, lengths, tuple(r * thick for r in radii))
    bones[-1].dorsal = np.sin(bends[-1]) * along - np.cos(bends[-1]) * palmar
    return bones


def _thumb(rng: np.random.Generator, azimuths: tuple[float, ...], lift: float, thick: float) -> list[Capsule]:
    directions = []
    for i, azimuth in enumerate(azimuths):
        a = np.deg2rad(azimuth + rng.normal(0, 4))
        direction = np.array([np.sin(a), np.cos(a), lift * (1.0, 0.7, 0.25)[i]])
        directions.append(direction / np.linalg.norm(direction))
    radii = tuple(r * thick for r in (12.5, 10.2, 9.0, 7.4))
    bones = _chain(np.array([15.0, 12.0, 3.0]), directions, (32, 26, 20), radii)
    bones[0].kind, bones[0].flat = "palm", 0.7
    last = directions[-1]
    out = np.array([last[1], -last[0], -0.6])  # a thumb's nail looks sideways and back
    bones[-1].dorsal = out / np.linalg.norm(out)
    return bones


def pose(rng: np.random.Generator, gesture: str, back: bool, forearm: float) -> list[Capsule]:
    """Capsules of a hand.

    Args:
        rng: small variations of every joint.
        gesture: one of `GESTURES`.
        back: show its back instead of its palm (z then points away from the palm).
        forearm: length of the forearm below the wrist.
    """
    fingers, spread, azimuths, lift = GESTURES[gesture]
    thick = rng.uniform(0.9, 1.1)
    bones = [
        Capsule(
            np.array([x * 0.6, 4.0, 0.0]), np.array([*knuckle, 0.0]), 15 * thick, radii[0] * 1.12 * thick, "palm", 0.55
        )
        for (x, (knuckle, _, radii)) in zip((22, 8, -8, -22), _FINGERS, strict=True)
    ]
    bones.append(
        Capsule(np.array([-17.0, 12.0, 1.0]), np.array([-20.0, 48.0, 1.0]), 13 * thick, 10 * thick, "palm", 0.5)
    )
    bones.append(
        Capsule(np.array([0.0, 10.0, 0.0]), np.array([0.0, -forearm, 0.0]), 20 * thick, 25 * thick, "arm", 0.7)
    )
    for which, flexion in enumerate(fingers):
        bones += _finger(rng, which, flexion, spread * rng.uniform(0.8, 1.2), thick)
    bones += _thumb(rng, azimuths, lift, thick)
    if back:
        for bone in bones:
            for vector in (bone.start, bone.end, bone.dorsal):
                if vector is not None:
                    vector[2] *= -1
    for bone in bones:
        if bone.kind == "arm":  # behind the palm on either side, so that its round end does not show
            bone.start[2] -= 12
            bone.end[2] -= 4
    return bones


def place(bones: list[Capsule], angle: float, mirror: bool, scale: float) -> np.ndarray:
    """Turn the hand by `angle` degrees clockwise in the picture, mirror it, scale it, and make y point down; in place.

    Returns:
        The (2, 2) map from x, y of the hand's frame to the picture.
    """
    a = np.deg2rad(angle)
    turn = np.array([[np.cos(a), np.sin(a), 0], [np.sin(a), -np.cos(a), 0], [0, 0, 1]])
    if mirror:
        turn = turn @ np.diag([-1.0, 1.0, 1.0])
    for bone in bones:
        bone.start, bone.end = scale * turn @ bone.start, scale * turn @ bone.end
        bone.r0, bone.r1 = scale * bone.r0, scale * bone.r1
        bone.dorsal = None if bone.dorsal is None else turn @ bone.dorsal
    return scale * turn[:2, :2]
