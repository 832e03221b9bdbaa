"""An albedo basis learned from photos: unwrap fitted faces, take the light off, fill what is hidden, and find what varies.

The procedural and the ICT model have no albedo of real people. Of each fitted face the colour of every vertex that the
photo shows is read, made linear and divided by the light that the fit found there; a vertex that is hidden takes the colour
of its mirror vertex where that one shows, and what is left is filled by the basis itself (PCA with missing values: fill by
the mean, find the basis, fill by the basis, again). The basis is in standard deviations over those faces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from occset.models.morphable.base import LinearModel
from occset.models.morphable.face_region import face_triangles
from occset.models.morphable.store import open_morphable
from occset.models.reconstruction.coefficients import FOCAL, Coefficients
from occset.models.reconstruction.face import FaceModel
from occset.models.registry import find
from occset.models.rendering import camera, lighting
from occset.models.rendering.colour import to_linear
from occset.models.rendering.rasteriser import rasterise
from occset.models.training.starting import RELEASED
from occset.models.weight_files import load_weights, save_weights
from occset.support.errors import BadInput, OccsetError

COMPONENTS = 80
_LEAST_FACES = 20
_FACING = 0.25  # cosine towards the camera below which a vertex is seen too slantingly to be trusted
_LEAST_LIGHT = 0.08  # irradiance below which a colour says nothing of the albedo
_BRIGHTEST = 1.0
_FILLS = 3
_HIDDEN_BEHIND = 4.0  # millimetres that another part of the face may lie before a vertex that still counts as seen


class Unwrapped(NamedTuple):
    """The albedo of B faces at V vertices.

    Attributes:
        albedo: (B, V, 3) linear RGB.
        seen: (B, V) bool, which of them the photo shows, or shows on the face's other half.
    """

    albedo: Tensor
    seen: Tensor


class Unwrapper:
    """Reads the albedo of a morphable model's vertices from fitted photos."""

    def __init__(self, model: LinearModel, colours: int = 3) -> None:
        """Prepare the face part of a model at its full level."""
        self.model = model
        self.face = FaceModel(model, colours, coarse=False)
        self.vertices = self.face.triangles.unique()
        place = torch.full((len(model.mean),), -1)
        place[self.vertices] = torch.arange(len(self.vertices))
        mirror = place[model.mirror[self.vertices]]
        self.mirror = torch.where(mirror >= 0, mirror, torch.arange(len(self.vertices)))

    @torch.no_grad()
    def __call__(self, images: Tensor, masks: Tensor, parts: Coefficients) -> Unwrapped:
        """Unwrap.

        Args:
            images: (B, 3, S, S) display values 0..1.
            masks: (B, 1, S, S) 0..1, the visible face.
            parts: what was fitted.
        """
        size = images.shape[-1]
        placed = camera.to_camera(self.face.vertices(parts), parts.pose)
        normals = lighting.vertex_normals(placed, self.face.triangles)
        light = lighting.irradiance(normals, parts.light)[:, self.vertices]
        points = placed[:, self.vertices]
        seen_from = F.normalize(-points, dim=-1)
        facing = (normals[:, self.vertices] * seen_from).sum(-1)
        pixels = camera.project(points, FOCAL * size, size, size)
        at = (pixels[..., :2] * 2 + 1) / size - 1
        colours = _sample(images, at)
        inside = _sample(masks, at)[..., 0] > 0.9
        nearest = self._depth(placed, size)
        before = _sample(nearest[:, None], at, "nearest")[..., 0]
        shown = (before > 0) & (pixels[..., 2] < before + _HIDDEN_BEHIND)
        dim = light.mean(-1)
        trusted = (facing > _FACING) & inside & shown & (dim > _LEAST_LIGHT)
        albedo = (to_linear(colours) / light.clamp_min(_LEAST_LIGHT)).clamp(0, _BRIGHTEST)
        other = trusted[:, self.mirror] & ~trusted
        albedo = torch.where(other[..., None], albedo[:, self.mirror], albedo)
        return Unwrapped(albedo, trusted | other)

    def _depth(self, placed: Tensor, size: int) -> Tensor:
        """(B, S, S) distance of what each pixel sees, 0 for nothing."""
        screen = camera.project(placed, FOCAL * size, size, size)
        return rasterise(screen, self.face.triangles, size, size, cull=True).depth


def _sample(pictures: Tensor, at: Tensor, mode: str = "bilinear") -> Tensor:
    """(B, C, S, S) pictures at (B, V, 2) places on -1..1: (B, V, C)."""
    found = F.grid_sample(pictures, at[:, :, None], mode=mode, align_corners=False, padding_mode="zeros")
    return found[..., 0].transpose(1, 2)


class Basis(NamedTuple):
    """Principal components of albedos.

    Attributes:
        mean: (V, 3).
        basis: (K, V, 3), a standard deviation each, the largest first.
        explained: share of the variance that they hold, 0..1.
    """

    mean: np.ndarray
    basis: np.ndarray
    explained: float


