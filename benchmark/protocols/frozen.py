"""Protocols: frozen lists of recipes, made once for a set from a rule and a seed, and hashed.

What is added to the set later never enters a protocol that was made before.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from occset.benchmark.tasks.parts import Samples
from occset.benchmark.tasks.registry import all_tasks, task_named
from occset.benchmark.tasks.rule import Rule
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, hash_recipes, read_metadata, read_recipes, recipes_to_bytes
from occset.dataset.usable import usable_faces
from occset.samples.draw import Drawer, Plan
from occset.support.errors import BadInput, NoSpace, UnknownName
from occset.support.files import clean_leftovers, safe_join, write_atomic
from occset.support.pools.processes import default_workers, map_chunks
from occset.support.reading import parse_json


def published() -> dict[str, Rule]:
    """The rules of all tasks, by name."""
    return {rule.name: rule for task in all_tasks() for rule in task.samples.rules}


@dataclass(frozen=True)
class Protocol:
    """A protocol as it was frozen for one set.

    Attributes:
        rule: how it was made.
        recipes: its samples, in order.
        hash: of the recipes, 64 hex digits.
        path: where it is stored.
    """

    rule: Rule
    recipes: list[Recipe]
    hash: str
    path: Path


def rule_of(name: str) -> Rule:
    """The published rule of a name.

    Raises:
        UnknownName: there is none.
    """
    rules = published()
    if name not in rules:
        raise UnknownName("protocol", name, rules)
    return rules[name]


def open_protocol(
    data: OcclusionSet,
    name: str,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    kept: Path | None = None,
    spare: Path | None = None,
) -> Protocol:
    """Read the protocol of a set, or make it if this is the first time.

    It is kept in the set. One that was frozen there goes before all others.

    Args:
        data: the set.
        name: of the rule.
        workers: processes.
        progress: called with (done, all).
        kept: a folder to keep it in instead of the set.
        spare: a folder to keep it in where the set cannot be written to; each set has a folder of its own there.

    Raises:
        UnknownName: there is no such rule.
        OccsetError: the set lacks test faces or occluders that the rule needs.
        BadInput: the stored protocol does not match its own hash, or is of another set.
        NoSpace: it cannot be kept anywhere.
    """
    asked = rule_of(name)
    task = task_named(asked.task)
    own = safe_join(data.path, f"protocols/{name}.parquet")
    others = [kept / own.name] if kept else [spare / data.path.resolve().name / own.name] if spare else []
    path = next((place for place in (own, *others) if place.exists()), None)
    if path is None:
        fit = task.samples.fit
        rule = fit(data, asked) if fit else asked
        places = _writable(others if kept else [own, *others])
        clean_leftovers(places[0].parent)
        recipes = _make(data, rule, task.samples, workers or default_workers(), progress)
        note = {"hash": hash_recipes(recipes), "rule": json.dumps(asdict(rule))}
        path = _keep(recipes_to_bytes(recipes, note), places)
    recipes = read_recipes(path)
    found, note = hash_recipes(recipes), read_metadata(path)
    if note.get("hash") != found:
        raise BadInput(f"{path}: its recipes are not those that were frozen: restore the file from a copy")
    rule = _frozen_rule(asked, note, path)
    if len(recipes) != rule.count or any(recipe.size != rule.size for recipe in recipes):
        raise BadInput(f"{path}: its recipes do not follow the rule beside them: restore the file from a copy")
    if path != own and not {recipe.face for recipe in recipes} <= set(data.faces["id"]):
        raise BadInput(
            f"{path}: is of another set than {data.path}: keep the protocols of each set in a folder of its own"
        )
    return Protocol(rule, recipes, found, path)


def _keep(content: bytes, places: Sequence[Path]) -> Path:
    """Write a protocol to the first place that can be written to, and return it."""
    for place in places[:-1]:
        with contextlib.suppress(NoSpace):
            write_atomic(place, content)
            return place
    write_atomic(places[-1], content)
    return places[-1]


def _writable(places: Sequence[Path]) -> list[Path]:
    """The places that can be written to as far as can be told without doing it; making a protocol may take minutes.

    Raises:
        NoSpace: none can; names the last.
    """
    found = []
    for place in places:
        there = next(folder for folder in place.parents if folder.exists())
        if os.access(there, os.W_OK):
            found.append(place)
    if not found:
        raise NoSpace(
            f"cannot write {places[-1]}: no right to write there, or the file system is read-only: choose another folder "
            "with --protocols (or --out)"
        )
    return found


def _frozen_rule(rule: Rule, note: Mapping[str, str], path: Path) -> Rule:
    """The rule as it was when the protocol was frozen, which is what its recipes follow."""
    try:
        stored: dict[str, Any] = parse_json(note["rule"])
        if "types" in stored:
            stored["types"] = {kind: tuple(categories) for kind, categories in stored["types"].items()}
        stored["left_out"] = tuple(stored.get("left_out", ()))
        return replace(rule, **stored)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{path}: the rule it was made by cannot be read: restore the file from a copy") from error


def _make(
    data: OcclusionSet,
    rule: Rule,
    samples: Samples,
    workers: int,
    progress: Callable[[int, int], None] | None,
) -> list[Recipe]:
    faces = tuple(samples.faces(data, rule)) if samples.faces else ()
    if not any(rule.types.values()):
        return _bare(data, rule, faces, samples.masks)
    plan = Plan(
        split="test",
        size=rule.size,
        types={name: (categories, 1.0) for name, categories in rule.types.items()},
        types_in_turn=True,
        faces=faces,
    )
    Drawer(data, plan, rule.seed)  # says what is missing before any worker starts
    recipes: dict[str, Recipe] = {}
    start = 0
    while len(recipes) < rule.count:  # once, but for sets of so few faces that a bare one would be shown twice
        stop = start + rule.count - len(recipes)
        chunks = [range(i, min(i + 25, stop)) for i in range(start, stop, 25)]
        start = stop
        for drawn in map_chunks(partial(_make_drawer, data, plan, rule.seed), chunks, workers):
            for recipe in drawn:
                recipes.setdefault(recipe.sample, recipe)
            if progress:
                progress(len(recipes), rule.count)
    return list(recipes.values())


def _make_drawer(data: OcclusionSet, plan: Plan, seed: int) -> Callable[[range], list[Recipe]]:
    drawer = Drawer(data, plan, seed)
    return lambda indices: [drawer.draw(index) for index in indices]


def _bare(data: OcclusionSet, rule: Rule, chosen: tuple[str, ...], masks: bool) -> list[Recipe]:
    """Test faces as they are, each once, in an order drawn from the seed; without ``masks`` they need no labels either."""
    faces = usable_faces(data, "test", landmarks=False, only=chosen, masks=masks)
    order = np.random.default_rng([rule.seed, 0xFACE]).permutation(len(faces))[: rule.count]
    (kind,) = rule.types
    return [Recipe(faces[at], (), rule.size, kind, rule.seed, index) for index, at in enumerate(order)]
