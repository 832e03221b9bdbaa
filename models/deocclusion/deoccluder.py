"""The face without its occluder: NS and NR say where and how, and the gap is painted."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from occset.models.baselines.painter import trained_of
from occset.models.deocclusion.beyond import beyond_the_face
from occset.models.deocclusion.painting import faded_at_the_hairline, render_in, surroundings_in, with_gap
from occset.models.deocclusion.prior import FacePrior, Prior
from occset.models.inpainting.painter import FacePainter
from occset.models.photos.stages import stage
from occset.models.pretrained import Pretrained, load
from occset.models.weight_files import spent
from occset.support.errors import BadInput

BATCH = 8

GAP_SIDE = 256
"""Side in pixels of the pictures that widths of a gap are meant for; in others it is as wide a part."""

SEED = 0
"""Of the noise in the gap, the same for every picture, so that none depends on its neighbours."""


class Deoccluded(NamedTuple):
    """Of B pictures, NumPy.

    Attributes:
        images: (B, S, S, 3) uint8 RGB; outside `hidden` the pixels of the input.
        hidden: (B, S, S) uint8, 255 = was painted.
        face: (B, S, S) uint8 soft, 255 = certainly visible face.
        whole: (B, S, S) uint8, 255 = the rendered face covers this pixel.
        renders: (B, S, S, 3) uint8 RGB, the rendered face in the picture's colours, black elsewhere.
        coefficients: (B, D) float32.
        share: (B,) share of the rendered face that was hidden, 0..1.
        without_gap: as `images`, but painted up to the outline of the rendered face; None where no gap was asked for.
    """

    images: np.ndarray
    hidden: np.ndarray
    face: np.ndarray
    whole: np.ndarray
    renders: np.ndarray
    coefficients: np.ndarray
    share: np.ndarray
    without_gap: np.ndarray | None = None


class Pipeline(ABC):
    """Removes what hides a face: NS and NR find the gap, `paint` fills it; a method of the bench, too."""

    name: str
    given: tuple[str, ...] = ()
    gap: int = 0
    citations = ("Yin et al., Segmentation-Reconstruction-Guided Facial Image De-occlusion, 2021",)

    def __init__(
        self,
        segmentation: Path | None = None,
        reconstruction: Path | None = None,
        device: str = "auto",
        gap: int = 0,
    ) -> None:
        """Find the weights; see `FacePrior`.

        Args:
            segmentation, reconstruction: weights of NS and NR; the released ones where None.
            device: "auto", "cpu" or "cuda".
            gap: see `occset.models.deocclusion.painting.with_gap`, in pixels of a picture of `GAP_SIDE`.

        Raises:
            BadInput: there are no weights, or the gap is below 0.
        """
        if gap < 0:
            raise BadInput(f"a gap of {gap} pixels: give 0 for none, or how wide it is to be on either side")
        self.prior, self.gap = FacePrior(segmentation, reconstruction, device), gap

    @property
    def weights_hash(self) -> str:
        """What identifies the weights of all networks, 64 hexadecimal digits."""
        detector = "" if self.prior.detector is None else self.prior.detector.hash
        hashes = [*(part.weights_hash for part in self._networks()), detector]
        return hashlib.sha256("".join(hashes).encode()).hexdigest()

    def _networks(self) -> tuple[Pretrained, ...]:
        return self.prior.segmenter, self.prior.reconstructor

    @property
    def trained(self) -> dict[str, Any]:
        """What the bench is told of the training: the parameters of all networks together."""
        return {"parameters": sum(sum(p.numel() for p in part.network.parameters()) for part in self._networks())}

    @abstractmethod
    def paint(self, prior: Prior) -> Tensor:
        """The pictures with their gaps filled, (B, 3, S, S) 0..1; of what is no gap nothing is taken."""

    def run(self, images: np.ndarray, masks: np.ndarray | None = None) -> Deoccluded:
        """Remove what hides faces.

        Args:
            images: (B, S, S, 3) uint8 RGB, aligned faces.
            masks: (B, S, S) uint8, above 0 = repaint here; what is found when None.
        """
        parts = [
            self._some(images[at : at + BATCH], None if masks is None else masks[at : at + BATCH])
            for at in range(0, len(images), BATCH)
        ]
        columns = zip(*parts, strict=True)  # the last one may be None in all of them
        fields: list[Any] = [None if column[0] is None else np.concatenate(column) for column in columns]
        return Deoccluded(*fields)

    def _some(self, images: np.ndarray, masks: np.ndarray | None) -> Deoccluded:
        prior = self.prior.look(images, masks)
        if masks is None:
            with stage("beyond"):
                prior = _with_what_goes_on(images, prior)
        painted = self.paint(prior)
        if masks is None:  # who says what is hidden wants all of it gone
            painted = faded_at_the_hairline(painted, prior.picture, prior.whole)
        before = after = torch.where(prior.hidden > 0.5, _bytes(painted), _bytes(prior.picture))
        if self.gap:
            with stage("blend"):
                painted = with_gap(painted, prior, max(1, round(self.gap * images.shape[1] / GAP_SIDE)))
            after = torch.where(prior.hidden > 0.5, _bytes(painted), before)
        share = (prior.hidden * prior.whole).flatten(1).sum(1) / prior.whole.flatten(1).sum(1).clamp_min(1)
        return Deoccluded(
            _pictures(after),
            _mask(prior.hidden),
            _mask(prior.face),
            _mask(prior.whole),
            _pictures(_bytes(prior.render * prior.whole)),
            prior.vectors.cpu().numpy(),
            share.cpu().numpy(),
            _pictures(before) if self.gap else None,
        )

    def deocclude(self, images: np.ndarray, masks: np.ndarray | None = None) -> np.ndarray:
        """See `occset.benchmark.methods.interfaces.Deoccluder`."""
        return self.run(np.asarray(images), masks).images


def _with_what_goes_on(images: np.ndarray, prior: Prior) -> Prior:
    """What hides the faces, with that of it which lies beyond them."""
    hidden, whole, face = ((part > 0.5)[:, 0].cpu().numpy() for part in (prior.hidden, prior.whole, prior.face))
    found = [one | beyond_the_face(*rest) for one, *rest in zip(hidden, images, hidden, whole, face, strict=True)]
    return prior._replace(hidden=torch.from_numpy(np.stack(found))[:, None].to(prior.hidden))


class Deoccluder(Pipeline):
    """The paper's: NG paints the gap, from what shows, the rendered face and the mask of what is hidden."""

    name = "ours"
    painting = "ng"

    def __init__(
        self,
        segmentation: Path | None = None,
        reconstruction: Path | None = None,
        inpainting: Path | None = None,
        device: str = "auto",
        gap: int = 0,
    ) -> None:
        """Find the weights of NS, NR and NG; the released ones where none are named. See `Pipeline`.

        Raises:
            BadInput: there are none, or the gap is below 0.
        """
        super().__init__(segmentation, reconstruction, device, gap)
        self.painter: FacePainter = load(self.painting, inpainting, device)

    def _networks(self) -> tuple[Pretrained, ...]:
        return (*super()._networks(), self.painter)

    @property
    def trained(self) -> dict[str, Any]:
        """What the bench is told of NG's training, and the parameters of NS, NR and NG together."""
        about, weights = self.painter.about, self.painter.weights
        known = about["network"].get("budget", {})
        samples = known.get("samples", spent(weights, "samples"))  # known of weights that were kept on the way
        budget = {**known, **super().trained, "samples": samples}
        told = {"data": about.get("data"), "network": {"budget": budget}}
        return trained_of(told, spent(weights), spent(weights, "processor"))

    @torch.no_grad()
    def paint(self, prior: Prior) -> Tensor:
        """NG's face in the gap; beyond the rendered face the gap is filled smoothly from its rim.

        NG paints faces alone and has nothing to go by outside the rendered one, so what it is told is hidden ends there.
        """
        gap, inside = prior.hidden > 0.5, prior.whole > 0.5
        with stage("blend"):
            picture = surroundings_in(prior.picture, gap & ~inside, ~gap)
        seeds = [SEED] * len(picture)
        with stage("render"):
            other = self.prior.mirrored(prior) if self.painter.mirrors else None
        hidden = (gap & inside).float()
        with stage("NG"):
            painted = self.painter.paint(picture, prior.render, prior.whole, hidden, prior.visible, seeds, other)
        return torch.where(gap & inside, painted, picture)