def learn_basis(albedo: np.ndarray, seen: np.ndarray, components: int = COMPONENTS) -> Basis:
    """Mean and principal components of albedos with gaps.

    Args:
        albedo: (N, V, 3) float32.
        seen: (N, V) bool.
        components: how many, below N.

    Raises:
        OccsetError: too few faces.
    """
    count = len(albedo)
    if count < max(_LEAST_FACES, components + 1):
        raise OccsetError(
            f"{count} well-fitted faces are too few for {components} components: fit more faces, or ask for fewer"
        )
    shown = seen[..., None].astype(np.float32)
    mean = (albedo * shown).sum(0) / np.maximum(shown.sum(0), 1)
    filled = np.where(seen[..., None], albedo, mean)
    for fill in range(_FILLS + 1):
        middle = filled.mean(0)
        flat = (filled - middle).reshape(count, -1)
        values, vectors = np.linalg.eigh(flat @ flat.T)  # N x N: there are far fewer faces than numbers in one
        order = np.argsort(values)[::-1][:components]
        scores = vectors[:, order] * np.sqrt(np.maximum(values[order], 1e-12))
        axes = (vectors[:, order] / np.sqrt(np.maximum(values[order], 1e-12))).T @ flat
        if fill == _FILLS:
            break
        guess = middle + (scores @ axes).reshape(filled.shape)
        filled = np.where(seen[..., None], albedo, guess)
    deviation = scores.std(0)
    basis = (axes * deviation[:, None]).reshape(-1, *middle.shape)
    explained = float(values[order].sum() / max(values.sum(), 1e-12))
    return Basis(middle.astype(np.float32), basis.astype(np.float32), explained)


class LearnedAlbedo(NamedTuple):
    """The morphable model with its new albedo, and the share of the faces' variance that this holds."""

    model: LinearModel
    explained: float


def learn_albedo(
    model: LinearModel,
    batches: Iterable[tuple[Tensor, Tensor, Tensor]],
    components: int = COMPONENTS,
    colours: int = 3,
    progress: Callable[[int], None] | None = None,
) -> LearnedAlbedo:
    """The model with an albedo learned from fitted photos; outside the face it keeps its mean, and nothing varies there.

    Args:
        model: that the faces were fitted with.
        batches: images (B, 3, S, S), masks (B, 1, S, S) and vectors (B, D), good fits only.
        components: of the basis.
        colours: of the light.
        progress: called with the number of faces done.

    Raises:
        OccsetError: too few faces.
    """
    unwrap = Unwrapper(model, colours)
    found, done = [], 0
    for images, masks, vectors in batches:
        found.append(unwrap(images, masks, unwrap.face.layout.split(vectors)))
        done += len(images)
        if progress:
            progress(done)
    if not found:
        raise OccsetError("no well-fitted face to learn an albedo from: run occset fit first")
    albedo = torch.cat([one.albedo for one in found]).numpy()
    seen = torch.cat([one.seen for one in found]).numpy()
    mean, basis, explained = learn_basis(albedo, seen, components)
    packed = {"vertices": unwrap.vertices, "mean": torch.from_numpy(mean), "basis": torch.from_numpy(basis)}
    return LearnedAlbedo(unpack_albedo(model, packed, "what was learned"), explained)


def pack_albedo(model: LinearModel) -> dict[str, Tensor]:
    """The albedo of a model's face part: "vertices" (N,) int32, "mean" (N, 3), "basis" (K, N, 3)."""
    vertices = face_triangles(model).unique()
    return {
        "vertices": vertices.to(torch.int32),
        "mean": model.mean_albedo[vertices],
        "basis": model.texture_basis[:, vertices],
    }


def unpack_albedo(model: LinearModel, packed: Mapping[str, Tensor], where: str | Path) -> LinearModel:
    """The model with an albedo of `pack_albedo`; elsewhere it keeps its mean, and nothing varies.

    Args:
        model: of the geometry that it was learned for.
        packed: the three tensors.
        where: they come from, for the error.

    Raises:
        BadInput: they do not fit the model.
    """
    try:
        vertices, mean, basis = packed["vertices"].long(), packed["mean"], packed["basis"]
        whole_mean, whole_basis = model.mean_albedo.clone(), torch.zeros(len(basis), *model.mean.shape)
        if len(vertices) and vertices.min() < 0:
            raise IndexError("a negative vertex")
        whole_mean[vertices], whole_basis[:, vertices] = mean, basis
    except (KeyError, IndexError, RuntimeError) as error:
        raise BadInput(f"{where}: is no albedo of '{model.name}' ({error}): learn it again") from error
    return model.with_albedo(whole_mean, whole_basis)


def save_albedo(model: LinearModel, folder: Path, about: Mapping[str, Any]) -> list[Path]:
    """Write a model's albedo, of the face part alone, as safetensors in half precision.

    Args:
        model: with a learned albedo.
        folder: of the file.
        about: where it comes from, for whoever asks later.
    """
    return save_weights(pack_albedo(model), folder, {"network": {"morphable": model.name}, **about}, "albedo")


def load_albedo(model: LinearModel, path: Path) -> LinearModel:
    """The model with the albedo of a file.

    Raises:
        BadInput: the file is broken, or of another morphable model.
    """
    state, about = load_weights(path)
    own = "albedo_"  # what it is called in the weights of NR
    state = {key.removeprefix(own): value for key, value in state.items() if key.startswith(own)} or state
    of = str(about.get("network", {}).get("morphable", ""))
    if of != model.name:
        raise BadInput(f"{path}: is the albedo of the morphable model '{of}', not of '{model.name}': name another file")
    return unpack_albedo(model, state, path)


def open_face_model(morphable: str = "procedural", albedo: Path | None = None) -> LinearModel:
    """A morphable model, with a learned albedo where one is named.

    Args:
        morphable: what `occset.models.morphable.store.open_morphable` knows.
        albedo: file or folder of `save_albedo`; or of NR's weights, whose albedo it then is; or the word "released" for the
            released ones.

    Raises:
        OccsetError: there is no such model; or a file is broken or of another model.
    """
    model = open_morphable(morphable)
    if albedo is not None and str(albedo) == RELEASED:
        albedo = find("nr").released
    return model if albedo is None else load_albedo(model, albedo)
