"""The option ``--model`` of every verb that asks a network about faces: its default, its help, and what it can name."""

from __future__ import annotations

from typing import Annotated

import typer

from occset.support import references as registry

DEFAULT_MODEL = "ns"
"""The network that marks visible faces where none is named."""

INFERENCE = "occset.models.registry:inference_classes"
"""Asked by name, since the networks live in a folder above this one; loads none of them."""


WHOLE_FACES = "occset.models.reconstruction.reconstructor:WholeFaces"
"""Renders the whole face of a picture, whatever hides it; asked by name for the same reason."""


def models() -> dict[str, str]:
    """Name to ``"module:attr"`` of every network of ours that can mine: those that segment faces."""
    found: dict[str, str] = registry.load(INFERENCE)("segmentation")
    return found


Model = Annotated[
    str, typer.Option(help=f"{', '.join(models())}, or a class of your own as module:Class.", show_default=True)
]
"""Type of the option on the command line."""
