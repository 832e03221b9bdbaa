"""CelebAMask-HQ: aligned photos with part masks, in its official layout.

``CelebA-HQ-img/{id}.jpg`` and ``CelebAMask-HQ-mask-anno/{id // 2000}/{id:05d}_{part}.png``; masks are 512 px, photos
may be larger. How parts become labels is in `occset.sources.parts`; flat folders of parts and merged label maps are read
too, see `occset.sources.label_maps`.

The visible face is skin, nose, eyes, brows, mouth and lips. Glasses that one sees through belong to it; dark ones and
all that lies within them do not (`occset.sources.lenses`).

Beside the folder's own files these are read where they exist:

- ``overrides.csv`` (``id,lenses``): a curator's judgement of glasses;
- ``errata.csv`` (``id,action,reason``; the action is ``skip`` or ``flag``): known bad pairs. Skipped ones are reported,
  not dropped silently. A folder under the official numbers starts with those of `celebamask_errata`;
- ``CelebA-HQ-to-CelebA-mapping.txt`` and ``identity_CelebA.txt``: who is who, so that splits keep people apart;
- the mapping and ``list_eval_partition.txt``: the official split of CelebA.
"""

from __future__ import annotations

from pathlib import Path

from occset.pictures.detector import aligned_points, detector_if_there
from occset.pictures.images import is_plain_rgb, read_image
from occset.pictures.listing import by_number, check_kind, list_pictures
from occset.pictures.mask_doubts import doubt_of
from occset.sources.celebamask_errata import shipped_errata
from occset.sources.harvest import harvest
from occset.sources.items import FaceItem
from occset.sources.label_maps import ORDERS, Labels
from occset.sources.lenses import Lenses, judge_lenses
from occset.sources.parts import face_mask, select
from occset.sources.tables import read_celeba_identities, read_celeba_splits, read_errata, read_overrides
from occset.support.errors import BadInput

LICENCE = "CelebAMask-HQ terms: non-commercial research and education only"
_LEAST_SKIN = 0.03  # of the picture; the least among 900 faces is far above


