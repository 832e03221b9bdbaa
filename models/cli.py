"""The verbs of the networks: train, segment."""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer
from typer.core import TyperGroup

from occset.mining.options import DEFAULT_MODEL, Model
from occset.models.registry import GROUPS, NETWORKS, Network, find, members
from occset.support import references as registry

segment = typer.Typer()

Weights = Annotated[
    Path | None, typer.Option(help="Checkpoint: a .safetensors file or a folder; the released one by default.")
]


class NetworkGroup(TyperGroup):
    """A command for each network of the registry, and for each group of them, made when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All networks, in the order of the registry, then the groups that have any."""
        return [*NETWORKS, *(group for group in GROUPS if members(group))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command that trains one network, or a group of them.

        Raises:
            UnknownName: there is none of that name; suggests the nearest.
        """
        app = typer.Typer(add_completion=False)
        if cmd_name in GROUPS and members(cmd_name):
            app.command(cmd_name, help=GROUPS[cmd_name])(train_group_command_of(cmd_name))
        else:
            network = find(cmd_name)
            app.command(network.name, help=f"{network.title}, {network.says}.")(train_command_of(network))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command


train = typer.Typer(cls=NetworkGroup, no_args_is_help=True, add_completion=False)


@train.callback()
def train_command() -> None:
    """Train a network on a set; resumes where it was interrupted."""


def train_command_of(network: Network) -> Callable[..., None]:
    """A function with the options that all trainings have and those of the network's own, which trains it."""

    def command(**values: Any) -> None:
        _train(network, **values)

    presets = network.all_presets()
    hints = get_type_hints(_train, include_extras=True)
    hints["preset"] = Annotated[str, typer.Option(help=f"{', '.join(presets)}.")]
    defaults = {"preset": next(iter(presets)), "out": Path("runs") / network.name}
    parameters = []
    for name, parameter in list(inspect.signature(_train).parameters.items())[1:]:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            continue
        default = defaults.get(name, parameter.default)
        parameters.append(parameter.replace(annotation=hints[name], default=default, kind=parameter.KEYWORD_ONLY))
    if network.options:
        options = registry.load(network.options)
        own = get_type_hints(options, include_extras=True)
        for field in fields(options):
            kind, says = get_args(own[field.name])
            annotation = Annotated[kind, typer.Option(help=says)]  # type: ignore[valid-type]
            parameters.append(
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation
                )
            )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _train(
    network: Network,
    data: Annotated[Path, typer.Option(help="The set's folder.")],
    preset: str,
    out: Annotated[Path, typer.Option(help="Folder of the training.")],
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0)] = 0,
    epochs: Annotated[int | None, typer.Option(help="Instead of the preset's.", min=1)] = None,
    start: Annotated[
        str | None, typer.Option(help="Checkpoint, or folder of a training, to start from; or the word released.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that make samples.", min=0)] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    devices: Annotated[str, typer.Option(help="How many; auto takes what there is.")] = "auto",
    nodes: Annotated[int, typer.Option(help="Machines, each started with torchrun.", min=1)] = 1,
    **options: Any,
) -> None:
    from occset.models.training.registered import train as run
    from occset.support.console import progress_bar, say
    from occset.support.interrupts import Interrupted

    with progress_bar(f"{network.name}, {preset}") as progress:
        trained = run(
            network.name, data, preset, out, seed=seed, epochs=epochs, start=start, workers=workers,
            accelerator=accelerator, devices=int(devices) if devices.isdigit() else devices, num_nodes=nodes,
            progress=progress, say=say, **options,
        )  # fmt: skip
    if trained.weights is None:
        raise Interrupted(trained.sentence, trained.signal or signal.SIGINT)
    say(trained.sentence)


def train_group_command_of(group: str) -> Callable[..., None]:
    """A function with the options that all trainings have, which trains the networks of a group."""
    from occset.models.groups import common_presets

    presets = common_presets(group)

    def command(
        data: Annotated[Path, typer.Option(help="The set's folder.")],
        preset: Annotated[str, typer.Option(help=f"{', '.join(presets)}.")] = presets[0] if presets else "",
        out: Annotated[Path, typer.Option(help="Folder that gets a folder a network.")] = Path("runs") / group,
        seed: Annotated[int, typer.Option(help="Of everything that is drawn.", min=0)] = 0,
        epochs: Annotated[int | None, typer.Option(help="Instead of the presets'.", min=1)] = None,
        workers: Annotated[int | None, typer.Option(help="Processes that make samples.", min=0)] = None,
        accelerator: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
        devices: Annotated[str, typer.Option(help="How many; auto takes what there is.")] = "auto",
    ) -> None:
        from occset.models.groups import run_here, train_group
        from occset.models.steps import Plan
        from occset.support.console import say

        options = {"seed": seed, "epochs": epochs, "workers": workers, "accelerator": accelerator, "devices": devices}
        words = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
        weights = train_group(group, Plan(data, preset, out, tuple(words)), run_here, say)
        say(f"{group}: trained are {', '.join(f'{find(name).title} in {folder}' for name, folder in weights.items())}")
        named = " ".join(f"{find(name).environment}={folder}" for name, folder in weights.items())
        say(f"to use them instead of the released ones, set  {named}")

    # their names in this function are no strings that could be looked up elsewhere
    command.__annotations__ = get_type_hints(command, {**globals(), "presets": presets}, include_extras=True)
    return command


@segment.command()
def segment_command(
    photos: Annotated[list[Path], typer.Argument(help="Photos, or folders of photos.")],
    out: Annotated[Path, typer.Option(help="Folder of the masks: NAME.png, 255 = visible face.")] = Path("masks"),
    model: Model = DEFAULT_MODEL,
    weights: Weights = None,
    align: Annotated[
        bool, typer.Option(help="Find the face and align it first; --no-align takes photos as aligned squares.")
    ] = True,
    all_faces: Annotated[
        bool, typer.Option("--all-faces", help="Mark all faces of a photo, not only the largest.")
    ] = False,
    soft: Annotated[bool, typer.Option("--soft", help="Masks of 0..255 instead of 0 and 255.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="Also write a contact sheet (PNG) of the crops.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Mark the visible face in photos; works at once, with the released checkpoint."""
    from occset.mining.model import open_model
    from occset.models.segmentation.photos import segment_photos
    from occset.support.console import partly, progress_bar, say

    network = open_model(model, weights, device, threads=None)
    with progress_bar("segmenting") as progress:
        done = segment_photos(network, photos, out, align, soft, sheet, progress, all_faces and align)
    for note in done.notes:
        say(note)
    for name, why in done.problems:
        say(f"skipped {name}: {why}")
    for name, why in done.doubtful:
        say(f"look at {name}: {why}")
    if done.left[0]:
        say(f"{done.left[0]} more faces in {done.left[1]} photos were left unmarked: --all-faces marks them")
    said = f"{done.written} mask{'s' * (done.written != 1)} in {out}"
    said += f", contact sheet {sheet}" if sheet and done.written else ""
    if done.problems:
        partly(said, f"{len(done.problems)} photos were skipped, as said above")
    say(said)
