from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from occset.dataset.occlusion_set import OcclusionSet
from occset.dataset.splits import SHARES, assign, group_faces, near_items, split_faces, split_items


def table(
    count: int, identities: list[str | None] | None = None, hashes: list[str | None] | None = None, source: str = "s"
) -> pd.DataFrame:
    rng = np.random.default_rng(count)
    return pd.DataFrame(
        {
            "id": [f"f{i:05d}" for i in rng.permutation(count)],
            "source": source,
            "identity": identities or [None] * count,
            "phash": hashes or [f"{v:016x}" for v in rng.integers(0, 2**63, count)],
            "group": pd.Series([None] * count, dtype=object),
            "split": pd.Series([None] * count, dtype=object),
        }
    )


def unit(rng: np.random.Generator, count: int, size: int = 64) -> np.ndarray:
    vectors = rng.normal(size=(count, size))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def shares(splits: pd.Series) -> dict[str, float]:
    return {name: (splits == name).mean() for name in SHARES}


def test_shares_are_70_10_20() -> None:
    done = split_faces(table(500), {})
    assert shares(done["split"]) == pytest.approx(SHARES, abs=0.01)
    people = split_faces(table(600, [f"p{i // 7}" for i in range(600)]), {})
    assert shares(people["split"]) == pytest.approx(SHARES, abs=0.03)


def test_photos_of_one_person_are_together() -> None:
    faces = split_faces(table(300, [f"p{i % 60}" for i in range(300)]), {})
    assert faces.groupby("identity")["split"].nunique().max() == 1
    assert faces.groupby("identity")["group"].nunique().max() == 1
    assert faces["group"].nunique() == 60


def test_the_same_name_in_two_sources_is_two_persons() -> None:
    faces = pd.concat([table(2, ["1", "2"], source="a"), table(2, ["1", "2"], source="b")], ignore_index=True)
    faces["id"] = list("wxyz")
    faces["phash"] = ["0" * 16, "f" * 16, "0f" * 8, "f0" * 8]
    assert group_faces(faces, {}).nunique() == 4


def test_arcface_clusters_are_together() -> None:
    rng = np.random.default_rng(0)
    faces = table(120)
    people = unit(rng, 40)
    vectors = {}
    for i, face in enumerate(faces["id"]):
        noisy = people[i % 40] + rng.normal(scale=0.05, size=64)
        vectors[face] = noisy / np.linalg.norm(noisy)
    done = split_faces(faces, vectors)
    person = pd.Series(np.arange(120) % 40)
    assert done.groupby(person.values)["group"].nunique().max() == 1
    assert done["group"].nunique() == 40
    assert done.groupby(person.values)["split"].nunique().max() == 1


def test_arcface_joins_an_unknown_face_to_a_known_person_but_not_two_that_a_source_tells_apart() -> None:
    vector = np.eye(8)[0]
    faces = table(3, ["p", "q", None])
    groups = group_faces(faces.iloc[:2], dict.fromkeys(faces["id"], vector))
    assert groups.nunique() == 2
    faces.loc[1, "source"] = "other"  # two sources do not know each other's names
    assert group_faces(faces, dict.fromkeys(faces["id"], vector)).nunique() == 1


def test_near_duplicates_are_together() -> None:
    faces = table(4, hashes=["0" * 16, "000000000000003f", "000000000000007f", "f" * 16])
    groups = group_faces(faces, {})
    assert groups[0] == groups[1]  # 6 bits
    assert groups[1] == groups[2]  # 1 bit, and so with the first
    assert groups[3] != groups[0]
    assert groups[0] == min(faces["id"][:3])


def test_the_order_of_rows_does_not_matter() -> None:
    faces = table(80, [f"p{i // 3}" for i in range(80)])
    one = split_faces(faces, {}).set_index("id")["split"]
    other = split_faces(faces.sample(frac=1, random_state=3), {}).set_index("id")["split"]
    assert one.equals(other.loc[one.index])
    assert not one.equals(split_faces(faces, {}, seed=1).set_index("id")["split"].loc[one.index])


def test_what_was_split_stays_and_new_photos_follow_their_person() -> None:
    first = split_faces(table(100, [f"p{i // 2}" for i in range(100)]), {})
    more = table(150, [f"p{i // 2}" for i in range(150)])
    more["id"] = [f"a{i:04d}" for i in range(150)]  # smaller ids than all before: groups must not be renamed
    more["phash"] = [f"{v:016x}" for v in np.random.default_rng(9).integers(0, 2**63, 150)]
    both = split_faces(pd.concat([first, more], ignore_index=True), {})
    assert both["split"].iloc[:100].tolist() == first["split"].tolist()
    assert both["group"].iloc[:100].tolist() == first["group"].tolist()
    assert both.groupby("identity")["split"].nunique().max() == 1
    assert both.groupby("identity")["group"].nunique().max() == 1
    assert shares(both["split"]) == pytest.approx(SHARES, abs=0.04)


def test_a_face_between_two_splits_is_in_none_and_moves_nobody() -> None:
    rng = np.random.default_rng(1)
    a, b = unit(rng, 2)
    b -= (a @ b) * a  # at a right angle
    b /= np.linalg.norm(b)
    faces = table(2)
    faces["split"], faces["group"] = ["train", "test"], faces["id"]
    more = table(1)
    more["id"] = "f9"
    both = pd.concat([faces, more], ignore_index=True)
    vectors = dict(zip(both["id"], [a, b, (a + b) / np.sqrt(2)], strict=True))
    done = split_faces(both, vectors)
    assert done["split"].tolist() == ["train", "test", "excluded"]
    assert done["group"].tolist() == [*faces["id"], "f9"]
    again = split_faces(done, vectors)
    assert again.equals(done)