class CelebAMaskHQSource:
    """Faces of a CelebAMask-HQ folder, each with the occluders harvested from it.

    Args:
        folder: the folder that holds ``CelebA-HQ-img``, and ``CelebAMask-HQ-mask-anno`` or merged label maps.
        lenses: a CSV (id, lenses) instead of ``overrides.csv``.
        errata: a CSV (id, action, reason) instead of ``errata.csv``.
        harvest: "yes" or "no".
        landmarks: "scrfd", "template", or "auto" for the detector where it is installed.
        order: of merged label maps: "official", "face-parsing", or "auto" to tell it by where the labels lie.
        split: "official" for CelebA's where its table lies in the folder; "set" leaves it to the set.

    Raises:
        BadInput: a folder or a CSV is missing or malformed.
        MissingExtra: landmarks are "scrfd" and the detector is not installed.
    """

    name = "celebamask-hq"
    licence = LICENCE

    def __init__(
        self,
        folder: str,
        lenses: str = "",
        errata: str = "",
        harvest: str = "yes",
        landmarks: str = "auto",
        order: str = "auto",
        split: str = "official",
    ) -> None:
        self.folder = Path(folder)
        self.images = self.folder / "CelebA-HQ-img"
        if not self.images.is_dir():
            raise BadInput(
                f"{self.images} is not there: give the folder of CelebAMask-HQ that holds {self.images.name}"
            )
        for option, value, known in (
            ("harvest", harvest, ("yes", "no")),
            ("landmarks", landmarks, ("auto", "scrfd", "template")),
            ("order", order, ("auto", *ORDERS)),
            ("split", split, ("official", "set")),
        ):
            if value not in known:
                raise BadInput(f"{option}={value} is not an option of {self.name}: use {' or '.join(known)}")
        self.harvests = harvest == "yes"
        self.labels = Labels(self.folder, order)
        self.masks = self.labels.places[0]
        photos = list_pictures(self.images)
        self._photos = by_number(photos.keys)
        self._passed_over = [*photos.notes(), *self.labels.notes]
        own = self.folder / "overrides.csv"
        judged = read_overrides(Path(lenses)) if lenses else read_overrides(own) if own.exists() else None
        self.overrides = judged.values() if judged else {}
        own = self.folder / "errata.csv"
        listed = read_errata(Path(errata)) if errata else read_errata(own) if own.exists() else None
        self.errata = shipped_errata(self.folder, len(self._photos)) | (listed.values() if listed else {})
        self.identities = read_celeba_identities(self.folder)
        self.splits = read_celeba_splits(self.folder) if split == "official" else {}
        self._tables = [table for table in (judged, listed) if table is not None]
        self._detector = None if landmarks == "template" else detector_if_there(required=landmarks == "scrfd")

    def face_keys(self) -> list[str]:
        """Numbers of all photos, and of all masks without a photo (reading those reports them), in numeric order."""
        return [str(number) for number in sorted({*self._photos, *self.labels.numbers})]

    def notes(self) -> list[str]:
        """What was passed over, and what its tables say of photos that are not there, in sentences."""
        keys = self.face_keys()
        found = [table.lost(keys, f"photo of {self.images}") for table in self._tables]
        if self.identities and not set(keys) & self.identities.keys():
            found.append(
                f"{self.folder}: its identity tables know none of the {len(keys)} photos: are they renumbered?"
            )
        if self.splits and (without := [key for key in keys if key not in self.splits]):
            found.append(f"{self.folder}: {len(without)} photos have no official split, such as {without[0]}")
        return [*self._passed_over, *(note for note in found if note)]

    def read_face(self, key: str) -> FaceItem:
        """Read a photo, its visible-face mask, landmarks, flags and harvested occluders.

        Raises:
            BadInput: the photo is missing or broken; masks are missing, broken, or of different sizes; the face mask is
                empty; or the errata say to skip it.
        """
        action, reason = self.errata.get(key, ("", ""))
        if action == "skip":
            raise BadInput(f"{self.name} {key} is skipped by the errata: {reason}")
        file = self._photo(key)
        image = read_image(file)
        labels = self.labels.read(key, (image.shape[0], image.shape[1]))
        points, points_by = aligned_points(self._detector, image, "celeba-hq")
        seen = judge_lenses(
            image, select(labels, "eye_g"), select(labels, "l_eye", "r_eye"), select(labels, "skin", "nose"), points[:2]
        )
        kind = self.overrides.get(key, seen.kind)
        mask = face_mask(labels, kind)
        if not mask.any():
            raise BadInput(f"{self.masks}: the face mask of {key} is empty: correct its parts or list it in errata.csv")
        if select(labels, "skin").mean() < _LEAST_SKIN:
            raise BadInput(
                f"{self.masks}: the skin part of {key} is missing or covers under {_LEAST_SKIN:.0%} of the picture, so that "
                "its face mask would be holes: download the part again or list the face in errata.csv"
            )
        doubt = doubt_of(mask, points)
        if doubt and not action:
            raise BadInput(
                f"{self.masks}: the face mask of {key}: {doubt}: correct its parts, or list it in errata.csv (flag takes "
                "it, skip leaves it out)"
            )
        return FaceItem(
            name=key,
            image=image,
            licence=self.licence,
            file=file if is_plain_rgb(file) else None,
            mask=mask,
            landmarks=points,
            landmarks_source=points_by,
            identity=self.identities.get(key),
            split=self.splits.get(key),
            flags=_flags(kind, seen, key in self.overrides, reason),
            occluders=harvest(image, labels, points, kind, key, self.licence) if self.harvests else [],
        )

    def _photo(self, key: str) -> Path:
        if not key.isdecimal():
            raise BadInput(f"'{key}' is no number of a photo in {self.images}: see face_keys()")
        known = self._photos.get(int(key), [])
        for name in (f"{key}.jpg", f"{key}.png", f"{int(key):05d}.jpg", f"{int(key):05d}.png", *known):
            if name in known:
                check_kind(self.images / name)
                return self.images / name
        raise BadInput(
            f"{self.images / key}.jpg does not exist, but masks of {key} do: download it or remove the masks"
        )


def _flags(kind: str, seen: Lenses, is_overridden: bool, erratum: str) -> dict[str, str]:
    flags = {"eyeglasses": kind}
    if seen.ratio is not None:
        flags["lens_ratio"] = f"{seen.ratio:.2f}"
    if is_overridden:
        flags["eyeglasses_by"] = "curator"
    if erratum:
        flags["errata"] = erratum
    return flags
