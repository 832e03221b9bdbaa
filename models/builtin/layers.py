"""The meshes of a portrait: head, body and ears as one layer, hair as another, projected and rasterised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from occset.models.builtin import hair, scene
from occset.models.builtin.person import Person
from occset.models.builtin.shot import Shot
from occset.models.morphable.face_region import inside_face, jaw_line
from occset.models.morphable.head import smoothstep
from occset.models.morphable.procedural import ProceduralModel
from occset.models.rendering import camera, lighting
from occset.models.rendering.rasteriser import Raster, rasterise

HEAD, BODY, EAR = 0, 1, 2


@dataclass
class Layer:
    """Covered pixels of one rasterised layer.

    Attributes:
        where: (N,) flat indices of the covered pixels.
        depth: (H, W) distance, infinite where nothing is.
        values: (N, C) interpolated attributes; `normals` (N, 3) in camera axes.
        part: (N,) `HEAD`, `BODY` or `EAR`.
    """

    where: np.ndarray
    depth: np.ndarray
    values: np.ndarray
    normals: np.ndarray
    part: np.ndarray


@lru_cache(maxsize=1)
def _chart_fields(model: ProceduralModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per vertex: millimetres inside the face region of the chart, ambient occlusion 0..1, millimetres below the jaw."""
    p, q = model.chart.numpy().T.astype(float)
    jaw, inside = jaw_line(p), inside_face(p, q)
    under = smoothstep(jaw - q, -6, 26)
    open_again = smoothstep(jaw - q, 60, 150)
    return inside, 1 - 0.5 * under * (1 - 0.5 * open_again), jaw - q


def rasterise_pixels(
    vertices: torch.Tensor, triangles: torch.Tensor, pose_focal: tuple[np.ndarray, float], size: int, cull: bool
) -> Raster:
    """Camera millimetres (V, 3) drawn at twice the picture's side."""
    pixels = camera.project(vertices[None], pose_focal[1], size, size)
    pixels = torch.cat(((pixels[..., :2] + 0.5) * 2 - 0.5, pixels[..., 2:]), -1)
    return rasterise(pixels, triangles, 2 * size, 2 * size, cull=cull)


def _collect(
    raster: Raster, triangles: torch.Tensor, attributes: np.ndarray, normals: torch.Tensor, bounds: tuple[int, ...]
) -> Layer:
    values = torch.cat((torch.from_numpy(attributes.astype(np.float32)), normals.float()), -1)
    where = (raster.face[0] >= 0).flatten().nonzero()[:, 0]
    face = raster.face[0].flatten()[where]
    corners = values[triangles[face]]
    weights = raster.barycentric[0].reshape(-1, 3)[where].float()
    found = torch.einsum("nkc,nk->nc", corners, weights).numpy()
    direction = found[:, -3:]
    direction = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
    depth = torch.where(raster.face[0] >= 0, raster.depth[0].float(), torch.inf).numpy()
    part = np.searchsorted(np.array(bounds), face.numpy(), side="right")
    return Layer(where.numpy(), depth, found[:, :-3], direction, part)


def head_layer(
    model: ProceduralModel,
    person: Person,
    shot: Shot,
    shape: torch.Tensor,
    pose_focal: tuple[np.ndarray, float],
    size: int,
) -> Layer:
    """Head, body and ears. Values: chart p, q; head x, y, z; skin RGB; inside face mm; occlusion; over the hairline mm."""
    pose = torch.from_numpy(pose_focal[0][None]).float()
    skin = model.skin_albedo + (torch.from_numpy(person.texture) @ model.texture_basis.flatten(1)).view(-1, 3)
    inside, occlusion, below_jaw = _chart_fields(model)
    p, q = model.chart.numpy().T.astype(float)
    over = q - hair.hairline(person, p) if person.cut != "bald" else np.full_like(q, -99.0)
    head = np.column_stack((p, q, shape.numpy(), skin.numpy(), inside, occlusion, over))
    cheek = skin[((model.chart - torch.tensor([80.0, -20.0])).abs() < 9).all(-1)].mean(0).numpy()
    width = float(shape[((model.chart - torch.tensor([118.0, -14.0])).abs() < 9).all(-1), 0].mean())
    flare, ear_size = 0.32 + 0.1 * float(person.identity[70]), 1 + 0.06 * float(person.identity[71])
    if person.cut in ("bob", "curly", "afro"):  # thick hair hides the ears: keep them from poking out of it
        flare, ear_size = 0.1, 0.6 * ear_size
    ear, ear_triangles, relief = scene.ears(width, ear_size, flare)
    neck, body_triangles = scene.torso(0.9 + 0.05 * float(np.clip(person.identity[2] - person.identity[72], -3, 3)))

    def plain(points: np.ndarray, colour: np.ndarray, dark: np.ndarray) -> np.ndarray:
        count = len(points)
        filler = np.zeros((count, 2))
        return np.column_stack(
            (filler, points, np.tile(colour, (count, 1)), np.full(count, -50.0), dark, np.full(count, -99.0))
        )

    attributes = np.concatenate(
        (
            head,
            plain(neck, cheek * 0.97, 0.5 + 0.5 * smoothstep(-neck[:, 1], 95, 185)),
            plain(ear, cheek * [1.02, 0.9, 0.88], np.clip(0.85 + 0.25 * relief, 0.4, 1.05)),
        )
    )
    placed = [
        camera.to_camera(shape[None], pose)[0],
        _place_body(neck, pose),
        camera.to_camera(torch.from_numpy(ear).float()[None], pose)[0],
    ]
    above_neck = torch.from_numpy(below_jaw < 52)[model.triangles].all(-1)  # from there on the body's own neck
    faces = [model.triangles[above_neck], torch.from_numpy(body_triangles), torch.from_numpy(ear_triangles)]
    normals = torch.cat([lighting.vertex_normals(v[None], t)[0] for v, t in zip(placed, faces, strict=True)])
    start = np.cumsum([0] + [len(v) for v in placed])
    triangles = torch.cat([t + int(s) for t, s in zip(faces, start, strict=False)])
    raster = rasterise_pixels(torch.cat(placed), triangles, pose_focal, size, cull=True)
    bounds = tuple(np.cumsum([len(t) for t in faces])[:2])
    return _collect(raster, triangles, attributes, normals, bounds)


