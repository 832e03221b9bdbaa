"""Protocols: frozen lists of recipes, made once for a set from a rule and a seed, and hashed.

What is added to the set later never enters a protocol that was made before.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from occset.dataset import OcclusionSet
from occset.draw import Drawer, Plan
from occset.errors import BadInput, OccsetError, UnknownName
from occset.files import safe_join, write_atomic
from occset.pool import default_workers, map_chunks
from occset.recipes import Recipe, hash_recipes, read_metadata, read_recipes, recipes_to_bytes
from occset.records import flag_of


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
    """

    name: str
    says: str
    types: dict[str, tuple[str, ...]]
    count: int = 1000
    size: int = 256
    seed: int = 2022


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


def open_protocol(
    data: OcclusionSet, name: str, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> Protocol:
    """Read the protocol of a set, or make it if this is the first time.

    Raises:
        UnknownName: there is no such rule.
        OccsetError: the set lacks test faces or occluders that the rule needs.
        BadInput: the stored protocol does not match its own hash.
    """
    if name not in RULES:
        raise UnknownName("protocol", name, RULES)
    rule = RULES[name]
    path = safe_join(data.path, f"protocols/{name}.parquet")
    if not path.exists():
        recipes = _make(data, rule, workers or default_workers(), progress)
        note = {
            "hash": hash_recipes(recipes),
            "rule": json.dumps({"name": rule.name, "seed": rule.seed, "count": rule.count}),
        }
        write_atomic(path, recipes_to_bytes(recipes, note))
    recipes = read_recipes(path)
    found = hash_recipes(recipes)
    if read_metadata(path).get("hash") != found:
        raise BadInput(f"{path}: its recipes are not those that were frozen: restore the file from a copy")
    return Protocol(rule, recipes, found, path)


def _make(data: OcclusionSet, rule: Rule, workers: int, progress: Callable[[int, int], None] | None) -> list[Recipe]:
    plan = Plan(
        split="test",
        size=rule.size,
        types={name: (categories, 1.0) for name, categories in rule.types.items()},
        types_in_turn=True,
        faces=tuple(_bare_faces(data)),
    )
    Drawer(data, plan, rule.seed)  # says what is missing before any worker starts
    chunks = [range(i, min(i + 25, rule.count)) for i in range(0, rule.count, 25)]
    recipes: list[Recipe] = []
    for drawn in map_chunks(partial(_make_drawer, data, plan, rule.seed), chunks, workers):
        recipes += drawn
        if progress:
            progress(len(recipes), rule.count)
    return recipes


def _make_drawer(data: OcclusionSet, plan: Plan, seed: int) -> Callable[[range], list[Recipe]]:
    drawer = Drawer(data, plan, seed)
    return lambda indices: [drawer.draw(index) for index in indices]


def _bare_faces(data: OcclusionSet) -> list[str]:
    """Test faces that wear no glasses of their own: under them nobody knows the truth."""
    test = data.faces[data.faces["split"] == "test"]
    bare = test[~flag_of(test, "eyeglasses").isin(["dark", "clear"])] if len(test) else test
    if bare.empty:
        raise OccsetError(f"{data.path}: no face without glasses in the split 'test': add more faces")
    return sorted(bare["id"])


def data_hash(data: OcclusionSet, recipes: list[Recipe]) -> str:
    """Hash of what the recipes are rendered from: pixels, masks and landmarks of exactly the items they name."""
    faces = data.faces.set_index("id")
    digest = hashlib.sha256()
    for face in sorted({recipe.face for recipe in recipes}):
        row = faces.loc[face]
        points = None if row["landmarks"] is None else [float(v) for v in row["landmarks"]]
        digest.update(json.dumps([row["sha256"], row["mask"], points]).encode())
    for table, named in (
        (data.occluders, {layer.occluder for r in recipes for layer in r.layers}),
        (data.textures, {layer.texture for r in recipes for layer in r.layers if layer.texture}),
    ):
        digest.update("".join(sorted(table.loc[table["id"].isin(list(named)), "sha256"])).encode())
    return digest.hexdigest()
