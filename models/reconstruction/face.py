"""A morphable model before the camera of aligned crops: coefficients in; picture, mask and landmarks out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from occset.models.morphable.base import LinearModel
from occset.models.morphable.face_region import face_triangles
from occset.models.reconstruction.coefficients import LENS, Coefficients, Layout, Lens
from occset.models.rendering import camera
from occset.models.rendering.colour import to_display
from occset.models.rendering.mirrored import Mirrored, mirrored
from occset.models.rendering.render import render

_LEAST_ALBEDO = 0.002


class View(NamedTuple):
    """What the camera sees of B faces.

    Attributes:
        image: (B, 3, S, S) display values 0..1, black where no face is.
        mask: (B, 1, S, S) 0..1, how much of a pixel the face covers: Mm of the paper.
        face: (B, S, S) int64, the triangle that each pixel sees, -1 for none; can be given back to be used again.
    """

    image: Tensor
    mask: Tensor
    face: Tensor


class FaceModel(nn.Module):
    """The part of a morphable model that data sets call face, with hair line, ears and neck left out.

    Has no parameters; it is a module so that it moves to a device with the networks that use it.

    Attributes:
        renderer: "torch", or what `occset.models.rendering.render.checked_renderer` gave.
    """

    mean: Tensor
    shapes: Tensor
    mean_albedo: Tensor
    textures: Tensor
    triangles: Tensor
    mean_points: Tensor
    point_shapes: Tensor
    mirror: Tensor

    def __init__(
        self, model: LinearModel, colours: int = 3, coarse: bool = True, lens: Lens = LENS, linear: bool = True
    ) -> None:
        """Take what is needed of a model.

        Args:
            model: any origin.
            colours: of the light, 1 or 3.
            coarse: draw its decimated level, an eighth of the work; for training and fitting.
            lens: of the camera; another one for coefficients that were found by another one.
            linear: albedo and light are linear, as ours are; else their product is what a screen shows.
        """
        super().__init__()
        drawn = model.coarse if coarse else model
        self.layout = Layout(len(model.identity_basis), len(model.expression_basis), len(model.texture_basis), colours)
        self.name, self.revision = model.name, model.revision
        self.lens, self.linear = lens, linear
        self.renderer = "torch"
        self._hold("mean", drawn.mean)
        self._hold("shapes", torch.cat((drawn.identity_basis, drawn.expression_basis)).flatten(1))
        self._hold("mean_albedo", drawn.mean_albedo)
        self._hold("textures", drawn.texture_basis.flatten(1))
        self._hold("triangles", face_triangles(drawn))
        self._hold("mirror", drawn.mirror)
        of = model.landmarks
        self._hold("mean_points", model.mean[of])
        self._hold("point_shapes", torch.cat((model.identity_basis[:, of], model.expression_basis[:, of])).flatten(1))

    def _hold(self, name: str, values: Tensor) -> None:
        self.register_buffer(name, values.contiguous(), persistent=False)

    def vertices(self, parts: Coefficients) -> Tensor:
        """(B, V, 3) millimetres in head axes."""
        return self._combine(torch.cat((parts.identity, parts.expression), 1), self.shapes, self.mean)

    def albedo(self, parts: Coefficients) -> Tensor:
        """(B, V, 3) RGB, linear unless the model is not."""
        return self._combine(parts.texture, self.textures, self.mean_albedo).clamp_min(_LEAST_ALBEDO)

    def points(self, parts: Coefficients) -> Tensor:
        """The 68 landmarks in camera axes, (B, 68, 3) millimetres."""
        return camera.to_camera(self.points_of_head(parts), parts.pose)

    def points_of_head(self, parts: Coefficients) -> Tensor:
        """The 68 landmarks in head axes, (B, 68, 3) millimetres: whatever the pose."""
        shape = torch.cat((parts.identity, parts.expression), 1)
        return self._combine(shape, self.point_shapes, self.mean_points)

    def landmarks(self, parts: Coefficients, size: int) -> Tensor:
        """The 68 landmarks, (B, 68, 2) pixels of a picture of `size`."""
        focal, middle = self.lens.pixels(size)
        return camera.project(self.points(parts), focal, size, size, middle)[..., :2]

    def shown(self, colours: Tensor) -> Tensor:
        """Display values of colours, or albedos, of any shape."""
        return to_display(colours) if self.linear else colours

    def forward(self, parts: Coefficients, size: int, face: Tensor | None = None) -> View:
        """Draw.

        Args:
            parts: of `layout.split`.
            size: side of the picture in pixels.
            face: visibility of an earlier call at this size, to be used again.
        """
        focal, middle = self.lens.pixels(size)
        seen = render(
            self.vertices(parts), self.triangles, self.albedo(parts), parts.pose, parts.light, size, focal,
            face=face, cull=True, renderer=self.renderer, middle=middle,
        )  # fmt: skip
        return View(self.shown(seen.image), seen.mask[:, None], seen.face)

    def mirrored(self, parts: Coefficients, picture: Tensor, visible: Tensor, face: Tensor) -> Mirrored:
        """What the face's other half shows, see `occset.models.rendering.mirrored.mirrored`.

        Args:
            parts: of `layout.split`, as they were drawn.
            picture: (B, 3, S, S) 0..1.
            visible: (B, 1, S, S) 0 or 1, the visible face, all that is looked at.
            face: of the `View` of side S.
        """
        focal, middle = self.lens.pixels(picture.shape[-1])
        return mirrored(
            picture, visible, self.vertices(parts), self.triangles, self.mirror, parts.pose, focal, face, middle
        )

    @staticmethod
    def _combine(coefficients: Tensor, basis: Tensor, mean: Tensor) -> Tensor:
        return mean + (coefficients @ basis).view(len(coefficients), *mean.shape)
