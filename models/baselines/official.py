"""Weights that a rival's makers published in PyTorch, for whoever holds them: read, renamed, and kept in our own format.

What is imported runs as the network that its makers described, a class beside ours in ``official.py`` of the method's
folder, since sizes, paddings and heads are not those that we train. Of a file only tensors are read; nothing is executed.
Trained on other data, it is never ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from occset.models.baselines.budget import cost_of
from occset.models.torch_files import read_torch
from occset.models.weight_files import save_weights
from occset.support import references as registry
from occset.support.errors import BadInput, UnknownName
from occset.support.files import sha256_file

if TYPE_CHECKING:
    from torch import nn

LAYOUTS = {
    "pconv": "occset.models.baselines.pconv.official:LAYOUTS",
    "deepfill-v2": "occset.models.baselines.deepfill_v2.official:LAYOUTS",
    "picnet": "occset.models.baselines.picnet.official:LAYOUTS",
    "lafin": "occset.models.baselines.lafin.official:LAYOUTS",
}
"""Method to the layouts of published files that are known of it.

FD3D was never published, and the Context Encoder not in PyTorch.
"""

LAYOUT = "layout"
"""Entry of "network" beside imported weights: the name of their layout."""

UNKNOWN = "unknown"
"""What imported weights were trained on, where nobody says it."""

UNRANKED = "its makers' weights, trained on other data"

SIZE = 256
"""Side in pixels of the pictures that all of them were published for."""

MOST_WIDTH = 512
"""Of what a file of weights may have built."""

COUNTER = ".num_batches_tracked"
"""What normalisations count in training and nobody needs afterwards; older files have none."""

_SHOWN = 20  # names of a kind in a message
_WHOLE = "module."  # before every name of a network that was shared out over several devices


class Source(NamedTuple):
    """Where a tensor of ours comes from: names in the published file, and what makes it of theirs."""

    needs: tuple[str, ...]
    make: Callable[..., Tensor]


@dataclass(frozen=True)
class Layout:
    """One way in which a method's weights were published.

    Attributes:
        name: whose files, and which network of theirs.
        files: which files to give, for messages.
        inside: names under which a file may hold the state dict; it may also be the file itself.
        sizes: from the shapes in a file, by name, the whole numbers the network is built of; defaults where it tells none.
        build: makes the network of these.
        sources: for every tensor of its state dict where it comes from, called with these.
        unused: whether a name is known and of no use here.
    """

    name: str
    files: str
    inside: tuple[str, ...]
    sizes: Callable[[Mapping[str, Sequence[int]]], dict[str, int]]
    build: Callable[..., nn.Module]
    sources: Callable[..., dict[str, Source]]
    unused: Callable[[str], bool]


class Imported(NamedTuple):
    """What came of an import: the layout that fitted, the files that were written, and how many weights they hold."""

    layout: str
    files: list[Path]
    parameters: int


def layouts_of(method: str) -> tuple[Layout, ...]:
    """The layouts that are known of a method.

    Raises:
        UnknownName: of none; names the methods that can be imported.
    """
    if method not in LAYOUTS:
        raise UnknownName("method with published weights", method, LAYOUTS)
    found: tuple[Layout, ...] = registry.load(LAYOUTS[method])
    return found


def import_weights(method: str, files: Sequence[Path], out: Path, trained_on: str = UNKNOWN) -> Imported:
    """Read published weights and write them as a checkpoint that `occset.models.load` takes.

    Args:
        method: one of `LAYOUTS`.
        files: that its makers' code saved; several where they keep their networks apart.
        out: folder of the checkpoint.
        trained_on: what is known of the pictures that they were trained on, in words.

    Raises:
        UnknownName: no such method.
        BadInput: a file is no file of weights alone, or none of this method: says what is missing, left over, of another
            shape or not finite.
    """
    known = layouts_of(method)
    remedy = "give " + ", or ".join(layout.files for layout in known)
    stored = [read_torch(path, remedy) for path in files]
    found = [(layout, _entries(stored, files, layout, remedy)) for layout in known]
    layout, state = min(found, key=lambda each: sum(map(len, _misfits(*each))))
    _refuse_misfits(layout, state, files, remedy)
    sizes = layout.sizes(_shapes(state))
    network = layout.build(**sizes)
    ours = _converted(layout, state, sizes, network, files, remedy)
    network.load_state_dict(ours)
    cost = cost_of(network, SIZE)
    about = {
        "network": {LAYOUT: layout.name, "size": SIZE, **sizes, "budget": cost},
        "trained_on": trained_on,
        "origin": "imported from " + ", ".join(f"{path.name} ({sha256_file(path)[:12]})" for path in files),
    }
    return Imported(layout.name, save_weights(ours, out, about, method, half=False), cost["parameters"])


def build(method: str, about: Mapping[str, Any]) -> nn.Module:
    """The published network with random weights, from the entry "network" beside imported weights.

    Raises:
        BadInput: no such layout, or a size that none of its files has.
    """
    known = {layout.name: layout for layout in layouts_of(method)}
    layout = known.get(str(about[LAYOUT]))
    if layout is None:
        raise BadInput(f"no layout of {method} is called '{about[LAYOUT]}': it is one of {', '.join(known)}")
    sizes = {name: about[name] for name in layout.sizes({})}
    for name, value in sizes.items():
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_WIDTH:
            raise BadInput(f"its {name} is {value!r}, it must be in 1..{MOST_WIDTH}")
    return layout.build(**sizes)


def plain(name: str) -> Source:
    """A tensor as it is."""
    return Source((name,), lambda value: value)


def named(ours: str, theirs: str, of: Sequence[str] = ("weight", "bias")) -> dict[str, Source]:
    """Tensors of one layer as they are."""
    return {f"{ours}.{what}": plain(f"{theirs}.{what}") for what in of}


def sized(value: int, default: int, most: int = MOST_WIDTH) -> int:
    """A size that a file tells, or the default where it is none that could be built."""
    return value if 1 <= value <= most else default


def _entries(stored: Sequence[Any], files: Sequence[Path], layout: Layout, remedy: str) -> dict[str, Any]:
    """What several files hold of a layout, by their makers' names."""
    found: dict[str, Any] = {}
    for one, path in zip(stored, files, strict=True):
        if not isinstance(one, Mapping):
            raise BadInput(f"{path}: holds a {type(one).__name__} and no state dict: {remedy}")
        parts = [one[name] for name in layout.inside if isinstance(one.get(name), Mapping)] or [one]
        for part in parts:
            names = [str(name) for name in part]
            cut = len(_WHOLE) if all(name.startswith(_WHOLE) for name in names) else 0
            for name, value in zip(names, part.values(), strict=True):
                if name[cut:] in found:
                    raise BadInput(f"{path}: holds '{name[cut:][:80]}', as another of the files does: {remedy}")
                found[name[cut:]] = value
    return found


