"""Sources by name: ``name:argument?option=value&option=value``, such as ``celebamask-hq:photos/celeba?harvest=no``."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from occset.sources.items import FaceSource, OccluderSource, TextureSource
from occset.support.errors import BadInput, OccsetError, UnknownName
from occset.support.references import look_up
from occset.support.specs import read_options, split_spec

SOURCES = {
    "builtin": "occset.models.builtin.source:BuiltinSource",
    "celebamask-hq": "occset.sources.celebamask_hq:CelebAMaskHQSource",
    "coco": "occset.publishing.formats.coco:CocoSource",
    "faceocc": "occset.sources.faceocc:FaceOccSource",
    "ffhq": "occset.sources.ffhq:FFHQSource",
    "image-masks": "occset.sources.image_masks:ImageMasksSource",
    "label-studio": "occset.annotation.labels.exported:LabelStudioSource",
    "photos": "occset.sources.photos:PhotosSource",
}
"""Name to ``"module:attr"``; the class is made with the argument and the options, all strings."""

KINDS: dict[str, type] = {"faces": FaceSource, "occluders": OccluderSource, "textures": TextureSource}
_WITHOUT_FOLDER = ("builtin",)  # its argument is a number


def parse_spec(spec: str) -> tuple[str, str, dict[str, str]]:
    """Split ``name:argument?option=value&...`` into name, argument and options.

    Raises:
        OccsetError: an option without ``=``, or one given twice.
    """
    name, argument, text = split_spec(spec)
    return name, argument, read_options(text, spec)


def open_source(spec: str, kind: str) -> Any:
    """Open the source that a command line names.

    Args:
        spec: ``name:argument`` with options, see `parse_spec`.
        kind: "faces", "occluders" or "textures".

    Returns:
        A `FaceSource`, `OccluderSource` or `TextureSource`.

    Raises:
        UnknownName: no source, or no option of it, has that name; suggests the nearest.
        BadInput: the folder is missing, or the source refuses what is in it.
        OccsetError: the source offers no items of this kind, or the spec is malformed.
    """
    if kind not in KINDS:
        raise UnknownName("kind of source", kind, KINDS)
    name, argument, options = parse_spec(spec)
    made_by = look_up("source", name, SOURCES)
    known = list(inspect.signature(made_by).parameters)[1:]
    for option in options:
        if option not in known:
            if not known:
                raise OccsetError(f"'{spec}': {name} has no options")
            raise UnknownName(f"option of {name}", option, known)
    if name not in _WITHOUT_FOLDER:
        if not argument:
            raise BadInput(f"'{spec}' names no folder: write {name}:FOLDER")
        folder = Path(argument).expanduser()
        if not folder.is_dir():
            is_there = "is not a folder" if folder.exists() else "does not exist"
            raise BadInput(f"{folder} {is_there}: give the folder of {name} as {name}:FOLDER")
        argument = str(folder)
    source = made_by(argument, **options)
    if not isinstance(source, KINDS[kind]):
        offered = [other for other, protocol in KINDS.items() if isinstance(source, protocol)]
        raise OccsetError(f"{name} offers {' and '.join(offered)}, no {kind}: name another source for the {kind}")
    return source
