"""Who is trained on and who is tested on: faces by person, cut-outs and textures within each category."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from occset.duplicates import groups_of, near_pairs, similar_pairs

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
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
        faces: table with `id`, `identity`, `phash`.
        embeddings: unit vectors (D,) by face id; faces without one are joined by identity and hash alone.

    Returns:
        For each row the smallest face id it is connected with.
    """
    faces = faces.reset_index(drop=True)
    pairs: list[tuple[int, ...]] = [*near_pairs(list(faces["phash"]))]
    for _, index in faces[faces["identity"].notna()].groupby(["source", "identity"]).groups.items():
        pairs += [(int(index[0]), int(i)) for i in index[1:]]
    unknown = faces.index[faces["identity"].isna() & faces["id"].isin(list(embeddings))]
    if len(unknown):
        matrix = np.stack([embeddings[i] for i in faces.loc[unknown, "id"]]).astype(np.float32)
        pairs += [(int(unknown[a]), int(unknown[b])) for a, b in similar_pairs(matrix, SAME_PERSON)]
    roots = groups_of(len(faces), pairs)
    smallest: dict[int, str] = {}
    for i, root in enumerate(roots):
        smallest[root] = min(smallest.get(root, faces["id"][i]), faces["id"][i])
    return pd.Series([smallest[root] for root in roots], index=faces.index)


def split_faces(faces: pd.DataFrame, embeddings: dict[str, np.ndarray], seed: int = 0) -> pd.DataFrame:
    """Faces with their `group` and `split` filled; splits given earlier stay."""
    faces = faces.reset_index(drop=True)
    faces["group"] = group_faces(faces, embeddings)
    faces["split"] = assign(faces["group"], faces["split"], seed)
    return faces


def split_items(items: pd.DataFrame, face_splits: dict[str, str], seed: int = 0) -> pd.DataFrame:
    """Cut-outs or textures with their `split` filled: a harvested cut-out follows its face, others go by category."""
    items = items.reset_index(drop=True)
    if "face" in items.columns:
        harvested = items["face"].notna()
        items.loc[harvested, "split"] = items.loc[harvested, "face"].map(face_splits).astype(object)
        # a harvested cut-out of a face that is in no split must not slip into one by its category
        items.loc[harvested & items["split"].isna(), "split"] = "excluded"
    else:
        harvested = pd.Series(False, index=items.index)
    for _, index in items[~harvested].groupby("category").groups.items():
        rows = items.loc[index]
        items.loc[index, "split"] = assign(rows["id"], rows["split"], seed)
    return items