def _shapes(state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) if isinstance(value, Tensor) else () for name, value in state.items()}


def _misfits(layout: Layout, state: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Names that a layout lacks, and those that are left over."""
    sources = layout.sources(**layout.sizes(_shapes(state)))
    needed = dict.fromkeys(name for source in sources.values() for name in source.needs)
    missing = [name for name in needed if name not in state]
    return missing, [name for name in state if name not in needed and not layout.unused(name)]


def _refuse_misfits(layout: Layout, state: Mapping[str, Any], files: Sequence[Path], remedy: str) -> None:
    missing, over = _misfits(layout, state)
    told = [f"{what} {_listed(names)}" for what, names in (("missing are", missing), ("left over are", over)) if names]
    if told:
        raise BadInput(f"{_all(files)}: not the weights of {layout.name}: {'; '.join(told)}: {remedy}")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name[:80] for name in names[:_SHOWN]) + more


def _all(files: Sequence[Path]) -> str:
    return " and ".join(map(str, files))


def _converted(
    layout: Layout, state: Mapping[str, Any], sizes: dict[str, int], like: nn.Module, files: Sequence[Path], remedy: str
) -> dict[str, Tensor]:
    """Our state dict, each tensor in memory of its own."""
    wanted, sources = like.state_dict(), layout.sources(**sizes)
    for name in (name for source in sources.values() for name in source.needs):
        value = state[name]
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_complex():
            raise BadInput(f"{_all(files)}: '{name}' is no tensor of plain numbers: {remedy}")
    made = {name: value for name, value in wanted.items() if name.endswith(COUNTER)}
    for ours, source in sources.items():
        theirs = " with ".join(source.needs)
        try:  # by shapes alone: a file of a few bytes may claim any, and nothing is computed from one that is wrong
            shape = source.make(*(torch.empty_like(state[name], device="meta") for name in source.needs)).shape
        except (RuntimeError, IndexError, ValueError) as error:
            raise BadInput(f"{_all(files)}: '{theirs}' do not belong together ({error}): {remedy}") from error
        if shape != wanted[ours].shape:
            told = f"{tuple(shape)} instead of {tuple(wanted[ours].shape)}"
            raise BadInput(f"{_all(files)}: '{theirs}' is {told}: {remedy}")
        value = source.make(*(state[name] for name in source.needs))
        if not torch.isfinite(value).all():
            raise BadInput(f"{_all(files)}: '{theirs}' holds numbers that are not finite: {remedy}")
        made[ours] = value.detach().to(wanted[ours].dtype).clone(memory_format=torch.contiguous_format)
    return made
