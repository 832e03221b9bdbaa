"""Who is trained on and who is tested on: faces by person, cut-outs and textures by look within each category."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from occset.pictures.duplicates import groups_of, near_pairs, similar_pairs, unchained
from occset.sources.items import SPLITS

SHARES = dict(zip(SPLITS, (0.7, 0.1, 0.2), strict=True))
"""Of the faces, for each split."""

SAME_PERSON = 0.45
"""ArcFace cosine from which two photos count as one person when splitting; a wrong join costs nothing, a miss leaks."""


def assign(groups: pd.Series, splits: pd.Series, seed: int = 0) -> pd.Series:
    """Give each row without a split the split of its group, new groups to whichever split is furthest behind.

    Groups are taken in the order of a hash of their name and ``seed``, so that the outcome does not depend on the order
    of rows, and what was assigned stays as it is.

    Args:
        groups: name of the group of each row.
        splits: split of each row, or null.

    Returns:
        Splits without a null. A group whose members already lie in several splits puts new members in "excluded".
    """
    result = splits.astype(object).where(splits.notna(), None)
    counts = {name: int((result == name).sum()) for name in SHARES}
    members = {name: list(index) for name, index in groups.groupby(groups).groups.items()}
    for name in sorted(members, key=lambda g: hashlib.sha256(f"{seed}:{g}".encode()).hexdigest()):
        rows = members[name]
        have = {result[i] for i in rows} - {None, "excluded"}
        open_rows = [i for i in rows if result[i] is None]
        if not open_rows:
            continue
        if len(have) > 1:
            choice = "excluded"
        elif have:
            choice = have.pop()
        else:
            total = sum(counts.values()) + len(open_rows)
            choice = max(SHARES, key=lambda s: SHARES[s] * total - counts[s])
        for i in open_rows:
            result[i] = choice
        if choice in counts:
            counts[choice] += len(open_rows)
    return result


def group_faces(faces: pd.DataFrame, embeddings: dict[str, np.ndarray]) -> pd.Series:
    """Name of the group of each face: by identity where known, joined with near-duplicates and, if given, ArcFace clusters.

    Args:
        faces: table with `id`, `source`, `identity`, `phash`.
        embeddings: unit vectors (D,) by face id; faces without one are joined by identity and hash alone.

    Returns:
        For each row the smallest face id it is connected with.
    """
    faces = faces.reset_index(drop=True)
    pairs: list[tuple[int, ...]] = [*near_pairs(list(faces["phash"]))]
    for _, index in faces[faces["identity"].notna()].groupby(["source", "identity"]).groups.items():
        pairs += [(int(index[0]), int(i)) for i in index[1:]]
    pairs += same_person_pairs(faces, embeddings)
    roots = groups_of(len(faces), pairs)
    smallest: dict[int, str] = {}
    for i, root in enumerate(roots):
        smallest[root] = min(smallest.get(root, faces["id"][i]), faces["id"][i])
    return pd.Series([smallest[root] for root in roots], index=faces.index)


def same_person_pairs(faces: pd.DataFrame, embeddings: dict[str, np.ndarray]) -> list[tuple[int, int]]:
    """Pairs of rows i < j whose ArcFace cosine says one person, unless one source knows better.

    Two faces of one source that both have an identity are left to that source.
    """
    known = [i for i, face in enumerate(faces["id"]) if face in embeddings]
    if len(known) < 2:
        return []
    rows = faces.iloc[known]
    said_by = np.where(rows["identity"].notna(), pd.factorize(rows["source"])[0], -1)
    matrix = np.stack([embeddings[face] for face in rows["id"]]).astype(np.float32)
    return [(known[a], known[b]) for a, b in similar_pairs(matrix, SAME_PERSON, said_by)]


def split_faces(faces: pd.DataFrame, embeddings: dict[str, np.ndarray], seed: int = 0) -> pd.DataFrame:
    """Faces with their `group` and `split` filled; groups and splits given earlier stay.

    A new face joins the group of those it is connected with. One that connects faces of several splits belongs to none
    of them and is put in "excluded", with a group of its own.
    """
    faces = faces.reset_index(drop=True)
    connected = group_faces(faces, embeddings)
    group, split = (faces[c].astype(object).where(faces[c].notna(), None) for c in ("group", "split"))
    for name, index in connected.groupby(connected).groups.items():
        fresh = [i for i in index if split[i] is None]
        settled = [i for i in index if split[i] is not None]
        splits = {split[i] for i in settled} - {"excluded"}
        groups = [group[i] for i in settled if group[i] is not None and split[i] in (splits or {"excluded"})]
        if len(splits) > 1:
            name = min(faces["id"][i] for i in fresh) if fresh else name
            split[fresh] = "excluded"
        elif groups:
            name = min(groups)
        group[fresh] = name
    faces["group"] = group
    faces["split"] = assign(group, split, seed)
    return faces


def near_items(items: pd.DataFrame) -> list[tuple[int, int, int]]:
    """Pairs (i, j, differing bits) of rows of cut-outs or textures that look the same and must share a split.

    Two harvested cut-outs are no pair, however alike their outlines: their photos were told apart by `group_faces`.
    """
    harvested = items["face"].notna().to_numpy() if "face" in items.columns else np.zeros(len(items), bool)
    pairs = [pair for pair in near_pairs(list(items["phash"])) if not (harvested[pair[0]] and harvested[pair[1]])]
    return unchained(len(items), pairs)


def split_items(items: pd.DataFrame, face_splits: dict[str, str], seed: int = 0) -> pd.DataFrame:
    """Cut-outs or textures with their `split` filled: a harvested cut-out follows its face, others go by category.

    What looks the same has one split, across categories too. A new item between several splits is "excluded", and so is
    a harvested cut-out that looks like one which was put in another split than its face.
    """
    items = items.reset_index(drop=True)
    roots = groups_of(len(items), near_items(items))
    group = pd.Series(roots, index=items.index).map(items["id"].groupby(roots).min())
    split = items["split"].astype(object).where(items["split"].notna(), None)
    harvested = items["face"].notna() if "face" in items.columns else pd.Series(False, index=items.index)
    settled = _splits_of(group[~harvested], split[~harvested])
    for i in items.index[harvested]:
        # that of a face which is in no split must not slip into one by its category
        of_face = face_splits.get(items["face"][i], "excluded")
        split[i] = of_face if settled.get(group[i], set()) <= {of_face} else "excluded"
    for _, index in items[~harvested].groupby("category").groups.items():
        settled = _splits_of(group, split)
        for i in index:
            known = settled.get(group[i], set())
            if split[i] is None and known:
                split[i] = "excluded" if len(known) > 1 else next(iter(known))
        split[index] = assign(group[index], split[index], seed)
    items["split"] = split
    return items


def _splits_of(group: pd.Series, split: pd.Series) -> dict[str, set[str]]:
    """The splits in which the members of each group lie already, "excluded" aside."""
    found: dict[str, set[str]] = {}
    for name, value in zip(group, split, strict=True):
        if value is not None and value != "excluded":
            found.setdefault(name, set()).add(value)
    return found
