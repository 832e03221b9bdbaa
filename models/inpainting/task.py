"""NG as the training engine sees it: NS and NR frozen before it, the discriminator beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface_network import ArcFaceNetwork
from occset.models.inpainting import losses, noise
from occset.models.inpainting.hidden import look
from occset.models.inpainting.presets import DISCRIMINATOR, GENERATOR, InpaintingPreset, Options
from occset.models.linear_face.folds import LinearFaces, fold_of, learned_from
from occset.models.poisson.blending import blend
from occset.models.pretrained import load, scaled
from occset.models.reconstruction.drawer import bounded
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.samples import ReconstructionSamples, trainable_faces
from occset.models.reconstruction.task import ReconstructionTask
from occset.models.segmentation.network import to_input
from occset.models.training.starting import start_from
from occset.models.training.task import Samples
from occset.support.errors import OccsetError

SEGMENTATION, RECONSTRUCTION, ARCFACE = "segmentation", "reconstruction", "arcface"

VALIDATION = 96
_VALIDATION_SEED = 7919
_SHOWN = 6


class InpaintingSamples(ReconstructionSamples):
    """NR's samples, each with the seed of its noise and with the part of the faces that its face is in."""

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """As NR's, and "seed" and "fold", () int64; of splits that no linear face was learned from the fold is -1."""
        number = epoch * self.epoch_size + index
        recipe = self.drawer.draw(number)
        fold = fold_of(recipe.face) if self.split == "train" else -1
        more = {"seed": np.array(self.seed * 1_000_003 + number, np.int64), "fold": np.array(fold, np.int64)}
        return {**self.rendered(recipe), **more}