class DeoccluderWithMask(Deoccluder):
    """The same, told the true mask, as methods that need one are."""

    name = "ours+mask"
    given = ("mask",)


class DeoccluderWithoutStructure(Deoccluder):
    """The same with an NG that was trained without the loss of structure (Eq. 11), the paper's ablation."""

    name = "ours-no-ssim"
    painting = "ng-no-ssim"


class DeoccluderWithoutStructureWithMask(DeoccluderWithoutStructure):
    """The same, told the true mask, as methods that need one are."""

    name = "ours-no-ssim+mask"
    given = ("mask",)


class DeoccluderAtEqualBudget(Deoccluder):
    """The same with an NG that saw as many samples as the paper's rivals here, for tables at equal budget."""

    name = "ours@25k"
    painting = "ng-25k"


class DeoccluderAtEqualBudgetWithMask(DeoccluderAtEqualBudget):
    """The same, told the true mask, as methods that need one are."""

    name = "ours@25k+mask"
    given = ("mask",)


class BlendingDeoccluder(Pipeline):
    """Without NG: the gap is filled with the rendered face by Poisson's equation."""

    name = "ours-blend"

    def paint(self, prior: Prior) -> Tensor:
        """See `occset.models.deocclusion.painting.render_in`."""
        with stage("blend"):
            return render_in(prior)


class BlendingDeoccluderWithMask(BlendingDeoccluder):
    """The same, told the true mask, as methods that need one are."""

    name = "ours-blend+mask"
    given = ("mask",)


def behind(weights: str) -> Deoccluder:
    """``ours:WEIGHTS`` and ``ours+mask:WEIGHTS`` of the bench: another NG behind the released NS and NR.

    Args:
        weights: of NG, such as a training's folder ``weights``.

    Raises:
        BadInput: there are none.
    """
    return _named(Deoccluder, weights)


def behind_with_mask(weights: str) -> Deoccluder:
    """See `behind`; told the true mask."""
    return _named(DeoccluderWithMask, weights)


def _named(kind: type[Deoccluder], weights: str) -> Deoccluder:
    path = Path(weights).resolve()
    method = kind(inpainting=path)
    method.name = f"{kind.name}:{path.parent.name if path.name == 'weights' else path.stem}"
    return method


def _bytes(values: Tensor) -> Tensor:
    return (values.clamp(0, 1) * 255).round().to(torch.uint8)


def _pictures(values: Tensor) -> np.ndarray:
    found: np.ndarray = values.permute(0, 2, 3, 1).cpu().numpy()
    return found


def _mask(values: Tensor) -> np.ndarray:
    found: Any = _bytes(values)[:, 0].cpu().numpy()
    return found  # type: ignore[no-any-return]