def test_a_third_of_few_is_not_forgotten() -> None:
    for count in (1, 2, 3, 10):
        splits = assign(pd.Series([f"g{i}" for i in range(count)]), pd.Series([None] * count, dtype=object))
        assert splits.notna().all()
    assert splits.value_counts().to_dict() == {"train": 7, "test": 2, "val": 1}


def items(count: int, category: str = "hand", face: str | None = None, phash: str | None = None) -> pd.DataFrame:
    names = [f"o{category}{i:04d}" for i in range(count)]
    return pd.DataFrame(
        {
            "id": names,
            "phash": [phash or hashlib.sha256(f"{face}{name}".encode()).hexdigest()[:16] for name in names],
            "category": category,
            "face": pd.Series([face] * count, dtype=object),
            "split": pd.Series([None] * count, dtype=object),
        }
    )


def test_cutouts_are_split_within_each_category() -> None:
    done = split_items(pd.concat([items(100), items(50, "mask")], ignore_index=True), {})
    for _, rows in done.groupby("category"):
        assert shares(rows["split"]) == pytest.approx(SHARES, abs=0.01)
    textures = split_items(items(100).drop(columns="face"), {})
    assert shares(textures["split"]) == pytest.approx(SHARES, abs=0.01)


def test_a_harvested_cutout_has_the_split_of_its_face() -> None:
    rows = pd.concat([items(30), items(5, "hair", "f1"), items(5, "hat", "f2"), items(1, "wig", "lost")])
    done = split_items(rows, {"f1": "test", "f2": "val"})
    assert set(done.loc[done["face"] == "f1", "split"]) == {"test"}
    assert set(done.loc[done["face"] == "f2", "split"]) == {"val"}
    assert set(done.loc[done["face"] == "lost", "split"]) == {"excluded"}
    assert split_items(done, {"f1": "test", "f2": "val"})["split"].tolist() == done["split"].tolist()


def test_what_looks_the_same_is_in_one_split() -> None:
    twins = pd.concat([items(60), items(60).assign(id=[f"x{i:04d}" for i in range(60)])], ignore_index=True)
    done = split_items(twins, {})
    assert done.groupby("phash")["split"].nunique().max() == 1
    assert shares(done["split"]) == pytest.approx(SHARES, abs=0.02)
    textures = split_items(twins.drop(columns="face"), {})
    assert textures.groupby("phash")["split"].nunique().max() == 1
    shuffled = split_items(twins.sample(frac=1, random_state=2), {})
    assert shuffled.set_index("id")["split"].loc[done["id"]].tolist() == done["split"].tolist()


def test_what_looks_the_same_is_in_one_split_whatever_its_category() -> None:
    both = pd.concat([items(40), items(40, "mask")], ignore_index=True)
    both["phash"] = [*both["phash"][:40], *both["phash"][:40]]
    done = split_items(both, {})
    assert done["split"][:40].tolist() == done["split"][40:].tolist()
    assert done["split"][:40].nunique() == 3


def test_what_looks_like_a_harvested_cutout_follows_its_face() -> None:
    same = "00ff" * 4
    rows = pd.concat([items(30), items(1, "hair", "f1", same), items(1, "wig", None, same)], ignore_index=True)
    for split in SHARES:
        assert split_items(rows, {"f1": split})["split"][31] == split


def test_an_item_between_two_splits_is_in_none() -> None:
    rows = pd.concat([items(1, "a", "f1"), items(1, "b", "f2"), items(1, "c")], ignore_index=True)
    rows["phash"] = ["0" * 16, "0" * 13 + "fff", "0" * 13 + "03f"]  # 12 bits apart, 6 from the third
    done = split_items(rows, {"f1": "train", "f2": "test"})
    assert done["split"].tolist() == ["train", "test", "excluded"]
    assert split_items(done, {"f1": "train", "f2": "test"}).equals(done)


def test_a_harvested_cutout_that_looks_like_a_settled_one_elsewhere_is_in_no_split() -> None:
    rows = pd.concat([items(1, "wig", None, "0" * 16).assign(split="train"), items(1, "hair", "f1", "0" * 16)])
    done = split_items(rows, {"f1": "test"})
    assert done["split"].tolist() == ["train", "excluded"]
    assert split_items(done, {"f1": "test"}).equals(done)
    assert split_items(rows, {"f1": "train"})["split"].tolist() == ["train", "train"]


def test_two_harvested_cutouts_are_told_apart_by_their_photos() -> None:
    rows = pd.concat([items(1, "hair", "f1", "0" * 16), items(1, "hair", "f2", "0" * 16).assign(id="o2")])
    assert near_items(rows) == []
    assert split_items(rows, {"f1": "train", "f2": "test"})["split"].tolist() == ["train", "test"]


def test_a_new_twin_follows_the_old_one() -> None:
    first = split_items(items(50), {})
    twins = items(50).assign(id=[f"a{i:04d}" for i in range(50)])
    both = split_items(pd.concat([first, twins], ignore_index=True), {})
    assert both["split"][:50].tolist() == both["split"][50:].tolist() == first["split"].tolist()


def test_an_imported_set_shares_nothing_between_splits(plain_set: OcclusionSet) -> None:
    faces = plain_set.faces
    assert faces["split"].notna().all()
    assert faces.groupby("identity")["split"].nunique().max() == 1
    for table_ in (plain_set.occluders, plain_set.textures):
        assert table_["split"].isin(list(SHARES)).all()
        assert not table_["sha256"].duplicated().any()