class InpaintingTask:
    """Training of NG on one set; `Im` and `Mo` come from NR and NS on the occluded picture, as at test time."""

    name = "ng"
    keeps = GENERATOR
    forward_for = GENERATOR

    def __init__(
        self,
        data: OcclusionSet,
        preset: InpaintingPreset,
        seed: int = 0,
        start: str | Path | None = None,
        options: Options | None = None,
    ) -> None:
        """Build the networks and look up what they are trained on.

        Args:
            data: the set, fitted by NR's morphable model and albedo (`occset fit --albedo released`).
            preset: fitted to the set.
            seed: of the first weights and of the samples.
            start: weights of the same generator to start from.
            options: weights of NS and NR, and a loss to leave out.

        Raises:
            OccsetError: nothing to train on, weights are missing or do not fit, or there is no such loss.
        """
        self.data, self.options = data, options or Options()
        self.preset = _without(preset, self.options.without)
        segmenter = load("ns", self.options.segmentation, "cpu")
        reconstructor = load("nr", self.options.reconstruction, "cpu")
        self.sizes = {SEGMENTATION: segmenter.size, RECONSTRUCTION: reconstructor.size}
        colours = reconstructor.layout.colours
        self.face, self.layout = FaceModel(reconstructor.model, colours, coarse=True), reconstructor.layout
        self.fits = fits_of(data, reconstructor.model, colours)
        torch.manual_seed(seed)
        generator = self.preset.architecture.build()
        self.origin = "the network starts from scratch"
        if start is not None:
            self.origin = start_from(generator, start, self.name, self.keeps, generator.grow_from)
        self.linear: LinearFaces | None = None
        if "linear" in self.preset.architecture.inputs:
            faces = trainable_faces(data, self.fits, "train")
            built = self.preset.architecture
            self.linear = learned_from(data, faces, built.linear_size, built.linear_axes)
            generator.linear.fill(self.linear.whole)
        self.networks: dict[str, nn.Module] = {GENERATOR: generator}
        if self.preset.weights.adv:
            self.networks = {DISCRIMINATOR: self.preset.judge.build(), **self.networks}
        self.frozen: dict[str, nn.Module] = {
            SEGMENTATION: segmenter.network, RECONSTRUCTION: reconstructor.network,
        }  # fmt: skip
        if self.preset.weights.id:
            self.frozen[ARCFACE] = ArcFaceNetwork()
        self.made_from = (
            f"set {data.content_hash()[:12]}, {self.origin}, {self.preset.architecture}, {self.preset.judge}, "
            f"{self.preset.weights}, match {self.preset.match}, NS {segmenter.revision}, NR {reconstructor.revision}"
        )
        self.about = {"segmentation": segmenter.revision, "reconstruction": reconstructor.revision}
        self.samples: Samples = InpaintingSamples(
            data, self.fits, self.size, self.preset.training.epoch_size, seed=seed, mix=self.preset.mix
        )

    count_faces = staticmethod(ReconstructionTask.count_faces)

    @property
    def size(self) -> int:
        """Side of the pictures in pixels."""
        return self.preset.architecture.size

    def forward(self, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """What NG is given and what it paints: see `inputs`, and "painted", (B, 3, S, S)."""
        with torch.no_grad():
            given = self.inputs(networks, batch)
        stacked = torch.cat([given[name] for name in self.preset.architecture.inputs], 1)
        return {**given, **self.goals(batch, given), "painted": networks[GENERATOR](stacked)}

    def inputs(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """ "noisy", "render", "hidden" (and "linear") of the occluded picture, "picture" and "whole" (Mm).

        Nothing else looks at it.
        """
        image = batch["image"]
        self.face.to(image.device)
        x = to_input(image)
        answer = networks[SEGMENTATION](scaled(x, self.sizes[SEGMENTATION]))
        face = (scaled(torch.sigmoid(answer), self.size) > 0.5).float()
        vectors = networks[RECONSTRUCTION](scaled(x, self.sizes[RECONSTRUCTION]))
        view = self.face(bounded(self.layout.split(vectors)), self.size)
        picture = image.permute(0, 3, 1, 2).float() / 255
        whole, found, render, visible = look(picture, face, view.image, view.mask, match=self.preset.match)
        linear = None if self.linear is None else self.linear.to(image.device)(picture, visible, batch["fold"])
        seeds = [int(seed) for seed in batch["seed"]]
        return {**noise.given(picture, render, whole, found, seeds, linear), "picture": picture, "whole": whole}

    @torch.no_grad()
    def goals(self, batch: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The clean face: "target" (If), "shown" (Mf), "covered" (Mm of its fit), "blend" (Ip)."""
        clean = batch["clean"].permute(0, 3, 1, 2).float() / 255
        shown = (batch["mask"][:, None].float() / 255 > 0.5).float()
        view = self.face(self.layout.split(batch["vector"]), self.size)
        covered = (view.mask > 0.5).float()
        seen = (covered * shown) > 0.5
        gap = (covered > 0.5) & ~seen
        blended = blend(view.image.clamp(0, 1), clean, gap, seen)
        return {"target": clean, "shown": shown, "covered": covered, "blend": blended}

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 15 for the generator, Eq. 16 for the discriminator."""
        painted = batch["painted"]
        if network == DISCRIMINATOR:
            real, _ = networks[DISCRIMINATOR](batch["target"])
            fake, _ = networks[DISCRIMINATOR](painted.detach())
            found = losses.discriminator_loss(real, fake, losses.is_bare(batch["covered"], batch["shown"]))
            return found, {"real": real.detach().mean(), "fake": fake.detach().mean()}
        parts = self._parts(networks, batch)
        weights = {name: value for name, value in parts.items() if getattr(self.preset.weights, name)}
        return losses.total_loss(weights, self.preset.weights), {name: v.detach() for name, v in parts.items()}

    def _parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The generator's losses by the names of `occset.models.inpainting.losses.Weights`."""
        painted, covered, preset = batch["painted"], batch["covered"], self.preset
        found = {
            "pix": losses.pixel_loss(painted, batch["target"], covered, batch["shown"]),
            "sm": losses.structure_loss(painted, batch["blend"], covered, preset.structure_erosion),
            "bg": losses.background_loss(painted, batch["picture"], batch["whole"], preset.background_erosion),
            "tv": losses.total_variation_loss(painted),
        }
        if ARCFACE in networks:
            judged = max(1, math.ceil(preset.identity_share * len(painted)))
            with torch.no_grad():
                truth = networks[ARCFACE](batch["target"][:judged], batch["matrix"][:judged])
            found["id"] = losses.identity_loss(networks[ARCFACE](painted[:judged], batch["matrix"][:judged]), truth)
        if DISCRIMINATOR in networks:
            found["adv"] = losses.adversarial_loss(networks[DISCRIMINATOR](painted)[0])
        return found

    @cached_property
    def _validation(self) -> dict[str, np.ndarray]:
        if not trainable_faces(self.data, self.fits, "val"):
            return {}
        samples = InpaintingSamples(
            self.data, self.fits, self.size, VALIDATION, _VALIDATION_SEED, "val", self.preset.mix
        )
        drawn = [samples(0, index) for index in range(VALIDATION)]
        return {key: np.stack([one[key] for one in drawn]) for key in drawn[0]}

    def _run(self, networks: Mapping[str, nn.Module], count: int) -> dict[str, Tensor]:
        """What comes out for the first samples of "val"."""
        device = next(networks[GENERATOR].parameters()).device
        found: list[dict[str, Tensor]] = []
        for at in range(0, count, 16):
            batch = {k: torch.from_numpy(v[at : min(count, at + 16)]).to(device) for k, v in self._validation.items()}
            found.append({k: v.float() for k, v in self.forward(networks, batch).items()})
        return {key: torch.cat([one[key] for one in found]) for key in found[0]}

    @torch.no_grad()
    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        """Means over samples: "l1" and "psnr" of the hidden face's pixels, and "render_l1" of the render alone there."""
        if not self._validation:
            return {}
        seen = self._run(networks, len(self._validation["image"]))
        hole = seen["hidden"] * seen["shown"]
        pixels = hole.flatten(1).sum(1)
        counts = pixels > 0
        figures: dict[str, float] = {}
        for name, key in (("l1", "painted"), ("render_l1", "render")):
            away = ((seen[key] - seen["target"]).abs().mean(1, keepdim=True) * hole).flatten(1).sum(1)
            figures[name] = float((away[counts] / pixels[counts]).mean())
        square = ((seen["painted"] - seen["target"]).square().mean(1, keepdim=True) * hole).flatten(1).sum(1)
        mse = (square[counts] / pixels[counts]).clamp_min(1e-6)
        figures["psnr"] = float((-10 * torch.log10(mse)).mean())
        return figures

    @torch.no_grad()
    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        """A strip of validation samples: what is seen, In, Im, what was painted in the gap, the clean face."""
        if not self._validation:
            return {}
        seen = self._run(networks, _SHOWN)
        inside = seen["hidden"]
        seen["filled"] = seen["painted"] * inside + seen["picture"] * (1 - inside)
        rows = []
        for key in ("picture", "noisy", "render", "painted", "filled", "target"):
            shown = (seen[key].clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            rows.append(np.hstack(list(shown)))
        return {"validation": np.vstack(rows)}


def _without(preset: InpaintingPreset, loss: str) -> InpaintingPreset:
    """The preset without one of its losses; "ssim" is the paper's word for "sm".

    Raises:
        OccsetError: there is no such loss.
    """
    if not loss:
        return preset
    name = {"ssim": "sm"}.get(loss, loss)
    if name not in preset.weights.__dataclass_fields__:
        known = ", ".join(preset.weights.__dataclass_fields__)
        raise OccsetError(f"there is no loss '{loss}' to leave out: choose one of {known}")
    return replace(preset, weights=replace(preset.weights, **{name: 0.0}))
