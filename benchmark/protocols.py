"""Protocols: frozen lists of recipes, made once for a set from a rule and a seed, and hashed.

What is added to the set later never enters a protocol that was made before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from occset.benchmark.tasks import DEOCCLUSION, SEGMENTATION
from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.recipes import Recipe, hash_recipes, read_metadata, read_recipes, recipes_to_bytes
from occset.dataset.records import flag_of
from occset.samples.draw import Drawer, Plan
from occset.support.errors import BadInput, OccsetError, UnknownName
from occset.support.files import clean_leftovers, safe_join, write_atomic
from occset.support.pool import default_workers, map_chunks
from occset.support.reading import parse_json


@dataclass(frozen=True)
class Rule:
    """How a protocol is made.

    Attributes:
        name: what the command line calls it.
        says: one sentence for lists and pages.
        types: name of each type of sample -> categories of its layers.
        count: number of samples, the types in turn.
        size: resolution, pixels.
        seed: of the draw.
        task: what methods are asked to do, a name of `occset.benchmark.tasks.TASKS`.
        left_out: types of the published rule that the set had no occluders for when the protocol was frozen.
    """

    name: str
    says: str
    types: dict[str, tuple[str, ...]]
    count: int = 1000
    size: int = 256
    seed: int = 2022
    task: str = DEOCCLUSION
    left_out: tuple[str, ...] = ()


RULES = {
    rule.name: rule
    for rule in (
        Rule("sunglasses", "1000 faces under sunglasses (Table 1)", {"sunglasses": ("sunglasses",)}),
        Rule(
            "types",
            "sunglasses, mask, both, hand and hair, 200 samples each (Fig. 9)",
            {
                "sunglasses": ("sunglasses",),
                "mask": ("mask",),
                "both": ("mask", "sunglasses"),
                "hand": ("hand",),
                "hair": ("hair",),
            },
        ),
        # no spectacles are added: data sets count a frame that was worn as face, a frame that is added would be none
        Rule(
            "segmentation",
            "the face as it is and under eight kinds of occluders, in turn",
            {
                "bare": (),
                "sunglasses": ("sunglasses",),
                "mask": ("mask",),
                "both": ("mask", "sunglasses"),
                "hand": ("hand",),
                "hair": ("hair",),
                "scarf": ("scarf",),
                "hat": ("hat",),
                "object": ("object",),
            },
            task=SEGMENTATION,
        ),
        Rule("natural", "each labelled face as it is, nothing added", {"bare": ()}, task=SEGMENTATION),
    )
}


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
    if name not in RULES:
        raise UnknownName("protocol", name, RULES)
    return RULES[name]


def open_protocol(
    data: OcclusionSet, name: str, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Protocol:
    """Read the protocol of a set, or make it if this is the first time.

    Raises:
        UnknownName: there is no such rule.
        OccsetError: the set lacks test faces or occluders that the rule needs.
        BadInput: the stored protocol does not match its own hash.
    """
    published = rule_of(name)
    path = safe_join(data.path, f"protocols/{name}.parquet")
    if not path.exists():
        clean_leftovers(path.parent)
        rule = _fit_to_set(data, published)
        recipes = _make(data, rule, workers or default_workers(), progress)
        note = {"hash": hash_recipes(recipes), "rule": json.dumps(asdict(rule))}
        write_atomic(path, recipes_to_bytes(recipes, note))
    recipes = read_recipes(path)
    found, note = hash_recipes(recipes), read_metadata(path)
    if note.get("hash") != found:
        raise BadInput(f"{path}: its recipes are not those that were frozen: restore the file from a copy")
    rule = _frozen_rule(published, note, path)
    if len(recipes) != rule.count or any(recipe.size != rule.size for recipe in recipes):
        raise BadInput(f"{path}: its recipes do not follow the rule beside them: restore the file from a copy")
    return Protocol(rule, recipes, found, path)


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


def _fit_to_set(data: OcclusionSet, rule: Rule) -> Rule:
    """The rule as this set can follow it; a rule of de-occlusion stays as it is, and drawing says what is missing.

    Types for which the set has no occluders are left out. Where only bare faces are left, each is shown once.
    """
    if rule.task == DEOCCLUSION:
        return rule
    faces = data.faces[data.faces["split"].eq("test") & data.faces["mask"].notna()]
    if faces.empty:
        raise OccsetError(f"{data.path}: no labelled face in the split 'test': add faces that have masks")
    has = set(data.occluders.loc[data.occluders["split"] == "test", "category"])
    if faces["landmarks"].isna().all():  # nothing can be put on them
        has = set()
    types = {name: categories for name, categories in rule.types.items() if has.issuperset(categories)}
    count = rule.count if any(types.values()) else min(rule.count, len(faces))
    left_out = tuple(name for name in rule.types if name not in types)
    return replace(rule, types=types, count=count, left_out=left_out)


def _make(data: OcclusionSet, rule: Rule, workers: int, progress: Callable[[int, int], None] | None) -> list[Recipe]:
    if not any(rule.types.values()):
        return _bare(data, rule)
    plan = Plan(
        split="test",
        size=rule.size,
        types={name: (categories, 1.0) for name, categories in rule.types.items()},
        types_in_turn=True,
        faces=tuple(_bare_faces(data)) if rule.task == DEOCCLUSION else (),
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


def _bare(data: OcclusionSet, rule: Rule) -> list[Recipe]:
    """Labelled test faces as they are, each once, in an order drawn from the seed; they need no landmarks."""
    faces = sorted(data.faces.loc[data.faces["split"].eq("test") & data.faces["mask"].notna(), "id"])
    order = np.random.default_rng([rule.seed, 0xFACE]).permutation(len(faces))[: rule.count]
    (kind,) = rule.types
    return [Recipe(faces[at], (), rule.size, kind, rule.seed, index) for index, at in enumerate(order)]


def _bare_faces(data: OcclusionSet) -> list[str]:
    """Test faces that wear no glasses of their own: under them nobody knows the truth."""
    test = data.faces[data.faces["split"] == "test"]
    bare = test[~flag_of(test, "eyeglasses").isin(["dark", "clear"])] if len(test) else test
    if bare.empty:
        raise OccsetError(f"{data.path}: no face without glasses in the split 'test': add more faces")
    return sorted(bare["id"])


def data_hash(data: OcclusionSet, recipes: list[Recipe]) -> str:
    """Hash of what the recipes are rendered from: pixels, masks and landmarks of exactly the items they name.

    Raises:
        BadInput: the set no longer holds one of them.
    """
    faces = _rows(data, "faces", {recipe.face for recipe in recipes})
    digest = hashlib.sha256()
    for row in faces.to_dict("records"):
        points = None if row["landmarks"] is None else [float(v) for v in row["landmarks"]]
        digest.update(json.dumps([row["sha256"], row["mask"], points]).encode())
    layers = [layer for recipe in recipes for layer in recipe.layers]
    for table, named in (
        ("occluders", {layer.occluder for layer in layers}),
        ("textures", {layer.texture for layer in layers if layer.texture}),
    ):
        digest.update("".join(sorted(_rows(data, table, named)["sha256"])).encode())
    return digest.hexdigest()


def _rows(data: OcclusionSet, table: str, named: Iterable[str]) -> pd.DataFrame:
    """Rows of a table by id, sorted by id."""
    frame: pd.DataFrame = getattr(data, table)
    wanted = sorted(named)
    missing = sorted(set(wanted) - set(frame["id"]))
    if missing:
        raise BadInput(
            f"{data.path}: the protocol uses {table} that the set no longer holds, such as {missing[0]}: "
            "add their source again"
        )
    return frame.set_index("id").loc[wanted]
