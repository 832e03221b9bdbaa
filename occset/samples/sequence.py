"""Samples as a sequence, for whoever writes a loop of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from occset.composition.compose import Sample
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe
from occset.samples.draw import Drawer, Plan
from occset.support.errors import OccsetError


@dataclass(frozen=True)
class DrawnSample(Sample):
    """A sample and the recipe that it was made by.

    Attributes:
        recipe: replays to the same bytes, see `occset.samples.render.Renderer`.
    """

    recipe: Recipe


class Samples(Sequence[DrawnSample]):
    """Samples drawn from a set, made when they are asked for: number `i` is always the same, whoever asks, in any order.

    Picklable, and cheap to hand to a worker, who reads the set itself.

    Args:
        data: the set.
        split: "train", "val" or "test": faces, occluders and textures all come from it.
        size: height and width, pixels.
        count: how many there are; any number can be drawn.
        categories: of the occluders, one on each face; all that the split has when empty, each as often as usual.
        seed: of all chance.

    Raises:
        OccsetError: the split has no labelled face, or no such occluder.

    >>> samples = occset.Samples(data, split="test", size=64, count=10)
    >>> len(samples), samples[3].image.shape, samples[3].face.shape
    (10, (64, 64, 3), (64, 64))
    >>> samples[3].recipe == occset.Samples(data, split="test", size=64, count=10)[3].recipe
    True
    """

    def __init__(
        self,
        data: OcclusionSet,
        split: str = "train",
        size: int = 256,
        count: int = 1000,
        categories: Sequence[str] = (),
        seed: int = 0,
    ) -> None:
        if count < 0:
            raise OccsetError(f"{count} samples: give a number of at least 0")
        self._count = count
        types: dict[str, tuple[tuple[str, ...], float]] = {name: ((name,), 1.0) for name in categories}
        self.drawer = Drawer(data, Plan(split=split, size=size, types=types), seed)

    def __len__(self) -> int:
        """How many samples there are."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> DrawnSample: ...

    @overload
    def __getitem__(self, index: slice) -> list[DrawnSample]: ...

    def __getitem__(self, index: int | slice) -> DrawnSample | list[DrawnSample]:
        """Sample number ``index``, counted from the end where it is negative; a list of them for a slice.

        Raises:
            IndexError: there is none of that number.
            BadInput: a file of the set cannot be read; names it.
        """
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(f"sample {index} of {self._count}")
        recipe = self.drawer.draw(index % self._count)
        return DrawnSample(**vars(self.drawer.renderer.render(recipe)), recipe=recipe)