def _place_body(points: np.ndarray, pose: torch.Tensor) -> torch.Tensor:
    """The body turns a third as far as the head, around the base of the neck."""
    pivot = torch.tensor([[[0.0, -70.0, -25.0]]])
    there = camera.to_camera(pivot, pose)
    turned = camera.rotation_matrix(pose[:, :3] * torch.tensor([0.15, 0.35, 0.3]))
    return ((torch.from_numpy(points).float()[None] - pivot) @ turned.transpose(1, 2) + there)[0]


def cap_layer(
    model: ProceduralModel, person: Person, shape: torch.Tensor, pose_focal: tuple[np.ndarray, float], size: int
) -> Layer:
    """Hair on the skull. Values: across, along (mm), mm beyond the hairline, occlusion 0..1, 0 (no curtain)."""
    p, q = model.chart.numpy().T.astype(float)
    over = q - hair.hairline(person, p)
    outward = lighting.vertex_normals(shape[None], model.triangles)[0].numpy()
    cap = shape.numpy() + outward * hair.cap_thickness(person, p, q)[:, None]
    grown = torch.from_numpy((over > -9) & (q > -80))[model.triangles].all(-1)
    across, along = _flow(person, p, q, cap)
    shade = 1 - 0.35 * smoothstep(-cap[:, 1], -30, 40)
    attributes = np.column_stack((across, along, over, shade, np.zeros(len(p))))
    return _hair(cap, model.triangles[grown], attributes, pose_focal, size, cull=True)


def curtain_layer(
    model: ProceduralModel, person: Person, shape: torch.Tensor, pose_focal: tuple[np.ndarray, float], size: int
) -> Layer | None:
    """Hair that hangs, or None. Values: across, along (mm), mm from its edge, occlusion 0..1, 1 (curtain)."""
    ear = ((model.chart - torch.tensor([118.0, -14.0])).abs() < 9).all(-1)
    hanging = hair.curtain(person, float(shape[ear, 0].mean()))
    if hanging is None:
        return None
    vertices, triangles, fall = hanging
    angle = np.arctan2(vertices[:, 0], vertices[:, 2])
    start = np.radians(hair.FRONT_DEGREES + 22 * (1 - smoothstep(fall, 0, 0.5)))
    edge = np.minimum(np.minimum((np.abs(angle) - start) * 70, (1 - fall) * 60), fall * 400)
    behind = 1 - 0.55 * smoothstep(np.abs(angle), 1.5, 2.2)
    attributes = np.column_stack((angle * 85, vertices[:, 1], edge, behind, np.ones(len(fall))))
    kept = torch.from_numpy(triangles[(edge > -4)[triangles].any(-1)])  # what is transparent must not hide the rest
    return _hair(vertices, kept, attributes, pose_focal, size, cull=False)


def _hair(
    points: np.ndarray,
    triangles: torch.Tensor,
    attributes: np.ndarray,
    pose_focal: tuple[np.ndarray, float],
    size: int,
    cull: bool,
) -> Layer:
    """Place head millimetres (V, 3) and rasterise them."""
    pose = torch.from_numpy(pose_focal[0][None]).float()
    placed = camera.to_camera(torch.from_numpy(points).float()[None], pose)
    normals = lighting.vertex_normals(placed, triangles)[0]
    raster = rasterise_pixels(placed[0], triangles, pose_focal, size, cull)
    return _collect(raster, triangles, attributes, normals, ())


def _flow(person: Person, p: np.ndarray, q: np.ndarray, cap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Millimetres across and along the strands of the cap, by the way it is combed."""
    x, y, z = cap.T
    if person.cut in ("combed back", "bun"):
        return x * 1.1 + 0.15 * z, z - y
    if person.cut in ("side part", "long part"):
        return z + 0.35 * np.abs(x - person.part), y + np.abs(x - person.part)
    if person.cut in ("curly", "afro"):
        return x + 0.7 * z, y - 0.5 * z
    if person.cut in ("short", "cropped"):
        swirl = 12 * np.sin(p * 0.05 + person.part) + 0.25 * person.part
        return p * 0.85 + (0.3 * np.sign(person.part)) * q + swirl, q + 0.4 * p
    return p, q


__all__ = ["BODY", "EAR", "HEAD", "Layer", "cap_layer", "curtain_layer", "head_layer"]
