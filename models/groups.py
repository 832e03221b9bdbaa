"""Networks that are trained by one command, in the order of the registry: ``occset train all``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from occset.dataset.occlusion_set import OcclusionSet
from occset.models.registry import GROUPS, Network, members
from occset.models.steps import Plan, Run, Step, run_steps
from occset.support import references as registry
from occset.support.errors import UnknownName

NOTE = "done.json"
"""In the folder of a group's trainings: which steps are done."""


def common_presets(group: str) -> list[str]:
    """Names of the presets that all networks of a group have, of which there is one at least."""
    first, *others = members(group)
    return [name for name in first.all_presets() if all(name in other.all_presets() for other in others)]


def train_group(group: str, plan: Plan, run: Run, say: Callable[[str], None] = print) -> dict[str, str]:
    """Train the networks of a group on a set, each on those before; go on where that was stopped.

    Args:
        group: one of `occset.models.registry.GROUPS` that has networks.
        plan: what is asked for.
        run: runs the words of a command of occset and returns its status.
        say: takes lines for the user.

    Returns:
        Folder of the weights by name of the network.

    Raises:
        UnknownName: there is no such group; or not all of its networks have a preset of that name.
        OccsetError: a step failed; what is done stays done.
        KeyboardInterrupt: a step was interrupted; the same call goes on from there.
    """
    if not members(group):
        raise UnknownName("group of networks", group, [name for name in GROUPS if members(name)])
    known = common_presets(group)
    if plan.preset not in known:
        raise UnknownName(f"preset of all of {', '.join(n.title for n in members(group))}", plan.preset, known)
    data = OcclusionSet(plan.data)
    steps = [step for network in members(group) for step in steps_of(network, plan)]
    run_steps(group, steps, plan.out / NOTE, run, of=data.content_hash(), say=say)
    return {network.name: plan.weights(network.name) for network in members(group)}


def steps_of(network: Network, plan: Plan) -> tuple[Step, ...]:
    """What trains a network after those before it in its group; see `occset.models.registry.Network.chain`."""
    if not network.chain:
        return (plan.train(network.name),)
    make: Callable[[Plan, str], tuple[Step, ...]] = registry.load(network.chain)
    return make(plan, network.name)


def run_here(words: Sequence[str]) -> int:
    """Run a command of occset in this process, which is then all that has to be stopped; returns its status.

    Numbers of threads are put back afterwards: with another one the next step would come to other bits.

    Raises:
        OccsetError: what the command raises.
        KeyboardInterrupt: it was interrupted.
    """
    import cv2
    import torch
    import typer

    from occset.cli import app

    threads = torch.get_num_threads(), cv2.getNumThreads()
    try:
        with typer.main.get_command(app).make_context("occset", list(words)) as context:
            context.command.invoke(context)
    except typer.Exit as ended:
        return int(ended.exit_code)
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])
    return 0
