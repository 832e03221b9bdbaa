"""NR as the training engine sees it: network, samples, losses, validation, pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.usable import usable_faces
from occset.models.arcface_network import ArcFaceNetwork
from occset.models.reconstruction import losses
from occset.models.reconstruction.albedo import open_face_model, pack_albedo
from occset.models.reconstruction.drawer import bounded
from occset.models.reconstruction.face import FaceModel
from occset.models.reconstruction.fits import fits_of
from occset.models.reconstruction.presets import Options, ReconstructionPreset
from occset.models.reconstruction.samples import ReconstructionSamples, trainable_faces
from occset.models.registry import find
from occset.models.rendering.render import checked_renderer
from occset.models.segmentation.network import load_encoder, to_input
from occset.models.training.checkpoints import short_hash
from occset.models.training.starting import start_from
from occset.models.training.task import Samples
from occset.models.weight_files import load_weights
from occset.support.errors import OccsetError

RECONSTRUCTION, ARCFACE = "reconstruction", "arcface"

VALIDATION = 160
"""Samples of the split "val", at most."""
_VALIDATION_SEED = 7919
_SHOWN = 6


class ReconstructionTask:
    """Training of NR on one set. Validation and pictures come from the split "val", where it has fitted faces."""

    name = "nr"
    keeps = RECONSTRUCTION
    occluded = True
    """Whether faces are occluded in training; the unhardened twin's are not."""

    def __init__(
        self,
        data: OcclusionSet,
        preset: ReconstructionPreset,
        seed: int = 0,
        start: str | Path | None = None,
        options: Options | None = None,
    ) -> None:
        """Build the network and look up what it is trained on.

        Args:
            data: the set, fitted (`occset fit`).
            preset: fitted to the set, see `ReconstructionPreset.fitted`.
            seed: of the first weights and of the samples.
            start: weights of the same architecture to start from.
            options: morphable model, albedo, and ImageNet weights of the encoder; an encoder that is NS's starts from NS.

        Raises:
            OccsetError: the set has nothing to train on; ArcFace is missing; or a file of weights does not fit.
        """
        self.data, self.preset, self.options = data, preset, options or Options()
        model = open_face_model(self.options.morphable, self.options.albedo)
        self.face = FaceModel(model, preset.colours, preset.coarse)
        self.face.renderer = checked_renderer(self.options.renderer)
        self.layout, self.fits = self.face.layout, fits_of(data, model, preset.colours)
        learned = pack_albedo(model) if self.options.albedo else None
        torch.manual_seed(seed)
        sizes = (len(learned["vertices"]), len(learned["basis"])) if learned else None
        network = preset.architecture.build(self.layout, sizes)
        if start is not None:
            self.origin = start_from(network, start, self.name, self.keeps)
        else:
            self.origin = _first_encoder(network, preset.architecture.encoder, self.options)
        if learned:
            for key, values in learned.items():
                getattr(network, f"albedo_{key}").copy_(values)
        self.about = {
            "morphable": model.name, "sizes": list(self.layout.sizes), "albedo": list(sizes) if sizes else None,
        }  # fmt: skip
        self.made_from = (
            f"set {data.content_hash()[:12]}, {self.origin}, {model.name} {model.revision[:12]}, "
            f"{preset.architecture}, {preset.weights}, render {preset.render}, identity {preset.identity_share:g}"
        )
        self.networks: dict[str, nn.Module] = {RECONSTRUCTION: network}
        self.frozen: dict[str, nn.Module] = {}
        if preset.identity_share and preset.weights.identity:
            self.frozen[ARCFACE] = ArcFaceNetwork()
        self.samples: Samples = ReconstructionSamples(
            data, self.fits, preset.architecture.size, preset.training.epoch_size, seed=seed, mix=preset.mix,
            occluded=self.occluded,
        )  # fmt: skip

    @staticmethod
    def count_faces(data: OcclusionSet) -> int:
        """Labelled faces of the split "train"; how many of them are fitted shows when the morphable model is known.

        Raises:
            OccsetError: there are none.
        """
        faces = len(usable_faces(data, "train"))
        if not faces:
            raise OccsetError(f"{data.path}: no labelled face in the split 'train': see occset label, then occset fit")
        return faces

    def loss(
        self, network: str, networks: Mapping[str, nn.Module], batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Eq. 9."""
        vectors = networks[network](to_input(batch["image"]))
        parts = self.losses(vectors, networks.get(ARCFACE), batch)
        w = self.preset.weights
        whole = w.coefficients * parts["coefficients"] + w.pixels * parts["pixels"] + w.landmarks * parts["landmarks"]
        if "identity" in parts:
            whole = whole + w.identity * parts["identity"]
        return whole, {name: value.detach() for name, value in parts.items()}

    def losses(self, vectors: Tensor, arcface: nn.Module | None, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The means over a batch of Eq. 5 to 8, by name; "identity" where there is a judge."""
        self.face.to(vectors.device)
        _, spread = self.layout.typical()
        size = self.preset.render
        parts, truth = self.layout.split(vectors), self.layout.split(batch["vector"])
        view = self.face(bounded(parts), size)
        clean = _to_size(batch["clean"].permute(0, 3, 1, 2).float() / 255, size)
        visible = _to_size(batch["mask"][:, None].float() / 255, size)
        found = {
            "coefficients": losses.coefficient_loss(
                vectors, batch["vector"], spread.to(vectors), batch["known"]
            ).mean(),
            "pixels": losses.pixel_loss(view.image, clean, visible * (view.face >= 0)[:, None]).mean(),
            "landmarks": losses.landmark_loss(self.face.points(parts), self.face.points(truth)).mean(),
        }
        if arcface is not None:
            judged = max(1, math.ceil(self.preset.identity_share * len(vectors)))
            mask = view.mask[:judged]
            pasted = view.image[:judged] * mask + clean[:judged] * (1 - mask)
            with torch.no_grad():
                truth_id = arcface(clean[:judged], batch["matrix"][:judged])
            found["identity"] = losses.identity_loss(arcface(pasted, batch["matrix"][:judged]), truth_id).mean()
        return found

    @cached_property
    def _validation(self) -> dict[str, np.ndarray]:
        """Samples of the split "val", stacked; empty where it has no fitted faces."""
        if not trainable_faces(self.data, self.fits, "val"):
            return {}
        samples = ReconstructionSamples(
            self.data, self.fits, self.preset.architecture.size, VALIDATION, _VALIDATION_SEED, "val", self.preset.mix
        )
        drawn = [samples(0, index) for index in range(VALIDATION)]
        return {key: np.stack([one[key] for one in drawn]) for key in drawn[0]}

    def _run(self, network: nn.Module, images: np.ndarray) -> Tensor:
        device = next(network.parameters()).device
        found = [
            network(to_input(torch.from_numpy(images[at : at + 16]).to(device))).float()
            for at in range(0, len(images), 16)
        ]
        return torch.cat(found)

    def validate(self, networks: Mapping[str, nn.Module]) -> dict[str, float]:
        """Means over samples: "lpix" (Eq. 6), "bare_lpix" of the same faces without an occluder, "landmarks" in millimetres,
        "coefficients" (Eq. 5)."""
        held = self._validation
        if not held:
            return {}
        network = networks[RECONSTRUCTION]
        figures: dict[str, float] = {}
        for key, prefix in (("image", ""), ("clean", "bare_")):
            vectors = self._run(network, held[key])
            sums: dict[str, float] = {}
            for at in range(0, len(vectors), 16):
                batch = {k: torch.from_numpy(v[at : at + 16]).to(vectors.device) for k, v in held.items()}
                for name, value in self.losses(vectors[at : at + 16], None, batch).items():
                    sums[name] = sums.get(name, 0.0) + float(value) * len(batch["vector"]) / len(vectors)
            figures[f"{prefix}lpix"] = sums["pixels"]
            if not prefix:
                figures |= {"landmarks": sums["landmarks"], "coefficients": sums["coefficients"]}
        return figures

    def pictures(self, networks: Mapping[str, nn.Module]) -> dict[str, np.ndarray]:
        """A strip of validation samples: what is seen, the clean face, the render over it, that of the truth."""
        held = self._validation
        if not held:
            return {}
        images, cleans = held["image"][:_SHOWN], held["clean"][:_SHOWN]
        vectors = self._run(networks[RECONSTRUCTION], images)
        truth = torch.from_numpy(held["vector"][:_SHOWN]).to(vectors.device)
        rows = [np.hstack(list(images)), np.hstack(list(cleans))]
        for each in (vectors, truth):
            view = self.face(bounded(self.layout.split(each)), cleans.shape[1])
            seen = (view.image.clamp(0, 1) * 255).permute(0, 2, 3, 1).cpu().numpy()
            mask = view.mask[:, 0, :, :, None].cpu().numpy()
            rows.append(np.hstack(list(np.rint(seen * mask + cleans * (1 - mask)).astype(np.uint8))))
        return {"validation": np.vstack(rows)}


class TwinTask(ReconstructionTask):
    """Training without occlusion: of NR's unhardened twin."""

    name = "deep3d"
    occluded = False


def _to_size(pictures: Tensor, size: int) -> Tensor:
    """(B, C, S, S) at another size, averaged."""
    return pictures if pictures.shape[-1] == size else F.interpolate(pictures, size=(size, size), mode="area")


def _first_encoder(network: Any, encoder: str, options: Options) -> str:
    """Start the encoder from NS's where it is the same kind, which knows faces and what hides them; else from ImageNet."""
    released, named = find("ns"), options.segmentation
    if options.encoder_weights is None and (named or released.is_released):
        state, about = load_weights(named or released.released)
        if about.get("network", {}).get("encoder") == encoder:
            own = {key.removeprefix("encoder."): value for key, value in state.items() if key.startswith("encoder.")}
            network.encoder.load_state_dict(own)
            return f"the encoder starts from that of {f'NS {short_hash(state)}' if named else 'the released NS'}"
    return load_encoder(network, encoder, options.encoder_weights)
