"""NG as the training engine sees it: NS and NR frozen before it, the discriminator beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.arcface_network import ArcFaceNetwork
from occset.models.inpainting import adversarial, losses, noise
from occset.models.inpainting.clean import BLENDED, COVERED, FOLDER, CleanFaces
from occset.models.inpainting.hidden import look
from occset.models.inpainting.likeness.perceptual import open_features, perceptual_loss
from occset.models.inpainting.presets import DISCRIMINATOR, GENERATOR, InpaintingPreset, Options, varied
from occset.models.linear_face.folds import LinearFaces, fold_of, learned_from
from occset.models.pretrained import load, scaled
from occset.models.reconstruction.drawer import bounded
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.fitting.five_points import Finder, any_detector, corrected, five_found
from occset.models.reconstruction.samples import ReconstructionSamples, trainable_faces
from occset.models.reconstruction.task import ReconstructionTask
from occset.models.segmentation.network import to_input
from occset.models.training.starting import start_from
from occset.models.training.task import Samples

SEGMENTATION, RECONSTRUCTION, ARCFACE, FEATURES = "segmentation", "reconstruction", "arcface", "features"

VALIDATION = 96
_VALIDATION_SEED = 7919
_SHOWN = 6


class InpaintingSamples(ReconstructionSamples):
    """NR's samples, each with the seed of its noise, the part of the faces that its face is in, and what others tell."""

    def __init__(
        self, *args: Any, clean: CleanFaces | None = None, detector: Finder | None = None, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.clean, self.detector = clean, detector

    def __call__(self, epoch: int, index: int) -> dict[str, np.ndarray]:
        """As NR's, what `CleanFaces` gives, and "seed" and "fold", () int64, -1 where no linear face was learned.

        With a detector also "five", (5, 2) float32, the points it finds in the occluded picture.
        """
        number = epoch * self.epoch_size + index
        recipe = self.drawer.draw(number)
        fold = fold_of(recipe.face) if self.split == "train" else -1
        more = {"seed": np.array(self.seed * 1_000_003 + number, np.int64), "fold": np.array(fold, np.int64)}
        sample = self.rendered(recipe)
        told = {} if self.clean is None else self.clean(sample["clean"], sample["mask"], sample["vector"])
        if self.detector is not None:
            told = {**told, "five": five_found(self.detector, sample["image"])}
        return {**sample, **more, **told}


class InpaintingTask:
    """Training of NG on one set; `Im` and `Mo` come from NR and NS on the occluded picture, as at test time."""

    name = "ng"
    keeps = GENERATOR
    forward_for = GENERATOR
    leaves_out = ""

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
        options = options or Options()
        self.data, self.options = data, replace(options, without=options.without or self.leaves_out)
        self.preset = varied(preset, self.options)
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
        if self.preset.weights.perceptual:
            self.frozen[FEATURES] = open_features()
        self.made_from = (
            f"set {data.content_hash()[:12]}, {self.origin}, {self.preset.architecture}, {self.preset.judge}, "
            f"{self.preset.weights}, match {self.preset.match}, NS {segmenter.revision}, NR {reconstructor.revision}"
            f"{self.preset.additions or ''}"
        )
        self.about = {
            "segmentation": segmenter.revision,
            "reconstruction": reconstructor.revision,
            "budget": {"name": self.preset.training.name},  # the bench does not rank a "demo"
        }
        own = FaceModel(reconstructor.model, colours, coarse=True)  # stays on the CPU, with those who make samples
        self.clean = CleanFaces(own, data.path / FOLDER)
        self.detector = any_detector() if self.preset.five_points else None
        self.samples: Samples = InpaintingSamples(
            data,
            self.fits,
            self.size,
            self.preset.training.epoch_size,
            seed=seed,
            mix=self.preset.mix,
            clean=self.clean,
            detector=self.detector,
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
        """What NG is given of the occluded picture, see `noise.given`, with "picture" and "whole" (Mm).

        Nothing else looks at it.
        """
        image = batch["image"]
        self.face.to(image.device)
        x = to_input(image)
        answer = networks[SEGMENTATION](scaled(x, self.sizes[SEGMENTATION]))
        face = (scaled(torch.sigmoid(answer), self.size) > 0.5).float()
        vectors = networks[RECONSTRUCTION](scaled(x, self.sizes[RECONSTRUCTION]))
        parts = bounded(self.layout.split(vectors))
        if "five" in batch:
            parts = parts._replace(pose=corrected(self.face, parts, batch["five"], self.size))
        view = self.face(parts, self.size)
        picture = image.permute(0, 3, 1, 2).float() / 255
        whole, found, render, visible = look(picture, face, view.image, view.mask, match=self.preset.match)
        linear = None if self.linear is None else self.linear.to(image.device)(picture, visible, batch["fold"])
        mirrored = "mirrored" in self.preset.architecture.inputs
        other = self.face.mirrored(parts, picture, visible, view.face) if mirrored else None
        seeds = [int(seed) for seed in batch["seed"]]
        given = noise.given(picture, render, whole, found, seeds, linear, other)
        return {**given, "picture": picture, "whole": whole}

    @torch.no_grad()
    def goals(self, batch: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The clean face: "target" (If), "shown" (Mf), "covered" (Mm of its fit), "blend" (Ip)."""
        clean = batch["clean"].permute(0, 3, 1, 2).float() / 255
        shown = (batch["mask"][:, None].float() / 255 > 0.5).float()
        covered = (batch[COVERED][:, None] > 127).float()
        blended = batch[BLENDED].permute(0, 3, 1, 2).float() / 255
        return {"target": clean, "shown": shown, "covered": covered, "blend": blended}

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 15 for the generator, Eq. 16 for the discriminator."""
        if network == DISCRIMINATOR:
            return self._judge(networks[DISCRIMINATOR], batch)
        parts = self._parts(networks, batch)
        weights = {name: value for name, value in parts.items() if getattr(self.preset.weights, name)}
        return losses.total_loss(weights, self.preset.weights), {name: v.detach() for name, v in parts.items()}

    def _judge(self, judge: nn.Module, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 16, and R1 where the preset has it."""
        clean, shown = batch["target"], self._shown_to_the_judge(batch["target"])
        real, fake = judge(shown(clean))[0], judge(shown(batch["painted"].detach()))[0]
        bare = losses.is_bare(batch["covered"], batch["shown"])
        found = losses.discriminator_loss(real, fake, bare)
        scalars = {"real": real.detach().mean(), "fake": fake.detach().mean()}
        if self.preset.penalty and bare.any():
            turn = int(torch.randint(adversarial.R1_EVERY, ()))  # drawn, so that a training that goes on needs no count
            own = self.networks[DISCRIMINATOR]  # in full precision: second derivatives
            slope = adversarial.lazy_r1(lambda x: own(x)[0], clean[bare], turn, self.preset.penalty)
            if slope is not None:
                found, scalars = found + slope, {**scalars, "r1": slope.detach()}
        return found, scalars

    def _shown_to_the_judge(self, pictures: Tensor) -> Callable[[Tensor], Tensor]:
        """What is done to pictures before the discriminator sees them: one draw for all of a turn."""
        if not self.preset.augment:
            return lambda x: x
        height, width = pictures.shape[2:]
        return adversarial.draw_augmentation(len(pictures), (height, width), pictures.device)

    def _parts(self, networks: Mapping[str, nn.Module], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The generator's losses by the names of `occset.models.inpainting.presets.Weights`."""
        painted, clean, covered, preset = batch["painted"], batch["target"], batch["covered"], self.preset
        found = {
            "pix": losses.pixel_loss(painted, clean, covered, batch["shown"]),
            "sm": losses.structure_loss(painted, batch["blend"], covered, preset.structure_erosion),
            "bg": losses.background_loss(painted, batch["picture"], batch["whole"], preset.background_erosion),
            "tv": losses.total_variation_loss(painted),
        }
        if ARCFACE in networks:
            found["id"] = self._identity(networks[ARCFACE], batch)
        if DISCRIMINATOR in networks:
            shown = self._shown_to_the_judge(clean)
            logits, levels = networks[DISCRIMINATOR](shown(painted))
            found["adv"] = losses.adversarial_loss(logits)
            if preset.weights.matching:
                with torch.no_grad():
                    _, wanted = networks[DISCRIMINATOR](shown(clean))
                found["matching"] = adversarial.feature_matching_loss(wanted, levels)
        if FEATURES in networks:
            visible = covered * batch["shown"]  # what the clean photo hides itself has no truth
            found["perceptual"] = perceptual_loss(networks[FEATURES], torch.lerp(clean, painted, visible), clean)
        return found

    def _identity(self, arcface: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """Eq. 7 on a share of the samples; of what is painted in its place in the picture where the preset says so."""
        judged = max(1, math.ceil(self.preset.identity_share * len(batch["painted"])))
        painted, matrix = batch["painted"][:judged], batch["matrix"][:judged]
        if self.preset.identity_in_place:
            painted = torch.lerp(batch["picture"][:judged], painted, batch["hidden"][:judged])
        with torch.no_grad():
            truth = arcface(batch["target"][:judged], matrix)
        return losses.identity_loss(arcface(painted, matrix), truth)

    @cached_property
    def _validation(self) -> dict[str, np.ndarray]:
        if not trainable_faces(self.data, self.fits, "val"):
            return {}
        samples = InpaintingSamples(
            self.data, self.fits, self.size, VALIDATION, _VALIDATION_SEED, "val", self.preset.mix, clean=self.clean,
            detector=self.detector,
        )  # fmt: skip
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
        """Means over samples: "l1" and "psnr" of the hidden face's pixels, "render_l1" of the render alone there.

        Where identity is trained for also "id", the similarity of faces painted in place to the clean ones, and "input_id",
        that of the pictures as they came.
        """
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
        if ARCFACE in networks:
            figures |= self._likeness(networks[ARCFACE], seen)
        return figures

    def _likeness(self, arcface: nn.Module, seen: Mapping[str, Tensor]) -> dict[str, float]:
        matrix = torch.from_numpy(self._validation["matrix"]).to(seen["target"].device)
        filled = torch.lerp(seen["picture"], seen["painted"], seen["hidden"])
        truth, *found = (
            torch.cat([arcface(x, m) for x, m in zip(all_.split(16), matrix.split(16), strict=True)])
            for all_ in (seen["target"], filled, seen["picture"])
        )
        names = ("id", "input_id")
        return {n: 1 - float(losses.identity_loss(one, truth)) for n, one in zip(names, found, strict=True)}

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


class TaskWithoutStructure(InpaintingTask):
    """Training without Lsm, Eq. 11: the paper's ablation."""

    name = "ng-no-ssim"
    leaves_out = "sm"


class TaskAtEqualBudget(InpaintingTask):
    """Training of the paper's NG for as many samples as the rivals are given."""

    name = "ng-25k"
